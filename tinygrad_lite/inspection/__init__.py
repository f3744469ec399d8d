"""What a model is made of and what its time goes into: `summary` and `profile`.

Both look at each op as it runs (watch.py) and count its work by one table of rules (costs.py).
"""

from .model_summary import Summary, summary
from .profiler import Profile, profile

__all__ = ["Profile", "Summary", "profile", "summary"]

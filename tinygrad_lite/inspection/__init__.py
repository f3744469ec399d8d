"""What a model is made of and what its time goes into: `summary` and `profile`.

Both look at each op as it runs (watch.py) and count its work by one table of rules (costs.py).
"""

from .profile import Profile, profile
from .summary import Summary, summary

__all__ = ["Profile", "Summary", "profile", "summary"]

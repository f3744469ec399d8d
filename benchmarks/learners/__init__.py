"""The suite "learners": ``python -m benchmarks.learners`` (``--quick`` to see it run, ``--help`` for the rest).

rows.py        what is learned and recalled, from which data
ours.py, by_hand.py, scikit_learn.py
               the rows in tinygrad_lite.zoo, in NumPy as one would write them, and in scikit-learn: row -> function of its arrays
               that returns a function ``step``
report.py      the table, the plot
__main__.py    starts the processes, writes results/
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..frameworks import OURS, Framework
from ..layers import check
from .rows import ROWS, arrays

TOLERANCE = {"answers": 0, "states": 0, "stored": 0, "mistakes": 0, "weight": 3e-5, "values": 3e-5, "bias": 3e-5, "loss": 1e-4}
BY_HAND, SKLEARN = "numpy", "sklearn"
FRAMEWORKS = {
    OURS: Framework("tinygrad_lite", "tinygrad_lite", "tinygrad_lite", "learners.ours"),
    BY_HAND: Framework("NumPy by hand", "numpy", "numpy", "learners.by_hand"),
    SKLEARN: Framework("scikit-learn", "sklearn", "sklearn.linear_model", "learners.scikit_learn"),
}
PEERS = list(FRAMEWORKS)[1:]
checked = partial(check.checked, tolerance=TOLERANCE)


def build(module, row):
    """The ``step`` of ``row`` in ``module``, None if it has no such thing; it returns what it found by name, or a loss."""
    make = module.STEPS.get(row.key)
    return make and make(row, **arrays(row))


def reference(job):
    """Row -> what is expected, by hand in float64: a file with arrays by name, or the losses of the first steps."""
    import numpy as np

    from . import by_hand

    expected = {}
    for key in job["rows"]:
        wide = {name: a.astype(np.float64) if a.dtype == np.float32 else a for name, a in arrays(ROWS[key]).items()}
        step = by_hand.STEPS[key](ROWS[key], **wide)
        if ROWS[key].trains:
            expected[key] = [step() for _ in range(job["check_steps"])]
        else:
            expected[key] = str(Path(job["folder"], f"{key}.npz"))
            np.savez(expected[key], **step())
    return expected

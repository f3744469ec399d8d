"""The suite "recurrence": ``python -m benchmarks.recurrence`` (``--quick`` to see it run, ``--help`` for the rest).

rows.py        the layers, cells and networks, their data and targets
pytorch.py, jax_scan.py, ours.py, ours_counterpart.py
               the rows in each framework: ``layer(row)`` and ``training(row, x, target, weights)`` return a function ``step``,
               ``layer`` None where the framework has no such thing; torch_style.py is what PyTorch and ours share
report.py      the table, the plot
__main__.py    starts the processes, writes results/
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ..frameworks import OURS, Framework
from ..layers import check
from .rows import CHAR_RNN, CLASSIFIERS, NAMES, ROWS, Layer, Network, batch, first_weights  # noqa: F401  a suite has NAMES

TOLERANCE = {"output": 1e-5, "input": 1e-5, "weight": 3e-5, "bias": 3e-5, "norm": 3e-5, "loss": 1e-4}  # as of convolutions
COUNTERPART = "counterpart"
FRAMEWORKS = {
    OURS: Framework("tinygrad_lite", "tinygrad_lite", "tinygrad_lite", "recurrence.ours"),
    "torch": Framework("PyTorch eager", "torch", "torch", "recurrence.pytorch"),
    "jax": Framework("JAX scan", "jax", "jax, jax.numpy", "recurrence.jax_scan"),
    COUNTERPART: Framework("our counterpart", "tinygrad_lite", "tinygrad_lite", "recurrence.ours_counterpart"),
}
PEERS = list(FRAMEWORKS)[1:]
MEMORY, MEMORY_FRAMEWORKS = (CLASSIFIERS[0][0].key, CHAR_RNN.key), (OURS, "torch")
GROWTH = [[network.key for network in pair] for pair in CLASSIFIERS]


def build(module, row):
    """The ``step`` of ``row`` in the framework of ``module``; of a layer it returns its output and gradients, by name."""
    if isinstance(row, Layer):
        return module.layer(row)
    return module.training(row, *batch(row), first_weights(row)) if hasattr(module, "training") else None


def reference(job):
    """Row -> what is expected, by PyTorch in float64; where it is not installed by ours."""
    import numpy as np

    module = FRAMEWORKS["torch" if FRAMEWORKS["torch"].installed() else OURS].load()
    wide = lambda array: array.astype(np.float64) if array.dtype == np.float32 else array

    def layer(row):
        step = module.layer(dataclasses.replace(row, backward=True), np.float64)
        return {name: np.asarray(value.detach()) for name, value in step().items()}

    def losses(network, steps):
        weights = {name: wide(array) for name, array in first_weights(network).items()}
        step = module.training(network, *map(wide, batch(network)), weights)
        return [step() for _ in range(steps)]

    rows = {key: ROWS[key] for key in job["rows"]}
    counterparts = [row.counterpart for row in rows.values() if isinstance(row, Layer) and row.counterpart]
    return check.reference(rows | {row.key: row for row in counterparts}, job, layer, losses)


def checked(step, row, name, expected, losses=()):
    """`check.checked`; of a counterpart by what is expected of that."""
    if name == COUNTERPART:
        row, expected = row.counterpart, str(Path(expected).with_name(f"{row.counterpart.name}.npz"))
    return check.checked(step, row, name, expected, losses, tolerance=TOLERANCE)


def tiny(row):
    """The same network with one sequence of a few steps: it needs the same code and hardly any memory."""
    _, _, *features = row.size
    return dataclasses.replace(row, size=(4, 1, *features), checkpoint=row.checkpoint and 2)

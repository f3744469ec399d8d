"""The suite "networks": ``python -m benchmarks.networks`` (``--quick`` to see it run, ``--help`` for the rest).

rows.py        the networks, their data and targets; weights.py: names and shapes of their parameters
pytorch.py, pytorch_channels_last.py, jax_jit.py, ours.py
               the rows in each framework: ``layer(row)`` and ``training(row, x, target, weights)`` return a function ``step``;
               torch_style.py is what PyTorch and ours share, pytorch_models.py the networks written with torch.nn
report.py      the table, the plot
__main__.py    starts the processes, writes results/
"""

from __future__ import annotations

import dataclasses
from functools import partial

from ..convolution import LAYOUTS, TOLERANCE, frameworks
from ..frameworks import OURS
from ..layers import check
from .rows import NAMES, RESNET, ROWS, TRAINED, Layer, batch, first_weights  # noqa: F401  a suite has NAMES

FRAMEWORKS = frameworks("networks")
PEERS = list(FRAMEWORKS)[1:]
MEMORY, MEMORY_FRAMEWORKS, GROWTH = (TRAINED.key, RESNET.key), (OURS, *LAYOUTS), ()
checked = partial(check.checked, tolerance=TOLERANCE)


def build(module, row):
    """The ``step`` of ``row`` in the framework of ``module``; of a layer it returns its output and gradients, by name."""
    return module.layer(row) if isinstance(row, Layer) else module.training(row, *batch(row), first_weights(row))


def reference(job):
    """Row -> what is expected, by PyTorch in float64; where it is not installed by ours."""
    import numpy as np

    module = FRAMEWORKS["torch" if FRAMEWORKS["torch"].installed() else OURS].load()
    wide = lambda array: array.astype(np.float64) if array.dtype == np.float32 else array

    def layer(row):
        return {name: np.asarray(value.detach()) for name, value in module.layer(row, np.float64)().items()}

    def losses(network, steps):
        weights = {name: wide(array) for name, array in first_weights(network).items()}
        step = module.training(network, *map(wide, batch(network)), weights)
        return [step() for _ in range(steps)]

    return check.reference({key: ROWS[key] for key in job["rows"]}, job, layer, losses)


def tiny(row):
    """The same network with one image: it needs the same code; the weights stay as large."""
    return dataclasses.replace(row, batch=1)

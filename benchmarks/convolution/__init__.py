"""The suite "convolution": ``python -m benchmarks.convolution`` (``--quick`` to see it run, ``--help`` for the rest).

rows.py        the layers and networks, their data and targets
float64.py     the same in float64, by NumPy
pytorch.py, pytorch_channels_last.py, jax_jit.py, ours.py
               the rows in each framework: ``layer(row, arrays)`` and ``training(row, x, target, layers)`` return a function
               ``step``, ``layer`` None where the framework has no such thing; torch_style.py is what PyTorch and ours share
report.py      the table, the plot
__main__.py    starts the processes, writes results/
"""

from __future__ import annotations

import dataclasses
from functools import partial

from ..frameworks import OURS, Framework
from ..layers import check
from .rows import NAMES, ROWS, Network, arrays, batch, first_weights  # noqa: F401  a suite has NAMES

TOLERANCE = {  # of the largest value, with the default precision; of losses relative, after some steps
    "output": 1e-5, "input": 1e-5, "weight": 3e-5, "bias": 1e-5, "loss": 1e-4,
}  # fmt: skip


def frameworks(suite):
    """Those that a ``suite`` of images runs in, by modules of the same names."""
    return {
        OURS: Framework("tinygrad_lite", "tinygrad_lite", "tinygrad_lite", f"{suite}.ours"),
        "torch": Framework("PyTorch eager", "torch", "torch", f"{suite}.pytorch"),
        "torch_last": Framework("PyTorch channels_last", "torch", "torch", f"{suite}.pytorch_channels_last"),
        "jax": Framework("JAX jit", "jax", "jax, jax.numpy", f"{suite}.jax_jit"),
    }


FRAMEWORKS = frameworks("convolution")
PEERS = list(FRAMEWORKS)[1:]
LAYOUTS = ("torch", "torch_last")  # the faster one of a row is what targets are about
MEMORY, MEMORY_FRAMEWORKS, GROWTH = ("lenet", "small", "cnn5"), (OURS, *LAYOUTS), ()
checked = partial(check.checked, tolerance=TOLERANCE)


def build(module, row):
    """The ``step`` of ``row`` in the framework of ``module``; of a layer it returns its output and gradients, by name."""
    if isinstance(row, Network):
        return module.training(row, *batch(row), first_weights(row))
    return module.layer(row, arrays(row))


def reference(job):
    """Row -> what is expected, by NumPy."""
    from . import float64

    return check.reference({key: ROWS[key] for key in job["rows"]}, job, float64.layer, float64.losses)


def tiny(row):
    """The same network with one image: it needs the same code and hardly any memory."""
    return dataclasses.replace(row, batch=1)

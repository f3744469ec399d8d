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
import importlib
from pathlib import Path

from .. import frameworks
from .rows import ROWS, Network, arrays, batch, first_weights

TOLERANCE = {"output": 1e-5, "input": 1e-5, "weight": 3e-5, "bias": 1e-5}  # of the largest value; the default precision
LOSS_TOLERANCE = 1e-4  # relative, after some steps


class Framework(frameworks.Framework):
    """A framework whose rows are written here."""

    def load(self):
        """Import the framework and the module that writes the rows in it."""
        return importlib.import_module(f"{__name__}.{self.module}")


FRAMEWORKS = {
    frameworks.OURS: Framework("tinygrad_lite", "tinygrad_lite", "tinygrad_lite", "ours"),
    "torch": Framework("PyTorch eager", "torch", "torch", "pytorch"),
    "torch_last": Framework("PyTorch channels_last", "torch", "torch", "pytorch_channels_last"),
    "jax": Framework("JAX jit", "jax", "jax, jax.numpy", "jax_jit"),
}
PEERS = list(FRAMEWORKS)[1:]
LAYOUTS = ("torch", "torch_last")  # the faster one of a row is what targets are about


def build(module, row):
    """The ``step`` of ``row`` in the framework of ``module``; of a layer it returns its output and gradients, by name."""
    if isinstance(row, Network):
        return module.training(row, *batch(row), first_weights(row))
    return module.layer(row, arrays(row))


def reference(job):
    """Row -> losses of a network's first steps, or a file with a layer's output and gradients; all in float64."""
    import numpy as np

    from . import float64

    expected, files = {}, {}
    for key in job["rows"]:
        row = ROWS[key]
        if isinstance(row, Network):
            expected[key] = float64.losses(row, job["check_steps"])
            continue
        if row.name not in files:
            files[row.name] = str(Path(job["folder"], f"{row.name}.npz"))
            np.savez(files[row.name], **float64.layer(row))
        expected[key] = files[row.name]
    return expected


def checked(step, row, name, expected, losses=()):
    """Compare with what is expected; returns what -> deviation: of a layer the largest one in units of the largest value, of a
    network the largest relative one of its losses. Stops the benchmark if the framework does not compute the same thing."""
    import numpy as np

    if isinstance(row, Network):
        got = [*losses, *(step() for _ in expected[len(losses) :])]
        pairs = {"loss": (np.array(got[: len(expected)]) / expected, np.ones(len(expected)), LOSS_TOLERANCE)}
    else:
        got = {what: np.asarray(getattr(value, "detach", lambda v=value: v)(), np.float64) for what, value in step().items()}
        with np.load(expected) as file:
            pairs = {what: (value, file[what], TOLERANCE[what]) for what, value in got.items()}
    deviations = {what: float(np.abs(value - right).max() / np.abs(right).max()) for what, (value, right, _) in pairs.items()}
    for what, (value, right, tolerance) in pairs.items():
        if value.shape != right.shape or not deviations[what] <= tolerance:  # so that NaN stops, too
            raise SystemExit(
                f"{name} does not compute the row {row.key!r}: {what} differs by {deviations[what]:.2g}, allowed {tolerance:g}"
            )
    return deviations


def tiny(row):
    """The same network with one image: it needs the same code and hardly any memory."""
    return dataclasses.replace(row, batch=1)

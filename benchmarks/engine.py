"""The suite "engine": training steps of multilayer perceptrons, and a chain of products."""

from __future__ import annotations

import dataclasses

from .frameworks import FRAMEWORKS, build, numpy_control  # noqa: F401  a suite has FRAMEWORKS and build
from .rows import ROWS, batch, first_weights  # noqa: F401  and ROWS, batch, first_weights

TOLERANCE = 1e-5  # relative, after some steps of float32; measured: at most 2e-6


def reference(job):
    """Row -> losses of the first steps in float64."""
    return {key: numpy_control.reference(ROWS[key], job["check_steps"]) for key in job["rows"]}


def checked(step, row, name, expected, losses=()):
    """Run ``step`` until there are as many losses as expected (``losses`` are those of steps already run); returns the largest
    relative deviation, stops the benchmark if the framework does not compute the same thing."""
    import numpy as np

    if row.sizes:
        got = [*losses, *(step() for _ in expected[len(losses) :])]
    else:
        got = np.asarray(step(), np.float64).tolist()
    deviation = max(abs(g - e) / abs(e) for g, e in zip(got, expected))
    if len(got) != len(expected) or not deviation <= TOLERANCE:  # so that NaN stops, too
        raise SystemExit(f"{name} does not compute the row {row.key!r}: {got}, expected {expected} within {TOLERANCE:g}, relative")
    return deviation


def tiny(row):
    """A row of the same kind with four units in each layer: it needs the same code and hardly any memory."""
    return dataclasses.replace(row, key="tiny", sizes=(4,) * len(row.sizes), batch=4)

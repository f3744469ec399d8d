"""What is expected of a step, and whether it computes that."""

from __future__ import annotations

from pathlib import Path

from .rows import LayerRow


def reference(rows, job, layer, losses):
    """Row -> what is expected of ``rows`` (by name): a file in the folder of the ``job`` with ``layer(row)``, which is output and
    gradients by name, one for both rows of a layer; or of a network ``losses(row, steps)``."""
    import numpy as np

    expected = {}
    for key, row in rows.items():
        if not isinstance(row, LayerRow):
            expected[key] = losses(row, job["check_steps"])
            continue
        file = Path(job["folder"], f"{row.name}.npz")
        if not file.exists():
            np.savez(file, **layer(row))
        expected[key] = str(file)
    return expected


def checked(step, row, name, expected, losses=(), *, tolerance):
    """Compare with what is expected: a list of losses (``losses`` are those of steps already run) or a file with the output and
    the gradients of a layer, by name. Returns what -> deviation: of a loss relative, of a layer in units of the largest value of
    the array, the largest of all gradients whose names begin alike. ``tolerance``: what -> deviation that is allowed. Stops the
    benchmark if the framework does not compute the same thing."""
    import numpy as np

    if isinstance(expected, list):
        got = [*losses, *(step() for _ in expected[len(losses) :])]
        pairs = {"loss": (np.array(got[: len(expected)]) / expected, np.ones(len(expected)))}
    else:
        got = {what: np.asarray(getattr(value, "detach", lambda v=value: v)(), np.float64) for what, value in step().items()}
        with np.load(expected) as file:
            pairs = {what: (value, file[what]) for what, value in got.items()}
    deviations = {}
    for what, (value, right) in pairs.items():
        kind = what.partition("_")[0]  # "weight" of "weight_ih_l0"
        deviation = float(np.abs(value - right).max() / np.abs(right).max()) if value.shape == right.shape else float("inf")
        if not deviation <= tolerance[kind]:  # so that NaN stops, too
            raise SystemExit(
                f"{name} does not compute the row {row.key!r}: {what} differs by {deviation:.2g}, allowed {tolerance[kind]:g}"
            )
        deviations[kind] = max(deviations.get(kind, 0.0), deviation)
    return deviations

"""Numba kernels: arrays in, arrays out; they know nothing of Tensors. Numba is imported when one first runs."""

from . import elementwise, linalg, pool, update

LAZY = (
    "activation",
    "gates",
    "local_response",
    "normalisation",
    "recurrence",
    "softmax",
)  # these import Numba, so they are imported when an op first asks for them


def __getattr__(name):
    if name in LAZY:
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

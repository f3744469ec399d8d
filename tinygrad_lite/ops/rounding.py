"""Rounding, and division with a rounded quotient. The derivative of a rounded value is 0."""

from __future__ import annotations

import numpy as np

from ..primitive import primitive
from .elementwise import true_divide, zeros_like

__all__ = ["ceil", "floor", "floor_divide", "remainder", "round", "trunc"]


@primitive
def floor(x):
    """The largest integer that is not larger."""
    return np.floor(x)


@primitive
def ceil(x):
    """The smallest integer that is not smaller."""
    return np.ceil(x)


@primitive
def trunc(x):
    """The integer part: rounded towards 0."""
    return np.trunc(x)


@primitive
def round(x, *, decimals=0):
    """The nearest integer, or multiple of 10**-decimals; of two as near the even one."""
    return np.round(x, decimals)


floor.derivatives(lambda g: zeros_like(g))
ceil.derivatives(lambda g: zeros_like(g))
trunc.derivatives(lambda g: zeros_like(g))
round.derivatives(lambda g: zeros_like(g))


def _check_divisor(other):
    if np.asarray(other).dtype.kind in "biu" and not np.all(other):
        raise ValueError("integers cannot be divided by zero; floats can")


@primitive(broadcasts=True, promotes=True)
def floor_divide(x, other):
    """x / other rounded down, Python's ``//``; its derivative is 0."""
    _check_divisor(other)
    return np.floor_divide(x, other)


floor_divide.derivatives(lambda g: zeros_like(g), lambda g: zeros_like(g))


@primitive(broadcasts=True, promotes=True)
def remainder(x, other):
    """x - floor(x / other) other, Python's ``%``, with the sign of other. A primitive, for it is exact, and that difference is
    not."""
    _check_divisor(other)
    return np.remainder(x, other)


remainder.derivatives(lambda g: g, lambda g, x, other: -g * floor_divide(x, other))


def rounded_quotient(x, y, mode):
    """x / y rounded by ``mode``, "floor" or "trunc": `div` with ``rounding_mode``."""
    if mode == "floor":
        return floor_divide(x, y)
    if mode != "trunc":
        raise ValueError(f'div: rounding_mode must be None, "floor" or "trunc", got {mode!r}')
    down = floor_divide(x, y)
    if down.dtype.kind == "f":
        return trunc(true_divide(x, y))
    return down + ((down < 0) & (remainder(x, y) != 0))

"""Comparisons and tests of values: their results are booleans and have no derivative. All broadcast as NumPy's."""

from __future__ import annotations

import numpy as np

from ..errors import composed
from ..primitive import primitive

__all__ = [
    "eq", "ge", "gt", "isfinite", "isinf", "isnan", "le", "logical_and", "logical_not", "logical_or", "lt", "ne",
]  # fmt: skip


@primitive(broadcasts=True, promotes=True)
def eq(x, other):
    """x == other."""
    return np.equal(x, other)


@primitive(broadcasts=True, promotes=True)
def ne(x, other):
    """x != other."""
    return np.not_equal(x, other)


@primitive(broadcasts=True, promotes=True)
def lt(x, other):
    """x < other."""
    return np.less(x, other)


@primitive(broadcasts=True, promotes=True)
def le(x, other):
    """x <= other."""
    return np.less_equal(x, other)


@primitive(broadcasts=True, promotes=True)
def gt(x, other):
    """x > other."""
    return np.greater(x, other)


@primitive(broadcasts=True, promotes=True)
def ge(x, other):
    """x >= other."""
    return np.greater_equal(x, other)


def _check_numbers(*values):
    for value in values:  # of which NumPy knows whether anything else is true, too
        if not isinstance(value, (np.ndarray, np.generic, int, float)):
            raise TypeError(f"expected a Tensor, an array or a number, got {type(value).__name__}")


@primitive(broadcasts=True)
def logical_and(x, other):
    """Both are true (not zero)."""
    _check_numbers(x, other)
    return np.logical_and(x, other)


@primitive(broadcasts=True)
def logical_or(x, other):
    """One or both are true (not zero)."""
    _check_numbers(x, other)
    return np.logical_or(x, other)


@primitive
def logical_not(x):
    """``x`` is false (zero)."""
    _check_numbers(x)
    return np.logical_not(x)


@primitive
def isnan(x):
    """x is not a number."""
    return np.isnan(x)


@primitive
def isfinite(x):
    """x is neither infinite nor NaN."""
    return np.isfinite(x)


@composed
def isinf(x):
    """x is infinite, of either sign."""
    return logical_not(logical_or(isfinite(x), isnan(x)))

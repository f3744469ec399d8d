"""Borders around the last dimensions: a constant, reflections, the edge, the opposite side."""

from __future__ import annotations

import builtins
import operator

import numpy as np

from ..errors import composed
from ..graph import broadcast_to
from .elementwise import where
from .shape import cat, flip, narrow, slice_items, unslice

__all__ = ["pad"]


def _pairs(ndim, pad):
    """(before, after) of each dimension from the first on, from numbers for the last dimension, the one before it and so on."""
    try:
        numbers = tuple(map(operator.index, pad))
    except TypeError:
        raise TypeError(f"pad must be integers (before, after, ...) from the last dimension on, got {pad!r}") from None
    if len(numbers) % 2 or len(numbers) > 2 * ndim:
        raise ValueError(f"pad must be (before, after) of at most {ndim} dimensions, from the last one on, got {numbers}")
    given = [numbers[k : k + 2] for k in range(0, len(numbers), 2)][::-1]
    return [(0, 0)] * (ndim - len(given)) + given


def _around(x, pairs, value):
    """``value`` around ``x``; no pair is negative."""
    shape = tuple(n + low + high for n, (low, high) in zip(x.shape, pairs))
    index = tuple(slice(low, low + n) for n, (low, _) in zip(x.shape, pairs))
    out = unslice(x, index=index, shape=shape)
    if not value:
        return out
    inside = np.zeros(shape, bool)
    inside[index] = True
    return where(inside, out, np.array(value, x.dtype))


def _reflected(x, dim, n, low, high):
    return flip(narrow(x, dim, 1, low), dims=(dim,)), flip(narrow(x, dim, n - 1 - high, high), dims=(dim,))


def _replicated(x, dim, n, low, high):
    return [
        broadcast_to(narrow(x, dim, at, 1), shape=(*x.shape[:dim], width, *x.shape[dim + 1 :]))
        for at, width in ((0, low), (n - 1, high))
    ]


def _wrapped(x, dim, n, low, high):
    return narrow(x, dim, n - low, low), narrow(x, dim, 0, high)


# mode -> (the borders before and after, how wide they may be along a dimension of size n)
_BORDERS = {
    "reflect": (_reflected, lambda n: n - 1, "less than"),
    "replicate": (_replicated, lambda n: float("inf") if n else 0, "0 for"),
    "circular": (_wrapped, lambda n: n, "at most"),
}


@composed
def pad(input, pad, mode="constant", value=None):
    """``input`` with borders around its last dimensions.

    pad    (before, after) of the last dimension, then of the one before it, and so on; a negative number cuts off so much
    mode   "constant": ``value`` (0); "reflect": what is inside, mirrored at the outermost elements; "replicate": the outermost
           elements; "circular": what is at the opposite side
    """
    if mode != "constant" and mode not in _BORDERS:
        raise ValueError(f"mode must be 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}")
    if mode != "constant" and value:
        raise ValueError(f"value is for mode 'constant', mode is {mode!r}")
    pairs = _pairs(input.ndim, pad)
    for d, (n, (low, high)) in enumerate(zip(input.shape, pairs)):
        if n + low + high < 0:
            raise ValueError(f"{low} and {high} take more than there is of size {n} of dim {d} (x is {tuple(input.shape)})")
    wider = [(builtins.max(low, 0), builtins.max(high, 0)) for low, high in pairs]
    out = input if mode == "reflect" else _without(input, pairs)
    if mode == "constant":
        return _around(out, wider, value) if any(map(any, wider)) else out
    for d, (low, high) in enumerate(wider):
        out = _bordered(out, d, low, high, mode) if low or high else out
    return _without(out, pairs) if mode == "reflect" else out  # what is cut off is reflected before


def _without(x, pairs):
    """``x`` less what negative numbers cut off."""
    if all(n >= 0 for pair in pairs for n in pair):
        return x
    return slice_items(x, index=tuple(slice(builtins.max(-a, 0), n - builtins.max(-b, 0)) for n, (a, b) in zip(x.shape, pairs)))


def _bordered(x, dim, low, high, mode):
    """``x`` with borders of the widths ``low`` and ``high`` along ``dim``."""
    borders, most, words = _BORDERS[mode]
    n = x.shape[dim]
    if builtins.max(low, high) > most(n):
        raise ValueError(f"mode {mode!r} needs borders {words} size {n} of dim {dim}, got {low} and {high}")
    before, after = borders(x, dim, n, low, high)
    return cat([part for part, width in ((before, low), (x, 1), (after, high)) if width], dim)

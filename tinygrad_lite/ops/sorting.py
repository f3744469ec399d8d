"""Order along a dimension. NaN counts as the largest; equal elements keep their order."""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from ..errors import composed
from ..primitive import primitive
from .indexing import take_along
from .shape import canonical_dim, narrow

__all__ = ["argsort", "sort", "topk"]

Sorted = namedtuple("Sorted", "values indices")


@primitive(name="argsort")
def order_along(x, *, dim, descending=False):
    """The indices that sort ``x`` along ``dim``."""
    if not x.ndim:
        return np.zeros((), np.int64)
    if not descending:
        return np.argsort(x, dim, kind="stable")
    backwards = np.argsort(np.flip(x, dim), dim, kind="stable")  # from the end, so that equal ones come out in their order
    return x.shape[dim] - 1 - np.flip(backwards, dim)


@composed
def argsort(x, dim=-1, descending=False, stable=False):
    """The indices that sort ``x`` along ``dim``."""
    return order_along(x, dim=canonical_dim(dim, x.ndim, op="argsort"), descending=bool(descending))


@composed
def sort(x, dim=-1, descending=False, stable=False):
    """(values, indices) of ``x`` in order along ``dim``. The order is always stable: ``stable`` is taken, as PyTorch has it."""
    dim = canonical_dim(dim, x.ndim, op="sort")
    indices = order_along(x, dim=dim, descending=bool(descending))
    return Sorted(take_along(x, indices, dim=dim), indices)


@composed
def topk(x, k, dim=-1, largest=True, sorted=True):
    """(values, indices) of the ``k`` largest (or smallest) elements along ``dim``; of equal ones the first. They are always in
    order: ``sorted`` is taken, as PyTorch has it."""
    dim = canonical_dim(dim, x.ndim, op="topk")
    size = x.shape[dim] if x.ndim else 1
    if not 0 <= k <= size:
        raise ValueError(f"topk: k is {k}, dim {dim} has {size} elements (x is {tuple(x.shape)})")
    indices = order_along(x, dim=dim, descending=bool(largest))
    if x.ndim:
        indices = narrow(indices, dim, 0, k)
    return Sorted(take_along(x, indices, dim=dim), indices)

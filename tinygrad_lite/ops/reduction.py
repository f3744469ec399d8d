"""Reductions over dimensions. ``dim`` is None (all), a number or several; ``keepdim`` keeps size 1 there."""

from __future__ import annotations

import builtins
import math
from collections import namedtuple

import numpy as np

from ..dtypes import conversion
from ..errors import composed
from ..graph import broadcast_to
from ..primitive import primitive
from ..record import Value
from . import elementwise as ew
from .indexing import scatter_zeros
from .shape import canonical_dim, canonical_dims, flip, reshape_to, slice_items

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "cumsum", "logsumexp", "max", "mean", "min", "norm", "prod", "std", "sum",
    "var",
]  # fmt: skip


def _kept_shape(shape, dim):
    """``shape`` with size 1 in the reduced dimensions."""
    dims = canonical_dims(dim, len(shape))
    return tuple(1 if d in dims else n for d, n in enumerate(shape))


def _count(shape, dim):
    """How many elements are reduced to one."""
    count = 1
    for d in canonical_dims(dim, len(shape)):
        count *= shape[d]
    return count


def _back(g, shape, dim, keepdim):
    """A reduced ``g`` repeated over the ``shape`` that was reduced."""
    if not keepdim and dim is not None:
        g = reshape_to(g, shape=_kept_shape(shape, dim))
    return broadcast_to(g, shape=shape)


def _kept(value, shape, dim, keepdim):
    """A reduced value with its reduced dimensions of size 1."""
    return value if keepdim else reshape_to(value, shape=_kept_shape(shape, dim))


def _axes(x, dim):
    return None if dim is None else canonical_dims(dim, x.ndim)


def in_dtype(x, dtype, op):
    """``x``, or what it is in the ``dtype`` that a composed op was given."""
    if dtype is None or x.dtype == (dtype := conversion(x.dtype, dtype, op)):
        return x
    return ew.cast(x, dtype=dtype)


@primitive
def sum(x, *, dim=None, keepdim=False, dtype=None):
    """The sum; integers and booleans sum to int64. With ``dtype`` the elements are converted to it first."""
    if dtype is not None:
        x = x.astype(conversion(x.dtype, dtype), copy=False)
        return np.add.reduce(x, _axes(x, dim), x.dtype, keepdims=keepdim)
    return np.add.reduce(x, _axes(x, dim), keepdims=keepdim, dtype=np.int64 if x.dtype.kind in "biu" else None)


sum.derivatives(lambda g, x_shape, dim, keepdim: _back(g, x_shape, dim, keepdim))


@primitive
def mean(x, *, dim=None, keepdim=False, dtype=None):
    """The arithmetic mean of a floating Tensor, or of any in a floating ``dtype``."""
    if dtype is not None:
        x = x.astype(conversion(x.dtype, dtype), copy=False)
    if x.dtype.kind != "f":
        raise TypeError(f"the mean of {x.dtype} is not defined: convert with .float() first")
    count = _count(x.shape, dim)
    if not count:
        return np.full(np.add.reduce(x, _axes(x, dim), keepdims=keepdim).shape, np.nan, x.dtype)
    if x.itemsize < 4:  # the sum of many float16 overflows
        return (np.add.reduce(x, _axes(x, dim), np.float32, keepdims=keepdim) / count).astype(x.dtype)
    return np.add.reduce(x, _axes(x, dim), keepdims=keepdim) / count


mean.derivatives(lambda g, x_shape, dim, keepdim: _back(g * (1.0 / builtins.max(_count(x_shape, dim), 1)), x_shape, dim, keepdim))


@composed
def prod(x, dim=None, keepdim=False, *, dtype=None):
    """The product (of all elements, or along one ``dim``), by halves: its derivatives are right where elements are 0. With
    ``dtype`` the elements are converted to it first."""
    shape = x.shape
    x = in_dtype(x, np.int64 if dtype is None and x.dtype.kind in "biu" else dtype, "prod")
    if dim is None:
        out = prod(reshape_to(x, shape=(-1,)), 0, dtype=dtype)
        return reshape_to(out, shape=(1,) * len(shape)) if keepdim else out
    dim = canonical_dim(dim, x.ndim, op="prod")
    if not shape:
        return x
    head = (slice(None),) * dim
    if not shape[dim]:
        x = sum(x, dim=dim, keepdim=True, dtype=x.dtype) + 1
    while x.shape[dim] > 1:
        half = x.shape[dim] // 2
        product = slice_items(x, index=(*head, slice(0, half))) * slice_items(x, index=(*head, slice(half, 2 * half)))
        if x.shape[dim] % 2:
            last = slice_items(x, index=(*head, slice(2 * half, None)))
            first = slice_items(product, index=(*head, slice(0, 1))) * last
            product = _cat([first, slice_items(product, index=(*head, slice(1, None)))], dim)
        x = product
    return x if keepdim else reshape_to(x, shape=(*shape[:dim], *shape[dim + 1 :]))


def _cat(parts, dim):
    from .shape import cat

    return cat(parts, dim)


def _require_elements(x, dim, name):
    if not _count(x.shape, dim):
        raise ValueError(f"there is no {name} of no elements")


@primitive
def amax(x, *, dim=None, keepdim=False):
    """The largest value; equal ones share the gradient, which is NaN where the value is."""
    _require_elements(x, dim, "maximum")
    return np.maximum.reduce(x, _axes(x, dim), keepdims=keepdim)


@primitive
def amin(x, *, dim=None, keepdim=False):
    """The smallest value; equal ones share the gradient, which is NaN where the value is."""
    _require_elements(x, dim, "minimum")
    return np.minimum.reduce(x, _axes(x, dim), keepdims=keepdim)


def _share(g, x, out, dim, keepdim):
    ties = x == _kept(out, x.shape, dim, keepdim)
    count = sum(ties, dim=dim, keepdim=True)  # 0 where the value is NaN, which is equal to nothing
    return ties * (_kept(g, x.shape, dim, keepdim) / ew.where(count == 0, math.nan, count))


amax.derivatives(_share)
amin.derivatives(_share)


def _arg(function, x, dim, keepdim):
    if dim is None:
        out = function(x.reshape(-1))
        return np.reshape(out, (1,) * x.ndim) if keepdim else out
    if x.ndim == 0:
        canonical_dim(dim, 0)
        return function(x)
    return function(x, canonical_dim(dim, x.ndim), keepdims=keepdim)


@primitive
def argmax(x, *, dim=None, keepdim=False):
    """The index of the first largest value (in the flattened Tensor without ``dim``)."""
    _require_elements(x, dim, "maximum")
    return _arg(np.argmax, x, dim, keepdim)


@primitive
def argmin(x, *, dim=None, keepdim=False):
    """The index of the first smallest value (in the flattened Tensor without ``dim``)."""
    _require_elements(x, dim, "minimum")
    return _arg(np.argmin, x, dim, keepdim)


def _extreme(function, x, dim, keepdim):
    dim = canonical_dim(dim, x.ndim)
    _require_elements(x, dim, "extreme")
    if x.ndim == 0:
        return x.copy(), np.zeros((), np.int64)
    indices = function(x, dim, keepdims=True)
    values = np.take_along_axis(x, indices, dim)
    return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))


def _to_place(g_values, g_indices, x_shape, indices, dim, keepdim):
    if not x_shape:
        return g_values
    indices = _kept(indices, x_shape, dim, keepdim)
    return scatter_zeros(_kept(g_values, x_shape, dim, keepdim), indices, shape=x_shape, dim=dim)


@primitive(outputs=("values", "indices"), name="max")
def max_along(x, *, dim, keepdim=False):
    """The largest value along ``dim`` and the index of the first one; the gradient goes there."""
    return _extreme(np.argmax, x, dim, keepdim)


@primitive(outputs=("values", "indices"), name="min")
def min_along(x, *, dim, keepdim=False):
    """The smallest value along ``dim`` and the index of the first one; the gradient goes there."""
    return _extreme(np.argmin, x, dim, keepdim)


max_along.derivatives(_to_place)
min_along.derivatives(_to_place)

Extreme = namedtuple("Extreme", "values indices")


@composed
def max(x, dim=None, keepdim=False):
    """The largest value of all, or (values, indices) along ``dim``; ``max(x, y)`` of two Tensors is `maximum`."""
    if dim is None:
        return amax(x)
    return ew.maximum(x, dim) if isinstance(dim, (Value, np.ndarray)) else Extreme(*max_along(x, dim=dim, keepdim=keepdim))


@composed
def min(x, dim=None, keepdim=False):
    """The smallest value of all, or (values, indices) along ``dim``; ``min(x, y)`` of two Tensors is `minimum`."""
    if dim is None:
        return amin(x)
    return ew.minimum(x, dim) if isinstance(dim, (Value, np.ndarray)) else Extreme(*min_along(x, dim=dim, keepdim=keepdim))


@composed
def var(x, dim=None, correction=1, keepdim=False, unbiased=None):
    """The variance, the sum of squared deviations divided by the number of elements less ``correction``; ``unbiased`` is PyTorch's
    older word for a correction of 1 or 0. Where nothing is left of the number it is infinite, and NaN of equal elements."""
    if isinstance(dim, bool):  # PyTorch's older x.var(unbiased)
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = int(unbiased)
    canonical_dims(dim, x.ndim, op="var")
    count = _count(x.shape, dim)
    deviation = x - mean(x, dim=dim, keepdim=True)
    total = sum(ew.square(deviation), dim=dim, keepdim=keepdim)
    if count > correction:
        return total / float(count - correction)
    return total * ew.cast(ew.where(total > 0, math.inf, math.nan), dtype=x.dtype)


@composed
def std(x, dim=None, correction=1, keepdim=False, unbiased=None):
    """The standard deviation, the root of `var`; its derivative at 0 is 0."""
    return _power(var(x, dim, correction, keepdim, unbiased), 0.5)


@composed
def all(x, dim=None, keepdim=False):
    """Whether all elements are true (not zero)."""
    return ew.eq(sum(ew.eq(x, 0), dim=dim, keepdim=keepdim), 0)


@composed
def any(x, dim=None, keepdim=False):
    """Whether some element is true (not zero)."""
    return ew.gt(sum(ew.ne(x, 0), dim=dim, keepdim=keepdim), 0)


def _power(x, exponent):
    """x ** exponent of x >= 0, whose derivative at 0 is 0 and not infinite."""
    zero = x == 0
    safe = ew.where(zero, 1.0, x)
    return ew.where(zero, 0.0, ew.sqrt(safe) if exponent == 0.5 else ew.pow(safe, exponent))


@primitive(promotes="float")
def logsumexp(x, *, dim=None, keepdim=False):
    """log(sum(e**x)), without overflow."""
    axes = _axes(x, dim)
    if not x.size:
        with np.errstate(divide="ignore"):
            return np.log(np.add.reduce(x, axes, keepdims=keepdim))
    largest = np.maximum.reduce(x, axes, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, x.dtype.type(0))
    with np.errstate(divide="ignore"):
        out = np.log(np.add.reduce(np.exp(x - largest), axes, keepdims=True)) + largest
    return out if keepdim else np.squeeze(out, axes)


logsumexp.derivatives(
    lambda g, x, out, dim, keepdim: _kept(g, x.shape, dim, keepdim) * ew.exp(x - _kept(out, x.shape, dim, keepdim))
)


@primitive
def cumsum(x, *, dim, dtype=None):
    """Running sums along ``dim``; of integers and booleans in int64. With ``dtype`` the elements are converted to it first."""
    if dtype is not None:
        x = x.astype(conversion(x.dtype, dtype), copy=False)
    dtype = np.int64 if dtype is None and x.dtype.kind in "biu" else x.dtype
    return np.cumsum(x, canonical_dim(dim, x.ndim), dtype).reshape(x.shape)


cumsum.derivatives(lambda g, dim: flip(cumsum(flip(g, dims=(dim,)), dim=dim), dims=(dim,)) if g.ndim else g)


@primitive(promotes="float", name="norm")
def euclidean_norm(x, *, dim=None, keepdim=False):
    """The root of the sum of squares; its derivatives at 0 are 0."""
    return np.sqrt(np.add.reduce(x * x, _axes(x, dim), keepdims=keepdim))


def _norm_rule(g, x, out, dim, keepdim):
    out = _kept(out, x.shape, dim, keepdim)
    zero = out == 0
    return ew.where(zero, 0.0, _kept(g, x.shape, dim, keepdim) / ew.where(zero, 1.0, out)) * x


euclidean_norm.derivatives(_norm_rule)


@composed
def norm(x, p=2, dim=None, keepdim=False, dtype=None):
    """The p-norm (sum |x|**p)**(1/p) over ``dim``; p = inf and -inf are the largest and smallest magnitude, 0 counts
    what is not 0, "fro" is p = 2. With ``dtype`` the elements are converted to it first."""
    x = in_dtype(x, dtype, "norm")
    if p in (2, "fro", None):
        return euclidean_norm(x, dim=dim, keepdim=keepdim)
    if isinstance(p, str):
        raise ValueError(f"norm: p {p!r} is not known; give a number or 'fro'")
    size = ew.abs(x)
    if p == 1:
        return sum(size, dim=dim, keepdim=keepdim)
    if p == float("inf"):
        return amax(size, dim=dim, keepdim=keepdim)
    if p == -float("inf"):
        return amin(size, dim=dim, keepdim=keepdim)
    if p == 0:
        return sum(ew.square(ew.sign(ew.where(x != x, 1.0, x))), dim=dim, keepdim=keepdim)
    if p < 0:
        zero = x == 0  # 1 / 0 is infinite, so that the norm is 0
        powers = ew.where(zero, float("inf"), ew.pow(ew.where(zero, 1.0, size), float(p)))
        return ew.pow(sum(powers, dim=dim, keepdim=keepdim), 1.0 / p)
    return _power(sum(_power(size, float(p)), dim=dim, keepdim=keepdim), 1.0 / p)

"""Scattering: elements go to places that an index names, along one dimension."""

from __future__ import annotations

import math

import numpy as np

from ..dtypes import complex_in
from ..errors import composed
from ..graph import cast
from ..primitive import primitive
from ..record import Value
from .elementwise import maximum, where
from .indexing import _check_along, _grid, getitem, scatter_zeros, take_along
from .reduction import amax, amin, prod
from .rounding import floor_divide
from .shape import canonical_dim, cat, reshape_to, select, slice_items, unsqueeze

__all__ = ["scatter", "scatter_add", "scatter_reduce"]


def _of_index_shape(src, index, x):
    """PyTorch's rule: ``src`` may be larger than ``index``; only that part of it is used. A number fills it."""
    index = index.data if isinstance(index, Value) else np.asarray(index)
    if not hasattr(src, "shape") or isinstance(src, np.generic):
        kind = np.asarray(src).dtype.kind
        if kind == "c" or (kind == "f" and x.dtype.kind != "f"):
            raise TypeError(f"{complex_in([src]) or f'src is {src}, x is {x.dtype}: convert x first'}")
        return src
    if src.shape == index.shape:
        return src
    if src.ndim != index.ndim or any(n < m for n, m in zip(src.shape, index.shape)):
        raise ValueError(f"src {src.shape} must be at least as large as index {index.shape} in every dimension")
    return slice_items(src, index=tuple(slice(n) for n in index.shape))


def _as_tensor(src, x, index):
    return src if hasattr(src, "shape") and src.shape == index.shape else np.full(index.shape, src, x.dtype)


@composed
def scatter_add(x, dim, index, src):
    """``x`` with out[index[i, j], j] += src[i, j] for dim 0, and so on; repeated indices add up."""
    src = _as_tensor(_of_index_shape(src, index, x), x, index)
    return x + scatter_zeros(src, index, shape=x.shape, dim=dim)


@primitive(name="scatter")
def scatter_at(x, index, src, *, dim):
    """``x`` with out[index[i, j], j] = src[i, j] for dim 0, and so on; of repeated indices the last one stays."""
    dim = canonical_dim(dim, x.ndim)
    _check_along(x.shape, index, dim)
    if isinstance(src, np.ndarray) and src.dtype != x.dtype:
        raise TypeError(f"src is {src.dtype}, x is {x.dtype}: bring them to one dtype with .to(dtype)")
    out = x.copy()
    out[_grid(index, dim)] = src
    return out


@primitive
def last_written(index, *, shape, dim):
    """Which elements of ``index`` are the last to name their place in ``shape``."""
    order = np.arange(index.size).reshape(index.shape)
    winner = np.zeros(shape, np.int64)
    winner[_grid(index, canonical_dim(dim, len(shape)))] = order
    return winner[_grid(index, canonical_dim(dim, len(shape)))] == order


def _kept_of_source(g, x_shape, index, dim):
    return where(last_written(index, shape=x_shape, dim=dim), take_along(g, index, dim=dim), 0.0)


scatter_at.derivatives(lambda g, index, dim: scatter_at(g, index, 0.0, dim=dim), None, _kept_of_source)


@composed
def scatter(x, dim, index, src=None, reduce=None, *, value=None):
    """``x`` with out[index[i, j], j] = src[i, j] for dim 0, and so on; of repeated indices the last one stays. ``reduce`` "add" or
    "multiply" does that to what is there instead. ``src`` is a Tensor or a number, which may also be given as ``value``."""
    if (src is None) == (value is None):
        raise TypeError("scatter: give src or value, one of the two")
    if src is None:
        if isinstance(value, (Value, np.ndarray)):
            raise TypeError(f"scatter: value must be a number, got a {type(value).__name__} {tuple(value.shape)}: give it as src")
        src = value
    if reduce is None:
        return scatter_at(x, index, _of_index_shape(src, index, x), dim=dim)
    if reduce not in ("add", "multiply"):
        raise ValueError(f'scatter: reduce must be None, "add" or "multiply", got {reduce!r}; scatter_reduce has more')
    return scatter_reduce(x, dim, index, src, "sum" if reduce == "add" else "prod")


# -- several elements to one -------------------------------------------------------------------------------------


@primitive
def contributors(index, *, shape, dim):
    """For each place of ``shape`` which elements of ``index`` (numbers in its row-major order) name it: (*shape, most), filled up
    with ``index.size``. What they hold is then a Tensor that any reduction takes."""
    dim = canonical_dim(dim, len(shape))
    _check_along(shape, index, dim)
    places = np.arange(math.prod(shape)).reshape(shape)[_grid(index, dim)].reshape(-1)
    count = np.bincount(places, minlength=math.prod(shape))
    order = np.argsort(places, kind="stable")
    rank = np.arange(places.size) - (np.cumsum(count) - count)[places[order]]
    out = np.full((count.size, count.max(initial=0)), index.size)
    out[places[order], rank] = order
    return out.reshape(*shape, out.shape[1])


@composed
def scatter_reduce(x, dim, index, src, reduce, include_self=True):
    """``x`` where out[index[i, j], j] for dim 0, and so on, is the "sum", "prod", "mean", "amax" or "amin" of all src[i, j] that go
    there, and of what was there with ``include_self``. Equal extremes share the gradient. All but sum and mean take memory for
    as many elements at each place as there are at the fullest."""
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise ValueError(f"scatter_reduce: reduce must be sum, prod, mean, amax or amin, got {reduce!r}")
    src, dim = _as_tensor(_of_index_shape(src, index, x), x, index), canonical_dim(dim, x.ndim)
    if src.dtype != x.dtype:
        raise TypeError(f"scatter_reduce: src is {src.dtype}, x is {x.dtype}: bring them to one dtype with .to(dtype)")
    if reduce in ("sum", "mean"):
        count = scatter_zeros(np.ones(index.shape, np.int64), index, shape=x.shape, dim=dim)
        out = (x if include_self else where(count > 0, 0, x)) + scatter_zeros(src, index, shape=x.shape, dim=dim)
        if reduce == "sum":
            return out
        divisor = cast(maximum(count + bool(include_self), 1), dtype=x.dtype)
        return out / divisor if x.dtype.kind == "f" else floor_divide(out, divisor)
    places = contributors(index, shape=x.shape, dim=dim)
    if not places.shape[-1]:
        return x * 1
    neutral = 1 if reduce == "prod" else _extreme(x.dtype, reduce == "amin")
    own = x if include_self else where(select(places, -1, 0) < math.prod(index.shape), neutral, x)
    parts = getitem(cat([reshape_to(src, shape=(-1,)), np.full(1, neutral, x.dtype)]), places)
    out = {"prod": prod, "amax": amax, "amin": amin}[reduce](cat([unsqueeze(own, -1), parts], -1), dim=-1)
    return out if out.dtype == x.dtype else cast(out, dtype=x.dtype)


def _extreme(dtype, largest):
    """The largest or the smallest number of ``dtype``."""
    if dtype.kind == "f":
        return math.inf if largest else -math.inf
    return int(np.iinfo(dtype).max if largest else np.iinfo(dtype).min)

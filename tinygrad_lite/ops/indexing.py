"""Indexing. Gathering and scatter-adding are each other's adjoint, so either is the derivative of the other."""

from __future__ import annotations

import math

import numpy as np

from .. import kernels
from ..errors import composed, located
from ..graph import broadcast_to
from ..primitive import primitive
from ..record import Value
from ..state import local
from .shape import canonical_dim, reshape_to, slice_items

__all__ = [
    "gather", "getitem", "index_select", "one_hot", "scatter_zeros", "take_along", "take_along_dim",
]  # fmt: skip


def _check_integer(index, name="index"):
    if index.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, got {index.dtype}")


# -- x[...] ------------------------------------------------------------------------------------------------------

_HOLE = object()  # stands in a template where an index array goes


def getitem(x, index):
    """``x[index]`` as NumPy's: slices, integers, None, Ellipsis, integer and boolean arrays. Steps are positive. A number beside
    arrays is a slice taken first, as PyTorch has it."""
    index = index if isinstance(index, tuple) else (index,)
    template, arrays = [], []
    for item in index:
        if isinstance(item, slice):
            if item.step is not None and item.step < 0:
                op = located("getitem", local.state)
                raise ValueError(f"{op}: step {item.step} is negative; flip the Tensor first: x.flip(dim)[...]")
            template.append(item)
        elif item is None or item is Ellipsis or (isinstance(item, (int, np.integer)) and not isinstance(item, (bool, np.bool_))):
            template.append(item)
        else:
            template.append(_HOLE)
            arrays.append(_index_array(item))
    if not arrays:
        return slice_items(x, index=tuple(template))
    if any(isinstance(item, (int, np.integer)) for item in template):  # as PyTorch: a number takes its slice first
        masks = iter([a.ndim if a.dtype == bool else 1 for a in arrays])
        first = [[item] if item is not _HOLE else [slice(None)] * next(masks) for item in template]
        x = slice_items(x, index=tuple(item for items in first for item in items))
        template = [item for item in template if not isinstance(item, (int, np.integer))]
        template = [item if item is _HOLE or item is Ellipsis else slice(None) for item in template]
    return gather_items(x, *arrays, template=tuple(template))


@composed(name="getitem")
def _index_array(index):
    array = index.data if isinstance(index, Value) else np.asarray(index)
    if array.size == 0 and not isinstance(index, (Value, np.ndarray)):
        array = array.astype(np.int64)
    if array.dtype.kind not in "biu":
        raise IndexError(f"getitem: {array.dtype} cannot index; give integers, booleans, slices, None or Ellipsis")
    return index if isinstance(index, Value) else array


def _filled(template, arrays):
    arrays = iter(arrays)
    return tuple(next(arrays) if item is _HOLE else item for item in template)


@primitive(name="getitem")
def gather_items(*inputs, template):
    """``x[index]`` where index arrays take the holes of ``template``."""
    x, *arrays = inputs
    return x[_filled(template, arrays)]


@primitive
def scatter_items(*inputs, template, shape):
    """Zeros of ``shape`` to which ``inputs[0]`` is added at an index: the adjoint of `gather_items`."""
    x, *arrays = inputs
    out = np.zeros(shape, x.dtype)
    np.add.at(out, _filled(template, arrays), x)
    return out


def _add_items(buffer, g, rest, template, shapes):
    np.add.at(buffer, _filled(template, rest), g)


gather_items.derivatives(
    each=lambda g, i, rest, template, shapes: scatter_items(g, *rest, template=template, shape=shapes[0]), adds_into=_add_items
)
scatter_items.derivatives(each=lambda g, i, rest, template: gather_items(g, *rest, template=template))


# -- along one dimension -----------------------------------------------------------------------------------------


def _grid(index, dim):
    """Open index arrays that pair ``index`` along ``dim`` with every other position of it."""
    grid = list(np.ogrid[tuple(slice(n) for n in index.shape)]) if index.ndim else []
    if grid:
        grid[dim] = index
    return tuple(grid)


def _check_along(x_shape, index, dim):
    _check_integer(index)
    if index.ndim != len(x_shape):
        raise ValueError(f"index {index.shape} must have as many dimensions as the input {x_shape}")
    for d, (n, m) in enumerate(zip(index.shape, x_shape)):
        if d != dim and n > m:
            raise ValueError(f"index {index.shape} is larger than the input {x_shape} in dimension {d}")
    if index.size and index.ndim and (index.min() < 0 or index.max() >= x_shape[dim]):
        bad = index.min() if index.min() < 0 else index.max()
        raise IndexError(f"index {bad} is out of range for size {x_shape[dim]} of dim {dim}")


@primitive(name="gather")
def take_along(x, index, *, dim):
    """out[i, j] = x[index[i, j], j] for dim 0, and so on."""
    dim = canonical_dim(dim, x.ndim)
    _check_along(x.shape, index, dim)
    return x[_grid(index, dim)]


@primitive
def scatter_zeros(src, index, *, shape, dim):
    """Zeros of ``shape`` with ``src`` added at ``index`` along ``dim``: the adjoint of `take_along`."""
    dim = canonical_dim(dim, len(shape))
    _check_along(shape, index, dim)
    out = np.zeros(shape, src.dtype)
    np.add.at(out, _grid(index, dim), src)
    return out


take_along.derivatives(lambda g, x_shape, index, dim: scatter_zeros(g, index, shape=x_shape, dim=dim), None)
scatter_zeros.derivatives(lambda g, index, dim: take_along(g, index, dim=dim), None)


@composed
def gather(x, dim, index):
    """out[i, j] = x[index[i, j], j] for dim 0, x[i, index[i, j]] for dim 1, and so on."""
    return take_along(x, index, dim=dim)


@composed
def take_along_dim(x, indices, dim=None):
    """As `gather`, where sizes of 1 of ``x`` and ``indices`` broadcast beside ``dim``; without ``dim`` both are flattened.
    Indices below 0 count from the end."""
    if dim is None:
        return take_along_dim(reshape_to(x, shape=(-1,)), reshape_to(indices, shape=(-1,)), 0)
    if x.ndim != indices.ndim:
        raise ValueError(f"take_along_dim: x {tuple(x.shape)} and indices {tuple(indices.shape)} need as many dimensions")
    dim = canonical_dim(dim, x.ndim)
    if not x.ndim:
        return take_along(x, indices, dim=0)
    beside = [m if n == 1 else n for n, m in zip(x.shape, indices.shape)]
    if any(d != dim and m not in (1, n) for d, (n, m) in enumerate(zip(beside, indices.shape))):
        raise ValueError(f"take_along_dim: x {tuple(x.shape)} and indices {tuple(indices.shape)} do not broadcast beside dim {dim}")
    if indices.dtype.kind == "i":
        indices = indices + (indices < 0) * x.shape[dim]
    x, indices = (broadcast_to(t, shape=(*beside[:dim], t.shape[dim], *beside[dim + 1 :])) for t in (x, indices))
    return take_along(x, indices, dim=dim)


# -- rows --------------------------------------------------------------------------------------------------------


def _check_rows(index, size, what="index"):
    _check_integer(index, what)
    if index.size and (index.min() < 0 or index.max() >= size):
        bad = index.min() if index.min() < 0 else index.max()
        raise IndexError(f"{what} {bad} is out of range: it must be 0 to {size - 1}")


@primitive(name="index_select")
def take_rows(x, index, *, dim=0):
    """Slices of ``x`` along ``dim`` in the order of ``index``, whose dimensions take the place of ``dim``."""
    _check_rows(index, x.shape[dim])
    return np.take(x, index, axis=dim)


@primitive
def add_rows(src, index, *, shape, dim=0):
    """Zeros of ``shape`` to which slices of ``src`` are added at ``index`` along ``dim``: the adjoint of `take_rows`."""
    out = np.zeros(shape, src.dtype)
    _add_rows(out, src, index, shape, dim)
    return out


def _add_rows(buffer, g, index, x_shape, dim):
    if dim == 0 and buffer.flags.carray and g.size > _FEW and g.dtype == buffer.dtype and g.itemsize >= 4:
        _check_rows(index, x_shape[0])
        rows = index.size, math.prod(x_shape[1:])
        kernels.linalg.add_rows_at_loop(
            buffer.reshape(x_shape[0], rows[1]), index.reshape(-1).astype(np.int64), np.ascontiguousarray(g).reshape(rows)
        )
    else:
        np.add.at(buffer, (slice(None),) * dim + (index,), g)


_FEW = 1 << 12  # numbers that NumPy adds before a kernel is compiled


take_rows.derivatives(lambda g, index, x_shape, dim: add_rows(g, index, shape=x_shape, dim=dim), None, adds_into=_add_rows)
add_rows.derivatives(lambda g, index, dim: take_rows(g, index, dim=dim), None)


@composed
def index_select(x, dim, index):
    """Slices of ``x`` along ``dim`` in the order of the 1-dimensional integer ``index``."""
    if index.ndim > 1:
        raise ValueError(f"index_select: index must have one dimension, got {index.shape}; x[index] takes more")
    if index.ndim == 0:
        index = reshape_to(index, shape=(1,))
    return take_rows(x, index, dim=canonical_dim(dim, x.ndim))


@primitive
def one_hot(labels, *, num_classes=-1):
    """int64 (*labels.shape, num_classes) with 1 at each label; -1 takes the largest label plus 1."""
    _check_integer(labels, "labels")
    if isinstance(num_classes, bool) or not isinstance(num_classes, (int, np.integer)):
        raise TypeError(f"num_classes must be an integer, got {num_classes!r}")
    if num_classes == -1:
        if not labels.size:
            raise ValueError("num_classes cannot be taken from no labels: give it")
        num_classes = int(labels.max()) + 1
    _check_rows(labels, num_classes, "label")
    return (labels[..., None] == np.arange(num_classes)).astype(np.int64)

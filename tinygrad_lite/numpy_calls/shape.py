"""NumPy's functions that move elements about."""

from __future__ import annotations

import builtins

import numpy as np

from .. import ops
from .table import CALLS, along, as_axes, constant, flat, stands_for, value


@stands_for("reshape")
def _reshape(a, shape):
    return ops.reshape(a, shape)


@stands_for("ravel")
def _ravel(a):
    return flat(a)


@stands_for("transpose")
def _transpose(a, axes=None):
    return ops.permute(a, tuple(range(a.ndim))[::-1] if axes is None else as_axes(axes, a.ndim))


@stands_for("matrix_transpose", "linalg.matrix_transpose")
def _matrix_transpose(x):
    return ops.transpose(x, -2, -1)


@stands_for("moveaxis")
def _moveaxis(a, source, destination):
    source, destination = as_axes(source, a.ndim), as_axes(destination, a.ndim)
    if len(source) != len(destination):
        raise ValueError(f"numpy.moveaxis: {len(source)} axes do not go to {len(destination)} places")
    order = [d for d in range(a.ndim) if d not in source]
    for place, d in sorted(zip(destination, source)):
        order.insert(place, d)
    return ops.permute(a, order)


@stands_for("swapaxes")
def _swapaxes(a, axis1, axis2):
    return ops.transpose(a, axis1, axis2)


@stands_for("squeeze")
def _squeeze(a, axis=None):
    axes = [d for d, n in enumerate(a.shape) if n == 1] if axis is None else as_axes(axis, a.ndim)
    if builtins.any(a.shape[d] != 1 for d in axes):
        raise ValueError(f"numpy.squeeze: axis {axis} of {a.shape} has a size other than 1")
    return ops.reshape(a, [n for d, n in enumerate(a.shape) if d not in axes])


@stands_for("expand_dims")
def _expand_dims(a, axis):
    axes = as_axes(axis, a.ndim + np.size(axis))
    sizes = iter(a.shape)
    return ops.reshape(a, [1 if d in axes else next(sizes) for d in range(a.ndim + len(axes))])


@stands_for("broadcast_to")
def _broadcast_to(array, shape):
    return ops.broadcast_to(array, shape=(shape,) if isinstance(shape, int) else tuple(shape))


@stands_for("broadcast_arrays")
def _broadcast_arrays(*args):
    args = [value(x) for x in args]
    shape = np.broadcast_shapes(*(x.shape for x in args))
    return tuple(ops.broadcast_to(x, shape=shape) for x in args)


def _at_least(ndim, shape_of):
    def at_least(*arys):
        made = tuple(x if x.ndim >= ndim else ops.reshape(x, shape_of(x.shape)) for x in map(value, arys))
        return made[0] if len(made) == 1 else made

    CALLS[f"atleast_{ndim}d"] = at_least


_at_least(1, lambda shape: (1,))
_at_least(2, lambda shape: (1, *shape, *(1,) * (1 - len(shape))))
_at_least(3, lambda shape: {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}[len(shape)])


@stands_for("tile")
def _tile(A, reps):
    reps = tuple(reps) if isinstance(reps, (tuple, list)) else (reps,)
    return ops.repeat(A, (1,) * (A.ndim - len(reps)) + reps)


@stands_for("repeat")
def _repeat(a, repeats, axis=None):
    a, axis = along(a, axis)
    return ops.index_select(a, axis, np.repeat(np.arange(a.shape[axis]), constant(repeats)))


@stands_for("flip")
def _flip(m, axis=None):
    return ops.flip(m, dims=tuple(range(m.ndim)) if axis is None else as_axes(axis, m.ndim))


@stands_for("fliplr")
def _fliplr(m):
    return ops.flip(m, dims=1)


@stands_for("flipud")
def _flipud(m):
    return ops.flip(m, dims=0)


@stands_for("roll")
def _roll(a, shift, axis=None):
    if axis is not None:
        axis = as_axes(axis, a.ndim)
        shift = tuple(int(s) for s in np.broadcast_to(shift, len(axis)))
    return ops.roll(a, shifts=shift, dims=axis)


@stands_for("pad")
def _pad(array, pad_width, mode="constant", constant_values=0):
    widths = np.broadcast_to(constant(pad_width), (array.ndim, 2)).tolist()
    if mode == "constant":
        fills = np.broadcast_to(constant(constant_values), (array.ndim, 2)).astype(array.dtype)
        for d, (pair, fill) in enumerate(zip(widths, fills)):
            shapes = [(*array.shape[:d], n, *array.shape[d + 1 :]) for n in pair]
            before, after = (np.full(shape, value) for shape, value in zip(shapes, fill))
            array = ops.cat([before, array, after], d)
    elif mode in ("edge", "reflect", "symmetric", "wrap"):
        for d, pair in enumerate(widths):
            array = ops.index_select(array, d, np.pad(np.arange(array.shape[d]), pair, mode))
    else:
        raise TypeError(f"numpy.pad on Tensors: mode {mode!r} is not there; constant, edge, reflect, symmetric and wrap are")
    return array

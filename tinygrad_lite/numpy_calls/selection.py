"""NumPy's functions that choose elements, compare, sort and fill; and those that only ask for a shape."""

from __future__ import annotations

import numpy as np

from .. import creation, ops
from .table import along, as_axis, between, constant, in_floats, stands_for, value

# -- choosing ----------------------------------------------------------------------------------------------------


@stands_for("where")
def _where(condition, x=None, y=None):
    if x is None or y is None:
        raise TypeError("numpy.where on Tensors takes condition, x and y; for places use numpy.where(t.detach().numpy())")
    condition = value(condition)
    return ops.where(condition if condition.dtype == np.bool_ else condition != 0, x, y)


def _from_the_front(indices, size):
    """Negative ``indices`` counted from the end; others as they are, also those out of range."""
    indices = constant(indices)
    return np.where(indices < 0, indices + size, indices)


@stands_for("take")
def _take(a, indices, axis=None, mode="raise"):
    a, axis = along(value(a), axis)
    size = a.shape[axis]
    if mode == "raise":
        indices = _from_the_front(indices, size)
    else:
        indices = constant(indices) % size if mode == "wrap" else constant(indices).clip(0, size - 1)
    taken = ops.index_select(a, axis, indices.reshape(-1))
    return ops.reshape(taken, (*a.shape[:axis], *indices.shape, *a.shape[axis + 1 :]))


@stands_for("take_along_axis")
def _take_along_axis(arr, indices, axis=-1):
    arr, axis = along(value(arr), axis)
    indices = _from_the_front(indices, arr.shape[axis])
    if indices.ndim != arr.ndim:
        raise ValueError(f"numpy.take_along_axis: indices {indices.shape} and arr {arr.shape} must have as many dimensions")
    lead = np.broadcast_shapes(*((*a.shape[:axis], 1, *a.shape[axis + 1 :]) for a in (arr, indices)))
    shapes = [(*lead[:axis], a.shape[axis], *lead[axis + 1 :]) for a in (arr, indices)]
    return ops.gather(ops.broadcast_to(arr, shape=shapes[0]), axis, np.broadcast_to(indices, shapes[1]))


@stands_for("clip")
def _clip(a, a_min=None, a_max=None, min=None, max=None):
    for bound, extreme in ((a_min, ops.maximum), (min, ops.maximum), (a_max, ops.minimum), (max, ops.minimum)):
        a = a if bound is None else extreme(a, bound)
    return a


@stands_for("diagonal")
def _diagonal(a, offset=0, axis1=0, axis2=1):
    return ops.diagonal(a, offset, axis1, axis2)


@stands_for("linalg.diagonal")
def _diagonals(x, offset=0):
    return ops.diagonal(x, offset, -2, -1)


@stands_for("diag")
def _diag(v, k=0):
    if v.ndim != 1:
        return ops.diagonal(v, k)
    n, size = v.shape[0], v.shape[0] + abs(k)
    start = k if k > 0 else -k * size  # in the matrix as one row, where the diagonal takes each element number size + 1
    places = slice(start, start + n * (size + 1), size + 1)
    return ops.reshape(ops.unslice(v, index=(places,), shape=(size * size,)), (size, size))


@stands_for("trace")
def _trace(a, offset=0, axis1=0, axis2=1):
    return ops.sum(ops.diagonal(a, offset, axis1, axis2), dim=-1)


@stands_for("linalg.trace")
def _traces(x, offset=0):
    return _trace(x, offset, -2, -1)


@stands_for("tril")
def _tril(m, k=0):
    return ops.tril(m, diagonal=k)


@stands_for("triu")
def _triu(m, k=0):
    return ops.triu(m, diagonal=k)


# -- order: always stable, so every kind of it is the same ---------------------------------------------------------


@stands_for("sort")
def _sort(a, axis=-1, kind=None, *, stable=None):
    a, axis = along(a, axis)
    return ops.sort(a, dim=axis)[0]


@stands_for("argsort")
def _argsort(a, axis=-1, kind=None, *, stable=None):
    a, axis = along(a, axis)
    return ops.sort(a, dim=axis)[1]


@stands_for("median")
def _median(a, axis=None, keepdims=False):
    shape = [1] * a.ndim if axis is None else [1 if d == as_axis(axis, a.ndim) else n for d, n in enumerate(a.shape)]
    a, axis = along(in_floats(a), axis)
    n = a.shape[axis]
    middle = ops.mean(between(ops.sort(a, dim=axis)[0], (n - 1) // 2, n // 2 + 1, axis), dim=axis)
    return ops.reshape(middle, shape) if keepdims else middle


# -- element by element --------------------------------------------------------------------------------------------


@stands_for("round", "around")
def _round(a, decimals=0):
    return ops.round(a, decimals=decimals)


@stands_for("isclose")
def _isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    a, b = value(a), value(b)
    with np.errstate(invalid="ignore"):  # inf - inf, which is told by equality
        near = (ops.abs(a - b) <= atol + rtol * ops.abs(b)) & ops.isfinite(b)
    near = near | (a == b)
    return near | (ops.isnan(a) & ops.isnan(b)) if equal_nan else near


@stands_for("nan_to_num")
def _nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    if x.dtype.kind != "f":
        return x
    limits = np.finfo(x.dtype)
    x = ops.where(ops.isnan(x), nan, x)
    x = ops.where(x == np.inf, float(limits.max) if posinf is None else posinf, x)
    return ops.where(x == -np.inf, float(limits.min) if neginf is None else neginf, x)


@stands_for("copy")
def _copy(a):
    return a.clone()


@stands_for("real")
def _real(val):
    return val


# -- filled like another ---------------------------------------------------------------------------------------------


@stands_for("zeros_like")
def _zeros_like(a, dtype=None):
    return creation.full_like(a, 0, dtype=dtype)


@stands_for("ones_like")
def _ones_like(a, dtype=None):
    return creation.ones_like(a, dtype=dtype)


@stands_for("empty_like")
def _empty_like(prototype, dtype=None):
    return creation.empty_like(prototype, dtype=dtype)


@stands_for("full_like")
def _full_like(a, fill_value, dtype=None):
    return creation.full_like(value(a), constant(fill_value), dtype=dtype)

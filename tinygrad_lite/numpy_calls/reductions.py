"""NumPy's reductions and running sums."""

from __future__ import annotations

from .. import ops
from .table import CALLS, along, as_axes, as_axis, between, in_floats, stands_for, value


def _reduction(*names, floats=False):
    def enter(op):
        def reduce(a, axis=None, keepdims=False):
            a = in_floats(a) if floats else a
            return a if axis == () else op(a, dim=axis, keepdim=keepdims)

        for name in names:
            CALLS[name] = reduce

    return enter


_reduction("sum")(ops.sum)
_reduction("mean", floats=True)(ops.mean)
_reduction("max", "amax")(ops.amax)
_reduction("min", "amin")(ops.amin)
_reduction("argmax")(ops.argmax)
_reduction("argmin")(ops.argmin)


@stands_for("prod")
def _prod(a, axis=None, keepdims=False):
    if axis is None:
        return ops.prod(a, None, keepdims)
    for d in sorted(as_axes(axis, a.ndim), reverse=True):
        a = ops.prod(a, d, keepdims)
    return a


@stands_for("var")
def _var(a, axis=None, ddof=0, keepdims=False, correction=None):
    return ops.var(in_floats(a), axis, ddof if correction is None else correction, keepdims)


@stands_for("std")
def _std(a, axis=None, ddof=0, keepdims=False, correction=None):
    return ops.std(in_floats(a), axis, ddof if correction is None else correction, keepdims)


@stands_for("ptp")
def _ptp(a, axis=None, keepdims=False):
    return ops.amax(a, dim=axis, keepdim=keepdims) - ops.amin(a, dim=axis, keepdim=keepdims)


@stands_for("all")
def _all(a, axis=None, keepdims=False):
    return ops.all(a != 0, dim=axis, keepdim=keepdims)


@stands_for("any")
def _any(a, axis=None, keepdims=False):
    return ops.any(a != 0, dim=axis, keepdim=keepdims)


@stands_for("count_nonzero")
def _count_nonzero(a, axis=None, keepdims=False):
    return ops.sum(a != 0, dim=axis, keepdim=keepdims)


@stands_for("average")
def _average(a, axis=None, weights=None, keepdims=False):
    a = in_floats(value(a)) if weights is None else value(a)
    if weights is None:
        return ops.mean(a, dim=axis, keepdim=keepdims)
    weights = value(weights)
    if weights.shape != a.shape:
        if not isinstance(axis, int) or weights.ndim != 1:
            raise TypeError("numpy.average on Tensors: weights must have the shape of a, or one dimension and an axis")
        weights = ops.reshape(weights, [-1 if d == as_axis(axis, a.ndim) else 1 for d in range(a.ndim)])
    total = ops.sum(ops.broadcast_to(weights, shape=a.shape), dim=axis, keepdim=keepdims)
    return ops.sum(a * weights, dim=axis, keepdim=keepdims) / total


@stands_for("cumsum")
def _cumsum(a, axis=None):
    a, axis = along(a, axis)
    return ops.cumsum(a, dim=axis)


@stands_for("diff")
def _diff(a, n=1, axis=-1):
    axis = as_axis(axis, a.ndim)
    for _ in range(n):
        a = between(a, 1, a.shape[axis], axis) - between(a, 0, max(a.shape[axis] - 1, 0), axis)
    return a

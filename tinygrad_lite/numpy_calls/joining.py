"""NumPy's functions that take several arrays, or make several of one."""

from __future__ import annotations

import builtins

import numpy as np

from .. import ops
from .table import CALLS, as_axis, between, flat, stands_for, value


@stands_for("concatenate")
def _concatenate(arrays, axis=0):
    arrays = [value(x) for x in arrays]
    return ops.cat([flat(x) for x in arrays], 0) if axis is None else ops.cat(arrays, axis)


@stands_for("stack")
def _stack(arrays, axis=0):
    return ops.stack([value(x) for x in arrays], axis)


def _joined(name, at_least, axis):
    CALLS[name] = lambda tup: ops.cat([CALLS[at_least](x) for x in tup], axis(tup) if callable(axis) else axis)


_joined("vstack", "atleast_2d", 0)
_joined("dstack", "atleast_3d", 2)
_joined("hstack", "atleast_1d", lambda tup: 0 if value(tup[0]).ndim <= 1 else 1)


@stands_for("column_stack")
def _column_stack(tup):
    return ops.cat([x if x.ndim > 1 else ops.reshape(x, (-1, 1)) for x in map(value, tup)], 1)


@stands_for("append")
def _append(arr, values, axis=None):
    return _concatenate([arr, values], axis)


@stands_for("array_split")
def _array_split(ary, indices_or_sections, axis=0):
    axis = as_axis(axis, ary.ndim)
    n = ary.shape[axis]
    if np.ndim(indices_or_sections):
        ends = [slice(None, e).indices(n)[1] for e in np.asarray(indices_or_sections).tolist()]
    else:
        if indices_or_sections <= 0:
            raise ValueError("numpy.array_split: the number of sections must be larger than 0")
        whole, rest = divmod(n, indices_or_sections)
        ends = [whole * k + builtins.min(k, rest) for k in range(1, indices_or_sections)]
    return [between(ary, start, builtins.max(start, end), axis) for start, end in zip([0, *ends], [*ends, n])]


@stands_for("split")
def _split(ary, indices_or_sections, axis=0):
    if not np.ndim(indices_or_sections) and ary.shape[axis] % indices_or_sections:
        raise ValueError(f"numpy.split: axis {axis} of {ary.shape} does not divide into {indices_or_sections}; use array_split")
    return _array_split(ary, indices_or_sections, axis)


CALLS["vsplit"] = lambda ary, indices_or_sections: _split(ary, indices_or_sections, 0)
CALLS["hsplit"] = lambda ary, indices_or_sections: _split(ary, indices_or_sections, 1 if ary.ndim > 1 else 0)
CALLS["dsplit"] = lambda ary, indices_or_sections: _split(ary, indices_or_sections, 2)


@stands_for("unstack")
def _unstack(x, axis=0):
    return ops.unbind(x, axis)


@stands_for("meshgrid")
def _meshgrid(*xi, indexing="xy"):
    xi = [flat(value(x)) for x in xi]
    n, swapped = len(xi), indexing == "xy" and len(xi) > 1
    place = [1, 0, *range(2, n)] if swapped else range(n)
    shape = [0] * n
    for x, d in zip(xi, place):
        shape[d] = x.shape[0]
    return tuple(
        ops.broadcast_to(ops.reshape(x, [-1 if d == k else 1 for k in range(n)]), shape=tuple(shape)) for x, d in zip(xi, place)
    )

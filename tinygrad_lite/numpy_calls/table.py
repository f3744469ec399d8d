"""The table of NumPy's functions, how a call finds its way into it, and what the functions in it share."""

from __future__ import annotations

import functools
import inspect

import numpy as np

from .. import ops
from ..errors import not_for_tensors
from ..record import Value

CALLS = {}  # "mean", "linalg.norm" -> the function that stands in
QUESTIONS = {  # of these the answer is no array: NumPy itself looks at the arrays
    "shape", "ndim", "size", "allclose", "array_equal", "array_equiv", "iscomplexobj", "isrealobj", "result_type", "can_cast",
    "shares_memory", "may_share_memory", "array_repr", "array_str", "array2string",
}  # fmt: skip


def call(function, types, args, kwargs):
    """What ``function(*args, **kwargs)`` of NumPy is for Tensors; a TypeError where there is no op for it."""
    if not all(issubclass(t, (Value, np.ndarray)) for t in types):
        return NotImplemented
    module = function.__module__.partition("numpy.")[2]
    name = f"{module}.{function.__name__}" if module else function.__name__
    if name in QUESTIONS:
        return function(*(a.data if isinstance(a, Value) else a for a in args), **kwargs)
    ours = CALLS.get(name)
    if ours is None:
        raise TypeError(not_for_tensors(name))
    positional, named = _as_ours(name, function, ours, args, kwargs)
    return ours(*positional, **named)


@functools.cache
def _parameters(function):
    """The parameters of a function by name, None where NumPy does not tell or takes any number of them."""
    try:
        found = inspect.signature(function).parameters
    except ValueError:
        return None
    return None if any(p.kind is p.VAR_POSITIONAL for p in found.values()) else found


def _as_ours(name, function, ours, args, kwargs):
    """Arguments as ``ours`` takes them, which has NumPy's names; others must be at their defaults."""
    theirs, mine = _parameters(function), inspect.signature(ours)
    positional, named = list(args), dict(kwargs)
    if theirs is not None:
        given = inspect.Signature(theirs.values()).bind(*args, **kwargs).arguments
        positional = [v for k, v in given.items() if theirs[k].kind is inspect.Parameter.POSITIONAL_ONLY]
        named = {k: v for k, v in given.items() if theirs[k].kind is not inspect.Parameter.POSITIONAL_ONLY}
        named.update(named.pop("kwargs", {}))  # of numpy.pad
        named = {k: v for k, v in named.items() if k not in theirs or v is not theirs[k].default}
    named = {k: v for k, v in named.items() if v is not np._NoValue and (v is not None or k in mine.parameters)}
    foreign = sorted(k for k in named if k not in mine.parameters)
    if foreign:
        raise TypeError(not_for_tensors(name, foreign))
    try:
        mine.bind(*positional, **named)
    except TypeError as error:
        raise TypeError(f"numpy.{name} on Tensors: {error}; it takes {mine}") from None
    return positional, named


def stands_for(*names):
    """Put the function below into the table under ``names`` (decorator)."""

    def enter(function):
        CALLS.update(dict.fromkeys(names, function))
        return function

    return enter


# -- arguments ----------------------------------------------------------------------------------------------------


def value(x):
    """A Tensor or an array of what NumPy takes: numbers and sequences too."""
    return x if isinstance(x, (Value, np.ndarray)) else np.asarray(x)


def constant(x):
    """The array of an argument that has no gradient: indices, counts."""
    if isinstance(x, Value):
        if x.source is not None:
            raise TypeError("numpy on Tensors: an index has no gradient; give integers")
        return x.data
    return np.asarray(x)


def in_floats(x):
    """Integers and booleans in float64, as NumPy's mean has it."""
    return x if x.dtype.kind == "f" else x.to(np.float64)


def as_axis(axis, ndim):
    """``axis`` as a number from 0."""
    return int(np.lib.array_utils.normalize_axis_index(axis, ndim))


def as_axes(axis, ndim):
    """``axis``, a number or several, as a tuple of numbers from 0."""
    return tuple(map(int, np.lib.array_utils.normalize_axis_tuple(axis, ndim)))


def flat(x):
    """``x`` with one dimension."""
    return ops.reshape(x, -1)


def along(x, axis):
    """``x`` and the axis to work along: None is that of ``x`` flattened."""
    return (flat(x), 0) if axis is None else (x, as_axis(axis, x.ndim))


def between(x, start, stop, axis):
    """``x`` from ``start`` to ``stop`` along ``axis``."""
    return ops.slice_items(x, index=(*(slice(None),) * axis, slice(start, stop)))

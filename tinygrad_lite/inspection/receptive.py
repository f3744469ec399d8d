"""Receptive fields: which part of the input one element of an output can see (Araujo, Norris and Sim, 2019).

Along each dimension of the images the output element at position p sees the input from ``low + p * jump`` to ``high + p * jump``.
Behind a window of span k, stride s and padding q that is

    low - q jump,    high + (k - 1 - q) jump,    jump s

and where two paths meet, what either of them sees. The fields follow the arrays from op to op. There is none behind what sees the
whole image (a linear layer, statistics of the image, a softmax), behind a transposed convolution with a stride, whose elements see
fields of several sizes, and where paths of different strides meet. Statistics of a batch do not count.
"""

from __future__ import annotations

import numpy as np

from ..ops.windows import full

RAW = "an input, before the first window says which of its dimensions are those of images"

# each element sees what lies at its own place
_ELEMENTWISE = ("tinygrad_lite.ops.elementwise", "tinygrad_lite.ops.activation")
_ALSO_ELEMENTWISE = {"add", "alias", "cast", "normalise_batch", "normalise_by", "local_response_norm"}
_NOT_ELEMENTWISE = {"softmax", "log_softmax", "zeros_like"}
_WINDOWS = {"correlate", "correlate_input", "max_windows", "sum_windows", "average_windows"}
_MOVES = {"cat_along", "permute_to", "reshape_to", "slice_items", "split_at", "stack_along", "unslice"}


class Field:
    """(low, high, jump) for each of the last dimensions of an array."""

    __slots__ = ("axes",)

    def __init__(self, axes):
        self.axes = tuple(axes)

    @property
    def size(self):
        """How many elements of the input it spans, in each dimension."""
        return tuple(high - low + 1 for low, high, _ in self.axes)

    @property
    def jump(self):
        """Elements of the input from one output element to the next, in each dimension."""
        return tuple(jump for _, _, jump in self.axes)

    def behind(self, windows):
        """The field behind windows, (span, stride, padding) in each dimension."""
        return Field(
            (low - pad * jump, high + (span - 1 - pad) * jump, jump * stride)
            for (low, high, jump), (span, stride, pad) in zip(self.axes, windows)
        )


class Fields:
    """The fields of the arrays that a run makes. An array that is not known (a parameter) sees nothing of the input."""

    def __init__(self, inputs):
        self.known = {id(a): (a, RAW) for a in inputs}  # the arrays too, so that no other one gets their id

    def of(self, array):
        """The `Field` of an array, None where there is none."""
        found = self.known.get(id(array), (None, None))[1]
        return found if isinstance(found, Field) else None

    def passed(self, declared, arrays, attributes, outs):
        """Note the fields of ``outs``, what an op made of ``arrays``."""
        seen = [self.known[id(a)] for a in arrays if id(a) in self.known]
        if not seen:
            return
        for out in outs:
            if isinstance(out, np.ndarray):
                self.known[id(out)] = out, _field(declared, arrays, seen, {**declared.defaults, **attributes}, out)


def _field(declared, arrays, seen, given, out):
    """The field of an output, from ``seen``: (array, field) of the inputs that have one."""
    name = declared.forward.__name__
    if name in _WINDOWS:
        x, field = seen[0]
        windows = _windows(name, arrays, given) if x is arrays[0] and len(seen) == 1 and field is not None else None
        if windows is None or (field is RAW and len(windows) > x.ndim) or (field is not RAW and len(windows) != len(field.axes)):
            return None
        return (Field([(0, 0, 1)] * len(windows)) if field is RAW else field).behind(windows)
    moves = name in _MOVES
    if not moves and (
        name in _NOT_ELEMENTWISE or (declared.forward.__module__ not in _ELEMENTWISE and name not in _ALSO_ELEMENTWISE)
    ):
        return None
    if all(field is RAW for _, field in seen):
        return RAW
    met = _met(seen)
    return None if met is None else _moved(name, met, seen[0][0], given, out) if moves else _at_place(met, seen, out)


def _windows(name, arrays, given):
    """(span, stride, padding in front) of each dimension, None where elements see windows of several sizes."""
    if name.startswith("correlate"):
        kernel = arrays[1].shape[2:]
        n = len(kernel)
        stride, dilation, padding = (_each(given[key], n) for key in ("stride", "dilation", "padding"))
        front = [p[0] if isinstance(p, tuple) else p for p in padding]
        spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
        if name == "correlate":
            return list(zip(spans, stride, front))
        return None if max(stride) > 1 else [(span, 1, span - 1 - pad) for span, pad in zip(spans, front)]
    windows, shape = given["windows"], arrays[0].shape
    if isinstance(windows[0], tuple):
        kernel, stride, padding, dilation, _ = full(windows)
        return [(d * (k - 1) + 1, s, p) for k, s, p, d in zip(kernel, stride, padding, dilation)]
    sizes = list(zip(shape[len(shape) - len(windows) :], windows))  # adaptive
    return None if any(not n or size % n for size, n in sizes) else [(size // n, size // n, 0) for size, n in sizes]


def _each(value, n):
    return value if isinstance(value, tuple) else (value,) * n


def _met(seen):
    """What arrays at the same places see together, None where their fields do not fit."""
    fields = [field for _, field in seen]
    if not all(isinstance(f, Field) and f.jump == fields[0].jump for f in fields):
        return None
    sides = zip(*(f.axes for f in fields))
    return Field((min(a[0] for a in axes), max(a[1] for a in axes), axes[0][2]) for axes in sides)


def _at_place(field, seen, out):
    """``field`` if all arrays have the images of ``out``."""
    n = len(field.axes)
    return field if all(a.shape[a.ndim - n :] == out.shape[out.ndim - n :] for a, _ in seen) else None


def _moved(name, field, x, given, out):
    """The field of elements that were moved about; channels and batch may go anywhere, images may be cut and padded."""
    n = len(field.axes)
    lead, whole = x.ndim - n, x.shape[x.ndim - n :] == out.shape[out.ndim - n :]
    if name == "reshape_to":
        return field if whole else None
    if name == "permute_to":
        return field if tuple(d % x.ndim for d in given["dims"])[lead:] == tuple(range(lead, x.ndim)) else None
    if name in ("cat_along", "split_at"):
        return field if given["dim"] < lead else None
    if name == "stack_along":
        return field if given["dim"] <= lead else None
    index = given["index"] if isinstance(given["index"], tuple) else (given["index"],)
    larger = x if name == "slice_items" else out
    index = [item for item in index if item is not None]
    if Ellipsis in index:
        k = index.index(Ellipsis)
        index[k : k + 1] = [slice(None)] * (larger.ndim - len(index) + 1)
    index += [slice(None)] * (larger.ndim - len(index))
    if not all(isinstance(item, slice) for item in index[larger.ndim - n :]):
        return None
    places = [s.indices(size) for s, size in zip(index[larger.ndim - n :], larger.shape[larger.ndim - n :])]
    if name == "slice_items":
        return Field((low + start * j, high + start * j, j * step) for (low, high, j), (start, _, step) in zip(field.axes, places))
    if any(step != 1 for _, _, step in places):
        return None
    return Field((low - start * j, high - start * j, j) for (low, high, j), (start, _, _) in zip(field.axes, places))

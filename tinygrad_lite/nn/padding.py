"""Layers that put borders around images; see `ops.pad`.

``padding`` is a number for all sides, or (before, after) of the last dimension, then of the one before it, and so on; a negative
number cuts off so much.
"""

from __future__ import annotations

from .. import ops
from ..errors import located
from ..state import local
from .module import Module


class _Pad(Module):
    """What all of them share. A class says its number of dimensions and the mode."""

    n_dims, mode = 0, "constant"

    def __init__(self, padding):
        sides = 2 * self.n_dims
        given = tuple(padding) if isinstance(padding, (tuple, list)) else (padding,) * sides
        if len(given) != sides or not all(isinstance(n, int) and not isinstance(n, bool) for n in given):
            raise ValueError(f"{type(self).__name__}: padding must be an integer or {sides} integers, got {padding!r}")
        self.padding = given

    def forward(self, x):
        """(batch, channels, ...) or (channels, ...), with borders."""
        if x.ndim not in (self.n_dims + 1, self.n_dims + 2):
            sizes = ("length", "height, width", "depth, height, width")[self.n_dims - 1]
            where = located(type(self).__name__, local.state)
            raise ValueError(f"{where}: expected (batch, channels, {sizes}) or (channels, {sizes}), got {tuple(x.shape)}")
        return ops.pad(x, self.padding, self.mode)

    def extra_repr(self):
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = value

    def forward(self, x):
        """Of any number of dimensions, with borders around the last ones."""
        return ops.pad(x, self.padding, value=self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class _ReflectionPad(_Pad):
    mode = "reflect"


class _ReplicationPad(_Pad):
    mode = "replicate"


class _CircularPad(_Pad):
    mode = "circular"


class ConstantPad1d(_ConstantPad):
    """Borders of ``value`` around sequences (..., length).

    padding  a number, or (left, right)
    """

    n_dims = 1


class ConstantPad2d(_ConstantPad):
    """Borders of ``value`` around images (..., height, width).

    padding  a number, or (left, right, top, bottom)
    """

    n_dims = 2


class ConstantPad3d(_ConstantPad):
    """Borders of ``value`` around volumes (..., depth, height, width).

    padding  a number, or (left, right, top, bottom, front, back)
    """

    n_dims = 3


class ZeroPad1d(_ZeroPad):
    """Borders of zeros around sequences (..., length).

    padding  a number, or (left, right)
    """

    n_dims = 1


class ZeroPad2d(_ZeroPad):
    """Borders of zeros around images (..., height, width).

    padding  a number, or (left, right, top, bottom)
    """

    n_dims = 2


class ZeroPad3d(_ZeroPad):
    """Borders of zeros around volumes (..., depth, height, width).

    padding  a number, or (left, right, top, bottom, front, back)
    """

    n_dims = 3


class ReflectionPad1d(_ReflectionPad):
    """What is inside, mirrored at the outermost elements, around sequences (..., length).

    padding  a number, or (left, right)
    """

    n_dims = 1


class ReflectionPad2d(_ReflectionPad):
    """What is inside, mirrored at the outermost elements, around images (..., height, width).

    padding  a number, or (left, right, top, bottom)
    """

    n_dims = 2


class ReflectionPad3d(_ReflectionPad):
    """What is inside, mirrored at the outermost elements, around volumes (..., depth, height, width).

    padding  a number, or (left, right, top, bottom, front, back)
    """

    n_dims = 3


class ReplicationPad1d(_ReplicationPad):
    """The outermost elements again, around sequences (..., length).

    padding  a number, or (left, right)
    """

    n_dims = 1


class ReplicationPad2d(_ReplicationPad):
    """The outermost elements again, around images (..., height, width).

    padding  a number, or (left, right, top, bottom)
    """

    n_dims = 2


class ReplicationPad3d(_ReplicationPad):
    """The outermost elements again, around volumes (..., depth, height, width).

    padding  a number, or (left, right, top, bottom, front, back)
    """

    n_dims = 3


class CircularPad1d(_CircularPad):
    """What is at the opposite side, around sequences (..., length).

    padding  a number, or (left, right)
    """

    n_dims = 1


class CircularPad2d(_CircularPad):
    """What is at the opposite side, around images (..., height, width).

    padding  a number, or (left, right, top, bottom)
    """

    n_dims = 2


class CircularPad3d(_CircularPad):
    """What is at the opposite side, around volumes (..., depth, height, width).

    padding  a number, or (left, right, top, bottom, front, back)
    """

    n_dims = 3

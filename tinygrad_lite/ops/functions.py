"""More functions element by element: logarithms, hyperbolic and inverse functions, interpolation. All broadcast as NumPy's."""

from __future__ import annotations

import builtins
import math

import numpy as np

from ..errors import composed
from ..primitive import primitive
from .elementwise import abs, reciprocal, sigmoid, sqrt, where

__all__ = ["acos", "asin", "atan", "atan2", "cosh", "lerp", "log2", "log10", "logaddexp", "rsqrt", "sinh"]


@primitive(promotes="float")
def log2(x):
    """Logarithm to the base 2. A primitive, for it is exact at powers of 2, and a quotient of logarithms is not."""
    return np.log2(x)


@primitive(promotes="float")
def log10(x):
    """Logarithm to the base 10, exact at powers of 10."""
    return np.log10(x)


log2.derivatives(lambda g, x: g / (x * math.log(2.0)))
log10.derivatives(lambda g, x: g / (x * math.log(10.0)))


@composed
def rsqrt(x):
    """1 / sqrt(x)."""
    return reciprocal(sqrt(x))


@primitive(promotes="float")
def sinh(x):
    """Hyperbolic sine (e**x - e**-x) / 2, exact near 0."""
    return np.sinh(x)


@primitive(promotes="float")
def cosh(x):
    """Hyperbolic cosine (e**x + e**-x) / 2."""
    return np.cosh(x)


sinh.derivatives(lambda g, x: g * cosh(x))
cosh.derivatives(lambda g, x: g * sinh(x))


@primitive(promotes="float")
def asin(x):
    """Arcsine in radians, -pi/2 to pi/2; NaN outside of [-1, 1]."""
    return np.arcsin(x)


@primitive(promotes="float")
def acos(x):
    """Arccosine in radians, 0 to pi; NaN outside of [-1, 1]."""
    return np.arccos(x)


@primitive(promotes="float")
def atan(x):
    """Arctangent in radians, -pi/2 to pi/2."""
    return np.arctan(x)


asin.derivatives(lambda g, x: g / sqrt((1.0 - x) * (1.0 + x)))
acos.derivatives(lambda g, x: -g / sqrt((1.0 - x) * (1.0 + x)))
atan.derivatives(lambda g, x: g / (1.0 + x * x))


@primitive(broadcasts=True, promotes="float")
def atan2(y, other):
    """The angle of the point (other, y) in radians, -pi to pi; its derivatives at (0, 0) are 0."""
    return np.arctan2(y, other)


def _square_radius(y, x):
    return where((x == 0) & (y == 0), 1.0, x * x + y * y)


atan2.derivatives(lambda g, y, other: g * other / _square_radius(y, other), lambda g, y, other: -g * y / _square_radius(y, other))


@primitive(broadcasts=True, promotes="float")
def logaddexp(x, other):
    """log(e**x + e**other), without overflow, also of infinities."""
    return np.logaddexp(x, other)


logaddexp.derivatives(lambda g, x, other: g * sigmoid(x - other), lambda g, x, other: g * sigmoid(other - x))


@composed
def lerp(x, end, weight):
    """x + weight (end - x), linear interpolation; ``weight`` is a number or a Tensor. Exact at 0 and at 1."""
    step = end - x
    if isinstance(weight, (int, float)):
        return x + step * weight if builtins.abs(weight) < 0.5 else end - step * (1 - weight)
    return where(abs(weight) < 0.5, x + step * weight, end - step * (1 - weight))

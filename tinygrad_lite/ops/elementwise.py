"""Element-wise arithmetic, functions and choice; comparisons join them from comparison.py. All broadcast as NumPy's."""

from __future__ import annotations

import math

import numpy as np

from .. import kernels
from ..dtypes import promote
from ..errors import composed
from ..graph import cast
from ..kernels import threads
from ..kernels.pool import LARGE, empty_like
from ..primitive import primitive
from .comparison import eq, ge, gt, isfinite, isinf, isnan, le, logical_and, logical_not, logical_or, lt, ne

__all__ = [
    "abs", "cast", "clamp", "cos", "div", "eq", "erf", "exp", "expm1", "ge", "gt", "heaviside", "isfinite", "isinf", "isnan",
    "le", "log", "log1p", "logical_and", "logical_not", "logical_or", "lt", "masked_fill", "maximum", "minimum", "mul", "ne", "neg",
    "pow", "reciprocal", "sigmoid", "sign", "sin", "sqrt", "square", "tan", "tanh", "true_divide", "where",
]  # fmt: skip


POOLED = LARGE // 4  # elements of float32 from which on memory comes from the pool
LONG = 1 << 13  # elements from which on our kernels are faster than NumPy's functions, of which a call costs less


# -- arithmetic --------------------------------------------------------------------------------------------------


@primitive(broadcasts=True, promotes=True)
def sub(x, other):
    """x - other."""
    return np.subtract(x, other)


sub.derivatives(lambda g: g, lambda g: -g)


@primitive(broadcasts=True, promotes=True)
def mul(x, other):
    """x * other."""
    return x * other


mul.derivatives(lambda g, other: g * other, lambda g, x: g * x)


@primitive(broadcasts=True, promotes="float", name="div")
def true_divide(x, other):
    """x / other; integers become floats."""
    return x / other


true_divide.derivatives(lambda g, other: g / other, lambda g, other, out: -g * out / other)


@composed
def div(x, other, rounding_mode=None):
    """x / other; integers become floats. ``rounding_mode`` "floor" rounds down, "trunc" towards 0: integers stay integers, and the
    derivative is 0."""
    if rounding_mode is None:
        return true_divide(x, other)
    from .rounding import rounded_quotient

    return rounded_quotient(x, other, rounding_mode)


@primitive(promotes=True)
def neg(x):
    """-x."""
    if x.dtype == bool:
        raise TypeError("a boolean Tensor has no negative: use logical_not")
    return np.negative(x)


neg.derivatives(lambda g: -g)


@primitive(promotes=True)
def abs(x):
    """|x|; the derivative at 0 is 0."""
    return np.abs(x)


abs.derivatives(lambda g, x: g * sign(x))


@primitive(promotes="float")
def reciprocal(x):
    """1 / x."""
    return np.reciprocal(x)


reciprocal.derivatives(lambda g, out: -g * out * out)


@primitive(broadcasts=True, promotes=True)
def pow(x, exponent):
    """x ** exponent."""
    return np.power(x, exponent)


def _pow_base_rule(g, x, exponent):
    if isinstance(exponent, (int, float)):  # a number has the precision of the array beside it: no op may make it a float32 array
        return g * (pow(x, exponent - 1) * exponent) if exponent else g * 0.0
    return g * where(exponent == 0, 0.0, exponent * pow(x, where(exponent == 0, 1.0, exponent - 1)))


def _pow_exponent_rule(g, x, exponent, out):
    if isinstance(x, (int, float)) and x > 0:
        return g * out * math.log(x)
    no_power = (x == 0) & (exponent >= 0)
    return g * where(no_power, 0.0, out * log(where(no_power, 1.0, x)))


pow.derivatives(_pow_base_rule, _pow_exponent_rule)


@primitive(promotes=True)
def square(x):
    """x * x."""
    return x * x


square.derivatives(lambda g, x: g * x * 2.0)


@primitive(promotes="float")
def sqrt(x):
    """Square root."""
    return np.sqrt(x) if x.size < POOLED else np.sqrt(x, out=empty_like(x))


sqrt.derivatives(lambda g, out: g * 0.5 / out)


# -- functions ---------------------------------------------------------------------------------------------------


@primitive(promotes="float")
def exp(x):
    """e ** x."""
    return kernels.activation.exp(x) if x.size >= LONG and x.itemsize >= 4 else np.exp(x)


exp.derivatives(lambda g, out: g * out)


@primitive(promotes="float")
def expm1(x):
    """e ** x - 1, exact near 0."""
    return np.expm1(x)


expm1.derivatives(lambda g, out: g * (out + 1.0))


@primitive(promotes="float")
def log(x):
    """Natural logarithm."""
    return np.log(x) if x.size < POOLED else np.log(x, out=empty_like(x))


log.derivatives(lambda g, x: g / x)


@primitive(promotes="float")
def log1p(x):
    """log(1 + x), exact near 0."""
    return np.log1p(x)


log1p.derivatives(lambda g, x: g / (x + 1.0))


@primitive(promotes="float")
def sin(x):
    """Sine of x in radians."""
    return np.sin(x)


sin.derivatives(lambda g, x: g * cos(x))


@primitive(promotes="float")
def cos(x):
    """Cosine of x in radians."""
    return np.cos(x)


cos.derivatives(lambda g, x: -g * sin(x))


@primitive(promotes="float")
def tan(x):
    """Tangent of x in radians."""
    return np.tan(x)


tan.derivatives(lambda g, out: g * (1.0 + out * out))


@primitive(promotes="float")
def tanh(x):
    """Hyperbolic tangent."""
    if x.size >= LONG and (
        x.itemsize == 8 or threads.worth(x.size, hire=False) > 1
    ):  # NumPy's is as fast in float32, on one thread
        return kernels.activation.tanh(x)
    return np.tanh(x) if x.size < POOLED else np.tanh(x, out=empty_like(x))


@primitive
def tanh_backward(g, y):
    """g (1 - y**2): the derivative of tanh by its value y."""
    return kernels.elementwise.tanh_backward(g, y)


tanh.derivatives(lambda g, out: tanh_backward(g, out))
tanh_backward.derivatives(lambda h, y: tanh_backward(h, y), lambda h, g, y: h * g * y * -2.0)


@primitive(promotes="float")
def sigmoid(x):
    """The logistic function 1 / (1 + e**-x)."""
    return kernels.activation.sigmoid(x)


@primitive
def sigmoid_backward(g, y):
    """g y (1 - y): the derivative of the logistic function by its value y."""
    return kernels.elementwise.sigmoid_backward(g, y)


sigmoid.derivatives(lambda g, out: sigmoid_backward(g, out))
sigmoid_backward.derivatives(lambda h, y: sigmoid_backward(h, y), lambda h, g, y: h * g * (1.0 - 2.0 * y))


@primitive(promotes="float")
def erf(x):
    """The error function 2/sqrt(pi) times the integral of e**-t**2 from 0 to x."""
    from scipy.special import erf as scipy_erf

    return scipy_erf(x).astype(x.dtype, copy=False)  # of float16 it makes float64


erf.derivatives(lambda g, x: g * exp(-x * x) * (2.0 / math.sqrt(math.pi)))


# -- choice ------------------------------------------------------------------------------------------------------


@primitive(broadcasts=True)
def where(condition, input, other):
    """``input`` where ``condition`` holds, else ``other``."""
    if not isinstance(condition, (bool, np.bool_)) and getattr(condition, "dtype", None) != np.bool_:
        raise TypeError("condition must be boolean: compare first, for example x > 0")
    dtype, other_dtype = getattr(input, "dtype", None), getattr(other, "dtype", None)
    if (dtype is None and other_dtype is None) or dtype != other_dtype or np.ndim(input) == 0:
        input, other = promote([input, other])
    return np.where(condition, input, other)


where.derivatives(None, lambda g, condition: where(condition, g, 0.0), lambda g, condition: where(condition, 0.0, g))


@composed
def masked_fill(x, mask, value):
    """``value`` (a number or a 0-d Tensor) where the boolean ``mask`` holds, else ``x``, whose dtype stays."""
    if getattr(value, "ndim", 0):
        raise ValueError(f"masked_fill: value must be a number or a 0-d Tensor, got {tuple(value.shape)}; where takes others")
    dtype = getattr(value, "dtype", None) or np.asarray(value).dtype
    if dtype.kind != x.dtype.kind and (dtype.kind == "f" or x.dtype.kind == "b"):
        raise TypeError(f"masked_fill: value is {dtype}, which {x.dtype} does not hold: convert x first")
    return where(mask, cast(value, dtype=x.dtype) if dtype.kind == "f" and hasattr(value, "dtype") else value, x)


@primitive(broadcasts=True, promotes=True)
def maximum(x, other):
    """The larger of x and other; at a tie each gets half of the gradient, and beside a NaN all of it."""
    return np.maximum(x, other)


maximum.derivatives(
    lambda g, x, other: where(x == other, g * 0.5, where(x < other, 0.0, g)),
    lambda g, x, other: where(x == other, g * 0.5, where(other < x, 0.0, g)),
)


@primitive(broadcasts=True, promotes=True)
def minimum(x, other):
    """The smaller of x and other; at a tie each gets half of the gradient, and beside a NaN all of it."""
    return np.minimum(x, other)


minimum.derivatives(
    lambda g, x, other: where(x == other, g * 0.5, where(x > other, 0.0, g)),
    lambda g, x, other: where(x == other, g * 0.5, where(other > x, 0.0, g)),
)


@primitive(broadcasts=True, promotes=True)
def clamp(x, min=None, max=None):
    """``x`` limited to [min, max], numbers or Tensors; where min > max it is max. The gradient passes where x lies in it, the
    bounds included, else to the bound."""
    if min is None and max is None:
        raise ValueError("give min, max or both")
    return np.clip(x, min, max)


def _to_x(g, x, min, max):
    if min is None:
        return where(x <= max, g, 0.0)
    return where(x >= min, g, 0.0) if max is None else where((x >= min) & (x <= max), g, 0.0)


clamp.derivatives(
    _to_x,
    lambda g, x, min, max: where(x < min if max is None else (x < min) & (min < max), g, 0.0),
    lambda g, x, min, max: where(x > max if min is None else (x > max) | (max < min), g, 0.0),
)


@primitive(promotes=True)
def sign(x):
    """-1, 0 or 1; its derivative is 0."""
    return np.sign(x)


sign.derivatives(lambda g: zeros_like(g))


@primitive(broadcasts=True, promotes=True)
def heaviside(x, values):
    """0 for x < 0, ``values`` for x = 0, 1 for x > 0; its derivative towards x is 0."""
    return np.heaviside(x, values).astype(x.dtype, copy=False)


heaviside.derivatives(lambda g: zeros_like(g), lambda g, x: where(x == 0, g, 0.0))


@primitive
def zeros_like(x, *, dtype=None):
    """Zeros of the shape and dtype of ``x``."""
    return np.zeros(x.shape, x.dtype if dtype is None else dtype)

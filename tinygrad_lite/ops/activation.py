"""Activations of networks."""

from __future__ import annotations

import math

import numpy as np

from .. import kernels
from ..dtypes import conversion
from ..errors import composed
from ..kernels.pool import empty_like
from ..primitive import primitive
from .elementwise import LONG, abs, erf, exp, expm1, log1p, sigmoid, tanh, where
from .reduction import sum
from .shape import canonical_dim, split

__all__ = [
    "celu", "elu", "gelu", "glu", "leaky_relu", "log_softmax", "logsigmoid", "mish", "relu", "selu", "silu", "softmax", "softmin",
    "softplus", "softsign", "tanhshrink",
]  # fmt: skip


@primitive(promotes=True)
def relu(x):
    """max(x, 0), the rectified linear unit; the derivative at 0 is 0."""
    return kernels.activation.relu(x) if x.size >= LONG and x.dtype.kind == "f" and x.itemsize == 4 else np.maximum(x, 0)


@primitive
def gate(g, by):
    """``g`` where ``by`` > 0, else 0: the derivative of `relu`, and its own."""
    return kernels.elementwise.gate(g, by)


relu.derivatives(lambda g, out: gate(g, out))
gate.derivatives(lambda h, by: gate(h, by), None)


@primitive(promotes="float")
def leaky_relu(x, *, negative_slope=0.01):
    """x for x > 0, else negative_slope * x (Maas et al., 2013); the derivative at 0 is negative_slope."""
    return np.where(x > 0, x, x * negative_slope)


leaky_relu.derivatives(lambda g, x, negative_slope: where(x > 0, g, g * negative_slope))


def _elu_twin(x, *, alpha=1.0):
    return where(x > 0, x, expm1(where(x > 0, 0.0, x)) * alpha)


@primitive(promotes="float", twin=_elu_twin)
def elu(x, *, alpha=1.0):
    """x for x > 0, else alpha * (e**x - 1) (Clevert et al., 2015); the derivative at 0 is alpha."""
    return kernels.activation.elu(x, alpha)


@elu.backward
def elu_backward(g, x, *, alpha=1.0):
    """g for x > 0, else g * alpha * e**x."""
    return kernels.activation.elu_backward(g, x, alpha)


def _gelu_twin(x, *, approximate="none"):
    if approximate == "tanh":
        return x * (tanh((x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)) + 1.0) * 0.5
    return x * (erf(x * math.sqrt(0.5)) + 1.0) * 0.5


@primitive(promotes="float", twin=_gelu_twin)
def gelu(x, *, approximate="none"):
    """x times the standard normal distribution function of x (Hendrycks and Gimpel, 2016); "tanh" approximates it."""
    if approximate not in ("none", "tanh"):
        raise ValueError(f"approximate is 'none' or 'tanh', got {approximate!r}")
    if approximate == "tanh":
        return kernels.activation.gelu_tanh(x)
    if x.itemsize == 8:  # the kernel's error function is exact to float32
        return _gelu_twin(x)
    return kernels.activation.gelu(x)


@gelu.backward
def gelu_backward(g, x, *, approximate="none"):
    """g times (distribution + x * density) of the standard normal distribution, or g times the derivative of its approximation."""
    if approximate == "tanh":
        return kernels.activation.gelu_tanh_backward(g, x)
    if x.itemsize == 8:
        return g * ((erf(x * math.sqrt(0.5)) + 1.0) * 0.5 + x * np.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi)))
    return kernels.activation.gelu_backward(g, x)


def _softplus_twin(x, *, beta=1.0, threshold=20.0):
    z = x * beta
    rising = z >= 0  # one branch holds at 0, so that the second derivative is right there
    return where(z > threshold, x, (where(rising, z, 0.0) + log1p(exp(where(rising, -z, z)))) / beta)


@primitive(promotes="float", twin=_softplus_twin)
def softplus(x, *, beta=1.0, threshold=20.0):
    """log(1 + e**(beta x)) / beta, a smooth relu; the line x itself where beta x > threshold."""
    return kernels.activation.softplus(x, beta, threshold)


@softplus.backward
def softplus_backward(g, x, *, beta=1.0, threshold=20.0):
    """g times the logistic function of beta x, g itself where beta x > threshold."""
    return kernels.activation.softplus_backward(g, x, beta, threshold)


def _in_rows(x, dim):
    """Whether ``dim`` runs along rows, for which there are kernels."""
    return dim == x.ndim - 1 and x.itemsize >= 4


@primitive(promotes="float")
def softmax(x, *, dim, dtype=None):
    """e**x / sum(e**x) along ``dim``; with ``dtype`` of the elements converted to it."""
    if dtype is not None:
        x = x.astype(conversion(x.dtype, dtype), copy=False)
    dim = canonical_dim(dim, x.ndim)
    if not x.size or not x.ndim:
        return np.where(np.isfinite(x), x.dtype.type(1), x.dtype.type(np.nan))
    if _in_rows(x, dim):
        return kernels.softmax.softmax(x)
    out = np.subtract(x, np.maximum.reduce(x, dim, keepdims=True), out=empty_like(x))
    np.exp(out, out=out)
    out /= np.add.reduce(out, dim, keepdims=True)
    return out


@primitive
def softmax_backward(g, y, *, dim):
    """y * (g - sum(g * y)) along ``dim``: the derivative of `softmax` by its value y."""
    dim = canonical_dim(dim, y.ndim)
    if y.size and y.ndim and _in_rows(y, dim):
        return kernels.softmax.softmax_backward(g, y)
    return y * (g - np.add.reduce(g * y, dim if y.ndim else (), keepdims=True))


softmax.derivatives(lambda g, out, dim: softmax_backward(g, out, dim=dim))
softmax_backward.derivatives(
    lambda h, y, dim: softmax_backward(h, y, dim=dim),
    lambda h, g, y, dim: h * (g - _sum_along(g * y, dim)) - g * _sum_along(h * y, dim),
)


@primitive(promotes="float")
def log_softmax(x, *, dim, dtype=None):
    """log(softmax(x)), without overflow; with ``dtype`` of the elements converted to it."""
    if dtype is not None:
        x = x.astype(conversion(x.dtype, dtype), copy=False)
    dim = canonical_dim(dim, x.ndim)
    if not x.size or not x.ndim:
        return np.where(np.isfinite(x), x.dtype.type(0), x.dtype.type(np.nan))
    if _in_rows(x, dim):
        return kernels.softmax.log_softmax(x)
    out = np.subtract(x, np.maximum.reduce(x, dim, keepdims=True), out=empty_like(x))
    out -= np.log(np.add.reduce(np.exp(out), dim, keepdims=True))
    return out


@primitive
def log_softmax_backward(g, y, *, dim):
    """g - e**y * sum(g) along ``dim``: the derivative of `log_softmax` by its value y."""
    dim = canonical_dim(dim, y.ndim)
    if y.size and y.ndim and _in_rows(y, dim):
        return kernels.softmax.log_softmax_backward(g, y)
    return g - np.exp(y) * np.add.reduce(g, dim if y.ndim else (), keepdims=True)


log_softmax.derivatives(lambda g, out, dim: log_softmax_backward(g, out, dim=dim))
log_softmax_backward.derivatives(
    lambda h, y, dim: h - _sum_along(h * exp(y), dim),
    lambda h, g, y, dim: -h * exp(y) * _sum_along(g, dim),
)


def _sum_along(x, dim):
    return sum(x, dim=dim, keepdim=True)


# -- composed ----------------------------------------------------------------------------------------------------


@composed
def softmin(x, dim, dtype=None):
    """`softmax` of -x along ``dim``."""
    return softmax(-x, dim=dim) if dtype is None else softmax(-x, dim=dim, dtype=dtype)


@composed
def celu(x, alpha=1.0):
    """x for x >= 0, else alpha * (e**(x / alpha) - 1), whose slope at 0 is 1 for each alpha (Barron, 2017)."""
    if not alpha:
        raise ValueError("celu: alpha must not be 0")
    return where(x >= 0, x, expm1(where(x >= 0, 0.0, x) / alpha) * alpha)


@composed
def selu(x):
    """1.0507 * elu(x, 1.6733), which keeps mean 0 and variance 1 from layer to layer (Klambauer et al., 2017)."""
    return elu(x, alpha=1.6732632423543772) * 1.0507009873554805


@composed
def silu(x):
    """x times the logistic function of x, also called swish (Elfwing et al., 2018)."""
    return x * sigmoid(x)


@composed
def mish(x):
    """x * tanh(softplus(x)) (Misra, 2019)."""
    return x * tanh(softplus(x))


@composed
def softsign(x):
    """x / (1 + |x|)."""
    return x / (abs(x) + 1.0)


@composed
def logsigmoid(x):
    """The logarithm of the logistic function, without overflow."""
    return -softplus(-x, threshold=math.inf)


@composed
def tanhshrink(x):
    """x - tanh(x)."""
    return x - tanh(x)


@composed
def glu(x, dim=-1):
    """The first half of ``x`` along ``dim`` times the logistic function of the second (Dauphin et al., 2017)."""
    size = x.shape[canonical_dim(dim, x.ndim)] if x.ndim else 1
    if size % 2:
        raise ValueError(f"glu: dim {dim} of {x.shape} cannot be halved: its size must be even")
    first, second = split(x, [size // 2, size // 2], dim)
    return first * sigmoid(second)

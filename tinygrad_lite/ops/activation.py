"""Activations of networks."""

from __future__ import annotations

import math

import numpy as np

from .. import kernels
from ..kernels.pool import empty_like
from ..primitive import primitive
from ..record import Value
from . import random
from .elementwise import LONG, erf, exp, expm1, sigmoid, where
from .reduction import sum
from .shape import canonical_dim

__all__ = ["dropout", "elu", "gelu", "leaky_relu", "log_softmax", "relu", "softmax", "softplus"]


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


def elu(x, alpha=1.0):
    """x for x > 0, else alpha * (e**x - 1) (Clevert et al., 2015)."""
    return where(x > 0, x, expm1(where(x > 0, 0.0, x)) * alpha)


def gelu(x, approximate="none"):
    """x times the standard normal distribution function of x (Hendrycks and Gimpel, 2016); "tanh" approximates it."""
    if approximate == "tanh":
        inner = (x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)
        return x * (_tanh(inner) + 1.0) * 0.5
    if approximate != "none":
        raise ValueError(f"gelu: approximate is 'none' or 'tanh', got {approximate!r}")
    return x * (erf(x * math.sqrt(0.5)) + 1.0) * 0.5


def _tanh(x):
    from .elementwise import tanh

    return tanh(x)


@primitive(promotes="float")
def softplus(x, *, beta=1.0, threshold=20.0):
    """log(1 + e**(beta x)) / beta, a smooth relu; the line x itself where beta x > threshold."""
    scaled = x * beta
    out = np.logaddexp(scaled, x.dtype.type(0)) / beta
    return np.where(scaled > threshold, x, out)


softplus.derivatives(lambda g, x, beta, threshold: where(x * beta > threshold, g, g * sigmoid(x * beta)))


def _in_rows(x, dim):
    """Whether the kernels for rows of a matrix take ``x``."""
    return dim == x.ndim - 1 and x.itemsize >= 4


@primitive(promotes="float")
def softmax(x, *, dim):
    """e**x / sum(e**x) along ``dim``."""
    dim = canonical_dim(dim, x.ndim)
    if not x.size or not x.ndim:
        return np.ones_like(x)
    if _in_rows(x, dim):
        return kernels.softmax.softmax(np.ascontiguousarray(x).reshape(-1, x.shape[-1])).reshape(x.shape)
    out = np.subtract(x, np.maximum.reduce(x, dim, keepdims=True), out=empty_like(x))
    np.exp(out, out=out)
    out /= np.add.reduce(out, dim, keepdims=True)
    return out


softmax.derivatives(lambda g, out, dim: out * (g - _sum_along(g * out, dim)))


@primitive(promotes="float")
def log_softmax(x, *, dim):
    """log(softmax(x)), without overflow."""
    dim = canonical_dim(dim, x.ndim)
    if not x.size or not x.ndim:
        return np.zeros_like(x)
    if _in_rows(x, dim):
        return kernels.softmax.log_softmax(np.ascontiguousarray(x).reshape(-1, x.shape[-1])).reshape(x.shape)
    out = np.subtract(x, np.maximum.reduce(x, dim, keepdims=True), out=empty_like(x))
    out -= np.log(np.add.reduce(np.exp(out), dim, keepdims=True))
    return out


log_softmax.derivatives(lambda g, out, dim: g - exp(out) * _sum_along(g, dim))


def _sum_along(x, dim):
    return sum(x, dim=dim, keepdim=True)


def dropout(x, p=0.5, training=True):
    """In training each element is 0 with probability ``p``, else divided by 1 - p (Srivastava et al., 2014)."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p must be a probability, 0 to 1, got {p}")
    if not training or p == 0:
        return x
    kept = random.keep_mask(x.shape, p, (x.data if isinstance(x, Value) else x).dtype)
    return x * kept

"""Losses. ``reduction`` is "mean", "sum" or "none"."""

from __future__ import annotations

import math

import numpy as np

from .. import kernels
from ..errors import describe
from ..kernels.pool import empty_like
from ..primitive import primitive
from .activation import log_softmax, softplus
from .elementwise import log, maximum, square
from .indexing import scatter_zeros
from .reduction import mean, sum
from .shape import unsqueeze

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "mse_loss", "nll_loss"]


def reduced(loss, reduction):
    """``loss`` as ``reduction`` asks."""
    if reduction == "mean":
        return mean(loss)
    if reduction == "sum":
        return sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")


def _check_same_shape(name, input, target):
    if input.shape != target.shape:
        raise ValueError(f"{name}: input is {input.shape}, target is {target.shape}: they must agree")


@primitive(promotes="float", name="mse_loss")
def mean_squared_error(x, y):
    """The mean of (x - y)**2, of equal shapes."""
    if not x.size:
        return np.asarray(np.nan, x.dtype)
    flat = np.subtract(x, y).reshape(-1)
    return np.dot(flat, flat) / x.dtype.type(x.size)


mean_squared_error.derivatives(
    lambda g, x, y: (x - y) * (g * (2.0 / max(_size(x), 1))), lambda g, x, y: (y - x) * (g * (2.0 / max(_size(x), 1)))
)


def _size(x):
    return math.prod(x.shape)


def mse_loss(input, target, reduction="mean"):
    """(input - target)**2, of equal shapes."""
    if input.shape != target.shape:
        _check_same_shape("mse_loss", input, target)
    if reduction == "mean":
        return mean_squared_error(input, target)
    return reduced(square(input - target), reduction)


# -- classification ----------------------------------------------------------------------------------------------


def _target_shape(shape):
    """The shape of the labels that go with logits of ``shape``."""
    return () if len(shape) == 1 else (shape[0], *shape[2:])


def _check_labels(logits, target):
    if target.dtype.kind not in "iu":
        raise TypeError(f"target must hold class numbers (integers), got {target.dtype}")
    if logits.ndim == 0:
        raise ValueError(f"input must be (classes), (batch, classes) or (batch, classes, ...), got {describe(logits)}")
    classes, expected = logits.shape[min(1, logits.ndim - 1)], _target_shape(logits.shape)
    if target.shape != expected:
        raise ValueError(f"target must be {expected} for input {logits.shape}, got {target.shape}")
    if target.size and (target.min() < 0 or target.max() >= classes):
        bad = target.min() if target.min() < 0 else target.max()
        raise IndexError(f"label {bad} in target is out of range: input has {classes} classes, labels are 0 to {classes - 1}")


@primitive(name="nll_loss")
def picked(x, target):
    """x[n, target[n]] of (batch, classes, ...), checked: the class axis is taken away."""
    _check_labels(x, target)
    if x.ndim == 1:
        return x[target]
    return np.take_along_axis(x, target[:, None], 1)[:, 0]


def _picked_rule(g, target, x_shape):
    if len(x_shape) == 1:
        return scatter_zeros(unsqueeze(g, 0), unsqueeze(target, 0), shape=x_shape, dim=0)
    return scatter_zeros(unsqueeze(g, 1), unsqueeze(target, 1), shape=x_shape, dim=1)


picked.derivatives(_picked_rule, None)


def nll_loss(input, target, reduction="mean"):
    """Minus the log-probability of the right class: ``input`` (batch, classes, ...) of log-probabilities, ``target``
    (batch, ...) of class numbers."""
    return reduced(-picked(input, target), reduction)


_REDUCTIONS = frozenset(("mean", "sum", "none"))


def _cross_entropy_twin(input, target, *, reduction="mean"):
    return nll_loss(log_softmax(input, dim=min(1, input.ndim - 1)), target, reduction=reduction)


def _as_rows(x):
    """(batch, classes, ...) or (classes) with the classes last, as a matrix."""
    if x.ndim == 2:
        return np.ascontiguousarray(x)
    if x.ndim == 1:
        return np.ascontiguousarray(x[None])
    return np.ascontiguousarray(np.moveaxis(x, 1, -1).reshape(-1, x.shape[1]))


def _from_rows(rows, shape):
    """The inverse of `_as_rows`."""
    if len(shape) < 3:
        return rows.reshape(shape)
    return np.moveaxis(rows.reshape(shape[0], *shape[2:], shape[1]), -1, 1)


@primitive(twin=_cross_entropy_twin, residuals=("gradients",))
def cross_entropy(input, target, *, reduction="mean"):
    """Softmax cross-entropy: logits ``input`` (batch, classes, ...) or (classes), ``target`` (batch, ...) of class numbers."""
    if reduction not in _REDUCTIONS:
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    matrix = input.ndim == 2 and target.ndim == 1 and len(input) == len(target) and input.size and target.dtype.kind == "i"
    if not matrix:
        _check_labels(input, target)
    if input.dtype.kind != "f" or input.dtype.itemsize < 4:
        raise TypeError(f"input must be float32 or float64, got {input.dtype}")
    rows, labels = (input, target) if matrix and input.flags.c_contiguous else (_as_rows(input), target.reshape(-1))
    scale = 1.0 if reduction != "mean" else 1.0 / labels.size if labels.size else float("nan")
    losses, total, gradients, bad = kernels.softmax.cross_entropy(rows, labels, scale)
    if bad >= 0:
        _check_labels(input, target)
    if not matrix:
        gradients = _from_rows(gradients, input.shape)
    return losses.reshape(target.shape) if reduction == "none" else np.array(total * scale, input.dtype), gradients


@cross_entropy.backward
def cross_entropy_backward(g, input, target, gradients, *, reduction="mean"):
    """The cotangent of the loss times its gradient, (softmax - one_hot) / count, which the forward has made."""
    if not g.ndim and g.item() == 1:  # the loss itself is what is differentiated
        return gradients, None
    if reduction == "none" and input.ndim > 1:
        g = np.expand_dims(g, 1)
    return np.multiply(gradients, g, out=empty_like(gradients)), None


def binary_cross_entropy_with_logits(input, target, reduction="mean"):
    """-(t log s(x) + (1 - t) log(1 - s(x))) for the logistic function s, without overflow."""
    _check_same_shape("binary_cross_entropy_with_logits", input, target)
    return reduced(softplus(input, threshold=float("inf")) - input * target, reduction)


@primitive(promotes="float", name="binary_cross_entropy")
def bernoulli_loss(x, target):
    """-(t log x + (1 - t) log(1 - x)) of equal shapes; a logarithm is never below -100, and x (1 - x) never
    below 1e-12 in the derivative."""
    if x.size and not (x.min() >= 0 and x.max() <= 1):
        raise ValueError(f"input holds values in [{x.min():.4g}, {x.max():.4g}]: probabilities are 0 to 1 (apply sigmoid first)")
    with np.errstate(divide="ignore"):
        return -(target * np.maximum(np.log(x), -100) + (1 - target) * np.maximum(np.log1p(-x), -100))


bernoulli_loss.derivatives(
    lambda g, x, target: g * (x - target) / maximum(x * (1.0 - x), 1e-12),
    lambda g, x: g * (_bounded_log(1.0 - x) - _bounded_log(x)),
)


def _bounded_log(x):
    return log(maximum(x, math.exp(-100)))


def binary_cross_entropy(input, target, reduction="mean"):
    """-(t log x + (1 - t) log(1 - x)) for probabilities ``input``; a logarithm is never below -100."""
    _check_same_shape("binary_cross_entropy", input, target)
    return reduced(bernoulli_loss(input, target), reduction)

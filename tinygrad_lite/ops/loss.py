"""What losses are made of: their reduction, and those of them that are primitives."""

from __future__ import annotations

import math

import numpy as np

from .. import kernels
from ..errors import describe
from ..graph import cast
from ..kernels.pool import empty_like
from ..primitive import primitive
from .activation import log_softmax
from .elementwise import log, maximum, ne, where
from .indexing import scatter_zeros, take_rows
from .reduction import mean, sum
from .shape import reshape_to, unsqueeze


def reduced(loss, reduction):
    """``loss`` as ``reduction`` asks."""
    if reduction == "mean":
        return mean(loss)
    if reduction == "sum":
        return sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")


def check_same_shape(name, input, target):
    """Refuse shapes that differ: broadcasting (batch, 1) with (batch) is a mistake."""
    if input.shape != target.shape:
        raise ValueError(f"{name}: input is {input.shape}, target is {target.shape}: they must agree")


@primitive
def at_least(x, *, bound):
    """The larger of ``x``, a norm or a variance, and ``bound``. The gradient passes as if it were ``x`` itself, which no
    composition gives: PyTorch's losses bound what they divide by in this way, so that what has become too small still learns."""
    if np.size(x) and np.min(x) < 0:
        raise ValueError(f"a norm or a variance is not negative, got {np.min(x):.4g}")
    return np.maximum(x, bound)


at_least.derivatives(lambda g: g)


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


# -- labels ------------------------------------------------------------------------------------------------------


def class_dim(x):
    """The dimension of the classes in (classes), (batch, classes) or (batch, classes, ...)."""
    return min(1, x.ndim - 1)


def _target_shape(shape):
    """The shape of the labels that go with logits of ``shape``."""
    return () if len(shape) == 1 else (shape[0], *shape[2:])


def _check_labels(logits, target, ignore_index=None):
    if target.dtype.kind not in "iu":
        raise TypeError(f"target must hold class numbers (integers), got {target.dtype}")
    if logits.ndim == 0:
        raise ValueError(f"input must be (classes), (batch, classes) or (batch, classes, ...), got {describe(logits)}")
    classes, expected = logits.shape[class_dim(logits)], _target_shape(logits.shape)
    if target.shape != expected:
        raise ValueError(f"target must be {expected} for input {logits.shape}, got {target.shape}")
    if ignore_index is not None:
        target = target[target != ignore_index]
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


def of_classes(weight, x):
    """``weight`` (classes) in the dtype of ``x`` (batch, classes, ...), with which its loss is weighted."""
    classes = x.shape[class_dim(x)]
    if weight.shape != (classes,):
        raise ValueError(f"weight must be ({classes},), a number for each class of input {x.shape}, got {weight.shape}")
    return weight if weight.dtype == x.dtype else cast(weight, dtype=x.dtype)


def along_classes(weight, x):
    """``weight`` (classes) in a shape to be multiplied with ``x`` (batch, classes, ...)."""
    return reshape_to(weight, shape=(len(weight), *(1,) * (x.ndim - 2)))


def likelihood_of_labels(log_p, target, weight=None, ignore_index=-100, reduction="mean", smoothing=0.0):
    """Minus log_p[label] times the weight of the label. ``smoothing`` gives that share of each label to all classes evenly.

    Where the label is ``ignore_index`` the loss is 0; the mean is by the weights of the other labels, NaN if there are none.
    """
    if target.dtype.kind not in "iu":
        raise TypeError(f"target must hold class numbers (integers), got {target.dtype}")
    labels = cast(target, dtype=np.int64)
    known = ne(labels, ignore_index)
    labels = where(known, labels, 0)
    loss = -picked(log_p, labels)
    if weight is None:
        share = cast(known, dtype=log_p.dtype)
    else:
        weight = of_classes(weight, log_p)
        share = where(known, take_rows(weight, labels), 0.0)
        loss = loss * share
    if smoothing:
        even = -sum(log_p if weight is None else log_p * along_classes(weight, log_p), dim=class_dim(log_p))
        loss = loss * (1.0 - smoothing) + even * (smoothing / log_p.shape[class_dim(log_p)])
    loss = where(known, loss, 0.0)
    if reduction != "mean":
        return reduced(loss, reduction)
    total = sum(share)
    return sum(loss) / where(total == 0, math.nan, total)  # 0 / NaN where 0 / 0 would warn


# -- softmax cross-entropy ---------------------------------------------------------------------------------------

_REDUCTIONS = frozenset(("mean", "sum", "none"))


def _cross_entropy_twin(input, target, *, ignore_index=-100, reduction="mean"):
    return likelihood_of_labels(log_softmax(input, dim=class_dim(input)), target, None, ignore_index, reduction)


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
def cross_entropy(input, target, *, ignore_index=-100, reduction="mean"):
    """Softmax cross-entropy: logits ``input`` (batch, classes, ...) or (classes), ``target`` (batch, ...) of class numbers."""
    if reduction not in _REDUCTIONS:
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    matrix = input.ndim == 2 and target.ndim == 1 and len(input) == len(target) and input.size and target.dtype.kind == "i"
    if not matrix:
        _check_labels(input, target, ignore_index)
    if input.dtype.kind != "f" or input.dtype.itemsize < 4:
        raise TypeError(f"input must be float32 or float64, got {input.dtype}")
    rows, labels = (input, target) if matrix and input.flags.c_contiguous else (_as_rows(input), target.reshape(-1))
    scale = 1.0 if reduction != "mean" else 1.0 / labels.size if labels.size else float("nan")
    bad = 0
    if not 0 <= ignore_index < rows.shape[1]:  # else the kernel takes it for a class
        losses, total, gradients, bad = kernels.softmax.cross_entropy(rows, labels, scale)
    if bad >= 0:
        _check_labels(input, target, ignore_index)
        losses, total, gradients, scale = _without_ignored(rows, labels, ignore_index, reduction)
    if not matrix:
        gradients = _from_rows(gradients, input.shape)
    return losses.reshape(target.shape) if reduction == "none" else np.array(total * scale, input.dtype), gradients


def _without_ignored(rows, labels, ignore_index, reduction):
    """Losses, their sum, gradients, and what the sum is to be scaled by, if some labels do not count."""
    ignored = labels == ignore_index
    known = ignored.size - np.count_nonzero(ignored)
    scale = 1.0 if reduction != "mean" else 1.0 / known if known else float("nan")
    losses, _, gradients, _ = kernels.softmax.cross_entropy(rows, np.where(ignored, 0, labels), scale)
    losses[ignored] = gradients[ignored] = 0
    return losses, losses.sum(dtype=np.float64), gradients, scale


@cross_entropy.backward
def cross_entropy_backward(g, input, target, gradients, *, ignore_index=-100, reduction="mean"):
    """The cotangent of the loss times its gradient, (softmax - one_hot) / count, which the forward has made."""
    if not g.ndim and g.item() == 1:  # the loss itself is what is differentiated
        return gradients, None
    if reduction == "none" and input.ndim > 1:
        g = np.expand_dims(g, 1)
    return np.multiply(gradients, g, out=empty_like(gradients)), None


# -- probabilities -----------------------------------------------------------------------------------------------


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

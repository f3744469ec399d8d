"""Losses of regression and of densities. ``reduction`` is "mean", "sum" or "none"."""

from __future__ import annotations

import math

from ..errors import composed
from ..graph import cast
from .elementwise import abs, exp, log, square, where, zeros_like
from .loss import at_least, check_same_shape, mean_squared_error, reduced
from .piecewise import hardtanh
from .reduction import sum
from .shape import unsqueeze

__all__ = [
    "gaussian_nll_loss", "huber_loss", "kl_div", "l1_loss", "mse_loss", "poisson_nll_loss", "smooth_l1_loss", "sse_loss",
]  # fmt: skip


def _weighted_mean(name, loss, weight, reduction):
    """``loss`` reduced; its mean with a ``weight`` of the same shape is the weighted one."""
    if weight is None:
        return reduced(loss, reduction)
    _check_weight(name, loss, weight)
    return sum(loss * weight) / sum(weight) if reduction == "mean" else reduced(loss * weight, reduction)


def _check_weight(name, loss, weight):
    if weight.shape != loss.shape:
        raise ValueError(f"{name}: weight is {weight.shape}, input is {loss.shape}: they must agree")


@composed
def mse_loss(input, target, reduction="mean", weight=None):
    """(input - target)**2, of equal shapes; ``weight`` of the same shape makes the mean a weighted one."""
    if input.shape != target.shape:
        check_same_shape("mse_loss", input, target)
    if reduction == "mean" and weight is None:
        return mean_squared_error(input, target)
    return _weighted_mean("mse_loss", square(input - target), weight, reduction)


@composed
def sse_loss(input, target):
    """1/2 sum (input - target)**2, of equal shapes: the sum of squares of the lectures, whose gradient is the difference."""
    check_same_shape("sse_loss", input, target)
    return sum(square(input - target)) * 0.5


@composed
def l1_loss(input, target, reduction="mean", weight=None):
    """|input - target|, of equal shapes; ``weight`` of the same shape makes the mean a weighted one."""
    check_same_shape("l1_loss", input, target)
    return _weighted_mean("l1_loss", abs(input - target), weight, reduction)


def _huber(difference, delta):
    """d**2 / 2 for |d| < delta, else delta (|d| - delta / 2). With the bounded b of d it is b (d - b / 2): no square overflows."""
    bounded = hardtanh(difference, -delta, delta)
    return bounded * (difference - bounded * 0.5)


@composed
def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """d**2 / 2 of the difference d where |d| < delta, else delta (|d| - delta / 2) (Huber, 1964); equal shapes, also of
    ``weight``, a factor that does not count in the mean."""
    check_same_shape("huber_loss", input, target)
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    loss = _huber(input - target, delta)
    if weight is not None:
        _check_weight("huber_loss", loss, weight)
        loss = loss * weight
    return reduced(loss, reduction)


@composed
def smooth_l1_loss(input, target, reduction="mean", beta=1.0):
    """d**2 / (2 beta) of the difference d where |d| < beta, else |d| - beta / 2 (Girshick, 2015); of equal shapes."""
    check_same_shape("smooth_l1_loss", input, target)
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must be at least 0, got {beta}")
    difference = input - target
    return reduced(_huber(difference, beta) / beta if beta else abs(difference), reduction)


# -- of densities ------------------------------------------------------------------------------------------------


@composed
def kl_div(input, target, reduction="mean", log_target=False):
    """t (log t - x), the divergence of Kullback and Leibler (1951) from log-probabilities ``input`` to probabilities ``target``.

    log_target  ``target`` holds log-probabilities too
    reduction   also "batchmean": the sum divided by the size of dimension 0, which is the mean of the divergences of a batch
    """
    if log_target:
        loss = exp(target) * (target - input)
    else:
        loss = target * (log(where(target == 0, 1.0, target)) - input)
    if reduction not in ("mean", "sum", "none", "batchmean"):
        raise ValueError(f"kl_div: reduction must be 'mean', 'sum', 'batchmean' or 'none', got {reduction!r}")
    if reduction != "batchmean":
        return reduced(loss, reduction)
    return sum(loss) / (input.shape[0] or math.nan) if input.ndim else loss


@composed
def poisson_nll_loss(input, target, log_input=True, full=False, eps=1e-8, reduction="mean"):
    """rate - t log(rate) for counts t, the logarithm of Poisson's density with its sign changed.

    log_input  ``input`` is log(rate); else it is the rate, and the logarithm is that of rate + eps
    full       add Stirling's formula of log t! for t > 1
    """
    loss = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        counts = target if target.dtype.kind == "f" else cast(target, dtype=loss.dtype)
        large = where(counts > 1, counts, 1.0)
        stirling = large * log(large) - large + log(large * (2 * math.pi)) * 0.5
        loss = loss + where(counts > 1, stirling, 0.0)
    return reduced(loss, reduction)


@composed
def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """(log var + (input - target)**2 / var) / 2, the logarithm of the normal density with its sign changed (Nix and Weigend, 1994).

    var   variances: in the shape of ``input``, with size 1 in one dimension, without the last dimension, or one number;
          below ``eps`` it counts as eps, and still gets the gradient
    full  add log(2 pi) / 2
    """
    if isinstance(var, (int, float)):
        var = zeros_like(input) + var
    shape = var.shape
    if shape != input.shape:
        differ = [(n, m) for n, m in zip(input.shape, shape) if n != m]
        if shape == input.shape[:-1]:
            var = unsqueeze(var, -1)
        elif len(shape) != input.ndim or len(differ) != 1 or differ[0][1] != 1:
            raise ValueError(
                f"gaussian_nll_loss: var {shape} must be {input.shape} as input, have size 1 in one dimension or lack the last one"
            )
    var = at_least(var, bound=eps)
    loss = (log(var) + square(input - target) / var) * 0.5
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)

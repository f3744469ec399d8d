"""Normalisation: by the statistics of a batch, by a neighbourhood of channels."""

from __future__ import annotations

import math

import numpy as np

from .. import kernels
from ..errors import composed, describe
from ..primitive import primitive, update
from ..record import new_tensor
from ..state import local
from .elementwise import pow, sqrt, square
from .reduction import sum
from .shape import reshape_to, slice_items, unslice

__all__ = ["batch_norm", "local_response_norm"]


# -- batch normalisation -----------------------------------------------------------------------------------------


def _check(x, eps, *by_channel):
    """``x`` must be (batch, channels, ...) of float32 or float64, and what there is of (name, array) (channels) of its dtype."""
    if x.ndim < 2:
        raise ValueError(f"x must be (batch, channels) or (batch, channels, ...), got {describe(x)}")
    if x.dtype.kind != "f" or x.itemsize < 4:
        raise TypeError(f"x must be float32 or float64, got {x.dtype}")
    for name, a in by_channel:
        if a is not None and (a.shape != x.shape[1:2] or a.dtype != x.dtype):
            raise ValueError(f"{name} is {describe(a)}, expected {x.shape[1:2]} {x.dtype} for x {x.shape}")
    if not eps >= 0:
        raise ValueError(f"eps must not be negative, got {eps}")


def _others(x):
    """All dimensions but the channels."""
    return (0, *range(2, x.ndim))


def _by_channel(v, x):
    """``v`` (channels) so that it broadcasts with ``x`` (batch, channels, ...)."""
    return reshape_to(v, shape=(v.shape[0], *(1,) * (x.ndim - 2)))


def _scaled(centred, variance, weight, bias, eps):
    out = centred / _by_channel(sqrt(variance + eps), centred)
    out = out if weight is None else out * _by_channel(weight, centred)
    return out if bias is None else out + _by_channel(bias, centred)


def _count(x):
    return x.shape[0] * math.prod(x.shape[2:])


def _normalise_batch_twin(x, weight=None, bias=None, *, eps=1e-5):
    count = max(_count(x), 2)  # if it is empty the statistics are 0
    mean = sum(x, dim=_others(x)) / float(count)
    centred = x - _by_channel(mean, x)
    squares = sum(square(centred), dim=_others(x))
    return _scaled(centred, squares / float(count), weight, bias, eps), mean, squares / (count - 1.0)


@primitive(twin=_normalise_batch_twin, outputs=("out", "mean", "variance"), residuals=("statistics",), name="batch_norm")
def normalise_batch(x, weight=None, bias=None, *, eps=1e-5):
    """`batch_norm` by the statistics of ``x`` itself: the result, the mean (channels), and the variance (channels) divided by the
    number of values less one, which estimates that of all data."""
    _check(x, eps, ("weight", weight), ("bias", bias))
    count = _count(x)
    if count == 1:
        raise ValueError("in training there must be more than one value for each channel; use a larger batch, or .eval()")
    if not x.size:
        return np.zeros_like(x), np.zeros(x.shape[1], x.dtype), np.zeros(x.shape[1], x.dtype), None
    out, statistics, found = kernels.normalisation.batch_norm(x, weight, bias, eps)
    return out, found[0], found[1], statistics


@normalise_batch.backward
def normalise_batch_backward(g, g_mean, g_variance, x, weight, bias, statistics, *, eps=1e-5):
    """g_x = weight / std * (g - mean(g) - xhat * mean(g * xhat)) for xhat = (x - mean) / std, and what comes by the statistics;
    g_weight = sum(g * xhat), g_bias = sum(g)."""
    if not x.size:
        g_x, g_weight, g_bias = np.zeros_like(x), np.zeros(x.shape[1], x.dtype), np.zeros(x.shape[1], x.dtype)
    else:
        g_x, g_weight, g_bias = kernels.normalisation.batch_norm_backward(g, x, weight, eps, statistics, g_mean, g_variance)
    return g_x, None if weight is None else g_weight, None if bias is None else g_bias


def _normalise_by_twin(x, mean, variance, weight=None, bias=None, *, eps=1e-5):
    return _scaled(x - _by_channel(mean, x), variance, weight, bias, eps)


@primitive(twin=_normalise_by_twin, name="batch_norm")
def normalise_by(x, mean, variance, weight=None, bias=None, *, eps=1e-5):
    """`batch_norm` by a given mean and variance (channels)."""
    _check(x, eps, ("mean", mean), ("variance", variance), ("weight", weight), ("bias", bias))
    if not x.size:
        return np.zeros_like(x)
    return kernels.normalisation.batch_norm(x, weight, bias, eps, np.array([mean, variance], np.float64))[0]


@normalise_by.backward
def normalise_by_backward(g, x, mean, variance, weight, bias, *, eps=1e-5):
    """g_x = g * weight / std, g_weight = sum(g * xhat), g_bias = sum(g) for xhat = (x - mean) / std;
    g_mean = -g_bias * weight / std, g_variance = -g_weight * weight / (2 std**2)."""
    if not x.size:
        g_x, g_weight, g_bias = np.zeros_like(x), np.zeros_like(mean), np.zeros_like(mean)
    else:
        statistics = np.array([mean, variance], np.float64)
        g_x, g_weight, g_bias = kernels.normalisation.batch_norm_backward(g, x, weight, eps, statistics)
    inverse = 1 / np.sqrt(variance + eps)
    scale = inverse if weight is None else weight * inverse
    g_statistics = -g_bias * scale, g_weight * scale * inverse * -0.5
    return g_x, *g_statistics, None if weight is None else g_weight, None if bias is None else g_bias


@update(0, 1, 2)
def running_update(running_mean, running_var, num_batches, mean, variance, rate, *, count):
    """Move the running mean and variance (channels) towards those of a batch of ``count`` values: num_batches += 1;
    running += rate * (new - running). Without a ``rate`` it is 1 / num_batches: the average of all batches so far."""
    for running, new in ((running_mean, mean), (running_var, variance)):
        if running.shape != new.shape:
            raise ValueError(f"the running values are {describe(running)}, those of the batch {describe(new)}: they must agree")
    if count:
        kernels.normalisation.move(running_mean, running_var, num_batches, mean, variance, rate or 0.0, rate is None)
    else:
        num_batches += 1


def batch_norm_in_training(x, weight, bias, running, momentum, eps=1e-5):
    """`batch_norm` by the statistics of ``x``, towards which the Tensors ``running`` move: mean, variance and number of batches, or
    None. While a checkpoint or a twin recomputes nothing moves; an empty batch only counts."""
    out, mean, variance = normalise_batch(x, weight, bias, eps=eps)
    if running is not None and not local.state.recomputing:
        running_update(*running, mean, variance, momentum, count=_count(x))
    return out


@composed
def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """(input - mean) / sqrt(variance + eps) * weight + bias for each channel (Ioffe and Szegedy, 2015).

    input                      (batch, channels) or (batch, channels, ...)
    running_mean, running_var  (channels); in training they may be None
    weight, bias               (channels) or None
    training                   take mean and variance of ``input``, and move the running ones towards them:
                               running += momentum * (new - running), the new variance divided by the number of values less one
    """
    if training:
        running = None if running_mean is None else (running_mean, running_var, new_tensor(np.array(0)))
        return batch_norm_in_training(input, weight, bias, running, momentum, eps)
    if running_mean is None or running_var is None:
        raise ValueError("batch_norm: running_mean and running_var are needed outside of training")
    return normalise_by(input, running_mean, running_var, weight, bias, eps=eps)


# -- local response normalisation --------------------------------------------------------------------------------


def _window_sum(x, before, after):
    """The sum over the channels from ``before`` to ``after`` each, as far as they exist."""
    channels, total = x.shape[1], None
    for offset in range(max(-before, 1 - channels), min(after, channels - 1) + 1):
        source, target = (slice(max(o, 0), channels + min(o, 0)) for o in (offset, -offset))
        moved = unslice(slice_items(x, index=(slice(None), source)), index=(slice(None), target), shape=x.shape)
        total = moved if total is None else total + moved
    return total


def _local_response_norm_twin(x, *, size, alpha=1e-4, beta=0.75, k=1.0):
    if 0 in x.shape:
        return x * 1.0
    return x * pow(_window_sum(square(x), size // 2, (size - 1) // 2) * (alpha / size) + k, -beta)


@primitive(promotes="float", twin=_local_response_norm_twin)
def local_response_norm(x, *, size, alpha=1e-4, beta=0.75, k=1.0):
    """x / (k + alpha / size * sum of x**2 over ``size`` neighbouring channels)**beta (Krizhevsky et al., 2012).

    x     (batch, channels, places, ...)
    size  channels of a window: from size // 2 before to (size - 1) // 2 after; those that do not exist count as 0
    """
    if x.ndim < 3:
        raise ValueError(f"x must be (batch, channels, places, ...), got {describe(x)}")
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(f"size must be a number of channels, 1 or more, got {size!r}")
    return _local_response(kernels.local_response.local_response_norm, (x,), size, alpha, beta, k)


def _local_response(kernel, arrays, size, alpha, beta, k):
    """A kernel on arrays of one shape; those of half precision are computed in float32."""
    like = arrays[-1]
    if not like.size:
        return np.zeros_like(like)
    arrays = [a.astype(np.float32) if a.itemsize < 4 else a for a in arrays]
    return kernel(*arrays, size // 2, (size - 1) // 2, k, alpha / size, beta).astype(like.dtype, copy=False)


@local_response_norm.backward
def local_response_norm_backward(g, x, *, size, alpha=1e-4, beta=0.75, k=1.0):
    """g d**-beta - 2 alpha beta / size * x * (sum of g x d**(-beta - 1) over the channels whose window holds the channel), for the
    denominator d."""
    return _local_response(kernels.local_response.local_response_norm_backward, (g, x), size, alpha, beta, k)

"""Batch normalisation of arrays of any shape. Imported when an op first asks for it: the loops import Numba."""

from __future__ import annotations

import functools
import math

import numpy as np

from .jit import kernel
from .normalisation_columns import backward_columns, forward_columns
from .normalisation_runs import backward_runs, forward_runs
from .pool import empty_like

FEW = 32  # places below which the loops run along an image
RUN = 1 << 10  # neighbouring numbers that a pass reads at least, where the block still fits the second cache
BLOCK = 1 << 17  # numbers of a block that do
WORK = 4  # tenths of a nanosecond for a number


def _planes(x):
    """(images, channels, ...) as (images, channels, places), or (images, channels * places) where the places are few."""
    x = x if x.flags.carray else np.array(x, order="C")
    places = math.prod(x.shape[2:])
    return x.reshape(x.shape[0], x.shape[1] * places) if places < FEW else x.reshape(x.shape[0], x.shape[1], places)


def _blocks(planes, channels):
    """Arguments of the loops: channels at a time; and for columns the places."""
    places = planes.shape[-1] if planes.ndim == 3 else planes.shape[1] // channels
    block = max(1, min(RUN // places, BLOCK // (len(planes) * places)))
    return (block,) if planes.ndim == 3 else (block, places)


@functools.lru_cache(maxsize=64)
def _filled(value, n, dtype):
    return np.full(n, value, dtype)


def _or_filled(a, value, n, dtype):
    return _filled(value, n, dtype) if a is None else a if a.flags.carray else np.array(a)


def batch_norm(x, weight, bias, eps, statistics=None):
    """(x - mean) / sqrt(variance + eps) * weight + bias for each channel of x (images, channels, ...), which is not empty.

    weight, bias  (channels), or None
    statistics    (2, channels) float64, mean and variance; None for those of x
    Returns the result, the statistics, and their estimates for all data (2, channels): the mean, and the variance divided by the
    number of values less one.
    """
    out, planes, channels, training = empty_like(x), _planes(x), x.shape[1], statistics is None
    found = np.empty((2, channels), x.dtype)
    if training:
        statistics = np.empty((2, channels))
    weight, bias = _or_filled(weight, 1, channels, x.dtype), _or_filled(bias, 0, channels, x.dtype)
    loop, blocks = forward_runs if planes.ndim == 3 else forward_columns, _blocks(planes, channels)
    loop.run(WORK * x.size, planes, weight, bias, eps, training, out.reshape(planes.shape), statistics, found, *blocks)
    return out, statistics, found


def batch_norm_backward(g, x, weight, eps, statistics, g_mean=None, g_variance=None):
    """Gradients of `batch_norm` towards x, weight and bias. ``g_mean`` and ``g_variance`` (channels) are those by the estimates
    that
    it returned; None where the statistics were given."""
    g_x, planes, channels, training = empty_like(x), _planes(x), x.shape[1], g_mean is not None
    found = [_or_filled(a, 0, channels, x.dtype) for a in (g_mean, g_variance)]
    weight, g_weight, g_bias = _or_filled(weight, 1, channels, x.dtype), np.empty(channels, x.dtype), np.empty(channels, x.dtype)
    loop, blocks = backward_runs if planes.ndim == 3 else backward_columns, _blocks(planes, channels)
    results = g_x.reshape(planes.shape), g_weight, g_bias
    loop.run(2 * WORK * x.size, _planes(g), planes, weight, eps, training, statistics, *found, *results, *blocks)
    return g_x, g_weight, g_bias


@kernel
def move_loop(running_mean, running_var, batches, mean, variance, rate, cumulative):
    """`move` for contiguous arrays of one precision."""
    batches[()] += 1
    rate = running_mean.dtype.type(1 / batches[()] if cumulative else rate)
    for c in range(mean.size):
        running_mean[c] += rate * (mean[c] - running_mean[c])
        running_var[c] += rate * (variance[c] - running_var[c])


def move_twin(running_mean, running_var, batches, mean, variance, rate, cumulative):
    """`move` by NumPy."""
    batches += 1
    rate = 1 / float(batches) if cumulative else rate
    running_mean += rate * (mean - running_mean)
    running_var += rate * (variance - running_var)


def move(running_mean, running_var, batches, mean, variance, rate, cumulative):
    """running += rate * (new - running) for mean and variance; batches += 1, and rate = 1 / batches if ``cumulative``."""
    arrays = running_mean, running_var, mean, variance
    simple = all(a.flags.carray and a.dtype is mean.dtype for a in arrays) and batches.flags.writeable
    (move_loop if simple else move_twin)(running_mean, running_var, batches, mean, variance, float(rate), cumulative)

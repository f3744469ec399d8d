"""Normalisation of batches and of samples, arrays of any shape. Imported when an op first asks for it: the loops import Numba."""

from __future__ import annotations

import functools
import math

import numpy as np

from .jit import kernel
from .normalisation_columns import backward_columns, forward_columns
from .normalisation_rows import backward_groups, backward_rows, forward_groups, forward_rows, sum_blocks
from .normalisation_runs import backward_runs, forward_runs
from .pool import empty_like

FEW = 32  # places below which the loops run along an image
RUN = 1 << 10  # neighbouring numbers that a pass reads at least, where the block still fits the second cache
BLOCK = 1 << 17  # numbers of a block that do
WORK = 4  # tenths of a nanosecond for a number
ROWS_BLOCK = 1 << 15  # numbers of a block of rows, whose gradients of the weight are summed in the array's precision
ROWS_LEAST, ROWS_MOST = 8, 128  # rows of it


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


# -- of samples --------------------------------------------------------------------------------------------------------


def _rows(x, length):
    """Rows of ``length`` neighbouring numbers."""
    x = x if x.flags.carray else np.array(x, order="C")
    return x if x.ndim == 2 and x.shape[1] == length else x.reshape(-1, length)


def _one_row(a, value, length, dtype):
    """A weight or bias of ``length`` numbers, of ``value`` where there is none."""
    a = _or_filled(a, value, length, dtype)
    return a if a.ndim == 1 else a.reshape(length)


def layer_norm(x, weight, bias, eps, length, centred=True):
    """(x - mean) / sqrt(variance + eps) * weight + bias over rows of ``length`` neighbouring numbers of x, which is not empty.

    weight, bias  of ``length`` numbers, or None
    centred       whether to take the mean off: else mean is 0, and variance the mean of the squares
    Returns the result, and mean and 1 / sqrt(variance + eps) of each row (rows, 2), float64.
    """
    out, rows = empty_like(x), _rows(x, length)
    statistics = np.empty((len(rows), 2))
    weight, bias = _one_row(weight, 1, length, x.dtype), _one_row(bias, 0, length, x.dtype)
    forward_rows.run(WORK * x.size, rows, weight, bias, float(eps), centred, _rows(out, length), statistics)
    return out, statistics


def layer_norm_backward(g, x, weight, length, statistics, centred=True):
    """Gradients of `layer_norm` towards x, and of weight and bias (length)."""
    g_x, rows = empty_like(x), _rows(x, length)
    blocks = -(-len(rows) // min(max(ROWS_BLOCK // length, ROWS_LEAST), ROWS_MOST))
    weight, found = _one_row(weight, 1, length, x.dtype), [np.empty(length, x.dtype) for _ in range(2)]
    parts = [a.reshape(1, length) if blocks == 1 else np.empty((blocks, length), x.dtype) for a in found]
    backward_rows.run(2 * WORK * x.size, _rows(g, length), rows, weight, centred, statistics, g_x.reshape(rows.shape), *parts)
    if blocks > 1:
        for part, whole in zip(parts, found):
            sum_blocks(part, whole)
    return g_x, *found


def group_norm(x, weight, bias, eps, groups):
    """(x - mean) / sqrt(variance + eps) * weight + bias over so many ``groups`` of neighbouring channels of each sample of
    x (batch, channels, ...), which is not empty.

    weight, bias  (channels), or None
    Returns the result, and mean and 1 / sqrt(variance + eps) of each group (batch * groups, 2), float64.
    """
    out, rows, channels = empty_like(x), _rows(x, x.size // (len(x) * groups)), x.shape[1]
    statistics, places = np.empty((len(rows), 2)), x.size // (len(x) * channels)
    weight, bias = _or_filled(weight, 1, channels, x.dtype), _or_filled(bias, 0, channels, x.dtype)
    forward_groups.run(WORK * x.size, rows, weight, bias, float(eps), places, out.reshape(rows.shape), statistics)
    return out, statistics


def group_norm_backward(g, x, weight, groups, statistics):
    """Gradients of `group_norm` towards x, weight and bias."""
    g_x, rows, channels = empty_like(x), _rows(x, x.size // (len(x) * groups)), x.shape[1]
    weight, parts = _or_filled(weight, 1, channels, x.dtype), np.empty((2, len(x), channels), x.dtype)
    results = g_x.reshape(rows.shape), parts[0], parts[1]
    places = x.size // (len(x) * channels)
    backward_groups.run(2 * WORK * x.size, _rows(g, rows.shape[1]), rows, weight, places, statistics, *results)
    g_weight, g_bias = parts.sum(1, np.float64).astype(x.dtype)
    return g_x, g_weight, g_bias


# -- running statistics ------------------------------------------------------------------------------------------------


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

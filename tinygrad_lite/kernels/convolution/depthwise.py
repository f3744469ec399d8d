"""Depthwise convolution (each channel has a filter of its own) of stride 1: windows slide over a plane, lanes along its rows."""

from __future__ import annotations

import functools
import math

import numpy as np

from .. import threads
from ..pool import empty

WINDOWS = ((3, 3), (1, 3), (5, 5), (1, 5))


def applies(size, kernel, stride, dilation, groups, channels, outputs):
    """Whether these loops compute it."""
    return groups == channels == outputs and len(size) == 2 and kernel in WINDOWS and {*stride, *dilation} == {1}


@functools.lru_cache(64)
def _sizes(size, kernel, padding, n_lanes):
    """Output size, and rows and their pitch in the copy of a plane: whole registers may be read from any output column on."""
    output = tuple(n + low + high - k + 1 for n, k, (low, high) in zip(size, kernel, padding))
    columns = -(-output[1] // n_lanes) * n_lanes
    return output, columns, size[0] + sum(padding[0]), max(columns + kernel[1] - 1, size[1] + sum(padding[1]))


def correlate(x, weight, bias, padding, relu=False):
    """The output for x (N, C, H, W), weight (C, 1, r, q)."""
    from .. import vector
    from . import depthwise_loops as loops

    n, channels, *size = x.shape
    height, width = weight.shape[2:]
    n_lanes = vector.WIDTH // x.itemsize
    output, columns, rows, pitch = _sizes(tuple(size), (height, width), padding, n_lanes)
    out = empty((n, channels, *output), x.dtype)
    n_threads = min(threads.worth(out.size * height * width // 8), n * channels)
    tall = loops.rows_of(height, width)
    scratch = np.zeros((n_threads, (rows + tall) * pitch + (output[0] + tall) * columns), x.dtype)
    planes, flat = np.ascontiguousarray(x).reshape(n * channels, *size), out.reshape(n * channels, *output)
    added = np.zeros(channels, x.dtype) if bias is None else np.ascontiguousarray(bias)
    origin = padding[0][0] * pitch + padding[1][0]
    filters = np.ascontiguousarray(weight).reshape(channels, -1)
    loops.output(height, width).on(n_threads, planes, filters, added, relu, flat, origin, rows, pitch, columns, scratch)
    return out


def weight_gradient(x, g, kernel, padding):
    """The gradient towards weight (C, 1, *kernel)."""
    from .. import vector
    from . import depthwise_loops as loops

    channels, *size = x.shape[1:]
    n_lanes = vector.WIDTH // x.itemsize
    output, columns, rows, pitch = _sizes(tuple(size), kernel, padding, n_lanes)
    n_threads = min(threads.worth(g.size * math.prod(kernel) // 8), channels)
    scratch = np.zeros((n_threads, rows * pitch + n_lanes + output[0] * columns + math.prod(kernel) * n_lanes), x.dtype)
    total = np.empty((channels, math.prod(kernel)), x.dtype)
    origin = padding[0][0] * pitch + padding[1][0]
    x, g = np.ascontiguousarray(x), np.ascontiguousarray(g)
    loops.weight_gradient(*kernel).on(n_threads, x, g, total, origin, rows, pitch, columns, scratch)
    return total.reshape(channels, 1, *kernel)

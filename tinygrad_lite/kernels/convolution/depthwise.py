"""Depthwise convolution (each channel has its own filter) of stride 1 and 2: windows slide over a plane, lanes along its rows."""

from __future__ import annotations

import functools
import math

import numpy as np

from .. import threads
from ..pool import aligned, empty

WINDOWS = ((3, 3), (1, 3), (5, 5), (1, 5))


def applies(size, kernel, stride, dilation, groups, channels, outputs):
    """Whether these loops compute it."""
    fits = len(size) == 2 and kernel in WINDOWS and {*dilation} == {1} and stride in ((1, 1), (2, 2))
    return fits and groups == channels == outputs


@functools.lru_cache(64)
def _sizes(size, kernel, stride, padding, n_lanes):
    """Output size, its columns in whole registers; rows, their pitch and the distance of their phases in the copy of a plane: whole
    registers may be read from any output column on."""
    output = tuple((n + low + high - k) // stride + 1 for n, k, (low, high) in zip(size, kernel, padding))
    columns = -(-output[1] // n_lanes) * n_lanes
    half = max(columns + (kernel[1] - 1) // stride, -(-(size[1] + sum(padding[1])) // stride))
    return output, columns, size[0] + sum(padding[0]), stride * half, half


def correlate(x, weight, bias, stride, padding, relu=False):
    """The output for x (N, C, H, W), weight (C, 1, r, q); one stride for both dimensions."""
    from .. import vector
    from . import depthwise_loops as loops

    n, channels, *size = x.shape
    height, width = weight.shape[2:]
    n_lanes = vector.WIDTH // x.itemsize
    output, columns, rows, pitch, half = _sizes(tuple(size), (height, width), stride, padding, n_lanes)
    out = empty((n, channels, *output), x.dtype)
    n_threads = min(threads.worth(out.size * height * width // 8), n * channels)
    tall = loops.rows_of(height, width)
    scratch = aligned((n_threads, (rows + tall * stride) * pitch + (output[0] + tall) * columns), x.dtype)
    scratch.fill(0)
    planes, flat = np.ascontiguousarray(x).reshape(n * channels, *size), out.reshape(n * channels, *output)
    added = np.zeros(channels, x.dtype) if bias is None else np.ascontiguousarray(bias)
    filters, (top, _), (left, _) = np.ascontiguousarray(weight).reshape(channels, -1), *padding
    kernel = loops.output(height, width, stride)
    kernel.on(n_threads, planes, filters, added, relu, flat, top, left, rows, pitch, half, columns, scratch)
    return out


def input_phases(size, output, kernel, stride, padding):
    """The gradient towards an input of ``size`` from the output's gradient, of size ``output``: first input number in each
    dimension -> (its taps, padding) of a correlation of stride 1, since only every stride-th tap reaches an input number. None if
    a phase has no tap or does not read all of the gradient."""
    reach = []
    for n, m, k, (low, _) in zip(size, output, kernel, padding):
        phases = {}
        for a in range(min(stride, n)):
            taps = [r for r in range(k) if (a + low - r) % stride == 0][::-1]  # output u + (a + low - r) / stride, ascending
            if not taps:
                return None
            before = -((a + low - taps[0]) // stride)
            pads = before, -(-(n - a) // stride) + len(taps) - 1 - m - before
            if min(pads) < 0:
                return None
            phases[a] = taps, pads
        reach.append(phases)
    return {
        (a, b): ((rows, columns), (above, beside))
        for a, (rows, above) in reach[0].items()
        for b, (columns, beside) in reach[1].items()
    }


def weight_gradient(x, g, kernel, stride, padding):
    """The gradient towards weight (C, 1, *kernel)."""
    from .. import vector
    from . import depthwise_loops as loops

    channels, *size = x.shape[1:]
    n_lanes = vector.WIDTH // x.itemsize
    output, columns, rows, pitch, half = _sizes(tuple(size), kernel, stride, padding, n_lanes)
    n_threads = min(threads.worth(g.size * math.prod(kernel) // 8), channels)
    scratch = aligned((n_threads, rows * pitch + n_lanes + output[0] * columns + math.prod(kernel) * n_lanes), x.dtype)
    scratch.fill(0)
    total = np.empty((channels, math.prod(kernel)), x.dtype)
    x, g, (top, _), (left, _) = np.ascontiguousarray(x), np.ascontiguousarray(g), *padding
    loops.weight_gradient(*kernel, stride).on(n_threads, x, g, total, top, left, rows, pitch, half, columns, scratch)
    return total.reshape(channels, 1, *kernel)

"""The loops of `depthwise`."""

from __future__ import annotations

import functools

from ..jit import kernel, share
from ..vector import REGISTERS, at, lanes, pointer, tile_window, tile_window_dots
from .loops import move


def rows_of(height, width):
    """Rows of output that are summed at once: these, the filter and one line should fit the registers."""
    return min(8, max(2, REGISTERS - 2 - height * width))


@functools.cache
def output(height, width):
    """The kernel of the output for a window of this size."""
    tall = rows_of(height, width)

    @kernel(parallel=True)
    def depthwise_output(thread, n_threads, x, weight, bias, relu, out, origin, rows, pitch, columns, scratch):
        n_planes, high, wide = out.shape
        n_channels = weight.shape[0]
        image, zero = pointer(scratch[thread]), x.dtype.type(0)
        result = at(image, (rows + tall) * pitch)
        n_lanes = lanes(image)
        direct = wide >= n_lanes and high >= tall  # then the last register of a row overlaps the one before, and so the last rows
        for p in share(n_planes, thread, n_threads):
            source, target = at(pointer(x), p * x.shape[1] * x.shape[2]), at(pointer(out), p * high * wide)
            for i in range(x.shape[1]):
                move(at(source, i * x.shape[2]), at(image, origin + i * pitch), x.shape[2], zero, False)
            taps, added = pointer(weight[p % n_channels]), bias[p % n_channels]
            for i in range(0, high, tall):
                for j in range(0, wide, n_lanes):
                    if direct:
                        i, j = min(i, high - tall), min(j, wide - n_lanes)
                    step, to = (wide, at(target, i * wide + j)) if direct else (columns, at(result, i * columns + j))
                    tile_window(height, width, tall, at(image, i * pitch + j), pitch, taps, added, relu, to, step)
            for i in range(0 if direct else high):
                move(at(result, i * columns), at(target, i * wide), wide, zero, False)

    return depthwise_output


@functools.cache
def weight_gradient(height, width):
    """The kernel of the weight gradient for a window of this size; each thread takes some channels of all images."""

    @kernel(parallel=True)
    def depthwise_weight_gradient(thread, n_threads, x, g, total, origin, rows, pitch, columns, scratch):
        n_images, n_channels, high, wide = g.shape
        image, zero = pointer(scratch[thread]), x.dtype.type(0)
        n_lanes = lanes(image)
        begin = rows * pitch + n_lanes
        gradient, sums = at(image, begin), scratch[thread, begin + high * columns :]
        for c in share(n_channels, thread, n_threads):
            sums[:] = 0
            for n in range(n_images):
                plane = n * n_channels + c
                source, target = at(pointer(x), plane * x.shape[2] * x.shape[3]), at(pointer(g), plane * high * wide)
                for i in range(x.shape[2]):
                    move(at(source, i * x.shape[3]), at(image, origin + i * pitch), x.shape[3], zero, False)
                for i in range(high):
                    move(at(target, i * wide), at(gradient, i * columns), wide, zero, False)
                for j in range(0, columns, n_lanes):
                    tile_window_dots(height, width, at(image, j), pitch, at(gradient, j), columns, high, pointer(sums))
            for k in range(height * width):
                total[c, k] = sums[k * n_lanes : (k + 1) * n_lanes].sum()

    return depthwise_weight_gradient

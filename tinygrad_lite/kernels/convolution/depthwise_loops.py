"""The loops of `depthwise`. Each thread copies a plane with its border; columns of one phase of the stride become neighbours, so
that neighbouring outputs find each tap in neighbouring numbers."""

from __future__ import annotations

import functools

from ..jit import kernel, part, share
from ..vector import REGISTERS, at, lanes, pointer, tile_window, tile_window_dots
from .loops import move, move_strided


def rows_of(height, width):
    """Rows of output that are summed at once: these, the filter and one line should fit the registers."""
    return min(8, max(2, REGISTERS - 2 - height * width))


@part
def copy_plane(source, high, wide, image, top, left, pitch, half, stride):
    """A plane into its frame, whose rows are ``pitch`` long and whose phases lie ``half`` apart."""
    for i in range(high):
        line = at(image, (top + i) * pitch)
        if stride == 1:
            move(at(source, i * wide), at(line, left), wide, source[0] * 0, False)
        else:
            for phase in range(stride):
                first = (phase - left) % stride
                to, count = phase * half + (first + left) // stride, (wide - first + stride - 1) // stride
                move_strided(at(source, i * wide + first), stride, at(line, to), max(0, count))


@functools.cache
def output(height, width, stride):
    """The kernel of the output for a window of this size."""
    tall = rows_of(height, width)

    @kernel(parallel=True)
    def depthwise_output(thread, n_threads, x, weight, bias, relu, out, top, left, rows, pitch, half, columns, scratch):
        n_planes, high, wide = out.shape
        n_channels = weight.shape[0]
        image, zero = pointer(scratch[thread]), x.dtype.type(0)
        result = at(image, (rows + tall * stride) * pitch)
        n_lanes = lanes(image)
        direct = wide >= n_lanes and high >= tall  # then the last register of a row overlaps the one before, and so the last rows
        for p in share(n_planes, thread, n_threads):
            source, target = at(pointer(x), p * x.shape[1] * x.shape[2]), at(pointer(out), p * high * wide)
            copy_plane(source, x.shape[1], x.shape[2], image, top, left, pitch, half, stride)
            taps, added = pointer(weight[p % n_channels]), bias[p % n_channels]
            for i in range(0, high, tall):
                for j in range(0, wide, n_lanes):
                    if direct:
                        i, j = min(i, high - tall), min(j, wide - n_lanes)
                    step, to = (wide, at(target, i * wide + j)) if direct else (columns, at(result, i * columns + j))
                    origin = at(image, i * stride * pitch + j)
                    tile_window(height, width, stride, tall, origin, pitch, half, taps, added, relu, to, step)
            for i in range(0 if direct else high):
                move(at(result, i * columns), at(target, i * wide), wide, zero, False)

    return depthwise_output


@functools.cache
def weight_gradient(height, width, stride):
    """The kernel of the weight gradient for a window of this size; each thread takes some channels of all images."""

    @kernel(parallel=True)
    def depthwise_weight_gradient(thread, n_threads, x, g, total, top, left, rows, pitch, half, columns, scratch):
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
                copy_plane(source, x.shape[2], x.shape[3], image, top, left, pitch, half, stride)
                for i in range(high):
                    move(at(target, i * wide), at(gradient, i * columns), wide, zero, False)
                for j in range(0, columns, n_lanes):
                    of_image, of_g = at(image, j), at(gradient, j)
                    tile_window_dots(height, width, stride, of_image, pitch, half, of_g, columns, high, pointer(sums))
            for k in range(height * width):
                total[c, k] = sums[k * n_lanes : (k + 1) * n_lanes].sum()

    return depthwise_weight_gradient

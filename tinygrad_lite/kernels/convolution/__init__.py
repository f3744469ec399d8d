"""Cross-correlation of images of any number of dimensions, and its gradients: which algorithm, on how many threads.

x (N, C, *size), weight (K, C / groups, *kernel), out and g (N, K, *output); stride and dilation have a number for each dimension,
padding a pair (before, after).
"""

from __future__ import annotations

import math

import numpy as np

from .. import threads
from ..pool import aligned, empty
from . import depthwise, tables, winograd
from .reuse import kept

MOST_BY_ROWS = 64  # taps: of more, the transposition behind `by_channels` costs less than the runs that lie in two lines
FIRST_CACHE = 1 << 14  # bytes of a block of results, which is read back at once


def set_precision(name):
    """How exact float32 convolutions are.

    "default"  errors up to 1e-5 of the largest value, 3e-5 in the gradient of the weight: squares of 4 x 4 outputs (`winograd`)
    "highest"  1e-6 and 5e-6, about the error of plain sums: squares of 2 x 2 outputs for 3 x 3 filters, plain sums for others
    """
    if name not in ("default", "highest"):
        raise ValueError(f"set_convolution_precision: 'default' or 'highest', got {name!r}")
    winograd.precise = name == "highest"


def correlate(x, weight, bias, stride, padding, dilation, groups, relu=False):
    """out[n, o, p] = sum over c, r of x[n, c, p * stride + r * dilation - before] * weight[o, c, r] (+ bias[o])."""
    (n, channels), size, kernel = x.shape[:2], x.shape[2:], weight.shape[2:]
    of_group = channels // groups, weight.shape[0] // groups
    if m := x.size and winograd.squares(size, kernel, stride, padding, dilation, *of_group, x.dtype):
        return winograd.correlate(x, weight, bias, stride, padding, dilation, groups, m, relu)
    if x.size and depthwise.applies(size, kernel, stride, dilation, groups, channels, weight.shape[0]):
        return depthwise.correlate(x, weight, bias, stride[0], padding, relu)
    used = tables.forward(channels // groups, size, kernel, stride, padding, dilation)
    out = empty((n, weight.shape[0], *tables.output_size(size, kernel, stride, padding, dilation)), x.dtype)
    factors = weight.reshape(groups, weight.shape[0] // groups, used.depth).transpose(0, 2, 1)
    _product(used, x, factors, bias, relu, out.reshape(n, groups, weight.shape[0] // groups, math.prod(out.shape[2:])))
    return out


def input_gradient(g, weight, bias, size, stride, padding, dilation, groups):
    """The gradient towards x of ``size`` (spatial) of `correlate` (+ bias[c])."""
    n, kernel = g.shape[0], weight.shape[2:]
    outputs, channels = weight.shape[0] // groups, weight.shape[1]
    around = tuple((d * (k - 1) - low, d * (k - 1) - high) for k, d, (low, high) in zip(kernel, dilation, padding))
    m = g.size and winograd.squares(size, kernel, stride, padding, dilation, channels, outputs, g.dtype, back=True)
    if m and min(map(min, around)) >= 0:
        return winograd.input_gradient(g, weight, bias, size, stride, padding, dilation, groups, m)
    slides = g.size and depthwise.applies(size, kernel, stride, dilation, groups, groups * channels, g.shape[1])
    if slides and (phases := depthwise.input_phases(size, g.shape[2:], kernel, stride[0], padding)):
        parts = {
            first: depthwise.correlate(g, weight[:, :, rows][..., columns], bias, 1, pads)
            for first, ((rows, columns), pads) in phases.items()
        }
        return parts[0, 0] if len(parts) == 1 else _woven(parts, (n, groups, *size), stride, g.dtype, bias)
    by_tap = weight.reshape(groups, outputs, channels, math.prod(kernel))
    phases, parts = tables.backward(outputs, size, kernel, stride, padding, dilation), {}
    whole = len(phases) == 1 and phases[0][1] == size
    for first, count, taps, used in phases:
        parts[first] = empty((n, groups * channels, *count), g.dtype)
        factors = by_tap[..., taps].transpose(0, 1, 3, 2).reshape(groups, used.depth, channels)
        _product(used, g, factors, bias, False, parts[first].reshape(n, groups, channels, math.prod(count)))
    return parts[phases[0][0]] if whole else _woven(parts, (n, groups * channels, *size), stride, g.dtype, bias)


def _woven(parts, shape, stride, dtype, bias):
    """The gradient whose phases are ``parts`` (first number in each dimension -> array)."""
    from . import loops

    gradient, size = empty(shape, dtype), shape[2:]
    if len(parts) < math.prod(min(s, n) for s, n in zip(stride, size)):
        gradient[...] = 0 if bias is None else bias.reshape(-1, *[1] * len(size))  # what no tap reaches
    for first, part in parts.items():
        if len(size) == 2 and stride[1] == 2 and (first[0], 1 - first[1]) in parts:
            if not first[1]:
                even, odd = (p.reshape(-1, *p.shape[2:]) for p in (part, parts[first[0], 1]))
                loops.weave.run(2 * part.size, even, odd, gradient.reshape(-1, *size), first[0], stride[0])
        else:
            gradient[(..., *[slice(a, None, s) for a, s in zip(first, stride)])] = part
    return gradient


def weight_gradient(x, g, kernel, stride, padding, dilation, groups):
    """The gradient towards weight, with spatial sizes ``kernel``, of `correlate`."""
    of_group = x.shape[1] // groups, g.shape[1] // groups
    if m := g.size and winograd.squares(x.shape[2:], kernel, stride, padding, dilation, *of_group, x.dtype):
        return winograd.weight_gradient(x, g, kernel[0], stride, padding, dilation, groups, m)
    if g.size and depthwise.applies(x.shape[2:], kernel, stride, dilation, groups, x.shape[1], g.shape[1]):
        return depthwise.weight_gradient(x, g, kernel, stride[0], padding)
    used = tables.forward(x.shape[1] // groups, x.shape[2:], kernel, stride, padding, dilation)
    total = _weight_product(used, x, g.reshape(*g.shape[:1], groups, g.shape[1] // groups, math.prod(g.shape[2:])))
    return np.ascontiguousarray(total.transpose(0, 2, 1)).reshape(g.shape[1], x.shape[1] // groups, *kernel)


def _blocks(channels, dtype, runs):
    """(registers, or channels of a block of runs; numbers in the lanes of a block; blocks) for so many output channels."""
    from .. import vector
    from . import loops

    if runs:
        rows = min(channels, loops.MOST_RUNS)
        return rows, rows, -(-channels // rows)
    n_lanes = vector.WIDTH // dtype.itemsize
    registers = -(-channels // n_lanes)
    enough = registers * 17 // 16  # of many registers one that is empty costs less than a kernel more to compile
    vectors = min(loops.ROWS_OF, key=lambda v: (max(enough, -(-registers // v) * v), v != 2))
    return vectors, vectors * n_lanes, -(-registers // vectors)


def _runs_pay(channels, dtype):
    """Whether lanes along runs of pixels are used better than lanes along ``channels``."""
    from .. import vector

    return channels <= max(4, vector.WIDTH // dtype.itemsize // 2)


def _steps(n_lanes, width, n_pixels):
    """Where the rows of a block, and the channels of an image, begin."""
    return np.arange(n_lanes) * np.array([[width], [n_pixels]])


def _images(used, n_threads, dtype, slack):
    """Scratch memory of each thread for the copy of an image; its border is zero, and so is what runs read beyond it."""
    images = aligned((n_threads, used.plane * used.channels + slack), dtype)
    images.fill(0)
    return images


def _product(used, x, factors, bias, relu, out):
    """out[n, g, o, p] = sum over k of factors[g, k, o] * image[n, g][pixels[p] + taps[k]] + bias[g, o]."""
    from .. import vector
    from . import loops

    if not out.size:
        return
    groups, depth, channels = factors.shape
    if not depth:
        out[...] = 0 if bias is None else bias.reshape(groups, channels, 1)
        return
    whole = used.as_it_is and depth == used.channels and out.shape[3] == used.plane  # 1 x 1 filters: all pixels are one row
    row_length, runs = out.shape[3] if whole else used.row_length, _runs_pay(channels, out.dtype)
    if row_length * out.itemsize >= vector.WIDTH and (min(depth, channels) >= 8 if whole else not runs and depth <= MOST_BY_ROWS):
        return _by_rows(used, x, factors, bias, relu, row_length, out)
    size, width, blocks = _blocks(channels, out.dtype, runs)
    weight = _packed(factors, blocks, width)
    added = np.zeros((groups, blocks * width), out.dtype)
    if bias is not None:
        added[:, :channels] = bias.reshape(groups, channels)
    images = np.ascontiguousarray(x).reshape(x.shape[0], groups, math.prod(x.shape[1:]) // groups)
    work = out.size * depth // 8
    n_threads = min(threads.worth(work), x.shape[0] * groups * blocks)
    copies = used.copies if runs or not used.as_it_is else used.copies[:0]
    first = images, used.channels, copies, used.stride, used.plane, used.taps, used.pixels
    if runs:
        run = loops.vectors_of(size) * vector.WIDTH // out.itemsize
        room = max(FIRST_CACHE // out.itemsize // size, used.row_length + 2 * run)
        scratch = _images(used, n_threads, out.dtype, 2 * run), aligned((n_threads, size * room), out.dtype)
        loops.by_runs(size).on(n_threads, *first, used.row_length, weight, added, relu, out, *scratch)
    else:
        rows, step = tables.tile(used, loops.ROWS_OF[size])
        n_lanes = vector.WIDTH // out.itemsize
        chunk = math.lcm(rows, n_lanes)
        chunk *= max(1, FIRST_CACHE // (chunk * width * out.itemsize))
        scratch = (
            _images(used, n_threads, out.dtype, 0) if len(copies) else empty((n_threads, 0), out.dtype),
            aligned((n_threads, chunk * width), out.dtype),
        )
        loops.by_channels(size, rows, step).on(
            n_threads, *first, weight, added, relu, out, _steps(n_lanes, width, out.shape[3]), *scratch
        )


def _packed(factors, blocks, width):
    """factors (groups, depth, channels) as (groups, blocks, depth, width), filled up with zeros."""
    groups, depth, _ = factors.shape
    packed = aligned((groups, blocks, depth, width), factors.dtype)
    for b in range(blocks):
        some = factors[..., b * width : (b + 1) * width]
        packed[:, b, :, : some.shape[2]] = some
        packed[:, b, :, some.shape[2] :] = 0
    return packed


def _by_rows(used, x, factors, bias, relu, row_length, out):
    """`_product` for rows of at least a register of pixels."""
    from .. import vector
    from . import loops

    groups, depth, channels = factors.shape
    registers = -(-row_length * out.itemsize // vector.WIDTH)
    vectors = registers if registers in (1, 3) else 2
    blocks = -(-channels // min(vector.ROWS, (vector.REGISTERS - 2 - vectors) // vectors))
    rows = -(-channels // blocks)

    def pack():
        packed = empty((groups, blocks, depth, rows), out.dtype)
        for b in range(blocks):
            o = min(b * rows, channels - rows)  # the last overlaps the one before
            packed[:, b] = factors[:, :, o : o + rows]
        return packed

    weight = kept(len(x) * out.shape[3], factors.transpose(0, 2, 1), rows, pack)
    added = np.zeros((groups, channels), out.dtype) if bias is None else np.ascontiguousarray(bias.reshape(groups, channels))
    pieces = math.prod(out.shape[:2]) * (out.shape[3] // row_length) * -(-registers // (vectors * loops.PIECE))
    n_threads = min(threads.worth(out.size * depth // 8), pieces)
    images = empty((n_threads, 0), out.dtype) if used.as_it_is else _images(used, n_threads, out.dtype, 0)
    copies = used.copies[:0] if used.as_it_is else used.copies
    x = np.ascontiguousarray(x).reshape(len(x), groups, -1)
    first = x, used.channels, copies, used.stride, used.plane, used.taps, used.pixels, row_length
    loops.by_rows(rows, vectors).on(n_threads, *first, weight, added, relu, out, images)


def _weight_product(used, x, g):
    """total[group, k, o] = sum over n, p of image[n, group][taps[k] + pixels[p]] * g[n, group, o, p]."""
    from .. import vector
    from . import loops

    n, groups, channels, n_pixels = g.shape
    if not g.size or not used.depth:
        return np.zeros((groups, used.depth, channels), g.dtype)
    runs = _runs_pay(channels, g.dtype)
    size, width, blocks = _blocks(channels, g.dtype, runs)
    n_lanes = vector.WIDTH // g.itemsize
    rows = loops.dots_of(size) if runs else loops.ROWS_OF[size]
    n_threads = min(threads.worth(g.size * used.depth // 8), n * groups)
    total = aligned((n_threads, groups, blocks, -(-used.depth // rows) * rows, width), g.dtype)
    total.fill(0)
    images = np.ascontiguousarray(x).reshape(n, groups, -1)
    copies = used.copies if runs or not used.as_it_is else used.copies[:0]
    first = images, used.channels, copies, used.stride, used.plane, used.taps, used.depth, used.pixels
    g = np.ascontiguousarray(g)
    if runs:
        room = -(-max(FIRST_CACHE // g.itemsize // size, used.row_length) // n_lanes) * n_lanes
        scratch = _images(used, n_threads, g.dtype, 2 * n_lanes), aligned((n_threads, size * room), g.dtype)
        loops.weight_by_runs(size).on(n_threads, *first, used.row_length, g, total, *scratch)
    else:
        chunk = FIRST_CACHE // (width * g.itemsize)
        scratch = (
            _images(used, n_threads, g.dtype, 0) if len(copies) else empty((n_threads, 0), g.dtype),
            aligned((n_threads, chunk * width), g.dtype),
        )
        loops.weight_by_channels(size).on(
            n_threads, *first, g, _steps(n_lanes, width, n_pixels), np.zeros(n_lanes, g.dtype), total, *scratch
        )
    total = total.sum(0)[:, :, : used.depth] if n_threads > 1 else total[0, :, :, : used.depth]
    return total.transpose(0, 2, 1, 3).reshape(groups, used.depth, blocks * width)[:, :, :channels]

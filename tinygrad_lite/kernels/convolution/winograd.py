"""Winograd's convolution: for float32 filters of 3 x 3 and 5 x 5 at stride 1 with enough channels, a third of the products."""

from __future__ import annotations

import functools
import math

import numpy as np

from .. import threads
from ..jit import share
from ..pool import aligned, empty

SQUARES = 1 << 18  # bytes of the transformed squares that are worked on at a time: small, so that they stay in the second cache
GRADIENT_SQUARES = 1 << 22  # at most, for the weight gradient: it reads and writes all its sums for each such batch of squares
precise = False  # squares of side 2, whose error is that of the plain sum; see `set_precision`
FROM_CHANNELS = 12  # below, most of a register's lanes would be empty
FILTERS = {3: 25, 5: 50}  # of each filter size: to transform the filters takes as long as the products of so many squares


def squares(n, size, kernel, stride, padding, dilation, groups, channels, outputs, dtype, gradient=False):
    """m, the side of the squares of outputs, or 0 where Winograd's algorithm does not apply or does not pay: for few pixels the
    filters take longer than all products. Plain sums are half as fast again towards the output as towards a gradient."""
    if dtype != np.float32 or len(size) != 2 or kernel not in ((3, 3), (5, 5)) or {*stride, *dilation, groups} != {1}:
        return 0
    output = [n + low + high - k + 1 for n, k, (low, high) in zip(size, kernel, padding)]
    if min(channels, outputs) < FROM_CHANNELS or min(*size, *output) < 4:
        return 0
    m, r = 2 if precise else 4, kernel[0]
    tiles = n * math.prod(-(-s // m) for s in output) + FILTERS[r] * (1 if gradient else 1.5)
    return m if (m, r) != (2, 5) and (m + r - 1) ** 2 * tiles < r * r * n * math.prod(output) else 0


def _longest_share(n, batch, tiles, rows, n_threads):
    """How many tiles of products, each of ``rows`` squares, the busiest thread makes of ``n`` images in batches of ``batch``."""
    made = [-(-min(batch, n - first) * tiles // rows) for first in range(0, n, batch)]
    return max(sum(made[part.start : part.stop]) for part in (share(len(made), t, n_threads) for t in range(n_threads)))


@functools.lru_cache(256)
def plan(n, of_square, size, padding, r, m, n_lanes, rows, n_threads):
    """Of a call: its sizes, where x's numbers go in the image, where the outputs lie in the result, and the output's size.

    of_square  bytes that the transformed squares may take, divided by their channels
    """
    output = tuple(s + low + high - r + 1 for s, (low, high) in zip(size, padding))
    high, wide = (-(-s // m) for s in output)
    height, width = high * m + r - 1, wide * m + r - 1
    tiles = high * wide
    most = max(1, min(-(-n // n_threads), 8 * rows // tiles))  # images that make whole tiles of products
    batch = min(range(1, most + 1), key=lambda b: (_longest_share(n, b, tiles, rows, n_threads), b))
    unit = math.lcm(wide, rows) if math.lcm(wide, rows) <= 8 * rows else wide  # whole rows of tiles, and whole tiles of products
    some = min(unit * max(1, of_square // (4 * (m + r - 1) ** 2) // unit), batch * tiles)
    (top, _), (left, _) = padding
    to_image = ((np.arange(size[0])[:, None] + top) * width + np.arange(size[1]) + left).ravel() * n_lanes
    to_result = (np.arange(output[0])[:, None] * wide * m + np.arange(output[1])).ravel() * n_lanes
    return (batch, height, width, high, wide, some, output[1]), to_image, to_result, output


def _rows_of_lanes(n_lanes, size):
    return np.arange(n_lanes) * size


def filters(weight, m, back=False):
    """U, the transformed filters of ``weight`` (K, C, r, r): (output blocks, positions, C, width of a block). ``back``: those that
    give the gradient of the input, flipped, K and C exchanged."""
    from .. import vector
    from . import winograd_loops as loops

    weight, (outputs, channels, r, _) = np.ascontiguousarray(weight), weight.shape
    first, steps = 0, (channels * r * r, r * r, 1)
    if back:
        first, steps, outputs, channels = r * r - 1, (r * r, channels * r * r, -1), channels, outputs
    n_lanes = vector.WIDTH // 4
    blocks = -(-outputs // (loops.VECTORS * n_lanes))
    made = aligned((blocks, (m + r - 1) ** 2, channels, loops.VECTORS * n_lanes), np.float32)
    n_threads = threads.worth(4 * made.size)
    scratch = aligned((n_threads, r * r * n_lanes), np.float32)
    loops.transform_filters(m, r).on(n_threads, weight.reshape(-1), first, steps, outputs, made, scratch)
    return made


def correlate(x, weight, bias, padding, m, relu=False, back=False):
    """The output for x (N, C, H, W), weight (K, C, r, r), or of ``back`` (C, K, r, r), to be flipped; padding: a pair for height
    and for width."""
    from .. import vector
    from . import winograd_loops as loops

    n, channels, *size = x.shape
    outputs, r = weight.shape[1 if back else 0], weight.shape[2]
    n_lanes, rows = vector.WIDTH // 4, vector.ROWS
    transformed = filters(weight, m, back)
    blocks, _, _, width = transformed.shape
    work = n * outputs * channels * math.prod(size) * r * r // 16
    n_threads = threads.worth(work)
    parts = min(blocks, -(-n_threads // n))  # of fewer images than threads, each thread makes some of the outputs
    n_threads = min(n_threads, n * parts)
    of_threads = min(n_threads, n)
    sizes, to_image, to_result, output = plan(n, SQUARES // channels, tuple(size), padding, r, m, n_lanes, rows, of_threads)
    batch, height, image_width, _, _, some, _ = sizes
    side, x_blocks = (m + r - 1) ** 2, -(-channels // n_lanes)
    room = batch * x_blocks * height * image_width * n_lanes + side * (x_blocks * some + 1) * n_lanes
    tall = -(-some // rows) * rows  # the last tile of products may be longer than what is there
    room += side * (some * width + n_lanes) + tall * width + some * m * m * width
    added = np.zeros(blocks * width, np.float32)
    if bias is not None:
        added[:outputs] = bias
    out = empty((n, outputs, *output), np.float32)
    flat = np.ascontiguousarray(x).reshape(n, channels, -1), transformed, added, relu, out.reshape(n, outputs, -1)
    lines = _rows_of_lanes(n_lanes, math.prod(size)), _rows_of_lanes(n_lanes, math.prod(output))
    depth = np.arange(channels)
    offsets = depth // n_lanes * some * n_lanes + depth % n_lanes
    scratch = aligned((n_threads, room), np.float32)
    kernel = loops.output(m, r, rows, n_lanes)
    kernel.on(n_threads, *flat, parts, sizes, to_image, to_result, *lines, offsets, np.zeros(n_lanes, np.float32), scratch)
    return out


def weight_gradient(x, g, r, padding, m):
    """The gradient towards weight (K, C, r, r) for x (N, C, H, W), g (N, K, ...)."""
    from .. import vector
    from . import winograd_loops as loops

    n, channels, *size = x.shape
    outputs = g.shape[1]
    n_lanes, side = vector.WIDTH // 4, (m + r - 1) ** 2
    rows = min(n_lanes, 8 if vector.REGISTERS > 16 else 4)  # channels of a tile
    width = loops.VECTORS * n_lanes
    blocks, x_blocks, out_blocks = -(-outputs // width), -(-channels // n_lanes), -(-outputs // n_lanes)
    n_threads = min(threads.worth(n * outputs * channels * math.prod(size) * r * r // 16), n)
    of_square = min(8 * side * channels * outputs, GRADIENT_SQUARES) // (channels + outputs)
    sizes, to_image, to_result, output = plan(n, of_square, tuple(size), padding, r, m, n_lanes, vector.ROWS, n_threads)
    batch, height, image_width, high, wide, some, _ = sizes
    room = batch * (x_blocks * height * image_width + out_blocks * high * m * wide * m) * n_lanes
    room += side * (x_blocks * some * n_lanes + blocks * some * width + 2 * n_lanes)
    total = aligned((n_threads, side, blocks, x_blocks * n_lanes, width), np.float32)
    total.fill(0)
    flat = np.ascontiguousarray(x).reshape(n, channels, -1), np.ascontiguousarray(g).reshape(n, outputs, -1)
    lines = _rows_of_lanes(n_lanes, math.prod(size)), _rows_of_lanes(n_lanes, math.prod(output))
    offsets, scratch = np.arange(some) * n_lanes, aligned((n_threads, room), np.float32)
    kernel = loops.weight_gradient(m, r, rows, n_lanes)
    kernel.on(n_threads, *flat, total, sizes, to_image, to_result, *lines, offsets, np.zeros(n_lanes, np.float32), scratch)
    whole = total[0] if n_threads == 1 else total.sum(0)
    by_tap = empty((r * r, channels, blocks * width), np.float32)
    loops.filter_gradient(m, r)(whole, by_tap)
    return np.ascontiguousarray(by_tap[..., :outputs].transpose(2, 1, 0)).reshape(outputs, channels, r, r)

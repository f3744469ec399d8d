"""Winograd's convolution: for float32 filters of 3 x 3 and 5 x 5 with enough channels, a third of the products.

It is for stride 1 and no dilation. Other convolutions become such ones of phases, numbers a fixed distance apart:

    stride s        out[p] = sum over r of x[p s + r] w[r] = sum over a, j of x_a[p + j] w_a[j] with x_a[u] = x[a + s u] and
                    w_a[j] = w[a + s j]: the s * s phases of an image are so many times the channels, under smaller filters
    back from that  (also transposed convolution) the s * s phases of the result are so many times the outputs
    dilation d      the d * d phases of an image are so many images
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from .. import threads
from ..jit import share
from ..pool import aligned, empty
from .reuse import kept

SQUARES = 1 << 18  # bytes of the transformed squares that are worked on at a time: small, so that they stay in the second cache
GRADIENT_SQUARES = 1 << 22  # at most, for the weight gradient: it reads and writes all its sums for each such batch of squares
precise = False  # squares of side 2, whose error is that of the plain sum; see `set_precision`
FROM_CHANNELS = 12  # below, most of a register's lanes would be empty
FROM_CHANNELS_AT_STRIDE = 24  # the phases of an image are four times the channels, and as much more to transform


def squares(size, kernel, stride, padding, dilation, channels, outputs, dtype, back=False):
    """m, the side of the squares of outputs, or 0 where Winograd's algorithm does not apply or does not pay, for ``channels`` and
    ``outputs`` of a group; ``back``: for the gradient of the input."""
    if (
        dtype != np.float32
        or len(size) != 2
        or len({*stride}) > 1
        or len({*dilation}) > 1
        or min(channels, outputs) < FROM_CHANNELS
    ):
        return 0
    (s, _), (d, _) = stride, dilation
    if kernel not in (((3, 3), (5, 5)) if s == 1 else ((3, 3), (4, 4), (5, 5)) if (s, d) == (2, 1) else ()):
        return 0
    if s > 1 and not back and min(channels, outputs) < FROM_CHANNELS_AT_STRIDE:
        return 0
    places = [-(-((n + low + high - d * (k - 1) - 1) // s + 1) // d) for n, k, (low, high) in zip(size, kernel, padding)]
    if min(*size, *places) < 4:
        return 0
    return 4 if not precise else 2 if kernel == (3, 3) and s == d == 1 else 0


CHANNELS, IMAGES, OUTPUTS = range(3)  # what phases are taken for


@dataclass(frozen=True, eq=False)
class Axis:
    """One dimension of a convolution with ``k`` taps as convolutions of stride 1 with ``r``, between phases.

    back    whether it is the gradient of the input: filters are from outputs to channels
    phases  how many
    kind    what they are: channels, images or outputs
    taps    of each phase of filters, the slice of their taps; where they are fewer than r the last are zero
    read    (place, phase) of each number of the image
    made    (place, phase) of each number of the result
    places  of the result
    """

    k: int
    r: int
    back: bool
    phases: int
    kind: int
    taps: tuple
    read: tuple
    made: tuple
    places: int

    def full(self):
        """Of each phase of filters, whether it has all r taps."""
        return [len(range(self.k)[taps]) == self.r for taps in self.taps]


@functools.lru_cache(256)
def along(n, k, stride, dilation, low, high, back=False):
    """The `Axis` of the output, or that of stride 1 ``back`` from it."""
    output = np.arange((n + low + high - dilation * (k - 1) - 1) // stride + 1)
    taps = (slice(None, None, -1),) if back else tuple(slice(a, None, stride) for a in range(stride))
    read, made = np.divmod(np.arange(n) + low, stride * dilation), np.divmod(output, dilation)
    kind = IMAGES if dilation > 1 else CHANNELS
    return Axis(k, -(-k // stride), back, stride * dilation, kind, taps, read, made, -(-output.size // dilation))


@functools.lru_cache(256)
def against(output, k, stride, low, n):
    """The `Axis` of the gradient towards ``n`` numbers of the input from ``output`` numbers, each ``stride`` further.

    Number a + stride u gets output u + e times tap r for each whole e = (a + low - r) / stride.
    """
    last = [max(r for r in range(k) if (a + low - r) % stride == 0) for a in range(stride)]
    first = np.array([(a + low - r) // stride for a, r in enumerate(last)])  # the smallest e of each phase
    u, phase = np.divmod(np.arange(n), stride)
    place, read = u + first[phase] - min(first), np.arange(output) - min(first)
    taps = tuple(slice(r, None, -stride) for r in last)
    return Axis(k, -(-k // stride), True, stride, OUTPUTS, taps, (read, 0 * read), (place, phase), int(max(place)) + 1)


def _longest_share(n, batch, tiles, rows, n_threads):
    """How many tiles of products, each of ``rows`` squares, the busiest thread makes of ``n`` images in batches of ``batch``."""
    made = [-(-min(batch, n - first) * tiles // rows) for first in range(0, n, batch)]
    return max(sum(made[part.start : part.stop]) for part in (share(len(made), t, n_threads) for t in range(n_threads)))


@dataclass(frozen=True, eq=False)
class Plan:
    """Of a call: its sizes as the kernels take them, where the numbers of planes go and come from, and what is to be summed.

    to_image   offset of each number of the image in the blocks of its copy
    to_result  offset of each number of the result in the blocks of squares
    chunks     (1 or output blocks, positions, chunks, 2): from and to which channel is summed at once; where filters are zero, less
    used       (positions, blocks of channels): whether filters are not zero
    image, result  numbers of a batch's copy, and of its squares of outputs
    """

    sizes: tuple
    to_image: np.ndarray
    to_result: np.ndarray
    chunks: np.ndarray
    used: np.ndarray
    image: int
    result: int


@functools.lru_cache(256)
def plan(n, of_channel, down, across, channels, outputs, m, n_lanes, width, rows, depth, n_threads):
    """The `Plan` for ``n`` images; ``of_channel``: bytes that the transformed squares of a channel may take."""
    r, phases, kind = down.r, down.phases * across.phases, down.kind
    x_blocks, out_blocks = -(-channels // n_lanes), -(-outputs // n_lanes)
    parts = phases if kind == IMAGES else 1
    high, wide = -(-down.places // m), -(-across.places // m)
    height = max(high * m + r - 1, int(down.read[0].max(initial=0)) + 1)
    image_width = max(wide * m + r - 1, int(across.read[0].max(initial=0)) + 1)
    x_step, out_step = height * image_width * n_lanes, high * m * wide * m * n_lanes

    def offsets(numbers, row, phase_step):
        (y, a), (x, b) = numbers
        return ((y[:, None] * row + x) * n_lanes + (np.asarray(a)[:, None] * across.phases + b) * phase_step).ravel()

    to_image = offsets((down.read, across.read), image_width, x_blocks * x_step)
    to_result = offsets((down.made, across.made), wide * m, out_blocks * out_step)
    tiles = parts * high * wide
    most = max(1, min(-(-n // n_threads), 8 * rows // tiles))  # images that make whole tiles of products
    batch = min(range(1, most + 1), key=lambda b: (_longest_share(n, b, tiles, rows, n_threads), b))
    unit = math.lcm(wide, rows) if math.lcm(wide, rows) <= 8 * rows else wide  # whole rows of tiles, and whole tiles of products
    some = min(unit * max(1, of_channel // (4 * (m + r - 1) ** 2) // unit), batch * tiles)
    x_blocks *= phases if kind == CHANNELS else 1
    out_blocks *= phases if kind == OUTPUTS else 1
    sizes = batch, parts, height, image_width, high, wide, some, across.made[0].size, x_blocks, out_blocks
    image, result = batch * parts * x_blocks * x_step, batch * parts * out_blocks * out_step
    return Plan(sizes, to_image, to_result, *_sums(down, across, channels, out_blocks, m, n_lanes, width, depth), image, result)


def _sums(down, across, channels, out_blocks, m, n_lanes, width, depth):
    """``chunks`` and ``used`` of a `Plan`. A filter without its last tap is zero at the positions of the point at infinity."""
    n, phases = m + down.r - 1, [(a, b) for a in down.full() for b in across.full()]
    some = [[(i < n - 1 or a) and (j < n - 1 or b) for a, b in phases] for i in range(n) for j in range(n)]
    blocks = -(-channels // n_lanes)
    used = np.repeat(np.array(some), blocks, 1)  # (positions, blocks of channels, or of outputs, of all phases)

    def split(ranges):
        return [(k, min(k + depth, end)) for begin, end in ranges for k in range(begin, end, depth)]

    if down.kind == OUTPUTS:
        of_phase = out_blocks // len(phases)
        per_block = [
            {lane_block // of_phase for lane_block in range(b, min(b + width // n_lanes, out_blocks))}
            for b in range(0, out_blocks, width // n_lanes)
        ]
        made = [[split([(0, channels)] if any(row[p] for p in held) else []) for row in some] for held in per_block]
    else:
        made = [[split([(p * channels, (p + 1) * channels) for p, there in enumerate(row) if there]) for row in some]]
    longest = max(len(chunks) for rows in made for chunks in rows)
    return np.array([[chunks + [(0, 0)] * (longest - len(chunks)) for chunks in rows] for rows in made], np.int64), used


def _rows_of_lanes(n_lanes, size):
    return np.arange(n_lanes) * size


@functools.lru_cache(256)
def _places(down, across, channels, n_lanes):
    """Where each tap of each of ``channels`` goes in (phases, channels, r, r, lanes)."""

    def of(axis):  # (phase, place in it) of each tap
        found = {y: (a, i) for a, taps in enumerate(axis.taps) for i, y in enumerate(range(axis.k)[taps])}
        return np.array([found[y] for y in range(axis.k)]).T

    (a, i), (b, j) = of(down), of(across)
    phase, tap = a[:, None] * len(across.taps) + b, i[:, None] * across.r + j
    return (((phase * channels + np.arange(channels)[:, None, None]) * down.r * across.r + tap) * n_lanes).ravel()


def filters(weight, axes, m):
    """U, the transformed filters of ``weight`` (K, C, k, k), of outputs of channels, or, for the gradient of the input, of channels
    of outputs: (blocks, positions, depth, width of a block)."""
    from .. import vector
    from . import winograd_loops as loops

    r, phases, n_lanes = axes[0].r, len(axes[0].taps) * len(axes[1].taps), vector.WIDTH // 4
    weight = np.ascontiguousarray(weight)
    if axes[0].back:
        (depth, outputs), channels, rounds = weight.shape[:2], 1, weight.shape[0]
        some = -(-outputs // n_lanes), 0, -(-outputs // n_lanes)
    else:
        (outputs, channels), depth, rounds = weight.shape[:2], phases * weight.shape[1], 1
        some = -(-outputs // n_lanes), 1, 0
    places = _places(*axes, channels, n_lanes)
    lane_blocks = some[0] * (phases if axes[0].back else 1)
    width = loops.VECTORS * n_lanes
    made = aligned((-(-lane_blocks // loops.VECTORS), (m + r - 1) ** 2, depth, width), np.float32)
    if lane_blocks % loops.VECTORS:
        made[-1, :, :, lane_blocks % loops.VECTORS * n_lanes :] = 0
    n_threads = min(threads.worth(made.size), some[0])
    scratch = aligned((n_threads, phases * channels * r * r * n_lanes), np.float32)
    if places.size * n_lanes < scratch.shape[1]:
        scratch.fill(0)  # taps that are missing
    planes = weight.reshape(-1, places.size)
    kernel, zeros = loops.transform_filters(m, r), np.zeros(n_lanes, np.float32)
    kernel.on(n_threads, planes, outputs, rounds, *some, _rows_of_lanes(n_lanes, places.size), places, zeros, scratch, made)
    return made


def correlate(x, weight, bias, stride, padding, dilation, groups, m, relu=False):
    """The output for x (N, C, H, W), weight (K, C / groups, k, k); padding: a pair for height and for width."""
    k = weight.shape[2]
    axes = [along(n, k, s, d, *some) for n, s, d, some in zip(x.shape[2:], stride, dilation, padding)]
    return _correlate(x, weight, bias, axes, groups, m, relu)


def input_gradient(g, weight, bias, size, stride, padding, dilation, groups, m):
    """The gradient towards x of ``size`` (spatial) of `correlate` (+ bias[c])."""
    k = weight.shape[2]
    if max(stride) > 1:
        axes = [against(o, k, s, low, n) for o, s, (low, _), n in zip(g.shape[2:], stride, padding, size)]
    else:
        around = [(d * (k - 1) - low, d * (k - 1) - high) for d, (low, high) in zip(dilation, padding)]
        axes = [along(o, k, 1, d, *some, back=True) for o, d, some in zip(g.shape[2:], dilation, around)]
    return _correlate(g, weight, bias, axes, groups, m, False)


def _correlate(x, weight, bias, axes, groups, m, relu):
    """Each group of channels in turn: x (N, C, H, W), weight (outputs, C / groups, k, k) or, back, (C, outputs / groups, k, k)."""
    from .. import vector
    from . import winograd_loops as loops

    back, r, n_lanes, rows, width = axes[0].back, axes[0].r, vector.WIDTH // 4, vector.ROWS, loops.VECTORS * vector.WIDTH // 4
    n, channels, outputs = len(x), x.shape[1] // groups, weight.shape[1] if back else len(weight) // groups
    weight = weight.reshape(groups, -1, *weight.shape[1:])
    depth = channels * (1 if back else len(axes[0].taps) * len(axes[1].taps))
    n_threads = threads.worth(n * weight[0].size * axes[0].places * axes[1].places // 16)
    whole = axes[0].phases > 1 and axes[0].kind in (IMAGES, OUTPUTS)  # the result of a batch is put together before it is written
    shares = 1 if whole else min(-(-outputs // width), -(-n_threads // n))  # of fewer images than threads, each makes some outputs
    n_threads = min(n_threads, n * shares)
    sizes_of = *axes, channels, outputs, m, n_lanes, width, rows, loops.DEPTH[r], min(n_threads, n)
    made = plan(n, SQUARES // depth, *sizes_of)
    some, x_blocks = made.sizes[6], made.sizes[8]
    side = (m + r - 1) ** 2
    room = made.image + side * (x_blocks * some + 1) * n_lanes
    room += side * (some * width + n_lanes) + -(-some // rows) * rows * width
    room += made.result if whole else some * m * m * width
    added = np.zeros((groups, -(-outputs // width) * width), np.float32)
    if bias is not None:
        added[:, :outputs] = bias.reshape(groups, outputs)
    out = empty((n, groups * outputs, *(axis.made[0].size for axis in axes)), np.float32)
    planes, result = np.ascontiguousarray(x).reshape(*x.shape[:2], -1), out.reshape(*out.shape[:2], -1)
    lines = _rows_of_lanes(n_lanes, planes.shape[2]), _rows_of_lanes(n_lanes, result.shape[2])
    of_phase = np.arange(channels) // n_lanes * some * n_lanes + np.arange(channels) % n_lanes
    offsets = (np.arange(depth // channels)[:, None] * (-(-channels // n_lanes) * some * n_lanes) + of_phase).ravel()
    scratch = aligned((n_threads, room), np.float32)
    tables = made.to_image, made.to_result, *lines, made.chunks, offsets, np.zeros(n_lanes, np.float32), scratch
    kernel = loops.output(m, r, rows, n_lanes)
    n_pixels = math.prod((n, *out.shape[2:]))
    how = m, axes[0].back, *((taps.start, taps.step) for axis in axes for taps in axis.taps)
    for i in range(groups):
        made_filters = kept(n_pixels, weight[i], how, functools.partial(filters, weight[i], axes, m))
        kernel.on(n_threads, planes, made_filters, added[i], relu, result, (i, groups), shares, whole, made.sizes, *tables)
    return out


def weight_gradient(x, g, k, stride, padding, dilation, groups, m):
    """The gradient towards weight (K, C / groups, k, k) for x (N, C, H, W), g (N, K, ...)."""
    from .. import vector
    from . import winograd_loops as loops

    n, channels, outputs = len(x), x.shape[1] // groups, g.shape[1] // groups
    axes = [along(i, k, s, d, *some) for i, s, d, some in zip(x.shape[2:], stride, dilation, padding)]
    r, phases = axes[0].r, len(axes[0].taps) * len(axes[1].taps)
    n_lanes, side = vector.WIDTH // 4, (m + r - 1) ** 2
    rows = min(n_lanes, 8 if vector.REGISTERS > 16 else 4)  # channels of a tile
    width = loops.VECTORS * n_lanes
    blocks, depth = -(-outputs // width), channels * phases
    n_threads = min(threads.worth(n * outputs * channels * math.prod(g.shape[2:]) * k * k // 16), n)
    of_channel = min(8 * side * depth * outputs, GRADIENT_SQUARES) // (depth + outputs)
    made = plan(n, of_channel, *axes, channels, outputs, m, n_lanes, width, vector.ROWS, loops.DEPTH[r], n_threads)
    some, x_blocks = made.sizes[6], made.sizes[8]
    room = made.image + made.result + side * (x_blocks * some * n_lanes + blocks * some * width + 2 * n_lanes)
    total = aligned((n_threads, side, blocks, x_blocks * n_lanes, width), np.float32)
    planes = [np.ascontiguousarray(a).reshape(*a.shape[:2], -1) for a in (x, g)]
    lines = [_rows_of_lanes(n_lanes, a.shape[2]) for a in planes]
    zeros, scratch = np.zeros(n_lanes, np.float32), aligned((n_threads, room), np.float32)
    tables = made.to_image, made.to_result, *lines, made.used, np.arange(some) * n_lanes, zeros, scratch
    places = _places(*axes, channels, n_lanes)
    gradient = empty((groups, outputs, channels, k, k), np.float32)
    n_finishing = min(threads.worth(total[0].size), -(-outputs // n_lanes))
    taps = aligned((n_finishing, depth * r * r * n_lanes), np.float32)
    finish = places, zeros, taps
    for i in range(groups):
        total.fill(0)
        loops.weight_gradient(m, r, rows, n_lanes).on(n_threads, *planes, total, (i, groups), made.sizes, *tables)
        summed, flat = total[0] if n_threads == 1 else total.sum(0), gradient[i].reshape(outputs, -1)
        loops.filter_gradient(m, r).on(n_finishing, summed, channels, phases, _rows_of_lanes(n_lanes, places.size), *finish, flat)
    return gradient.reshape(-1, channels, k, k)

"""The tables of offsets that make a convolution a product (`loops`), for any number of dimensions, stride, padding and dilation."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np

MARGIN = 64  # entries beyond the end of a table, which the last tile reads: more than any tile has rows


@dataclass(frozen=True, eq=False)
class Gather:
    """Where the numbers of one image lie for a product.

    as_it_is    whether the copy equals the image
    copies      (rows x phases, 3): from, to, how many
    stride      between numbers that `copies` brings together
    plane       numbers of a channel in the copy
    taps        (channels * taps), and `MARGIN`: offset of each tap of each channel
    pixels      (pixels), and `MARGIN`: offset of each output pixel
    row_length  pixels that are neighbours
    depth       channels * taps
    """

    channels: int
    as_it_is: bool
    copies: np.ndarray
    stride: int
    plane: int
    taps: np.ndarray
    pixels: np.ndarray
    row_length: int
    depth: int


def _sums(parts):
    """All sums of one number of each part, in row-major order."""
    return functools.reduce(lambda total, part: (total[:, None] + np.asarray(part, np.int64)).ravel(), parts, np.zeros(1, np.int64))


def _with_margin(table):
    return np.concatenate([table, np.full(MARGIN, table[-1] if table.size else 0)])


def gather(channels, size, before, after, stride, shifts, count):
    """The `Gather` of images of ``size`` with ``before`` and ``after`` zeros around, in each dimension.

    shifts  of each dimension, the distance of each tap from the first number of its window
    count   of each dimension, the number of output pixels; they are ``stride`` apart
    """
    n_dims = len(size)
    lengths = [-(-(n + low + high) // s) for n, low, high, s in zip(size, before, after, stride)]
    pitches = [math.prod(lengths[i + 1 :]) for i in range(n_dims)]
    phase_pitches = [math.prod(lengths) * math.prod(stride[i + 1 :]) for i in range(n_dims)]
    plane = math.prod(lengths) * math.prod(stride)

    def offset(i, z):  # of number z of dimension i, border included
        return z % stride[i] * phase_pitches[i] + z // stride[i] * pitches[i]

    taps = _sums([[offset(i, z) for z in shifts[i]] for i in range(n_dims)])
    pixels = _sums([np.arange(count[i]) * pitches[i] for i in range(n_dims)])
    used = [{z % s for z in some} for some, s in zip(shifts, stride)]  # the other phases are never read
    rows = []
    for place in itertools.product(*map(range, size[:-1])):
        z = [p + low for p, low in zip(place, before)]
        if all(v % s in phases for v, s, phases in zip(z, stride, used)):
            begin = sum(p * math.prod(size[i + 1 :]) for i, p in enumerate(place))
            rows.append((begin, sum(offset(i, v) for i, v in enumerate(z))))
    last, low, step = n_dims - 1, before[-1], stride[-1]
    ends = [(first, offset(last, first + low), -(-(size[-1] - first) // step)) for p in used[-1] for first in [(p - low) % step]]
    table = [(begin + first, to + more, n) for begin, to in rows for first, more, n in ends if n > 0]
    copies = np.array(table or [(0, 0, 0)], np.int64)
    as_it_is = not any(before) and not any(after) and all(s == 1 for s in stride)
    every = (np.arange(channels)[:, None] * plane + taps).ravel()
    return Gather(channels, as_it_is, copies, stride[-1], plane, _with_margin(every), _with_margin(pixels), count[-1], every.size)


def tile(used, most):
    """(rows, step): pixels of a tile, at most ``most``. Where a number of at least 8 divides the rows of the image, the pixels of a
    tile are neighbours (step 1); else they are any (step 0) and the kernel looks up their offsets, which costs a tenth."""
    rows = max((r for r in range(8, most + 1) if used.row_length % r == 0), default=0)
    return (rows, 1) if rows else (most, 0)


@functools.lru_cache(256)
def forward(channels, size, kernel, stride, padding, dilation):
    """For the output. ``padding``: (before, after) in each dimension."""
    before, after = zip(*padding)
    shifts = tuple(tuple(r * d for r in range(k)) for k, d in zip(kernel, dilation))
    return gather(channels, size, before, after, stride, shifts, output_size(size, kernel, stride, padding, dilation))


@functools.lru_cache(256)
def backward(channels, size, kernel, stride, padding, dilation):
    """For the gradient of the input, of ``size``: a list of (first input number and how many in each dimension, positions of the
    taps that reach them, `Gather` of the output's gradient), one for each phase of the stride, since only every stride-th tap
    reaches an input number.

    Input i = phase + s u gets output o = u + (phase + before - r d) / s from each tap r for which that is whole.
    """
    output = output_size(size, kernel, stride, padding, dilation)
    reach = []  # of each dimension, of each phase: (first, count, taps, shifts)
    for n, k, s, (low, _), d in zip(size, kernel, stride, padding, dilation):
        phases = [(a, -(-(n - a) // s), [r for r in range(k) if (a + low - r * d) % s == 0]) for a in range(min(s, n))]
        reach.append([(a, count, taps, [(a + low - r * d) // s for r in taps]) for a, count, taps in phases])
    before = [max(0, -min((e for *_, shifts in phases for e in shifts), default=0)) for phases in reach]
    after = [
        max(0, max((count + max(shifts) for _, count, _, shifts in phases if shifts), default=0) - n)
        for phases, n in zip(reach, output)
    ]
    made = []
    for phase in itertools.product(*reach):
        first, count, taps, shifts = zip(*phase)
        if all(taps):
            shifts = tuple(tuple(e + low for e in some) for some, low in zip(shifts, before))
            used = gather(channels, output, before, after, (1,) * len(size), shifts, count)
            made.append((first, count, _sums([np.array(t) * math.prod(kernel[i + 1 :]) for i, t in enumerate(taps)]), used))
    return made


def output_size(size, kernel, stride, padding, dilation):
    """Pixels of the output in each dimension."""
    return tuple(
        (n + low + high - d * (k - 1) - 1) // s + 1 for n, k, s, (low, high), d in zip(size, kernel, stride, padding, dilation)
    )

"""Where the windows of a pooling lie, and what the loops read off that."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

WIDE = 16  # numbers of the longest blocks
GROUP = 64  # windows that are worked on together: smaller planes are put together


class Axis(NamedTuple):
    """The windows along one dimension.

    size, count                numbers of the input, windows over it
    taps                       numbers in a window (the most, where they differ)
    stride, padding, dilation  window ``i`` has its tap ``k`` at i * stride - padding + k * dilation; stride 0: no such rule
    begin, first, stop         (count) for each window: where tap 0 lies, its first tap inside of the input, the one after its last
    """

    size: int
    count: int
    taps: int
    stride: int
    padding: int
    dilation: int
    begin: np.ndarray
    first: np.ndarray
    stop: np.ndarray

    @property
    def framed(self):
        """The size with all that a window touches, from ``padding`` before the input."""
        return max(self.padding + self.size, (self.count - 1) * self.stride + (self.taps - 1) * self.dilation + 1)

    @property
    def tiled(self):
        """Whether the windows lie side by side, inside of the input."""
        return self.stride == self.taps and self.dilation == 1 and self.framed == self.size


def regular(size, count, taps, stride, padding=0, dilation=1):
    """``count`` windows, ``stride`` apart."""
    begin = np.arange(count) * stride - padding
    first = np.maximum(0, -(begin // dilation))
    return Axis(size, count, taps, stride, padding, dilation, begin, first, np.minimum(taps, -((begin - size) // dilation)))


def adaptive(size, count):
    """``count`` windows that cover the input evenly: from floor(i size / count) to ceil((i + 1) size / count)."""
    if count and size % count == 0:
        return regular(size, count, size // count, size // count)
    begin = np.arange(count) * size // count
    length = -(-(np.arange(count) + 1) * size // count) - begin
    return Axis(size, count, int(length.max(initial=1)), 0, 0, 1, begin, np.zeros_like(begin), length)


def sums(*parts):
    """All sums of one number from each array, in order."""
    return functools.reduce(np.add.outer, parts).reshape(-1)


class Grid:
    """The windows in one to three dimensions.

    size, count    the input's and the output's spatial shape
    taps           numbers in a window
    shape          the input's size in three dimensions, 1 in front
    rows, columns  the last two dimensions
    """

    def __init__(self, axes):
        self.axes = axes
        self.size, self.count = tuple(a.size for a in axes), tuple(a.count for a in axes)
        self.windows, self.taps = math.prod(self.count), math.prod(a.taps for a in axes)
        self.three = (regular(1, 1, 1, 1),) * (3 - len(axes)) + tuple(axes)
        self.shape = tuple(a.size for a in self.three)
        self.rows, self.columns = self.three[1:]
        self.index_dtype = np.dtype(np.uint8 if self.taps <= 256 else np.int32)
        self.regular = all(a.stride for a in axes)
        self.inside = all(a.framed == a.size for a in self.three)
        self.whole = self.windows == 1 and self.inside and self.taps == math.prod(self.size)
        self.in_rows = self.regular and len(axes) < 3 and self.columns.stride <= 2
        self.in_pairs = self.in_rows and self.rows.tiled and self.columns.tiled and self.columns.taps == 2

    def _taps(self, steps):
        """How far each tap lies from tap 0, for a distance in memory of neighbours in each dimension."""
        return sums(*[np.arange(a.taps) * a.dilation * step for a, step in zip(self.three, steps)])

    @functools.cached_property
    def singly(self):
        """For `loops`: (deep, high, wide), steps, taps."""
        steps = self.size[-1] * self.shape[1], self.size[-1], 1
        tables = tuple(np.array([a.begin * step, a.first, a.stop]) for a, step in zip(self.three, steps))
        apart = np.array([[a.taps for a in self.three], [a.dilation * step for a, step in zip(self.three, steps)]])
        return tables, apart, self._taps(steps)

    @functools.cached_property
    def by_rows(self):
        """For `rows.pool_rows`: (in pairs, taps to unroll), (layout, places, taps, first_row, first_column)."""
        rows, columns = self.rows, self.columns
        of_columns = np.zeros(max(WIDE, columns.count), self.index_dtype)
        of_columns[: columns.count] = columns.first
        first = (rows.first * columns.taps).astype(self.index_dtype), of_columns
        if self.inside and (columns.stride == 1 or (columns.taps == 2 and columns.dilation == 1)):
            layout = 0, columns.size, 0, rows.stride, 0
            unrolled = 4 if self.taps == 4 else 0
            return (columns.stride == 2, unrolled), (layout, np.zeros(1, np.int64), self._taps((0, columns.size, 1)), *first)
        stride = columns.stride
        part = -(-columns.framed // stride)  # columns of each phase
        begin, b = np.arange(stride) + columns.padding, np.arange(columns.taps) * columns.dilation
        places, pitch = begin % stride * part + begin // stride, stride * part
        layout = rows.framed * pitch, pitch, rows.padding, rows.stride, (rows.taps - 1) * rows.dilation + 1 - rows.padding
        taps = sums(np.arange(rows.taps) * rows.dilation * pitch, b % stride * part + b // stride)
        return (False, 0), (layout, places, taps, *first)

    @functools.cached_property
    def _anywhere(self):
        """`anywhere` for one plane, and the size of a plane."""
        frame = tuple(a.framed for a in self.three)
        steps = frame[1] * frame[2], frame[2], 1
        begin = sums(*[np.arange(a.count) * a.stride * step for a, step in zip(self.three, steps)])
        first = sums(*[a.first * math.prod(b.taps for b in self.three[d + 1 :]) for d, a in enumerate(self.three)])
        return (not self.inside, frame, tuple(a.padding for a in self.three)), begin, self._taps(steps), first, math.prod(frame)

    @functools.lru_cache(8)  # noqa: B019  (a grid lives as long as its cache)
    def anywhere(self, planes):
        """For `rows.pool_anywhere`: framed, frame_shape, border, begin, taps, first."""
        layout, begin, taps, first, size = self._anywhere
        group = min(planes, -(-GROUP // self.windows))
        begin = sums(np.arange(group) * size, begin).astype(np.int32)
        return *layout, begin, taps, np.tile(first, group).astype(self.index_dtype)

    @functools.cached_property
    def back(self):
        """For `rows.unpool_rows`: layout, places, begin_over, over, shift."""
        rows, columns = self.rows, self.columns
        step, blocks = columns.stride, -(-columns.size // columns.stride)
        column = np.arange(columns.taps) * columns.dilation - columns.padding  # of each tap in the first window
        distance = -(column // step)
        margin = max(0, -int(distance.min()))
        pitch = margin + max(columns.count, blocks + int(distance.max()))
        over = [
            [(o // rows.stride, a * columns.taps) for a in range(rows.taps)
             if (o := h + rows.padding - a * rows.dilation) % rows.stride == 0 and 0 <= o < rows.count * rows.stride]
            for h in range(rows.size)
        ]  # fmt: skip
        begin_over = np.cumsum([0, *map(len, over)])
        pairs = np.array([pair for pairs in over for pair in pairs], np.int64).reshape(-1, 2)
        by_phase = np.argsort(column % step, kind="stable")
        shift = np.stack([np.arange(columns.taps), margin + distance], 1)[by_phase]
        return (pitch, 0, blocks, step, int((column % step == 0).sum())), np.array([margin]), begin_over, pairs, shift


def lanes(count):
    """How many neighbours of a row of ``count`` are worked on at once; 0: loops over single numbers do as well."""
    return WIDE if count >= WIDE else 8 if count >= 8 else 4 if count >= 4 else 0

"""Pooling of planes, a few neighbours of a row at once (`Lanes`): for windows at regular distances, in at most two dimensions.

x (planes, height, width), values (planes, rows, columns): one number for each window. A row of windows ends with a block that
overlaps the block before, so that no number is left over. Where windows overlap or reach beyond the plane, the plane is first
copied into a frame in which every window has all of its taps, and in which columns that are a stride apart are neighbours:

    x   a b c d e       frame, stride 2, padding 1   . b d . | a c e .

There a window finds tap t at a fixed distance, ``taps[t]``, and its neighbour finds it one further. Windows that lie side by side,
two columns wide, are read where they are (``step`` 2).
"""

from __future__ import annotations

import functools

import numpy as np

from ..jit import kernel, part, share
from ..lanes import choose, full, gather, load, load_pairs, prefetch, store, store_pairs, total
from .tables import WIDE

AHEAD = 512  # numbers: so far ahead memory is asked for, while the processor computes on what is here
CHUNK = 1 << 11  # bytes of rows that are copied at once, just before they are needed: both stay in the first cache
NARROW = 4  # numbers of the shortest blocks


@part
def into_frame(x, begin, width, count, places, frame, first, pitch):
    """Copy ``count`` rows from x[begin] on into a frame, from row ``first`` on; ``places`` says where each phase of columns begins.
    One function for rows of any width."""
    stride = places.size
    for h in range(count):
        source, target = begin + h * width, (first + h) * pitch
        if stride == 1 and width >= WIDE:
            for block in range(0, width, WIDE):
                w = min(block, width - WIDE)
                prefetch(x, source + w + AHEAD)
                store(frame, target + places[0] + w, load(x, source + w, WIDE))
        elif stride == 1 and width >= NARROW:
            for block in range(0, width, NARROW):
                w = min(block, width - NARROW)
                store(frame, target + places[0] + w, load(x, source + w, NARROW))
        elif stride == 2 and width >= 2 * NARROW:
            half = width // 2
            for block in range(0, half if half >= WIDE else 0, WIDE):
                w = min(block, half - WIDE)
                even, odd = load_pairs(x, source + 2 * w, WIDE)
                prefetch(x, source + 2 * w + AHEAD)
                prefetch(x, source + 2 * w + AHEAD + WIDE)
                store(frame, target + places[0] + w, even)
                store(frame, target + places[1] + w, odd)
            for block in range(0, half if half < WIDE else 0, NARROW):
                w = min(block, half - NARROW)
                even, odd = load_pairs(x, source + 2 * w, NARROW)
                store(frame, target + places[0] + w, even)
                store(frame, target + places[1] + w, odd)
            if width % 2:
                frame[target + places[0] + half] = x[source + width - 1]
        else:
            for w in range(width):
                frame[target + places[w % stride] + w // stride] = x[source + w]


@part
def larger(best, index, value, tap):
    """The larger of ``best`` and ``value``, and its tap: the first of equals; NaN is larger than all."""
    better = (value > best) | (value != value)
    return choose(better, value, best), choose(better, tap, index)


@functools.cache
def window(largest, n, in_pairs, n_taps):
    """The function that goes through the taps of ``n`` windows, tap 0 of the first at ``source[at]``: see `pool_rows`."""

    @part(forceinline=True)
    def reduced(source, chosen, at, taps, best, index, count):
        number = chosen.dtype.type
        if in_pairs:
            for t in range(0, n_taps or taps.size, 2):
                left, right = load_pairs(source, at + taps[t], n)
                if largest:
                    best, index = larger(best, index, left, full(number(t), n))
                    best, index = larger(best, index, right, full(number(t + 1), n))
                else:
                    best = best + (left + right)
        else:
            for t in range(n_taps or taps.size):
                value = load(source, at + taps[t], n)
                if largest:
                    best, index = larger(best, index, value, full(number(t), n))
                else:
                    best = best + value
        return (best if largest else best / full(count, n)), index

    return reduced


@functools.cache
def pool_rows(largest, n, in_pairs, n_taps):
    """The kernel for blocks of ``n`` windows; in a frame there may be fewer in a row.

    largest   the largest number of each window and the number of its tap (the first of equals; NaN is larger than all), or the sum
    in_pairs  windows are two columns wide, side by side, and read where they are
    n_taps    how many taps a window has, or 0: as many as ``taps``
    """
    reduced = window(largest, n, in_pairs, n_taps)

    @kernel(parallel=True)
    def pool_windows(thread, n_threads, x, layout, places, taps, first_row, first_column, outside, count, indices, values):
        frame_size, pitch, top, stride, reach = layout
        planes, height, width = x.shape
        rows, columns = values.shape[1:]
        numbers, results, chosen = x.ravel(), values.ravel(), indices.ravel()
        frame = np.full(frame_size + n if frame_size else 0, outside)
        line, line_chosen = np.empty(n, x.dtype), np.empty(n, indices.dtype)
        chunk = max(1, CHUNK // (pitch * x.itemsize))
        mine = share(planes, thread, n_threads)
        end = mine.stop * rows * columns
        for m in mine:
            source, begin, copied = frame, 0, 0
            if not frame_size:
                source, begin, copied = numbers, m * height * width, height
            for o in range(rows):
                needed = min(height, (o + 1) * stride + reach)  # those of the next row of windows too
                if copied < needed:
                    more = max(needed - copied, min(chunk, height - copied))
                    into_frame(numbers, (m * height + copied) * width, width, more, places, frame, copied + top, pitch)
                    copied += more
                row, at = (m * rows + o) * columns, begin + o * stride * pitch
                if columns >= n:
                    for block in range(0, columns, n):
                        p = min(block, columns - n)
                        index = load(first_column, p, n) + full(first_row[o], n)
                        best, index = reduced(source, chosen, at + p + (p if in_pairs else 0), taps, full(outside, n), index, count)
                        store(results, row + p, best)
                        if largest:
                            store(chosen, row + p, index)
                else:
                    index = load(first_column, 0, n) + full(first_row[o], n)
                    best, index = reduced(source, chosen, at, taps, full(outside, n), index, count)
                    if row + n <= end:  # what goes beyond the row is written again with the rows below
                        store(results, row, best)
                        if largest:
                            store(chosen, row, index)
                    else:
                        store(line, 0, best)
                        store(line_chosen, 0, index)
                        for w in range(columns):
                            results[row + w] = line[w]
                            if largest:
                                chosen[row + w] = line_chosen[w]

    return pool_windows


@functools.cache
def pool_anywhere(largest, n):
    """The kernel for blocks of ``n`` windows wherever they lie: tap 0 of a window is at ``begin``. As `pool_rows`, in three
    dimensions; small planes are worked on in groups, ``begin`` and ``first`` go through the windows of all of a group."""

    @kernel(parallel=True)
    def pool_gathered(thread, n_threads, x, framed, frame_shape, border, begin, taps, first, outside, count, indices, values):
        (frame_depth, frame_height, frame_width), (front, top, left) = frame_shape, border
        planes, depth, height, width = x.shape
        windows = values.shape[1]
        group = begin.size // windows
        numbers, results, chosen = x.ravel(), values.ravel(), indices.ravel()
        number, places = indices.dtype.type, np.full(1, left)
        frame = np.full(group * frame_depth * frame_height * frame_width if framed else 0, outside)
        for k in share((planes + group - 1) // group, thread, n_threads):
            m = min(k * group, planes - group)  # the last group may overlap the one before
            source, origin = numbers, m * depth * height * width
            if framed:
                source, origin = frame, 0
                for i in range(group * depth):
                    at = (i // depth * frame_depth + i % depth + front) * frame_height + top
                    begin_of = (m * depth + i) * height * width
                    into_frame(numbers, begin_of, width, height, places, frame, at, frame_width)
            for block in range(0, begin.size, n):
                w = min(block, begin.size - n)
                target = m * windows + w
                if largest:
                    best, index = full(outside, n), load(first, w, n)
                    for t in range(taps.size):
                        value = gather(source, origin + taps[t], begin, w, n)
                        best, index = larger(best, index, value, full(number(t), n))
                    store(results, target, best)
                    store(chosen, target, index)
                else:
                    sums = full(outside, n)
                    for t in range(taps.size):
                        sums = sums + gather(source, origin + taps[t], begin, w, n)
                    store(results, target, sums / full(count, n))

    return pool_gathered


@functools.cache
def unpool_pairs(chosen, n):
    """The kernel for windows that lie side by side, two columns wide: each number of ``g`` goes to all places of its window,
    divided by ``count``, or to the ``chosen`` one."""

    @kernel(parallel=True)
    def unpool_side_by_side(thread, n_threads, g, indices, high, count, out):
        planes, height, width = out.shape
        rows, columns = g.shape[1:]
        numbers, where, results = g.ravel(), indices.ravel(), out.ravel()
        nothing, number = full(g.dtype.type(0), n), indices.dtype.type
        for m in share(planes, thread, n_threads):
            for h in range(height):
                o, target = h // high, (m * height + h) * width
                tap = (h - o * high) * 2
                used = 2 * columns if o < rows else 0
                for block in range(0, used // 2, n):
                    p = min(block, columns - n)
                    at = (m * rows + o) * columns + p
                    value = load(numbers, at, n)
                    if chosen:
                        index = load(where, at, n)
                        left = choose(index == full(number(tap), n), value, nothing)
                        right = choose(index == full(number(tap + 1), n), value, nothing)
                        store_pairs(results, target + 2 * p, left, right)
                    else:
                        value = value / full(count, n)
                        store_pairs(results, target + 2 * p, value, value)
                for w in range(used, width):
                    results[target + w] = 0

    return unpool_side_by_side


@functools.cache
def unpool_rows(chosen, n):
    """The kernel for windows that overlap, one or two columns apart: as `unpool_pairs`. Each place gathers from the windows over
    it; the last block of a row may reach beyond the row.

    layout            of the frame: columns of a row, rows above; places of a phase in a row; how far windows are apart; how many
                      taps of a row lie at even places: the first
    begin_over, over  (height + 1) and (all, 2): for each row of the plane the rows of windows that lie over it, and the number of
                      the first tap that they have there
    shift             (taps in a row, 2): the number of a tap in its row, and how far its window is from there, in the frame of g
    """

    @kernel(parallel=True)
    def unpool_overlapping(thread, n_threads, g, indices, layout, places, begin_over, over, shift, count, out):
        pitch, top, blocks, step, n_even = layout
        planes, height, width = out.shape
        rows, columns = g.shape[1:]
        numbers, where, results = g.ravel(), indices.ravel(), out.ravel()
        nothing, number = full(g.dtype.type(0), n), indices.dtype.type
        frame, frame_where = np.zeros(rows * pitch + n, g.dtype), np.zeros(rows * pitch + n if chosen else 0, indices.dtype)
        line = np.empty((blocks + n) * step, g.dtype)
        for m in share(planes, thread, n_threads):
            into_frame(numbers, m * rows * columns, columns, rows, places, frame, top, pitch)
            if chosen:
                into_frame(where, m * rows * columns, columns, rows, places, frame_where, top, pitch)
            for h in range(height):
                for q in range(0, blocks, n):
                    even, odd = nothing, nothing
                    for i in range(begin_over[h], begin_over[h + 1]):
                        at = over[i, 0] * pitch + q
                        for j in range(n_even):
                            value = load(frame, at + shift[j, 1], n)
                            if chosen:
                                index = load(frame_where, at + shift[j, 1], n)
                                value = choose(index == full(number(over[i, 1] + shift[j, 0]), n), value, nothing)
                            even = even + value
                        for j in range(n_even, shift.shape[0]):
                            value = load(frame, at + shift[j, 1], n)
                            if chosen:
                                index = load(frame_where, at + shift[j, 1], n)
                                value = choose(index == full(number(over[i, 1] + shift[j, 0]), n), value, nothing)
                            odd = odd + value
                    if not chosen:
                        even = even / full(count, n)
                    if step == 1:
                        store(line, q, even)
                    else:
                        store_pairs(line, 2 * q, even, odd if chosen else odd / full(count, n))
                target = results[(m * height + h) * width :]
                for w in range(width):
                    target[w] = line[w]

    return unpool_overlapping


@functools.cache
def sum_planes(n):
    """The kernel for one window over all of a plane."""

    @kernel(parallel=True)
    def sum_all(thread, n_threads, x, count, values):
        planes, size = x.shape
        numbers = x.ravel()
        for m in share(planes, thread, n_threads):
            at, sums = m * size, full(x.dtype.type(0), n)
            for block in range(0, size - n + 1, n):
                prefetch(numbers, at + block + AHEAD)
                sums = sums + load(numbers, at + block, n)
            value = total(sums)
            for j in range(size // n * n, size):
                value += numbers[at + j]
            values[m] = value / count

    return sum_all

"""Pooling: which loop, for x (..., *size), values and g (..., *count) of a `tables.Grid`; the dimensions in front are planes.

What a call needs beside its arrays is made once for each grid and shape and kept: on small images that work takes longer than the
arithmetic, and the big ones have driven it out of the caches.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from ..pool import empty
from . import loops, tables

NO_INDICES = np.zeros((1, 1, 1), np.uint8)


class Call(NamedTuple):
    """How a loop is called: ``loop.run(work, source, *fixed, *results)``.

    shape, source, result  of the whole result; of what is read and what is written, as the loop sees them
    zeroed                 whether the result must hold zeros before
    """

    shape: tuple
    loop: Any = None
    work: int = 0
    fixed: tuple = ()
    source: tuple = ()
    result: tuple = ()
    zeroed: bool = False


@functools.lru_cache(maxsize=512)
def _forward(grid, shape, dtype, count, largest):
    """The call for images of ``shape``: the largest of each window and its tap, or the sum divided by ``count``."""
    dims = len(grid.axes)
    out, n_planes = (*shape[:-dims], *grid.count), math.prod(shape[:-dims])
    if not n_planes * grid.windows:
        return Call(out)
    work, flat, count = n_planes * grid.windows * grid.taps, (n_planes, grid.windows), dtype.type(count)
    n_rows = tables.lanes(grid.count[-1]) if grid.in_rows else 0
    n = n_rows or tables.lanes(grid.windows * n_planes)
    if grid.whole and not largest:
        loop = _rows().sum_planes(8 if grid.taps >= 8 else 1)
        return Call(out, loop, work, (count,), (n_planes, grid.taps), (n_planes,))
    if not (n and grid.regular and dtype.kind == "f"):
        axes, steps, _ = grid.singly
        fixed = (grid.size[-1], *axes, steps) if largest else (grid.size[-1], *axes, steps, count)
        loop = loops.max_loop if largest else loops.sum_loop
        return Call(out, loop, 4 * work, fixed, (n_planes, math.prod(grid.size)), flat)
    end = dtype.type(-math.inf if largest else 0), count, *(() if largest else (NO_INDICES if n_rows else NO_INDICES[0],))
    if n_rows:
        (in_pairs, unrolled), first = grid.by_rows
        if first[0][0] and n != grid.columns.count:
            n = tables.WIDE  # one kernel for all rows in frames that are no whole block of few
        loop, result = _rows().pool_rows(largest, n, in_pairs, unrolled), (n_planes, grid.rows.count, grid.columns.count)
        return Call(out, loop, work // 4, (*first, *end), (n_planes, *grid.shape[1:]), result)
    first = grid.anywhere(min(n_planes, tables.GROUP))
    return Call(out, _rows().pool_anywhere(largest, n), work, (*first, *end), (n_planes, *grid.shape), flat)


@functools.lru_cache(maxsize=512)
def _backward(grid, shape, dtype, count, chosen):
    """The call for cotangents of ``shape``: the adjoint of `sum_pool`, or for ``chosen`` taps that of `pick`."""
    dims = len(grid.axes)
    out, n_planes = (*shape[:-dims], *grid.size), math.prod(shape[:-dims])
    if not n_planes * grid.windows:
        return Call(out, zeroed=True)
    work, count = n_planes * grid.windows * grid.taps, dtype.type(count)
    flat, image = (n_planes, grid.windows), math.prod(grid.size)
    if grid.whole and not chosen:
        return Call(out, loops.fill_planes, work, (count,), (n_planes,), (n_planes, image))
    neighbours = grid.count[-1] if grid.in_pairs else grid.size[-1] // max(1, grid.columns.stride)
    n, nothing = tables.lanes(neighbours) if grid.in_rows else 0, () if chosen else (NO_INDICES,)
    if n:
        source, result = (n_planes, grid.rows.count, grid.columns.count), (n_planes, *grid.shape[1:])
        if grid.in_pairs:
            return Call(out, _rows().unpool_pairs(chosen, n), work, (*nothing, grid.rows.stride, count), source, result)
        fixed = *nothing, *grid.back, count
        return Call(out, _rows().unpool_rows(chosen, n if n == neighbours else tables.WIDE), work // 2, fixed, source, result)
    axes, steps, taps = grid.singly
    if chosen:
        return Call(out, loops.place_loop, 4 * n_planes * grid.windows, (*axes, taps), flat, (n_planes, image), True)
    return Call(out, loops.spread_loop, work, (grid.size[-1], *axes, steps, count), flat, (n_planes, image), True)


@functools.cache
def _rows():
    """The loops over `Lanes`; with them Numba is imported."""
    from . import rows

    return rows


def max_pool(x, grid):
    """The largest number of each window, and the number of its tap in the window."""
    call = _forward(grid, x.shape, x.dtype, 1, True)
    values, indices = empty(call.shape, x.dtype), empty(call.shape, grid.index_dtype)
    if call.loop is not None:
        source = np.ascontiguousarray(x).reshape(call.source)
        call.loop.run(call.work, source, *call.fixed, indices.reshape(call.result), values.reshape(call.result))
    return values, indices


def sum_pool(x, grid, count=1):
    """The sum of each window, divided by ``count``."""
    call = _forward(grid, x.shape, x.dtype, count, False)
    values = empty(call.shape, x.dtype)
    if call.loop is not None:
        call.loop.run(call.work, np.ascontiguousarray(x).reshape(call.source), *call.fixed, values.reshape(call.result))
    return values


def _unpool(g, grid, count, indices=None):
    call = _backward(grid, g.shape, g.dtype, count, indices is not None)
    out = empty(call.shape, g.dtype)
    if call.zeroed:
        out.fill(0)
    if call.loop is not None:
        where = () if indices is None else (np.ascontiguousarray(indices).reshape(call.source),)
        call.loop.run(call.work, np.ascontiguousarray(g).reshape(call.source), *where, *call.fixed, out.reshape(call.result))
    return out


def spread(g, grid, count=1):
    """Each number of ``g``, divided by ``count``, at all places of its window, summed: the adjoint of `sum_pool`."""
    return _unpool(g, grid, count)


def place(g, indices, grid):
    """Zeros with each number of ``g`` added at the tap of its window that ``indices`` names: the adjoint of `pick`."""
    return _unpool(g, grid, 1, indices)


def pick(x, indices, grid):
    """The number at the tap of each window that ``indices`` names."""
    values = empty(indices.shape, x.dtype)
    if values.size:
        (axes, _, taps), flat = grid.singly, (values.size // grid.windows, grid.windows)
        source, where = np.ascontiguousarray(x).reshape(flat[0], -1), np.ascontiguousarray(indices).reshape(flat)
        loops.pick_loop.run(4 * values.size, source, where, *axes, taps, values.reshape(flat))
    return values


def flat_places(indices, grid):
    """Where in the flattened image the tap of each window that ``indices`` names lies (int64)."""
    (deep, high, wide), _, taps = grid.singly
    return taps[indices] + tables.sums(deep[0], high[0], wide[0]).reshape(grid.count)

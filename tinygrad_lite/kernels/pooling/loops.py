"""Pooling by windows of any kind in up to three dimensions.

x and out (planes, numbers), values, g and indices (planes, windows). ``deep``, ``high`` and ``wide`` (3, windows) say of each
window along a dimension where its tap 0 lies (a distance in memory), its first tap inside of the plane and the one after its last.
``steps`` (2, 3): how many taps a window has in each dimension, and how far apart they are in memory. The number of a tap counts
through all dimensions, the last one fastest; ``taps`` holds how far each lies from tap 0.

The rows that a row of windows sees are brought into one ``line`` of ``width`` first, by loops that LLVM vectorises.
"""

from __future__ import annotations

import numpy as np

from ..jit import kernel, share


@kernel(parallel=True)
def max_loop(thread, n_threads, x, width, deep, high, wide, steps, indices, values):
    """The largest number of each window and its tap: the first of equals; of NaNs, which are larger than all, the last."""
    (_, taps_high, taps_wide), (back, down, right) = steps
    line, line_taps = np.empty(width, x.dtype), np.empty(width, np.int32)
    for m in share(x.shape[0], thread, n_threads):
        w = 0
        for i in range(deep.shape[1]):
            for j in range(high.shape[1]):
                fresh = True
                for a in range(deep[1, i], deep[2, i]):
                    for b in range(high[1, j], high[2, j]):
                        row, t = x[m, deep[0, i] + a * back + high[0, j] + b * down :], (a * taps_high + b) * taps_wide
                        for c in range(width):
                            larger = fresh | (row[c] > line[c]) | (row[c] != row[c])
                            line[c] = row[c] if larger else line[c]
                            line_taps[c] = t if larger else line_taps[c]
                        fresh = False
                for k in range(wide.shape[1]):
                    c = wide[0, k] + wide[1, k] * right
                    best, index = line[c], line_taps[c] + wide[1, k]
                    for t in range(wide[1, k] + 1, wide[2, k]):
                        c = wide[0, k] + t * right
                        value, tap = line[c], line_taps[c] + t
                        if value > best or (value == best and tap < index) or (value != value and (best == best or tap > index)):
                            best, index = value, tap
                    values[m, w], indices[m, w] = best, index
                    w += 1


@kernel(parallel=True)
def sum_loop(thread, n_threads, x, width, deep, high, wide, steps, count, values):
    """The sum of each window, divided by ``count``."""
    back, down, right = steps[1]
    line = np.empty(width, x.dtype)
    for m in share(x.shape[0], thread, n_threads):
        w = 0
        for i in range(deep.shape[1]):
            for j in range(high.shape[1]):
                line[:] = 0
                for a in range(deep[1, i], deep[2, i]):
                    for b in range(high[1, j], high[2, j]):
                        row = x[m, deep[0, i] + a * back + high[0, j] + b * down :]
                        for c in range(width):
                            line[c] += row[c]
                for k in range(wide.shape[1]):
                    value = x.dtype.type(0)
                    for t in range(wide[1, k], wide[2, k]):
                        value += line[wide[0, k] + t * right]
                    values[m, w] = value / count
                    w += 1


@kernel(parallel=True)
def spread_loop(thread, n_threads, g, width, deep, high, wide, steps, count, out):
    """out, zeros, plus each number of g, divided by ``count``, at all places of its window."""
    back, down, right = steps[1]
    line = np.empty(width, g.dtype)
    for m in share(g.shape[0], thread, n_threads):
        w = 0
        for i in range(deep.shape[1]):
            for j in range(high.shape[1]):
                line[:] = 0
                for k in range(wide.shape[1]):
                    value = g[m, w] / count
                    for t in range(wide[1, k], wide[2, k]):
                        line[wide[0, k] + t * right] += value
                    w += 1
                for a in range(deep[1, i], deep[2, i]):
                    for b in range(high[1, j], high[2, j]):
                        row = out[m, deep[0, i] + a * back + high[0, j] + b * down :]
                        for c in range(width):
                            row[c] += line[c]


@kernel(parallel=True)
def place_loop(thread, n_threads, g, indices, deep, high, wide, taps, out):
    """out, zeros, plus each number of g at the tap of its window that ``indices`` names."""
    for m in share(g.shape[0], thread, n_threads):
        plane, w = out[m], 0
        for i in range(deep.shape[1]):
            for j in range(high.shape[1]):
                for k in range(wide.shape[1]):
                    plane[deep[0, i] + high[0, j] + wide[0, k] + taps[indices[m, w]]] += g[m, w]
                    w += 1


@kernel(parallel=True)
def pick_loop(thread, n_threads, x, indices, deep, high, wide, taps, values):
    """The number of x at the tap of each window that ``indices`` names."""
    for m in share(x.shape[0], thread, n_threads):
        plane, w = x[m], 0
        for i in range(deep.shape[1]):
            for j in range(high.shape[1]):
                for k in range(wide.shape[1]):
                    values[m, w] = plane[deep[0, i] + high[0, j] + wide[0, k] + taps[indices[m, w]]]
                    w += 1


@kernel(parallel=True)
def fill_planes(thread, n_threads, g, count, out):
    """All of a plane is its number of g, divided by ``count``."""
    for m in share(g.size, thread, n_threads):
        plane, value = out[m], g[m] / count
        for j in range(plane.size):
            plane[j] = value

"""Batch normalisation of (images, channels * places) where the places of a channel are so few that loops along them would be mostly
ends: the loops run along the columns of a block of channels, with sums, shifts and factors for each column. Otherwise as
`normalisation_runs`, whose docstring says how the sums are taken.
"""

from __future__ import annotations

import numpy as np

from .functions import OPTIONS, full_width, njit
from .jit import kernel, share
from .normalisation_runs import backward_terms, forward_terms, mean_and_variance

SOME = 16  # images whose mean is the first shift
ROWS = 1 << 7  # images, of which a column has one number each, that are summed in the array's precision


@njit(**OPTIONS)
def add_rows(a, b, shift, totals, squares):
    """Add a - shift and its square, and likewise b: of two rows at once, so that the sums are loaded and stored half as often."""
    full_width()
    for j in range(shift.size):
        d, e = a[j] - shift[j], b[j] - shift[j]
        totals[j] += d + e
        squares[j] += d * d + e * e


@njit(**OPTIONS)
def add_products(g, x, shift, totals, mixed):
    """Add g and g * (x - shift)."""
    full_width()
    for j in range(shift.size):
        totals[j] += g[j]
        mixed[j] += g[j] * (x[j] - shift[j])


@njit(**OPTIONS)
def affine_row(x, shift, factor, offset, out):
    """out = (x - shift) * factor + offset."""
    full_width()
    for j in range(x.size):
        out[j] = (x[j] - shift[j]) * factor[j] + offset[j]


@njit(**OPTIONS)
def affine_row_of_two(g, slope, x, shift, factor, offset, out):
    """out = g * slope + (x - shift) * factor + offset."""
    full_width()
    for j in range(x.size):
        out[j] = g[j] * slope[j] + ((x[j] - shift[j]) * factor[j] + offset[j])


@njit(**OPTIONS)
def into_channels(columns, places, out):
    """out += the sum of the columns of each channel; ``columns`` becomes 0."""
    for s in range(places):
        for c in range(out.size):
            out[c] += columns[c * places + s]
    for j in range(columns.size):
        columns[j] = 0


@njit(**OPTIONS)
def add_columns(x, end, first, last, places, shift, columns, totals, squares):
    """Add the sums of x - shift and of its square over the images up to ``end``."""
    for begin in range(0, end, ROWS):
        stop = min(begin + ROWS, end)
        for n in range(begin, stop, 2):
            row = x[n, first:last]
            add_rows(row, x[n + 1, first:last] if n + 1 < stop else shift, shift, columns[0], columns[1])
        into_channels(columns[0], places, totals)
        into_channels(columns[1], places, squares)


@njit(**OPTIONS)
def column_statistics(x, first, last, places, columns, statistics):
    """Mean and variance of the channels in columns ``first`` to ``last``. The shift is the mean of the first images."""
    images, low, width = x.shape[0], first // places, last - first
    channels, some, shift = width // places, min(images, SOME), columns[2]
    totals, squares = np.zeros(channels), np.zeros(channels)
    add_columns(x, some, first, last, places, shift, columns, totals, squares)
    for c in range(channels):
        statistics[0, low + c] = totals[c] / (some * places)
    far = True
    while far:
        for j in range(width):
            shift[j] = statistics[0, low + j // places]
        for c in range(channels):
            totals[c] = squares[c] = 0
        add_columns(x, images, first, last, places, shift, columns, totals, squares)
        again, far = some == 0, False
        for c in range(channels):
            near = shift[c * places]
            mean, variance = mean_and_variance(totals[c], squares[c], images * places, near)
            statistics[0, low + c], statistics[1, low + c] = mean, variance
            far |= (mean - near) ** 2 > variance and not again
        some = 0


@kernel(parallel=True)
def forward_columns(thread, n_threads, x, weight, bias, eps, training, out, statistics, found, block, places):
    """out = (x - mean) / sqrt(variance + eps) * weight + bias, by the rows mean, variance of ``statistics``, which in training
    are put
    out first; ``block`` channels at a time."""
    images, channels = x.shape[0], weight.size
    for k in share((channels + block - 1) // block, thread, n_threads):
        low, high = k * block, min(channels, (k + 1) * block)
        first, last = low * places, high * places
        columns = np.zeros((3, last - first), x.dtype)
        if training:
            column_statistics(x, first, last, places, columns, statistics)
        for c in range(low, high):
            own = forward_terms(c, statistics, weight, bias, eps, images * places, found)
            for j in range(c * places - first, (c + 1) * places - first):
                columns[0, j], columns[1, j], columns[2, j] = own
        for n in range(images):
            affine_row(x[n, first:last], columns[0], columns[1], columns[2], out[n, first:last])


@kernel(parallel=True)
def backward_columns(
    thread, n_threads, g, x, weight, eps, training, statistics, g_mean, g_variance, g_x, g_weight, g_bias, block, places
):
    """Gradients of `forward_columns`; ``g_mean`` and ``g_variance`` are those by what it found."""
    images, channels = x.shape[0], weight.size
    for k in share((channels + block - 1) // block, thread, n_threads):
        low, high = k * block, min(channels, (k + 1) * block)
        first, last = low * places, high * places
        columns, totals, mixed = np.zeros((4, last - first), x.dtype), np.zeros(high - low), np.zeros(high - low)
        for j in range(last - first):
            columns[3, j] = statistics[0, low + j // places]
        for begin in range(0, images, ROWS):
            for n in range(begin, min(begin + ROWS, images)):
                add_products(g[n, first:last], x[n, first:last], columns[3], columns[0], columns[1])
            into_channels(columns[0], places, totals)
            into_channels(columns[1], places, mixed)
        for c in range(low, high):
            own = backward_terms(
                c, statistics, weight, eps, images * places, training, totals[c - low], mixed[c - low], g_mean, g_variance,
                    g_weight,
                g_bias,
            )  # fmt: skip
            for j in range(c * places - first, (c + 1) * places - first):
                columns[0, j], columns[1, j], columns[2, j] = own
        for n in range(images):
            affine_row_of_two(
                g[n, first:last], columns[0], x[n, first:last], columns[3], columns[1], columns[2], g_x[n, first:last]
            )  # fmt: skip

"""Normalisation of the rows of a matrix, each by its own mean and variance; or, with ``centred`` false, by the mean of its squares.

A row is read three times, from the first cache unless it is long: for its mean, for the variance about it, for the result. Sums of
pieces of `CHUNK` numbers are taken in the array's precision, in the lanes of several registers, and those of the pieces in float64.
The first mean, rounded to the array's precision, is a shift: the mean of what lies beyond it corrects both mean and variance, which
so lose nothing to cancellation, however large the mean (Chan, Golub and LeVeque, 1983).

Threads share rows, or blocks of rows. The gradients of the weight are summed over a block in the array's precision, and over blocks
in float64: what comes out does not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np

from .functions import OPTIONS, SUMMING, apart, full_width, njit
from .jit import kernel, share
from .normalisation_runs import CHUNK, affine, affine_of_two, moments, products

TOGETHER = 4  # short rows at once: while the sum of one comes together, those of the next are on their way
SHORT = 1 << 11  # numbers of these, at most: with more, longer stretches of reading and of writing take turns


@njit(**SUMMING)
def sum_of(x):
    """The sum, in any order."""
    full_width()
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i]
    return total


@njit(**OPTIONS)
def row_sum(x):
    """The sum of a row."""
    total = 0.0
    for begin in range(0, x.size, CHUNK):
        total += sum_of(x[begin : begin + CHUNK])
    return total


@njit(**OPTIONS)
def row_moments(x, shift):
    """Sums of x - shift and of its square, of a row."""
    total, squares = 0.0, 0.0
    for begin in range(0, x.size, CHUNK):
        more, square = moments(x[begin : begin + CHUNK], shift)
        total += more
        squares += square
    return total, squares


@njit(**OPTIONS)
def beyond_and_inverse(total, squares, per_number, eps, centred):
    """mean - shift and 1 / sqrt(variance + eps) by the `row_moments`, times 1 / their number; without ``centred`` about 0."""
    beyond = total * per_number if centred else 0.0
    return beyond, 1 / np.sqrt(max(squares * per_number - beyond * beyond, 0.0) + eps)


@njit(**OPTIONS)
def terms_again(r, statistics, number):
    """The terms of row ``r`` by its statistics."""
    mean, inverse = statistics[r, 0], statistics[r, 1]
    shift = number(mean)
    return shift, number(inverse), number((shift - mean) * inverse)


@njit(**OPTIONS)
def gradient_terms(r, statistics, shift, n, centred, total, mixed, number):
    """slope, factor, offset: the gradient of row ``r`` is g * weight * slope + (x - shift) * factor + offset, by the sums of
    g * weight and of g * weight * xhat for xhat = (x - mean) * inverse."""
    if centred and n == 1:  # one number is its mean: there shall be no rounding either, which 1 / sqrt(eps) magnifies
        return number(0), number(0), number(0)
    mean, inverse = statistics[r, 0], statistics[r, 1]
    factor = -mixed * inverse * inverse / n
    return number(inverse), number(factor), number((-total * inverse / n if centred else 0.0) + factor * (shift - mean))


# -- a weight for each number of a row ----------------------------------------------------------------------------------


@njit(**OPTIONS)
def scaled(x, shift, factor, offset, weight, bias, out):
    """out = ((x - shift) * factor + offset) * weight + bias."""
    full_width()
    apart()
    for i in range(x.size):
        out[i] = ((x[i] - shift) * factor + offset) * weight[i] + bias[i]


@kernel(parallel=True)
def forward_rows(thread, n_threads, x, weight, bias, eps, centred, out, statistics):
    """out = (x - mean) / sqrt(variance + eps) * weight + bias; ``statistics`` (rows, 2) takes mean and 1 / sqrt(variance + eps)."""
    rows, per_number, together = x.shape[0], 1 / x.shape[1], max(1, min(TOGETHER, SHORT // x.shape[1]))
    terms = np.empty((TOGETHER, 3), x.dtype)  # shift, factor, offset: (x - shift) * factor + offset has mean 0 and variance 1
    for k in share((rows + together - 1) // together, thread, n_threads):
        first, last = k * together, min(rows, (k + 1) * together)
        for r in range(first, last):
            terms[r - first, 0] = row_sum(x[r]) * per_number if centred else 0.0
        for r in range(first, last):
            statistics[r, 0], statistics[r, 1] = row_moments(x[r], terms[r - first, 0])
        for r in range(first, last):
            beyond, inverse = beyond_and_inverse(statistics[r, 0], statistics[r, 1], per_number, eps, centred)
            statistics[r, 0], statistics[r, 1] = terms[r - first, 0] + beyond, inverse
            terms[r - first, 1], terms[r - first, 2] = inverse, -beyond * inverse
        for r in range(first, last):
            scaled(x[r], terms[r - first, 0], terms[r - first, 1], terms[r - first, 2], weight, bias, out[r])


@njit(**SUMMING)
def add_products(g, x, shift, factor, offset, weight, g_weight, g_bias):
    """Sums of g * weight and of g * weight * xhat, xhat = (x - shift) * factor + offset; g_weight += g * xhat, g_bias += g."""
    full_width()
    apart()
    total, mixed = x.dtype.type(0), x.dtype.type(0)
    for i in range(x.size):
        hat, to = (x[i] - shift) * factor + offset, g[i] * weight[i]
        total += to
        mixed += to * hat
        g_weight[i] += g[i] * hat
        g_bias[i] += g[i]
    return total, mixed


@njit(**OPTIONS)
def gradient(g, weight, slope, x, shift, factor, offset, out):
    """out = g * weight * slope + (x - shift) * factor + offset."""
    full_width()
    apart()
    for i in range(x.size):
        out[i] = g[i] * weight[i] * slope + ((x[i] - shift) * factor + offset)


@kernel(parallel=True)
def backward_rows(thread, n_threads, g, x, weight, centred, statistics, g_x, g_weight, g_bias):
    """Gradients of `forward_rows`; those of weight and bias (blocks, numbers) for each of so many blocks of rows."""
    number, (rows, n), blocks = x.dtype.type, x.shape, len(g_weight)
    for k in share(blocks, thread, n_threads):
        g_weight[k] = 0
        g_bias[k] = 0
        for r in range(rows * k // blocks, rows * (k + 1) // blocks):
            total, mixed = 0.0, 0.0
            shift, inverse, offset = terms_again(r, statistics, number)
            for begin in range(0, n, CHUNK):
                i = slice(begin, begin + CHUNK)
                sums = add_products(g[r, i], x[r, i], shift, inverse, offset, weight[i], g_weight[k, i], g_bias[k, i])
                total += sums[0]
                mixed += sums[1]
            slope, factor, offset = gradient_terms(r, statistics, shift, n, centred, total, mixed, number)
            gradient(g[r], weight, slope, x[r], shift, factor, offset, g_x[r])


@kernel
def sum_blocks(blocks, out):
    """out = the sum of ``blocks`` (blocks, numbers) over the first dimension, in float64."""
    total = np.zeros(out.size)
    for k in range(len(blocks)):
        for i in range(out.size):
            total[i] += blocks[k, i]
    for i in range(out.size):
        out[i] = total[i]


# -- a weight for each channel ------------------------------------------------------------------------------------------


@kernel(parallel=True)
def forward_groups(thread, n_threads, x, weight, bias, eps, places, out, statistics):
    """As `forward_rows` for rows of some channels, of ``places`` numbers each: the first row has the first of them, the next the
    next, and so on around. Weight and bias are (channels)."""
    n, channels, number = x.shape[1], x.shape[1] // places, x.dtype.type
    for r in share(x.shape[0], thread, n_threads):
        shift, first = number(row_sum(x[r]) / n), r * channels % weight.size
        total, squares = row_moments(x[r], shift)
        beyond, inverse = beyond_and_inverse(total, squares, 1 / n, eps, True)
        statistics[r, 0], statistics[r, 1] = shift + beyond, inverse
        for c in range(channels):
            i, factor = slice(c * places, (c + 1) * places), inverse * weight[first + c]
            affine(x[r, i], shift, number(factor), number(bias[first + c] - beyond * factor), out[r, i])


@kernel(parallel=True)
def backward_groups(thread, n_threads, g, x, weight, places, statistics, g_x, g_weight, g_bias):
    """Gradients of `forward_groups`; those of weight and bias (batch, channels) for each sample."""
    number, n, channels = x.dtype.type, x.shape[1], x.shape[1] // places
    for r in share(x.shape[0], thread, n_threads):
        sample, first = divmod(r * channels, weight.size)
        shift, total, mixed = number(statistics[r, 0]), 0.0, 0.0
        for c in range(channels):
            along, through = 0.0, 0.0
            for begin in range(c * places, (c + 1) * places, CHUNK):
                i = slice(begin, min(begin + CHUNK, (c + 1) * places))
                sums = products(g[r, i], x[r, i], shift)
                through += sums[0]
                along += sums[1]
            along = (along + through * (shift - statistics[r, 0])) * statistics[r, 1]
            g_weight[sample, first + c], g_bias[sample, first + c] = along, through
            total += through * weight[first + c]
            mixed += along * weight[first + c]
        slope, factor, offset = gradient_terms(r, statistics, shift, n, True, total, mixed, number)
        for c in range(channels):
            i = slice(c * places, (c + 1) * places)
            affine_of_two(g[r, i], slope * weight[first + c], x[r, i], shift, factor, offset, g_x[r, i])

"""Batch normalisation of (images, channels, places) by loops along the places of a channel.

The numbers of a channel are read again while they lie in the second cache: threads share blocks of channels, and all passes over a
block come one after the other.

Sums are taken of x - shift, in the array's precision over few numbers and in float64 beyond. The shift is near the mean or, where
it
turns out to lie more than a standard deviation off, the sums are taken again: so the variance loses at most a bit to
cancellation, however large the mean (Chan, Golub and LeVeque, 1983).
"""

from __future__ import annotations

import numpy as np

from .functions import OPTIONS, SUMMING, full_width, njit
from .jit import kernel, share

CHUNK = 1 << 11  # numbers of a run that are summed in the array's precision, in the lanes of several registers


@njit(**OPTIONS)
def mean_and_variance(total, squares, count, shift):
    """Of a channel, by the sums of x - shift and of its square."""
    beyond = total / count
    variance = squares / count - beyond * beyond
    return shift + beyond, 0.0 if variance < 0 else variance


@njit(**OPTIONS)
def forward_terms(c, statistics, weight, bias, eps, count, found):
    """shift, factor, offset: (x - shift) * factor + offset = (x - mean) / sqrt(variance + eps) * weight + bias. ``found`` takes
    the mean
    and the variance divided by the number of values less one."""
    mean, variance, number = statistics[0, c], statistics[1, c], weight.dtype.type
    found[0, c], found[1, c] = mean, variance * (count / (count - 1))
    shift, factor = number(mean), weight[c] / np.sqrt(variance + eps)
    return shift, number(factor), number(bias[c] + (shift - mean) * factor)


@njit(**OPTIONS)
def backward_terms(c, statistics, weight, eps, count, training, total, mixed, g_mean, g_variance, g_weight, g_bias):
    """slope, factor, offset: the gradient is g * slope + (x - shift) * factor + offset; and the gradients of the weight and the
    bias. ``total`` and ``mixed`` are the sums of g and of g * (x - shift)."""
    mean, inverse, number = statistics[0, c], 1 / np.sqrt(statistics[1, c] + eps), weight.dtype.type
    beside, slope = number(mean) - mean, weight[c] * inverse
    along = (mixed + beside * total) * inverse
    g_weight[c], g_bias[c] = along, total
    if not training:
        return number(slope), number(0), number(0)
    factor = 2 * g_variance[c] / (count - 1) - slope * inverse * along / count
    return number(slope), number(factor), number((g_mean[c] - slope * total) / count + beside * factor)


@njit(**SUMMING)
def moments(x, shift):
    """Sums of x - shift and of its square."""
    full_width()
    total, squares = x.dtype.type(0), x.dtype.type(0)
    for i in range(x.size):
        d = x[i] - shift
        total += d
        squares += d * d
    return total, squares


@njit(**SUMMING)
def products(g, x, shift):
    """Sums of g and of g * (x - shift)."""
    full_width()
    total, mixed = x.dtype.type(0), x.dtype.type(0)
    for i in range(x.size):
        total += g[i]
        mixed += g[i] * (x[i] - shift)
    return total, mixed


@njit(**OPTIONS)
def affine(x, shift, factor, offset, out):
    """out = (x - shift) * factor + offset."""
    full_width()
    for i in range(x.size):
        out[i] = (x[i] - shift) * factor + offset


@njit(**OPTIONS)
def affine_of_two(g, slope, x, shift, factor, offset, out):
    """out = g * slope + (x - shift) * factor + offset."""
    full_width()
    for i in range(x.size):
        out[i] = g[i] * slope + ((x[i] - shift) * factor + offset)


@njit(**OPTIONS)
def add_moments(x, n, c, shift, sums, k):
    """Add the `moments` of a channel of an image to sums[k]."""
    for begin in range(0, x.shape[2], CHUNK):
        total, squares = moments(x[n, c, begin : begin + CHUNK], shift)
        sums[k, 0] += total
        sums[k, 1] += squares


@njit(**OPTIONS)
def run_statistics(x, low, high, statistics):
    """Mean and variance of channels ``low`` to ``high``. The shift is the mean of the first image."""
    images, _, places = x.shape
    count, sums, shifts = images * places, np.zeros((high - low, 2)), np.empty(high - low, x.dtype)
    for c in range(low, high):
        shifts[c - low] = moments(x[0, c, :CHUNK], x.dtype.type(0))[0] / min(places, CHUNK)
    for n in range(images):
        for c in range(low, high):
            add_moments(x, n, c, shifts[c - low], sums, c - low)
    for c in range(low, high):
        k, shift = c - low, shifts[c - low]
        mean, variance = mean_and_variance(sums[k, 0], sums[k, 1], count, shift)
        if (mean - shift) ** 2 > variance:
            shift, sums[k, 0], sums[k, 1] = x.dtype.type(mean), 0, 0
            for n in range(images):
                add_moments(x, n, c, shift, sums, k)
            mean, variance = mean_and_variance(sums[k, 0], sums[k, 1], count, shift)
        statistics[0, c], statistics[1, c] = mean, variance


@kernel(parallel=True)
def forward_runs(thread, n_threads, x, weight, bias, eps, training, out, statistics, found, block):
    """out = (x - mean) / sqrt(variance + eps) * weight + bias, by the rows mean, variance of ``statistics``, which in training
    are put
    out first; ``block`` channels at a time."""
    images, channels, places = x.shape
    for k in share((channels + block - 1) // block, thread, n_threads):
        low, high = k * block, min(channels, (k + 1) * block)
        if training:
            run_statistics(x, low, high, statistics)
        terms = np.empty((high - low, 3), x.dtype)
        for c in range(low, high):
            own = forward_terms(c, statistics, weight, bias, eps, images * places, found)
            terms[c - low, 0], terms[c - low, 1], terms[c - low, 2] = own
        for n in range(images):
            for c in range(low, high):
                affine(x[n, c], terms[c - low, 0], terms[c - low, 1], terms[c - low, 2], out[n, c])


@kernel(parallel=True)
def backward_runs(thread, n_threads, g, x, weight, eps, training, statistics, g_mean, g_variance, g_x, g_weight, g_bias, block):
    """Gradients of `forward_runs`; ``g_mean`` and ``g_variance`` are those by what it found."""
    images, channels, places = x.shape
    for k in share((channels + block - 1) // block, thread, n_threads):
        low, high = k * block, min(channels, (k + 1) * block)
        sums, terms = np.zeros((high - low, 2)), np.empty((high - low, 4), x.dtype)
        for c in range(low, high):
            terms[c - low, 3] = statistics[0, c]
        for n in range(images):
            for c in range(low, high):
                for begin in range(0, places, CHUNK):
                    chunk = slice(begin, begin + CHUNK)
                    total, mixed = products(g[n, c, chunk], x[n, c, chunk], terms[c - low, 3])
                    sums[c - low, 0] += total
                    sums[c - low, 1] += mixed
        for c in range(low, high):
            own = backward_terms(
                c, statistics, weight, eps, images * places, training, sums[c - low, 0], sums[c - low, 1], g_mean, g_variance,
                g_weight, g_bias,
            )  # fmt: skip
            terms[c - low, 0], terms[c - low, 1], terms[c - low, 2] = own
        for n in range(images):
            for c in range(low, high):
                slope, factor, offset, shift = terms[c - low, 0], terms[c - low, 1], terms[c - low, 2], terms[c - low, 3]
                if training:
                    affine_of_two(g[n, c], slope, x[n, c], shift, factor, offset, g_x[n, c])
                else:
                    affine(g[n, c], x.dtype.type(0), slope, x.dtype.type(0), g_x[n, c])

"""Softmax over the rows of a matrix, its logarithm, and the cross-entropy with class numbers. Imported when an op first asks for
it: `functions` imports Numba.

A long row is vectorised along itself. Short rows are taken `LANES` at once and turned, into a table (classes, LANES) that stays
in the first cache: neighbours in memory are then of one class, and no loop has an end to treat apart. Threads share the blocks
of `LANES` rows.
"""

from __future__ import annotations

import numpy as np

from . import threads
from .functions import OPTIONS, SUMMING, exp, full_width, largest, njit
from .jit import kernel, share
from .pool import empty_like

LANES = 64
SHORT = 48  # a row with up to so many elements is short
WORK = 5  # tenths of a nanosecond for an element


@njit(**OPTIONS)
def powers(row, most, out):
    """out = e**(row - most)."""
    full_width()
    for c in range(row.size):
        out[c] = exp(row[c] - most)


@njit(**SUMMING)
def sum_of(row):
    """The sum, in any order."""
    total = row.dtype.type(0)
    for c in range(row.size):
        total += row[c]
    return total


@njit(**SUMMING)
def product_of(x, y):
    """The sum of x * y, in any order."""
    total = x.dtype.type(0)
    for c in range(x.size):
        total += x[c] * y[c]
    return total


@njit(**OPTIONS)
def powers_of_rows(x, table, most, size):
    """table[c, n] = e**(x[n, c] - most[n]) for up to `LANES` rows with largest elements ``most``; size[n] = the sum over c."""
    full_width()
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            table[c, n] = x[n, c]
    for n in range(LANES):
        most[n], size[n] = table[0, n], 0
    for c in range(x.shape[1]):
        lanes = table[c]
        for n in range(LANES):
            most[n] = lanes[n] if lanes[n] > most[n] else most[n]
    for c in range(x.shape[1]):
        lanes = table[c]
        for n in range(LANES):
            power = exp(lanes[n] - most[n])
            lanes[n] = power
            size[n] += power


@njit(**OPTIONS)
def powers_of_block(x, out, table, most, size):
    """The largest element and the sum of e**(element - largest) of each row, and these powers: of long rows in ``out``, of short
    ones in ``table``, turned."""
    if x.shape[1] <= SHORT:
        powers_of_rows(x, table, most, size)
    else:
        for n in range(x.shape[0]):
            most[n] = largest(x[n])
            powers(x[n], most[n], out[n])
            size[n] = sum_of(out[n])


@njit(**OPTIONS)
def divide_block(out, table, size, scale):
    """The powers of a block times ``scale`` / their sum, in ``out``."""
    for n in range(out.shape[0]):
        row, factor = out[n], scale / size[n]
        if row.size <= SHORT:
            for c in range(row.size):
                row[c] = table[c, n] * factor
        else:
            for c in range(row.size):
                row[c] *= factor


@njit(**OPTIONS)
def scratch(x):
    """The table for `LANES` short rows, and room for the largest element and the sum of each row of a block."""
    classes = x.shape[1] if x.shape[1] <= SHORT else 0
    room = np.zeros((classes + 2, LANES), x.dtype)
    return room[2:], room[0], room[1]


@kernel(parallel=True, hires=False)
def softmax_loop(thread, n_threads, x, out):
    """out = e**x / sum(e**x) of each row."""
    count = x.shape[0]
    for block in share((count + LANES - 1) // LANES, thread, n_threads):
        first, last = block * LANES, min(count, (block + 1) * LANES)
        table, most, size = scratch(x)
        powers_of_block(x[first:last], out[first:last], table, most, size)
        divide_block(out[first:last], table, size, x.dtype.type(1))


@kernel(parallel=True, hires=False)
def log_softmax_loop(thread, n_threads, x, out):
    """out = x - log(sum(e**x)) of each row."""
    count, classes = x.shape
    for block in share((count + LANES - 1) // LANES, thread, n_threads):
        first, last = block * LANES, min(count, (block + 1) * LANES)
        table, most, size = scratch(x)
        powers_of_block(x[first:last], out[first:last], table, most, size)
        for n in range(last - first):
            row, result, less, more = x[first + n], out[first + n], most[n], np.log(size[n])
            for c in range(classes):
                result[c] = row[c] - less - more


@kernel(parallel=True, hires=False)
def cross_entropy_loop(thread, n_threads, logits, target, scale, losses, gradients, found):
    """losses = log(sum(e**row)) - row[label] of each row, gradients = (softmax - one_hot) * scale; ``found`` (threads, 2): the
    sum of the losses, and a row with a bad label or -1."""
    count, classes = logits.shape
    found[thread, 0], found[thread, 1] = 0, -1
    for block in share((count + LANES - 1) // LANES, thread, n_threads):
        first, last = block * LANES, min(count, (block + 1) * LANES)
        for i in range(first, last):
            if target[i] < 0 or target[i] >= classes:
                found[thread, 1] = i
                return
        table, most, size = scratch(logits)
        powers_of_block(logits[first:last], gradients[first:last], table, most, size)
        divide_block(gradients[first:last], table, size, scale)
        for n in range(last - first):
            i, label = first + n, target[first + n]
            gradients[i, label] -= scale
            losses[i] = np.log(size[n]) - (logits[i, label] - most[n])
            found[thread, 0] += losses[i]


@kernel(parallel=True, hires=False)
def softmax_backward_loop(thread, n_threads, g, y, out):
    """out = y * (g - sum(g * y)) of each row."""
    for n in share(y.shape[0], thread, n_threads):
        to, of, result = g[n], y[n], out[n]
        less = product_of(to, of)
        for c in range(of.size):
            result[c] = of[c] * (to[c] - less)


@kernel(parallel=True, hires=False)
def log_softmax_backward_loop(thread, n_threads, g, y, out):
    """out = g - e**y * sum(g) of each row."""
    for n in share(y.shape[0], thread, n_threads):
        to, result = g[n], out[n]
        powers(y[n], y.dtype.type(0), result)
        total = sum_of(to)
        for c in range(to.size):
            result[c] = to[c] - result[c] * total


def _rows(x):
    """(..., classes) as a contiguous matrix."""
    return (x if x.flags.carray else np.array(x, order="C")).reshape(-1, x.shape[-1])


def _on_rows(loop, *arrays):
    out = empty_like(arrays[-1])
    loop.run(WORK * out.size, *map(_rows, arrays), out.reshape(-1, out.shape[-1]))
    return out


def softmax(x):
    """e**x / sum(e**x) along the last dimension."""
    return _on_rows(softmax_loop, x)


def softmax_twin(x):
    """`softmax` by NumPy."""
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def softmax_backward(g, y):
    """y * (g - sum(g * y)) along the last dimension, for y = softmax(x)."""
    return _on_rows(softmax_backward_loop, g, y)


def softmax_backward_twin(g, y):
    """`softmax_backward` by NumPy."""
    return y * (g - (g * y).sum(-1, keepdims=True))


def log_softmax(x):
    """log(softmax(x)) along the last dimension."""
    return _on_rows(log_softmax_loop, x)


def log_softmax_twin(x):
    """`log_softmax` by NumPy."""
    shifted = x - x.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def log_softmax_backward(g, y):
    """g - e**y * sum(g) along the last dimension, for y = log_softmax(x)."""
    return _on_rows(log_softmax_backward_loop, g, y)


def log_softmax_backward_twin(g, y):
    """`log_softmax_backward` by NumPy."""
    return g - np.exp(y) * g.sum(-1, keepdims=True)


def cross_entropy(logits, target, scale):
    """``logits`` (rows, classes), ``target`` (rows) -> losses (rows), their sum, their gradients times ``scale`` (rows, classes),
    and the first row with a bad label or -1."""
    gradients, losses, work = empty_like(logits), np.empty(target.size, logits.dtype), WORK * logits.size
    n_threads = 1 if work < threads.PARALLEL_FROM else threads.worth(work, hire=False)
    found = np.empty((n_threads, 2))
    cross_entropy_loop.on(n_threads, logits, target, logits.dtype.type(scale), losses, gradients, found)
    if n_threads == 1:
        return losses, found.item(0), gradients, int(found.item(1))
    return losses, found[:, 0].sum(), gradients, int(min((row for row in found[:, 1] if row >= 0), default=-1))


def cross_entropy_twin(logits, target, scale):
    """`cross_entropy` of good labels, by NumPy."""
    losses = -log_softmax_twin(logits)[np.arange(len(logits)), target]
    return losses, losses.sum(), (softmax_twin(logits) - (target[:, None] == np.arange(logits.shape[1]))) * scale, -1

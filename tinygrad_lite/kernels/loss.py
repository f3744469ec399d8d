"""Softmax cross-entropy over the rows of a matrix, in three passes: shift and check, NumPy's vectorised exp, normalise."""

from __future__ import annotations

import numpy as np

from .jit import kernel
from .pool import LARGE, empty_like


@kernel(fastmath={"reassoc"})
def shift_rows(logits, target, shifted, right):
    """shifted = logits - largest of the row; right = shifted at the target. Returns the first row with a bad label, or -1."""
    classes = logits.shape[1]
    for n in range(logits.shape[0]):
        label = target[n]
        if label < 0 or label >= classes:
            return n
        row, out = logits[n], shifted[n]
        largest = row[0]
        for c in range(classes):
            largest = max(largest, row[c])
        for c in range(classes):
            out[c] = row[c] - largest
        right[n] = out[label]
    return -1


@kernel(fastmath={"reassoc"})
def normalise_rows(exponentials, target, losses, scale):
    """The loss log(sum of the row) - losses of each row goes into ``losses``, and its gradient, (row / sum - one_hot) * scale,
    takes the place of the row. Returns the sum of the losses."""
    total = 0.0
    for n in range(exponentials.shape[0]):
        row = exponentials[n]
        size = row[0] * 0
        for c in range(row.size):
            size += row[c]
        factor = scale / size
        for c in range(row.size):
            row[c] *= factor
        row[target[n]] -= scale
        losses[n] = np.log(size) - losses[n]
        total += losses[n]
    return total


def cross_entropy(logits, target, scale):
    """``logits`` (rows, classes), ``target`` (rows) -> losses (rows), their sum, their gradients times ``scale`` (rows, classes),
    and the first row with a bad label or -1."""
    gradients = np.empty_like(logits) if logits.size < LARGE // 8 else empty_like(logits)
    losses = np.empty(target.size, logits.dtype)
    bad = shift_rows(logits, target, gradients, losses)
    if bad >= 0:
        return losses, 0.0, gradients, bad
    np.exp(gradients, out=gradients)
    return losses, normalise_rows(gradients, target, losses, logits.dtype.type(scale)), gradients, -1


def cross_entropy_twin(logits, target, scale):
    """`cross_entropy` of good labels, by NumPy."""
    shifted = logits - logits.max(1, keepdims=True)
    probabilities = np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(shifted)), target]
    return losses, losses.sum(), (probabilities - (target[:, None] == np.arange(logits.shape[1]))) * scale, -1

"""Softmax cross-entropy over the rows of a matrix, in three passes: shift and check, NumPy's vectorised exp, normalise."""

from __future__ import annotations

import numpy as np

from .jit import kernel


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
def normalise_rows(exponentials, right):
    """Each row divided by its sum; right becomes log(sum) - right, the loss of the row. Returns the sum of the losses."""
    total = 0.0
    for n in range(exponentials.shape[0]):
        row = exponentials[n]
        size = row[0] * 0
        for c in range(row.size):
            size += row[c]
        scale = 1 / size
        for c in range(row.size):
            row[c] *= scale
        right[n] = np.log(size) - right[n]
        total += right[n]
    return total


def cross_entropy(logits, target):
    """``logits`` (rows, classes) and ``target`` (rows) -> losses (rows), their sum, probabilities (rows, classes), bad row or -1."""
    probabilities, losses = np.empty_like(logits), np.empty(len(logits), logits.dtype)
    bad = shift_rows(logits, target, probabilities, losses)
    if bad >= 0:
        return losses, 0.0, probabilities, bad
    np.exp(probabilities, out=probabilities)
    return losses, normalise_rows(probabilities, losses), probabilities, -1


def cross_entropy_twin(logits, target):
    """`cross_entropy` of good labels, by NumPy."""
    shifted = logits - logits.max(1, keepdims=True)
    probabilities = np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(shifted)), target]
    return losses, losses.sum(), probabilities, -1


@kernel
def cross_entropy_gradient(probabilities, target, scale, out):
    """out = scale * (probabilities - one_hot(target)); ``scale`` holds one number for each row, or one for all."""
    step = 1 if scale.size > 1 else 0
    for n in range(probabilities.shape[0]):
        factor, row = scale[n * step], probabilities[n]
        for c in range(row.size):
            out[n, c] = factor * row[c]
        out[n, target[n]] -= factor


def cross_entropy_gradient_twin(probabilities, target, scale, out):
    """`cross_entropy_gradient`, by NumPy."""
    out[...] = (probabilities - (target[:, None] == np.arange(probabilities.shape[1]))) * scale[:, None]

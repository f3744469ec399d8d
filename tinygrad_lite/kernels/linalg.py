"""Small matrix loops for which a call of BLAS costs more than the arithmetic."""

from __future__ import annotations

import numpy as np

from .jit import kernel


@kernel
def sum_rows_loop(x, out):
    """out = the sum of the rows of x; the inner loop over columns is vectorised."""
    for j in range(out.size):
        out[j] = 0
    for i in range(x.shape[0]):
        row = x[i]
        for j in range(out.size):
            out[j] += row[j]


def sum_rows_twin(x, out):
    """out = the sum of the rows of x, by NumPy."""
    out[...] = x.sum(0)


@kernel
def add_row_loop(x, row):
    """x += row, in place."""
    for i in range(x.shape[0]):
        line = x[i]
        for j in range(row.size):
            line[j] += row[j]


def add_row_twin(x, row):
    """x += row, by NumPy."""
    x += row


@kernel
def add_rows_at_loop(out, index, rows):
    """out[index[i]] += rows[i] for each i in turn."""
    for i in range(index.size):
        line, row = out[index[i]], rows[i]
        for j in range(row.size):
            line[j] += row[j]


def add_rows_at_twin(out, index, rows):
    """out[index] += rows, each as often as it is named, by NumPy."""
    np.add.at(out, index, rows)

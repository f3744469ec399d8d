"""Storing in Willshaw's memory. A pair changes only the rows of weights whose output it sets; the inner loop, along such a row, is
vectorised. As a product of all pairs it would cost k m n, for values that are nearly all zero."""

from __future__ import annotations

import numpy as np

from ..jit import kernel


@kernel
def willshaw_loop(weight, x, y):
    """`willshaw_store`."""
    zero = y.dtype.type(0)
    for i in range(x.shape[0]):
        key, value = x[i], y[i]
        for r in range(value.size):
            if value[r] > zero:
                row = weight[r]
                for s in range(row.size):
                    row[s] = max(row[s], key[s])


def willshaw_store_twin(weight, x, y):
    """The same by NumPy."""
    for key, value in zip(x, y):
        np.maximum(weight, value[:, None] * key, out=weight)


def willshaw_store(weight, x, y):
    """weight_rs = max(weight_rs, y_r x_s) for each row of ``x`` (n, k) and ``y`` (n, m) of 0 and 1, in place; ``weight`` (m, k).
    All are C-contiguous."""
    (willshaw_loop if weight.itemsize >= 4 else willshaw_store_twin)(weight, x, y)

"""Activations and their gradients in one pass over memory, without temporaries. Imported when an op first asks for it: `functions`
imports Numba.

Each loop runs over flat arrays, in blocks that threads share; its plain NumPy text is the twin of the op.
"""

from __future__ import annotations

import math

import numpy as np

from . import functions
from .functions import OPTIONS, erf, exp, expm1, full_width, log, njit, sigmoid
from .jit import kernel, share
from .pool import empty

BLOCK = 1 << 13  # elements of a block


def each(function):
    """The loop out[i] = function(x[i], *numbers)."""

    @kernel(parallel=True)
    def loop(thread, n_threads, x, out, *numbers):
        for block in share((x.size + BLOCK - 1) // BLOCK, thread, n_threads):
            full_width()
            part, result = x[block * BLOCK : (block + 1) * BLOCK], out[block * BLOCK : (block + 1) * BLOCK]
            for i in range(part.size):
                result[i] = function(part[i], *numbers)

    return loop


def each_of_two(function):
    """The loop out[i] = function(g[i], x[i], *numbers)."""

    @kernel(parallel=True)
    def loop(thread, n_threads, g, x, out, *numbers):
        for block in share((x.size + BLOCK - 1) // BLOCK, thread, n_threads):
            full_width()
            first, last = block * BLOCK, (block + 1) * BLOCK
            part, other, result = g[first:last], x[first:last], out[first:last]
            for i in range(part.size):
                result[i] = function(part[i], other[i], *numbers)

    return loop


@njit(**OPTIONS)
def rectified(x):
    """max(x, 0); a NaN stays."""
    return x * 0 if x < 0 else x


@njit(**OPTIONS)
def elu_of(x, alpha):
    """x for x > 0, else alpha * (e**x - 1)."""
    return x if x > 0 else alpha * expm1(x)


@njit(**OPTIONS)
def elu_gradient(g, x, alpha):
    """g for x > 0, else g * alpha * e**x."""
    return g if x > 0 else g * alpha * exp(x)


@njit(**OPTIONS)
def softplus_of(x, beta, threshold):
    """log(1 + e**z) / beta for z = beta * x, without overflow; log(1 + u) is u log(1 + u) / ((1 + u) - 1) as it is rounded."""
    z = x * beta
    small = exp(-abs(z))
    more = 1 + small
    rounded = more - 1
    smooth = (max(z, z * 0) + (log(more) * (small / rounded) if rounded > 0 else small)) / beta
    return x if z > threshold else smooth



"""Local response normalisation. Imported when an op first asks for it: `functions` imports Numba.

x is (images, channels, places), contiguous; with d[c] = k + scale * (sum of x[j]**2 over the window of c) the result is
x * d**-beta. All loops run along a few hundred places, of which all channels stay in the second cache; threads share these blocks.
The window is summed anew for each channel: a running sum would keep the rounding errors of the largest numbers that passed.
"""

from __future__ import annotations

import math

import numpy as np

from .functions import OPTIONS, exp, full_width, log, njit
from .jit import kernel, share
from .pool import empty_like

BLOCK = 1 << 15  # numbers of a block: places times channels
WORK = 10  # tenths of a nanosecond for a number


@njit(**OPTIONS)
def add_squares(x, scale, out):
    """out += scale * x**2."""
    full_width()
    for i in range(out.size):
        out[i] += scale * x[i] * x[i]


@njit(**OPTIONS)
def denominators(x, c, before, after, k, scale, first, last, out):
    """out = k + scale * the sum of squares over the channels c - before to c + after, at places ``first`` to ``last``."""
    for i in range(out.size):
        out[i] = k
    for j in range(max(0, c - before), min(x.shape[0], c + after + 1)):
        add_squares(x[j, first:last], scale, out)


@njit(**OPTIONS)
def divide(x, d, beta, out):
    """out = x * d**-beta."""
    full_width()
    for i in range(out.size):
        out[i] = x[i] * exp(-beta * log(d[i]))


@njit(**OPTIONS)
def split(g, x, d, beta, direct, across):
    """direct = g * d**-beta, across = g * x * d**(-beta - 1)."""
    full_width()
    for i in range(direct.size):
        scaled = g[i] * exp(-beta * log(d[i]))
        direct[i] = scaled
        across[i] = scaled * x[i] / d[i]


@njit(**OPTIONS)
def add(x, out):
    """out += x."""
    full_width()
    for i in range(out.size):
        out[i] += x[i]


@njit(**OPTIONS)
def subtract_product(x, y, factor, out):
    """out -= factor * x * y."""
    full_width()
    for i in range(out.size):
        out[i] -= factor * x[i] * y[i]


@kernel(parallel=True)
def forward_loop(thread, n_threads, x, before, after, k, scale, beta, out, width):
    """out = x * d**-beta; ``width`` places at a time."""
    images, channels, places = x.shape
    blocks = (places + width - 1) // width
    for item in share(images * blocks, thread, n_threads):
        n, first = item // blocks, item % blocks * width
        last = min(places, first + width)
        d = np.empty(last - first, x.dtype)
        for c in range(channels):
            denominators(x[n], c, before, after, k, scale, first, last, d)
            divide(x[n, c, first:last], d, beta, out[n, c, first:last])


@kernel(parallel=True)
def backward_loop(thread, n_threads, g, x, before, after, k, scale, beta, g_x, width):
    """g_x[c] = g[c] d[c]**-beta - 2 beta scale x[c] * (sum of g x d**(-beta - 1) over the channels whose window holds c)."""
    images, channels, places = x.shape
    blocks, factor = (places + width - 1) // width, 2 * beta * scale
    for item in share(images * blocks, thread, n_threads):
        n, first = item // blocks, item % blocks * width
        last = min(places, first + width)
        d, across = np.empty(last - first, x.dtype), np.empty((channels, last - first), x.dtype)
        for c in range(channels):
            denominators(x[n], c, before, after, k, scale, first, last, d)
            split(g[n, c, first:last], x[n, c, first:last], d, beta, g_x[n, c, first:last], across[c])
        for c in range(channels):
            for i in range(d.size):
                d[i] = 0
            for j in range(max(0, c - after), min(channels, c + before + 1)):
                add(across[j], d)
            subtract_product(x[n, c, first:last], d, factor, g_x[n, c, first:last])


def _planes(x):
    """(images, channels, ...) as contiguous (images, channels, places)."""
    x = x if x.flags.carray else np.array(x, order="C")
    return x.reshape(x.shape[0], x.shape[1], math.prod(x.shape[2:]))


def _width(x):
    return max(64, BLOCK // x.shape[1] // 64 * 64)


def local_response_norm(x, before, after, k, scale, beta):
    """x * (k + scale * sums of squares)**-beta over the channels from ``before`` to ``after`` each; x (images, channels, ...)."""
    out, planes, number = empty_like(x), _planes(x), x.dtype.type
    numbers = number(k), number(scale), number(beta)
    forward_loop.run(WORK * x.size, planes, before, after, *numbers, out.reshape(planes.shape), _width(x))
    return out


def local_response_norm_backward(g, x, before, after, k, scale, beta):
    """The gradient of `local_response_norm` towards x."""
    g_x, planes, number = empty_like(x), _planes(x), x.dtype.type
    numbers = number(k), number(scale), number(beta)
    backward_loop.run(2 * WORK * x.size, _planes(g), planes, before, after, *numbers, g_x.reshape(planes.shape), _width(x))
    return g_x

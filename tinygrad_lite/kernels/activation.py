"""Activations and their gradients in one pass over memory, without temporaries. Imported when an op first asks for it: `functions`
imports Numba.

Each loop runs over flat arrays, in blocks that threads share; its plain NumPy text is the twin of the op.
"""

from __future__ import annotations

import math

import numpy as np

from . import functions
from .functions import OPTIONS, erf, expm1, full_width, log, njit
from .jit import kernel, share
from .pool import empty

BLOCK = 1 << 13  # elements of a block


def each(function):
    """The loop out[i] = function(x[i], *numbers)."""

    @kernel(parallel=True, hires=False)
    def loop(thread, n_threads, x, out, *numbers):
        for block in share((x.size + BLOCK - 1) // BLOCK, thread, n_threads):
            full_width()
            part, result = x[block * BLOCK : (block + 1) * BLOCK], out[block * BLOCK : (block + 1) * BLOCK]
            for i in range(part.size):
                result[i] = function(part[i], *numbers)

    return loop


def each_of_two(function):
    """The loop out[i] = function(g[i], x[i], *numbers)."""

    @kernel(parallel=True, hires=False)
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
    return type(x)(0) if x < 0 else x


@njit(**OPTIONS)
def elu_of(x, alpha):
    """x for x > 0, else alpha * (e**x - 1)."""
    return x if x > 0 else alpha * expm1(x)


@njit(**OPTIONS)
def elu_gradient(g, x, alpha):
    """g for x > 0, else g * alpha * e**x."""
    return g if x > 0 else g * alpha * functions.exp(x)


@njit(**OPTIONS)
def softplus_of(x, beta, threshold):
    """log(1 + e**z) / beta for z = beta * x, without overflow. What 1 + u is rounded to, log(1 + u) is u log(1 + u) / ((1 + u) -
    1)."""
    zero, one, z = type(x)(0), type(x)(1), x * beta
    u = functions.exp(-abs(z))
    rounded = one + u
    smooth = log(rounded) * (u / (rounded - one)) if rounded > one else u
    return x if z > threshold else ((z if z > zero else zero) + smooth) / beta


@njit(**OPTIONS)
def softplus_gradient(g, x, beta, threshold):
    """g / (1 + e**-z) for z = beta * x, g itself where z > threshold."""
    z = x * beta
    return g if z > threshold else g * functions.sigmoid(z)


@njit(**OPTIONS)
def gelu_of(x):
    """x times the standard normal distribution function of x; float32."""
    half, root = type(x)(0.5), type(x)(math.sqrt(0.5))
    return x * (half + half * erf(x * root))


@njit(**OPTIONS)
def gelu_gradient(g, x):
    """g times (distribution + x * density) of the standard normal distribution; float32."""
    half, root, density = type(x)(0.5), type(x)(math.sqrt(0.5)), type(x)(1 / math.sqrt(2 * math.pi))
    return g * (half + half * erf(x * root) + x * density * functions.exp(-half * x * x))


@njit(**OPTIONS)
def gelu_tanh_of(x):
    """x (1 + tanh(z)) / 2 = x sigmoid(2 z) for z = sqrt(2/pi) (x + 0.044715 x**3)."""
    slope, bend = type(x)(2 * math.sqrt(2 / math.pi)), type(x)(2 * math.sqrt(2 / math.pi) * 0.044715)
    return x * functions.sigmoid(x * (slope + bend * x * x))


@njit(**OPTIONS)
def gelu_tanh_gradient(g, x):
    """g times the derivative s + x s (1 - s) (2 z)' of x s for s = sigmoid(2 z); 1 - s is sigmoid(-2 z)."""
    slope, bend, three = type(x)(2 * math.sqrt(2 / math.pi)), type(x)(2 * math.sqrt(2 / math.pi) * 0.044715), type(x)(3)
    z = x * (slope + bend * x * x)
    s = functions.sigmoid(z)
    return g * (s + x * s * functions.sigmoid(-z) * (slope + three * bend * x * x))


exp_loop, sigmoid_loop, tanh_loop, relu_loop = map(each, (functions.exp, functions.sigmoid, functions.tanh, rectified))
elu_loop, softplus_loop, gelu_loop, gelu_tanh_loop = map(each, (elu_of, softplus_of, gelu_of, gelu_tanh_of))
elu_backward_loop, softplus_backward_loop, gelu_backward_loop, gelu_tanh_backward_loop = map(
    each_of_two, (elu_gradient, softplus_gradient, gelu_gradient, gelu_tanh_gradient)
)


def _flat(x):
    return (x if x.flags.carray else np.array(x, order="C")).reshape(-1)


def applied(loop, arrays, *numbers, work=3):
    """``loop`` on arrays of one floating dtype and shape, of any layout; ``work``: tenths of a nanosecond for an element. Half
    precision is computed in float32."""
    x = arrays[-1]
    if x.itemsize < 4:
        return applied(loop, [a.astype(np.float32) for a in arrays], *numbers, work=work).astype(x.dtype)
    out = empty(x.shape, x.dtype)
    loop.run(work * x.size, *map(_flat, arrays), out.reshape(-1), *map(x.dtype.type, numbers))
    return out


def exp(x):
    """e**x."""
    return applied(exp_loop, [x])


def sigmoid(x):
    """1 / (1 + e**-x)."""
    return applied(sigmoid_loop, [x])


def tanh(x):
    """The hyperbolic tangent."""
    return applied(tanh_loop, [x])


def relu(x):
    """max(x, 0)."""
    return applied(relu_loop, [x], work=1)


def elu(x, alpha):
    """x for x > 0, else alpha * (e**x - 1)."""
    return applied(elu_loop, [x], alpha)


def elu_backward(g, x, alpha):
    """The gradient of `elu`."""
    return applied(elu_backward_loop, [g, x], alpha)


def softplus(x, beta, threshold):
    """log(1 + e**(beta x)) / beta; x itself where beta x > threshold."""
    return applied(softplus_loop, [x], beta, threshold, work=6)


def softplus_backward(g, x, beta, threshold):
    """The gradient of `softplus`."""
    return applied(softplus_backward_loop, [g, x], beta, threshold)


def gelu(x):
    """x times the standard normal distribution function of x; float32 and half precision."""
    return applied(gelu_loop, [x], work=6)


def gelu_backward(g, x):
    """The gradient of `gelu`."""
    return applied(gelu_backward_loop, [g, x], work=8)


def gelu_tanh(x):
    """`gelu` with the distribution function approximated by tanh."""
    return applied(gelu_tanh_loop, [x])


def gelu_tanh_backward(g, x):
    """The gradient of `gelu_tanh`."""
    return applied(gelu_tanh_backward_loop, [g, x], work=6)

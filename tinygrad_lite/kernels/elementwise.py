"""Derivatives of activations: one pass, where NumPy needs several with temporaries. Each loop has its plain NumPy text as twin,
which also serves arrays that are not contiguous."""

from __future__ import annotations

import numpy as np

from .jit import kernel, share
from .pool import empty_like

BLOCK = 1 << 13  # elements of a block; threads share the blocks
WORK = 3  # tenths of a nanosecond for an element


def _run(loop, twin, g, other):
    """``loop`` on contiguous arrays of one floating dtype, else ``twin``."""
    out = empty_like(g)
    if g.flags.c_contiguous and other.flags.c_contiguous and g.dtype == other.dtype and g.itemsize >= 4:
        loop.run(WORK * g.size, g.reshape(-1), other.reshape(-1), out.reshape(-1))
    else:
        twin(g, other, out)
    return out


@kernel(parallel=True, hires=False)
def gate_loop(thread, n_threads, g, by, out):
    """`gate` on flat views."""
    zero = g.dtype.type(0)
    for block in share((g.size + BLOCK - 1) // BLOCK, thread, n_threads):
        first, last = block * BLOCK, (block + 1) * BLOCK
        some, value, to = g[first:last], by[first:last], out[first:last]
        for i in range(some.size):
            to[i] = some[i] if value[i] > 0 else zero


def gate_twin(g, by, out):
    """out = g where by > 0, else 0, by NumPy."""
    out[...] = np.where(by > 0, g, g.dtype.type(0))


def gate(g, by):
    """``g`` where ``by`` > 0, else 0."""
    return _run(gate_loop, gate_twin, g, by)


@kernel(parallel=True, hires=False)
def tanh_backward_loop(thread, n_threads, g, y, out):
    """`tanh_backward` on flat views."""
    one = g.dtype.type(1)
    for block in share((g.size + BLOCK - 1) // BLOCK, thread, n_threads):
        first, last = block * BLOCK, (block + 1) * BLOCK
        some, value, to = g[first:last], y[first:last], out[first:last]
        for i in range(some.size):
            to[i] = some[i] * (one - value[i] * value[i])


def tanh_backward_twin(g, y, out):
    """out = g (1 - y**2), by NumPy."""
    out[...] = g * (1 - y * y)


def tanh_backward(g, y):
    """g (1 - y**2) for y = tanh(x)."""
    return _run(tanh_backward_loop, tanh_backward_twin, g, y)


@kernel(parallel=True, hires=False)
def sigmoid_backward_loop(thread, n_threads, g, y, out):
    """`sigmoid_backward` on flat views."""
    one = g.dtype.type(1)
    for block in share((g.size + BLOCK - 1) // BLOCK, thread, n_threads):
        first, last = block * BLOCK, (block + 1) * BLOCK
        some, value, to = g[first:last], y[first:last], out[first:last]
        for i in range(some.size):
            to[i] = some[i] * value[i] * (one - value[i])


def sigmoid_backward_twin(g, y, out):
    """out = g y (1 - y), by NumPy."""
    out[...] = g * y * (1 - y)


def sigmoid_backward(g, y):
    """g y (1 - y) for y = 1 / (1 + e**-x)."""
    return _run(sigmoid_backward_loop, sigmoid_backward_twin, g, y)

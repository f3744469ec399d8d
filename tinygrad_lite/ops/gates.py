"""The gates of recurrent cells, fused: what a cell does between the products of one step and those of the next."""

from __future__ import annotations

import numpy as np

from .. import kernels
from ..primitive import primitive
from .elementwise import sigmoid, tanh
from .shape import split


def _check(gates, name, state, **sums):
    """``sums`` must be (..., gates * features) for the ``state`` (..., features), which is called ``name``."""
    expected = (*state.shape[:-1], gates * state.shape[-1]) if state.ndim else None
    for what, a in sums.items():
        if a.shape != expected:
            raise ValueError(f"{what} is {a.shape}, expected {expected or f'(..., {gates} * features)'} for {name} {state.shape}")


def _computed(kernel, *arrays):
    """``kernel`` on arrays of one dtype; half precision is computed in float32."""
    dtype = arrays[-1].dtype
    if dtype.itemsize >= 4:
        return kernel(*arrays)
    return tuple([out.astype(dtype) for out in kernel(*[a.astype(np.float32) for a in arrays])])


def _parts(sums, n):
    return split(sums, (sums.shape[-1] // n,) * n, -1)


def _lstm_gates_twin(sums, c):
    i, f, g, o = _parts(sums, 4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


@primitive(promotes="float", twin=_lstm_gates_twin, outputs=("h", "c_new"))
def lstm_gates(sums, c):
    """(h', c') of an LSTM, c' = sigmoid(f) c + sigmoid(i) tanh(g) and h' = sigmoid(o) tanh(c'), for the four parts i, f, g, o of
    ``sums`` (..., 4 hidden) and ``c`` (..., hidden)."""
    _check(4, "c", c, sums=sums)
    return _computed(kernels.gates.lstm, sums, c)


@lstm_gates.backward
def lstm_gates_backward(g_h, g_c, sums, c):
    """The gradients towards the sums and c."""
    return tuple(_computed(kernels.gates.lstm_backward, g_h, g_c, sums, c))


def _gru_gates_twin(p, q, h):
    (p_r, p_z, p_n), (q_r, q_z, q_n) = _parts(p, 3), _parts(q, 3)
    z = sigmoid(p_z + q_z)
    return (1.0 - z) * tanh(p_n + sigmoid(p_r + q_r) * q_n) + z * h


@primitive(promotes="float", twin=_gru_gates_twin)
def gru_gates(p, q, h):
    """h' of a GRU that resets after the product: r = sigmoid(p_r + q_r), z = sigmoid(p_z + q_z), n = tanh(p_n + r q_n),
    h' = (1 - z) n + z h. ``p`` (from the input) and ``q`` (from the state) are (..., 3 hidden), ``h`` (..., hidden)."""
    _check(3, "h", h, p=p, q=q)
    return _computed(kernels.gates.gru, p, q, h)[0]


@gru_gates.backward
def gru_gates_backward(g, p, q, h):
    """The gradients towards p, q and h."""
    return tuple(_computed(kernels.gates.gru_backward, g, p, q, h))

"""The layers RNN, LSTM and GRU in JAX: `lax.scan` over time in one jitted function; the product of all inputs is one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from ..frameworks.jax_jit import threads  # noqa: F401
from ..layers import jax_jit
from . import rows


def rnn_step(h, p, weight_hh, bias_hh):
    """(h', output) of a step."""
    h = jnp.tanh(p + h @ weight_hh.T + bias_hh)
    return h, h


def lstm_step(state, p, weight_hh, bias_hh):
    """((h', c'), output) of a step."""
    h, c = state
    i, f, g, o = jnp.split(p + h @ weight_hh.T + bias_hh, 4, axis=1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def gru_step(h, p, weight_hh, bias_hh):
    """(h', output) of a step."""
    (p_r, p_z, p_n), (h_r, h_z, h_n) = jnp.split(p, 3, axis=1), jnp.split(h @ weight_hh.T + bias_hh, 3, axis=1)
    r, z = jax.nn.sigmoid(p_r + h_r), jax.nn.sigmoid(p_z + h_z)
    h = (1 - z) * jnp.tanh(p_n + r * h_n) + z * h
    return h, h


STEPS = {"RNN": rnn_step, "LSTM": lstm_step, "GRU": gru_step}


def layer(row):
    """A layer; None where it is not one of the plain three."""
    if row.kind not in STEPS or row.options or row.half:
        return None

    def op(x, weight_ih, weight_hh, bias_ih, bias_hh):
        h = jnp.zeros((x.shape[1], weight_hh.shape[1]), x.dtype)
        step = lambda state, p: STEPS[row.kind](state, p, weight_hh, bias_hh)
        return lax.scan(step, (h, h) if row.kind == "LSTM" else h, x @ weight_ih.T + bias_ih)[1]

    return jax_jit.layer(op, rows.arrays(row), (lambda shape: rows.cotangent(row)) if row.backward else None)

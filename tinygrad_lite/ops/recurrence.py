"""Recurrence: the equations of one step, which takes ``x`` (..., input) and the state of the step before, and gives the new state.
Whole sequences stand in sequence.py."""

from __future__ import annotations

from ..errors import composed
from ..state import scope
from .activation import relu
from .elementwise import sigmoid, tanh
from .gates import gru_gates, lstm_gates
from .linalg import linear, linear_onto
from .shape import chunk, split

__all__ = ["gru_step", "leaky_step", "lstm_step", "rnn_step"]

_NONLINEARITIES = {"tanh": tanh, "relu": relu}


def nonlinearity_of(name):
    """The function that ``nonlinearity`` names."""
    if name not in _NONLINEARITIES:
        raise ValueError(f"nonlinearity must be 'tanh' or 'relu', got {name!r}")
    return _NONLINEARITIES[name]


def time_step(t):
    """The scope of what is computed at step ``t``."""
    return scope(f"t={t}", "time step")


# -- the equations, from p = W_ih x + b_ih on; with a mask, W_hh hears h * mask -----------------------------------


def _heard(h, mask):
    return h if mask is None else h * mask


def next_rnn(p, h, weight_hh, bias_hh, nonlinearity, mask=None):
    """h' of `rnn_step`."""
    return nonlinearity_of(nonlinearity)(linear_onto(p, _heard(h, mask), weight_hh, bias_hh))


def next_leaky(p, h, tau, weight_hh, bias_hh, nonlinearity, mask=None):
    """h' of `leaky_step`."""
    rate = 1.0 / tau
    return (1.0 - rate) * h + rate * next_rnn(p, h, weight_hh, bias_hh, nonlinearity, mask)


def next_lstm(p, h, c, weight_hh, bias_hh, weight_hr=None, weight_ch=None, mask=None):
    """(h', c') of `lstm_step`."""
    sums = linear_onto(p, _heard(h, mask), weight_hh, bias_hh)
    h, c = lstm_gates(sums, c) if weight_ch is None else _peephole_gates(sums, c, weight_ch)
    return h if weight_hr is None else linear(h, weight_hr), c


def _peephole_gates(sums, c, weight_ch):
    i, f, g, o = chunk(sums, 4, -1)
    peephole_i, peephole_f, peephole_o = chunk(weight_ch, 3)
    c = sigmoid(f + peephole_f * c) * c + sigmoid(i + peephole_i * c) * tanh(g)
    return sigmoid(o + peephole_o * c) * tanh(c), c


def next_gru(p, h, weight_hh, bias_hh, reset_after, mask=None):
    """h' of `gru_step`."""
    heard = _heard(h, mask)
    if reset_after:
        return gru_gates(p, linear(heard, weight_hh, bias_hh), h)
    sizes = 2 * h.shape[-1], h.shape[-1]  # the gates r and z, the candidate n
    p_gates, p_n = split(p, sizes, -1)
    weight_gates, weight_n = split(weight_hh, sizes)
    bias_gates, bias_n = (None, None) if bias_hh is None else split(bias_hh, sizes)
    r, z = chunk(sigmoid(linear_onto(p_gates, heard, weight_gates, bias_gates)), 2, -1)
    return (1.0 - z) * tanh(linear_onto(p_n, r * heard, weight_n, bias_n)) + z * h


# -- one step ------------------------------------------------------------------------------------------------------


def _check_step(x, **states):
    """Each of ``states`` (its value, its number of features) must go with ``x`` (..., input)."""
    for name, (state, size) in states.items():
        expected = (*x.shape[:-1], size)
        if state.shape != expected:
            raise ValueError(f"{name} is {state.shape}, expected {expected} for x {x.shape}")


@composed
def rnn_step(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, nonlinearity="tanh"):
    """h' = f(W_ih x + b_ih + W_hh h + b_hh) (Elman, 1990).

    x (..., input), h (..., hidden), weight_ih (hidden, input), weight_hh (hidden, hidden), biases (hidden) or None;
    f is the ``nonlinearity``, "tanh" or "relu"
    """
    _check_step(x, h=(h, weight_hh.shape[1]))
    return next_rnn(linear(x, weight_ih, bias_ih), h, weight_hh, bias_hh, nonlinearity)


@composed
def leaky_step(x, h, tau, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, nonlinearity="tanh"):
    """h' = (1 - 1 / tau) h + 1 / tau f(W_ih x + b_ih + W_hh h + b_hh), leaky units (Jaeger et al., 2007).

    tau  time constants in steps, 1 or more: (hidden) or a number; with 1 it is `rnn_step`, whose other arguments these are
    """
    _check_step(x, h=(h, weight_hh.shape[1]))
    return next_leaky(linear(x, weight_ih, bias_ih), h, tau, weight_hh, bias_hh, nonlinearity)


@composed
def lstm_step(x, h, c, weight_ih, weight_hh, bias_ih=None, bias_hh=None, weight_hr=None, weight_ch=None):
    """(h', c') of a long short-term memory (Hochreiter and Schmidhuber, 1997, with the forget gate of Gers et al., 2000)::

        i, f, g, o = the four parts of W_ih x + b_ih + W_hh h + b_hh
        c' = sigmoid(f) c + sigmoid(i) tanh(g)
        h' = sigmoid(o) tanh(c')

    x (..., input), h and c (..., hidden), weight_ih (4 hidden, input), weight_hh (4 hidden, hidden), biases (4 hidden) or None
    weight_hr  (projection, hidden): h' is W_hr (sigmoid(o) tanh(c')) (Sak et al., 2014), and weight_hh (4 hidden, projection)
    weight_ch  (3 hidden), peepholes of i, f and o: i + w_i c, f + w_f c, o + w_o c' (Gers and Schmidhuber, 2000)
    """
    _check_step(x, h=(h, weight_hh.shape[1]), c=(c, weight_hh.shape[0] // 4))
    return next_lstm(linear(x, weight_ih, bias_ih), h, c, weight_hh, bias_hh, weight_hr, weight_ch)


@composed
def gru_step(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, reset_after=True):
    """h' of a gated recurrent unit::

        r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), z likewise
        n = tanh(W_in x + b_in + r (W_hn h + b_hn))     reset after the product, as PyTorch and cuDNN have it
        n = tanh(W_in x + b_in + W_hn (r h) + b_hn)     before it, with reset_after=False (Cho et al., 2014)
        h' = (1 - z) n + z h

    x (..., input), h (..., hidden), weight_ih (3 hidden, input), weight_hh (3 hidden, hidden), biases (3 hidden) or None; r, z, n
    """
    _check_step(x, h=(h, weight_hh.shape[1]))
    return next_gru(linear(x, weight_ih, bias_ih), h, weight_hh, bias_hh, reset_after)

"""Whole sequences of one layer in one direction as one op each; the twins in unrolled.py say what they compute, step by step.

``x`` is (steps, batch, input), the outputs (steps, batch, hidden), beside which comes the final state. With ``lengths`` sequence b
ends before step lengths[b], with ``reverse`` time runs from the last step to the first. Threads share the batch.
"""

from __future__ import annotations

import numpy as np

from .. import kernels
from ..errors import composed
from ..primitive import primitive
from ..state import local
from .recurrence import nonlinearity_of
from .unrolled import check_lengths, check_sequence, gru_unrolled, leaky_unrolled, lstm_unrolled, rnn_unrolled

__all__ = ["gru_sequence", "leaky_sequence", "lstm_sequence", "rnn_sequence"]


def _check(gates, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask, c0=None, tau=None):
    """As `check_sequence`, and of the lengths."""
    check_sequence(gates, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, c0, tau=tau, mask=mask)
    if lengths is not None:
        check_lengths(lengths, *x.shape[:2])


def has_kernel(x, weight_hh):
    """Whether there is something to compute, in a precision that the kernels know; else the twin serves."""
    return x.dtype in (np.float32, np.float64) and weight_hh.ndim == 2 and all((*x.shape[1:], weight_hh.shape[1]))


# -- plain and leaky networks ----------------------------------------------------------------------------------------


@primitive(outputs=("outputs", "h_n"), residuals=("kept",), twin=rnn_unrolled, name="rnn_sequence")
def rnn_over_time(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask, *, nonlinearity="tanh", reverse=False):
    """`rnn_sequence`, where there is something to compute."""
    _check(1, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask)
    nonlinearity_of(nonlinearity)
    arrays = x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask
    return kernels.recurrence.rnn_forward(*arrays, reverse, nonlinearity, keep=local.state.recording)


@rnn_over_time.backward
def rnn_over_time_backward(
    g, g_h, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask, kept, *, nonlinearity="tanh", reverse=False, wanted
):  # fmt: skip
    """Backpropagation through time."""
    *cotangents, g_bias, g_mask, _ = kernels.recurrence.rnn_backward(
        g, g_h, kept, weight_ih, weight_hh, nonlinearity, wanted=wanted
    )
    return *cotangents, g_bias, g_bias, None, g_mask


@composed
def rnn_sequence(
    x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, mask=None, *, nonlinearity="tanh", reverse=False
):  # fmt: skip
    """(outputs, h_n) of `rnn_step` over a sequence: outputs (steps, batch, hidden), h_n (batch, hidden).

    x        (steps, batch, input)
    h0       (batch, hidden), None for zeros
    weights  as of `rnn_step`
    lengths  integers (batch) from 0 to steps, or None
    mask     (batch, hidden), or None: W_hh hears h * mask, at each step the same (Gal and Ghahramani, 2016)
    """
    op = rnn_over_time if has_kernel(x, weight_hh) else rnn_unrolled
    return op(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask, nonlinearity=nonlinearity, reverse=reverse)


@primitive(outputs=("outputs", "h_n"), residuals=("kept",), twin=leaky_unrolled, name="leaky_sequence")
def leaky_over_time(x, h0, tau, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask, *, nonlinearity="tanh", reverse=False):
    """`leaky_sequence`, where there is something to compute."""
    _check(1, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask, tau=tau)
    nonlinearity_of(nonlinearity)
    arrays = x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask
    return kernels.recurrence.rnn_forward(*arrays, reverse, nonlinearity, 1 / np.asarray(tau), keep=local.state.recording)


@leaky_over_time.backward
def leaky_over_time_backward(
    g, g_h, x, h0, tau, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask, kept, *, nonlinearity="tanh", reverse=False, wanted
):  # fmt: skip
    """Backpropagation through time; the time constant's cotangent is minus that of the rate 1 / tau, over tau**2."""
    tau = np.asarray(tau, x.dtype)
    g_x, g_h0, *g_weights, g_bias, g_mask, g_rate = kernels.recurrence.rnn_backward(
        g, g_h, kept, weight_ih, weight_hh, nonlinearity, 1 / tau, wanted=wanted
    )
    g_tau = -g_rate / (tau * tau)
    return g_x, g_h0, g_tau if tau.ndim else g_tau.sum(), *g_weights, g_bias, g_bias, None, g_mask


@composed
def leaky_sequence(
    x, h0, tau, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, mask=None, *, nonlinearity="tanh", reverse=False
):  # fmt: skip
    """(outputs, h_n) of `leaky_step` over a sequence; ``tau`` (hidden) or a number, the rest as of `rnn_sequence`."""
    op = leaky_over_time if has_kernel(x, weight_hh) else leaky_unrolled
    return op(x, h0, tau, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask, nonlinearity=nonlinearity, reverse=reverse)


# -- gates -------------------------------------------------------------------------------------------------------------


@primitive(outputs=("outputs", "h_n", "c_n"), residuals=("kept",), twin=lstm_unrolled, name="lstm_sequence")
def lstm_over_time(x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask, *, reverse=False):
    """`lstm_sequence`, where there is something to compute and no projection."""
    _check(4, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask, c0)
    arrays = x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask
    return kernels.recurrence.lstm_forward(*arrays, reverse, keep=local.state.recording)


@lstm_over_time.backward
def lstm_over_time_backward(
    g, g_h, g_c, x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask, kept, *, reverse=False, wanted
):  # fmt: skip
    """Backpropagation through time."""
    *cotangents, g_bias, g_mask = kernels.recurrence.lstm_backward(g, g_h, g_c, kept, weight_ih, weight_hh, wanted=wanted)
    return *cotangents, g_bias, g_bias, None, g_mask


@composed
def lstm_sequence(
    x, h0, c0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, weight_hr=None, mask=None, *,
    reverse=False,
):  # fmt: skip
    """(outputs, h_n, c_n) of `lstm_step` over a sequence: outputs (steps, batch, hidden), states (batch, hidden).

    h0, c0   (batch, hidden), None for zeros
    weights  as of `lstm_step`; with ``weight_hr`` h0, h_n, the mask and the outputs have its number of rows
    x, ``lengths`` and ``mask`` are those of `rnn_sequence`.
    """
    given = x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask
    if weight_hr is None and has_kernel(x, weight_hh):
        return lstm_over_time(*given, reverse=reverse)
    return lstm_unrolled(*given, weight_hr, reverse=reverse)


@primitive(outputs=("outputs", "h_n"), residuals=("kept",), twin=gru_unrolled, name="gru_sequence")
def gru_over_time(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask, *, reset_after=True, reverse=False):
    """`gru_sequence`, where there is something to compute."""
    _check(3, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask)
    arrays = x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask
    return kernels.recurrence.gru_forward(*arrays, reverse, reset_after, keep=local.state.recording)


@gru_over_time.backward
def gru_over_time_backward(
    g, g_h, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask, kept, *, reset_after=True, reverse=False, wanted
):  # fmt: skip
    """Backpropagation through time."""
    *cotangents, g_mask = kernels.recurrence.gru_backward(g, g_h, kept, weight_ih, weight_hh, reset_after, wanted=wanted)
    return *cotangents, None, g_mask


@composed
def gru_sequence(
    x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, mask=None, *, reset_after=True, reverse=False
):
    """(outputs, h_n) of `gru_step` over a sequence: outputs (steps, batch, hidden), h_n (batch, hidden).

    weights as of `gru_step`, the rest as of `rnn_sequence`; with ``mask`` z h takes h as it is
    """
    op = gru_over_time if has_kernel(x, weight_hh) else gru_unrolled
    return op(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, mask, reset_after=reset_after, reverse=reverse)

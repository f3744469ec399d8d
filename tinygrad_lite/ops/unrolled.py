"""Whole sequences of one layer in one direction, composed of the steps of recurrence.py: the twins of sequence.py.

``x`` is (steps, batch, input), the outputs (steps, batch, hidden); beside them comes the final state. What the steps make of their
inputs is one product. With ``reverse`` time runs from the last step to the first. With ``lengths`` (batch) sequence b ends before
step lengths[b]: beyond, its state stays and its output is 0. In reverse that keeps the initial state until time enters the
sequence, which is so reversed within its length. A first state that is None is 0. A ``mask`` (batch, hidden) multiplies the state
of the step before in the product with ``weight_hh``, and nowhere else.
"""

from __future__ import annotations

import numpy as np

from ..graph import broadcast_to
from ..primitive import primitive
from ..record import Value, new_tensor
from .elementwise import where
from .linalg import linear, packing
from .recurrence import next_gru, next_leaky, next_lstm, next_rnn, nonlinearity_of, time_step
from .shape import stack, unbind, unsqueeze

# -- lengths -------------------------------------------------------------------------------------------------------


def check_lengths(lengths, steps, batch):
    """``lengths`` must be integers (batch) from 0 to ``steps``."""
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"lengths must be integers, got {lengths.dtype}")
    if lengths.shape != (batch,):
        raise ValueError(f"lengths must be ({batch},), one for each sequence, got {lengths.shape}")
    if batch and not 0 <= lengths.min() <= lengths.max() <= steps:
        bad = lengths.min() if lengths.min() < 0 else lengths.max()
        raise ValueError(f"length {bad} is out of range: there are {steps} steps, lengths are 0 to {steps}")


@primitive
def valid_steps(lengths, *, steps, batch):
    """(steps, batch): whether a step comes before the end of a sequence, t < lengths[b]."""
    check_lengths(lengths, steps, batch)
    return np.arange(steps)[:, None] < lengths


@primitive
def lengths_within(lengths, *, start, stop, steps, batch):
    """The lengths (batch) of what lies between steps ``start`` and ``stop`` of sequences of at most ``steps``."""
    check_lengths(lengths, steps, batch)
    return np.clip(lengths.astype(np.int64) - start, 0, stop - start)


# -- whole sequences -----------------------------------------------------------------------------------------------


def check_sequence(gates, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, c0=None, weight_hr=None, tau=None, mask=None):
    """What a sequence is given must fit together and be of one floating dtype."""
    if x.ndim != 3:
        raise ValueError(f"x must be (steps, batch, features), got {x.shape}")
    if x.dtype.kind != "f":
        raise TypeError(f"x must be floating, got {x.dtype}")
    if weight_hh.ndim != 2:
        raise ValueError(f"weight_hh must be (gates * hidden, hidden), got {weight_hh.shape}")
    rows, out = weight_hh.shape
    batch, hidden = x.shape[1], rows // gates
    expected = (
        ("weight_ih", weight_ih, (rows, x.shape[2])),
        ("weight_hh", weight_hh, (gates * hidden, hidden if weight_hr is None else out)),
        ("bias_ih", bias_ih, (rows,)),
        ("bias_hh", bias_hh, (rows,)),
        ("weight_hr", weight_hr, (out, hidden)),
        ("h0", h0, (batch, out)),
        ("c0", c0, (batch, hidden)),
        ("tau", tau if tau is not None and np.ndim(tau) else None, (hidden,)),
        ("mask", mask, (batch, out)),
    )
    for name, given, shape in expected:
        if given is not None and (given.shape != shape or given.dtype != x.dtype):
            raise ValueError(
                f"{name} is {given.shape} {given.dtype}, expected {shape} {x.dtype} for x {x.shape} {x.dtype}"
                f" and {hidden} hidden units"
            )


def first_state(h0, x, size):
    """``h0``, or if it is None zeros (batch, size)."""
    if h0 is not None:
        return h0
    zeros = np.zeros((x.shape[1], size), x.dtype)
    return new_tensor(zeros) if isinstance(x, Value) else zeros


def over_time(step, inputs, states, lengths, reverse=False, output=lambda h, *others: h):
    """(outputs, *final states) of ``step(input, *states) -> states``; the outputs (steps, batch, ...) are ``output(*states)``."""
    steps = len(inputs)
    valid = None if lengths is None else unsqueeze(valid_steps(lengths, steps=steps, batch=len(states[0])), -1)
    outputs, running = [None] * steps, None if lengths is None else unbind(valid)
    with packing():
        for t in reversed(range(steps)) if reverse else range(steps):
            with time_step(t):
                new = step(inputs[t], *states)
                if running is not None:
                    new = [s if n is s else where(running[t], n, s) for n, s in zip(new, states)]
                states, outputs[t] = new, output(*new)
    if not steps:
        last = output(*states)
        return broadcast_to(last, shape=(0, *last.shape)), *states
    outputs = stack(outputs)
    return outputs if valid is None else where(valid, outputs, 0.0), *states


def rnn_unrolled(
    x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, mask=None, *, nonlinearity="tanh", reverse=False
):  # fmt: skip
    """`rnn_sequence`, step by step."""
    check_sequence(1, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, mask=mask)
    nonlinearity_of(nonlinearity)
    h0, inputs = first_state(h0, x, weight_hh.shape[1]), unbind(linear(x, weight_ih, bias_ih))
    return over_time(lambda p, h: (next_rnn(p, h, weight_hh, bias_hh, nonlinearity, mask),), inputs, (h0,), lengths, reverse)


def leaky_unrolled(
    x, h0, tau, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, mask=None, *, nonlinearity="tanh", reverse=False
):  # fmt: skip
    """`leaky_sequence`, step by step."""
    check_sequence(1, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, tau=tau, mask=mask)
    nonlinearity_of(nonlinearity)
    h0, inputs = first_state(h0, x, weight_hh.shape[1]), unbind(linear(x, weight_ih, bias_ih))
    step = lambda p, h: (next_leaky(p, h, tau, weight_hh, bias_hh, nonlinearity, mask),)
    return over_time(step, inputs, (h0,), lengths, reverse)


def lstm_unrolled(
    x, h0, c0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, mask=None, weight_hr=None, *, reverse=False
):  # fmt: skip
    """`lstm_sequence`, step by step."""
    check_sequence(4, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, c0, weight_hr, mask=mask)
    states = first_state(h0, x, weight_hh.shape[1]), first_state(c0, x, weight_hh.shape[0] // 4)
    step = lambda p, h, c: next_lstm(p, h, c, weight_hh, bias_hh, weight_hr, mask=mask)
    return over_time(step, unbind(linear(x, weight_ih, bias_ih)), states, lengths, reverse)


def gru_unrolled(
    x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, mask=None, *, reset_after=True, reverse=False
):  # fmt: skip
    """`gru_sequence`, step by step."""
    check_sequence(3, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, mask=mask)
    h0, inputs = first_state(h0, x, weight_hh.shape[1]), unbind(linear(x, weight_ih, bias_ih))
    return over_time(lambda p, h: (next_gru(p, h, weight_hh, bias_hh, reset_after, mask),), inputs, (h0,), lengths, reverse)

"""Clockwork networks: modules of hidden units that change at periods of their own."""

from __future__ import annotations

import numpy as np

from .. import kernels
from ..errors import composed
from ..primitive import primitive
from ..state import local
from .elementwise import where
from .linalg import linear
from .recurrence import next_rnn, nonlinearity_of
from .sequence import has_kernel
from .shape import unbind
from .unrolled import check_lengths, check_sequence, first_state, over_time

__all__ = ["clockwork_sequence"]


def clock_blocks(periods, hidden):
    """(period, first unit, unit after the last) of the modules, equal ``periods`` as one; they share ``hidden`` units equally."""
    if not periods or any(isinstance(p, bool) or not isinstance(p, int) or p < 1 for p in periods):
        raise ValueError(f"periods must be numbers of steps, 1 or more, one for each module, got {periods}")
    if list(periods) != sorted(periods):
        raise ValueError(f"periods must ascend, got {periods}")
    if hidden % len(periods):
        raise ValueError(f"{hidden} hidden units do not divide into {len(periods)} modules of equal size")
    size = hidden // len(periods)
    return [(p, periods.index(p) * size, (periods.index(p) + periods.count(p)) * size) for p in dict.fromkeys(periods)]


def clockwork_unrolled(
    x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, mask=None, *, periods, nonlinearity="tanh", start=0
):  # fmt: skip
    """`clockwork_sequence`, step by step: the units that are not active keep their state."""
    _check(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, None, periods, nonlinearity, mask)
    modules = clock_blocks(periods, weight_hh.shape[0])
    heard, active = np.zeros(weight_hh.shape, bool), np.zeros((len(x), weight_hh.shape[0]), bool)
    for period, first, stop in modules:
        heard[first:stop, first:] = True
        active[-start % period :: period, first:stop] = True
    weight = where(heard, weight_hh, 0.0)
    steps = list(zip(unbind(linear(x, weight_ih, bias_ih)), active))

    def step(given, h):
        projected, now = given
        return (where(now, next_rnn(projected, h, weight, bias_hh, nonlinearity, mask), h),)

    return over_time(step, steps, (first_state(h0, x, weight_hh.shape[1]),), lengths)


def _check(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, periods, nonlinearity, mask=None):
    check_sequence(1, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, mask=mask)
    if lengths is not None:
        check_lengths(lengths, *x.shape[:2])
    nonlinearity_of(nonlinearity)
    clock_blocks(periods, weight_hh.shape[0])


@primitive(outputs=("outputs", "h_n"), residuals=("kept",), twin=clockwork_unrolled, name="clockwork_sequence")
def clockwork_over_time(
    x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, *, periods, nonlinearity="tanh", start=0
):  # fmt: skip
    """`clockwork_sequence`, where there is something to compute."""
    _check(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, periods, nonlinearity)
    arrays, modules = (x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths), clock_blocks(periods, weight_hh.shape[0])
    return kernels.recurrence.clockwork_forward(*arrays, modules, nonlinearity, start, keep=local.state.recording)


@clockwork_over_time.backward
def clockwork_over_time_backward(
    g, g_h, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, kept, *, periods, nonlinearity="tanh", start=0, wanted
):  # fmt: skip
    """Backpropagation through time."""
    *cotangents, g_bias = kernels.recurrence.clockwork_backward(g, g_h, kept, weight_ih, weight_hh, nonlinearity, wanted)
    return *cotangents, g_bias, g_bias, None


@composed
def clockwork_sequence(
    x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, mask=None, *, periods, nonlinearity="tanh", start=0
):  # fmt: skip
    """(outputs, h_n) of a clockwork network (Koutník et al., 2014): outputs (steps, batch, hidden), h_n (batch, hidden).

    The hidden units are modules of equal size, the k-th with the k-th of the ascending ``periods`` (in steps). A module changes, as
    `rnn_step`, at the steps that its period divides, and else computes nothing. It hears the modules of its own and longer periods:
    of ``weight_hh`` only the blocks on and right of the diagonal are used. With a mask it is run step by step.

    start  the time of x[0]; other arguments as of `rnn_sequence`
    """
    given, options = (x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths), dict(nonlinearity=nonlinearity, start=start)
    if mask is None and has_kernel(x, weight_hh):
        return clockwork_over_time(*given, periods=tuple(periods), **options)
    return clockwork_unrolled(*given, mask, periods=tuple(periods), **options)

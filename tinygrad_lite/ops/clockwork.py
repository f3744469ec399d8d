"""Clockwork networks: modules of hidden units that change at periods of their own."""

from __future__ import annotations

import numpy as np

from ..graph import broadcast_to
from .elementwise import where
from .recurrence import nonlinearity_of
from .sequence import rnn_sequence
from .shape import cat, reshape_to, slice_items, split, unsqueeze
from .unrolled import check_sequence, lengths_within, valid_steps
from .windows import located_errors

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


def clockwork_sequence(
    x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, *, periods, nonlinearity="tanh", start=0
):  # fmt: skip
    """(outputs, h_n) of a clockwork network (Koutník et al., 2014): outputs (steps, batch, hidden), h_n (batch, hidden).

    The hidden units are modules of equal size, the k-th with the k-th of the ascending ``periods`` (in steps). A module changes, as
    `rnn_step`, at the steps that its period divides, and else computes nothing. It hears the modules of its own and longer periods:
    of ``weight_hh`` only the blocks on and right of the diagonal are used.

    start  the time of x[0]; other arguments as of `rnn_sequence`

    A module hears no faster one, so each is a network of its own over its active steps, the slowest first: its input is x beside
    the states of the slower ones.
    """
    steps, batch = x.shape[:2]
    with located_errors("clockwork_sequence"):
        check_sequence(1, x, h0, weight_ih, weight_hh, bias_ih, bias_hh)
        nonlinearity_of(nonlinearity)
        blocks = clock_blocks(periods, weight_hh.shape[0])
    sizes = [stop - first for _, first, stop in blocks]
    no_bias = [None] * len(blocks)
    biases = [no_bias if bias is None else split(bias, sizes) for bias in (bias_ih, bias_hh)]
    parts = zip(blocks, split(h0, sizes, -1), split(weight_ih, sizes), split(weight_hh, sizes), *biases)
    before, after, last = [], [], []  # of the slower modules: their states before and after each step, and at the end
    for (period, first, stop), h, weight, weights_h, *bias in reversed(list(parts)):
        offset = -start % period
        active = slice(offset, None, period)
        own = slice_items(weights_h, index=(slice(None), slice(first, stop)))
        weight = cat([weight, slice_items(weights_h, index=(slice(None), slice(stop, None)))], -1)
        given = cat([slice_items(states, index=(active,)) for states in (x, *before)], -1)
        within = None if lengths is None else _active_steps(lengths, offset, period, steps, batch)
        changed, final = rnn_sequence(given, h, weight, own, *bias, within, nonlinearity=nonlinearity)
        states = cat([unsqueeze(h, 0), changed])  # one after the other, each held for a period
        held = broadcast_to(unsqueeze(states, 1), shape=(len(states), period, *h.shape))
        held = reshape_to(held, shape=(len(states) * period, *h.shape))
        begin = period - offset
        before.insert(0, slice_items(held, index=(slice(begin - 1, begin - 1 + steps),)))
        after.insert(0, slice_items(held, index=(slice(begin, begin + steps),)))
        last.insert(0, final)
    outputs = cat(after, -1)
    if lengths is not None:
        outputs = where(unsqueeze(valid_steps(lengths, steps=steps, batch=batch), -1), outputs, 0.0)
    return outputs, cat(last, -1)


def _active_steps(lengths, offset, period, steps, batch):
    """How many of the steps ``offset``, ``offset + period``, ... come before the end of each sequence."""
    within = lengths_within(lengths, start=0, stop=steps, steps=steps, batch=batch)
    return np.maximum(0, (within - offset + period - 1) // period)

"""The loops of a plain and of a leaky recurrent network over time; arrays as in `lstm`. Imported only when one runs."""

from __future__ import annotations

import numpy as np

from ..functions import OPTIONS, apart, full_width, njit, tanh
from ..jit import kernel, share
from ..vector import at, pointer
from .panels import add_rows, add_terms, cut, masked, masked_back, running, states_at
from .tile import flush_subnormals, restore_subnormals


@njit(**OPTIONS)
def activate(z, rectify):
    """tanh(z), or its positive part, in place."""
    full_width()
    if rectify:
        for j in range(z.size):
            z[j] = 0 if z[j] < 0 else z[j]
    else:
        for j in range(z.size):
            z[j] = tanh(z[j])


@njit(**OPTIONS)
def add_given(given, dh):
    """dh += given."""
    full_width()
    apart()
    for j in range(dh.size):
        dh[j] += given[j]


@njit(**OPTIONS)
def activate_back(value, dh, rectify, d):
    """The cotangent of what was activated, from that of its ``value``."""
    full_width()
    apart()
    if rectify:
        for j in range(d.size):
            d[j] = dh[j] if value[j] > 0 else 0
    else:
        for j in range(d.size):
            d[j] = dh[j] * (1 - value[j] * value[j])


@njit(**OPTIONS)
def leak(value, before, rate, after):
    """The new state: from the last one ``rate`` of the way to ``value``. The rates of a sequence are repeated for the next."""
    full_width()
    apart()
    for first in range(0, value.size, rate.size):
        for j in range(rate.size):
            after[first + j] = (1 - rate[j]) * before[first + j] + rate[j] * value[first + j]


@njit(**OPTIONS)
def leak_back(value, before, rate, dh, direct, d_rate):
    """``dh`` becomes the cotangent of ``value``, ``direct`` what goes to the last state directly; that of ``rate`` is added."""
    full_width()
    apart()
    for first in range(0, value.size, rate.size):
        for j in range(rate.size):
            k = first + j
            h = dh[k] + direct[k]
            d_rate[j] += h * (value[k] - before[k])
            dh[k] = h * rate[j]
            direct[k] = h - dh[k]


@kernel(parallel=True)
def forward(thread, n_threads, x, projected, units, hidden, values, packed, rate, mask, bounds, lengths, reverse, rectify):
    """Fill ``hidden`` behind the slot of the first state. Where the state leaks, with ``rate`` (room), ``values`` (slots, batch *
    room) are the activations, of all steps or of one; else it has no slots. If the input is ``projected``, its part of what is
    activated is there already."""
    steps, batch, features = x.shape
    room = hidden.shape[1] // batch
    for group in share(bounds.size - 1, thread, n_threads):
        first, last = bounds[group], bounds[group + 1]
        control = flush_subnormals()
        for s in range(steps):
            t = steps - 1 - s if reverse else s
            n, before, after = running(lengths, first, last, t), t + reverse, t + 1 - reverse
            begin, end = first * room, (first + n) * room
            value = cut(values, t % len(values), begin, end) if len(values) else cut(hidden, after, begin, end)
            add_terms(
                n, at(pointer(x), (t * batch + first) * features), features, 0 if projected else features,
                states_at(hidden, before, mask, begin), room, units,
                pointer(packed), room, projected, pointer(value), room,
            )  # fmt: skip
            activate(value, rectify)
            if len(values):
                leak(value, cut(hidden, before, begin, end), rate, cut(hidden, after, begin, end))
            if len(mask):
                masked(cut(hidden, after, begin, end), cut(mask, 0, begin, end), cut(mask, 1, begin, end))
        restore_subnormals(control)


@kernel(parallel=True)
def backward(
    thread, n_threads, g, hidden, values, packed, inputs, rate, mask, bounds, lengths, reverse, rectify, dh, direct, dz, dx, sums,
    d_rate,
):  # fmt: skip
    """As `lstm.backward`; where the state leaks, the cotangent of a state is ``dh`` + ``direct`` (batch * room), and that of the
    rate is ``d_rate`` (groups, room)."""
    steps, room = g.shape[0], sums.shape[2]
    batch, width = g.shape[1] // room, dx.shape[2]
    for group in share(bounds.size - 1, thread, n_threads):
        first, last = bounds[group], bounds[group + 1]
        control, part = flush_subnormals(), np.empty(room, g.dtype)
        for s in range(steps):
            t = s if reverse else steps - 1 - s
            n, before, after = running(lengths, first, last, t), t + reverse, t + 1 - reverse
            begin, end = first * room, (first + n) * room
            d, carried, given = cut(dz, t, begin, end), dh[begin:end], cut(g, t, begin, end)
            value = cut(hidden, after, begin, end)
            add_given(given, carried)
            if len(values):
                value = cut(values, t, begin, end)
                leak_back(value, cut(hidden, before, begin, end), rate, carried, direct[begin:end], d_rate[group])
            activate_back(value, carried, rectify, d)
            add_rows(d, part, sums[group, 0])
            add_terms(n, pointer(d), room, room, pointer(d), 0, 0, pointer(packed), room, False, pointer(carried), room)
            if len(mask):
                masked_back(cut(hidden, before, begin, end), cut(mask, 0, begin, end), carried, cut(mask, 1, begin, end))
            if dx.shape[0]:
                to = at(pointer(dx), (t * batch + first) * width)
                add_terms(n, pointer(d), room, room, pointer(d), 0, 0, pointer(inputs), width, False, to, width)
        restore_subnormals(control)

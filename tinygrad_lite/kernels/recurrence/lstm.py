"""The loops of a long short-term memory over time. Imported only when one runs: it imports Numba.

The numbers of all sequences in one step lie behind each other, ``room`` for each (its units, filled up to whole registers): x
(steps, batch, input); hidden and cells (slots, batch * room); gates (4 * slots, batch * room). Each thread takes the sequences
``bounds[g]`` to ``bounds[g + 1]`` through all of time. Where the states have a mask, ``mask`` (2, batch * room) is that and, in a
forward, the last state times it, in a backward, the cotangent of it; else it has no rows.
"""

from __future__ import annotations

import numpy as np

from ..functions import OPTIONS, apart, full_width, njit, sigmoid, tanh
from ..jit import kernel, share
from ..vector import at, pointer
from .panels import add_rows, add_terms, cut, masked, masked_back, running, states_at
from .tile import VECTORS, flush_subnormals, restore_subnormals

BESIDE = VECTORS  # gates in a panel of the weights


@njit(**OPTIONS)
def step(i, f, g, o, before, after, h):
    """The gates, in place, of what the products gave; the new cell and state."""
    full_width()
    apart()
    for j in range(i.size):
        i[j], f[j], g[j], o[j] = sigmoid(i[j]), sigmoid(f[j]), tanh(g[j]), sigmoid(o[j])
        c = f[j] * before[j] + i[j] * g[j]
        after[j] = c
        h[j] = o[j] * tanh(c)


@njit(**OPTIONS)
def step_back(given, dh, dc, i, f, g, o, before, after, di, df, dg, do):
    """The cotangents of what the gates were made of, from those of the output, of the state and of the cell; ``dc`` becomes that
    of the cell before."""
    full_width()
    apart()
    for j in range(i.size):
        t, h = tanh(after[j]), dh[j] + given[j]
        c = dc[j] + h * o[j] * (1 - t * t)
        di[j] = c * g[j] * i[j] * (1 - i[j])
        df[j] = c * before[j] * f[j] * (1 - f[j])
        dg[j] = c * i[j] * (1 - g[j] * g[j])
        do[j] = h * t * o[j] * (1 - o[j])
        dc[j] = c * f[j]


@kernel(parallel=True)
def forward(thread, n_threads, x, projected, units, hidden, cells, gates, packed, mask, bounds, lengths, reverse):
    """Fill ``hidden``, ``cells`` and ``gates`` behind the slot of the first state; the last two may have but two slots and one. If
    the input is ``projected``, its part of the gates is there already."""
    steps, batch, features = x.shape
    room, kept = hidden.shape[1] // batch, len(gates) // 4
    for group in share(bounds.size - 1, thread, n_threads):
        first, last = bounds[group], bounds[group + 1]
        control = flush_subnormals()
        for s in range(steps):
            t = steps - 1 - s if reverse else s
            n, before, after = running(lengths, first, last, t), t + reverse, t + 1 - reverse
            begin, end, slot, weights = first * room, (first + n) * room, t % kept, pointer(packed)
            for k in range(0, 4, BESIDE):
                weights = add_terms(
                    n, at(pointer(x), (t * batch + first) * features), features, 0 if projected else features,
                    states_at(hidden, before, mask, begin), room, units,
                    weights, room, projected, at(pointer(gates), (k * kept + slot) * batch * room + begin), room,
                    BESIDE, kept * batch * room,
                )  # fmt: skip
            step(
                cut(gates, slot, begin, end), cut(gates, kept + slot, begin, end),
                cut(gates, 2 * kept + slot, begin, end), cut(gates, 3 * kept + slot, begin, end),
                cut(cells, before % len(cells), begin, end), cut(cells, after % len(cells), begin, end),
                cut(hidden, after, begin, end),
            )  # fmt: skip
            if len(mask):
                masked(cut(hidden, after, begin, end), cut(mask, 0, begin, end), cut(mask, 1, begin, end))
        restore_subnormals(control)


@kernel(parallel=True)
def backward(
    thread, n_threads, g, hidden, cells, gates, packed, inputs, mask, bounds, lengths, reverse, dh, dc, dz, dx, sums
):  # fmt: skip
    """From the cotangents ``g`` (steps, batch * room) of the outputs, and those of the last state in ``dh`` and ``dc`` (batch *
    room): those of the gates ``dz`` (4 * steps, batch * room) and of the input ``dx`` (steps, batch, its room; no steps, if nobody
    wants it), of the first state in ``dh`` and ``dc``, of the bias in ``sums`` (groups, 4, room)."""
    steps, room = g.shape[0], sums.shape[2]
    batch, width = g.shape[1] // room, dx.shape[2]
    for group in share(bounds.size - 1, thread, n_threads):
        first, last = bounds[group], bounds[group + 1]
        control, part = flush_subnormals(), np.empty(room, g.dtype)
        for s in range(steps):
            t = s if reverse else steps - 1 - s
            n, before, after = running(lengths, first, last, t), t + reverse, t + 1 - reverse
            begin, end = first * room, (first + n) * room
            step_back(
                cut(g, t, begin, end), dh[begin:end], dc[begin:end], cut(gates, t, begin, end), cut(gates, steps + t, begin, end),
                cut(gates, 2 * steps + t, begin, end), cut(gates, 3 * steps + t, begin, end), cut(cells, before, begin, end),
                cut(cells, after, begin, end), cut(dz, t, begin, end), cut(dz, steps + t, begin, end),
                cut(dz, 2 * steps + t, begin, end), cut(dz, 3 * steps + t, begin, end),
            )  # fmt: skip
            weights, more = pointer(packed), pointer(inputs)
            for k in range(0, 4, 2):
                add_rows(cut(dz, k * steps + t, begin, end), part, sums[group, k])
                add_rows(cut(dz, (k + 1) * steps + t, begin, end), part, sums[group, k + 1])
                one = at(pointer(dz), (k * steps + t) * batch * room + begin)
                two = at(one, steps * batch * room)
                weights = add_terms(n, one, room, room, two, room, room, weights, room, k > 0, at(pointer(dh), begin), room)
                if dx.shape[0]:
                    to = at(pointer(dx), (t * batch + first) * width)
                    more = add_terms(n, one, room, room, two, room, room, more, width, k > 0, to, width)
            if len(mask):
                masked_back(cut(hidden, before, begin, end), cut(mask, 0, begin, end), dh[begin:end], cut(mask, 1, begin, end))
        restore_subnormals(control)

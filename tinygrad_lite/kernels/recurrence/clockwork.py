"""The loops of a clockwork network over time; arrays as in `lstm`, each state the modules' units beside each other. Imported only
when one runs.

A row of ``modules`` is one of them: its period, its first unit, its number of units, these filled up to whole registers, and where
in their arrays begin its packed weights, those packed for the way back to the states and to the input, and the cotangents of its
active steps. It is active at the steps whose time its period divides, and hears the units from its own first one on.
"""

from __future__ import annotations

from ..functions import OPTIONS, apart, full_width, njit
from ..jit import kernel, part, share
from ..vector import at, lanes, pointer
from .panels import add_rows, add_terms, cut, running
from .rnn import activate, add_given
from .tile import flush_subnormals, restore_subnormals


@njit(**OPTIONS)
def copy(source, target):
    """target = source."""
    full_width()
    apart()
    for j in range(source.size):
        target[j] = source[j]


@njit(**OPTIONS)
def take_back(after, dh, rectify, d):
    """The cotangent ``d`` of what a module activated, with zeros behind it, from that of its state ``dh``, which becomes 0: the
    state before reached the one behind only through the products."""
    full_width()
    apart()
    for j in range(after.size):
        slope = (1 if after[j] > 0 else 0) if rectify else 1 - after[j] * after[j]
        d[j] = dh[j] * slope
        dh[j] = 0
    for j in range(after.size, d.size):
        d[j] = 0


@part
def room_of(units, n_lanes):
    """``units`` filled up to whole registers."""
    return (units + n_lanes - 1) // n_lanes * n_lanes


@kernel(parallel=True)
def forward(thread, n_threads, x, units, hidden, packed, modules, start, bounds, lengths, rectify, scratch):
    """Fill ``hidden`` (steps + 1, batch * room) behind the slot of the first state; x[0] has the time ``start``. ``scratch``
    (groups, the largest module of as many sequences as a group has) is working memory."""
    steps, batch, features = x.shape
    room = hidden.shape[1] // batch
    for group in share(bounds.size - 1, thread, n_threads):
        first, last = bounds[group], bounds[group + 1]
        control, value = flush_subnormals(), pointer(scratch[group])
        for t in range(steps):
            n, begin = running(lengths, first, last, t), first * room
            end = begin + n * room
            copy(cut(hidden, t, begin, end), cut(hidden, t + 1, begin, end))
            for k in range(len(modules)):
                period, unit, size, width, weights = modules[k, :5]
                if (start + t) % period == 0:
                    add_terms(
                        n, at(pointer(x), (t * batch + first) * features), features, features,
                        at(pointer(hidden), t * batch * room + begin + unit), room, units - unit,
                        at(pointer(packed), weights), width, False, value, width,
                    )  # fmt: skip
                    activate(cut(scratch, group, 0, n * width), rectify)
                    for r in range(n):
                        to = begin + r * room + unit
                        copy(cut(scratch, group, r * width, r * width + size), cut(hidden, t + 1, to, to + size))
        restore_subnormals(control)


@kernel(parallel=True)
def backward(
    thread, n_threads, g, units, hidden, packed, inputs, modules, start, bounds, lengths, rectify, dh, dz, dx, row, sums
):  # fmt: skip
    """From the cotangents ``g`` (steps, batch * units) of the outputs and that of the last state in ``dh`` (batch * room): those of
    what the modules activated ``dz``, of the input ``dx`` (steps, batch, its room; no steps, if nobody wants it), of the first
    state in ``dh``, of the bias in ``sums`` (groups, modules, the largest module); ``row`` (groups, the same) is working memory."""
    steps, batch, features = len(g), g.shape[1] // units, dx.shape[2]
    room = hidden.shape[1] // batch
    for group in share(bounds.size - 1, thread, n_threads):
        first, last = bounds[group], bounds[group + 1]
        control = flush_subnormals()
        for s in range(steps):
            t = steps - 1 - s
            n, carried = running(lengths, first, last, t), first * room
            for r in range(n):
                to, given = carried + r * room, (first + r) * units
                add_given(cut(g, t, given, given + units), dh[to : to + units])
            for k in range(len(modules)):
                period, unit, size, width = modules[k, :4]
                if (start + t) % period == 0:
                    begin = modules[k, 7] + (t // period * batch + first) * width
                    for r in range(n):
                        to, d = carried + r * room + unit, begin + r * width
                        take_back(cut(hidden, t + 1, to, to + size), dh[to : to + size], rectify, cut(dz, 0, d, d + width))
                    add_rows(cut(dz, 0, begin, begin + n * width), row[group, :width], sums[group, k])
            if len(dx):
                dx[t, first : first + n] = 0
            for k in range(len(modules)):
                period, unit, _, width, _, states, of_input, begin = modules[k]
                if (start + t) % period == 0:
                    d = at(pointer(dz), begin + (t // period * batch + first) * width)
                    to, reach = at(pointer(dh), carried + unit), room_of(units - unit, lanes(d))
                    add_terms(n, d, width, width, d, 0, 0, at(pointer(packed), states), reach, True, to, room)
                    if len(dx):
                        to = at(pointer(dx), (t * batch + first) * features)
                        add_terms(n, d, width, width, d, 0, 0, at(pointer(inputs), of_input), features, True, to, features)
        restore_subnormals(control)

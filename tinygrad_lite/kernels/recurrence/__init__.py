"""Recurrent layers over all of time in one call: the long short-term memory, the gated recurrent unit, plain and leaky networks.
Imported when an op first asks for it: it imports Numba.

A forward gives the outputs, the last state and what the backward needs of it; a backward takes the cotangents of outputs and last
state and gives those of the inputs. Arrays: x (steps, batch, input), states (batch, units), weight_ih (gates * units, input),
weight_hh (gates * units, units), biases (gates * units) or None, lengths (batch) or None, a mask (batch, units) of the state in
the products or None. A first state that is None is 0.

Sequences do not meet before the gradients of the weights, so that each thread takes some of them through all of time. What the
kernels call a slot is a state: slot t lies before step t, slot t + 1 behind it (in reverse the other way round). With lengths the
sequences of a thread are sorted, longest first, and a step computes only those that have it.
"""

from __future__ import annotations

import numpy as np

from ..pool import aligned
from . import clockwork, gru, lstm, rnn
from .course import Backward, Course, course_of, groups_for, sums_of_products
from .panels import pack_columns, pack_rows, room_for

OPTIONAL = ("x", "h0", "c0", "weight_ih")  # cotangents that are computed only if somebody wants them


# -- long short-term memory --------------------------------------------------------------------------------------------------


def lstm_forward(
    x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, lengths=None, mask=None, reverse=False, keep=True
):  # fmt: skip
    """(outputs, h_n, c_n, what the backward needs)."""
    steps, features, units = len(x), x.shape[2], weight_hh.shape[1]
    course = course_of(x, units, 4 * units * (features + units), lengths, reverse)
    x, hidden, mask = course.given(x), course.slots(h0, steps + 1), course.masked(mask, h0)
    cells, gates = course.matrices(steps + 1 if keep else 2, 4 * course.kept(keep))
    course.begin(cells, c0)
    if course.projects:
        packed = course.packed_columns((0, 4, lstm.BESIDE, weight_ih, None, bias_ih, bias_hh))
        course.project(x, 4, lstm.BESIDE, packed, gates)
        packed = course.packed_columns((0, 4, lstm.BESIDE, weight_hh, None, None, None))
    else:
        packed = course.packed_columns((0, 4, lstm.BESIDE, weight_ih, weight_hh, bias_ih, bias_hh))
    lstm.forward.on(
        course.groups, x, course.projects, units, hidden, cells, gates, packed, mask, course.bounds, course.lengths, course.reverse
    )  # fmt: skip
    kept = (course, x, hidden, cells, gates, mask[:1]) if keep else None
    return course.outputs(hidden), course.last(hidden), course.last(cells), kept


def lstm_backward(g, g_h, g_c, kept, weight_ih, weight_hh, wanted=OPTIONAL):
    """The cotangents of x, h0, c0, weight_ih, weight_hh, of the sum of the biases and of the mask."""
    course, x, hidden, cells, gates, mask = kept
    back, dh, dc = Backward(course, x, g, 4, mask, wanted), course.state(g_h).reshape(-1), course.state(g_c).reshape(-1)
    pairs = (0, 2), (2, 4)
    packed, inputs = course.packed_rows((weight_hh, course.room, pairs), (weight_ih, back.width, pairs))
    lstm.backward.on(
        course.groups, back.g, hidden, cells, gates, packed, inputs, back.mask, course.bounds, course.lengths, course.reverse,
        dh, dc, back.dz, back.dx_of_step, back.sums,
    )  # fmt: skip
    return (
        back.input(4, inputs), back.state("h0", dh), back.state("c0", dc),
        *back.weights((0, 1, 2, 3), course.before(hidden, mask)), back.bias(0, 1, 2, 3), back.of_mask(),
    )  # fmt: skip


# -- gated recurrent unit ----------------------------------------------------------------------------------------------------


def gru_forward(
    x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths=None, mask=None, reverse=False, reset_after=True, keep=True
):  # fmt: skip
    """(outputs, h_n, what the backward needs)."""
    steps, features, units = len(x), x.shape[2], weight_hh.shape[1]
    course, early = course_of(x, units, 3 * units * (features + units), lengths, reverse), not reset_after
    x, hidden, mask = course.given(x), course.slots(h0, steps + 1), course.masked(mask, h0)
    (gates,) = course.matrices(4 * course.kept(keep))
    inner = bias_ih, bias_hh if early else None
    of_inner_state = 2, 1, 1, weight_hh, None, None if early else bias_hh, None
    if course.projects:
        packed = course.packed_columns((0, 2, 1, weight_ih, None, bias_ih, bias_hh), (2, 1, 1, weight_ih, None, *inner))
        course.project(x, 3, 1, packed, gates)
        packed = course.packed_columns((0, 2, 1, weight_hh, None, None, None), of_inner_state)
    else:
        of_gates = 0, 2, 1, weight_ih, weight_hh, bias_ih, bias_hh
        packed = course.packed_columns(of_gates, (2, 1, 1, weight_ih, None, *inner), of_inner_state)
    gru.forward.on(
        course.groups, x, course.projects, units, hidden, gates, packed, mask, course.bounds, course.lengths, course.reverse, early
    )  # fmt: skip
    return course.outputs(hidden), course.last(hidden), (course, x, hidden, gates, mask[:1]) if keep else None


def gru_backward(g, g_h, kept, weight_ih, weight_hh, reset_after=True, wanted=OPTIONAL):
    """The cotangents of x, h0, weight_ih, weight_hh, bias_ih, bias_hh and of the mask."""
    course, x, hidden, gates, mask = kept
    back, dh = Backward(course, x, g, 4, mask, wanted), course.state(g_h).reshape(-1)
    direct = np.zeros_like(dh)
    blocks = (0, 2), (2, 3)
    of_state = weight_hh, course.room, blocks if reset_after else blocks[::-1]
    packed, inputs = course.packed_rows(of_state, (weight_ih, back.width, blocks))
    gru.backward.on(
        course.groups, back.g, hidden, gates, packed, inputs, back.mask, course.bounds, course.lengths, course.reverse,
        not reset_after, dh, direct, back.dz, back.dx_of_step, back.sums,
    )  # fmt: skip
    states = course.before(hidden, mask)
    if reset_after:
        g_ih, g_hh = back.weights((0, 1, 2), states, (0, 1, 3))
    else:
        reset = gates[3 * course.steps :].reshape(course.steps, course.batch, course.room)
        g_ih, g_gates = back.weights((0, 1, 2), states, (0, 1))
        g_hh = np.concatenate([g_gates, *course.weight_gradients(back.dz, (2,), (reset, course.units))])
    return (
        back.input(3, inputs), back.state("h0", dh + direct), g_ih, g_hh,
        back.bias(0, 1, 2), back.bias(0, 1, 3 if reset_after else 2), back.of_mask(),
    )  # fmt: skip


# -- plain and leaky networks --------------------------------------------------------------------------------------------------


def _rate(course, rate):
    if rate is None:
        return course.nothing
    out = np.zeros(course.room, course.dtype)
    out[: course.units] = rate
    return out


def rnn_forward(
    x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths=None, mask=None, reverse=False, nonlinearity="tanh", rate=None, keep=True
):  # fmt: skip
    """(outputs, h_n, what the backward needs). With ``rate`` (units) the state leaks: it goes that part of the way to the
    activation."""
    steps, features, units = len(x), x.shape[2], weight_hh.shape[1]
    course = course_of(x, units, units * (features + units), lengths, reverse)
    x, mask = course.given(x), course.masked(mask, h0)
    hidden = aligned((steps + 1, course.batch * course.room), course.dtype)
    values = course.no_mask if rate is None else course.matrices(course.kept(keep))[0]
    if course.projects:
        packed = course.packed_columns((0, 1, 1, weight_ih, None, bias_ih, bias_hh))
        course.project(x, 1, 1, packed, course.after(hidden) if rate is None else values)
        packed = course.packed_columns((0, 1, 1, weight_hh, None, None, None))
    else:
        packed = course.packed_columns((0, 1, 1, weight_ih, weight_hh, bias_ih, bias_hh))
    course.begin(hidden, h0)
    rnn.forward.on(
        course.groups, x, course.projects, units, hidden, values, packed, _rate(course, rate), mask, course.bounds,
        course.lengths, course.reverse, nonlinearity == "relu",
    )  # fmt: skip
    return course.outputs(hidden), course.last(hidden), (course, x, hidden, values, mask[:1]) if keep else None


def rnn_backward(g, g_h, kept, weight_ih, weight_hh, nonlinearity="tanh", rate=None, wanted=OPTIONAL):
    """The cotangents of x, h0, weight_ih, weight_hh, of the sum of the biases, of the mask and of the rate."""
    course, x, hidden, values, mask = kept
    back, dh = Backward(course, x, g, 1, mask, wanted), course.state(g_h).reshape(-1)
    packed, inputs = course.packed_rows((weight_hh, course.room, ((0, 1),)), (weight_ih, back.width, ((0, 1),)))
    direct, d_rate = course.nothing, back.sums[0]  # of what does not leak nobody reads them
    if rate is not None:
        direct, d_rate = np.zeros_like(dh), np.zeros((course.groups, course.room))
    rnn.backward.on(
        course.groups, back.g, hidden, values, packed, inputs, _rate(course, rate), back.mask, course.bounds, course.lengths,
        course.reverse, nonlinearity == "relu", dh, direct, back.dz, back.dx_of_step, back.sums, d_rate,
    )  # fmt: skip
    return (
        back.input(1, inputs), back.state("h0", dh if rate is None else dh + direct),
        *back.weights((0,), course.before(hidden, mask)), back.bias(0), back.of_mask(),
        None if rate is None else d_rate.sum(0)[: course.units].astype(course.dtype),
    )  # fmt: skip


# -- clockwork networks --------------------------------------------------------------------------------------------------------


class Clocks(Course):
    """A course of modules (period, first unit, unit after the last) from the time ``start`` on: their table for the kernels, and
    the sizes of what its last four columns point into."""

    def __init__(self, x, units, lengths, modules, start):
        steps, batch, features = x.shape
        work = sum((stop - first) * (features + units - first) // period for period, first, stop in modules)
        super().__init__(steps, batch, units, x.dtype, groups_for(steps, batch, max(1, work)), 0, lengths)
        self.time, self.width, self.rows, self.sizes = start, room_for(features, x.dtype), [], [0] * 4
        heard = [room_for(units - first, x.dtype) for _, first, _ in modules]
        self.room = room_for(max(first + each for (_, first, _), each in zip(modules, heard)), x.dtype)
        self.modules = [(first, stop, slice(-start % period, steps, period)) for period, first, stop in modules]
        for (period, first, stop), (_, _, active), each in zip(modules, self.modules, heard):
            width = room_for(stop - first, x.dtype)
            self.rows.append([period, first, stop - first, width, *self.sizes])
            cotangents = len(range(steps)[active]) * batch * width
            more = (1 + features + units - first) * width, (1 + width) * each, (1 + width) * self.width, cotangents
            self.sizes = [size + some for size, some in zip(self.sizes, more)]
        self.widest = max(row[3] for row in self.rows)

    def arguments(self, nonlinearity):
        """What both loops are given last."""
        return np.array(self.rows), self.time, self.bounds, self.lengths, nonlinearity == "relu"


def clockwork_forward(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths, modules, nonlinearity="tanh", start=0, keep=True):
    """(outputs, h_n, what the backward needs)."""
    units, none = len(weight_hh), np.empty(0, x.dtype)
    course = Clocks(x, units, lengths, modules, start)
    x, hidden, packed = course.given(x), course.slots(h0, len(x) + 1), course.memory(course.sizes[0])
    for (first, stop, _), (_, _, size, width, begin, *_) in zip(course.modules, course.rows):
        biases = [none if bias is None else bias[first:stop] for bias in (bias_ih, bias_hh)]
        heard = np.ascontiguousarray(weight_hh[first:stop, first:])
        pack_columns(weight_ih[first:stop], heard, *biases, 0, 1, 1, size, width, packed[begin:])
    scratch = course.memory(course.groups, int(np.diff(course.bounds).max()) * course.widest)
    clockwork.forward.on(course.groups, x, units, hidden, packed, *course.arguments(nonlinearity), scratch)
    return course.outputs(hidden), course.last(hidden), (course, x, hidden) if keep else None


def clockwork_backward(g, g_h, kept, weight_ih, weight_hh, nonlinearity="tanh", wanted=OPTIONAL):
    """The cotangents of x, h0, weight_ih, weight_hh and of the sum of the biases."""
    course, x, hidden = kept
    (steps, batch, features), units, table = x.shape, course.units, course.rows
    dx = course.zeros(steps if "x" in wanted else 0, batch, course.width)
    packed, inputs = course.memory(course.sizes[1]), course.memory(course.sizes[2])
    for (first, stop, _), (_, _, size, width, _, begin, begin_input, _) in zip(course.modules, table):
        heard = np.ascontiguousarray(weight_hh[first:stop, first:])
        pack_rows(heard, size, width, room_for(units - first, x.dtype), packed[begin:])
        pack_rows(weight_ih[first:stop], size, width, course.width, inputs[begin_input:])
    dh, dz, row = course.state(g_h).reshape(-1), course.zeros(1, course.sizes[3]), course.memory(course.groups, course.widest)
    sums = np.zeros((course.groups, len(table), row.shape[1]))
    clockwork.backward.on(
        course.groups, course.given(g).reshape(steps, batch * units), units, hidden, packed, inputs,
        *course.arguments(nonlinearity), dh, dz, dx, row, sums,
    )  # fmt: skip
    g_ih, g_hh = np.zeros_like(weight_ih), np.zeros_like(weight_hh)
    for (first, stop, active), (_, _, size, width, *_, begin) in zip(course.modules, table):
        given, before = x[active], course.before(hidden)[active, :, first : first + room_for(units - first, x.dtype)]
        rows = len(given) * batch
        d = dz[:, begin : begin + rows * width].reshape(1, rows, width)
        factors = given.reshape(rows, features), before.reshape(rows, before.shape[2])
        if course.valid is not None:
            valid = course.valid[active].reshape(-1)
            d, factors = np.compress(valid, d, 1), [np.compress(valid, factor, 0) for factor in factors]
        pairs = list(zip(factors, (features, units - first)))
        *of_input, g_hh[first:stop, first:] = sums_of_products(d, (0,), size, *pairs["weight_ih" not in wanted :])
        if of_input:
            g_ih[first:stop] = of_input[0]
    return (
        course.taken(dx, features) if "x" in wanted else None, course.state_taken(dh),
        g_ih if "weight_ih" in wanted else None, g_hh,
        np.concatenate([sums[:, k, : row[2]].sum(0) for k, row in enumerate(table)], dtype=x.dtype, casting="same_kind"),
    )  # fmt: skip

"""Recurrent layers over all of time in one call: the long short-term memory, the gated recurrent unit, plain and leaky networks.
Imported when an op first asks for it: it imports Numba.

A forward gives the outputs, the last state and what the backward needs of it; a backward takes the cotangents of outputs and last
state and gives those of the inputs. Arrays: x (steps, batch, input), states (batch, units), weight_ih (gates * units, input),
weight_hh (gates * units, units), biases (gates * units) or None, lengths (batch) or None.

Sequences do not meet before the gradients of the weights, so that each thread takes some of them through all of time. What the
kernels call a slot is a state: slot t lies before step t, slot t + 1 behind it (in reverse the other way round). With lengths the
sequences of a thread are sorted, longest first, and a step computes only those that have it.
"""

from __future__ import annotations

import math

import numpy as np

from .. import threads
from ..pool import aligned, empty
from . import gru, lstm, panels, rnn

ALL = ("x", "weight_ih")
WORK = 5  # multiply-adds in a tenth of a nanosecond


class Course:
    """How the sequences of a batch run: in which direction, how far, in which order, on how many threads, and in which memory.

    What the kernels see is in their order, with ``room`` for each sequence: its units, filled up with zeros to whole registers.
    """

    def __init__(self, steps, batch, units, dtype, lengths, reverse, work):
        self.steps, self.batch, self.units, self.dtype, self.reverse = steps, batch, units, dtype, int(reverse)
        self.room = panels.room_for(units, dtype)
        self.groups = max(1, min(batch, threads.worth(steps * batch * work // WORK)))
        self.bounds = np.arange(0, batch * (self.groups + 1), batch) // self.groups  # of the groups
        self.projects = batch < panels.ROWS * self.groups  # the input of all steps at once, where a step has few rows
        self.order = self.valid = None
        if lengths is None:
            self.lengths, self.everyone = np.full(batch, steps), slice(None)
            self.start, self.stop = (steps, 0) if reverse else (0, steps)
        else:  # each group has every n-th of the sequences, longest first
            longest_first = np.argsort(-lengths, kind="stable")
            self.order = np.concatenate([longest_first[k :: self.groups] for k in range(self.groups)])
            self.bounds = np.cumsum([0, *(len(range(k, batch, self.groups)) for k in range(self.groups))])
            self.lengths, self.everyone = lengths[self.order].astype(np.int64), np.arange(batch)
            self.start, self.stop = (self.lengths, 0) if reverse else (0, self.lengths)
            self.valid = np.arange(steps)[:, None] < self.lengths
            self.beyond = np.arange(steps)[:, None] >= lengths

    def memory(self, *shape):
        """Uninitialised: of steps beyond a length nobody reads."""
        return aligned(shape, self.dtype)

    def zeros(self, *shape):
        """Memory in which steps beyond a length are 0."""
        out = self.memory(*shape)
        if self.order is not None:
            out[...] = 0
        return out

    def given(self, x, room=None):
        """(steps, batch, n) as the kernels see it, with ``room`` for n."""
        return _filled(x if self.order is None else np.take(x, self.order, 1), room or x.shape[2])

    def taken(self, x, units):
        """(steps, batch, room) as the user sees it: the inverse of `given`."""
        if self.order is None:
            return x if x.shape[2] == units else np.ascontiguousarray(x[:, :, :units])
        out = empty((*x.shape[:2], units), self.dtype)
        out[:, self.order] = x[:, :, :units]
        return out

    def state(self, h):
        """A state (batch, units) as the kernels see it, in memory of its own."""
        if self.order is not None:
            h = h[self.order]
        if self.room == self.units:
            return np.array(h)
        out = np.zeros((self.batch, self.room), self.dtype)
        out[:, : self.units] = h
        return out

    def state_taken(self, h):
        """(batch, room) as the user sees it: the inverse of `state`, in memory of its own."""
        h = h.reshape(self.batch, self.room)[:, : self.units]
        if self.order is None:
            return np.array(h)
        out = np.empty((self.batch, self.units), self.dtype)
        out[self.order] = h
        return out

    def kept(self, keep):
        """Of how many steps the gates are kept."""
        return self.steps if keep or self.projects else min(1, self.steps)

    def project(self, x, gates, packed, out):
        """What the input contributes to ``out`` (gates or more, steps, batch, room)."""
        panels.project.on(self.groups, x.reshape(-1, x.shape[2]), gates, packed, out.reshape(len(out), -1, self.room))

    def slots(self, first, count):
        """Memory for states, of which ``count`` are kept, with the first in its place."""
        return self.begin(self.memory(count, self.batch, self.room), first)

    def begin(self, slots, first):
        """Put the first states in their place."""
        slots[self.start % len(slots), self.everyone] = self.state(first)
        return slots

    def last(self, slots):
        """The last states."""
        return self.state_taken(slots[self.stop % len(slots), self.everyone])

    def outputs(self, slots):
        """The states behind the steps, which are the outputs, 0 beyond a length."""
        out = self.taken(self.after(slots), self.units)
        if self.order is not None:
            out[self.beyond] = 0
        return out

    def after(self, slots):
        """The states behind the steps."""
        return slots[1 - self.reverse : self.steps + 1 - self.reverse]

    def before(self, slots):
        """The states before the steps."""
        return slots[self.reverse : self.steps + self.reverse]

    def weight_gradients(self, g, gates, *factors):
        """(gates * units, terms) for each of one or two ``factors``, pairs of x (steps, batch, terms and more) and its terms: the
        sums over all steps and sequences of the products of ``g`` (all gates, steps, batch, room) and x."""
        rows = self.steps * self.batch
        g, factors = g.reshape(len(g), rows, self.room), [(x.reshape(rows, x.shape[2]), terms) for x, terms in factors]
        if self.valid is not None:
            valid = self.valid.reshape(-1)
            g, factors = np.compress(valid, g, 1), [(np.compress(valid, x, 0), terms) for x, terms in factors]
        widths = [panels.room_for(terms, self.dtype) for _, terms in factors]
        outs = [empty((len(gates) * self.units, width), self.dtype) for width in widths]
        n = threads.worth(g.shape[1] * len(gates) * self.units * sum(widths) // WORK)
        scratch = self.memory(n, panels.scratch_for(sum(widths)))
        both = [a for (x, terms), out in zip(factors, outs) for a in (x, terms, out)]
        if len(factors) == 1:
            both += factors[0][0], 0, outs[0][:, :0].copy()
        panels.weight_gradient.on(n, g, np.array(gates), self.units, *both, scratch)
        return [out if out.shape[1] == terms else np.ascontiguousarray(out[:, :terms]) for out, (_, terms) in zip(outs, factors)]

    def bias_gradient(self, sums, *gates):
        """(gates * units) from the sums (groups, all gates, room)."""
        sums = sums[0] if self.groups == 1 else sums.sum(0)
        return np.concatenate([sums[k, : self.units] for k in gates], dtype=self.dtype, casting="same_kind")

    def packed_columns(self, *blocks):
        """`panels.pack_columns` of one block behind the other: (first gate, gates, weight, weight2, bias, bias2), None for
        nothing."""
        sizes = [gates * self.room * (1 + sum(w.shape[1] for w in pair if w is not None)) for _, gates, *pair, _, _ in blocks]
        packed, begin = self.memory(sum(sizes)), 0
        for size, (first, gates, weight, weight2, bias, bias2) in zip(sizes, blocks):
            pair = weight, np.empty((0, 0), self.dtype) if weight2 is None else weight2
            biases = [np.empty(0, self.dtype) if b is None else b for b in (bias, bias2)]
            panels.pack_columns(*pair, *biases, first, gates, self.units, self.room, packed[begin : begin + size])
            begin += size
        return packed

    def packed_rows(self, weight, width, *blocks):
        """`panels.pack_rows` of one block of gates behind the other: (first, last + 1)."""
        sizes = [((stop - first) * self.room + 1) * width for first, stop in blocks]
        packed, begin = self.memory(sum(sizes)), 0
        for size, (first, stop) in zip(sizes, blocks):
            panels.pack_rows(
                weight[first * self.units : stop * self.units], self.units, self.room, width, packed[begin : begin + size]
            )
            begin += size
        return packed


def _filled(x, room):
    """``x`` in row-major order with zeros behind its last dimension up to ``room``."""
    if x.shape[-1] == room:
        return np.ascontiguousarray(x)
    out = empty((*x.shape[:-1], room), x.dtype)
    out[..., : x.shape[-1]], out[..., x.shape[-1] :] = x, 0
    return out


def _flat(x):
    """(..., batch, room) as a matrix whose rows are the sequences of a step behind each other."""
    return x.reshape(math.prod(x.shape[:-2]), x.shape[-2] * x.shape[-1])


class _Backward:
    """What the backwards share: memory for the cotangents of gates, input and biases."""

    def __init__(self, course, x, g, gates, wanted):
        want_x = "x" in wanted
        self.course, self.x, self.wanted = course, x, wanted
        self.width = panels.room_for(x.shape[2], course.dtype) if want_x else 0
        self.g = _flat(course.given(g, course.room))
        self.dz = course.zeros(gates, course.steps, course.batch, course.room)
        self.dx = course.zeros(course.steps if want_x else 0, course.batch, self.width)
        self.dx_of_step = self.dx[:0] if course.projects else self.dx  # what the loop over time computes
        self.sums = np.zeros((course.groups, gates, course.room))

    def input(self, gates, packed):
        """The cotangent of x, if somebody wants it."""
        if self.course.projects and len(self.dx):
            dz, dx = self.dz.reshape(len(self.dz), -1, self.course.room), self.dx.reshape(-1, self.width)
            panels.project_back.on(self.course.groups, dz, gates, packed, dx)
        return self.course.taken(self.dx, self.x.shape[2]) if len(self.dx) or not self.course.steps else None

    def weights(self, gates, states, gates_of_states=None):
        """The cotangents of the weights of input and state, the first one None if nobody wants it; ``states`` before each step."""
        of_x, of_states = (self.x, self.x.shape[2]), (states, self.course.units)
        if "weight_ih" not in self.wanted:
            return None, *self.course.weight_gradients(self.dz, gates_of_states or gates, of_states)
        if gates_of_states is None:
            return self.course.weight_gradients(self.dz, gates, of_x, of_states)
        return *self.course.weight_gradients(self.dz, gates, of_x), *self.course.weight_gradients(
            self.dz, gates_of_states, of_states
        )


# -- long short-term memory --------------------------------------------------------------------------------------------------


def lstm_forward(x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, lengths=None, reverse=False, keep=True):
    """(outputs, h_n, c_n, what the backward needs)."""
    (steps, batch, features), units = x.shape, weight_hh.shape[1]
    course = Course(steps, batch, units, x.dtype, lengths, reverse, 4 * units * (features + units))
    x, hidden, cells = course.given(x), course.slots(h0, steps + 1), course.slots(c0, steps + 1 if keep else 2)
    gates = course.memory(4, course.kept(keep), batch, course.room)
    if course.projects:
        course.project(x, 4, course.packed_columns((0, 4, weight_ih, None, bias_ih, bias_hh)), gates)
        packed = course.packed_columns((0, 4, weight_hh, None, None, None))
    else:
        packed = course.packed_columns((0, 4, weight_ih, weight_hh, bias_ih, bias_hh))
    slots = _flat(hidden), _flat(cells), _flat(gates)
    lstm.forward.on(course.groups, x, course.projects, units, *slots, packed, course.bounds, course.lengths, course.reverse)
    return course.outputs(hidden), course.last(hidden), course.last(cells), (course, x, hidden, cells, gates) if keep else None


def lstm_backward(g, g_h, g_c, kept, weight_ih, weight_hh, wanted=ALL):
    """The cotangents of x, h0, c0, weight_ih, weight_hh and of the sum of the biases."""
    course, x, hidden, cells, gates = kept
    back, dh, dc = _Backward(course, x, g, 4, wanted), course.state(g_h).reshape(-1), course.state(g_c).reshape(-1)
    pairs = (0, 2), (2, 4)
    packed, inputs = course.packed_rows(weight_hh, course.room, *pairs), course.packed_rows(weight_ih, back.width, *pairs)
    lstm.backward.on(
        course.groups, back.g, _flat(cells), _flat(gates), packed, inputs, course.bounds, course.lengths, course.reverse,
        dh, dc, _flat(back.dz), back.dx_of_step, back.sums,
    )  # fmt: skip
    return (
        back.input(4, inputs), course.state_taken(dh), course.state_taken(dc),
        *back.weights((0, 1, 2, 3), course.before(hidden)),
        course.bias_gradient(back.sums, 0, 1, 2, 3),
    )  # fmt: skip


# -- gated recurrent unit ----------------------------------------------------------------------------------------------------


def gru_forward(x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths=None, reverse=False, reset_after=True, keep=True):
    """(outputs, h_n, what the backward needs)."""
    (steps, batch, features), units = x.shape, weight_hh.shape[1]
    course = Course(steps, batch, units, x.dtype, lengths, reverse, 3 * units * (features + units))
    x, hidden, early = course.given(x), course.slots(h0, steps + 1), not reset_after
    gates = course.memory(4, course.kept(keep), batch, course.room)
    biases, inner = (bias_ih, bias_hh), (bias_ih, bias_hh if early else None)
    of_inner_state = 2, 1, weight_hh, None, None if early else bias_hh, None
    if course.projects:
        course.project(x, 3, course.packed_columns((0, 2, weight_ih, None, *biases), (2, 1, weight_ih, None, *inner)), gates)
        packed = course.packed_columns((0, 2, weight_hh, None, None, None), of_inner_state)
    else:
        packed = course.packed_columns((0, 2, weight_ih, weight_hh, *biases), (2, 1, weight_ih, None, *inner), of_inner_state)
    slots = _flat(hidden), _flat(gates)
    gru.forward.on(course.groups, x, course.projects, units, *slots, packed, course.bounds, course.lengths, course.reverse, early)
    return course.outputs(hidden), course.last(hidden), (course, x, hidden, gates) if keep else None


def gru_backward(g, g_h, kept, weight_ih, weight_hh, reset_after=True, wanted=ALL):
    """The cotangents of x, h0, weight_ih, weight_hh, bias_ih and bias_hh."""
    course, x, hidden, gates = kept
    back, dh = _Backward(course, x, g, 4, wanted), course.state(g_h).reshape(-1)
    direct = np.zeros_like(dh)
    blocks = (0, 2), (2, 3)
    inputs = course.packed_rows(weight_ih, back.width, *blocks)
    packed = course.packed_rows(weight_hh, course.room, *(blocks if reset_after else blocks[::-1]))
    gru.backward.on(
        course.groups, back.g, _flat(hidden), _flat(gates), packed, inputs, course.bounds, course.lengths, course.reverse,
        not reset_after, dh, direct, _flat(back.dz), back.dx_of_step, back.sums,
    )  # fmt: skip
    states = course.before(hidden)
    if reset_after:
        g_ih, g_hh = back.weights((0, 1, 2), states, (0, 1, 3))
    else:
        g_ih, g_gates = back.weights((0, 1, 2), states, (0, 1))
        g_hh = np.concatenate([g_gates, *course.weight_gradients(back.dz, (2,), (gates[3], course.units))])
    return (
        back.input(3, inputs), course.state_taken(dh + direct), g_ih, g_hh,
        course.bias_gradient(back.sums, 0, 1, 2), course.bias_gradient(back.sums, 0, 1, 3 if reset_after else 2),
    )  # fmt: skip


# -- plain and leaky networks --------------------------------------------------------------------------------------------------


def _rate(course, rate):
    out = np.zeros(0 if rate is None else course.room, course.dtype)
    if rate is not None:
        out[: course.units] = rate
    return out


def rnn_forward(
    x, h0, weight_ih, weight_hh, bias_ih, bias_hh, lengths=None, reverse=False, nonlinearity="tanh", rate=None, keep=True
):  # fmt: skip
    """(outputs, h_n, what the backward needs). With ``rate`` (units) the state leaks: it goes that part of the way to the
    activation."""
    (steps, batch, features), units = x.shape, weight_hh.shape[1]
    course = Course(steps, batch, units, x.dtype, lengths, reverse, units * (features + units))
    x, hidden = course.given(x), course.memory(steps + 1, batch, course.room)
    values = course.memory(0 if rate is None else course.kept(keep), batch, course.room)
    if course.projects:
        out = course.after(hidden) if rate is None else values
        course.project(x, 1, course.packed_columns((0, 1, weight_ih, None, bias_ih, bias_hh)), out[None])
        packed = course.packed_columns((0, 1, weight_hh, None, None, None))
    else:
        packed = course.packed_columns((0, 1, weight_ih, weight_hh, bias_ih, bias_hh))
    course.begin(hidden, h0)
    rnn.forward.on(
        course.groups, x, course.projects, units, _flat(hidden), _flat(values), packed, _rate(course, rate), course.bounds,
        course.lengths, course.reverse, nonlinearity == "relu",
    )  # fmt: skip
    return course.outputs(hidden), course.last(hidden), (course, x, hidden, values) if keep else None


def rnn_backward(g, g_h, kept, weight_ih, weight_hh, nonlinearity="tanh", rate=None, wanted=ALL):
    """The cotangents of x, h0, weight_ih, weight_hh, of the sum of the biases and of the rate."""
    course, x, hidden, values = kept
    back, dh = _Backward(course, x, g, 1, wanted), course.state(g_h).reshape(-1)
    packed, inputs = course.packed_rows(weight_hh, course.room, (0, 1)), course.packed_rows(weight_ih, back.width, (0, 1))
    direct, d_rate = np.zeros_like(dh), np.zeros((course.groups, course.room))
    rnn.backward.on(
        course.groups, back.g, _flat(hidden), _flat(values), packed, inputs, _rate(course, rate), course.bounds, course.lengths,
        course.reverse, nonlinearity == "relu", dh, direct, _flat(back.dz), back.dx_of_step, back.sums, d_rate,
    )  # fmt: skip
    return (
        back.input(1, inputs), course.state_taken(dh + direct),
        *back.weights((0,), course.before(hidden)),
        course.bias_gradient(back.sums, 0),
        d_rate.sum(0)[: course.units].astype(course.dtype),
    )  # fmt: skip

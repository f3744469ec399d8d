"""What the sequences of a batch share on their way through time: order, direction, threads and memory."""

from __future__ import annotations

import math

import numpy as np

from .. import threads
from ..pool import aligned, empty
from . import panels

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
        return sums_of_products(g, gates, self.units, *factors)

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


def sums_of_products(g, gates, units, *factors):
    """(gates * units, terms) for each of one or two ``factors``, pairs of x (rows, terms and more) and its terms: the sums over the
    rows of the products of ``g`` (all gates, rows, room) and x."""
    widths = [panels.room_for(terms, g.dtype) for _, terms in factors]
    outs = [empty((len(gates) * units, width), g.dtype) for width in widths]
    n = threads.worth(g.shape[1] * len(gates) * units * sum(widths) // WORK)
    scratch = aligned((n, panels.scratch_for(sum(widths))), g.dtype)
    both = [a for (x, terms), out in zip(factors, outs) for a in (x, terms, out)]
    if len(factors) == 1:
        both += factors[0][0], 0, outs[0][:, :0].copy()
    panels.weight_gradient.on(n, g, np.array(gates), units, *both, scratch)
    return [out if out.shape[1] == terms else np.ascontiguousarray(out[:, :terms]) for out, (_, terms) in zip(outs, factors)]


def _filled(x, room):
    """``x`` in row-major order with zeros behind its last dimension up to ``room``."""
    if x.shape[-1] == room:
        return np.ascontiguousarray(x)
    out = empty((*x.shape[:-1], room), x.dtype)
    out[..., : x.shape[-1]], out[..., x.shape[-1] :] = x, 0
    return out


def flat(x):
    """(..., batch, room) as a matrix whose rows are the sequences of a step behind each other."""
    return x.reshape(math.prod(x.shape[:-2]), x.shape[-2] * x.shape[-1])


class Backward:
    """What the backwards share: memory for the cotangents of gates, input and biases."""

    def __init__(self, course, x, g, gates, wanted):
        want_x = "x" in wanted
        self.course, self.x, self.wanted = course, x, wanted
        self.width = panels.room_for(x.shape[2], course.dtype) if want_x else 0
        self.g = flat(course.given(g, course.room))
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

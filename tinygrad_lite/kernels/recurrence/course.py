"""What the sequences of a batch share on their way through time: order, direction, threads and memory."""

from __future__ import annotations

import functools

import numpy as np

from .. import threads
from ..pool import aligned, empty
from . import panels

WORK = 5  # multiply-adds in a tenth of a nanosecond


def groups_for(steps, batch, work):
    """In how many groups, each on a thread, the sequences run, where a step of one takes ``work`` multiply-adds."""
    return max(1, min(batch, threads.worth(steps * batch * work // WORK)))


def course_of(x, units, work, lengths, reverse):
    """The `Course` of sequences x (steps, batch, input). Those without lengths are made once: they hold nothing of a call."""
    steps, batch, _ = x.shape
    given = steps, batch, units, x.dtype, groups_for(steps, batch, work), int(reverse)
    return _course_of_all(*given) if lengths is None else Course(*given, lengths)


class Course:
    """How the sequences of a batch run: in which direction, how far, in which order, on how many threads, and in which memory.

    What the kernels see is in their order, with ``room`` for each sequence: its units, filled up with zeros to whole registers.
    """

    def __init__(self, steps, batch, units, dtype, groups, reverse, lengths=None):
        self.steps, self.batch, self.units, self.dtype, self.groups, self.reverse = steps, batch, units, dtype, groups, reverse
        self.room = panels.room_for(units, dtype)
        self.bounds = np.arange(0, batch * (self.groups + 1), batch) // self.groups  # of the groups
        self.projects = batch < panels.ROWS * self.groups  # the input of all steps at once, where a step has few rows
        self.nothing, self.no_weights, self.no_mask = (
            np.empty(shape, dtype) for shape in (0, (0, 0), (0, batch * self.room))
        )  # fmt: skip
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

    def matrices(self, *rows):
        """One piece of memory cut into matrices of so many ``rows`` (batch * room), each what the kernels see of a step."""
        whole, end, cuts = aligned((sum(rows), self.batch * self.room), self.dtype), 0, []
        for n in rows:
            cuts.append(whole[end : end + n])
            end += n
        return cuts

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
        """A state (batch, units) as the kernels see it, in memory of its own; None is 0."""
        if h is not None and self.room == self.units:
            return h[self.order] if self.order is not None else np.array(h)
        out = np.zeros((self.batch, self.room), self.dtype)
        if h is not None:
            out[:, : self.units] = h if self.order is None else h[self.order]
        return out

    def state_taken(self, h):
        """(batch, room) as the user sees it: the inverse of `state`, in memory of its own."""
        h = h.reshape(self.batch, self.room)[:, : self.units]
        if self.order is None:
            return np.array(h)
        out = np.empty((self.batch, self.units), self.dtype)
        out[self.order] = h
        return out

    def masked(self, mask, h):
        """The ``mask`` of the states, and below it the state ``h`` times it, as the kernels see them; if it is None, no rows."""
        if mask is None:
            return self.no_mask
        mask = self.state(mask)
        return np.stack([mask, mask * self.state(h)]).reshape(2, -1)

    def kept(self, keep):
        """Of how many steps the gates are kept."""
        return self.steps if keep or self.projects else min(1, self.steps)

    def project(self, x, gates, beside, packed, out):
        """What the input contributes to the first of the matrices in ``out``, one of all steps for each of ``gates``."""
        rows = self.steps * self.batch
        out = out.reshape(len(out) // max(1, self.steps), rows, self.room)
        panels.project.on(self.groups, x.reshape(rows, x.shape[2]), gates, beside, packed, out)

    def slots(self, first, count):
        """Memory for states, of which ``count`` are kept, with the first in its place."""
        return self.begin(aligned((count, self.batch * self.room), self.dtype), first)

    def begin(self, slots, first):
        """Put the first states, None for 0, in their place in ``slots``, a matrix whose rows are those of a time."""
        if first is None and self.order is None:
            slots[self.start % len(slots)] = 0
        else:
            at = slots.reshape(len(slots), self.batch, self.room)
            at[self.start % len(slots), self.everyone] = self.state(first)
        return slots

    def last(self, slots):
        """The last states."""
        if self.order is None:
            return self.state_taken(slots[self.stop % len(slots)])
        at = slots.reshape(len(slots), self.batch, self.room)
        return self.state_taken(at[self.stop % len(slots), self.everyone])

    def outputs(self, slots):
        """The states behind the steps, which are the outputs, 0 beyond a length."""
        out = self.taken(self.after(slots).reshape(self.steps, self.batch, self.room), self.units)
        if self.order is not None:
            out[self.beyond] = 0
        return out

    def after(self, slots):
        """The states behind the steps."""
        return slots[1 - self.reverse : self.steps + 1 - self.reverse]

    def before(self, slots, mask=()):
        """The states before the steps (steps, batch, room), times their mask if they have one."""
        states = slots[self.reverse : self.steps + self.reverse]
        if len(mask):
            with np.errstate(all="ignore"):  # beyond a length lies anything
                states = states * mask[0]
        return states.reshape(self.steps, self.batch, self.room)

    def weight_gradients(self, g, gates, *factors):
        """(gates * units, terms) for each of one or two ``factors``, pairs of x (steps, batch, terms and more) and its terms: the
        sums over all steps and sequences of the products of ``g`` (all gates * steps, batch * room) and x."""
        rows = self.steps * self.batch
        g = g.reshape(g.size // max(1, rows * self.room), rows, self.room)
        factors = [(x.reshape(rows, x.shape[2]), terms) for x, terms in factors]
        if self.valid is not None:
            valid = self.valid.reshape(-1)
            g, factors = np.compress(valid, g, 1), [(np.compress(valid, x, 0), terms) for x, terms in factors]
        return sums_of_products(g, gates, self.units, *factors)

    def packed_columns(self, *blocks):
        """`panels.pack_columns` of one block behind the other: (first gate, gates, beside, weight, weight2, bias, bias2), None for
        nothing."""
        sizes = [n * self.room * (1 + w.shape[1] + (0 if w2 is None else w2.shape[1])) for _, n, _, w, w2, *_ in blocks]
        packed, begin = self.memory(sum(sizes)), 0
        for size, (first, gates, beside, weight, weight2, bias, bias2) in zip(sizes, blocks):
            panels.pack_columns(
                weight, self.no_weights if weight2 is None else weight2, self.nothing if bias is None else bias,
                self.nothing if bias2 is None else bias2, first, gates, beside, self.units, self.room, packed[begin:],
            )  # fmt: skip
            begin += size
        return packed

    def packed_rows(self, *weights):
        """For each of ``weights``, (weight, width, blocks), its `panels.pack_rows` of one block of gates behind the other: (first,
        last + 1)."""
        sizes = [[((stop - first) * self.room + 1) * width for first, stop in blocks] for _, width, blocks in weights]
        whole, begin, pieces = self.memory(sum([sum(each) for each in sizes])), 0, []
        for (weight, width, blocks), each in zip(weights, sizes):
            pieces.append(whole[begin:])
            for (first, stop), size in zip(blocks, each):
                if size:
                    some = weight[first * self.units : stop * self.units]
                    panels.pack_rows(some, self.units, self.room, width, whole[begin:])
                begin += size
        return pieces


_course_of_all = functools.lru_cache(256)(Course)


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
    panels.weight_gradient.on(n, g, _numbers(gates), units, *both, scratch)
    return [out if out.shape[1] == terms else np.ascontiguousarray(out[:, :terms]) for out, (_, terms) in zip(outs, factors)]


@functools.cache
def _numbers(gates):
    return np.array(gates)


def _filled(x, room):
    """``x`` in row-major order with zeros behind its last dimension up to ``room``."""
    if x.shape[-1] == room:
        return np.ascontiguousarray(x)
    out = empty((*x.shape[:-1], room), x.dtype)
    out[..., : x.shape[-1]], out[..., x.shape[-1] :] = x, 0
    return out


class Backward:
    """What the backwards share: memory for the cotangents of gates, input, biases and mask, and what the user gets of them."""

    def __init__(self, course, x, g, gates, mask, wanted):
        want_x = "x" in wanted
        self.course, self.x, self.wanted = course, x, wanted
        self.width = panels.room_for(x.shape[2], course.dtype) if want_x else 0
        self.g = course.given(g, course.room).reshape(course.steps, course.batch * course.room)
        self.mask = np.concatenate([mask, np.zeros_like(mask)]) if len(mask) else mask  # its cotangent below it
        self.dz = course.zeros(gates * course.steps, course.batch * course.room)
        self.dx = course.zeros(course.steps if want_x else 0, course.batch, self.width)
        self.dx_of_step = self.dx[:0] if course.projects else self.dx  # what the loop over time computes
        self.sums = np.zeros((course.groups, gates, course.room))

    def input(self, gates, packed):
        """The cotangent of x, if somebody wants it."""
        if self.course.projects and len(self.dx):
            rows = self.course.steps * self.course.batch
            dz, dx = self.dz.reshape(-1, rows, self.course.room), self.dx.reshape(rows, self.width)
            panels.project_back.on(self.course.groups, dz, gates, packed, dx)
        return self.course.taken(self.dx, self.x.shape[2]) if len(self.dx) or not self.course.steps else None

    def state(self, name, d):
        """The cotangent ``d`` of the first state ``name``, if somebody wants it."""
        return self.course.state_taken(d) if name in self.wanted else None

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

    def bias(self, *gates):
        """The cotangent of a bias (gates * units)."""
        sums, units = self.sums[0] if self.course.groups == 1 else self.sums.sum(0), self.course.units
        return np.concatenate([sums[k, :units] for k in gates], dtype=self.course.dtype, casting="same_kind")

    def of_mask(self):
        """The cotangent of the mask, if there is one."""
        return self.course.state_taken(self.mask[1]) if len(self.mask) else None

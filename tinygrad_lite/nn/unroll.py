"""`unroll`: any cell over time. Backpropagation through time is backward through what it records."""

from __future__ import annotations

import numpy as np

from .. import creation, ops
from ..errors import located
from ..ops.linalg import packing
from ..ops.recurrence import time_step
from ..ops.unrolled import valid_steps
from ..record import Value
from ..state import local, no_grad
from ..transforms import checkpoint as recomputed

# -- trees: a Tensor, None, or a tuple or list of trees --------------------------------------------------------------


def leaves(tree):
    """The Tensors in a tree, in order."""
    if isinstance(tree, (tuple, list)):
        return [leaf for branch in tree for leaf in leaves(branch)]
    return [] if tree is None else [tree]


def map_tree(function, tree, *others):
    """``tree`` with ``function`` of each of its Tensors, and of those in the same place of ``others``."""
    if isinstance(tree, (tuple, list)):
        return tuple(map_tree(function, *branches) for branches in zip(tree, *others, strict=True))
    return None if tree is None else function(tree, *others)


def _filled(tree, values):
    """``tree`` with its Tensors replaced by the next ones of the iterator ``values``."""
    return map_tree(lambda _: next(values), tree)


# -- arguments -------------------------------------------------------------------------------------------------------


def error_in(op, kind, text):
    """An error that names ``op`` and the module that called it."""
    return kind(f"{located(op, local.state)}: {text}")


def check_steps(op, **numbers):
    """Each of ``numbers`` (of steps) must be None or an integer of 1 or more."""
    for name, n in numbers.items():
        if n is not None and (isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1):
            raise error_in(op, ValueError, f"{name} must be a number of steps, 1 or more, or None, got {n!r}")


def as_lengths(lengths):
    """``lengths`` as a Tensor or an array."""
    return lengths if lengths is None or isinstance(lengths, Value) else np.asarray(lengths)


def _inputs(xs, steps, feedback, dim):
    """The inputs of each step (those that are given), and the number of steps."""
    sequences = leaves(xs)
    for x in sequences:
        if x.ndim <= dim:
            raise error_in("unroll", ValueError, f"xs must have a dimension {dim} of time, got {x.shape}")
    counts = {x.shape[dim] for x in sequences}
    if len(counts) > 1:
        raise error_in("unroll", ValueError, f"xs have different numbers of steps: {sorted(counts)}")
    given = counts.pop() if counts else 0
    if steps is None:
        if not sequences:
            raise error_in("unroll", ValueError, "give xs or steps")
        steps = given
    elif isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < given:
        raise error_in("unroll", ValueError, f"steps must be a number of steps, no less than the {given} of xs, got {steps!r}")
    elif sequences and feedback is None and steps > given:
        raise error_in("unroll", ValueError, f"{steps} steps need {steps} inputs, xs has {given}; or feedback makes the others")
    slices = [ops.unbind(x, dim) for x in sequences]
    return [_filled(xs, iter(step)) for step in zip(*slices)], int(steps)


# -- the loop --------------------------------------------------------------------------------------------------------


def unroll(
    cell, xs=None, state=None, *, steps=None, lengths=None, feedback=None, bptt=None, checkpoint=None, batch_first=False,
    reverse=False,
):  # fmt: skip
    """Run ``cell`` over time: ``output, state = cell(x, state)`` at each step. Returns (outputs, final state).

    cell        a `Cell`, or any function of (x, state); states and outputs are Tensors (batch, ...) or nested tuples of them
    xs          inputs (steps, batch, ...), or a nested tuple of such; or None
    state       the initial state; by default a `Cell` chooses (zeros), and a function is given None
    steps       how many; without xs the cell is given None as x: s(t) = f(s(t-1))
    lengths     integers (batch): sequence b ends before step lengths[b]; beyond, its state stays and its outputs are 0
    feedback    function of an output that makes the next input, once xs has ended: with xs at every step it is not called, which is
                teacher forcing; with xs of a few steps they are a beginning that is continued
    bptt        cut the gradient every so many steps (truncated backpropagation through time; Williams and Peng, 1990); where memory
                must not grow, call `unroll` and backward on one piece after the other, from the detached state
    checkpoint  keep the state every so many steps only, and compute what lies between again in backward (Chen et al., 2016); with
                the root of the number of steps, memory beside the outputs grows as that root
    batch_first xs and outputs are (batch, steps, ...)
    reverse     from the last step to the first, each sequence within its length
    """
    check_steps("unroll", bptt=bptt, checkpoint=checkpoint)
    if reverse and feedback is not None:
        raise error_in("unroll", ValueError, "what comes after cannot be fed back: give reverse or feedback")
    dim = int(batch_first)
    inputs, steps = _inputs(xs, steps, feedback, dim)
    step = getattr(cell, "step", cell)
    shapes = [(*x.shape[:dim], *x.shape[dim + 1 :]) for x in leaves(xs)]
    if state is None and shapes and hasattr(cell, "initial_state"):
        state = cell.initial_state(shapes[0][:-1], leaves(xs)[0].dtype)
    if lengths is not None:
        if state is None:
            raise error_in("unroll", ValueError, "with lengths give the initial state, which empty sequences keep")
        batch = (shapes or [x.shape for x in leaves(state)])[0][0]
        running = ops.unbind(valid_steps(as_lengths(lengths), steps=steps, batch=batch))
    if not steps:
        return _no_steps(step, xs, state, dim), state
    order = range(steps - 1, -1, -1) if reverse else range(steps)

    @packing()
    def run(first, last, state, output):
        """The steps ``first`` to ``last`` - 1 of the order: their outputs, and the state."""
        outputs = []
        for n in range(first, last):
            t = order[n]
            if bptt and n and n % bptt == 0:
                state, output = map_tree(lambda x: x.detach(), (state, output))
            x = inputs[t] if t < len(inputs) else feedback(output) if feedback is not None and n else None
            with time_step(t):
                output, new = step(x, state)
                if lengths is not None:
                    output = map_tree(lambda y: _where(running[t], y, 0.0), output)
                    new = map_tree(lambda s, before: _where(running[t], s, before), new, state)
            state = new
            outputs.append(output)
        return outputs, state

    outputs, output = [], None
    for first in range(0, steps, checkpoint or steps):
        segment = first, min(first + (checkpoint or steps), steps), state, output
        some, state = _recomputed(run, *segment) if checkpoint else run(*segment)
        outputs += some
        output = some[-1]
    return map_tree(lambda *over_time: ops.stack(over_time, dim), *(outputs[::-1] if reverse else outputs)), state


def _recomputed(function, *args):
    """``function(*args)``, a tree of which backward keeps the Tensors and nothing else: it runs again there."""
    structure = []

    def flat():
        result = function(*args)
        structure[:] = [map_tree(lambda _: True, result)]
        return tuple(leaves(result))

    values = recomputed(flat)
    return _filled(structure[0], iter(values))


def _where(running, new, old):
    """``new`` where sequences still run, else ``old``; ``running`` is (batch)."""
    return ops.where(ops.reshape(running, (-1, *(1,) * (new.ndim - 1))), new, old)


def _no_steps(step, xs, state, dim):
    """Outputs of no steps: their shapes are found by a step that is thrown away."""
    with no_grad():
        x = map_tree(lambda x: creation.zeros(*x.shape[:dim], *x.shape[dim + 1 :], dtype=x.dtype), xs)
        output, _ = step(x, state)
    return map_tree(lambda y: creation.zeros(*y.shape[:dim], 0, *y.shape[dim:], dtype=y.dtype), output)

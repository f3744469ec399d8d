"""Updates of many Hopfield networks with the same weights. The fields of the units are kept up to date: looking at a unit costs
nothing, a flip costs a pass over one row of weights (vectorised). Threads share the networks."""

from __future__ import annotations

import numpy as np

from ..jit import kernel, share

MANY = 0.1  # the share of units from which on a product by BLAS takes less than so many flips at once
WORK = 1  # tenths of a nanosecond for a weight of a unit that flips; one in four does in the first sweep


@kernel(parallel=True, hires=False, fastmath={"reassoc", "contract", "nsz"})
def hopfield_loop(thread, n_threads, state, field, weight, order, tie, flips, rise):
    """`hopfield_sweep`."""
    for p in share(state.shape[0], thread, n_threads):
        s, h, flipped, worst = state[p], field[p], 0, -np.inf
        for k in range(order.size):
            i = order[k]
            if s[i] * h[i] < -tie:
                row = weight[i]
                worst = max(worst, 2 * (s[i] * h[i] - row[i]))
                s[i] = -s[i]
                change = 2 * s[i]
                for j in range(row.size):
                    h[j] += change * row[j]
                flipped += 1
        flips[p], rise[p] = flipped, worst


def hopfield_sweep_twin(state, field, weight, order, tie):
    """The same by NumPy."""
    flips, rise = np.zeros(len(state), np.int64), np.full(len(state), -np.inf)
    for p, (s, h) in enumerate(zip(state, field)):
        for i in order:
            if s[i] * h[i] < -tie:
                rise[p] = max(rise[p], 2 * (s[i] * h[i] - weight[i, i]))
                s[i] = -s[i]
                h += 2 * s[i] * weight[i]
                flips[p] += 1
    return flips, rise


def hopfield_sweep(state, field, weight, order, tie):
    """Look at the units in the order given, in each row of ``state``; one whose field is against its state by more than ``tie``
    flips. ``state`` and ``field`` (n, k) change in place, ``weight`` (k, k) is symmetric; all float64, C-contiguous. Returns for
    each row the number of flips, and the largest change of the energy by one (-inf without any)."""
    flips, rise = np.empty(len(state), np.int64), np.empty(len(state))
    hopfield_loop.run(WORK * state.size * len(weight) // 4, state, field, weight, order, float(tie), flips, rise)
    return flips, rise


@kernel(parallel=True, hires=False, fastmath={"reassoc", "contract", "nsz"})
def together_loop(thread, n_threads, state, field, weight, tie, flips):
    """`hopfield_together`."""
    for p in share(state.shape[0], thread, n_threads):
        s, h, turned, count = state[p], field[p], np.empty(state.shape[1], np.int64), 0
        for i in range(s.size):
            turned[count] = i
            count += s[i] * h[i] < -tie
        for k in range(count):
            i = turned[k]
            s[i] = -s[i]
            change, row = 2 * s[i], weight[i]
            for j in range(row.size):
                h[j] += change * row[j]
        flips[p] = count


def hopfield_together_twin(state, field, weight, tie):
    """The same by NumPy."""
    wrong = state * field < -tie
    state[wrong] *= -1
    field[:] = state @ weight
    return wrong.sum(1)


def hopfield_together(state, field, weight, tie):
    """All units of each row of ``state`` that are against their ``field`` by more than ``tie`` flip at once; both (n, k) change in
    place, ``weight`` (k, k) is symmetric; all float64, C-contiguous. Returns the number of flips of each row."""
    wrong = state * field < -tie
    if np.count_nonzero(wrong) > MANY * state.size:
        np.copysign(state, field, out=state, where=wrong)
        np.dot(state, weight, out=field)
        return np.count_nonzero(wrong, axis=1)
    flips = np.empty(len(state), np.int64)
    together_loop.run(int(WORK * MANY * state.size * len(weight)), state, field, weight, float(tie), flips)
    return flips

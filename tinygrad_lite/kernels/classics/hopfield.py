"""Asynchronous updates of many Hopfield networks with the same weights. The fields of the units are kept up to date: looking at a
unit costs nothing, a flip costs a pass over one row of weights (vectorised). Threads share the networks."""

from __future__ import annotations

import numpy as np

from ..jit import kernel, share

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

"""Units of a perceptron learn on their own, each going through all examples: its weights stay in the first cache and threads share
the units. The inner loops, over the inputs of a unit, are vectorised."""

from __future__ import annotations

import numpy as np

from ..jit import kernel, share

WORK = 2  # tenths of a nanosecond for a product of a weight and an input


@kernel(parallel=True, hires=False, fastmath={"reassoc", "contract", "nsz"})
def perceptron_loop(thread, n_threads, weight, x, target, order, rates, mistakes):
    """`perceptron_epoch`; ``mistakes`` of each unit are counted."""
    zero = weight.dtype.type(0)
    for unit in share(weight.shape[0], thread, n_threads):
        w, wanted, wrong = weight[unit], target[unit], 0
        for k in range(order.size):
            i = order[k]
            row, total = x[i], zero
            for j in range(row.size):
                total += w[j] * row[j]
            if (total >= zero) != wanted[i]:
                step = rates[i] if wanted[i] else -rates[i]
                for j in range(row.size):
                    w[j] += step * row[j]
                wrong += 1
        mistakes[unit] = wrong


def perceptron_epoch_twin(weight, x, target, order, rates):
    """The same by NumPy."""
    mistakes = np.zeros(len(weight), np.int64)
    for w, wanted, unit in zip(weight, target, range(len(weight))):
        for i in order:
            error = int(wanted[i]) - int(w @ x[i] >= 0)
            w += error * rates[i] * x[i]
            mistakes[unit] += error != 0
    return mistakes


def perceptron_epoch(weight, x, target, order, rates):
    """For each unit r and each example i in the order given, with y = step(w_r·x_i): w_r += rates_i (target_ri - y) x_i, in place;
    returns the mistakes of each unit. ``weight`` (units, k), ``x`` (n, k), ``target`` (units, n) boolean, all C-contiguous."""
    if weight.itemsize < 4:
        return perceptron_epoch_twin(weight, x, target, order, rates)
    mistakes = np.empty(len(weight), np.int64)
    perceptron_loop.run(WORK * weight.size * order.size, weight, x, target, order, rates, mistakes)
    return mistakes

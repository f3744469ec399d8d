"""Rows of the table of cases.py for learning without gradients: references by plain loops over examples and units."""

from __future__ import annotations

import numpy as np
from cases import A, case, integers, masks, normal, positive


def bits(*shape):
    return lambda rng: rng.integers(0, 2, shape).astype(float)


def hebbian_reference(weight, x, epsilon, oja=False):
    w = weight.copy()
    for row in x:
        y = float(np.dot(w, row))
        w = w + epsilon * y * (row - (y * w if oja else 0))
    return w


for oja in (False, True):
    for n, k in [(5, 3), (0, 3), (1, 1), (4, 37)]:
        case("hebbian_epoch", hebbian_reference, normal(k), normal(n, k), epsilon=0.05, oja=oja)


def perceptron_reference(weight, x, target, order, rates):
    w, mistakes = weight.copy(), np.zeros(len(weight), int)
    for i in order:
        for r in range(len(w)):
            y = 1 if sum(w[r] * x[i]) >= 0 else 0
            w[r] = w[r] + rates[i] * (int(target[r, i]) - y) * x[i]
            mistakes[r] += y != target[r, i]
    return w, mistakes


for n, k, units in [(6, 3, 2), (0, 3, 2), (1, 1, 1), (9, 37, 5), (4, 3, 0)]:
    order = integers(0, n)(2 * n) if n else A()
    case("perceptron_epoch", perceptron_reference, normal(units, k), normal(n, k), masks(units, n), order, positive(n))


def hopfield_reference(state, field, weight, order, tie=0.0):
    """With the field and the energy computed anew each time."""

    def energy(s):
        return -0.5 * s @ weight @ s

    states, flips, rise = state.copy(), np.zeros(len(state), int), np.full(len(state), -np.inf)
    for p, s in enumerate(states):
        for i in order:
            if s[i] * (weight[i] @ s) < -tie:
                before = energy(s)
                s[i] = -s[i]
                rise[p] = max(rise[p], energy(s) - before)
                flips[p] += 1
    return states, flips, rise


for n, k in [(3, 4), (0, 4), (1, 1), (2, 21)]:
    rng = np.random.default_rng(k)
    weight, state, order = rng.standard_normal((k, k)), rng.choice([-1.0, 1.0], (n, k)), rng.integers(0, k, 2 * k)
    weight += weight.T
    for tie in (0.0, 1.5):
        case("hopfield_sweep", hopfield_reference, state, state @ weight, weight, order, tie=tie)

for n, k, m in [(5, 4, 3), (0, 4, 3), (1, 1, 1), (3, 37, 5)]:
    case(
        "willshaw_store",
        lambda weight, x, y: np.maximum(weight, (y[:, :, None] * x[:, None, :]).max(0, initial=0)),
        bits(m, k), bits(n, k), bits(n, m),
    )  # fmt: skip

for n, k, m in [(5, 3, 2), (2, 4, 3), (3, 3, 0), (0, 3, 2), (4, 0, 2)]:  # more rows than columns, fewer, none
    case("least_squares", lambda x, y: np.linalg.pinv(x) @ y, normal(n, k), normal(n, m))
case("least_squares", lambda x, y: np.linalg.pinv(x) @ y, np.array([[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]]), normal(3, 1))  # rank 1

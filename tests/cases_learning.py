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
    return states, states @ weight, flips, rise


def together_reference(state, field, weight, tie=0.0):
    turned = state * (state @ weight) < -tie
    states = np.where(turned, -state, state)
    return states, states @ weight, turned.sum(1)


for n, k in [(3, 4), (0, 4), (1, 1), (2, 21)]:
    rng = np.random.default_rng(k)
    weight, state, order = rng.standard_normal((k, k)), rng.choice([-1.0, 1.0], (n, k)), rng.integers(0, k, 2 * k)
    weight += weight.T
    for tie in (0.0, 1.5):
        case("hopfield_sweep", hopfield_reference, state, state @ weight, weight, order, tie=tie)
        case("hopfield_together", together_reference, state, state @ weight, weight, tie=tie)

for n, k, m in [(5, 4, 3), (0, 4, 3), (1, 1, 1), (3, 37, 5)]:
    case(
        "willshaw_store",
        lambda weight, x, y: np.maximum(weight, (y[:, :, None] * x[:, None, :]).max(0, initial=0)),
        bits(m, k), bits(n, k), bits(n, m),
    )  # fmt: skip

for n, k, m in [(5, 3, 2), (2, 4, 3), (3, 3, 0), (0, 3, 2), (4, 0, 2)]:  # more rows than columns, fewer, none
    case("least_squares", lambda x, y: np.linalg.pinv(x) @ y, normal(n, k), normal(n, m))
case("least_squares", lambda x, y: np.linalg.pinv(x) @ y, np.array([[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]]), normal(3, 1))  # rank 1
deep = np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0, 0.0, 1.0])  # rank 1, fewer rows than columns
case("least_squares", lambda x, y: np.linalg.pinv(x) @ y, deep, normal(3, 2))

for n, k, m, ones in [(5, 4, 3, 0.5), (9, 40, 7, 0.03), (0, 4, 3, 0.5), (1, 1, 1, 1.0), (3, 4, 0, 0.5), (2, 40, 3, 0.0)]:
    rare = (np.random.default_rng(k).random((n, k)) < ones).astype(float)
    case("willshaw_sums", lambda weight, x: x @ weight.T, bits(m, k), rare)

for n, k, units in [(5, 4, 3), (0, 4, 3), (1, 1, 1), (4, 3, 0), (40, 37, 30)]:
    rng = np.random.default_rng(n)  # of whole numbers also sums that reach the threshold exactly
    whole, weight = (rng.integers(-2, 3, shape).astype(float) for shape in ((n, k), (units, k)))
    case(
        "threshold_units",
        lambda x, weight, threshold: (x @ weight.T - threshold >= 0).astype(float),
        whole, weight, np.arange(units) - 1.0,
    )  # fmt: skip


def signs(p, k):
    return lambda rng: rng.choice([-1.0, 1.0], (p, k))


for p, k in [(3, 5), (7, 4), (0, 3), (2, 0), (1, 1)]:
    exact = lambda x: (x.T @ x / max(1, x.shape[1])).astype(np.float64)
    case("binary_correlations", exact, signs(p, k), out_dtype=np.float64)
    case("projection", lambda x: np.linalg.pinv(x) @ x, normal(p, k))
case("projection", lambda x: np.linalg.pinv(x) @ x, deep)  # of rank 1


def contraction_reference(h, weight):
    return np.float64(((h * (1 - h)) ** 2 * (weight**2).sum(1)).sum())


def contraction_backward_reference(g, h, weight):
    g_h = 2 * g * h * (1 - h) * (1 - 2 * h) * (weight**2).sum(1)
    return g_h, 2 * g * ((h * (1 - h)) ** 2).sum(0)[:, None] * weight


for n, code, k in [(4, 3, 5), (1, 1, 1), (0, 3, 5), (4, 0, 5), (4, 3, 0)]:
    case("logistic_contraction", contraction_reference, normal(n, code), normal(code, k))
    case("logistic_contraction_backward", contraction_backward_reference, normal(), normal(n, code), normal(code, k))

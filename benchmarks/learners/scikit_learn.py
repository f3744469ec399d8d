"""The rows that scikit-learn has: its perceptron."""

from __future__ import annotations

import itertools

import numpy as np
from sklearn.linear_model import Perceptron


def threads():
    """Its loop over examples has one."""
    return "1 (n_jobs=None)"


def perceptron(row, x, y, first):
    """From the same weights, in the same order. Its own rule to stop looks at the loss and not at mistakes: it is given the number
    of epochs after which one makes no mistake, found before anything is timed."""

    def fit(epochs):
        model = Perceptron(max_iter=epochs, tol=None, shuffle=False)
        return model.fit(x, y, coef_init=first[:, 1:].copy(), intercept_init=-first[:, 0])

    def weight(model):
        return np.c_[-model.intercept_, model.coef_]

    epochs = row.epochs
    if row.outputs == 1:
        after = map(fit, itertools.count(1))
        epochs = next(n for n, (a, b) in enumerate(itertools.pairwise(after), 2) if (weight(a) == weight(b)).all())
    return lambda: {"weight": weight(fit(epochs))}


STEPS = {"perceptron2": perceptron, "perceptron10": perceptron}

"""The rows in MyGrad, its memory guards off as its manual advises for speed; it has no optimisers: the update is NumPy's."""

from __future__ import annotations

import mygrad
from mygrad.nnet.activations import relu, sigmoid, tanh
from mygrad.nnet.losses import softmax_crossentropy

from .. import rows
from .numpy_control import threads, updater  # noqa: F401  it computes with NumPy

ACTIVATIONS = {"tanh": tanh, "relu": relu, "sigmoid": sigmoid, "identity": lambda z: z}
mygrad.turn_memory_guarding_off()


def chain(x, w):
    """The row of products."""
    x, w = mygrad.tensor(x), mygrad.tensor(w)

    def step():
        y = x
        for _ in range(rows.CHAIN_LENGTH):
            y = y * w
        y.sum().backward()
        return w.grad

    return step


def training(row, x, target, layers):
    """A training step."""
    parameters = [mygrad.tensor(array) for array in rows.transposed(layers)]
    update = updater(row, [p.data for p in parameters])

    def step():
        h = x
        for i, activation in enumerate(row.activations):
            h = ACTIVATIONS[activation](mygrad.matmul(h, parameters[2 * i]) + parameters[2 * i + 1])
        loss = ((h - target) ** 2).mean() if row.loss == "mse" else softmax_crossentropy(h, target)
        loss.backward()
        for i, p in enumerate(parameters):
            update(i, p.grad)
        return loss.item()

    return step

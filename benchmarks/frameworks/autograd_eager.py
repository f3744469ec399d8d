"""The rows in autograd (HIPS); it has no optimisers for nested parameters in float32: the update is NumPy's."""

from __future__ import annotations

import autograd.numpy as anp
from autograd import grad, value_and_grad

from .. import rows
from .numpy_control import threads, updater  # noqa: F401  it computes with NumPy

ACTIVATIONS = {
    "tanh": anp.tanh,
    "relu": lambda z: anp.maximum(z, 0),
    "sigmoid": lambda z: 1 / (1 + anp.exp(-z)),
    "identity": lambda z: z,
}


def chain(x, w):
    """The row of products."""

    def total(x, w):
        y = x
        for _ in range(rows.CHAIN_LENGTH):
            y = y * w
        return anp.sum(y)

    gradients = grad(total, (0, 1))
    return lambda: gradients(x, w)[1]


def training(row, x, target, layers):
    """A training step."""
    parameters = rows.transposed(layers)
    update, each = updater(row, parameters), (anp.arange(len(x)), target)

    def loss(parameters):
        h = x
        for i, activation in enumerate(row.activations):
            h = ACTIVATIONS[activation](anp.dot(h, parameters[2 * i]) + parameters[2 * i + 1])
        if row.loss == "mse":
            return anp.mean((h - target) ** 2)
        shifted = h - anp.max(h, axis=1, keepdims=True)
        return anp.mean(anp.log(anp.sum(anp.exp(shifted), axis=1)) - shifted[each])

    differentiated = value_and_grad(loss)

    def step():
        value, gradients = differentiated(parameters)
        for i, gradient in enumerate(gradients):
            update(i, gradient)
        return float(value)

    return step

"""The rows in JAX: the whole step (forward, backward, update) is one jitted function that is given its state to overwrite.

Reading the loss waits for the step: the loss and the new state come out of one program together.
"""

from __future__ import annotations

import os
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from .. import rows

ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "identity": lambda z: z}


def threads():
    """JAX does not say how many threads it runs; these are the settings that it reads."""
    return f"not told by JAX (NPROC={os.environ.get('NPROC')}, XLA_FLAGS={os.environ.get('XLA_FLAGS')})"


def chain(x, w):
    """The row of products: XLA sees the whole chain at once."""

    @jax.jit
    def gradients(x, w):
        def total(x, w):
            y = x
            for _ in range(rows.CHAIN_LENGTH):
                y = y * w
            return y.sum()

        return jax.grad(total, argnums=(0, 1))(x, w)

    x, w = jnp.asarray(x), jnp.asarray(w)
    return lambda: jax.block_until_ready(gradients(x, w))[1]


def cross_entropy(logits, target):
    """The mean."""
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), target[:, None], axis=1))


def forward_loss(row, parameters, x, target):
    """The loss of ``row``."""
    h = x
    for i, activation in enumerate(row.activations):
        h = ACTIVATIONS[activation](h @ parameters[2 * i] + parameters[2 * i + 1])
    if row.loss == "mse":
        return jnp.mean((h - target) ** 2)
    return cross_entropy(h, target)


def adam(row, parameters, gradients, means, squares, count):
    """New parameters, means, squares, count."""
    beta1, beta2 = rows.BETAS
    count = count + 1
    means = [beta1 * m + (1 - beta1) * g for m, g in zip(means, gradients)]
    squares = [beta2 * s + (1 - beta2) * g * g for s, g in zip(squares, gradients)]
    rate, scale = row.lr / (1 - beta1**count), 1 / (1 - beta2**count)
    parameters = [p - rate * m / (jnp.sqrt(s * scale) + rows.EPS) for p, m, s in zip(parameters, means, squares)]
    return parameters, means, squares, count


def stepping(run, state, x, target):
    """A step of ``run(state, x, target)`` -> (new state, loss), which overwrites the state; integer targets are 32 bits wide."""
    x, target = jnp.asarray(x), jnp.asarray(target.astype(np.int32) if target.dtype.kind == "i" else target)

    def step():
        nonlocal state
        state, loss = run(state, x, target)
        return float(loss)

    return step


def training(row, x, target, layers):
    """A training step."""
    parameters = [jnp.array(array) for array in rows.transposed(layers)]
    zeros = [jnp.zeros_like(p) for p in parameters]
    state = (parameters, zeros, [z.copy() for z in zeros], jnp.zeros((), jnp.float32)) if row.optimizer == "adam" else (parameters,)

    @partial(jax.jit, donate_argnums=0)
    def run(state, x, target):
        loss, gradients = jax.value_and_grad(partial(forward_loss, row))(state[0], x, target)
        if row.optimizer == "adam":
            return adam(row, state[0], gradients, *state[1:]), loss
        return ([p - row.lr * g for p, g in zip(state[0], gradients)],), loss

    return stepping(run, state, x, target)

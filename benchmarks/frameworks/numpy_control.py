"""The rows by hand in NumPy: forward, backward and update written out, no framework.

It judges the machine: if this column moved, so did the machine. In float64 it is also what all frameworks are checked against.
"""

from __future__ import annotations

import numpy as np

from .. import rows

ACTIVATIONS = {
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "identity": lambda z: z,
}
DERIVATIVES = {"tanh": lambda h: 1 - h * h, "relu": lambda h: h > 0, "sigmoid": lambda h: h * (1 - h)}  # from the output h


def threads():
    """The threads of the BLAS that NumPy loaded."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "unknown: threadpoolctl is not installed"
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas" and "numpy" in pool["filepath"]]
    texts = [f"{pool['num_threads']} ({pool['internal_api']} {pool['version']}, {pool.get('architecture')})" for pool in pools]
    return ", ".join(texts) or "unknown"


def chain(x, w):
    """The row of products: 50 forward, two for each backward, one sum for each but the last."""

    def step():
        values = [x]
        for _ in range(rows.CHAIN_LENGTH):
            values.append(values[-1] * w)
        values[-1].sum()
        g, g_w = np.ones_like(x), np.zeros_like(w)
        for value in values[-2::-1]:
            g_w += g * value
            g = g * w
        return g_w

    return step


def updater(row, parameters):
    """``update(i, gradient)``: one step of SGD or Adam on parameters[i], in place. Also serves frameworks without optimisers."""
    if row.optimizer == "sgd":

        def sgd(i, gradient):
            np.subtract(parameters[i], row.lr * gradient, out=parameters[i])

        return sgd

    (beta1, beta2), counts = rows.BETAS, [0] * len(parameters)
    means, squares = [np.zeros_like(p) for p in parameters], [np.zeros_like(p) for p in parameters]

    def adam(i, gradient):
        counts[i] += 1
        mean, square = means[i], squares[i]
        mean *= beta1
        mean += (1 - beta1) * gradient
        square *= beta2
        square += (1 - beta2) * gradient * gradient
        divisor = np.sqrt(square * (1 / (1 - beta2 ** counts[i])))
        divisor += rows.EPS
        np.subtract(parameters[i], (row.lr / (1 - beta1 ** counts[i])) * mean / divisor, out=parameters[i])

    return adam


def loss_and_gradient(row, h, target):
    """The loss and its derivative in the output ``h``."""
    if row.loss == "mse":
        difference = h - target
        return float(np.mean(difference * difference)), difference * (2 / difference.size)
    shifted = h - h.max(axis=1, keepdims=True)
    g = np.exp(shifted)
    total = g.sum(axis=1, keepdims=True)
    each = np.arange(len(h)), target
    loss = float(np.mean(np.log(total[:, 0]) - shifted[each]))
    g /= total
    g[each] -= 1
    return loss, g / len(h)


def training(row, x, target, layers, dtype=np.float32):
    """A training step, in ``dtype``."""
    parameters = rows.transposed(layers, dtype)
    x = x.astype(dtype)
    target = target if row.loss == "cross_entropy" else target.astype(dtype)
    update = updater(row, parameters)

    def step():
        values = [x]
        for i, activation in enumerate(row.activations):
            z = values[-1] @ parameters[2 * i]
            z += parameters[2 * i + 1]
            values.append(ACTIVATIONS[activation](z))
        loss, g = loss_and_gradient(row, values[-1], target)
        for i in reversed(range(len(row.activations))):
            if row.activations[i] != "identity":
                g = g * DERIVATIVES[row.activations[i]](values[i + 1])
            g_weight, g_bias = values[i].T @ g, g.sum(axis=0)
            if i:
                g = g @ parameters[2 * i].T
            update(2 * i, g_weight)
            update(2 * i + 1, g_bias)
        return loss

    return step


def reference(row, steps):
    """What all frameworks are checked against, in float64: the losses of ``steps`` steps, or the chain's gradient."""
    if not row.sizes:
        return chain(*[array.astype(np.float64) for array in rows.chain_arrays()])().tolist()
    step = training(row, *rows.batch(row), rows.first_weights(row), dtype=np.float64)
    return [step() for _ in range(steps)]

"""The rows of the table: what every framework computes, from the same data and the same first weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CHAIN_LENGTH = 50
BETAS, EPS = (0.9, 0.999), 1e-8  # Adam's usual numbers, PyTorch's defaults


@dataclass(frozen=True)
class Row:
    """A training step of a multilayer perceptron, or (without ``sizes``) the chain of products.

    activation  after each hidden layer; ``output`` after the last one
    target      what the ratio PyTorch / ours should reach: (one thread, all threads)
    """

    key: str
    title: str
    target: tuple[float, float]
    sizes: tuple[int, ...] = ()
    batch: int = 0
    activation: str = ""
    output: str = "identity"
    loss: str = ""
    optimizer: str = ""
    lr: float = 0.0

    @property
    def activations(self):
        """The name of the function after each layer."""
        return [self.activation] * (len(self.sizes) - 2) + [self.output]


ROWS = {
    row.key: row
    for row in (
        Row("chain", f"chain of {CHAIN_LENGTH} products of 4 numbers, forward and backward", (1.3, 1.3)),
        Row("xor", "XOR 2-4-1, batch 4, tanh, mse, SGD", (2.5, 2.5), (2, 4, 1), 4, "tanh", "identity", "mse", "sgd", 0.1),
        Row("small", "64-32-10, batch 64, tanh, cross-entropy, SGD", (2.5, 2.5),
            (64, 32, 10), 64, "tanh", "identity", "cross_entropy", "sgd", 0.1),
        Row("wide", "784-256-10, batch 64, ReLU, cross-entropy, SGD", (1.0, 0.95),
            (784, 256, 10), 64, "relu", "identity", "cross_entropy", "sgd", 0.02),
        Row("deep", "784-512-512-10, batch 128, ReLU, cross-entropy, Adam", (1.0, 0.95),
            (784, 512, 512, 10), 128, "relu", "identity", "cross_entropy", "adam", 1e-4),
        Row("autoencoder", "autoencoder 784-1000-500-250-30 and back, batch 128, sigmoid, mse, Adam", (1.0, 0.95),
            (784, 1000, 500, 250, 30, 250, 500, 1000, 784), 128, "sigmoid", "sigmoid", "mse", "adam", 1e-4),
    )
}  # fmt: skip


def chain_arrays():
    """x and w, four numbers each: the row is the sum of x * w * w * ... and its gradients; a step returns that of w."""
    return np.array([0.5, 1.0, 1.5, 2.0], np.float32), np.array([0.97, 0.99, 1.01, 1.03], np.float32)


def batch(row):
    """The input (batch, features) and the target, the same at each step."""
    rng = np.random.default_rng(0)
    if row.key == "xor":
        return np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([[0], [1], [1], [0]], np.float32)
    x = rng.random((row.batch, row.sizes[0]), np.float32)
    return x, x if row.loss == "mse" else rng.integers(0, row.sizes[-1], row.batch)


def first_weights(row):
    """(weight, bias) of each layer, PyTorch's layout (out, in); uniform, of the width that Glorot and Bengio (2010) give: four
    times wider for sigmoid units, so that the gradients of the deep autoencoder stay far above the denormal numbers."""
    rng, layers = np.random.default_rng(1), []
    for n_in, n_out in zip(row.sizes, row.sizes[1:]):
        bound = (6 / (n_in + n_out)) ** 0.5 * (4 if row.activation == "sigmoid" else 1)
        weight = rng.random((n_out, n_in), np.float32)
        weight -= 0.5  # in place: a temporary array here would leave free memory that hides what a step allocates
        weight *= 2 * bound
        layers.append((weight, np.zeros(n_out, np.float32)))
    return layers


def state_dict(layers):
    """The weights under the names that a Sequential of Linear, activation, Linear, ... gives them."""
    return {f"{2 * i}.{name}": array for i, layer in enumerate(layers) for name, array in zip(("weight", "bias"), layer)}


def transposed(layers, dtype=np.float32):
    """Copies in the layout (in, out), for frameworks that write x @ W."""
    return [array for weight, bias in layers for array in (np.array(weight.T, dtype, order="C"), bias.astype(dtype))]


def state_bytes(row):
    """Bytes of parameters, gradients and, with Adam, two means: what a training step must hold in float32, by arithmetic."""
    parameters = sum(n_in * n_out + n_out for n_in, n_out in zip(row.sizes, row.sizes[1:]))
    return 4 * parameters * (4 if row.optimizer == "adam" else 2)

"""The rows: a model, what is done with it, and the arrays that all are given."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Row:
    """What is timed.

    inputs   of the model; ``outputs`` of it, ``examples`` it is given
    hidden   sizes of its hidden layers
    epochs   over the examples, at most
    ones     of each sparse pattern
    noise    share of elements that are turned in a probe
    trains   the step returns a loss and changes the weights, by ``optimizer`` at rate ``lr``
    target   what the ratio of each peer should reach, None where nothing is asked for
    """

    key: str
    title: str
    inputs: int
    outputs: int
    examples: int
    epochs: int = 1
    ones: int = 0
    noise: float = 0.0
    hidden: tuple[int, ...] = ()
    trains: bool = False
    optimizer: str = "momentum"
    lr: float = 0.01
    target: float | None = 1.0


PAIR = (1, 8)  # digits that a plane separates, after some epochs
EPSILON, WEIGHT, MOMENTUM = 2e-3, 0.1, 0.9  # of Hebb's and Oja's rules, of the contractive penalty, of gradient descent
ROWS = {
    row.key: row
    for row in (
        Row("boolean", "Boolean network of 10 inputs: its whole table", 10, 1, 1024),
        Row("hebb", "Hebb's rule, 64 inputs, 1,500 digits, 5 epochs", 64, 1, 1500, 5),
        Row("oja", "Oja's rule, 64 inputs, 1,500 digits, 5 epochs", 64, 1, 1500, 5),
        Row("perceptron2", f"perceptron, digits {PAIR[0]} and {PAIR[1]}, until an epoch makes no mistake", 64, 1, 0, 1000),
        Row("perceptron10", "perceptron, ten classes of 1,500 digits, 20 epochs", 64, 10, 1500, 20),
        Row("willshaw_store", "Willshaw, 1,000 x 1,000, 10 ones, stores 2,000 pairs", 1000, 1000, 2000, ones=10),
        Row("willshaw_recall", "Willshaw, the same, recalls 1,000 of them", 1000, 1000, 2000, ones=10),
        Row("linear_hebb", "linear associator 1,000 x 1,000, stores 500 pairs, Hebb", 1000, 1000, 500),
        Row("linear_squares", "linear associator 1,000 x 1,000, stores 500 pairs, least squares", 1000, 1000, 500),
        Row("linear_recall", "linear associator 1,000 x 1,000, recalls 500 pairs", 1000, 1000, 500),
        Row("hopfield_store", "Hopfield N = 1,000, stores 50 patterns, Hebb", 1000, 1000, 50),
        Row("hopfield_inverse", "Hopfield N = 1,000, stores 100 patterns, pseudo-inverse", 1000, 1000, 100),
        Row("asynchronous", "Hopfield N = 1,000, 50 patterns, recalls 1,000 probes with 20 % noise, asynchronous",
            1000, 1000, 50, noise=0.2),
        Row("synchronous", "Hopfield N = 1,000, 50 patterns, recalls 1,000 probes with 20 % noise, synchronous",
            1000, 1000, 50, noise=0.2),
        Row("contraction", "contractive penalty 784-500, batch 100, value and gradient", 784, 500, 100),
        Row("mlp_small", "multilayer perceptron 64-32-10, batch 50, training step, momentum",
            64, 10, 50, hidden=(32,), trains=True, target=None),
        Row("mlp", "multilayer perceptron 784-500-10, batch 100, training step, momentum",
            784, 10, 100, hidden=(500,), trains=True),
        Row("autoencoder_small", "autoencoder 64-128-64-10 and back, batch 50, training step, Adam",
            64, 64, 50, hidden=(128, 64, 10, 64, 128), trains=True, optimizer="adam", lr=1e-4, target=None),
        Row("autoencoder", "autoencoder 784-1000-500-250-30 and back, batch 100, training step, Adam",
            784, 784, 100, hidden=(1000, 500, 250, 30, 250, 500, 1000), trains=True, optimizer="adam", lr=1e-4),
    )
}  # fmt: skip
PROBES = 1000


def digits():
    """Real digits, whose pixels are sixteenths, and their classes."""
    from tinygrad_lite import data

    return data.load_digits()[0]


def sparse(rng, n, k, ones):
    """n patterns of k elements, ``ones`` of which are 1."""
    out = np.zeros((n, k), np.float32)
    np.put_along_axis(out, rng.random((n, k)).argpartition(ones - 1, 1)[:, :ones], 1, 1)
    return out


def layers(rng, sizes):
    """(weight, bias) of each layer by name; uniform, of the width of Glorot and Bengio (2010) for sigmoid units."""
    found = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        bound = 4 * (6 / (n_in + n_out)) ** 0.5
        found |= {
            f"weight{i}": rng.uniform(-bound, bound, (n_out, n_in)).astype(np.float32),
            f"bias{i}": np.zeros(n_out, np.float32),
        }
    return found


def arrays(row):
    """What the functions of the row are given, by name: float32, Hopfield's networks float64."""
    rng, n = np.random.default_rng(0), row.examples
    match row.key.partition("_")[0]:
        case "boolean":
            x = (np.arange(n)[:, None] >> np.arange(row.inputs)[::-1] & 1).astype(np.float32)
            return {"table": rng.integers(0, 2, n), "x": x}
        case "hebb" | "oja":
            x = digits()[0][:n]
            return {"x": x - x.mean(0), "first": np.full(row.inputs, 1 / np.sqrt(row.inputs), np.float32)}
        case "perceptron2" | "perceptron10":
            x, y = digits()
            if row.outputs == 1:
                x, y = x[np.isin(y, PAIR)], y[np.isin(y, PAIR)]
            # thresholds of half a step in the sums: no sum is 0, where step(0) = 1 and scikit-learn learns, too; and all are exact
            return {"x": x, "y": y, "first": np.tile(np.float32([1 / 512, *[0] * row.inputs]), (row.outputs, 1))}
        case "willshaw":
            return {name: sparse(rng, n, k, row.ones) for name, k in (("x", row.inputs), ("y", row.outputs))}
        case "linear":
            return {name: rng.standard_normal((n, k), np.float32) for name, k in (("x", row.inputs), ("y", row.outputs))}
        case "hopfield":
            return {"x": rng.choice([-1.0, 1.0], (n, row.inputs))}
        case "asynchronous" | "synchronous":
            x = rng.choice([-1.0, 1.0], (n, row.inputs))
            probes = np.resize(x, (PROBES, row.inputs)) * np.where(rng.random((PROBES, row.inputs)) < row.noise, -1, 1)
            return {"x": x, "probes": probes, "order": rng.permutation(row.inputs)}
        case "contraction":
            return {"x": rng.random((n, row.inputs), np.float32), **layers(rng, (row.inputs, row.outputs))}
        case "mlp" | "autoencoder":
            x, weights = rng.random((n, row.inputs), np.float32), layers(rng, (row.inputs, *row.hidden, row.outputs))
            t = {"t": np.eye(row.outputs, dtype=np.float32)[rng.integers(0, row.outputs, n)]} if row.key.startswith("mlp") else {}
            return {"x": x, **t, **weights}

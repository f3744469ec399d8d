"""The rows: training steps of three networks, GoogLeNet's outputs alone, one Inception module with its gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..layers.rows import LayerRow, cotangent  # noqa: F401  as rows.cotangent
from .weights import SHAPES

CLASSES = {"lenet": 10, "resnet20": 10, "googlenet": 1000}


@dataclass(frozen=True)
class Layer(LayerRow):
    """A network as a function: its output alone, without dropout and records, or with backward the gradients too.

    model  the network's name in `weights.SHAPES`
    shape  of the input
    """

    name: str
    about: str
    model: str
    shape: tuple[int, int, int, int]


@dataclass(frozen=True)
class Network:
    """A training step: forward, backward, SGD, the loss read.

    model  the network's name in `weights.SHAPES`
    image  (channels, height, width)
    """

    key: str
    title: str
    model: str
    image: tuple[int, int, int]
    batch: int
    lr: float = 0.01
    momentum: float = 0.0
    target: float = 1.5


INCEPTION = Layer("inception", "Inception module 192->256 at 28x28, batch 8", "inception", (8, 192, 28, 28), targets=(None, 1.5),
                  backward=True)  # fmt: skip
GOOGLENET = Layer("googlenet", "GoogLeNet at 224x224, batch 1", "googlenet", (1, 3, 224, 224), targets=(1.3, None))
LENET = Network("lenet", "LeNet-5 (tanh, average pool), batch 64, training step", "lenet", (1, 28, 28), 64)
RESNET = Network("resnet20", "ResNet-20 at 32x32, batch 32, momentum, training step", "resnet20", (3, 32, 32), 32, momentum=0.9)
TRAINED = Network("googlenet training", "GoogLeNet with two heads at 224x224, batch 4, momentum, training step", "googlenet",
                  (3, 224, 224), 4, lr=0.00003, momentum=0.9, target=1.3)  # fmt: skip
ROWS = {row.key: row for row in (LENET, RESNET, INCEPTION, GOOGLENET, TRAINED)}
NAMES = {"lenet": [LENET.key], "resnet20": [RESNET.key], "inception": [INCEPTION.key], "googlenet": [GOOGLENET.key, TRAINED.key]}


def images(shape):
    """The input, the same at each step; float32."""
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def batch(network):
    """The images and their labels."""
    labels = np.random.default_rng(2).integers(0, CLASSES[network.model], network.batch)
    return images((network.batch, *network.image)), labels


def first_weights(row):
    """The state dict, by name: weights drawn for rectifiers (He et al., 2015), so that outputs depend on every layer; biases small,
    normalisations as they begin."""
    rng, result = np.random.default_rng(3), {}
    for name, shape in SHAPES[row.model].items():
        kind = name.rpartition(".")[2]
        if kind == "num_batches_tracked":
            result[name] = np.zeros((), np.int64)
        elif kind == "running_var" or (kind == "weight" and len(shape) == 1):
            result[name] = np.ones(shape, np.float32)
        elif kind == "running_mean":
            result[name] = np.zeros(shape, np.float32)
        else:
            bound = (6 / np.prod(shape[1:])) ** 0.5 if kind == "weight" else 0.1
            result[name] = rng.uniform(-bound, bound, shape).astype(np.float32)
    return result


def label(name):
    """What the check calls a parameter: its kind first."""
    module, _, kind = name.rpartition(".")
    return f"{kind}_{module}"

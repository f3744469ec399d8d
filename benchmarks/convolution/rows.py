"""The rows: single layers, forward alone and with backward, and training steps of three networks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..layers.rows import LayerRow, both, cotangent  # noqa: F401  as rows.cotangent

TARGETS = {  # what the ratio PyTorch / ours should reach with one thread: (forward, forward and backward)
    "pool": (1.5, 1.0),
    "other": (1.0, 1.0),
    "network": (None, 1.5),
}


@dataclass(frozen=True)
class Layer(LayerRow):
    """One layer.

    op       the function's name in PyTorch's functional
    shape    of the input
    weight   shape of the weight, the bias has an element for each output channel; None where the op has none
    options  keyword arguments of the op
    """

    name: str
    about: str
    op: str
    shape: tuple[int, ...]
    weight: tuple[int, ...] | None = None
    options: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Network:
    """A training step: forward, backward, SGD, the loss read.

    layers  ("conv", channels, kernel, padding), ("linear", features), ("max_pool", size), ("avg_pool", size), or a name alone
    image   (channels, height, width)
    """

    key: str
    title: str
    layers: tuple
    image: tuple[int, int, int]
    batch: int
    lr: float = 0.01
    target: float = TARGETS["network"][1]
    loss, optimizer = "cross_entropy", "sgd"  # of all


def conv(name, n, c, size, k, kernel, targets, about="", op="conv2d", groups=1, **options):
    """A convolution of ``n`` images with ``c`` channels of ``size`` x ``size`` (of length ``size`` in one dimension)."""
    dims = 1 if op.endswith("1d") else 2
    weight = (c, k // groups) if "transpose" in op else (k, c // groups)
    options = {"padding": kernel // 2, **({"groups": groups} if groups > 1 else {}), **options}
    about = f"{n},{c},{size}->{k} k{kernel}{about}"
    return Layer(name, about, op, (n, c, *[size] * dims), weight + (kernel,) * dims, options, targets=targets)


def other(name, about, op, shape, targets=TARGETS["pool"], **options):
    """A layer without weights, or a normalisation."""
    return Layer(name, about, op, shape, None, options, targets=targets)


LAYERS = (
    conv("c1k5", 64, 1, 28, 32, 5, (1.0, 2.8)),
    conv("c32k5", 64, 32, 14, 64, 5, (2.0, 2.1)),
    conv("c3k3", 32, 3, 32, 32, 3, (1.2, 1.7)),
    conv("c64k3", 32, 64, 16, 64, 3, (2.0, 2.2)),
    conv("c128k3", 16, 128, 28, 128, 3, (2.6, 2.6)),
    conv("c192k1", 16, 192, 28, 64, 1, (1.1, 1.1)),
    conv("c64k3wide", 8, 64, 56, 192, 3, (2.6, 2.6)),
    conv("stem", 8, 3, 224, 64, 7, (0.9, 1.5), " s2", stride=2),
    conv("dilated", 16, 64, 28, 64, 3, TARGETS["other"], " dilation 2", padding=2, dilation=2),
    conv("grouped", 16, 128, 28, 128, 3, TARGETS["other"], " groups 4", groups=4),
    conv("depthwise", 16, 128, 28, 128, 3, TARGETS["other"], " groups 128", groups=128),
    conv("stride", 16, 64, 56, 128, 3, TARGETS["other"], " s2", stride=2),
    conv("transposed", 16, 64, 14, 32, 4, TARGETS["other"], " s2 transposed", op="conv_transpose2d", stride=2, padding=1),
    conv("conv1d", 64, 32, 128, 64, 5, (None, None), " 1-D", op="conv1d"),
    other("max2", "max pool 2x2, (64,32,28,28)", "max_pool2d", (64, 32, 28, 28), kernel_size=2, stride=2),
    other("max3", "max pool 3x3 s2, (8,64,112,112)", "max_pool2d", (8, 64, 112, 112), kernel_size=3, stride=2, padding=1),
    other("avg2", "average pool 2x2, (64,32,28,28)", "avg_pool2d", (64, 32, 28, 28), kernel_size=2, stride=2),
    other("global", "global average pool, (16,512,7,7)", "adaptive_avg_pool2d", (16, 512, 7, 7), output_size=1),
    Layer("batchnorm", "batch norm in training, (32,64,32,32)", "batch_norm", (32, 64, 32, 32), (64,)),
    *(Layer(f"layernorm{shape[-1]}", f"layer norm, ({','.join(map(str, shape))})", "layer_norm", shape, shape[-1:])
      for shape in ((32, 128, 64), (64, 512), (8, 128, 768))),
    other("lrn", "local response norm 5, (8,64,56,56)", "local_response_norm", (8, 64, 56, 56), (None, None), size=5),
)  # fmt: skip
NETWORKS = (
    Network("small", "CNN 3x32x32, 32-64-128 3x3, batch 32, training step",
            (("conv", 32, 3, 1), ("relu",), ("max_pool", 2), ("conv", 64, 3, 1), ("relu",), ("max_pool", 2), ("conv", 128, 3, 1),
             ("relu",), ("max_pool", 2), ("flatten",), ("linear", 10)), (3, 32, 32), 32),
    Network("lenet", "LeNet-5 (tanh, average pool), batch 64, training step",
            (("conv", 6, 5, 2), ("tanh",), ("avg_pool", 2), ("conv", 16, 5, 0), ("tanh",), ("avg_pool", 2), ("flatten",),
             ("linear", 120), ("tanh",), ("linear", 84), ("tanh",), ("linear", 10)), (1, 28, 28), 64),
    Network("cnn5", "CNN 1x28x28, 32-64 5x5, batch 64, training step",
            (("conv", 32, 5, 2), ("relu",), ("max_pool", 2), ("conv", 64, 5, 2), ("relu",), ("max_pool", 2), ("flatten",),
             ("linear", 10)), (1, 28, 28), 64),
)  # fmt: skip


ROWS = {row.key: row for layer in LAYERS for row in both(layer)} | {row.key: row for row in NETWORKS}
NAMES = {layer.name: [row.key for row in both(layer)] for layer in LAYERS} | {row.key: [row.key] for row in NETWORKS}


def arrays(layer):
    """The input, its weight and bias if it has them, by name; float32."""
    rng = np.random.default_rng(0)
    given = {"input": rng.standard_normal(layer.shape, np.float32)}
    if layer.weight is not None:
        width = np.prod(layer.weight[1:]) ** -0.5
        given["weight"] = rng.standard_normal(layer.weight, np.float32) * np.float32(width)
        given["bias"] = rng.standard_normal(layer.weight[0] if "transpose" not in layer.op else layer.weight[1], np.float32)
    return given


def batch(network):
    """The images and their labels, the same at each step."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((network.batch, *network.image), np.float32), rng.integers(0, 10, network.batch)


def shapes(network):
    """Shape of the weight of each layer, None where it has none."""
    (c, h, w), result = network.image, []
    for kind, *sizes in network.layers:
        weight = None
        if kind == "conv":
            k, kernel, padding = sizes
            weight, c, h, w = (k, c, kernel, kernel), k, h + 2 * padding - kernel + 1, w + 2 * padding - kernel + 1
        elif kind.endswith("pool"):
            h, w = h // sizes[0], w // sizes[0]
        elif kind == "flatten":
            c, h, w = c * h * w, 1, 1
        elif kind == "linear":
            weight, c = (sizes[0], c), sizes[0]
        result.append(weight)
    return result


def first_weights(network):
    """(weight, bias) of each layer that has them, uniform as PyTorch's."""
    rng, result = np.random.default_rng(1), []
    for shape in shapes(network):
        if shape is not None:
            bound = np.prod(shape[1:]) ** -0.5
            result.append([(rng.random(size, np.float32) - np.float32(0.5)) * np.float32(2 * bound) for size in (shape, shape[0])])
    return result


def state_dict(network, layers):
    """The weights under the names that a Sequential gives them."""
    places = [i for i, shape in enumerate(shapes(network)) if shape is not None]
    return {f"{i}.{name}": array for i, layer in zip(places, layers) for name, array in zip(("weight", "bias"), layer)}

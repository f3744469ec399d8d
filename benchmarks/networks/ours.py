"""The rows in tinygrad_lite, by the models of its zoo."""

from __future__ import annotations

import numpy as np

import tinygrad_lite as tl
from tinygrad_lite import nn, optim, zoo

from ..convolution.ours import threads  # noqa: F401
from . import rows, torch_style
from .weights import MODULES

MODELS = {
    "lenet": zoo.LeNet5,
    "resnet20": zoo.ResNet20,
    "inception": lambda: zoo.Inception(*MODULES["inception3a"]),
    "googlenet": zoo.GoogLeNet,
}


def model(row, weights, dtype):
    """The network, its dropout never dropping."""
    net = MODELS[row.model]().to(dtype)
    net.load_state_dict(weights)
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return net


def layer(row, dtype=np.float32):
    """Output, and gradients."""
    net = model(row, rows.first_weights(row), dtype)
    x = tl.tensor(rows.images(row.shape).astype(dtype), requires_grad=row.backward)
    g = tl.tensor(rows.cotangent(net(x).shape).astype(dtype)) if row.backward else None
    return torch_style.layer(net, row, x, g, tl.no_grad)


def training(row, x, target, weights):
    """A training step."""
    net = model(row, weights, x.dtype)
    return torch_style.training(nn.functional, optim, net, row, tl.tensor(x), tl.tensor(target))

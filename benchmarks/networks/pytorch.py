"""The rows in PyTorch, eager mode, in its default memory layout."""

from __future__ import annotations

import numpy as np
import torch
from torch import optim
from torch.nn import functional

from ..frameworks.pytorch_eager import threads  # noqa: F401
from . import rows, torch_style
from .pytorch_models import MODELS


def model(row, weights, dtype, memory_format):
    """The network."""
    net = MODELS[row.model]().to(dtype)
    net.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return net.to(memory_format=memory_format)


def layer(row, dtype=np.float32, memory_format=torch.contiguous_format):
    """Output, and gradients."""
    laid = lambda array: torch.from_numpy(array.astype(dtype)).contiguous(memory_format=memory_format)
    x = laid(rows.images(row.shape)).requires_grad_(row.backward)
    net = model(row, rows.first_weights(row), x.dtype, memory_format)
    g = laid(rows.cotangent(tuple(net(x).shape))) if row.backward else None
    return torch_style.layer(net, row, x, g, torch.no_grad)


def training(row, x, target, weights, memory_format=torch.contiguous_format):
    """A training step."""
    x = torch.from_numpy(x).contiguous(memory_format=memory_format)
    net = model(row, weights, x.dtype, memory_format)
    return torch_style.training(functional, optim, net, row, x, torch.from_numpy(target))

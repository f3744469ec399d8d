"""The rows in PyTorch, eager mode, in its default memory layout."""

from __future__ import annotations

import torch
from torch import nn, optim

from ..frameworks import torch_style as training_style
from ..frameworks.pytorch_eager import threads  # noqa: F401
from . import rows, torch_style


def layer(row, arrays, memory_format=torch.contiguous_format):
    """A layer; None where the memory format does not exist."""
    if memory_format is torch.channels_last and len(row.shape) != 4:
        return None
    laid = lambda tensor: tensor.contiguous(memory_format=memory_format) if tensor.ndim == 4 else tensor
    given = {name: laid(torch.from_numpy(array)).requires_grad_(row.backward) for name, array in arrays.items()}
    return torch_style.layer(nn.functional, row, given, lambda shape: laid(torch.from_numpy(rows.cotangent(shape))))


def training(row, x, target, layers, memory_format=torch.contiguous_format):
    """A training step."""
    net = torch_style.model(nn, row, rows.shapes(row))
    net.load_state_dict({name: torch.from_numpy(array) for name, array in rows.state_dict(row, layers).items()})
    net = net.to(memory_format=memory_format)
    x = torch.from_numpy(x).contiguous(memory_format=memory_format)
    return training_style.training(nn, optim, net, row, x, torch.from_numpy(target))

"""The rows in PyTorch, eager mode, optimisers with their default settings."""

from __future__ import annotations

import torch
from torch import nn, optim

from .. import rows
from . import torch_style


def threads():
    """PyTorch's own count."""
    return f"{torch.get_num_threads()} (torch.get_num_threads)"


def chain(x, w):
    """The row of products."""
    return torch_style.chain(torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True))


def training(row, x, target, layers):
    """A training step."""
    net = torch_style.model(nn, row)
    net.load_state_dict({name: torch.from_numpy(array) for name, array in rows.state_dict(layers).items()})
    return torch_style.training(nn, optim, net, row, torch.from_numpy(x), torch.from_numpy(target))

"""The rows in tinygrad_lite."""

from __future__ import annotations

import tinygrad_lite as tl
from tinygrad_lite import nn, optim

from ..frameworks import torch_style as training_style
from . import rows, torch_style


def threads():
    """One number for kernels and BLAS."""
    return f"{tl.get_num_threads()} (tinygrad_lite.get_num_threads)"


def layer(row, arrays):
    """A layer."""
    given = {name: tl.tensor(array, requires_grad=row.backward) for name, array in arrays.items()}
    return torch_style.layer(tl, row, given, lambda shape: tl.tensor(rows.cotangent(shape)))


def training(row, x, target, layers):
    """A training step."""
    net = torch_style.model(nn, row, rows.shapes(row))
    net.load_state_dict(rows.state_dict(row, layers))
    return training_style.training(nn, optim, net, row, tl.tensor(x), tl.tensor(target))

"""The rows in tinygrad_lite."""

from __future__ import annotations

import tinygrad_lite as tl
from tinygrad_lite import nn, optim

from .. import rows
from . import torch_style
from .numpy_control import threads  # noqa: F401  our products run on NumPy's BLAS


def chain(x, w):
    """The row of products."""
    return torch_style.chain(tl.tensor(x, requires_grad=True), tl.tensor(w, requires_grad=True))


def training(row, x, target, layers):
    """A training step."""
    net = torch_style.model(nn, row)
    net.load_state_dict(rows.state_dict(layers))
    return torch_style.training(nn, optim, net, row, tl.from_numpy(x), tl.from_numpy(target))

"""The rows in tinygrad_lite."""

from __future__ import annotations

import numpy as np

import tinygrad_lite as tl
from tinygrad_lite import nn, optim

from ..convolution.ours import threads  # noqa: F401
from ..frameworks import torch_style as training_style
from . import rows, torch_style


def layer(row, dtype=np.float32):
    """A layer, or an unrolled cell."""
    weights = rows.arrays(row, dtype)
    x = tl.tensor(weights.pop("input"), requires_grad=row.backward)
    net = getattr(nn, row.kind)(*row.size[2:], **row.options).to(dtype)
    net.load_state_dict(net.state_dict() | weights)  # time constants are there already
    lengths = rows.lengths(row)
    call = lambda: (nn.unroll(net, x) if row.is_cell else net(x, lengths=lengths))[0]
    given = {"input": x, **dict(net.named_parameters())}
    return torch_style.layer(call, row, given, tl.tensor(rows.cotangent(row, dtype)), tl.no_grad)


def training(row, x, target, weights):
    """A training step."""
    net = torch_style.model(nn, row, **({"checkpoint": row.checkpoint} if row.checkpoint else {}))
    net.to(weights["output.bias"].dtype).load_state_dict(weights)
    return training_style.training(nn, optim, net, row, tl.tensor(x), tl.tensor(target))

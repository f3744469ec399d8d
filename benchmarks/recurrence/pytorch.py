"""The rows in PyTorch, eager mode. What its nn does not have is unrolled, as its users write it: of layers, the product of all
inputs is one; a cell computes its own."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn, optim
from torch.nn import functional as F

from ..frameworks import torch_style as training_style
from ..frameworks.pytorch_eager import threads  # noqa: F401
from . import rows, torch_style


def gru_before(row, input, weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0):
    """A GRU that resets before the product."""
    hidden = weight_hh_l0.shape[1]
    h, outputs = input.new_zeros(input.shape[1], hidden), []
    sizes = 2 * hidden, hidden
    (weight_gates, weight_n), (bias_gates, bias_n) = weight_hh_l0.split(sizes), bias_hh_l0.split(sizes)
    for p in F.linear(input, weight_ih_l0, bias_ih_l0).unbind():
        p_gates, p_n = p.split(sizes, -1)
        r, z = torch.sigmoid(p_gates + F.linear(h, weight_gates, bias_gates)).chunk(2, -1)
        n = torch.tanh(p_n + F.linear(r * h, weight_n, bias_n))
        h = n + z * (h - n)
        outputs.append(h)
    return torch.stack(outputs)


def leaky(row, input, weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0):
    """Leaky units."""
    rate = 1 / torch.tensor(row.options["tau"], dtype=input.dtype)
    h, outputs = input.new_zeros(input.shape[1], len(rate)), []
    for p in F.linear(input, weight_ih_l0, bias_ih_l0).unbind():
        h = torch.lerp(h, torch.tanh(p + F.linear(h, weight_hh_l0, bias_hh_l0)), rate)
        outputs.append(h)
    return torch.stack(outputs)


def clockwork(row, input, weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0):
    """A clockwork network: at each step the units whose period divides it, which are the first ones, change."""
    periods, hidden = row.options["periods"], len(bias_hh_l0)
    weight_hh = weight_hh_l0 * torch.from_numpy(rows.heard(hidden))
    h, outputs = input.new_zeros(input.shape[1], hidden), []
    for t, p in enumerate(F.linear(input, weight_ih_l0, bias_ih_l0).unbind()):
        n = sum(t % period == 0 for period in periods) * hidden // len(periods)
        active = torch.tanh(p[:, :n] + F.linear(h, weight_hh[:n], bias_hh_l0[:n]))
        h = torch.cat([active, h[:, n:]], 1)
        outputs.append(h)
    return torch.stack(outputs)


def unrolled(step, row, input, **weights):
    """An LSTM's cell over time: ``step(x, h, c, **weights) -> h, c``."""
    h, outputs = input.new_zeros(input.shape[1], row.size[3]), []
    c = h
    for x in input.unbind():
        h, c = step(x, h, c, **weights)
        outputs.append(h)
    return torch.stack(outputs)


def peephole_step(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, weight_ch):
    """One step of an LSTM with peepholes."""
    i, f, g, o = (F.linear(x, weight_ih, bias_ih) + F.linear(h, weight_hh, bias_hh)).chunk(4, 1)
    w_i, w_f, w_o = weight_ch.chunk(3)
    c = torch.sigmoid(f + w_f * c) * c + torch.sigmoid(i + w_i * c) * torch.tanh(g)
    return torch.sigmoid(o + w_o * c) * torch.tanh(c), c


def layer_norm_step(x, h, c, weight_ih, weight_hh, **norms):
    """One step of an LSTM with layer normalisation."""
    normal = lambda y, name: F.layer_norm(y, y.shape[1:], norms[f"{name}.weight"], norms[f"{name}.bias"])
    i, f, g, o = (normal(F.linear(x, weight_ih), "norm_ih") + normal(F.linear(h, weight_hh), "norm_hh")).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(normal(c, "norm_c")), c


def packed(net, x, lengths):
    """``net`` on sequences of these lengths."""
    sequence = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    return nn.utils.rnn.pad_packed_sequence(net(sequence)[0], total_length=len(x))[0]


def function_of(row):
    """The outputs of a row as a function of its input and weights, given by name; None where nn has the layer."""
    if row.kind == "GRU" and "reset_after" in row.options:
        return gru_before
    steps = {"PeepholeLSTMCell": peephole_step, "LayerNormLSTMCell": layer_norm_step}
    if row.kind in steps:
        return lambda row, **given: unrolled(steps[row.kind], row, **given)
    return {"LeakyRNN": leaky, "ClockworkRNN": clockwork}.get(row.kind)


def layer(row, dtype=np.float32):
    """A layer, or an unrolled cell."""
    given = {name: torch.from_numpy(array).requires_grad_(row.backward) for name, array in rows.arrays(row, dtype).items()}
    if function := function_of(row):
        call = lambda: function(row, **given)
    else:
        x = given.pop("input")
        net = getattr(nn, row.kind)(*row.size[2:], **row.options).to(x.dtype)
        net.load_state_dict(given)
        given = {"input": x, **dict(net.named_parameters())}
        if row.half:
            lengths = torch.from_numpy(rows.lengths(row))
            call = lambda: packed(net, x, lengths)
        elif row.is_cell:
            call = lambda: unrolled(lambda x, h, c: net(x, (h, c)), row, x)
        else:
            call = lambda: net(x)[0]
    return torch_style.layer(call, row, given, torch.from_numpy(rows.cotangent(row, dtype)), torch.no_grad)


def training(row, x, target, weights):
    """A training step."""
    net = torch_style.model(nn, row)
    weights = {name: torch.from_numpy(array) for name, array in weights.items()}
    net.to(weights["output.bias"].dtype).load_state_dict(weights)
    return training_style.training(nn, optim, net, row, torch.from_numpy(x), torch.from_numpy(target))

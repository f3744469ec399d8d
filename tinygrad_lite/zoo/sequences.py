"""The forms of recurrent networks by what comes in and goes out: one answer to a sequence, or one at each step."""

from __future__ import annotations

import math

from .. import nn, ops


def recurrent(kind, input_size, hidden_size, memory=0.0, **options):
    """The layer `nn`.``kind``: "RNN", "LSTM", "GRU", "LeakyRNN" or "ClockworkRNN".

    memory  added to the bias of the gate that keeps the state, the forget gate of an LSTM and the update gate of a GRU, so that at
            first it is kept for some e**memory steps (Gers et al., 2000; Jozefowicz et al., 2015)
    """
    layer = getattr(nn, kind)(input_size, hidden_size, **options)
    if memory and kind in ("LSTM", "GRU"):  # gates i, f, g, o and r, z, n: that of the state is the second
        for name, parameter in layer.named_parameters():
            if name.startswith("bias_hh"):
                bias = parameter.data.copy()
                bias[hidden_size : 2 * hidden_size] += memory
                ops.assign(parameter, bias)
    return layer


class ManyToOne(nn.Module):
    """One answer to a sequence: readout(the final hidden units); (steps, batch, input) -> (batch, outputs).

    layer    a recurrent layer of `nn`, of one direction
    outputs  features of the answer
    """

    def __init__(self, layer, outputs):
        self.layer, self.readout = layer, nn.Linear(layer.hidden_size, outputs)

    def forward(self, x, lengths=None):
        """(batch, outputs); ``lengths`` as of the layer."""
        _, final = self.layer(x, lengths=lengths)
        return self.readout((final[0] if isinstance(final, tuple) else final)[-1])


class ManyToMany(nn.Module):
    """An answer at each step: readout(outputs); (steps, batch, input) -> (steps, batch, outputs).

    layer    a recurrent layer of `nn`, in one direction or both
    outputs  features of an answer
    """

    def __init__(self, layer, outputs):
        directions = 2 if layer.bidirectional else 1
        self.layer, self.readout = layer, nn.Linear(directions * layer.hidden_size, outputs)

    def forward(self, x, lengths=None):
        """(steps, batch, outputs); ``lengths`` as of the layer."""
        return self.readout(self.layer(x, lengths=lengths)[0])


def clip_between_steps(limit):
    """A hook for states: the gradient of a sequence that is longer than ``limit`` is shortened to it on its way through time
    (Pascanu et al., 2013). ``state.register_hook(clip_between_steps(1.0))``"""
    if not limit > 0:
        raise ValueError(f"clip_between_steps: limit must be positive, got {limit}")

    def hook(gradient):
        norm = ops.sqrt(ops.sum(gradient * gradient, -1, True))
        return gradient * ops.where(norm > limit, limit / ops.maximum(norm, math.ulp(limit)), 1.0)

    return hook

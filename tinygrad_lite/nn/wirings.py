"""Recurrent networks wired in other ways than from each step to the next: connections that skip steps, outputs that are fed back,
hidden units that keep their values, cells above cells, time in both directions."""

from __future__ import annotations

from .. import creation, ops
from ..ops.random import generator
from ..ops.recurrence import nonlinearity_of
from .cells import Cell, RNNCell, check_sizes
from .layers import Linear
from .module import Module, Parameter
from .unroll import error_in, leaves, map_tree, unroll

# -- the three wirings of the lectures (Goodfellow et al., 2016, 10.2) -----------------------------------------------


class ElmanCell(Cell):
    """Wiring I: hidden units to hidden units, and an output at each step (Elman, 1990)::

        h' = f(W_ih x + b_ih + W_hh h + b_hh),  y = V h' + c

    hidden   the `RNNCell` of h, (batch, hidden_size)
    readout  the `Linear` of y, (batch, output_size)
    """

    def __init__(self, input_size, hidden_size, output_size, nonlinearity="tanh", dtype=None):
        self.hidden = RNNCell(input_size, hidden_size, nonlinearity=nonlinearity, dtype=dtype)
        check_sizes("ElmanCell", output_size=output_size)
        self.readout = Linear(hidden_size, output_size, dtype=dtype)
        self.input_size, self.hidden_size = input_size, hidden_size

    @property
    def output_size(self):
        """The features of an output."""
        return self.readout.out_features

    def resize(self, input_size):
        """For inputs of ``input_size`` features."""
        self.hidden.resize(input_size)
        self.input_size = input_size

    def forward(self, x, state=None):
        """(y, h')."""
        h = self.hidden(x, state)
        return self.readout(h), h

    def extra_repr(self):
        return f"{self.input_size}, {self.hidden_size}, {self.output_size}"


class JordanCell(Cell):
    """Wiring II: recurrence only from the output to the hidden units of the next step (Jordan, 1986)::

        h = f(W_ih x + b_ih + W_hh y + b_hh),  y' = V h + c

    The state is the output y (batch, output_size). With a pair (x, target of the step before) as input that target takes its place,
    which is teacher forcing: no step then depends on another.

    weight_ih, weight_hh  (hidden_size, input_size), (hidden_size, output_size), as the biases uniform in +-1/sqrt(hidden_size)
    bias_ih, bias_hh      (hidden_size)
    readout               the `Linear` of y
    """

    def __init__(self, input_size, hidden_size, output_size, nonlinearity="tanh", dtype=None):
        nonlinearity_of(nonlinearity)
        self.nonlinearity = nonlinearity
        self._set(1, input_size, hidden_size, True, dtype)
        check_sizes("JordanCell", output_size=output_size)
        self.weight_hh = Parameter(creation.zeros(hidden_size, output_size, dtype=dtype))
        self.readout = Linear(hidden_size, output_size, dtype=dtype)
        self.reset_parameters()

    @property
    def output_size(self):
        """The features of an output."""
        return self.readout.out_features

    def initial_state(self, batch, dtype=None):
        """Zeros (*batch, output_size)."""
        return creation.zeros(*batch, self.output_size, dtype=dtype)

    def forward(self, x, state=None):
        """(y', y')."""
        if isinstance(x, (tuple, list)):
            x, state = x
        x, y = self.given(x, state)
        y = self.readout(ops.rnn_step(x, y, *self._weights(), nonlinearity=self.nonlinearity))
        return y, y

    def extra_repr(self):
        return f"{self.input_size}, {self.hidden_size}, {self.output_size}"


class FinalOutput(Module):
    """Wiring III: hidden units to hidden units, and one output at the end, (steps, batch, input) -> (batch, output).

    cell     any `Cell` whose (first) state is its hidden units
    readout  what makes the output of them: a `Linear`
    """

    def __init__(self, cell, readout):
        self.cell, self.readout = cell, readout

    def forward(self, xs, state=None, **options):
        """``readout`` of the hidden units after the last step; ``options`` are those of `unroll`."""
        _, state = unroll(self.cell, xs, state, **options)
        return self.readout(leaves(state)[0])


# -- connections through time ----------------------------------------------------------------------------------------


class SkipCell(Cell):
    """Hidden units that hear themselves after several delays (Lin et al., 1996)::

        h(t) = f(W_ih x(t) + b + the sum over delays d of W_hh[d] h(t - d))

    delays        numbers of steps, 1 or more: (1, 4) is the plain connection and one over four steps
    weight_ih     (hidden_size, input_size), as all here uniform in +-1/sqrt(hidden_size)
    weight_hh     {delay: (hidden_size, hidden_size)}
    bias          (hidden_size)
    The state is the tuple h(t-1), h(t-2), ... up to the longest delay.
    """

    def __init__(self, input_size, hidden_size, delays, nonlinearity="tanh", dtype=None):
        check_sizes("SkipCell", input_size=input_size, hidden_size=hidden_size)
        if not delays or len(set(delays)) != len(delays):
            raise ValueError(f"SkipCell: delays must be different numbers of steps, got {delays}")
        check_sizes("SkipCell", **{f"delay {d}": d for d in delays})
        nonlinearity_of(nonlinearity)
        self.nonlinearity = nonlinearity
        self.input_size, self.hidden_size = input_size, hidden_size
        self.weight_ih = Parameter(creation.zeros(hidden_size, input_size, dtype=dtype))
        self.weight_hh = {d: Parameter(creation.zeros(hidden_size, hidden_size, dtype=dtype)) for d in delays}
        self.bias = Parameter(creation.zeros(hidden_size, dtype=dtype))
        self.reset_parameters()

    def initial_state(self, batch, dtype=None):
        """Zeros for each step back to the longest delay."""
        return (super().initial_state(batch, dtype),) * max(self.weight_hh)

    def forward(self, x, state=None):
        """(h(t), the new state)."""
        x, past = self.given(x, state)
        total = ops.linear(x, self.weight_ih, self.bias)
        for delay, weight in self.weight_hh.items():
            total = total + ops.linear(past[delay - 1], weight)
        h = nonlinearity_of(self.nonlinearity)(total)
        return h, (h, *past[:-1])

    def extra_repr(self):
        return f"{self.input_size}, {self.hidden_size}, delays={tuple(self.weight_hh)}"


class Zoneout(Cell):
    """``cell``, of whose states in training each element keeps its old value with probability ``p`` (Krueger et al., 2017).

    p  a probability, or one for each state: ``Zoneout(LSTMCell(8, 16), (0.05, 0.5))`` for h and c
    In evaluation a state is the mean, p * old + (1 - p) * new. An output that is a state is so treated with it.
    """

    def __init__(self, cell, p):
        self.cell, self.p = cell, p
        for value in p if isinstance(p, (tuple, list)) else (p,):
            if not 0 <= value <= 1:
                raise ValueError(f"Zoneout: p must be a probability, 0 to 1, got {value}")

    @property
    def input_size(self):
        """The features of an input."""
        return self.cell.input_size

    @property
    def output_size(self):
        """The features of an output."""
        return self.cell.output_size

    def initial_state(self, batch, dtype=None):
        """That of the cell."""
        return self.cell.initial_state(batch, dtype)

    def resize(self, input_size):
        """For inputs of ``input_size`` features."""
        self.cell.resize(input_size)

    def forward(self, x, state=None):
        """(output, new state)."""
        x, old = self.given(x, state)
        output, new = self.cell.step(x, old)
        p = self.p if isinstance(self.p, (tuple, list)) else map_tree(lambda _: self.p, new)
        if len(leaves(p)) != len(leaves(new)):
            raise error_in("Zoneout", ValueError, f"p must be a number or one for each of {len(leaves(new))} states, got {self.p}")
        mixed = map_tree(self._mixed, new, old, p)
        for before, after in zip(leaves(new), leaves(mixed)):
            output = map_tree(lambda y: after if y is before else y, output)
        return output, mixed

    def _mixed(self, new, old, p):
        if self.training:
            return ops.where(generator().random(new.shape) < p, old, new)
        return p * old + (1 - p) * new

    def extra_repr(self):
        return f"p={self.p}"


# -- cells made of cells ---------------------------------------------------------------------------------------------


class Deep(Cell):
    """``n`` cells like ``cell``, each on the output of the one below, as one cell. The first is ``cell`` itself.

    layers  the cells; the state is the tuple of their states
    """

    def __init__(self, cell, n):
        check_sizes("Deep", n=n)
        self.layers = [cell, *(cell.fresh(cell.output_size) for _ in range(n - 1))]

    @property
    def input_size(self):
        """The features of an input."""
        return self.layers[0].input_size

    @property
    def output_size(self):
        """The features of an output."""
        return self.layers[-1].output_size

    def initial_state(self, batch, dtype=None):
        """Those of the cells."""
        return tuple(cell.initial_state(batch, dtype) for cell in self.layers)

    def resize(self, input_size):
        """For inputs of ``input_size`` features."""
        self.layers[0].resize(input_size)

    def forward(self, x, state=None):
        """(output of the last cell, the new states)."""
        x, state = self.given(x, state)
        if len(state) != len(self.layers):
            raise error_in(
                "Deep", ValueError, f"state must have a state for each of the {len(self.layers)} cells, got {len(state)}"
            )
        new = []
        for cell, s in zip(self.layers, state):
            x, s = cell.step(x, s)
            new.append(s)
        return x, tuple(new)

    def extra_repr(self):
        return ""


class Bidirectional(Module):
    """``cell`` over time forward and another like it backward, each sequence within its length (Schuster and Paliwal, 1997).

    forward_cell, backward_cell  ``cell`` itself, and one of the same kind with weights of its own
    """

    def __init__(self, cell):
        self.forward_cell, self.backward_cell = cell, cell.fresh()

    def forward(self, xs, state=None, **options):
        """(steps, batch, input) -> outputs (steps, batch, 2 * output_size), forward ones first, and the pair of final states.

        state    a pair of initial states, or None
        options  those of `unroll`: lengths, bptt, checkpoint, batch_first
        """
        ahead, back = (None, None) if state is None else state
        outputs, ahead = unroll(self.forward_cell, xs, ahead, **options)
        reverse, back = unroll(self.backward_cell, xs, back, reverse=True, **options)
        return ops.cat([outputs, reverse], -1), (ahead, back)

"""Cells: one step of a recurrent network. `unroll` runs any of them over time; the equations stand in ops/recurrence.py.

RNNCell, LSTMCell and GRUCell are called as PyTorch's; ``step`` is what all cells have: ``output, state = cell.step(x, state)``.
"""

from __future__ import annotations

import copy

import numpy as np

from .. import creation, ops
from ..ops.recurrence import nonlinearity_of
from . import init
from .module import Buffer, Module, Parameter
from .unroll import error_in, leaves


def check_sizes(name, **sizes):
    """Each of ``sizes`` must be an integer of 1 or more."""
    for what, n in sizes.items():
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ValueError(f"{name}: {what} must be an integer, 1 or more, got {n!r}")


class Cell(Module):
    """What cells share. A cell of your own sets ``input_size`` and ``hidden_size`` and has forward(x, state) -> (output, state).

    x      (batch, input_size) or (input_size); None stands for zeros
    state  Tensors (batch, ...) or (...), one or a nested tuple; None stands for `initial_state`
    """

    @property
    def output_size(self):
        """The features of an output."""
        return self.hidden_size

    def step(self, x, state=None):
        """(output, new state)."""
        return self(x, state)

    def initial_state(self, batch, dtype=None):
        """Zeros (*batch, hidden_size); ``batch`` is (size,), or () for a single sequence."""
        return creation.zeros(*batch, self.hidden_size, dtype=dtype)

    def given(self, x, state):
        """``x`` and ``state``, with zeros and the initial state where they are None."""
        if x is None:
            if state is None:
                raise error_in(type(self).__name__, ValueError, "give an input or a state")
            like = leaves(state)[0]
            x = creation.zeros(*like.shape[:-1], self.input_size, dtype=like.dtype)
        return x, self.initial_state(x.shape[:-1], x.dtype) if state is None else state

    def fresh(self, input_size=None):
        """A cell of the same kind with new weights, for inputs of ``input_size`` features (by default the same)."""
        other = copy.deepcopy(self)
        if input_size is not None:
            other.resize(input_size)
        for module in other.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        return other

    def resize(self, input_size):
        """Make ``weight_ih`` one for inputs of ``input_size`` features; it is not drawn yet."""
        self.input_size = input_size
        self.weight_ih = Parameter(creation.zeros(self.weight_ih.shape[0], input_size, dtype=self.weight_ih.dtype))

    def reset_parameters(self):
        """Draw the weights and biases set here, uniform in +-1/sqrt(hidden_size)."""
        for name, value in self._own():
            if isinstance(value, Parameter) and name.startswith(("weight", "bias")):
                init.uniform_(value, -(self.hidden_size**-0.5), self.hidden_size**-0.5)

    def _set(self, gates, input_size, hidden_size, bias, dtype):
        """Sizes, and the weights of ``gates`` sums for each hidden unit."""
        check_sizes(type(self).__name__, input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bool(bias)
        self.weight_ih = Parameter(creation.zeros(gates * hidden_size, input_size, dtype=dtype))
        self.weight_hh = Parameter(creation.zeros(gates * hidden_size, hidden_size, dtype=dtype))
        self.bias_ih = Parameter(creation.zeros(gates * hidden_size, dtype=dtype)) if bias else None
        self.bias_hh = Parameter(creation.zeros(gates * hidden_size, dtype=dtype)) if bias else None

    def _weights(self):
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def extra_repr(self):
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        said = ["bias=False"] if getattr(self, "bias", True) is False else []
        said += [f"nonlinearity={nonlinearity}"] if nonlinearity != "tanh" else []
        said += ["reset_after=False"] if not getattr(self, "reset_after", True) else []
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *said])


class _HiddenCell(Cell):
    """A cell whose call gives its hidden units, which are output and state."""

    def step(self, x, state=None):
        """(h', h')."""
        h = self(x, state)
        return h, h


class RNNCell(_HiddenCell):
    """h' = f(W_ih x + b_ih + W_hh h + b_hh) (Elman, 1990): ``h = cell(x, h)``.

    nonlinearity        f, "tanh" or "relu"
    weight_ih           (hidden_size, input_size), as all here uniform in +-1/sqrt(hidden_size)
    weight_hh           (hidden_size, hidden_size)
    bias_ih, bias_hh    (hidden_size); None with ``bias=False``
    """

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity="tanh", dtype=None):
        nonlinearity_of(nonlinearity)
        self.nonlinearity = nonlinearity
        self._set(1, input_size, hidden_size, bias, dtype)
        self.reset_parameters()

    def forward(self, input, hx=None):
        """(batch, input_size) and (batch, hidden_size), or without batch, -> (batch, hidden_size)."""
        x, h = self.given(input, hx)
        return ops.rnn_step(x, h, *self._weights(), nonlinearity=self.nonlinearity)


class GRUCell(_HiddenCell):
    """A gated recurrent unit (Cho et al., 2014): ``h = cell(x, h)``; the equation is that of `ops.gru_step`.

    reset_after         as PyTorch has it; False resets before the product, as the paper has it
    weight_ih           (3 * hidden_size, input_size), gates in the order r, z, n; uniform in +-1/sqrt(hidden_size), as all here
    weight_hh           (3 * hidden_size, hidden_size)
    bias_ih, bias_hh    (3 * hidden_size); None with ``bias=False``
    """

    def __init__(self, input_size, hidden_size, bias=True, dtype=None, *, reset_after=True):
        self.reset_after = reset_after
        self._set(3, input_size, hidden_size, bias, dtype)
        self.reset_parameters()

    def forward(self, input, hx=None):
        """(batch, input_size) and (batch, hidden_size), or without batch, -> (batch, hidden_size)."""
        x, h = self.given(input, hx)
        return ops.gru_step(x, h, *self._weights(), reset_after=self.reset_after)


class LSTMCell(Cell):
    """A long short-term memory (Hochreiter and Schmidhuber, 1997): ``h, c = cell(x, (h, c))``; the equation is that of
    `ops.lstm_step`.

    weight_ih           (4 * hidden_size, input_size), gates in the order i, f, g, o; uniform in +-1/sqrt(hidden_size), as all here
    weight_hh           (4 * hidden_size, hidden_size)
    bias_ih, bias_hh    (4 * hidden_size); None with ``bias=False``
    """

    def __init__(self, input_size, hidden_size, bias=True, dtype=None):
        self._set(4, input_size, hidden_size, bias, dtype)
        self.reset_parameters()

    def initial_state(self, batch, dtype=None):
        """Zeros for h and c, (*batch, hidden_size) each."""
        return super().initial_state(batch, dtype), super().initial_state(batch, dtype)

    def forward(self, input, hx=None):
        """(batch, input_size) and a pair of (batch, hidden_size), or without batch, -> (h', c')."""
        x, (h, c) = self.given(input, hx)
        return ops.lstm_step(x, h, c, *self._weights())

    def step(self, x, state=None):
        """(h', (h', c'))."""
        h, c = self(x, state)
        return h, (h, c)


class PeepholeLSTMCell(LSTMCell):
    """An `LSTMCell` whose gates see the cell (Gers and Schmidhuber, 2000): i and f the old one, o the new one.

    weight_ch  (3 * hidden_size), the weights of i, f and o; the others are those of `LSTMCell`
    """

    def __init__(self, input_size, hidden_size, bias=True, dtype=None):
        self._set(4, input_size, hidden_size, bias, dtype)
        self.weight_ch = Parameter(creation.zeros(3 * hidden_size, dtype=dtype))
        self.reset_parameters()

    def forward(self, input, hx=None):
        """(batch, input_size) and a pair of (batch, hidden_size), or without batch, -> (h', c')."""
        x, (h, c) = self.given(input, hx)
        return ops.lstm_step(x, h, c, *self._weights(), weight_ch=self.weight_ch)


class _Normalised(Module):
    """(x - mean) / sqrt(variance + eps) * weight + bias over the last dimension (Ba et al., 2016)."""

    def __init__(self, size, eps, dtype):
        self.eps = eps
        self.weight = Parameter(creation.zeros(size, dtype=dtype))
        self.bias = Parameter(creation.zeros(size, dtype=dtype))

    def reset_parameters(self):
        """1 and 0."""
        init.ones_(self.weight)
        init.zeros_(self.bias)

    def forward(self, x):
        return ops.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class LayerNormLSTMCell(LSTMCell):
    """An LSTM with layer normalisation N (Ba et al., 2016)::

        i, f, g, o = the four parts of N(W_ih x) + N(W_hh h)
        c' = sigmoid(f) c + sigmoid(i) tanh(g)
        h' = sigmoid(o) tanh(N(c'))

    weight_ih, weight_hh  as of `LSTMCell`; the biases are those of the normalisations
    norm_ih, norm_hh      weight and bias (4 * hidden_size) each, 1 and 0 at first
    norm_c                weight and bias (hidden_size)
    """

    def __init__(self, input_size, hidden_size, eps=1e-5, dtype=None):
        self._set(4, input_size, hidden_size, False, dtype)
        self.eps = eps
        self.norm_ih, self.norm_hh = _Normalised(4 * hidden_size, eps, dtype), _Normalised(4 * hidden_size, eps, dtype)
        self.norm_c = _Normalised(hidden_size, eps, dtype)
        for module in self.modules():
            module.reset_parameters()

    def forward(self, input, hx=None):
        """(batch, input_size) and a pair of (batch, hidden_size), or without batch, -> (h', c')."""
        x, (h, c) = self.given(input, hx)
        gates = self.norm_ih(ops.linear(x, self.weight_ih)) + self.norm_hh(ops.linear(h, self.weight_hh))
        i, f, g, o = ops.chunk(gates, 4, -1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        return ops.sigmoid(o) * ops.tanh(self.norm_c(c)), c

    def extra_repr(self):
        return f"{self.input_size}, {self.hidden_size}, eps={self.eps}"


def time_constants(name, tau, size, learned, dtype):
    """``tau`` (a number or ``size`` of them, in steps) as what a module keeps: a Buffer of it, or a Parameter log(tau - 1)."""
    values = np.broadcast_to(np.asarray(tau, np.float64), (size,))
    if not (values > 1 if learned else values >= 1).all():
        least = "more than 1 step if they are learned" if learned else "1 step or more"
        raise ValueError(f"{name}: time constants must be {least}, got {tau}")
    kept = creation.zeros(size, dtype=dtype)
    kept = creation.tensor(np.log(values - 1) if learned else values, dtype=kept.dtype)
    return Parameter(kept) if learned else Buffer(kept)


def tau_of(kept):
    """tau (size) of what `time_constants` gave."""
    return kept if isinstance(kept, Buffer) else 1.0 + ops.exp(kept)


class LeakyCell(_HiddenCell):
    """h' = (1 - 1/tau) h + 1/tau f(W_ih x + b_ih + W_hh h + b_hh), leaky units (Jaeger et al., 2007): ``h = cell(x, h)``.

    tau            time constants in steps, 1 (a plain `RNNCell`) or more: a number, or one for each hidden unit
    learned        train them
    time_constant  (hidden_size), a Buffer of tau; if it is learned the Parameter log(tau - 1), so that tau stays above 1
    weights, biases and ``nonlinearity`` are those of `RNNCell`
    """

    def __init__(self, input_size, hidden_size, tau, bias=True, nonlinearity="tanh", learned=False, dtype=None):
        nonlinearity_of(nonlinearity)
        self.nonlinearity = nonlinearity
        self._set(1, input_size, hidden_size, bias, dtype)
        self.time_constant = time_constants("LeakyCell", tau, hidden_size, learned, dtype)
        self.reset_parameters()

    def forward(self, input, hx=None):
        """(batch, input_size) and (batch, hidden_size), or without batch, -> (batch, hidden_size)."""
        x, h = self.given(input, hx)
        return ops.leaky_step(x, h, tau_of(self.time_constant), *self._weights(), nonlinearity=self.nonlinearity)

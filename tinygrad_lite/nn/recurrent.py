"""Recurrent layers over whole sequences, under PyTorch's names and arguments; the equations stand in ops/recurrence.py."""

from __future__ import annotations

import functools
import itertools

from .. import creation, ops
from ..ops.clockwork import clock_blocks
from ..ops.random import keep_mask
from ..ops.recurrence import nonlinearity_of
from ..ops.unrolled import lengths_within
from ..transforms import checkpoint as recomputed
from . import init
from .cells import check_sizes, tau_of, time_constants
from .module import Module, Parameter
from .unroll import as_lengths, check_steps, error_in


class _Recurrent(Module):
    """What they share: layers above each other, directions, dropout between layers, pieces of time.

    A class says the number of its ``gates`` and the names of its ``states``, and calls its op in
    _sequence(suffix of the parameters' names, x, states, lengths, mask, reverse, start: the time of x[0]) -> (outputs, *final
    states). A state None is 0.
    """

    gates, states = 1, ("h_0",)

    def _set(
        self, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, variational,
        recurrent_dropout, dtype,
    ):  # fmt: skip
        kind = type(self).__name__
        check_sizes(kind, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        for name, p in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout)):
            if isinstance(p, bool) or not 0 <= p <= 1:
                raise ValueError(f"{kind}: {name} must be a probability, 0 to 1, got {p}")
        if isinstance(proj_size, bool) or not isinstance(proj_size, int) or not 0 <= proj_size < hidden_size:
            raise ValueError(f"{kind}: proj_size must be smaller than hidden_size {hidden_size}, 0 for none, got {proj_size!r}")
        self.input_size, self.hidden_size, self.num_layers, self.proj_size = input_size, hidden_size, num_layers, proj_size
        self.bias, self.batch_first, self.bidirectional = bool(bias), bool(batch_first), bool(bidirectional)
        self.dropout, self.variational, self.recurrent_dropout = float(dropout), bool(variational), float(recurrent_dropout)
        out, rows = proj_size or hidden_size, self.gates * hidden_size
        for layer, suffix in self._places():
            size = out * (1 + self.bidirectional) if layer else input_size
            shapes = {"weight_ih": (rows, size), "weight_hh": (rows, out), "bias_ih": (rows,), "bias_hh": (rows,)}
            shapes["weight_hr"] = (proj_size, hidden_size)
            for name, shape in shapes.items():
                if (bias or not name.startswith("bias")) and (proj_size or name != "weight_hr"):
                    setattr(self, name + suffix, Parameter(creation.zeros(*shape, dtype=dtype)))
        self.reset_parameters()

    def _places(self):
        """(layer, the end of the names of its parameters) for each layer and direction."""
        ends = ("", "_reverse") if self.bidirectional else ("",)
        return [(layer, f"_l{layer}{end}") for layer in range(self.num_layers) for end in ends]

    def reset_parameters(self):
        """Draw new weights, uniform in +-1/sqrt(hidden_size)."""
        bound = self.hidden_size**-0.5
        for name, parameter in self.named_parameters():
            if name.startswith(("weight", "bias")):
                init.uniform_(parameter, -bound, bound)

    def _weights(self, suffix):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [getattr(self, name + suffix, None) for name in names]

    def forward(self, input, hx=None, *, lengths=None, bptt=None, checkpoint=None):
        """(outputs, final state).

        input       (steps, batch, input_size), with ``batch_first`` (batch, steps, input_size), or (steps, input_size)
        hx          the initial state (layers * directions, batch, hidden_size), of an LSTM the pair (h_0, c_0); by default zeros
        lengths     integers (batch): sequence b ends before step lengths[b]; beyond, outputs are 0. Any order, 0 is allowed; the
                    final state is that after the last valid step, and in reverse a sequence begins with its last valid step
        bptt        cut the gradient through the state every so many steps (truncated backpropagation through time)
        checkpoint  keep states every so many steps only, and compute what lies between again in backward
        Outputs are (steps, batch, directions * hidden_size), or as ``input`` is; the final state is as ``hx``.
        """
        kind = type(self).__name__
        check_steps(kind, bptt=bptt, checkpoint=checkpoint)
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            expected = "(batch, steps" if self.batch_first else "(steps, batch"
            raise error_in(
                kind, ValueError,
                f"input must be {expected}, {self.input_size}) or (steps, {self.input_size}), got {tuple(input.shape)}",
            )  # fmt: skip
        batched = input.ndim == 3
        x = ops.transpose(input, 0, 1) if batched and self.batch_first else input if batched else ops.unsqueeze(input, 1)
        states = self._initial(hx, x, batched)
        lengths, finals = as_lengths(lengths), []
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                x = x * keep_mask((1, *x.shape[1:]) if self.variational else x.shape, self.dropout, x.dtype)
            outputs = []
            for suffix, reverse in ((f"_l{layer}", False), (f"_l{layer}_reverse", True))[: 1 + self.bidirectional]:
                mask = None
                if self.recurrent_dropout and self.training:
                    mask = keep_mask((x.shape[1], self.proj_size or self.hidden_size), self.recurrent_dropout, x.dtype)
                output, *final = self._in_pieces(suffix, x, states[len(finals)], lengths, mask, reverse, bptt, checkpoint)
                outputs.append(output)
                finals.append(final)
            x = ops.cat(outputs, -1) if self.bidirectional else output
        finals = tuple(ops.stack(each) if len(each) > 1 else ops.unsqueeze(*each, 0) for each in zip(*finals))
        if not batched:
            x, finals = ops.squeeze(x, 1), tuple(ops.squeeze(each, 1) for each in finals)
        elif self.batch_first:
            x = ops.transpose(x, 0, 1)
        return x, finals if len(finals) > 1 else finals[0]

    def _initial(self, hx, x, batched):
        """The initial states of each layer and direction, each (batch, size) or None."""
        kind, places = type(self).__name__, self.num_layers * (1 + self.bidirectional)
        if hx is None:
            return [(None,) * len(self.states)] * places
        sizes = (self.proj_size or self.hidden_size, self.hidden_size)[: len(self.states)]
        given = hx if isinstance(hx, (tuple, list)) else (hx,)
        if len(given) != len(self.states):
            raise error_in(kind, TypeError, f"hx must be ({', '.join(self.states)}), got {len(given)} states")
        for name, state, size in zip(self.states, given, sizes):
            shape = (places, x.shape[1], size) if batched else (places, size)
            if tuple(state.shape) != shape:
                raise error_in(kind, ValueError, f"{name} is {tuple(state.shape)}, expected {shape}")
        return list(zip(*(ops.unbind(state if batched else ops.unsqueeze(state, 1)) for state in given)))

    def _in_pieces(self, suffix, x, states, lengths, mask, reverse, bptt, checkpoint):
        """`_sequence`, with ``bptt`` or ``checkpoint`` on one piece of time after the other."""
        steps, batch = x.shape[:2]
        if not steps or not (bptt or checkpoint):
            return self._sequence(suffix, x, states, lengths, mask, reverse, 0)
        cuts = sorted({steps, *range(0, steps, bptt or steps), *range(0, steps, checkpoint or steps)})  # of the steps done
        spans = [(steps - b, steps - a) if reverse else (a, b) for a, b in itertools.pairwise(cuts)]
        pieces = ops.split(x, [b - a for a, b in sorted(spans)])
        outputs = []
        for done, (a, b), piece in zip(cuts, spans, pieces[::-1] if reverse else pieces):
            if bptt and done and done % bptt == 0:
                states = [state.detach() for state in states]
            within = None if lengths is None else lengths_within(lengths, start=a, stop=b, steps=steps, batch=batch)
            run = functools.partial(self._sequence, suffix, piece, states, within, mask, reverse, a)
            output, *states = recomputed(run) if checkpoint else run()
            outputs.append(output)
        return ops.cat(outputs[::-1] if reverse else outputs), *states

    def extra_repr(self):
        defaults = {
            "nonlinearity": "tanh", "proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0,
            "bidirectional": False, "variational": False, "recurrent_dropout": 0, "reset_after": True,
        }  # fmt: skip
        said = [f"{name}={getattr(self, name)!r}" for name, usual in defaults.items() if getattr(self, name, usual) != usual]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *said])


class RNN(_Recurrent):
    """h(t) = f(W_ih x(t) + b_ih + W_hh h(t-1) + b_hh) over sequences (Elman, 1990); see `ops.rnn_step`.

    nonlinearity   f, "tanh" or "relu"
    num_layers     layers, each on the outputs of the one below
    batch_first    input and outputs are (batch, steps, features)
    dropout        between the layers in training, with this probability; with ``variational`` the same elements at all steps
    recurrent_dropout  in training, the probability that an element of h(t-1) is 0 for W_hh; else it is over 1 - p: one mask
                   for each sequence, layer and direction, at all steps the same (both: Gal and Ghahramani, 2016)
    bidirectional  a second network runs from the last step to the first, outputs of both stand beside each other
    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0   (hidden_size, input_size), (hidden_size, hidden_size), (hidden_size) twice;
                   uniform in +-1/sqrt(hidden_size); l1, ... for further layers, l0_reverse for the other direction

    >>> outputs, h_n = nn.RNN(8, 16)(x)        # x (steps, batch, 8), outputs (steps, batch, 16), h_n (1, batch, 16)
    """

    def __init__(self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False, dropout=0.0,
                 bidirectional=False, dtype=None, *, variational=False, recurrent_dropout=0.0):  # fmt: skip
        nonlinearity_of(nonlinearity)
        self.nonlinearity = nonlinearity
        self._set(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, variational, recurrent_dropout, dtype
        )

    def _sequence(self, suffix, x, states, lengths, mask, reverse, start):
        weights = self._weights(suffix)
        return ops.rnn_sequence(x, *states, *weights, lengths, mask, nonlinearity=self.nonlinearity, reverse=reverse)


class LSTM(_Recurrent):
    """Long short-term memory over sequences (Hochreiter and Schmidhuber, 1997); see `ops.lstm_step`. The state is (h, c).

    proj_size  if not 0, h is a projection of so many features (Sak et al., 2014), with weight_hr_l0 (proj_size, hidden_size)
    Arguments and parameters are otherwise those of `RNN`, with 4 * hidden_size rows for the gates i, f, g, o.
    """

    gates, states = 4, ("h_0", "c_0")

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
                 proj_size=0, dtype=None, *, variational=False, recurrent_dropout=0.0):  # fmt: skip
        self._set(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            variational,
            recurrent_dropout,
            dtype,
        )

    def _sequence(self, suffix, x, states, lengths, mask, reverse, start):
        weight_hr = getattr(self, f"weight_hr{suffix}", None)
        return ops.lstm_sequence(x, *states, *self._weights(suffix), lengths, weight_hr, mask, reverse=reverse)


class GRU(_Recurrent):
    """Gated recurrent units over sequences (Cho et al., 2014); see `ops.gru_step`.

    reset_after  as PyTorch has it; False resets before the product, as the paper has it
    Arguments and parameters are otherwise those of `RNN`, with 3 * hidden_size rows for the gates r, z, n.
    """

    gates = 3

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
                 dtype=None, *, variational=False, recurrent_dropout=0.0, reset_after=True):  # fmt: skip
        self.reset_after = reset_after
        self._set(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, variational, recurrent_dropout, dtype
        )

    def _sequence(self, suffix, x, states, lengths, mask, reverse, start):
        weights = self._weights(suffix)
        return ops.gru_sequence(x, *states, *weights, lengths, mask, reset_after=self.reset_after, reverse=reverse)


class LeakyRNN(_Recurrent):
    """Leaky units over sequences (Jaeger et al., 2007); see `ops.leaky_step`.

    tau            time constants in steps, 1 (a plain `RNN`) or more: a number, or one for each hidden unit
    learned        train them
    time_constant  (hidden_size) for each layer and direction, as of `LeakyCell`: time_constant_l0, ...
    Arguments and parameters are otherwise those of `RNN`.
    """

    def __init__(self, input_size, hidden_size, tau, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False, dropout=0.0,
                 bidirectional=False, learned=False, dtype=None, *, variational=False, recurrent_dropout=0.0):  # fmt: skip
        nonlinearity_of(nonlinearity)
        self.nonlinearity = nonlinearity
        self._set(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, variational, recurrent_dropout, dtype
        )
        for _, suffix in self._places():
            setattr(self, f"time_constant{suffix}", time_constants("LeakyRNN", tau, hidden_size, learned, dtype))

    def _sequence(self, suffix, x, states, lengths, mask, reverse, start):
        tau = tau_of(getattr(self, f"time_constant{suffix}"))
        weights = self._weights(suffix)
        return ops.leaky_sequence(x, *states, tau, *weights, lengths, mask, nonlinearity=self.nonlinearity, reverse=reverse)


class ClockworkRNN(_Recurrent):
    """A clockwork network over sequences (Koutník et al., 2014); see `ops.clockwork_sequence`.

    periods    in steps, ascending, one for each module of hidden_size / len(periods) units: a module changes at the steps that its
               period divides, and hears the modules of its own and longer periods
    weight_hh  (hidden_size, hidden_size), 0 where a module hears nothing
    Arguments and parameters are otherwise those of `RNN`; time runs forward.
    """

    def __init__(self, input_size, hidden_size, periods, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False,
                 dropout=0.0, dtype=None, *, variational=False, recurrent_dropout=0.0):  # fmt: skip
        nonlinearity_of(nonlinearity)
        self.nonlinearity, self.periods = nonlinearity, tuple(periods)
        try:
            self._blocks = clock_blocks(self.periods, hidden_size)
        except ValueError as error:
            raise ValueError(f"ClockworkRNN: {error}") from None
        self._set(input_size, hidden_size, num_layers, bias, batch_first, dropout, False, 0, variational, recurrent_dropout, dtype)

    def reset_parameters(self):
        """Draw new weights, uniform in +-1/sqrt(hidden_size)."""
        super().reset_parameters()
        for _, suffix in self._places():
            weight = getattr(self, f"weight_hh{suffix}")
            heard = creation.zeros(*weight.shape).data
            for _, first, stop in self._blocks:
                heard[first:stop, first:] = 1
            ops.assign(weight, weight.data * heard)

    def _sequence(self, suffix, x, states, lengths, mask, reverse, start):
        weights = self._weights(suffix)
        return ops.clockwork_sequence(
            x, *states, *weights, lengths, mask, periods=self.periods, nonlinearity=self.nonlinearity, start=start
        )  # fmt: skip

    def extra_repr(self):
        return f"{super().extra_repr()}, periods={self.periods}"

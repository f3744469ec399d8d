"""The equations of recurrent networks as lectures and papers write them, and where their symbols are in our modules.

``NOTATIONS`` is the table; `symbols` reads a module by it. The tests compute each equation from what it gives, in plain NumPy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

GATES = {"LSTMCell": "ifgo", "GRUCell": "rzn"}  # the order of the rows of weight_ih, weight_hh and the biases


@dataclass(frozen=True)
class Notation:
    """One way to write a model.

    equations  a line each; "*" is the product element by element, sigma the logistic function
    module     the class of `nn` that computes it
    symbols    symbol -> the parameter that it is, "+" between parameters that stand for one sum, "[f]" for the rows of gate f
    states     symbol -> the state that it is, of those that the cell returns
    """

    title: str
    equations: tuple
    module: str
    symbols: dict
    states: dict


NOTATIONS = (
    Notation(
        "a dynamical system driven by an input",
        ("s(t) = tanh(A s(t-1) + B x(t))", "y(t) = C s(t)"),
        "ElmanCell",
        {"A": "hidden.weight_hh", "B": "hidden.weight_ih", "C": "readout.weight"},
        {"s": "h", "y": "output"},
    ),
    Notation(
        "a recurrent network with an output at each step (Goodfellow et al., 2016, 10.8 to 10.10)",
        ("h(t) = tanh(b + W h(t-1) + U x(t))", "o(t) = c + V h(t)"),
        "ElmanCell",
        {
            "U": "hidden.weight_ih", "W": "hidden.weight_hh", "V": "readout.weight", "b": "hidden.bias_ih+hidden.bias_hh",
            "c": "readout.bias",
        },
        {"h": "h", "o": "output"},
    ),
    Notation(
        "recurrence from the output only (Goodfellow et al., 2016, figure 10.4)",
        ("h(t) = tanh(b + W o(t-1) + U x(t))", "o(t) = c + V h(t)"),
        "JordanCell",
        {"U": "weight_ih", "W": "weight_hh", "V": "readout.weight", "b": "bias_ih+bias_hh", "c": "readout.bias"},
        {"o": "output"},
    ),
    Notation(
        "long short-term memory without biases",
        (
            "i = sigma(W_i x(t) + U_i h(t-1))", "f = sigma(W_f x(t) + U_f h(t-1))", "o = sigma(W_o x(t) + U_o h(t-1))",
            "g = tanh(W_g x(t) + U_g h(t-1))", "c(t) = f * c(t-1) + i * g", "h(t) = o * tanh(c(t))",
        ),
        "LSTMCell",
        {f"{ours}_{gate}": f"{name}[{gate}]" for gate in "ifgo" for ours, name in (("W", "weight_ih"), ("U", "weight_hh"))},
        {"h": "h", "c": "c"},
    ),
    Notation(
        "long-term and working memory: what to remember, what to save, what to focus on",
        (
            "remember = sigma(W_r x(t) + U_r wm(t-1))", "save = sigma(W_s x(t) + U_s wm(t-1))",
            "focus = sigma(W_f x(t) + U_f wm(t-1))", "candidate = tanh(W_l x(t) + U_l wm(t-1))",
            "ltm(t) = remember * ltm(t-1) + save * candidate", "wm(t) = focus * tanh(ltm(t))",
        ),
        "LSTMCell",
        {
            f"{ours}_{symbol}": f"{name}[{gate}]"
            for symbol, gate in (("r", "f"), ("s", "i"), ("f", "o"), ("l", "g"))
            for ours, name in (("W", "weight_ih"), ("U", "weight_hh"))
        },
        {"wm": "h", "ltm": "c"},
    ),
    Notation(
        "gated recurrent unit (Cho et al., 2014, the reset as PyTorch has it; their z is our 1 - z)",
        (
            "r = sigma(W_r x(t) + U_r h(t-1))", "z = sigma(W_z x(t) + U_z h(t-1))",
            "candidate = tanh(W x(t) + r * (U h(t-1)))", "h(t) = (1 - z) * candidate + z * h(t-1)",
        ),
        "GRUCell",
        {
            "W_r": "weight_ih[r]", "U_r": "weight_hh[r]", "W_z": "weight_ih[z]", "U_z": "weight_hh[z]", "W": "weight_ih[n]",
            "U": "weight_hh[n]",
        },
        {"h": "h"},
    ),
)  # fmt: skip


def symbols(module, notation):
    """Symbol -> array: what the symbols of ``notation`` are in ``module``."""
    if type(module).__name__ != notation.module:
        raise TypeError(f"symbols: {notation.title!r} is about {notation.module}, got {type(module).__name__}")
    arrays = module.state_dict()

    def read(place):
        name, gate = re.fullmatch(r"([\w.]+)(?:\[(\w)\])?", place).groups()
        if gate is None:
            return arrays[name]
        order = GATES[notation.module]
        size = len(arrays[name]) // len(order)
        return arrays[name][order.index(gate) * size :][:size]

    return {symbol: sum(read(place) for place in places.split("+")) for symbol, places in notation.symbols.items()}


def table():
    """The table as text."""
    lines = []
    for notation in NOTATIONS:
        lines += [f"{notation.title}: nn.{notation.module}", *(f"    {equation}" for equation in notation.equations)]
        named = {**notation.symbols, **notation.states}
        lines += ["    " + ", ".join(f"{symbol} is {place}" for symbol, place in named.items()), ""]
    return "\n".join(lines)

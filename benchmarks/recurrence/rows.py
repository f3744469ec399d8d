"""The rows: recurrent layers and unrolled cells, forward alone and with backward, and training steps of two networks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..layers.rows import LayerRow, both

GATES = {"LSTM": 4, "LSTMCell": 4, "PeepholeLSTMCell": 4, "LayerNormLSTMCell": 4, "GRU": 3}  # of the others 1
SIZES = (  # steps, batch, input, hidden; what LSTM, GRU and RNN should reach: (forward, forward and backward)
    (100, 32, 32, 64, {"LSTM": (1.15, 1.2), "GRU": (3.0, 3.5), "RNN": (3.8, 3.6)}),
    (50, 32, 128, 128, {"LSTM": (1.0, 1.0), "GRU": (1.7, 1.7), "RNN": (1.9, 1.8)}),
    (50, 64, 256, 512, {"LSTM": (0.95, 1.0), "GRU": (1.15, 1.2), "RNN": (1.25, 1.15)}),
    (28, 64, 28, 128, {"LSTM": (1.05, 1.05), "GRU": (1.8, 1.7), "RNN": (2.3, 1.8)}),
    (200, 1, 16, 32, {"LSTM": (2.0, 3.5), "GRU": (30.0, 60.0), "RNN": (20.0, 40.0)}),
    (200, 8, 64, 256, {"LSTM": (1.0, 0.95), "GRU": (2.3, 2.7), "RNN": (2.3, 2.5)}),
)
PERIODS = (1, 2, 4, 8, 16, 32, 64, 128)
DECAY = 0.9  # of the state in a step: from 1 to the denormal numbers of float32 in 830 steps, and by rounding it stays there
GAIN = 0.1  # of normalisations (Cooijmans et al., 2017); with 1 a difference of rounding grows a hundred times in 50 steps


@dataclass(frozen=True)
class Layer(LayerRow):
    """A recurrent layer, or a cell unrolled over time.

    kind         the class in our nn
    size         (steps, batch, input, hidden)
    options      further arguments of the class
    half         the sequences have lengths, half of the steps in the mean
    decaying     units that hear only themselves, weakly; ``impulse``: only the first input is not 0, and only the cotangents
                 of the last step, which decays likewise, and of the first two, which give the weights a gradient
    counterpart  a layer of ours that takes the place of PyTorch where the row is judged
    """

    name: str
    about: str
    kind: str
    size: tuple[int, int, int, int]
    options: dict = field(default_factory=dict)
    half: bool = False
    decaying: bool = False
    impulse: bool = False
    counterpart: Layer | None = None

    @property
    def is_cell(self):
        """Whether it is a cell, which is unrolled."""
        return self.kind.endswith("Cell")


@dataclass(frozen=True)
class Network:
    """A training step: forward, backward, update, the loss read. An LSTM, and a linear layer on its output at each step, or on its
    last state.

    size        (steps, batch, input, hidden)
    classes     of the outputs; with ``embedded`` also the vocabulary of the inputs
    checkpoint  ours keeps states every so many steps only
    """

    key: str
    title: str
    size: tuple[int, int, int, int]
    layers: int
    classes: int
    optimizer: str
    embedded: bool = False
    checkpoint: int | None = None
    lr: float = 0.01
    target: float | None = None
    loss = "cross_entropy"  # of all


def layer(name, kind, size, targets=(None, None), note="", **more):
    """A layer that the table calls by kind, size and ``note``."""
    steps, batch, inputs, hidden = size
    return Layer(name, f"{kind} T{steps} B{batch} I{inputs} H{hidden}{note}", kind, tuple(size), targets=targets, **more)


def classifier(steps, checkpoint=None):
    """An LSTM whose last state is classified."""
    key, title = f"classifier_t{steps}", f"LSTM T{steps} B32 I32 H64, its last state classified, SGD, training step"
    if checkpoint:
        key, title = f"{key}_checkpoint", f"{title}, checkpoint={checkpoint}"
    return Network(key, title, (steps, 32, 32, 64), 1, 10, "sgd", checkpoint=checkpoint)


SMALL, LONG = (50, 32, 32, 64), (10_000, 1, 32, 64)
TAU = tuple(1.0 + n % 8 for n in range(64))  # time constants in steps
LAYERS = (
    *(layer(f"{kind.lower()}_t{size[0]}h{size[3]}", kind, size, targets[kind])
      for kind in ("LSTM", "GRU", "RNN") for *size, targets in SIZES),
    layer("bidirectional", "LSTM", (50, 32, 64, 64), (None, 1.1), ", bidirectional, two layers",
          options={"num_layers": 2, "bidirectional": True}),
    layer("lstm_lengths", "LSTM", SMALL, (2.0, 2.0), ", half filled", half=True),
    layer("gru_lengths", "GRU", SMALL, (2.0, 2.0), ", half filled", half=True),
    layer("clockwork", "ClockworkRNN", (100, 32, 32, 256), (1.5, 1.5), ", 8 modules, against our RNN",
          options={"periods": PERIODS}, counterpart=layer("dense", "RNN", (100, 32, 32, 256))),
    layer("gru_before", "GRU", SMALL, (2.0, 2.0), ", reset before the product", options={"reset_after": False}),
    layer("leaky", "LeakyRNN", SMALL, options={"tau": TAU}),
    layer("lstm_cell", "LSTMCell", SMALL, (None, 1.0), ", unrolled"),
    layer("peephole_cell", "PeepholeLSTMCell", SMALL, note=", unrolled"),
    layer("layer_norm_cell", "LayerNormLSTMCell", SMALL, note=", unrolled"),
    layer("decay", "RNN", LONG, (0.9, 0.9), ", decaying to denormal numbers, against ordinary inputs", decaying=True, impulse=True,
          counterpart=layer("ordinary", "RNN", LONG, decaying=True)),
)  # fmt: skip
CHAR_RNN = Network("char_rnn", "char-rnn: 65 characters, embedding, 2x128 LSTM, T50 B50, Adam, training step",
                   (50, 50, 128, 128), 2, 65, "adam", embedded=True, lr=0.002, target=1.2)  # fmt: skip
CLASSIFIERS = tuple((classifier(steps), classifier(steps, checkpoint)) for steps, checkpoint in ((100, 10), (200, 14), (400, 20)))
ROWS = {row.key: row for layer in LAYERS for row in both(layer)}
ROWS |= {row.key: row for row in (CHAR_RNN, *(network for pair in CLASSIFIERS for network in pair))}
NAMES = {layer.name: [row.key for row in both(layer)] for layer in LAYERS} | {CHAR_RNN.key: [CHAR_RNN.key]}


def shapes(layer):
    """Name -> shape of the weights, as PyTorch's of the kind."""
    *_, inputs, hidden = layer.size
    rows, directions = GATES.get(layer.kind, 1) * hidden, 1 + layer.options.get("bidirectional", False)
    places = {"": inputs}
    if not layer.is_cell:
        ends = ("", "_reverse")[:directions]
        numbers = range(layer.options.get("num_layers", 1))
        places = {f"_l{n}{end}": directions * hidden if n else inputs for n in numbers for end in ends}
    result = {}
    for end, size in places.items():
        result |= {f"weight_ih{end}": (rows, size), f"weight_hh{end}": (rows, hidden)}
        if layer.kind != "LayerNormLSTMCell":
            result |= {f"bias_ih{end}": (rows,), f"bias_hh{end}": (rows,)}
    if layer.kind == "PeepholeLSTMCell":
        result["weight_ch"] = (3 * hidden,)
    if layer.kind == "LayerNormLSTMCell":
        norms = {"norm_ih": rows, "norm_hh": rows, "norm_c": hidden}
        result |= {f"{norm}.{name}": (size,) for norm, size in norms.items() for name in ("weight", "bias")}
    return result


def uniform(shapes, hidden):
    """Name -> array in +-1/sqrt(hidden), around `GAIN` for weights of normalisations."""
    rng, bound = np.random.default_rng(1), np.float32(hidden**-0.5)
    drawn = {name: (rng.random(shape, np.float32) * 2 - 1) * bound for name, shape in shapes.items()}
    return {name: array + np.float32(GAIN * (name.startswith("norm") and name.endswith("weight"))) for name, array in drawn.items()}


def heard(hidden):
    """(hidden, hidden), 1 where a clockwork unit hears another: those of its own and longer periods."""
    module = np.arange(hidden) * len(PERIODS) // hidden
    return (module[:, None] <= module).astype(np.float32)


def arrays(layer, dtype=np.float32):
    """The input (steps, batch, features) and the weights, by name; drawn in float32."""
    steps, batch, inputs, hidden = layer.size
    given = {"input": np.random.default_rng(0).standard_normal((steps, batch, inputs), np.float32)}
    given |= uniform(shapes(layer), hidden)
    if layer.kind == "ClockworkRNN":
        given["weight_hh_l0"] *= heard(hidden)
    if layer.decaying:
        given["weight_hh_l0"] = np.float32(DECAY) * np.eye(hidden, dtype=np.float32)
        given |= {name: np.zeros(hidden, np.float32) for name in ("bias_ih_l0", "bias_hh_l0")}
    if layer.impulse:
        given["input"][1:] = 0
    return {name: array.astype(dtype) for name, array in given.items()}


def cotangent(layer, dtype=np.float32):
    """The gradient that comes back into the outputs (steps, batch, features)."""
    steps, batch, _, hidden = layer.size
    shape = (steps, batch, hidden * (1 + layer.options.get("bidirectional", False)))
    g = np.random.default_rng(2).standard_normal(shape, np.float32)
    if layer.impulse:
        g[2:-1] = 0
    return g.astype(dtype)


def lengths(layer):
    """The number of steps of each sequence, from 1 to all but one, in random order; None where all have all."""
    steps, batch, *_ = layer.size
    return np.random.default_rng(3).permutation(np.linspace(1, steps - 1, batch).astype(int)) if layer.half else None


def batch(network):
    """The inputs (steps, batch, features), or (steps, batch) characters, and the labels; the same at each step."""
    rng, (steps, batch, inputs, _) = np.random.default_rng(0), network.size
    if network.embedded:
        text = rng.integers(0, network.classes, (steps + 1, batch))
        return text[:-1], text[1:].reshape(-1)
    return rng.standard_normal((steps, batch, inputs), np.float32), rng.integers(0, network.classes, batch)


def first_weights(network):
    """The weights, by name."""
    *_, inputs, hidden = network.size
    lstm = Layer("", "", "LSTM", network.size, {"num_layers": network.layers})
    given = {f"recurrent.{name}": shape for name, shape in shapes(lstm).items()}
    given |= {"output.weight": (network.classes, hidden), "output.bias": (network.classes,)}
    return uniform(given | ({"embedding.weight": (network.classes, inputs)} if network.embedded else {}), hidden)

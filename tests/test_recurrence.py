"""Recurrent layers: equal to their cells over time, to single sequences, to pieces of time; their limits and errors."""

import gc
import tracemalloc

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn
from tinygrad_lite.kernels import pool

T, B, I, H = 7, 4, 3, 4
LAYERS = {
    "RNN": lambda **o: nn.RNN(I, H, **o), "relu": lambda **o: nn.RNN(I, H, nonlinearity="relu", **o),
    "LSTM": lambda **o: nn.LSTM(I, H, **o), "projection": lambda **o: nn.LSTM(I, H, proj_size=2, **o),
    "GRU": lambda **o: nn.GRU(I, H, **o), "reset before": lambda **o: nn.GRU(I, H, reset_after=False, **o),
    "leaky": lambda **o: nn.LeakyRNN(I, H, tau=[1, 1.5, 2, 10], **o),
    "learned": lambda **o: nn.LeakyRNN(I, H, tau=3.0, learned=True, **o),
    "clockwork": lambda **o: nn.ClockworkRNN(I, H, periods=(1, 2, 2, 3), **o),
}  # fmt: skip
EACH = pytest.mark.parametrize("kind", LAYERS)
BOTH_WAYS = [k for k in LAYERS if k != "clockwork"]


def made(kind, **options):
    """A layer in float64, the same each time."""
    tl.manual_seed(1)
    return LAYERS[kind](**options).double()


def drawn(*shape, seed=0):
    return tl.tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


def flat(values):
    return [v for value in values for v in flat(value)] if isinstance(values, (tuple, list)) else [values]


def gradients(values, inputs):
    """Of a sum of all elements with weights of their own."""
    total = sum((v * np.cos(np.arange(v.numel()) + k).reshape(v.shape)).sum() for k, v in enumerate(flat(values)))
    return tl.grad(total, inputs, allow_unused=True)


def near(some, others, tolerance=1e-12):
    for a, b in zip(flat(some), flat(others), strict=True):
        a, b = (0.0 if v is None else v.data for v in (a, b))
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


# -- two ways to compute the same ------------------------------------------------------------------------------------

CELLS = [
    ("RNN", lambda: nn.RNNCell(I, H)), ("relu", lambda: nn.RNNCell(I, H, nonlinearity="relu")), ("LSTM", lambda: nn.LSTMCell(I, H)),
    ("GRU", lambda: nn.GRUCell(I, H)), ("reset before", lambda: nn.GRUCell(I, H, reset_after=False)),
    ("leaky", lambda: nn.LeakyCell(I, H, tau=[1, 1.5, 2, 10])), ("learned", lambda: nn.LeakyCell(I, H, tau=3.0, learned=True)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "cell"), CELLS, ids=[c[0] for c in CELLS])
@pytest.mark.parametrize("lengths", [None, [3, 7, 0, 1]], ids=str)
def test_a_layer_equals_its_cell_over_time(kind, cell, lengths):
    layer, cell, x = made(kind), cell().double(), drawn(T, B, I)
    cell.load_state_dict({name.removesuffix("_l0"): a for name, a in layer.state_dict().items()})
    outputs, state = nn.unroll(cell, x, lengths=lengths)
    own, final = layer(x, lengths=lengths)
    final = tuple(s[0] for s in final) if isinstance(final, tuple) else final[0]
    near((own, final), (outputs, state))
    second = dict(cell.named_parameters())
    near(
        gradients((own, final), [x, *layer.parameters()]),
        gradients((outputs, state), [x, *(second[n.removesuffix("_l0")] for n, _ in layer.named_parameters())]),
        1e-10,
    )


@EACH
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
def test_lengths_equal_each_sequence_alone(kind, options):
    """In any order, empty ones too; what lies beyond a sequence counts for nothing and gets no gradient."""
    if kind == "clockwork":
        options = {"num_layers": 2}
    layer, lengths = made(kind, **options), [3, T, 0, 1]
    x = drawn(T, B, I)
    places = layer.num_layers * (1 + layer.bidirectional)
    states = [drawn(places, B, size, seed=k) for k, size in enumerate((layer.proj_size or H, H)[: len(layer.states)])]
    hx = tuple(states) if len(states) > 1 else states[0]
    outputs, final = layer(x, hx, lengths=np.array(lengths))
    for row, n in enumerate(lengths):
        alone = [s[:, row : row + 1] for s in states]
        out, last = layer(x[:n, row : row + 1], tuple(alone) if len(alone) > 1 else alone[0])
        near(outputs[:n, row : row + 1], out)
        assert not outputs.data[n:, row].any()
        near([s[:, row : row + 1] for s in flat(final)], flat(last))
        if n == 0:
            near(flat(last), alone)
    (g,) = gradients((outputs, final), [x])
    for row, n in enumerate(lengths):
        assert not g.data[n:, row].any() and g.data[:n, row].all()
    other = tl.where(np.arange(T)[:, None, None] < np.array(lengths)[:, None], x, 1e6)
    near((outputs, final), layer(other, hx, lengths=lengths))


@EACH
def test_no_steps_one_step_and_no_sequences(kind):
    layer = made(kind)
    hx = [drawn(1, B, size, seed=k) for k, size in enumerate((layer.proj_size or H, H)[: len(layer.states)])]
    given = tuple(hx) if len(hx) > 1 else hx[0]
    outputs, final = layer(drawn(0, B, I), given)
    assert outputs.shape == (0, B, layer.proj_size or H)
    near(flat(final), hx)
    outputs, final = layer(drawn(1, B, I), given, bptt=1, checkpoint=1)
    near(outputs, flat(final)[0])
    outputs, final = layer(drawn(T, 0, I))
    assert outputs.shape == (T, 0, layer.proj_size or H) and flat(final)[0].shape == (1, 0, layer.proj_size or H)
    gradients(outputs, list(layer.parameters()))
    assert layer(drawn(0, B, I), given, bptt=2)[0].shape == (0, B, layer.proj_size or H)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_leaky_units_of_one_step_are_plain(nonlinearity):
    plain = made("RNN" if nonlinearity == "tanh" else "relu")
    leaky = nn.LeakyRNN(I, H, tau=1, nonlinearity=nonlinearity).double()
    leaky.load_state_dict(plain.state_dict(), strict=False)
    x = drawn(T, B, I)
    near(leaky(x), plain(x), 0)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_a_clockwork_of_period_1_is_plain(nonlinearity):
    plain = made("RNN" if nonlinearity == "tanh" else "relu")
    clockwork = nn.ClockworkRNN(I, H, periods=(1, 1), nonlinearity=nonlinearity).double()
    clockwork.load_state_dict(plain.state_dict())
    x = drawn(T, B, I)
    near(clockwork(x, lengths=[7, 2, 0, 5]), plain(x, lengths=[7, 2, 0, 5]))


def test_modules_of_a_clockwork_change_at_their_periods_and_hear_slower_ones():
    layer, x = nn.ClockworkRNN(I, 6, periods=(1, 2, 3)).double(), drawn(T, B, I)
    outputs, final = layer(x)
    for period, first in ((1, 0), (2, 2), (3, 4)):
        for t in range(1, T):
            same = (outputs.data[t, :, first : first + 2] == outputs.data[t - 1, :, first : first + 2]).all()
            assert same == (t % period > 0)
    silent = np.arange(6)[:, None] // 2 > np.arange(6) // 2
    weight = layer.weight_hh_l0
    assert not weight.data[silent].any() and weight.data[~silent].all()
    (g,) = gradients((outputs, final), [weight])
    assert not g.data[silent].any() and g.data[~silent].all()


def test_learned_time_constants_start_where_they_are_told_and_learn():
    layer, x = made("learned"), drawn(T, B, I)
    fixed = nn.LeakyRNN(I, H, tau=3.0).double()
    fixed.load_state_dict({n: a for n, a in layer.state_dict().items() if "time" not in n}, strict=False)
    near(layer(x), fixed(x), 1e-6)  # log(tau - 1) is rounded to float32
    assert "time_constant_l0" in dict(layer.named_parameters()) and "time_constant_l0" in dict(fixed.named_buffers())
    assert gradients(layer(x), [layer.time_constant_l0])[0].data.all()


# -- pieces of time --------------------------------------------------------------------------------------------------

LENGTHS = [[3, T, 0, 5], None]


@EACH
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@pytest.mark.parametrize("pieces", [{"checkpoint": 3}, {"checkpoint": 1}, {"bptt": T}, {"bptt": 50, "checkpoint": 2}], ids=str)
def test_pieces_of_time_equal_the_whole(kind, lengths, pieces):
    layer = made(kind, num_layers=2, **({"bidirectional": True} if kind in BOTH_WAYS else {}))
    x = drawn(T, B, I)
    inputs = [x, *layer.parameters()]
    whole, parts = layer(x, lengths=lengths), layer(x, lengths=lengths, **pieces)
    near(parts, whole)
    near(gradients(parts, inputs), gradients(whole, inputs), 1e-10)


@pytest.mark.parametrize("kind", BOTH_WAYS)
@pytest.mark.parametrize("reverse", [False, True])
def test_bptt_cuts_the_gradient_of_the_state(kind, reverse):
    """As if each piece began at a state that is given; in the other direction time is cut from the end."""
    layer, x = made(kind, bidirectional=True), drawn(T, B, I)
    size = layer.proj_size or H
    direction = (..., slice(size, None) if reverse else slice(size))
    parts, state = [], None
    for a, b in ((4, 7), (1, 4), (0, 1)) if reverse else ((0, 3), (3, 6), (6, 7)):
        out, last = layer(x[a:b], state)
        parts.append(out[direction])
        state = tuple(s.detach() for s in last) if isinstance(last, tuple) else last.detach()
    expected, got = tl.cat(parts[::-1] if reverse else parts), layer(x, bptt=3)[0][direction]
    inputs = [x, *layer.parameters()]
    near(got, expected)
    near(gradients(got, inputs), gradients(expected, inputs), 1e-10)


@EACH
def test_bptt_of_one_step_reaches_the_input_of_that_step_alone(kind):
    layer, x = made(kind), drawn(T, B, I)
    (g,) = tl.grad(layer(x, bptt=1)[0][-1].sum(), [x])
    assert not g.data[:-1].any() and g.data[-1].any()


def test_checkpoints_of_a_layer_hold_less():
    def held(**options):
        layer, x = nn.LSTM(8, 32), tl.randn(200, 16, 8)
        layer(x, **options)  # what is kept once is not counted
        gc.collect()
        pool.clear()
        tracemalloc.start()
        out = layer(x, **options)
        pool.clear()
        here = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return here - out[0].data.nbytes

    assert held(checkpoint=14) < held() / 5


def test_pieces_that_are_walked_one_by_one_take_constant_memory():
    """Truncated backpropagation through time: each piece from the detached state of the one before."""

    def most(steps):
        layer, state = nn.LSTM(8, 32), None
        gc.collect()
        pool.clear()
        tracemalloc.start()
        for _ in range(steps // 20):
            out, state = layer(tl.randn(20, 16, 8), state)
            out.sum().backward()
            state = tuple(s.detach() for s in state)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    most(40)  # what is kept once is not counted
    assert most(400) < 1.1 * most(40)


# -- dropout ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variational", [False, True])
def test_dropout_between_layers(variational):
    """With identity weights upward the second layer sees which elements of the first were dropped."""
    tl.manual_seed(0)
    layer = nn.RNN(I, 50, num_layers=2, nonlinearity="relu", bias=False, dropout=0.5, variational=variational)
    for name, value in (("weight_ih_l0", 1.0), ("weight_hh_l0", 0.0), ("weight_hh_l1", 0.0)):
        nn.init.constant_(getattr(layer, name), value)
    tl.assign(layer.weight_ih_l1, np.eye(50))
    x = tl.ones(20, B, I)
    out = layer(x)[0].data
    assert set(np.unique(out)) == {0.0, 6.0} and 0.4 < (out == 0).mean() < 0.6
    assert (out == out[0]).all() == variational
    assert not (out[:, 0] == out[:, 1]).all()
    assert (layer.eval()(x)[0].data == 3).all()
    single = nn.RNN(I, 50, dropout=0.5, variational=variational)
    assert (single(x)[0].data == single.eval()(x)[0].data).all()  # no dropout above the last layer


@pytest.mark.parametrize("variational", [False, True])
def test_dropout_repeats_in_a_checkpoint(variational):
    layer, x = made("LSTM", num_layers=2, dropout=0.5, variational=variational), drawn(T, B, I)
    found = []
    for call in (layer, lambda x: tl.checkpoint(lambda x: layer(x)[0], x)):
        tl.manual_seed(3)
        out = call(x)
        found.append(gradients(out[0] if isinstance(out, tuple) else out, [x, *layer.parameters()]))
    near(*found)


# -- errors ----------------------------------------------------------------------------------------------------------

X = tl.zeros(T, B, I)
CALLS = [
    (lambda m: m(tl.zeros(T, B, 5)), ValueError, r"^GRU in encoder: input must be \(steps, batch, 3\) or \(steps, 3\), got \(7"),
    (lambda m: m(tl.zeros(T)), ValueError, r"^GRU in encoder: input must be"),
    (lambda m: m(X, tl.zeros(1, B, 5)), ValueError, r"^GRU in encoder: h_0 is \(1, 4, 5\), expected \(1, 4, 4\)"),
    (lambda m: m(X[:, 0], tl.zeros(1, 1, H)), ValueError, r"^GRU in encoder: h_0 is \(1, 1, 4\), expected \(1, 4\)"),
    (lambda m: m(X.to(np.int64)), TypeError, r"^gru_sequence in encoder: x must be floating, got int64"),
    (lambda m: m(X.double()), ValueError, r"^gru_sequence in encoder: weight_ih is \(12, 3\) float32, expected \(12, 3\) float64"),
    (lambda m: m(X, lengths=[1, 2, 3]), ValueError, r"^gru_sequence in encoder: lengths must be \(4,\), one for each"),
    (lambda m: m(X, lengths=[1, 2, 3, 8]), ValueError, r"^gru_sequence in encoder: length 8 is out of range: there are 7 steps"),
    (lambda m: m(X, lengths=[1, -2, 3, 7]), ValueError, r"^gru_sequence in encoder: length -2 is out of range"),
    (lambda m: m(X, lengths=[1, 2, 3, 8], bptt=2), ValueError, r"^lengths_within in encoder: length 8 is out of range"),
    (lambda m: m(X, lengths=[1.0, 2.0, 3.0, 4.0]), TypeError, r"^gru_sequence in encoder: lengths must be integers, got float64"),
    (lambda m: m(X, bptt=0), ValueError, r"^GRU in encoder: bptt must be a number of steps, 1 or more, or None, got 0"),
    (lambda m: m(X, checkpoint=1.5), ValueError, r"^GRU in encoder: checkpoint must be a number of steps.* got 1\.5"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "text"), CALLS, ids=[c[2][:60] for c in CALLS])
def test_errors_name_the_layer(call, kind, text):
    class Model(nn.Module):
        def __init__(self):
            self.encoder = nn.GRU(I, H)

        def forward(self, *args, **options):
            return self.encoder(*args, **options)

    with pytest.raises(kind, match=text):
        call(Model())


REFUSED = [
    (lambda: nn.LSTM(3, 4, proj_size=4), r"LSTM: proj_size must be smaller than hidden_size 4, 0 for none, got 4"),
    (lambda: nn.RNN(3, 4, nonlinearity="sigmoid"), r"nonlinearity must be 'tanh' or 'relu', got 'sigmoid'"),
    (lambda: nn.GRU(3, 0), r"GRU: hidden_size must be an integer, 1 or more, got 0"),
    (lambda: nn.GRU(3, 4, num_layers=1.5), r"GRU: num_layers must be an integer"),
    (lambda: nn.GRU(3, 4, dropout=-0.1), r"GRU: dropout must be a probability"),
    (lambda: nn.LeakyRNN(3, 4, tau=0.5), r"LeakyRNN: time constants must be 1 step or more, got 0\.5"),
    (lambda: nn.LeakyCell(3, 4, tau=1, learned=True), r"LeakyCell: time constants must be more than 1 step if they are learned"),
    (lambda: nn.ClockworkRNN(3, 4, periods=(1, 0)), r"ClockworkRNN: periods must be numbers of steps, 1 or more"),
    (lambda: nn.ClockworkRNN(3, 4, periods=(2, 1)), r"ClockworkRNN: periods must ascend"),
    (lambda: nn.ClockworkRNN(3, 4, periods=(1, 2, 4)), r"ClockworkRNN: 4 hidden units do not divide into 3 modules"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "text"), REFUSED, ids=[c[1][:60] for c in REFUSED])
def test_what_cannot_be_made_is_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_the_number_of_states_must_be_right():
    zeros = tl.zeros(1, B, H)
    for hx in (zeros, (zeros,)):
        with pytest.raises(TypeError, match=r"LSTM: hx must be \(h_0, c_0\), got 1 states"):
            nn.LSTM(I, H)(X, hx)
    with pytest.raises(TypeError, match=r"RNN: hx must be \(h_0\), got 2 states"):
        nn.RNN(I, H)(X, (zeros, zeros))
    with pytest.raises(ValueError, match=r"c_0 is \(1, 4, 3\), expected \(1, 4, 4\)"):
        nn.LSTM(I, H)(X, (zeros, tl.zeros(1, B, 3)))

"""Dropout of the recurrent connections: one mask for each sequence, layer and direction, at all steps the same."""

import cases  # noqa: F401  before cases_recurrence, which adds rows to it
import numpy as np
import pytest
from cases_recurrence import clockwork, gru, leaky, lstm, over_time, rnn

import tinygrad_lite as tl
from tinygrad_lite import nn
from tinygrad_lite.nn import recurrent

T, B, I, H = 6, 4, 3, 4
TAU = np.array([1, 1.5, 2, 10])
PERIODS = (1, 2, 2, 3)
early = lambda *given, **options: gru(*given, reset_after=False, **options)
KINDS = {  # the layer, and a loop over time in NumPy
    "RNN": (lambda **o: nn.RNN(I, H, **o), over_time(rnn, 1)),
    "LSTM": (lambda **o: nn.LSTM(I, H, **o), over_time(lstm, 2)),
    "projection": (lambda **o: nn.LSTM(I, H, proj_size=2, **o), over_time(lstm, 2)),
    "GRU": (lambda **o: nn.GRU(I, H, **o), over_time(gru, 1)),
    "reset before": (lambda **o: nn.GRU(I, H, reset_after=False, **o), over_time(early, 1)),
    "leaky": (lambda **o: nn.LeakyRNN(I, H, tau=TAU, **o),
              over_time(lambda x, h, *rest, **o: leaky(x, h, TAU, *rest, **o), 1)),
    "clockwork": (lambda **o: nn.ClockworkRNN(I, H, periods=PERIODS, **o),
                  lambda *given, reverse, **o: clockwork(*given, periods=PERIODS, **o)),
}  # fmt: skip
EACH = pytest.mark.parametrize("kind", KINDS)


def made(kind, **options):
    tl.manual_seed(1)
    return KINDS[kind][0](recurrent_dropout=0.5, **options).double()


def drawn(*shape, seed=0):
    return tl.tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


def flat(values):
    return [v for value in values for v in flat(value)] if isinstance(values, (tuple, list)) else [values]


def gradients(values, inputs):
    total = sum((v * np.cos(np.arange(v.numel()) + k).reshape(v.shape)).sum() for k, v in enumerate(flat(values)))
    return tl.grad(total, inputs)


def initial(layer, batch=B):
    """Initial states of ``layer``, as a list."""
    sizes = (layer.proj_size or H, H)[: len(layer.states)]
    return [drawn(layer.num_layers * (1 + layer.bidirectional), batch, size, seed=k) for k, size in enumerate(sizes)]


@EACH
@pytest.mark.parametrize("lengths", [None, [3, T, 0, 1]], ids=str)
@pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
def test_equal_to_a_plain_loop_over_time(kind, lengths, several, monkeypatch):
    """Two layers in both directions from given states; each draws one mask (batch, units of h), and no other."""
    masks, draw = [], recurrent.keep_mask
    monkeypatch.setattr(recurrent, "keep_mask", lambda *given: masks.append(draw(*given)) or masks[-1])
    options = {"num_layers": 2, **({} if kind == "clockwork" else {"bidirectional": True})} if several else {}
    layer, x = made(kind, **options), drawn(T, B, I)
    states = initial(layer)
    outputs, final = layer(x, tuple(states) if len(states) > 1 else states[0], lengths=lengths)
    given, directions = x.data, 1 + layer.bidirectional
    for number in range(layer.num_layers):
        beside = []
        for place in range(number * directions, (number + 1) * directions):
            end = "_reverse" if place % directions else ""
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", *(["weight_hr"] if kind == "projection" else []))
            own = [getattr(layer, f"{name}_l{number}{end}").data for name in names]
            begin = [s.data[place] for s in states]
            out, *last = KINDS[kind][1](given, *begin, *own, lengths=lengths, mask=masks[place], reverse=bool(end))
            beside.append(out)
            for got, expected in zip(flat(final), last):
                np.testing.assert_allclose(got.data[place], expected, rtol=1e-12, atol=1e-12)
        given = np.concatenate(beside, -1)
    np.testing.assert_allclose(outputs.data, given, rtol=1e-12, atol=1e-12)
    assert len(masks) == len(states[0]) and all(m.shape == (B, layer.proj_size or H) for m in masks)


def test_a_mask_is_drawn_for_each_sequence_and_stays():
    """A network that repeats its state gives the powers of its mask: 0, or (1 / 0.75)**t."""
    layer = nn.RNN(1, 40, nonlinearity="relu", bias=False, bidirectional=True, recurrent_dropout=0.25).double()
    for end in ("", "_reverse"):
        nn.init.zeros_(getattr(layer, f"weight_ih_l0{end}"))
        tl.assign(getattr(layer, f"weight_hh_l0{end}"), np.eye(40))
    out = layer(tl.zeros(5, 30, 1).double(), tl.ones(2, 30, 40).double())[0].data
    ahead, back = out[..., :40], out[::-1, :, 40:]
    for one in (ahead, back):
        for t in range(5):
            np.testing.assert_allclose(one[t], one[0] ** (t + 1), rtol=1e-12)
        assert set(np.unique(one[0])) == {0.0, 4 / 3} and 0.2 < (one[0] == 0).mean() < 0.3
        assert (one[0] != one[0, 0]).any()  # sequences have masks of their own
    assert (ahead[0] != back[0]).any()


def test_moments_are_those_of_one_mask_for_all_steps():
    """h(t) = h(t-1) m: the mean after one step is h(0), and after two steps 1 / (1 - p) of it, which masks drawn at each step
    would not give."""
    n, p = 100_000, 0.4
    layer = nn.RNN(1, 1, nonlinearity="relu", bias=False, recurrent_dropout=p).double()
    tl.assign(layer.weight_hh_l0, np.ones((1, 1)))
    out = layer(tl.zeros(2, n, 1).double(), tl.ones(1, n, 1).double())[0].data
    deviation = (p / (1 - p) / n) ** 0.5
    assert abs(out[0].mean() - 1) < 5 * deviation
    assert abs(out[1].mean() - 1 / (1 - p)) < 5 * deviation / (1 - p)


@EACH
def test_nothing_is_dropped_in_evaluation_and_all_of_it_with_certainty(kind):
    layer, x = made(kind), drawn(T, B, I)
    plain = KINDS[kind][0]().double()
    plain.load_state_dict(layer.state_dict())
    for a, b in zip(flat(layer.eval()(x)), flat(plain(x))):
        np.testing.assert_array_equal(a.data, b.data)
    tl.manual_seed(1)
    deaf = KINDS[kind][0](recurrent_dropout=1.0).double()
    out = deaf(x)
    nn.init.zeros_(deaf.weight_hh_l0)
    for a, b in zip(flat(out), flat(deaf.eval()(x))):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-12, atol=1e-12)


@EACH
def test_derivatives_with_a_fixed_mask(kind):
    layer = made(kind)
    states = initial(layer, 2)
    names = [name for name, _ in layer.named_parameters()]

    def function(x, *given):
        tl.manual_seed(2)
        hx, weights = given[: len(states)], given[len(states) :]
        for name, weight in zip(names, weights):
            object.__setattr__(layer, name, weight)
        return layer(x, hx if len(hx) > 1 else hx[0], lengths=[3, 2])[0]

    assert tl.gradcheck(function, drawn(3, 2, I), *states, *layer.parameters())


@EACH
@pytest.mark.parametrize("pieces", [{"checkpoint": 2}, {"bptt": T}, {"bptt": T, "checkpoint": 4}], ids=str)
def test_pieces_of_time_share_the_mask(kind, pieces):
    options = {"num_layers": 2} if kind == "clockwork" else {"num_layers": 2, "bidirectional": True}
    layer, x = made(kind, **options), drawn(T, B, I)
    found = []
    for given in ({}, pieces):
        tl.manual_seed(5)
        values = flat(layer(x, lengths=[3, T, 0, 5], **given))
        found.append([*values, *gradients(values, [x, *layer.parameters()])])
    for a, b in zip(*found):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-10, atol=1e-12)


def test_text_and_errors():
    assert repr(nn.GRU(3, 4, recurrent_dropout=0.2)) == "GRU(3, 4, recurrent_dropout=0.2)"
    with pytest.raises(ValueError, match=r"LSTM: recurrent_dropout must be a probability, 0 to 1, got 1\.5"):
        nn.LSTM(3, 4, recurrent_dropout=1.5)
    x, h, weights = np.zeros((2, 3, 1)), np.zeros((3, 4)), (np.zeros((4, 1)), np.zeros((4, 4)))
    with pytest.raises(ValueError, match=r"rnn_sequence: mask is \(4,\) float64, expected \(3, 4\) float64"):
        tl.rnn_sequence(x, h, *weights, mask=np.ones(4))

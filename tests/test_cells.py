"""Cells and how they are wired: against their equations in NumPy, against each other, against layers."""

import numpy as np
import pytest
from scipy.special import expit

import tinygrad_lite as tl
from tinygrad_lite import nn

T, B, I, H = 5, 3, 2, 4
CELLS = {
    "RNN": lambda: nn.RNNCell(I, H), "relu": lambda: nn.RNNCell(I, H, nonlinearity="relu"), "LSTM": lambda: nn.LSTMCell(I, H),
    "GRU": lambda: nn.GRUCell(I, H, bias=False), "reset before": lambda: nn.GRUCell(I, H, reset_after=False),
    "leaky": lambda: nn.LeakyCell(I, H, tau=(1, 2, 3, 4)), "learned": lambda: nn.LeakyCell(I, H, tau=2.0, learned=True),
    "peephole": lambda: nn.PeepholeLSTMCell(I, H), "layer norm": lambda: nn.LayerNormLSTMCell(I, H),
    "skip": lambda: nn.SkipCell(I, H, delays=(1, 3)), "Elman": lambda: nn.ElmanCell(I, H, 3),
    "Jordan": lambda: nn.JordanCell(I, H, 3),
    "zoneout": lambda: nn.Zoneout(nn.LSTMCell(I, H), (0.2, 0.5)).eval(), "deep": lambda: nn.Deep(nn.GRUCell(I, H), 3),
    "deep mixture": lambda: nn.Deep(nn.Zoneout(nn.ElmanCell(I, H, 3), 0.3), 2).eval(),
}  # fmt: skip
EACH = pytest.mark.parametrize("kind", CELLS)


def made(kind):
    """A cell in float64, the same each time."""
    tl.manual_seed(1)
    return CELLS[kind]().double()


def drawn(*shape, seed=0):
    return tl.tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


def flat(values):
    return [v for value in values for v in flat(value)] if isinstance(values, (tuple, list)) else [values]


def like(tree, values):
    """``tree`` with its Tensors replaced by those of an iterator."""
    return tuple(like(branch, values) for branch in tree) if isinstance(tree, tuple) else next(values)


def near(some, others, tolerance=1e-12):
    for a, b in zip(flat(some), flat(others), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=tolerance, atol=tolerance)


# -- what all cells have ---------------------------------------------------------------------------------------------


@EACH
def test_derivatives_of_two_steps_equal_finite_differences(kind):
    """Towards input, state and all parameters, of both orders."""
    cell = made(kind)
    state = cell.initial_state((2,), np.float64)
    places = [(module, name) for module in cell.modules() for name, p in vars(module).items() if isinstance(p, nn.Parameter)]
    values = [getattr(*place).data.copy() for place in places]
    rng = np.random.default_rng(0)
    values += [rng.standard_normal((2, 2, I)), *(rng.standard_normal(s.shape) for s in flat(state))]

    def run(*tensors):
        tensors = iter(tensors)
        for module, name in places:
            object.__setattr__(module, name, next(tensors))
        outputs, final = nn.unroll(cell, next(tensors), like(state, tensors))
        return outputs, *flat(final)

    tl.gradcheck(run, *values, order=1 if kind == "relu" else 2)


@EACH
def test_a_row_of_a_batch_equals_it_alone(kind):
    cell, x = made(kind), drawn(B, I)
    output, state = cell.step(x, cell.initial_state((B,), np.float64))
    output, state = cell.step(x, state)
    own, final = cell.step(x[1], cell.initial_state((), np.float64))
    own, final = cell.step(x[1], final)
    near([own, final], [output[1], [s[1] for s in flat(state)]] if len(flat(final)) > 1 else [output[1], flat(state)[0][1]])
    assert own.shape == (cell.output_size,)


@EACH
def test_no_state_is_the_initial_one_and_no_input_is_zeros(kind):
    cell, x = made(kind), drawn(B, I)
    near(cell.step(x), cell.step(x, cell.initial_state((B,), np.float64)))
    state = cell.step(x)[1]
    near(cell.step(None, state), cell.step(tl.zeros(B, I, dtype=np.float64), state))
    with pytest.raises(ValueError, match=r"Cell|Deep|Zoneout: give an input or a state"):
        cell.step(None)


@EACH
def test_a_fresh_cell_has_new_weights_and_another_input(kind):
    cell = made(kind)
    same, wider = cell.fresh(), cell.fresh(7)
    assert list(same.state_dict()) == list(cell.state_dict()) == list(wider.state_dict())
    changed = {name for name, a in cell.state_dict().items() if not (a == same.state_dict()[name]).all()}
    assert changed == {name for name in cell.state_dict() if "norm" not in name and "time_constant" not in name}
    assert wider.input_size == 7 and cell.input_size == I and {p.dtype for p in wider.parameters()} == {np.dtype(np.float64)}
    assert wider.step(drawn(B, 7))[0].shape == cell.step(drawn(B, I))[0].shape == (B, cell.output_size)


@EACH
def test_checkpointed_equals_plain(kind):
    cell, xs = made(kind), drawn(T, B, I)
    grads = []
    for options in ({}, {"checkpoint": 2}):
        outputs, final = nn.unroll(cell, xs, **options)
        grads.append(tl.grad(sum((v * v).sum() for v in flat([outputs, final])), [xs, *cell.parameters()]))
    near(*grads)


def test_text_of_cells():
    assert repr(made("reset before")) == "GRUCell(2, 4, reset_after=False)"
    assert repr(made("layer norm")).startswith("LayerNormLSTMCell(2, 4, eps=1e-05\n  (norm_ih)")
    assert repr(made("skip")) == "SkipCell(2, 4, delays=(1, 3))"
    assert repr(made("deep mixture")) == (
        "Deep(\n  (layers.0): Zoneout(p=0.3\n    (cell): ElmanCell(2, 4, 3\n      (hidden): RNNCell(2, 4)\n"
        "      (readout): Linear(in_features=4, out_features=3, bias=True)\n    )\n  )\n"
        "  (layers.1): Zoneout(p=0.3\n    (cell): ElmanCell(3, 4, 3\n      (hidden): RNNCell(3, 4)\n"
        "      (readout): Linear(in_features=4, out_features=3, bias=True)\n    )\n  )\n)"
    )
    assert repr(made("leaky")) == "LeakyCell(2, 4)" and repr(made("Jordan")).startswith("JordanCell(2, 4, 3")


# -- equations -------------------------------------------------------------------------------------------------------


def normalised(x, module):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * module.weight.data + module.bias.data


def test_a_layer_norm_lstm_is_its_equation():
    cell, x, h, c = made("layer norm"), *(drawn(B, n, seed=n + k).data for k, n in enumerate((I, H, H)))
    for p in cell.parameters():
        tl.assign(p, np.random.default_rng(p.numel()).standard_normal(p.shape))
    gates = normalised(x @ cell.weight_ih.data.T, cell.norm_ih) + normalised(h @ cell.weight_hh.data.T, cell.norm_hh)
    i, f, g, o = np.split(gates, 4, 1)
    new_c = expit(f) * c + expit(i) * np.tanh(g)
    new_h = expit(o) * np.tanh(normalised(new_c, cell.norm_c))
    near(cell(tl.tensor(x), (tl.tensor(h), tl.tensor(c))), (tl.tensor(new_h), tl.tensor(new_c)))


def test_without_its_peepholes_a_peephole_lstm_is_plain():
    cell, plain, xs = made("peephole"), made("LSTM"), drawn(T, B, I)
    plain.load_state_dict(cell.state_dict(), strict=False)
    assert not np.allclose(nn.unroll(cell, xs)[0].data, nn.unroll(plain, xs)[0].data)
    nn.init.zeros_(cell.weight_ch)
    near(nn.unroll(cell, xs), nn.unroll(plain, xs))


def test_skip_connections_reach_back_by_their_delays():
    cell, x = made("skip"), drawn(T, B, I).data
    hidden = {t: np.zeros((B, H)) for t in (-1, -2, -3)}
    for t in range(T):
        sums = x[t] @ cell.weight_ih.data.T + cell.bias.data
        hidden[t] = np.tanh(sums + sum(hidden[t - d] @ w.data.T for d, w in cell.weight_hh.items()))
    near(nn.unroll(cell, tl.tensor(x))[0], tl.tensor(np.array([hidden[t] for t in range(T)])))
    assert list(cell.state_dict()) == ["weight_ih", "weight_hh.1", "weight_hh.3", "bias"]


# -- the three wirings -----------------------------------------------------------------------------------------------


def test_wiring_1_reads_an_output_at_each_step():
    cell, xs = made("Elman"), drawn(T, B, I)
    hidden, last = nn.unroll(cell.hidden, xs)
    near(nn.unroll(cell, xs), (cell.readout(hidden), last))


def test_wiring_2_hears_only_the_output_of_the_step_before():
    cell, xs = made("Jordan"), drawn(T, B, I)
    y = np.zeros((B, 3))
    weights = cell.state_dict()
    for t in range(T):
        sums = xs.data[t] @ weights["weight_ih"].T + weights["bias_ih"] + y @ weights["weight_hh"].T + weights["bias_hh"]
        y = np.tanh(sums) @ weights["readout.weight"].T + weights["readout.bias"]
    near(nn.unroll(cell, xs)[1], tl.tensor(y))


def test_teacher_forcing_takes_the_targets_and_parts_the_steps():
    """Fed its own outputs as targets it gives them again; no gradient then goes from step to step."""
    cell, xs = made("Jordan"), drawn(T, B, I)
    free, _ = nn.unroll(cell, xs)
    before = tl.cat([tl.zeros(1, B, 3, dtype=np.float64), free.detach()[:-1]])
    forced, _ = nn.unroll(cell, (xs, before), cell.initial_state((B,), np.float64))
    near(forced, free)
    (g,) = tl.grad(forced[3].sum(), [xs])
    assert g.data[3].all() and not g.data[[0, 1, 2, 4]].any()
    (g,) = tl.grad(free[3].sum(), [xs])
    assert g.data[:4].all()


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "deep"])
def test_wiring_3_reads_one_output_at_the_end_of_each_sequence(kind):
    model = nn.FinalOutput(made(kind), nn.Linear(H, 2).double())
    xs, lengths = drawn(T, B, I), [2, 5, 1]
    out = model(xs, lengths=lengths)
    assert out.shape == (B, 2)
    for row, n in enumerate(lengths):
        near(out[row : row + 1], model(xs[:n, row : row + 1]))
    if kind == "RNN":
        near(model(xs), model.readout(nn.unroll(model.cell, xs)[0][-1]))


# -- zoneout ---------------------------------------------------------------------------------------------------------


def test_zoneout_keeps_elements_of_the_old_state():
    tl.manual_seed(0)
    cell = nn.Zoneout(nn.LSTMCell(I, 400), (0.25, 0.75))
    x, old = tl.randn(B, I), (tl.randn(B, 400), tl.randn(B, 400))
    output, new = cell(x, old)
    for p, before, after, plain in zip(cell.p, old, new, cell.cell(x, old)):
        kept = after.data == before.data
        assert abs(kept.mean() - p) < 0.05
        assert (after.data == np.where(kept, before.data, plain.data)).all()
    assert output is new[0]
    mean = cell.eval()(x, old)[1]
    for p, before, after, plain in zip(cell.p, old, mean, cell.cell(x, old)):
        np.testing.assert_allclose(after.data, p * before.data + (1 - p) * plain.data, rtol=1e-5, atol=1e-6)


def test_zoneout_of_nothing_and_of_everything():
    xs, h = drawn(T, B, I), drawn(B, H)
    cell = made("GRU")
    near(nn.unroll(nn.Zoneout(cell, 0.0), xs, h), nn.unroll(cell, xs, h))
    near(nn.unroll(nn.Zoneout(cell, 1.0), xs, h)[1], h)


def test_zoneout_repeats_in_a_checkpoint():
    cell, xs = nn.Zoneout(made("LSTM"), 0.5), drawn(T, B, I)
    grads = []
    for options in ({}, {"checkpoint": 2}):
        tl.manual_seed(5)
        outputs, _ = nn.unroll(cell, xs, **options)
        grads.append(tl.grad((outputs * outputs).sum(), [xs, *cell.parameters()]))
    near(*grads)


# -- cells of cells --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("layer", "cell"), [("RNN", "RNN"), ("LSTM", "LSTM"), ("GRU", "GRU")])
def test_deep_cells_equal_a_layer_of_several(layer, cell):
    deep, layer = nn.Deep(made(cell), 3), getattr(nn, layer)(I, H, num_layers=3, bias=cell != "GRU").double()
    names = [f"layers.{k}.{name}" for k in range(3) for name in made(cell).state_dict()]
    deep.load_state_dict(dict(zip(names, layer.state_dict().values(), strict=True)))
    xs, lengths = drawn(T, B, I), [5, 0, 3]
    outputs, state = nn.unroll(deep, xs, lengths=lengths)
    own, final = layer(xs, lengths=lengths)
    near(own, outputs)
    final = tuple(zip(*(tl.unbind(s) for s in final))) if isinstance(final, tuple) else tl.unbind(final)
    near(final, state)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(("layer", "cell"), [("RNN", "RNN"), ("LSTM", "LSTM"), ("GRU", "GRU")])
def test_bidirectional_cells_equal_a_bidirectional_layer(layer, cell, batch_first):
    both = nn.Bidirectional(made(cell))
    layer = getattr(nn, layer)(I, H, bidirectional=True, bias=cell != "GRU", batch_first=batch_first).double()
    both.load_state_dict(dict(zip(both.state_dict(), layer.state_dict().values(), strict=True)))
    xs, lengths = drawn(B, T, I) if batch_first else drawn(T, B, I), [2, 5, 0]
    outputs, state = both(xs, lengths=lengths, batch_first=batch_first)
    own, final = layer(xs, lengths=lengths)
    near(own, outputs)
    near(tuple(zip(*(tl.unbind(s) for s in final))) if isinstance(final, tuple) else tl.unbind(final), state)
    near(both(xs, state, batch_first=batch_first), both(xs, list(state), batch_first=batch_first, checkpoint=2))


def test_a_cell_of_ones_own_can_be_stacked_and_reversed():
    class Decay(nn.Cell):
        """s' = (s + x W^T + b) / 2."""

        def __init__(self, input_size, hidden_size):
            self.input_size, self.hidden_size = input_size, hidden_size
            self.weight_ih = nn.Parameter(tl.zeros(hidden_size, input_size))
            self.bias = nn.Parameter(tl.zeros(hidden_size))
            self.reset_parameters()

        def forward(self, x, state=None):
            x, s = self.given(x, state)
            s = (s + tl.linear(x, self.weight_ih, self.bias)) / 2
            return s, s

    model = nn.Bidirectional(nn.Deep(Decay(I, H), 2))
    assert [p.shape for p in model.parameters()] == [(H, I), (H,), (H, H), (H,)] * 2
    assert "(layers.1): Decay(4, 4)" in repr(model)
    assert model(tl.randn(T, B, I))[0].shape == (T, B, 2 * H)


# -- errors ----------------------------------------------------------------------------------------------------------

REFUSED = [
    (lambda: nn.LSTMCell(0, 3), r"LSTMCell: input_size must be an integer, 1 or more, got 0"),
    (lambda: nn.RNNCell(2, 3, nonlinearity="selu"), r"nonlinearity must be 'tanh' or 'relu', got 'selu'"),
    (lambda: nn.SkipCell(2, 3, delays=()), r"SkipCell: delays must be different numbers of steps, got \(\)"),
    (lambda: nn.SkipCell(2, 3, delays=(1, 1)), r"SkipCell: delays must be different"),
    (lambda: nn.SkipCell(2, 3, delays=(0, 1)), r"SkipCell: delay 0 must be an integer, 1 or more"),
    (lambda: nn.Zoneout(nn.GRUCell(2, 3), 1.5), r"Zoneout: p must be a probability, 0 to 1, got 1\.5"),
    (lambda: nn.Deep(nn.GRUCell(2, 3), 0), r"Deep: n must be an integer, 1 or more, got 0"),
    (lambda: nn.ElmanCell(2, 3, 0), r"ElmanCell: output_size must be an integer"),
    (lambda: nn.Zoneout(nn.GRUCell(2, 3), (0.1, 0.2))(tl.zeros(1, 2)), r"Zoneout: p must be a number or one for each of 1 states"),
    (lambda: nn.Deep(nn.GRUCell(2, 3), 2)(tl.zeros(1, 2), (tl.zeros(1, 3),)),
     r"Deep: state must have a state for each of the 2 cells"),
    (lambda: nn.LSTMCell(2, 3)(tl.zeros(1, 2), (tl.zeros(1, 3), tl.zeros(2, 3))),
     r"lstm_step: c is \(2, 3\), expected \(1, 3\) for x \(1, 2\)"),
    (lambda: nn.GRUCell(2, 3)(tl.zeros(2), tl.zeros(1, 3)), r"gru_step: h is \(1, 3\), expected \(3,\) for x \(2,\)"),
    (lambda: nn.LeakyCell(2, 3, 2)(tl.zeros(4, 2), tl.zeros(4, 4)), r"leaky_step: h is \(4, 4\), expected \(4, 3\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "text"), REFUSED, ids=[c[1][:50] for c in REFUSED])
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_errors_name_the_module():
    model = nn.FinalOutput(nn.Deep(nn.GRUCell(I, H), 2), nn.Linear(H, 1))
    with pytest.raises(ValueError, match=r"^gru_step in t=0\.cell\.layers\.1: h is \(3, 5\), expected \(3, 4\)"):
        model(tl.zeros(T, B, I), (tl.zeros(B, H), tl.zeros(B, 5)))


@EACH
def test_a_cell_has_one_dtype(kind):
    for dtype in (np.float32, np.float64):
        cell = CELLS[kind]() if dtype == np.float32 else made(kind)
        assert {v.dtype for v in (*cell.parameters(), *cell.buffers())} == {np.dtype(dtype)}
        outputs, _ = nn.unroll(cell, tl.zeros(T, B, I, dtype=dtype))
        assert {v.dtype for v in flat(outputs)} == {np.dtype(dtype)}

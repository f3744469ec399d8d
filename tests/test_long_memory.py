"""Made sequences that ask for a long memory, and what learns them."""

import math

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.data.sequences import adding_problem, copy_memory, latching, wave
from tinygrad_lite.zoo import sequences

RNG = np.random.default_rng(0)


def train(model, optimizer, loss, batch, steps, clip=math.inf):
    """The losses of ``steps`` on fresh batches, with gradients of a norm of at most ``clip``."""
    losses = []
    for _ in range(steps):
        x, target = batch()
        optimizer.zero_grad()
        value = loss(model(tl.Tensor(x)), tl.Tensor(target))
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(value.item())
    return losses


# -- the data ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [2, 7, 100])
def test_the_adding_problem(steps):
    x, target = adding_problem(400, steps, RNG)
    assert x.shape == (steps, 400, 2) and target.shape == (400, 1) and x.dtype == target.dtype == np.float32
    numbers, marks = x[..., 0], x[..., 1]
    assert set(np.unique(marks)) <= {0, 1} and (marks[: steps // 2].sum(0) == 1).all() and (marks[steps // 2 :].sum(0) == 1).all()
    np.testing.assert_allclose((numbers * marks).sum(0), target[:, 0], rtol=1e-6)
    assert np.mean((target - 1) ** 2) == pytest.approx(1 / 6, abs=0.03)


def test_copying():
    given, target = copy_memory(5, 4, symbols=3, length=2, rng=RNG)
    assert given.shape == target.shape == (8, 5) and set(np.unique(given[:2])) <= {1, 2, 3}
    np.testing.assert_array_equal(target[-2:], given[:2])
    np.testing.assert_array_equal(given[2:], np.array([0, 0, 0, 4, 0, 0])[:, None] * np.ones((1, 5), int))
    assert not target[:-2].any()


def test_latching_and_the_wave():
    x, label = latching(1000, 6, 0.2, RNG)
    np.testing.assert_array_equal(x[0, :, 0], 2 * label - 1)
    assert x[1:].std() == pytest.approx(0.2, rel=0.05) and abs(x[1:].mean()) < 0.01 and 0.4 < label.mean() < 0.6
    assert wave().shape == (320, 1) and np.abs(wave()).max() == 1 and wave().dtype == np.float32


def test_bad_sizes_of_sequences():
    for match, call in [
        ("2 steps or more, got 1", lambda: adding_problem(3, 1)),
        ("got delay 0, length 10 and symbols 8", lambda: copy_memory(3, 0)),
        ("there must be a step, got 0", lambda: latching(3, 0)),
        ("limit must be positive, got 0", lambda: sequences.clip_between_steps(0)),
    ]:
        with pytest.raises(ValueError, match=match):
            call()


# -- the forms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_one_answer_is_the_last_of_many(kind):
    layer = sequences.recurrent(kind, 3, 4).double()
    one, many = sequences.ManyToOne(layer, 2).double(), sequences.ManyToMany(layer, 2).double()
    many.load_state_dict(one.state_dict())
    x, lengths = tl.Tensor(RNG.standard_normal((6, 3, 3))), np.array([6, 2, 4])
    answers = many(x, lengths).data
    np.testing.assert_allclose(one(x, lengths).data, answers[lengths - 1, np.arange(3)], rtol=1e-12)
    np.testing.assert_allclose(one(x).data, many(x).data[-1], rtol=1e-12)


def test_memory_is_the_bias_of_the_gate_that_keeps():
    for kind in ("LSTM", "GRU"):
        tl.manual_seed(0)
        plain = sequences.recurrent(kind, 3, 4).state_dict()
        tl.manual_seed(0)
        more = sequences.recurrent(kind, 3, 4, memory=2.0).state_dict()
        moved = {name: more[name] - plain[name] for name in plain}
        np.testing.assert_allclose(moved.pop("bias_hh_l0")[4:8], 2, rtol=1e-6)
        assert not any(m.any() for m in moved.values())


def test_a_clipped_gradient_keeps_its_direction():
    x = tl.Tensor(np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]]), requires_grad=True)
    y = x * 1.0
    y.register_hook(sequences.clip_between_steps(1.0))
    (y * x.data).sum().backward()
    np.testing.assert_allclose(x.grad.data, [[0.6, 0.8], [0.3, 0.4], [0, 0]], rtol=1e-12)


# -- who learns them -------------------------------------------------------------------------------------------------------


LATCHES = [  # network, bias of its gate, rate, steps of SGD, lengths: the plain one is trained in the same way
    ("LSTM", 3.0, 0.1, 200, (10, 15, 20)),
    ("GRU", 2.0, 0.3, 500, (15, 20)),
]


@pytest.mark.parametrize(("gated", "memory", "rate", "steps", "lengths"), LATCHES, ids=[case[0] for case in LATCHES])
def test_gradient_descent_teaches_gated_networks_to_latch_over_lengths_where_plain_ones_fail(gated, memory, rate, steps, lengths):
    def right(kind, length, seed):
        tl.manual_seed(seed)
        model = sequences.ManyToOne(sequences.recurrent(kind, 1, 16, memory=memory), 2)
        train(model, optim.SGD(model.parameters(), lr=rate), nn.CrossEntropyLoss(), lambda: latching(32, length), steps)
        x, label = latching(1000, length)
        return (model(tl.Tensor(x)).data.argmax(1) == label).mean()

    for length in lengths:
        plain, with_gates = ([right(kind, length, seed) for seed in range(3)] for kind in ("RNN", gated))
        assert max(plain) < 0.6 < 0.95 < min(with_gates), (length, plain, with_gates)


@pytest.mark.parametrize("radius", [0.9, 1.0, 1.1])
def test_the_unrolled_product_is_the_power_by_the_eigenvalues(radius):
    w = np.random.default_rng(1).standard_normal((12, 12))
    w *= radius / np.abs(np.linalg.eigvals(w)).max()
    values, vectors = np.linalg.eig(w)
    for steps in (1, 10, 200):
        power = ((vectors * values**steps) @ np.linalg.inv(vectors)).real
        start, weight = tl.Tensor(RNG.standard_normal((3, 12)), requires_grad=True), RNG.standard_normal((3, 12))
        h = start
        for _ in range(steps):
            h = h @ w
        (h * weight).sum().backward()
        scale = np.abs(power).max()
        np.testing.assert_allclose(h.data, start.data @ power, rtol=1e-9, atol=1e-9 * scale)
        np.testing.assert_allclose(start.grad.data, weight @ power.T, rtol=1e-9, atol=1e-9 * scale)
    assert np.log(np.linalg.norm(power, 2)) / steps == pytest.approx(np.log(radius), abs=0.02)  # it vanishes or explodes


def gradient_left(run, steps=100):
    """The norm of the gradient of the last output towards the first input, as a share of that towards the last."""
    x = tl.Tensor(np.random.default_rng(0).standard_normal((steps, 8, 8)), requires_grad=True)
    run(x).sum().backward()
    norms = np.linalg.norm(x.grad.data, axis=(1, 2))
    return norms[0] / norms[-1]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_is_left_of_a_gradient_after_a_hundred_steps(seed):
    tl.manual_seed(seed)
    layers = {kind: sequences.recurrent(kind, 8, 32, memory=2.0) for kind in ("RNN", "GRU", "LSTM")}
    layers["leaky"] = nn.LeakyRNN(8, 32, tau=20.0)
    layers["clockwork"] = nn.ClockworkRNN(8, 32, periods=[2**k for k in range(8)])
    left = {name: gradient_left(lambda x, layer=layer: layer.double()(x)[0][-1]) for name, layer in layers.items()}

    def by_steps(cell, limit=None):
        def run(x):
            state = None
            for now in x:
                output, state = cell.step(now, state)
                if limit:
                    state.register_hook(sequences.clip_between_steps(limit))
            return output

        return gradient_left(run)

    left["skips"] = by_steps(nn.SkipCell(8, 32, (1, 10)).double())
    wild = nn.RNNCell(8, 32, nonlinearity="relu").double()
    tl.assign(wild.weight_hh, 2.2 * np.linalg.qr(np.random.default_rng(seed).standard_normal((32, 32)))[0])
    assert left.pop("RNN") < 1e-12 and min(left.values()) > 1e-6, left
    assert by_steps(wild) > 1e6 and 0.1 < by_steps(wild, limit=1.0) < 10


def test_adding_over_a_hundred_steps():
    tl.manual_seed(0)
    model = sequences.ManyToOne(sequences.recurrent("GRU", 2, 64, memory=1.0), 1)
    losses = train(model, optim.Adam(model.parameters(), lr=5e-3), nn.MSELoss(), lambda: adding_problem(50, 100), 1000)
    assert np.mean(losses[-50:]) < 0.01 < 0.1 < losses[0]


def test_a_clockwork_makes_a_wave_that_an_lstm_of_as_many_weights_does_not():
    errors, target = {}, wave()[:, None]
    for kind, hidden, options in [("ClockworkRNN", 27, {"periods": [2**k for k in range(9)]}), ("LSTM", 10, {})]:
        tl.manual_seed(0)
        model = sequences.ManyToMany(sequences.recurrent(kind, 1, hidden, **options), 1)
        heard = [p for name, p in model.named_parameters() if "bias_hh" not in name]  # a unit has one bias, which is given as two
        assert sum(int((p.data != 0).sum()) for p in heard) == pytest.approx(489, abs=2)
        optimizer = optim.Adam(model.parameters(), lr=1e-2)
        errors[kind] = train(model, optimizer, nn.MSELoss(), lambda: (np.zeros_like(target), target), 1500)[-1]
    assert errors["ClockworkRNN"] < errors["LSTM"] / 4


def copied(kind, hidden, batch, memory, lr, clip=math.inf):
    """Nats for each step of copying over fifty after 2,000 steps, as a share of those of whoever has no memory."""
    tl.manual_seed(0)
    symbols = np.eye(10, dtype=np.float32)
    model = sequences.ManyToMany(sequences.recurrent(kind, 10, hidden, memory=memory), 9)

    def draw():
        given, target = copy_memory(batch, 50)
        return symbols[given], target

    def loss(said, target):
        return nn.functional.cross_entropy(said.reshape(-1, 9), target.reshape(-1))

    losses = train(model, optim.Adam(model.parameters(), lr=lr), loss, draw, 2000, clip)
    print(f"{kind}: {np.mean(losses[-50:]):.4f}, without memory {10 * math.log(8) / 70:.4f}")
    return np.mean(losses[-50:]) / (10 * math.log(8) / 70)


def test_copying_over_fifty_steps():
    assert copied("GRU", 64, 16, 2.0, 1e-2, clip=1.0) < 0.7


@pytest.mark.proof
def test_copying_over_fifty_steps_with_a_long_short_term_memory():
    assert copied("LSTM", 100, 64, 0.0, 5e-3) < 0.98


@pytest.mark.proof
def test_adding_with_a_long_short_term_memory():
    tl.manual_seed(0)
    model = sequences.ManyToOne(sequences.recurrent("LSTM", 2, 64, memory=1.0), 1)
    losses = train(model, optim.Adam(model.parameters(), lr=5e-3), nn.MSELoss(), lambda: adding_problem(50, 100), 3000)
    assert np.mean(losses[-50:]) < 0.01

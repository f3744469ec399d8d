"""Made sequences that ask for a long memory, and what learns them."""

import math

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.data.sequences import adding_problem, copy_memory, latching, wave
from tinygrad_lite.zoo import sequences

RNG = np.random.default_rng(0)


def train(model, optimizer, loss, batch, steps):
    """The losses of ``steps`` on fresh batches."""
    losses = []
    for _ in range(steps):
        x, target = batch()
        optimizer.zero_grad()
        value = loss(model(tl.Tensor(x)), tl.Tensor(target))
        value.backward()
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


def test_plain_networks_do_not_latch_over_twenty_steps_and_gated_ones_do():
    reached = {}
    for kind in ("RNN", "LSTM", "GRU"):
        scores = []
        for seed in range(3):
            tl.manual_seed(seed)
            model = sequences.ManyToOne(sequences.recurrent(kind, 1, 16, memory=4.0), 2)
            train(model, optim.SGD(model.parameters(), lr=0.3), nn.CrossEntropyLoss(), lambda: latching(32, 20), 1000)
            x, label = latching(1000, 20)
            scores.append((model(tl.Tensor(x)).data.argmax(1) == label).mean())
        reached[kind] = np.median(scores)
    assert reached["RNN"] < 0.6 and min(reached["LSTM"], reached["GRU"]) > 0.95, reached


def test_adding_over_a_hundred_steps():
    tl.manual_seed(0)
    model = sequences.ManyToOne(sequences.recurrent("GRU", 2, 64, memory=1.0), 1)
    losses = train(model, optim.Adam(model.parameters(), lr=5e-3), nn.MSELoss(), lambda: adding_problem(50, 100), 1000)
    assert np.mean(losses[-50:]) < 0.01 < 0.1 < losses[0]


def test_a_clockwork_makes_a_wave_that_an_lstm_of_as_many_weights_does_not():
    errors, target = {}, wave()[:, None]
    for kind, hidden, options in [("ClockworkRNN", 24, {"periods": [2**k for k in range(8)]}), ("LSTM", 9, {})]:
        tl.manual_seed(0)
        model = sequences.ManyToMany(sequences.recurrent(kind, 1, hidden, **options), 1)
        assert 400 < sum(int((p.data != 0).sum()) for p in model.parameters()) < 500
        optimizer = optim.Adam(model.parameters(), lr=1e-2)
        errors[kind] = train(model, optimizer, nn.MSELoss(), lambda: (np.zeros_like(target), target), 1500)[-1]
    assert errors["ClockworkRNN"] < errors["LSTM"] / 4


@pytest.mark.proof
@pytest.mark.parametrize(("kind", "share"), [("LSTM", 1.0), ("GRU", 0.8)])
def test_copying_over_fifty_steps(kind, share):
    tl.manual_seed(0)
    symbols = np.eye(10, dtype=np.float32)
    model = sequences.ManyToMany(sequences.recurrent(kind, 10, 100), 9)

    def batch():
        given, target = copy_memory(64, 50)
        return symbols[given], target

    losses = train(model, optim.Adam(model.parameters(), lr=5e-3), lambda y, t: nn.functional.cross_entropy(
        y.reshape(-1, 9), t.reshape(-1)), batch, 2000)  # fmt: skip
    print(f"{kind}: {np.mean(losses[-50:]):.4f}, without memory {10 * math.log(8) / 70:.4f}")
    assert np.mean(losses[-50:]) < share * 10 * math.log(8) / 70


@pytest.mark.proof
def test_adding_with_a_long_short_term_memory():
    tl.manual_seed(0)
    model = sequences.ManyToOne(sequences.recurrent("LSTM", 2, 64, memory=1.0), 1)
    losses = train(model, optim.Adam(model.parameters(), lr=5e-3), nn.MSELoss(), lambda: adding_problem(50, 100), 3000)
    assert np.mean(losses[-50:]) < 0.01

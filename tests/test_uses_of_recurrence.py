"""What recurrent networks are for: films and sequences of any length; the data, and who learns them."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.data.sequences import adding_problem, lamp, parity
from tinygrad_lite.data.shapes import SHAPES, STEPS, mask, moving_shapes
from tinygrad_lite.zoo import VideoCNN, sequences


def train(model, draw, loss, steps, lr=5e-3):
    """``steps`` of Adam on draw(step) -> (arguments of the model, right answers), at a rate that falls from half of them on."""
    optimizer = optim.Adam(model.parameters(), lr=lr)
    for step in range(steps):
        arguments, right = draw(step)
        optimizer.lr = lr * min(1, 2 - 2 * step / steps)
        optimizer.zero_grad()
        loss(model(*arguments), tl.Tensor(right)).backward()
        optimizer.step()
    return model


# -- the data ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", [False, True])
@pytest.mark.parametrize(("side", "size"), [(16, 5), (9, 9), (7, 1)])
def test_films_show_the_shape_where_its_steps_lead(turns, side, size):
    x, shapes, directions = moving_shapes(20, 6, side, size, noise=0.0, turns=turns, rng=np.random.default_rng(0))
    assert x.shape == (6, 20, 1, side, side) and x.dtype == np.float32 and directions.shape == (6, 20)
    if not turns:
        assert (directions == directions[0]).all()
    np.testing.assert_array_equal(directions[0], directions[1])
    for film, shape in enumerate(shapes):
        drawn = np.pad(mask(SHAPES[shape], size), (0, side - size))
        places = [(r, c) for r in range(side) for c in range(side)]
        (at, *_) = [place for place in places if np.array_equal(np.roll(drawn, place, (0, 1)), x[0, film, 0])]
        for t in range(6):
            at = np.array(at) + (STEPS[directions[t, film]] if t else 0)
            np.testing.assert_array_equal(np.roll(drawn, at, (0, 1)), x[t, film, 0])


def test_parity_and_adding_of_different_lengths():
    lengths = np.array([3, 1, 9, 4])
    x, odd = parity(lengths, np.random.default_rng(0))
    assert x.shape == (9, 4, 1) and x.dtype == np.float32
    for b, n in enumerate(lengths):
        assert set(np.unique(x[:n, b])) <= {-1, 1} and not x[n:, b].any() and odd[b] == np.sum(x[:n, b] == 1) % 2
    lengths = np.array([2, 12, 5] * 20)
    x, target = adding_problem(60, lengths, np.random.default_rng(0))
    assert x.shape == (12, 60, 2)
    for b, n in enumerate(lengths):
        first, second = np.flatnonzero(x[:, b, 1])
        assert first < n // 2 <= second < n and target[b, 0] == pytest.approx(x[first, b, 0] + x[second, b, 0])
    for task in (parity, lamp):
        for lengths in ([2, 0], [], 3):
            with pytest.raises(ValueError, match=f"{task.__name__}: lengths must be integers of 1 or more"):
                task(lengths)
    with pytest.raises(ValueError, match="2 steps or more, got 1"):
        adding_problem(2, np.array([5, 1]))


def test_a_lamp_is_as_it_was_switched():
    lengths = np.tile([1, 7, 30, 100], 50)
    x, lit = lamp(lengths, np.random.default_rng(0))
    assert x.shape == (100, 200, 3) and x.dtype == np.float32 and 70 < lit.sum() < 130
    for b, n in enumerate(lengths):
        assert not x[n:, b].any() and x[:n, b].sum(-1).max() == 1 and x[0, b, :2].any()
        state = None
        for on, off, over in x[:n, b]:
            state = True if on else False if off else not state if over else state
        assert state == lit[b]
    shares = x[1:, lengths == 100].mean((0, 1))
    np.testing.assert_allclose(shares, [0.1, 0.1, 0.3], atol=0.02)


# -- who learns them -------------------------------------------------------------------------------------------------------


def network_for_films(form, outputs, **both_ways):
    """A CNN for frames, and ``form`` of an LSTM over them."""
    layers, channels = [], 1
    for maps, size in ((8, 5), (16, 3)):
        layers += [nn.Conv2d(channels, maps, size, padding=size // 2), nn.BatchNorm2d(maps), nn.ReLU(), nn.MaxPool2d(2)]
        channels = maps
    return VideoCNN(nn.Sequential(*layers, nn.Flatten()), form(nn.LSTM(256, 64, **both_ways), outputs))


def labels_right(outputs, labelling, steps, seed=0, **both_ways):
    """Shares of right answers about new films, (frames) or a number, of a network trained on drawn ones."""
    tl.manual_seed(seed)
    model = network_for_films(sequences.ManyToMany if labelling else sequences.ManyToOne, outputs, **both_ways)
    rng = np.random.default_rng(seed)

    def films(n, turns):
        x, shapes, directions = moving_shapes(n, turns=turns, rng=rng)
        return (tl.Tensor(x),), directions if labelling else 4 * shapes + directions[0]

    def loss(said, right):
        return nn.functional.cross_entropy(said.reshape(-1, outputs), right.reshape(-1))

    train(model, lambda step: films(32, labelling and step > steps // 3), loss, steps)
    arguments, right = films(1000, labelling)
    with tl.no_grad():
        return np.mean(model.eval()(*arguments).data.argmax(-1) == right, -1)


def test_a_video_network_takes_time_first_or_second():
    model, x = network_for_films(sequences.ManyToMany, 4).eval(), moving_shapes(3, rng=np.random.default_rng(0))[0]
    first = model(tl.Tensor(x)).data
    model.over_time.layer.batch_first = True
    second = model(tl.Tensor(np.ascontiguousarray(x.swapaxes(0, 1)))).data
    np.testing.assert_allclose(first, second.swapaxes(0, 1), rtol=1e-4, atol=1e-5)


def test_shape_and_direction_of_films():
    assert labels_right(16, False, 600) > 0.95


def test_the_direction_in_each_frame():
    right = labels_right(4, True, 500, bidirectional=True)
    assert right.mean() > 0.94 and right[0] > 0.65


@pytest.mark.proof
def test_read_forwards_the_first_frame_is_a_guess_and_the_others_are_not():
    for seed in range(3):
        assert labels_right(16, False, 800, seed) > 0.95
        forwards, both = labels_right(4, True, 800, seed), labels_right(4, True, 800, seed, bidirectional=True)
        print(forwards, both)
        assert abs(forwards[0] - 0.25) < 0.06 and forwards[1:].min() > 0.97 and both.mean() > 0.95 and both[0] > 0.8


def of_any_length(task, loss, features, outputs, shortest, longest):
    """A network trained on ``task`` (lengths, rng) for lengths from ``shortest`` to ``longest``."""
    tl.manual_seed(0)
    model, rng = sequences.ManyToOne(sequences.recurrent("GRU", features, 32, memory=1.0), outputs), np.random.default_rng(0)

    def draw(_):
        lengths = rng.integers(shortest, longest + 1, 64)
        x, right = task(lengths, rng)
        return (tl.Tensor(x), lengths), right

    return train(model, draw, loss, 1000)


@pytest.mark.parametrize(("shortest", "longest"), [(1, 10), (40, 60)])
def test_a_lamp_learned_from_short_sequences_or_from_long_ones_holds_for_all(shortest, longest):
    model, rng = of_any_length(lamp, nn.functional.cross_entropy, 3, 2, shortest, longest), np.random.default_rng(1)
    for n in (2, 5, 15, 35, 80, 300):
        x, lit = lamp(np.full(1000, n), rng)
        set_at = x[..., 0] - x[..., 1]
        last = n - 1 - np.argmax(set_at[::-1] != 0, 0)
        without_over = np.mean((set_at[last, np.arange(1000)] > 0) == lit)  # who knows the last "on" or "off" only
        right = np.mean(model(tl.Tensor(x)).data.argmax(1) == lit)
        assert right > 0.99 > 0.75 > without_over, f"{n}: {right}, {without_over}"


def test_parity_learned_on_ten_bits_holds_for_three_hundred():
    model, rng = of_any_length(parity, nn.functional.cross_entropy, 1, 2, 1, 10), np.random.default_rng(1)
    lengths = rng.integers(1, 301, 1000)  # short and long in one batch
    x, odd = parity(lengths, rng)
    assert np.mean(model(tl.Tensor(x), lengths).data.argmax(1) == odd) > 0.98


@pytest.mark.parametrize(("shortest", "longest", "others"), [(2, 20, [(21, 40)]), (40, 60, [(2, 39), (61, 100)])])
def test_adding_holds_beyond_the_lengths_it_was_learned_on(shortest, longest, others):
    def task(lengths, rng):
        return adding_problem(len(lengths), lengths, rng)

    model, rng = of_any_length(task, nn.functional.mse_loss, 2, 1, shortest, longest), np.random.default_rng(1)
    for first, last in others:
        lengths = rng.integers(first, last + 1, 1000)
        x, target = task(lengths, rng)
        error = np.mean((model(tl.Tensor(x), lengths).data - target) ** 2)
        assert error < 0.2 / 6, f"{first} to {last}: {error}"  # a fifth of the error of whoever guesses

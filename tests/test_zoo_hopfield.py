"""Hopfield's network: its energy, how it settles, what it recalls, and where it fails."""

import itertools

import numpy as np
import pytest
from scipy import ndimage

import tinygrad_lite as tl
from tinygrad_lite import zoo


def patterns(p, k, seed=0):
    return np.random.default_rng(seed).choice([-1.0, 1.0], (p, k))


def noisy(x, share, seed=0):
    """Each element is turned with probability ``share``."""
    return x * np.where(np.random.default_rng(seed).random(x.shape) < share, -1, 1)


def overlap(model, probes, x):
    return float(model.overlap(model.predict(probes), x).mean())


@pytest.fixture(autouse=True)
def seed():
    tl.manual_seed(0)


# -- weights and energy ------------------------------------------------------------------------------------------


def test_the_weights_of_each_rule_and_the_named_self_connections():
    x = patterns(3, 10)
    w = sum(np.outer(row, row) for row in x) / 10
    rule, one, zero = (zoo.Hopfield(self_connections=kind).fit(x).weight_.data for kind in ("rule", "one", "zero"))
    np.testing.assert_allclose(rule, w, atol=1e-15)
    np.testing.assert_allclose(np.diag(rule), 3 / 10)  # p / k
    for fixed, value in [(one, 1), (zero, 0)]:
        np.testing.assert_allclose(fixed, w - np.diag(np.diag(w)) + value * np.eye(10), atol=1e-15)
    projection = zoo.Hopfield("pseudo-inverse").fit(x).weight_.data
    np.testing.assert_allclose(projection, np.linalg.pinv(x) @ x, atol=1e-12)
    assert (projection == projection.T).all() and np.trace(projection) == pytest.approx(3)
    assert zoo.Hopfield().fit(x).patterns_.tolist() == x.tolist()


def test_the_energy_is_its_definition():
    model, s = zoo.Hopfield().fit(patterns(3, 7)), patterns(5, 7, 1)
    w = model.weight_.data
    by_hand = [-0.5 * sum(w[i, j] * row[i] * row[j] for i in range(7) for j in range(7)) for row in s]
    np.testing.assert_allclose(model.energy(s), by_hand, atol=1e-12)


def run_by_hand(w, s, order):
    """Asynchronous updates as written, until a sweep changes nothing: the state, and the energy after each sweep."""
    s, energies = s.copy(), [-0.5 * s @ w @ s]
    while True:
        before = s.copy()
        for i in order:
            h = w[i] @ s
            if abs(h) > 1e-9:
                s[i] = np.sign(h)
        energies.append(-0.5 * s @ w @ s)
        if (s == before).all():
            return s, energies


@pytest.mark.parametrize("kind", ["rule", "one", "zero"])
@pytest.mark.parametrize("rule", ["hebb", "pseudo-inverse"])
@pytest.mark.parametrize("p", [2, 9, 30])
def test_asynchronous_updates_are_those_written(rule, kind, p):
    """Also where fields are 0: with few patterns of even number there are many such."""
    x, probes = patterns(p, 24), patterns(40, 24, 1)
    for order in ("given", np.random.default_rng(2).permutation(24)):
        model = zoo.Hopfield(rule, kind, order=order).fit(x)
        found = model.recall(probes)
        for i, probe in enumerate(probes):
            state, energies = run_by_hand(model.weight_.data, probe, np.arange(24) if isinstance(order, str) else order)
            assert found.states[i].tolist() == state.tolist()
            np.testing.assert_allclose(found.energies.data[: len(energies), i], energies, atol=1e-9)
            assert found.sweeps[i].item() == len(energies) - 2


@pytest.mark.parametrize("kind", ["rule", "one", "zero"])
@pytest.mark.parametrize(("p", "k"), [(1, 1), (5, 100), (40, 100), (300, 100)])
def test_the_energy_never_rises_and_the_state_settles(p, k, kind):
    model = zoo.Hopfield(self_connections=kind).fit(patterns(p, k))
    found = model.recall(patterns(200, k, 1))
    assert (np.diff(found.energies.data, axis=0) <= 1e-9).all() and found.settled.data.all()
    fields = found.states.data @ model.weight_.data
    assert (found.states.data * fields >= -1e-9).all()  # every unit agrees with its field
    np.testing.assert_allclose(found.energies[-1], model.energy(found.states), atol=1e-9)
    again = model.recall(found.states)
    assert (again.states.data == found.states.data).all() and (again.sweeps.data == 0).all()


def test_all_states_of_a_small_network():
    """From each of its 2**8 states it falls into a local minimum of the energy: no single flip lowers it."""
    model = zoo.Hopfield(self_connections="zero").fit(patterns(2, 8))
    states = np.array(list(itertools.product([-1, 1], repeat=8)))
    end = model.predict(states).data
    for i in range(8):
        turned = end.copy()
        turned[:, i] *= -1
        assert (model.energy(turned).data >= model.energy(end).data - 1e-12).all()
    assert {tuple(s) for s in model.patterns_.data} <= {tuple(s) for s in end}


CAUSE = "the weights must be symmetric, without negative self-connections$"
UPPER = np.triu(np.ones((4, 4)), 1)
RISING = [
    (np.array([[-1.0, 0.5], [0.5, -1.0]]), r"^Hopfield.recall: the energy rose by 1 with one flip: "),
    (UPPER - UPPER.T + 0.5 * np.triu(np.ones((4, 4)), 2), r"^Hopfield.recall: the energy rose by [\d.]+ in a sweep: "),
    (np.array([[0.0, 1.0], [-1.0, 0.0]]), r"^Hopfield.recall: 1 states did not settle in 10000 sweeps: "),
]


@pytest.mark.parametrize(("weight", "text"), RISING, ids=["negative self-connections", "not symmetric", "antisymmetric"])
def test_a_rising_energy_stops_it(weight, text):
    """Weights that fit never makes."""
    model = zoo.Hopfield(order="given").fit(patterns(1, len(weight)))
    model.weight_ = tl.Tensor(weight)
    with pytest.raises(RuntimeError, match=text + CAUSE):
        for probe in itertools.product([-1, 1], repeat=len(weight)):
            model.recall([probe])


def test_synchronous_updates_may_end_in_a_cycle_of_two():
    x = np.array([[1.0, 1.0]])
    model = zoo.Hopfield(updates="synchronous", self_connections="zero").fit(x)
    found = model.recall([[1.0, -1.0], [1.0, 1.0]])
    assert found.settled.tolist() == [False, True] and len(found.energies) == 3
    for sweeps in range(4):
        states = model.recall([[1.0, -1.0]], sweeps).states.tolist()
        assert states == ([[1, -1]] if sweeps % 2 == 0 else [[-1, 1]])
    assert zoo.Hopfield(self_connections="zero").fit(x).recall([[1.0, -1.0]]).settled.tolist() == [True]


def test_synchronous_updates_are_those_written():
    model = zoo.Hopfield(updates="synchronous").fit(patterns(8, 30))
    probes = patterns(20, 30, 1)
    state = probes
    for sweeps in range(1, 4):
        state = np.where(np.abs(h := state @ model.weight_.data) > 1e-9, np.sign(h), state)
        found = model.recall(probes, sweeps)
        running = ~found.settled.data
        assert (found.states.data[running] == state[running]).all() and (model.recall(state, 1).states.shape == state.shape)
    assert (model.recall(probes).states.data[found.settled.data] == found.states.data[found.settled.data]).all()


def test_so_many_sweeps():
    model = zoo.Hopfield(order="given", self_connections="zero").fit(patterns(20, 100))
    probes = patterns(10, 100, 1)
    whole = model.recall(probes)
    assert whole.energies.shape[0] > 3
    for sweeps in (0, 1, 2):
        part = model.recall(probes, sweeps)
        assert part.energies.shape == (sweeps + 1, 10)
        np.testing.assert_array_equal(part.energies, whole.energies.data[: sweeps + 1])
    assert model.recall(probes, 0).states.tolist() == probes.tolist()


def test_a_random_order_follows_the_seed_and_serves_each_probe_alike():
    model, probes = zoo.Hopfield().fit(patterns(30, 100)), patterns(20, 100, 1)
    ends = []
    for seed in (1, 1, 2):
        tl.manual_seed(seed)
        ends.append(model.predict(probes).data)
    assert (ends[0] == ends[1]).all() and (ends[0] != ends[2]).any()
    tl.manual_seed(1)
    assert (model.predict(probes[:1]).data == ends[0][:1]).all()


# -- memory ------------------------------------------------------------------------------------------------------


def test_noisy_patterns_are_recalled():
    x = patterns(10, 200)
    model = zoo.Hopfield().fit(x)
    for share in (0.1, 0.25):
        assert model.score(noisy(x, share), x) == 1
    assert model.score(-x, -x) == 1  # the negatives are memories too


def load_curve(k, loads, kind="zero", seed=0):
    """Mean overlap of the states that the network goes to from (at most 150 of) its own patterns."""
    curve = []
    for load in loads:
        x = patterns(round(load * k), k, seed)
        curve.append(overlap(zoo.Hopfield(self_connections=kind).fit(x), x[:150], x[:150]))
    return curve


def test_the_memory_collapses_near_a_load_of_0_138():
    """Amit, Gutfreund and Sompolinsky (1985): the overlap is still 0.97 at 0.138 k patterns and falls to 0.35 beyond; at k = 500
    the fall is spread over some hundredths."""
    curve = np.mean([load_curve(500, (0.05, 0.11, 0.2, 0.3), seed=s) for s in range(3)], 0)
    assert curve[0] > 0.9999 and curve[1] > 0.99
    assert curve[2] < 0.65 and 0.3 < curve[3] < 0.4


@pytest.mark.proof
def test_the_collapse_is_sharper_in_a_large_network():
    """From k = 500 to 4,000 the overlap below 0.138 stays and above it falls, towards a step there."""
    below, at, above = zip(*[np.mean([load_curve(k, (0.125, 0.145, 0.165), seed=s) for s in range(2)], 0) for k in (500, 4000)])
    assert min(below) > 0.975
    assert above[0] > 0.75 and above[1] < 0.45
    assert at[1] < at[0] - 0.05


def test_self_connections_hold_the_state():
    """With w_ii = p/k or 1 a stored state stays beyond the collapse, but noise stays too: nothing is recalled."""
    free, held, fixed = (load_curve(500, (0.3,), kind)[0] for kind in ("zero", "rule", "one"))
    assert free < 0.4 and 0.9 < held < 0.98 and fixed > 0.999
    x = patterns(25, 500)
    probes = noisy(x, 0.2)
    kinds = [overlap(zoo.Hopfield(self_connections=kind).fit(x), probes, x) for kind in ("zero", "rule", "one")]
    assert kinds[0] > 0.999 and kinds[1] > 0.999 and kinds[2] < 0.8


def correlated(p, k, bias, seed=0):
    """Patterns of which each element is 1 with probability (1 + bias) / 2."""
    return np.where(np.random.default_rng(seed).random((p, k)) < (1 + bias) / 2, 1.0, -1.0)


@pytest.mark.parametrize("bias", [0.5, 0.8])
def test_correlated_patterns_fail_by_hebb_and_not_by_the_pseudo_inverse(bias):
    x = correlated(10, 200, bias)
    start = noisy(x, 0.05)
    hebb, inverse = (zoo.Hopfield(rule, "zero").fit(x) for rule in ("hebb", "pseudo-inverse"))
    assert hebb.score(start, x) == 0 and inverse.score(start, x) == 1
    ends = hebb.predict(start).data
    assert len(np.unique(ends, axis=0)) == 1  # all run into one state: what most patterns share
    assert zoo.Hopfield("hebb", "zero").fit(correlated(10, 200, 0)).score(correlated(10, 200, 0), correlated(10, 200, 0)) == 1


def test_the_pseudo_inverse_stores_more():
    x = patterns(100, 400)
    start = noisy(x, 0.05)
    assert zoo.Hopfield("pseudo-inverse").fit(x).score(start, x) > 0.97
    assert zoo.Hopfield("hebb", "zero").fit(x).score(start, x) == 0
    assert zoo.Hopfield("pseudo-inverse").fit(x).energy(x).data == pytest.approx(-200)  # w x = x: the lowest there is


@pytest.fixture(scope="module")
def digits():
    """A real digit of each class, of -1 and 1."""
    pytest.importorskip("sklearn")
    (images, labels), _ = tl.data.load_digits()
    return np.where(images[[np.flatnonzero(labels == c)[0] for c in range(10)]] > 0.5, 1.0, -1.0)


def test_noisy_real_digits(digits):
    """Three digits that hardly overlap are recalled by Hebb's rule; all ten, which do, only by the pseudo-inverse."""
    apart = min(itertools.combinations(range(10), 3), key=lambda c: np.abs(np.corrcoef(digits[list(c)]) - np.eye(3)).max())
    few = np.repeat(digits[list(apart)], 100, 0)
    assert overlap(zoo.Hopfield().fit(digits[list(apart)]), noisy(few, 0.15), few) > 0.95
    all_ten = np.repeat(digits, 50, 0)
    by_hebb, by_inverse = (zoo.Hopfield(rule, "zero").fit(digits) for rule in ("hebb", "pseudo-inverse"))
    assert by_inverse.score(noisy(all_ten, 0.1), all_ten) > 0.95
    assert by_hebb.score(noisy(all_ten, 0.1), all_ten) == 0
    assert overlap(by_hebb, noisy(all_ten, 0.1), all_ten) < 0.7


def moved(images):
    """The images shifted by a pixel, turned by a quarter, and made smaller."""
    grid = images.reshape(-1, 8, 8)
    smaller = -np.ones_like(grid)
    smaller[:, 1:7, 1:7] = np.where(ndimage.zoom(grid, (1, 0.75, 0.75), order=1) > 0, 1, -1)
    return {"shifted": np.roll(grid, 1, 2), "rotated": np.rot90(grid, axes=(1, 2)), "scaled": smaller}


def test_shifted_rotated_and_scaled_images_are_not_recalled(digits):
    """Noise that changes as many pixels is no hindrance: the network knows nothing of neighbours."""
    model = zoo.Hopfield("pseudo-inverse", "zero").fit(digits)
    for name, images in moved(digits).items():
        probes = images.reshape(10, 64)
        assert model.score(probes, digits) <= 0.3, name
    shifted = moved(digits)["shifted"].reshape(10, 64)
    changed = np.mean(shifted != digits)
    noise = np.repeat(digits, 50, 0)
    assert model.score(noisy(noise, changed), noise) > model.score(shifted, digits) + 0.3


ERRORS = [
    (lambda: zoo.Hopfield().fit([[0, 1], [1, 1]]), r"^Hopfield.fit: X must hold -1 and 1 only, example 0 has 0; .* 2 \* X - 1$"),
    (lambda: zoo.Hopfield().fit([[0.0, 0.0]]), r"X must hold -1 and 1 only, example 0 has 0.0"),
    (lambda: zoo.Hopfield().fit([[1, 2], [1, 1]]), "X must hold -1 and 1 only, example 0 has 2$"),
    (lambda: zoo.Hopfield().fit(patterns(2, 4)).predict(np.zeros((1, 4))), "^Hopfield.recall: X must hold -1 and 1 only"),
    (lambda: zoo.Hopfield().fit(patterns(2, 4)).energy(np.ones((1, 5))), "^Hopfield.energy: X has 5 features, expected 4"),
    (
        lambda: zoo.Hopfield().overlap(np.ones((1, 5)), np.ones((2, 5))),
        "^Hopfield.overlap: X has 1 examples, Y has 2: they must",
    ),
    (
        lambda: zoo.Hopfield(updates="parallel").fit(patterns(2, 4)).predict(patterns(1, 4)),
        "updates must be 'asynchronous' or",
    ),
    (lambda: zoo.Hopfield(order="any").fit(patterns(2, 4)).predict(patterns(1, 4)), "order must be 'random' or 'given', got 'any'"),
    (lambda: zoo.Hopfield(order=[0, 1, 1, 3]).fit(patterns(2, 4)).predict(patterns(1, 4)), "or the numbers 0 to 3 in some order"),
    (lambda: zoo.Hopfield().fit(patterns(2, 4)).recall(patterns(1, 4), -1), "sweeps must be None or an integer from 0 on, got -1"),
]


@pytest.mark.parametrize(("call", "text"), ERRORS, ids=[e[1][:50] for e in ERRORS])
def test_bad_input_gets_a_clear_error(call, text):
    with pytest.raises(ValueError, match=text):
        call()

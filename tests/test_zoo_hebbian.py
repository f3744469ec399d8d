"""Hebb's rule grows without bound, Oja's comes to the first principal component: against NumPy's eigenvectors and plain loops."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import zoo

pytestmark = pytest.mark.filterwarnings("error")


def cloud(n=2000, k=5, seed=0):
    """Centred examples with standard deviations 2, 1, 1/2, ... along turned axes."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.standard_normal((k, k)))[0]
    x = rng.standard_normal((n, k)) * 2.0 ** -np.arange(-1, k - 1) @ axes.T
    return x - x.mean(0)


def first_eigenvector(x):
    return np.linalg.eigh(x.T @ x / len(x))[1][:, -1]


def cosine(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return abs(a @ b) / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.mark.parametrize("k", [2, 5, 20])
@pytest.mark.parametrize("seed", range(3))
def test_ojas_weight_is_the_first_principal_component(k, seed):
    x = cloud(k=k, seed=seed)
    tl.manual_seed(seed)
    model = zoo.Hebbian("oja", epsilon=1e-4, epochs=200).fit(x)
    assert cosine(model.weight_, first_eigenvector(x)) > 0.9995  # the last examples leave an angle² near ε: 1 - cos near 5e-5
    assert np.linalg.norm(model.weight_) == pytest.approx(1, abs=5e-3)


def test_the_smaller_epsilon_the_nearer_the_component():
    x = cloud()
    start = first_eigenvector(x) + 0.3
    angles = [
        np.arccos(min(1, cosine(zoo.Hebbian("oja", eps, epochs, start).fit(x).weight_, first_eigenvector(x))))
        for eps, epochs in [(1e-2, 10), (1e-3, 100), (1e-4, 1000)]
    ]
    assert angles[0] > 3 * angles[1] > 9 * angles[2]


def test_it_is_the_component_of_real_digits():
    pytest.importorskip("sklearn")
    (x, _), _ = tl.data.load_digits()
    x = x - x.mean(0)
    tl.manual_seed(0)
    model = zoo.Hebbian("oja", epsilon=2e-3, epochs=50).fit(x)
    values, vectors = np.linalg.eigh((x.T @ x / len(x)).astype(float))
    assert cosine(model.weight_, vectors[:, -1]) > 0.998
    assert model.score(x) == pytest.approx(values[-1] / values.sum(), rel=2e-3)


def test_hebbs_weight_grows_without_bound_towards_the_same_direction():
    """By the factor (1 + ε λ)**n, with λ the largest eigenvalue, if ε is small; and at last it overflows, which is told."""
    x = cloud(n=500)
    tl.manual_seed(0)
    epsilon = 1e-4
    model = zoo.Hebbian("hebb", epsilon, epochs=200).fit(x)
    norms = model.norms_.data
    assert (np.diff(norms) > 0).all() and norms[-1] > 1e10
    growth = (norms[-1] / norms[-51]) ** (1 / 50 / len(x))
    assert np.log(growth) == pytest.approx(epsilon * np.linalg.eigvalsh(x.T @ x / len(x))[-1], rel=1e-2)
    assert cosine(model.weight_, first_eigenvector(x)) > 0.9999
    with pytest.raises(
        OverflowError, match=r"^Hebbian: the weight overflowed in epoch \d+: Hebb's rule lets it grow without bound"
    ):
        zoo.Hebbian("hebb", 1.0, 100).fit(x)


def test_without_centring_it_is_the_eigenvector_of_the_correlations():
    x = cloud() + 3 * np.eye(5)[0]
    tl.manual_seed(1)
    model = zoo.Hebbian("oja", 1e-4, 200).fit(x)
    assert cosine(model.weight_, first_eigenvector(x)) > 0.9995
    assert cosine(model.weight_, first_eigenvector(x - x.mean(0))) < 0.99


@pytest.mark.parametrize("rule", ["hebb", "oja"])
def test_each_step_is_the_rule(rule):
    x = cloud(n=30)
    start = np.array([0.3, -0.2, 0.1, 0.5, 0.2])
    w, norms = start.copy(), [np.linalg.norm(start)]
    for _ in range(3):
        for row in x:
            y = w @ row
            w += 0.01 * y * (row if rule == "hebb" else row - y * w)
        norms.append(np.linalg.norm(w))
    model = zoo.Hebbian(rule, 0.01, 3, start).fit(x)
    np.testing.assert_allclose(model.weight_, w, rtol=1e-11)
    np.testing.assert_allclose(model.norms_, norms, rtol=1e-11)
    np.testing.assert_allclose(model.predict(x), x @ w, rtol=1e-10)
    parts = zoo.Hebbian(rule, 0.01, initial=start)
    for _ in range(3):
        parts.partial_fit(x[:11]).partial_fit(x[11:])
    np.testing.assert_allclose(parts.weight_, w, rtol=1e-11)
    assert parts.norms_.shape == (2,) and start.tolist() == [0.3, -0.2, 0.1, 0.5, 0.2]


def test_the_score_is_the_share_of_the_variance():
    x = cloud()
    values = np.linalg.eigvalsh(x.T @ x)
    best = zoo.Hebbian(initial=first_eigenvector(x), epsilon=1e-12, epochs=1).fit(x).score(x)
    assert best == pytest.approx(values[-1] / values.sum(), rel=1e-6)


def test_random_initial_weights_have_length_one_and_follow_the_seed():
    drawn = []
    for seed in (0, 0, 1):
        tl.manual_seed(seed)
        model = zoo.Hebbian(epochs=1).fit(cloud(n=10))
        assert model.norms_[0].item() == pytest.approx(1)
        drawn.append(model.weight_.tolist())
    assert drawn[0] == drawn[1] != drawn[2]


def test_bad_input_gets_a_clear_error():
    with pytest.raises(ValueError, match=r"^Hebbian.fit: all examples are zero vectors, from which nothing is learned"):
        zoo.Hebbian().fit(np.zeros((3, 2)))
    with pytest.raises(
        OverflowError, match=r"overflowed in epoch 1: epsilon is too large; epsilon times \|x\|\*\*2 must be well below 1"
    ):
        zoo.Hebbian("oja", epsilon=10.0).fit(cloud())
    model = zoo.Hebbian().fit(cloud())
    with pytest.raises(ValueError, match=r"^Hebbian.partial_fit: X has 2 features, expected 5"):
        model.partial_fit(np.ones((3, 2)))

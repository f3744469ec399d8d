"""The perceptron: its rule step by step, Novikoff's bound, the theorem of the lectures, all ten classes of real digits."""

import warnings

import numpy as np
import pytest
from scipy.optimize import nnls

import tinygrad_lite as tl
from tinygrad_lite import zoo


def extended(x):
    return np.c_[-np.ones(len(x)), x]


def separable(n, k, seed, gap=0.05):
    """Examples on both sides of a random plane, at least ``gap`` away from it, and their classes."""
    rng = np.random.default_rng(seed)
    normal, x = rng.standard_normal(k), rng.uniform(-1, 1, (40 * n, k))
    normal /= np.linalg.norm(normal)
    fields = x @ normal - rng.uniform(-0.3, 0.3)
    keep = np.flatnonzero(np.abs(fields) > gap)[:n]
    assert len(keep) == n and len(set(fields[keep] > 0)) == 2
    return x[keep], (fields[keep] > 0).astype(int)


def margin(z):
    """max over |w| = 1 of the smallest w·z: the distance of the convex hull of the rows of z from 0 (Lagrange duality)."""
    heavy = 1e4  # the weights of the mixture add up to 1 as far as this row enforces it
    shares = nnls(np.r_[z.T, heavy * np.ones((1, len(z)))], np.r_[np.zeros(z.shape[1]), heavy], maxiter=100 * len(z))[0]
    w = (shares / shares.sum()) @ z
    return (z @ w).min() / np.linalg.norm(w)  # of this w, which is at most the largest


def reference(x, t, w, rates, epochs):
    """Rosenblatt's rule as it is written; the weights, and the mistakes of each epoch."""
    w, mistakes = np.array(w, float), []
    for _ in range(epochs):
        wrong = np.zeros(len(w), int)
        for i, row in enumerate(extended(x)):
            for r in range(len(w)):
                y = float(w[r] @ row >= 0)
                w[r] += rates[i] * (t[r][i] - y) * row
                wrong[r] += y != t[r][i]
        mistakes.append(wrong)
        if not wrong.any():
            break
    return w, np.array(mistakes)


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("epsilon", [1.0, 0.3, "1/norm"])
@pytest.mark.filterwarnings("ignore:Perceptron.fit")
def test_each_step_is_the_rule(classes, epsilon):
    rng = np.random.default_rng(classes)
    x, y = rng.standard_normal((60, 4)), rng.integers(0, classes, 60)
    t = [y == 1] if classes == 2 else [y == c for c in range(classes)]
    start = rng.standard_normal((len(t), 5))
    rates = 1 / np.linalg.norm(extended(x), axis=1) if epsilon == "1/norm" else np.full(60, epsilon)
    w, mistakes = reference(x, t, start, rates, 7)
    model = zoo.Perceptron(epsilon, epochs=7, initial=start).fit(x, 10 * y - 7)
    np.testing.assert_allclose(model.weight_, w, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(model.mistakes_, mistakes)
    fields = extended(x) @ w.T
    np.testing.assert_allclose(model.decision_function(x), fields, rtol=1e-8, atol=1e-10)
    answers = fields[:, 0] >= 0 if classes == 2 else fields.argmax(1)
    np.testing.assert_array_equal(model.predict(x), 10 * answers - 7)
    assert model.score(x, 10 * y - 7) == np.mean(answers == y)


@pytest.mark.parametrize("k", [2, 5, 20])
@pytest.mark.parametrize("seed", range(4))
def test_mistakes_stay_below_novikoffs_bound(k, seed):
    """From zero weights with constant epsilon, which only scales them: at most (R/γ)² mistakes."""
    x, y = separable(80, k, seed)
    z = extended(x) * (2 * y - 1)[:, None]
    bound = (np.linalg.norm(z, axis=1).max() / margin(z)) ** 2
    found = [zoo.Perceptron(epsilon, epochs=100_000).fit(x, y) for epsilon in (1.0, 0.25)]
    for model in found:
        assert model.converged_ and model.score(x, y) == 1
        assert 0 < model.mistakes_.sum().item() <= bound
    np.testing.assert_allclose(found[1].weight_, 0.25 * found[0].weight_.data, rtol=1e-9)


def test_novikoffs_bound_is_met_where_the_worst_case_is_known():
    """k unit vectors with alternate classes cost at least one mistake for every second of them."""
    x = np.eye(6)
    y = np.arange(6) % 2
    model = zoo.Perceptron(epochs=10_000).fit(x, y)
    z = extended(x) * (2 * y - 1)[:, None]
    assert 3 <= model.mistakes_.sum().item() <= 2 / margin(z) ** 2
    assert margin(z) == pytest.approx(1 / np.sqrt(6), rel=1e-3)  # w = (0, -1, 1, -1, ...) / sqrt(6)


@pytest.mark.parametrize("size", [0, 1, 30, 1000])
@pytest.mark.parametrize("k", [1, 2, 10])
def test_the_theorem_of_the_lectures(size, k):
    """With ε = 1/|x| it ends from any initial weights w0; after M mistakes M γ - |w0| <= sqrt(|w0|² + M), with γ the margin of
    x/|x|, so M <= (1 + 2 γ |w0|) / γ²."""
    for seed in range(3):
        x, y = separable(50, k, seed)
        start = np.random.default_rng(seed).standard_normal((1, k + 1)) * size
        model = zoo.Perceptron("1/norm", epochs=100_000, initial=start, order="random").fit(x, y)
        assert model.converged_ and model.score(x, y) == 1
        assert model.mistakes_[-1].sum().item() == 0 and model.n_iter_ == len(model.mistakes_)
        z = extended(x) * (2 * y - 1)[:, None]
        gamma = margin(z / np.linalg.norm(z, axis=1, keepdims=True))
        assert model.mistakes_.sum().item() <= (1 + 2 * gamma * np.linalg.norm(start)) / gamma**2


@pytest.mark.parametrize("classes", [3, 6])
def test_the_theorem_for_several_classes(classes):
    """Each class around a corner of a simplex, so that a plane cuts it off from all others."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, 200)
    x = np.eye(classes)[y] + rng.uniform(-0.3, 0.3, (200, classes)) / np.sqrt(classes)
    start = rng.standard_normal((classes, classes + 1)) * 10
    model = zoo.Perceptron("1/norm", initial=start).fit(x, y)
    assert model.converged_ and model.score(x, y) == 1
    fires = model.decision_function(x).data >= 0
    np.testing.assert_array_equal(fires, y[:, None] == np.arange(classes))


def test_it_stops_after_the_first_epoch_without_a_mistake():
    x, y = separable(50, 3, 0)
    model = zoo.Perceptron().fit(x, y)
    totals = model.mistakes_.sum(1).tolist()
    assert totals[-1] == 0 and all(totals[:-1]) and len(totals) == model.n_iter_ < 1000
    again = zoo.Perceptron(initial=model.weight_).fit(x, y)
    assert again.n_iter_ == 1 and again.weight_.tolist() == model.weight_.tolist()


def test_it_says_when_the_data_were_not_separated():
    x, xor = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]
    model = zoo.Perceptron(epochs=50)
    with pytest.warns(
        UserWarning, match=r"^Perceptron.fit: \d mistakes in the last of 50 epochs, the data were not separated: "
    ) as seen:
        model.fit(x, xor)
    assert seen[0].filename == __file__ and not model.converged_ and model.n_iter_ == 50 and model.score(x, xor) < 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert zoo.Perceptron(epochs=50).fit(x, [0, 1, 1, 1]).converged_


def test_the_threshold_is_weight_zero():
    """Moving all examples by a vector moves the threshold alone, once both are separated by the same plane."""
    model = zoo.Perceptron().fit([[0.0], [1.0], [3.0], [4.0]], [0, 0, 1, 1])
    s, w = model.weight_.data[0]
    assert 1 < s / w <= 3
    np.testing.assert_allclose(model.decision_function([[s / w]]), 0, atol=1e-6)


def test_the_order_of_examples():
    x, y = separable(60, 3, 1)
    tl.manual_seed(0)
    first = zoo.Perceptron(order="random").fit(x, y)
    tl.manual_seed(0)
    assert zoo.Perceptron(order="random").fit(x, y).weight_.tolist() == first.weight_.tolist()
    assert zoo.Perceptron(order="random").fit(x, y).mistakes_.tolist() != zoo.Perceptron().fit(x, y).mistakes_.tolist()


def test_partial_fit_is_an_epoch():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((60, 3)), rng.integers(0, 2, 60)
    with pytest.warns(UserWarning, match="mistakes in the last of 2 epochs"):
        whole = zoo.Perceptron(epochs=2).fit(x, y)
    parts = zoo.Perceptron()
    mistakes = []
    for _ in range(2):
        for k in range(0, 60, 7):
            parts.partial_fit(x[k : k + 7], y[k : k + 7], classes=[0, 1])
            mistakes.append(parts.mistakes_.sum().item())
    np.testing.assert_array_equal(parts.weight_, whole.weight_)
    assert sum(mistakes) == whole.mistakes_.sum().item()


@pytest.mark.filterwarnings("ignore:Perceptron.fit")
def test_real_digits_with_all_ten_classes():
    """As good as scikit-learn's perceptron under the same rule, examples and order; on those held out 9 of 10 are right."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    (x, y), (x_held, y_held) = tl.data.load_digits()
    model = zoo.Perceptron(epochs=40).fit(x, y)
    assert model.weight_.shape == (10, 65) and model.classes_.tolist() == list(range(10))
    peer = linear_model.Perceptron(max_iter=40, tol=None, shuffle=False).fit(x, y)
    assert model.score(x_held, y_held) > 0.9
    assert abs(model.score(x_held, y_held) - peer.score(x_held, y_held)) < 0.03
    assert model.score(x, y) > 0.96


def test_labels_may_be_any_numbers():
    x = np.array([[0.0], [1.0], [2.0]])
    for labels in ([-1, -1, 1], [False, False, True], [0.5, 0.5, 2.5]):
        model = zoo.Perceptron().fit(x, labels)
        assert model.predict(x).tolist() == labels and model.score(x, labels) == 1


X3 = np.eye(3)
ERRORS = [
    (lambda: zoo.Perceptron().fit(X3, [1, 1, 1]), "^Perceptron.fit: y must have at least two classes, all of it is 1$"),
    (lambda: zoo.Perceptron().fit(X3, [0, 1]), "^Perceptron.fit: X has 3 examples, y has 2: they must agree"),
    (lambda: zoo.Perceptron().fit(X3, np.eye(3)), r"y must be \(examples\) class numbers, got \(3, 3\) float64"),
    (lambda: zoo.Perceptron().fit(X3, ["a", "b", "c"]), r"y must be \(examples\) class numbers, got \(3,\) <U1"),
    (lambda: zoo.Perceptron().fit(X3, [0, np.nan, 1]), "^Perceptron.fit: y holds NaN or inf, first in example 1"),
    (lambda: zoo.Perceptron().partial_fit(X3, [0, 1, 0]), "^Perceptron.partial_fit: the first call must name all classes"),
    (lambda: zoo.Perceptron().partial_fit(X3, [0, 1, 0], [0]), "must name all classes, at least two"),
    (lambda: zoo.Perceptron().partial_fit(X3, [0, 1, 2], [0, 1]), r"partial_fit: y has 2, the classes are \[0, 1\]"),
    (lambda: zoo.Perceptron().fit(X3, [0, 1, 1]).partial_fit(X3[:, :2], [0, 1, 1]), "partial_fit: X has 2 features, expected 3"),
]


@pytest.mark.parametrize(("call", "text"), ERRORS, ids=[e[1][:50] for e in ERRORS])
def test_bad_input_gets_a_clear_error(call, text):
    with pytest.raises(ValueError, match=text):
        call()

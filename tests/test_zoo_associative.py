"""Associative memories: Willshaw's against its definition and the theory of random patterns, linear ones against NumPy."""

import math

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import binom

import tinygrad_lite as tl
from tinygrad_lite import zoo


def sparse(n, k, ones, seed):
    """n random patterns of k elements, each with so many ones."""
    rng, out = np.random.default_rng(seed), np.zeros((n, k), np.float32)
    for start in range(0, n, 1000):
        some = out[start : start + 1000]
        np.put_along_axis(some, rng.random(some.shape, np.float32).argpartition(ones - 1, 1)[:, :ones], 1, 1)
    return out


def invented(recalled, y):
    """The share of zeros that came back as ones."""
    return float((recalled.data * (1 - y)).sum() / (1 - y).sum())


def missed(recalled, y):
    """The share of ones that came back as zeros."""
    return float(((1 - recalled.data) * y).sum() / y.sum())


# -- Willshaw ----------------------------------------------------------------------------------------------------


def test_the_weights_are_the_maxima_and_the_answer_is_the_step():
    x, y = sparse(7, 12, 3, 0), sparse(7, 9, 2, 1)
    w = [[max(y[p, r] * x[p, s] for p in range(7)) for s in range(12)] for r in range(9)]
    memory = zoo.Willshaw().fit(x, y)
    assert memory.weight_.tolist() == w and memory.ones_ == 3
    probe = sparse(20, 12, 4, 2)
    sums = probe @ np.array(w).T
    assert memory.sums(probe).tolist() == sums.tolist()
    for threshold, theta in [(None, 2.5), (1.5, 1.5), (2, 2), ("probe", 3.5)]:
        memory.threshold = threshold
        assert memory.predict(probe).tolist() == (sums - theta >= 0).tolist()


@pytest.mark.parametrize("n", [1, 10, 50, 300])
def test_a_stored_key_recalls_all_of_its_value(n):
    """Whatever else is stored, at θ = l - 1/2; and nothing else, while few pairs are."""
    x, y = sparse(n, 100, 6, 3), sparse(n, 80, 5, 4)
    memory = zoo.Willshaw().fit(x, y)
    recalled = memory.predict(x)
    assert missed(recalled, y) == 0
    assert (memory.score(x, y) == 1) == (invented(recalled, y) == 0) == (n < 300)


def test_pairs_may_come_one_after_the_other():
    x, y = sparse(40, 50, 4, 5), sparse(40, 30, 3, 6)
    at_once, memory = zoo.Willshaw().fit(x, y), zoo.Willshaw()
    for p in np.random.default_rng(0).permutation(40):
        memory.partial_fit(x[p : p + 1], y[p : p + 1])
    assert memory.weight_.tolist() == at_once.weight_.tolist() and memory.ones_ == 4
    memory.partial_fit(sparse(1, 50, 7, 0), y[:1])
    assert memory.ones_ is None


def test_a_lower_threshold_tolerates_errors_and_invents_ones():
    """Of keys that lost two of ten ones nothing comes back at l - 1/2, all from l - 5/2 on, with more and more inventions."""
    x, y = sparse(400, 300, 10, 7), sparse(400, 300, 10, 8)
    lost = x.copy()
    for row in lost:
        row[np.flatnonzero(row)[:2]] = 0
    curve = []
    for theta in np.arange(9.5, 0, -1):
        memory = zoo.Willshaw(threshold=theta).fit(x, y)
        recalled = memory.predict(lost)
        curve.append((missed(recalled, y), invented(recalled, y)))
    misses, inventions = np.array(curve).T
    assert misses[0] == misses[1] == 1 and (misses[2:] == 0).all()
    assert inventions[0] == 0 and (np.diff(inventions) >= 0).all() and inventions[-1] > 0.9 and 0 < inventions[2] < 0.1
    probe = zoo.Willshaw("probe").fit(x, y).predict(lost)
    assert (missed(probe, y), invented(probe, y)) == curve[2]


def false_one(n, k, ones):
    """The chance that a unit fires at a stored key to which it should be silent. It fires in m of the other n - 1 pairs, and m keys
    leave each of its k weights 0 with (1 - l/k)**m; all l of this key must be 1."""
    m = np.arange(n)
    return (binom.pmf(m, n - 1, ones / k) * (1 - (1 - ones / k) ** m) ** ones).sum()


@pytest.mark.parametrize("k", [100, 400])
@pytest.mark.parametrize("ones", [5, 20])
@pytest.mark.parametrize("load", [0.1, 0.5, 2])
def test_inventions_grow_with_the_load_as_theory_says(k, ones, load):
    n = round(load * k)
    x, y = sparse(n, k, ones, 9), sparse(n, k, ones, 10)
    memory = zoo.Willshaw().fit(x, y)
    assert memory.weight_.data.mean() == pytest.approx(1 - (1 - ones**2 / k**2) ** n, rel=0.02)
    expected = false_one(n, k, ones)
    spread = 3 * np.sqrt(expected / (n * (k - ones)))
    assert invented(memory.predict(x), y) == pytest.approx(expected, rel=0.2, abs=spread)


def test_there_must_be_many_more_inputs_than_pairs():
    """With 20 of 100 ones: at k = 10 n hardly an invention, at k = 2 n every seventh zero; with 5 of 400 none at k = 2 n."""
    errors = {}
    for k, ones, n in [(100, 20, 10), (100, 20, 50), (100, 20, 200), (400, 5, 200)]:
        x, y = sparse(n, k, ones, 11), sparse(n, k, ones, 12)
        errors[k, n] = invented(zoo.Willshaw().fit(x, y).predict(x), y)
    assert errors[100, 10] < 1e-3 and errors[100, 50] > 0.1 and errors[100, 200] > 0.9 and errors[400, 200] < 1e-4


def expected_bits(n, k, ones):
    """Information per weight after n random pairs: f inventions leave log2 C(l + f, l) of the log2 C(k, l) bits of a value open."""

    def choices(a, b):
        return (gammaln(a + 1) - gammaln(b + 1) - gammaln(a - b + 1)) / math.log(2)

    f = np.arange(k - ones + 1)
    chance = binom.pmf(f, k - ones, false_one(n, k, ones))
    return n * (choices(k, ones) - (chance * choices(ones + f, ones)).sum()) / k**2


def capacity(k, ones):
    """The largest measured information per weight over numbers of pairs, beside the expected one, and the share of ones there."""
    memory, found, stored = zoo.Willshaw(), [], 0
    for part, load in enumerate([0.1, *[0.2] * 3, *[0.1] * 6]):  # k**2 / l**2 pairs set the share 1 - 1/e
        n = round(load * k * k / ones**2)
        x, y = sparse(n, k, ones, 2 * part), sparse(n, k, ones, 2 * part + 1)
        if not part:
            first = x[:1000], y[:1000]
        memory.partial_fit(x, y)
        stored += n
        told = memory.bits_per_synapse(*first) * stored / len(first[0])  # these pairs stand for all
        found.append((told, expected_bits(stored, k, ones), float(memory.weight_.data.mean())))
    return max(found)


def test_the_capacity_comes_near_ln_2_bits_per_synapse():
    """As theory says for each size, below ln 2 = 0.693, and nearer for larger networks with l = log2 k."""
    found = [capacity(k, ones) for k, ones in [(64, 6), (256, 8), (1024, 10)]]
    for told, expected, filled in found:
        assert told == pytest.approx(expected, rel=0.04)
        assert told < math.log(2) and 0.45 < filled < 0.75
    assert 0.45 < found[0][0] < found[1][0] < found[2][0]
    assert found[2][0] > 0.58


@pytest.mark.proof
def test_the_capacity_of_a_large_memory():
    """4,096 inputs and outputs, 12 ones: 16.8 million weights, some 100,000 pairs."""
    told, expected, _ = capacity(4096, 12)
    assert told == pytest.approx(expected, rel=0.02) and 0.61 < told < math.log(2)


def test_dense_patterns_use_the_synapses_badly():
    assert capacity(256, 64)[0] < 0.2 < capacity(256, 8)[0] / 2


def test_bits_per_synapse_of_a_perfect_recall_and_of_none():
    x, y = sparse(3, 40, 4, 0), sparse(3, 30, 3, 1)
    memory = zoo.Willshaw().fit(x, y)
    assert memory.score(x, y) == 1
    assert memory.bits_per_synapse(x, y) == pytest.approx(3 * math.log2(math.comb(30, 3)) / 1200)
    memory.threshold = -1  # all units fire: nothing is told
    assert memory.bits_per_synapse(x, y) == pytest.approx(0, abs=1e-9)
    memory.threshold = 5  # none fires: no more is told
    assert memory.bits_per_synapse(x, y) == pytest.approx(0, abs=1e-9)


def test_auto_association_completes_real_digits():
    """Five binary digits from their upper halves: at the number of ones of each probe."""
    pytest.importorskip("sklearn")
    (images, labels), _ = tl.data.load_digits()
    x = (images[[np.flatnonzero(labels == c)[0] for c in (0, 1, 4, 6, 7)]] > 0.5).astype(float)
    upper = x * (np.arange(64) < 40)
    memory = zoo.Willshaw("probe").fit(x)
    assert memory.weight_.data.T.tolist() == memory.weight_.tolist() and memory.ones_ is None
    before, after = np.abs(upper - x).sum(), np.abs(memory.predict(upper).data - x).sum()
    assert missed(memory.predict(upper), x) == 0 and after < 0.75 * before


# -- linear ------------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)


def test_hebbs_rule_is_exact_for_orthonormal_keys():
    keys = np.linalg.qr(RNG.standard_normal((8, 8)))[0][:5]
    y = RNG.standard_normal((5, 3))
    memory = zoo.LinearAssociator("hebb").fit(keys, y)
    np.testing.assert_allclose(memory.weight_, sum(np.outer(b, a) for a, b in zip(keys, y)), atol=1e-12)
    np.testing.assert_allclose(memory.predict(keys), y, atol=1e-12)
    assert memory.score(keys, y) == pytest.approx(1)


def test_crosstalk_of_hebbs_rule_is_the_overlap_of_keys():
    """W x_q = |x_q|² y_q + Σ_p (x_p·x_q) y_p; for random keys of length 1 its mean square grows as (n - 1) / k."""
    k = 200
    for n in (10, 40, 160):
        x, y = RNG.standard_normal((n, k)), RNG.standard_normal((n, 50))
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        error = zoo.LinearAssociator("hebb").fit(x, y).predict(x).data - y
        overlaps = x @ x.T - np.eye(n)
        np.testing.assert_allclose(error, overlaps @ y, atol=1e-10)
        assert np.mean(error**2) == pytest.approx((n - 1) / k, rel=0.3)


@pytest.mark.parametrize(("n", "k"), [(5, 8), (8, 8), (30, 8)])
def test_least_squares_is_the_pseudo_inverse(n, k):
    """Exact for independent keys, however they overlap; the least squares of more pairs than inputs."""
    x, y = RNG.standard_normal((n, k)) + 2, RNG.standard_normal((n, 3))
    memory = zoo.LinearAssociator().fit(x, y)
    np.testing.assert_allclose(memory.weight_, y.T @ np.linalg.pinv(x.T), atol=1e-9)
    error = ((memory.predict(x).data - y) ** 2).sum()
    if n <= k:
        assert error < 1e-18
    else:
        for _ in range(20):
            other = memory.weight_.data + 1e-3 * RNG.standard_normal((3, k))
            assert ((x @ other.T - y) ** 2).sum() > error > 1e-3
    hebb = zoo.LinearAssociator("hebb").fit(x, y)
    assert hebb.score(x, y) < memory.score(x, y)


@pytest.mark.parametrize("rule", ["hebb", "least squares"])
def test_superposition(rule):
    """A mixture of keys recalls the mixture of what they recall."""
    x, y = RNG.standard_normal((4, 9)), RNG.standard_normal((4, 5))
    memory = zoo.LinearAssociator(rule).fit(x, y)
    a, b = RNG.standard_normal((2, 6, 9))
    np.testing.assert_allclose(
        memory.predict(2 * a - 3 * b), 2 * memory.predict(a).data - 3 * memory.predict(b).data, atol=1e-9
    )  # fmt: skip
    if rule == "least squares":
        np.testing.assert_allclose(memory.predict((x[:1] + x[1:2]) / 2), (y[:1] + y[1:2]) / 2, atol=1e-9)


def test_memories_by_hebb_superpose():
    x, y = RNG.standard_normal((6, 9)), RNG.standard_normal((6, 5))
    first, second, both = (zoo.LinearAssociator("hebb").fit(x[i], y[i]).weight_.data for i in (slice(2), slice(2, 6), slice(6)))
    np.testing.assert_allclose(first + second, both, atol=1e-12)


def test_auto_association_is_the_projection_on_the_stored_patterns():
    x = RNG.standard_normal((5, 20))
    w = zoo.LinearAssociator().fit(x).weight_.data
    np.testing.assert_allclose(w @ w, w, atol=1e-10)
    np.testing.assert_allclose(w, w.T, atol=1e-10)
    assert np.trace(w) == pytest.approx(5)


def test_auto_association_restores_degraded_real_digits():
    """Noise is projected on n of k dimensions: n / k of its variance remains. Digits of -1 and 1 come back from upper halves."""
    pytest.importorskip("sklearn")
    (images, labels), _ = tl.data.load_digits()
    x = images[[np.flatnonzero(labels == c)[0] for c in range(10)]].astype(float)
    memory = zoo.LinearAssociator().fit(x)
    assert memory.score(x) == pytest.approx(1)
    noise = np.random.default_rng(1).normal(0, 0.3, (200, 10, 64))
    left = memory.predict((x + noise).reshape(-1, 64)).data.reshape(noise.shape) - x
    assert np.mean(left**2) / np.mean(noise**2) == pytest.approx(10 / 64, rel=0.05)
    signs = np.where(x > 0.5, 1.0, -1.0)
    restored = np.sign(zoo.LinearAssociator().fit(signs).predict(signs * (np.arange(64) < 32)).data)
    assert np.mean(restored == signs) > 0.97
    by_hebb = np.sign(zoo.LinearAssociator("hebb").fit(signs).predict(signs * (np.arange(64) < 32)).data)
    assert np.mean(by_hebb == signs) < np.mean(restored == signs) - 0.1  # correlated keys


def test_the_score_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    x, y = RNG.standard_normal((30, 4)), RNG.standard_normal((30, 3))
    memory = zoo.LinearAssociator().fit(x, y)
    expected = metrics.r2_score(y, memory.predict(x).data, multioutput="variance_weighted")
    assert memory.score(x, y) == pytest.approx(expected)


# -- errors ------------------------------------------------------------------------------------------------------

X, Y = sparse(3, 6, 2, 0), sparse(3, 4, 2, 1)
UNEQUAL = np.array([[1, 0, 0], [1, 1, 0]])
ERRORS = [
    (lambda: zoo.Willshaw().fit(X * 2, Y), r"^Willshaw.fit: X must hold 0 and 1 only, example 0 has 2.0"),
    (lambda: zoo.Willshaw().fit(X, Y - 1), r"^Willshaw.fit: Y must hold 0 and 1 only, example 0 has -1.0"),
    (lambda: zoo.Willshaw().fit(X, Y[:, :0]), r"^Willshaw.fit: Y is empty, \(3, 0\)"),
    (
        lambda: zoo.Willshaw().fit(X * [[1], [0], [1]], Y),
        "^Willshaw.fit: key 1 is a zero vector, which no threshold",
    ),
    (lambda: zoo.Willshaw().fit(X, Y).partial_fit(Y, X), "partial_fit: pairs of 4 and 6 elements, those stored have (6, 4)"),
    (lambda: zoo.Willshaw().fit(X, Y).predict(X / 2), "^Willshaw.predict: X must hold 0 and 1 only, example 0 has 0.5"),
    (lambda: zoo.Willshaw().fit(UNEQUAL).predict(UNEQUAL), "differ in their number of ones: give threshold='probe' or a number"),
    (lambda: zoo.Willshaw("low").fit(X, Y).predict(X), "^Willshaw: threshold must be None, 'probe' or a number, got 'low'"),
    (lambda: zoo.Willshaw(np.nan).fit(X, Y).predict(X), "^Willshaw: threshold must be None, 'probe' or a number, got nan"),
    (lambda: zoo.Willshaw().fit(X, Y).bits_per_synapse(X, X), r"Y is \(3, 6\), the recalled values are \(3, 4\): they must agree"),
    (
        lambda: zoo.LinearAssociator().fit(X * [[1], [1], [0]], Y),
        "^LinearAssociator.fit: key 2 is a zero vector, with which",
    ),
    (lambda: zoo.LinearAssociator().fit(X, Y * np.nan), "^LinearAssociator.fit: Y holds NaN or inf, first in example 0"),
    (lambda: zoo.LinearAssociator().fit(X, Y).score(X, Y[:, [0] * 4] * 0), "all rows of Y are the same, so there is no variance"),
]


@pytest.mark.parametrize(("call", "text"), ERRORS, ids=[e[1][:50] for e in ERRORS])
def test_bad_input_gets_a_clear_error(call, text):
    with pytest.raises(ValueError, match=text.replace("(6, 4)", r"\(6, 4\)")):
        call()

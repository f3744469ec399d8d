"""Kernels of learning without gradients against their plain twins, on one thread and on several."""

import numpy as np
import pytest

from tinygrad_lite.kernels import classics
from tinygrad_lite.kernels.classics.hopfield import hopfield_loop, together_loop
from tinygrad_lite.kernels.classics.perceptron import perceptron_loop
from tinygrad_lite.kernels.classics.units import unit_loop

SIZES = [(1, 1, 1), (5, 3, 2), (40, 17, 3), (7, 130, 10), (0, 4, 2), (3, 4, 0)]  # examples, inputs, units
EACH = pytest.mark.parametrize("size", SIZES, ids=str)
DTYPE = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def pair(function, twin, arrays, n_written, *numbers):
    """What both leave and return."""
    ours, theirs = [a.copy() for a in arrays], [a.copy() for a in arrays]
    returned = function(*ours, *numbers), twin(*theirs, *numbers)
    as_tuple = [r if isinstance(r, tuple) else () if r is None else (r,) for r in returned]
    return [*ours[:n_written], *as_tuple[0]], [*theirs[:n_written], *as_tuple[1]]


def close(found, dtype):
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, **(dict(rtol=2e-4, atol=1e-5) if dtype == np.float32 else dict(rtol=1e-10, atol=1e-12)))


@EACH
@DTYPE
@pytest.mark.parametrize("oja", [False, True])
def test_hebbian_epoch(size, dtype, oja):
    n, k, _ = size
    rng = np.random.default_rng(0)
    arrays = [(rng.standard_normal(s) / np.sqrt(k)).astype(dtype) for s in (k, (n, k))]
    close(pair(classics.hebbian_epoch, classics.hebbian_epoch_twin, arrays, 1, 0.1, oja), dtype)


def whole_numbers(size, dtype):
    """Weights, examples and rates whose sums are exact, so that no tie is decided by rounding."""
    n, k, units = size
    rng = np.random.default_rng(0)
    weight, x = (rng.integers(-3, 4, s).astype(dtype) for s in ((units, k), (n, k)))
    order = rng.integers(0, n, 3 * n) if n else np.zeros(0, np.int64)
    return weight, x, rng.random((units, n)) < 0.5, order, rng.integers(1, 4, n).astype(dtype) / 4


@EACH
@DTYPE
def test_perceptron_epoch(size, dtype):
    close(pair(classics.perceptron_epoch, classics.perceptron_epoch_twin, whole_numbers(size, dtype), 1), dtype)


@EACH
@pytest.mark.parametrize("n_threads", [2, 5])
def test_perceptron_loop_on_threads(size, n_threads):
    arrays = whole_numbers(size, np.float64)

    def shared(*arrays):
        mistakes = np.empty(size[2], np.int64)
        perceptron_loop.on(n_threads, *arrays, mistakes)
        return mistakes

    close(pair(shared, classics.perceptron_epoch_twin, arrays, 1), np.float64)


@EACH
@DTYPE
def test_willshaw_store(size, dtype):
    n, k, m = size
    rng = np.random.default_rng(0)
    arrays = [(rng.random(s) < 0.3).astype(dtype) for s in ((m, k), (n, k), (n, m))]
    ours, theirs = pair(classics.willshaw_store, classics.willshaw_store_twin, arrays, 1)
    np.testing.assert_array_equal(ours[0], theirs[0])


@EACH
@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("tie", [0.0, 1.5])
def test_hopfield_sweep(size, n_threads, tie):
    n, k, _ = size
    rng = np.random.default_rng(0)
    weight = rng.integers(-2, 3, (k, k)).astype(float)
    weight += weight.T
    state = rng.choice([-1.0, 1.0], (n, k))
    arrays = state, state @ weight, weight, rng.permutation(k)

    def shared(state, field, weight, order, tie):
        flips, rise = np.empty(n, np.int64), np.empty(n)
        hopfield_loop.on(n_threads, state, field, weight, order, tie, flips, rise)
        return flips, rise

    for function in (shared, classics.hopfield_sweep):
        ours, theirs = pair(function, classics.hopfield_sweep_twin, arrays, 2, tie)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(ours[1], ours[0] @ weight)  # the fields are those of the states


@EACH
@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("tie", [0.0, 1.5])
def test_hopfield_together(size, n_threads, tie):
    n, k, _ = size
    rng = np.random.default_rng(0)
    weight = rng.integers(-2, 3, (k, k)).astype(float)
    weight += weight.T
    state = rng.choice([-1.0, 1.0], (n, k))

    def shared(state, field, weight, tie):
        flips = np.empty(n, np.int64)
        together_loop.on(n_threads, state, field, weight, tie, flips)
        return flips

    for function in (shared, classics.hopfield_together):
        ours, theirs = pair(function, classics.hopfield_together_twin, (state, state @ weight, weight), 2, tie)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)


@EACH
@DTYPE
@pytest.mark.parametrize("share_of_ones", [0.0, 0.02, 0.5])
@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_threshold_units_and_their_sums(size, dtype, share_of_ones, n_threads):
    """By the loop and by BLAS: of whole numbers exactly the same, also where a sum reaches its threshold."""
    n, k, units = size
    rng = np.random.default_rng(0)
    weight, x = rng.integers(-3, 4, (k, units)).astype(dtype), (rng.random((n, k)) < share_of_ones).astype(dtype)
    threshold = rng.integers(-1, 2, units).astype(dtype)
    sums = x @ weight
    np.testing.assert_array_equal(classics.unit_sums(weight, x), sums)
    np.testing.assert_array_equal(classics.threshold_units(weight, x, threshold), sums >= threshold)
    out = np.full_like(sums, 7)
    unit_loop.on(n_threads, weight, x, threshold, out)
    np.testing.assert_array_equal(out, sums >= threshold)
    unit_loop.on(n_threads, weight, x, threshold[:0], out)
    np.testing.assert_array_equal(out, sums)
    assert classics.unit_sums(weight, x).dtype == classics.threshold_units(weight, x, threshold).dtype == dtype


def test_half_precision_takes_the_twin():
    x = np.ones((2, 3), np.float16)
    weight = np.ones(3, np.float16)
    classics.hebbian_epoch(weight, x, 0.25, False)
    np.testing.assert_array_equal(weight, np.float16([3.0625] * 3))
    units = np.zeros((1, 3), np.float16)
    mistakes = classics.perceptron_epoch(units, x, np.zeros((1, 2), bool), np.arange(2), np.ones(2, np.float16))
    assert mistakes.tolist() == [1] and units.tolist() == [[-1, -1, -1]]
    stored = np.zeros((3, 3), np.float16)
    classics.willshaw_store(stored, x, x)
    assert stored.tolist() == np.ones((3, 3)).tolist()

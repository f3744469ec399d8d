"""Pooling and windows as columns: against plain NumPy over many sizes, by their laws, whatever layout, threads and processor."""

import itertools
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from cases_pooling import output_of

import tinygrad_lite as tl
from tinygrad_lite import nn
from tinygrad_lite.kernels import pooling as kernels
from tinygrad_lite.kernels import threads
from tinygrad_lite.ops import pooling
from tinygrad_lite.ops.windows import grid

MAX = {1: tl.max_pool1d, 2: tl.max_pool2d, 3: tl.max_pool3d}
AVG = {1: tl.avg_pool1d, 2: tl.avg_pool2d, 3: tl.avg_pool3d}
SUM = {1: tl.sum_pool1d, 2: tl.sum_pool2d, 3: tl.sum_pool3d}

# -- twins of the kernels, in plain NumPy ----------------------------------------------------------------------------


def elements(size, windows):
    """For each window the flat places of its taps (windows, taps), those outside of the image as one past its end."""
    kernel, stride, padding, dilation, _ = windows
    taps = np.indices(kernel).reshape(len(kernel), 1, -1) * np.reshape(dilation, (-1, 1, 1))
    origins = np.indices(output_of(windows, size)).reshape(len(kernel), -1, 1) * np.reshape(stride, (-1, 1, 1))
    places = origins + taps - np.reshape(padding, (-1, 1, 1))
    limits = np.reshape(size, (-1, 1, 1))
    inside = ((places >= 0) & (places < limits)).all(0)
    flat = sum(place * math.prod(size[d + 1 :]) for d, place in enumerate(places))
    return np.where(inside, flat, math.prod(size))


def max_twin(x, size, windows):
    """(values, taps) of x (planes, *size)."""
    outside = np.full((len(x), 1), -np.inf, x.dtype)
    seen = np.concatenate([x.reshape(len(x), -1), outside], 1)[:, elements(size, windows)]
    return seen.max(-1), seen.argmax(-1)


def sum_twin(x, size, windows):
    return np.concatenate([x.reshape(len(x), -1), np.zeros((len(x), 1))], 1)[:, elements(size, windows)].sum(-1)


def spread_twin(g, size, windows, taps=None):
    """g (planes, windows) added to all elements of each window, or to those that ``taps`` names."""
    places = elements(size, windows)
    out = np.zeros((len(g), math.prod(size) + 1))
    for m, number in enumerate(g):
        if taps is None:
            np.add.at(out[m], places, number[:, None])
        else:
            np.add.at(out[m], places[np.arange(len(places)), taps[m]], number)
    return out[:, :-1]


def check(rng, planes, size, windows, dtype):
    """All kernels equal their twins."""
    near = dict(rtol=1e-12, atol=1e-12) if dtype == np.float64 else dict(rtol=1e-5, atol=1e-4)
    table, count = grid(windows, size), output_of(windows, size)
    x = rng.integers(-4, 5, (planes, *size)).astype(dtype)  # with many ties
    values, taps = kernels.max_pool(x, table)
    expected, expected_taps = max_twin(x, size, windows)
    assert values.dtype == dtype and values.shape == (planes, *count)
    np.testing.assert_array_equal(values.reshape(planes, -1), expected)
    np.testing.assert_array_equal(taps.reshape(planes, -1), expected_taps)
    g = rng.standard_normal((planes, *count)).astype(dtype)
    by_window = g.reshape(planes, -1)
    np.testing.assert_allclose(
        kernels.place(g, taps, table).reshape(planes, -1), spread_twin(by_window, size, windows, expected_taps), **near
    )
    np.testing.assert_array_equal(kernels.pick(x, taps, table), values)
    x = rng.standard_normal((planes, *size)).astype(dtype)
    for divisor in (1, 3):
        out = kernels.sum_pool(x, table, divisor)
        np.testing.assert_allclose(out.reshape(planes, -1) * divisor, sum_twin(x, size, windows), **near)
        back = kernels.spread(g, table, divisor)
        np.testing.assert_allclose(back.reshape(planes, -1) * divisor, spread_twin(by_window, size, windows), **near)


def drawn(rng, size, tries):
    """Windows of all sorts over images of ``size``: those of so many tries that pooling takes."""
    n = len(size)
    for _ in range(tries):
        ranges = (1, 5), (1, 4), (0, 3), (1, 3)
        kernel, stride, padding, dilation = (tuple(map(int, rng.integers(low, high, n))) for low, high in ranges)
        windows = kernel, stride, padding, dilation if rng.random() < 0.3 else (1,) * n, bool(rng.random() < 0.3)
        if any(2 * p > k for k, p in zip(kernel, padding)) or 0 in output_of(windows, size):
            continue
        if (elements(size, windows) < math.prod(size)).any(1).all():  # each window sees an element
            yield windows


def test_sequences_of_many_sizes():
    rng = np.random.default_rng(0)
    for length in (1, 2, 4, 7, 8, 9, 17, 33, 50):
        for windows in drawn(rng, (length,), 30):
            check(rng, 2, (length,), windows, np.float64)


@pytest.mark.parametrize("size", [(1, 1), (4, 3), (5, 8), (9, 17), (3, 40)], ids=str)
def test_images_of_many_sizes(size):
    rng = np.random.default_rng(1)
    for windows in drawn(rng, size, 50):
        check(rng, 3, size, windows, np.float32)
    for kernel in [(2, 2), (3, 2), (2, 3)]:  # side by side
        if all(k <= n for k, n in zip(kernel, size)):
            check(rng, 2, size, (kernel, kernel, (0, 0), (1, 1), False), np.float32)


def test_volumes_and_large_windows():
    rng = np.random.default_rng(2)
    for size, windows in [
        ((3, 4, 5), ((2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1), False)),
        ((5, 4, 6), ((3, 2, 3), (2, 1, 2), (1, 1, 0), (1, 2, 1), True)),
        ((2, 2, 2), ((2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1), False)),
        ((4, 9, 9), ((1, 3, 3), (1, 2, 2), (0, 1, 1), (1, 1, 1), False)),
        ((20, 21), ((17, 18), (1, 2), (3, 0), (1, 1), False)),  # more taps than a byte counts
        ((40, 40), ((40, 40), (40, 40), (0, 0), (1, 1), False)),
        ((2, 300), ((2, 280), (1, 5), (1, 0), (1, 1), False)),
        ((7, 7), ((7, 7), (7, 7), (0, 0), (1, 1), False)),
        ((5,), ((5,), (5,), (0,), (1,), False)),
    ]:
        for planes, dtype in itertools.product((1, 5, 70), (np.float64, np.float32)):
            check(rng, planes, size, windows, dtype)


# -- maxima ----------------------------------------------------------------------------------------------------------

GEOMETRIES = [  # size, arguments of max pooling
    ((9,), dict(kernel_size=3, stride=2, padding=1)),
    ((5, 18), dict(kernel_size=3, stride=1, padding=1)),
    ((6, 9), dict(kernel_size=2)),
    ((6, 17), dict(kernel_size=3, stride=2, padding=1)),
    ((7, 7), dict(kernel_size=3)),
    ((3, 4, 4), dict(kernel_size=2, stride=1, padding=1)),
]


@pytest.mark.parametrize(("size", "options"), GEOMETRIES, ids=str)
def test_a_nan_is_the_largest_and_minus_infinity_has_a_place(size, options):
    op, rng = MAX[len(size)], np.random.default_rng(3)
    x = rng.standard_normal((2, 3, *size)).astype(np.float32)
    bad = rng.random(x.shape) < 0.15
    marked = np.where(bad, np.float32(np.nan), x)
    values, places = op(marked, **options, return_indices=True)
    touched = op(bad.astype(np.float32), **options)
    np.testing.assert_array_equal(np.isnan(values), touched > 0)
    np.testing.assert_array_equal(values[touched == 0], op(x, **options)[touched == 0])
    flat = marked.reshape(2, 3, -1)
    np.testing.assert_array_equal(np.take_along_axis(flat, places.reshape(2, 3, -1), 2), values.reshape(2, 3, -1))
    values, places = op(np.full((1, 1, *size), -np.inf, np.float32), **options, return_indices=True)
    assert (values == -np.inf).all()
    first = op(-np.arange(math.prod(size), dtype=np.float32).reshape(1, 1, *size), **options)  # the first place of each window
    np.testing.assert_array_equal(places, -first)


def test_the_first_of_equals_has_the_gradient():
    x = tl.tensor(np.ones((1, 1, 4, 4)), requires_grad=True)
    tl.max_pool2d(x, 2).sum().backward()
    assert x.grad.data[0, 0].tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]] * 2
    x = tl.tensor(np.ones((1, 1, 3, 3)), requires_grad=True)
    tl.max_pool2d(x, 3, 1, 1).sum().backward()  # the nine windows begin at (0, 0), (0, 0), (0, 1), (0, 0), ...
    assert x.grad.data[0, 0].tolist() == [[4, 2, 0], [2, 1, 0], [0, 0, 0]]


def test_integers_have_maxima_where_pytorch_has_them():
    x = np.arange(24).reshape(1, 2, 3, 4)
    assert tl.max_pool2d(x, 2).tolist() == [[[[5, 7]], [[17, 19]]]] and tl.max_pool2d(x, 2).dtype == np.int64
    assert tl.max_pool3d(x[None], 2).tolist() == [[[[[17, 19]]]]]


def test_a_maximum_keeps_a_byte_for_each_window():
    x = tl.tensor(np.random.default_rng(0).standard_normal((2, 3, 8, 8)), requires_grad=True)
    node, *_ = tl.max_pool2d(x, 2).source
    kept = [a for arguments in node.saved for a in arguments if isinstance(a, np.ndarray)]
    assert [(a.dtype, a.shape) for a in kept] == [(np.uint8, (2, 3, 4, 4))]
    for op in (tl.avg_pool2d, tl.sum_pool2d):
        node, *_ = op(x, 2).source
        assert not [a for arguments in node.saved for a in arguments if isinstance(a, np.ndarray)]


# -- laws --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "options"), GEOMETRIES, ids=str)
def test_sum_and_choice_are_adjoint_to_spreading_and_placing(size, options):
    rng, n = np.random.default_rng(4), len(size)
    x, z = rng.standard_normal((2, 2, 3, *size))
    options = {k: v for k, v in options.items() if k != "dilation"}
    for op in (AVG[n], SUM[n]):
        out, back = tl.vjp(
            lambda t, op=op: op(t, **options), tl.Tensor(z), tl.Tensor(y := rng.standard_normal(op(x, **options).shape))
        )
        assert np.vdot(op(x, **options), y) == pytest.approx(np.vdot(x, back.data), rel=1e-11)
        np.testing.assert_allclose(op(2 * x - z, **options), 2 * op(x, **options) - out.data, atol=1e-12)
    kernel = options["kernel_size"]
    windows = (kernel,) * n, options.get("stride", kernel), options.get("padding", 0)
    values, taps = pooling.max_windows(x, windows=windows)
    y = rng.standard_normal(values.shape)
    placed = pooling.place_windows(y, taps, windows=windows, size=size)
    picked = pooling.pick_windows(z, taps, windows=windows)
    assert np.vdot(picked, y) == pytest.approx(np.vdot(z, placed), rel=1e-11)
    np.testing.assert_array_equal(pooling.pick_windows(x, taps, windows=windows), values)


def test_relations_between_the_poolings():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((2, 3, 12, 18))
    mean, total, largest = tl.avg_pool2d(x, (3, 2)), tl.sum_pool2d(x, (3, 2)), tl.max_pool2d(x, (3, 2))
    np.testing.assert_allclose(total, mean * 6, rtol=1e-13)
    assert (largest >= mean).all() and (-tl.max_pool2d(-x, (3, 2)) <= mean).all()
    np.testing.assert_allclose(tl.adaptive_avg_pool2d(x, (4, 9)), mean, rtol=1e-13)
    np.testing.assert_array_equal(tl.adaptive_max_pool2d(x, (4, 9)), largest)
    np.testing.assert_allclose(tl.avg_pool2d(x, (3, 2), divisor_override=1), total, rtol=1e-13)
    np.testing.assert_allclose(tl.lp_pool2d(np.abs(x), 1, (3, 2)), tl.sum_pool2d(np.abs(x), (3, 2)), rtol=1e-13)
    np.testing.assert_allclose(tl.lp_pool2d(x, 200, (3, 2)), tl.max_pool2d(np.abs(x), (3, 2)), rtol=0.01)
    np.testing.assert_allclose(tl.global_avg_pool(x), x.mean((2, 3)), rtol=1e-13)
    np.testing.assert_array_equal(tl.global_max_pool(x, keepdim=True), x.max((2, 3), keepdims=True))
    np.testing.assert_array_equal(
        tl.max_pool2d(x, 3, 1)[..., 2:, 2:], tl.max_pool2d(x[..., 2:, 2:], 3, 1)
    )  # it moves with the image
    np.testing.assert_array_equal(tl.relu(tl.max_pool2d(x, 2)), tl.max_pool2d(tl.relu(x), 2))
    np.testing.assert_array_equal(tl.max_pool1d(x.reshape(2, 3, -1), 3), tl.max_pool2d(x.reshape(2, 3, 1, -1), (1, 3))[:, :, 0])


def test_the_mean_of_a_constant_is_that_constant():
    for options in [
        dict(padding=1, count_include_pad=False),
        dict(ceil_mode=True),
        dict(padding=1, count_include_pad=False, ceil_mode=True),
    ]:
        for kernel, stride in itertools.product((2, 3), (1, 2, 3)):
            out = tl.avg_pool2d(np.full((1, 2, 8, 11), 3.0, np.float32), kernel, stride, **options)
            np.testing.assert_array_equal(out, np.full_like(out, 3))
    np.testing.assert_array_equal(tl.avg_pool1d(np.full((1, 4), 3.0), 2, 2, 1), [[1.5, 3, 1.5]])


def test_the_lectures_pooling():
    """The 4 x 4 image of the lecture: 2 x 2 windows, their largest, mean and sum."""
    image = np.array([[[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]])
    assert tl.max_pool2d(image, 2).tolist() == [[[6, 8], [3, 4]]]
    assert tl.avg_pool2d(image, 2).tolist() == [[[3.25, 5.25], [2, 2]]]
    assert tl.sum_pool2d(image, 2).tolist() == [[[13, 21], [8, 8]]]


def test_columns():
    """A convolution is a product with the columns; folding them counts how often each element was seen."""
    rng = np.random.default_rng(6)
    for size, options in [
        ((5, 6), dict(kernel_size=(3, 2), stride=(1, 2), padding=(1, 0), dilation=(1, 2))), ((4, 4), dict(kernel_size=2)),
        ((7, 5), dict(kernel_size=3, stride=2, padding=2)),
    ]:  # fmt: skip
        x, weight = rng.standard_normal((2, 3, *size)), rng.standard_normal((4, 3, *np.broadcast_to(options["kernel_size"], 2)))
        columns = tl.unfold(x, **options)
        window = {k: v for k, v in options.items() if k != "kernel_size"}
        out = tl.conv2d(x, weight, **window)
        np.testing.assert_allclose((weight.reshape(4, -1) @ columns).reshape(out.shape), out, atol=1e-12)
        y = rng.standard_normal(columns.shape)
        assert np.vdot(columns, y) == pytest.approx(np.vdot(x, tl.fold(y, size, **options)), rel=1e-11)
        ones = tl.fold(tl.unfold(np.ones((1, *size)), **options), size, **options)
        np.testing.assert_allclose(ones, tl.fold(np.ones((columns.shape[1] // 3, columns.shape[2])), size, **options))
        np.testing.assert_allclose(tl.unfold(x[0], **options), columns[0])


# -- dtypes, layouts, threads, processors ------------------------------------------------------------------------------


HALVES = [
    lambda x: tl.max_pool2d(x, 3, 2, 1), lambda x: tl.avg_pool2d(x, 3, 2, 1), tl.global_avg_pool, lambda x: tl.sum_pool2d(x, 2),
    lambda x: tl.avg_pool2d(x, 2, ceil_mode=True, padding=1, count_include_pad=False),
]  # fmt: skip


@pytest.mark.parametrize("op", HALVES)
def test_half_precision_is_computed_in_single(op):
    rng = np.random.default_rng(7)
    x = rng.standard_normal((2, 3, 9, 9)).astype(np.float16)
    half, single = (tl.Tensor(a, requires_grad=True) for a in (x, x.astype(np.float32)))
    y, z = op(half), op(single)
    assert y.dtype == np.float16
    np.testing.assert_array_equal(y.data, z.data.astype(np.float16))
    g = rng.standard_normal(y.shape).astype(np.float16)
    y.backward(g)
    z.backward(g.astype(np.float32))
    assert half.grad.dtype == np.float16
    np.testing.assert_allclose(half.grad.data, single.grad.data, rtol=2e-3, atol=1e-3)


WORK = [
    ("max 2x2", lambda x: tl.max_pool2d(x, 2)), ("max 3x3", lambda x: tl.max_pool2d(x, 3, 2, 1)),
    ("max 3x3 side by side", lambda x: tl.max_pool2d(x, 3)), ("mean 2x2", lambda x: tl.avg_pool2d(x, 2)),
    ("mean 3x3", lambda x: tl.avg_pool2d(x, 3, 1, 1)), ("mean of all", tl.global_avg_pool),
    ("adaptive", lambda x: tl.adaptive_max_pool2d(x, 5)), ("adaptive mean", lambda x: tl.adaptive_avg_pool2d(x, 5)),
]  # fmt: skip


def results(op, x):
    t = tl.Tensor(x, requires_grad=True)
    y = op(t)
    y.backward(np.cos(np.arange(y.numel(), dtype=x.dtype)).reshape(y.shape))
    return y.data, t.grad.data


@pytest.mark.parametrize("op", [op for _, op in WORK], ids=[name for name, _ in WORK])
def test_results_do_not_depend_on_the_number_of_threads(op, monkeypatch):
    x = (
        np.random.default_rng(8).standard_normal((5, 31, 18, 20)).astype(np.float32)
    )  # an odd number of planes, beyond the pool's size
    monkeypatch.setattr(threads, "_chosen", 1)
    alone = results(op, x)
    monkeypatch.setattr(threads, "_chosen", 3)
    for one, other in zip(alone, results(op, x)):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(alone, results(op, np.asfortranarray(x))):
        np.testing.assert_array_equal(one, other)
    for k in (0, 4):
        np.testing.assert_array_equal(results(op, x[k : k + 1])[0], alone[0][k : k + 1])


def test_a_kernel_of_each_kind():
    """In rows: side by side, in a frame; anywhere; in float32. What runs on other processors too."""
    rng = np.random.default_rng(10)
    for size, kernel, stride, padding in [((4, 34), 2, 2, 0), ((5, 33), 3, 2, 1), ((9, 9), 3, 3, 0)]:
        check(rng, 3, size, ((kernel,) * 2, (stride,) * 2, (padding,) * 2, (1, 1), False), np.float32)


@pytest.mark.parametrize("processor", ["generic", "haswell"])
def test_on_other_processors(processor, tmp_path):
    if os.environ.get("NUMBA_CPU_NAME"):
        pytest.skip("already there")
    settings = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": "+avx2,+fma" if processor == "haswell" else ""}
    settings |= {"TINYGRAD_LITE_CACHE": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__, "-k", "kernel_of_each_kind"]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True)
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout + done.stderr


# -- errors ------------------------------------------------------------------------------------------------------------

X = tl.tensor(np.zeros((2, 3, 5, 5), np.float32))
ERRORS = [
    (lambda: tl.max_pool2d(X, 7), ValueError,
     r"^max_pool2d in features\.0: kernel_size 7 is larger than size 5 of the image \(5, 5\) with padding 0 on both sides"),
    (lambda: tl.max_pool2d(X, 3, dilation=3), ValueError, r"kernel_size 3 \(with dilation 3: 7\) is larger than size 5"),
    (lambda: tl.max_pool2d(X, 3, padding=2), ValueError,
     r"^max_pool2d in features\.0: padding 2 is more than half of kernel_size 3"),
    (lambda: tl.max_pool2d(X[..., :2, :2], 2, padding=1, dilation=3), ValueError, "a window over size 2 would see padding only"),
    (lambda: tl.max_pool2d(X, (2, 2, 2)), ValueError, r"kernel_size must be an integer or 2 integers, 1 or more, got \(2, 2, 2\)"),
    (lambda: tl.max_pool2d(X, 2.0), TypeError, r"kernel_size must be an integer or 2 integers, got 2\.0"),
    (lambda: tl.max_pool2d(X, 0), ValueError, "kernel_size must be"),
    (lambda: tl.avg_pool2d(X, 2, 0), ValueError,
     r"^avg_pool2d in features\.0: stride must be an integer or 2 integers, 1 or more, got 0"),
    (lambda: tl.sum_pool2d(X, 2, padding=-1), ValueError, r"^sum_pool2d in features\.0: padding must be .* 0 or more, got -1"),
    (lambda: tl.max_pool2d(X, 2, dilation=0), ValueError, "dilation must be .* 1 or more"),
    (lambda: tl.max_pool1d(X, 2), ValueError,
     r"^max_pool1d in features\.0: x must be \(batch, channels, length\) or \(channels, length\), got \(2, 3, 5, 5\)"),
    (lambda: tl.max_pool2d(X[:, :, :0], 2), ValueError, "no elements in an image: only batch and channels may be empty"),
    (lambda: tl.max_pool2d([[1.0]], 2), TypeError, r"^max_pool2d in features\.0: expected a Tensor or an array, got list"),
    (lambda: tl.avg_pool2d(X > 0, 2), TypeError, r"^avg_pool2d in features\.0: x is bool: convert it with \.float\(\) first"),
    (lambda: tl.avg_pool2d(X.to(np.int64), 2), TypeError, r"x is int64: convert it with \.float\(\) first"),
    (lambda: tl.max_pool1d(X[0].to(np.int64), 2), TypeError, r"x is int64"),
    (lambda: tl.adaptive_max_pool2d(X.to(np.int64), 2), TypeError, r"^adaptive_max_pool2d in features\.0: x is int64"),
    (lambda: tl.avg_pool2d(X, 2, divisor_override=0), ValueError,
     r"^avg_pool2d in features\.0: divisor_override must be an integer, not 0, got 0"),
    (lambda: tl.avg_pool2d(X, 2, divisor_override=2.5), ValueError, "divisor_override must be an integer"),
    (lambda: tl.adaptive_avg_pool2d(X, (1, 2, 3)), ValueError,
     r"^adaptive_avg_pool2d in features\.0: output_size must be an integer or 2 integers, 0 or more, got \(1, 2, 3\)"),
    (lambda: tl.adaptive_avg_pool2d(X, -1), ValueError, "output_size must be"),
    (lambda: tl.lp_pool2d(X, 0, 2), ValueError, r"^lp_pool2d in features\.0: norm_type must not be 0"),
    (lambda: tl.global_avg_pool(X[0, 0]), ValueError,
     r"^global_avg_pool in features\.0: x must be \(batch, channels, \.\.\.\), got \(5, 5\)"),
    (lambda: tl.unfold(X, 7), ValueError,
     r"^unfold in features\.0: kernel_size \(7, 7\) with dilation \(1, 1\) is larger than the image"),
    (lambda: tl.unfold(X.to(np.int64), 2), TypeError, r"^unfold in features\.0: x is int64"),
    (lambda: tl.fold(X[0], (5, 5), 2), ValueError,
     r"^fold in features\.0: x must be \(batch, channels \* 4, 16\) or without batch .*got \(3, 5, 5\)"),
    (lambda: tl.fold(X[0], (5, 5), 8), ValueError, r"^fold in features\.0: kernel_size \(8, 8\)"),
    (lambda: nn.MaxPool2d(2, padding=-1), ValueError, r"^MaxPool2d in features\.0: padding must be"),
    (lambda: nn.AvgPool1d((2, 2)), ValueError,
     r"^AvgPool1d in features\.0: kernel_size must be an integer, 1 or more, got \(2, 2\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS, ids=[text[:50] for *_, text in ERRORS])
def test_errors_say_what_is_wrong(call, kind, text):
    with tl.scope("features"), tl.scope("0"), pytest.raises(kind, match=text):
        call()


# -- modules -----------------------------------------------------------------------------------------------------------

MODULES = [
    (nn.MaxPool1d(3, 2, 1), (2, 3, 8), lambda x: tl.max_pool1d(x, 3, 2, 1)),
    (nn.MaxPool2d(2, ceil_mode=True, dilation=2), (2, 3, 7, 7), lambda x: tl.max_pool2d(x, 2, ceil_mode=True, dilation=2)),
    (nn.MaxPool3d(2), (3, 4, 4, 4), lambda x: tl.max_pool3d(x, 2)),
    (nn.AvgPool1d(3, 2, 1, count_include_pad=False), (2, 3, 8), lambda x: tl.avg_pool1d(x, 3, 2, 1, count_include_pad=False)),
    (nn.AvgPool2d(2, divisor_override=3), (2, 3, 7, 7), lambda x: tl.avg_pool2d(x, 2, divisor_override=3)),
    (nn.AvgPool3d(2), (2, 3, 4, 4, 4), lambda x: tl.avg_pool3d(x, 2)),
    (nn.SumPool1d(2), (2, 3, 8), lambda x: tl.sum_pool1d(x, 2)),
    (nn.SumPool2d((2, 3), 1), (2, 3, 4, 4), lambda x: tl.sum_pool2d(x, (2, 3), 1)),
    (nn.SumPool3d(2, padding=1), (3, 4, 4, 4), lambda x: tl.sum_pool3d(x, 2, padding=1)),
    (nn.LPPool1d(2, 3), (2, 3, 8), lambda x: tl.lp_pool1d(x, 2, 3)),
    (nn.LPPool2d(4, 2, 1), (2, 3, 4, 4), lambda x: tl.lp_pool2d(x, 4, 2, 1)),
    (nn.LPPool3d(2, 2, ceil_mode=True), (2, 3, 4, 4, 3), lambda x: tl.lp_pool3d(x, 2, 2, ceil_mode=True)),
    (nn.AdaptiveAvgPool1d(3), (2, 3, 8), lambda x: tl.adaptive_avg_pool1d(x, 3)),
    (nn.AdaptiveAvgPool2d((None, 2)), (2, 3, 4, 5), lambda x: tl.adaptive_avg_pool2d(x, (None, 2))),
    (nn.AdaptiveAvgPool3d(2), (3, 4, 4, 3), lambda x: tl.adaptive_avg_pool3d(x, 2)),
    (nn.AdaptiveMaxPool1d(3), (2, 3, 8), lambda x: tl.adaptive_max_pool1d(x, 3)),
    (nn.AdaptiveMaxPool2d((3, 2)), (2, 3, 4, 5), lambda x: tl.adaptive_max_pool2d(x, (3, 2))),
    (nn.AdaptiveMaxPool3d(2), (2, 3, 4, 4, 3), lambda x: tl.adaptive_max_pool3d(x, 2)),
    (nn.GlobalAvgPool(), (2, 3, 4, 5), tl.global_avg_pool),
    (nn.GlobalMaxPool(keepdim=True), (2, 3, 4), lambda x: tl.global_max_pool(x, True)),
    (nn.Unfold(2, stride=2), (2, 3, 4, 5), lambda x: tl.unfold(x, 2, stride=2)),
    (nn.Fold((4, 5), 2, stride=2), (2, 12, 4), lambda x: tl.fold(x, (4, 5), 2, stride=2)),
]


@pytest.mark.parametrize(("module", "shape", "op"), MODULES, ids=[type(m).__name__ for m, *_ in MODULES])
def test_modules_are_their_ops(module, shape, op):
    x = np.random.default_rng(9).standard_normal(shape)
    np.testing.assert_array_equal(module(tl.Tensor(x)).data, op(x))
    assert not list(module.parameters()) and type(module).__name__ in nn.__dict__ and "=" in repr(module)


def test_modules_give_indices():
    x = tl.tensor(np.arange(16.0).reshape(1, 4, 4))
    assert nn.MaxPool2d(2, return_indices=True)(x)[1].data.tolist() == [[[5, 7], [13, 15]]]
    assert nn.AdaptiveMaxPool2d(1, return_indices=True)(x)[1].data.tolist() == [[[15]]]
    assert repr(nn.MaxPool2d(3, 2, 1)) == "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)"


POOLS = (nn.MaxPool2d(2), nn.MaxPool2d(3, 2, padding=1), nn.MaxPool2d(2, ceil_mode=True), nn.MaxPool2d(2, padding=1, dilation=3))


@pytest.mark.parametrize("pool", POOLS, ids=repr)
def test_a_relu_before_a_max_pool_may_run_behind_it(pool):
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 3, (2, 3, 7, 5)).astype(np.float32)  # many ties, windows without a positive number
    x[0, 0, :4] = -1
    x[1, 2, 3, 3] = np.nan
    weights = tl.Tensor(rng.standard_normal(pool(tl.Tensor(x)).shape).astype(np.float32))
    gradients = []
    for net in (nn.Sequential(nn.Identity(), nn.ReLU(), pool), lambda x: pool(tl.relu(x))):
        leaf = tl.tensor(x, requires_grad=True)
        out = net(leaf)
        (out * weights).sum().backward()
        gradients.append((out.data, leaf.grad.data))
    for ours, expected in zip(*gradients):
        np.testing.assert_array_equal(ours, expected)


def test_sequential_runs_the_pool_first_only_where_that_is_the_same(monkeypatch):
    def ran(*modules):
        """The names of what runs, in its order."""
        names = []
        with monkeypatch.context() as patch:
            for kind, forward in {type(m): type(m).forward for m in modules}.items():
                patch.setattr(kind, "forward", lambda self, x, f=forward: (names.append(type(self).__name__), f(self, x))[1])
            nn.Sequential(*modules)(tl.zeros(1, 1, 9, 9))
        return names

    assert ran(nn.ReLU(), nn.MaxPool2d(2), nn.ReLU(), nn.MaxPool2d(3)) == ["MaxPool2d", "ReLU", "MaxPool2d", "ReLU"]
    assert ran(nn.Flatten(0, 1), nn.ReLU(), nn.MaxPool1d(2)) == ["Flatten", "MaxPool1d", "ReLU"]
    assert ran(nn.ReLU(), nn.MaxPool2d(2, dilation=2)) == ["ReLU", "MaxPool2d"]
    assert ran(nn.ReLU(), nn.MaxPool2d(2, return_indices=True)) == ["ReLU", "MaxPool2d"]
    assert ran(nn.ReLU(), nn.AvgPool2d(2), nn.Tanh(), nn.MaxPool2d(2)) == ["ReLU", "AvgPool2d", "Tanh", "MaxPool2d"]

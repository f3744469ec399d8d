"""The fused normalisation of samples: kernels against the twins in float64, exact sums, layouts, threads, processors."""

import os
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite.kernels import normalisation, normalisation_rows
from tinygrad_lite.kernels.normalisation_rows import CHUNK
from tinygrad_lite.ops.sample_normalisation import normalise_features, normalise_groups, normalise_squares

F = tl.nn.functional
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SIZES = [*range(1, 19), 31, 33, 64, 65, 100, 513, 768, CHUNK + 5, 2 * CHUNK]
BATCHES = [1, 3, 6, 131]
GROUPS = [((3, 4, 5), 2), ((2, 6, 7, 5), 3), ((5, 4), 2), ((2, 3, CHUNK + 3), 3), ((1, 8, 9), 1), ((2, 4, 33), 4), ((4, 2, 1), 1)]


def drawn(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def results(function, arrays, options):
    """What ``function`` gives, and the gradients towards all ``arrays`` but the last, which is the cotangent; None stays None."""
    *leaves, g = [a if a is None else tl.Tensor(a, requires_grad=True) for a in arrays]
    out = function(*leaves, **options)
    out.backward(g.detach())
    return [out.data, *(t.grad.data for t in leaves if t is not None)]


def check(op, arrays, options, tolerance):
    """The kernel against the twin in float64: no error above ``tolerance`` times the largest value of each result."""
    twin = op.primitive.twin
    expected = results(twin, [a if a is None else a.astype(np.float64) for a in arrays], options)
    for a, e in zip(results(op, arrays, options), expected, strict=True):
        assert a.dtype == arrays[0].dtype and a.shape == e.shape
        np.testing.assert_allclose(a, e, rtol=0, atol=tolerance * max(1, np.abs(e).max()), err_msg=f"{arrays[0].shape}")


def check_rows(sizes, dtype):
    """Rows of each size, in few and many, with weight and bias and without."""
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    for n in sizes:
        w, b = drawn(2, n, dtype=dtype)
        options = {"normalized_shape": (n,), "eps": 1e-3}
        for batch in BATCHES:
            x, g = drawn(2, batch, n, dtype=dtype, seed=n) * dtype(2) + dtype(1)
            check(normalise_features, [x, w, b, g], options, tolerance)
            check(normalise_squares, [x, w, g], options, tolerance)
        for given in ([None, None], [w, None], [None, b]):
            check(normalise_features, [x, *given, g], options, tolerance)
        check(normalise_squares, [x, None, g], options, tolerance)


def check_groups(dtype):
    """Groups of one channel and of several, of few places and of many."""
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    for shape, groups in GROUPS:
        x, g = drawn(2, *shape, dtype=dtype) * dtype(2) + dtype(1)
        w, b = drawn(2, shape[1], dtype=dtype, seed=1)
        for given in ([w, b], [None, None], [w, None], [None, b]):
            check(normalise_groups, [x, *given, g], {"num_groups": groups, "eps": 1e-3}, tolerance)


@DTYPES
def test_rows_equal_the_twin(dtype):
    check_rows(SIZES, dtype)


@DTYPES
def test_groups_equal_the_twin(dtype):
    check_groups(dtype)


@pytest.mark.parametrize("target", ["haswell", "generic"])
def test_on_other_processors(target):
    """In a process of its own: registers of half the width, and of a quarter without fused multiply-adds."""
    if os.environ.get("NUMBA_CPU_NAME"):
        pytest.skip("already there")
    code = "import numpy as np, test_sample_normalisation as t\n"
    code += "t.check_rows((1, 3, 7, 33, 65), np.float32)\nt.check_groups(np.float32)"
    env = {**os.environ, "NUMBA_CPU_NAME": target, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])}
    if target == "generic":
        env["NUMBA_CPU_FEATURES"] = ""
    subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=500)


# -- the sums ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 5), (7, 64), (5, 768), (2, 1_000_000)], ids=str)
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (1e4, 1.0), (-3e5, 10.0), (1.0, 1e3)])
def test_statistics_of_many_numbers(shape, mean, std):
    """Mean and variance of float32 are those that float64 finds, within 1e-6, however large the mean."""
    x = drawn(*shape, dtype=np.float32) * np.float32(std) + np.float32(mean)
    exact = x.astype(np.float64)
    for statistics in (
        normalisation.layer_norm(x, None, None, 0.0, shape[1])[1], normalisation.group_norm(x[None], None, None, 0.0, len(x))[1],
    ):  # fmt: skip
        np.testing.assert_allclose(statistics[:, 0], exact.mean(1), rtol=0, atol=1e-6 * std)
        np.testing.assert_allclose(statistics[:, 1] ** -2, exact.var(1), rtol=2e-6)
    squares = normalisation.layer_norm(x, None, None, 0.0, shape[1], centred=False)[1]
    np.testing.assert_allclose(squares[:, 1] ** -2, (exact**2).mean(1), rtol=2e-6)
    assert not squares[:, 0].any()


def test_a_large_mean_leaves_values_and_gradients_exact():
    """x of float32 at 1e5, where its own spacing is a hundredth: what comes out has nothing to do with the mean."""
    x, g = drawn(40, 96, dtype=np.float32) + np.float32(1e5), drawn(40, 96, dtype=np.float32, seed=1)
    w, b = drawn(2, 96, dtype=np.float32, seed=2)
    check(normalise_features, [x, w, b, g], {"normalized_shape": (96,)}, 2e-6)
    wide = [a.reshape(10, 4, 96) for a in (x, g)]
    check(normalise_groups, [wide[0], *drawn(2, 4, dtype=np.float32), wide[1]], {"num_groups": 2}, 2e-6)


def test_gradients_of_weights_over_many_rows():
    """A hundred thousand rows of float32 whose gradients do not cancel: blocks of rows are summed in float64."""
    x, g = drawn(100_000, 5, dtype=np.float32), np.ones((100_000, 5), np.float32) / 3
    _, _, g_bias = normalisation.layer_norm_backward(g, x, None, 5, normalisation.layer_norm(x, None, None, 1e-5, 5)[1])
    np.testing.assert_allclose(g_bias, g.sum(0, np.float64), rtol=2e-6)


def test_a_row_that_does_not_vary():
    """It becomes the bias; and the gradient towards a row of one number is 0, without rounding."""
    x = tl.Tensor(np.full((2, 7), 3.3, np.float32), requires_grad=True)
    bias = drawn(7, dtype=np.float32)
    np.testing.assert_allclose(F.layer_norm(x, 7, None, bias).data, [bias, bias], atol=1e-6)
    one = tl.Tensor(drawn(4, 1, dtype=np.float32) * 100, requires_grad=True)
    F.layer_norm(one, 1, tl.tensor([0.3])).backward(tl.Tensor(drawn(4, 1, dtype=np.float32)))
    assert not one.grad.data.any()


def test_a_nan_stays_in_its_row():
    x = drawn(9, 50)
    clean, x[4, 7] = F.layer_norm(x, 50), np.nan
    out = F.layer_norm(x, 50)
    assert np.isnan(out[4]).all()
    np.testing.assert_array_equal(np.delete(out, 4, 0), np.delete(clean, 4, 0))


# -- threads and layouts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(301, 40), (9, 5, 700), (2, 70_000)], ids=str)
def test_threads_change_nothing(shape, monkeypatch):
    x, g = drawn(2, *shape, dtype=np.float32)
    w, b = drawn(2, shape[-1], dtype=np.float32, seed=1)
    images, to = (a.reshape(shape[0], 2, -1) for a in (x, g))
    found = []
    for n in (1, 2, 3):
        for name in ("forward_rows", "backward_rows", "forward_groups", "backward_groups"):
            loop = getattr(normalisation_rows, name)
            monkeypatch.setattr(loop, "run", lambda work, *args, n=n, loop=loop: loop.on(n, *args))
        found.append(
            results(normalise_features, [x, w, b, g], {"normalized_shape": shape[-1:]})
            + results(normalise_squares, [x, w, g], {"normalized_shape": shape[-1:], "eps": 0.0})
            + results(normalise_groups, [images, w[:2], b[:2], to], {"num_groups": 2})
        )
    for other in found[1:]:
        for a, e in zip(other, found[0], strict=True):
            np.testing.assert_array_equal(a, e)


def test_layout_does_not_matter():
    x, g, w, b = drawn(4, 6, 3, 5), drawn(4, 6, 3, 5, seed=1), drawn(3, 5, seed=2), drawn(3, 5, seed=3)
    calls = [
        (normalise_features, [x, w, b, g], {"normalized_shape": (3, 5)}),
        (normalise_squares, [x, w, g], {"normalized_shape": (3, 5), "eps": 0.1}),
        (normalise_groups, [x, w.ravel()[:6], b.ravel()[:6], g], {"num_groups": 3}),
    ]
    moves = [np.asfortranarray, lambda a: np.repeat(a, 2, -1)[..., ::2], lambda a: a[..., ::-1].copy()[..., ::-1]]
    for op, arrays, options in calls:
        expected = results(op, arrays, options)
        for move in moves:
            given = [move(a) for a in arrays]
            for a in given:
                a.flags.writeable = False
            for a, e in zip(results(op, given, options), expected, strict=True):
                np.testing.assert_array_equal(a, e)


def test_a_cotangent_that_was_broadcast():
    t = tl.Tensor(drawn(4, 6), requires_grad=True)
    w = tl.Tensor(drawn(6, seed=1), requires_grad=True)
    (F.layer_norm(t, 6, w).sum(0)[::2] * np.arange(3.0)).sum().backward()
    g = np.zeros((4, 6))
    g[:, ::2] = np.arange(3.0)
    _, g_x, g_w = results(normalise_features, [t.data, w.data, None, g], {"normalized_shape": (6,)})
    np.testing.assert_allclose(t.grad.data, g_x, atol=1e-14)
    np.testing.assert_allclose(w.grad.data, g_w, atol=1e-14)


# -- laws ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(8, 35), (3, 2100)], ids=str)
def test_gradients_are_orthogonal_to_shift_and_scale(shape):
    """The result does not change when a row is scaled, nor that of layer_norm when it is shifted: the gradient has no such part."""
    for function, directions in [(F.layer_norm, (np.ones_like, np.asarray)), (F.rms_norm, (np.asarray,))]:
        x = tl.Tensor(drawn(*shape), requires_grad=True)
        (function(x, shape[-1], drawn(shape[-1], seed=1), eps=0.0) * drawn(*shape, seed=2)).sum().backward()
        for direction in directions:
            np.testing.assert_allclose((x.grad.data * direction(x.data)).sum(-1), 0, atol=1e-11)


def test_where_they_are_one():
    """layer_norm over all is group_norm of one group, instance_norm group_norm of as many groups as channels and, of one image,
    batch_norm; rms_norm of what has mean 0 is layer_norm."""
    x = drawn(3, 4, 5)
    np.testing.assert_allclose(F.layer_norm(x, (4, 5)), F.group_norm(x, 1), atol=1e-14)
    np.testing.assert_allclose(F.instance_norm(x), F.group_norm(x, 4), atol=0)
    np.testing.assert_allclose(F.instance_norm(x[:1]), tl.batch_norm(x[:1], None, None, training=True), atol=1e-14)
    centred = x - x.mean(-1, keepdims=True)
    np.testing.assert_allclose(F.rms_norm(centred, 5, eps=1e-5), F.layer_norm(x, 5), atol=1e-14)

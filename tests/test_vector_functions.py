"""exp, expm1, log, sigmoid, tanh and erf inside of kernels: how exact they are over the whole range, what they do at its ends, and
that the loops which call them are vectorised. The ops that use them stand at the end."""

import os
import platform
import re
import subprocess
import sys

import numba
import numpy as np
import pytest
import scipy.special

import tinygrad_lite as tl
from tinygrad_lite.kernels import activation, functions

INF, NAN = np.inf, np.nan


def sigmoid(x):
    """Without cancellation, in the precision of ``x``."""
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


# and units in the last place
FUNCTIONS = {
    "exp": (np.exp, 1.2), "expm1": (np.expm1, 2), "log": (np.log, 1.2), "sigmoid": (sigmoid, 2.4), "tanh": (np.tanh, 1.5),
    "erf": (scipy.special.erf, 1.2),
}  # fmt: skip
OF_FLOAT64 = [name for name in FUNCTIONS if name != "erf"]  # that one is for float32 alone
LOOPS = {}


def loop_of(name):
    """A loop that Numba compiles here, not from the cache."""
    if name not in LOOPS:
        function, full_width = getattr(functions, name), functions.full_width

        @numba.njit(error_model="numpy")
        def loop(x, out):
            full_width()
            for i in range(x.size):
                out[i] = function(x[i])

        LOOPS[name] = loop
    return LOOPS[name]


def applied(name, x):
    out = np.full_like(x, 7)
    loop_of(name)(x, out)
    return out


def error(out, exact):
    """The largest distance in units in the last place of the exact result; infinities must be equal."""
    with np.errstate(over="ignore"):
        rounded = exact.astype(out.dtype)
    assert (np.isinf(out) == np.isinf(rounded)).all() and (out[np.isinf(out)] == rounded[np.isinf(rounded)]).all()
    finite = np.isfinite(rounded)
    units = np.maximum(np.abs(np.spacing(rounded[finite])), np.finfo(out.dtype).smallest_subnormal)
    return np.max(np.abs(out[finite].astype(exact.dtype) - exact[finite]) / units)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_over_the_whole_range(name):
    """Every 9973rd number there is, subnormal ones included, against float64."""
    x = np.arange(0, 1 << 32, 9973, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = x[np.isfinite(x) & ((x > 0) | (name != "log"))]
    reference, bound = FUNCTIONS[name]
    with np.errstate(over="ignore"):
        assert error(applied(name, x), reference(x.astype(np.float64))) < bound


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="no longer doubles to compare with")
@pytest.mark.parametrize("name", OF_FLOAT64)
def test_float64(name):
    rng, (reference, bound) = np.random.default_rng(0), FUNCTIONS[name]
    wide = [(-745, 709.7), (-40, 40), (-2, 2), (-1e-3, 1e-3), (-746, -706)]
    ranges = wide if name != "log" else [(0, 1e300), (0, 3), (0.9, 1.1), (0, 1e-307)]
    x = np.concatenate([rng.uniform(*ends, 20_000) for ends in ranges])
    assert error(applied(name, x), reference(x.astype(np.longdouble))) < bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "values"), [
    ("exp", {0.0: 1, INF: INF, -INF: 0, -1e30: 0, 1e30: INF}),
    ("log", {1.0: 0, 0.0: -INF, INF: INF, -1.0: NAN, -INF: NAN}),
    ("sigmoid", {0.0: 0.5, INF: 1, -INF: 0, -1e30: 0, 1e30: 1}),
    ("tanh", {0.0: 0, INF: 1, -INF: -1, 1e30: 1, -1e30: -1}),
])  # fmt: skip
def test_at_the_ends(name, values, dtype):
    """With the same number in all lanes, and alone at the end of a loop; -0 as 0."""
    for x, expected in {**values, NAN: NAN, **({-0.0: values[0.0]} if 0.0 in values else {})}.items():
        np.testing.assert_array_equal(applied(name, np.full(67, x, dtype)), np.full(67, expected, dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_next_to_the_ends(dtype):
    """No overflow where the result is finite, no zero where it is subnormal."""
    info = np.finfo(dtype)
    for x in (np.log(np.longdouble(info.max)), np.log(np.longdouble(info.smallest_subnormal)) + 0.2):
        x = np.nextafter(dtype(x), dtype(0))
        assert 0 < applied("exp", np.array([x]))[0] < INF
    assert applied("exp", np.array([np.nextafter(dtype(np.log(np.longdouble(info.max))), dtype(INF)) + dtype(0.01)]))[0] == INF
    assert 0 < applied("sigmoid", np.array([x]))[0] < info.smallest_normal


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh_is_odd_and_keeps_small_numbers(dtype):
    x = np.geomspace(1e-30, 30, 5000).astype(dtype)
    np.testing.assert_array_equal(applied("tanh", -x), -applied("tanh", x))
    tiny = x[x < 1e-8]
    np.testing.assert_array_equal(applied("tanh", tiny), tiny)
    zeros = np.array([0.0, -0.0], dtype)
    assert (np.signbit(applied("tanh", zeros)) == [False, True]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_of_a_row(dtype):
    largest = functions.largest

    @numba.njit
    def of(row):
        return largest(row)

    rng = np.random.default_rng(0)
    for n in (1, 2, 31, 100, 1000):
        for row in (rng.standard_normal(n), -rng.random(n), np.zeros(n), np.full(n, -INF), np.r_[rng.standard_normal(n), INF]):
            assert of(row.astype(dtype)) == row.astype(dtype).max()


X86 = platform.machine().lower() in ("x86_64", "amd64")


@pytest.mark.skipif(not X86, reason="looks for the instructions of this processor family")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_loops_are_vectorised(name):
    loop = loop_of(name)
    for dtype, packed in ((np.float32, "ps"), (np.float64, "pd"))[: 1 + (name in OF_FLOAT64)]:
        applied(name, np.ones(3, dtype))
        types = tuple(numba.typeof(np.ones(3, dtype)) for _ in range(2))
        assembly = loop.inspect_asm(types)
        assert len(re.findall(rf"\tv?(?:mul|sub|add|fn?m\w+){packed}\t", assembly)) > 10
        assert not re.findall(r"\$(?:exp|log|tanh)f?\b", assembly)  # nothing of the C library


def test_on_a_processor_without_fused_multiply_add():
    """The same bounds, computed by a process that compiles for the oldest 64-bit processors."""
    if os.environ.get("NUMBA_CPU_NAME"):
        pytest.skip("already elsewhere")
    if not X86:
        pytest.skip("the name of the processor is one of this family")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__, "-k", "whole_range"]
    done = subprocess.run(command, env={**os.environ, "NUMBA_CPU_NAME": "x86-64"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# -- kernels and ops -------------------------------------------------------------------------------------------------

KERNELS = {"exp": np.exp, "sigmoid": sigmoid, "tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_kernels_take_every_size_and_layout(name, dtype):
    rng, tolerance = np.random.default_rng(0), {np.float16: 1e-3, np.float32: 4e-7, np.float64: 1e-15}[dtype]
    kernel, reference = getattr(activation, name), KERNELS[name]
    block = activation.BLOCK
    sizes = [rng.standard_normal(n).astype(dtype) for n in (0, 1, 15, 17, 63, 64, 65, block - 1, block, block + 1, 3 * block + 5)]
    x = rng.standard_normal((6, 5, 7)).astype(dtype)
    frozen = x.copy()
    frozen.flags.writeable = False
    layouts = [x, x.T, x[::2, ::-1], x[:, 1:2, :0], np.asarray(x[0, 0, 0]), np.broadcast_to(x[:, :1], x.shape), frozen]
    for given in sizes + layouts:
        out = kernel(given)
        assert out.shape == given.shape and out.dtype == dtype and out.flags.carray
        np.testing.assert_allclose(out, reference(given.astype(np.float64)), rtol=tolerance, atol=0)


LOOPS_OF_KERNELS = {name: value for name, value in vars(activation).items() if name.endswith("_loop")}


@pytest.mark.parametrize("name", LOOPS_OF_KERNELS)
def test_threads_change_nothing(name):
    rng, n_arrays = np.random.default_rng(0), 1 + ("backward" in name)
    arrays = [rng.standard_normal(5 * activation.BLOCK + 77).astype(np.float32) for _ in range(n_arrays)]
    numbers = {"elu": [0.5], "softplus": [1.0, 20.0]}.get(name.split("_")[0], [])
    results = []
    for n in (1, 2, 3):
        out = np.empty_like(arrays[0])
        LOOPS_OF_KERNELS[name].on(n, *arrays, out, *map(np.float32, numbers))
        results.append(out)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_relu_keeps_nan():
    x = np.tile(np.array([NAN, -1, 0, 2], np.float32), 5000)
    np.testing.assert_array_equal(activation.relu(x), np.tile(np.array([NAN, 0, 0, 2], np.float32), 5000))
    np.testing.assert_array_equal(tl.relu(x), activation.relu(x))


@pytest.mark.parametrize("name", ["exp", "sigmoid", "tanh"])
@pytest.mark.parametrize("n", [5, 50_000])
def test_ops_at_the_ends(name, n, recwarn):
    """Saturated values and their gradients are exact and warn of nothing, in short and in long arrays."""
    limits = {"exp": (0, 0), "sigmoid": (0, 1), "tanh": (-1, 1)}[name]
    for x, limit in zip((-INF, INF), limits):
        if name == "exp" and x > 0:
            continue
        t = tl.tensor(np.full(n, x, np.float32), requires_grad=True)
        out = getattr(tl, name)(t)
        out.sum().backward()
        assert (out.data == limit).all() and (t.grad.data == 0).all()
    assert not recwarn.list


@pytest.mark.parametrize("shape", [(3, 5), (70, 10), (5, 200), (2, 3, 4), (1, 1), (4, 48), (4, 49)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_rows(name, shape):
    """Far from 0 and with values that nothing is left of, against float64."""
    x = np.random.default_rng(0).standard_normal(shape) * 40 + 1000
    x[..., 0] -= 300
    shifted = x - x.max(-1, keepdims=True)
    exact = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    for dtype, tolerance in ((np.float32, 3e-6), (np.float64, 1e-14)):
        given = x.astype(dtype)
        shifted = given.astype(float) - given.astype(float).max(-1, keepdims=True)
        exact = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
        exact = exact if name == "log_softmax" else np.exp(exact)
        np.testing.assert_allclose(getattr(tl, name)(given, dim=-1), exact, rtol=tolerance, atol=tolerance)
        transposed = np.ascontiguousarray(given.swapaxes(0, -1)).swapaxes(0, -1)
        np.testing.assert_array_equal(getattr(tl, name)(transposed, dim=-1), getattr(tl, name)(given, dim=-1))


def test_softmax_of_nothing_and_of_infinities():
    masked = np.array([[1.0, -INF, 2.0]] * 3)
    np.testing.assert_allclose(tl.softmax(masked, dim=1).sum(1), 1)
    assert (tl.softmax(masked, dim=1)[:, 1] == 0).all()
    for row in ([NAN, 1.0, 2.0], [-INF, -INF, -INF], [INF, 1.0, 2.0]):
        assert np.isnan(tl.softmax(np.array([row]), dim=1)).any()


def inner(x):
    """gelu by tanh is x sigmoid(this)."""
    return 2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)


# of float32 and as far out as it goes: value and slope of each, in float64
FUSED = {
    "elu": (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), lambda x: np.exp(np.minimum(x, 0))),
    "softplus": (lambda x: np.where(x > 20, x, np.logaddexp(0, x)), lambda x: np.where(x > 20, 1, sigmoid(x))),
    "gelu": (lambda x: x * scipy.special.ndtr(x), lambda x: scipy.special.ndtr(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)),
    "gelu_tanh": (
        lambda x: x * sigmoid(inner(x)),
        lambda x: sigmoid(inner(x)) * (1 + x * sigmoid(-inner(x)) * 2 * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x * x)),
    ),
}


@pytest.mark.parametrize("name", FUSED)
def test_fused_activations_far_out(name):
    """Within two units in the last place of the larger of 1 and the result; elu and softplus also of a small result."""
    value, slope = FUSED[name]
    small = np.geomspace(1e-30, 1, 500)
    x = np.concatenate([np.linspace(-120, 120, 20_001), small, -small]).astype(np.float32)
    t = tl.tensor(x, requires_grad=True)
    out = tl.gelu(t, "tanh") if name == "gelu_tanh" else getattr(tl, name)(t)
    out.sum().backward()
    for got, exact in ((out.data, value(x.astype(float))), (t.grad.data, slope(x.astype(float)))):
        np.testing.assert_allclose(got, exact, rtol=2.4e-7, atol=2.4e-7)
        if not name.startswith("gelu"):
            np.testing.assert_allclose(got, exact, rtol=4e-7, atol=1e-37)


def test_gelu_knows_its_approximations():
    with pytest.raises(ValueError, match="gelu: approximate is 'none' or 'tanh', got 'erf'"):
        tl.gelu(tl.zeros(2), "erf")

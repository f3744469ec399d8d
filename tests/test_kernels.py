"""Compiled kernels against their plain twins, here and on another CPU target."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tinygrad_lite import kernels
from tinygrad_lite.kernels.cache import KernelCache
from tinygrad_lite.kernels.jit import Kernel, cache_directory

RNG = np.random.default_rng(0)


def arrays(shape, dtype, count):
    return [RNG.random(shape).astype(dtype) + dtype(0.1) for _ in range(count)]


def update_case(loop, twin, n_arrays, numbers):
    def check(shape, dtype):
        first = arrays(shape, dtype, n_arrays)
        second = [a.copy() for a in first]
        loop(*[a.reshape(-1) for a in first], *numbers)
        twin(*second, *numbers)
        return first, second

    return check


def softmax_case(shape, dtype):
    if len(shape) != 2:
        return [], []
    logits, target = RNG.standard_normal(shape).astype(dtype) * 10, RNG.integers(0, shape[1], shape[0])
    ours, twin = kernels.softmax.cross_entropy(logits, target, 0.5), kernels.softmax.cross_entropy_twin(logits, target, 0.5)
    return [np.asarray(a, dtype) for a in ours], [np.asarray(a, dtype) for a in twin]


def rows_case(name, n_arrays=1):
    def check(shape, dtype):
        if len(shape) != 2:
            return [], []
        x = [RNG.standard_normal(shape).astype(dtype) * 3 for _ in range(n_arrays)]
        return [getattr(kernels.softmax, name)(*x)], [getattr(kernels.softmax, f"{name}_twin")(*x)]

    return check


def gradient_loop_case(name):
    def check(shape, dtype):
        g, y = RNG.standard_normal(shape).astype(dtype), RNG.integers(-1, 2, shape).astype(dtype) * dtype(0.7)
        ours, twin = np.empty_like(g), np.empty_like(g)
        getattr(kernels.elementwise, f"{name}_loop")(g.reshape(-1), y.reshape(-1), ours.reshape(-1))
        getattr(kernels.elementwise, f"{name}_twin")(g, y, twin)
        return [ours], [twin]

    return check


def sum_case(shape, dtype):
    if len(shape) != 2:
        return [], []
    x = RNG.standard_normal(shape).astype(dtype)
    ours, twin = np.empty(shape[1], dtype), np.empty(shape[1], dtype)
    kernels.linalg.sum_rows_loop(x, ours)
    kernels.linalg.sum_rows_twin(x, twin)
    return [ours], [twin]


def row_case(shape, dtype):
    if len(shape) != 2:
        return [], []
    ours, row = RNG.standard_normal(shape).astype(dtype), RNG.standard_normal(shape[1]).astype(dtype)
    twin = ours.copy()
    kernels.linalg.add_row_loop(ours, row)
    kernels.linalg.add_row_twin(twin, row)
    return [ours], [twin]


def rows_at_case(shape, dtype):
    if len(shape) != 2:
        return [], []
    ours, index = RNG.standard_normal(shape).astype(dtype), RNG.integers(0, shape[0], 2 * shape[0])
    twin, rows = ours.copy(), RNG.standard_normal((len(index), shape[1])).astype(dtype)
    kernels.linalg.add_rows_at_loop(ours, index, rows)
    kernels.linalg.add_rows_at_twin(twin, index, rows)
    return [ours], [twin]


u = kernels.update
CASES = {
    "sgd_loop": update_case(u.sgd_loop, u.sgd_twin, 2, (0.1,)),
    "sgd_momentum_loop": update_case(u.sgd_momentum_loop, u.sgd_momentum_twin, 3, (0.1, 0.8, 0.9, 0.7, 0.01, False)),
    "sgd_momentum_loop nesterov": update_case(u.sgd_momentum_loop, u.sgd_momentum_twin, 3, (0.1, 0.8, 0.9, 1.0, 0.01, True)),
    "adam_loop": update_case(u.adam_loop, u.adam_twin, 4, (0.1, 1.5, 0.9, 0.999, 1e-8, 0.01)),
    "sum_rows_loop": sum_case,
    "add_row_loop": row_case,
    "add_rows_at_loop": rows_at_case,
    "gate_loop": gradient_loop_case("gate"),
    "tanh_backward_loop": gradient_loop_case("tanh_backward"),
    "sigmoid_backward_loop": gradient_loop_case("sigmoid_backward"),
    "cross_entropy_loop": softmax_case,
    "softmax_loop": rows_case("softmax"),
    "log_softmax_loop": rows_case("log_softmax"),
    "softmax_backward_loop": rows_case("softmax_backward", 2),
    "log_softmax_backward_loop": rows_case("log_softmax_backward", 2),
}
SHAPES = [(1,), (7,), (33,), (3, 5), (16, 10), (130, 3), (2, 300), (1, 1), (2, 3, 4), (1000,)]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_kernel_equals_its_twin(name, dtype, shape):
    ours, twin = CASES[name](shape, dtype)
    for a, b in zip(ours, twin):
        largest = max(1, np.abs(b).max(initial=0))  # where large numbers cancel, both round by their size
        rtol, atol = (2e-5, 1e-6 * largest) if dtype == np.float32 else (1e-12, 1e-13 * largest)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def test_every_kernel_has_a_case():
    named = {name for case in CASES for name in case.replace(" nesterov", "").split(", ")}
    declared = {
        name
        for module in (kernels.elementwise, kernels.linalg, kernels.update, kernels.softmax)
        for name, value in vars(module).items()
        if isinstance(value, Kernel) or isinstance(getattr(value, "_cache", None), KernelCache)  # before and after its first call
    }
    assert declared == named


def test_a_bad_label_is_told():
    assert kernels.softmax.cross_entropy(np.zeros((2, 3)), np.array([0, 3]), 1.0)[3] == 1
    assert kernels.softmax.cross_entropy(np.zeros((2, 3)), np.array([-1, 0]), 1.0)[3] == 0


@pytest.mark.parametrize(
    "environment",
    [{"NUMBA_CPU_NAME": "generic"}, {"NUMBA_NUM_THREADS": "1"}, {"TINYGRAD_LITE_CACHE": "/proc/nowhere"}],
    ids=["generic CPU", "one thread", "no cache"],
)
def test_kernels_elsewhere(environment, tmp_path):
    if os.environ.get("TINYGRAD_LITE_ELSEWHERE"):
        pytest.skip("already elsewhere")
    settings = {"TINYGRAD_LITE_CACHE": str(tmp_path), "TINYGRAD_LITE_ELSEWHERE": "1", **environment}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__, "-k", "equals_its_twin and (3 or 7)"]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_the_cache_is_named_after_the_sources():
    folder = cache_directory()
    assert folder is None or len(os.path.basename(folder)) == 16

"""The pool of large buffers: memory comes back when the last array over it dies, and never before."""

import threading

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite.kernels import pool


@pytest.fixture(autouse=True)
def an_empty_pool():
    pool.clear()
    yield
    pool.clear()


def address(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("shape", [(), (0,), (3, 4), (400, 400), (1, 2**20)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.bool_])
def test_arrays_are_as_asked_for(shape, dtype):
    array = pool.empty(shape, dtype)
    assert array.shape == shape and array.dtype == dtype and array.flags.carray and type(array) is np.ndarray
    array[...] = 1
    assert (array == 1).all()


def test_memory_is_used_again_for_sizes_that_are_near():
    first = pool.empty((1000, 100), np.float32)
    where = address(first)
    del first
    assert pool.idle_bytes() > 0
    assert address(pool.empty((999, 100), np.float32)) == where and address(pool.empty((100, 2000), np.float32)) != where


def test_a_view_keeps_the_memory():
    whole = pool.empty((1000, 1000), np.float32)
    whole[...] = 7
    part = whole[10:].T[3:][:, ::2]
    del whole
    other = pool.empty((1000, 1000), np.float32)
    other[...] = 1
    assert (part == 7).all() and pool.idle_bytes() == 0
    del part
    assert pool.idle_bytes() > 0


def test_what_lies_idle_is_limited(monkeypatch):
    monkeypatch.setattr(pool, "LIMIT", 3 * 2**20)
    arrays = [pool.empty((2**18,), np.float32) for _ in range(5)]
    del arrays
    assert 0 < pool.idle_bytes() <= 3 * 2**20


def test_little_is_wasted():
    for n in [2**17, 2**17 + 1, 150_000, 2**20 - 1, 2**20 + 1, 5_000_000]:
        assert n <= pool._size_class(n) <= n * 1.125 + 1


def test_a_gradient_is_not_overwritten_by_later_steps():
    model = tl.nn.Sequential(tl.nn.Linear(300, 400), tl.nn.Sigmoid(), tl.nn.Linear(400, 300), tl.nn.ReLU())
    x = tl.randn(200, 300)

    def gradients():
        model.zero_grad()
        model(x).square().sum().backward()
        return [p.grad for p in model.parameters()]

    first = gradients()
    copies = [g.data.copy() for g in first]
    hidden = model[0](x)
    before = hidden.data.copy()
    for _ in range(3):
        gradients()
    assert all((g.data == c).all() for g, c in zip(first, copies)) and (hidden.data == before).all()


def test_threads_never_get_the_same_memory():
    wrong = []

    def work(number):
        for _ in range(300):
            a, b = pool.empty((200, 200), np.float32), pool.empty((200, 200), np.float32)
            a[...], b[...] = number, -number
            if (a != number).any() or (b != -number).any():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong

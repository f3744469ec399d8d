"""Transformed filters that are kept between calls: never those of other numbers, and only while their weight lives."""

import gc
import threading

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.kernels.convolution import reuse as module
from tinygrad_lite.kernels.convolution.reuse import bytes_kept, kept


@pytest.fixture(autouse=True)
def nothing_kept():
    module._entries.clear()
    yield
    module._entries.clear()


def layer(channels=32, outputs=48):
    made = nn.Conv2d(channels, outputs, 3, padding=1)
    made.weight.data[...] = np.random.default_rng(0).standard_normal(made.weight.shape)
    return made


@pytest.mark.parametrize("shape", [(64, 96, 1, 1), (64, 32, 3, 1)])
def test_packed_weights_are_kept_too(shape):
    rng = np.random.default_rng(0)
    weight, x = (rng.standard_normal(s).astype(np.float32) for s in (shape, (1, shape[1], 16, 16)))
    for k in range(6):
        out = tl.conv2d(x, weight).data
        np.testing.assert_allclose(out, tl.conv2d(x.astype(np.float64), weight.astype(np.float64)).data, atol=1e-4)
        assert bool(bytes_kept()) == (k > 0 and shape[2] == 1)
        if k == 2:
            weight[3, 5] = 7


def image(channels=32):
    return tl.tensor(np.random.default_rng(1).standard_normal((1, channels, 9, 10)).astype(np.float32))


def expected(conv, x):
    weight, bias = conv.weight.data.astype(np.float64), conv.bias.data.astype(np.float64)
    return tl.conv2d(x.data.astype(np.float64), weight, bias, padding=1).data


def test_they_are_made_twice_and_then_kept():
    conv, x, calls = layer(), image(), []
    weight = conv.weight.data
    for _ in range(5):
        kept(90, weight, "how", lambda: calls.append(1) or weight * 2)
    assert len(calls) == 2
    kept(90, weight, "other", lambda: calls.append(1) or weight * 3)
    assert len(calls) == 3
    first = conv(x).data
    for _ in range(3):
        np.testing.assert_array_equal(conv(x).data, first)
    assert bytes_kept() > 36 * weight[..., 0, 0].nbytes  # U has 36 numbers for the 9 of a filter


@pytest.mark.parametrize("place", [(0, 0, 0, 0), (17, 3, 1, 2), (47, 31, 2, 2)])
def test_what_is_written_into_a_weight_is_seen(place):
    conv, x = layer(), image()
    for _ in range(4):
        conv(x)
    view = conv.weight.data[place[0]]
    view[place[1:]] += 1
    for _ in range(3):
        np.testing.assert_allclose(conv(x).data, expected(conv, x), atol=1e-4)
    conv.weight.data[place] = np.nan
    assert np.isnan(conv(x).data[0, place[0]]).any()
    conv.weight.data[place] = 0.5
    np.testing.assert_allclose(conv(x).data, expected(conv, x), atol=1e-4)


def test_kinds_of_use_of_one_weight_stay_apart():
    """The output, the gradient of the input, and that of another padding and precision."""
    conv, x = layer(32, 32), image()
    for _ in range(3):
        for padding, precision in ((1, "default"), (0, "default"), (1, "highest")):
            tl.set_convolution_precision(precision)
            try:
                leaf = tl.tensor(x.data, requires_grad=True)
                out = tl.conv2d(leaf, conv.weight, padding=padding)
                back = tl.grad(out, [leaf], np.ones(out.shape, np.float32))[0]
            finally:
                tl.set_convolution_precision("default")
            exact = tl.tensor(x.data.astype(np.float64), requires_grad=True)
            weight = tl.tensor(conv.weight.data.astype(np.float64))
            true = tl.conv2d(exact, weight, padding=padding)
            np.testing.assert_allclose(out.data, true.data, atol=2e-4)
            np.testing.assert_allclose(back.data, tl.grad(true, [exact], np.ones(out.shape))[0].data, atol=2e-4)


def test_nothing_stays_when_a_weight_is_gone():
    conv, x = layer(), image()
    for _ in range(3):
        conv(x)
    assert bytes_kept()
    del conv
    gc.collect()
    assert not bytes_kept()
    assert not module._entries


def test_training_keeps_nothing():
    conv, x = layer(), image()
    update = optim.SGD(conv.parameters(), lr=0.01)
    for _ in range(4):
        update.zero_grad()
        (conv(x) * conv(x)).mean().backward()
        update.step()
    with tl.no_grad():
        np.testing.assert_allclose(conv(x).data, expected(conv, x), atol=1e-4)


def test_all_begins_anew_beyond_the_limit(monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 1 << 20)
    convs, x = [layer(32, 64) for _ in range(8)], image()
    for conv in convs:
        for _ in range(3):
            conv(x)
    assert 0 < bytes_kept() < 1 << 21
    for conv in convs:
        np.testing.assert_allclose(conv(x).data, expected(conv, x), atol=1e-4)


def test_only_calls_on_few_pixels_keep_them():
    conv = layer()
    many = tl.tensor(np.zeros((2, 32, 32, 32), np.float32))
    assert module.FEW_PIXELS < 2 * 32 * 32
    for _ in range(3):
        conv(many)
    assert not bytes_kept()


def test_weights_in_the_memory_of_bytes_are_taken_too():
    conv, x = layer(), image()
    weight = np.frombuffer(conv.weight.data.tobytes(), np.float32).reshape(conv.weight.shape)
    for _ in range(3):
        np.testing.assert_array_equal(tl.conv2d(x, weight, conv.bias, padding=1).data, conv(x).data)


def test_several_threads_use_one_model():
    conv, x = layer(), image()
    right, wrong = conv(x).data, []

    def work():
        for _ in range(30):
            if not np.array_equal(conv(x).data, right):
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong

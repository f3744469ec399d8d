"""Optimisers against their equations in plain NumPy float64, and what they refuse."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim

START = np.array([1.0, -2.0, 3.0])


def gradient_at(p, k):
    """A gradient that changes with the step, so that the running means matter."""
    return p * (1 + 0.1 * k) + np.sin(k)


def run(make, steps=20, dtype=np.float64):
    p = nn.Parameter(tl.tensor(START, dtype=dtype))
    optimizer = make([p])
    for k in range(steps):
        optimizer.zero_grad()
        p.grad = tl.Tensor(gradient_at(p.data, k).astype(dtype))
        optimizer.step()
    return p.data


def sgd(p, steps, lr, momentum=0.0, dampening=0.0, decay=0.0, nesterov=False):
    velocity = None
    for k in range(steps):
        d = gradient_at(p, k) + decay * p
        velocity = d if velocity is None else momentum * velocity + (1 - dampening) * d
        p = p - lr * (d + momentum * velocity if nesterov else velocity if momentum else d)
    return p


def adam(p, steps, lr, b1=0.9, b2=0.999, eps=1e-8, decay=0.0):
    m = v = 0
    for k in range(steps):
        g = gradient_at(p, k) + decay * p
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        p = p - lr * (m / (1 - b1 ** (k + 1))) / (np.sqrt(v / (1 - b2 ** (k + 1))) + eps)
    return p


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda p: optim.SGD(p, lr=0.05), lambda: sgd(START, 20, 0.05)),
        (lambda p: optim.SGD(p, lr=0.05, weight_decay=0.1), lambda: sgd(START, 20, 0.05, decay=0.1)),
        (lambda p: optim.SGD(p, lr=0.05, momentum=0.9), lambda: sgd(START, 20, 0.05, 0.9)),
        (lambda p: optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.3), lambda: sgd(START, 20, 0.05, 0.9, 0.3)),
        (
            lambda p: optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1, nesterov=True),
            lambda: sgd(START, 20, 0.05, 0.9, decay=0.1, nesterov=True),
        ),
        (lambda p: optim.Adam(p, lr=0.1), lambda: adam(START, 20, 0.1)),
        (
            lambda p: optim.Adam(p, lr=0.1, betas=(0.5, 0.9), eps=1e-3, weight_decay=0.2),
            lambda: adam(START, 20, 0.1, 0.5, 0.9, 1e-3, 0.2),
        ),
    ],
)
def test_trajectories_equal_the_equations(make, expected):
    np.testing.assert_allclose(run(make), expected(), rtol=1e-12)
    np.testing.assert_allclose(run(make, dtype=np.float32), expected(), rtol=2e-4)


@pytest.mark.parametrize("cls", [optim.SGD, optim.Adam])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_parameter_that_is_not_contiguous_is_updated_too(cls, momentum):
    values = np.arange(6.0).reshape(2, 3)
    results = []
    for array in (values.copy(), values.T.copy().T):
        p = nn.Parameter(tl.Tensor(array))
        options = {"momentum": momentum} if cls is optim.SGD else {}
        optimizer = cls([p], lr=0.1, **options)
        for _ in range(3):
            p.grad = tl.Tensor(np.ones((2, 3)))
            optimizer.step()
        assert p.data is array
        results.append(array)
    assert (results[0] != values).all()
    np.testing.assert_allclose(results[0], results[1], rtol=1e-14)


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.1, momentum=0.9), lambda p: optim.Adam(p, lr=0.1)])
def test_a_loaded_state_goes_on_as_if_never_stopped(make):
    def trained(stop_after):
        p = nn.Parameter(tl.tensor(START, dtype=np.float64))
        optimizer = make([p])
        for k in range(10):
            if k == stop_after:
                saved = {n: a.copy() for n, a in optimizer.state_dict().items()}
                optimizer = make([p])
                optimizer.load_state_dict(saved)
            p.grad = tl.Tensor(gradient_at(p.data, k))
            optimizer.step()
        return p.data

    assert (trained(stop_after=5) == trained(stop_after=None)).all()


def test_parameters_without_gradients_stay_and_count_their_own_steps():
    a, b = nn.Parameter(tl.ones(1, dtype=np.float64)), nn.Parameter(tl.ones(1, dtype=np.float64))
    optimizer = optim.Adam([a, b], lr=0.1)
    for k in range(3):
        optimizer.zero_grad()
        a.grad = tl.ones(1, dtype=np.float64)
        if k == 2:
            b.grad = tl.ones(1, dtype=np.float64)
        optimizer.step()
    np.testing.assert_allclose(b.data, [0.9], rtol=1e-6)  # the first step of Adam has the size of the rate
    assert optimizer.state[1]["step"].item() == 1


def test_the_rate_can_change():
    p = nn.Parameter(tl.zeros(1))
    optimizer = optim.SGD([p], lr=1.0)
    optimizer.lr = 0.5
    p.grad = tl.ones(1)
    optimizer.step()
    assert p.item() == -0.5 and optimizer.lr == 0.5
    with pytest.raises(ValueError, match="lr must not be negative"):
        optimizer.lr = -1


def test_bad_arguments():
    p = nn.Parameter(tl.zeros(1))
    for make, error, message in [
        (lambda: optim.SGD([]), ValueError, "no parameters"),
        (lambda: optim.SGD([p, p]), ValueError, "given twice"),
        (lambda: optim.SGD([p * 2]), TypeError, "parameter 0 must be a leaf Tensor, got a computed one"),
        (lambda: optim.SGD([3]), TypeError, "got int"),
        (lambda: optim.SGD([p], lr=-1), ValueError, "lr must not be negative"),
        (lambda: optim.SGD([p], nesterov=True), ValueError, "nesterov needs a momentum"),
        (lambda: optim.Adam([p], betas=(1.0, 0.9)), ValueError, "betas lie in"),
    ]:
        with pytest.raises(error, match=message):
            make()
    optimizer = optim.Adam([p])
    with pytest.raises(ValueError, match=r"lr is missing; 7\.mean belongs to no parameter"):
        optimizer.load_state_dict({"7.mean": np.zeros(1)})


def test_backward_after_the_update_is_refused_and_the_model_still_trains():
    p = nn.Parameter(tl.ones(2))
    optimizer = optim.SGD([p], lr=0.1)
    loss = (p * p).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()
    before = p.data.copy()
    optimizer.zero_grad()
    (p * p).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(p.data, before * 0.8, rtol=1e-6)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            {"0.mean": np.zeros(()), "0.square": np.zeros(()), "0.step": np.zeros(())},
            r"0\.mean is \(\) float64, expected \(2,\) float32",
        ),
        ({"0.mean": np.zeros(2, int), "0.square": np.zeros(2), "0.step": np.zeros(())}, r"0\.mean is \(2,\) int64, expected"),
        ({"0.velocity": np.zeros(2)}, r"0\.velocity is no state of Adam"),
        ({"0.mean": np.zeros(2), "0.step": np.zeros(())}, r"0\.square is missing"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_whole(state, message):
    p = nn.Parameter(tl.ones(2))
    optimizer = optim.Adam([p], lr=0.1)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict({"lr": 0.5, **state})
    assert optimizer.lr == 0.1 and not optimizer.state
    p.grad = tl.ones(2)
    optimizer.step()
    np.testing.assert_allclose(p.data, 0.9, rtol=1e-6)


def test_a_parameter_that_outgrew_its_state_is_an_error():
    p = nn.Parameter(tl.ones(2))
    optimizer = optim.Adam([p])
    for size in (2, 100_000):
        p.requires_grad_(False)
        p.data = np.ones(size, np.float32)
        p.requires_grad_(True)
        p.grad = tl.ones(size)
        if size == 2:
            optimizer.step()
    with pytest.raises(ValueError, match=r"adam_update: a state is \(2,\) float32, its parameter \(100000,\) float32"):
        optimizer.step()


def test_an_update_that_fails_half_way_is_noticed_by_backward():
    p, fixed = nn.Parameter(tl.ones(2)), nn.Parameter(tl.ones(2))
    optimizer = optim.SGD([p, fixed], lr=1.0)
    loss = (p * p + fixed).sum()
    loss.backward(retain_graph=True)
    fixed.data.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        optimizer.step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


@pytest.mark.parametrize("cls", [optim.SGD, optim.Adam])
def test_half_precision_is_updated(cls):
    p = nn.Parameter(tl.ones(3, dtype=tl.float16))
    p.grad = tl.ones(3, dtype=tl.float16)
    cls([p], lr=0.25).step()
    np.testing.assert_allclose(p.data, 0.75, rtol=1e-2)

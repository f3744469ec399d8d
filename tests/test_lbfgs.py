"""L-BFGS against the method with the whole matrix, its state, its ends; the line search against its conditions."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.optim.line_search import Point, strong_wolfe


def rosenbrock(x):
    return ((1 - x[:-1]) ** 2).sum() + 10 * ((x[1:] - x[:-1] * x[:-1]) ** 2).sum()


def rosenbrock_gradient(x):
    g = np.zeros_like(x)
    g[:-1] = -2 * (1 - x[:-1]) - 40 * x[:-1] * (x[1:] - x[:-1] ** 2)
    g[1:] += 20 * (x[1:] - x[:-1] ** 2)
    return g


BEGIN = np.array([-1.2, 1.0, 0.3, 0.8])


def trained(steps, start=BEGIN, resume_at=None, **options):
    x = nn.Parameter(tl.tensor(start, dtype=np.float64))
    optimizer = optim.LBFGS([x], **options)
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = rosenbrock(x)
        loss.backward()
        return loss

    for k in range(steps):
        if k == resume_at:
            state = {n: a.copy() for n, a in optimizer.state_dict().items()}
            optimizer = optim.LBFGS([x], line_search_fn=options.get("line_search_fn"))
            optimizer.load_state_dict(state)
        losses.append(optimizer.step(closure).item())
    return x.data, losses


def dense_bfgs(x, rate, iterations):
    """The same method with the whole inverse Hessian, made anew at each iteration from all pairs."""
    g, pairs = rosenbrock_gradient(x), []
    for k in range(iterations):
        H = np.eye(x.size)
        if pairs:
            s, y = pairs[-1]
            H *= (s @ y) / (y @ y)
        for s, y in pairs:
            V = np.eye(x.size) - np.outer(y, s) / (y @ s)
            H = V.T @ H @ V + np.outer(s, s) / (y @ s)
        s = -H @ g * rate * (min(1, 1 / np.abs(g).sum()) if k == 0 else 1)
        x, before = x + s, g
        g = rosenbrock_gradient(x)
        if s @ (g - before) > 1e-10:
            pairs.append((s, g - before))
    return x


@pytest.mark.parametrize(("rate", "iterations"), [(0.3, 1), (0.3, 6), (0.1, 30)])
def test_lbfgs_equals_the_dense_method(rate, iterations):
    expected = dense_bfgs(BEGIN, rate, iterations)
    np.testing.assert_allclose(trained(1, lr=rate, max_iter=iterations)[0], expected, rtol=1e-8)
    if iterations == 6:  # the same in three steps: the history goes on
        np.testing.assert_allclose(trained(3, lr=rate, max_iter=2, max_eval=9)[0], expected, rtol=1e-8)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_goes_on_from_its_state(search):
    options = dict(lr=0.2, max_iter=3, history_size=4, line_search_fn=search)
    (a, losses), (b, expected) = trained(10, resume_at=7, **options), trained(10, **options)
    np.testing.assert_array_equal(a, b)
    assert losses == expected


def test_lbfgs_finds_the_minimum():
    x, losses = trained(3, max_iter=40, tolerance_change=1e-14, line_search_fn="strong_wolfe")
    np.testing.assert_allclose(x, 1.0, atol=1e-6)
    assert losses[-1] < 1e-12


def test_lbfgs_stops_where_it_is_told():
    calls = []
    x = nn.Parameter(tl.tensor(BEGIN))

    def closure():
        calls.append(1)
        x.grad = None
        loss = rosenbrock(x)
        loss.backward()
        return loss

    optim.LBFGS([x], lr=1e-3, max_eval=4).step(closure)
    assert len(calls) == 4
    calls.clear()
    optim.LBFGS([x], tolerance_grad=1e9).step(closure)
    assert len(calls) == 1
    optim.LBFGS([x], lr=1e-3, tolerance_change=1e9).step(closure)
    assert len(calls) == 2  # the slope is smaller than that: not one step is taken


def test_lbfgs_refuses_a_state_of_other_sizes():
    x = nn.Parameter(tl.ones(3))
    state = {"lr": 1.0, "0.direction": np.ones(4), "0.size": np.ones(()), "0.gradient": np.ones(3), "0.pairs": np.ones((5, 3))}
    with pytest.raises(ValueError, match=r"0\.direction is \(4,\) float64, expected \(3,\) float32; 0\.pairs is \(5, 3\)"):
        optim.LBFGS([x]).load_state_dict(state)


@pytest.mark.parametrize("first", [1e-4, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("case", range(4))
def test_the_line_search_ends_where_the_strong_wolfe_conditions_hold(case, first):
    f, df = [
        (lambda t: (t - 1) ** 2, lambda t: 2 * (t - 1)),
        (lambda t: (t - 2) ** 4 - t, lambda t: 4 * (t - 2) ** 3 - 1),
        (lambda t: t * t / 50 - np.sin(3 * t), lambda t: t / 25 - 3 * np.cos(3 * t)),
        (lambda t: np.exp(t) - 5 * t, lambda t: np.exp(t) - 5),
    ][case]
    start = Point(0.0, f(0.0), None, df(0.0))
    calls = []

    def along(step):
        calls.append(step)
        return Point(step, f(step), None, df(step))

    found, used = strong_wolfe(along, first, start, 1.0)
    assert used == len(calls) <= 26 and found.step in calls
    assert found.loss <= start.loss + 1e-4 * found.step * start.slope
    assert abs(found.slope) <= 0.9 * abs(start.slope)

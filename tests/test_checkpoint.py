"""`checkpoint`: the same values and gradients of every order as without it, for less memory."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite.ops.random import keep_mask

RNG = np.random.default_rng(0)
W, B = (tl.tensor(RNG.normal(size=s), requires_grad=True) for s in ((4, 4), (4,)))


def leaf(*shape, seed=1):
    return tl.tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


def block(x):
    return (x @ W + B).tanh()


def two(x):
    h = block(x)
    return h.exp(), h.sum(1)


def dropped(x):
    return block(x) * keep_mask(x.shape, 0.5, x.dtype)


FUNCTIONS = [
    ("block", block),
    ("deep", lambda x: block(block(block(x)))),
    ("dropout", dropped),
    ("dropout twice", lambda x: dropped(dropped(x))),
    ("nested", lambda x: tl.checkpoint(lambda t: tl.checkpoint(block, t) * t, x)),
    ("nested dropout", lambda x: tl.checkpoint(dropped, dropped(x)) + dropped(x)),
    ("in a row", lambda x: tl.checkpoint(dropped, tl.checkpoint(dropped, x))),
    ("fused inside", lambda x: tl.cross_entropy(block(x), np.array([0, 1, 3]))),
    ("its input twice", lambda x: x * x + x),
    ("itself", lambda x: x),
    ("a view", lambda x: x.T),
    ("parameters only", lambda x: (W * W).sum()),
]


def orders(function, x):
    """The value, the first and the second derivatives towards the input and the parameters."""
    tl.manual_seed(3)
    inputs = [x, W, B]
    out = function(x)
    outs = out if isinstance(out, tuple) else (out,)
    loss = sum((o * o).sum() for o in outs)
    after = tl.rand(1).item()
    first = tl.grad(loss, inputs, create_graph=True, allow_unused=True)
    weights = np.random.default_rng(5)
    total = sum((g * weights.normal(size=g.shape)).sum() for g in first if g is not None)
    second = tl.grad(total, inputs, allow_unused=True)
    return [None if g is None else g.data for g in (*outs, *first, *second)], after


@pytest.mark.parametrize("function", [f[1] for f in FUNCTIONS] + [two], ids=[f[0] for f in FUNCTIONS] + ["two outputs"])
def test_equal_to_plain_in_values_and_both_orders(function):
    x = leaf(3, 4)
    plain, next_plain = orders(function, x)
    again, next_again = orders(lambda t: tl.checkpoint(function, t), x)
    assert next_plain == next_again  # recomputation leaves the generator where it was
    for a, b in zip(plain, again):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("function", [f[1] for f in FUNCTIONS], ids=[f[0] for f in FUNCTIONS])
def test_backward_fills_grads_also_of_parameters_from_around(function):
    grads = []
    for call in (function, lambda t: tl.checkpoint(function, t)):
        tl.manual_seed(3)
        x = leaf(3, 4)
        call(x).sum().backward()
        grads.append([None if t.grad is None else t.grad.data for t in (x, W, B)])
        W.grad = B.grad = None
    for a, b in zip(*grads):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-12)


def test_the_function_runs_once_forward_and_once_backward():
    runs = []

    def function(x):
        runs.append(tl.is_grad_enabled())
        return x * x

    x = leaf(3)
    out = tl.checkpoint(function, x).sum()
    assert len(runs) == 1
    out.backward()
    assert runs == [True, True]
    with tl.no_grad():
        assert not tl.checkpoint(function, x).requires_grad
    assert runs == [True, True, False]
    assert not tl.checkpoint(function, x.detach()).requires_grad


def test_statistics_are_assigned_once():
    count, x = tl.zeros(()), leaf(3)

    def function(t):
        tl.assign(count, count.data + 1)
        return t * t

    tl.checkpoint(lambda t: tl.checkpoint(function, t), x).sum().backward()
    assert count.item() == 1
    np.testing.assert_allclose(x.grad.data, 2 * x.data)


def test_only_one_of_several_outputs_used_and_integer_outputs():
    x = leaf(3, 4)
    _, second = tl.checkpoint(two, x)
    second.sum().backward()
    checked, x.grad = x.grad.data, None
    two(x)[1].sum().backward()
    np.testing.assert_allclose(x.grad.data, checked)
    values, indices = tl.checkpoint(lambda t: t.max(1), x)
    assert indices.dtype == np.int64 and not indices.requires_grad
    x.grad = None
    values.sum().backward()
    assert (x.grad.data == (x.data == x.data.max(1, keepdims=True))).all()
    W.grad = B.grad = None


def test_gradients_towards_values_inside_the_graph():
    """The input of a checkpoint is itself computed, and used elsewhere too."""
    x = leaf(3, 4)
    expected, got = (tl.grad((call(block, y) * y).sum(), [y, x]) for call in (lambda f, t: f(t), tl.checkpoint) for y in [x.sin()])
    for a, b in zip(expected, got):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-12)


def test_memory_is_lower_and_values_inside_die():
    inside = []

    def function(x):
        for _ in range(20):
            x = x.exp().log()
            inside.append(weakref.ref(x.data))
        return x

    def peak(call):
        x = leaf(50_000)
        gc.collect()
        tracemalloc.start()
        y = x
        for _ in range(5):
            y = call(function, y)
        out = y.sum()
        del y
        held = tracemalloc.get_traced_memory()[0]
        out.backward()
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        np.testing.assert_allclose(x.grad.data, 1)
        return held, top

    plain, plain_top = peak(lambda f, t: f(t))
    inside.clear()
    checked, checked_top = peak(tl.checkpoint)
    assert checked < plain / 10
    assert checked_top < plain_top / 3
    inside.clear()
    x = leaf(10)
    out = tl.checkpoint(function, x)
    gc.disable()
    try:
        assert all(ref() is None for ref in inside[:-1])
    finally:
        gc.enable()
    assert inside[-1]() is out.data


CHANGES = [
    ("parameter", lambda x, w, c: w),
    ("input", lambda x, w, c: x),
    ("constant from around", lambda x, w, c: c),
    ("view of the parameter", lambda x, w, c: w.detach()[0:1]),
]


@pytest.mark.parametrize("which", [c[1] for c in CHANGES], ids=[c[0] for c in CHANGES])
@pytest.mark.parametrize("nested", [False, True])
def test_recomputing_from_changed_values_is_an_error(which, nested):
    """Also where no rule keeps the value: the second run would start from another one."""
    x, w, c = leaf(3), leaf(3, seed=2), tl.ones(3, dtype=np.float64)

    def function(t):
        return (t + w) * c + 1.0

    out = tl.checkpoint((lambda t: tl.checkpoint(function, t)) if nested else function, x).sum()
    target = which(x, w, c)
    tl.assign(target, np.zeros(target.shape))
    with pytest.raises(RuntimeError, match=r"checkpointed: .* was changed in place"):
        out.backward()
    assert x.grad is None and w.grad is None
    tl.checkpoint(function, x).sum().backward()


def test_a_constant_argument_that_changed_is_an_error():
    x, c = leaf(3), tl.ones(3, dtype=np.float64)
    out = tl.checkpoint(lambda t, k: t * (k * 2.0), x, c).sum()
    tl.assign(c, np.zeros(3))
    with pytest.raises(RuntimeError, match="was changed in place"):
        out.backward()


def test_freed_and_retained():
    x = leaf(3)
    out = tl.checkpoint(lambda t: t * t, x).sum()
    out.backward(retain_graph=True)
    out.backward()
    np.testing.assert_allclose(x.grad.data, 4 * x.data)
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        out.backward()


def test_an_error_in_the_second_run_leaves_everything_as_it_was():
    x, runs = leaf(3), []

    def function(t):
        runs.append(1)
        if len(runs) == 2:
            raise KeyError
        return t * t * keep_mask(t.shape, 0.5, t.dtype)

    tl.manual_seed(0)
    out = tl.checkpoint(function, x).sum()
    following = tl.get_rng_state()["state"]["counter"].copy()
    with pytest.raises(KeyError):
        out.backward()
    assert (tl.get_rng_state()["state"]["counter"] == following).all()
    assert x.grad is None and tl.is_grad_enabled()
    (x * x).sum().backward()


def test_errors_inside_the_second_run_name_the_module_path():
    x = leaf(3)
    shapes = [(3,), (2,)]
    with tl.scope("encoder"):
        out = tl.checkpoint(lambda t: t * np.ones(shapes.pop(0)), x).sum()
    with pytest.raises(ValueError, match=r"mul in encoder: shapes \(3,\) and \(2,\)"):
        out.backward()


def test_what_is_returned_must_be_tensors():
    with pytest.raises(TypeError, match="checkpoint: the function must return Tensors"):
        tl.checkpoint(lambda t: (t * t, 3), leaf(3))

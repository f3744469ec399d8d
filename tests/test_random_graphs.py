"""Random computational graphs: shapes broadcast, values are shared, views overlap; derivatives against finite differences."""

import numpy as np
import pytest

import tinygrad_lite as tl

UNARY = [
    lambda x: x.tanh(), lambda x: x.sin(), lambda x: (x * 0.3).exp(), lambda x: tl.sigmoid(x), lambda x: (x * x + 1.0).log(),
    lambda x: (x * x + 0.5).sqrt(), lambda x: -x, lambda x: x * 0.5, lambda x: x**2 * 0.3, lambda x: 1.0 / (x * x + 1.0),
    lambda x: x.reshape(-1).reshape(*x.shape), lambda x: x.mean(keepdim=True) if x.ndim else x,
    lambda x: x.logsumexp(-1) if x.ndim else x, lambda x: x.sum(0) * 0.3 if x.ndim else x, lambda x: x.T,
    lambda x: x.flip(0) if x.ndim else x, lambda x: x[..., :1] if x.ndim else x, lambda x: x.unsqueeze(0),
    lambda x: tl.softmax(x, -1) if x.ndim else x, lambda x: x.cumsum(0) if x.ndim else x,
    lambda x: x[np.array([0, -1, 0])] if x.ndim else x, lambda x: tl.checkpoint(lambda t: (t * t).sin() + t, x),
    lambda x: tl.cat(x.unbind(0)[::-1]) if x.ndim > 1 else x, lambda x: tl.where(x.data > 0, x, x * 0.1),
]  # fmt: skip
BINARY = [
    lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x / (y * y + 1.0), lambda x, y: tl.maximum(x, y + 0.3),
    lambda x, y: tl.matmul(x.reshape(-1, 1), y.reshape(1, -1)) * 0.2,
]  # fmt: skip
SHAPES = [(), (3,), (2, 3), (2, 1), (1, 3), (1,)]


DETACHING = [lambda x: x.detach() * x]  # not what finite differences see


def compatible(a, b):
    try:
        return len(np.broadcast_shapes(a, b)) <= 3 and np.prod(np.broadcast_shapes(a, b)) <= 40
    except ValueError:
        return False


def program(seed, length=12, unary=UNARY):
    """A random function as a list of steps, drawn once, so that every call of it is the same."""
    rng = np.random.default_rng(seed)
    shapes = [SHAPES[k] for k in rng.integers(0, len(SHAPES), 3)]
    arrays = [rng.uniform(-1.5, 1.5, s) for s in shapes]
    values, steps = [tl.tensor(a) for a in arrays], []
    while len(steps) < length:
        binary = rng.random() < 0.45
        table = BINARY if binary else unary
        picks = rng.integers(0, len(values), 2 if binary else 1)
        op = table[rng.integers(len(table))]
        if binary and not compatible(*[values[p].shape for p in picks]):
            continue
        with tl.no_grad():
            out = op(*[values[p] for p in picks])
        if out.ndim > 3 or out.numel() > 40 or np.abs(out.data).max() > 30:
            continue
        values.append(out)
        steps.append((op, picks))

    def function(*inputs):
        made = list(inputs)
        for op, picks in steps:
            made.append(op(*[made[p] for p in picks]))
        total = made[-1].sum()
        for value in made[-4:-1]:
            total = total + (value * 0.5).sum()
        return total

    return function, arrays


def leaves(arrays):
    return [tl.tensor(a, requires_grad=True) for a in arrays]


@pytest.mark.parametrize("seed", range(60))
def test_derivatives_of_random_graphs(seed):
    function, arrays = program(seed)
    assert tl.gradcheck(function, *arrays, order=1)
    if seed % 3 == 0:
        assert tl.gradcheck(function, *arrays, order=2, rtol=1e-3, atol=1e-5)


@pytest.mark.proof
@pytest.mark.parametrize("block", range(10))
def test_both_orders_of_a_thousand_random_graphs(block):
    for seed in range(1000 + 100 * block, 1100 + 100 * block):
        function, arrays = program(seed, length=20)
        assert tl.gradcheck(function, *arrays, order=2, rtol=1e-3, atol=1e-5), seed


@pytest.mark.parametrize("seed", range(60))
def test_every_way_to_a_gradient_is_the_same(seed):
    """backward, grad, the recorded walk, the checkpointed graph, the vjp and the jvp."""
    function, arrays = program(seed, length=20, unary=UNARY + DETACHING)
    inputs = leaves(arrays)
    out = function(*inputs)
    out.backward(retain_graph=True)
    zeros = [np.zeros_like(a) if x.grad is None else x.grad.data for a, x in zip(arrays, inputs)]

    def agrees(grads):
        for expected, g in zip(zeros, grads):
            np.testing.assert_allclose(np.zeros_like(expected) if g is None else g.data, expected, rtol=1e-9, atol=1e-11)

    agrees(tl.grad(out, inputs, create_graph=True, allow_unused=True))
    agrees(tl.grad(out, inputs, allow_unused=True))
    for x in inputs:  # one at a time: walks only where it leads there
        (g,) = tl.grad(function(*inputs), x, allow_unused=True)
        agrees([g if y is x else z for y, z in zip(inputs, map(tl.Tensor, zeros))])
    fresh = leaves(arrays)
    tl.checkpoint(function, *fresh).backward()
    agrees([x.grad for x in fresh])
    agrees(tl.vjp(function, inputs)[1])
    vs = [np.random.default_rng(seed).normal(size=a.shape) for a in arrays]
    pushed = tl.jvp(function, inputs, vs)[1].item()
    assert pushed == pytest.approx(sum((z * v).sum() for z, v in zip(zeros, vs)), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_gradients_of_sums_are_sums_of_gradients(seed):
    """Linearity: two random functions over the same leaves, walked together and apart."""
    function, arrays = program(seed)
    other = lambda *xs: sum((x * x).sin().sum() for x in xs)
    inputs = leaves(arrays)
    together = tl.grad(function(*inputs) * 2.0 + other(*inputs), inputs)
    apart = tl.grad(function(*inputs), inputs, allow_unused=True), tl.grad(other(*inputs), inputs)
    for t, a, b in zip(together, *apart):
        np.testing.assert_allclose(t.data, (0 if a is None else 2 * a.data) + b.data, rtol=1e-9, atol=1e-11)


def narrowed(arrays):
    return [a.astype(np.float32) for a in arrays]


@pytest.mark.parametrize("seed", range(20))
def test_in_float32_dtypes_and_values_follow(seed):
    function, arrays = program(seed)
    grads = [tl.grad(function(*xs), xs, allow_unused=True) for xs in (leaves(arrays), leaves(narrowed(arrays)))]
    for wide, narrow in zip(*grads):
        assert (wide is None) == (narrow is None)
        if wide is not None:
            assert narrow.dtype == np.float32
            np.testing.assert_allclose(narrow.data, wide.data, rtol=5e-3, atol=5e-3 * max(1, np.abs(wide.data).max()))

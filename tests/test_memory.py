"""Memory: nothing points back, so it falls by reference count; a walk frees as it goes; nothing leaks."""

import gc
import sys
import tracemalloc
import weakref
from contextlib import suppress

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite.kernels import pool
from tinygrad_lite.record import Node
from tinygrad_lite.state import local


@pytest.fixture(autouse=True)
def no_collector():
    """The garbage collector off: what dies here dies by reference count alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def nodes():
    return sum(type(o) is Node for o in gc.get_objects())


def leaf(*shape, seed=0):
    return tl.tensor(np.random.default_rng(seed).uniform(0.5, 1.5, shape), requires_grad=True)


def target():
    return np.array([0, 1, 2])


GRAPHS = [
    ("elementwise", lambda x: (x * x).exp().tanh().sum()),
    ("broadcast", lambda x: (x + x[0] * x[:, :1]).sum()),
    ("kept output", lambda x: x.exp().sqrt().sum()),
    ("several outputs", lambda x: (x.max(1)[0] * x.split(3)[0].unbind(1)[1]).sum()),
    ("matmul", lambda x: ((x @ x.T) @ x).mean()),
    ("indexing", lambda x: (x[[0, 1]] * x[x > 0].sum()).sum()),
    ("fused", lambda x: tl.cross_entropy(x, target())),
    ("checkpoint", lambda x: tl.checkpoint(lambda t: (t * x).exp(), x).sum()),
    ("cat", lambda x: tl.stack(list(x)).square().sum()),
]
TREATMENTS = {
    "forward only": lambda x, out: None,
    "backward": lambda x, out: out.backward(),
    "retained": lambda x, out: out.backward(retain_graph=True),
    "grad": lambda x, out: tl.grad(out, x),
    "recorded gradient": lambda x, out: tl.grad(out, x, create_graph=True),
    "second order": lambda x, out: tl.grad((tl.grad(out, x, create_graph=True)[0] ** 2).sum(), x),
    "hook": lambda x, out: (out.register_hook(lambda g: None), x.register_hook(lambda g: g * 2), out.backward()),
    "kept gradients": lambda x, out: (out.retain_grad(), out.backward()),
}


@pytest.mark.parametrize("treatment", list(TREATMENTS.values()), ids=list(TREATMENTS))
@pytest.mark.parametrize("function", [c[1] for c in GRAPHS], ids=[c[0] for c in GRAPHS])
def test_graphs_die_by_reference_count(function, treatment):
    before = nodes()
    x = leaf(3, 4)
    out = function(x)
    assert nodes() > before + 1
    treatment(x, out)
    tensor, array = weakref.ref(x), weakref.ref(x.data)
    result = weakref.ref(out.data)
    del x, out
    assert tensor() is None and array() is None and result() is None
    assert nodes() == before


def test_a_hook_dies_with_its_tensor():
    class Hook:
        def __call__(self, g):
            return None

    x, hook = leaf(2), Hook()
    handle = x.register_hook(hook)
    (x * x).sum().backward()
    ref = weakref.ref(hook)
    del hook, handle, x
    assert ref() is None


def test_a_recorded_grad_dies_once_it_is_forgotten():
    """`backward(create_graph=True)` leaves in .grad a graph that leads to its leaf: the one cycle, broken by ``.grad = None``."""
    before = nodes()
    x = leaf(3)
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    x.grad = None
    del x
    assert nodes() == before


def test_a_value_that_no_rule_needs_dies_before_backward():
    x = leaf(3)
    y = x * 2.0
    array = weakref.ref(y.data)
    z = y + 1.0
    del y
    assert array() is None
    kept = z.exp()
    array = weakref.ref(z.data)
    del z
    assert array() is None  # exp keeps its output
    array, total = weakref.ref(kept.data), kept.sum()
    del kept
    assert array() is not None
    total.backward()
    assert array() is None


def test_backward_drops_arrays_while_the_outputs_live_on():
    x = leaf(3)
    y = x.exp()
    array, out = weakref.ref(y.data), (y * y).sum()
    del y
    assert array() is not None
    out.backward(retain_graph=True)
    assert array() is not None
    out.backward()
    assert array() is None
    assert out.source[0].edges[0][0].edges[0][0].primitive.name == "exp"  # the structure stays


def test_a_freed_checkpoint_holds_neither_output_nor_inputs():
    x = leaf(3)
    data = np.ones(3)
    middle = tl.checkpoint(lambda t: t * tl.Tensor(data), x)
    array, out = weakref.ref(middle.data), (middle * 2.0).sum()
    del middle
    out.backward()
    assert array() is None
    assert sys.getrefcount(data) == 2


def test_inference_keeps_nothing():
    x = leaf(3)
    with tl.no_grad():
        y = x * 2
        array, z = weakref.ref(y.data), (y * y).exp()
        del y
        assert array() is None and z.source is None


def test_the_walk_frees_as_it_goes():
    size, depth = 100_000, 30  # arrays of 0.8 MB
    x = leaf(size)
    pool.clear()  # what idles there from tests before was counted by nobody
    tracemalloc.start()
    y = x
    for _ in range(depth):
        y = y.exp().log()  # exp keeps its output, log its input: one array
    out = y.sum()
    del y
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    out.backward()
    peak = tracemalloc.get_traced_memory()[1]
    pool.clear()  # what came back lies idle there
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held > 0.9 * depth * size * 8
    assert peak < held + 5 * size * 8
    assert after < 3 * size * 8


def test_a_walk_needs_memory_for_its_frontier_only():
    """Twice the depth: the same extra memory beside the graph, whatever the number of nodes."""

    def extra(depth):
        x = leaf(20_000)
        y = x
        for _ in range(depth):
            y = y * 1.5
        out = y.sum()
        tracemalloc.start()
        out.backward()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    extra(10)
    assert extra(200) < 1.2 * extra(20) + 20_000


def test_depth_costs_linear_memory():
    def held(depth):
        tracemalloc.start()
        y = x
        for _ in range(depth):
            y = y + 1.0
        out = y.sum()
        out.backward()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    x = tl.tensor([1.0], requires_grad=True)
    held(10)
    assert held(50_000) < 5.5 * held(10_000)


def step(w, b, x, y):
    loss = ((x @ w + b).tanh() - y).square().mean()
    loss.backward()
    for p in (w, b):
        tl.assign(p, p.data - 0.01 * p.grad.data)
        p.grad = None
    return loss.item()


def test_ten_thousand_steps_leak_nothing():
    w, b = leaf(3, 2), leaf(2, seed=1)
    x, y = np.ones((4, 3)), np.zeros((4, 2))
    first = step(w, b, x, y)
    for _ in range(10):
        step(w, b, x, y)
    objects, at_start = len(gc.get_objects()), nodes()
    for _ in range(10_000):
        last = step(w, b, x, y)
    assert nodes() == at_start
    assert len(gc.get_objects()) - objects < 50
    assert last < first
    tracemalloc.start()
    step(w, b, x, y)
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(500):
        step(w, b, x, y)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20_000


def test_errors_leak_nothing():
    w = leaf(3, 2)
    before = nodes()

    def fail(g):
        raise KeyError

    def one():
        y = w * w
        y.register_hook(fail)
        with suppress(KeyError):
            y.sum().backward()
        with suppress(ValueError):
            y @ y

    for _ in range(50):
        one()
    assert nodes() == before


def test_plans_and_scopes_are_made_once():
    x = leaf(3)
    for _ in range(3):
        with tl.scope("block"):
            (x * x).sum()
    root = local.state.scope
    assert sum(name == "block" for name, _ in root._children) == 1
    assert len(tl.mul.primitive.plans) <= 3

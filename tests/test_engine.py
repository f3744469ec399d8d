"""The engine: what is recorded, what is kept, what the walk does and refuses. Each test is a sentence of the design."""

import dis
import gc
import sys
import time
from itertools import pairwise

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite.graph import _leading_to
from tinygrad_lite.primitive import primitive, registry
from tinygrad_lite.record import Node, extra_of
from tinygrad_lite.state import local

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NaNs are made on purpose


def leaf(*shape, dtype=np.float64, seed=0):
    return tl.tensor(np.random.default_rng(seed).uniform(0.5, 1.5, shape).astype(dtype), requires_grad=True)


def unregistered(op):
    """Take an op of a test out of the registry, which other tests read."""
    registry.pop(op.primitive.name)
    return op


def node_of(t):
    return t.source[0]


def saved_arrays(node):
    """The arrays in what a node keeps, by identity."""
    found, stack = [], [node.saved]
    while stack:
        item = stack.pop()
        if isinstance(item, (tuple, list)):
            stack.extend(item)
        elif isinstance(item, np.ndarray):
            found.append(item)
    return found


# -- what a node keeps -------------------------------------------------------------------------------------------

KEPT = [
    ("add", lambda x, y: x + y, ""),
    ("sub", lambda x, y: x - y, ""),
    ("mul", lambda x, y: x * y, "xy"),
    ("mul by a constant Tensor", lambda x, y: x * y.detach(), "y"),
    ("mul of a constant Tensor", lambda x, y: x.detach() * y, "x"),
    ("div", lambda x, y: x / y, "yo"),
    ("div by a constant", lambda x, y: x / y.detach(), "y"),
    ("exp", lambda x, y: x.exp(), "o"),
    ("tanh", lambda x, y: x.tanh(), "o"),
    ("sin", lambda x, y: x.sin(), "x"),
    ("sum", lambda x, y: x.sum(0), ""),
    ("mean", lambda x, y: x.mean(), ""),
    ("reshape", lambda x, y: x.reshape(-1), ""),
    ("slice", lambda x, y: x[0:1], ""),
    ("cat", lambda x, y: tl.cat([x, y]), ""),
    ("broadcast_to", lambda x, y: x.broadcast_to((5, 3, 3)), ""),
    ("matmul", lambda x, y: x @ y, "xy"),
    ("linear", lambda x, y: tl.ops.linalg.linear(x, y, None), "xy"),
    ("linear with constant input", lambda x, y: tl.ops.linalg.linear(x.detach(), y, None), "x"),
    ("linear with constant weight", lambda x, y: tl.ops.linalg.linear(x, y.detach(), None), "y"),
]


@pytest.mark.parametrize(("function", "expected"), [c[1:] for c in KEPT], ids=[c[0] for c in KEPT])
def test_a_node_keeps_exactly_what_active_rules_name(function, expected):
    x, y = leaf(3, 3), leaf(3, 3, seed=1)
    out = function(x, y)
    arrays = {id(x.data): "x", id(y.data): "y", id(out.data): "o"}
    assert {arrays.get(id(a), "?") for a in saved_arrays(node_of(out))} == set(expected)


def test_rules_of_constant_inputs_are_not_kept_and_not_run():
    ran = []

    @primitive(broadcasts=True)
    def product(x, y):
        return x * y

    unregistered(product).derivatives(lambda g, y: (ran.append("x"), g * y)[1], lambda g, x: (ran.append("y"), g * x)[1])
    x, y = leaf(3), leaf(3, seed=1)
    product(x, y.data).sum().backward()
    assert ran == ["x"]
    product(x, y.detach()).sum().backward()
    assert ran == ["x", "x"]
    product(product(x.detach(), 2.0), y).sum().backward()  # the product of constants leaves no node at all
    assert ran == ["x", "x", "y"]
    assert product(x.detach(), 2.0).source is None


def test_grad_runs_no_rule_that_does_not_lead_to_its_inputs():
    ran = []

    @primitive(broadcasts=True)
    def product(x, y):
        return x * y

    unregistered(product).derivatives(lambda g, y: (ran.append("x"), g * y)[1], lambda g, x: (ran.append("y"), g * x)[1])
    x, y, z = leaf(3), leaf(3, seed=1), leaf(3, seed=2)
    middle = product(x, y)
    out = product(middle, z).sum()
    tl.grad(out, middle, retain_graph=True)
    assert ran == ["x"]  # neither towards z nor below middle
    ran.clear()
    tl.grad(out, z, retain_graph=True)
    assert ran == ["y"]
    ran.clear()
    tl.grad(out, y)
    assert ran == ["x", "y"]


def test_grad_towards_a_recent_value_does_not_visit_older_nodes():
    def lines_of_search(depth):
        x = leaf(2)
        for _ in range(depth):
            x = x + 1.0
        out = (x * x).sum()
        count = 0

        def trace(frame, event, arg):
            nonlocal count
            if frame.f_code is not _leading_to.__code__:
                return None
            count += event == "line"
            return trace

        outer = sys.gettrace()
        sys.settrace(trace)
        try:
            tl.grad(out, x)
        finally:
            sys.settrace(outer)
        return count

    assert 0 < lines_of_search(2000) == lines_of_search(20)


def test_names_in_rules_are_inputs_outputs_attributes_and_shapes():
    @primitive
    def scaled(x, *, by):
        return x * by

    unregistered(scaled).derivatives(lambda g, x_shape, by, out: (g * by).reshape(x_shape) if out.shape == x_shape else None)
    x = leaf(2, 2)
    scaled(x, by=3.0).sum().backward()
    assert (x.grad.data == 3).all()


def test_a_missing_shape_of_a_number_is_empty():
    @primitive
    def plus(x, y):
        return x + y

    unregistered(plus).derivatives(lambda g, y_shape: g if y_shape == () else None, None)
    x = leaf(2)
    plus(x, 2.0).sum().backward()
    assert (x.grad.data == 1).all()


def test_freeing_drops_arrays_and_keeps_structure():
    x, y = leaf(3), leaf(3, seed=1)
    out = (x * y).exp().sum()
    nodes = [node_of(out)]
    while nodes[-1].edges and nodes[-1].edges[0][0].primitive is not None:
        nodes.append(nodes[-1].edges[0][0])
    names = [n.primitive.name for n in nodes]
    out.backward()
    assert all(n.saved is None for n in nodes)
    assert names == [n.primitive.name for n in nodes] == ["sum", "exp", "mul"]
    assert nodes[-1].edges[0][0] is node_of(x)
    assert nodes[-1].edges[1][0] is node_of(y)
    assert nodes[-1].metas == (((3,), np.float64),)


def test_nodes_point_to_older_nodes_only():
    x = leaf(4)
    a, b = (x * 2).split(2)
    out = (a * b + x[0:2]).sum()
    stack, seen = [node_of(out)], 0
    while stack:
        node = stack.pop()
        for upstream, key, _ in node.edges:
            if upstream is not None:
                assert upstream.serial <= key < node.serial
                stack.append(upstream)
                seen += 1
    assert seen > 5


# -- the four ways to call: arrays, Tensors, no graph ------------------------------------------------------------


def test_arrays_in_arrays_out_and_tensors_record():
    a = np.ones(3)
    assert type(tl.mul(a, a)) is np.ndarray
    assert type(tl.sum(a)) is np.ndarray  # never a NumPy scalar
    assert type(tl.max(a, 0)[0]) is np.ndarray
    t = leaf(3)
    assert tl.mul(a, t).requires_grad and tl.mul(t, a).requires_grad
    assert not tl.mul(t.detach(), a).requires_grad
    with tl.no_grad():
        assert tl.mul(t, t).source is None
    assert not (t > 1).requires_grad


def _codes(function, seen):
    """The code of a rule and of the private helpers that it calls."""
    if function in seen or not hasattr(function, "__code__") or "primitive" in vars(function):
        return
    seen.add(function)
    yield function.__code__
    for name in function.__code__.co_names:
        helper = function.__globals__.get(name)
        if name.startswith("_") and callable(helper):
            yield from _codes(helper, seen)


@pytest.mark.parametrize("name", sorted(registry))
def test_rules_are_written_with_operators_and_named_ops(name):
    """So the same text runs on arrays and on Tensors: no `np.`, and of a value no more than its shape and dtype."""
    for rule in registry[name].rules or ():
        if rule is None:
            continue
        for code in _codes(rule, set()):
            assert not {"np", "numpy"} & set(code.co_names), f"{name}: {code.co_name} names numpy"
        steps = list(dis.get_instructions(rule))
        for value, step in pairwise(steps):
            if value.opname.startswith("LOAD_FAST") and value.argval in {"g", "x", "y", "out"} and step.opname.startswith("LOAD_"):
                fine = step.opname not in ("LOAD_ATTR", "LOAD_METHOD") or step.argval in {"shape", "ndim", "dtype"}
                assert fine, f"{name}: a rule takes {value.argval}.{step.argval}"


# -- promotion and un-broadcasting -------------------------------------------------------------------------------

f16, f32, f64, i64, b1 = np.float16, np.float32, np.float64, np.int64, np.bool_
DTYPES = [
    (tl.ones(2), tl.ones(2, dtype=f64), f64),
    (tl.ones(2, dtype=f16), tl.ones(2), f32),
    (tl.ones(2), tl.arange(2), f32),
    (tl.ones(2, dtype=f16), tl.arange(2), f16),
    (tl.arange(2), tl.tensor([True, False]), i64),
    (tl.ones(2), 2.5, f32),
    (tl.arange(2), 2.5, f32),
    (tl.arange(2), 2, i64),
    (tl.ones(2, dtype=f16), np.float64(2), f16),
    (tl.ones(2), np.asarray(2.0), f32),
    (tl.arange(2), np.asarray(2.0), f64),
    (tl.ones(2), np.ones(2), f64),
    (tl.tensor(2.0), tl.tensor(2.0, dtype=f64), f64),
    (tl.tensor([True]), True, b1),
    (tl.tensor([3], dtype=np.int8), 2, np.int8),
]


@pytest.mark.parametrize(("x", "y", "expected"), DTYPES)
def test_promotion_is_pytorchs(x, y, expected):
    assert tl.maximum(x, y).dtype == tl.maximum(y, x).dtype == expected


def test_cotangents_come_back_in_the_dtype_and_shape_of_each_input():
    cases = [((2, 3), f32, (3,), f64), ((1, 3), f64, (4, 1), f32), ((), f32, (2, 2), f64), ((2, 3), f16, (1, 1), f32)]
    for shape1, dtype1, shape2, dtype2 in cases:
        x, y = leaf(*shape1, dtype=dtype1), leaf(*shape2, dtype=dtype2, seed=1)
        for create_graph in (False, True):
            x.grad = y.grad = None
            (x * y).sum().backward(create_graph=create_graph)
            assert (x.grad.shape, x.grad.dtype) == (shape1, dtype1)
            assert (y.grad.shape, y.grad.dtype) == (shape2, dtype2)
            expected = np.broadcast_to(y.data, np.broadcast_shapes(shape1, shape2))
            extra = tuple(range(expected.ndim - len(shape1)))
            expected = expected.sum(extra)
            expected = expected.sum(tuple(i for i, n in enumerate(shape1) if n == 1), keepdims=True) if shape1 else expected
            np.testing.assert_allclose(x.grad.data, expected, rtol=1e-2 if f16 in (dtype1, dtype2) else 1e-6)


def test_matmul_of_mixed_floats_is_an_error():
    with pytest.raises(TypeError, match=r"float32.*float64.*\.to\(dtype\)"):
        tl.ones(2, 2) @ tl.ones(2, 2, dtype=np.float64)


def test_rules_get_arrays_also_from_0_d_values():
    got = []

    @primitive
    def watched(x):
        return x * 1.0

    unregistered(watched).derivatives(lambda g, x, out: (got.append({type(g), type(x), type(out)}), g * 2.0)[1])
    x = tl.tensor(2.0, requires_grad=True)
    (watched(watched(x) * 3.0) * 3.0).backward()
    assert got == [{np.ndarray}] * 2 and x.grad.item() == 36


# -- several outputs ---------------------------------------------------------------------------------------------


def test_split_and_unbind_are_one_node_each():
    x = leaf(4, 3)
    for pieces in (x.split([1, 3]), x.unbind(0), x.chunk(2)):
        assert len({id(node_of(p)) for p in pieces}) == 1
        assert len({p.source[1] for p in pieces}) == len(pieces)


def test_unused_outputs_bring_zeros():
    x = leaf(4, 3)
    x.unbind(0)[2].sum().backward()
    assert (x.grad.data == np.array([[0.0], [0], [1], [0]])).all()
    x.grad = None
    first, _, third = x.split([1, 1, 2])
    (first.sum() + (2 * third).sum()).backward()
    assert (x.grad.data == np.array([[1.0], [0], [2], [2]])).all()


def test_integer_outputs_carry_no_gradient():
    x = leaf(4, 3)
    values, indices = x.max(1)
    assert values.requires_grad and not indices.requires_grad and indices.dtype == np.int64
    values.sum().backward()
    assert (x.grad.data == (x.data == x.data.max(1, keepdims=True))).all()


def test_rules_get_one_cotangent_per_output_none_where_unused():
    got = []

    @primitive(outputs=("double", "triple"))
    def multiples(x):
        return 2 * x, 3 * x

    def rule(g_double, g_triple):
        got.append((g_double is None, g_triple is None))
        parts = [g * k for g, k in ((g_double, 2.0), (g_triple, 3.0)) if g is not None]
        return sum(parts[1:], parts[0])

    unregistered(multiples).derivatives(rule)
    for use, pattern, slope in (((1, 0), (False, True), 2), ((0, 1), (True, False), 3), ((1, 1), (False, False), 5)):
        x = leaf(2)
        outs = multiples(x)
        sum(o.sum() for o, u in zip(outs, use) if u).backward()
        assert got.pop() == pattern
        assert (x.grad.data == slope).all()


def test_a_loop_over_unbind_visits_one_node_for_all_steps():
    x = leaf(200, 2)
    total = sum((row * row).sum() for row in x)
    total.backward()
    np.testing.assert_allclose(x.grad.data, 2 * x.data)


# -- cotangents are borrowed -------------------------------------------------------------------------------------

BORROW = [
    ("add(x, x)", lambda x, y: x + x, 2),
    ("x through two aliases", lambda x, y: x.reshape(3, 1).reshape(3) + x, 2),
    ("three uses", lambda x, y: (x + y) + x + x, 3),
    ("sub", lambda x, y: x - y, 1),
    ("sum of sums", lambda x, y: x.sum() + y.sum() + tl.zeros(3, dtype=np.float64), 3),
]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(("function", "slope"), [c[1:] for c in BORROW], ids=[c[0] for c in BORROW])
def test_the_users_gradient_is_neither_changed_nor_kept(function, slope, create_graph):
    x, y = leaf(3), leaf(3, seed=1)
    given = np.ones(3)
    for times in (1, 2, 3):
        tensor = tl.from_numpy(given)
        function(x, y).backward(tensor, create_graph=create_graph)
        assert (given == 1).all()
        grads = [t.grad.data for t in (x, y) if t.grad is not None]
        assert (grads[0] == slope * times).all()
        for g in grads:
            assert not np.shares_memory(g, given)
            assert g.flags.owndata and g.flags.c_contiguous and g.flags.writeable
        if len(grads) == 2:
            assert not np.shares_memory(*grads)


GRADIENT_OWNERSHIP = [
    ("sum", lambda x: x.sum()),
    ("transpose", lambda x: (x.T * np.arange(6.0).reshape(3, 2)).sum()),
    ("broadcast", lambda x: x.broadcast_to((4, 2, 3)).sum()),
    ("slice", lambda x: x[:, 1:].sum()),
    ("split", lambda x: x.split(1)[0].sum()),
    ("itself", lambda x: x),
    ("alias chain", lambda x: x.reshape(6).reshape(2, 3)),
    ("flip", lambda x: x.flip(0)),
    ("matmul", lambda x: (x @ x.T).sum()),
]


@pytest.mark.parametrize("function", [c[1] for c in GRADIENT_OWNERSHIP], ids=[c[0] for c in GRADIENT_OWNERSHIP])
def test_grad_owns_contiguous_writable_memory(function):
    x = leaf(2, 3)
    out = function(x)
    out.backward(np.ones(out.shape), retain_graph=True)
    first = x.grad.data.copy()
    assert x.grad.data.flags.owndata and x.grad.data.flags.c_contiguous and x.grad.data.flags.writeable
    (result,) = tl.grad(out, x, np.ones(out.shape), retain_graph=True)
    assert not np.shares_memory(result.data, x.grad.data)
    out.backward(np.ones(out.shape))
    np.testing.assert_allclose(x.grad.data, 2 * first)
    np.testing.assert_allclose(result.data, first)


def test_a_rule_may_return_the_same_array_every_time():
    constant = np.full(3, 7.0)

    @primitive
    def seven(x):
        return x * 7

    unregistered(seven).derivatives(lambda g: constant)
    x = leaf(3)
    for times in (1, 2, 3):
        (seven(x) + seven(x)).sum().backward()
        assert (x.grad.data == 14 * times).all()
        assert (constant == 7).all()
    x.grad = None
    seven(x).sum().backward()
    assert not np.shares_memory(x.grad.data, constant)


def test_a_fresh_array_of_a_rule_becomes_the_gradient_without_a_copy():
    made = []

    @primitive
    def tripled(x):
        return x * 3

    def rule(g):
        out = g * 3
        made.append(id(out))
        return out

    unregistered(tripled).derivatives(rule)
    x = leaf(3)
    tripled(x).sum().backward()
    assert id(x.grad.data) == made[0]


def test_backward_never_writes_into_saved_arrays():
    x = leaf(3, 3)
    a = x.exp()
    b = a * a + a @ a
    out = (b / a).sum() + a.max(0)[0].sum()
    kept = [t.data.copy() for t in (x, a, b)]
    out.backward(retain_graph=True)
    once = x.grad.data.copy()
    out.backward()
    for t, before in zip((x, a, b), kept):
        assert (t.data == before).all()
    np.testing.assert_allclose(x.grad.data, 2 * once, rtol=1e-14)


# -- versions: never silently wrong ------------------------------------------------------------------------------


def named(t, name):
    extra_of(node_of(t)).name = name
    return t


CHANGES = [
    ("itself", lambda w: w),
    ("detached", lambda w: w.detach()),
    ("view of detached", lambda w: w.detach()[0:1]),
    ("transposed view", lambda w: w.detach().T),
    ("split", lambda w: w.detach().split(1)[1]),
    ("Tensor over it", lambda w: tl.Tensor(w.detach())),
]


@pytest.mark.parametrize("which", [c[1] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_a_kept_value_that_was_changed_is_an_error_that_names_it(which):
    w, x = named(leaf(2, 2), "weight"), leaf(2, 2, seed=1)
    with tl.scope("features"), tl.scope("0"):
        out = (x @ w).sum()
    target = which(w)
    tl.assign(target, np.zeros(target.shape))
    text = r"matmul in features\.0: y \(features\.0\.weight\) was changed in place.*before the update"
    with pytest.raises(RuntimeError, match=text):
        out.backward()
    assert x.grad is None and w.grad is None
    (x @ w).sum().backward()  # run the forward again


NOT_KEPT = [
    ("add", lambda w, x: w + x),
    ("constant factor", lambda w, x: w * 2.0),
    ("exp keeps its output", lambda w, x: w.exp()),
    ("shape", lambda w, x: w.reshape(4)),
    ("cast", lambda w, x: tl.cast(w, dtype=np.float64) * tl.cast(w, dtype=np.float64)),
    ("clone", lambda w, x: w.clone() ** 2),
]


@pytest.mark.parametrize("function", [c[1] for c in NOT_KEPT], ids=[c[0] for c in NOT_KEPT])
def test_a_value_that_was_not_kept_may_change(function):
    w, x = leaf(2, 2), leaf(2, 2, seed=1)
    expected = tl.grad(function(w, x).sum(), w)[0].data
    out = function(w, x).sum()
    tl.assign(w, np.zeros((2, 2)))
    out.backward()
    np.testing.assert_allclose(w.grad.data, expected)


@pytest.mark.parametrize("function", [lambda x: x.exp(), lambda x: 1.0 / x, lambda x: x.amax(0)], ids=["exp", "div", "amax"])
def test_a_kept_output_that_was_changed_is_an_error(function):
    x = leaf(3)
    y = function(x)
    tl.assign(y.detach(), np.zeros(y.shape))
    with pytest.raises(RuntimeError, match="its output was changed in place"):
        y.sum().backward()


def test_a_kept_constant_that_was_changed_is_an_error():
    x, factor = leaf(3), tl.ones(3, dtype=np.float64)
    out = (x * factor).sum()
    tl.assign(factor, np.zeros(3))
    with pytest.raises(RuntimeError, match="mul: other was changed in place"):
        out.backward()


def test_changes_are_seen_by_derivatives_of_recorded_gradients():
    for constant in (False, True):
        x, w = leaf(3), tl.ones(3, dtype=np.float64, requires_grad=not constant)
        (g,) = tl.grad((x * w).sin().sum(), x, create_graph=True)
        tl.assign(x if not constant else w, np.zeros(3))
        with pytest.raises(RuntimeError, match="was changed in place"):
            tl.grad(g.sum(), x)
    x = leaf(3)
    (g,) = tl.grad(x.sin().sum(), x, create_graph=True)  # the cosine of the recorded gradient alone is walked
    tl.assign(x, np.zeros(3))
    with pytest.raises(RuntimeError, match="was changed in place"):
        tl.grad(g.sum(), x)


def test_an_accumulated_gradient_counts_as_changed():
    x, y = leaf(3), leaf(3, seed=1)
    (2 * x).sum().backward()
    out = (x.grad * y).sum()
    (2 * x).sum().backward()
    with pytest.raises(RuntimeError, match="was changed in place"):
        out.backward()


VIEWS = [
    ("reshape", lambda x: x.reshape(-1)), ("view", lambda x: x.view(4, 1)), ("T", lambda x: x.T), ("slice", lambda x: x[0]),
    ("unbind", lambda x: x.unbind(0)[1]), ("split", lambda x: x.split(1)[0]), ("flip", lambda x: x.flip(0)),
    ("squeeze", lambda x: x.squeeze()), ("unsqueeze", lambda x: x.unsqueeze(0)), ("expand", lambda x: x.expand(3, 2, 2)),
    ("broadcast", lambda x: x.broadcast_to((2, 2))), ("diagonal", lambda x: x.diagonal()), ("detach", lambda x: x.detach()),
    ("flatten", lambda x: x.flatten()), ("narrow", lambda x: x.narrow(0, 0, 1)),
    ("einsum transpose", lambda x: tl.einsum("ij->ji", x)),
    ("einsum identity", lambda x: tl.einsum("ij->ij", x)), ("einsum diagonal", lambda x: tl.einsum("ii->i", x)),
    ("cast", lambda x: tl.cast(x, dtype=np.float64)), ("to", lambda x: x.to(np.float64)), ("clamp", lambda x: x.clamp(min=-9.0)),
    ("sum of no dims", lambda x: x.sum(())), ("mean of no dims", lambda x: x.mean(())), ("amax of no dims", lambda x: x.amax(())),
    ("prod of one", lambda x: x[0:1].prod(0)), ("clone", lambda x: x.clone()), ("roll", lambda x: x.roll(0)),
    ("cat of one", lambda x: tl.cat([x])), ("stack of one", lambda x: tl.stack([x])), ("tril", lambda x: x.tril(5)),
    ("where", lambda x: tl.where(x == x, x, 0.0)), ("relu", lambda x: tl.relu(x)), ("abs", lambda x: x.abs()),
    ("index", lambda x: x[[0, 1]]), ("repeat", lambda x: x.repeat(1, 1)), ("neg", lambda x: -x),
    ("checkpoint", lambda x: tl.checkpoint(lambda t: t.reshape(4), x)),
]  # fmt: skip


@pytest.mark.parametrize("function", [c[1] for c in VIEWS], ids=[c[0] for c in VIEWS])
@pytest.mark.parametrize("recorded", [False, True])
def test_who_shares_memory_shares_its_history(function, recorded):
    x = leaf(2, 2) if recorded else leaf(2, 2).detach()
    out = function(x)
    assert (out.changed is x.changed) == np.shares_memory(out.data, x.data)


# -- the walk ----------------------------------------------------------------------------------------------------


def nodes():
    return sum(type(o) is Node for o in gc.get_objects())


def chain(depth):
    x = tl.tensor(np.zeros(2), requires_grad=True)
    y = x
    for _ in range(depth):
        y = y + 1.0
    return x, y.sum()


def test_fifty_thousand_deep_in_linear_time():
    """The coarse check: five times the depth takes about five times the processor's time, not twenty-five."""

    def seconds(depth):
        best = np.inf
        for _ in range(4):
            start = time.thread_time()
            x, out = chain(depth)
            out.backward()
            del out
            best = min(best, time.thread_time() - start)
        assert (x.grad.data == 1).all()
        return best

    gc.collect()
    gc.disable()
    try:
        assert seconds(50_000) < 15 * seconds(10_000)
    finally:
        gc.enable()


def test_deep_graphs_without_backward_die_quietly(capfd):
    before = nodes()
    x, out = chain(200_000)
    assert nodes() - before > 200_000
    del out
    assert nodes() - before <= 1 and capfd.readouterr() == ("", "")  # the leaf's own stays
    assert x.is_leaf


def test_gradients_are_kept_on_leaves_and_add_up():
    x = leaf(3)
    y = x * 2
    y.sum().backward()
    assert y.grad is None and x.is_leaf and not y.is_leaf
    held = x.grad
    (x * 3).sum().backward()
    assert (x.grad.data == 5).all()
    x.grad = None
    (x * 3).sum().backward()
    assert (x.grad.data == 3).all()
    assert (held.data == 5).all()


def test_a_diamond_visits_each_node_once():
    ran = []

    @primitive
    def marked(x):
        return x * 1.0

    unregistered(marked).derivatives(lambda g: (ran.append(1), g)[1])
    x = leaf(2)
    y = marked(x)
    for _ in range(30):  # 2**30 paths
        y = y + y
    y.sum().backward()
    assert len(ran) == 1 and (x.grad.data == 2.0**30).all()


def test_a_second_backward_names_retain_graph():
    x = leaf(3)
    out = (x * x).sum()
    out.backward()
    with pytest.raises(RuntimeError, match=r"backward through sum: .*freed.*retain_graph=True"):
        out.backward()
    y = x * x
    y.sum().backward()
    with pytest.raises(RuntimeError, match=r"backward through mul: .*retain_graph=True"):
        (y * 2).sum().backward()
    out = (x * x).sum()
    tl.grad(out, x)
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        tl.grad(out, x)


def test_retain_graph_walks_twice():
    x = leaf(3)
    out = (x * x).sum()
    out.backward(retain_graph=True)
    out.backward(retain_graph=True)
    (g,) = tl.grad(out, x, retain_graph=True)
    out.backward()
    np.testing.assert_allclose(x.grad.data, 6 * x.data)
    np.testing.assert_allclose(g.data, 2 * x.data)


def test_backward_of_several_outputs_and_of_given_gradients():
    x = leaf(3)
    tl.backward([(x * 2).sum(), x * x], [None, np.array([1.0, 0, 2])])
    np.testing.assert_allclose(x.grad.data, 2 + 2 * x.data * [1, 0, 2])
    y = x * x
    x.grad = None
    tl.backward([y, y], [np.ones(3), np.ones(3)])  # one output twice
    np.testing.assert_allclose(x.grad.data, 4 * x.data)


def test_backward_of_a_leaf():
    x = tl.tensor(2.0, requires_grad=True)
    x.backward()
    assert x.grad.item() == 1
    x.backward(3.0)
    assert x.grad.item() == 4


# -- hooks and retained gradients --------------------------------------------------------------------------------


@pytest.mark.parametrize("create_graph", [False, True])
def test_hooks_see_and_replace_gradients_in_order(create_graph):
    x, seen = leaf(3), []
    y = x * 2
    first = y.register_hook(lambda g: (seen.append(("first", g.data.copy())), g * 10)[1])
    y.register_hook(lambda g: seen.append(("second", g.data.copy())))
    x.register_hook(lambda g: (seen.append(("leaf", g.data.copy())), g + 1)[1])
    (y * 3).sum().backward(create_graph=create_graph)
    assert [(n, v[0]) for n, v in seen] == [("first", 3), ("second", 30), ("leaf", 60)]
    assert (x.grad.data == 61).all()
    first.remove()
    first.remove()  # twice does no harm
    seen.clear()
    x.grad = None
    y.register_hook(lambda g: seen.append(("third", g.data.copy())))
    (y * 3).sum().backward(create_graph=True) if create_graph else None
    if create_graph:
        assert [n for n, _ in seen] == ["second", "third", "leaf"]
        assert (x.grad.data == 7).all()


def test_hooks_on_one_of_several_outputs_and_on_scalars():
    x, seen = leaf(4), []
    a, b = x.split(2)
    b.register_hook(lambda g: seen.append(g.data.copy()))
    total = a.sum() + (b * 2).sum()
    total.register_hook(lambda g: seen.append(type(g.data)))
    total.backward()
    assert seen[0] is np.ndarray and (seen[1] == 2).all()
    a, b = x.split(2)
    b.register_hook(lambda g: seen.append("unused"))
    a.sum().backward()
    assert len(seen) == 2


def test_a_hook_may_hold_what_it_saw():
    x, seen = leaf(3), []
    x.register_hook(lambda g: seen.append(g))
    for _ in range(2):
        (x * x).sum().backward()
    np.testing.assert_allclose(seen[0].data, 2 * x.data)  # not what .grad has become
    assert not np.shares_memory(seen[0].data, x.grad.data)
    (g,) = tl.grad((x * x).sum(), x)
    assert not np.shares_memory(seen[-1].data, g.data)


def test_hooks_on_leaves_run_for_grad_too():
    x = leaf(3)
    x.register_hook(lambda g: g * 5)
    (g,) = tl.grad((x * 2).sum(), x)
    assert (g.data == 10).all() and x.grad is None


def test_a_hook_that_returns_the_wrong_shape_is_an_error():
    x = leaf(3)
    y = x * 2
    y.register_hook(lambda g: g.sum())
    with pytest.raises(ValueError, match=r"hook on mul.*\(3,\).*got \(\) float64"):
        y.sum().backward()
    assert x.grad is None


def test_an_error_in_the_middle_of_backward_leaves_every_grad_untouched():
    x, w = leaf(3), leaf(3, seed=1)
    (x * w).sum().backward()
    before = [t.grad.data.copy() for t in (x, w)]

    def fail(g):
        raise KeyError("hook")

    for place in ("intermediate", "leaf"):
        y = x * x
        handle = (y if place == "intermediate" else x).register_hook(fail)
        with pytest.raises(KeyError):
            (y * w).sum().backward()
        handle.remove()
        for t, g in zip((x, w), before):
            assert (t.grad.data == g).all()
    assert tl.is_grad_enabled()
    (x * w).sum().backward()  # and the same leaves still train
    np.testing.assert_allclose(x.grad.data, 2 * before[0])


def test_retain_grad_keeps_the_gradient_of_a_computed_tensor():
    x = leaf(3)
    y = x * x
    y.retain_grad()
    out = (y * 3).sum()
    out.backward(retain_graph=True)
    assert (y.grad.data == 3).all() and y.grad.data.flags.owndata
    out.backward()
    assert (y.grad.data == 6).all()
    z = x * x
    z.retain_grad()
    z.register_hook(lambda g: g * 2)
    z.sum().backward()
    assert (z.grad.data == 2).all()  # after hooks


# -- grad --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("create_graph", [False, True])
def test_grad_touches_nothing(create_graph):
    x, y = leaf(3), leaf(3, seed=1)
    z = x * y
    z.retain_grad()
    grads = tl.grad(z.sum(), [x, y], create_graph=create_graph)
    np.testing.assert_array_equal(grads[0].data, y.data)
    np.testing.assert_array_equal(grads[1].data, x.data)
    assert x.grad is None and y.grad is None and z.grad is None
    assert all(g.requires_grad == create_graph for g in grads)


def test_grad_towards_inputs_that_are_not_leaves_duplicates_and_outputs():
    x = leaf(3)
    y = x * x
    out = (y * y).sum()
    gy, gx, gy2, gout = tl.grad(out, [y, x, y, out])
    np.testing.assert_allclose(gy.data, 2 * y.data)
    np.testing.assert_allclose(gx.data, 4 * x.data**3)
    np.testing.assert_allclose(gy2.data, gy.data)
    assert not np.shares_memory(gy.data, gy2.data)
    assert gout.item() == 1


def test_grad_with_a_chain_of_wanted_values():
    """A gradient towards y passes on through y to x."""
    x = leaf(3)
    y = x.exp()
    z = y.sin()
    gz, gy, gx = tl.grad(z.sum(), [z, y, x])
    assert (gz.data == 1).all()
    np.testing.assert_allclose(gy.data, np.cos(y.data))
    np.testing.assert_allclose(gx.data, np.cos(y.data) * y.data)


def test_grad_allow_unused():
    x, y = leaf(3), leaf(3, seed=1)
    out = (x * x).sum()
    with pytest.raises(RuntimeError, match="do not depend on input 1; allow_unused=True"):
        tl.grad(out, [x, y], retain_graph=True)
    gx, gy = tl.grad(out, [x, y], allow_unused=True)
    assert gy is None and gx is not None
    (younger,) = tl.grad((x * x).sum(), [leaf(2)], allow_unused=True)
    assert younger is None


def test_grad_of_several_outputs_with_grad_outputs():
    x = leaf(3)
    (g,) = tl.grad([x * 2, (x * x).sum()], x, [tl.tensor([1.0, 2, 3]), None])
    np.testing.assert_allclose(g.data, 2 * np.array([1.0, 2, 3]) + 2 * x.data)


def test_third_derivative_through_create_graph():
    x = tl.tensor(np.array([0.3, 0.7, 1.1]), requires_grad=True)
    y = (x**2).sin()
    for _ in range(3):
        (y,) = tl.grad(y.sum(), x, create_graph=True)
    v = x.data
    np.testing.assert_allclose(y.data, -12 * v * np.sin(v**2) - 8 * v**3 * np.cos(v**2), rtol=1e-12)


def test_create_graph_through_backward_and_accumulation():
    x = leaf(3)
    (x**3).sum().backward(create_graph=True)
    (second,) = tl.grad(x.grad.sum(), x)
    np.testing.assert_allclose(second.data, 6 * x.data)
    (x**2).sum().backward()  # a plain backward on top leaves the recorded gradient as it was
    np.testing.assert_allclose(x.grad.data, 3 * x.data**2 + 2 * x.data)


def test_grad_outputs_can_be_differentiated():
    x, u = leaf(3), leaf(3, seed=1)
    (g,) = tl.grad(x * x, x, u, create_graph=True)
    (gu,) = tl.grad(g.sum(), u)
    np.testing.assert_allclose(gu.data, 2 * x.data)


# -- fused ops and twins -----------------------------------------------------------------------------------------


def fused_square():
    """x**2 as a fused op; the kernel and the twin tell when they ran."""
    ran = []

    def twin(x, y, *, power):
        ran.append("twin")
        return (x * y) ** power

    @primitive(twin=twin, residuals=("base",))
    def fused(x, y, *, power):
        return (x * y) ** power, x * y

    @fused.backward
    def fused_backward(g, x, y, base, *, power):
        ran.append("kernel")
        slope = g * power * base ** (power - 1)
        return slope * y, slope * x

    unregistered(fused)
    unregistered(fused_backward)
    return fused, ran


def test_the_backward_of_a_fused_op_is_its_kernel_and_higher_derivatives_go_through_the_twin():
    fused, ran = fused_square()
    x, y = leaf(3), leaf(3, seed=1)
    fused(x, y, power=3).sum().backward()
    assert ran == ["kernel"]
    np.testing.assert_allclose(x.grad.data, 3 * x.data**2 * y.data**3)
    ran.clear()
    (g,) = tl.grad(fused(x, y, power=3).sum(), x, create_graph=True)
    assert ran == ["kernel"]  # a captured step keeps its kernels
    (gg,) = tl.grad(g.sum(), x, create_graph=True)
    assert "twin" in ran
    np.testing.assert_allclose(gg.data, 6 * x.data * y.data**3)
    (ggg,) = tl.grad(gg.sum(), x)
    np.testing.assert_allclose(ggg.data, 6 * y.data**3)


def test_a_tensor_passed_twice_to_a_fused_op_counts_once_per_use():
    fused, _ = fused_square()
    x = leaf(3)
    y = fused(x, x, power=2)  # x**4
    for slope in (4 * x.data**3, 12 * x.data**2, 24 * x.data):
        (y,) = tl.grad(y.sum(), x, create_graph=True)
        np.testing.assert_allclose(y.data, slope)
    assert tl.gradcheck(lambda t: fused(t, t, power=2), x.data, order=2)


def test_a_fused_op_without_a_kernel_goes_through_its_twin():
    @primitive(twin=lambda x: x * x * x)
    def cubed(x):
        return x**3

    unregistered(cubed)
    x = leaf(3)
    (g,) = tl.grad(cubed(x).sum(), x, create_graph=True)
    np.testing.assert_allclose(g.data, 3 * x.data**2)
    (gg,) = tl.grad(g.sum(), x)
    np.testing.assert_allclose(gg.data, 6 * x.data)
    with tl.no_grad():  # the twin records for itself
        (g,) = tl.grad(cubed_outside(cubed, x), x)
    np.testing.assert_allclose(g.data, 3 * x.data**2)


def cubed_outside(op, x):
    with tl.enable_grad():
        return op(x).sum()


def test_the_gradient_of_a_loss_is_nobody_elses():
    x = tl.randn(3, 4, requires_grad=True)  # the forward made the gradient, and another walk needs it
    loss = tl.cross_entropy(x, np.array([0, 3, 1]))
    loss.backward(retain_graph=True)
    first = x.grad.numpy().copy()
    x.grad.data[...] = 7
    (again,) = tl.grad(loss, x, retain_graph=True)
    again.data[...] = 8
    x.grad = None
    loss.backward()
    assert np.array_equal(x.grad.numpy(), first)


def test_cross_entropy_agrees_with_its_twin_to_the_second_order():
    target = np.array([0, 2, 1])
    x = leaf(3, 4)
    twin = tl.ops.loss.cross_entropy.primitive.twin
    results = []
    for f in (tl.cross_entropy, twin):
        (g,) = tl.grad(f(x, target), x, create_graph=True)
        (gg,) = tl.grad((g * g).sum(), x)
        results.append((g.data, gg.data))
    np.testing.assert_allclose(results[0], results[1], atol=1e-14)


def test_the_second_derivative_of_softplus_at_0():
    x = tl.tensor([-1e-3, 0.0, 1e-3], dtype=np.float64, requires_grad=True)
    (g,) = tl.grad(tl.softplus(x, beta=2.0).sum(), x, create_graph=True)
    np.testing.assert_allclose(tl.grad(g.sum(), x)[0].data, 0.5 / np.cosh(x.data) ** 2, rtol=1e-12)


# -- an op of one's own ------------------------------------------------------------------------------------------


def test_an_op_of_ones_own_has_every_order_from_one_rule():
    @primitive(promotes="float")
    def softsign(x):
        return x / (1 + np.abs(x))

    unregistered(softsign).derivatives(lambda g, x: g / ((1.0 + tl.abs(x)) * (1.0 + tl.abs(x))))
    assert type(softsign(np.ones(2))) is np.ndarray
    assert tl.gradcheck(softsign, np.array([-1.5, 0.5, 2.0]))
    assert tl.gradcheck(softsign, np.array([-1.5, 0.5, 2.0]), order=2)
    assert softsign(tl.arange(3)).dtype == np.float32


WRONG_RULES = [
    ("wrong shape", False, lambda g, x, y: g[:1], ValueError, r"backward of wrong in block, gradient of x: .*\(1,\).*\(3,\)"),
    ("no broadcast of it", True, lambda g, x, y: g[:2], ValueError, r"backward of wrong in block, gradient of x: .*\(2,\).*\(3,\)"),
    ("nothing", False, lambda g, x, y: None, TypeError, r"backward of wrong in block, gradient of x: .*NoneType"),
    ("a number", False, lambda g, x, y: 2.0, TypeError, r"backward of wrong in block, gradient of x: .*float"),
    ("an error", False, lambda g, x, y: tl.reshape(g, 7), ValueError, r"backward of wrong in block, gradient of x: reshape"),
]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(("broadcasts", "rule", "kind", "text"), [c[1:] for c in WRONG_RULES], ids=[c[0] for c in WRONG_RULES])
def test_a_wrong_rule_is_an_error_that_names_the_op(broadcasts, rule, kind, text, create_graph):
    @primitive(broadcasts=broadcasts)
    def wrong(x, y):
        return x * y

    unregistered(wrong).derivatives(rule, lambda g, x, y: g * x)
    x, y = leaf(3), leaf(3, seed=1)
    with tl.scope("block"):
        out = wrong(x, y)
    with pytest.raises(kind, match=text):
        out.sum().backward(create_graph=create_graph)
    assert x.grad is None and y.grad is None


def test_an_update_of_ones_own_marks_what_it_writes():
    from tinygrad_lite.primitive import update

    @update(0)
    def doubled(target):
        target *= 2

    unregistered(doubled)
    x, y = leaf(3), leaf(3, seed=1)
    out = (x * y).sum()
    doubled(y)
    with pytest.raises(RuntimeError, match="mul: other was changed"):
        out.backward()
    with pytest.raises(TypeError, match="doubled: target must be a Tensor"):
        doubled(np.ones(3))
    with pytest.raises(ValueError, match=r"doubled: target.*mul.*only leaves change in place"):
        doubled(x * y)
    with pytest.raises(ValueError, match=r"doubled: .*read-only"):
        doubled(tl.ones(1).expand(3))


# -- scopes and flags --------------------------------------------------------------------------------------------


def test_a_node_carries_its_scope_one_object_for_each_path():
    x = leaf(2)
    with tl.scope("encoder"), tl.scope("0", "Linear"):
        a, b = x * 2, x * 3
    with tl.scope("encoder"), tl.scope("0", "Linear"):
        c = x * 4
    assert node_of(a).scope is node_of(b).scope is node_of(c).scope
    assert node_of(a).scope.path == "encoder.0" and node_of(a).scope.kind == "Linear"
    assert node_of(x * 2).scope.path == ""
    again = tl.scope("outer")
    with again, again:
        assert node_of(x * 2).scope.path == "outer.outer"
    assert node_of(x * 2).scope.path == ""


FLAGS = [
    ("no_grad", tl.no_grad, lambda: tl.is_grad_enabled(), True, False),
    ("enable_grad", tl.enable_grad, lambda: tl.is_grad_enabled(), True, True),
    ("detect_anomaly", tl.detect_anomaly, lambda: local.state.anomaly, False, True),
]


@pytest.mark.parametrize(("flag", "read", "outside", "inside"), [c[1:] for c in FLAGS], ids=[c[0] for c in FLAGS])
def test_flags_are_context_managers_and_decorators_restored_on_exceptions(flag, read, outside, inside):
    @flag()
    def function(fail):
        """Says what it saw."""
        if fail:
            raise KeyError
        return read()

    assert read() is outside
    with flag():
        assert read() is inside
        with flag():
            assert read() is inside
        assert read() is inside
    assert read() is outside
    with pytest.raises(KeyError), flag():
        raise KeyError
    assert read() is outside
    assert function(False) is inside and read() is outside
    with pytest.raises(KeyError):
        function(True)
    assert read() is outside
    assert function.__name__ == "function" and function.__doc__ == "Says what it saw."
    manager = flag()
    with manager, manager:
        assert read() is inside
    assert read() is outside


def test_enable_grad_inside_no_grad_and_scope_on_exceptions():
    x = leaf(2)
    with tl.no_grad():
        assert not (x * 2).requires_grad
        with tl.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    with pytest.raises(KeyError), tl.scope("broken"):
        raise KeyError
    assert local.state.scope.path == ""
    with tl.no_grad():  # backward works inside
        pass
    out = (x * x).sum()
    with tl.no_grad():
        out.backward()
    np.testing.assert_allclose(x.grad.data, 2 * x.data)


# -- anomalies ---------------------------------------------------------------------------------------------------


def test_detect_anomaly_stops_at_the_first_op_in_forward_order():
    x = tl.tensor(np.array([-1.0, 4.0]), requires_grad=True)
    with tl.detect_anomaly(), tl.scope("head"), tl.scope("norm"):
        y = x * 2
        line = sys._getframe().f_lineno + 2
        with pytest.raises(FloatingPointError) as caught:
            y.sqrt().log()
    text = str(caught.value)
    assert text.startswith("sqrt in head.norm: the first NaN appeared here")
    assert f"test_engine.py:{line}" in text
    assert "x (2,) float64 in [-2, 8]" in text and "output (2,) float64 in [2.828, 2.828], not all finite" in text
    assert np.isnan(x.sqrt().data[0])  # outside it goes on


def test_detect_anomaly_on_constants_several_outputs_and_inf():
    with tl.detect_anomaly():
        with pytest.raises(FloatingPointError, match="div: the first inf"):
            tl.ones(2) / tl.zeros(2)
        with pytest.raises(FloatingPointError, match="exp: the first inf"):
            tl.exp(np.full(2, 1e4))
        assert tl.ones(2).max(0)[0].item() == 1


@pytest.mark.parametrize("create_graph", [False, True])
def test_detect_anomaly_names_the_op_whose_backward_made_a_nan(create_graph):
    x = tl.tensor(np.array([0.0, 1.0]), requires_grad=True)
    with tl.detect_anomaly():
        with tl.scope("layer"):
            line = sys._getframe().f_lineno + 1
            y = x.sqrt()
        with pytest.raises(FloatingPointError) as caught:
            (y * y).sum().backward(create_graph=create_graph)
    text = str(caught.value)
    assert "backward of sqrt in layer" in text and f"test_engine.py:{line})" in text and "gradient of x" in text
    assert x.grad is None
    (y * y).sum().backward()


def test_source_lines_are_kept_only_under_anomaly_detection():
    x = leaf(2)
    assert node_of(x * 2).extra is None
    with tl.detect_anomaly():
        assert "test_engine.py" in node_of(x * 2).extra.line


# -- Tensors -----------------------------------------------------------------------------------------------------


def test_no_item_assignment():
    x = leaf(3)
    for t in (x, x.detach(), x * 2):
        with pytest.raises(TypeError, match=r"where, scatter or cat"):
            t[0] = 1.0


def test_copies_are_leaves_of_their_own():
    import copy
    import pickle

    x = named(leaf(3), "weight")
    (x * x).sum().backward()
    constant = x.detach()
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert other.requires_grad and other.is_leaf and not np.shares_memory(other.data, x.data)
        assert (other.grad.data == x.grad.data).all() and not np.shares_memory(other.grad.data, x.grad.data)
        assert node_of(other).extra.name == "weight"
        other.grad = None
        gx, go = tl.grad((x * 2 + other * 3).sum(), [x, other])
        assert (gx.data == 2).all() and (go.data == 3).all()
    pair = copy.deepcopy([x, x, constant])
    assert pair[0] is pair[1] and pair[2].changed is pair[0].changed and np.shares_memory(pair[2].data, pair[0].data)
    shallow = copy.copy(x)
    assert shallow.data is x.data and shallow.source is x.source and shallow.changed is x.changed
    for function in (copy.deepcopy, pickle.dumps):
        with pytest.raises(RuntimeError, match=r"computed by mul; only leaves.*detach\(\)"):
            function(x * 2)


def test_tensor_shares_and_tensor_function_copies():
    array = np.ones(3)
    assert tl.Tensor(array).data is array and tl.from_numpy(array).data is array
    assert not np.shares_memory(tl.tensor(array).data, array)
    assert tl.Tensor(array).dtype == np.float64 and tl.tensor([1.0]).dtype == np.float32
    assert tl.float32 is np.float32


def test_default_dtype():
    try:
        tl.set_default_dtype(np.float64)
        assert tl.tensor([1.0]).dtype == np.float64 and tl.ones(2).dtype == np.float64
    finally:
        tl.set_default_dtype(np.float32)
    assert tl.tensor([1.0]).dtype == np.float32
    with pytest.raises(TypeError, match="int64 is not a floating dtype"):
        tl.set_default_dtype(np.int64)


def test_requires_grad_can_be_switched_on_leaves_only():
    x = leaf(2)
    x.requires_grad = False
    assert not x.requires_grad and not (x * 2).requires_grad
    x.requires_grad_()
    with pytest.raises(RuntimeError, match="only a leaf"):
        (x * 2).requires_grad_(False)
    with pytest.raises(TypeError, match="only floating Tensors have gradients"):
        tl.arange(3).requires_grad_()

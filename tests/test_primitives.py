"""What is proved of every op, from the rows of cases.py."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import numpy as np
import pytest
from cases import CASES, COMPOSED, UPDATES, filled, function_of

import tinygrad_lite as tl
from tinygrad_lite import graph, ops
from tinygrad_lite.ops import indexing, linalg, reduction, shape, triangles
from tinygrad_lite.primitive import primitive, registry
from tinygrad_lite.record import Value

OWN = {name: p for name, p in registry.items() if p.forward.__module__.startswith("tinygrad_lite.")}
ROWS = CASES + COMPOSED
PRIMITIVE = [c for c in CASES if c.call is None]


pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")  # ordinary values and their derivatives warn of nothing


def each(cases):
    """Parametrise a test of a row with ops: it runs on all rows of an op, and an error names the row."""
    of_op = {}
    for case in cases:
        of_op.setdefault(case.op.split("-")[0], []).append(case)

    def decorate(test):
        def on_every_row(rows, **others):
            for case in rows:
                try:
                    test(case, **others)
                except BaseException as error:
                    error.add_note(f"in the row {case.id}")
                    raise

        parameters = inspect.signature(test).parameters.values()
        on_every_row.__signature__ = inspect.Signature([p.replace(name="rows") if p.name == "case" else p for p in parameters])
        on_every_row.__name__, on_every_row.__doc__ = test.__name__, test.__doc__
        on_every_row.pytestmark = getattr(test, "pytestmark", [])
        return pytest.mark.parametrize("rows", of_op.values(), ids=of_op)(on_every_row)

    return decorate


def is_float(x):
    return isinstance(x, (np.ndarray, Value)) and x.dtype.kind == "f"


def differentiable(case):
    return (case.op not in registry or registry[case.op].differentiable) and any(map(is_float, case.arrays()))


DIFFERENTIABLE = [c for c in ROWS if differentiable(c)]


def as_tuple(out):
    return tuple(out) if isinstance(out, (tuple, list)) else (out,)


def leaves(arrays):
    """Floating arrays as Tensors that require a gradient, the rest as it is."""
    return [tl.Tensor(a, requires_grad=True) if is_float(a) else a for a in arrays]


def weighted(outs):
    """A fixed combination of all floating outputs, with weights that differ from element to element."""
    total = None
    for out in as_tuple(outs):
        if is_float(out) and out.requires_grad:
            weights = np.cos(np.arange(out.numel()) * 0.7 + 0.3).reshape(out.shape).astype(out.dtype)
            part = (out * weights).sum()
            total = part if total is None else total + part
    return total


def gradients(function, inputs, create_graph=False):
    """Gradients of `weighted` towards the floating inputs, as Tensors or None."""
    own = [x for x in inputs if isinstance(x, Value) and x.requires_grad]
    loss = weighted(function(*inputs))
    return (None,) * len(own) if loss is None else tl.grad(loss, own, create_graph=create_graph, allow_unused=True)


def close(actual, expected, rtol=1e-9, atol=1e-10):
    """Arrays of equal shape and close values; None stands for a gradient that is zero."""
    for a, e in zip(actual, expected, strict=True):
        a, e = (getattr(x, "data", x) if isinstance(x, Value) else x for x in (a, e))
        if a is None or e is None:
            assert a is e or not np.any(a if e is None else e)
            continue
        assert np.shape(a) == np.shape(e)
        np.testing.assert_allclose(a, e, rtol=rtol, atol=atol)


# -- the table ---------------------------------------------------------------------------------------------------


def test_every_primitive_has_a_row():
    missing = set(OWN) - {c.op for c in CASES} - {c.op for c in UPDATES}
    assert not missing, f"no row in tests/cases.py for {sorted(missing)}"


def test_rows_of_primitives_name_primitives():
    assert {c.op for c in CASES} <= set(OWN)
    assert {c.op for c in UPDATES} == {name for name, p in OWN.items() if p.writes}


def test_every_primitive_has_an_empty_row():
    empty = {c.op for c in CASES if any(getattr(x, "size", 1) == 0 for x in (*c.arrays(), *c.expected()))}
    empty |= {c.op for c in UPDATES if c.arrays()[0].size == 0}
    assert not set(OWN) - empty


def test_every_broadcasting_primitive_has_a_row_that_broadcasts():
    broadcast = {c.op for c in CASES if len({np.shape(x) for x in c.arrays()}) > 1}
    assert {name for name, p in OWN.items() if p.broadcasts} <= broadcast


# -- forward -----------------------------------------------------------------------------------------------------


@each(ROWS)
def test_forward_equals_the_reference(case):
    arrays = case.arrays()
    for a in arrays:
        if isinstance(a, np.ndarray):
            a.flags.writeable = False
    outs, expected = as_tuple(case.run(*arrays)), case.expected()
    loose = case.out_dtype == np.float32
    close(outs, expected, *((1e-6, 1e-6) if loose else ()))
    if case in PRIMITIVE:
        for out, e in zip(outs, expected):
            assert type(out) is np.ndarray
            assert out.dtype == (case.out_dtype or e.dtype) or out.dtype.kind == e.dtype.kind == "b"


@each(ROWS)
def test_tensors_give_what_arrays_give(case):
    """With a Tensor among the inputs the results are Tensors of the same values, recorded only where a gradient is wanted."""
    arrays = case.arrays()
    expected = as_tuple(case.run(*arrays))
    constants = [tl.Tensor(a) if isinstance(a, np.ndarray) else a for a in arrays]
    outs = as_tuple(case.run(*constants))
    if case.op != "checkpointed":
        assert all(isinstance(o, Value) and o.source is None for o in outs)
    close(outs, expected, 1e-14, 0)
    if not any(map(is_float, arrays)):
        return
    outs = as_tuple(case.run(*leaves(arrays)))
    close(outs, expected, 1e-14, 0)
    if case.op in registry:
        for out in outs:
            assert out.requires_grad == (out.dtype.kind == "f" and registry[case.op].differentiable)


@each(PRIMITIVE)
def test_an_output_that_shares_memory_is_declared_a_view(case):
    """So that a change in place of one is seen by the graph of the other; only of the first input."""
    arrays = case.arrays()
    for out in as_tuple(case.run(*arrays)):
        shared = [np.shares_memory(out, a) for a in arrays if isinstance(a, np.ndarray)]
        assert not any(shared) or (registry[case.op].view and not any(shared[1:]))


@each([c for c in ROWS if any(isinstance(x, np.ndarray) and x.ndim for x in c.arrays())])
def test_layout_of_inputs_does_not_matter(case):
    """Strided and transposed inputs give the values and gradients of contiguous ones."""

    def strided(a):
        return np.repeat(a, 2, -1)[..., ::2] if isinstance(a, np.ndarray) and a.ndim else a

    def transposed(a):
        return np.ascontiguousarray(a.T).T if isinstance(a, np.ndarray) and a.ndim else a

    arrays = case.arrays()
    expected = as_tuple(case.run(*arrays))
    slopes = gradients(case.run, leaves(arrays)) if differentiable(case) else ()
    for layout in (strided, transposed):
        moved = [layout(a) for a in arrays]
        close(as_tuple(case.run(*moved)), expected)
        if slopes:
            close(gradients(case.run, leaves(moved)), slopes)


_LOCAL = ("elementwise", "activation", "comparison", "functions", "rounding")
LOCAL = [c for c in PRIMITIVE if registry[c.op].forward.__module__.endswith(_LOCAL) and "dim" not in c.attributes]


@each([c for c in LOCAL if {np.shape(x) for x in c.arrays()} == {(3, 4)}])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_arrays_equal_their_parts(case, dtype):
    """Beyond the size from which memory comes from a pool and kernels take over."""
    small = case.arrays(dtype)
    large = [np.tile(a, (200, 250)) for a in small]
    close(as_tuple(case.run(*large)), [np.tile(o, (200, 250)) for o in as_tuple(case.run(*small))], 1e-6, 1e-7)
    if differentiable(case):
        slopes, parts = (
            tl.grad(case.run(*xs).sum(), [x for x in xs if isinstance(x, Value)], allow_unused=True)
            for xs in (leaves(large), leaves(small))
        )
        close(slopes, [None if g is None else np.tile(g.data, (200, 250)) for g in parts], 1e-6, 1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lead", [(2048,), (4, 512)])
def test_a_large_linear_equals_its_rows(lead, dtype):
    rng = np.random.default_rng(0)
    x, weight, bias = (rng.standard_normal(s).astype(dtype) for s in ((*lead, 48), (40, 48), (40,)))
    g = rng.standard_normal((*lead, 40)).astype(dtype)
    for b in (bias, None):
        xs = leaves([x, weight, b])
        out = linalg.linear(*xs)
        rows = x.astype(float) @ weight.T.astype(float) + (0 if b is None else b)
        close([out], [rows], *((1e-3, 1e-3) if dtype == np.float32 else (1e-9, 1e-10)))
        slopes = tl.grad(out, [t for t in xs if t is not None], g)
        flat = g.reshape(-1, 40).astype(float)
        expected = [g.astype(float) @ weight, flat.T @ x.reshape(-1, 48), flat.sum(0)]
        close(slopes, expected[: len(slopes)], *((1e-3, 2e-3) if dtype == np.float32 else (1e-9, 1e-10)))


# -- derivatives -------------------------------------------------------------------------------------------------


@each([c for c in DIFFERENTIABLE if c.order])
def test_derivatives_equal_finite_differences(case):
    tl.gradcheck(case.run, *case.arrays(), order=case.order, rtol=2e-4, atol=2e-6)


@each(DIFFERENTIABLE)
def test_gradients_have_the_shape_and_dtype_of_their_inputs(case):
    inputs = leaves(case.arrays())
    for x, g in zip([x for x in inputs if isinstance(x, Value)], gradients(case.run, inputs)):
        assert g is None or (g.shape, g.dtype) == (x.shape, x.dtype)


@each(DIFFERENTIABLE)
def test_a_recorded_backward_equals_the_plain_one(case):
    arrays = case.arrays()
    close(gradients(case.run, leaves(arrays), create_graph=True), gradients(case.run, leaves(arrays)), 1e-12, 1e-13)


@each(DIFFERENTIABLE)
def test_float32_stays_float32(case):
    """Outputs and gradients of float32 inputs are float32, and near those of float64."""
    inputs = leaves(case.arrays(np.float32))
    outs = [o for o in as_tuple(case.run(*inputs)) if o.dtype.kind == "f"]
    assert {o.dtype for o in outs} <= {np.dtype(case.out_dtype or np.float32)}
    slopes, expected = gradients(case.run, inputs), gradients(case.run, leaves(case.arrays()))
    assert all(g is None or g.dtype == np.float32 for g in slopes)
    close(slopes, expected, 2e-4, 2e-5)
    close(outs, [o for o in as_tuple(case.run(*leaves(case.arrays()))) if o.dtype.kind == "f"], 2e-4, 2e-5)


def floats_of_one_shape(case):
    shapes = [a.shape for a in case.arrays() if is_float(a)]
    return len(shapes) > 1 and len(set(shapes)) < len(shapes)


@each([c for c in DIFFERENTIABLE if floats_of_one_shape(c)])
def test_one_tensor_passed_twice_counts_once_for_each_use(case):
    """The gradient towards a tensor in two places is the sum of the gradients towards two tensors of its values."""
    arrays = case.arrays()
    places = [k for k, a in enumerate(arrays) if is_float(a)]
    first, second = next((i, j) for i in places for j in places if i < j and arrays[i].shape == arrays[j].shape)
    arrays[second] = arrays[first]
    apart = leaves(arrays)
    expected = dict(zip(places, gradients(case.run, apart)))
    shared = list(apart)
    shared[second] = shared[first]
    outs = weighted(case.run(*shared))
    (total,) = tl.grad(outs, shared[first], allow_unused=True)
    parts = [g.data for g in (expected[first], expected[second]) if g is not None]
    close([total], [sum(parts) if parts else None])


@each([c for c in DIFFERENTIABLE if c.op in registry and registry[c.op].broadcasts and any(isinstance(x, float) for x in c.inputs)])
def test_a_number_has_the_precision_of_the_tensor_beside_it(case):
    """A Python float gives what an array of float64 in its place gives: nothing on the way rounds it to float32."""
    arrays = case.arrays()
    as_array = [tl.Tensor(np.full((1, 1), a)) if isinstance(a, float) else a for a in leaves(arrays)]
    close(gradients(case.run, leaves(arrays)), gradients(case.run, as_array), 1e-13, 1e-14)


def second_gradients(function, inputs):
    """Gradients of a combination of the gradients."""
    first = [g for g in gradients(function, inputs, create_graph=True) if g is not None and g.requires_grad]
    own = [x for x in inputs if isinstance(x, Value)]
    return tl.grad(weighted([g * g for g in first]), own, allow_unused=True) if first else (None,) * len(own)


@each([c for c in CASES if callable(registry[c.op].twin) or isinstance(registry[c.op].twin, type(registry["add"]))])
def test_a_fused_op_equals_its_twin(case):
    twin = graph.twin_of(registry[case.op])

    def run_twin(*inputs):
        out = twin(*inputs, **case.attributes) if case.call is None else case.call(twin, *inputs, **case.attributes)
        return tuple(o for o in out if o is not None) if isinstance(out, (tuple, list)) else out

    arrays = case.arrays()
    close(as_tuple(case.run(*leaves(arrays))), as_tuple(run_twin(*leaves(arrays))), 1e-12, 1e-13)
    for differentiate in (gradients, second_gradients):
        close(differentiate(case.run, leaves(arrays)), differentiate(run_twin, leaves(arrays)), 1e-10, 1e-12)


@pytest.fixture(params=["kernel", "twin"])
def fused_product(request):
    """x * exp(y) as a fused op of two floating inputs, with a backward kernel of its own or through the twin."""

    def twin(x, y):
        return x * tl.exp(y)

    @primitive(twin=twin)
    def fused_product(x, y):
        return x * np.exp(y)

    if request.param == "kernel":

        @fused_product.backward
        def fused_product_backward(g, x, y):
            return g * np.exp(y), g * x * np.exp(y)

    yield fused_product, twin
    registry.pop("fused_product")
    registry.pop("fused_product_backward", None)


def test_a_fused_op_with_one_tensor_for_both_inputs_equals_its_twin(fused_product):
    op, twin = fused_product
    for form in (lambda f, t: f(t, t), lambda f, t: f(f(t, t), t), lambda f, t: f(t, t.T)):
        for differentiate in (gradients, second_gradients):
            arrays = [np.arange(4.0).reshape(2, 2) / 3]
            expected = differentiate(lambda t, form=form: form(twin, t), leaves(arrays))
            close(differentiate(lambda t, form=form: form(op, t), leaves(arrays)), expected)
        tl.gradcheck(lambda t, form=form: form(op, t), arrays[0], order=2)


def test_a_fused_op_of_one_tensor_twice_equals_its_twin():
    """Twice in the graph of one loss, and as the cotangent of its own backward."""
    labels, rng = np.array([1, 0, 2]), np.random.default_rng(0)
    x = rng.standard_normal((3, 3))
    twin = registry["cross_entropy"].twin
    for form in (lambda f, t: f(t, labels) * f(t * t, labels), lambda f, t: f(t, labels) + f(t.T, labels)):
        for differentiate in (gradients, second_gradients):
            fused = differentiate(lambda t, form=form: form(tl.cross_entropy, t), leaves([x]))
            close(fused, differentiate(lambda t, form=form: form(twin, t), leaves([x])))


# -- updates in place --------------------------------------------------------------------------------------------


@each(UPDATES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("strided", [False, True])
def test_an_update_writes_what_the_reference_says(case, dtype, strided):
    arrays = [np.repeat(a, 2, -1)[..., ::2] if strided and a.ndim else a for a in case.arrays(dtype)]
    tensors = [tl.Tensor(a) for a in arrays]
    before = [t.changed[0] for t in tensors]
    expected = case.reference(*case.arrays(), **case.attributes)
    writes = registry[case.op].writes
    untouched = {k: a.copy() for k, a in enumerate(arrays) if k not in writes}
    assert case.run(*tensors) is None
    for k, e in zip(writes, expected, strict=True):
        assert tensors[k].data is arrays[k]
        np.testing.assert_allclose(arrays[k], e, **({"rtol": 1e-12} if dtype == np.float64 else {"rtol": 1e-4, "atol": 1e-6}))
        assert tensors[k].changed[0] > before[k]
    for k, a in untouched.items():
        np.testing.assert_array_equal(arrays[k], a)
        assert tensors[k].changed[0] == before[k]


@pytest.mark.parametrize("name", sorted({c.op for c in UPDATES if c.call is not None}))
def test_an_update_of_lists_is_that_of_each(name):
    """Each parameter of a list changes as it would alone, whatever the others are."""
    cases = [c for c in UPDATES if c.op == name and c.attributes == next(c for c in UPDATES if c.op == name).attributes]
    alone = [[tl.Tensor(a) for a in c.arrays()] for c in cases]
    for case, tensors in zip(cases, alone):
        case.run(*tensors)
    together = [[tl.Tensor(a) for a in c.arrays()] for c in cases]
    *lists, rates = map(list, zip(*together))
    attributes = dict(cases[0].attributes)
    if "first" in attributes:
        attributes["first"] = [attributes["first"]] * len(cases)
    function_of(name)(*lists, rates[0], **attributes)
    for one, other in zip(alone, together):
        close(other, one, 0, 0)


@pytest.mark.parametrize("name", sorted({c.op for c in UPDATES}))
def test_an_update_refuses_what_is_not_a_leaf(name):
    case = next(c for c in UPDATES if c.op == name)
    for k in registry[name].writes:
        for make, text in [
            (lambda a: a, "must be a Tensor"),
            (lambda a: tl.Tensor(np.broadcast_to(a, a.shape)), "read-only"),
            (lambda a: tl.Tensor(a * 1.0, requires_grad=True) * 1, "only leaves change"),
        ]:
            tensors = [tl.Tensor(a) for a in case.arrays()]
            tensors[k] = make(tensors[k].data)
            with pytest.raises((TypeError, ValueError), match=text):
                case.run(*tensors)


# -- laws --------------------------------------------------------------------------------------------------------

LINEAR = [  # functions linear in one array of the shape: the backward of each is its adjoint
    ("neg", (3, 4), lambda x: -x), ("sum", (3, 4), lambda x: tl.sum(x, 0)), ("mean", (2, 3, 4), lambda x: tl.mean(x, (0, 2))),
    ("cumsum", (3, 4), lambda x: tl.cumsum(x, dim=1)), ("permute", (2, 3, 4), lambda x: tl.permute(x, 2, 0, 1)),
    ("roll", (3, 4), lambda x: tl.roll(x, shifts=(1, -2), dims=(0, 1))),
    ("flip", (3, 4), lambda x: tl.flip(x, dims=(0,))), ("tril", (4, 4), lambda x: tl.tril(x, diagonal=-1)),
    ("repeat", (2, 3), lambda x: tl.repeat(x, 2, 1, 2)),
    ("cat", (2, 3), lambda x: tl.cat([x, x * 2, x], 1)),
    ("getitem", (4, 3), lambda x: ops.getitem(x, (np.array([0, 0, 3]), slice(1, None)))),
    ("einsum", (3, 3), lambda x: tl.einsum("ii,j->ij", x, np.arange(2.0))), ("diagonal", (3, 4), lambda x: tl.diagonal(x, 1)),
    ("unbind", (3, 4), lambda x: tl.stack(tl.unbind(x, 1)[::-1])), ("expand", (3, 1), lambda x: tl.expand(x, 2, 3, 5)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "size", "function"), LINEAR, ids=[row[0] for row in LINEAR])
def test_the_backward_of_a_linear_map_is_its_adjoint(name, size, function):
    """A(ax + by) = a Ax + b Ay, and <A x, y> = <x, A' y> with A' by `vjp`."""
    rng = np.random.default_rng(0)
    x, z = rng.standard_normal((2, *size))
    ax = function(x)
    np.testing.assert_allclose(function(2 * x - 3 * z), 2 * ax - 3 * function(z), atol=1e-12)
    y = rng.standard_normal(ax.shape)
    _, adjoint = tl.vjp(function, tl.Tensor(z), tl.Tensor(y))
    assert np.vdot(ax, y) == pytest.approx(np.vdot(x, adjoint.data), rel=1e-12)


_I, _T = np.array([2, 0, 2, 2]), (indexing._HOLE, slice(None, None, 2))
_ALONG = np.array([[0, 2, 2], [1, 1, 0]])
ADJOINT = [  # name, A, shape of x, A', shape of y: each the other's adjoint
    ("broadcast_to and sum_to", lambda x: graph.broadcast_to(x, shape=(2, 3, 4)), (3, 1), lambda y: graph.sum_to(y, shape=(3, 1)),
        (2, 3, 4)),
    ("slice and unslice", lambda x: shape.slice_items(x, index=(1, slice(None, None, 2))), (3, 4),
        lambda y: shape.unslice(y, index=(1, slice(None, None, 2)), shape=(3, 4)), (2,)),
    ("diagonal", lambda x: triangles.diagonal_of(x, offset=-1, dim1=2, dim2=0), (3, 2, 4),
        lambda y: triangles.undiagonal(y, offset=-1, dim1=2, dim2=0, shape=(3, 2, 4)), (2, 3)),
    ("gather_items and scatter_items", lambda x: indexing.gather_items(x, _I, template=_T), (3, 4),
        lambda y: indexing.scatter_items(y, _I, template=_T, shape=(3, 4)), (4, 2)),
    ("take_along and scatter_zeros", lambda x: indexing.take_along(x, _ALONG, dim=1), (2, 3),
        lambda y: indexing.scatter_zeros(y, _ALONG, shape=(2, 3), dim=1), (2, 3)),
    ("take_rows and add_rows", lambda x: indexing.take_rows(x, _I, dim=1), (2, 3, 2),
        lambda y: indexing.add_rows(y, _I, shape=(2, 3, 2), dim=1), (2, 4, 2)),
    ("linear and linear_input", lambda x: linalg.linear(x, np.arange(6.0).reshape(2, 3)), (4, 3),
        lambda y: linalg.linear_input(y, np.arange(6.0).reshape(2, 3)), (4, 2)),
    ("linear and linear_weight", lambda w: linalg.linear(np.arange(12.0).reshape(4, 3), w), (2, 3),
        lambda y: linalg.linear_weight(y, np.arange(12.0).reshape(4, 3)), (4, 2)),
    ("repeat_rows and linear_bias", lambda x: linalg.repeat_rows(x, shape=(2, 4, 3)), (3,), linalg.linear_bias, (2, 4, 3)),
    ("matmul", lambda x: linalg.matmul_nd(x, np.arange(6.0).reshape(3, 2)), (5, 4, 3),
        lambda y: linalg.matmul_nd(y, np.arange(6.0).reshape(3, 2).T), (5, 4, 2)),
    ("permute", lambda x: shape.permute_to(x, dims=(2, 0, 1)), (2, 3, 4), lambda y: shape.permute_to(y, dims=(1, 2, 0)), (4, 2, 3)),
    ("split and cat", lambda x: tl.cat(tl.split(x, [1, 2])[::-1]), (3, 2), lambda y: tl.cat(tl.split(y, [2, 1])[::-1]), (3, 2)),
    ("cumsum", lambda x: reduction.cumsum(x, dim=0), (4,),
        lambda y: tl.flip(reduction.cumsum(tl.flip(y, dims=(0,)), dim=0), dims=(0,)), (4,)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "forward", "x_shape", "adjoint", "y_shape"), ADJOINT, ids=[row[0] for row in ADJOINT])
def test_members_of_a_family_are_adjoint(name, forward, x_shape, adjoint, y_shape):
    """<A x, y> = <x, A' y>, and the backward of either is the other."""
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal(x_shape), rng.standard_normal(y_shape)
    assert np.vdot(forward(x), y) == pytest.approx(np.vdot(x, adjoint(y)), rel=1e-12)
    np.testing.assert_allclose(tl.vjp(forward, tl.Tensor(x), tl.Tensor(y))[1].data, adjoint(y), atol=1e-12)
    np.testing.assert_allclose(tl.vjp(adjoint, tl.Tensor(y), tl.Tensor(x))[1].data, forward(x), atol=1e-12)


@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid", "log", "sqrt", "softplus", "logsumexp"])
def test_no_warning_from_large_arguments(name, recwarn):
    """Values far out, with their gradients, in float32: no overflow or division is reported."""
    domain = {"exp": (-500, 80), "log": (1e-30, 1e30), "sqrt": (1e-30, 1e30)}.get(name, (-1e4, 1e4))
    x = tl.Tensor(np.linspace(*domain, 101, dtype=np.float32), requires_grad=True)
    out = getattr(tl, name)(x) if name != "softplus" else ops.softplus(x)
    out.sum().backward()
    assert np.isfinite(x.grad.data).all()
    assert not recwarn.list


def test_filled_takes_index_arrays_in_order():
    assert (
        filled((indexing._HOLE, None, indexing._HOLE), (1, 2))
        == (1, None, 2)
        == indexing._filled((indexing._HOLE, None, indexing._HOLE), (1, 2))
    )


# -- the form of derivative rules --------------------------------------------------------------------------------

SOURCES = [Path(m.__file__) for m in (graph, importlib.import_module("tinygrad_lite.transforms"))]
SOURCES += sorted(Path(ops.__file__).parent.glob("*.py"))
NAMESPACES = {"builtins", "ew", "math"}  # modules whose functions a rule may call: on Python numbers, and the ops of elementwise.py


def breaches(node, plain, helpers, seen):
    """What a rule does beyond operators and named ops: ``np.`` and methods, also in the helpers that it hands more than
    attributes and shapes (``plain``) to."""
    for child in ast.walk(node):
        if isinstance(child, ast.Name) and child.id in ("np", "numpy"):
            yield f"line {child.lineno}: np."
        if not isinstance(child, ast.Call):
            continue
        function = child.func
        if isinstance(function, ast.Attribute) and not (isinstance(function.value, ast.Name) and function.value.id in NAMESPACES):
            yield f"line {child.lineno}: method .{function.attr}()"
        if isinstance(function, ast.Name) and function.id in helpers and function.id not in seen:
            names = {
                n.id for a in [*child.args, *(k.value for k in child.keywords)] for n in ast.walk(a) if isinstance(n, ast.Name)
            }
            if not names <= plain:
                yield from breaches(helpers[function.id], plain, helpers, {*seen, function.id})


def rules_of(tree):
    """(primitive, rule) of every ``op.derivatives(...)``; a rule is a lambda or the name of a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "derivatives":
            for rule in [*node.args, *(k.value for k in node.keywords if k.arg == "each")]:
                if isinstance(node.func.value, ast.Name) and not (isinstance(rule, ast.Constant) and rule.value is None):
                    yield node.func.value.id, rule


def checked(tree):
    """For every rule of a module (primitive, breaches)."""
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    helpers = {name: n for name, n in functions.items() if not n.decorator_list and name.startswith("_")}
    for op, rule in rules_of(tree):
        declared = registry.get(op)
        attributes = set(declared.attributes) | {f"{x}_shape" for x in declared.inputs} if declared else set()
        body = rule if isinstance(rule, ast.Lambda) else functions[rule.id]
        yield op, list(breaches(body, attributes | {"i", "shapes"}, helpers, frozenset()))


def test_rules_are_operators_and_named_ops():
    """So that the same text runs on arrays and, recorded, on Tensors."""
    found = {}
    for path in SOURCES:
        for op, wrong in checked(ast.parse(path.read_text())):
            found.setdefault(op, []).extend(f"{path.name}, {w}" for w in wrong)
    with_rules = {name for name, p in OWN.items() if p.rules}
    assert with_rules == set(found), "rules that this test does not see"
    assert not {op: wrong for op, wrong in found.items() if wrong}


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [("lambda g, x: g * np.pi", True), ("lambda g, x: g.sum()", True), ("_helper", True), ("lambda g, x: _helper(g, x)", True),
     ("lambda g, x: g * cos(x)", False), ("lambda g, dim: g * _plain(dim)", False),
     ("lambda g, x: reshape_to(g, shape=x.shape)", False)],
)  # fmt: skip
def test_the_check_of_rules_sees_what_is_wrong(rule, wrong):
    source = f"def _helper(g, x):\n    return x.sum()\n\ndef _plain(dim):\n    return dim.bit_length()\n\nsum.derivatives({rule})"
    ((op, found),) = checked(ast.parse(source))
    assert op == "sum"
    assert bool(found) == wrong


@pytest.mark.parametrize("name", sorted(n for n, p in OWN.items() if not p.writes and n != "checkpointed"))
def test_the_call_carries_the_docstring(name):
    """A public stub of a primitive is the function itself, with its own text."""
    assert function_of(name).primitive is registry[name]
    assert inspect.getdoc(function_of(name))

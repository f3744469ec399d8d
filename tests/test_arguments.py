"""Arguments that the table of ops cannot show: dtypes of results, refused ones, tables of vectors with limits; and ends."""

import math

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn
from tinygrad_lite.primitive import registry

F = nn.functional
RNG = np.random.default_rng(0)
INF, NAN = math.inf, math.nan

# -- dtype -------------------------------------------------------------------------------------------------------

FUNCTIONS = {
    "sum": lambda x, **d: x.sum(**d), "sum of rows": lambda x, **d: tl.sum(x, dim=1, keepdim=True, **d),
    "mean": lambda x, **d: x.mean(0, **d), "prod": lambda x, **d: x.prod(**d), "prod of rows": lambda x, **d: tl.prod(x, 1, **d),
    "cumsum": lambda x, **d: x.cumsum(0, **d),
    "softmax": lambda x, **d: x.softmax(1, **d), "log_softmax": lambda x, **d: x.log_softmax(0, **d),
    "softmin": lambda x, **d: F.softmin(x, 1, **d), "norm": lambda x, **d: x.norm(**d),
    "norm of 3": lambda x, **d: tl.norm(x, 3, 1, **d),
    "vector_norm": lambda x, **d: tl.linalg.vector_norm(x, 1, **d), "matrix_norm": lambda x, **d: tl.linalg.matrix_norm(x, 1, **d),
    "linalg.norm": lambda x, **d: tl.linalg.norm(x, **d),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_dtype_is_that_of_the_arithmetic_and_of_the_result(name):
    """The same as of the converted Tensor; the gradient comes back in the dtype of the input, to any order."""
    function, values = FUNCTIONS[name], RNG.uniform(0.5, 2, (3, 4)).astype(np.float32)
    x = tl.Tensor(values, requires_grad=True)
    wide = tl.Tensor(values.astype(np.float64), requires_grad=True)
    out, expected = function(x, dtype=tl.float64), function(wide)
    assert out.dtype == np.float64 and (out.data == expected.data).all()
    assert function(wide, dtype=np.float32).dtype == np.float32 and (function(wide, dtype="float64").data == expected.data).all()
    (g,), (e,) = (tl.grad((o * o).sum(), i, create_graph=True) for o, i in ((out, x), (expected, wide)))
    assert g.dtype == np.float32
    np.testing.assert_allclose(g.data, e.data, rtol=1e-6, atol=1e-7)
    for slope, second in zip(tl.grad((g * g).sum(), x), tl.grad((e * e).sum(), wide)):
        assert slope.dtype == np.float32
        np.testing.assert_allclose(slope.data, second.data, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_integers_are_converted_before_they_are_counted_up(name):
    x = tl.tensor([[1, 2, 3], [4, 5, 6]])
    expected = FUNCTIONS[name](tl.tensor(x.numpy().astype(np.float64)))
    np.testing.assert_array_equal(FUNCTIONS[name](x, dtype=tl.float64).data, expected.data)


@pytest.mark.parametrize("name", ["sum", "prod", "cumsum"])
def test_integers_stay_in_the_integers_they_are_given(name):
    x = tl.tensor([100, 100], dtype=tl.int8)
    function = getattr(tl, name) if name != "cumsum" else lambda x, **d: tl.cumsum(x, dim=0, **d)
    assert function(x).dtype == np.int64 and function(x).tolist() in (200, 10000, [100, 200])
    assert function(x, dtype=tl.int16).dtype == np.int16
    assert function(x, dtype=tl.int8).tolist() in (-56, 16, [100, -56])  # as the arithmetic of eight bits has it
    assert tl.prod(tl.zeros(0, 2, dtype=tl.int16), 0, dtype=tl.int16).dtype == np.int16


X = tl.ones(2, 3)
REFUSED = [
    (lambda: X.sum(dtype=tl.int64), TypeError, r"^sum: dtype int64 does not hold float32: convert with \.to\(dtype\) first"),
    (lambda: X.prod(dtype=tl.int32), TypeError, r"^prod: dtype int32 does not hold float32"),
    (lambda: X.norm(dtype=tl.int32), TypeError, r"^norm: dtype int32 does not hold float32"),
    (lambda: tl.linalg.matrix_norm(X, dtype=bool), TypeError, r"^matrix_norm: dtype bool does not hold float32"),
    (lambda: X.softmax(1, dtype=tl.int64), TypeError, r"^softmax: dtype int64 does not hold float32"),
    (lambda: X.sum(dtype=complex), TypeError, "sum: complex128 is not supported"),
    (lambda: tl.tensor([1, 2]).mean(dtype=tl.int64), TypeError, r"the mean of int64 is not defined"),
    (lambda: X.scatter(0, tl.tensor([[0]])), TypeError, r"^scatter: give src or value, one of the two$"),
    (lambda: X.scatter(0, tl.tensor([[0]]), 1.0, value=2.0), TypeError, r"^scatter: give src or value, one of the two$"),
    (lambda: X.scatter(0, tl.tensor([[0]]), value=X), TypeError, r"^scatter: value must be a number, got a Tensor \(2, 3\): give"),
    (lambda: F.scaled_dot_product_attention(tl.ones(3, 4, 5), tl.ones(2, 4, 5), tl.ones(2, 4, 5), enable_gqa=True), ValueError,
     r"^scaled_dot_product_attention: with enable_gqa the heads of key must divide those of query: key is \(2, 4, 5\), query"),
    (lambda: F.scaled_dot_product_attention(X, X, X, enable_gqa=True), ValueError, "with enable_gqa the heads of key must divide"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_what_is_refused(case):
    call, kind, text = REFUSED[case]
    with pytest.raises(kind, match=text):
        call()


# -- a factor ----------------------------------------------------------------------------------------------------


def test_the_operators_are_the_primitives_themselves():
    """So that the factor of add and sub costs them nothing."""
    for name, operator in [("add", "__add__"), ("add", "__radd__"), ("sub", "__sub__")]:
        assert getattr(tl.Tensor, operator).primitive is registry[name]
    x = tl.tensor([1.0, 2.0])
    assert x.add(x, alpha=3).tolist() == [4, 8] and x.sub(1, alpha=2).tolist() == [-1, 0]
    assert tl.add(tl.tensor([1]), 2, alpha=2).dtype == np.int64


# -- ends ------------------------------------------------------------------------------------------------------------


def leaf(*values):
    return tl.tensor(np.array(values, np.float64), requires_grad=True)


def slopes(out, *inputs):
    return [g.data.tolist() for g in tl.grad(out.sum(), inputs)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("function", [tl.maximum, tl.minimum])
def test_beside_a_nan_both_get_the_gradient(function):
    """The value is NaN, so none of the two may look as if it did not matter."""
    x, y = leaf(NAN, 1, NAN, 2), leaf(1, NAN, NAN, 2)
    assert slopes(function(x, y), x, y) == [[1, 1, 1, 0.5], [1, 1, 1, 0.5]]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("function", [tl.amax, tl.amin, tl.max, tl.min])
def test_the_gradient_of_an_extreme_that_is_nan_is_nan(function):
    x = leaf([1, NAN, 3], [2, 2, 2])
    if function in (tl.amax, tl.amin):
        (g,) = tl.grad(function(x, dim=1).sum(), x)
        assert np.isnan(g.data[0]).all() and (g.data[1] == 1 / 3).all()
    assert np.isnan(tl.grad(function(x), x)[0].data).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dim", [None, 0, 1])
def test_derivatives_of_a_norm_of_zeros_are_zeros(dim):
    x = leaf([0, 0], [0, 0])
    (g,) = tl.grad((tl.norm(x, dim=dim) * 2).sum(), x, create_graph=True)
    assert not g.data.any() and not tl.grad((g * np.arange(4.0).reshape(2, 2)).sum(), x)[0].data.any()


def test_what_counts_has_a_gradient_of_zeros():
    x = leaf(0, -2, NAN, INF)
    assert tl.norm(x, 0).item() == 3 and slopes(tl.norm(x, 0), x) == [[0, 0, 0, 0]]


def test_variance_of_all_with_the_older_word_first():
    x = leaf(1, 2, 6)
    assert x.var(False).item() == pytest.approx(np.var(x.detach().numpy())) and x.std(True).item() == x.std().item()


def test_arguments_by_name():
    x, m, v = tl.tensor([[1.0, 2.0]]), tl.tensor([[3.0], [4.0]]), tl.tensor([3.0, 4.0])
    assert tl.pow(x, exponent=2).tolist() == [[1, 4]] == tl.mul(x, other=x).tolist() == x.pow(exponent=2).tolist()
    assert tl.mm(x, mat2=m).tolist() == tl.matmul(x, other=m).tolist() == [[11]] and x.mv(vec=v).tolist() == [11]
    assert tl.dot(v, tensor=v).item() == 25 and tl.outer(v, vec2=v).tolist() == [[9, 12], [12, 16]]
    assert tl.where(x > 1, input=x, other=0.0).tolist() == [[0, 2]] and tl.remainder(v, other=2).tolist() == [1, 0]
    assert tl.zeros_like(x, dtype=tl.int64, requires_grad=False).dtype == np.int64 and tl.zeros_like(x, requires_grad=True).is_leaf
    singular = np.diag([1.0, 1e-3])
    assert tl.Tensor(singular).pinverse(rcond=0.1).tolist() == [[1, 0], [0, 0]]
    np.testing.assert_allclose(tl.Tensor(singular).pinverse().data, np.diag([1.0, 1e3]), atol=1e-9)


# -- backward towards some leaves ------------------------------------------------------------------------------------


def test_backward_towards_some_leaves():
    """The others, and the gradients that they have, stay as they are."""
    x, y, z = leaf(2.0), leaf(3.0), leaf(4.0)
    out = (x * y * y + x).sum()
    out.backward(inputs=y, retain_graph=True)
    assert y.grad.item() == 12 and x.grad is None
    out.backward(inputs=[y, x, z])
    assert (y.grad.item(), x.grad.item(), z.grad) == (24, 10, None)
    tl.backward((x * x).sum(), inputs=[x], create_graph=True)
    assert x.grad.item() == 14 and x.grad.requires_grad
    for given, text in [
        ([], "inputs is empty"),
        ([x * 2], "input 0 was computed: only leaves"),
        ([x, tl.ones(1)], "input 1 does not"),
    ]:
        with pytest.raises((RuntimeError, ValueError), match=f"^backward: {text}"):
            (x * y).sum().backward(inputs=given)


def test_backward_towards_a_leaf_with_a_hook():
    x, y = leaf(2.0), leaf(3.0)
    x.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: pytest.fail("nobody asked for the gradient of y"))
    (x * y).sum().backward(inputs=[x])
    assert x.grad.item() == 30


# -- tables of vectors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm_type", [2.0, 1.0, INF])
def test_rows_that_are_looked_up_are_limited_in_place(norm_type):
    table = nn.Embedding(5, 3, max_norm=0.7, norm_type=norm_type).double()
    before = RNG.uniform(-1, 1, (5, 3)) + np.arange(5.0)[:, None] * 0.2
    before[0] /= 100
    before[[2, 4]] *= 10
    tl.assign(table.weight, before)
    words = tl.tensor([[0, 2], [2, 4]])
    out, after = table(words), table.weight.data
    norms = np.linalg.norm(before, norm_type, 1)
    assert (after[[0, 1, 3]] == before[[0, 1, 3]]).all()  # a short one, and those that are not asked for
    for k in (2, 4):
        np.testing.assert_allclose(after[k], before[k] * 0.7 / norms[k], rtol=1e-6)
    assert (out.data == after[words.data]).all()
    out.sum().backward()
    assert table.weight.grad.data[:, 0].tolist() == [1, 0, 2, 0, 1]
    assert repr(table).startswith("Embedding(5, 3, max_norm=0.7")


def test_a_limit_that_changes_what_a_backward_needs_says_so():
    table = nn.Embedding(3, 2, max_norm=0.1)
    squared = table.weight * table.weight
    table(tl.tensor([1]))
    with pytest.raises(RuntimeError, match="changed"):
        squared.sum().backward()


@pytest.mark.parametrize("padding_idx", [None, 1])
def test_the_gradient_of_a_row_divided_by_how_often_it_is_named(padding_idx):
    table = nn.Embedding(4, 2, padding_idx, scale_grad_by_freq=True).double()
    words = tl.tensor([[0, 2, 2], [1, 2, 0]])
    out = table(words)
    assert (out.data == table.weight.data[words.data]).all()
    weights = RNG.standard_normal((2, 3, 2))
    (out * weights).sum().backward()
    expected = np.zeros((4, 2))
    np.add.at(expected, words.data, weights)
    expected /= np.array([2, 1, 3, 1])[:, None]
    if padding_idx is not None:
        expected[padding_idx] = 0
    np.testing.assert_allclose(table.weight.grad.data, expected)
    assert F.embedding(tl.zeros(0, dtype=tl.int64), table.weight, scale_grad_by_freq=True, max_norm=1.0).shape == (0, 2)
    given = nn.Embedding.from_pretrained(table.weight.detach(), padding_idx=padding_idx, max_norm=2.0, scale_grad_by_freq=True)
    assert (given.max_norm, given.scale_grad_by_freq) == (2.0, True)


# -- modules -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [{"size": (5, 6)}, {"scale_factor": 2}, {"scale_factor": (1.5, 3)}])
def test_upsampling_under_its_older_names(where):
    x = tl.Tensor(RNG.standard_normal((1, 2, 3, 4)))
    assert (nn.UpsamplingNearest2d(**where)(x).data == nn.Upsample(**where, mode="nearest")(x).data).all()
    corners = nn.Upsample(**where, mode="bilinear", align_corners=True)(x).data
    out = nn.UpsamplingBilinear2d(**where)(x).data
    assert (out == corners).all()
    np.testing.assert_allclose(out[..., [0, -1], :][..., [0, -1]], x.data[..., [0, -1], :][..., [0, -1]], rtol=1e-6)


STARTS = [
    lambda: nn.BatchNorm1d(3), lambda: nn.BatchNorm1d(3, affine=False), lambda: nn.BatchNorm1d(3, track_running_stats=False),
    lambda: nn.InstanceNorm1d(3, affine=True, track_running_stats=True), lambda: nn.PReLU(3, 0.1),
]  # fmt: skip


@pytest.mark.parametrize("build", STARTS)
def test_parameters_of_the_start(build):
    """What a layer has learnt and seen is forgotten."""
    layer, fresh = build(), build()
    layer(tl.Tensor(RNG.standard_normal((4, 3, 5)).astype(np.float32)))
    for p in layer.parameters():
        tl.assign(p, RNG.standard_normal(p.shape).astype(np.float32))
    layer.reset_parameters()
    assert {n: a.tolist() for n, a in layer.state_dict().items()} == {n: a.tolist() for n, a in fresh.state_dict().items()}


def test_modules_as_often_as_they_are_used():
    model = nn.Sequential(nn.Tanh(), nn.Linear(1, 1))
    model.append(model[0])
    assert [type(m).__name__ for m in model.modules(remove_duplicate=False)] == ["Sequential", "Tanh", "Linear", "Tanh"]
    assert len(list(model.modules())) == 3
    model.register_parameter("scale", param=nn.Parameter(tl.ones(1)))
    assert model.scale.requires_grad

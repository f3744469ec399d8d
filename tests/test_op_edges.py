"""What the table of ops cannot say: ends and ties, results with names, methods and operators, refused arguments."""

import math
import operator

import numpy as np
import pytest

import tinygrad_lite as tl

INF, NAN = math.inf, math.nan


def leaf(values):
    return tl.tensor(np.array(values, np.float64), requires_grad=True)


def slopes(out, *inputs):
    return [g.data.tolist() for g in tl.grad(out.sum(), inputs)]


# -- ends and ties -----------------------------------------------------------------------------------------------


def test_a_clamped_value_passes_its_gradient_to_the_bound_that_holds_it():
    x, low, high = leaf([-1, 0, 0.5, 1, 2, 0, 0]), leaf([0, 0, 0, 0, 0, 1, 1]), leaf([1, 1, 1, 1, 1, -1, 1])
    out = tl.clamp(x, low, high)
    assert out.tolist() == [0, 0, 0.5, 1, 1, -1, 1]
    assert slopes(out, x, low, high) == [[0, 1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0]]


@pytest.mark.filterwarnings("error")
def test_logaddexp_of_infinities():
    x, y = leaf([-INF, INF, INF, 2, 1000]), leaf([-INF, -INF, 1, -INF, 1000])
    assert tl.logaddexp(x, y).tolist() == [-INF, INF, INF, 2, 1000 + math.log(2)]
    assert slopes(tl.logaddexp(x[1:], y[1:]), x, y) == [[0, 1, 1, 1, 0.5], [0, 0, 0, 0, 0.5]]


def test_atan2_knows_the_quadrant_and_has_no_slope_at_the_origin():
    y, x = leaf([0.0, 1, 0, -1, 0]), leaf([0.0, 0, -1, 0, 2])
    np.testing.assert_allclose(tl.atan2(y, x).data, np.array([0, 0.5, 1, -0.5, 0]) * np.pi)
    assert slopes(tl.atan2(y, x), y, x) == [[0, 0, -1, 0, 0.5], [0, -1, 0, 1, 0]]


def test_lerp_is_exact_at_both_ends():
    x, end = leaf([1e-17, 0.1]), leaf([1.0, 0.3])
    for zero, one in [(0, 1), (0.0, 1.0), (tl.tensor(0.0), tl.tensor(1.0))]:
        assert tl.lerp(x, end, zero).tolist() == x.tolist()
        assert tl.lerp(x, end, one).tolist() == end.tolist()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("function", [tl.var, tl.std])
def test_a_variance_of_which_nothing_is_left(function):
    assert function(leaf([1, 2, 4]), correction=3).item() == INF == function(leaf([1, 2, 4]), correction=5).item()
    for values, correction in [([2], 1), ([1, 1], 2), ([1, 1], 3)]:
        x = leaf(values)
        out = function(x, correction=correction)
        assert np.isnan(out.item()) and np.isnan(slopes(out, x)[0]).all()
    out = function(leaf([[1, 2], [3, 3]]), dim=1, correction=2, keepdim=True)
    assert out.shape == (2, 1) and out.data[0] == INF and np.isnan(out.data[1])
    assert np.isnan(function(tl.zeros(0, 3), dim=0).data).all() and function(tl.zeros(0, 3), dim=1).shape == (0,)
    assert function(tl.ones(1)).dtype == np.float32


def test_nan_is_the_largest_and_equal_elements_keep_their_order():
    x = leaf([[1, NAN, 3, NAN, 1, INF], [0, -0.0, 2, 2, -1, 0]])
    assert tl.argsort(x).tolist() == [[0, 4, 2, 5, 1, 3], [4, 0, 1, 5, 2, 3]]
    assert tl.argsort(x, descending=True).tolist() == [[1, 3, 5, 2, 0, 4], [2, 3, 0, 1, 5, 4]]
    values, indices = tl.topk(x, 2)
    assert indices.tolist() == [[1, 3], [2, 3]] and values.tolist()[1] == [2, 2]
    assert tl.topk(x, 2, largest=False).indices.tolist() == [[0, 4], [4, 0]]


@pytest.mark.parametrize(
    "function", [lambda x: tl.sort(x, 0), lambda x: tl.topk(x, 2, 0), lambda x: tl.max(x, 0), lambda x: tl.min(x, 0)]
)
def test_values_are_differentiable_and_indices_are_integers(function):
    x = leaf([[3, 1], [2, 5], [9, 4]])
    out = function(x)
    assert out.values is out[0] and out.indices is out[1]
    assert out.values.requires_grad and not out.indices.requires_grad and out.indices.dtype == np.int64
    assert tl.grad(out.values.sum(), x)[0].data.sum() == out.values.numel()


def test_equal_extremes_share_the_gradient_of_scatter_reduce():
    x, src = leaf([3, 5]), leaf([3, 3, 1, 7])
    out = tl.scatter_reduce(x, 0, tl.tensor([0, 0, 0, 1]), src, "amax")
    assert out.tolist() == [3, 7]
    for slope, expected in zip(slopes(out, x, src), ([1 / 3, 0], [1 / 3, 1 / 3, 0, 1])):
        np.testing.assert_allclose(slope, expected)
    out = tl.scatter_reduce(x, 0, tl.tensor([0, 0, 0, 0]), src, "amax", include_self=False)
    assert out.tolist() == [7, 5] and slopes(out, x, src) == [[0, 1], [0, 0, 0, 1]]


def test_reductions_of_integers_stay_integers():
    x, i, src = tl.tensor([10, -10]), tl.tensor([0, 0, 1]), tl.tensor([3, 4, 4])
    for reduce, expected in [("sum", [17, -6]), ("mean", [5, -3]), ("prod", [120, -40]), ("amax", [10, 4]), ("amin", [3, -10])]:
        out = x.int().scatter_reduce(0, i, src.int(), reduce)
        assert out.tolist() == expected and out.dtype == np.int32


def test_integers_stay_integers_where_they_are_divided_with_rounding():
    x, y = tl.tensor([7, -7, 7, -7]), tl.tensor([2, 2, -2, -2])
    assert (x // y).tolist() == [3, -4, -4, 3] and (x % y).tolist() == [1, 1, -1, -1]
    assert tl.div(x, y, rounding_mode="trunc").tolist() == [3, -3, -3, 3]
    assert (x // y).dtype == tl.div(x, y, rounding_mode="trunc").dtype == np.int64 and (x / y).dtype == np.float32
    assert (7 // y).tolist() == [3, 3, -4, -4] and (7 % tl.tensor([4, -4])).tolist() == [3, -1]


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round"])
def test_a_rounded_value_has_a_derivative_of_zero(name):
    x = leaf([0.3, -1.7])
    assert slopes(getattr(x, name)(), x) == [[0, 0]]
    assert slopes(x // 0.4 + tl.div(x, 0.4, rounding_mode="trunc"), x) == [[0, 0]]


def test_masked_fill_keeps_the_dtype():
    mask = tl.tensor([True, False])
    for x in (tl.ones(2), tl.ones(2, dtype=np.float64), tl.tensor([1, 2]), tl.tensor([1, 2]).int(), mask):
        fill = False if x.dtype == bool else 3
        out = x.masked_fill(mask, fill)
        assert out.dtype == x.dtype and out.tolist() == [fill, x.tolist()[1]]
    assert tl.tensor(1.0).masked_fill(tl.tensor(True), tl.tensor(2.0, dtype=np.float64)).dtype == np.float32


# -- methods and operators ---------------------------------------------------------------------------------------

V = np.array([[0.5, -0.25], [0.75, 0.1]])
METHODS = {
    "log2": lambda x: x.abs().log2(), "log10": lambda x: x.abs().log10(), "rsqrt": lambda x: x.abs().rsqrt(), "asin": tl.asin,
    "acos": tl.acos, "atan": tl.atan, "sinh": tl.sinh, "cosh": tl.cosh, "floor": tl.floor, "ceil": tl.ceil, "trunc": tl.trunc,
    "isinf": tl.isinf, "all": tl.all, "any": tl.any, "diag": tl.diag, "det": tl.linalg.det, "inverse": tl.linalg.inv,
    "pinverse": tl.linalg.pinv,
}  # fmt: skip
CALLED = [
    (lambda x: x.atan2(2.0), np.arctan2(V, 2)), (lambda x: x.logaddexp(x), V + np.log(2)), (lambda x: x.round(1), np.round(V, 1)),
    (lambda x: x.round(decimals=1), np.round(V, 1)), (lambda x: x.lerp(x * 2, 0.25), V * 1.25),
        (lambda x: x.remainder(0.3), V % 0.3),
    (lambda x: x.floor_divide(0.3), V // 0.3), (lambda x: x.div(0.3, rounding_mode="trunc"), np.trunc(V / 0.3)),
    (lambda x: x.masked_fill(x > 0, 1.0), np.where(V > 0, 1, V)), (lambda x: x.sort(0).values, np.sort(V, 0)),
    (lambda x: x.argsort(descending=True), np.argsort(-V)), (lambda x: x.topk(1, largest=False).values, V.min(1, keepdims=True)),
    (lambda x: x.tile(2, 1), np.tile(V, (2, 1))), (lambda x: x.select(1, 0), V[:, 0]),
        (lambda x: x.all(1, True), V.all(1, keepdims=True)),
    (lambda x: x.take_along_dim(tl.tensor([[1], [0]]), 1), V[[0, 1], [1, 0]][:, None]), (lambda x: x.mv(x[0]), V @ V[0]),
    (lambda x: x.addmm(x, x, beta=2, alpha=-1), 2 * V - V @ V),
    (lambda x: x.slogdet().logabsdet, np.linalg.slogdet(V)[1]),
        (lambda x: x.clamp(tl.tensor([0.0, -0.125])), np.maximum(V, [0, -0.125])),
    (lambda x: x.scatter(0, tl.tensor([[0, 0], [0, 0]]), x, reduce="add"), V + np.array([V.sum(0), [0, 0]])),
    (lambda x: x.scatter_reduce(0, tl.tensor([[0, 0]]), x, "prod"), np.array([V[0] * V[0], V[1]])),
    (lambda x: 1 // x, 1 // V), (lambda x: 1 % x, 1 % V), (lambda x: x // x, V // V), (lambda x: x % 0.3, V % 0.3),
    (lambda x: np.arange(1.0, 3) // x, np.arange(1.0, 3) // V), (lambda x: operator.imod(x * 1, 0.3), V % 0.3),
]  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_the_op(name):
    x = leaf(V)
    expected = METHODS[name](x)
    out = getattr(x.abs() if name in ("log2", "log10", "rsqrt") else x, name)()
    np.testing.assert_array_equal(out.data, expected.data)
    assert out.requires_grad == expected.requires_grad


@pytest.mark.parametrize(("call", "expected"), CALLED, ids=range(len(CALLED)))
def test_methods_with_arguments(call, expected):
    np.testing.assert_allclose(call(leaf(V)).data, expected, rtol=1e-12)


# -- what is refused ---------------------------------------------------------------------------------------------

X, I = tl.ones(2, 3), tl.tensor([[0, 1, 1]])
REFUSED = [
    (lambda: tl.div(X, X, rounding_mode="up"), ValueError, r'^div: rounding_mode must be None, "floor" or "trunc", got \'up\''),
    (lambda: tl.tensor([1]) // 0, ValueError, r"^floor_divide: integers cannot be divided by zero; floats can"),
    (lambda: tl.tensor([1]) % tl.tensor([0]), ValueError, r"^remainder: integers cannot be divided by zero"),
    (lambda: X.clamp(), ValueError, r"^clamp: give min, max or both"),
    (lambda: X.clamp(tl.ones(2)), ValueError, r"^clamp: shapes .* do not broadcast"),
    (lambda: X.masked_fill(X > 0, tl.ones(3)), ValueError, r"^masked_fill: value must be a number or a 0-d Tensor, got \(3,\)"),
    (lambda: I.masked_fill(I > 0, 0.5), TypeError, r"^masked_fill: value is float64, which int64 does not hold: convert x first"),
    (lambda: X.masked_fill(X, 1.0), TypeError, r"^masked_fill: condition must be boolean"),
    (lambda: X.topk(4), ValueError, r"^topk: k is 4, dim 1 has 3 elements \(x is \(2, 3\)\)"),
    (lambda: X.sort(2), IndexError, r"dim 2 is out of range for 2 dimensions"),
    (lambda: X.select(1, 3), IndexError, r"^select: index 3 is out of range for size 3 of dim 1 \(x is \(2, 3\)\)"),
    (lambda: tl.tensor(1.0).select(0, 0), ValueError, r"^select: a 0-dimensional Tensor has no slices"),
    (lambda: tl.diag(tl.tensor(1.0)), ValueError, r"^diag: expected a vector or a matrix, got \(\)"),
    (lambda: X.scatter(0, I, X, reduce="max"), ValueError, r'^scatter: reduce must be None, "add" or "multiply", got \'max\''),
    (lambda: I.scatter(0, I * 0, 0.5), TypeError, r"^scatter: src is 0\.5, x is int64: convert x first"),
    (lambda: I.scatter(0, I * 0, 0.5, "add"), TypeError, r"^scatter: src is 0\.5, x is int64: convert x first"),
    (lambda: X.scatter_reduce(0, I, X, "max"), ValueError, r"^scatter_reduce: reduce must be sum, prod, mean, amax or amin"),
    (lambda: X.scatter_reduce(0, I, X.double(), "sum"), TypeError, r"^scatter_reduce: src is float64, x is float32"),
    (lambda: X.take_along_dim(tl.tensor([0]), 1), ValueError, r"^take_along_dim: x \(2, 3\) and indices \(1,\) need as many"),
    (lambda: X.take_along_dim(tl.tensor([[0]] * 4), 1), ValueError,
        r"^take_along_dim: x \(2, 3\) and indices \(4, 1\) do not broadcast"),
    (lambda: X.take_along_dim(tl.tensor([[3]]), 1), IndexError, r"^take_along_dim: index 3 is out of range for size 3 of dim 1"),
    (lambda: X.mv(X), ValueError, r"^mv: expected a matrix and a vector, got \(2, 3\) and \(2, 3\)"),
    (lambda: tl.ones(5).addmm(X, X.T), ValueError, r"^addmm: x \(5,\) does not broadcast to the product \(2, 2\)"),
    (lambda: tl.ones(3, 2, 2).addmm(X, X.T), ValueError, r"^addmm: x \(3, 2, 2\) does not broadcast to the product \(2, 2\)"),
    (lambda: tl.tensordot(X, X, 3), ValueError, r"^tensordot: dims is 3 for Tensors of shapes \(2, 3\) and \(2, 3\)"),
    (lambda: tl.tensordot(X, X, 1), ValueError, r"^tensordot: dim 1 of a is 3, dim 0 of b is 2: they must be equal"),
    (lambda: tl.tensordot(X, X, ([0, 0], [0, 1])), ValueError, r"^tensordot: dims .* each once"),
    (lambda: tl.einsum("ij,jk", X), ValueError, r"^einsum: 'ij,jk' names 2 operands, 1 are given"),
    (lambda: tl.einsum("ijk", X), ValueError, r"^einsum: 'ijk' names 3 dimensions, the operand is \(2, 3\)"),
    (lambda: tl.einsum("...ijk", X), ValueError, r"^einsum: '...ijk' names 3 dimensions, the operand is \(2, 3\)"),
    (lambda: tl.einsum("ij,ij->ii", X, X), ValueError, r"^einsum: each letter of the output 'ii' must stand there once"),
    (lambda: tl.einsum("ij->k", X), ValueError, r"^einsum: each letter of the output 'k' must stand there once and in an operand"),
    (lambda: tl.einsum("i1", X), ValueError, r"^einsum: 'i1' in 'i1' must be letters and at most one '\.\.\.'"),
    (lambda: tl.einsum("i..j", X), ValueError, r"^einsum: 'i\.\.j' in 'i\.\.j' must be letters"),
    (lambda: tl.einsum("...i...", X), ValueError, r"must be letters and at most one"),
    (lambda: tl.einsum("ij->j->i", X), ValueError, r"must be letters"),
    (lambda: tl.einsum("ii", X), ValueError, r"^einsum: 'i' is 2 and 3 in one operand"),
    (lambda: tl.einsum("ii", tl.ones(1, 3)), ValueError, r"^einsum: 'i' is 1 and 3 in one operand"),
    (lambda: tl.einsum("ij,ij", X, X.T), ValueError, r"^einsum: 'i' is 2 in one operand and 3 in another \('ij,ij'\)"),
    (lambda: tl.einsum("ij,ij", X, X.double()), TypeError, r"one operand is float32 and another is float64"),
    (lambda: tl.einsum(), ValueError, r"^einsum: give an equation and its operands"),
    (lambda: tl.einsum(X), ValueError, r"^einsum: give an equation and its operands"),
    (lambda: tl.einsum(X, [0, -1]), ValueError, r"^einsum: a list holds numbers from 0 and Ellipsis"),
    (lambda: operator.ifloordiv(leaf([1.0]), 2), TypeError, r"^//= does not change a leaf"),
    (lambda: operator.imod(leaf([1.0]), 2), TypeError, r"^%= does not change a leaf"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "text"), REFUSED, ids=[r[2].replace("\\", "")[:50] for r in REFUSED])
def test_what_is_refused_says_why(call, kind, text):
    with pytest.raises(kind, match=text):
        call()


def test_a_single_element_that_is_not_finite_is_not_hidden():
    """Softmax over a 0-d Tensor is 1, unless there is no difference to its largest element."""
    for dtype in (np.float32, np.float64):
        for value, expected in ((2.0, 1.0), (np.nan, np.nan), (np.inf, np.nan)):
            x = tl.Tensor(np.array(value, dtype))
            np.testing.assert_equal(float(tl.softmax(x, dim=0).data), expected)
            np.testing.assert_equal(float(tl.log_softmax(x, dim=0).data), expected - 1)
            assert tl.softmax(x, dim=0).dtype == dtype


def test_indices_of_take_along_dim_may_count_from_the_end():
    x, at = np.arange(12.0).reshape(3, 4), np.array([[-1, 0, -4]])
    np.testing.assert_array_equal(tl.take_along_dim(tl.tensor(x), tl.tensor(at), 1).data, np.take_along_axis(x, at, 1))
    np.testing.assert_array_equal(tl.take_along_dim(x, np.array([-1, 2])), [11, 2])
    with pytest.raises(IndexError, match="index -1 is out of range for size 4"):
        tl.take_along_dim(x, np.array([[-5]]), 1)


def test_unbiased_is_a_correction_of_one_or_none():
    x = np.random.default_rng(0).standard_normal((3, 4))
    for ddof, unbiased in ((0, False), (1, True)):
        np.testing.assert_allclose(tl.tensor(x).var(0, unbiased=unbiased).data, x.var(0, ddof=ddof), rtol=1e-12)
        np.testing.assert_allclose(tl.std(x, 1, unbiased=unbiased), x.std(1, ddof=ddof), rtol=1e-12)


@pytest.mark.parametrize("name", ["var", "sort", "argsort", "topk", "prod"])
def test_a_wrong_dim_names_the_op(name):
    with pytest.raises(IndexError, match=f"^{name}: dim 2 is out of range for 2 dimensions: give -2 to 1"):
        getattr(tl, name)(tl.ones(2, 2), *([1] if name == "topk" else []), dim=2)


def test_kl_div_names_its_reductions():
    with pytest.raises(ValueError, match="kl_div: reduction must be 'mean', 'sum', 'batchmean' or 'none', got 'batch'"):
        tl.nn.functional.kl_div(tl.zeros(2), tl.ones(2), reduction="batch")

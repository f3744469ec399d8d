"""At ties, zeros, NaN, infinities and of nothing: PyTorch's values and first derivatives, second ones where both have them. Where
we differ on purpose stands at the end, with our answer."""

import numpy as np
import pytest
from test_parity_ops import both

import tinygrad_lite as tl
from tinygrad_lite import nn

torch = pytest.importorskip("torch")
F, TF = nn.functional, torch.nn.functional
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]
INF, NAN = float("inf"), float("nan")


def grid(*values, copies):
    """All tuples of ``values``, as ``copies`` vectors."""
    return [np.ravel(x).copy() for x in np.meshgrid(*[np.array(values, float)] * copies)]


EDGE = np.array([0.0, -0.0, 1, -1, 2, NAN, INF, -INF, 3, -3, 0.5, -0.5, 6, -2])
NUMBERS = EDGE[~np.isnan(EDGE)]
MATRICES = {
    "ties": [[1.0, 1, 0], [2, 2, 2], [0, -1, 0]], "zeros": np.zeros((2, 3)), "some zeros": [[0.0, 1, 2], [0, 0, 3], [1, 2, 3]],
    "nan": [[1.0, NAN, 0], [NAN, NAN, 2], [0, -1, 0]], "infinite": [[INF, INF, 0], [-INF, -INF, -INF], [INF, -INF, 0]],
    "one": [[2.0]], "no rows": np.zeros((0, 3)), "no columns": np.zeros((3, 0)), "constant": np.full((2, 4), 0.1),
    "beside -inf": [[-INF, 0, 1], [-INF, -INF, 2], [5, 5, 5]],
}  # fmt: skip


def same(function, *arrays, order=1):
    both(function, function, [np.array(a, float) for a in arrays], order=order)


def pairs(name):
    return getattr(tl, name), getattr(torch, name)


# -- element by element ------------------------------------------------------------------------------------------

ORDINARY = (
    "sqrt exp log log1p expm1 reciprocal square tanh sigmoid sin cos tan floor ceil trunc round rsqrt erf neg log2 log10 atan"
)


@pytest.mark.parametrize("name", [*ORDINARY.split(), "asin", "acos", "sinh", "cosh"])
def test_functions_at_their_edges(name):
    same(lambda x: getattr(x, name)(), EDGE)


@pytest.mark.parametrize("name", ["abs", "sign", "relu"])
def test_kinks(name):
    same(lambda x: getattr(x, name)(), NUMBERS, order=2)


KINKED = (
    "relu relu6 celu selu elu silu softsign hardtanh hardswish hardsigmoid logsigmoid softshrink hardshrink leaky_relu softplus"
)


@pytest.mark.parametrize("name", [*KINKED.split(), "gelu"])
def test_activations_at_their_kinks(name):
    both(getattr(F, name), getattr(TF, name), [NUMBERS], order=1, rtol=1e-6)
    if name not in ("elu", "selu", "hardsigmoid"):  # see below; and PyTorch has no second derivative of hardsigmoid
        both(getattr(F, name), getattr(TF, name), [NUMBERS[np.isfinite(NUMBERS)]], order=2, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_the_larger_of_two_at_ties_and_beside_nan(name):
    both(*pairs(name), grid(0, 1, -1, NAN, INF, -INF, 2, copies=2))


@pytest.mark.parametrize("bounds", [(-1, 1), (0, None), (None, 2), (1, 1), (2, 1), (NAN, 1.0), (-INF, INF)], ids=str)
def test_clamp_at_its_bounds(bounds):
    same(lambda x: x.clamp(*bounds), EDGE, order=2)


def test_clamp_by_tensors():
    x, low, high = grid(0, 1, -1, NAN, 2, copies=3)
    same(lambda x, a, b: x.clamp(a, b), x, low, high)
    same(lambda x, a: x.clamp(min=a), x, low)
    same(lambda x, b: x.clamp(max=b), x, high)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, -2, 0.0, 2.0, 1.5, NAN])
def test_powers_by_a_number(exponent):
    same(lambda x: x**exponent, [x for x in EDGE if exponent != 1.5 or x > 0 or np.isnan(x)], order=2)


def test_powers():
    x, y = grid(0, 1, -1, NAN, INF, -INF, 2, 0.5, copies=2)
    same(lambda x, y: x**y, x, y)
    for base in (0, 1, 2, 0.5):
        same(lambda x, base=base: base**x, NUMBERS)
    same(lambda x, y: x**y, [0.0, 0.0, 2.0, 3.0], [1.5, 3.0, 0.0, 2.0])


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "atan2", "logaddexp", "remainder"])
def test_functions_of_two(name):
    both(*pairs(name), grid(0, 1, -1, NAN, INF, -INF, 2, copies=2), order=1)


# -- reductions --------------------------------------------------------------------------------------------------

DIMS = [{}, {"dim": 0}, {"dim": 1}, {"dim": -1, "keepdim": True}, {"dim": (0, 1)}]
ONE_DIM = {"prod", "max", "min", "argmax", "argmin", "cumsum", "softmax", "log_softmax"}
ALONG = {"cumsum", "softmax", "log_softmax", "logsumexp"}
EMPTY_RAISES = {"amax", "amin", "max", "min", "argmax", "argmin"}


REDUCTIONS = "sum mean amax amin max min prod std var logsumexp all any argmax argmin cumsum norm softmax log_softmax"


@pytest.mark.parametrize("name", REDUCTIONS.split())
@pytest.mark.parametrize("matrix", MATRICES)
def test_reductions(matrix, name):
    x = np.array(MATRICES[matrix], float)
    for given in DIMS:
        if (name in ONE_DIM and isinstance(given.get("dim"), tuple)) or (name in ALONG and not given):
            continue
        given = {k: v for k, v in given.items() if k == "dim" or name not in ALONG - {"logsumexp"}}
        reduced = given.get("dim", (0, 1))
        empty = not np.prod([x.shape[d] for d in (reduced if isinstance(reduced, tuple) else (reduced,))])
        if empty and name in EMPTY_RAISES:
            for m in (tl, torch):
                with pytest.raises((ValueError, RuntimeError, IndexError)):
                    getattr(m.tensor(x), name)(**given)
            continue
        differs = (matrix == "nan" and name in ("max", "min") and not given) or (name == "var" and np.isinf(x).any())
        second = name in ("sum", "mean", "cumsum", "logsumexp", "softmax", "log_softmax") or (name == "prod" and "zero" in matrix)
        same(lambda t, given=given: getattr(t, name)(**given), x, order=0 if differs else 1 + (second and np.isfinite(x).all()))


@pytest.mark.parametrize("p", [1, 2, 3, INF, -INF, 0.5, 1.5, -1])
@pytest.mark.parametrize("matrix", ["ties", "zeros", "some zeros", "infinite", "one", "constant", "no rows"])
def test_norms(matrix, p):
    for given in ({}, {"dim": 0}, {"dim": 1}, {"dim": (0, 1), "keepdim": True}):
        if matrix == "no rows" and (p < 0 or p == INF) and given.get("dim") != 1:
            continue  # of no elements there is none
        if matrix == "infinite" and p == 0.5:
            continue  # inf / inf: NaN everywhere in PyTorch, not where x is 0 here
        same(lambda x, given=given: x.norm(p, **given), MATRICES[matrix])
        same(lambda x, given=given: (tl if isinstance(x, tl.Tensor) else torch).linalg.vector_norm(x, p, **given), MATRICES[matrix])


def test_the_norm_that_counts():
    same(lambda x: x.norm(0, dim=1), MATRICES["some zeros"])
    same(lambda x: x.norm(0), [0.0, NAN, INF])


@pytest.mark.parametrize("value", [3.0, NAN, INF, -INF])
def test_reductions_of_one_number(value):
    for name in ("sum", "mean", "prod", "all", "any", "argmax", "norm", "amax", "amin"):
        for given in ({}, {"dim": 0}):
            same(lambda x, name=name, given=given: getattr(x, name)(**given), value)
    for name in ("max", "min", "cumsum", "softmax", "log_softmax", "logsumexp", "sort", "argsort"):
        same(lambda x, name=name: getattr(x, name)(dim=0), value)


ROWS = [[0.0, 1, 2, 3], [0, 0, 2, 3], [0, 0, 0, 3], [1, 2, 3, 4], [-1, 2, 0, 1]]


def test_second_derivatives_of_products_with_zeros():
    same(lambda x: x.prod(1), ROWS, order=2)
    same(lambda x: x.prod(0), ROWS[2:], order=2)
    for row in ROWS:
        same(lambda x: x.prod(), row, order=2)


@pytest.mark.parametrize("descending", [False, True])
def test_order_with_nan(descending):
    x = np.array([[NAN, 1, 1, INF, -INF, NAN, 0], [2, 2, 1, 1, NAN, 0, 0]])
    for dim in (0, 1):
        same(lambda x, dim=dim: x.sort(dim=dim, descending=descending, stable=True), x)
    for k in (0, 1, 3, 7):
        same(lambda x, k=k: x.topk(k, largest=descending)[0], x, order=0)
        same(lambda x, k=k: x.topk(k, largest=descending)[0], [NAN, 1, 3, INF, -INF, 2, 0])


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"reduction": "sum"}], ids=str)
def test_cross_entropy_beside_minus_infinity(options):
    x = np.array([[0.0, -INF, 1], [-INF, 0, 1]])
    for target in ([0, 1], [1, 0], [-100, -100], [0, -100]):
        both(
            *[lambda x, m=m, f=f: f.cross_entropy(x, m.tensor(target), **options) for m, f in ((tl, F), (torch, TF))], [x], order=1
        )


# -- where we differ -----------------------------------------------------------------------------------------------


def slope(function, *values):
    x = tl.tensor(np.array(values), requires_grad=True)
    return tl.grad(function(x).sum(), x)[0].data


def test_where_our_answer_is_another():
    """A NaN is not made to look like a number, and not hidden; nothing is NaN that has a sensible value."""
    assert np.isnan(tl.sign(tl.tensor([NAN])).item()) and torch.sign(torch.tensor([NAN])).item() == 0
    assert np.isnan(slope(tl.abs, NAN)).all()  # PyTorch: 0
    assert np.isnan(slope(lambda x: tl.var(x, correction=2), 1.0, 2.0)).all()  # PyTorch: inf and -inf
    assert np.isnan(slope(tl.max, NAN, 1.0)).all()  # PyTorch: all of it to the NaN
    assert (slope(F.relu, NAN) == 0).all()  # PyTorch: 1
    x = tl.zeros(2, dtype=tl.float64, requires_grad=True)
    (g,) = tl.grad(x.norm(), x, create_graph=True)
    assert not tl.grad(g.sum(), x)[0].data.any()  # PyTorch: NaN
    assert (slope(lambda x: F.elu(x) * 1.0, 0.0) == 1).all()
    (g,) = tl.grad(F.elu(x).sum(), x, create_graph=True)
    assert (tl.grad(g.sum(), x)[0].data == 1).all()  # the second derivative from the left; PyTorch: 0
    with pytest.raises(ValueError, match="singular"):  # PyTorch: the cofactors
        slope(tl.linalg.det, [1.0, 1.0], [1.0, 1.0])

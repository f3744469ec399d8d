"""The ops of functions, rounding, order, scattering, contraction and linear algebra give PyTorch's values, first and second
derivatives; also at ties, bounds and infinities, for empty, 0-d, broadcast and strided inputs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tinygrad_lite as tl

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]
INF, NAN = float("inf"), float("nan")


def drawn(*shapes, seed=0):
    """Values on a grid of quarters, so that there are ties and zeros; arrays are passed as they are."""
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.integers(-8, 9, s) / 4.0) if isinstance(s, tuple) else np.asarray(s) for s in shapes]


def smooth(*shapes, seed=0):
    return [np.asarray(np.random.default_rng((seed, k)).normal(size=s)) for k, s in enumerate(shapes)]


def flat(outs):
    return list(outs) if isinstance(outs, (tuple, list)) else [outs]


def weights_of(size, shape):
    return np.cos(np.arange(size) * 0.7 + 0.3).reshape(shape)


def compare(ours, theirs, rtol, atol):
    a, b = None if ours is None else ours.data, None if theirs is None else theirs.numpy(force=True)
    if a is None or b is None:  # no gradient is a gradient of zeros
        assert not np.any(b if a is None else a)
        return
    assert a.shape == b.shape
    assert str(a.dtype) == str(b.dtype)
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def both(ours, theirs, arrays, order=2, rtol=1e-9, atol=1e-11):
    """Values and dtypes; gradients of a weighted sum of all floating outputs; gradients of a weighted sum of those."""
    xs = [tl.Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    ts = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    outs, expected = flat(ours(*xs)), flat(theirs(*ts))
    assert len(outs) == len(expected)
    for o, e in zip(outs, expected):
        compare(o, e, rtol, atol)
    xs, ts = [x for x in xs if x.requires_grad], [t for t in ts if t.requires_grad]
    for _ in range(order):
        ours_sum = [(o * weights_of(o.numel(), o.shape)).sum() for o in outs if o is not None and o.requires_grad]
        pairs = [(e, torch.tensor(weights_of(e.numel(), tuple(e.shape)))) for e in expected if e is not None and e.requires_grad]
        if not ours_sum and not pairs:
            return
        outs = [None] * len(xs)
        if ours_sum:
            outs = tl.grad(sum(ours_sum), xs, create_graph=True, allow_unused=True)
        expected = [None] * len(ts)
        if pairs:
            total = sum((e * w).sum() for e, w in pairs)
            expected = torch.autograd.grad(total, ts, create_graph=True, allow_unused=True)
        for o, e in zip(outs, expected):
            compare(o, e, rtol, atol)


def op(name):
    return getattr(tl, name), getattr(torch, name)


SHAPES = [(3, 4), (), (2, 3, 2), (0, 3)]
PAIRS = [((3, 4), (3, 4)), ((3, 4), (4,)), ((2, 1, 3), (4, 1)), ((), ()), ((2, 3), ()), ((0, 3), (1, 3))]
STRIDED = np.arange(24.0).reshape(4, 6)[:, ::2].T / 7 - 1.5

# -- element by element ------------------------------------------------------------------------------------------

POINTS = {
    "log2": [0.5, 1.0, 3.0, 1e-3], "log10": [0.5, 1.0, 3.0, 1e-3], "rsqrt": [0.25, 1.0, 9.0], "sinh": [-2.0, 0.0, 1e-9, 3.0],
    "cosh": [-2.0, 0.0, 3.0], "asin": [-0.9, 0.0, 0.5], "acos": [-0.9, 0.0, 0.5], "atan": [-30.0, 0.0, 2.0],
    "floor": [-1.5, -1.0, 0.0, 0.4, 2.0], "ceil": [-1.5, -1.0, 0.0, 0.4, 2.0], "trunc": [-1.5, -1.0, 0.0, 0.4, 2.0],
    "round": [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.3],
}  # fmt: skip


@pytest.mark.parametrize("name", POINTS)
def test_functions(name):
    values = np.array(POINTS[name])
    for x in (values, values[0], values[:0], np.stack([values, values]).T, np.repeat(values, 2)[::2]):
        both(*op(name), [np.asarray(x)])
    assert getattr(tl, name)(tl.Tensor(values.astype(np.float32))).dtype == np.float32


@pytest.mark.parametrize(("name", "values"), [("asin", [1.0, -1.0, 2.0]), ("acos", [1.0, -1.0, -2.0]), ("log2", [0.0, -1.0]),
    ("log10", [0.0, -1.0]), ("rsqrt", [0.0, -1.0, INF]), ("atan", [INF, -INF]), ("sinh", [INF, 800.0]),
        ("isinf", [INF, -INF, NAN, 0.0])])  # fmt: skip
def test_functions_at_the_ends(name, values):
    both(*op(name), [np.array(values)], order=1)


@pytest.mark.parametrize("shapes", PAIRS)
@pytest.mark.parametrize("name", ["atan2", "logaddexp"])
def test_functions_of_two(name, shapes):
    both(*op(name), smooth(*shapes))


def test_functions_of_two_at_ties_zeros_and_infinities():
    both(*op("atan2"), [np.array([0.0, 0.0, 1.0, -0.0, 2.0]), np.array([0.0, -1.0, 0.0, -1.0, -2.0])], order=1)
    both(*op("logaddexp"), [np.array([1.0, 1000.0, -3.0]), np.array([1.0, 1000.0, 300.0])])
    both(*op("logaddexp"), [np.array([-INF, INF, INF, 1.0, -INF]), np.array([-INF, INF, 1.0, INF, 2.0])], order=1)


@pytest.mark.parametrize("mode", [None, "floor", "trunc"])
@pytest.mark.parametrize("shapes", PAIRS)
def test_division_and_its_rounding(shapes, mode):
    x, y = drawn(*shapes)
    y = y + (y == 0)
    both(lambda x, y: tl.div(x, y, rounding_mode=mode), lambda x, y: torch.div(x, y, rounding_mode=mode), [x, y], order=1)
    both(lambda x, y: x % y, lambda x, y: x % y, [x, y], order=1)
    both(lambda x: tl.div(x, 0.75, rounding_mode=mode), lambda x: torch.div(x, 0.75, rounding_mode=mode), [x], order=1)
    both(lambda x: (x % 0.75, x.remainder(-2)), lambda x: (x % 0.75, x.remainder(-2)), [x])
    both(lambda x: x.detach() // 0.75, lambda x: x.detach() // 0.75, [x])
    both(lambda y: (7.5 % y.detach(), 7.5 // y.detach()), lambda y: (7.5 % y.detach(), 7.5 // y.detach()), [y])


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "int8"])
def test_division_of_integers(dtype):
    x, y = np.array([7, 5, 0, 9]).astype(dtype), np.array([2, 5, 3, 4]).astype(dtype)
    signs = np.array([1, -1, 1, -1]).astype(dtype) if dtype[0] == "i" else np.ones(4, dtype)
    for a, b in itertools.product((x, x * signs), (y, y * signs[::-1])):
        for mode in (None, "floor", "trunc"):
            both(lambda x, y: x.div(y, rounding_mode=mode), lambda x, y: x.div(y, rounding_mode=mode), [a, b])
        both(lambda x, y: (x // y, x % y, x % 3, x // 2), lambda x, y: (x // y, x % y, x % 3, x // 2), [a, b])


def test_rounding_to_decimals():
    for decimals in (0, 1, 3, -1):
        both(lambda x: tl.round(x, decimals=decimals), lambda x: torch.round(x, decimals=decimals),
            [np.array([12.3456, -7.8915, 25.0])],
             rtol=1e-14)  # fmt: skip


@pytest.mark.parametrize("shapes", [((3, 4), (4,), (3, 1)), ((2, 3), (2, 3), (2, 3)), ((), (), ()), ((0, 2), (2,), (1, 2))])
def test_lerp(shapes):
    x, end, weight = smooth(*shapes)
    both(tl.lerp, torch.lerp, [x, end, weight])
    for number in (-1.0, 0.0, 0.25, 0.5, 0.75, 1, 2.0):
        both(lambda x, end: tl.lerp(x, end, number), lambda x, end: torch.lerp(x, end, number), [x, end])


@pytest.mark.parametrize(
    "shapes", [((3, 4), (3, 4), (3, 4)), ((3, 4), (4,), (3, 1)), ((), (), ()), ((0, 3), (3,), (1, 1)), ((4,), (), ())]
)
def test_clamp_with_tensors(shapes):
    x, low, high = drawn(*shapes)
    both(tl.clamp, torch.clamp, [x, low, high])  # often low > high
    both(tl.clamp, torch.clamp, [x, low, low])
    both(tl.clamp, torch.clamp, [x, x, x])
    both(lambda x, low: tl.clamp(x, min=low), lambda x, low: torch.clamp(x, min=low), [x, low])
    both(lambda x, high: x.clamp(max=high), lambda x, high: x.clamp(max=high), [x, high])


def test_clamp_of_nan():
    x, low, high = np.array([1.0, NAN, 0.0]), np.array([NAN, 0.0, 0.0]), np.array([1.0, 1.0, NAN])
    both(tl.clamp, torch.clamp, [x, low, high], order=0)


def test_masked_fill():
    x, mask, value = drawn((3, 4), np.arange(4) % 2 == 0, ())
    for number in (0.5, -INF, 2):
        both(lambda x, m: x.masked_fill(m, number), lambda x, m: x.masked_fill(m, number), [x, mask])
    both(tl.masked_fill, torch.masked_fill, [x, mask, value])
    both(tl.masked_fill, torch.masked_fill, [x[0], mask[None].repeat(2, 0), value])
    both(lambda x, m: x.masked_fill(m, 7), lambda x, m: x.masked_fill(m, 7), [np.arange(4, dtype=np.int32), mask])


# -- reductions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["all", "any"])
@pytest.mark.parametrize("shape", [(3, 4), (2, 0, 3), (), (0,)])
def test_all_and_any(name, shape):
    ours, theirs = op(name)
    for x in (drawn(shape)[0], drawn(shape)[0] > 0, np.ones(shape, np.int64), np.full(shape, NAN)):
        both(ours, theirs, [x])
        for dim, keepdim in itertools.product([*range(-len(shape), len(shape)), tuple(range(len(shape)))[:2] or 0], (False, True)):
            both(lambda x: ours(x, dim, keepdim), lambda x: theirs(x, dim, keepdim), [x])


@pytest.mark.parametrize("name", ["var", "std"])
def test_variance_where_nothing_is_left(name, recwarn):
    ours, theirs = op(name)
    for values, correction in [
        ([1.0, 2.0, 4.0], 3),
        ([1.0, 2.0, 4.0], 5),
        ([1.0, 1.0], 2),
        ([3.0], 1),
        ([3.0], 2),
        ([1.0, 2.0], 1),
    ]:
        both(lambda x: ours(x, correction=correction), lambda x: theirs(x, correction=correction), [np.array(values)], order=0)
        both(lambda x: ours(x, dim=1, correction=correction, keepdim=True),
            lambda x: theirs(x, dim=1, correction=correction, keepdim=True),
             [np.array([values, values])], order=0)  # fmt: skip
    both(ours, theirs, [np.array(2.0)], order=1)
    both(ours, theirs, [np.array([2.0])], order=1)
    both(lambda x: ours(x, 0), lambda x: theirs(x, 0), [np.zeros((0, 3))], order=1)
    both(lambda x: ours(x, 1), lambda x: theirs(x, 1), [np.zeros((0, 3))], order=1)
    assert not [w for w in recwarn if "tinygrad_lite" in w.filename or "numpy" in w.filename]


@pytest.mark.parametrize("correction", [0, 1, 2])
def test_second_derivatives_of_variances(correction):
    for name, dim in itertools.product(("var", "std"), (0, 1, (0, 2))):
        ours, theirs = op(name)
        both(lambda x: ours(x, dim, correction), lambda x: theirs(x, dim, correction=correction), smooth((3, 4, 2)))


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes_along_a_dim_with_ties(name, keepdim):
    """At ties the value agrees, and the gradient goes whole to the element whose index is given."""
    ours, theirs = op(name)
    for x, dim in [(drawn((4, 5))[0], 0), (drawn((2, 3, 4))[0], -2), (np.array([[1.0, NAN, 3.0, NAN], [2.0, 2.0, 2.0, 2.0]]), 1)]:
        t = torch.tensor(x, requires_grad=True)
        expected, where = theirs(t, dim, keepdim)
        a = tl.Tensor(x, requires_grad=True)
        values, indices = ours(a, dim, keepdim)
        compare(values, expected, 0, 0)
        compare(indices, where, 0, 0)
        compare(tl.grad(values.sum(), a)[0], torch.autograd.grad(expected.sum(), t)[0], 0, 0)


# -- order -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    ("shape", "dim"), [((3, 4), 0), ((3, 4), -1), ((2, 5, 3), 1), ((40,), 0), ((), 0), ((0, 3), 0), ((2, 0), 1)]
)
def test_sort_is_stable(shape, dim, descending):
    (x,) = drawn(shape)
    for a in (x, np.round(x).astype(np.int64), x > 0, x.T):
        d = dim if a.shape == shape else -1 - dim
        ours = lambda x, d=d: tl.sort(x, d, descending, stable=True)
        both(ours, lambda x, d=d: torch.sort(x, dim=d, descending=descending, stable=True), [a])
        both(lambda x, d=d: x.argsort(d, descending), lambda x, d=d: x.argsort(dim=d, descending=descending, stable=True), [a])


def test_sort_with_nan_and_infinities():
    x = np.array([[1.0, NAN, 3.0, -INF, INF, NAN], [0.0, -0.0, 2.0, 2.0, NAN, -1.0]])
    for descending in (False, True):
        both(
            lambda x: tl.sort(x, -1, descending), lambda x: torch.sort(x, dim=-1, descending=descending, stable=True), [x], order=1
        )


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize(
    ("shape", "k", "dim"), [((3, 4), 2, -1), ((3, 4), 3, 0), ((2, 5, 3), 2, 1), ((9,), 9, 0), ((3, 4), 0, 1), ((), 1, 0)]
)
def test_topk(shape, k, dim, largest):
    rng = np.random.default_rng(0)
    x = rng.permutation(int(np.prod(shape))).reshape(shape) / 4.0
    both(lambda x: tl.topk(x, k, dim, largest), lambda x: torch.topk(x, k, dim, largest), [np.asarray(x)])
    values, _ = tl.topk(tl.Tensor(drawn(shape)[0]), k, dim, largest)  # which of equal ones PyTorch names is not said
    np.testing.assert_array_equal(values.data, torch.topk(torch.tensor(drawn(shape)[0]), k, dim, largest).values.numpy())


# -- indexing and scattering -------------------------------------------------------------------------------------

ALONG = [((3, 4), [[0, 2, 2, 1]], 0), ((3, 4), [[3, 0], [1, 1], [2, 2]], 1), ((3, 4), [[3, 3, 0, 0, 1]], -1), ((5,), [4, 4, 0], 0),
    ((2, 3, 2), [[[1, 0]], [[0, 2]]], 1), ((), 0, 0), ((3, 4), np.zeros((0, 4), np.int64), 0)]  # fmt: skip


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize(("shape", "index", "dim"), ALONG)
def test_scatter_reduce(shape, index, dim, reduce, include_self):
    index = np.array(index)
    x, src = drawn(shape, index.shape) if reduce != "prod" else smooth(shape, index.shape)
    if not include_self:
        x = x + 0.125  # PyTorch counts what is replaced among the ties, and loses its share of the gradient
    second = 2 if reduce in ("sum", "mean") else 1  # PyTorch has no second derivative of the others, or one without the ties
    both(lambda x, s: tl.scatter_reduce(x, dim, tl.Tensor(index), s, reduce, include_self),
         lambda x, s: torch.scatter_reduce(x, dim, torch.tensor(index), s, reduce, include_self=include_self), [x, src],
         order=second)  # fmt: skip
    x, src = (np.round(4 * a).astype(np.int64) for a in (x, src))
    both(lambda x, s: x.scatter_reduce(dim, tl.Tensor(index), s, reduce, include_self),
         lambda x, s: x.scatter_reduce(dim, torch.tensor(index), s, reduce, include_self=include_self), [x, src])  # fmt: skip


@pytest.mark.parametrize("reduce", ["add", "multiply"])
@pytest.mark.parametrize(("shape", "index", "dim"), ALONG)
def test_scatter_with_reduce(shape, index, dim, reduce):
    index = np.array(index)
    x, src = drawn(shape, index.shape)
    i, j = tl.Tensor(index), torch.tensor(index)
    both(lambda x, s: tl.scatter(x, dim, i, s, reduce=reduce), lambda x, s: torch.scatter(x, dim, j, s, reduce=reduce), [x, src],
         order=0)  # PyTorch has no derivative  # fmt: skip
    both(lambda x: x.scatter(dim, i, 2.5, reduce=reduce), lambda x: x.scatter(dim, j, 2.5, reduce=reduce), [x], order=0)


def test_take_along_dim():
    for shape, index, dim in [((3, 4), [[0, 2, 2, 1]], 0), ((3, 4), [[1]], 1), ((1, 4), [[1], [0]], 1),
        ((3, 4), [[5, 0], [11, 11]], None),
                              ((3,), [2, 2], 0), ((), [0, 0], None), ((2, 3, 4), [[[1], [0], [3]]], -1)]:  # fmt: skip
        i, j = tl.tensor(np.array(index)), torch.tensor(index)
        both(lambda x: x.take_along_dim(i, dim), lambda x: torch.take_along_dim(x, j, dim), smooth(shape))


SHAPED = {
    "tile": ((2, 3), lambda m, x: (x.tile(2), x.tile((2,)), x.tile(2, 1), m.tile(x, (2, 1, 2)), m.tile(x, ()))),
    "tile-0d": ((), lambda m, x: m.tile(x, (2, 2))), "select": ((2, 3, 4), lambda m,
        x: (x.select(0, 1), x.select(-1, -4), m.select(x, 1, 2))),
    "diag": ((3,), lambda m, x: (x.diag(), x.diag(2), m.diag(x, -1))),
        "diag-of": ((3, 4), lambda m, x: (x.diag(), x.diag(2), m.diag(x, -1))),
    "diag-empty": ((0,), lambda m, x: (x.diag(), x.diag(1))),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPED)
def test_shapes(name):
    shape, function = SHAPED[name]
    both(lambda x: function(tl, x), lambda x: function(torch, x), smooth(shape))


# -- contractions ------------------------------------------------------------------------------------------------

EINSUMS = [
    ("ij,jk->ik", (2, 1), (3, 4)), ("i,i->i", (1,), (3,)), ("...i->i", (2, 3)), ("...,...", (2, 3), (3,)),
        ("i...->...i", (2, 3, 4)),
    ("i...i->...", (3, 2, 3)), ("ij,jk->ik...", (2, 3), (3, 4)), ("i,j,k,l->lkji", (2,), (1,), (3,), (2,)), ("bA", (2, 3)),
    (" i j , j k -> i k ", (2, 3), (3, 2)), ("ab,bc,cd,de->ae", (2, 3), (3, 2), (2, 3), (3, 2)), ("iij,jk->k", (2, 2, 3), (3, 2)),
    ("ij,ij->j", (0, 3), (1, 3)), ("i,j->", (0,), (3,)), ("...,...->...", (), (2,)), ("i,ij->", (3,), (3, 1)),
]  # fmt: skip


@pytest.mark.parametrize("row", EINSUMS, ids=[r[0] for r in EINSUMS])
def test_einsum(row):
    equation, *shapes = row
    both(lambda *xs: tl.einsum(equation, *xs), lambda *xs: torch.einsum(equation, *xs), smooth(*shapes))
    both(lambda *xs: tl.einsum(equation, xs), lambda *xs: torch.einsum(equation, *xs), smooth(*shapes))


LISTS = [
    ([(2, 3), (3, 4)], [[0, 1], [1, 2]], [0, 2]), ([(2, 3), (3, 4)], [[0, 1], [1, 2]], None), ([(2, 3)], [[1, 0]], None),
    ([(2, 3, 4), (4, 5)], [[..., 1], [1, 2]], [..., 2]), ([(2, 3, 4), (4, 5)], [[..., 1], [1, 2]], None),
        ([(3, 3)], [[0, 0]], None),
    ([(3, 3)], [[0, 0]], [0]), ([(2, 3)], [[51, 30]], None), ([()], [[]], None), ([(2,), (2, 3)], [[26, ], [26, 25]], [25]),
]  # fmt: skip


@pytest.mark.parametrize("row", LISTS, ids=[str(r[1:]) for r in LISTS])
def test_einsum_of_lists(row):
    shapes, lists, out = row

    def call(einsum, xs):
        args = [part for pair in zip(xs, lists) for part in pair]
        return einsum(*args) if out is None else einsum(*args, out)

    both(lambda *xs: call(tl.einsum, xs), lambda *xs: call(torch.einsum, xs), smooth(*shapes))


TENSORDOTS = [((2, 3, 4), (3, 4, 2), 2), ((2, 3), (3,), 1), ((2,), (3,), 0), ((2, 3, 4), (4, 2, 3), ([1, 2], [2, 0])),
    ((2, 3, 2), (2, 3), ((-1, 1), (0, -1))), ((0, 3), (3, 2), 1), ((2, 0), (0, 3), 1), ((), (2,), 0)]  # fmt: skip


@pytest.mark.parametrize(("left", "right", "dims"), TENSORDOTS)
def test_tensordot(left, right, dims):
    both(lambda a, b: tl.tensordot(a, b, dims), lambda a, b: torch.tensordot(a, b, dims), smooth(left, right))


def test_products():
    both(*op("mv"), smooth((2, 3), (3,)))
    both(*op("mv"), smooth((0, 3), (3,)))
    for shape in [(2, 4), (4,), (2, 1), (), (1, 4)]:
        both(lambda c, a, b: c.addmm(a, b, beta=0.5, alpha=-2), lambda c, a, b: c.addmm(a, b, beta=0.5, alpha=-2),
             smooth(shape, (2, 3), (3, 4)))  # fmt: skip
        both(*op("addmm"), smooth(shape, (2, 3), (3, 4)))
    both(lambda c, a, b: tl.addmm(c, a, b, beta=0), lambda c, a, b: torch.addmm(c, a, b, beta=0),
         [np.full(2, NAN), *smooth((2, 2), (2, 2))])  # fmt: skip


# -- linear algebra ----------------------------------------------------------------------------------------------


def regular(*shape, seed=0):
    return smooth(shape, seed=seed)[0] + 3 * np.eye(shape[-1])


SQUARE = [(3, 3), (2, 3, 3), (2, 1, 2, 2), (1, 1), (0, 0), (0, 2, 2)]


@pytest.mark.parametrize("shape", SQUARE)
def test_inverse_and_determinants(shape):
    for a in (regular(*shape), regular(*shape).swapaxes(-1, -2), -regular(*shape)):
        both(tl.linalg.inv, torch.linalg.inv, [a])
        both(lambda x: x.inverse(), lambda x: x.inverse(), [a])
        both(tl.linalg.det, torch.linalg.det, [a])
        both(lambda x: tuple(x.slogdet()), lambda x: tuple(x.slogdet()), [a])
        both(lambda x: tl.linalg.eigvalsh((x + x.mT).detach()), lambda x: torch.linalg.eigvalsh((x + x.mT).detach()), [a])
        both(lambda x: tl.linalg.eigvalsh(x.detach(), "U"), lambda x: torch.linalg.eigvalsh(x.detach(), "U"), [a])
        both(lambda x: tl.linalg.svdvals(x.detach()), lambda x: torch.linalg.svdvals(x.detach()), [a])


SYSTEMS = [((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (2, 3)), ((2, 3, 3), (2, 3, 2)), ((2, 3, 3), (3, 2)), ((3, 3), (2, 3, 2)),
    ((2, 3, 3), (3,)), ((4, 1, 2, 2), (3, 2, 1)), ((0, 0), (0,)), ((2, 2), (2, 0)), ((2, 2), (2, 2)),
        ((2, 2, 2), (2, 2))]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), SYSTEMS)
def test_solve(left, right):
    a, b = regular(*left), smooth(right)[0]
    both(tl.linalg.solve, torch.linalg.solve, [a, b])
    if len(right) > 1 and right[-2:] == left[-2:] and right != left[:-1]:
        both(lambda a, b: tl.linalg.solve(a, b, left=False), lambda a, b: torch.linalg.solve(a, b, left=False), [a, b])
    single = [v.astype(np.float32) for v in (a, b)]
    both(tl.linalg.solve, torch.linalg.solve, single, order=0, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2), (1, 3), (0, 2), (2, 0), (0, 3, 2)])
def test_pinv(shape):
    (a,) = smooth(shape)
    both(tl.linalg.pinv, torch.linalg.pinv, [a], order=2 if a.size else 0)
    both(lambda a: a.pinverse(), lambda a: a.pinverse(), [a], order=0)
    if len(shape) == 2:
        for options in ({"atol": 0.7}, {"rtol": 0.5}, {"atol": 0.1, "rtol": 0.2}):
            both(lambda a: tl.linalg.pinv(a, **options), lambda a: torch.linalg.pinv(a, **options), [a], order=0)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("p", [2, 1, 3, 0.5, 0, INF, -INF])
def test_vector_norm(p, keepdim):
    for dim in (None, 0, -1, (0, 2), [1]):
        both(
            lambda x: tl.linalg.vector_norm(x, p, dim, keepdim),
            lambda x: torch.linalg.vector_norm(x, p, dim, keepdim),
            smooth((2, 3, 4)),
        )
    both(lambda x: tl.linalg.vector_norm(x, p), lambda x: torch.linalg.vector_norm(x, p), drawn((3, 4)), order=1)
    both(lambda x: tl.linalg.vector_norm(x, p), lambda x: torch.linalg.vector_norm(x, p), smooth(()))


@pytest.mark.parametrize("dim", [(-2, -1), (0, 2), (2, 1)])
@pytest.mark.parametrize("ord", ["fro", 1, -1, INF, -INF, 2, -2, "nuc"])
def test_matrix_norm(ord, dim):
    order = 0 if ord in (2, -2, "nuc") else 2
    for keepdim in (False, True):
        both(lambda x: tl.linalg.matrix_norm(x if order else x.detach(), ord, dim, keepdim),
             lambda x: torch.linalg.matrix_norm(x, ord, dim, keepdim), smooth((2, 3, 4)), order=order)  # fmt: skip


def test_norm_of_linalg():
    for shape, ord, dim in [((2, 3), None, None), ((2, 3, 4), None, None), ((2, 3), None, 0), ((2, 3), None, (0, 1)),
        ((3,), 3, None),
                            ((2, 3), 1, None), ((2, 3), INF, 1), ((2, 3, 4), "fro", (0, 1)), ((2, 3, 4), 1, (2, 0)),
                                ((4,), INF, None)]:  # fmt: skip
        for keepdim in (False, True):
            both(lambda x: tl.linalg.norm(x, ord, dim, keepdim), lambda x: torch.linalg.norm(x, ord, dim, keepdim), smooth(shape))


# -- dtypes ------------------------------------------------------------------------------------------------------

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
OF_ONE = {
    "log2": lambda m, x: m.log2(x), "sinh": lambda m, x: m.sinh(x), "asin": lambda m, x: m.asin(x), "atan": lambda m, x: m.atan(x),
    "rsqrt": lambda m, x: m.rsqrt(x), "floor": lambda m, x: m.floor(x), "trunc": lambda m, x: m.trunc(x),
    "round": lambda m, x: m.round(x), "isinf": lambda m, x: m.isinf(x),
    "sort": lambda m, x: m.sort(x).values, "topk": lambda m, x: m.topk(x, 1).values, "diag": lambda m, x: m.diag(x),
    "tile": lambda m, x: m.tile(x, (2,)), "floor number": lambda m, x: x // 2, "floor float": lambda m, x: x // 2.0,
    "remainder number": lambda m, x: x % 2, "remainder float": lambda m, x: x % 2.0,
    "trunc number": lambda m, x: m.div(x, 2, rounding_mode="trunc"), "clamp": lambda m, x: m.clamp(x, 0),
    "clamp float": lambda m, x: m.clamp(x, 0.0, 5.0), "masked_fill": lambda m, x: x.masked_fill(x > 0, True),
    "prod": lambda m, x: x.scatter_reduce(0, m.tensor([0, 0]), x, "prod"),
}  # fmt: skip
OF_TWO = {
    "atan2": lambda m, x, y: m.atan2(x, y), "floor_divide": lambda m, x, y: x // y, "remainder": lambda m, x, y: m.remainder(x, y),
    "trunc": lambda m, x, y: m.div(x, y, rounding_mode="trunc"), "clamp": lambda m, x, y: m.clamp(x, y),
}  # fmt: skip


def same_dtype(function, *arrays):
    expected = function(torch, *map(torch.tensor, arrays))
    out = function(tl, *map(tl.Tensor, arrays))
    assert str(out.dtype) == str(expected.dtype).removeprefix("torch.")
    np.testing.assert_allclose(out.data.astype(float), expected.double().numpy(), rtol=2e-3)


NOT_OF_BOOLEANS = {"floor", "trunc", "round", "topk"}  # in PyTorch


@pytest.mark.parametrize(("name", "dtype"), [(n, d) for n in OF_ONE for d in DTYPES if d != "bool" or n not in NOT_OF_BOOLEANS])
def test_dtypes_of_results(name, dtype):
    same_dtype(OF_ONE[name], np.ones(2, dtype))


@pytest.mark.parametrize(("left", "right"), list(itertools.product(DTYPES[1:], DTYPES[1:])))
@pytest.mark.parametrize("name", OF_TWO)
def test_dtypes_of_two(name, left, right):
    for left_shape, right_shape in itertools.product([(2,), ()], repeat=2):
        same_dtype(OF_TWO[name], np.full(left_shape, 7, left), np.full(right_shape, 2, right))

"""Every op that PyTorch has gives its values and gradients, also at ties, bounds and zeros; what it refuses is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tinygrad_lite as tl

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]
INF = float("inf")


def arrays_for(shapes, seed=0):
    """Values on a grid of quarters, so that there are ties and zeros; integers, masks and arrays are passed as they are."""
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.integers(-8, 9, s) / 4.0) if isinstance(s, tuple) else s for s in shapes]


def flat(outs):
    outs = outs if isinstance(outs, (tuple, list)) else (outs,)
    return [o for o in outs if o is not None]


def both(ours, theirs, arrays, rtol=1e-10, atol=1e-12, grads=True):
    """Values, dtypes and the gradients of a weighted sum agree."""
    xs = [tl.Tensor(a.copy(), requires_grad=a.dtype.kind == "f") for a in arrays]
    ts = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    outs, expected = flat(ours(*xs)), flat(theirs(*ts))
    assert len(outs) == len(expected)
    losses = []
    for o, e in zip(outs, expected):
        assert tuple(o.shape) == tuple(e.shape)
        assert str(o.dtype) == str(e.dtype).removeprefix("torch.")
        np.testing.assert_allclose(o.data, e.detach().numpy(), rtol=rtol, atol=atol)
        if o.requires_grad and e.requires_grad:
            weights = np.cos(np.arange(o.numel()) * 0.7 + 0.3).reshape(o.shape).astype(o.dtype)
            losses.append(((o * weights).sum(), (e * torch.tensor(weights)).sum()))
    if not grads or not losses:
        return
    xs, ts = ([x for x in s if x.requires_grad] for s in (xs, ts))
    ours_first = tl.grad(sum(a for a, _ in losses), xs, allow_unused=True)
    theirs_first = torch.autograd.grad(sum(b for _, b in losses), ts, allow_unused=True)
    for g, e in zip(ours_first, theirs_first):
        g, e = (None if v is None else v.data if hasattr(v, "source") else v.numpy() for v in (g, e))
        if g is None or e is None:
            assert not np.any(g if e is None else e)
        else:
            np.testing.assert_allclose(g, e, rtol=rtol, atol=atol)


def op(name):
    return getattr(tl, name), getattr(torch, name)


SHAPES = [(3, 4), (), (2, 3, 2), (0, 3)]

# -- element by element ------------------------------------------------------------------------------------------

UNARY = ["abs", "exp", "expm1", "sin", "cos", "tan", "tanh", "sigmoid", "erf", "square", "sign", "relu", "neg"]
POSITIVE = ["log", "log1p", "sqrt", "reciprocal"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", UNARY + POSITIVE)
def test_unary(name, shape):
    (x,) = arrays_for([shape])
    both(*op(name), [np.abs(x) + 0.25 if name in POSITIVE else x])


BINARY = ["add", "sub", "mul", "div", "maximum", "minimum", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or"]
PAIRS = [((3, 4), (3, 4)), ((3, 4), (4,)), ((2, 1, 3), (4, 1)), ((), ()), ((2, 3), ()), ((0, 3), (1, 3))]


@pytest.mark.parametrize("shapes", PAIRS)
@pytest.mark.parametrize("name", BINARY)
def test_binary_with_ties_and_zeros(name, shapes):
    x, y = arrays_for(shapes)
    both(*op(name), [x, y + 10 * (y == 0) if name == "div" else y])
    both(*op(name), [x, x + (x == 0) if name == "div" else x])


@pytest.mark.parametrize("base", [-2.0, -1.0, 0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("exponent", [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0])
def test_pow_of_tensors(base, exponent):
    with np.errstate(all="ignore"):
        both(*op("pow"), [np.array([base]), np.array([exponent])])
        both(*op("pow"), [np.array(base), np.array(exponent)])


@pytest.mark.parametrize("number", [-2, -1, -0.5, 0, 0.5, 1, 1 / 3, 2, 2.5, 3, 0.0, 2.0])
def test_pow_with_a_number(number):
    x = np.array([0.0, 0.25, 1.0, 2.5])
    with np.errstate(all="ignore"):
        both(lambda x: x**number, lambda x: x**number, [x])
        both(lambda x: number**x, lambda x: number**x, [x])
        both(lambda x: x**number, lambda x: x**number, [np.array(0.7)])


def test_number_operands():
    for n in (0, 1, 2, -0.75, 1 / 3):
        (x,) = arrays_for([(3, 4)])
        both(lambda x: (x + n, n + x, x - n, n - x, x * n, n * x), lambda x: (x + n, n + x, x - n, n - x, x * n, n * x), [x])
        both(lambda x: (n / x, x / (n + 0.1)), lambda x: (n / x, x / (n + 0.1)), [np.abs(x) + 1])


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (None, 0.5), (0.0, None), (1.0, -1.0), (0.25, 0.25), (-1, 1)])
@pytest.mark.parametrize("shape", SHAPES)
def test_clamp_passes_the_gradient_at_its_bounds(low, high, shape):
    both(lambda x: tl.clamp(x, min=low, max=high), lambda x: torch.clamp(x, low, high), arrays_for([shape]))


@pytest.mark.parametrize("shapes", PAIRS)
def test_heaviside(shapes):
    both(
        lambda x, y: tl.heaviside(x.detach(), y.detach()), lambda x, y: torch.heaviside(x.detach(), y.detach()), arrays_for(shapes)
    )


@pytest.mark.parametrize("shapes", [((3, 4), (3, 4), (3, 4)), ((3, 1), (4,), (3, 4)), ((2,), (), ()), ((), (2, 3), (3,))])
def test_where(shapes):
    c, x, y = arrays_for(shapes)
    both(tl.where, torch.where, [c > 0, x, y])
    both(lambda c, x: tl.where(c, x, 0.5), lambda c, x: torch.where(c, x, 0.5), [c > 0, x])


def test_tests_of_values():
    x = np.array([[0.0, np.nan, INF], [-INF, 1.0, -2.0]])
    for name in ("isnan", "isfinite", "logical_not"):
        both(*op(name), [x])


# -- promotion ---------------------------------------------------------------------------------------------------

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


@pytest.mark.parametrize(("left", "right"), list(itertools.product(DTYPES, DTYPES)))
def test_promotion_is_result_type(left, right):
    for left_shape, right_shape in itertools.product([(2,), ()], repeat=2):
        x, y = np.ones(left_shape, left), np.ones(right_shape, right)
        expected = str(torch.result_type(torch.tensor(x), torch.tensor(y))).removeprefix("torch.")
        assert str(tl.add(tl.Tensor(x), tl.Tensor(y)).dtype) == expected
        assert str(tl.mul(tl.Tensor(x), tl.Tensor(y)).dtype) == expected
        assert str(tl.where(np.array(True), tl.Tensor(x), tl.Tensor(y)).dtype) == expected
        divided = str((torch.tensor(x) / torch.tensor(y)).dtype).removeprefix("torch.")
        assert str((tl.Tensor(x) / tl.Tensor(y)).dtype) == divided


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("number", [True, 2, 2.0])
@pytest.mark.parametrize("shape", [(2,), ()])
def test_promotion_with_numbers(dtype, number, shape):
    x = np.ones(shape, dtype)
    for ours, theirs in [(tl.add, torch.add), (tl.mul, torch.mul), (tl.div, torch.div), (tl.pow, torch.pow)]:
        if theirs is torch.pow and dtype == "bool" and number is True:
            continue  # NumPy has no power of booleans
        expected = str(theirs(torch.tensor(x), number).dtype).removeprefix("torch.")
        assert str(ours(tl.Tensor(x), number).dtype) == expected


OF_BOOLEANS = ["sum", "prod", "cumsum", "amax", "exp", "sqrt", "erf", "clamp"]
OF_NUMBERS = ["abs", "square", "relu", "sign", "argmax"]  # of booleans PyTorch or NumPy has none


@pytest.mark.parametrize(
    ("name", "dtype"), [(n, d) for n in OF_BOOLEANS + OF_NUMBERS for d in DTYPES if d != "bool" or n in OF_BOOLEANS]
)
def test_dtypes_of_results(name, dtype):
    x = np.ones((2, 3), dtype)
    extra = (0,) if name == "cumsum" else (0.5,) if name == "clamp" else ()
    expected = str(getattr(torch, name)(torch.tensor(x), *extra).dtype).removeprefix("torch.")
    out = tl.clamp(tl.Tensor(x), min=0.5) if name == "clamp" else getattr(tl, name)(tl.Tensor(x), **({"dim": 0} if extra else {}))
    assert str(out.dtype) == expected


# -- reductions --------------------------------------------------------------------------------------------------

DIMS = [
    (s, d, k)
    for s, dims in [((2, 3, 2), (None, 0, -1, (0, 2), (1, -1))), ((4,), (None, 0)), ((), (None, 0)), ((3, 1), (1, (0,)))]
    for d in dims
    for k in (False, True)
]


@pytest.mark.parametrize(("shape", "dim", "keepdim"), DIMS)
@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "logsumexp", "var", "std", "norm"])
@pytest.mark.filterwarnings("ignore:.*degrees of freedom")  # of PyTorch's: the variance of one element is NaN in both
def test_reductions_with_ties(name, shape, dim, keepdim):
    ours, theirs = op(name)
    extra = {"p": 2} if name == "norm" else {}
    everything = tuple(range(len(shape)))
    both(
        lambda x: ours(x, dim=dim, keepdim=keepdim, **extra),
        lambda x: theirs(x, dim=everything if dim is None else dim, keepdim=keepdim, **extra),
        arrays_for([shape]),
    )


@pytest.mark.parametrize("correction", [0, 1, 2])
def test_variance_corrections(correction):
    for name in ("var", "std"):
        ours, theirs = op(name)
        both(lambda x: ours(x, 0, correction), lambda x: theirs(x, dim=0, correction=correction), arrays_for([(5, 3)]))


def test_the_deviation_of_equal_values_has_no_nan():
    both(lambda x: tl.std(x, 1), lambda x: torch.std(x, 1), [np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 4.0]])])


@pytest.mark.parametrize("dim", [None, 0, 1])
@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, -1, INF, -INF, "fro"])
def test_norm_with_zeros_and_ties(p, dim):
    for x in (
        arrays_for([(3, 4)])[0],
        np.zeros((3, 4)),
        np.array([[0.0, 2.0, -2.0, 1.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 3.0]]),
    ):
        with np.errstate(all="ignore"):
            both(lambda x: tl.norm(x, p, dim), lambda x: torch.norm(x, p, dim), [x])


@pytest.mark.parametrize(("shape", "dim", "keepdim"), [(s, d, k) for s, d, k in DIMS if not isinstance(d, tuple)])
@pytest.mark.parametrize("name", ["prod", "max", "min", "argmax", "argmin"])
def test_reductions_along_one_dim(name, shape, dim, keepdim):
    ours, theirs = op(name)
    (x,) = arrays_for([shape])
    if name in ("max", "min", "argmax", "argmin"):
        x = x + np.arange(x.size).reshape(x.shape) * 1e-3  # which of equal ones PyTorch names is not said
    if dim is None:
        both(ours, theirs, [x])
    else:
        both(lambda x: ours(x, dim, keepdim), lambda x: theirs(x, dim, keepdim), [x])


def test_prod_with_zeros():
    for x in ([[0.0, 2, 3], [0, 0, 2], [1, 2, 3]], [[0.0, 0, 0]] * 2):
        both(lambda x: tl.prod(x, 1), lambda x: torch.prod(x, 1), [np.array(x)])
        both(tl.prod, torch.prod, [np.array(x)])


def test_max_and_min_of_all_share_the_gradient():
    x = np.array([[1.0, 3.0], [3.0, 1.0]])
    for name in ("max", "min", "amax", "amin"):
        both(*op(name), [x])


@pytest.mark.parametrize(("shape", "dim"), [((3, 4), 0), ((3, 4), -1), ((2, 3, 2), 1), ((), 0), ((0, 3), 0)])
@pytest.mark.parametrize("name", ["cumsum", "softmax", "log_softmax"])
def test_along_a_dim(name, shape, dim):
    ours, theirs = op(name)
    both(lambda x: ours(x, dim=dim), lambda x: theirs(x, dim=dim), arrays_for([shape]))


def test_logsumexp_of_infinities():
    x = np.array([[-INF, 0.0, 1.0], [0.0, 0.0, -INF], [-1.0, 2.0, 300.0], [1000.0, 1000.0, -1000.0]])
    both(lambda x: tl.logsumexp(x, dim=1), lambda x: torch.logsumexp(x, 1), [x])


# -- shape and indexing ------------------------------------------------------------------------------------------

MOVES = {
    "reshape": ((3, 4), lambda m, x: x.reshape(2, -1)), "view": ((3, 4), lambda m, x: x.view(4, 3)),
    "flatten": ((2, 3, 2), lambda m, x: x.flatten(1)),
    "flatten-0d": ((), lambda m, x: x.flatten()), "permute": ((2, 3, 4), lambda m, x: x.permute(2, 0, -2)),
    "transpose": ((2, 3, 4), lambda m, x: x.transpose(-1, 0)),
    "T": ((3, 4), lambda m, x: x.T), "mT": ((2, 3, 4), lambda m, x: x.mT), "t": ((3, 4), lambda m, x: x.t()),
    "squeeze": ((1, 3, 1), lambda m, x: x.squeeze()),
    "squeeze-dim": ((1, 3, 1), lambda m, x: (x.squeeze(0), x.squeeze(1), x.squeeze((0, 2)))),
    "unsqueeze": ((3,), lambda m, x: (x.unsqueeze(0), x.unsqueeze(-1))),
    "expand": ((3, 1), lambda m, x: x.expand(2, -1, 4)), "broadcast_to": ((3, 1), lambda m, x: x.broadcast_to((2, 3, 4))),
    "repeat": ((2, 3), lambda m, x: x.repeat(2, 1, 2)),
    "flip": ((3, 4), lambda m, x: (x.flip(0), x.flip(0, 1), x.flip((1,)))),
    "roll": ((3, 4), lambda m, x: (x.roll(2), x.roll(-1, 0), x.roll((1, 2), (0, 1)))),
    "split": ((5, 4), lambda m, x: (*x.split(2), *x.split([1, 3], 1), *x.split(7))),
    "chunk": ((7, 4), lambda m, x: (*x.chunk(3), *x.chunk(3, 1), *x.chunk(9))),
    "unbind": ((3, 2), lambda m, x: (*x.unbind(), *x.unbind(-1))), "narrow": ((3, 4), lambda m, x: x.narrow(1, 1, 2)),
    "iterate": ((3, 2), lambda m, x: tuple(x)),
    "tril": ((3, 4), lambda m, x: (x.tril(), x.tril(1), x.tril(-1))),
    "triu": ((2, 3, 3), lambda m, x: (x.triu(), x.triu(1), x.triu(-1))),
    "diagonal": ((3, 4, 3), lambda m, x: (x.diagonal(), x.diagonal(1), x.diagonal(-1, 1, 2), x.diagonal(0, -1, 0))),
    "cat": ((2, 3), lambda m, x: (m.cat([x, x * 2]), m.cat((x, x), -1))),
    "stack": ((2, 3), lambda m, x: (m.stack([x, x * 2]), m.stack((x, x), -1), m.stack([x, x], 1))),
    "clone": ((2, 3), lambda m, x: x.clone()),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVES)
def test_moves(name):
    size, function = MOVES[name]
    both(lambda x: function(tl, x), lambda x: function(torch, x), arrays_for([size]))


INDICES = [
    1, -1, slice(1, 3), slice(None, None, 2), slice(-2, None), slice(5, 9), (2, 1), (None, slice(None), None), (Ellipsis, 0),
    (slice(None), 1, None), [0, 2, 2], [-1], [[0, 1], [3, 3]],
    ([0, 1, 3], [2, 2, 0]), (slice(1, None), [0, 0]), ([1, 1], slice(0, 2)), (0, slice(None), [1, 0]), ([1, 0], slice(None), 1),
    (0, [1, 2]), (slice(None), 0, [1, 0]), (Ellipsis, [0]),
    ([0, 1], slice(None), [1, 0]), ([1, 0], None), (None, [1, 0], 2), [True, False, True, True],
    ([True, False, True, True], slice(None), 1), (1, 2, 0), (), ([[0], [2]], [0, 1]),
    (1, [True, False, True]), (1, None, Ellipsis, [1, 0]),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=[str(i).replace("None", "-") for i in INDICES])
def test_getitem(index):
    def made(index, module):
        if isinstance(index, tuple):
            return tuple(made(i, module) for i in index)
        return module.tensor(index) if isinstance(index, list) else index

    both(lambda x: x[made(index, tl)], lambda x: x[made(index, torch)], arrays_for([(4, 3, 2)]))


def test_getitem_with_a_mask_of_two_dimensions():
    mask = np.arange(12).reshape(4, 3) % 3 == 1
    both(lambda x: x[tl.Tensor(mask)], lambda x: x[torch.tensor(mask)], arrays_for([(4, 3, 2)]))
    both(lambda x: x[x > 0], lambda x: x[x > 0], arrays_for([(4, 3)]))


ALONG = [((3, 4), [[0, 2, 2, 1]], 0), ((3, 4), [[3, 0], [1, 1], [2, 2]], 1), ((3, 4), [[3, 3, 0, 0, 1]], -1), ((5,), [4, 4, 0], 0)]


@pytest.mark.parametrize(("shape", "index", "dim"), ALONG)
def test_gather_and_scatter(shape, index, dim):
    index = np.array(index)
    x, src = arrays_for([shape, index.shape])
    i, j = tl.Tensor(index), torch.tensor(index)
    both(lambda x: tl.gather(x, dim, i), lambda x: torch.gather(x, dim, j), [x])
    both(lambda x, s: tl.scatter_add(x, dim, i, s), lambda x, s: torch.scatter_add(x, dim, j, s), [x, src])
    both(lambda x: tl.scatter(x, dim, i, 0.5), lambda x: torch.scatter(x, dim, j, 0.5), [x])
    (larger,) = arrays_for([tuple(n + 1 for n in index.shape)])
    both(
        lambda x, s: tl.scatter_add(x, dim, i, s), lambda x, s: torch.scatter_add(x, dim, j, s), [x, larger], grads=False
    )  # PyTorch has no such gradient


def test_scatter_without_repetition():
    index = np.array([[2, 0, 1], [0, 1, 2]])
    both(
        lambda x, s: tl.scatter(x, 1, tl.Tensor(index), s),
        lambda x, s: torch.scatter(x, 1, torch.tensor(index), s),
        arrays_for([(2, 3), (2, 3)]),
    )


def test_rows():
    index = np.array([2, 0, 2])
    both(
        lambda x: tl.index_select(x, 0, tl.Tensor(index)),
        lambda x: torch.index_select(x, 0, torch.tensor(index)),
        arrays_for([(3, 4)]),
    )
    both(
        lambda x: tl.index_select(x, -1, tl.Tensor(np.array(1))),
        lambda x: torch.index_select(x, -1, torch.tensor(1)),
        arrays_for([(3, 4)]),
    )
    both(lambda w: tl.embedding(tl.Tensor(index), w), lambda w: F.embedding(torch.tensor(index), w), arrays_for([(3, 4)]))
    both(lambda i: tl.one_hot(i, num_classes=4), lambda i: F.one_hot(i, 4), [index])
    both(lambda i: tl.one_hot(i), lambda i: F.one_hot(i), [index])


# -- activations, losses, products -------------------------------------------------------------------------------

ACTIVATIONS = {
    "relu": (tl.relu, F.relu), "leaky_relu": (tl.leaky_relu, F.leaky_relu),
    "leaky_relu-0.3": (lambda x: tl.leaky_relu(x, negative_slope=0.3), lambda x: F.leaky_relu(x, 0.3)),
    "elu": (tl.elu, F.elu), "elu-2": (lambda x: tl.elu(x, 2.0), lambda x: F.elu(x, 2.0)), "gelu": (tl.gelu, F.gelu),
    "gelu-tanh": (lambda x: tl.gelu(x, approximate="tanh"), lambda x: F.gelu(x, approximate="tanh")),
    "softplus": (tl.softplus, F.softplus),
    "softplus-2-1": (lambda x: tl.softplus(x, beta=2.0, threshold=1.0), lambda x: F.softplus(x, 2.0, 1.0)),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_activations_also_at_zero(name, shape):
    both(*ACTIVATIONS[name], arrays_for([shape]))
    both(*ACTIVATIONS[name], [np.array([-100.0, -30.0, 0.0, 30.0, 100.0])])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(3, 4), (4,), (2, 3, 2), (2, 3, 2, 2), (0, 3)])
def test_classification(shape, reduction):
    x, rng = arrays_for([shape])[0], np.random.default_rng(0)
    target = rng.integers(0, shape[min(1, len(shape) - 1)], () if len(shape) == 1 else (shape[0], *shape[2:]))
    for name in ("cross_entropy", "nll_loss"):
        ours, theirs = getattr(tl, name), getattr(F, name)
        both(lambda x, ours=ours: ours(x, tl.Tensor(np.array(target)), reduction=reduction),
             lambda x, theirs=theirs: theirs(x, torch.tensor(target), reduction=reduction), [x])  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(3, 4), (), (0, 2)])
def test_losses_of_two_tensors(shape, reduction):
    x, y = arrays_for([shape, shape])
    both(lambda x, y: tl.mse_loss(x, y, reduction=reduction), lambda x, y: F.mse_loss(x, y, reduction=reduction), [x, y])
    p, t = 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(-y))
    both(
        lambda x, t: tl.binary_cross_entropy_with_logits(x, t, reduction=reduction),
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction=reduction),
        [x, t],
    )
    both(
        lambda p, t: tl.binary_cross_entropy(p, t, reduction=reduction),
        lambda p, t: F.binary_cross_entropy(p, t, reduction=reduction),
        [p, t],
    )


def test_binary_cross_entropy_at_its_bounds():
    target = np.array([0.0, 1.0, 0.0, 1.0, 0.5, 0.5])
    both(
        lambda p: tl.binary_cross_entropy(p, tl.Tensor(target)),
        lambda p: F.binary_cross_entropy(p, torch.tensor(target)),
        [np.array([0.0, 0.0, 1.0, 1.0, 0.0, 0.3])],
        rtol=1e-8,
    )  # PyTorch's 1e-12 is a float32
    x = np.array([-1000.0, 1000.0, -30.0, 30.0, 0.0, 5.0])
    both(
        lambda x: tl.binary_cross_entropy_with_logits(x, tl.Tensor(target)),
        lambda x: F.binary_cross_entropy_with_logits(x, torch.tensor(target)),
        [x],
    )


PRODUCTS = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((4, 2, 3), (3,)), ((3,), (4, 3, 2)),
    ((4, 2, 3), (4, 3, 2)), ((4, 2, 3), (3, 2)), ((2, 1, 2, 3), (4, 3, 2)),
            ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((0,), (0,))]  # fmt: skip


@pytest.mark.parametrize("shapes", PRODUCTS)
def test_matmul(shapes):
    both(*op("matmul"), arrays_for(shapes))


def test_named_products():
    for name, shapes in [("dot", [(3,), (3,)]), ("mm", [(2, 3), (3, 2)]), ("bmm", [(2, 2, 3), (2, 3, 1)]), ("outer", [(2,), (3,)])]:
        both(*op(name), arrays_for(shapes))


@pytest.mark.parametrize("lead", [(5,), (), (2, 5), (0,), (0, 2), (2, 0)])
@pytest.mark.parametrize("sizes", [(3, 4), (0, 4), (3, 0)])
def test_linear(lead, sizes):
    both(tl.ops.linear, F.linear, arrays_for([(*lead, sizes[0]), sizes[::-1], (sizes[1],)]))
    both(tl.ops.linear, F.linear, arrays_for([(*lead, sizes[0]), sizes[::-1]]))


EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ba", (2, 3)), ("ii", (3, 3)), ("ii->i", (3, 3)),
    ("iij->j", (2, 2, 3)), ("...ij,...jk->...ik", (4, 2, 3), (1, 3, 2)),
    ("i,i", (3,), (3,)), ("i,j->ij", (2,), (3,)), ("bhqd,bhkd->bhqk", (2, 1, 3, 2), (2, 1, 2, 2)),
    ("bi,oij,bj->bo", (3, 2), (4, 2, 2), (3, 2)), ("ijk->", (2, 3, 2)), ("...a->a...", (2, 3)),
    ("ij,k->ik", (2, 3), (4,)), ("...,...->...", (2, 3), (3,)), ("ij,ij->", (2, 3), (2, 3)), ("ab,cd,ef->", (2, 1), (2, 2), (1, 2)),
]  # fmt: skip


@pytest.mark.parametrize("row", EINSUMS, ids=[r[0] for r in EINSUMS])
def test_einsum(row):
    equation, *shapes = row
    both(lambda *xs: tl.einsum(equation, *xs), lambda *xs: torch.einsum(equation, *xs), arrays_for(shapes))


# -- what both refuse --------------------------------------------------------------------------------------------

REFUSED = {
    "add shapes": lambda m, x: x + m.ones(3, 3), "matmul shapes": lambda m, x: x @ x, "matmul 0d": lambda m, x: x @ m.tensor(1.0),
    "matmul dtypes": lambda m, x: x @ m.ones(4, 2).double(),
    "mm of 3-D": lambda m, x: m.mm(x.unsqueeze(0), x), "bmm of 2-D": lambda m, x: m.bmm(x, x), "bmm batches": lambda m,
    x: m.bmm(m.ones(2, 3, 4), m.ones(3, 4, 3)), "dot of 2-D": lambda m, x: m.dot(x, x),
    "dot lengths": lambda m, x: m.dot(m.ones(3), m.ones(4)), "outer of 2-D": lambda m, x: m.outer(x, x), "reshape size": lambda m,
    x: x.reshape(5), "reshape two -1": lambda m, x: x.reshape(-1, -1),
    "view of transposed": lambda m, x: x.t().view(12), "permute twice": lambda m, x: x.permute(0, 0), "permute too few": lambda m,
    x: x.permute(0), "transpose range": lambda m, x: x.transpose(0, 2),
    "sum dim range": lambda m, x: x.sum(2), "sum dim twice": lambda m, x: x.sum((0, -2)), "mean of integers": lambda m,
    x: m.arange(3).mean(), "amax of nothing": lambda m, x: m.zeros(0).amax(),
    "max of nothing": lambda m, x: m.zeros(0).max(), "argmax of nothing": lambda m, x: m.zeros(0).argmax(),
    "unsqueeze range": lambda m, x: x.unsqueeze(3), "squeeze range": lambda m, x: x.squeeze(2),
    "expand": lambda m, x: x.expand(2, 4), "expand fewer": lambda m, x: x.expand(4), "repeat fewer": lambda m, x: x.repeat(2),
    "cat shapes": lambda m, x: m.cat([x, m.ones(3, 3)]), "cat nothing": lambda m, x: m.cat([]),
    "stack shapes": lambda m, x: m.stack([x, m.ones(3, 3)]), "split sizes": lambda m, x: x.split([1, 1]),
    "split negative": lambda m, x: x.split(-1), "chunk 0": lambda m, x: x.chunk(0),
    "narrow range": lambda m, x: x.narrow(0, 2, 2), "unbind 0d": lambda m, x: m.tensor(1.0).unbind(), "index range": lambda m,
    x: x[3], "index too many": lambda m, x: x[0, 0, 0],
    "index by floats": lambda m, x: x[m.tensor([0.5])], "index array range": lambda m, x: x[m.tensor([5])], "mask size": lambda m,
    x: x[m.tensor([True, False])],
    "gather range": lambda m, x: x.gather(1, m.tensor([[4]])), "gather ndim": lambda m, x: x.gather(1, m.tensor([0])),
    "gather by floats": lambda m, x: x.gather(1, m.tensor([[0.0]])),
    "gather size": lambda m, x: x.gather(1, m.zeros(4, 1).long()), "scatter dtype": lambda m,
    x: x.scatter(1, m.tensor([[0]]), m.ones(1, 1).double()),
    "scatter range": lambda m, x: x.scatter(1, m.tensor([[7]]), 1.0), "scatter src": lambda m,
    x: x.scatter(1, m.tensor([[0, 1]]), m.ones(1, 1)), "index_select range": lambda m, x: x.index_select(0, m.tensor([3])),
    "index_select 2-D": lambda m, x: x.index_select(0, m.tensor([[1]])), "softmax range": lambda m, x: m.softmax(x, 2),
    "cumsum range": lambda m, x: m.cumsum(x, 2), "tril of a vector": lambda m, x: m.ones(3).tril(),
    "diagonal same": lambda m, x: x.diagonal(0, 1, 1), "diagonal of a vector": lambda m, x: m.ones(3).diagonal(),
    "neg of booleans": lambda m, x: -(x > 0), "sub of booleans": lambda m, x: (x > 0) - (x > 0),
    "clamp without bounds": lambda m, x: x.clamp(), "flip twice": lambda m, x: x.flip(0, 0), "roll dims": lambda m,
    x: x.roll((1, 2), (0,)), "integers to negative powers": lambda m, x: m.arange(3) ** -1,
    "einsum operands": lambda m, x: m.einsum("ij,jk", x), "einsum sizes": lambda m, x: m.einsum("ij,jk->ik", x, x),
    "einsum letters": lambda m, x: m.einsum("ij->k", x), "einsum dims": lambda m, x: m.einsum("ijk->i", x),
    "einsum dtypes": lambda m, x: m.einsum("ij,jk->ik", x, m.ones(4, 2).double()), "grad of integers": lambda m,
    x: m.tensor([1], requires_grad=True), "item of many": lambda m, x: x.item(), "bool of many": lambda m, x: bool(x),
    "set item of a leaf": lambda m, x: m.ones(2, requires_grad=True).__setitem__(0, 1.0), "backward of many": lambda m,
    x: (m.ones(2, requires_grad=True) * 1).backward(), "negative step": lambda m, x: x[::-1],
    "where of floats": lambda m, x: m.where(x, x, x), "len 0d": lambda m, x: len(m.tensor(1.0)),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_both_refuse(name):
    call = REFUSED[name]
    with pytest.raises((RuntimeError, ValueError, TypeError, IndexError)):
        call(torch, torch.ones(3, 4))
    with pytest.raises((RuntimeError, ValueError, TypeError, IndexError)):
        call(tl, tl.ones(3, 4))


LOSSES_REFUSED = [
    lambda m, f: f.cross_entropy(m.ones(2, 3), m.tensor([0, 3])), lambda m, f: f.cross_entropy(m.ones(2, 3), m.tensor([0, 1, 2])),
    lambda m, f: f.nll_loss(m.ones(2, 3), m.tensor([0, -1])),
    lambda m, f: f.binary_cross_entropy(m.ones(2) * 2, m.ones(2)), lambda m, f: f.binary_cross_entropy(m.ones(2), m.ones(3)),
    lambda m, f: f.binary_cross_entropy_with_logits(m.ones(2), m.ones(3)),
    lambda m, f: f.mse_loss(m.ones(2), m.ones(3)), lambda m, f: f.mse_loss(m.ones(2), m.ones(2), reduction="average"), lambda m,
    f: f.one_hot(m.tensor([-1]), 3), lambda m, f: f.one_hot(m.tensor([3]), 3),
    lambda m, f: f.embedding(m.tensor([5]), m.ones(3, 2)), lambda m, f: f.linear(m.ones(2, 3), m.ones(2, 4)), lambda m,
    f: f.linear(m.ones(2, 3), m.ones(2, 3).double()), lambda m, f: f.dropout(m.ones(2), 1.5),
    lambda m, f: f.gelu(m.ones(2), approximate="none at all"),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(LOSSES_REFUSED)))
def test_both_refuse_functional(k):
    for m, f in ((torch, F), (tl, tl.ops)):
        with pytest.raises((RuntimeError, ValueError, TypeError, IndexError)):
            LOSSES_REFUSED[k](m, f)


@pytest.mark.parametrize("unbiased", [True, False])
def test_unbiased_variances(unbiased):
    for name in ("var", "std"):
        both(*(lambda x, f=f: f(x, dim=1, unbiased=unbiased, keepdim=True) for f in op(name)), arrays_for([(3, 4)]))


@pytest.mark.parametrize(("index", "dim"), [([[-1, 0, 2]], 1), ([[-3], [1], [0]], 1), ([[-3, 2, 0, 1]], 0)])
def test_indices_from_the_end_of_take_along_dim(index, dim):
    index = np.array(index)
    both(lambda x, i: tl.take_along_dim(x, i, dim), lambda x, i: torch.take_along_dim(x, i, dim), [*arrays_for([(3, 4)]), index])


@pytest.mark.parametrize("value", [0.5, INF, -INF, np.nan])
def test_softmax_of_a_single_element(value):
    for ours, theirs in ((tl.softmax, torch.softmax), (tl.log_softmax, torch.log_softmax)):
        both(lambda x: ours(x, dim=0), lambda x: theirs(x, dim=0), [np.array(value)], grads=False)

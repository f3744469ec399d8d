"""The table of the op proofs: a row is an op, inputs and an independent reference in NumPy or SciPy.

`CASES` has rows for every primitive in the registry (a primitive without one fails a test), `COMPOSED` for the public functions
made of them, `UPDATES` for the ops that write in place. What is proved of each row stands in test_primitives.py.
"""

from __future__ import annotations

import importlib
import itertools
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.special

import tinygrad_lite as tl
from tinygrad_lite import ops
from tinygrad_lite.ops.indexing import _HOLE
from tinygrad_lite.primitive import registry
from tinygrad_lite.transforms import checkpoint

INF = float("inf")


@dataclass(eq=False)
class Case:
    """A row.

    op         name of a primitive, or of a composition
    inputs     functions of a random generator that draw arrays; anything else is passed as it is
    reference  function of the same inputs and attributes
    attributes keyword arguments of the op
    call       ``call(op, *inputs, **attributes)``, where the op is not simply called
    order      derivatives that are checked: 2, 1 or 0 (at kinks)
    out_dtype  of floating outputs, where it is not that of the inputs
    """

    op: str
    inputs: tuple
    reference: Any
    attributes: dict = field(default_factory=dict)
    call: Any = None
    order: int = 2
    out_dtype: Any = None

    @property
    def id(self):
        shapes = "-".join("x".join(map(str, x.shape)) or "0d" if hasattr(x, "shape") else str(x) for x in self.arrays())
        attributes = "-".join(f"{k}={v}" for k, v in self.attributes.items() if k != "template")
        return f"{self.op}-{shapes}" + (f"-{attributes}" if attributes else "")

    def arrays(self, dtype=np.float64):
        """The inputs, drawn the same each time; floating arrays in ``dtype``."""
        rng = np.random.default_rng(zlib.crc32(self.op.encode()))
        drawn = [x(rng) if callable(x) else x.copy() if isinstance(x, np.ndarray) else x for x in self.inputs]
        return [x.astype(dtype) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for x in drawn]

    def run(self, *inputs):
        """The op on ``inputs`` (arrays or Tensors)."""
        op = function_of(self.op)
        return op(*inputs, **self.attributes) if self.call is None else self.call(op, *inputs, **self.attributes)

    def expected(self):
        """The outputs of the reference, as a tuple."""
        out = self.reference(*self.arrays(), **self.attributes)
        return tuple(map(np.asarray, out)) if isinstance(out, (tuple, list)) else (np.asarray(out),)


def function_of(name):
    """The function that calls the primitive ``name``; None for a composition."""
    declared = registry.get(name)
    return declared and getattr(importlib.import_module(declared.forward.__module__), name)


# -- domains -----------------------------------------------------------------------------------------------------


def uniform(low, high):
    """Draws from [low, high)."""
    return lambda *shape: lambda rng: np.asarray(rng.uniform(low, high, shape))


def normal(*shape):
    """Standard normal."""
    return lambda rng: np.asarray(rng.standard_normal(shape))


def away(*shape):
    """Of both signs, not near 0."""
    return lambda rng: np.asarray(rng.uniform(0.3, 2, shape) * rng.choice([-1.0, 1.0], shape))


def distinct(*shape):
    """No two elements near each other."""
    return lambda rng: np.array(rng.permutation(int(np.prod(shape))).reshape(shape) * 0.1 - 0.55, float)


def integers(low, high):
    """Integers from low to high - 1."""
    return lambda *shape: lambda rng: np.asarray(rng.integers(low, high, shape))


def masks(*shape):
    """Booleans."""
    return lambda rng: np.asarray(rng.random(shape) < 0.5)


positive = uniform(0.4, 2.5)
probability = uniform(0.05, 0.95)


def A(*values):
    """An integer array written out."""
    return np.array(values, np.int64)


# -- families of rows --------------------------------------------------------------------------------------------

CASES, COMPOSED, UPDATES = [], [], []


def case(op, reference, *inputs, call=None, order=2, out_dtype=None, **attributes):
    CASES.append(Case(op, inputs, reference, attributes, call, order, out_dtype))


def unary(op, reference, domain, *, shapes=((3, 4), (), (2, 3, 2), (0, 3)), **attributes):
    for shape in shapes:
        case(op, reference, domain(*shape), **attributes)


PAIRS = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((2, 1, 3), (4, 1)),
    ((), ()),
    ((2, 3), ()),
    ((), (2,)),
    ((0, 3), (1, 3)),
    ((1, 3), (0, 1)),
]


def binary(op, reference, domain, second=None):
    for left, right in PAIRS:
        case(op, reference, domain(*left), (second or domain)(*right))


def reducing(op, reference, domain, dims=(None, 0, -1, (0, 2), (-1, 1), (1,)), empty=(0, 3), **attributes):
    for dim, keepdim in itertools.product(dims, (False, True)):
        case(op, reference, domain(2, 3, 2), dim=dim, keepdim=keepdim, **attributes)
    for dim in (None, 0, -1):
        if dim in dims:
            case(op, reference, domain(), dim=dim, **attributes)
    if empty is not None:
        case(op, reference, domain(*empty), dim=1, **attributes)


def numpys(function):
    """A NumPy reduction with our argument names."""
    return lambda x, dim=None, keepdim=False: function(x, axis=dim if x.ndim else None, keepdims=keepdim)


# -- arithmetic --------------------------------------------------------------------------------------------------

binary("add", lambda x, y: x + y, normal)
binary("sub", lambda x, y: x - y, normal)
binary("mul", lambda x, y: x * y, normal)
binary("true_divide", lambda x, y: x / y, normal, away)
binary("pow", lambda x, y: x**y, positive, away)
for op, reference, at in [
    ("add", np.add, 0.3), ("sub", np.subtract, 0.3), ("mul", np.multiply, -0.7), ("true_divide", np.divide, 0.3),
    ("pow", np.power, 2.7), ("pow", np.power, 1 / 3),
    ("pow", np.power, -1), ("pow", np.power, 0), ("pow", np.power, 2), ("pow", np.power, 1.0),
    ("maximum", np.maximum, 0.1), ("minimum", np.minimum, 0.1),
]:  # fmt: skip
    case(op, reference, positive(2, 3), at)
    if op != "pow" or at > 0:
        case(op, reference, at, positive(2, 3))
case("pow", np.power, away(2, 3), 3)
case("pow", np.power, away(2, 3), -2.0)
unary("neg", lambda x: 0 - x, normal)
unary("abs", np.fabs, away)
unary("reciprocal", lambda x: x**-1, away)
unary("square", lambda x: x**2, normal)
unary("sqrt", lambda x: x**0.5, positive)
case("neg", lambda x: 0 - x, integers(-3, 4)(5))

# -- functions ---------------------------------------------------------------------------------------------------

unary("exp", lambda x: np.e**x, normal)
unary("expm1", lambda x: np.exp(x) - 1, normal)
unary("log", lambda x: np.log2(x) * np.log(2), positive)
unary("log1p", lambda x: np.log(1 + x), positive)
unary("sin", lambda x: np.cos(x - np.pi / 2), normal)
unary("cos", lambda x: np.sin(x + np.pi / 2), normal)
unary("tan", lambda x: np.sin(x) / np.cos(x), uniform(-1.2, 1.2))
unary("tanh", lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1), normal)
unary("sigmoid", scipy.special.expit, normal)
unary("sigmoid", scipy.special.expit, uniform(-30, 30))
unary("erf", lambda x: 2 * scipy.special.ndtr(x * 2**0.5) - 1, normal)
case("exp", np.exp, integers(-3, 4)(5), out_dtype=np.float32)
case("true_divide", np.divide, integers(-3, 4)(5), integers(1, 4)(5), out_dtype=np.float32)

# -- choice ------------------------------------------------------------------------------------------------------

for shapes in [
    ((3, 4), (3, 4), (3, 4)),
    ((3, 1), (4,), (3, 4)),
    ((2, 3), (), (3,)),
    ((), (2, 3), (3,)),
    ((), (), ()),
    ((0, 3), (3,), (1, 1)),
]:
    case("where", lambda c, x, y: c * x + (1 - c) * y, masks(*shapes[0]), normal(*shapes[1]), normal(*shapes[2]))
case("where", lambda c, x, y: c * x + (1 - c) * y, masks(3, 4), normal(3, 4), 0.25)
case("where", lambda c, x, y: c * x + (1 - c) * y, masks(3, 4), 0.25, normal(3, 4))
binary("maximum", lambda x, y: (x + y + np.abs(x - y)) / 2, normal)
binary("minimum", lambda x, y: (x + y - np.abs(x - y)) / 2, normal)
for low, high in [(-0.9, 0.4), (None, 0.4), (-0.9, None), (0.2, 0.2)]:
    unary(
        "clamp",
        lambda x, min, max: np.minimum(np.maximum(x, -INF if min is None else min), INF if max is None else max),
        away,
        min=low,
        max=high,
    )
unary("sign", lambda x: x / np.abs(x), away)
binary("heaviside", lambda x, values: (x > 0) * np.ones(np.shape(values)), away, normal)
case("heaviside", lambda x, values: values, np.zeros(3), normal(3), order=0)
unary("zeros_like", lambda x: x * 0, normal)
case("zeros_like", lambda x, dtype: x * 0, normal(3), dtype=np.float32, out_dtype=np.float32)

for op, reference in [
    ("eq", lambda x, y: ~((x < y) | (x > y))), ("ne", lambda x, y: (x < y) | (x > y)), ("lt", lambda x, y: y > x),
    ("le", lambda x, y: ~(x > y)), ("gt", lambda x, y: y < x), ("ge", lambda x, y: ~(x < y)),
]:  # fmt: skip
    binary(op, reference, integers(0, 3))
    case(op, reference, normal(3, 4), np.array([0.0, 1.0, -1.0, 0.5]))
binary("logical_and", lambda x, y: (x != 0) & (y != 0), masks, integers(0, 2))
binary("logical_or", lambda x, y: (x != 0) | (y != 0), masks, integers(0, 2))
unary("logical_not", lambda x: x == 0, integers(0, 2))
for op, reference in [("isnan", lambda x: x != x), ("isfinite", lambda x: np.abs(x) < INF)]:
    case(op, reference, np.array([[0.0, np.nan, INF], [-INF, 1e300, -1.0]]))
    case(op, reference, np.array(np.nan))
    case(op, reference, np.zeros((0, 2)))

# -- what the walk needs -----------------------------------------------------------------------------------------


def sum_to_reference(x, shape):
    lead = x.ndim - len(shape)
    x = x.sum(tuple(range(lead)))
    return x.sum(tuple(d for d, n in enumerate(shape) if n == 1), keepdims=True).reshape(shape)


SUM_TO = [((3, 4), (4,)), ((3, 4), (3, 1)), ((2, 3, 4), (3, 1)), ((2, 3, 4), ()), ((2, 3), (2, 3)), ((5,), (1,)),
    ((2, 1, 3), (1, 1, 3)), ((), ()),
          ((0, 3), (3,)), ((0, 3), (1, 3)), ((2, 0), ())]  # fmt: skip
for big, small in SUM_TO:
    case("sum_to", sum_to_reference, normal(*big), shape=small)
    case("broadcast_to", lambda x, shape: x * np.ones(shape), normal(*small), shape=big)
unary("alias", lambda x: x * 1, normal)
unary("cast", lambda x, dtype: x, normal, dtype=np.float64, out_dtype=np.float64)
case("cast", lambda x, dtype: x.astype(np.float32), normal(3), order=0, dtype=np.float32, out_dtype=np.float32)

# -- shape -------------------------------------------------------------------------------------------------------

for before, after in [
    ((3, 4), (2, 6)),
    ((3, 4), (-1,)),
    ((2, 3, 2), (3, -1)),
    ((1,), ()),
    ((), (1, 1)),
    ((0, 3), (3, 0)),
    ((4,), (2, 2)),
]:
    case("reshape_to", lambda x, shape: np.array(list(x.flat)).reshape(shape), normal(*before), shape=after)
for shape, dims in [
    ((3, 4), (1, 0)),
    ((2, 3, 4), (2, 0, 1)),
    ((2, 3, 4), (-1, 0, -2)),
    ((), ()),
    ((5,), (0,)),
    ((0, 3, 2), (1, 2, 0)),
]:
    case("permute_to", lambda x, dims: np.einsum(x, range(x.ndim), [d % x.ndim for d in dims]), normal(*shape), dims=dims)
for shape, dims in [((3, 4), 0), ((3, 4), (-1,)), ((2, 3, 2), (0, 2)), ((3,), ()), ((), 0), ((0, 3), (0, 1))]:
    case("flip", lambda x, dims: np.flip(x, dims) if x.ndim else x, normal(*shape), dims=dims)
for shape, shifts, dims in [
    ((3, 4), 1, 0),
    ((3, 4), (-1, 5), (0, -1)),
    ((3, 4), 2, None),
    ((5,), -7, 0),
    ((0, 3), 1, 1),
    ((2, 3, 2), 1, (1,)),
]:
    case("roll", lambda x, shifts, dims: np.roll(x, shifts, dims), normal(*shape), shifts=shifts, dims=dims)


def summed(places, x, shape):
    """Zeros of ``shape`` to which each element of ``x`` is added at its number in ``places``."""
    return np.bincount(places.ravel(), x.ravel(), int(np.prod(shape))).reshape(shape).astype(float)


SLICES = [
    ((3, 4), (1,)), ((3, 4), (slice(1, None),)), ((3, 4), (slice(None), -1)), ((3, 4), (slice(None, None, 2), slice(0, 4, 3))),
    ((3, 4), (None, Ellipsis, 2)), ((2, 3, 4), (0, Ellipsis, slice(-2, None))), ((2, 3, 4), (Ellipsis, None)), ((), ()),
    ((), (None,)),
    ((5,), (3,)), ((0, 3), (slice(None), 1)), ((3, 4), (slice(2, 2),)),
]  # fmt: skip
for shape, index in SLICES:
    case("slice_items", lambda x, index: x.take(np.arange(x.size).reshape(x.shape)[index]), normal(*shape), index=index)
    inner = np.zeros(shape)[index].shape
    case("unslice", lambda x, index, shape: summed(np.arange(np.prod(shape, dtype=int)).reshape(shape)[index], x, shape),
         normal(*inner), index=index, shape=shape)  # fmt: skip

DIAGONALS = [
    ((3, 4), 0, 0, 1),
    ((3, 4), 1, 0, 1),
    ((4, 3), -2, 0, 1),
    ((2, 3, 3), 0, 1, 2),
    ((3, 2, 4), -1, 2, 0),
    ((3, 3), 3, 0, 1),
    ((0, 3), 0, 0, 1),
]


def diagonal_reference(x, offset, dim1, dim2):
    x = np.moveaxis(x, (dim1, dim2), (-2, -1))
    rows, columns = x.shape[-2:]
    places = [(i, i + offset) for i in range(rows) if 0 <= i + offset < columns]
    return np.stack([x[..., i, j] for i, j in places], -1) if places else np.zeros((*x.shape[:-2], 0))


def undiagonal_reference(x, offset, dim1, dim2, shape):
    out = np.zeros(shape)
    lead = np.moveaxis(out, (dim1, dim2), (-2, -1))
    for k in range(x.shape[-1]):
        lead[..., k + max(-offset, 0), k + max(offset, 0)] = x[..., k]
    return out


for shape, offset, dim1, dim2 in DIAGONALS:
    case("diagonal_of", diagonal_reference, normal(*shape), offset=offset, dim1=dim1, dim2=dim2)
    inner = np.diagonal(np.zeros(shape), offset, dim1, dim2).shape
    case("undiagonal", undiagonal_reference, normal(*inner), offset=offset, dim1=dim1, dim2=dim2, shape=shape)


def cat_reference(*xs, dim):
    return np.moveaxis(np.array([row for x in xs for row in np.moveaxis(x, dim, 0)]), 0, dim)


case("cat_along", cat_reference, normal(2, 3), normal(1, 3), dim=0)
case("cat_along", cat_reference, normal(2, 3), normal(2, 1), normal(2, 2), dim=1)
case("cat_along", cat_reference, normal(2, 3, 2), normal(2, 3, 2), dim=2)
case("cat_along", cat_reference, normal(4), dim=0)
case("cat_along", cat_reference, normal(0, 3), normal(2, 3), dim=0)
for shape, count, dim in [((2, 3), 3, 0), ((2, 3), 2, 1), ((2, 3), 2, 2), ((), 2, 0), ((4,), 1, 1), ((0, 3), 2, 0)]:
    case("stack_along", lambda *xs, dim: np.stack(xs, dim), *[normal(*shape)] * count, dim=dim)
for shape, sizes, dim in [((5, 2), (2, 3), 0), ((2, 4), (1, 0, 3), 1), ((3,), (3,), 0), ((2, 3, 4), (2, 2), 2), ((0, 2), (0,), 0)]:
    case("split_at", lambda x, sizes, dim: np.split(x, np.cumsum(sizes)[:-1], dim), normal(*shape), sizes=sizes, dim=dim)
for shape, dim in [((3, 4), 0), ((3, 4), 1), ((2, 3, 2), 1), ((3,), 0), ((2, 0), 0)]:
    case("unbind_along", lambda x, dim: [x.take(k, dim) for k in range(x.shape[dim])], normal(*shape), dim=dim)
for shape, k in [((3, 4), 0), ((3, 4), 1), ((4, 3), -1), ((2, 3, 3), 0), ((0, 3), 0)]:
    case("tril", lambda x, diagonal: x * np.fromfunction(lambda i, j: i >= j - diagonal, x.shape[-2:]), normal(*shape), diagonal=k)
    case("triu", lambda x, diagonal: x * np.fromfunction(lambda i, j: i <= j - diagonal, x.shape[-2:]), normal(*shape), diagonal=k)

# -- indexing ----------------------------------------------------------------------------------------------------

_MASK = np.array([[True, False, True, True], [False, False, True, False], [True, True, False, False]])
ITEMS = [
    ((4, 3), (_HOLE,), (A(0, 2, 2, -1),)), ((4, 3), (_HOLE,), (np.array([[1, 1], [0, 3]]),)),
    ((4, 3), (slice(None), _HOLE), (A(2, 0),)),
    ((4, 3), (_HOLE, _HOLE), (A(0, 3, 3), A(1, 1, 1))), ((4, 3, 2), (_HOLE, slice(None), _HOLE), (A(0, 3), A(1, 1))),
    ((4, 3), (_HOLE, None, slice(1, None)), (A(1, 1),)), ((3, 4), (_HOLE,), (_MASK,)), ((3, 4, 2), (_HOLE,), (_MASK,)),
    ((3, 4), (Ellipsis, _HOLE), (A(1, 1, 0),)), ((4,), (_HOLE,), (np.array(2),)), ((4, 3), (_HOLE,), (np.zeros(0, np.int64),)),
    ((0, 3), (slice(None), _HOLE), (A(1, 1),)),
    ((4, 3), (_HOLE, _HOLE), (np.array([[0], [2]]), A(0, 1))), ((), (_HOLE,), (np.array(True),)),
]  # fmt: skip


def filled(template, arrays):
    arrays = iter(arrays)
    return tuple(next(arrays) if item is _HOLE else item for item in template)


def places_of(shape, template, arrays):
    return np.arange(int(np.prod(shape))).reshape(shape)[filled(template, arrays)]


for shape, template, arrays in ITEMS:
    case(
        "gather_items", lambda x, *i, template: x.take(places_of(x.shape, template, i)), normal(*shape), *arrays, template=template
    )
    case("scatter_items", lambda x, *i, template, shape: summed(places_of(shape, template, i), x, shape),
         normal(*places_of(shape, template, arrays).shape), *arrays, template=template, shape=shape)  # fmt: skip


def places_along(index, dim):
    """Each position of ``index`` and the position along ``dim`` that it names."""
    for p in np.ndindex(*index.shape):
        q = list(p)
        if q:
            q[dim] = index[p]
        yield p, tuple(q)


def gather_reference(x, index, dim):
    out = np.zeros(index.shape)
    for p, q in places_along(index, dim):
        out[p] = x[q]
    return out


def scatter_reference(src, index, shape, dim):
    out = np.zeros(shape)
    for p, q in places_along(index, dim):
        out[q] += src[p]
    return out


def scatter_at_reference(x, index, src, dim):
    out = x.copy()
    for p, q in places_along(index, dim):
        out[q] = src if np.ndim(src) == 0 else src[p]
    return out


def last_written_reference(index, shape, dim):
    last = {q: p for p, q in places_along(index, dim)}
    out = np.zeros(index.shape, bool)
    for p in last.values():
        out[p] = True
    return out


ALONG = [((3, 4), A([0, 2, 2, 1]), 0), ((3, 4), A([3, 0], [1, 1], [2, 2]), 1), ((3, 4), A([3, 3, 0, 0, 1]), -1),
    ((2, 3, 2), np.array([[[1, 0]], [[0, 2]]]), 1),
         ((5,), A(4, 4, 0), 0), ((), np.array(0), 0), ((3, 4), np.zeros((0, 4), np.int64), 0),
         ((2, 0), np.zeros((1, 0), np.int64), 0)]  # fmt: skip
for shape, index, dim in ALONG:
    case("take_along", gather_reference, normal(*shape), index, dim=dim)
    case("scatter_zeros", scatter_reference, normal(*index.shape), index, shape=shape, dim=dim)
    case("scatter_at", scatter_at_reference, normal(*shape), index, normal(*index.shape), dim=dim)
    case("scatter_at", scatter_at_reference, normal(*shape), index, 0.5, dim=dim)
    case("last_written", last_written_reference, index, shape=shape, dim=dim)
ROWS = [((4, 3), A(1, 1, 3, 0), 0), ((4, 3), np.array([[2, 0], [2, 2]]), 0), ((4, 3), A(2, 2), 1), ((2, 3, 2), A(2, 0), 1),
    ((4, 3), np.array(2), 0), ((4,), A(3, 3), 0),
        ((4, 3), np.zeros(0, np.int64), 0), ((4, 0), A(1), 0)]  # fmt: skip


def add_rows_reference(src, index, shape, dim):
    out = np.zeros(shape)
    moved, rows = np.moveaxis(out, dim, 0), np.moveaxis(src, range(dim, dim + index.ndim), range(index.ndim))
    for p in np.ndindex(*index.shape):
        moved[index[p]] += rows[p]
    return out


for shape, index, dim in ROWS:
    case("take_rows", lambda x, index, dim: x[(slice(None),) * dim + (index,)], normal(*shape), index, dim=dim)
    case("add_rows", add_rows_reference, normal(*shape[:dim], *index.shape, *shape[dim + 1 :]), index, shape=shape, dim=dim)
for labels, n in [(A(0, 2, 1), 4), (np.array([[1], [0]]), -1), (np.array(1), 3), (np.zeros(0, np.int64), 2)]:
    case(
        "one_hot",
        lambda labels, num_classes: np.eye(max(num_classes, labels.max(initial=-1) + 1), dtype=int)[labels],
        labels,
        num_classes=n,
    )

# -- reductions --------------------------------------------------------------------------------------------------

reducing("sum", numpys(np.sum), normal)
reducing("mean", numpys(np.mean), normal, empty=(3, 2))
case("mean", lambda x, dim: np.zeros((0,)), normal(0, 3), dim=1)
reducing("amax", numpys(np.max), distinct)
reducing("amin", numpys(np.min), distinct)
reducing(
    "logsumexp",
    lambda x, dim=None, keepdim=False: np.log(np.sum(np.exp(x), axis=dim if x.ndim else None, keepdims=keepdim)),
    normal,
)
reducing(
    "euclidean_norm", lambda x, dim=None, keepdim=False: np.sum(x**2, axis=dim if x.ndim else None, keepdims=keepdim) ** 0.5, away
)
reducing("argmax", lambda x, dim=None, keepdim=False: np.argmax(x, dim, keepdims=keepdim), distinct, dims=(None, 0, -1))
reducing("argmin", lambda x, dim=None, keepdim=False: np.argmax(-x, dim, keepdims=keepdim), distinct, dims=(None, 0, -1))
case("sum", lambda x: 0.0, normal(0, 3))
case("sum", lambda x: x.sum(), masks(3, 4))
case("argmax", lambda x, dim: A(1, 0), np.array([[0, 3, 3], [2, 2, 1]]), dim=1)
case("argmin", lambda x, dim: A(0, 2), np.array([[0, 3, 0], [2, 2, 1]]), dim=1)
for op, sign in [("max_along", 1), ("min_along", -1)]:
    for (shape, dim), keepdim in itertools.product(
        [((3, 4), 0), ((3, 4), -1), ((2, 3, 2), 1), ((4,), 0), ((), 0), ((0, 3), 1)], (False, True)
    ):
        case(op, lambda x, dim, keepdim,
            sign=sign: (sign * np.max(sign * x, dim, keepdims=keepdim), np.argmax(sign * x, dim, keepdims=keepdim)) if x.ndim
             else (x, np.array(0)), distinct(*shape), dim=dim, keepdim=keepdim)  # fmt: skip
for shape, dim in [((3, 4), 0), ((3, 4), -1), ((2, 3, 2), 1), ((5,), 0), ((), 0), ((0, 3), 0), ((3, 0), 1)]:
    case("cumsum", lambda x, dim: np.add.accumulate(x, dim) if x.ndim else x, normal(*shape), dim=dim)

# -- activations and losses --------------------------------------------------------------------------------------

unary("relu", lambda x: x * (x > 0), away)
for shape in [(3, 4), (), (0, 3)]:
    case("tanh_backward", lambda g, y: g * (1 + y) * (1 - y), normal(*shape), probability(*shape))
    case("sigmoid_backward", lambda g, y: g * (y - y**2), normal(*shape), probability(*shape))
    case("gate", lambda g, by: g * np.heaviside(by, 0), normal(*shape), away(*shape))
case("gate", lambda g, by: g * A(0, 0, 1), normal(3), np.array([0.0, -1.0, 2.0]), order=0)
unary("leaky_relu", lambda x, negative_slope=0.01: x * np.where(x > 0, 1, negative_slope), away)
unary("leaky_relu", lambda x, negative_slope: x * np.where(x > 0, 1, negative_slope), away, shapes=[(3, 4)], negative_slope=0.3)
unary("softplus", lambda x: np.log(1 + np.exp(x)), normal)
unary(
    "softplus",
    lambda x, beta, threshold: np.where(x * beta > threshold, x, np.log(1 + np.exp(x * beta)) / beta),
    away,
    shapes=[(3, 4), ()],
    beta=2.0,
    threshold=0.5,
)
for shape, dim in [((3, 4), 1), ((3, 4), 0), ((2, 3, 2), -2), ((4,), 0), ((), 0), ((0, 3), 1), ((3, 0), 1)]:
    case("softmax", lambda x, dim: scipy.special.softmax(x, dim) if x.size > 1 else np.ones(x.shape), normal(*shape), dim=dim)
    case(
        "log_softmax",
        lambda x, dim: scipy.special.log_softmax(x, dim) if x.size > 1 else np.zeros(x.shape),
        normal(*shape),
        dim=dim,
    )
for shape in [(3, 4), (5,), ()]:
    case("mean_squared_error", lambda x, y: np.mean((x - y) ** 2), normal(*shape), normal(*shape))
case("mean_squared_error", lambda x, y: np.nan, normal(0, 3), normal(0, 3))


def picked_reference(x, target):
    x = x if x.ndim > 1 else x[None]
    rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    return np.array([row[t] for row, t in zip(rows, target.reshape(-1))]).reshape(target.shape)


def cross_entropy_reference(x, target, reduction="mean"):
    loss = -picked_reference(scipy.special.log_softmax(x, min(1, x.ndim - 1)), target)
    return {"mean": np.mean, "sum": np.sum, "none": np.array}[reduction](loss)


LABELLED = [
    ((3, 4), A(1, 3, 1)),
    ((4,), np.array(2)),
    ((2, 3, 2), A([0, 2], [1, 1])),
    ((2, 3, 2, 2), np.array([[[0, 2], [1, 1]], [[2, 2], [0, 1]]])),
]
for shape, target in [*LABELLED, ((0, 3), np.zeros(0, np.int64))]:
    case("picked", picked_reference, normal(*shape), target)
for (shape, target), reduction in itertools.product(LABELLED, ["mean", "sum", "none"]):
    case("cross_entropy", cross_entropy_reference, normal(*shape), target, reduction=reduction)

    def cross_entropy_backward_reference(g, x, target, reduction):
        axis = min(1, x.ndim - 1)
        one_hot = np.moveaxis(np.eye(x.shape[axis])[target], -1, axis)
        share = g / target.size if reduction == "mean" else g if reduction == "sum" else np.expand_dims(g, axis)
        return (scipy.special.softmax(x, axis) - one_hot) * share

    def with_residual(op, g, x, target, **attributes):
        _, gradients = registry["cross_entropy"].forward(
            *(t.data if isinstance(t, tl.Tensor) else t for t in (x, target)), **attributes
        )
        return op(g, x, target, gradients, **attributes)[0]

    case("cross_entropy_backward", cross_entropy_backward_reference, normal(*(target.shape if reduction == "none" else ())),
        normal(*shape), target,
         reduction=reduction, call=with_residual)  # fmt: skip
case("cross_entropy", cross_entropy_reference, normal(0, 3), np.zeros(0, np.int64), reduction="sum")
case(
    "cross_entropy_backward",
    lambda g, x, target, reduction: x * 0,
    normal(0),
    normal(0, 3),
    np.zeros(0, np.int64),
    reduction="none",
    call=with_residual,
)
for shape in [(3, 4), (), (0, 2)]:
    case("bernoulli_loss", lambda x,
        y: scipy.special.entr(y) + scipy.special.entr(1 - y) + scipy.special.rel_entr(y, x) + scipy.special.rel_entr(1 - y, 1 - x),
         probability(*shape), probability(*shape))  # fmt: skip

# -- products ----------------------------------------------------------------------------------------------------


def matmul_reference(x, y):
    return (x[..., :, :, None] * y[..., None, :, :]).sum(-2)


for left, right in [((2, 3), (3, 4)), ((5, 2, 3), (5, 3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 1)), ((2, 1, 2, 3), (4, 3, 2)),
    ((3, 3), (3, 3)), ((0, 3), (3, 2)),
                    ((2, 0), (0, 3)), ((0, 2, 3), (3, 2))]:  # fmt: skip
    case("matmul_nd", matmul_reference, normal(*left), normal(*right))
for shape in [(2, 3), (4, 2, 3), (0, 3)]:
    case("swap_last", lambda x: np.moveaxis(x, -1, -2), normal(*shape))


def linear_reference(x, weight, bias=None):
    return np.tensordot(x, weight, (-1, -1)) + (0 if bias is None else bias)


for lead in [(5,), (), (2, 5), (0,), (2, 0), (1,)]:
    case("linear", linear_reference, normal(*lead, 3), normal(4, 3), normal(4))
    case("linear", linear_reference, normal(*lead, 3), normal(4, 3))
    case("linear", linear_reference, normal(*lead, 3), normal(4, 3), None)
    for bias in (normal(4), None):
        case("linear_onto", lambda y, *rest: y + linear_reference(*rest), normal(*lead, 4), normal(*lead, 3), normal(4, 3), bias)
    case("linear_input", lambda g, weight: np.tensordot(g, weight, (-1, 0)), normal(*lead, 4), normal(4, 3))
    case("linear_weight", lambda g, x: np.tensordot(g.reshape(-1, 4), x.reshape(-1, 3), (0, 0)), normal(*lead, 4), normal(*lead, 3))
    case("linear_bias", lambda g: g.sum(tuple(range(g.ndim - 1))), normal(*lead, 4))
    case("repeat_rows", lambda x, shape: np.ones(shape) * x, normal(4), shape=(*lead, 4))
case("linear", linear_reference, normal(2, 3, 0), normal(4, 0), normal(4))
case("linear", linear_reference, normal(2, 3, 2), normal(0, 2), normal(0))
case("linear", linear_reference, normal(3, 3), normal(3, 3), normal(3))
for equation, shapes in [
    ("ij,jk->ik", [(2, 3), (3, 4)]), ("ij->ji", [(2, 3)]), ("ij->i", [(2, 3)]), ("ij->", [(2, 3)]), ("i,i->", [(4,), (4,)]),
    ("i,j->ij", [(2,), (3,)]),
    ("bij,bjk->bik", [(2, 3, 2), (2, 2, 3)]), ("bij,bij->b", [(2, 3, 2), (2, 3, 2)]), ("ij,jk,kl->il", [(2, 3), (3, 2), (2, 4)]),
    ("ij,k->ik", [(2, 3), (4,)]),
    (",i->i", [(), (3,)]), ("ij,ij->ij", [(3, 3), (3, 3)]), ("ij,jk->ik", [(0, 3), (3, 2)]), ("i,j->", [(2,), (3,)]), ("->", [()]),
]:  # fmt: skip
    case("einsum_of", lambda *xs, equation: np.einsum(equation, *xs), *(normal(*s) for s in shapes), equation=equation)


def checkpointed_call(op, x, y):
    return checkpoint(lambda a, b: (tl.tanh(a) * b, tl.exp(b)), x, y)


for shape in [(2, 3), (), (0, 2)]:
    case("checkpointed", lambda x, y: (np.tanh(x) * y, np.exp(y)), normal(*shape), normal(*shape), call=checkpointed_call)

# -- updates -----------------------------------------------------------------------------------------------------


def sgd_reference(p, g, lr, weight_decay=0.0):
    return (p * (1 - lr * weight_decay) - lr * g,)


def momentum_reference(p, g, v, lr, momentum, dampening=0.0, weight_decay=0.0, nesterov=False, first=False):
    d = g + weight_decay * p
    v = d if first else momentum * v + (1 - dampening) * d
    return p - lr * (d + momentum * v if nesterov else v), v


def adam_reference(p, g, m, s, step, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    step, g = step + 1, g + weight_decay * p
    m, s = betas[0] * m + (1 - betas[0]) * g, betas[1] * s + (1 - betas[1]) * g * g
    return p - lr * (m / (1 - betas[0] ** step)) / (np.sqrt(s / (1 - betas[1] ** step)) + eps), m, s, step


def in_lists(op, *inputs, **attributes):
    """The update of one parameter: all but the rate stand in lists."""
    if "first" in attributes:
        attributes["first"] = [attributes["first"]]
    return op(*([x] for x in inputs[:-1]), inputs[-1], **attributes)


def updating(op, reference, *inputs, **attributes):
    UPDATES.append(Case(op, inputs, reference, attributes, None if op == "assign_to" else in_lists))


for shape in [(3, 4), (), (0, 2)]:
    updating("assign_to", lambda target, value: (value,), normal(*shape), normal(*shape))
updating("assign_to", lambda target, value: (value,), normal(3), integers(0, 5)(3))
for shape, decay in [((3, 4), 0.0), ((3, 4), 0.1), ((), 0.1), ((0, 4), 0.0)]:
    updating("sgd_update", sgd_reference, normal(*shape), normal(*shape), np.array(0.1), weight_decay=decay)
for options in [{}, {"first": True, "dampening": 0.3}, {"dampening": 0.3}, {"nesterov": True, "weight_decay": 0.1}]:
    options = {"first": False, **options}
    updating(
        "momentum_update", momentum_reference, normal(3, 4), normal(3, 4), normal(3, 4), np.array(0.1), momentum=0.9, **options
    )
updating(
    "momentum_update",
    momentum_reference,
    normal(0, 4),
    normal(0, 4),
    normal(0, 4),
    np.array(0.1),
    momentum=0.5,
    first=False,
)
for options in [{}, {"betas": (0.5, 0.9), "eps": 1e-3}, {"weight_decay": 0.1}]:
    updating(
        "adam_update",
        adam_reference,
        normal(3, 4),
        normal(3, 4),
        normal(3, 4),
        positive(3, 4),
        np.array(3),
        np.array(0.01),
        **options,
    )
updating("adam_update", adam_reference, normal(), normal(), normal(), positive(), np.array(1), np.array(0.01))
updating(
    "adam_update",
    adam_reference,
    normal(0, 2),
    normal(0, 2),
    normal(0, 2),
    normal(0, 2),
    np.array(1),
    np.array(0.01),
)

# -- compositions ------------------------------------------------------------------------------------------------


def composed(name, function, reference, *inputs, order=2):
    COMPOSED.append(Case(name, inputs, reference, {}, lambda op, *xs: function(*xs), order))


for shape, dim in [((2, 3), None), ((2, 3), 0), ((2, 5), -1), ((3,), 0), ((), None), ((2, 0), 1), ((4, 1), 1)]:
    composed(f"prod-{dim}", lambda x, dim=dim: tl.prod(x, dim), lambda x, dim=dim: np.prod(x, dim), away(*shape))
composed("prod-zeros", lambda x: tl.prod(x, 1), lambda x: np.prod(x, 1), np.array([[0.0, 2, 3], [0, 0, 2], [1, 2, 3]]))
composed("prod-keepdim", lambda x: tl.prod(x, 1, True), lambda x: np.prod(x, 1, keepdims=True), away(2, 3))
for dim, correction, keepdim in [(None, 1, False), (0, 1, True), (-1, 0, False), ((0, 2), 2, False)]:
    composed(f"var-{dim}-{correction}", lambda x, d=dim, c=correction, k=keepdim: tl.var(x, d, c, k),
             lambda x, d=dim, c=correction, k=keepdim: np.var(x, d, ddof=c, keepdims=k), normal(2, 3, 2))  # fmt: skip
    composed(f"std-{dim}-{correction}", lambda x, d=dim, c=correction, k=keepdim: tl.std(x, d, c, k),
             lambda x, d=dim, c=correction, k=keepdim: np.std(x, d, ddof=c, keepdims=k), normal(2, 3, 2))  # fmt: skip
for p, dim in itertools.product([1, 2, 3, 0, 0.5, 1.5, -1, INF, -INF, "fro"], [None, 0, (0, 1)]):
    composed(f"norm-{p}-{dim}", lambda x, p=p, dim=dim: tl.norm(x, p, dim), lambda x, p=p, dim=dim: {
        0: lambda a: np.sum(a != 0, axis=dim), INF: lambda a: np.max(a, axis=dim), -INF: lambda a: np.min(a, axis=dim),
        "fro": lambda a: np.sqrt(np.sum(a * a, axis=dim))}.get(p, lambda a: np.sum(a**p, axis=dim) ** (1 / p))(np.abs(x)),
            distinct(2, 3))  # fmt: skip
for name, function, reference, *shapes in [
    ("trace", "ii->", np.trace, (3, 3)), ("diagonal", "ii->i", np.diag, (3, 3)), ("transpose", "ij->ji", np.transpose, (2, 3)),
    ("implicit", "ij,jk", np.matmul, (2, 3), (3, 2)),
    ("implicit-order", "ba", np.transpose, (2, 3)), ("ellipsis", "...ij,...jk->...ik", np.matmul, (4, 2, 3), (4, 3, 2)),
    ("ellipsis-broadcast", "...ij,...jk->...ik", np.matmul, (1, 2, 3), (4, 3, 2)),
    ("ellipsis-uneven", "...ij,jk->...ik", np.matmul, (2, 4, 2, 3), (3, 2)),
    ("dot", "i,i", np.dot, (3,), (3,)), ("outer", "i,j->ij", np.outer, (2,), (3,)),
    ("attention", "bhqd,bhkd->bhqk", lambda q, k: q @ np.swapaxes(k, -1, -2), (2, 1, 3, 2), (2, 1, 2, 2)),
    ("bilinear", "bi,oij,bj->bo", lambda x, w, y: np.stack([((x @ m) * y).sum(1) for m in w], 1), (3, 2), (4, 2, 2), (3, 2)),
    ("sum-all", "ijk->", np.sum, (2, 3, 2)), ("implicit-ellipsis", "...a", lambda x: x, (2, 3)),
    ("batch-diagonal", "bii->bi", lambda x: np.diagonal(x, 0, 1, 2), (2, 3, 3)),
    ("thrice", "iii->i", lambda x: x[np.arange(2), np.arange(2), np.arange(2)], (2, 2, 2)),
    ("spaces", " i j , j -> i ", np.matmul, (2, 3), (3,)),
]:  # fmt: skip
    composed(f"einsum-{name}", lambda *xs, e=function: tl.einsum(e, *xs), reference, *(normal(*s) for s in shapes))

INDICES = {
    "int": 1, "negative": -1, "slice": slice(1, 3), "step": slice(None, None, 2), "tuple": (2, 1),
    "none": (None, slice(None), None), "ellipsis": (Ellipsis, 0),
    "list": [0, 2, 2], "array": np.array([[0, 1], [3, 3]]), "two": (np.array([0, 1, 3]), np.array([2, 2, 0])),
    "mask": np.array([True, False, True, True]),
    "mask-2d": np.arange(12).reshape(4, 3) % 3 == 1, "slice-array": (slice(1, None), np.array([0, 0])),
    "array-slice": ([1, 1], slice(0, 2)),
    "mask-column": (np.array([True, False, True, True]), slice(None), 1), "empty-slice": slice(2, 2), "empty-list": [], "all": (),
    "full": (1, 2, 0),
    "numpy-int": np.int64(2), "array-none": (np.array([1, 0]), None),
    "separated": (np.array([0, 1]), slice(None), np.array([1, 0])),
}  # fmt: skip
for name, index in INDICES.items():
    composed(f"getitem-{name}", lambda x, i=index: ops.getitem(x, i), lambda x, i=index: x[i], normal(4, 3, 2))
composed("getitem-int-array", lambda x: ops.getitem(x, (0, slice(None), [1, 0, 1])), lambda x: x[0][:, [1, 0, 1]], normal(4, 3, 2))
composed("getitem-tensor", lambda x: ops.getitem(x, tl.tensor([3, 0])), lambda x: x[[3, 0]], normal(4, 3))

CONCATENATED = [((2, 3), (2, 3), 0), ((2, 3), (2, 3), 1), ((2, 3), (2, 3), -1), ((0, 3), (0, 3), 0)]
for left, right, dim in CONCATENATED:
    composed(
        f"cat-{dim}",
        lambda x, y, d=dim: tl.cat([x, y], d),
        lambda x, y, d=dim: np.concatenate([x, y], d),
        normal(*left),
        normal(*right),
    )
    composed(
        f"stack-{dim}",
        lambda x, y, d=dim: tl.stack([x, y], d),
        lambda x, y, d=dim: np.stack([x, y], d),
        normal(*left),
        normal(*right),
    )
composed("stack-0d", lambda x, y: tl.stack([x, y]), lambda x, y: np.array([x, y]), normal(), normal())
composed("split", lambda x: tl.split(x, 2), lambda x: [x[:2], x[2:4], x[4:]], normal(5, 2))
composed("split-sizes", lambda x: tl.split(x, [1, 3], -1), lambda x: [x[:, :1], x[:, 1:]], normal(2, 4))
composed("chunk", lambda x: tl.chunk(x, 3), lambda x: [x[:3], x[3:6], x[6:]], normal(7))
composed("chunk-fewer", lambda x: tl.chunk(x, 4), lambda x: [x[:2], x[2:4], x[4:]], normal(5))
composed("unbind", lambda x: tl.unbind(x, -1), lambda x: [x[:, 0], x[:, 1]], normal(3, 2))
for shape, sizes in [((2, 3), (2, 1)), ((2, 3), (2, 1, 3)), ((3,), (2,)), ((3,), (0,)), ((), (2, 2)), ((2, 0), (2, 2))]:
    composed(f"repeat-{sizes}", lambda x, s=sizes: tl.repeat(x, s), lambda x, s=sizes: np.tile(x, s), normal(*shape))
composed("expand", lambda x: tl.expand(x, 4, -1, 3), lambda x: x * np.ones((4, 2, 3)), normal(2, 1))
composed("flatten", tl.flatten, lambda x: x.ravel(), normal(2, 3, 2))
composed("flatten-from-1", lambda x: tl.flatten(x, 1), lambda x: x.reshape(2, 6), normal(2, 3, 2))
composed("flatten-0d", tl.flatten, lambda x: x.reshape(1), normal())
composed("squeeze", tl.squeeze, np.squeeze, normal(1, 3, 1))
composed("squeeze-dim", lambda x: tl.squeeze(x, -1), lambda x: x[..., 0], normal(1, 3, 1))
composed("squeeze-nothing", lambda x: tl.squeeze(x, 1), lambda x: x, normal(1, 3, 1))
composed("unsqueeze", lambda x: tl.unsqueeze(x, -1), lambda x: x[..., None], normal(2, 3))
composed("transpose", lambda x: tl.transpose(x, 0, -1), lambda x: np.swapaxes(x, 0, -1), normal(2, 3, 4))
composed("narrow", lambda x: tl.narrow(x, 1, -3, 2), lambda x: x[:, 1:3], normal(2, 4))
composed("diagonal", lambda x: tl.diagonal(x, 1, -2, -1), lambda x: np.diagonal(x, 1, 1, 2), normal(2, 3, 3))
composed(
    "gather", lambda x: tl.gather(x, 1, A([0, 0], [2, 1])), lambda x: np.take_along_axis(x, A([0, 0], [2, 1]), 1), normal(2, 3)
)
composed("index_select", lambda x: tl.index_select(x, -1, A(2, 2, 0)), lambda x: x[:, [2, 2, 0]], normal(2, 3))
composed("index_select-0d", lambda x: tl.index_select(x, 1, np.array(2)), lambda x: x[:, [2]], normal(2, 3))
composed("embedding", lambda w: tl.embedding(A([0, 1], [1, 1]), w), lambda w: w[A([0, 1], [1, 1])], normal(3, 2))
SCATTERED = A([0, 2, 2], [1, 1, 0])
composed(
    "scatter",
    lambda x, s: tl.scatter(x, 1, SCATTERED, s),
    lambda x, s: scatter_at_reference(x, SCATTERED, s, 1),
    normal(2, 3),
    normal(2, 3),
)
composed(
    "scatter-larger",
    lambda x, s: tl.scatter(x, 0, A([1, 0]), s),
    lambda x, s: scatter_at_reference(x, A([1, 0]), s[:1, :2], 0),
    normal(2, 3),
    normal(2, 3),
)
composed(
    "scatter-number", lambda x: tl.scatter(x, 1, SCATTERED, 0.5), lambda x: scatter_at_reference(x, SCATTERED, 0.5, 1), normal(2, 3)
)
composed(
    "scatter_add",
    lambda x, s: tl.scatter_add(x, 1, SCATTERED, s),
    lambda x, s: x + scatter_reference(s, SCATTERED, (2, 3), 1),
    normal(2, 3),
    normal(2, 3),
)
composed("elu", tl.elu, lambda x: np.where(x > 0, x, np.exp(x) - 1), away(3, 4))
composed("elu-alpha", lambda x: tl.elu(x, 0.5), lambda x: np.where(x > 0, x, 0.5 * (np.exp(x) - 1)), away(3, 4))
composed("gelu", tl.gelu, lambda x: x * scipy.special.ndtr(x), normal(3, 4))
composed(
    "gelu-tanh",
    lambda x: tl.gelu(x, "tanh"),
    lambda x: x * scipy.special.expit(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)),
    normal(3, 4),
)
composed("dropout-eval", lambda x: tl.dropout(x, 0.5, False), lambda x: x, normal(3))
composed("dropout-all", lambda x: tl.dropout(x, 1.0), lambda x: 0 * x, normal(3))
for reduction, reduce in [("mean", np.mean), ("sum", np.sum), ("none", np.array)]:
    composed(f"binary_cross_entropy-{reduction}", lambda x, t, r=reduction: tl.binary_cross_entropy(x, t, reduction=r),
             lambda x, t, reduce=reduce: reduce(-t * np.log(x) - (1 - t) * np.log(1 - x)), probability(2, 3),
             probability(2, 3))  # fmt: skip
    composed(f"binary_cross_entropy_with_logits-{reduction}", lambda x, t,
        r=reduction: tl.binary_cross_entropy_with_logits(x, t, reduction=r),
             lambda x, t, reduce=reduce: reduce(np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0) - x * t), normal(2, 3),
             probability(2, 3))  # fmt: skip
    composed(
        f"nll_loss-{reduction}",
        lambda x, r=reduction: tl.nll_loss(x, A(1, 0, 1), reduction=r),
        lambda x, reduce=reduce: reduce(-x[[0, 1, 2], [1, 0, 1]]),
        normal(3, 2),
    )
    composed(
        f"mse_loss-{reduction}",
        lambda x, y, r=reduction: tl.mse_loss(x, y, r),
        lambda x, y, reduce=reduce: reduce((x - y) ** 2),
        normal(2, 3),
        normal(2, 3),
    )
for name, left, right in [("dot", (3,), (3,)), ("mm", (2, 3), (3, 2)), ("bmm", (2, 2, 3), (2, 3, 1)), ("outer", (2,), (3,)),
    ("matmul", (3,), (3,)), ("matmul", (2, 3), (3,)),
                          ("matmul", (3,), (3, 2)), ("matmul", (4, 2, 3), (3,)), ("matmul", (3,), (4, 3, 2)),
                          ("matmul", (2, 3), (4, 3, 2)), ("matmul", (0,), (0,))]:  # fmt: skip
    composed(
        name,
        getattr(tl, name),
        np.outer if name == "outer" else np.dot if name in ("dot", "mm") else np.matmul,
        normal(*left),
        normal(*right),
    )
composed("max-all", tl.max, np.max, distinct(2, 3))
composed("min-dim", lambda x: tl.min(x, 0), lambda x: (np.min(x, 0), np.argmin(x, 0)), distinct(2, 3))
composed("max-two", lambda x, y: tl.max(x, y), np.maximum, normal(2, 3), normal(3))
import cases_activation  # noqa: E402, F401
import cases_algebra  # noqa: E402, F401
import cases_arguments  # noqa: E402, F401
import cases_convolution  # noqa: E402, F401  (its rows join these)
import cases_functions  # noqa: E402, F401
import cases_layers  # noqa: E402, F401
import cases_learning  # noqa: E402, F401
import cases_linalg  # noqa: E402, F401
import cases_loss  # noqa: E402, F401
import cases_normalisation  # noqa: E402, F401
import cases_optim  # noqa: E402, F401
import cases_pooling  # noqa: E402, F401
import cases_recurrence  # noqa: E402, F401
import cases_sample_normalisation  # noqa: E402, F401

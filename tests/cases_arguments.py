"""Rows of the table of cases.py for arguments that join an op: the dtype of the result, a factor, a number in the place of a
Tensor, heads that are shared."""

from __future__ import annotations

import numpy as np
import scipy.special
from cases import A, case, composed, normal

import tinygrad_lite as tl

WIDE = {"dtype": np.float64, "out_dtype": np.float64}


def in_float64(function):
    """A reference whose argument dtype is a matter of the row."""
    return lambda x, dtype=None, **options: function(x, **options)


for shape in [(2, 3), (0, 3)]:
    case("sum", in_float64(lambda x, dim: x.sum(dim)), normal(*shape), dim=0, **WIDE)
    case("cumsum", in_float64(lambda x, dim: np.cumsum(x, dim)), normal(*shape), dim=-1, **WIDE)
for dim in (0, -1):
    case("softmax", in_float64(lambda x, dim: scipy.special.softmax(x, dim)), normal(2, 3), dim=dim, **WIDE)
    case("log_softmax", in_float64(lambda x, dim: scipy.special.log_softmax(x, dim)), normal(2, 3), dim=dim, **WIDE)
case("softmax", in_float64(lambda x, dim: x), normal(0, 3), dim=0, **WIDE)
case("mean", in_float64(lambda x, dim: x.mean(dim)), normal(2, 3), dim=(0, 1), **WIDE)
case("sum", lambda x, dtype: x.sum(), A([1, 2], [3, 4]), dtype=np.float32, out_dtype=np.float32)
case("sum", lambda x, dtype: x.astype(np.int8).sum(dtype=np.int8), A([100, 20], [7, 1]), dtype=np.int8, out_dtype=np.int8)
case("mean", lambda x, dtype: x.mean(), A([1, 2], [3, 5]), dtype=np.float64, out_dtype=np.float64)
case("cumsum", lambda x, dim, dtype: np.cumsum(x, dim), A([1, 2], [3, 5]), dim=0, dtype=np.int32, out_dtype=np.int32)
case("softmax", lambda x, dim, dtype: scipy.special.softmax(x.astype(float), dim), A([1, 2], [3, 5]), dim=1, **WIDE)

for left, right in [((2, 3), (2, 3)), ((2, 1), (3,)), ((), ()), ((0, 3), (1, 3))]:
    composed("add-alpha", lambda x, y: tl.add(x, y, alpha=-2.5), lambda x, y: x - 2.5 * y, normal(*left), normal(*right))
    composed("sub-alpha", lambda x, y: tl.sub(x, other=y, alpha=3), lambda x, y: x - 3 * y, normal(*left), normal(*right))
composed("add-alpha-number", lambda x: tl.add(x, 2.0, alpha=3), lambda x: x + 6, normal(2, 3))
composed("sub-alpha-first", lambda x: tl.sub(2.0, x, alpha=3), lambda x: 2 - 3 * x, normal(2, 3))

PLACES = A([0, 2], [1, 1])


def scattered(x, operation):
    x = x.copy()
    operation.at(x, (np.arange(2)[:, None], PLACES), 0.5)
    return x


def replaced(x):
    x = x.copy()
    np.put_along_axis(x, PLACES, 0.5, 1)
    return x


composed("scatter-value", lambda x: tl.scatter(x, 1, PLACES, value=0.5), replaced, normal(2, 3))
for reduce, operation in (("add", np.add), ("multiply", np.multiply)):
    composed(
        f"scatter-value-{reduce}",
        lambda x, r=reduce: tl.scatter(x, 1, PLACES, value=0.5, reduce=r),
        lambda x, o=operation: scattered(x, o),
        normal(2, 3),
    )


def grouped(query, key, value):
    key, value = (np.repeat(x, query.shape[-3] // x.shape[-3], -3) for x in (key, value))
    return scipy.special.softmax(query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1]), -1) @ value


for batch, heads, of_key, of_value in [((2,), 4, 2, 2), ((), 6, 1, 3), ((1, 2), 2, 2, 1), ((0,), 4, 2, 2)]:
    composed(
        "scaled_dot_product_attention-grouped",
        lambda q, k, v: tl.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True),
        grouped,
        normal(*batch, heads, 3, 2),
        normal(*batch, of_key, 4, 2),
        normal(*batch, of_value, 4, 5),
    )

composed("norm-0", lambda x: tl.norm(x, 0, 1), lambda x: (x != 0).sum(1), np.array([[0.0, -2, 3], [0, 0, 0]]))
composed("maximum-nan", tl.maximum, np.maximum, np.array([np.nan, 1.0, np.nan]), np.array([1.0, np.nan, np.nan]), order=0)

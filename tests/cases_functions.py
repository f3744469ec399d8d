"""Rows of the table of cases.py for functions, rounding and choice, element by element."""

from __future__ import annotations

import math

import numpy as np
import scipy.special
from cases import INF, A, away, binary, case, composed, integers, masks, normal, positive, unary, uniform

import tinygrad_lite as tl

inner = uniform(-0.9, 0.9)

unary("log2", lambda x: np.log(x) / math.log(2), positive)
unary("log10", lambda x: np.log(x) / math.log(10), positive)
unary("sinh", lambda x: (np.exp(x) - np.exp(-x)) / 2, normal)
unary("cosh", lambda x: (np.exp(x) + np.exp(-x)) / 2, normal)
unary("asin", lambda x: np.arctan(x / np.sqrt(1 - x * x)), inner)
unary("acos", lambda x: np.pi / 2 - np.arctan(x / np.sqrt(1 - x * x)), inner)
unary("atan", lambda x: np.arcsin(x / np.sqrt(1 + x * x)), normal)
binary("atan2", lambda y, x: np.angle(x + 1j * y), away)
binary("logaddexp", lambda x, y: scipy.special.logsumexp(np.stack(np.broadcast_arrays(x, y)), 0), normal)
case("log2", lambda x: np.arange(-20.0, 20), 2.0 ** np.arange(-20, 20), order=0)
case("log10", lambda x: np.arange(0.0, 20), 10.0 ** np.arange(20), order=0)
case("atan2", lambda y, x: np.arctan2(y, x), integers(-3, 4)(5), integers(1, 4)(5), out_dtype=np.float32)
composed("rsqrt", tl.rsqrt, lambda x: x**-0.5, positive(2, 3))

for shapes in [((3, 4), (4,), (3, 1)), ((2, 3), (), ()), ((0, 2), (2,), (1, 2))]:
    composed(
        "lerp", tl.lerp, lambda x, end, weight: x * (1 - weight) + end * weight, *(d(*s) for d, s in zip((normal,) * 3, shapes))
    )
for weight in (-0.5, 0, 0.3, 0.5, 0.9, 1, 2):
    composed(
        f"lerp-{weight}",
        lambda x, end, w=weight: tl.lerp(x, end, w),
        lambda x, end, w=weight: x * (1 - w) + end * w,
        normal(2, 3),
        normal(3),
    )

# -- rounding: the references count up and down from Python's own numbers ---------------------------------------------


def each_by(function):
    """A function of Python numbers, element by element."""
    return lambda *xs, **options: np.vectorize(lambda *v: function(*(float(n) for n in v), **options), otypes=[float])(*xs)


HALVES = np.array([-2.5, -2.0, -1.5, -0.5, -0.2, 0.0, 0.3, 0.5, 1.5, 2.5, 3.0])
for op, reference in [("floor", math.floor), ("ceil", math.ceil), ("trunc", int), ("round", round)]:
    unary(op, each_by(reference), uniform(-3.9, 3.9))
    case(op, each_by(reference), HALVES, order=0)
    case(op, lambda x: x, integers(-3, 4)(5))
case("round", lambda x, decimals: np.array([1.23, -4.57, 0.0]), np.array([1.2345, -4.5678, 1e-9]), decimals=2)
case("round", lambda x, decimals: np.array([1200.0, -4600.0]), np.array([1234.5, -4567.8]), decimals=-2)
binary("floor_divide", each_by(lambda x, y: math.floor(x / y)), away)
binary("remainder", each_by(lambda x, y: x % y), away)
case("floor_divide", lambda x, y: A(3, -4, -4, 3), A(7, -7, 7, -7), A(2, 2, -2, -2))
case("remainder", lambda x, y: A(1, 1, -1, -1), A(7, -7, 7, -7), A(2, 2, -2, -2))
for op in ("floor_divide", "remainder"):
    case(op, each_by(lambda x, y, op=op: x // y if op == "floor_divide" else x % y), away(2, 3), 0.7)
    case(op, each_by(lambda x, y, op=op: x // y if op == "floor_divide" else x % y), 5.3, away(2, 3))
for x, y in [(away(2, 3), away(3)), (away(), away()), (away(0, 2), away(2))]:
    composed("div-floor", lambda x, y: tl.div(x, y, rounding_mode="floor"), each_by(lambda x, y: math.floor(x / y)), x, y)
    composed("div-trunc", lambda x, y: tl.div(x, y, rounding_mode="trunc"), each_by(lambda x, y: int(x / y)), x, y)
composed(
    "div-trunc-int",
    lambda x, y: tl.div(x, y, rounding_mode="trunc"),
    lambda x, y: A(3, -3, -3, 3, 0, 2),
    A(7, -7, 7, -7, -1, 4),
    A(2, 2, -2, -2, 2, 2),
)

# -- choice ------------------------------------------------------------------------------------------------------


def clamp_reference(x, min=None, max=None):
    out = x if min is None else np.where(x < min, min, x)
    return out if max is None else np.where(out > max, max, out)


for shapes in [((3, 4), (3, 4), (3, 4)), ((3, 4), (4,), (3, 1)), ((3,), (2, 1), ()), ((), (), ()), ((0, 3), (3,), (1, 1))]:
    case("clamp", clamp_reference, *(normal(*s) for s in shapes))
    case("clamp", clamp_reference, *(normal(*s) for s in shapes[:2]))
case("clamp", clamp_reference, normal(3, 4), None, normal(4))
case("clamp", clamp_reference, normal(3, 4), -0.5, normal(4))
case("clamp", clamp_reference, normal(3, 4), normal(3, 1), 0.5)
for value in (0.25, -INF, 2):
    composed(
        f"masked_fill-{value}",
        lambda x, m, v=value: tl.masked_fill(x, m, v),
        lambda x, m, v=value: np.where(m, v, x),
        normal(2, 3),
        masks(3),
    )
composed("masked_fill-tensor", tl.masked_fill, lambda x, m, v: np.where(m, v, x), normal(3), masks(2, 3), normal())
composed("isinf", tl.isinf, lambda x: np.abs(x) == INF, np.array([[0.0, np.nan, INF], [-INF, 1e30, -1.0]]), order=0)

for op, reference in [(tl.all, np.all), (tl.any, np.any)]:
    name = reference.__name__
    for dim, keepdim in [(None, False), (0, False), (-1, True), ((0, 2), False), ((1, 2), True)]:
        composed(
            f"{name}-{dim}-{keepdim}",
            lambda x, f=op, d=dim, k=keepdim: f(x, d, k),
            lambda x, f=reference, d=dim, k=keepdim: f(x, d, keepdims=k),
            masks(2, 2, 2),
        )
    composed(f"{name}-int", lambda x, f=op: f(x, 1), lambda x, f=reference: f(x, 1), integers(0, 2)(5, 2))
    composed(f"{name}-empty", lambda x, f=op: f(x, 0), lambda x, f=reference: f(x, 0), normal(0, 2), order=0)
    composed(f"{name}-nan", op, reference, np.array(np.nan), order=0)

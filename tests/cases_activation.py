"""Rows of the table of cases.py for activations, fused and composed, and for gradients that are ops of their own."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats
from cases import away, case, composed, normal, unary

import tinygrad_lite as tl


def elu_reference(x, alpha=1.0):
    return np.where(x > 0, x, alpha * (np.exp(x) - 1))


def gelu_reference(x, approximate="none"):
    if approximate == "tanh":
        return x * scipy.special.expit(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))
    return x * scipy.special.ndtr(x)


def gelu_slope(x, approximate="none"):
    if approximate == "tanh":
        z = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
        return (1 + np.tanh(z)) / 2 + x / (2 * np.cosh(z) ** 2) * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)
    return scipy.special.ndtr(x) + x * scipy.stats.norm.pdf(x)


def softplus_slope(x, beta=1.0, threshold=20.0):
    return np.where(x * beta > threshold, 1, scipy.special.expit(x * beta))


unary("elu", elu_reference, away)
unary("elu", elu_reference, away, shapes=[(3, 4)], alpha=0.5)
unary("gelu", gelu_reference, normal)
unary("gelu", gelu_reference, normal, shapes=[(3, 4), (0, 2)], approximate="tanh")
for shape in [(3, 4), (), (0, 3)]:
    for options in ({}, {"alpha": 0.5}):
        case(
            "elu_backward",
            lambda g, x, alpha=1.0: g * np.where(x > 0, 1, alpha * np.exp(x)),
            normal(*shape),
            away(*shape),
            **options,
        )
    for options in ({}, {"approximate": "tanh"}):
        case("gelu_backward", lambda g, x, **options: g * gelu_slope(x, **options), normal(*shape), normal(*shape), **options)
    for options in ({}, {"beta": 2.0, "threshold": 0.5}):
        case("softplus_backward", lambda g, x, **options: g * softplus_slope(x, **options), normal(*shape), away(*shape), **options)
for shape, dim in [((3, 4), 1), ((3, 4), 0), ((2, 3, 2), -2), ((2, 60), -1), ((4,), 0), ((), 0), ((0, 3), 1), ((3, 0), 1)]:
    along = dim if shape else ()
    case("softmax_backward", lambda g, y, dim, along=along: y * g - y * (g * y).sum(along, keepdims=True), normal(*shape),
         normal(*shape), dim=dim)  # fmt: skip
    case("log_softmax_backward", lambda g, y, dim, along=along: g - np.exp(y) * g.sum(along, keepdims=True), normal(*shape),
         normal(*shape), dim=dim)  # fmt: skip

# -- composed ----------------------------------------------------------------------------------------------------


def wide(*shape):
    """Values from -4.33 on, 0.97 apart: on each piece of the activations, off their kinks."""
    return lambda rng: np.asarray(rng.permutation(int(np.prod(shape))).reshape(shape) * 0.97 - 4.33, float)


def hard_sigmoid(x):
    return np.select([x < -3, x < 3], [0 * x, x / 6 + 0.5], 1)


def gated(x, dim):
    first, second = np.split(x, 2, dim)
    return first, expit(second)


expit, softplus = scipy.special.expit, lambda x: np.logaddexp(0, x)
SELU = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
for name, reference, *arguments in [
    ("relu6", lambda x: np.clip(x, 0, 6)),
    ("hardtanh", lambda x: np.clip(x, -1, 1)), ("hardtanh", lambda x: np.clip(x, -2, 0.3), -2.0, 0.3),
    ("hardsigmoid", hard_sigmoid), ("hardswish", lambda x: x * hard_sigmoid(x)),
    ("threshold", lambda x: np.where(x > 0.1, x, 20), 0.1, 20.0),
    ("softshrink", lambda x: np.maximum(x - 0.5, 0) + np.minimum(x + 0.5, 0)),
    ("softshrink", lambda x: np.maximum(x - 2, 0) + np.minimum(x + 2, 0), 2.0),
    ("hardshrink", lambda x: x * (np.abs(x) > 0.5)), ("hardshrink", lambda x: x * (np.abs(x) > 2), 2.0),
    ("rrelu", lambda x: x * np.where(x > 0, 1, 11 / 48)), ("rrelu", lambda x: x * np.where(x > 0, 1, 0.3), 0.2, 0.4),
    ("celu", lambda x: np.maximum(x, 0) + np.minimum(np.exp(x) - 1, 0)),
    ("celu", lambda x: np.maximum(x, 0) + np.minimum(0.7 * (np.exp(x / 0.7) - 1), 0), 0.7),
    ("selu", lambda x: SELU[0] * np.where(x > 0, x, SELU[1] * (np.exp(x) - 1))),
    ("silu", lambda x: x * expit(x)), ("mish", lambda x: x * np.tanh(softplus(x))),
    ("softsign", lambda x: x / (1 + np.abs(x))), ("logsigmoid", lambda x: np.log(expit(x))),
    ("tanhshrink", lambda x: x - np.tanh(x)),
]:  # fmt: skip
    for shape in [(3, 4), (), (2, 3, 2), (0, 3)]:
        composed(f"{name}-{arguments}", lambda x, name=name, a=arguments: getattr(tl, name)(x, *a), reference, wide(*shape))


def prelu_reference(x, weight):
    slopes = weight.reshape(-1, *(1,) * (x.ndim - 2)) if weight.size > 1 else weight.sum()
    return x * np.where(x > 0, 1, slopes)


for shape, slopes in [((3, 4), (4,)), ((3, 4), (1,)), ((2, 3, 2, 2), (3,)), ((5,), (1,)), ((), (1,)), ((2, 3), ()), ((0, 3), (3,))]:
    composed("prelu", tl.prelu, prelu_reference, wide(*shape), away(*slopes))
for shape, dim in [((3, 4), -1), ((4, 3), 0), ((2, 4, 3), 1), ((0, 4), 1), ((3, 0), 1)]:
    composed(f"glu-{dim}", lambda x, d=dim: tl.glu(x, d), lambda x, d=dim: np.multiply(*gated(x, d)), normal(*shape))
for shape, dim in [((3, 4), 1), ((2, 3, 2), 0), ((), 0), ((0, 3), 1)]:
    composed(f"softmin-{dim}", lambda x, d=dim: tl.softmin(x, d),
             lambda x, d=dim: scipy.special.softmax(-x, d) if x.size > 1 else np.ones(x.shape), normal(*shape))  # fmt: skip
for name, shape in [("dropout1d", (2, 3, 2)), ("dropout2d", (2, 3, 2, 2)), ("dropout3d", (2, 3, 1, 2)), ("alpha_dropout", (3,))]:
    composed(f"{name}-eval", lambda x, name=name: getattr(tl, name)(x, 0.5, False), lambda x: x, normal(*shape))
    composed(f"{name}-all", lambda x, name=name: getattr(tl, name)(x, 1.0, True), lambda x: 0 * x, normal(*shape))

"""Rows of the table of cases.py for fused activations and for gradients that are ops of their own."""

from __future__ import annotations

import numpy as np
import scipy.special
import scipy.stats
from cases import away, case, normal, unary


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

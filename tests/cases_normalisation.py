"""Rows of the table of cases.py for normalisation; their references are the textbook formulas in NumPy."""

from __future__ import annotations

import numpy as np
from cases import UPDATES, Case, case, normal, positive

import tinygrad_lite as tl
from tinygrad_lite.primitive import registry

# -- batch normalisation -------------------------------------------------------------------------------------------


def by_channel(v, x):
    """``v`` (channels) beside ``x`` (batch, channels, ...)."""
    return v.reshape(1, -1, *(1,) * (x.ndim - 2))


def others(x):
    """The dimensions that are no channels."""
    return tuple(d for d in range(x.ndim) if d != 1)


def normalised(x, mean, variance, weight, bias, eps):
    out = (x - by_channel(mean, x)) / np.sqrt(by_channel(variance, x) + eps)
    out = out if weight is None else out * by_channel(weight, x)
    return out if bias is None else out + by_channel(bias, x)


def batch_reference(x, weight=None, bias=None, eps=1e-5):
    if not x.size:
        return x, np.zeros(x.shape[1]), np.zeros(x.shape[1])
    mean, variance = np.mean(x, others(x)), np.var(x, others(x))
    return normalised(x, mean, variance, weight, bias, eps), mean, np.var(x, others(x), ddof=1)


def given_reference(x, mean, variance, weight=None, bias=None, eps=1e-5):
    return normalised(x, mean, variance, weight, bias, eps)


def batch_backward_reference(g, g_mean, g_variance, x, weight, bias, eps=1e-5):
    """The chain rule, one step after the other."""
    if not x.size:
        return tuple(v * 0 for v in (x, weight, bias) if v is not None)
    n, centred = x.size // x.shape[1], x - by_channel(x.mean(others(x)), x)
    std = np.sqrt(x.var(others(x)) + eps)
    g_hat = g if weight is None else g * by_channel(weight, x)
    g_variance = g_variance / (n - 1) - (g_hat * centred).sum(others(x)) / (2 * n * std**3)
    g_centred = g_hat / by_channel(std, x) + 2 * centred * by_channel(g_variance, x)
    g_x = g_centred - by_channel(g_centred.mean(others(x)) - g_mean / n, x)
    return tuple(
        v for v, there in ((g_x, x), ((g * centred).sum(others(x)) / std, weight), (g.sum(others(x)), bias)) if there is not None
    )


def given_backward_reference(g, x, mean, variance, weight, bias, eps=1e-5):
    std, centred = np.sqrt(variance + eps), x - by_channel(mean, x)
    g_hat = g if weight is None else g * by_channel(weight, x)
    g_variance = -(g_hat * centred).sum(others(x)) / (2 * std**3)
    values = g_hat / by_channel(std, x), -g_hat.sum(others(x)) / std, g_variance
    return (
        *values,
        *([] if weight is None else [(g * centred).sum(others(x)) / std]),
        *([] if bias is None else [g.sum(others(x))]),
    )


def present(outs):
    return tuple(out for out in outs if out is not None)


def with_statistics(op, g, g_mean, g_variance, x, weight, bias, **attributes):
    """The backward with what the forward hands it."""
    arrays = [t.data if isinstance(t, tl.Tensor) else t for t in (x, weight, bias)]
    statistics = registry["normalise_batch"].forward(*arrays, **attributes)[-1]
    return present(op(g, g_mean, g_variance, x, weight, bias, statistics, **attributes))


def without_nothing(op, *inputs, **attributes):
    return present(op(*inputs, **attributes))


for shape in [(4, 3), (3, 2, 4), (2, 3, 2, 3), (2, 2, 3, 2, 2), (2, 2, 5, 7), (0, 3), (0, 3, 2)]:
    x, v = normal(*shape), (shape[1],)
    for affine in [(normal(*v), normal(*v)), (None, None)]:
        case("normalise_batch", batch_reference, x, *affine)
        case("normalise_by", given_reference, x, positive(*v), positive(*v), *affine)
        case("normalise_batch_backward", batch_backward_reference, x, normal(*v), normal(*v), x, *affine, call=with_statistics)
        case(
            "normalise_by_backward", given_backward_reference, x, x, positive(*v), positive(*v), *affine, call=without_nothing
        )  # fmt: skip
case("normalise_batch", batch_reference, normal(4, 3), normal(3), eps=0.1)
case("normalise_batch", batch_reference, normal(4, 3), None, normal(3))
case("normalise_batch", batch_reference, normal(4, 3))
case("normalise_by", given_reference, normal(4, 3), positive(3), positive(3), eps=0.1)
case("normalise_by", given_reference, normal(4, 3), positive(3), positive(3), normal(3))
case("normalise_batch_backward", batch_backward_reference, normal(4, 2), normal(2), normal(2), normal(4, 2), None, normal(2),
     eps=0.1, call=with_statistics)  # fmt: skip
case("normalise_by_backward", given_backward_reference, normal(4, 2), normal(4, 2), positive(2), positive(2), normal(2), None,
     eps=0.1, call=without_nothing)  # fmt: skip


def running_reference(mean, variance, batches, batch_mean, batch_variance, rate, count):
    if not count:
        return mean, variance, batches + 1
    return mean * (1 - rate) + rate * batch_mean, variance * (1 - rate) + rate * batch_variance, batches + 1


for n, count in [(3, 5), (0, 5), (2, 0)]:
    inputs = normal(n), positive(n), np.array(4), normal(n), positive(n), np.array(0.1)
    UPDATES.append(Case("running_update", inputs, running_reference, {"count": count}))


# -- local response normalisation ----------------------------------------------------------------------------------


def windows(channels, size):
    """[i, j]: whether the window of channel i holds channel j."""
    return np.array([[i - size // 2 <= j <= i + (size - 1) // 2 for j in range(channels)] for i in range(channels)], float)


def response_reference(x, size, alpha=1e-4, beta=0.75, k=1.0):
    squares = np.einsum("ij,nj...->ni...", windows(x.shape[1], size), x**2) if x.size else x
    return x / (k + alpha / size * squares) ** beta


def response_backward_reference(g, x, size, alpha=1e-4, beta=0.75, k=1.0):
    if not x.size:
        return x
    window = windows(x.shape[1], size)
    d = k + alpha / size * np.einsum("ij,nj...->ni...", window, x**2)
    across = np.einsum("ij,ni...->nj...", window, g * x * d ** (-beta - 1))
    return g * d**-beta - 2 * alpha * beta / size * x * across


for shape, options in [
    ((2, 5, 3), {"size": 3, "alpha": 0.5}), ((1, 4, 2, 3), {"size": 4, "alpha": 2.0, "beta": 0.6, "k": 0.7}),
    ((2, 3, 1), {"size": 7, "alpha": 0.3, "beta": 1.0, "k": 2.0}), ((2, 4, 2), {"size": 1}), ((2, 2, 2, 2, 2), {"size": 2,
        "alpha": 1.0}),
    ((0, 3, 2), {"size": 3}), ((2, 0, 2), {"size": 3}),
]:  # fmt: skip
    case("local_response_norm", response_reference, normal(*shape), **options)
    case("local_response_norm_backward", response_backward_reference, normal(*shape), normal(*shape), **options)

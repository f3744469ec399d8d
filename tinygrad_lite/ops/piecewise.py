"""Activations made of straight pieces. Where two pieces meet, the derivative is PyTorch's; each function says which that is."""

from __future__ import annotations

import math

from ..errors import composed
from ..record import Value
from . import random
from .elementwise import abs, sign, where
from .shape import reshape_to

__all__ = [
    "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "prelu", "relu6", "rrelu", "softshrink", "threshold",
]  # fmt: skip


@composed
def hardtanh(x, min_val=-1.0, max_val=1.0):
    """``x`` limited to [min_val, max_val]; the derivative at the limits is 0 (of `clamp` it is 1)."""
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val {min_val} is larger than max_val {max_val}")
    return where(x <= min_val, min_val, where(x >= max_val, max_val, x))


@composed
def relu6(x):
    """min(max(x, 0), 6) (Krizhevsky, 2010); the derivative at 0 and 6 is 0."""
    return hardtanh(x, 0.0, 6.0)


@composed
def hardsigmoid(x):
    """min(max(x + 3, 0), 6) / 6, a sigmoid of three lines; the derivative at -3 and 3 is 0."""
    return relu6(x + 3.0) / 6.0


@composed
def hardswish(x):
    """x times `hardsigmoid` of x (Howard et al., 2019); the derivative is 0 at -3 and 1 at 3."""
    return x * hardsigmoid(x)


@composed
def threshold(x, threshold, value):
    """x for x > threshold, else ``value``; the derivative at the threshold is 0."""
    return where(x <= threshold, value, x)


@composed
def softshrink(x, lambd=0.5):
    """x moved towards 0 by ``lambd``, and 0 for |x| <= lambd, where the derivative is 0 too."""
    if lambd < 0:
        raise ValueError(f"softshrink: lambd must be at least 0, got {lambd}")
    return where(abs(x) <= lambd, 0.0, x - sign(x) * lambd)


@composed
def hardshrink(x, lambd=0.5):
    """x, and 0 for |x| <= lambd, where the derivative is 0 too."""
    return where(abs(x) <= lambd, 0.0, x)


@composed
def prelu(x, weight):
    """x for x > 0, else weight * x (He et al., 2015); the derivative at 0 is ``weight``.

    weight  one slope, or one for each channel: (channels), the size of dimension 1 of ``x``
    """
    channels = x.shape[1] if x.ndim > 1 else 1
    if math.prod(weight.shape) == 1:
        weight = reshape_to(weight, shape=())
    elif weight.shape == (channels,):
        weight = reshape_to(weight, shape=(channels, *(1,) * (x.ndim - 2)))
    else:
        raise ValueError(f"prelu: weight {weight.shape} must hold one number or one for each channel, {channels} of {x.shape}")
    return where(x > 0, x, x * weight)


@composed
def rrelu(x, lower=1 / 8, upper=1 / 3, training=False):
    """x for x > 0, else x times a slope: in training drawn for each element from [lower, upper), else the mean of the two
    (Xu et al., 2015)."""
    if lower > upper:
        raise ValueError(f"rrelu: lower {lower} is larger than upper {upper}")
    slope = (lower + upper) / 2
    if training:
        slope = random.generator().uniform(lower, upper, x.shape).astype((x.data if isinstance(x, Value) else x).dtype)
    return where(x > 0, x, x * slope)

"""Initial weights: each fills a Tensor in place and returns it. ``fan_in`` is the number of inputs of a unit."""

from __future__ import annotations

import math

import numpy as np

from ..ops.random import generator
from ..ops.update import assign_to


def _fill(tensor, array):
    assign_to(tensor, array.astype(tensor.dtype, copy=False))
    return tensor


def uniform_(tensor, a=0.0, b=1.0):
    """Uniform in [a, b)."""
    return _fill(tensor, generator().uniform(a, b, tensor.shape))


def normal_(tensor, mean=0.0, std=1.0):
    """Normal with the given mean and standard deviation."""
    return _fill(tensor, generator().normal(mean, std, tensor.shape))


def constant_(tensor, value):
    """``value`` everywhere."""
    return _fill(tensor, np.full(tensor.shape, value))


def zeros_(tensor):
    """0 everywhere."""
    return constant_(tensor, 0)


def ones_(tensor):
    """1 everywhere."""
    return constant_(tensor, 1)


def fans(tensor):
    """(inputs, outputs) of a unit of ``tensor``: (out, in, *window)."""
    if tensor.ndim < 2:
        raise ValueError(f"init: a weight has at least two dimensions, (out, in, ...), got {tensor.shape}")
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def xavier_uniform_(tensor, gain=1.0):
    """Uniform of variance gain**2 * 2 / (fan_in + fan_out) (Glorot and Bengio, 2010)."""
    bound = gain * math.sqrt(6 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor, gain=1.0):
    """Normal of variance gain**2 * 2 / (fan_in + fan_out) (Glorot and Bengio, 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(fans(tensor))))


def kaiming_uniform_(tensor, a=0.0):
    """Uniform of variance 2 / ((1 + a**2) fan_in), for rectifiers of negative slope ``a`` (He et al., 2015)."""
    bound = math.sqrt(6 / ((1 + a * a) * fans(tensor)[0]))
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(tensor, a=0.0):
    """Normal of variance 2 / ((1 + a**2) fan_in), for rectifiers of negative slope ``a`` (He et al., 2015)."""
    return normal_(tensor, 0.0, math.sqrt(2 / ((1 + a * a) * fans(tensor)[0])))

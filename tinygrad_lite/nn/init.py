"""Initial weights: each fills a Tensor in place and returns it. ``fan_in`` is the number of inputs of a unit, ``fan_out`` of its
outputs."""

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


def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0):
    """Normal with the given mean and standard deviation before all outside of [a, b] was left out."""
    if not a < b or not std > 0:
        raise ValueError(f"trunc_normal_: needs a < b and std > 0, got a = {a}, b = {b}, std = {std}")
    from scipy.special import ndtr, ndtri

    low, high = (a - mean) / std, (b - mean) / std
    side = -1.0 if low > 0 else 1.0  # from the lower tail, where the distribution function keeps its precision
    low, high = (low, high) if side > 0 else (-high, -low)
    drawn = ndtri(generator().uniform(ndtr(low), ndtr(high), tensor.shape))
    return _fill(tensor, np.clip(side * drawn * std + mean, a, b))


def constant_(tensor, val):
    """``val`` everywhere."""
    return _fill(tensor, np.full(tensor.shape, val))


def zeros_(tensor):
    """0 everywhere."""
    return constant_(tensor, 0)


def ones_(tensor):
    """1 everywhere."""
    return constant_(tensor, 1)


def eye_(tensor):
    """1 on the diagonal of a matrix, else 0: a Linear that passes on what it can."""
    if tensor.ndim != 2:
        raise ValueError(f"eye_: expected two dimensions, got {tensor.shape}")
    return _fill(tensor, np.eye(*tensor.shape))


def dirac_(tensor, groups=1):
    """1 in the middle of the kernel from each input channel to the output channel of its number, else 0: a convolution that passes
    on what it can. ``tensor`` is (out, in / groups, *kernel), so in each of so many groups of outputs."""
    if tensor.ndim not in (3, 4, 5):
        raise ValueError(f"dirac_: expected a weight (out, in, *kernel) of 1 to 3 dimensions, got {tensor.shape}")
    outputs, channels, *kernel = tensor.shape
    if groups < 1 or outputs % groups:
        raise ValueError(f"dirac_: {outputs} outputs do not divide into {groups} groups of equal size")
    weight, size = np.zeros(tensor.shape), outputs // groups
    for k in range(min(size, channels)):
        weight[(slice(k, None, size), k, *[n // 2 for n in kernel])] = 1
    return _fill(tensor, weight)


# -- by the number of inputs and outputs -----------------------------------------------------------------------------

_GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}


def calculate_gain(nonlinearity, param=None):
    """What the standard deviation of weights is multiplied by in front of a nonlinearity: 1 for "linear", "sigmoid" and
    convolutions, 5/3 for "tanh", sqrt(2) for "relu", sqrt(2 / (1 + slope**2)) for "leaky_relu" of the slope ``param`` (0.01), 3/4
    for "selu"."""
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"calculate_gain: the slope of leaky_relu must be a number, got {slope!r}")
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in _GAINS and not (str(nonlinearity).startswith("conv") and str(nonlinearity)[-2:] in ("1d", "2d", "3d")):
        raise ValueError(f"calculate_gain: nonlinearity {nonlinearity!r} is not known; there are leaky_relu, {', '.join(_GAINS)}")
    return _GAINS.get(nonlinearity, 1.0)


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


def _kaiming_std(tensor, a, mode, nonlinearity):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"init: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return calculate_gain(nonlinearity, a) / math.sqrt(fans(tensor)[mode == "fan_out"])


def kaiming_uniform_(tensor, a=0.0, mode="fan_in", nonlinearity="leaky_relu"):
    """Uniform of variance gain**2 / fan_in, by default for rectifiers of negative slope ``a`` (He et al., 2015).

    mode          "fan_in" keeps the size of signals forward, "fan_out" that of gradients backward
    nonlinearity  as of `calculate_gain`
    """
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(tensor, a=0.0, mode="fan_in", nonlinearity="leaky_relu"):
    """Normal of variance gain**2 / fan_in, by default for rectifiers of negative slope ``a`` (He et al., 2015); arguments as of
    `kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity))


# -- with a structure --------------------------------------------------------------------------------------------------


def orthogonal_(tensor, gain=1.0):
    """``gain`` times a random orthogonal matrix (rows, all others): its shorter sides are orthonormal (Saxe et al., 2014)."""
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: expected two dimensions or more, got {tensor.shape}")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    q, r = np.linalg.qr(generator().normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)  # uniform over all of them (Mezzadri, 2007)
    return _fill(tensor, (gain * (q if rows >= columns else q.T)).reshape(tensor.shape))


def sparse_(tensor, sparsity, std=0.01):
    """Normal of standard deviation ``std``, of a matrix (out, in), with the share ``sparsity`` of each column 0 (Martens, 2010)."""
    if tensor.ndim != 2:
        raise ValueError(f"sparse_: expected two dimensions, got {tensor.shape}")
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparse_: sparsity must be a share, 0 to 1, got {sparsity}")
    weight = generator().normal(0.0, std, tensor.shape)
    order = np.argsort(generator().random(tensor.shape), axis=0)
    np.put_along_axis(weight, order[: math.ceil(sparsity * tensor.shape[0])], 0.0, axis=0)
    return _fill(tensor, weight)

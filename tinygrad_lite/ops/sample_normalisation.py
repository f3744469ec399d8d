"""Normalisation of each sample by itself: over its features, over groups of channels, over each channel, to a given norm."""

from __future__ import annotations

import builtins
import math
from functools import partial

import numpy as np

from .. import kernels
from ..errors import composed, describe
from ..primitive import primitive
from ..record import Value, new_tensor
from ..state import local
from .elementwise import clamp, sqrt, square
from .normalisation import normalise_by, running_update
from .reduction import mean, norm, var
from .shape import reshape_to

__all__ = ["group_norm", "instance_norm", "layer_norm", "normalize", "rms_norm"]


def _check(x, shape, weight, bias):
    """``x`` must be float32 or float64, what there is of weight and bias of ``shape`` and its dtype."""
    if x.dtype.kind != "f" or x.dtype.itemsize < 4:
        raise TypeError(f"x must be float32 or float64, got {x.dtype}")
    for name, a in (("weight", weight), ("bias", bias)):
        if a is not None and (a.shape != shape or a.dtype != x.dtype):
            raise ValueError(f"{name} is {a.shape} {a.dtype}, expected {shape} {x.dtype} for x {x.shape}")


def _affine(out, weight, bias):
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


# -- over the last dimensions ------------------------------------------------------------------------------------------


def _sizes(normalized_shape):
    """A tuple of what may be one number."""
    return tuple(normalized_shape) if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)


def _check_features(x, shape, weight, bias=None):
    if not shape or x.shape[x.ndim - len(shape) :] != shape:
        raise ValueError(f"normalized_shape is {shape}, which x {x.shape} does not end with")
    _check(x, shape, weight, bias)


def _mean(x, n_dims):
    """Over the last ``n_dims`` dimensions, which stay."""
    return mean(x, dim=tuple(range(x.ndim - n_dims, x.ndim)), keepdim=True)


def _gradients(kernel, x, weight, bias, *given):
    """Towards x, weight and bias by ``kernel(x, weight, *given)``, None where there is none; of an empty ``x`` they are 0."""
    if not x.size:
        return tuple([None if a is None else np.zeros_like(a) for a in (x, weight, bias)])
    g_x, g_weight, g_bias = kernel(x, weight, *given)
    return g_x, None if weight is None else g_weight.reshape(weight.shape), None if bias is None else g_bias.reshape(bias.shape)


def _layer_norm_twin(x, weight=None, bias=None, *, normalized_shape, eps=1e-5):
    centred = x - _mean(x, len(normalized_shape))
    return _affine(centred / sqrt(_mean(square(centred), len(normalized_shape)) + eps), weight, bias)


@primitive(twin=_layer_norm_twin, residuals=("statistics",), name="layer_norm")
def normalise_features(x, weight=None, bias=None, *, normalized_shape, eps=1e-5):
    """`layer_norm` of a fused kernel."""
    _check_features(x, normalized_shape, weight, bias)
    if not x.size:
        return np.zeros_like(x), None
    return kernels.normalisation.layer_norm(x, weight, bias, eps, math.prod(normalized_shape))


@normalise_features.backward
def normalise_features_backward(g, x, weight, bias, statistics, *, normalized_shape, eps=1e-5):
    """g_x = (h - mean(h) - xhat * mean(h * xhat)) / std for h = g * weight and xhat = (x - mean) / std;
    g_weight = sum(g * xhat), g_bias = sum(g)."""
    kernel = partial(kernels.normalisation.layer_norm_backward, g)
    return _gradients(kernel, x, weight, bias, math.prod(normalized_shape), statistics)


@composed
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """(x - mean) / sqrt(variance + eps) * weight + bias over the last dimensions of each sample (Ba et al., 2016).

    input             (..., *normalized_shape)
    normalized_shape  the last sizes of ``input``, or the last one alone
    weight, bias      (*normalized_shape) or None
    """
    return normalise_features(input, weight, bias, normalized_shape=_sizes(normalized_shape), eps=eps)


def _rms_norm_twin(x, weight=None, *, normalized_shape, eps):
    return _affine(x / sqrt(_mean(square(x), len(normalized_shape)) + eps), weight, None)


@primitive(twin=_rms_norm_twin, residuals=("statistics",), name="rms_norm")
def normalise_squares(x, weight=None, *, normalized_shape, eps):
    """`rms_norm` of a fused kernel."""
    _check_features(x, normalized_shape, weight)
    if not x.size:
        return np.zeros_like(x), None
    return kernels.normalisation.layer_norm(x, weight, None, eps, math.prod(normalized_shape), centred=False)


@normalise_squares.backward
def normalise_squares_backward(g, x, weight, statistics, *, normalized_shape, eps):
    """g_x = (h - xhat * mean(h * xhat)) / rms for h = g * weight and xhat = x / rms; g_weight = sum(g * xhat)."""
    kernel = partial(kernels.normalisation.layer_norm_backward, g)
    return _gradients(kernel, x, weight, None, math.prod(normalized_shape), statistics, False)[:2]


@composed
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """x / sqrt(mean(x**2) + eps) * weight over the last dimensions of each sample (Zhang and Sennrich, 2019).

    Arguments as of `layer_norm`; without an ``eps`` it is the distance from 1 to the next number of the dtype.
    """
    if eps is None:
        eps = float(np.finfo(input.dtype).eps) if input.dtype.kind == "f" else 0.0
    return normalise_squares(input, weight, normalized_shape=_sizes(normalized_shape), eps=eps)


# -- over groups of channels -------------------------------------------------------------------------------------------


def _group_norm_twin(x, weight=None, bias=None, *, num_groups, eps=1e-5):
    batch, channels, *rest = x.shape
    groups = reshape_to(x, shape=(batch, num_groups, channels // num_groups * math.prod(rest)))
    centred = groups - _mean(groups, 1)
    out = reshape_to(centred / sqrt(_mean(square(centred), 1) + eps), shape=x.shape)
    by_channel = (channels, *(1,) * len(rest))
    return _affine(out, *(None if a is None else reshape_to(a, shape=by_channel) for a in (weight, bias)))


@primitive(twin=_group_norm_twin, residuals=("statistics",), name="group_norm")
def normalise_groups(x, weight=None, bias=None, *, num_groups, eps=1e-5):
    """`group_norm` of a fused kernel."""
    if x.ndim < 2:
        raise ValueError(f"x must be (batch, channels, ...), got {describe(x)}")
    if num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(f"{x.shape[1]} channels do not divide into {num_groups} groups of equal size")
    _check(x, x.shape[1:2], weight, bias)
    if x.size == num_groups and len(x) == 1:
        raise ValueError(f"there must be more than one value in a group, x is {x.shape}")
    if not x.size:
        return np.zeros_like(x), None
    return kernels.normalisation.group_norm(x, weight, bias, eps, num_groups)


@normalise_groups.backward
def normalise_groups_backward(g, x, weight, bias, statistics, *, num_groups, eps=1e-5):
    """As of `layer_norm`: the means are over a group, the sums over the batch and the places of a channel."""
    kernel = partial(kernels.normalisation.group_norm_backward, g)
    return _gradients(kernel, x, weight, bias, num_groups, statistics)


@composed
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """(x - mean) / sqrt(variance + eps) * weight + bias over each group of neighbouring channels (Wu and He, 2018).

    input         (batch, channels, ...)
    num_groups    the channels in so many groups of equal size
    weight, bias  (channels) or None
    """
    return normalise_groups(input, weight, bias, num_groups=num_groups, eps=eps)


@composed
def instance_norm(
    input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, eps=1e-5
):  # fmt: skip
    """(x - mean) / sqrt(variance + eps) * weight + bias over each channel of each sample (Ulyanov et al., 2016).

    input                      (batch, channels, places, ...)
    running_mean, running_var  (channels) or None
    weight, bias               (channels) or None
    use_input_stats            take mean and variance of ``input``, and move the running ones towards their averages over the batch:
                               running += momentum * (new - running); else the running ones are taken
    """
    if input.ndim < 3:
        raise ValueError(f"x must be (batch, channels, places, ...), got {input.shape}")
    batch, channels, *rest = input.shape
    _check(input, (channels,), weight, bias)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ValueError("running_mean and running_var are needed without use_input_stats")
        return normalise_by(input, running_mean, running_var, weight, bias, eps=eps)
    if math.prod(rest) == 1:
        raise ValueError(f"there must be more than one place in each channel, x is {input.shape}")
    if running_mean is not None and batch * math.prod(rest) and not local.state.recomputing:
        x, places = _array(input), tuple(range(2, input.ndim))
        new = [mean(v, dim=0) for v in (mean(x, dim=places), var(x, places))]
        running_update(running_mean, running_var, new_tensor(np.array(0)), *new, momentum, count=batch * math.prod(rest))
    return normalise_groups(input, weight, bias, num_groups=builtins.max(channels, 1), eps=eps)


def _array(x):
    return x.data if isinstance(x, Value) else x


@composed
def normalize(input, p=2.0, dim=1, eps=1e-12):
    """x divided by its p-norm along ``dim``, or by ``eps`` where the norm is less."""
    return input / clamp(norm(input, p, dim, keepdim=True), min=eps)

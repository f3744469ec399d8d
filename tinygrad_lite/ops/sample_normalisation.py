"""Normalisation of each sample by itself: over its features, over groups of channels, over each channel, to a given norm."""

from __future__ import annotations

import builtins
import math

import numpy as np

from ..errors import composed
from ..record import Value, new_tensor
from ..state import local
from .elementwise import clamp, sqrt, square
from .normalisation import normalise_batch, normalise_by, running_update
from .reduction import mean, norm
from .shape import reshape_to

__all__ = ["group_norm", "instance_norm", "layer_norm", "normalize", "rms_norm"]


def _check(x, **scales):
    """``x`` must be float32 or float64; ``scales`` are (array or None, expected shape)."""
    if x.dtype.kind != "f" or x.dtype.itemsize < 4:
        raise TypeError(f"x must be float32 or float64, got {x.dtype}")
    for name, (scale, shape) in scales.items():
        if scale is not None and (tuple(scale.shape) != shape or scale.dtype != x.dtype):
            what = f"{tuple(scale.shape)} {scale.dtype}, expected {shape} {x.dtype}"
            raise ValueError(f"{name} is {what} for x {tuple(x.shape)}")


def _check_features(x, normalized_shape, weight, bias=None):
    """``normalized_shape`` as a tuple: the last sizes of ``x``."""
    shape = tuple(normalized_shape) if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
    if not shape or tuple(x.shape[builtins.max(x.ndim - len(shape), 0) :]) != shape:
        raise ValueError(f"normalized_shape is {shape}, which x {tuple(x.shape)} does not end with")
    _check(x, weight=(weight, shape), bias=(bias, shape))
    return shape


def _standardised(x, rows, eps):
    """(x - mean) / sqrt(variance + eps) over each of so many ``rows`` of equal length, the mean and the variance (rows).

    A row is a channel of a batch of one image: the kernel of batch normalisation takes a third of the time of single ops.
    """
    length = math.prod(x.shape) // builtins.max(rows, 1)
    if length < 2 or not rows:  # nothing deviates from its mean
        return x - x, None, None
    out, means, variances = normalise_batch(reshape_to(x, shape=(1, rows, length)), eps=eps)
    return reshape_to(out, shape=tuple(x.shape)), means, variances


def _affine(out, weight, bias, shape):
    """``out`` times weight plus bias, which take ``shape``."""
    out = out if weight is None else out * reshape_to(weight, shape=shape)
    return out if bias is None else out + reshape_to(bias, shape=shape)


@composed
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """(x - mean) / sqrt(variance + eps) * weight + bias over the last dimensions of each sample (Ba et al., 2016).

    input             (..., *normalized_shape)
    normalized_shape  the last sizes of ``input``, or the last one alone
    weight, bias      (*normalized_shape) or None
    """
    shape = _check_features(input, normalized_shape, weight, bias)
    out, _, _ = _standardised(input, math.prod(input.shape[: input.ndim - len(shape)]), eps)
    return _affine(out, weight, bias, shape)


@composed
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """x / sqrt(mean(x**2) + eps) * weight over the last dimensions of each sample (Zhang and Sennrich, 2019).

    Arguments as of `layer_norm`; without an ``eps`` it is the distance from 1 to the next number of the dtype.
    """
    shape = _check_features(input, normalized_shape, weight)
    eps = float(np.finfo(input.dtype).eps) if eps is None else eps
    if 0 in shape:
        return input - input
    squares = mean(square(input), dim=tuple(range(input.ndim - len(shape), input.ndim)), keepdim=True)
    out = input / sqrt(squares + eps)
    return out if weight is None else out * weight


@composed
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """(x - mean) / sqrt(variance + eps) * weight + bias over each group of neighbouring channels (Wu and He, 2018).

    input         (batch, channels, ...)
    num_groups    the channels in so many groups of equal size
    weight, bias  (channels) or None
    """
    if input.ndim < 2:
        raise ValueError(f"x must be (batch, channels, ...), got {tuple(input.shape)}")
    batch, channels, *rest = input.shape
    if num_groups < 1 or channels % num_groups:
        raise ValueError(f"{channels} channels do not divide into {num_groups} groups of equal size")
    _check(input, weight=(weight, (channels,)), bias=(bias, (channels,)))
    if batch * (channels // num_groups) * math.prod(rest) == 1:
        raise ValueError(f"there must be more than one value in a group, x is {tuple(input.shape)}")
    out, _, _ = _standardised(input, batch * num_groups, eps)
    return _affine(out, weight, bias, (channels, *(1,) * len(rest)))


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
        raise ValueError(f"x must be (batch, channels, places, ...), got {tuple(input.shape)}")
    batch, channels, *rest = input.shape
    _check(input, weight=(weight, (channels,)), bias=(bias, (channels,)))
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ValueError("running_mean and running_var are needed without use_input_stats")
        return normalise_by(input, running_mean, running_var, weight, bias, eps=eps)
    if math.prod(rest) == 1:
        raise ValueError(f"there must be more than one place in each channel, x is {tuple(input.shape)}")
    out, means, variances = _standardised(input, batch * channels, eps)
    if running_mean is not None and means is not None and not local.state.recomputing:
        new = [mean(reshape_to(_array(v), shape=(batch, channels)), dim=0) for v in (means, variances)]
        running_update(running_mean, running_var, new_tensor(np.array(0)), *new, momentum, count=batch * math.prod(rest))
    return _affine(out, weight, bias, (channels, *(1,) * len(rest)))


def _array(x):
    return x.data if isinstance(x, Value) else x


@composed
def normalize(input, p=2.0, dim=1, eps=1e-12):
    """x divided by its p-norm along ``dim``, or by ``eps`` where the norm is less."""
    return input / clamp(norm(input, p, dim, keepdim=True), min=eps)

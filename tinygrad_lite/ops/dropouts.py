"""Dropout: noise that is an input of the op, drawn in training only. ``p`` is the probability to be dropped."""

from __future__ import annotations

import math

import numpy as np

from ..errors import composed
from ..record import Value
from . import random
from .elementwise import mul

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d"]


def _drops(name, p, training):
    """Whether there is something to do."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p must be a probability, 0 to 1, got {p}")
    return training and p > 0


def _dtype(x):
    return (x.data if isinstance(x, Value) else x).dtype


@composed
def dropout(x, p=0.5, training=True):
    """In training each element is 0 with probability ``p``, else divided by 1 - p (Srivastava et al., 2014)."""
    return mul(x, random.keep_mask(x.shape, p, _dtype(x))) if _drops("dropout", p, training) else x


def _drop_channels(name, x, p, training, shapes, unbatched):
    if x.ndim not in shapes:
        raise ValueError(f"{name}: x must be {' or '.join(shapes.values())}, got {x.shape}")
    if not _drops(name, p, training):
        return x
    lead = 1 if x.ndim == unbatched else 2
    return mul(x, random.keep_mask((*x.shape[:lead], *(1,) * (x.ndim - lead)), p, _dtype(x)))


@composed
def dropout1d(x, p=0.5, training=True):
    """`dropout` of whole channels (Tompson et al., 2015): ``x`` (batch, channels, length) or (channels, length)."""
    return _drop_channels("dropout1d", x, p, training, {3: "(batch, channels, length)", 2: "(channels, length)"}, 2)


@composed
def dropout2d(x, p=0.5, training=True):
    """`dropout` of whole channels (Tompson et al., 2015): ``x`` (batch, channels, height, width); three dimensions are
    (batch, channels, length), as PyTorch has it."""
    shapes = {4: "(batch, channels, height, width)", 3: "(batch, channels, length)"}
    return _drop_channels("dropout2d", x, p, training, shapes, None)


@composed
def dropout3d(x, p=0.5, training=True):
    """`dropout` of whole channels (Tompson et al., 2015): ``x`` (batch, channels, depth, height, width), or without batch."""
    shapes = {5: "(batch, channels, depth, height, width)", 4: "(channels, depth, height, width)"}
    return _drop_channels("dropout3d", x, p, training, shapes, 4)


_LEAST = 1.7580993408473766  # minus the value that `selu` tends to on the left


@composed
def alpha_dropout(x, p=0.5, training=False):
    """In training each element is, with probability ``p``, the least value of `selu`; then all are scaled and shifted so that
    mean 0 and variance 1 stay (Klambauer et al., 2017)."""
    if not _drops("alpha_dropout", p, training):
        return x
    if p == 1:
        return x * 0.0
    scale = 1 / math.sqrt((_LEAST**2 * p + 1) * (1 - p))
    kept = random.keep_mask(x.shape, p, _dtype(x)) > 0
    shift = np.where(kept, p, p - 1).astype(_dtype(x)) * (_LEAST * scale)
    return mul(x, kept * np.asarray(scale, _dtype(x))) + shift

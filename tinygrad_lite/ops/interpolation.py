"""Images of other sizes: interpolation between pixels, and pixels made of channels."""

from __future__ import annotations

import math

import numpy as np

from ..errors import composed
from .indexing import take_rows
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from .shape import permute_to, reshape_to

__all__ = ["interpolate", "pixel_shuffle", "pixel_unshuffle"]

# -- along one dimension: which pixels of the input make a pixel of the output, with which weights -------------------


def _whole(at):
    """Rounded down, in single precision as PyTorch has it: on the border between two pixels the rounding decides."""
    return np.floor(at.astype(np.float32))


def _nearest(n, m, scale, precision):
    """The pixel whose place contains the start of the output's."""
    return [_whole(np.arange(m, dtype=precision) * precision(scale))], None


def _nearest_exact(n, m, scale, precision):
    """The pixel whose place contains the middle of the output's."""
    return [_whole((np.arange(m, dtype=precision) + precision(0.5)) * precision(scale))], None


def _positions(n, m, scale, align_corners):
    """Where the middles of the output's pixels lie, in pixels of the input from the middle of its first."""
    return np.arange(m) * ((n - 1) / (m - 1) if m > 1 else 0.0) if align_corners else (np.arange(m) + 0.5) * scale - 0.5


def _linear(n, m, scale, align_corners):
    at = np.maximum(_positions(n, m, scale, align_corners), 0.0)
    first = np.minimum(np.floor(at), n - 1)
    rest = np.minimum(at - first, 1.0)
    return [first, first + 1], [1.0 - rest, rest]


_CUBIC = -0.75  # the slope of the kernel at distance 1, as PyTorch and OpenCV have it


def _cubic(n, m, scale, align_corners):
    """Piecewise cubic convolution (Keys, 1981)."""
    at = _positions(n, m, scale, align_corners)
    first = np.floor(at)
    rest, weights = at - first, []
    for distance in (rest + 1, rest, 1 - rest, 2 - rest):
        near = ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance**2 + 1
        far = _CUBIC * (((distance - 5) * distance + 8) * distance - 4)
        weights.append(np.where(distance <= 1, near, far))
    return [first - 1, first, first + 1, first + 2], weights


def _resampled(x, dim, taps, weights):
    """The sum of the pixels ``taps`` along ``dim``, times ``weights``; those outside are the outermost."""
    order = (dim, *(d for d in range(x.ndim) if d != dim))
    rows, n, total = permute_to(x, dims=order), x.shape[dim], None
    for k, tap in enumerate(taps):
        part = take_rows(rows, np.clip(tap, 0, n - 1).astype(np.int64), dim=0)
        if weights is not None:
            part = part * weights[k].astype(x.dtype).reshape(-1, *(1,) * (x.ndim - 1))
        total = part if total is None else total + part
    return permute_to(total, dims=tuple(int(d) for d in np.argsort(order)))


# -- images ----------------------------------------------------------------------------------------------------------

_MODES = {"linear": (3, _linear), "bilinear": (4, _linear), "trilinear": (5, _linear), "bicubic": (4, _cubic),
          "nearest": (None, _nearest), "nearest-exact": (None, _nearest_exact), "area": (None, None)}  # fmt: skip
_AREA = adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d


def _each(name, value, n, kinds):
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    if len(values) != n or not all(isinstance(v, kinds) and not isinstance(v, bool) and v > 0 for v in values):
        raise ValueError(f"{name} must be a positive number or {n} of them, got {value!r}")
    return values


@composed
def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None):
    """Images of another size.

    input                   (batch, channels, length), (batch, channels, height, width) or (batch, channels, depth, height, width)
    size                    of the output, an integer or one for each dimension; or
    scale_factor            output size / input size, likewise; the output is rounded down
    mode                    "nearest" (the place of a pixel decides), "nearest-exact" (its middle), "linear", "bilinear",
                            "trilinear", "bicubic" (Keys, 1981), "area" (the mean of what an output pixel covers)
    align_corners           the middles of the outermost pixels, not their outer edges, stay in place (linear and cubic modes)
    recompute_scale_factor  places of pixels by the ratio of sizes, and not by ``scale_factor``
    """
    n = input.ndim - 2
    if n not in (1, 2, 3):
        raise ValueError(f"x must be (batch, channels, ...) with 1 to 3 more dimensions, got {tuple(input.shape)}")
    ndim, taps_of = _MODES.get(mode, (None, None))
    if mode not in _MODES or ndim not in (None, input.ndim):
        fitting = [repr(name) for name, (needed, _) in _MODES.items() if needed in (None, input.ndim)]
        raise ValueError(f"mode {mode!r} is not for x {tuple(input.shape)}; there are {', '.join(fitting)}")
    if ndim is None and align_corners is not None:
        raise ValueError(f"align_corners is for linear and cubic modes, mode is {mode!r}")
    if (size is None) == (scale_factor is None) or (size is not None and recompute_scale_factor):
        raise ValueError("give either size, or scale_factor (with or without recompute_scale_factor)")
    if 0 in input.shape[2:] or (mode not in ("nearest", "nearest-exact") and input.dtype.kind != "f"):
        raise ValueError(f"x must be floats with pixels, got {tuple(input.shape)} {input.dtype}")
    old = input.shape[2:]
    if size is None:
        factors = _each("scale_factor", scale_factor, n, (int, float, np.number))
        size = tuple(math.floor(m * f) for m, f in zip(old, factors))
        if 0 in size:
            raise ValueError(f"scale_factor {scale_factor} leaves {size} of x {tuple(input.shape)}")
    else:
        size, factors = _each("size", size, n, (int, np.integer)), None
    if taps_of is None:
        return _AREA[n - 1](input, size)
    scales = [a / b for a, b in zip(old, size)] if factors is None or recompute_scale_factor else [1.0 / f for f in factors]
    option = bool(align_corners) if ndim else np.float64 if input.dtype == np.float64 else np.float32
    for d, (a, b, scale) in enumerate(zip(old, size, scales)):
        if a != b or (taps_of is _cubic and scale != 1):  # a factor may leave a size as it is: as PyTorch, only cubics move then
            input = _resampled(input, d + 2, *taps_of(a, b, scale, option))
    return input


def _check_factor(name, factor, x):
    if isinstance(factor, bool) or not isinstance(factor, (int, np.integer)) or factor < 1:
        raise ValueError(f"{name} must be a positive integer, got {factor!r}")
    if x.ndim < 3:
        raise ValueError(f"x must be (..., channels, height, width), got {tuple(x.shape)}")


@composed
def pixel_shuffle(input, upscale_factor):
    """Channels as pixels: (..., C r**2, height, width) -> (..., C, height r, width r) for the factor r (Shi et al., 2016)."""
    r = upscale_factor
    _check_factor("upscale_factor", r, input)
    *lead, channels, height, width = input.shape
    if channels % r**2:
        raise ValueError(f"{channels} channels do not divide by upscale_factor**2 = {r**2} (x is {tuple(input.shape)})")
    k = len(lead)
    parts = reshape_to(input, shape=(*lead, channels // r**2, r, r, height, width))
    parts = permute_to(parts, dims=(*range(k + 1), k + 3, k + 1, k + 4, k + 2))
    return reshape_to(parts, shape=(*lead, channels // r**2, height * r, width * r))


@composed
def pixel_unshuffle(input, downscale_factor):
    """Pixels as channels, the inverse of `pixel_shuffle`: (..., C, height r, width r) -> (..., C r**2, height, width)."""
    r = downscale_factor
    _check_factor("downscale_factor", r, input)
    *lead, channels, height, width = input.shape
    if height % r or width % r:
        raise ValueError(f"height {height} and width {width} do not divide by downscale_factor {r}")
    k = len(lead)
    parts = reshape_to(input, shape=(*lead, channels, height // r, r, width // r, r))
    parts = permute_to(parts, dims=(*range(k + 1), k + 2, k + 4, k + 1, k + 3))
    return reshape_to(parts, shape=(*lead, channels * r**2, height // r, width // r))

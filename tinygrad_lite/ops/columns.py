"""Windows as columns and back: the two are each other's adjoint, so either is the derivative of the other."""

from __future__ import annotations

import math

import numpy as np

from ..errors import composed
from ..primitive import primitive
from .convolution import numbers
from .windows import block_windows, check_floating, check_image, full, size_of

__all__ = ["fold", "unfold"]


def _taps(windows, count):
    """For each tap of a window, which elements of a padded image it is of all windows."""
    kernel, stride, _, dilation, _ = full(windows)
    for tap in np.ndindex(*kernel):
        yield tuple(slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, n, s in zip(tap, dilation, count, stride))


@primitive(name="unfold")
def unfold_windows(x, *, windows, count):
    """(..., channels, *size) -> (..., channels * elements of a window, windows)."""
    dims = len(count)
    padding = full(windows)[2]
    lead = x.shape[: x.ndim - dims]
    padded = np.pad(x, [(0, 0)] * len(lead) + [(p, p) for p in padding]) if any(padding) else x
    taps = math.prod(windows[0])
    out = np.empty((*lead, taps, *count), x.dtype)
    for t, places in enumerate(_taps(windows, count)):
        out[(..., t, *[slice(None)] * dims)] = padded[(..., *places)]
    return out.reshape(*lead[:-1], lead[-1] * taps, math.prod(count))


@primitive(name="fold")
def fold_windows(g, *, windows, count, size):
    """(..., channels * elements of a window, windows) -> (..., channels, *size): overlapping elements are added."""
    taps, padding = math.prod(windows[0]), full(windows)[2]
    g = g.reshape(*g.shape[:-2], g.shape[-2] // taps, taps, *count)
    out = np.zeros((*g.shape[: -len(count) - 1], *[n + 2 * p for n, p in zip(size, padding)]), g.dtype)
    for t, places in enumerate(_taps(windows, count)):
        out[(..., *places)] += g[(..., t, *[slice(None)] * len(count))]
    inside = out[(..., *[slice(p, p + n) for p, n in zip(padding, size)])]
    return inside if inside.shape == out.shape else np.ascontiguousarray(inside)


unfold_windows.derivatives(
    lambda g, x_shape, windows, count: fold_windows(g, windows=windows, count=count, size=size_of(x_shape, windows))
)
fold_windows.derivatives(lambda h, windows, count: unfold_windows(h, windows=windows, count=count))


@composed
def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """The windows of images as columns: (batch, channels, height, width) -> (batch, channels * elements of a window, windows).

    kernel_size, dilation, padding, stride  an integer, or (height, width); padding is zeros
    ``weight.reshape(outputs, -1) @ unfold(x, kernel_size)`` is a convolution. The batch may be missing.
    """
    check_floating(x)
    check_image(x.shape, 2)
    windows, count = block_windows(tuple(x.shape[-2:]), kernel_size, dilation, padding, stride)
    return unfold_windows(x, windows=windows, count=count)


@composed
def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Images of ``output_size`` (height, width) from the columns of `unfold`, elements of several windows added:
    (batch, channels * elements of a window, windows) -> (batch, channels, *output_size). The adjoint of `unfold`."""
    size = numbers("output_size", output_size, 2, 1)
    windows, count = block_windows(size, kernel_size, dilation, padding, stride)
    if x.ndim not in (2, 3) or x.shape[-2] % math.prod(windows[0]) or x.shape[-1] != math.prod(count):
        shape = f"(batch, channels * {math.prod(windows[0])}, {math.prod(count)})"
        raise ValueError(f"x must be {shape} or without batch for kernel_size {windows[0]} and output_size {size}, got {x.shape}")
    check_floating(x)
    return fold_windows(x, windows=windows, count=count, size=size)

"""Windows over images: their arguments, checked, and how many there are. What pooling, unfold and fold share.

The ops keep them as one plain attribute ``windows``: (kernel_size, stride, padding, dilation, ceil_mode), where kernel_size has a
number for each dimension, the others have one for all if it is the same, and defaults at the end are left out; or, for adaptive
windows, the output's size.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from ..kernels.pooling import tables
from .convolution import numbers


def n_dims(windows):
    """The number of dimensions of windows."""
    return len(windows[0]) if isinstance(windows[0], tuple) else len(windows)


def size_of(shape, windows):
    """The part of ``shape`` that windows lie over."""
    return tuple(shape[len(shape) - n_dims(windows) :])


def window_count(size, kernel, stride, padding=0, dilation=1, ceil_mode=False):
    """How many windows there are along a dimension: they begin within size + padding, and with ``ceil_mode`` may end beyond."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    return count - 1 if ceil_mode and (count - 1) * stride >= size + padding else count


def full(windows):
    """kernel_size, stride, padding, dilation with a number for each dimension, and ceil_mode."""
    kernel, stride, padding, dilation, ceil_mode = *windows, *(1, 0, 1, False)[len(windows) - 1 :]
    return kernel, *[v if isinstance(v, tuple) else (v,) * len(kernel) for v in (stride, padding, dilation)], ceil_mode


def _short(kernel, stride, padding=0, dilation=1, ceil_mode=False):
    """The attribute ``windows``."""
    parts = [v[0] if isinstance(v, tuple) and len(set(v)) == 1 else v for v in (stride, padding, dilation, ceil_mode)]
    while len(parts) > 1 and parts[-1] == (1, 0, 1, False)[len(parts) - 1]:
        parts.pop()
    return kernel, *parts


@functools.lru_cache(maxsize=256)
def grid(windows, size):
    """The tables of `windows` over images of ``size``."""
    if not isinstance(windows[0], tuple):
        return tables.Grid([tables.adaptive(*pair) for pair in zip(size, windows)])
    *each, ceil_mode = full(windows)
    counts = [window_count(n, *window, ceil_mode) for n, *window in zip(size, *each)]
    return tables.Grid([tables.regular(n, count, *window) for n, count, *window in zip(size, counts, *each)])


@functools.lru_cache(maxsize=512)
def grid_over(windows, shape, divisor=1):
    """The tables of `windows` over images of ``shape``, and what the sum of each window is divided by: ``divisor`` if it is a
    number, else how many elements the window has: with "window" as in the padded image, with "inside" without padding. They are
    one number, or an array with one for each window."""
    found = grid(windows, size_of(shape, windows))
    if not isinstance(divisor, str):
        return found, divisor
    counts = [
        a.stop - a.first if divisor == "inside" else np.minimum(a.begin + a.taps, a.size + a.padding) - a.begin for a in found.axes
    ]
    if all(len(set(c)) <= 1 for c in counts):
        return found, math.prod(int(c[0]) for c in counts if len(c))
    return found, functools.reduce(np.multiply.outer, counts).astype(np.float64)


# -- arguments ---------------------------------------------------------------------------------------------------------


def arguments(n, kernel_size, stride=None, padding=0, dilation=1):
    """Each as a tuple of ``n`` integers, checked."""
    kernel = numbers("kernel_size", kernel_size, n, 1)
    stride = kernel if stride is None else numbers("stride", stride, n, 1)
    return kernel, stride, numbers("padding", padding, n, 0), numbers("dilation", dilation, n, 1)


def check_floating(x, integers=False):
    """Refuse what is no Tensor of floats, or of ``integers``."""
    if not hasattr(x, "ndim"):
        raise TypeError(f"expected a Tensor or an array, got {type(x).__name__}; make one with tinygrad_lite.tensor")
    if x.dtype.kind != "f" and not (integers and x.dtype.kind in "iu"):
        raise TypeError(f"x is {x.dtype}: convert it with .float() first")


def check_image(shape, n):
    """Refuse shapes that are no image of ``n`` dimensions, with channels and perhaps a batch."""
    sizes = ("length", "height, width", "depth, height, width")[n - 1]
    if len(shape) not in (n + 1, n + 2):
        raise ValueError(f"x must be (batch, channels, {sizes}) or (channels, {sizes}), got {shape}")
    if 0 in shape[-n:]:
        raise ValueError(f"x {shape} has no elements in an image: only batch and channels may be empty")


@functools.lru_cache(maxsize=512, typed=True)
def _pooling(n, shape, kernel_size, stride, padding, dilation, ceil_mode):
    check_image(shape, n)
    kernel, stride, padding, dilation = arguments(n, kernel_size, stride, padding, dilation)
    windows, size = _short(kernel, stride, padding, dilation, bool(ceil_mode)), shape[-n:]
    for m, k, s, p, d in zip(size, kernel, stride, padding, dilation):
        if 2 * p > k:
            raise ValueError(f"padding {p} is more than half of kernel_size {k}: windows would see padding only")
        if window_count(m, k, s, p, d, ceil_mode) < 1:
            dilated = f" (with dilation {d}: {d * (k - 1) + 1})" if d > 1 else ""
            raise ValueError(f"kernel_size {k}{dilated} is larger than size {m} of the image {size} with padding {p} on both sides")
    for a in grid(windows, size).axes:
        if (a.first >= a.stop).any():
            raise ValueError(f"padding {a.padding} and dilation {a.dilation}: a window over size {a.size} would see padding only")
    return windows


def pooling_windows(x, n, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, integers=False):
    """The attribute ``windows`` of a pooling of ``x``, checked."""
    check_floating(x, integers)
    try:
        return _pooling(n, x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    except TypeError:  # lists
        listed = [tuple(v) if isinstance(v, list) else v for v in (kernel_size, stride, padding, dilation)]
        return _pooling(n, x.shape, *listed, ceil_mode)


def adaptive_windows(x, n, output_size):
    """The attribute ``windows`` of an adaptive pooling of ``x``, checked."""
    check_floating(x)
    check_image(x.shape, n)
    given = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * n
    given = tuple(m if wanted is None else wanted for m, wanted in zip(x.shape[-n:], given)) if len(given) == n else given
    return numbers("output_size", given, n, 0)


def block_windows(size, kernel_size, dilation=1, padding=0, stride=1):
    """The attribute ``windows`` of `unfold` and `fold` over images of ``size``, and how many there are in each dimension."""
    kernel, stride, padding, dilation = arguments(len(size), kernel_size, stride, padding, dilation)
    counts = tuple(window_count(*window) for window in zip(size, kernel, stride, padding, dilation))
    if min(counts) < 1:
        raise ValueError(f"kernel_size {kernel} with dilation {dilation} is larger than the image {size} with padding {padding}")
    return _short(kernel, stride, padding, dilation), counts

"""Pooling: one number for each window of an image. Two families, each closed under differentiation.

::

    sum      y[p] = sum over the places i of window p of x[i] / count        its adjoint spreads y over the window
    maximum  y[p] = x[i(p)], i(p) the place of the largest                    its derivative places y at i(p), the adjoint
                                                                              of which picks x at i(p)

Sum and average are linear, so that derivatives of every order run in their kernels; the maximum keeps for its derivatives which tap
of a window was chosen, one byte for windows of up to 256. Images are (batch, channels, *size) or (channels, *size); float16 is
computed in float32. Arguments are PyTorch's; ``stride=None`` is the kernel's size: windows lie side by side.
"""

from __future__ import annotations

import math
import operator

import numpy as np

from ..errors import composed
from ..kernels import pooling as kernels
from ..primitive import primitive
from .elementwise import abs, pow, square
from .reduction import _power
from .shape import reshape_to
from .windows import adaptive_windows, grid_over, pooling_windows, size_of

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "global_avg_pool", "global_max_pool", "lp_pool1d",
    "lp_pool2d", "lp_pool3d", "max_pool1d", "max_pool2d", "max_pool3d", "sum_pool1d", "sum_pool2d", "sum_pool3d",
]  # fmt: skip


def _wide(x):
    """``x`` in a precision that is computed in."""
    return x.astype(np.float32) if x.dtype.itemsize == 2 else x


# -- sums --------------------------------------------------------------------------------------------------------------


@primitive(name="avg_pool")
def average_windows(x, *, windows, divisor):
    """The sum of each window, divided by ``divisor`` (a number; "window": by its elements, "inside": by those not padding)."""
    grid, count = grid_over(windows, x.shape, divisor)
    if isinstance(count, np.ndarray):
        out = kernels.sum_pool(_wide(x), grid)
        out /= count.astype(out.dtype)
    else:
        out = kernels.sum_pool(_wide(x), grid, count)
    return out if out.dtype == x.dtype else out.astype(x.dtype)


@primitive(name="sum_pool")
def sum_windows(x, *, windows):
    """The sum of each window."""
    return average_windows(x, windows=windows, divisor=1)


@primitive
def spread_windows(g, *, windows, size, divisor=1):
    """Zeros of ``size`` with each number of ``g``, divided by ``divisor``, added to all of its window: the adjoint of
    `average_windows`."""
    (grid, count), wide = grid_over(windows, size, divisor), _wide(g)
    if isinstance(count, np.ndarray):
        wide, count = wide / count.astype(wide.dtype), 1
    out = kernels.spread(wide, grid, count)
    return out if out.dtype == g.dtype else out.astype(g.dtype)


average_windows.derivatives(
    lambda g, x_shape, windows, divisor: spread_windows(g, windows=windows, size=size_of(x_shape, windows), divisor=divisor)
)
sum_windows.derivatives(lambda g, x_shape, windows: spread_windows(g, windows=windows, size=size_of(x_shape, windows)))
spread_windows.derivatives(lambda h, windows, divisor: average_windows(h, windows=windows, divisor=divisor))

# -- maxima ------------------------------------------------------------------------------------------------------------


@primitive(outputs=("values", "taps"), name="max_pool")
def max_windows(x, *, windows):
    """The largest element of each window, the first of equals (a NaN if there is one), and its number in the window."""
    values, taps = kernels.max_pool(_wide(x), grid_over(windows, x.shape)[0])
    return (values if values.dtype == x.dtype else values.astype(x.dtype)), taps


@primitive
def place_windows(g, taps, *, windows, size):
    """Zeros of ``size`` with each number of ``g`` added at the element number ``taps`` of its window: the derivative of
    `max_windows`."""
    out = kernels.place(_wide(g), taps, grid_over(windows, size)[0])
    return out if out.dtype == g.dtype else out.astype(g.dtype)


@primitive
def pick_windows(x, taps, *, windows):
    """The element number ``taps`` of each window: the adjoint of `place_windows`."""
    out = kernels.pick(_wide(x), taps, grid_over(windows, x.shape)[0])
    return out if out.dtype == x.dtype else out.astype(x.dtype)


@primitive
def flat_places(taps, *, windows, size):
    """Where in an image of ``size``, flattened, the element number ``taps`` of each window lies."""
    return kernels.flat_places(taps, grid_over(windows, size)[0])


max_windows.derivatives(
    lambda g_values, g_taps, x_shape, taps, windows: place_windows(g_values, taps, windows=windows, size=size_of(x_shape, windows))
)
place_windows.derivatives(lambda h, taps, windows: pick_windows(h, taps, windows=windows), None)
pick_windows.derivatives(
    lambda g, x_shape, taps, windows: place_windows(g, taps, windows=windows, size=size_of(x_shape, windows)), None
)


def _max_pool(x, windows, return_indices):
    values, taps = max_windows(x, windows=windows)
    return (values, flat_places(taps, windows=windows, size=size_of(x.shape, windows))) if return_indices else values


# -- PyTorch's names ---------------------------------------------------------------------------------------------------


@composed
def max_pool1d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """As `max_pool2d`, of sequences (batch, channels, length) or (channels, length)."""
    return _max_pool(x, pooling_windows(x, 1, kernel_size, stride, padding, dilation, ceil_mode), return_indices)


@composed
def max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The largest element of each window: (batch, channels, height, width) -> (batch, channels, rows, columns).

    kernel_size, stride, padding, dilation  an integer, or one for each dimension. Padding (at most half of the kernel) is minus
                    infinity; of equal elements the first one has the gradient; a NaN is larger than all.
    ceil_mode       the last windows may end beyond the padded image
    return_indices  (values, indices): int64, in each flattened image
    A dimension has floor((size + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1 windows.
    """
    windows = pooling_windows(x, 2, kernel_size, stride, padding, dilation, ceil_mode, integers=True)
    return _max_pool(x, windows, return_indices)


@composed
def max_pool3d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """As `max_pool2d`, of volumes (batch, channels, depth, height, width) or (channels, depth, height, width)."""
    windows = pooling_windows(x, 3, kernel_size, stride, padding, dilation, ceil_mode, integers=True)
    return _max_pool(x, windows, return_indices)


def _avg_pool(x, n, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override=None):
    windows = pooling_windows(x, n, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override is None:
        return average_windows(x, windows=windows, divisor="window" if count_include_pad else "inside")
    try:
        divisor = operator.index(divisor_override)
    except TypeError:
        divisor = 0
    if not divisor:
        raise ValueError(f"divisor_override must be an integer, not 0, got {divisor_override!r}")
    return average_windows(x, windows=windows, divisor=divisor)


@composed
def avg_pool1d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """As `avg_pool2d`, of sequences (batch, channels, length) or (channels, length)."""
    return _avg_pool(x, 1, kernel_size, stride, padding, ceil_mode, count_include_pad)


@composed
def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    """The mean of each window: (batch, channels, height, width) -> (batch, channels, rows, columns); see `max_pool2d`.

    padding            zeros, at most half of the kernel
    count_include_pad  whether they count as elements
    divisor_override   divides the sums in place of the number of elements
    """
    return _avg_pool(x, 2, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@composed
def avg_pool3d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    """As `avg_pool2d`, of volumes (batch, channels, depth, height, width) or (channels, depth, height, width)."""
    return _avg_pool(x, 3, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@composed
def sum_pool1d(x, kernel_size, stride=None, padding=0, ceil_mode=False):
    """The sum of each window of (batch, channels, length) or (channels, length); padding is zeros."""
    return sum_windows(x, windows=pooling_windows(x, 1, kernel_size, stride, padding, 1, ceil_mode))


@composed
def sum_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False):
    """The sum of each window: (batch, channels, height, width) -> (batch, channels, rows, columns); padding is zeros."""
    return sum_windows(x, windows=pooling_windows(x, 2, kernel_size, stride, padding, 1, ceil_mode))


@composed
def sum_pool3d(x, kernel_size, stride=None, padding=0, ceil_mode=False):
    """The sum of each window of (batch, channels, depth, height, width) or (channels, depth, height, width)."""
    return sum_windows(x, windows=pooling_windows(x, 3, kernel_size, stride, padding, 1, ceil_mode))


def _lp_pool(x, n, norm_type, kernel_size, stride, ceil_mode):
    windows = pooling_windows(x, n, kernel_size, stride, 0, 1, ceil_mode)
    p = float(norm_type)
    if not p:
        raise ValueError("norm_type must not be 0")
    if math.isinf(p):
        values = _max_pool(abs(x) if p > 0 else -abs(x), windows, False)
        return values if p > 0 else -values
    mean = average_windows(x if p == 1 else square(x) if p == 2 else pow(x, p), windows=windows, divisor="window")
    total = mean * float(math.prod(windows[0]))
    return total if p == 1 else _power(total, 1.0 / p)


@composed
def lp_pool1d(x, norm_type, kernel_size, stride=None, ceil_mode=False):
    """As `lp_pool2d`, of sequences (batch, channels, length) or (channels, length)."""
    return _lp_pool(x, 1, norm_type, kernel_size, stride, ceil_mode)


@composed
def lp_pool2d(x, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(sum of x**p)**(1/p) over each window, p = ``norm_type`` (Sermanet et al., 2012): p = 1 is the sum, infinity the largest
    magnitude. A window that ``ceil_mode`` cuts short counts as a whole one of its mean; the derivative at 0 is 0."""
    return _lp_pool(x, 2, norm_type, kernel_size, stride, ceil_mode)


@composed
def lp_pool3d(x, norm_type, kernel_size, stride=None, ceil_mode=False):
    """As `lp_pool2d`, of volumes (batch, channels, depth, height, width) or (channels, depth, height, width)."""
    return _lp_pool(x, 3, norm_type, kernel_size, stride, ceil_mode)


@composed
def adaptive_avg_pool1d(x, output_size):
    """As `adaptive_avg_pool2d`, of sequences (batch, channels, length) or (channels, length)."""
    return average_windows(x, windows=adaptive_windows(x, 1, output_size), divisor="inside")


@composed
def adaptive_avg_pool2d(x, output_size):
    """The means of as many windows as ``output_size`` says (an integer, or one for each dimension; None: as many as elements):
    window i of n over a dimension goes from floor(i size / n) to ceil((i + 1) size / n)."""
    return average_windows(x, windows=adaptive_windows(x, 2, output_size), divisor="inside")


@composed
def adaptive_avg_pool3d(x, output_size):
    """As `adaptive_avg_pool2d`, of volumes (batch, channels, depth, height, width) or (channels, depth, height, width)."""
    return average_windows(x, windows=adaptive_windows(x, 3, output_size), divisor="inside")


@composed
def adaptive_max_pool1d(x, output_size, return_indices=False):
    """As `adaptive_max_pool2d`, of sequences (batch, channels, length) or (channels, length)."""
    return _max_pool(x, adaptive_windows(x, 1, output_size), return_indices)


@composed
def adaptive_max_pool2d(x, output_size, return_indices=False):
    """The largest elements of the windows of `adaptive_avg_pool2d`; ``return_indices`` as of `max_pool2d`."""
    return _max_pool(x, adaptive_windows(x, 2, output_size), return_indices)


@composed
def adaptive_max_pool3d(x, output_size, return_indices=False):
    """As `adaptive_max_pool2d`, of volumes (batch, channels, depth, height, width) or (channels, depth, height, width)."""
    return _max_pool(x, adaptive_windows(x, 3, output_size), return_indices)


def _global_pool(x, pool, keepdim):
    if x.ndim < 3:
        raise ValueError(f"x must be (batch, channels, ...), got {tuple(x.shape)}")
    shape = tuple(x.shape)
    out = pool(reshape_to(x, shape=(*shape[:2], math.prod(shape[2:]))), 1)
    return reshape_to(out, shape=(*shape[:2], *[1] * (len(shape) - 2) * keepdim))


@composed
def global_avg_pool(x, keepdim=False):
    """The mean of each channel over all that comes after: (batch, channels, ...) -> (batch, channels) (Lin et al., 2013);
    ``keepdim`` leaves sizes 1."""
    return _global_pool(x, adaptive_avg_pool1d, keepdim)


@composed
def global_max_pool(x, keepdim=False):
    """The largest element of each channel: (batch, channels, ...) -> (batch, channels); ``keepdim`` leaves sizes 1."""
    return _global_pool(x, adaptive_max_pool1d, keepdim)

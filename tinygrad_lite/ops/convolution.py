"""Convolution of 1, 2 and 3 dimensions with PyTorch's arguments, and the true one, whose kernel is flipped.

What PyTorch and networks call convolution is cross-correlation: nothing is flipped. `cross_correlation1d` and `cross_correlation2d`
are the same functions under their own name; `convolve1d` and `convolve2d` are what signal processing means.
float16 is computed in float32 and rounded once; images of integers are refused.
"""

from __future__ import annotations

import functools
import math
import operator

import numpy as np

from ..errors import composed
from .correlation import correlate, correlate_input
from .linalg import _check_same_dtype
from .shape import flip, reshape_to, unslice

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "convolve1d", "convolve2d",
    "cross_correlation1d", "cross_correlation2d",
]  # fmt: skip

# -- arguments -----------------------------------------------------------------------------------------------------


def numbers(name, value, n, least):
    """``value``, an integer or one for each of ``n`` dimensions, as a tuple of integers; each is at least ``least``."""
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    try:
        given = tuple(map(operator.index, given)) * (n if len(given) == 1 else 1)
    except TypeError:
        raise TypeError(f"{name} must be an integer{f' or {n} integers' * (n > 1)}, got {value!r}") from None
    if len(given) != n or min(given) < least:
        raise ValueError(f"{name} must be an integer{f' or {n} integers' * (n > 1)}, {least} or more, got {value!r}")
    return given


def _short(values):
    """One number for equal ones: what the ops show in a picture."""
    return values[0] if len(set(values)) == 1 else values


def _short_pairs(pairs):
    return pairs[0][0] if len({p for pair in pairs for p in pair}) == 1 else pairs


_FLOATS = frozenset(map(np.dtype, (np.float16, np.float32, np.float64)))


def _check_dtypes(names, *arrays):
    """Floats of one dtype."""
    first = arrays[0].dtype
    for name, a in zip(names, arrays):
        if a is not None and (a.dtype != first or first not in _FLOATS):
            if a.dtype not in _FLOATS:
                raise TypeError(f"{name} is {a.dtype}: convert it with .float() first")
            _check_same_dtype(arrays[0], a, (names[0], name))


def _shapes(x, weight, bias):
    _check_dtypes(("x", "weight", "bias"), x, weight, bias)
    return x.shape, weight.shape, None if bias is None else bias.shape


def _hashable(*values):
    return [tuple(v) if type(v) is list else v for v in values]


def _check_shapes(n, x, weight, channels, bias, outputs, groups):
    """The shapes of images, weight and bias of ``n`` dimensions; weight is made for ``channels`` and ``outputs``."""
    sizes = ("length", "height, width", "depth, height, width")[n - 1]
    if len(x) not in (n + 1, n + 2):
        raise ValueError(f"x must be (batch, channels, {sizes}) or (channels, {sizes})")
    if 0 in x[-n:]:
        raise ValueError("the images have no pixels: only the batch may be empty")
    if not outputs:
        raise ValueError("weight has no output channels")
    if weight[0] % groups:
        raise ValueError(f"the {weight[0]} channels that come first in weight do not divide into {groups} groups of equal size")
    if x[-n - 1] != channels:
        with_groups = f" with {groups} groups" if groups > 1 else ""
        raise ValueError(f"x has {x[-n - 1]} channels, weight {weight}{with_groups} expects {channels}")
    if bias is not None and bias != (outputs,):
        raise ValueError(f"bias is {bias}, expected ({outputs},)")


def _kernel(n, weight):
    if len(weight) != n + 2 or 0 in weight[2:]:
        raise ValueError(f"weight must have {n + 2} dimensions, the last {n} of them the kernel's sizes, 1 or more")
    return weight[2:]


def padding_pairs(padding, kernel, stride, dilation):
    """(before, after) of each dimension."""
    if padding == "same":
        if max(stride) > 1:
            raise ValueError(f"padding='same' is for stride 1, where the output has the size of x; stride is {stride}")
        totals = [d * (k - 1) for k, d in zip(kernel, dilation)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, str) and padding != "valid":
        raise ValueError(f"padding must be 'same', 'valid' or integers, got {padding!r}")
    return tuple((p, p) for p in numbers("padding", 0 if padding == "valid" else padding, len(kernel), 0))


@functools.lru_cache(maxsize=1024, typed=True)
def _forward_arguments(n, x, weight, bias, stride, padding, dilation, groups):
    """The attributes of `correlate`, from shapes and what the user gave."""
    kernel, (groups,) = _kernel(n, weight), numbers("groups", groups, 1, 1)
    _check_shapes(n, x, weight, weight[1] * groups, bias, weight[0], groups)
    stride, dilation = numbers("stride", stride, n, 1), numbers("dilation", dilation, n, 1)
    pairs = padding_pairs(padding, kernel, stride, dilation)
    padded = tuple(m + low + high for m, (low, high) in zip(x[-n:], pairs))
    spans = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation))
    if any(span > m for span, m in zip(spans, padded)):
        dilated = f", {spans} with its dilation," if max(dilation) > 1 else ""
        raise ValueError(f"the kernel {kernel}{dilated} is larger than the padded image {padded}")
    return dict(stride=_short(stride), padding=_short_pairs(pairs), dilation=_short(dilation), groups=groups)


@functools.lru_cache(maxsize=1024, typed=True)
def _transposed_arguments(n, x, weight, bias, stride, padding, output_padding, dilation, groups):
    """The size of x with the zeros at its end that a large ``output_padding`` needs; the attributes of `correlate_input`."""
    kernel, (groups,) = _kernel(n, weight), numbers("groups", groups, 1, 1)
    _check_shapes(n, x, weight, weight[0], bias, weight[1] * groups, groups)
    stride, dilation = numbers("stride", stride, n, 1), numbers("dilation", dilation, n, 1)
    padding, more = numbers("padding", padding, n, 0), numbers("output_padding", output_padding, n, 0)
    if any(extra >= max(s, d) for extra, s, d in zip(more, stride, dilation)):
        raise ValueError(f"output_padding must be smaller than stride or dilation, which are {stride} and {dilation}, got {more}")
    size = tuple(
        (m - 1) * s - 2 * p + d * (k - 1) + extra + 1
        for m, k, s, p, d, extra in zip(x[-n:], kernel, stride, padding, dilation, more)
    )
    if min(size) < 1:
        raise ValueError(f"the output would be {size}: padding {padding} is too large")
    whole, pairs = tuple(m + extra // s for m, extra, s in zip(x[-n:], more, stride)), tuple((p, p) for p in padding)
    return whole, dict(size=size, stride=_short(stride), padding=_short_pairs(pairs), dilation=_short(dilation), groups=groups)


def _conv(n, x, weight, bias, stride, padding, dilation, groups):
    arguments = _forward_arguments(n, *_shapes(x, weight, bias), *_hashable(stride, padding, dilation), groups)
    if x.ndim == n + 2:
        return correlate(x, weight, bias, **arguments)
    out = correlate(reshape_to(x, shape=(1, *x.shape)), weight, bias, **arguments)
    return reshape_to(out, shape=out.shape[1:])


def _conv_transpose(n, x, weight, bias, stride, padding, output_padding, groups, dilation):
    window = _hashable(stride, padding, output_padding, dilation)
    whole, arguments = _transposed_arguments(n, *_shapes(x, weight, bias), *window, groups)
    batched = x.ndim == n + 2
    if not batched:
        x = reshape_to(x, shape=(1, *x.shape))
    if whole != x.shape[2:]:
        x = unslice(x, index=(..., *[slice(0, m) for m in x.shape[2:]]), shape=(*x.shape[:2], *whole))
    out = correlate_input(x, weight, bias, **arguments)
    return out if batched else reshape_to(out, shape=out.shape[1:])


# -- as networks use it: nothing is flipped --------------------------------------------------------------------------


@composed
def conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation of sequences; arguments as of `conv2d`.

    x       (N, C, length) or (C, length)
    weight  (K, C / groups, kernel)
    """
    return _conv(1, x, weight, bias, stride, padding, dilation, groups)


@composed
def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation of images: out[n, k, p] = bias[k] + sum over c, r of x[n, c, p * stride + r * dilation - padding] *
    weight[k, c, r], for pixels p and places r of the kernel (LeCun et al., 1989).

    x         (N, C, height, width) or (C, height, width)
    weight    (K, C / groups, kernel height, kernel width)
    bias      (K) or None
    stride    pixels of x from one pixel of the output to the next, a number or one for each dimension
    padding   zeros on both sides, a number or one for each dimension; "valid" is none, "same" as many as keep the size (stride 1)
    dilation  pixels of x from one place of the kernel to the next, a number or one for each dimension
    groups    channels in so many groups, each of which sees itself alone
    Returns (N, K, *output) or (K, *output): (size + 2 padding - dilation (kernel - 1) - 1) // stride + 1 pixels in each dimension.
    """
    return _conv(2, x, weight, bias, stride, padding, dilation, groups)


@composed
def conv3d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation of volumes; arguments as of `conv2d`.

    x       (N, C, depth, height, width) or (C, depth, height, width)
    weight  (K, C / groups, kernel depth, height, width)
    """
    return _conv(3, x, weight, bias, stride, padding, dilation, groups)


@composed
def cross_correlation1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """`conv1d` under its own name: the kernel is not flipped (`convolve1d` flips it)."""
    return _conv(1, x, weight, bias, stride, padding, dilation, groups)


@composed
def cross_correlation2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """`conv2d` under its own name: the kernel is not flipped (`convolve2d` flips it)."""
    return _conv(2, x, weight, bias, stride, padding, dilation, groups)


@composed
def conv_transpose1d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transposed convolution of sequences; arguments as of `conv_transpose2d`.

    x       (N, C, length) or (C, length)
    weight  (C, K / groups, kernel)
    """
    return _conv_transpose(1, x, weight, bias, stride, padding, output_padding, groups, dilation)


@composed
def conv_transpose2d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The adjoint of `conv2d`, which spreads each pixel over the output (Zeiler et al., 2010): out[n, k, i] = bias[k] + sum over
    c, p, r of x[n, c, p] * weight[c, k, r], for pixels p and places r of the kernel with i = p * stride + r * dilation - padding.

    x               (N, C, height, width) or (C, height, width)
    weight          (C, K / groups, kernel height, kernel width)
    bias            (K) or None
    stride, padding, dilation, groups   those of the `conv2d` whose adjoint this is: padding takes pixels away
    output_padding  pixels more at the end, fewer than stride or dilation: `conv2d` of stride s brings s sizes to the same
    Returns (N, K, *output) or (K, *output): (size - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1 pixels.
    """
    return _conv_transpose(2, x, weight, bias, stride, padding, output_padding, groups, dilation)


@composed
def conv_transpose3d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transposed convolution of volumes; arguments as of `conv_transpose2d`.

    x       (N, C, depth, height, width) or (C, depth, height, width)
    weight  (C, K / groups, kernel depth, height, width)
    """
    return _conv_transpose(3, x, weight, bias, stride, padding, output_padding, groups, dilation)


# -- as signal processing means it: the kernel is flipped ------------------------------------------------------------


def _convolve(n, x, kernel, mode):
    x, kernel, pairs = _convolve_arguments(n, x, kernel, mode)
    lead, size = x.shape[:-n], x.shape[-n:]
    weight = reshape_to(flip(kernel, dims=tuple(range(n))), shape=(1, 1, *kernel.shape))
    out = correlate(reshape_to(x, shape=(math.prod(lead), 1, *size)), weight, padding=_short_pairs(pairs))
    return reshape_to(out, shape=(*lead, *out.shape[2:]))


def _convolve_arguments(n, x, kernel, mode):
    """x and kernel, exchanged where that pays or must be, and the zeros around."""
    _check_dtypes(("x", "kernel"), x, kernel)
    if x.ndim < n or kernel.ndim != n or 0 in x.shape[-n:] or 0 in kernel.shape:
        raise ValueError(f"x must have {n} dimensions, or others before these, and kernel must have {n}, of sizes 1 or more")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"mode must be 'full', 'same' or 'valid', got {mode!r}")
    larger = [k > m for k, m in zip(kernel.shape, x.shape[-n:])]
    if mode == "valid" and any(larger) and (x.ndim > n or any(k < m for k, m in zip(kernel.shape, x.shape))):
        raise ValueError("mode 'valid' needs a kernel that fits into x, or the other way round")
    if x.ndim == n and mode != "same" and any(larger) and math.prod(kernel.shape) > math.prod(x.shape):
        x, kernel = kernel, x  # convolution commutes
    before = [{"full": k - 1, "same": k // 2, "valid": 0}[mode] for k in kernel.shape]
    return x, kernel, tuple((low, k - 1 - low if mode == "same" else low) for low, k in zip(before, kernel.shape))


@composed
def convolve1d(x, kernel, mode="full"):
    """True convolution of sequences: out[p] = sum over r of x[p - r] * kernel[r]; arguments as of `convolve2d`.

    x       (..., length)
    kernel  (length)
    """
    return _convolve(1, x, kernel, mode)


@composed
def convolve2d(x, kernel, mode="full"):
    """True convolution: out[p] = sum over r of x[p - r] * kernel[r], zero outside; the kernel is flipped, so that it commutes.

    x       (..., height, width): each image by itself
    kernel  (height, width)
    mode    "full": all pixels that x reaches; "same": the middle of these, of the size of x; "valid": those that see no zeros
    """
    return _convolve(2, x, kernel, mode)

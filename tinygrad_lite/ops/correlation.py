"""Cross-correlation of images of any number of dimensions: one family, closed under differentiation, of three products.

::

    correlate         out[n, o, p] = sum over c, r of x[n, c, i] * weight[o, c, r]      i = p * stride + r * dilation - before
    correlate_input   x[n, c, i]   = sum over o, p, r of g[n, o, p] * weight[o, c, r]
    correlate_weight  w[o, c, r]   = sum over n, p of x[n, c, i] * g[n, o, p]

Each is linear in its two arrays, and its derivatives towards them are the other two: derivatives of every order run in their
kernels. x is (N, C, *size), weight (K, C / groups, *kernel), g (N, K, *output); ``stride`` and ``dilation`` are a number, or one
for each dimension, ``padding`` a number, or a pair (before, after) for each dimension. Arguments are checked where users give them,
in convolution.py.
"""

from __future__ import annotations

import math

import numpy as np

from ..graph import broadcast_to
from ..kernels import convolution as kernels
from ..primitive import primitive
from .linalg import _ones
from .shape import reshape_to


def _run(kernel, arrays, sizes, stride, padding, dilation, groups):
    """The kernel, which takes a number for each dimension; float16 is computed in float32 and rounded once."""
    n = arrays[0].ndim - 2
    stride = stride if isinstance(stride, tuple) else (stride,) * n
    padding = padding if isinstance(padding, tuple) else ((padding, padding),) * n
    dilation = dilation if isinstance(dilation, tuple) else (dilation,) * n
    if arrays[0].itemsize > 2:
        return kernel(*arrays, *sizes, stride, padding, dilation, groups)
    arrays = [a if a is None else a.astype(np.float32) for a in arrays]
    return kernel(*arrays, *sizes, stride, padding, dilation, groups).astype(np.float16)


@primitive(name="conv")
def correlate(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation: ``x`` (N, C, *size), ``weight`` (K, C / groups, *kernel), ``bias`` (K) or None -> (N, K, *output)."""
    return _run(kernels.correlate, (x, weight, bias), (), stride, padding, dilation, groups)


@primitive(name="conv_transpose")
def correlate_input(g, weight, bias=None, *, size, stride=1, padding=0, dilation=1, groups=1):
    """The adjoint of `correlate` towards its input of ``size``: ``g`` (N, K, *output), ``bias`` (C) or None -> (N, C, *size)."""
    return _run(kernels.input_gradient, (g, weight, bias), (size,), stride, padding, dilation, groups)


@primitive(name="conv_weight")
def correlate_weight(x, g, *, kernel, stride=1, padding=0, dilation=1, groups=1):
    """The adjoint of `correlate` towards its weight: ``x`` (N, C, *size), ``g`` (N, K, *output) -> (K, C / groups, *kernel)."""
    return _run(kernels.weight_gradient, (x, g), (kernel,), stride, padding, dilation, groups)


@primitive(name="conv_bias")
def channel_sum(g):
    """The sum over images and pixels, the gradient of a bias: ``g`` (N, K, *output) -> (K)."""
    n, channels, pixels = *g.shape[:2], math.prod(g.shape[2:])
    if g.itemsize < 4:
        return np.add.reduce(g, (0, *range(2, g.ndim)), np.float32).astype(g.dtype)
    if pixels < 64:  # by BLAS, in one pass at the speed of memory: add.reduce takes 1.4 to 40 times as long
        return _ones(n, g.dtype).dot(g.reshape(n, channels * pixels)).reshape(channels, pixels).sum(1)
    return g.reshape(n * channels, pixels).dot(_ones(pixels, g.dtype)).reshape(n, channels).sum(0)


correlate.derivatives(
    lambda g, weight, x_shape, stride, padding, dilation, groups: correlate_input(
        g, weight, size=x_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups
    ),
    lambda g, x, weight_shape, stride, padding, dilation, groups: correlate_weight(
        x, g, kernel=weight_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups
    ),
    lambda g: channel_sum(g),
)
correlate_input.derivatives(
    lambda h, weight, stride, padding, dilation, groups: correlate(
        h, weight, stride=stride, padding=padding, dilation=dilation, groups=groups
    ),
    lambda h, g, weight_shape, stride, padding, dilation, groups: correlate_weight(
        h, g, kernel=weight_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups
    ),
    lambda h: channel_sum(h),
)
correlate_weight.derivatives(
    lambda h, g, x_shape, stride, padding, dilation, groups: correlate_input(
        g, h, size=x_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups
    ),
    lambda h, x, stride, padding, dilation, groups: correlate(
        x, h, stride=stride, padding=padding, dilation=dilation, groups=groups
    ),
)
channel_sum.derivatives(lambda h, g_shape: broadcast_to(reshape_to(h, shape=(-1, *[1] * (len(g_shape) - 2))), shape=g_shape))

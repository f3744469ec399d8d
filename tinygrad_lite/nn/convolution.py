"""Layers that convolve, under PyTorch's names and arguments; the equations stand in ops/convolution.py."""

from __future__ import annotations

import math

from .. import creation, ops
from ..errors import located
from ..ops.convolution import numbers, padding_pairs
from ..state import local
from . import init
from .module import Module, Parameter


class _Convolution(Module):
    """What all of them share. A class says its number of dimensions and whether its weight is (in, out, ...)."""

    n_dims, transposed = 0, False

    def _set(self, in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation, groups, bias, padding_mode,
             dtype):  # fmt: skip
        n = self.n_dims
        try:
            (self.in_channels,), (self.out_channels,), (self.groups,) = (
                numbers(name, value, 1, 1)
                for name, value in (("in_channels", in_channels), ("out_channels", out_channels), ("groups", groups))
            )
            for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
                if channels % groups:
                    raise ValueError(f"{name} {channels} does not divide into {groups} groups of equal size")
            self.kernel_size, self.stride = numbers("kernel_size", kernel_size, n, 1), numbers("stride", stride, n, 1)
            self.dilation, self.output_padding = (
                numbers("dilation", dilation, n, 1),
                numbers("output_padding", output_padding, n, 0),
            )
            if isinstance(padding, str) and not self.transposed:
                padding_pairs(padding, self.kernel_size, self.stride, self.dilation)
                self.padding = padding
            else:
                self.padding = numbers("padding", padding, n, 0)
            modes = ("zeros",) if self.transposed else ("zeros", "reflect", "replicate", "circular")
            if padding_mode not in modes:
                raise ValueError(f"padding_mode must be {' or '.join(map(repr, modes))}, got {padding_mode!r}")
        except (ValueError, TypeError) as error:
            raise type(error)(f"{type(self).__name__}: {error}") from None
        self.padding_mode = padding_mode
        outer, inner = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = Parameter(creation.zeros(outer, inner // groups, *self.kernel_size, dtype=dtype))
        self.bias = Parameter(creation.zeros(out_channels, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self):
        """Draw new weights."""
        bound = math.prod(self.weight.shape[1:]) ** -0.5
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self):
        said = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        said += [f"padding={self.padding}"] if self.padding != (0,) * self.n_dims else []
        said += [f"dilation={self.dilation}"] if max(self.dilation) > 1 else []
        said += [f"output_padding={self.output_padding}"] if max(self.output_padding) > 0 else []
        said += [f"groups={self.groups}"] if self.groups > 1 else []
        said += [] if self.bias is not None else ["bias=False"]
        return ", ".join(said + ([f"padding_mode={self.padding_mode}"] if self.padding_mode != "zeros" else []))


class _Conv(_Convolution):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 padding_mode="zeros", dtype=None):  # fmt: skip
        self._set(in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias, padding_mode, dtype)

    def _run(self, op, x):
        padding = self.padding
        if self.padding_mode != "zeros":
            pairs = padding_pairs(padding, self.kernel_size, self.stride, self.dilation)
            x, padding = ops.pad(x, [n for pair in reversed(pairs) for n in pair], self.padding_mode), 0
        return op(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_Conv):
    """Cross-correlation of sequences: (N, in_channels, length) -> (N, out_channels, output); arguments as of `Conv2d`."""

    n_dims = 1

    def forward(self, x):
        """(N, in_channels, length) or (in_channels, length)."""
        return self._run(ops.conv1d, x)


class Conv2d(_Conv):
    """Cross-correlation of images: (N, in_channels, height, width) -> (N, out_channels, *output); see `ops.conv2d`.

    kernel_size, stride, dilation   an integer, or one for each dimension
    padding  likewise: so much on both sides; or "same" (stride 1), "valid"
    padding_mode  what stands there: "zeros", "reflect", "replicate" or "circular" (see `ops.pad`)
    groups   the channels in so many groups, each of which sees itself alone
    weight   (out_channels, in_channels / groups, *kernel_size), uniform in +-1/sqrt(in_channels / groups * places of the kernel)
    bias     (out_channels), likewise; None with ``bias=False``
    """

    n_dims = 2

    def forward(self, x):
        """(N, in_channels, height, width) or (in_channels, height, width)."""
        return self._run(ops.conv2d, x)


class Conv3d(_Conv):
    """Cross-correlation of volumes: (N, in_channels, depth, height, width) -> (N, out_channels, *output);
    arguments as of `Conv2d`."""

    n_dims = 3

    def forward(self, x):
        """(N, in_channels, depth, height, width) or (in_channels, depth, height, width)."""
        return self._run(ops.conv3d, x)


class _ConvTranspose(_Convolution):
    transposed = True

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True,
                 dilation=1, padding_mode="zeros", dtype=None):  # fmt: skip
        self._set(
            in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation, groups, bias, padding_mode, dtype
        )

    def _run(self, op, x, output_size):
        more = self.output_padding if output_size is None else self._output_padding(x, output_size)
        return op(x, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation)

    def _output_padding(self, x, output_size):
        """The pixels that the output of ``x`` needs at its end to have ``output_size``."""
        n = self.n_dims
        wanted = tuple(output_size)[-n:]
        window = zip(x.shape[-n:], self.kernel_size, self.stride, self.padding, self.dilation)
        least = tuple((m - 1) * s - 2 * p + d * (k - 1) + 1 for m, k, s, p, d in window)
        most = tuple(m + s - 1 for m, s in zip(least, self.stride))
        if len(output_size) not in (n, x.ndim) or not all(a <= m <= b for a, m, b in zip(least, wanted, most)):
            where = located(type(self).__name__, local.state)
            raise ValueError(f"{where}: output_size {tuple(output_size)} is not in reach: from x {x.shape} come {least} to {most}")
        return tuple(m - a for m, a in zip(wanted, least))


class ConvTranspose1d(_ConvTranspose):
    """The transposed convolution of sequences: (N, in_channels, length) -> (N, out_channels, output); see `ConvTranspose2d`."""

    n_dims = 1

    def forward(self, x, output_size=None):
        """(N, in_channels, length) or (in_channels, length)."""
        return self._run(ops.conv_transpose1d, x, output_size)


class ConvTranspose2d(_ConvTranspose):
    """The adjoint of `Conv2d`, which spreads pixels: (N, in_channels, height, width) -> (N, out_channels, *output); see
    `ops.conv_transpose2d`.

    kernel_size, stride, padding, dilation, groups   those of the `Conv2d` whose sizes it takes back
    output_padding  pixels more at the end, fewer than stride or dilation; ``output_size`` of the call chooses them
    weight  (in_channels, out_channels / groups, *kernel_size), uniform in +-1/sqrt(out_channels / groups * places of the kernel)
    bias    (out_channels), likewise; None with ``bias=False``
    """

    n_dims = 2

    def forward(self, x, output_size=None):
        """(N, in_channels, height, width) or (in_channels, height, width)."""
        return self._run(ops.conv_transpose2d, x, output_size)


class ConvTranspose3d(_ConvTranspose):
    """The transposed convolution of volumes: (N, in_channels, depth, height, width) -> (N, out_channels, *output); see
    `ConvTranspose2d`."""

    n_dims = 3

    def forward(self, x, output_size=None):
        """(N, in_channels, depth, height, width) or (in_channels, depth, height, width)."""
        return self._run(ops.conv_transpose3d, x, output_size)

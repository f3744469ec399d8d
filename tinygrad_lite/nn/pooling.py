"""Pooling layers, under PyTorch's names and arguments; the equations stand in ops/pooling.py and ops/unfold.py."""

from __future__ import annotations

from .. import ops
from ..errors import located
from ..ops.windows import arguments
from ..state import local
from .module import Module


class _Pool(Module):
    """What layers over windows share. A class says its number of dimensions."""

    n_dims = 0

    def _set(self, kernel_size, stride, padding=0, dilation=1):
        try:
            arguments(self.n_dims, kernel_size, stride, padding, dilation)
        except (ValueError, TypeError) as error:
            raise type(error)(f"{located(type(self).__name__, local.state)}: {error}") from None
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _MaxPool(_Pool):
    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False):
        self._set(kernel_size, stride, padding, dilation)
        self.dilation, self.return_indices, self.ceil_mode = dilation, return_indices, ceil_mode

    def forward(self, x):
        """(batch, channels, *size) or (channels, *size): values, or (values, indices) with ``return_indices``."""
        op = (ops.max_pool1d, ops.max_pool2d, ops.max_pool3d)[self.n_dims - 1]
        return op(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices)

    def extra_repr(self):
        return f"{super().extra_repr()}, dilation={self.dilation}, ceil_mode={self.ceil_mode}"


class MaxPool1d(_MaxPool):
    """The largest element of each window of sequences; see `ops.max_pool2d`."""

    n_dims = 1


class MaxPool2d(_MaxPool):
    """The largest element of each window of images; see `ops.max_pool2d`."""

    n_dims = 2


class MaxPool3d(_MaxPool):
    """The largest element of each window of volumes; see `ops.max_pool2d`."""

    n_dims = 3


class AvgPool1d(_Pool):
    """The mean of each window of sequences; see `ops.avg_pool2d`."""

    n_dims = 1

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        self._set(kernel_size, stride, padding)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x):
        """(batch, channels, length) or (channels, length)."""
        return ops.avg_pool1d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class _AvgPool(_Pool):
    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
        self._set(kernel_size, stride, padding)
        self.ceil_mode, self.count_include_pad, self.divisor_override = ceil_mode, count_include_pad, divisor_override

    def forward(self, x):
        """(batch, channels, *size) or (channels, *size)."""
        op = ops.avg_pool2d if self.n_dims == 2 else ops.avg_pool3d
        options = self.ceil_mode, self.count_include_pad, self.divisor_override
        return op(x, self.kernel_size, self.stride, self.padding, *options)


class AvgPool2d(_AvgPool):
    """The mean of each window of images; see `ops.avg_pool2d`."""

    n_dims = 2


class AvgPool3d(_AvgPool):
    """The mean of each window of volumes; see `ops.avg_pool2d`."""

    n_dims = 3


class _SumPool(_Pool):
    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False):
        self._set(kernel_size, stride, padding)
        self.ceil_mode = ceil_mode

    def forward(self, x):
        """(batch, channels, *size) or (channels, *size)."""
        op = (ops.sum_pool1d, ops.sum_pool2d, ops.sum_pool3d)[self.n_dims - 1]
        return op(x, self.kernel_size, self.stride, self.padding, self.ceil_mode)


class SumPool1d(_SumPool):
    """The sum of each window of sequences; see `ops.sum_pool2d`."""

    n_dims = 1


class SumPool2d(_SumPool):
    """The sum of each window of images; see `ops.sum_pool2d`."""

    n_dims = 2


class SumPool3d(_SumPool):
    """The sum of each window of volumes; see `ops.sum_pool2d`."""

    n_dims = 3


class _LPPool(_Pool):
    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False):
        self._set(kernel_size, stride)
        self.norm_type, self.ceil_mode = norm_type, ceil_mode

    def forward(self, x):
        """(batch, channels, *size) or (channels, *size)."""
        op = (ops.lp_pool1d, ops.lp_pool2d, ops.lp_pool3d)[self.n_dims - 1]
        return op(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self):
        said = f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}"
        return f"{said}, ceil_mode={self.ceil_mode}"


class LPPool1d(_LPPool):
    """(sum of x**p)**(1/p) over each window of sequences, p = ``norm_type``; see `ops.lp_pool2d`."""

    n_dims = 1


class LPPool2d(_LPPool):
    """(sum of x**p)**(1/p) over each window of images, p = ``norm_type``; see `ops.lp_pool2d`."""

    n_dims = 2


class LPPool3d(_LPPool):
    """(sum of x**p)**(1/p) over each window of volumes, p = ``norm_type``; see `ops.lp_pool2d`."""

    n_dims = 3


class _AdaptivePool(Module):
    n_dims = 0

    def __init__(self, output_size):
        self.output_size = output_size

    def extra_repr(self):
        return f"output_size={self.output_size}"


class _AdaptiveAvgPool(_AdaptivePool):
    def forward(self, x):
        """(batch, channels, *size) -> (batch, channels, *output_size), or without batch."""
        op = (ops.adaptive_avg_pool1d, ops.adaptive_avg_pool2d, ops.adaptive_avg_pool3d)[self.n_dims - 1]
        return op(x, self.output_size)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The means of ``output_size`` windows of sequences; see `ops.adaptive_avg_pool2d`."""

    n_dims = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The means of ``output_size`` windows of images; see `ops.adaptive_avg_pool2d`."""

    n_dims = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The means of ``output_size`` windows of volumes; see `ops.adaptive_avg_pool2d`."""

    n_dims = 3


class _AdaptiveMaxPool(_AdaptivePool):
    def __init__(self, output_size, return_indices=False):
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, x):
        """(batch, channels, *size) -> (batch, channels, *output_size), or without batch; (values, indices) if asked for."""
        op = (ops.adaptive_max_pool1d, ops.adaptive_max_pool2d, ops.adaptive_max_pool3d)[self.n_dims - 1]
        return op(x, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest elements of ``output_size`` windows of sequences; see `ops.adaptive_max_pool2d`."""

    n_dims = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest elements of ``output_size`` windows of images; see `ops.adaptive_max_pool2d`."""

    n_dims = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest elements of ``output_size`` windows of volumes; see `ops.adaptive_max_pool2d`."""

    n_dims = 3


class _GlobalPool(Module):
    def __init__(self, keepdim=False):
        self.keepdim = keepdim

    def extra_repr(self):
        return f"keepdim={self.keepdim}"


class GlobalAvgPool(_GlobalPool):
    """The mean of each channel (Lin et al., 2013); see `ops.global_avg_pool`."""

    def forward(self, x):
        """(batch, channels, ...) -> (batch, channels)."""
        return ops.global_avg_pool(x, self.keepdim)


class GlobalMaxPool(_GlobalPool):
    """The largest element of each channel; see `ops.global_max_pool`."""

    def forward(self, x):
        """(batch, channels, ...) -> (batch, channels)."""
        return ops.global_max_pool(x, self.keepdim)


class Unfold(Module):
    """The windows of images as columns; see `ops.unfold`."""

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, x):
        """(batch, channels, height, width) -> (batch, channels * elements of a window, windows)."""
        return ops.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Images from columns, elements of several windows added; see `ops.fold`."""

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, x):
        """(batch, channels * elements of a window, windows) -> (batch, channels, *output_size)."""
        return ops.fold(x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        said = f"output_size={self.output_size}, kernel_size={self.kernel_size}"
        return f"{said}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"

"""Layers that normalise each sample by itself; the equations stand in ops/sample_normalisation.py."""

from __future__ import annotations

from typing import ClassVar

from .. import creation, ops
from ..errors import located
from ..state import local
from . import init
from .module import Module, Parameter
from .normalisation import _BatchNorm


class _ShapeNorm(Module):
    """What layers share that normalise over the last dimensions, of sizes ``normalized_shape``."""

    def _set(self, normalized_shape, eps, elementwise_affine, bias, dtype):
        shape = normalized_shape if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
        self.normalized_shape, self.eps, self.elementwise_affine = tuple(shape), eps, elementwise_affine
        self.weight = Parameter(creation.ones(*shape, dtype=dtype)) if elementwise_affine else None
        if bias is not None:
            self.bias = Parameter(creation.zeros(*shape, dtype=dtype)) if elementwise_affine and bias else None

    def reset_parameters(self):
        """Weight 1, bias 0."""
        if self.elementwise_affine:
            init.ones_(self.weight)
            if getattr(self, "bias", None) is not None:
                init.zeros_(self.bias)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LayerNorm(_ShapeNorm):
    """(x - mean) / sqrt(variance + eps) * weight + bias over the last dimensions of each sample (Ba et al., 2016).

    normalized_shape  the last sizes of the input, or the last one alone
    weight, bias      (*normalized_shape), 1 and 0 at first; None with ``elementwise_affine=False``, ``bias=False``
    """

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, dtype=None):
        self._set(normalized_shape, eps, elementwise_affine, bool(bias), dtype)

    def forward(self, x):
        """(..., *normalized_shape), of the shape of ``x``."""
        return ops.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return f"{super().extra_repr()}, bias={self.bias is not None}"


class RMSNorm(_ShapeNorm):
    """x / sqrt(mean(x**2) + eps) * weight over the last dimensions of each sample (Zhang and Sennrich, 2019).

    normalized_shape  the last sizes of the input, or the last one alone
    weight            (*normalized_shape), 1 at first; None with ``elementwise_affine=False``
    """

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, dtype=None):
        self._set(normalized_shape, eps, elementwise_affine, None, dtype)

    def forward(self, x):
        """(..., *normalized_shape), of the shape of ``x``."""
        return ops.rms_norm(x, self.normalized_shape, self.weight, self.eps)


class GroupNorm(Module):
    """(x - mean) / sqrt(variance + eps) * weight + bias over each group of neighbouring channels (Wu and He, 2018).

    num_groups    so many groups of equal size, of ``num_channels`` channels
    weight, bias  (num_channels), 1 and 0 at first; None with ``affine=False``, ``bias=False``
    """

    def __init__(self, num_groups, num_channels, eps=1e-5, affine=True, dtype=None, *, bias=True):
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(f"GroupNorm: {num_channels} channels do not divide into {num_groups} groups of equal size")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self.weight = Parameter(creation.ones(num_channels, dtype=dtype)) if affine else None
        self.bias = Parameter(creation.zeros(num_channels, dtype=dtype)) if affine and bias else None

    def reset_parameters(self):
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x):
        """(batch, num_channels, ...), of the shape of ``x``."""
        return ops.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        said = f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
        return f"{said}, bias={self.bias is not None}"


class _InstanceNorm(_BatchNorm):
    def __init__(
        self, num_features, eps=1e-5, momentum=0.1, affine=False, track_running_stats=False, dtype=None, *, bias=True
    ):  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype, bias=bias)

    def forward(self, x):
        """Normalised, of the shape of ``x``; a batch may be missing."""
        batched = max(self.shapes)
        counts = self.affine or self.track_running_stats
        if x.ndim not in self.shapes or (counts and x.shape[x.ndim - batched + 1] != self.num_features):
            expected = " or ".join(self.shapes.values()).format(self.num_features)
            raise ValueError(f"{located(type(self).__name__, local.state)}: expected {expected}, got {tuple(x.shape)}")
        images = x if x.ndim == batched else ops.unsqueeze(x, 0)
        out = ops.instance_norm(
            images, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, self.momentum or 0.0, self.eps,
        )  # fmt: skip
        return out if x.ndim == batched else ops.squeeze(out, 0)


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each sample less its mean and divided by its standard deviation (Ulyanov et al., 2016), of
    (batch, num_features, length).

    weight, bias               (num_features) with ``affine=True``, 1 and 0 at first: what each channel is scaled by and moved to
    running_mean, running_var  (num_features) with ``track_running_stats=True``: averages over samples, taken in evaluation
    """

    shapes: ClassVar = {2: "({0}, length)", 3: "(batch, {0}, length)"}


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` of (batch, num_features, height, width)."""

    shapes: ClassVar = {3: "({0}, height, width)", 4: "(batch, {0}, height, width)"}


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` of (batch, num_features, depth, height, width)."""

    shapes: ClassVar = {4: "({0}, depth, height, width)", 5: "(batch, {0}, depth, height, width)"}

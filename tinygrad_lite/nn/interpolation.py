"""Layers that change the size of images; see ops/interpolation.py."""

from __future__ import annotations

from .. import ops
from .module import Module


class Upsample(Module):
    """Images of another size; arguments as of `ops.interpolate`.

    size, scale_factor  of the output, or output size / input size
    mode                "nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic" or "area"
    """

    def __init__(self, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None):
        self.size, self.scale_factor, self.mode, self.align_corners = size, scale_factor, mode, align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x):
        """(batch, channels, ...) -> (batch, channels, *size)."""
        return ops.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor)

    def extra_repr(self):
        name = "scale_factor" if self.size is None else "size"
        return f"{name}={getattr(self, name)}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` of pictures by "nearest"."""

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of pictures by "bilinear", where the corners of input and output agree."""

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, "bilinear", align_corners=True)


class PixelShuffle(Module):
    """Channels as pixels: (..., C r**2, height, width) -> (..., C, height r, width r) (Shi et al., 2016)."""

    def __init__(self, upscale_factor):
        self.upscale_factor = upscale_factor

    def forward(self, x):
        """(..., C r**2, height, width) -> (..., C, height r, width r)."""
        return ops.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self):
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Pixels as channels, the inverse of `PixelShuffle`: (..., C, height r, width r) -> (..., C r**2, height, width)."""

    def __init__(self, downscale_factor):
        self.downscale_factor = downscale_factor

    def forward(self, x):
        """(..., C, height r, width r) -> (..., C r**2, height, width)."""
        return ops.pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self):
        return f"downscale_factor={self.downscale_factor}"

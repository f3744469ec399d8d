"""Layers that normalise."""

from __future__ import annotations

from typing import ClassVar

from .. import creation, ops
from ..errors import located
from ..state import local
from . import init
from .module import Buffer, Module, Parameter


class _BatchNorm(Module):
    """Each channel less its mean and divided by its standard deviation, then scaled and shifted (Ioffe and Szegedy, 2015):
    (x - mean) / sqrt(variance + eps) * weight + bias.

    In training mean and variance are those of the batch, and the running ones move towards them:
    running += momentum * (new - running), the new variance divided by the number of values less one; with ``momentum=None`` they
    are the averages over all batches so far. Else the running ones are taken; without ``track_running_stats`` there are none.

    weight, bias               (num_features), 1 and 0 at first; None with ``affine=False``
    running_mean, running_var  (num_features), 0 and 1 at first
    num_batches_tracked        how many batches they have seen
    """

    shapes: ClassVar = {}  # what the input may be, by its number of dimensions

    def __init__(
        self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, dtype=None, *, bias=True
    ):  # fmt: skip
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = Parameter(creation.ones(num_features, dtype=dtype)) if affine else None
        self.bias = Parameter(creation.zeros(num_features, dtype=dtype)) if affine and bias else None
        self.running_mean = Buffer(creation.zeros(num_features, dtype=dtype)) if track_running_stats else None
        self.running_var = Buffer(creation.ones(num_features, dtype=dtype)) if track_running_stats else None
        self.num_batches_tracked = Buffer(creation.tensor(0)) if track_running_stats else None

    def reset_running_stats(self):
        """Forget what the batches so far were like."""
        if self.track_running_stats:
            for buffer, value in ((self.running_mean, 0.0), (self.running_var, 1.0), (self.num_batches_tracked, 0)):
                ops.assign(buffer, creation.full(buffer.shape, value))

    def reset_parameters(self):
        """Weight 1, bias 0, and no memory of batches."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x):
        """Normalised, of the shape of ``x``."""
        if x.ndim not in self.shapes or x.shape[1] != self.num_features:
            expected = " or ".join(self.shapes.values()).format(self.num_features)
            raise ValueError(f"{located(type(self).__name__, local.state)}: expected {expected}, got {tuple(x.shape)}")
        if self.track_running_stats and not self.training:
            return ops.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        running = (self.running_mean, self.running_var, self.num_batches_tracked) if self.track_running_stats else None
        return ops.normalisation.batch_norm_in_training(x, self.weight, self.bias, running, self.momentum, self.eps)

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation (Ioffe and Szegedy, 2015) of (batch, num_features) or (batch, num_features, length).

    weight, bias               (num_features) or None, what each channel is scaled by and moved to
    running_mean, running_var  (num_features) or None, what is taken in evaluation; num_batches_tracked counts what they have seen
    """

    shapes: ClassVar = {2: "(batch, {0})", 3: "(batch, {0}, length)"}


class BatchNorm2d(_BatchNorm):
    """Batch normalisation (Ioffe and Szegedy, 2015) of (batch, num_features, height, width).

    weight, bias               (num_features) or None, what each channel is scaled by and moved to
    running_mean, running_var  (num_features) or None, what is taken in evaluation; num_batches_tracked counts what they have seen
    """

    shapes: ClassVar = {4: "(batch, {0}, height, width)"}


class BatchNorm3d(_BatchNorm):
    """Batch normalisation (Ioffe and Szegedy, 2015) of (batch, num_features, depth, height, width).

    weight, bias               (num_features) or None, what each channel is scaled by and moved to
    running_mean, running_var  (num_features) or None, what is taken in evaluation; num_batches_tracked counts what they have seen
    """

    shapes: ClassVar = {5: "(batch, {0}, depth, height, width)"}


class LocalResponseNorm(Module):
    """x / (k + alpha / size * sum of x**2 over ``size`` neighbouring channels)**beta (Krizhevsky et al., 2012)."""

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x):
        """(batch, channels, places, ...), of the shape of ``x``."""
        return ops.local_response_norm(x, size=self.size, alpha=self.alpha, beta=self.beta, k=self.k)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"

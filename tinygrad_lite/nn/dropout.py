"""Dropout as modules: noise in training, nothing in evaluation. ``p`` is the probability to be dropped."""

from __future__ import annotations

from .. import ops
from .function import Function


class _Dropout(Function):
    """What they share: ``p``."""

    def __init__(self, p=0.5, inplace=False):
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p must be a probability, 0 to 1, got {p}")
        self.p = p


class Dropout(_Dropout):
    """Each element is 0 with probability ``p``, else divided by 1 - p (Srivastava et al., 2014)."""

    def forward(self, x):
        return ops.dropout(x, self.p, self.training)


class Dropout1d(_Dropout):
    """`Dropout` of whole channels of (batch, channels, length) or (channels, length) (Tompson et al., 2015)."""

    def forward(self, x):
        return ops.dropout1d(x, self.p, self.training)


class Dropout2d(_Dropout):
    """`Dropout` of whole channels of (batch, channels, height, width) or (batch, channels, length) (Tompson et al., 2015)."""

    def forward(self, x):
        return ops.dropout2d(x, self.p, self.training)


class Dropout3d(_Dropout):
    """`Dropout` of whole channels of (batch, channels, depth, height, width), or without batch (Tompson et al., 2015)."""

    def forward(self, x):
        return ops.dropout3d(x, self.p, self.training)


class AlphaDropout(_Dropout):
    """Dropout to the least value of `SELU`, scaled and shifted so that mean 0 and variance 1 stay (Klambauer et al., 2017)."""

    def forward(self, x):
        return ops.alpha_dropout(x, self.p, self.training)

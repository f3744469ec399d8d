"""Losses as modules. ``reduction`` is "mean", "sum" or "none"."""

from __future__ import annotations

from .. import ops
from .module import Module


class Loss(Module):
    """What all losses share: their reduction."""

    def __init__(self, reduction="mean"):
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"{type(self).__name__}: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
        self.reduction = reduction

    def extra_repr(self):
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


class MSELoss(Loss):
    """(input - target)**2, of equal shapes."""

    def forward(self, input, target):
        """A scalar, or a Tensor of their shape for "none"."""
        return ops.mse_loss(input, target, self.reduction)


class CrossEntropyLoss(Loss):
    """-log softmax(input)[target]: logits (batch, classes, ...), class numbers (batch, ...)."""

    def forward(self, input, target):
        """A scalar, or (batch, ...) for "none"."""
        return ops.cross_entropy(input, target, reduction=self.reduction)


class NLLLoss(Loss):
    """-input[target]: log-probabilities (batch, classes, ...), class numbers (batch, ...)."""

    def forward(self, input, target):
        """A scalar, or (batch, ...) for "none"."""
        return ops.nll_loss(input, target, self.reduction)


class BCELoss(Loss):
    """-(t log x + (1 - t) log(1 - x)) of probabilities and targets of equal shapes."""

    def forward(self, input, target):
        """A scalar, or a Tensor of their shape for "none"."""
        return ops.binary_cross_entropy(input, target, self.reduction)


class BCEWithLogitsLoss(Loss):
    """`BCELoss` of the logistic function of ``input``, without overflow."""

    def forward(self, input, target):
        """A scalar, or a Tensor of their shape for "none"."""
        return ops.binary_cross_entropy_with_logits(input, target, self.reduction)

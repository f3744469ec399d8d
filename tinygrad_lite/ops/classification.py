"""Losses of classifiers. ``reduction`` is "mean", "sum" or "none"."""

from __future__ import annotations

import math

import numpy as np

from ..errors import composed
from ..record import Value
from . import loss as pieces
from .activation import log_softmax, relu, softplus
from .elementwise import square, where
from .indexing import one_hot, take_rows
from .loss import along_classes, check_same_shape, class_dim, likelihood_of_labels, of_classes, picked, reduced
from .reduction import sum
from .shape import unsqueeze

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "multi_margin_loss", "nll_loss",
    "soft_margin_loss",
]  # fmt: skip


@composed
def nll_loss(input, target, weight=None, ignore_index=-100, reduction="mean"):
    """Minus the log-probability of the right class.

    input         (batch, classes, ...) or (classes), log-probabilities
    target        (batch, ...) or (), class numbers; where it is ``ignore_index`` the loss is 0
    weight        (classes), factors; the mean is then the weighted one. Ignored elements do not count in it
    """
    return likelihood_of_labels(input, target, weight, ignore_index, reduction)


def cross_entropy(input, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """Minus the log of the softmax of logits ``input`` at the right class.

    input            (batch, classes, ...) or (classes)
    target           (batch, ...) or (), class numbers; or probabilities of the classes, floats of the shape of ``input``
    weight           (classes), factors; with class numbers the mean is the weighted one
    ignore_index     a class number whose elements have loss 0 and do not count in the mean
    label_smoothing  share of each label that goes to all classes evenly (Szegedy et al., 2016)
    """
    labels = target.data if isinstance(target, Value) else target
    likely = isinstance(labels, np.ndarray) and labels.dtype.kind == "f"
    if weight is None and not label_smoothing and not likely:
        return pieces.cross_entropy(input, target, ignore_index=ignore_index, reduction=reduction)
    return _general_cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)


@composed(name="cross_entropy")
def _general_cross_entropy(input, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing must be 0 to 1, got {label_smoothing}")
    log_p = log_softmax(input, dim=class_dim(input))
    if target.dtype.kind != "f" or target.shape != input.shape:
        return likelihood_of_labels(log_p, target, weight, ignore_index, reduction, label_smoothing)
    if ignore_index >= 0:
        raise ValueError("cross_entropy: ignore_index is a class number, target holds probabilities: give it weights of 0 instead")
    if label_smoothing:
        target = target * (1.0 - label_smoothing) + label_smoothing / input.shape[class_dim(input)]
    if weight is not None:
        log_p = log_p * along_classes(of_classes(weight, input), input)
    return reduced(-sum(log_p * target, dim=class_dim(input)), reduction)


@composed
def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, reduction="mean"):
    """The mean over classes of max(0, margin - x[label] + x[other])**p, the label's own one left out (Crammer and Singer, 2001).

    input   (batch, classes) or (classes)
    target  (batch) or (), class numbers
    p       1 or 2
    weight  (classes), factors of the labels
    """
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: p must be 1 or 2, got {p}")
    if input.ndim not in (1, 2):
        raise ValueError(f"multi_margin_loss: input must be (batch, classes) or (classes), got {input.shape}")
    excess = relu(margin - unsqueeze(picked(input, target), -1) + input)
    classes = input.shape[-1]
    loss = sum(where(one_hot(target, num_classes=classes) == 0, excess if p == 1 else square(excess), 0.0), dim=-1) / classes
    if weight is not None:
        loss = loss * take_rows(of_classes(weight, input), target)
    return reduced(loss, reduction)


# -- two classes -------------------------------------------------------------------------------------------------


@composed
def binary_cross_entropy(input, target, weight=None, reduction="mean"):
    """-(t log x + (1 - t) log(1 - x)) for probabilities ``input``; a logarithm is never below -100.

    weight  factors of the elements; it broadcasts, and does not count in the mean
    """
    check_same_shape("binary_cross_entropy", input, target)
    loss = pieces.bernoulli_loss(input, target)
    return reduced(loss if weight is None else loss * weight, reduction)


@composed
def binary_cross_entropy_with_logits(input, target, weight=None, reduction="mean", pos_weight=None):
    """-(t log s(x) + (1 - t) log(1 - s(x))) for the logistic function s, without overflow.

    weight      factors of the elements; it broadcasts, and does not count in the mean
    pos_weight  factors of the first term; it broadcasts
    """
    check_same_shape("binary_cross_entropy_with_logits", input, target)
    if pos_weight is None:
        loss = softplus(input, threshold=math.inf) - input * target
    else:
        loss = (1.0 - target) * input + (1.0 + (pos_weight - 1.0) * target) * softplus(-input, threshold=math.inf)
    return reduced(loss if weight is None else loss * weight, reduction)


@composed
def soft_margin_loss(input, target, reduction="mean"):
    """log(1 + e**(-t x)) for targets of -1 and 1, without overflow."""
    return reduced(softplus(-(input * target), threshold=math.inf), reduction)

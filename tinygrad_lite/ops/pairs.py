"""Of pairs of vectors: the bilinear form, similarity and distance, and the losses of embeddings made of these."""

from __future__ import annotations

import numpy as np

from ..errors import composed
from ..graph import broadcast_to
from .contraction import einsum
from .elementwise import clamp, eq, minimum, sqrt, square, where
from .loss import at_least, reduced
from .reduction import norm, sum

__all__ = [
    "bilinear", "cosine_embedding_loss", "cosine_similarity", "hinge_embedding_loss", "margin_ranking_loss",
    "pairwise_distance", "triplet_margin_loss",
]  # fmt: skip


@composed
def bilinear(input1, input2, weight, bias=None):
    """x1^T W_k x2 + b_k for each output k.

    input1, input2  (..., in1) and (..., in2), of the same leading sizes
    weight, bias    (out, in1, in2) and (out) or None
    returns         (..., out)
    """
    if weight.ndim != 3 or (input1.shape[-1:], input2.shape[-1:]) != (weight.shape[1:2], weight.shape[2:]):
        raise ValueError(f"bilinear: weight {weight.shape} must be (out, in1, in2) for inputs {input1.shape} and {input2.shape}")
    if input1.shape[:-1] != input2.shape[:-1]:
        raise ValueError(f"bilinear: input1 {input1.shape} and input2 {input2.shape} must agree but for the last dimension")
    out = einsum("...i,oij,...j->...o", input1, weight, input2)
    return out if bias is None else out + bias


@composed
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """The cosine of the angle between vectors along ``dim``: x1 . x2 / (max(||x1||, eps) max(||x2||, eps)).

    x1, x2  shapes that broadcast; ``dim`` is one of the common shape, without which the result is
    """
    try:
        shape = np.broadcast_shapes(x1.shape, x2.shape)
    except ValueError:
        raise ValueError(f"cosine_similarity: x1 {x1.shape} and x2 {x2.shape} do not broadcast") from None
    x1, x2 = (x if x.shape == shape else broadcast_to(x, shape=shape) for x in (x1, x2))
    first, second = (x / at_least(norm(x, 2, dim, True), bound=eps) for x in (x1, x2))
    return sum(first * second, dim=dim)


@composed
def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The p-norm of x1 - x2 + eps along the last dimension: (..., features) -> (...)."""
    return norm(x1 - x2 + eps, p, -1, keepdim)


# -- losses ------------------------------------------------------------------------------------------------------


def _check_dims(name, **inputs):
    if len({x.ndim for x in inputs.values()}) > 1:
        came = ", ".join(f"{key} {x.shape}" for key, x in inputs.items())
        raise ValueError(f"{name}: all inputs must have the same number of dimensions, got {came}")


@composed
def cosine_embedding_loss(input1, input2, target, margin=0.0, reduction="mean"):
    """1 - cosine of pairs with target 1, max(0, cosine - margin) of those with -1.

    input1, input2  (batch, features) or (features)
    target          (batch) or ()
    """
    if target.ndim > 1 or {input1.ndim, input2.ndim} != {target.ndim + 1}:
        raise ValueError(
            f"cosine_embedding_loss: inputs must be (batch, features) with target (batch), or (features) with (): got "
            f"{input1.shape}, {input2.shape} and {target.shape}"
        )
    first, second = (sqrt(sum(square(x), dim=-1) + 1e-12) for x in (input1, input2))
    cosine = sum(input1 * input2, dim=-1) / (first * second)
    apart = where(eq(target, -1), clamp(cosine - margin, min=0.0), 0.0)
    return reduced(where(eq(target, 1), 1.0 - cosine, apart), reduction)


@composed
def hinge_embedding_loss(input, target, margin=1.0, reduction="mean"):
    """The distance ``input`` where target is 1, max(0, margin - input) where it is -1."""
    near, apart = where(eq(target, -1), 0.0, input), where(eq(target, 1), 0.0, clamp(margin - input, min=0.0))
    return reduced(near + apart, reduction)


@composed
def margin_ranking_loss(input1, input2, target, margin=0.0, reduction="mean"):
    """max(0, margin - t (x1 - x2)): with t = 1 the first is to be larger, with -1 the second."""
    _check_dims("margin_ranking_loss", input1=input1, input2=input2, target=target)
    return reduced(clamp(margin - target * (input1 - input2), min=0.0), reduction)


@composed
def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2.0, eps=1e-6, swap=False, reduction="mean"):
    """max(0, margin + d(anchor, positive) - d(anchor, negative)) with `pairwise_distance` d: (batch, features) each.

    swap  take the distance of positive and negative where that is the smaller one (Balntas et al., 2016)
    """
    _check_dims("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced(clamp(margin + pairwise_distance(anchor, positive, p, eps) - far, min=0.0), reduction)

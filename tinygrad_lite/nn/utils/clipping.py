"""Gradients cut to a size."""

from __future__ import annotations

from ... import ops
from ...ops.update import clip_update, scale_update
from ...tensor import Tensor


def _gradients(parameters):
    parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    wrong = next((p for p in parameters if not isinstance(p, Tensor)), None)
    if wrong is not None:
        raise TypeError(f"expected Tensors to clip the gradients of, got {type(wrong).__name__}; of a Module: module.parameters()")
    return [p.grad for p in parameters if p.grad is not None]


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False):
    """Scale the gradients of ``parameters`` (Tensors or one), in place, so that the norm of all together is at most ``max_norm``
    (Pascanu et al., 2013). Returns the norm before, a 0-d Tensor.

    norm_type           the norm is (sum |g|**norm_type) ** (1 / norm_type), for ``inf`` the largest |g|
    error_if_nonfinite  raise a RuntimeError if that norm is infinite or NaN, and change nothing
    """
    gradients = _gradients(parameters)
    if not gradients:
        return Tensor(0.0)
    norm = ops.norm(ops.stack([ops.norm(g.detach(), norm_type) for g in gradients]), norm_type)
    if error_if_nonfinite and not ops.isfinite(norm):
        raise RuntimeError(
            f"clip_grad_norm_: the norm of the gradients is {norm.item()}, so they cannot be scaled; "
            "error_if_nonfinite=False scales them all the same"
        )
    scale_update(gradients, ops.clamp(max_norm / (norm + 1e-6), max=1.0))
    return norm


def clip_grad_value_(parameters, clip_value):
    """Limit each element of the gradients of ``parameters`` (Tensors or one), in place, to [-clip_value, clip_value]."""
    gradients = _gradients(parameters)
    if gradients:
        clip_update(gradients, float(clip_value))

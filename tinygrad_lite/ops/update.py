"""In-place updates of parameters and buffers. Rates and step counters are 0-d Tensors, so that a recorded step stays live."""

from __future__ import annotations

import numpy as np

from .. import kernels
from ..primitive import update
from ..state import local

__all__ = ["adam_update", "assign", "momentum_update", "sgd_update"]


@update(0)
def assign_to(target, value):
    """Copy ``value`` into ``target``; shapes agree."""
    value = np.asarray(value)
    if value.shape != target.shape:
        raise ValueError(f"value is {value.shape}, target is {target.shape}: they must agree")
    if value.dtype.kind not in "biuf" or (value.dtype.kind == "f" and target.dtype.kind != "f"):
        raise TypeError(f"{value.dtype} does not go into {target.dtype}")
    target[...] = value


def assign(target, value):
    """Copy ``value`` (a Tensor, an array or a number for a 0-d target) into the leaf or buffer ``target``, in place.

    While a checkpoint or a twin recomputes, nothing is assigned: statistics count once.
    """
    if not local.state.recomputing:
        assign_to(target, value)


def _check_gradient(parameter, gradient):
    if gradient.shape != parameter.shape or gradient.dtype != parameter.dtype:
        raise ValueError(
            f"the gradient is {gradient.shape} {gradient.dtype}, the parameter {parameter.shape} {parameter.dtype}: they must agree"
        )


@update(0)
def sgd_update(parameter, gradient, lr, *, weight_decay=0.0):
    """One step of gradient descent: parameter -= lr * (gradient + weight_decay * parameter)."""
    _check_gradient(parameter, gradient)
    if weight_decay:
        gradient = np.asarray(gradient + gradient.dtype.type(weight_decay) * parameter)
    kernels.update.sgd(parameter, gradient, float(lr))


@update(0, 2)
def momentum_update(
    parameter, gradient, velocity, lr, *, momentum, dampening=0.0, weight_decay=0.0, nesterov=False, first=False
):  # fmt: skip
    """One step of gradient descent with momentum (Polyak, 1964), or Nesterov's form of it (Sutskever et al., 2013).

    d = gradient + weight_decay * parameter;  velocity = momentum * velocity + (1 - dampening) * d, the ``first`` time d itself;
    parameter -= lr * (d + momentum * velocity if nesterov else velocity)
    """
    _check_gradient(parameter, gradient)
    if first:
        velocity[...] = 0
    kept = 1.0 if first else 1.0 - dampening
    kernels.update.sgd_momentum(parameter, gradient, velocity, float(lr), momentum, kept, weight_decay, nesterov)


@update(0, 2, 3, 4)
def adam_update(parameter, gradient, mean, square, step, lr, *, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """One step of Adam (Kingma and Ba, 2015). ``step`` counts the steps; ``weight_decay`` times the parameter is added to
    the gradient.

    step += 1;  mean = b1 mean + (1 - b1) g;  square = b2 square + (1 - b2) g**2;
    parameter -= lr * (mean / (1 - b1**step)) / (sqrt(square / (1 - b2**step)) + eps)
    """
    _check_gradient(parameter, gradient)
    step += 1
    count = float(step)
    correction1, correction2 = 1 - betas[0] ** count, 1 - betas[1] ** count
    kernels.update.adam(
        parameter, gradient, mean, square, float(lr) / correction1, correction2**-0.5, betas[0], betas[1], eps, weight_decay
    )

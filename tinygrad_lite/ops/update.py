"""In-place updates of parameters and buffers. Rates and step counters are 0-d Tensors, so that a recorded step stays live."""

from __future__ import annotations

import numpy as np

from .. import kernels
from ..errors import describe
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


def _check_state(parameters, *states):
    for values in states:
        for p, v in zip(parameters, values):
            if v.shape != p.shape or v.dtype != p.dtype:
                raise ValueError(f"a state is {describe(v)}, its parameter {describe(p)}: they must agree; make a new optimiser")


def _check_gradients(parameters, gradients):
    for p, g in zip(parameters, gradients):
        if g.shape != p.shape or g.dtype != p.dtype:
            raise ValueError(f"a gradient is {describe(g)}, its parameter {describe(p)}: they must agree")


@update(0)
def sgd_update(parameters, gradients, lr, *, weight_decay=0.0):
    """One step of gradient descent for each of the lists: parameter -= lr * (gradient + weight_decay * parameter)."""
    _check_gradients(parameters, gradients)
    rate, sgd = float(lr), kernels.update.sgd
    for p, g in zip(parameters, gradients):
        sgd(p, np.asarray(g + g.dtype.type(weight_decay) * p) if weight_decay else g, rate)


@update(0, 2)
def momentum_update(parameters, gradients, velocities, lr, *, first, momentum, dampening=0.0, weight_decay=0.0, nesterov=False):
    """One step of gradient descent with momentum (Polyak, 1964), or Nesterov's form of it (Sutskever et al., 2013), for each of
    the lists; ``first`` lists which velocities are new.

    d = gradient + weight_decay * parameter;  velocity = momentum * velocity + (1 - dampening) * d, the first time d itself;
    parameter -= lr * (d + momentum * velocity if nesterov else velocity)
    """
    _check_gradients(parameters, gradients)
    _check_state(parameters, velocities)
    rate = float(lr)
    for p, g, v, new in zip(parameters, gradients, velocities, first):
        kept = 1.0 if new else 1.0 - dampening
        kernels.update.sgd_momentum(p, g, v, rate, 0.0 if new else momentum, momentum, kept, weight_decay, nesterov)


@update(0, 2, 3, 4)
def adam_update(parameters, gradients, means, squares, steps, lr, *, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """One step of Adam (Kingma and Ba, 2015) for each of the lists. ``steps`` count the steps of each parameter;
    ``weight_decay`` times the parameter is added to the gradient.

    step += 1;  mean = b1 mean + (1 - b1) g;  square = b2 square + (1 - b2) g**2;
    parameter -= lr * (mean / (1 - b1**step)) / (sqrt(square / (1 - b2**step)) + eps)
    """
    _check_gradients(parameters, gradients)
    _check_state(parameters, means, squares)
    for p, g, m, s, step in zip(parameters, gradients, means, squares, steps):
        step += 1
        count = float(step)
        rate, scale = float(lr) / (1 - betas[0] ** count), (1 - betas[1] ** count) ** -0.5
        kernels.update.adam(p, g, m, s, rate, scale, betas[0], betas[1], eps, weight_decay)

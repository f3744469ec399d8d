"""Rows of the table of cases.py for the updates of optimisers and of clipping."""

from __future__ import annotations

import numpy as np
from cases import adam_reference, momentum_reference, normal, positive, sgd_reference, uniform, updating

RATE, COUNT = np.array(0.05), np.array(3)


def decayed(p, g, lr, weight_decay, decoupled, maximize):
    """The parameter and the gradient after weight decay."""
    g = -g if maximize else g
    return (p * (1 - lr * weight_decay), g) if decoupled else (p, g + weight_decay * p)


def full_adam_reference(p, g, m, s, step, lr, weight_decay=0.0, decoupled=False, maximize=False, **options):
    p, g = decayed(p, g, lr, weight_decay, decoupled, maximize)
    return adam_reference(p, g, m, s, step, lr, **options)


def amsgrad_reference(
    p, g, m, s, step, top, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False, maximize=False
):  # fmt: skip
    p, g = decayed(p, g, lr, weight_decay, decoupled, maximize)
    step, m, s = step + 1, betas[0] * m + (1 - betas[0]) * g, betas[1] * s + (1 - betas[1]) * g * g
    top = np.where(top > s, top, s)
    return p - lr * m / (1 - betas[0] ** step) / (np.sqrt(top / (1 - betas[1] ** step)) + eps), m, s, step, top


def nadam_reference(
    p, g, m, s, step, product, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, momentum_decay=4e-3, decoupled=False,
    maximize=False,
):  # fmt: skip
    p, g = decayed(p, g, lr, weight_decay, decoupled, maximize)
    step, m, s = step + 1, betas[0] * m + (1 - betas[0]) * g, betas[1] * s + (1 - betas[1]) * g * g
    now, ahead = (betas[0] * (1 - 0.96 ** (t * momentum_decay) / 2) for t in (step, step + 1))
    product = product * now
    mean = ahead * m / (1 - product * ahead) + (1 - now) * g / (1 - product)
    return p - lr * mean / (np.sqrt(s / (1 - betas[1] ** step)) + eps), m, s, step, product


def rmsprop_reference(
    p, g, s, m, v, lr, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False, maximize=False
):  # fmt: skip
    _, g = decayed(p, g, lr, weight_decay, False, maximize)
    s = alpha * s + (1 - alpha) * g * g
    m = alpha * m + (1 - alpha) * g if centered else m
    move = g / (np.sqrt(s - m**2 if centered else s) + eps)
    v = momentum * v + move if momentum else v
    return p - lr * (v if momentum else move), s, m, v


def adagrad_reference(p, g, s, step, lr, lr_decay=0.0, weight_decay=0.0, eps=1e-10, maximize=False):
    _, g = decayed(p, g, lr, weight_decay, False, maximize)
    return p - lr / (1 + step * lr_decay) * g / (np.sqrt(s + g * g) + eps), s + g * g, step + 1


def adadelta_reference(p, g, s, c, lr, rho=0.9, eps=1e-6, weight_decay=0.0, maximize=False):
    _, g = decayed(p, g, lr, weight_decay, False, maximize)
    s = rho * s + (1 - rho) * g * g
    move = np.sqrt(c + eps) / np.sqrt(s + eps) * g
    return p - lr * move, s, rho * c + (1 - rho) * move**2


for climb in ({"maximize": True}, {"maximize": True, "weight_decay": 0.1}):
    updating("sgd_update", lambda p, g, lr, weight_decay=0.0, maximize=True: sgd_reference(p, -g, lr, weight_decay),
             normal(3, 4), normal(3, 4), RATE, **climb)  # fmt: skip
    updating("momentum_update", lambda p, g, *rest, maximize, **options: momentum_reference(p, -g, *rest, **options),
             normal(3, 4), normal(3, 4), normal(3, 4), RATE, momentum=0.9, first=False, **climb)  # fmt: skip

SHAPES = [(3, 4), (), (0, 2)]
DECAYS = [{"weight_decay": 0.3, "decoupled": True}, {"weight_decay": 0.3, "maximize": True, "betas": (0.5, 0.9), "eps": 1e-3}]
for shape, options in [(s, {}) for s in SHAPES] + [((3, 4), d) for d in DECAYS]:
    four = normal(*shape), normal(*shape), normal(*shape), positive(*shape)
    if options:
        updating("adam_update", full_adam_reference, *four, COUNT, RATE, **options)
    updating("amsgrad_update", amsgrad_reference, *four, COUNT, positive(*shape), RATE, **options)
    updating("nadam_update", nadam_reference, *four, COUNT, np.array(0.4), RATE, **options)
updating("nadam_update", nadam_reference, *four, COUNT, np.array(0.4), RATE, momentum_decay=0.2)

RMSPROP = [{}, {"momentum": 0.9}, {"centered": True, "maximize": True}, {"alpha": 0.5, "eps": 1e-3, "weight_decay": 0.1}]
ADAGRAD = [{"lr_decay": 0.2, "weight_decay": 0.1}, {"eps": 0.1, "maximize": True}]
ADADELTA = [{"rho": 0.5, "eps": 1e-3, "weight_decay": 0.1}, {"maximize": True}]
small = uniform(-0.1, 0.1)  # its square is smaller than the mean of squares
for shape, options in [(s, {"centered": True, "momentum": 0.5}) for s in SHAPES] + [((3, 4), o) for o in RMSPROP]:
    five = normal(*shape), normal(*shape), positive(*shape), small(*shape), normal(*shape)
    updating("rmsprop_update", rmsprop_reference, *five, RATE, **options)
for shape, options in [(s, {}) for s in SHAPES] + [((3, 4), o) for o in ADAGRAD]:
    updating("adagrad_update", adagrad_reference, normal(*shape), normal(*shape), positive(*shape), COUNT, RATE, **options)
for shape, options in [(s, {}) for s in SHAPES] + [((3, 4), o) for o in ADADELTA]:
    updating("adadelta_update", adadelta_reference, *[normal(*shape)] * 2, *[positive(*shape)] * 2, RATE, **options)

for shape in SHAPES:
    updating("scale_update", lambda g, factor: (g * factor,), normal(*shape), np.array(0.3))
    updating("clip_update", lambda g, limit: (np.where(g > limit, limit, np.where(g < -limit, -limit, g)),),
             normal(*shape), np.array(0.5))  # fmt: skip

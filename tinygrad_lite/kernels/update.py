"""In-place updates of parameters: one pass over memory, where NumPy would make ten.

A loop gets flat views, so that it is compiled once for all shapes; what is written must be C-contiguous for that.
The twin of each loop is its plain NumPy text, which serves the others.
"""

from __future__ import annotations

import numpy as np

from .jit import kernel


@kernel
def sgd_loop(parameter, gradient, lr):
    """`sgd` on flat views."""
    rate = parameter.dtype.type(lr)
    for i in range(parameter.size):
        parameter[i] -= rate * gradient[i]


def sgd_twin(parameter, gradient, lr):
    """parameter -= lr * gradient, by NumPy."""
    parameter -= parameter.dtype.type(lr) * gradient


def sgd(parameter, gradient, lr):
    """parameter -= lr * gradient."""
    if parameter.flags.carray and parameter.itemsize >= 4:
        sgd_loop(parameter.reshape(-1), gradient.reshape(-1), lr)
    else:
        sgd_twin(parameter, gradient, lr)


@kernel
def sgd_momentum_loop(parameter, gradient, velocity, lr, keep, momentum, kept, decay, nesterov):
    """`sgd_momentum` on flat views."""
    p, g, v = parameter, gradient, velocity
    number = parameter.dtype.type
    rate, keep, momentum, kept, decay = number(lr), number(keep), number(momentum), number(kept), number(decay)
    ahead, direct = (rate * momentum, rate) if nesterov else (rate, number(0))
    for i in range(p.size):
        d = g[i] + decay * p[i]
        v[i] = keep * v[i] + kept * d
        p[i] -= direct * d + ahead * v[i]


def sgd_momentum_twin(parameter, gradient, velocity, lr, keep, momentum, kept, decay, nesterov):
    """The step of `sgd_momentum`, by NumPy."""
    d = gradient + decay * parameter
    velocity[...] = keep * velocity + kept * d
    parameter -= (lr * (d + momentum * velocity if nesterov else velocity)).astype(parameter.dtype)


def sgd_momentum(parameter, gradient, velocity, lr, keep, momentum, kept, decay, nesterov):
    """d = gradient + decay * parameter; velocity = keep * velocity + kept * d; parameter -= lr * velocity, or
    lr * (d + momentum * velocity) if ``nesterov``."""
    contiguous = parameter.flags.carray and velocity.flags.carray and parameter.itemsize >= 4
    numbers = lr, float(keep), float(momentum), float(kept), float(decay), bool(nesterov)
    if contiguous:
        sgd_momentum_loop(parameter.reshape(-1), gradient.reshape(-1), velocity.reshape(-1), *numbers)
    else:
        sgd_momentum_twin(parameter, gradient, velocity, *numbers)


@kernel
def adam_loop(parameter, gradient, mean, square, rate, scale, beta1, beta2, eps, decay):
    """`adam` on flat views."""
    p, g, m, s = parameter, gradient, mean, square
    number = parameter.dtype.type
    rest1, rest2 = number(1 - beta1), number(1 - beta2)
    rate, scale, beta1, beta2, eps, decay = number(rate), number(scale), number(beta1), number(beta2), number(eps), number(decay)
    for i in range(p.size):
        d = g[i] + decay * p[i]
        m[i] = beta1 * m[i] + rest1 * d
        s[i] = beta2 * s[i] + rest2 * (d * d)
        p[i] -= rate * m[i] / (np.sqrt(s[i]) * scale + eps)


def adam_twin(parameter, gradient, mean, square, rate, scale, beta1, beta2, eps, decay):
    """The step of `adam`, by NumPy."""
    d = gradient + decay * parameter
    mean[...] = beta1 * mean + (1 - beta1) * d
    square[...] = beta2 * square + (1 - beta2) * (d * d)
    parameter -= (rate * mean / (np.sqrt(square) * scale + eps)).astype(parameter.dtype)


def adam(parameter, gradient, mean, square, rate, scale, beta1, beta2, eps, decay):
    """d = gradient + decay * parameter; mean and square move towards d and d**2 by 1 - beta1 and 1 - beta2;
    parameter -= rate * mean / (sqrt(square) * scale + eps)."""
    contiguous = parameter.flags.carray and mean.flags.carray and square.flags.carray and parameter.itemsize >= 4
    numbers = rate, scale, float(beta1), float(beta2), float(eps), float(decay)
    if contiguous:
        adam_loop(parameter.reshape(-1), gradient.reshape(-1), mean.reshape(-1), square.reshape(-1), *numbers)
    else:
        adam_twin(parameter, gradient, mean, square, *numbers)

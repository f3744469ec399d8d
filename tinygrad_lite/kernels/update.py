"""In-place updates of parameters: one pass over memory, where NumPy would make ten.

All arrays are C-contiguous and of one shape, and are seen as flat, so that one loop serves every shape. The twin of each loop is
its plain NumPy text, which also serves arrays that are not contiguous.
"""

from __future__ import annotations

import numpy as np

from .jit import kernel


@kernel
def sgd_loop(parameter, gradient, lr):
    p, g, rate = parameter.ravel(), gradient.ravel(), parameter.dtype.type(lr)
    for i in range(p.size):
        p[i] -= rate * g[i]


def sgd_twin(parameter, gradient, lr):
    """parameter -= lr * gradient, by NumPy."""
    parameter -= parameter.dtype.type(lr) * gradient


def sgd(parameter, gradient, lr):
    """parameter -= lr * gradient."""
    (sgd_loop if parameter.flags.c_contiguous and gradient.flags.c_contiguous else sgd_twin)(parameter, gradient, lr)


@kernel
def sgd_momentum_loop(parameter, gradient, velocity, lr, momentum, kept, decay, nesterov):
    p, g, v = parameter.ravel(), gradient.ravel(), velocity.ravel()
    number = parameter.dtype.type
    rate, momentum, kept, decay = number(lr), number(momentum), number(kept), number(decay)
    ahead, direct = (rate * momentum, rate) if nesterov else (rate, number(0))
    for i in range(p.size):
        d = g[i] + decay * p[i]
        v[i] = momentum * v[i] + kept * d
        p[i] -= direct * d + ahead * v[i]


def sgd_momentum_twin(parameter, gradient, velocity, lr, momentum, kept, decay, nesterov):
    """The step of `sgd_momentum`, by NumPy."""
    d = gradient + decay * parameter
    velocity[...] = momentum * velocity + kept * d
    parameter -= (lr * (d + momentum * velocity if nesterov else velocity)).astype(parameter.dtype)


def sgd_momentum(parameter, gradient, velocity, lr, momentum, kept, decay, nesterov):
    """d = gradient + decay * parameter; velocity = momentum * velocity + kept * d; parameter -= lr * velocity, or
    lr * (d + momentum * velocity) if ``nesterov``."""
    contiguous = parameter.flags.c_contiguous and gradient.flags.c_contiguous and velocity.flags.c_contiguous
    loop = sgd_momentum_loop if contiguous else sgd_momentum_twin
    loop(parameter, gradient, velocity, lr, float(momentum), float(kept), float(decay), bool(nesterov))


@kernel
def adam_loop(parameter, gradient, mean, square, rate, scale, beta1, beta2, eps, decay):
    p, g, m, s = parameter.ravel(), gradient.ravel(), mean.ravel(), square.ravel()
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
    parameter -= rate * mean / (np.sqrt(square) * scale + eps)


def adam(parameter, gradient, mean, square, rate, scale, beta1, beta2, eps, decay):
    """d = gradient + decay * parameter; mean and square move towards d and d**2 by 1 - beta1 and 1 - beta2;
    parameter -= rate * mean / (sqrt(square) * scale + eps)."""
    contiguous = parameter.flags.c_contiguous and gradient.flags.c_contiguous and mean.flags.c_contiguous and square.flags.c_contiguous
    numbers = rate, scale, float(beta1), float(beta2), float(eps), float(decay)
    (adam_loop if contiguous else adam_twin)(parameter, gradient, mean, square, *numbers)

"""In-place updates of parameters: one pass over memory, where NumPy would make ten.

Arrays of any shape come in; contiguous ones are seen as flat, so that one compiled loop serves every shape. The twin of each
kernel is its plain NumPy text, which also serves arrays that are not contiguous.
"""

from __future__ import annotations

import numpy as np

from .jit import kernel


def _flat(*arrays):
    """1-D views of C-contiguous arrays, or None if one is not."""
    for a in arrays:
        if not a.flags.c_contiguous:
            return None
    return [a.reshape(-1) for a in arrays]


@kernel
def sgd_loop(parameter, gradient, lr):
    for i in range(parameter.size):
        parameter[i] -= lr * gradient[i]


def sgd_twin(parameter, gradient, lr):
    """parameter -= lr * gradient, by NumPy."""
    parameter -= lr * gradient


def sgd(parameter, gradient, lr):
    """parameter -= lr * gradient."""
    flat = _flat(parameter, gradient)
    if flat is None:
        sgd_twin(parameter, gradient, lr)
    else:
        sgd_loop(*flat, parameter.dtype.type(lr))


@kernel
def sgd_momentum_loop(parameter, gradient, velocity, lr, momentum, kept, decay, nesterov):
    for i in range(parameter.size):
        d = gradient[i] + decay * parameter[i]
        v = momentum * velocity[i] + kept * d
        velocity[i] = v
        parameter[i] -= lr * (d + momentum * v if nesterov else v)


def sgd_momentum_twin(parameter, gradient, velocity, lr, momentum, kept, decay, nesterov):
    """The step of `sgd_momentum`, by NumPy."""
    d = gradient + decay * parameter
    velocity[...] = momentum * velocity + kept * d
    parameter -= lr * (d + momentum * velocity if nesterov else velocity)


def sgd_momentum(parameter, gradient, velocity, lr, momentum, dampening, decay, nesterov, first):
    """d = gradient + decay * parameter; velocity = momentum * velocity + (1 - dampening) * d, or d if ``first``;
    parameter -= lr * velocity, or lr * (d + momentum * velocity) if ``nesterov``."""
    dtype = parameter.dtype.type
    if first:
        velocity[...] = 0
    numbers = dtype(lr), dtype(momentum), dtype(1.0 if first else 1 - dampening), dtype(decay), bool(nesterov)
    flat = _flat(parameter, gradient, velocity)
    if flat is None:
        sgd_momentum_twin(parameter, gradient, velocity, *numbers)
    else:
        sgd_momentum_loop(*flat, *numbers)


@kernel
def adam_loop(parameter, gradient, mean, square, rate, scale, beta1, beta2, rest1, rest2, eps, decay):
    for i in range(parameter.size):
        g = gradient[i] + decay * parameter[i]
        m = beta1 * mean[i] + rest1 * g
        s = beta2 * square[i] + rest2 * (g * g)
        mean[i] = m
        square[i] = s
        parameter[i] -= rate * m / (np.sqrt(s) * scale + eps)


def adam_twin(parameter, gradient, mean, square, rate, scale, beta1, beta2, rest1, rest2, eps, decay):
    """The step of `adam`, by NumPy."""
    g = gradient + decay * parameter
    mean[...] = beta1 * mean + rest1 * g
    square[...] = beta2 * square + rest2 * (g * g)
    parameter -= rate * mean / (np.sqrt(square) * scale + eps)


def adam(parameter, gradient, mean, square, rate, scale, beta1, beta2, eps, decay):
    """mean and square move towards the gradient and its square; parameter -= rate * mean / (sqrt(square) * scale + eps)."""
    dtype = parameter.dtype.type
    numbers = [dtype(n) for n in (rate, scale, beta1, beta2, 1 - beta1, 1 - beta2, eps, decay)]
    flat = _flat(parameter, gradient, mean, square)
    if flat is None:
        adam_twin(parameter, gradient, mean, square, *numbers)
    else:
        adam_loop(*flat, *numbers)

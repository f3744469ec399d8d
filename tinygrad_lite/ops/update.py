"""In-place updates of parameters and buffers. Rates and step counters are 0-d Tensors, so that a recorded step stays live."""

from __future__ import annotations

import numpy as np

from .. import kernels
from ..errors import composed, describe
from ..primitive import update
from ..state import local

__all__ = ["adam_update", "assign", "momentum_update", "sgd_update"]

PIECE = 1 << 13  # elements


@update(0)
def assign_to(target, value):
    """Copy ``value`` into ``target``; shapes agree."""
    value = np.asarray(value)
    if value.shape != target.shape:
        raise ValueError(f"value is {value.shape}, target is {target.shape}: they must agree")
    if value.dtype.kind not in "biuf" or (value.dtype.kind == "f" and target.dtype.kind != "f"):
        raise TypeError(f"{value.dtype} does not go into {target.dtype}")
    target[...] = value


@composed
def assign(target, value):
    """Copy ``value`` (a Tensor, an array or a number for a 0-d target) into the leaf or buffer ``target``, in place.

    While a checkpoint or a twin recomputes, nothing is assigned: statistics count once.
    """
    if not local.state.recomputing:
        assign_to(target, value)


def _check_state(parameters, *states):
    for values in states:
        for p, v in zip(parameters, values):
            if v.shape != p.shape or (v.dtype is not p.dtype and v.dtype != p.dtype):
                raise ValueError(f"a state is {describe(v)}, its parameter {describe(p)}: they must agree; make a new optimiser")


def _check_gradients(parameters, gradients):
    for p, g in zip(parameters, gradients):
        if g.shape != p.shape or (g.dtype is not p.dtype and g.dtype != p.dtype):
            raise ValueError(f"a gradient is {describe(g)}, its parameter {describe(p)}: they must agree")


def _descent(p, g, weight_decay, maximize):
    """The direction against which a step goes: the gradient (its negative, to climb) + weight_decay * parameter."""
    if maximize:
        g = np.negative(g, out=np.empty_like(g))
    return np.asarray(g + g.dtype.type(weight_decay) * p) if weight_decay else g


def _pieces(*arrays):
    """Arrays of one shape in pieces that stay in the cache with all that is computed of them: of large arrays the memory of results
    in between costs more than the arithmetic. Whole where they are small or not contiguous."""
    if arrays[0].size <= PIECE or not all(a.flags.c_contiguous for a in arrays):
        yield arrays
        return
    flat = [a.reshape(-1) for a in arrays]
    for start in range(0, flat[0].size, PIECE):
        yield [a[start : start + PIECE] for a in flat]


def _move(mean, value, keep):
    """mean = keep * mean + (1 - keep) * value, in place."""
    mean *= keep
    mean += value * (1 - keep)


@update(0)
def sgd_update(parameters, gradients, lr, *, weight_decay=0.0, maximize=False):
    """One step of gradient descent for each of the lists: parameter -= lr * (gradient + weight_decay * parameter);
    ``maximize`` turns the gradient round, here and in all other updates."""
    _check_gradients(parameters, gradients)
    rate, sgd, plain = float(lr), kernels.update.sgd, not (weight_decay or maximize)
    for p, g in zip(parameters, gradients):
        sgd(p, g if plain else _descent(p, g, weight_decay, maximize), rate)


@update(0, 2)
def momentum_update(
    parameters, gradients, velocities, lr, *, first, momentum, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False
):  # fmt: skip
    """One step of gradient descent with momentum (Polyak, 1964), or Nesterov's form of it (Sutskever et al., 2013), for each of
    the lists; ``first`` lists which velocities are new.

    d = gradient + weight_decay * parameter;  velocity = momentum * velocity + (1 - dampening) * d, the first time d itself;
    parameter -= lr * (d + momentum * velocity if nesterov else velocity)
    """
    _check_gradients(parameters, gradients)
    _check_state(parameters, velocities)
    rate = float(lr)
    for p, g, v, new in zip(parameters, gradients, velocities, first):
        g, kept = _descent(p, g, 0, True) if maximize else g, 1.0 if new else 1.0 - dampening
        kernels.update.sgd_momentum(p, g, v, rate, 0.0 if new else momentum, momentum, kept, weight_decay, nesterov)


def _decouple(parameters, decay):
    """parameter *= 1 - decay for each of the list: a weight decay that is no part of the gradient (Loshchilov and Hutter, 2019)."""
    for p in parameters:
        p *= p.dtype.type(1 - decay)
    return 0.0


@update(0, 2, 3, 4)
def adam_update(
    parameters, gradients, means, squares, steps, lr, *, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False,
    maximize=False,
):  # fmt: skip
    """One step of Adam (Kingma and Ba, 2015) for each of the lists. ``steps`` count the steps of each parameter;
    ``weight_decay`` times the parameter is added to the gradient, or if ``decoupled`` taken, times lr, off the parameter before.

    step += 1;  mean = b1 mean + (1 - b1) g;  square = b2 square + (1 - b2) g**2;
    parameter -= lr * (mean / (1 - b1**step)) / (sqrt(square / (1 - b2**step)) + eps)
    """
    _check_gradients(parameters, gradients)
    _check_state(parameters, means, squares)
    rate, (beta1, beta2), adam = float(lr), betas, kernels.update.adam
    decay = _decouple(parameters, rate * weight_decay) if decoupled and weight_decay else weight_decay
    for p, g, m, s, step in zip(parameters, gradients, means, squares, steps):
        step += 1
        count, g = float(step), _descent(p, g, 0, True) if maximize else g
        adam(p, g, m, s, rate / (1 - beta1**count), (1 - beta2**count) ** -0.5, beta1, beta2, eps, decay)


@update(0, 2, 3, 4, 5)
def amsgrad_update(
    parameters, gradients, means, squares, steps, largest, lr, *, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0,
    decoupled=False, maximize=False,
):  # fmt: skip
    """One step as `adam_update`, with the ``largest`` square so far in place of the square (Reddi et al., 2018)."""
    _check_gradients(parameters, gradients)
    _check_state(parameters, means, squares, largest)
    rate, (beta1, beta2) = float(lr), betas
    decay = _decouple(parameters, rate * weight_decay) if decoupled else weight_decay
    for step, *arrays in zip(steps, parameters, gradients, means, squares, largest):
        step += 1
        count = float(step)
        for p, g, m, s, top in _pieces(*arrays):
            d = _descent(p, g, decay, maximize)
            _move(m, d, beta1)
            _move(s, d * d, beta2)
            np.maximum(top, s, out=top)
            root = np.sqrt(top)
            root *= (1 - beta2**count) ** -0.5
            root += eps
            p -= m / root * (rate / (1 - beta1**count))


@update(0, 2, 3, 4, 5)
def nadam_update(
    parameters, gradients, means, squares, steps, products, lr, *, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0,
    momentum_decay=4e-3, decoupled=False, maximize=False,
):  # fmt: skip
    """One step of Adam with Nesterov's momentum (Dozat, 2016) for each of the lists; ``products`` are those of the momenta so far.

    step += 1;  momentum(t) = b1 (1 - 0.96**(t momentum_decay) / 2);  product *= momentum(step);  mean, square as in `adam_update`;
    parameter -= lr * (g (1 - momentum(step)) / (1 - product) + mean momentum(step + 1) / (1 - product momentum(step + 1)))
                 / (sqrt(square / (1 - b2**step)) + eps)
    """
    _check_gradients(parameters, gradients)
    _check_state(parameters, means, squares)
    rate, (beta1, beta2) = float(lr), betas
    decay = _decouple(parameters, rate * weight_decay) if decoupled else weight_decay
    for step, product, *arrays in zip(steps, products, parameters, gradients, means, squares):
        step += 1
        count = float(step)
        now, ahead = (beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in (count, count + 1))
        product *= now
        so_far = float(product)
        for p, g, m, s in _pieces(*arrays):
            d = _descent(p, g, decay, maximize)
            _move(m, d, beta1)
            _move(s, d * d, beta2)
            root = np.sqrt(s)
            root *= (1 - beta2**count) ** -0.5
            root += eps
            move = d * (rate * (1 - now) / (1 - so_far))
            move += m * (rate * ahead / (1 - so_far * ahead))
            p -= move / root


@update(0, 2, 3, 4)
def rmsprop_update(
    parameters, gradients, squares, means, velocities, lr, *, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False,
    maximize=False,
):  # fmt: skip
    """One step of RMSprop (Tieleman and Hinton, 2012) for each of the lists; ``means`` are empty unless ``centered``,
    ``velocities`` without ``momentum``.

    d = gradient + weight_decay * parameter;  square = alpha square + (1 - alpha) d**2;  mean = alpha mean + (1 - alpha) d;
    move = d / (sqrt(square - mean**2 if centered else square) + eps);
    velocity = momentum * velocity + move;  parameter -= lr * (velocity if momentum else move)
    """
    _check_gradients(parameters, gradients)
    _check_state(parameters, squares, means, velocities)
    rate = float(lr)
    means, velocities = means if centered else squares, velocities if momentum else squares
    for arrays in zip(parameters, gradients, squares, means, velocities):
        for p, g, s, m, v in _pieces(*arrays):
            d = _descent(p, g, weight_decay, maximize)
            _move(s, d * d, alpha)
            if centered:
                _move(m, d, alpha)
                root = np.sqrt(s - m * m)
            else:
                root = np.sqrt(s)
            root += eps
            move = d / root
            if momentum:
                v *= momentum
                v += move
                move = v
            p -= move * rate


@update(0, 2, 3)
def adagrad_update(
    parameters, gradients, sums, steps, lr, *, lr_decay=0.0, weight_decay=0.0, eps=1e-10, maximize=False
):  # fmt: skip
    """One step of Adagrad (Duchi et al., 2011) for each of the lists.

    step += 1;  d = gradient + weight_decay * parameter;  sum += d**2;
    parameter -= lr / (1 + (step - 1) lr_decay) * d / (sqrt(sum) + eps)
    """
    _check_gradients(parameters, gradients)
    _check_state(parameters, sums)
    for step, *arrays in zip(steps, parameters, gradients, sums):
        step += 1
        rate = float(lr) / (1 + (float(step) - 1) * lr_decay)
        for p, g, s in _pieces(*arrays):
            d = _descent(p, g, weight_decay, maximize)
            s += d * d
            root = np.sqrt(s)
            root += eps
            p -= d / root * rate


@update(0, 2, 3)
def adadelta_update(parameters, gradients, squares, changes, lr, *, rho=0.9, eps=1e-6, weight_decay=0.0, maximize=False):
    """One step of Adadelta (Zeiler, 2012) for each of the lists.

    d = gradient + weight_decay * parameter;  square = rho square + (1 - rho) d**2;
    move = d sqrt(change + eps) / sqrt(square + eps);  change = rho change + (1 - rho) move**2;  parameter -= lr * move
    """
    _check_gradients(parameters, gradients)
    _check_state(parameters, squares, changes)
    rate = float(lr)
    for arrays in zip(parameters, gradients, squares, changes):
        for p, g, s, c in _pieces(*arrays):
            d = _descent(p, g, weight_decay, maximize)
            _move(s, d * d, rho)
            move = np.sqrt((c + eps) / (s + eps))
            move *= d
            _move(c, move * move, rho)
            p -= move * rate


# -- gradients ---------------------------------------------------------------------------------------------------


@update(0)
def scale_update(gradients, factor):
    """Each of the list times the number ``factor``."""
    for g in gradients:
        g *= g.dtype.type(factor)


@update(0)
def clip_update(gradients, limit):
    """Each of the list limited to [-limit, limit]."""
    for g in gradients:
        np.clip(g, -g.dtype.type(limit), g.dtype.type(limit), out=g)

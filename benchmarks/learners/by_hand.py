"""The rows by hand in NumPy: whole matrices where the rule allows it, else a loop over examples or units."""

from __future__ import annotations

import numpy as np

from ..frameworks.numpy_control import threads, updater  # noqa: F401
from .rows import EPSILON, MOMENTUM, PROBES, WEIGHT


def boolean(row, table, x):
    """The disjunctive normal form: a unit for each row of the table that has an output 1, and whether any fires."""
    on = x[table == 1]
    weight, threshold = 2 * on - 1, on.sum(1) - 0.5

    def step():
        return {"answers": (x @ weight.T >= threshold).any(1)}

    return step


def hebb(row, x, first):
    """One example after the other."""

    def step():
        w = first.copy()
        for _ in range(row.epochs):
            for example in x:
                w += EPSILON * (w @ example) * example
        return {"weight": w}

    return step


def oja(row, x, first):
    """One example after the other."""

    def step():
        w = first.copy()
        for _ in range(row.epochs):
            for example in x:
                y = w @ example
                w += EPSILON * y * (example - y * w)
        return {"weight": w}

    return step


def perceptron2(row, x, y, first):
    """One example after the other, until an epoch makes no mistake."""

    def step():
        w, inputs, target = first[0].copy(), np.c_[np.full(len(x), -1, x.dtype), x], y == y.max()
        for _ in range(row.epochs):
            mistakes = 0
            for example, t in zip(inputs, target):
                if (w @ example >= 0) != t:
                    w += example if t else -example
                    mistakes += 1
            if not mistakes:
                break
        return {"weight": w[None]}

    return step


def perceptron10(row, x, y, first):
    """One example after the other, all units at once."""

    def step():
        w, inputs, target = first.copy(), np.c_[np.full(len(x), -1, x.dtype), x], y[:, None] == np.arange(row.outputs)
        for _ in range(row.epochs):
            mistakes = 0
            for example, t in zip(inputs, target):
                fires = w @ example >= 0
                wrong = np.flatnonzero(fires != t)
                if wrong.size:
                    w[wrong] += np.where(t[wrong], 1, -1)[:, None] * example
                    mistakes += wrong.size
            if not mistakes:
                break
        return {"weight": w}

    return step


def willshaw_store(row, x, y):
    """At the crossings of the ones of all pairs."""

    def step():
        weight = np.zeros((row.outputs, row.inputs), x.dtype)
        inputs, outputs = (np.nonzero(a)[1].reshape(len(a), row.ones) for a in (x, y))
        weight[outputs[:, :, None], inputs[:, None, :]] = 1
        return {"stored": weight}

    return step


def willshaw_recall(row, x, y):
    """One product."""
    weight, probes = willshaw_store(row, x, y)()["stored"], x[:PROBES]

    def step():
        return {"answers": (probes @ weight.T >= row.ones - 0.5).astype(x.dtype)}

    return step


def linear_hebb(row, x, y):
    """One product."""
    return lambda: {"weight": y.T @ x}


def linear_squares(row, x, y):
    """Y times the pseudo-inverse of X: with many outputs faster than numpy.linalg.lstsq."""
    return lambda: {"weight": y.T @ np.linalg.pinv(x).T}


def linear_recall(row, x, y):
    """One product."""
    weight = y.T @ x
    return lambda: {"values": x @ weight.T}


def hopfield_store(row, x):
    """One product, no self-connections."""

    def step():
        weight = x.T @ x
        weight /= row.inputs
        np.fill_diagonal(weight, 0)
        return {"weight": weight}

    return step


def hopfield_inverse(row, x):
    """The projection on the patterns."""
    return lambda: {"weight": np.linalg.pinv(x) @ x}


def asynchronous(row, x, probes, order):
    """All probes at once; their fields are kept up to date, which takes two thirds of the time of computing them anew."""
    weight = hopfield_store(row, x)()["weight"]

    def step():
        state, field = probes.copy(), probes @ weight
        flips = 1
        while flips:
            flips = 0
            for i in order:
                wrong = np.flatnonzero(state[:, i] * field[:, i] < -1e-9)
                if wrong.size:
                    state[wrong, i] *= -1
                    field[wrong] += 2 * state[wrong, i, None] * weight[i]
                    flips += wrong.size
        return {"states": state}

    return step


def synchronous(row, x, probes, order):
    """All units of all probes at once, until nothing changes or all is back where it was."""
    weight = hopfield_store(row, x)()["weight"]

    def step():
        before, state = None, probes
        while True:
            field = state @ weight
            after = np.where(np.abs(field) > 1e-9, np.sign(field), state)
            if (after == state).all() or (before is not None and (after == before).all()):
                return {"states": after}
            before, state = state, after

    return step


def contraction(row, x, weight0, bias0):
    """The penalty by its formula, and its gradients by the chain rule."""

    def step():
        h = 1 / (1 + np.exp(-(x @ weight0.T + bias0)))
        slope = h * (1 - h)
        rows = (weight0 * weight0).sum(1)
        squares, scale = slope * slope, WEIGHT / len(x)
        g = (2 * scale) * squares * rows * (1 - 2 * h)
        g_weight = g.T @ x
        g_weight += (2 * scale) * squares.sum(0)[:, None] * weight0
        return {"values": np.asarray(scale * (squares @ rows).sum()), "weight": g_weight, "bias": g.sum(0)}

    return step


def momentum(row, parameters):
    """``update(i, gradient)``: gradient descent with momentum on parameters[i], in place."""
    velocities = [np.zeros_like(p) for p in parameters]

    def update(i, gradient):
        velocities[i] *= MOMENTUM
        velocities[i] += gradient
        parameters[i] -= row.lr * velocities[i]

    return update


def descent(row, x, t, given, linear=-1, scale=1.0):
    """A training step on ``scale`` * 1/2 Σ (y - t)² in logistic layers; layer number ``linear`` is linear."""
    parameters = [a.copy() for a in given.values()]
    weights, biases = parameters[::2], parameters[1::2]
    update = momentum(row, parameters) if row.optimizer == "momentum" else updater(row, parameters)

    def step():
        values = [x]
        for i, (w, b) in enumerate(zip(weights, biases)):
            a = values[-1] @ w.T + b
            values.append(a if i == linear else 1 / (1 + np.exp(-a)))
        error = values[-1] - t
        loss, delta = scale / 2 * float((error * error).sum()), scale * error
        for i in reversed(range(len(weights))):
            if i != linear:
                delta = delta * values[i + 1] * (1 - values[i + 1])
            g_weight, g_bias = delta.T @ values[i], delta.sum(0)
            if i:
                delta = delta @ weights[i]
            update(2 * i, g_weight)
            update(2 * i + 1, g_bias)
        return loss

    return step


def mlp(row, x, t, **given):
    """Forward, backward and descent."""
    return descent(row, x, t, given)


def autoencoder(row, x, **given):
    """The same, with a linear code; the mean over the batch."""
    return descent(row, x, x, given, linear=len(given) // 4 - 1, scale=1 / len(x))


STEPS = {
    step.__name__: step
    for step in (
        boolean, hebb, oja, perceptron2, perceptron10, willshaw_store, willshaw_recall, linear_hebb, linear_squares,
        linear_recall, hopfield_store, hopfield_inverse, asynchronous, synchronous, contraction, mlp, autoencoder,
    )
} | {"mlp_small": mlp, "autoencoder_small": autoencoder}  # fmt: skip

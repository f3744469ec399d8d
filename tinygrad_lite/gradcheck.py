"""Derivatives against finite differences: of the first order and of the second."""

from __future__ import annotations

import numpy as np

from .graph import grad
from .record import Value, leaf_source, new_tensor
from .state import enable_grad
from .transforms import check_function


class GradcheckError(AssertionError):
    """A derivative that differs from the finite difference."""


def _outputs(f, tensors):
    with enable_grad():
        out = f(*tensors)
    outs = out if isinstance(out, (tuple, list)) else (out,)
    return [o for o in outs if isinstance(o, Value) and o.data.dtype.kind == "f"]


def _loss(f, tensors, weights):
    """A fixed random combination of the outputs of ``f``: its gradient mixes all rows of the Jacobian."""
    total = 0.0
    for out, weight in zip(_outputs(f, tensors), weights):
        total = total + (out * weight).sum()
    return total


def _leaves(arrays, differentiable):
    return [new_tensor(a, leaf_source(a)) if d else a for a, d in zip(arrays, differentiable)]


def _gradients(f, tensors, weights, create_graph=False):
    leaves = [t for t in tensors if isinstance(t, Value) and t.source is not None]
    loss = _loss(f, tensors, weights)
    if not isinstance(loss, Value) or loss.source is None:
        return [None] * len(leaves)
    return list(grad(loss, leaves, create_graph=create_graph, allow_unused=True))


def _compare(what, analytic, numeric, rtol, atol):
    error = np.abs(analytic - numeric)
    bound = atol + rtol * np.abs(numeric)
    if not (error <= bound).all():
        worst = np.unravel_index(np.argmax(np.where(np.isnan(error), np.inf, error - bound)), error.shape)
        raise GradcheckError(
            f"gradcheck: {what} at element {tuple(map(int, worst))}: derivative {analytic[worst]:.10g}, "
            f"finite difference {numeric[worst]:.10g}"
        )


def _numeric(value_of, arrays, k, eps):
    """The central difference of the scalar ``value_of(arrays)`` towards every element of ``arrays[k]``."""
    result = np.zeros(arrays[k].shape)
    for place in np.ndindex(*arrays[k].shape):
        values = []
        for sign in (1, -1):
            moved = [a.copy() if i == k else a for i, a in enumerate(arrays)]
            moved[k][place] += sign * eps
            values.append(value_of(moved))
        result[place] = (values[0] - values[1]) / (2 * eps)
    return result


def gradcheck(f, *inputs, order=1, eps=1e-6, rtol=1e-4, atol=1e-6, seed=0):
    """Compare derivatives of ``f`` with central differences, in float64.

    f       a function of Tensors that returns a Tensor or several
    inputs  Tensors, arrays or other arguments; floating ones are differentiated, as float64 copies
    order   1: the gradient of a random combination of the outputs; 2: the gradient of a random combination of that, too
    eps     how far each element is moved to either side
    seed    of the combinations
    Returns True; raises `GradcheckError` at the first element that differs by more than ``atol + rtol * |difference|``.
    """
    check_function("gradcheck", f)
    if order not in (1, 2):
        raise ValueError(f"gradcheck: order is 1 or 2, got {order}")
    rng = np.random.default_rng(seed)
    arrays, differentiable = [], []
    for x in inputs:
        array = x.data if isinstance(x, Value) else x
        is_float = isinstance(array, np.ndarray) and array.dtype.kind == "f"
        arrays.append(np.array(array, np.float64) if is_float else x)
        differentiable.append(is_float)
    if not any(differentiable):
        raise ValueError("gradcheck: no input is a floating Tensor or array")
    which = [k for k, d in enumerate(differentiable) if d]
    weights = [rng.standard_normal(o.data.shape) for o in _outputs(f, _leaves(arrays, differentiable))]
    if not weights:
        raise ValueError("gradcheck: the function returned no floating Tensor")
    directions = [rng.standard_normal(arrays[k].shape) for k in which]

    def loss(moved):
        with enable_grad():
            value = _loss(f, _leaves(moved, differentiable), weights)
        return float(value.data) if isinstance(value, Value) else value

    def slope(moved):
        """The derivative of the loss along the fixed directions."""
        grads = _gradients(f, _leaves(moved, differentiable), weights)
        return sum(float((g.data * d).sum()) for g, d in zip(grads, directions) if g is not None)

    grads = _gradients(f, _leaves(arrays, differentiable), weights)
    for k, g in zip(which, grads):
        analytic = np.zeros(arrays[k].shape) if g is None else g.data
        _compare(f"input {k}", analytic, _numeric(loss, arrays, k, eps), rtol, atol)
    if order == 2:
        leaves = _leaves(arrays, differentiable)
        tensors = [leaves[k] for k in which]
        with enable_grad():
            grads = _gradients(f, leaves, weights, create_graph=True)
            pairs = [(g, d) for g, d in zip(grads, directions) if g is not None and g.source is not None]
            combined = sum((g * d).sum() for g, d in pairs) if pairs else None
        second = [None] * len(tensors) if combined is None else grad(combined, tensors, allow_unused=True)
        for k, g in zip(which, second):
            analytic = np.zeros(arrays[k].shape) if g is None else g.data
            _compare(f"second order, input {k}", analytic, _numeric(slope, arrays, k, eps), rtol, atol)
    return True

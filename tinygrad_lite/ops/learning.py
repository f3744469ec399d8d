"""Learning without gradients, and the dynamics of memories: primitives that have no derivative. All are pure, what they are given
stays as it is.

They are primitives since each example is seen with the weights that the one before left: a composition would need an op for each.
"""

from __future__ import annotations

import numpy as np

from ..errors import describe
from ..kernels import classics
from ..primitive import primitive

__all__ = []  # for `tinygrad_lite.zoo`; not among the names of tinygrad_lite


def _own(x, dtype=None):
    """A C-contiguous copy."""
    return np.array(x, dtype, order="C")


def _check_rows(weight, x):
    if x.ndim != 2 or x.shape[1] != weight.shape[-1] or x.dtype != weight.dtype:
        raise ValueError(f"x is {describe(x)}, expected (n, {weight.shape[-1]}) {weight.dtype} as the weights")


def _check_order(order, n):
    if order.ndim != 1 or order.dtype.kind not in "iu" or (order.size and not 0 <= order.min() <= order.max() < n):
        raise IndexError(f"order must hold integers from 0 to {n - 1}")


@primitive(promotes="float")
def hebbian_epoch(weight, x, *, epsilon, oja=False):
    """The weight (k) after each row of ``x`` (n, k) in turn: w += epsilon y x with y = w·x, or epsilon y (x - y w) if ``oja``."""
    _check_rows(weight, x)
    weight = _own(weight)
    classics.hebbian_epoch(weight, np.ascontiguousarray(x), epsilon, oja)
    return weight


@primitive(outputs=("out", "mistakes"))
def perceptron_epoch(weight, x, target, order, rates):
    """The weights (units, k) after each row of ``x`` (n, k) in the order given, and the mistakes (units) on the way:
    w_r += rates_i (target_ri - step(w_r·x_i)) x_i for each unit r, with step(0) = 1.

    ``target`` (units, n) boolean, ``order`` (any number) integers, ``rates`` (n).
    """
    _check_rows(weight, x)
    _check_order(order, len(x))
    if target.shape != (len(weight), len(x)) or target.dtype != bool or rates.shape != (len(x),):
        raise ValueError(f"expected a boolean target {(len(weight), len(x))} and rates {(len(x),)}")
    weight, target = _own(weight), np.ascontiguousarray(target)
    order, rates = np.ascontiguousarray(order, np.int64), np.ascontiguousarray(rates, x.dtype)
    mistakes = classics.perceptron_epoch(weight, np.ascontiguousarray(x), target, order, rates)
    return weight, mistakes


@primitive(promotes=True)
def willshaw_store(weight, x, y):
    """The weights (m, k) after the binary pairs of ``x`` (n, k) and ``y`` (n, m): max(weight_rs, y_r x_s over the pairs)."""
    _check_rows(weight, x)
    if y.shape != (len(x), len(weight)):
        raise ValueError(f"y is {describe(y)}, expected {(len(x), len(weight))}")
    weight = _own(weight)
    classics.willshaw_store(weight, np.ascontiguousarray(x), np.ascontiguousarray(y))
    return weight


@primitive(outputs=("out", "flips", "rise"))
def hopfield_sweep(state, field, weight, order, *, tie=0.0):
    """One asynchronous sweep: the states (n, k) after each unit i in the order given has taken the sign of its field
    h_i = Σ_j w_ij s_j, which changes with every flip; a field of at most ``tie`` leaves the unit as it is.

    ``field`` (n, k) is that of the states given, ``weight`` (k, k) is symmetric. Float64, in which fields that differ by 1/k differ
    in sign. Also returned: the flips (n) of each state, and the largest change of the energy by one of them (n), -inf without any.
    """
    _check_rows(weight, state)
    _check_order(order, len(weight))
    if field.shape != state.shape or weight.shape != 2 * state.shape[1:] or {a.dtype for a in (state, field, weight)} != {_F64}:
        raise ValueError(f"expected float64 field {state.shape} and weight {2 * state.shape[1:]}")
    state = _own(state)
    order = np.ascontiguousarray(order, np.int64)
    return state, *classics.hopfield_sweep(state, _own(field), np.ascontiguousarray(weight), order, tie)


_F64 = np.dtype(np.float64)


@primitive(promotes="float")
def least_squares(x, y):
    """The matrix (k, m) of smallest norm with the least |x W - y|**2, for ``x`` (n, k) and ``y`` (n, m): x⁺ y, with the
    pseudo-inverse (Moore, 1920; Penrose, 1955)."""
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise ValueError(f"expected (n, k) and (n, m), got {x.shape} and {y.shape}")
    return np.linalg.lstsq(x, y, rcond=None)[0]

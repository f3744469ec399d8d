"""Learning without gradients, and the dynamics of memories: primitives that have no derivative. All are pure, what they are given
stays as it is.

They are primitives since each example is seen with the weights that the one before left: a composition would need an op for each.
"""

from __future__ import annotations

import numpy as np

from ..errors import describe
from ..kernels import classics
from ..kernels.pool import empty
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
    """The weights (m, k) after the binary pairs of ``x`` (n, k) and ``y`` (n, m): max(weight_rs, y_r x_s over the pairs). In memory
    the weights from each input stand together: `willshaw_sums` reads those from the ones of a probe."""
    _check_rows(weight, x)
    if y.shape != (len(x), len(weight)):
        raise ValueError(f"y is {describe(y)}, expected {(len(x), len(weight))}")
    turned = _own(weight.T)
    classics.willshaw_store(turned, np.ascontiguousarray(y), np.ascontiguousarray(x))
    return turned.T


@primitive
def willshaw_sums(weight, x):
    """Σ_s w_rs x_s for each row of ``x`` (n, k): (n, m), ``weight`` being (m, k). Of a sparse ``x`` only the ones are seen."""
    _check_rows(weight, x)
    return classics.unit_sums(weight.T, x)


@primitive(promotes=True)
def threshold_units(x, weight, threshold):
    """step(w_r·x - s_r), step(0) being 1: (n, units), for ``x`` (n, k), ``weight`` (units, k), ``threshold`` (units)."""
    _check_rows(weight, x)
    if threshold.shape != weight.shape[:1]:
        raise ValueError(f"threshold is {describe(threshold)}, expected {weight.shape[:1]}")
    return classics.threshold_units(weight.T, x, np.ascontiguousarray(threshold))


@primitive(outputs=("out", "fields", "flips", "rise"))
def hopfield_sweep(state, field, weight, order, *, tie=0.0):
    """One asynchronous sweep: the states (n, k) after each unit i in the order given has taken the sign of its field
    h_i = Σ_j w_ij s_j, which changes with every flip; a field of at most ``tie`` leaves the unit as it is.

    ``field`` (n, k) is that of the states given, ``weight`` (k, k) is symmetric. Float64, in which fields that differ by 1/k differ
    in sign. Also returned: the field (n, k) of the new states, the flips (n) of each, and the largest change of the energy by one
    of them (n), -inf without any.
    """
    _check_hopfield(state, field, weight)
    _check_order(order, len(weight))
    state, field, order = _own(state), _own(field), np.ascontiguousarray(order, np.int64)
    return state, field, *classics.hopfield_sweep(state, field, np.ascontiguousarray(weight), order, tie)


@primitive(outputs=("out", "fields", "flips"))
def hopfield_together(state, field, weight, *, tie=0.0):
    """One synchronous sweep: as `hopfield_sweep`, but all units look at the field as it is given. Also returned: the field (n, k)
    of the new states, and the flips (n)."""
    _check_hopfield(state, field, weight)
    state, field = _own(state), _own(field)
    return state, field, classics.hopfield_together(state, field, np.ascontiguousarray(weight), tie)


_F64 = np.dtype(np.float64)


def _check_hopfield(state, field, weight):
    _check_rows(weight, state)
    if field.shape != state.shape or weight.shape != 2 * state.shape[1:] or {a.dtype for a in (state, field, weight)} != {_F64}:
        raise ValueError(f"expected float64 field {state.shape} and weight {2 * state.shape[1:]}")


@primitive
def binary_correlations(x):
    """xᵀ x / k, the mean over the k elements, for ``x`` (p, k) of -1 and 1: (k, k) float64. Their sums are whole numbers, which
    float32 holds exactly and BLAS adds in half the time."""
    narrow, out = x.astype(np.float32), empty((x.shape[1], x.shape[1]), np.float64)
    sums = narrow.T.dot(narrow.copy())  # of one array with itself NumPy takes half of the products, and as long to copy them
    return np.divide(sums, max(1, x.shape[1]), out=out, dtype=np.float64)


@primitive(promotes="float")
def projection(x):
    """The projection (k, k) on the space of the rows of ``x`` (p, k): x⁺ x, with the pseudo-inverse. By QR of xᵀ with pivots: Q Qᵀ
    of the columns that rounding has not made."""
    from scipy.linalg import qr

    if not x.size:
        return np.zeros((x.shape[1], x.shape[1]), x.dtype)
    q, r, _ = qr(x.T, mode="economic", pivoting=True, check_finite=False)
    sizes = np.abs(np.diag(r))
    q = np.ascontiguousarray(q[:, sizes > max(x.shape) * np.finfo(x.dtype).eps * sizes[0]])
    return q.dot(q.T)


@primitive(promotes="float")
def least_squares(x, y):
    """The matrix (k, m) of smallest norm with the least |x W - y|**2, for ``x`` (n, k) and ``y`` (n, m): x⁺ y, with the
    pseudo-inverse (Moore, 1920; Penrose, 1955).

    By QR with pivots, which takes a third of the time of singular values; by these where rows or columns are nearly dependent."""
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise ValueError(f"expected (n, k) and (n, m), got {x.shape} and {y.shape}")
    from scipy.linalg import qr, solve_triangular

    n, k = x.shape
    if not x.size or not y.size or x.itemsize < 4:
        return np.linalg.lstsq(x, y, rcond=None)[0]
    q, r, pivots = qr(x.T if n < k else x, mode="economic", pivoting=True, check_finite=False)
    sizes = np.abs(np.diag(r))
    if not sizes[-1] > 10 * max(n, k) * np.finfo(x.dtype).eps * sizes[0]:
        return np.linalg.lstsq(x, y, rcond=None)[0]
    if n < k:  # xᵀ P = Q R, so x = P Rᵀ Qᵀ
        return q @ solve_triangular(r, y[pivots], trans="T", check_finite=False)
    out = np.empty((k, y.shape[1]), y.dtype)
    out[pivots] = solve_triangular(r, q.T @ y, check_finite=False)
    return out

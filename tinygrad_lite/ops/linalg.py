"""Products. Floats of different precision are refused: a silent conversion of a large matrix costs more than the error."""

from __future__ import annotations

import functools
import math
import weakref

import numpy as np

from .. import kernels
from ..errors import composed, describe
from ..kernels.pool import LARGE, empty
from ..primitive import primitive
from ..record import last_change
from ..state import local, setting
from .shape import reshape_to, unsqueeze

__all__ = ["addmm", "bmm", "dot", "linear", "matmul", "mm", "mv", "outer"]


def _check_same_dtype(x, y, names=("x", "y")):
    if x.dtype != y.dtype:
        raise TypeError(f"{names[0]} is {x.dtype} and {names[1]} is {y.dtype}: bring them to one dtype with .to(dtype)")


@primitive(broadcasts=True, name="matmul")
def matmul_nd(x, y):
    """(..., n, k) @ (..., k, m) -> (..., n, m); leading dimensions broadcast."""
    _check_same_dtype(x, y)
    if x.shape[-1] != y.shape[-2]:
        raise ValueError(f"x has {x.shape[-1]} columns, y has {y.shape[-2]} rows: they must be equal")
    return np.matmul(x, y)


matmul_nd.derivatives(lambda g, y: matmul_nd(g, swap_last(y)), lambda g, x: matmul_nd(swap_last(x), g))


@primitive(view=True)
def swap_last(x):
    """The last two dimensions exchanged: each matrix transposed."""
    return x.swapaxes(-1, -2)


swap_last.derivatives(lambda g: swap_last(g))


def matmul(x, other):
    """Matrix product: (..., n, k) @ (..., k, m); a vector counts as a row on the left, as a column on the right."""
    try:
        matrices = x.ndim > 1 and other.ndim > 1
    except AttributeError:
        matrices = False
    return matmul_nd(x, other) if matrices else _matmul_with_vectors(x, other)


@composed(name="matmul")
def _matmul_with_vectors(x, other):
    if not (hasattr(x, "ndim") and hasattr(other, "ndim")):
        what = f"got {type(x).__name__} @ {type(other).__name__}; make them with tinygrad_lite.tensor, use * for numbers"
        raise TypeError(f"matmul: expected Tensors or arrays, {what}")
    if x.ndim == 0 or other.ndim == 0:
        raise ValueError(f"matmul: both need at least one dimension, got {x.shape} and {other.shape}; use * for numbers")
    left, right = x.ndim == 1, other.ndim == 1
    out = matmul_nd(unsqueeze(x, 0) if left else x, unsqueeze(other, 1) if right else other)
    shape = list(out.shape)
    if right:
        shape.pop()
    if left:
        shape.pop(-1 if right else -2)
    return reshape_to(out, shape=tuple(shape))


def _needs_dims(name, n, *tensors):
    for t in tensors:
        if t.ndim != n:
            raise ValueError(f"{name}: expected {n}-dimensional Tensors, got {' and '.join(str(u.shape) for u in tensors)}")


@composed
def mm(x, mat2):
    """Product of two matrices."""
    _needs_dims("mm", 2, x, mat2)
    return matmul_nd(x, mat2)


@composed
def mv(x, vec):
    """Product of a matrix and a vector."""
    if x.ndim != 2 or vec.ndim != 1:
        raise ValueError(f"mv: expected a matrix and a vector, got {tuple(x.shape)} and {tuple(vec.shape)}")
    return matmul(x, vec)


@composed
def addmm(x, mat1, mat2, beta=1, alpha=1):
    """beta x + alpha (mat1 @ mat2), where ``x`` broadcasts to the product; with beta = 0 what ``x`` holds does not count."""
    product = mm(mat1, mat2)
    if x.ndim > 2 or any(n not in (1, m) for n, m in zip(x.shape[::-1], product.shape[::-1])):
        raise ValueError(f"addmm: x {tuple(x.shape)} does not broadcast to the product {tuple(product.shape)}")
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return product
    return product + (x if beta == 1 else x * beta)


@composed
def bmm(x, mat2):
    """Products of the matrices of two batches: (b, n, k) @ (b, k, m)."""
    _needs_dims("bmm", 3, x, mat2)
    if x.shape[0] != mat2.shape[0]:
        raise ValueError(f"bmm: batches differ: {x.shape} and {mat2.shape}")
    return matmul_nd(x, mat2)


@composed
def dot(x, tensor):
    """Inner product of two vectors."""
    _needs_dims("dot", 1, x, tensor)
    return matmul(x, tensor)


@composed
def outer(x, vec2):
    """x[i] * vec2[j] of two vectors."""
    _needs_dims("outer", 1, x, vec2)
    return unsqueeze(x, 1) * unsqueeze(vec2, 0)


# -- linear: a family closed under differentiation -----------------------------------------------------------------


def _rows(x):
    """``x`` as a matrix of its last dimension; sizes may be 0, which a -1 in reshape does not allow."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


@primitive
def linear(x, weight, bias=None):
    """x W^T + b: ``x`` (..., in), ``weight`` (out, in), ``bias`` (out) or None -> (..., out)."""
    if x.dtype != weight.dtype or weight.ndim != 2 or x.ndim == 0 or x.shape[-1] != weight.shape[1]:
        _refuse(x, weight)
    if bias is not None and (bias.shape != weight.shape[:1] or bias.dtype != x.dtype):
        raise ValueError(f"bias is {describe(bias)}, expected {weight.shape[:1]} {x.dtype}")
    rows = x if x.ndim == 2 else _rows(x)
    size = weight.size
    packed = None if size < 1024 or local.state.packed is None else _packed(weight, len(rows))
    if packed is not None:
        out = _product(rows, packed)
    elif len(rows) * size < _LARGE_PRODUCT:
        # a copy of a small W^T costs less than BLAS loses on rows of W
        out = rows.dot(weight.T.copy() if 1024 <= size <= 4096 and len(rows) >= 32 else weight.T)
    elif len(rows) > _FEW_ROWS:
        out = _product(rows, weight.T)
    else:  # W x^T is a tenth to a third faster than x W^T in OpenBLAS, and the bias is added as the result is turned
        out = empty((len(rows), len(weight)), x.dtype)
        np.add(_product(weight, rows.T).T, x.dtype.type(0) if bias is None else bias, out=out)
        bias = None
    if bias is not None:
        if 64 < out.size < _SMALL_SUM and out.itemsize >= 4:
            kernels.linalg.add_row_loop(out, bias)
        else:
            out += bias
    return out if x.ndim == 2 else out.reshape(*x.shape[:-1], len(weight))


@primitive
def linear_onto(y, x, weight, bias=None):
    """y + x W^T + b: ``y`` (..., out), the rest as of `linear`. One node and one array less than their sum."""
    out = linear.primitive.forward(x, weight, bias)
    if y.shape != out.shape or y.dtype != out.dtype:
        raise ValueError(f"y is {describe(y)}, expected {describe(out)}")
    out += y
    return out


def _refuse(x, weight):
    """Say why they do not fit."""
    _check_same_dtype(x, weight, ("x", "weight"))
    if weight.ndim != 2:
        raise ValueError(f"weight must be (out_features, in_features), got {weight.shape}")
    raise ValueError(f"x has {x.shape[-1] if x.ndim else 'no'} features, weight {weight.shape} expects {weight.shape[1]}")


_LARGE_PRODUCT = 2_000_000  # multiply-adds from which on the order of the operands counts
_FEW_ROWS = 128  # of more the result costs more to turn than the product gains: up to six times as much, with 10 features


def packing():
    """Context manager: `linear` keeps the transpose of each weight that it meets again. BLAS takes x W^T on columns of W up to four
    times as fast as on its rows. For loops over time, inside of which weights change by updates alone."""
    return setting("packed", {})


def _packed(weight, n):
    """The transpose of ``weight`` for a product with ``n`` rows, or None: at the first meeting, since it may be one that no other
    call sees, and for a few rows, with which it gains nothing."""
    if n < 4:
        return None
    packed = local.state.packed
    known = packed.get(id(weight))
    if known is None or known[0]() is not weight or known[1] != last_change[0]:
        packed[id(weight)] = [weakref.ref(weight), last_change[0], None]
        return None
    if known[2] is None:
        known[2] = np.empty(weight.shape[::-1], weight.dtype)
        for k in range(0, len(weight), _STRIP):
            known[2][:, k : k + _STRIP] = weight[k : k + _STRIP].T
    return known[2]


_STRIP = 64  # rows that are turned at once: a fifth of the time of turning a large matrix as a whole


@primitive
def linear_weight(g, x):
    """Sum of the outer products of rows: (..., out), (..., in) -> (out, in), the gradient of a `linear`'s weight."""
    return _product(g.T, x) if g.ndim == 2 else _product(_rows(g).T, _rows(x))


def _product(x, y):
    """np.dot of matrices, into memory of the pool if it is large."""
    if len(x) * y.shape[1] < LARGE // 8 or x.dtype != y.dtype:
        return x.dot(y)  # the method: numpy.dot asks both for __array_function__ first
    return x.dot(y, empty((x.shape[0], y.shape[1]), x.dtype))


@primitive
def linear_bias(g):
    """Sum of the rows: (..., out) -> (out), the gradient of a `linear`'s bias."""
    rows = g if g.ndim == 2 else _rows(g)
    if rows.size > _SMALL_SUM or rows.itemsize < 4:
        return np.dot(_ones(len(rows), g.dtype), rows)  # by BLAS: half the time of add.reduce
    out = np.empty(rows.shape[1], g.dtype)
    kernels.linalg.sum_rows_loop(rows, out)
    return out


_SMALL_SUM = 1 << 14  # elements


@functools.lru_cache(maxsize=16)
def _ones(n, dtype):
    return np.ones(n, dtype)


@primitive(view=True)
def repeat_rows(x, *, shape):
    """(out) -> ``shape`` (..., out): the adjoint of `linear_bias`."""
    return np.broadcast_to(x, shape)


linear.derivatives(
    lambda g, weight: linear_input(g, weight),
    lambda g, x: linear_weight(g, x),
    lambda g: linear_bias(g),
)


linear_onto.derivatives(
    lambda g: g,
    lambda g, weight: linear_input(g, weight),
    lambda g, x: linear_weight(g, x),
    lambda g: linear_bias(g),
)


@primitive
def linear_input(g, weight):
    """g W: (..., out), (out, in) -> (..., in), the gradient of a `linear`'s input."""
    if g.ndim == 2:
        return _product(g, weight)
    return _product(_rows(g), weight).reshape(*g.shape[:-1], weight.shape[1])


linear_input.derivatives(lambda h, weight: linear(h, weight), lambda h, g: linear_weight(g, h))
linear_weight.derivatives(lambda h, x: linear(x, h), lambda h, g: linear_input(g, h))
linear_bias.derivatives(lambda h, g_shape: repeat_rows(h, shape=g_shape))
repeat_rows.derivatives(lambda h: linear_bias(h))

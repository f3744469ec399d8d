"""NumPy's products and linear algebra."""

from __future__ import annotations

import math

import numpy as np

from .. import ops
from ..ops import decomposition
from .table import as_axes, flat, stands_for, value


@stands_for("dot")
def _dot(a, b):
    a, b = value(a), value(b)
    if not a.ndim or not b.ndim:
        return a * b
    return _contracted(a, b, [a.ndim - 1], [max(b.ndim - 2, 0)])


@stands_for("inner")
def _inner(a, b):
    a, b = value(a), value(b)
    return a * b if not a.ndim or not b.ndim else _contracted(a, b, [a.ndim - 1], [b.ndim - 1])


@stands_for("vdot")
def _vdot(a, b):
    return ops.dot(flat(value(a)), flat(value(b)))


@stands_for("outer", "linalg.outer")
def _outer(a, b):
    return ops.outer(flat(value(a)), flat(value(b)))


@stands_for("linalg.matmul")
def _matmul(x1, x2):
    return ops.matmul(value(x1), value(x2))


@stands_for("tensordot", "linalg.tensordot")
def _tensordot(a, b, axes=2):
    a, b = value(a), value(b)
    if isinstance(axes, (int, np.integer)):
        axes = range(a.ndim - axes, a.ndim), range(axes)
    return _contracted(a, b, *(as_axes(given, x.ndim) for given, x in zip(axes, (a, b))))


def _contracted(a, b, of_a, of_b):
    """Sums of products over the pairs of axes; what is left of ``a``, then of ``b``."""
    if [a.shape[d] for d in of_a] != [b.shape[d] for d in of_b]:
        raise ValueError(f"axes {tuple(of_a)} of {a.shape} and {tuple(of_b)} of {b.shape} must have the same sizes")
    left, right = [d for d in range(a.ndim) if d not in of_a], [d for d in range(b.ndim) if d not in of_b]
    shape_a, shape_b = [a.shape[d] for d in left], [b.shape[d] for d in right]
    inside = math.prod(a.shape[d] for d in of_a)
    a = ops.reshape(ops.permute(a, (*left, *of_a)), (math.prod(shape_a), inside))
    b = ops.reshape(ops.permute(b, (*of_b, *right)), (inside, math.prod(shape_b)))
    return ops.reshape(ops.matmul(a, b), (*shape_a, *shape_b))


@stands_for("einsum")
def _einsum(subscripts, *operands, optimize=None):
    return ops.einsum(subscripts, *operands)


# -- linear algebra --------------------------------------------------------------------------------------------------


@stands_for("linalg.norm")
def _norm(x, ord=None, axis=None, keepdims=False):
    if ord is None or (axis is None and x.ndim == 1) or isinstance(axis, (int, np.integer)):
        return ops.norm(x, 2 if ord is None else ord, axis, keepdims)
    rows, columns = as_axes(range(x.ndim) if axis is None else axis, x.ndim)
    if ord == "fro":
        return ops.norm(x, 2, (rows, columns), keepdims)
    if not isinstance(ord, str) and abs(ord) in (1, np.inf):  # the largest or smallest sum of a column, or of a row
        summed, kept = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = ops.sum(ops.abs(x), dim=summed, keepdim=True)
        out = (ops.amax if ord > 0 else ops.amin)(sums, dim=kept, keepdim=True)
        return out if keepdims else ops.reshape(out, [n for d, n in enumerate(x.shape) if d not in (rows, columns)])
    raise TypeError(f"numpy.linalg.norm of a matrix on Tensors: ord {ord!r} is not there; None, 'fro', 1, -1, inf and -inf are")


@stands_for("linalg.vector_norm")
def _vector_norm(x, axis=None, keepdims=False, ord=2):
    return ops.norm(x, ord, axis, keepdims)


@stands_for("linalg.matrix_norm")
def _matrix_norm(x, keepdims=False, ord="fro"):
    return _norm(x, ord, (-2, -1), keepdims)


@stands_for("linalg.det")
def _det(a):
    return decomposition.det(a)


@stands_for("linalg.slogdet")
def _slogdet(a):
    return decomposition.slogdet(a)


@stands_for("linalg.inv")
def _inv(a):
    return decomposition.inv(a)


@stands_for("linalg.solve")
def _solve(a, b):
    return decomposition.solve(value(a), value(b))


@stands_for("linalg.pinv")
def _pinv(a, rcond=None):
    return decomposition.pinv(a) if rcond is None else ops.decomposition.pinv(a, rtol=rcond)


@stands_for("linalg.svdvals")
def _svdvals(x):
    return decomposition.svdvals(x)


@stands_for("linalg.eigvalsh")
def _eigvalsh(a, UPLO="L"):
    return decomposition.eigvalsh(a, UPLO)

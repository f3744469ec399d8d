"""Norms of vectors and matrices, as ``linalg`` has them."""

from __future__ import annotations

import numpy as np

from ..errors import composed
from . import reduction
from .decomposition import svdvals
from .elementwise import abs
from .reduction import amax, amin, euclidean_norm, in_dtype, sum
from .shape import canonical_dim, permute_to, reshape_to

__all__ = ["matrix_norm", "norm", "vector_norm"]


@composed
def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None):
    """(sum |x|**ord)**(1/ord) over ``dim`` (all if None); inf and -inf are the largest and smallest magnitude, 0 counts what
    is not 0. With ``dtype`` the elements are converted to it first."""
    if isinstance(ord, str) or ord is None:
        raise ValueError(f"vector_norm: ord must be a number, got {ord!r}")
    return reduction.norm(x, ord, dim, keepdim, dtype)


@composed
def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    """The norm of each matrix of the two dimensions ``dim``: "fro" the root of the sum of squares, "nuc" the sum of the singular
    values, inf and -inf the largest and smallest sum of magnitudes of a row, 1 and -1 of a column, 2 and -2 the largest and
    smallest singular value. "nuc", 2 and -2 have no derivative: a Tensor that requires a gradient is refused. With ``dtype`` the
    elements are converted to it first."""
    A = in_dtype(A, dtype, "matrix_norm")
    if len(dim) != 2 or A.ndim < 2:
        raise ValueError(f"matrix_norm: expected two dimensions dim of a Tensor with at least two, got {dim} of {tuple(A.shape)}")
    rows, columns = (canonical_dim(d, A.ndim) for d in dim)
    if rows == columns:
        raise ValueError(f"matrix_norm: dim {dim} names a dimension twice")
    if ord == "fro":
        return euclidean_norm(A, dim=(rows, columns), keepdim=keepdim)
    if ord in (1, -1, float("inf"), -float("inf")):
        along, over = (rows, columns) if ord in (1, -1) else (columns, rows)
        extreme = amax if ord > 0 else amin
        out = extreme(sum(abs(A), dim=along, keepdim=True), dim=over, keepdim=True)
    elif ord in (2, -2, "nuc"):
        rest = tuple(d for d in range(A.ndim) if d not in (rows, columns))
        values = svdvals(permute_to(A, dims=(*rest, rows, columns)))
        out = sum(values, dim=-1) if ord == "nuc" else amax(values, dim=-1) if ord == 2 else amin(values, dim=-1)
    else:
        raise ValueError(f'matrix_norm: ord must be "fro", "nuc", inf, -inf, 1, -1, 2 or -2, got {ord!r}')
    kept = (1 if d in (rows, columns) else n for d, n in enumerate(A.shape))
    left = (n for d, n in enumerate(A.shape) if d not in (rows, columns))
    return reshape_to(out, shape=tuple(kept if keepdim else left))


@composed
def norm(A, ord=None, dim=None, keepdim=False, *, dtype=None):
    """`vector_norm` over one ``dim``, `matrix_norm` over two. Without ``dim`` a vector or a matrix decides by itself; without
    ``ord`` the root of the sum of squares, over all dimensions if ``dim`` is not given either."""
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if dim is None:
        if A.ndim not in (1, 2):
            raise ValueError(f"norm: with ord and without dim expected a vector or a matrix, got {tuple(A.shape)}; give dim")
        dim = 0 if A.ndim == 1 else (0, 1)
    if isinstance(dim, (int, np.integer)) or len(dim) == 1:
        return vector_norm(A, ord, dim, keepdim, dtype=dtype)
    return matrix_norm(A, ord, dim, keepdim, dtype=dtype)

"""Diagonals and triangles of matrices."""

from __future__ import annotations

import builtins

import numpy as np

from ..errors import composed
from ..primitive import primitive
from .shape import canonical_dim

__all__ = ["diag", "diagonal", "tril", "triu"]


@primitive(view=True, name="diagonal")
def diagonal_of(x, *, offset, dim1, dim2):
    """The diagonal of dimensions ``dim1`` and ``dim2``, as the last dimension."""
    return np.diagonal(x, offset, dim1, dim2)


@primitive
def undiagonal(x, *, offset, dim1, dim2, shape):
    """Zeros of ``shape`` with ``x`` on a diagonal: the adjoint of `diagonal`."""
    out = np.zeros(shape, x.dtype)
    lead = out.transpose(*(d for d in range(len(shape)) if d not in (dim1, dim2)), dim1, dim2)
    k = np.arange(x.shape[-1])
    lead[..., k + builtins.max(-offset, 0), k + builtins.max(offset, 0)] = x
    return out


diagonal_of.derivatives(lambda g, x_shape, offset, dim1, dim2: undiagonal(g, offset=offset, dim1=dim1, dim2=dim2, shape=x_shape))
undiagonal.derivatives(lambda g, offset, dim1, dim2: diagonal_of(g, offset=offset, dim1=dim1, dim2=dim2))


@composed
def diagonal(x, offset=0, dim1=0, dim2=1):
    """The diagonal of dimensions ``dim1`` and ``dim2``, as the last dimension."""
    dim1, dim2 = canonical_dim(dim1, x.ndim), canonical_dim(dim2, x.ndim)
    if dim1 == dim2:
        raise ValueError(f"diagonal: dim1 and dim2 are both dimension {dim1}")
    return diagonal_of(x, offset=offset, dim1=dim1, dim2=dim2)


@composed
def diag(x, diagonal=0):
    """The matrix with the vector ``x`` on a diagonal, or that diagonal of the matrix ``x``."""
    if x.ndim == 2:
        return diagonal_of(x, offset=diagonal, dim1=0, dim2=1)
    if x.ndim != 1:
        raise ValueError(f"diag: expected a vector or a matrix, got {tuple(x.shape)}")
    n = x.shape[0] + builtins.abs(diagonal)
    return undiagonal(x, offset=diagonal, dim1=0, dim2=1, shape=(n, n))


# -- triangles ---------------------------------------------------------------------------------------------------


def _check_matrix(x):
    if x.ndim < 2:
        raise ValueError("x must have at least two dimensions")


@primitive
def tril(x, *, diagonal=0):
    """The lower triangle of the last two dimensions, zeros above ``diagonal``."""
    _check_matrix(x)
    return np.tril(x, diagonal)


tril.derivatives(lambda g, diagonal: tril(g, diagonal=diagonal))


@primitive
def triu(x, *, diagonal=0):
    """The upper triangle of the last two dimensions, zeros below ``diagonal``."""
    _check_matrix(x)
    return np.triu(x, diagonal)


triu.derivatives(lambda g, diagonal: triu(g, diagonal=diagonal))

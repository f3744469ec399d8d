"""Inverses, determinants and spectra of matrices, the last two dimensions of a Tensor; leading dimensions are batches.

Inverse, solution and pseudoinverse are closed under differentiation: the rules of each name itself and matrix products.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from ..errors import composed
from ..primitive import primitive
from ..record import Value
from ..state import local
from .elementwise import zeros_like
from .linalg import _check_same_dtype, matmul_nd, swap_last
from .shape import reshape_to, unsqueeze

__all__ = ["det", "eigvalsh", "inv", "pinv", "slogdet", "solve", "svdvals"]


def _check_matrices(a, square=True, name="A"):
    if a.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} is {a.dtype}: expected float32 or float64")
    if a.ndim < 2 or (square and a.shape[-1] != a.shape[-2]):
        raise ValueError(f"{name} is {a.shape}: expected {'square matrices (..., n, n)' if square else 'matrices (..., m, n)'}")


def _regular(function, *arrays):
    try:
        return function(*arrays)
    except np.linalg.LinAlgError:
        raise ValueError("A is singular: it has no inverse; pinv has a value for it") from None


@primitive
def inv(A):
    """The inverse of each matrix (..., n, n)."""
    _check_matrices(A)
    return _regular(np.linalg.inv, A)


inv.derivatives(lambda g, out: -matmul_nd(matmul_nd(swap_last(out), g), swap_last(out)))


@primitive(broadcasts=True, name="solve")
def solve_columns(A, B):
    """X of A X = B for each matrix (..., n, n) and right-hand sides (..., n, k); leading dimensions broadcast."""
    _check_same_dtype(A, B, ("A", "B"))
    _check_matrices(A)
    _check_matrices(B, False, "B")
    if A.shape[-1] != B.shape[-2]:
        raise ValueError(f"A {A.shape} and B {B.shape} need as many rows")
    return _regular(np.linalg.solve, A, B)


solve_columns.derivatives(
    lambda g, A, out: -matmul_nd(solve_columns(swap_last(A), g), swap_last(out)), lambda g, A: solve_columns(swap_last(A), g)
)


@composed
def solve(A, B, left=True):
    """X of A X = B, or of X A = B without ``left``. ``A`` (..., n, n); ``B`` is one vector (n), a vector for each matrix (its shape
    that of A without the last dimension), or (..., n, k). Better than ``inv(A) @ B``, in time and in rounding."""
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and tuple(B.shape) == tuple(A.shape[:-1]))
    if vector and not left:
        raise ValueError(f"solve: without left, B {tuple(B.shape)} must hold matrices (..., k, n), not vectors")
    if not left:
        return swap_last(solve_columns(swap_last(A), swap_last(B)))
    if not vector:
        return solve_columns(A, B)
    out = solve_columns(A, unsqueeze(B, -1))
    return reshape_to(out, shape=tuple(out.shape[:-1]))


# -- determinants ------------------------------------------------------------------------------------------------


@primitive
def det(A):
    """The determinant of each matrix. Its derivative takes the inverse: of a singular matrix it is an error."""
    _check_matrices(A)
    return np.linalg.det(A)


def _scaled_inverse(g, A):
    """g A^-T."""
    return reshape_to(g, shape=(*g.shape, 1, 1)) * swap_last(inv(A))


det.derivatives(lambda g, A, out: _scaled_inverse(g * out, A))


@primitive(outputs=("sign", "logabsdet"), name="slogdet")
def log_determinant(A):
    """The sign of each determinant, and the logarithm of its magnitude."""
    _check_matrices(A)
    return np.linalg.slogdet(A)


log_determinant.derivatives(lambda g_sign, g_log, A: zeros_like(A) if g_log is None else _scaled_inverse(g_log, A))

Determinant = namedtuple("Determinant", "sign logabsdet")


@composed
def slogdet(A):
    """(sign, logabsdet) of the determinant of each matrix: its sign, and the logarithm of its magnitude. Of a singular matrix they
    are 0 and -inf, and the derivative is an error."""
    return Determinant(*log_determinant(A))


# -- pseudoinverse -----------------------------------------------------------------------------------------------


@primitive
def pinv(A, *, atol=None, rtol=None):
    """The pseudoinverse (Moore, 1920; Penrose, 1955) of each matrix (..., m, n): (..., n, m). Singular values of at most
    max(atol, rtol * the largest) count as 0; rtol is max(m, n) eps if neither is given. The derivative (Golub and Pereyra, 1973)
    holds where the rank stays."""
    _check_matrices(A, False)
    if rtol is None:
        rtol = max(A.shape[-2:]) * np.finfo(A.dtype).eps if atol is None else 0.0
    u, s, vt = np.linalg.svd(A, full_matrices=False)
    bound = np.maximum(0.0 if atol is None else atol, rtol * s.max(-1, keepdims=True, initial=0))
    inverse = np.divide(1, s, out=np.zeros_like(s), where=s > bound)
    return np.matmul(vt.swapaxes(-1, -2) * inverse[..., None, :], u.swapaxes(-1, -2)).astype(A.dtype, copy=False)


def _pinv_rule(g, A, out):
    gt, pt = swap_last(g), swap_last(out)
    left = matmul_nd(gt - matmul_nd(A, matmul_nd(out, gt)), matmul_nd(out, pt))
    right = matmul_nd(matmul_nd(pt, out), gt - matmul_nd(matmul_nd(gt, out), A))
    return left + right - matmul_nd(pt, matmul_nd(g, pt))


pinv.derivatives(_pinv_rule)


# -- spectra: no derivative --------------------------------------------------------------------------------------


@primitive(name="svdvals")
def singular_values(A):
    """The singular values of each matrix, the largest first."""
    _check_matrices(A, False)
    return np.linalg.svd(A, compute_uv=False)


@primitive(name="eigvalsh")
def symmetric_eigenvalues(A, *, UPLO="L"):
    """The eigenvalues of each symmetric matrix, the smallest first."""
    _check_matrices(A)
    return np.linalg.eigvalsh(A, UPLO)


def _constant(name, A):
    """Refuse what wants a gradient: a result that silently has none would train nothing."""
    if isinstance(A, Value) and A.source is not None and local.state.recording:
        raise ValueError(
            f"{name}: its derivative takes the vectors beside the values, which are not there; give A.detach() for a constant"
        )
    return A


@composed
def svdvals(A):
    """The singular values of each matrix (..., m, n), the largest first: (..., min(m, n)). Without derivative: a Tensor that
    requires a gradient is refused."""
    return singular_values(_constant("svdvals", A))


@composed
def eigvalsh(A, UPLO="L"):
    """The eigenvalues of each symmetric matrix (..., n, n), the smallest first: (..., n). Only the lower ("L") or upper ("U")
    triangle is read. Without derivative: a Tensor that requires a gradient is refused."""
    if UPLO not in ("L", "U"):
        raise ValueError(f'eigvalsh: UPLO must be "L" or "U", got {UPLO!r}')
    return symmetric_eigenvalues(_constant("eigvalsh", A), UPLO=UPLO)

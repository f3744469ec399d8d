"""Rows of the table of cases.py for linear algebra. The references go by elimination, cofactors and normal equations."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.linalg
from cases import INF, case, composed, normal

import tinygrad_lite as tl


def regular(*shape):
    """Matrices far from singular."""
    return lambda rng: rng.standard_normal(shape) + 3 * np.eye(shape[-1])


def symmetric(*shape):
    def draw(rng):
        x = rng.standard_normal(shape)
        return x + np.swapaxes(x, -1, -2)

    return draw


def per_matrix(function):
    """A function of matrices, applied to each of a batch."""

    def apply(*xs, **options):
        lead = np.broadcast_shapes(*(x.shape[:-2] for x in xs))
        xs = [np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in xs]
        parts = [np.asarray(function(*(x[p] for x in xs), **options)) for p in np.ndindex(*lead)]
        tail = np.asarray(function(*(np.eye(*x.shape[-2:]) for x in xs), **options)).shape
        return np.array(parts).reshape((*lead, *tail))

    return apply


def cofactors(a):
    """The determinant by its first row."""
    return 1.0 if not len(a) else sum((-1) ** j * a[0, j] * cofactors(np.delete(a[1:], j, 1)) for j in range(len(a)))


def eliminated(a, b):
    lower, upper = scipy.linalg.lu(a, permute_l=True)
    return scipy.linalg.solve_triangular(upper, np.linalg.lstsq(lower, b)[0]) if len(a) else b


def full_rank_pinv(a):
    m, n = a.shape
    return np.linalg.solve(a.T @ a, a.T) if m >= n else np.linalg.solve(a @ a.T, a).T


for shape in [(3, 3), (2, 3, 3), (2, 1, 2, 2), (1, 1), (0, 0), (0, 2, 2)]:
    case("inv", per_matrix(lambda a: eliminated(a, np.eye(len(a)))), regular(*shape))
    case("det", per_matrix(cofactors), regular(*shape))
    case(
        "log_determinant", lambda a: (np.sign(per_matrix(cofactors)(a)), np.log(np.abs(per_matrix(cofactors)(a)))), regular(*shape)
    )
    case(
        "symmetric_eigenvalues",
        per_matrix(lambda a, UPLO: np.sort(scipy.linalg.eigvals(a).real) if len(a) else np.zeros(0)),
        symmetric(*shape),
        UPLO="L",
    )
case("symmetric_eigenvalues", lambda a, UPLO: np.array([1.0, 3]), np.array([[2.0, 1], [99, 2]]), UPLO="U")
for left, right in [
    ((3, 3), (3, 2)),
    ((2, 3, 3), (2, 3, 2)),
    ((2, 3, 3), (3, 1)),
    ((3, 3), (2, 3, 2)),
    ((4, 1, 2, 2), (3, 2, 1)),
    ((2, 2), (2, 0)),
    ((0, 0), (0, 2)),
    ((0, 2, 2), (2, 1)),
]:
    case("solve_columns", per_matrix(eliminated), regular(*left), normal(*right))
for left, right in [((3, 3), (3,)), ((2, 3, 3), (2, 3)), ((2, 2, 3, 3), (2, 2, 3)), ((2, 3, 3), (3,)), ((2, 3, 3), (2, 3, 2))]:
    composed(
        "solve",
        tl.linalg.solve,
        lambda a, b: np.einsum("...ij,...j->...i", np.linalg.inv(a), b) if b.ndim < a.ndim else np.linalg.inv(a) @ b,
        regular(*left),
        normal(*right),
    )
composed(
    "solve-right",
    lambda a, b: tl.linalg.solve(a, b, left=False),
    lambda a, b: b @ np.linalg.inv(a),
    regular(2, 3, 3),
    normal(2, 2, 3),
)
for shape in [(3, 3), (4, 2), (2, 4), (2, 3, 2), (1, 3), (0, 2), (0, 3, 2)]:
    case("pinv", per_matrix(full_rank_pinv), normal(*shape))
    case(
        "singular_values",
        per_matrix(
            lambda a: (
                np.sqrt(np.maximum(np.sort(scipy.linalg.eigvals(a.T @ a if len(a) > len(a.T) else a @ a.T).real)[::-1], 0))
                if a.size
                else np.zeros(min(a.shape))
            )
        ),
        normal(*shape),
    )
LOW = np.outer([1.0, 2, 0], [3.0, -1])
case("pinv", lambda a: a.T / np.sum(a * a), LOW, order=0)
case("pinv", lambda a, atol: np.diag([1 / 3, 0.0]), np.diag([3.0, 0.5]), order=0, atol=1.0)
case("pinv", lambda a, rtol: np.diag([1 / 3, 0.0]), np.diag([3.0, 0.5]), order=0, rtol=0.2)
composed(
    "pinv-of-low-rank",
    lambda u, v: tl.linalg.pinv(tl.outer(u, v), rtol=1e-6),
    lambda u, v: np.outer(v, u) / (u @ u) / (v @ v),
    normal(3),
    normal(2),
)

for p, dim, keepdim in itertools.product([2, 1, 3, 0.5, 0, -1, INF, -INF], [None, 1, (0, 2)], [False, True]):
    composed(
        f"vector_norm-{p}-{dim}-{keepdim}",
        lambda x, p=p, d=dim, k=keepdim: tl.linalg.vector_norm(x, p, d, k),
        lambda x, p=p, d=dim, k=keepdim: np.linalg.vector_norm(x, ord=p, axis=d, keepdims=k),
        normal(2, 3, 2),
    )
for ord, dim, keepdim in itertools.product(["fro", 1, -1, INF, -INF], [(-2, -1), (0, 2), (2, 0)], [False, True]):
    composed(
        f"matrix_norm-{ord}-{dim}-{keepdim}",
        lambda x, o=ord, d=dim, k=keepdim: tl.linalg.matrix_norm(x, o, d, k),
        lambda x, o=ord, d=dim, k=keepdim: np.linalg.norm(x, o, d, k),
        normal(2, 3, 2),
    )
for shape, ord, dim in [
    ((2, 3), None, None),
    ((2, 3, 2), None, None),
    ((2, 3), None, 0),
    ((2, 3), None, (0, 1)),
    ((3,), 3, None),
    ((2, 3), 1, None),
    ((2, 3), INF, 1),
    ((2, 3, 2), "fro", (0, 1)),
]:
    composed(
        f"linalg.norm-{ord}-{dim}",
        lambda x, o=ord, d=dim: tl.linalg.norm(x, o, d),
        lambda x, o=ord, d=dim: np.linalg.norm(x, o, d) if d is not None or o is not None else np.sqrt(np.sum(x * x)),
        normal(*shape),
    )

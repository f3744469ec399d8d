"""Linear algebra beyond the table of ops: singular matrices, spectra without derivatives, laws, refused arguments."""

import math

import numpy as np
import pytest

import tinygrad_lite as tl

SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
INF = math.inf


def matrix(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def leaf(array):
    return tl.tensor(array, requires_grad=True)


def test_the_namespace_is_imported_when_it_is_first_used():
    assert tl.linalg.__name__ == "tinygrad_lite.linalg"
    assert all(callable(getattr(tl.linalg, name)) for name in tl.linalg.__all__)


def test_determinants_of_singular_matrices_have_values_and_no_derivative():
    sign, logabsdet = tl.linalg.slogdet(leaf(SINGULAR))
    assert (sign.item(), logabsdet.item(), tl.linalg.det(leaf(SINGULAR)).item()) == (0, -INF, 0)
    for out in (logabsdet, tl.linalg.det(leaf(SINGULAR))):
        with pytest.raises(ValueError, match=r"^backward of \w+, gradient of A: inv: A is singular"):
            out.backward()


def test_the_sign_of_a_determinant_has_a_derivative_of_zero():
    a = leaf(matrix(2, 3, 3))
    sign, _ = tl.linalg.slogdet(a)
    assert not tl.grad(sign.sum(), a)[0].data.any()


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 3), (2, 5, 3)])
def test_the_pseudoinverse_has_the_properties_of_penrose(shape):
    a = matrix(*shape)
    a[..., -1, :] = a[..., 0, :]  # not of full rank, where there are few rows
    p = tl.linalg.pinv(a)
    ap, pa = a @ p, p @ a
    for left, right in [(ap @ a, a), (pa @ p, p), (ap, ap.swapaxes(-1, -2)), (pa, pa.swapaxes(-1, -2))]:
        np.testing.assert_allclose(left, right, atol=1e-12)


def test_derivatives_of_the_pseudoinverse_hold_along_matrices_of_one_rank():
    u, v = matrix(4, 2), matrix(2, 3, seed=1)
    for order in (1, 2):
        tl.gradcheck(lambda u, v: tl.linalg.pinv(u @ v, rtol=1e-9), u, v, order=order)


@pytest.mark.parametrize(("name", "function"), [("svdvals", tl.linalg.svdvals), ("eigvalsh", tl.linalg.eigvalsh),
    ("matrix_norm", lambda a: tl.linalg.matrix_norm(a, "nuc")), ("norm", lambda a: tl.linalg.norm(a, 2))])  # fmt: skip
def test_spectra_refuse_what_wants_a_gradient(name, function):
    a = leaf(matrix(3, 3))
    with pytest.raises(ValueError, match=rf"^{name}: its derivative takes the vectors beside the values.*give A\.detach\(\)"):
        function(a)
    out = function(a.detach())
    assert isinstance(out, tl.Tensor) and not out.requires_grad
    with tl.no_grad():
        np.testing.assert_array_equal(function(a).data, out.data)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", [(-2, -1), (0, 2), (2, 1)])
@pytest.mark.parametrize("ord", [2, -2, "nuc"])
def test_norms_by_singular_values(ord, dim, keepdim):
    a = matrix(2, 3, 4)
    np.testing.assert_allclose(tl.linalg.matrix_norm(a, ord, dim, keepdim), np.linalg.norm(a, ord, dim, keepdim), rtol=1e-12)


def test_only_one_triangle_is_read():
    lower = np.array([[2.0, 99.0], [1.0, 2.0]])
    np.testing.assert_allclose(tl.linalg.eigvalsh(lower), [1, 3])
    np.testing.assert_allclose(tl.linalg.eigvalsh(lower.T, UPLO="U"), [1, 3])


def test_solve_is_the_solution_for_each_form_of_right_hand_side():
    a, rng = matrix(2, 3, 3) + 3 * np.eye(3), np.random.default_rng(2)
    for shape, product in [((3,), "bij,bj->bi"), ((2, 3), "bij,bj->bi"), ((2, 3, 4), "bij,bjk->bik"), ((3, 4), "bij,bjk->bik")]:
        b = rng.standard_normal(shape)
        x = tl.linalg.solve(a, b)
        np.testing.assert_allclose(np.einsum(product, a, x), np.broadcast_to(b, x.shape), atol=1e-12)
    b = rng.standard_normal((2, 4, 3))
    np.testing.assert_allclose(tl.linalg.solve(a, b, left=False) @ a, b, atol=1e-12)


def test_float32_stays_float32():
    a = matrix(3, 3).astype(np.float32) + 3 * np.eye(3, dtype=np.float32)
    for out in (tl.linalg.inv(a), tl.linalg.det(a), tl.linalg.pinv(a), tl.linalg.svdvals(a), tl.linalg.eigvalsh(a),
        *tl.linalg.slogdet(a),
                tl.linalg.solve(a, a[0]), tl.linalg.norm(a), tl.linalg.matrix_norm(a, 1), tl.linalg.vector_norm(a, 3)):  # fmt: skip
        assert out.dtype == np.float32


A, WIDE = tl.tensor(matrix(3, 3)), tl.tensor(matrix(2, 3))
REFUSED = [
    (lambda: tl.linalg.inv(WIDE), ValueError, r"^inv: A is \(2, 3\): expected square matrices \(\.\.\., n, n\)"),
    (lambda: tl.linalg.inv(WIDE[0]), ValueError, r"^inv: A is \(3,\): expected square matrices"),
    (lambda: tl.linalg.inv(tl.tensor([[1, 2], [3, 4]])), TypeError, r"^inv: A is int64: expected float32 or float64"),
    (lambda: tl.linalg.inv(A.to(np.float16)), TypeError, r"^inv: A is float16: expected float32 or float64"),
    (lambda: tl.linalg.inv(tl.tensor(SINGULAR)), ValueError, r"^inv: A is singular: it has no inverse; pinv has a value for it"),
    (lambda: tl.linalg.solve(tl.tensor(SINGULAR), tl.tensor(SINGULAR)), ValueError, r"^solve: A is singular"),
    (lambda: tl.linalg.solve(A, WIDE), ValueError, r"^solve: A \(3, 3\) and B \(2, 3\) need as many rows"),
    (lambda: tl.linalg.solve(A, A.float()), TypeError, r"^solve: A is float64 and B is float32"),
    (lambda: tl.linalg.solve(A, A[0], left=False), ValueError, r"^solve: without left, B \(3,\) must hold matrices"),
    (lambda: tl.linalg.det(WIDE), ValueError, r"^det: A is \(2, 3\): expected square"),
    (lambda: tl.linalg.pinv(WIDE[0]), ValueError, r"^pinv: A is \(3,\): expected matrices \(\.\.\., m, n\)"),
    (lambda: tl.linalg.eigvalsh(A, "l"), ValueError, r'^eigvalsh: UPLO must be "L" or "U", got \'l\''),
    (lambda: tl.linalg.vector_norm(A, "fro"), ValueError, r"^vector_norm: ord must be a number, got 'fro'"),
    (lambda: tl.linalg.matrix_norm(A, 3), ValueError, r'^matrix_norm: ord must be "fro", "nuc", inf, -inf, 1, -1, 2 or -2, got 3'),
    (lambda: tl.linalg.matrix_norm(A, dim=(0, -2)), ValueError, r"^matrix_norm: dim \(0, -2\) names a dimension twice"),
    (lambda: tl.linalg.matrix_norm(A[0]), ValueError, r"^matrix_norm: expected two dimensions"),
    (lambda: tl.linalg.norm(tl.ones(2, 2, 2), 1), ValueError, r"^norm: with ord and without dim expected a vector or a matrix"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "text"), REFUSED, ids=[r[2].replace("\\", "")[:50] for r in REFUSED])
def test_what_is_refused_says_why(call, kind, text):
    with pytest.raises(kind, match=text):
        call()

"""NumPy's functions on Tensors: NumPy's numbers, recorded; or an error that says what to do."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import numpy_calls

RNG = np.random.default_rng(0)
A, B, V, W = RNG.standard_normal((3, 4)), RNG.standard_normal((4, 5)), RNG.standard_normal(6), RNG.standard_normal(6)
C, S = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((3, 3)) + 3 * np.eye(3)

# what is called with Tensors and then with arrays; the arrays; each is differentiated towards all of them
RECORDED = {
    "sum": [(np.sum, C), (lambda x: np.sum(x, 1), C), (lambda x: np.sum(x, axis=(0, -1), keepdims=True), C),
            (lambda x: np.sum(x, axis=()), C), (lambda x: np.sum(x, out=None, dtype=None), C)],
    "mean": [(np.mean, C), (lambda x: np.mean(x, axis=(0, 2)), C), (lambda x: np.mean(x, -1, keepdims=True), C)],
    "max": [(np.max, C), (lambda x: np.max(x, 1), C), (lambda x: np.max(x, (0, 2), keepdims=True), C)],
    "amax": [(lambda x: np.amax(x, axis=0), C)],
    "min": [(np.min, C), (lambda x: np.min(x, -1), C)],
    "amin": [(lambda x: np.amin(x, axis=0), C)],
    "prod": [(np.prod, A), (lambda x: np.prod(x, 1), A), (lambda x: np.prod(x, (0, 2), keepdims=True), C)],
    "var": [(np.var, C), (lambda x: np.var(x, 1, ddof=1), C), (lambda x: np.var(x, (0, 2), keepdims=True, correction=2), C)],
    "std": [(np.std, C), (lambda x: np.std(x, axis=-1, ddof=1), C)],
    "ptp": [(lambda x: np.ptp(x, 1), C)],
    "average": [(np.average, A), *[(lambda x, w, d=d: np.average(x, d, w), A, 0.5 + np.arange(A.shape[d])) for d in (0, 1, -1)],
                (lambda x, w: np.average(x, weights=w), A, A**2 + 1)],
    "cumsum": [(np.cumsum, A), (lambda x: np.cumsum(x, axis=-1), C)],
    "diff": [(np.diff, V), (lambda x: np.diff(x, 2, 0), A), (lambda x: np.diff(x, 5), A)],
    "reshape": [(lambda x: np.reshape(x, (4, -1)), A), (lambda x: np.reshape(x, shape=12), A)],
    "ravel": [(np.ravel, C)],
    "transpose": [(np.transpose, C), (lambda x: np.transpose(x, (1, -1, 0)), C)],
    "matrix_transpose": [(np.matrix_transpose, C)],
    "linalg.matrix_transpose": [(np.linalg.matrix_transpose, C)],
    "moveaxis": [(lambda x: np.moveaxis(x, 0, -1), C), (lambda x: np.moveaxis(x, (0, 2), (1, 0)), C)],
    "swapaxes": [(lambda x: np.swapaxes(x, 0, -1), C)],
    "squeeze": [(np.squeeze, C[:, None]), (lambda x: np.squeeze(x, 1), C[:, None]),
                (lambda x: np.squeeze(x, (0, -1)), A[None, ..., None])],
    "expand_dims": [(lambda x: np.expand_dims(x, 1), A), (lambda x: np.expand_dims(x, (0, -1)), A)],
    "broadcast_to": [(lambda x: np.broadcast_to(x, (2, 3, 4)), A), (lambda x: np.broadcast_to(x, 4), V[:1])],
    "broadcast_arrays": [(lambda x, y: np.broadcast_arrays(x, y)[1], A, A[:1])],
    "atleast_1d": [(np.atleast_1d, np.array(2.0)), (lambda x, y: np.atleast_1d(x, y)[0], V, A)],
    "atleast_2d": [(np.atleast_2d, np.array(2.0)), (np.atleast_2d, V), (np.atleast_2d, C)],
    "atleast_3d": [(np.atleast_3d, np.array(2.0)), (np.atleast_3d, V), (np.atleast_3d, A), (np.atleast_3d, C)],
    "tile": [(lambda x: np.tile(x, 2), A), (lambda x: np.tile(x, (2, 1, 3)), A), (lambda x: np.tile(x, (2,)), C)],
    "repeat": [(lambda x: np.repeat(x, 2), A), (lambda x: np.repeat(x, 2, axis=0), A),
               (lambda x: np.repeat(x, [1, 0, 2, 1], -1), A)],
    "flip": [(np.flip, C), (lambda x: np.flip(x, 1), C), (lambda x: np.flip(x, (0, -1)), C)],
    "fliplr": [(np.fliplr, A)],
    "flipud": [(np.flipud, A)],
    "roll": [(lambda x: np.roll(x, 3), A), (lambda x: np.roll(x, -1, 1), A), (lambda x: np.roll(x, 1, (0, 1)), A),
             (lambda x: np.roll(x, (1, 2), axis=(0, -1)), A)],
    "pad": [(lambda x: np.pad(x, 1), A), (lambda x: np.pad(x, ((1, 2), (0, 3)), constant_values=2.5), A),
            (lambda x: np.pad(x, ((0, 1), (2, 0)), "constant", constant_values=((1, 2), (3, 4))), A),
            *[(lambda x, mode=mode: np.pad(x, ((1, 2), (2, 1)), mode), A) for mode in ("edge", "reflect", "symmetric", "wrap")]],
    "concatenate": [(lambda x, y: np.concatenate([x, y]), A, A), (lambda x, y: np.concatenate((x, y), 1), A, A),
                    (lambda x, y: np.concatenate([x, y], axis=None), A, V), (lambda x: np.concat([x, A]), A)],
    "stack": [(lambda x, y: np.stack([x, y]), A, A), (lambda x, y: np.stack((x, y), axis=-1), A, A)],
    "vstack": [(lambda x, y: np.vstack([x, y]), V, W), (lambda x, y: np.vstack([x, y]), A, A)],
    "hstack": [(lambda x, y: np.hstack([x, y]), V, W), (lambda x, y: np.hstack([x, y]), A, A)],
    "dstack": [(lambda x, y: np.dstack([x, y]), V, W), (lambda x, y: np.dstack([x, y]), A, A)],
    "column_stack": [(lambda x, y: np.column_stack([x, y]), V, W), (lambda x, y: np.column_stack([x, y]), A, A)],
    "append": [(np.append, A, V), (lambda x, y: np.append(x, y, 0), A, A)],
    "split": [(lambda x: np.split(x, 2)[1], V), (lambda x: np.split(x, [1, 3], axis=1)[1], A)],
    "array_split": [(lambda x: np.array_split(x, 4)[1], V), (lambda x: np.array_split(x, 5, 1)[-1], A),
                    (lambda x: np.array_split(x, [2, 1, -1, 9], 1)[2], A)],
    "vsplit": [(lambda x: np.vsplit(x, 3)[1], A)],
    "hsplit": [(lambda x: np.hsplit(x, 2)[1], A), (lambda x: np.hsplit(x, 3)[1], V)],
    "dsplit": [(lambda x: np.dsplit(x, 2)[1], C)],
    "unstack": [(lambda x: np.unstack(x, axis=1)[2], C)],
    "meshgrid": [(lambda x, y: np.meshgrid(x, y)[0], V, W), (lambda x, y: np.meshgrid(x, y, indexing="ij")[1], V, W)],
    "where": [(lambda x, y: np.where(A > 0, x, y), A, A[0]), (lambda x: np.where(np.array([0, 1, 2, 0]), x, 1.5), A)],
    "take": [(lambda x: np.take(x, [1, -1, 1]), A), (lambda x: np.take(x, [[0, -2], [1, 1]], axis=1), A),
             (lambda x: np.take(x, [0, 7, -9], 0, mode="wrap"), A), (lambda x: np.take(x, [0, 7, -9], 0, mode="clip"), A),
             (lambda x: np.take(x, 2), A), (lambda x: np.take(x, 2, axis=0), A)],
    "take_along_axis": [(lambda x: np.take_along_axis(x, np.array([[0, -1], [1, 1], [2, 3]]), 1), A),
                        (lambda x: np.take_along_axis(x, np.array([[0, -1]]), axis=-1), A),
                        (lambda x: np.take_along_axis(x, np.array([0, 5, 5]), axis=None), A)],
    "clip": [(lambda x: np.clip(x, -0.5, 0.5), A), (lambda x: np.clip(x, None, 0.5), A), (lambda x: np.clip(x, min=-0.5), A),
             (lambda x, y: np.clip(x, min=y, max=0.9), A, -np.abs(V[:4]))],
    "diagonal": [(np.diagonal, A), (lambda x: np.diagonal(x, 1, 0, 2), C)],
    "linalg.diagonal": [(lambda x: np.linalg.diagonal(x, offset=-1), C)],
    "diag": [(np.diag, V), (lambda x: np.diag(x, -2), V),
             (lambda x: np.diag(x, 3), V[:1]), (lambda x: np.diag(x, 1), V[:2]), (lambda x: np.diag(x, 1), A)],
    "trace": [(np.trace, A), (lambda x: np.trace(x, 1, 1, 2), C)],
    "linalg.trace": [(np.linalg.trace, C)],
    "tril": [(np.tril, A), (lambda x: np.tril(x, 1), C)],
    "triu": [(np.triu, A), (lambda x: np.triu(x, k=-1), C)],
    "sort": [(np.sort, V), (lambda x: np.sort(x, 0), A), (lambda x: np.sort(x, None), A), (lambda x: np.sort(x, 1, "heapsort"), A)],
    "median": [(np.median, V), (lambda x: np.median(x, 1), A), (lambda x: np.median(x, 0, keepdims=True), A)],
    "nan_to_num": [(np.nan_to_num, A)],
    "copy": [(np.copy, A)],
    "real": [(np.real, A)],
    "dot": [(np.dot, V, W), (np.dot, A, B), (np.dot, C, B), (np.dot, C, RNG.standard_normal((2, 4, 3))), (np.dot, A, B[:, 0]),
            (np.dot, A, np.array(2.0))],
    "inner": [(np.inner, V, W), (np.inner, A, C), (np.inner, A, np.array(2.0))],
    "vdot": [(np.vdot, A, A[::-1].copy())],
    "outer": [(np.outer, V, W), (np.outer, A, V)],
    "linalg.outer": [(np.linalg.outer, V, W)],
    "linalg.matmul": [(np.linalg.matmul, A, B)],
    "tensordot": [(np.tensordot, C, RNG.standard_normal((3, 4, 2))), (lambda x, y: np.tensordot(x, y, 1), A, B),
                  (lambda x, y: np.tensordot(x, y, ([1, 2], [0, -1])), C, A), (lambda x, y: np.tensordot(x, y, (1, 0)), A, B),
                  (lambda x, y: np.tensordot(x, y, 0), A, V)],
    "linalg.tensordot": [(lambda x, y: np.linalg.tensordot(x, y, axes=1), A, B)],
    "einsum": [(lambda x, y: np.einsum("ij,jk->ki", x, y), A, B), (lambda x: np.einsum("ii", x, optimize=True), S)],
    "linalg.norm": [(np.linalg.norm, A), (np.linalg.norm, C), (lambda x: np.linalg.norm(x, 3), V),
                    (lambda x: np.linalg.norm(x, np.inf), V),
                    (lambda x: np.linalg.norm(x, axis=1), A), (lambda x: np.linalg.norm(x, 1, 1, keepdims=True), A),
                    *[(lambda x, p=p: np.linalg.norm(x, p), A) for p in ("fro", 1, -1, np.inf, -np.inf)],
                    (lambda x: np.linalg.norm(x, 1, (0, 2)), C), (lambda x: np.linalg.norm(x, "fro", (2, 0), keepdims=True), C)],
    "linalg.vector_norm": [(np.linalg.vector_norm, A), (lambda x: np.linalg.vector_norm(x, axis=0, ord=1), A)],
    "linalg.matrix_norm": [(np.linalg.matrix_norm, C), (lambda x: np.linalg.matrix_norm(x, ord=np.inf, keepdims=True), C)],
    "linalg.det": [(np.linalg.det, S)],
    "linalg.slogdet": [(lambda x: np.linalg.slogdet(x)[1], S)],
    "linalg.inv": [(np.linalg.inv, S)],
    "linalg.solve": [(np.linalg.solve, S, A), (np.linalg.solve, S, V[:3])],
    "linalg.pinv": [(np.linalg.pinv, A)],
}  # fmt: skip
# without a gradient: integers, booleans, constants
CONSTANT = {
    "argmax": [(np.argmax, A), (lambda x: np.argmax(x, 1), A), (lambda x: np.argmax(x, axis=0, keepdims=True), A)],
    "argmin": [(np.argmin, A), (lambda x: np.argmin(x, -1), A)],
    "argsort": [
        (np.argsort, V), (lambda x: np.argsort(x, 0), A), (lambda x: np.argsort(x, axis=None), A),
        (lambda x: np.argsort(np.round(x), kind="stable"), A), (lambda x: np.argsort(np.round(x), axis=0, stable=True), A),
    ],
    "count_nonzero": [(np.count_nonzero, A), (lambda x: np.count_nonzero(x, 1), np.eye(3))],
    "all": [(np.all, A), (lambda x: np.all(x, 1), np.eye(3)), (lambda x: np.all(x, (0, 1), keepdims=True), np.eye(3))],
    "any": [(np.any, A), (lambda x: np.any(x, axis=1), np.eye(3)[:, :2])],
    "isclose": [(lambda x: np.isclose(x, x + 1e-9), A),
                (lambda x: np.isclose(x, [1.0, np.nan, np.inf, 2.0]), np.array([1.0, np.nan, np.inf, 3.0])),
                (lambda x: np.isclose(x, [np.nan, 1.0], equal_nan=True), np.array([np.nan, 1.1]))],
    "round": [(np.round, 10 * A), (lambda x: np.round(x, 2), A)],
    "around": [(np.around, 10 * A)],
    "zeros_like": [(np.zeros_like, A), (lambda x: np.zeros_like(x, np.float32), A)],
    "ones_like": [(np.ones_like, A), (lambda x: np.ones_like(x, dtype=np.int64), A)],
    "full_like": [(lambda x: np.full_like(x, 3), A)],
}  # fmt: skip
# of constants alone
VALUES = {"linalg.svdvals": [(np.linalg.svdvals, A)], "linalg.eigvalsh": [(np.linalg.eigvalsh, S + S.T)]}
PLAIN = {  # the answers are no arrays
    "shape": (np.shape, A), "ndim": (np.ndim, A), "size": (np.size, A), "allclose": (lambda x: np.allclose(x, x + 1e-9), A),
    "array_equal": (lambda x: np.array_equal(x, A), A), "array_equiv": (lambda x: np.array_equiv(x, x[0]), A),
    "iscomplexobj": (np.iscomplexobj, A), "isrealobj": (np.isrealobj, A),
    "result_type": (lambda x: np.result_type(x, np.float32), A),
    "can_cast": (lambda x: np.can_cast(np.float32, np.float64), A), "shares_memory": (lambda x: np.shares_memory(x, A), A),
    "may_share_memory": (lambda x: np.may_share_memory(x, A), A), "array_repr": (np.array_repr, A), "array_str": (np.array_str, A),
    "array2string": (lambda x: np.array2string(x, precision=2), A),
}  # fmt: skip


def cases(table):
    found = [(name, k, *case) for name, rows in table.items() for k, case in enumerate(rows)]
    return [pytest.param(case[2], case[3:], id=f"{case[0]}-{case[1]}") for case in found]


def leaves(arrays):
    return [tl.tensor(a, requires_grad=True) for a in arrays]


@pytest.mark.parametrize(("function", "arrays"), cases(RECORDED))
def test_numpys_numbers_recorded(function, arrays):
    out, expected = function(*leaves(arrays)), np.asarray(function(*arrays))
    assert isinstance(out, tl.Tensor) and out.requires_grad
    assert out.shape == expected.shape and out.dtype == expected.dtype
    np.testing.assert_allclose(out.data, expected, rtol=1e-12, atol=1e-14)
    constant = function(*map(tl.Tensor, arrays))
    assert isinstance(constant, tl.Tensor) and not constant.requires_grad
    np.testing.assert_array_equal(constant.data, out.data)


@pytest.mark.parametrize(("function", "arrays"), cases(RECORDED))
def test_derivatives_of_both_orders(function, arrays):
    for order in (1, 2):
        tl.gradcheck(function, *leaves(arrays), order=order)


@pytest.mark.parametrize(("function", "arrays"), cases(CONSTANT))
def test_numpys_numbers_without_a_gradient(function, arrays):
    out, expected = function(*leaves(arrays)), np.asarray(function(*arrays))
    assert isinstance(out, tl.Tensor) and out.shape == expected.shape and out.dtype == expected.dtype
    np.testing.assert_allclose(out.data, expected, rtol=1e-12)


@pytest.mark.parametrize(("function", "arrays"), cases(VALUES))
def test_numpys_numbers_of_constants(function, arrays):
    out = function(*map(tl.Tensor, arrays))
    assert isinstance(out, tl.Tensor)
    np.testing.assert_allclose(out.data, function(*arrays), rtol=1e-12)


@pytest.mark.parametrize("name", PLAIN)
def test_answers_that_are_no_arrays(name):
    function, array = PLAIN[name]
    assert function(tl.Tensor(array).requires_grad_()) == function(array)


EMPTY, INTEGERS = np.zeros((0, 3)), np.arange(12).reshape(3, 4)
OTHER_INPUTS = [
    ("sum of nothing", np.sum, EMPTY), ("sum of an empty axis", lambda x: np.sum(x, 0), EMPTY), ("prod", np.prod, EMPTY),
    ("ravel", np.ravel, EMPTY), ("concatenate", lambda x: np.concatenate([x, x]), EMPTY), ("pad", lambda x: np.pad(x, 1), EMPTY),
    ("tile", lambda x: np.tile(x, (2, 2)), EMPTY), ("split", lambda x: np.array_split(x, 2)[1], EMPTY),
    ("dot", lambda x: np.dot(x.T, x), EMPTY), ("0-d sum", np.sum, np.array(3.0)), ("0-d max", np.max, np.array(3.0)),
    ("0-d cumsum", np.cumsum, np.array(3.0)), ("0-d expand", lambda x: np.expand_dims(x, 0), np.array(3.0)),
    ("0-d transpose", np.transpose, np.array(3.0)), ("0-d take", lambda x: np.take(x, [0, 0]), np.array(3.0)),
    ("strides", lambda x: np.mean(x, 0), A[::2, ::-1]), ("transposed", lambda x: np.reshape(x, -1), A.T),
    ("float32", lambda x: np.std(x, 0), A.astype(np.float32)), ("float32 dot", lambda x: np.dot(x, x.T), A.astype(np.float32)),
    ("mean of integers", np.mean, INTEGERS), ("var of integers", lambda x: np.var(x, 0), INTEGERS),
    ("sum of integers", np.sum, INTEGERS),
    ("sum of booleans", np.sum, INTEGERS > 4), ("max of integers", np.max, INTEGERS), ("flip of booleans", np.flip, INTEGERS > 4),
]  # fmt: skip


@pytest.mark.parametrize(("function", "array"), [c[1:] for c in OTHER_INPUTS], ids=[c[0] for c in OTHER_INPUTS])
def test_other_inputs(function, array):
    out, expected = function(tl.Tensor(array)), np.asarray(function(array))
    assert out.shape == expected.shape and out.dtype == expected.dtype
    np.testing.assert_allclose(out.data, expected, rtol=1e-5 if array.dtype == np.float32 else 1e-12)


REFUSED = [
    (np.fft.fft, A, "numpy.fft.fft does not take Tensors: use an op of tinygrad_lite, or .detach().numpy() for the array"),
    (np.linalg.eig, S, "numpy.linalg.eig does not take Tensors"),
    (np.nonzero, A, "numpy.nonzero does not take Tensors"),
    (lambda x: np.sum(x, where=A > 0), A, "numpy.sum does not take Tensors with ['where']: use an op"),
    (lambda x: np.sum(x, out=np.zeros(())), A, "numpy.sum does not take Tensors with ['out']"),
    (lambda x: np.mean(x, dtype=np.float32), A, "numpy.mean does not take Tensors with ['dtype']"),
    (lambda x: np.concatenate([x, x], out=np.zeros((6, 4))), A, "with ['out']"),
    (lambda x: np.reshape(x, (4, 3), order="F"), A, "numpy.reshape does not take Tensors with ['order']"),
    (lambda x: np.where(x > 0), A, "numpy.where on Tensors takes condition, x and y"),
    (lambda x: np.pad(x, 1, "linear_ramp"), A, "mode 'linear_ramp' is not there"),
    (lambda x: np.linalg.norm(x, 2), A, "ord 2 is not there"),
    (lambda x: np.copyto(np.zeros((3, 4)), x), A, "numpy.copyto does not take Tensors"),
]  # fmt: skip


@pytest.mark.parametrize("trained", [True, False], ids=["leaf", "constant"])
@pytest.mark.parametrize(("function", "array", "text"), REFUSED, ids=[c[2][:40] for c in REFUSED])
def test_the_rest_is_refused(function, array, text, trained):
    with pytest.raises(TypeError) as raised:
        function(tl.Tensor(array, requires_grad=trained))
    assert text in str(raised.value)


def test_an_index_has_no_gradient():
    with pytest.raises(TypeError, match="an index has no gradient; give integers"):
        np.take(tl.Tensor(A), tl.Tensor(V, requires_grad=True))


WRONG = [
    (lambda x: np.squeeze(x, 0), A, "axis 0 of (3, 4) has a size other than 1"),
    (lambda x: np.split(x, 2), A, "does not divide into 2; use array_split"),
    (lambda x: np.array_split(x, 0), A, "must be larger than 0"),
    (lambda x: np.moveaxis(x, (0, 1), 0), A, "do not go to"),
    (lambda x: np.sum(x, 5), A, "out of range"),
    (lambda x: np.tensordot(x, x, 1), A, "must have the same sizes"),
    (lambda x: np.take(x, [7], 0), A, "out of range"),
]


@pytest.mark.parametrize(("function", "array", "text"), WRONG, ids=[c[2][:40] for c in WRONG])
def test_wrong_values(function, array, text):
    with pytest.raises((ValueError, IndexError)) as raised:
        function(tl.Tensor(array))
    assert text in str(raised.value)
    with pytest.raises((ValueError, IndexError)):
        function(array)


def test_every_entry_is_numpys_and_is_tested():
    tested = {*RECORDED, *CONSTANT, *VALUES, *PLAIN, "empty_like"}
    assert {*numpy_calls.CALLS, *numpy_calls.QUESTIONS} == tested
    assert np.empty_like(tl.Tensor(A)).shape == A.shape
    for name in tested:
        function = np
        for part in name.split("."):
            function = getattr(function, part)
        module = function.__module__.partition("numpy.")[2]
        assert name == (f"{module}.{function.__name__}" if module else function.__name__)


def test_other_kinds_of_arrays_decide_for_themselves():
    class Other:
        def __array_function__(self, function, types, args, kwargs):
            return "other"

    assert np.concatenate([tl.Tensor(A), Other()]) == "other"
    assert numpy_calls.call(np.sum, (Other,), (), {}) is NotImplemented

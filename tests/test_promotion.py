"""The dtype of every op is PyTorch's. The table is written out, so that no PyTorch is needed; tests/parity compares the two."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite.dtypes import result_dtype

ORDER = ["b1", "u1", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]
TABLE = {  # two arrays with dimensions: rows and columns in this order
    "b1": "b1 u1 i1 i2 i4 i8 f2 f4 f8",
    "u1": "u1 u1 i2 i2 i4 i8 f2 f4 f8",
    "i1": "i1 i2 i1 i2 i4 i8 f2 f4 f8",
    "i2": "i2 i2 i2 i2 i4 i8 f2 f4 f8",
    "i4": "i4 i4 i4 i4 i4 i8 f2 f4 f8",
    "i8": "i8 i8 i8 i8 i8 i8 f2 f4 f8",
    "f2": "f2 f2 f2 f2 f2 f2 f2 f4 f8",
    "f4": "f4 f4 f4 f4 f4 f4 f4 f4 f8",
    "f8": "f8 f8 f8 f8 f8 f8 f8 f8 f8",
}
PAIRS = [(a, b, c) for a, row in TABLE.items() for b, c in zip(ORDER, row.split())]


def ones(dtype, *shape):
    return tl.Tensor(np.ones(shape, dtype))


def dtype_of(x):
    return x.dtype.str.lstrip("|<=>")


def test_numpy_numbers_as_attributes_do_not_decide_the_dtype():
    x = tl.ones(3, requires_grad=True)
    for op in (tl.leaky_relu, tl.softplus, tl.clamp):
        y = op(x, np.float64(0.5))
        y.sum().backward()
        assert y.dtype == x.grad.dtype == np.float32


def test_an_array_of_the_other_byte_order_is_brought_to_this_machine():
    array = np.arange(6, dtype=np.dtype("f4").newbyteorder())
    x = tl.Tensor(array, requires_grad=True)
    assert x.dtype == np.float32 and x.dtype.isnative and tl.tensor(array).dtype.isnative
    np.testing.assert_array_equal(x.data, array)
    (x @ x).backward()
    np.testing.assert_array_equal(x.grad.data, 2 * array)


@pytest.mark.parametrize(("left", "right", "expected"), PAIRS)
def test_two_arrays(left, right, expected):
    x, y = ones(left, 2), ones(right, 2)
    for op in (tl.add, tl.mul, tl.maximum):
        assert dtype_of(op(x, y)) == expected
    assert dtype_of(tl.where(np.array([True, False]), x, y)) == expected
    assert dtype_of(tl.cat([x, y])) == expected
    assert dtype_of(tl.div(x, y)) == (expected if expected[0] == "f" else "f4")
    assert (x == y).dtype == bool


@pytest.mark.parametrize(
    ("dimensioned", "zero_dim", "expected"),
    [("f4", "f8", "f4"), ("f4", "i8", "f4"), ("i4", "i8", "i4"), ("u1", "i8", "u1"), ("i8", "f4", "f4"), ("i8", "f8", "f8"),
        ("i4", "f2", "f2"),
     ("b1", "i4", "i4"), ("b1", "u1", "u1"), ("f2", "f8", "f2"), ("i2", "b1", "i2"), ("f8", "f4", "f8"), ("b1", "f8", "f8")],
)  # fmt: skip
def test_a_0d_tensor_counts_only_by_its_kind(dimensioned, zero_dim, expected):
    x, y = ones(dimensioned, 2), ones(zero_dim)
    assert dtype_of(x * y) == dtype_of(y * x) == expected
    assert dtype_of(tl.where(np.array([True, False]), x, y)) == expected


@pytest.mark.parametrize("shape", [(2,), ()])
@pytest.mark.parametrize(
    ("dtype", "number", "expected"),
    [("f4", 2, "f4"), ("f4", 2.5, "f4"), ("f4", True, "f4"), ("f8", 2.5, "f8"), ("f2", 2.5, "f2"), ("i8", 2, "i8"), ("i4", 2, "i4"),
        ("u1", 2, "u1"), ("i4", 2.5, "f4"),
     ("b1", 2, "i8"), ("b1", 2.5, "f4"), ("b1", True, "b1"), ("f2", np.int64(2), "f2"), ("f8", np.float64(2), "f8"),
     ("i4", True, "i4")],
)  # fmt: skip
def test_a_number_counts_only_by_its_kind(dtype, number, expected, shape):
    x = ones(dtype, *shape)
    for out in (x * number, number * x, x + number, number + x, tl.maximum(x, number)):
        assert dtype_of(out) == expected


@pytest.mark.parametrize("number", [np.float64(2), np.float32(2), np.int64(2)])
def test_a_numpy_number_is_weak_beside_dimensions(number):
    assert dtype_of(ones("f4", 2) * number) == "f4"
    assert dtype_of(number * ones("f4", 2)) == "f4"


def test_0d_tensors_among_themselves_promote_as_arrays_do():
    assert dtype_of(ones("f4") * ones("f8")) == "f8"
    assert dtype_of(ones("i4") * ones("i8")) == "i8"


def test_the_default_dtype_is_what_floats_become():
    assert dtype_of(ones("i8", 2) * 0.5) == "f4"
    tl.set_default_dtype(np.float64)
    try:
        assert dtype_of(ones("i8", 2) * 0.5) == dtype_of(tl.exp(ones("i8", 2))) == dtype_of(tl.tensor(0.5)) == "f8"
        assert dtype_of(ones("f4", 2) * 0.5) == "f4"
    finally:
        tl.set_default_dtype(np.float32)


TO_FLOAT = ["exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "tanh", "sigmoid", "erf", "reciprocal", "logsumexp"]


@pytest.mark.parametrize("name", TO_FLOAT)
@pytest.mark.parametrize("dtype", ["b1", "u1", "i4", "i8"])
def test_functions_of_integers_are_of_the_default_dtype(name, dtype):
    assert dtype_of(getattr(tl, name)(ones(dtype, 2))) == "f4"


@pytest.mark.parametrize("name", TO_FLOAT)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_functions_of_floats_keep_the_dtype(name, dtype):
    assert dtype_of(getattr(tl, name)(ones(dtype, 2))) == dtype


@pytest.mark.parametrize("dtype", ["b1", "u1", "i1", "i4", "i8"])
def test_sums_of_integers_are_int64(dtype):
    x = ones(dtype, 2, 3)
    for out in (x.sum(), x.sum(0), x.prod(), x.prod(1), x.cumsum(0), x.argmax(), x.argmin(1), x.max(0).indices):
        assert dtype_of(out) == "i8"
    assert dtype_of(x.amax()) == dtype_of(x.max(0).values) == dtype


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("name", ["sum", "mean", "prod", "amax", "var", "std", "logsumexp", "norm"])
def test_reductions_keep_floats(name, dtype):
    for out in (
        getattr(tl, name)(ones(dtype, 2, 3)),
        getattr(tl, name)(ones(dtype, 2, 3), 0),
        getattr(tl, name)(ones(dtype, 2, 3), 1, keepdim=True),
    ):
        assert dtype_of(out) == dtype


@pytest.mark.parametrize(
    ("function", "names"),
    [(lambda x, y: x @ y, ("float32", "float64")), (tl.ops.linear, ("float32", "float64")),
     (lambda x, y: tl.einsum("ij,jk->ik", x, y), ("float32", "float64")),
     (lambda x, y: tl.bmm(x.unsqueeze(0), y.unsqueeze(0)), ("float32", "float64")),
     (lambda x, y: tl.scatter(x, 0, np.zeros((1, 2), int), y), ("float32", "float64")),
     (lambda x, y: x @ y.long(), ("float32", "int64"))],
)  # fmt: skip
def test_products_of_mixed_dtypes_are_refused_by_name(function, names):
    with pytest.raises(TypeError) as error:
        function(ones("f4", 2, 2), ones("f8", 2, 2))
    assert all(name in str(error.value) for name in names)


@pytest.mark.parametrize(
    "function",
    [lambda: tl.mean(ones("i8", 2)), lambda: -ones("b1", 2), lambda: ones("b1", 2) - ones("b1", 2),
        lambda: tl.Tensor(np.ones(2, complex)), lambda: tl.Tensor(["a"]),
     lambda: tl.Tensor([1, 2], requires_grad=True), lambda: tl.where(ones("f4", 2), 1.0, 2.0), lambda: ones("f4", 2) * "2",
     lambda: ones("f4", 2) + None],
)  # fmt: skip
def test_what_has_no_meaning_is_a_type_error(function):
    with pytest.raises(TypeError):
        function()


@pytest.mark.parametrize(("left", "right"), [("f4", "f8"), ("f2", "f4"), ("f8", "f2")])
@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((2, 3), ()), ((), (3,))])
def test_a_gradient_has_the_dtype_of_its_tensor(left, right, shapes):
    x = tl.Tensor(np.ones(shapes[0], left), requires_grad=True)
    y = tl.Tensor(np.ones(shapes[1], right), requires_grad=True)
    (x * y + x / y - y.exp() * x).sum().backward()
    assert (dtype_of(x.grad), dtype_of(y.grad)) == (left, right)
    assert (x.grad.shape, y.grad.shape) == (x.shape, y.shape)


def test_a_gradient_goes_back_through_a_cast():
    x = tl.Tensor(np.ones(3, "f4"), requires_grad=True)
    (x.double() * 2).sum().backward()
    assert dtype_of(x.grad) == "f4"


def test_a_0d_float64_keeps_its_precision_through_the_rules():
    """NumPy makes scalars of 0-d arrays on the way back: they must not count as Python floats, which are float32."""
    x = tl.Tensor(np.array(0.1), requires_grad=True)
    (tl.erf(x) * tl.exp(x)).backward()
    t, two_over_root_pi = 0.1, 2 / np.sqrt(np.pi)
    exact = np.exp(t) * (two_over_root_pi * np.exp(-t * t) + math.erf(t))
    assert float(x.grad) == pytest.approx(exact, rel=1e-14)


def test_result_dtype_refuses_what_is_no_number():
    for bad in ("text", object(), [1.0], np.array("text")):
        with pytest.raises(TypeError):
            result_dtype([np.ones(2), bad])


def test_ranges_and_means_are_as_exact_as_their_dtype():
    assert tl.arange(10000.0, 10001.0, 0.1).data[-1] == np.float32(10000.9)
    assert tl.ones(100_000, dtype=tl.float16).mean().item() == 1
    assert tl.ones(2, 3).sum(dim=()).shape == ()

"""Tensors among NumPy's arrays and functions: nothing detaches by accident."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite.tensor import UFUNCS


def leaf(values=(0.5, 0.25, 0.75), dtype=np.float64):
    return tl.tensor(np.array(values, dtype), requires_grad=True)


A = np.array([2.0, 3.0, 4.0])
RECORDED = [
    ("np.float64 * t", lambda t: np.float64(2) * t, lambda v: 2 + 0 * v),
    ("t * np.float64", lambda t: t * np.float64(2), lambda v: 2 + 0 * v),
    ("np.float32 - t", lambda t: np.float32(1) - t, lambda v: -1 + 0 * v),
    ("array * t", lambda t: A * t, lambda v: A),
    ("t * array", lambda t: t * A, lambda v: A),
    ("array - t", lambda t: A - t, lambda v: -1 + 0 * v),
    ("array / t", lambda t: A / t, lambda v: -A / v**2),
    ("array ** t", lambda t: A**t, lambda v: A**v * np.log(A)),
    ("array @ t", lambda t: A @ t, lambda v: A),
    ("0-d array * t", lambda t: np.asarray(3.0) * t, lambda v: 3 + 0 * v),
    ("np.exp", np.exp, np.exp),
    ("np.sin", np.sin, np.cos),
    ("np.add", lambda t: np.add(t, A), lambda v: 1 + 0 * v),
    ("np.multiply(array, t)", lambda t: np.multiply(A, t), lambda v: A),
    ("np.maximum", lambda t: np.maximum(t, 0.6), lambda v: (v > 0.6) * 1.0),
    ("np.negative", np.negative, lambda v: -1 + 0 * v),
    ("np.positive", np.positive, lambda v: 1 + 0 * v),
    ("np.square", np.square, lambda v: 2 * v),
]


@pytest.mark.parametrize(("function", "slope"), [r[1:] for r in RECORDED], ids=[r[0] for r in RECORDED])
def test_numpy_on_tensors_records(function, slope):
    x = leaf()
    out = function(x)
    assert isinstance(out, tl.Tensor) and out.requires_grad
    np.testing.assert_allclose(out.data, function(x.data))
    out.sum().backward()
    np.testing.assert_allclose(x.grad.data, slope(x.data))


@pytest.mark.parametrize("name", sorted(UFUNCS))
def test_every_ufunc_in_the_table_is_numpys_function(name):
    ufunc = getattr(np, name)
    x, y = leaf(), leaf((0.5, 0.5, 0.1))
    if name in ("bitwise_and", "bitwise_or", "invert"):
        x, y = x > 0.3, y > 0.3
    if ufunc.nin == 1:
        got, expected = ufunc(x), ufunc(x.data)
    else:
        got, expected = ufunc(x, y), ufunc(x.data, y.data)
        np.testing.assert_allclose(ufunc(x.data, y).data, expected)
    assert isinstance(got, tl.Tensor) and got.dtype == expected.dtype
    np.testing.assert_allclose(got.data, expected)


def test_numpy_scalars_are_weak():
    x = leaf(dtype=np.float32)
    assert (np.float64(2) * x).dtype == (x * np.float64(2)).dtype == (np.asarray(2.0) * x).dtype == np.float32
    assert (A * x).dtype == np.float64


REFUSED = [
    ("unsupported", lambda t: np.hypot(t, 1.0), "numpy.hypot does not take Tensors: use an op of tinygrad_lite"),
    ("several outputs", lambda t: np.modf(t), "numpy.modf does not take Tensors"),
    ("reduce", lambda t: np.add.reduce(t), "numpy.add.reduce does not take Tensors"),
    ("outer", lambda t: np.multiply.outer(t, t), "numpy.multiply.outer does not take"),
    ("at", lambda t: np.add.at(np.zeros(3), [0], t), "numpy.add.at does not take"),
    ("out", lambda t: np.add(t, 1.0, out=np.zeros(3)), r"numpy.add does not take Tensors with \['out'\]"),
    ("where", lambda t: np.add(t, 1.0, where=np.array([True, False, True])), r"with \['where'\]"),
    ("dtype", lambda t: np.add(t, 1.0, dtype=np.float32), r"with \['dtype'\]"),
]


@pytest.mark.parametrize(("call", "text"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_other_ufuncs_are_refused(call, text):
    with pytest.raises(TypeError, match=text):
        call(leaf())


def test_an_array_is_not_changed_in_place_by_a_tensor():
    array = np.zeros(3)
    with pytest.raises(TypeError, match=r"numpy.add does not take Tensors with \['out'\]"):
        array += leaf()
    assert (array == 0).all()


def test_to_arrays_and_back():
    x, c = leaf(), leaf().detach()
    for call in (np.asarray, np.array, lambda t: t.numpy(), lambda t: np.array([t, t])):
        with pytest.raises(RuntimeError, match=r"use \.detach\(\)\.numpy\(\)"):
            call(x)
        assert isinstance(call(c), np.ndarray)
    assert np.shares_memory(np.asarray(c), c.data) and np.shares_memory(c.numpy(), c.data)
    assert not np.shares_memory(np.array(c), c.data)
    assert np.asarray(c, dtype=np.float32).dtype == np.float32
    assert x.tolist() == [0.5, 0.25, 0.75] and float(x[0]) == 0.5 and int(tl.tensor(3)) == 3
    assert [10, 20, 30][tl.tensor(1)] == 20


def test_comparisons_with_arrays_are_tensors():
    x = leaf()
    for out in (x < A, np.greater(A, x), x == A, np.not_equal(A, x)):
        assert isinstance(out, tl.Tensor) and out.dtype == np.bool_ and not out.requires_grad


def test_a_subclass_of_ndarray_counts_as_an_array():
    masked = np.ones(3).view(np.recarray)
    assert type(tl.Tensor(masked).data) is np.ndarray
    assert (leaf() + tl.Tensor(masked)).requires_grad


def test_what_is_no_number_decides_whether_it_equals_a_tensor():
    t = tl.tensor(0.3)
    assert (t == None) is False and (t != None) is True and t != "0.3"  # noqa: E711
    assert t == pytest.approx(0.3) and pytest.approx(0.3) == t and t != pytest.approx(0.4)
    assert (tl.tensor([1.0, 2.0]) == np.array([1.0, 3.0])).tolist() == [True, False]

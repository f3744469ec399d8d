"""The fused gates of recurrent cells: kernels against plain NumPy over odd sizes, precision, layouts, threads, errors."""

import numpy as np
import pytest
from cases_recurrence import gru_gates, gru_gates_backward, lstm_gates, lstm_gates_backward

import tinygrad_lite as tl
from tinygrad_lite import kernels, ops

SIZES = [*range(1, 18), 48, 65]
BATCHES = [0, 1, 5]
REFERENCES = {"lstm": lstm_gates, "lstm_backward": lstm_gates_backward, "gru": gru_gates, "gru_backward": gru_gates_backward}
PARTS = {"lstm": (4, 1), "lstm_backward": (1, 1, 4, 1), "gru": (3, 3, 1), "gru_backward": (1, 3, 3, 1)}  # of the inputs
EACH = pytest.mark.parametrize("name", REFERENCES)


def drawn(name, *shape, dtype=np.float64, scale=2.0):
    rng = np.random.default_rng(0)
    return [(rng.standard_normal((*shape[:-1], parts * shape[-1])) * scale).astype(dtype) for parts in PARTS[name]]


def run(name, arrays):
    return getattr(kernels.gates, name)(*arrays)


def reference(name, arrays):
    outs = REFERENCES[name](*[a.astype(np.float64) for a in arrays])
    return outs if isinstance(outs, tuple) else (outs,)


def near(outs, expected, dtype=np.float64):
    rtol, atol = (2e-5, 2e-6) if dtype == np.float32 else (1e-12, 1e-13)
    for out, e in zip(outs, expected, strict=True):
        assert out.dtype == dtype and out.shape == e.shape
        np.testing.assert_allclose(out, e, rtol=rtol, atol=atol)


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", BATCHES)
def test_a_kernel_equals_plain_numpy(name, dtype, batch):
    for size in SIZES:
        arrays = drawn(name, batch, size, dtype=dtype)
        for a in arrays:
            a.flags.writeable = False
        near(run(name, arrays), reference(name, arrays), dtype)


@EACH
def test_any_layout_and_any_leading_dimensions(name):
    for shape in ((7,), (2, 3, 7), (0, 3, 7), (3, 0)):
        arrays = drawn(name, *shape)
        expected = reference(name, arrays)
        near(run(name, arrays), expected)
        near(run(name, [np.repeat(a, 2, -1)[..., ::2] for a in arrays]), expected)
        near(run(name, [np.ascontiguousarray(a.T).T for a in arrays]), expected)


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_saturated_gates_stay_finite(name, dtype):
    arrays = drawn(name, 5, 33, dtype=dtype, scale=1e4)
    with np.errstate(over="ignore", invalid="ignore"):
        outs = run(name, arrays)
    assert all(np.isfinite(out).all() for out in outs)


@EACH
def test_results_do_not_depend_on_the_number_of_threads(name):
    arrays, before = drawn(name, 301, 40), tl.get_num_threads()
    try:
        found = []
        for n in (1, 2):
            tl.set_num_threads(n)
            found.append(run(name, arrays))
    finally:
        tl.set_num_threads(before)
    for one, two in zip(*found):
        np.testing.assert_array_equal(one, two)


def test_one_array_in_two_places():
    (p, _, h) = drawn("gru", 5, 9)
    near(run("gru", (p, p, h)), reference("gru", (p, p, h)))
    (c, _, sums, _) = drawn("lstm_backward", 5, 9)
    near(run("lstm_backward", (c, c, sums, c)), reference("lstm_backward", (c, c, sums, c)))


def test_half_precision_is_computed_in_single():
    sums, c = drawn("lstm", 3, 5, dtype=np.float16)
    for out, e in zip(ops.gates.lstm_gates(sums, c), lstm_gates(sums.astype(float), c.astype(float))):
        assert out.dtype == np.float16
        np.testing.assert_allclose(out, e, rtol=2e-3, atol=1e-3)


ERRORS = [
    (lambda *zeros: ops.gates.lstm_gates(*zeros), [(2, 9), (2, 3)], r"sums is \(2, 9\), expected \(2, 12\) for c \(2, 3\)"),
    (lambda *zeros: ops.gates.gru_gates(*zeros), [(2, 9), (9,), (2, 3)], r"q is \(9,\), expected \(2, 9\) for h \(2, 3\)"),
    (lambda *zeros: ops.gates.gru_gates(*zeros), [(2,), (2,), ()], r"p is \(2,\), expected \(\.\.\., 3 \* features\) for h \(\)"),
]


@pytest.mark.parametrize(("call", "shapes", "text"), ERRORS, ids=[e[2][:20] for e in ERRORS])
def test_errors_say_what_fits(call, shapes, text):
    with pytest.raises(ValueError, match=text):
        call(*[tl.zeros(*shape) for shape in shapes])

"""Gradients cut to a size."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn

GRADIENTS = [np.array([[3.0, -4.0], [0.5, 0.0]]), np.array(-2.0), np.array([12.0, 1.0, -1.0])]


def parameters(dtype=np.float64):
    made = [nn.Parameter(tl.tensor(np.zeros_like(g), dtype=dtype)) for g in GRADIENTS]
    for p, g in zip(made, GRADIENTS):
        p.grad = tl.tensor(g, dtype=dtype)
    return [*made, nn.Parameter(tl.ones(3))]  # the last one has none


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", [2.0, 1, 3.5, 0.5, float("inf")])
@pytest.mark.parametrize("share", [0.1, 0.9, 2.0])
def test_the_norm_of_all_together(order, share, dtype):
    everything, made = np.concatenate([g.ravel() for g in GRADIENTS]), parameters(dtype)
    expected = np.abs(everything).max() if order == np.inf else (np.abs(everything) ** order).sum() ** (1 / order)
    arrays = [p.grad.data for p in made[:3]]
    norm = nn.utils.clip_grad_norm_((p for p in made), share * expected, order)
    rtol = 1e-7 if dtype == np.float64 else 1e-5
    assert isinstance(norm, tl.Tensor) and norm.shape == () and norm.dtype == dtype and not norm.requires_grad
    np.testing.assert_allclose(norm.data, expected, rtol=rtol)
    for p, array, g in zip(made, arrays, GRADIENTS):
        assert p.grad.data is array and made[3].grad is None
        np.testing.assert_allclose(array, g * min(share, 1), rtol=rtol)


def test_each_element():
    made = parameters()
    assert nn.utils.clip_grad_value_(made, 2) is None
    for p, g in zip(made, GRADIENTS):
        np.testing.assert_array_equal(p.grad.data, np.clip(g, -2, 2))


def test_of_one_tensor_and_of_nothing():
    p = nn.Parameter(tl.ones(4, dtype=np.float64))
    assert nn.utils.clip_grad_norm_(p, 1.0).item() == 0.0
    nn.utils.clip_grad_value_(p, 1.0)
    assert p.grad is None
    p.grad = tl.ones(4, dtype=np.float64)
    assert nn.utils.clip_grad_norm_(p, 1.0).item() == 2.0
    np.testing.assert_allclose(p.grad.data, 0.5, rtol=1e-6)
    nn.utils.clip_grad_value_(p, 0.25)
    np.testing.assert_array_equal(p.grad.data, 0.25)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_norm_that_is_not_finite():
    p = nn.Parameter(tl.zeros(2))
    for value in (np.inf, np.nan):
        p.grad = tl.tensor([value, 1.0])
        with pytest.raises(RuntimeError, match=f"the norm of the gradients is {value}, so they cannot be scaled"):
            nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)
        assert p.grad.data[1] == 1.0
        nn.utils.clip_grad_norm_(p, 1.0)
        assert p.grad.data[1] != 1.0


def test_a_changed_gradient_is_marked_and_a_computed_one_refused():
    p = nn.Parameter(tl.ones(2))
    (p * p).sum().backward()
    before = p.grad.changed[0]
    nn.utils.clip_grad_norm_([p], 0.1)
    assert p.grad.changed[0] > before
    p.grad = None
    (p * p * p).sum().backward(create_graph=True)
    with pytest.raises(ValueError, match=r"gradients was computed by .*only leaves change in place"):
        nn.utils.clip_grad_norm_([p], 0.1)


def test_what_clipping_refuses():
    module = nn.Sequential(nn.Linear(2, 2))
    for clip in (nn.utils.clip_grad_norm_, nn.utils.clip_grad_value_):
        with pytest.raises(TypeError, match=r"expected Tensors to clip .*, got Linear; of a Module: module.parameters\(\)"):
            clip(module, 1.0)

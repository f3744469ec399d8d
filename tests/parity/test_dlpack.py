"""Memory shared with PyTorch by DLPack, in both directions."""

import numpy as np
import pytest

import tinygrad_lite as tl

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity
DTYPES = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_to_pytorch_and_back(dtype):
    ours = tl.Tensor(np.arange(6).reshape(2, 3).astype(dtype).T)
    theirs = torch.from_dlpack(ours)
    assert str(theirs.dtype) == f"torch.{dtype}" and tuple(theirs.shape) == (3, 2) and theirs.stride() == (1, 3)
    theirs[1, 1] = 0
    assert ours.data[1, 1] == 0
    back = tl.from_dlpack(theirs)
    assert back.dtype == ours.dtype and np.shares_memory(back.data, ours.data)
    np.testing.assert_array_equal(back.data, ours.data)


@pytest.mark.parametrize("dtype", DTYPES)
def test_from_pytorch_and_back(dtype):
    theirs = torch.arange(4).to(getattr(torch, dtype))
    ours = tl.from_dlpack(theirs)
    tl.assign(ours, np.ones(4, dtype))
    assert theirs[0] == 1 and ours.dtype == dtype
    again = torch.from_dlpack(ours)
    assert again.data_ptr() == theirs.data_ptr()


def test_memory_lives_as_long_as_either_side_needs_it():
    theirs = torch.from_dlpack(tl.arange(1000.0))
    ours = tl.from_dlpack(torch.arange(1000.0))
    assert float(theirs.sum()) == float(ours.sum()) == 499500


def test_a_flipped_view_reaches_pytorch():
    np.testing.assert_array_equal(torch.from_dlpack(tl.arange(3.0).flip(0)).numpy(), [2.0, 1.0, 0.0])


def test_what_requires_a_gradient_is_refused_on_both_sides():
    with pytest.raises(RuntimeError, match="detach"):
        torch.from_dlpack(tl.tensor([1.0], requires_grad=True))
    with pytest.raises(BufferError, match="detach"):
        tl.from_dlpack(torch.ones(1, requires_grad=True))

"""Tensors from nothing: constants, ranges, random numbers."""

from __future__ import annotations

import numpy as np

from .dtypes import check_dtype, complex_in, get_default_dtype, refused_in
from .errors import composed
from .kernels.pool import empty
from .ops.random import generator
from .ops.shape import as_shape
from .record import Value, new_tensor
from .tensor import Tensor, as_array

__all__ = [
    "arange", "bernoulli", "empty_like", "eye", "from_dlpack", "from_numpy", "full", "full_like", "linspace", "ones", "ones_like",
    "rand", "rand_like", "randint", "randn", "randn_like", "randperm", "tensor", "zeros", "zeros_like",
]  # fmt: skip


def _made(array, requires_grad):
    out = new_tensor(array)
    return out.requires_grad_() if requires_grad else out


def _real(*values):
    """Refuse complex ``values``, which NumPy would make real with a warning, and what holds no numbers."""
    if what := complex_in(values) or refused_in([v.data if isinstance(v, Value) else np.asarray(v) for v in values]):
        raise TypeError(what)


def _dtype(dtype):
    return get_default_dtype() if dtype is None else check_dtype(dtype)


@composed
def tensor(data, dtype=None, requires_grad=False):
    """A Tensor with a copy of ``data`` (numbers, nested sequences, an array, a Tensor). Python floats become the default dtype."""
    array = data.data if isinstance(data, Value) else as_array(data)
    own = check_dtype(array.dtype)
    copy = empty(array.shape, own if dtype is None else check_dtype(dtype))
    copy[...] = array
    return _made(copy, requires_grad)


@composed
def from_numpy(array):
    """A Tensor over the memory of ``array``."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: expected an array, got {type(array).__name__}")
    return Tensor(array)


@composed
def from_dlpack(x, *, copy=None):
    """A Tensor over the memory of ``x``: an array on the CPU of any library that has ``__dlpack__`` (NumPy, PyTorch, JAX).

    copy  True copies, None only where the other side must, False refuses to
    """
    if isinstance(x, Value):
        x.numpy()  # refuses one that requires a gradient
        return tensor(x) if copy else x.detach()
    if not hasattr(x, "__dlpack__"):
        raise TypeError(f"from_dlpack: {type(x).__name__} has no __dlpack__; tinygrad_lite.tensor takes numbers and sequences")
    if isinstance(x, np.ndarray):
        check_dtype(x.dtype)
    return Tensor(np.from_dlpack(x, copy=copy))


@composed
def zeros(*shape, dtype=None, requires_grad=False):
    """Zeros of ``shape`` (sizes one by one or a tuple)."""
    return _made(np.zeros(as_shape(shape), _dtype(dtype)), requires_grad)


@composed
def ones(*shape, dtype=None, requires_grad=False):
    """Ones of ``shape`` (sizes one by one or a tuple)."""
    return _made(np.ones(as_shape(shape), _dtype(dtype)), requires_grad)


@composed
def full(shape, fill_value, dtype=None, requires_grad=False):
    """``fill_value`` in every place of ``shape``; its kind decides the dtype if none is given."""
    _real(fill_value)
    if dtype is None:
        dtype = as_array(fill_value).dtype
    return _made(np.full(as_shape((shape,) if isinstance(shape, int) else shape), fill_value, check_dtype(dtype)), requires_grad)


@composed
def arange(start, end=None, step=1, dtype=None, requires_grad=False):
    """start, start + step, ... before ``end``; integers if all three are."""
    start, end = (0, start) if end is None else (start, end)
    _real(start, end, step)
    if step == 0:
        raise ValueError("arange: step must not be 0")
    if dtype is None and any(isinstance(v, (float, np.floating)) for v in (start, end, step)):
        dtype = get_default_dtype()
    dtype = check_dtype(np.int64 if dtype is None else dtype)
    wide = np.float64 if dtype.kind == "f" else dtype  # in float32 the step itself would be rounded
    return _made(np.arange(start, end, step, wide).astype(dtype, copy=False), requires_grad)


@composed
def linspace(start, end, steps, dtype=None, requires_grad=False):
    """``steps`` values evenly spaced from ``start`` to ``end``, both included."""
    _real(start, end)
    return _made(np.linspace(start, end, steps, dtype=_dtype(dtype)), requires_grad)


@composed
def eye(n, m=None, dtype=None, requires_grad=False):
    """The identity matrix, (n, n) or (n, m)."""
    return _made(np.eye(n, m, dtype=_dtype(dtype)), requires_grad)


@composed
def rand(*shape, dtype=None, requires_grad=False):
    """Uniform numbers in [0, 1)."""
    return _made(_uniform(as_shape(shape), _dtype(dtype)), requires_grad)


@composed
def randn(*shape, dtype=None, requires_grad=False):
    """Standard normal numbers."""
    return _made(_normal(as_shape(shape), _dtype(dtype)), requires_grad)


def _uniform(shape, dtype):
    return np.asarray(generator().random(shape, _drawn_as(dtype))).astype(dtype, copy=False)


def _normal(shape, dtype):
    return np.asarray(generator().standard_normal(shape, _drawn_as(dtype))).astype(dtype, copy=False)


def _drawn_as(dtype):
    if dtype.kind != "f":
        raise TypeError(f"random numbers are floating, {dtype} does not hold them: give dtype")
    return dtype if dtype.itemsize >= 4 else np.float32


@composed
def randint(low, high=None, size=None, dtype=np.int64):
    """Integers from ``low`` to ``high`` - 1 (0 to ``low`` - 1 with one bound), of shape ``size``."""
    if size is None and isinstance(high, (tuple, list)):
        low, high, size = 0, low, high
    low, high = (0, low) if high is None else (low, high)
    if size is None or low >= high:
        raise ValueError(f"randint: give bounds with low < high and a size, got low {low}, high {high}, size {size}")
    return new_tensor(generator().integers(low, high, as_shape((size,)), check_dtype(dtype)))


@composed
def randperm(n, dtype=np.int64):
    """The numbers 0 to n - 1 in random order."""
    return new_tensor(generator().permutation(n).astype(dtype, copy=False))


@composed
def bernoulli(probabilities):
    """1 with the given probabilities, else 0."""
    p = probabilities.data if isinstance(probabilities, Value) else as_array(probabilities)
    _drawn_as(p.dtype)
    return new_tensor((generator().random(p.shape) < p).astype(p.dtype))


def _like(x, dtype):
    return x.shape, check_dtype(x.dtype if dtype is None else dtype)


@composed
def empty_like(x, dtype=None, requires_grad=False):
    """A Tensor of the shape and dtype of ``x``, not filled."""
    return _made(np.empty(*_like(x, dtype)), requires_grad)


@composed
def zeros_like(x, dtype=None, requires_grad=False):
    """Zeros of the shape and dtype of ``x``."""
    return _made(np.zeros(*_like(x, dtype)), requires_grad)


@composed
def ones_like(x, dtype=None, requires_grad=False):
    """Ones of the shape and dtype of ``x``."""
    return _made(np.ones(*_like(x, dtype)), requires_grad)


@composed
def full_like(x, fill_value, dtype=None, requires_grad=False):
    """``fill_value`` in the shape and dtype of ``x``."""
    _real(fill_value)
    shape, dtype = _like(x, dtype)
    return _made(np.full(shape, fill_value, dtype), requires_grad)


@composed
def rand_like(x, dtype=None, requires_grad=False):
    """Uniform numbers in [0, 1) of the shape and dtype of ``x``."""
    return _made(_uniform(*_like(x, dtype)), requires_grad)


@composed
def randn_like(x, dtype=None, requires_grad=False):
    """Standard normal numbers of the shape and dtype of ``x``."""
    return _made(_normal(*_like(x, dtype)), requires_grad)

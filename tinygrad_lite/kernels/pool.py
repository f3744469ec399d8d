"""A pool of large buffers: fresh memory from the system is zeroed page by page at its first touch, which costs an element-wise op
more than its arithmetic. Memory comes back when the last array over it dies, views included."""

from __future__ import annotations

import ctypes
import math
import weakref

import numpy as np

LINE = 64  # bytes of the cache, and of the widest register
LARGE = 1 << 17  # bytes; up to here the allocator of NumPy and of the C library reuse memory well
LIMIT = 1 << 29  # bytes that may lie idle here; what comes back beyond goes to the system

_idle = {}  # size -> list of memory (byte arrays)
_lent = {}  # id of a loan -> the loan, kept alive until its memory comes back


class Loan(weakref.ref):
    """A weak reference to the object that all arrays over a piece of memory hang on, and that memory."""

    __slots__ = ("memory",)


def _size_class(n_bytes):
    """``n_bytes`` rounded up to one of eight sizes between powers of two: at most an eighth is wasted."""
    step = 1 << max(n_bytes.bit_length() - 4, 0)
    return -(-n_bytes // step) * step


def empty(shape, dtype):
    """As `numpy.empty`, from the pool if it is large."""
    dtype = np.dtype(dtype)
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes <= LARGE:
        return np.empty(shape, dtype)
    size = _size_class(n_bytes)
    try:
        memory = _idle[size].pop()
    except (KeyError, IndexError):
        memory = _from_a_line(size, size, np.uint8)
    holder = (ctypes.c_char * size).from_buffer(memory)  # NumPy looks through a memoryview, not through this
    loan = Loan(holder, _come_back)
    loan.memory = memory
    _lent[id(loan)] = loan
    return np.ndarray(shape, dtype, holder)


def aligned(shape, dtype):
    """As `empty`, from the beginning of a line of the cache: a register that lies in two lines takes two loads."""
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    return empty(shape, dtype) if n_bytes > LARGE else _from_a_line(n_bytes, shape, dtype)


def _from_a_line(n_bytes, shape, dtype):
    memory = np.empty(n_bytes + LINE, np.uint8)
    first = -ctypes.addressof(ctypes.c_char.from_buffer(memory)) % LINE  # a third of the time of memory.ctypes.data
    return np.ndarray(shape, dtype, memory, first)


def is_whole(array):
    """Whether ``array`` is no view of another array: it has its own memory, or the pool's."""
    return array.base is None or isinstance(array.base, ctypes.Array)


def empty_like(x):
    """As `numpy.empty_like` in row-major order, from the pool if it is large."""
    return np.empty(x.shape, x.dtype) if x.nbytes <= LARGE else empty(x.shape, x.dtype)


def _come_back(loan):
    """The last array over a piece of memory died."""
    memory = _lent.pop(id(loan)).memory
    if idle_bytes() + memory.size <= LIMIT:
        _idle.setdefault(memory.size, []).append(memory)


def idle_bytes():
    """How much memory lies here unused."""
    return sum([size * len(pieces) for size, pieces in list(_idle.items())])


def clear():
    """Give all idle memory back to the system."""
    _idle.clear()

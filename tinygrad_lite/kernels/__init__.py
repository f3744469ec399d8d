"""Numba kernels: arrays in, arrays out; they know nothing of Tensors. Numba is imported when one first runs."""

from . import elementwise, linalg, loss, pool, update

"""One array out of the bytes of a file."""

from __future__ import annotations

import math

import numpy as np


def from_bytes(name, data, dtype, shape, order="C"):
    """The array called ``name``: a copy of ``data`` in this machine's byte order; a ValueError where they do not fit."""
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"{name} has {len(data)} bytes, {shape} {dtype} takes {math.prod(shape) * dtype.itemsize}")
    array = np.frombuffer(data, dtype)
    if dtype.kind == "b" and (array.view(np.uint8) > 1).any():
        raise ValueError(f"{name} is boolean, but holds other bytes than 0 and 1")
    return array.reshape(shape, order=order).astype(dtype.newbyteorder("="), copy=True)

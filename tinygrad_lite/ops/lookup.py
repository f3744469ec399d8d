"""Rows of a table of vectors, looked up by integers."""

from __future__ import annotations

import numpy as np

from ..errors import composed
from ..record import Value
from .elementwise import where
from .indexing import take_rows
from .shape import reshape_to, slice_items
from .update import assign

__all__ = ["embedding"]


@composed
def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False):
    """Rows of ``weight`` (words, features) for integers ``input`` of any shape: (*input.shape, features).

    padding_idx         a row that gets no gradient
    max_norm            rows of ``input`` whose ``norm_type``-norm is larger are first scaled to it, in ``weight`` itself, in place
    scale_grad_by_freq  the gradient of a row is divided by how often ``input`` names it
    """
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight must be (words, features), got {weight.shape}")
    if padding_idx is not None:
        if not -len(weight) <= padding_idx < len(weight):
            raise ValueError(f"embedding: padding_idx {padding_idx} is no row of weight {weight.shape}")
        padding_idx = int(padding_idx) % len(weight)
    if max_norm is not None:
        _limit(np.unique(_array(input)), weight, max_norm, norm_type)
    rows = take_rows(weight, input)
    if scale_grad_by_freq:
        fixed = rows.detach() if isinstance(rows, Value) else rows
        rows = fixed + (rows - fixed) * _shares(_array(input), rows.dtype)
    if padding_idx is None:
        return rows
    constant = slice_items(weight.detach() if isinstance(weight, Value) else weight, index=(padding_idx,))
    words = reshape_to(input != padding_idx, shape=(*input.shape, 1))
    return where(words, rows, constant)


def _array(x):
    return x.data if isinstance(x, Value) else np.asarray(x)


def _limit(used, weight, max_norm, norm_type):
    """Scale the rows ``used`` of ``weight`` whose norm is larger than ``max_norm`` to it, in place."""
    table = take_rows(_array(weight), used)
    norms = np.linalg.norm(table, norm_type, 1, keepdims=True)
    table = np.where(norms > max_norm, table * (max_norm / (norms + 1e-7)), table)
    full = _array(weight).copy()
    full[used] = table
    assign(weight, full)


def _shares(input, dtype):
    """For each element of ``input`` 1 / how often it is there, with a dimension for the features."""
    _, places, counts = np.unique(input, return_inverse=True, return_counts=True)
    return (1.0 / counts).astype(dtype)[places].reshape(*input.shape, 1)

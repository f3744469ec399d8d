"""Sums and differences with a factor. The operators ``+`` and ``-`` are the primitives themselves."""

from __future__ import annotations

from .. import graph
from . import elementwise as ew

__all__ = ["add", "sub"]


def add(x, other, *, alpha=1):
    """x + alpha * other, element by element (shapes broadcast)."""
    return graph.add(x, other if alpha == 1 else ew.mul(other, alpha))


def sub(x, other, *, alpha=1):
    """x - alpha * other, element by element (shapes broadcast)."""
    return ew.sub(x, other if alpha == 1 else ew.mul(other, alpha))

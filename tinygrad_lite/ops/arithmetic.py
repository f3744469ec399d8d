"""Sums and differences with a factor. The operators ``+`` and ``-`` are the primitives themselves."""

from __future__ import annotations

from .. import graph
from ..errors import composed
from . import elementwise as ew

__all__ = ["add", "sub"]


def add(x, other, *, alpha=1):
    """x + alpha * other, element by element (shapes broadcast)."""
    return graph.add(x, other) if type(alpha) is int and alpha == 1 else _add_multiple(x, other, alpha)


def sub(x, other, *, alpha=1):
    """x - alpha * other, element by element (shapes broadcast)."""
    return ew.sub(x, other) if type(alpha) is int and alpha == 1 else _sub_multiple(x, other, alpha)


@composed(name="add")
def _add_multiple(x, other, alpha):
    return graph.add(x, ew.mul(other, alpha))


@composed(name="sub")
def _sub_multiple(x, other, alpha):
    return ew.sub(x, ew.mul(other, alpha))

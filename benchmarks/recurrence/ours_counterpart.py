"""The layers of ours that rows are judged by in the place of PyTorch's."""

from __future__ import annotations

from dataclasses import replace

from . import ours
from .ours import threads  # noqa: F401


def layer(row):
    """The counterpart of ``row``; None where it has none."""
    return row.counterpart and ours.layer(replace(row.counterpart, backward=row.backward))

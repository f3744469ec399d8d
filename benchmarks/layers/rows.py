"""A layer is two rows, forward alone and with backward."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """What layers share; a class adds ``name``, ``about`` (how the table calls it) and what the layer is.

    targets   what PyTorch's ratio should reach with one thread: (forward, forward and backward), None where nothing is asked for
    backward  whether it is in the row
    """

    targets: tuple = (None, None)
    backward: bool = False

    @property
    def key(self):
        """The name of the row."""
        return f"{self.name} {'backward' if self.backward else 'forward'}"

    @property
    def title(self):
        """The row in the table."""
        return f"{self.about}, {'forward+backward' if self.backward else 'forward'}"

    @property
    def target(self):
        """What the ratio should reach."""
        return self.targets[self.backward]


def both(layer):
    """The two rows of a layer."""
    return layer, replace(layer, backward=True)


def cotangent(shape):
    """The gradient that comes back into a layer whose output has ``shape``; float32."""
    return np.random.default_rng(1).standard_normal(shape, np.float32)

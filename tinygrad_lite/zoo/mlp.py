"""The multilayer perceptron: layers of units, taught by backpropagation (Rumelhart, Hinton and Williams, 1986)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from .. import nn, ops


def layer_sizes(where, sizes):
    """``sizes`` as a tuple of ints; ``where`` is what the error names."""
    given = tuple(sizes) if isinstance(sizes, Iterable) else ()
    if len(given) < 2 or not all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n > 0 for n in given):
        raise ValueError(f"{where}: sizes must be two or more positive integers, got {sizes}")
    return tuple(map(int, given))


class MultilayerPerceptron(nn.Module):
    """y_l = f(W_l y_(l-1) + b_l) from the input y_0 to the output: (..., sizes[0]) -> (..., sizes[-1]).

    sizes   units of each layer, the input first: (2, 4, 1) has one hidden layer
    f       of the units: `ops.sigmoid` (logistic, y in 0 to 1) or `ops.atan` (arctan, y in +-pi/2), or another op
    output  f of the last layer, where it differs: `nn.Identity()` for linear outputs
    layers  `nn.Linear`; the bias b of a unit is the lectures' threshold with its sign turned
    """

    def __init__(self, sizes, f=ops.sigmoid, output=None, dtype=None):
        sizes = layer_sizes("MultilayerPerceptron", sizes)
        self.sizes, self.f, self.output = sizes, f, output or f
        self.layers = [nn.Linear(m, n, dtype=dtype) for m, n in pairwise(sizes)]

    def activities(self, x):
        """What every layer gives, from the input on: [y_0, y_1, ...]."""
        values = [x]
        for layer in self.layers[:-1]:
            values.append(self.f(layer(values[-1])))
        return [*values, self.output(self.layers[-1](values[-1]))]

    def forward(self, x):
        """(..., sizes[-1])."""
        return self.activities(x)[-1]

    def extra_repr(self):
        return f"sizes={self.sizes}"

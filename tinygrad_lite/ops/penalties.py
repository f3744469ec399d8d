"""What training punishes beside the error, where composing it costs too much."""

from __future__ import annotations

import numpy as np

from ..errors import describe
from ..primitive import primitive
from .elementwise import square
from .reduction import sum

__all__ = []  # for `tinygrad_lite.zoo`; not among the names of tinygrad_lite


def _logistic_contraction_twin(h, weight):
    return sum(sum(square(h - square(h)), dim=0) * sum(square(weight), dim=1))


@primitive(promotes="float", twin=_logistic_contraction_twin)
def logistic_contraction(h, weight):
    """Σ_b Σ_i (h_bi (1 - h_bi))² |W_i|², which is Σ |∂h/∂x|² of the code h = logistic(W x + b), ``h`` (batch, code) and ``weight``
    (code, features) (Rifai et al., 2011). Composed it goes five times more over the weights, half as long as the layer itself."""
    if h.ndim != 2 or weight.ndim != 2 or h.shape[1] != len(weight):
        raise ValueError(f"expected a code (batch, code) and a weight (code, features), got {describe(h)} and {describe(weight)}")
    slope = h - h * h
    return (slope * slope).sum(0) @ np.vecdot(weight, weight)


@logistic_contraction.backward
def logistic_contraction_backward(g, h, weight):
    """The gradients towards the code and the weight."""
    slope = h - h * h
    g_weight = (2 * g * (slope * slope).sum(0))[:, None] * weight
    slope *= 1 - 2 * h
    slope *= 2 * g * np.vecdot(weight, weight)
    return slope, g_weight

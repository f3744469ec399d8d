"""Adam."""

from __future__ import annotations

import numpy as np

from ..ops.update import adam_update
from ..record import new_tensor
from .optimizer import Optimizer


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square (Kingma and Ba, 2015).

    betas         how much of each mean is kept at a step, 0 to 1
    eps           added to the root of the second mean
    weight_decay  times the parameter, added to the gradient
    """

    fields = ("mean", "square", "step")

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr)
        if not all(0 <= b < 1 for b in betas) or eps < 0 or weight_decay < 0:
            raise ValueError(
                f"Adam: betas lie in [0, 1), eps and weight_decay are not negative, got {betas}, {eps}, {weight_decay}"
            )
        self.options = dict(betas=tuple(betas), eps=eps, weight_decay=weight_decay)

    def update(self, which, parameters, gradients):
        """One step; each parameter counts its own."""
        for k, p in zip(which, parameters):
            if k not in self.state:
                self.zeros_for(k, p, "mean", "square")["step"] = new_tensor(np.zeros((), np.float64))
        lists = ([self.state[k][name] for k in which] for name in ("mean", "square", "step"))
        adam_update(parameters, gradients, *lists, self._lr, **self.options)

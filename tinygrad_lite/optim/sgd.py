"""Stochastic gradient descent."""

from __future__ import annotations

from ..ops.update import momentum_update, sgd_update
from .optimizer import Optimizer


class SGD(Optimizer):
    """parameter -= lr * velocity, velocity = momentum * velocity + (1 - dampening) * (gradient + weight_decay * parameter).

    The first velocity is the gradient itself; ``nesterov`` looks ahead by momentum * velocity (Sutskever et al., 2013).
    """

    fields = ("velocity",)

    def __init__(self, params, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
        super().__init__(params, lr)
        if momentum < 0 or weight_decay < 0:
            raise ValueError(f"SGD: momentum and weight_decay must not be negative, got {momentum} and {weight_decay}")
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError("SGD: nesterov needs a momentum and no dampening")
        self.options = dict(momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov)

    def update(self, which, parameters, gradients):
        """One step."""
        if not self.options["momentum"]:
            sgd_update(parameters, gradients, self._lr, weight_decay=self.options["weight_decay"])
            return
        first = [k not in self.state for k in which]
        velocities = [self.zeros_for(k, p, "velocity")["velocity"] for k, p in zip(which, parameters)]
        momentum_update(parameters, gradients, velocities, self._lr, first=first, **self.options)

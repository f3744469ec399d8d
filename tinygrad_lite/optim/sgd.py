"""Stochastic gradient descent."""

from __future__ import annotations

from ..ops.update import momentum_update, sgd_update
from .optimizer import Optimizer, not_negative


class SGD(Optimizer):
    """parameter -= lr * velocity, velocity = momentum * velocity + (1 - dampening) * (gradient + weight_decay * parameter).

    The first velocity is the gradient itself; ``nesterov`` looks ahead by momentum * velocity (Sutskever et al., 2013);
    ``maximize`` climbs.
    """

    fields = ("velocity",)

    def __init__(self, params, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, *, maximize=False):
        options = dict(momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov, maximize=maximize)
        super().__init__(params, dict(lr=lr, **options))

    def check(self, options):
        """Raise if options make no sense."""
        not_negative(options, "momentum", "weight_decay")
        if options["nesterov"] and (options["momentum"] == 0 or options["dampening"] != 0):
            raise ValueError("nesterov needs a momentum and no dampening")

    def update(self, group, which, parameters, gradients):
        """One step."""
        if not group["momentum"]:
            sgd_update(parameters, gradients, group.rate, weight_decay=group["weight_decay"], maximize=group["maximize"])
            return
        first = [k not in self.state for k in which]
        (velocities,) = self.states(group, which, parameters, "velocity")
        momentum_update(
            parameters, gradients, velocities, group.rate, first=first, momentum=group["momentum"], dampening=group["dampening"],
            weight_decay=group["weight_decay"], nesterov=group["nesterov"], maximize=group["maximize"],
        )  # fmt: skip

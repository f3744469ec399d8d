"""Rates of their own for each weight: RMSprop, Adagrad, Adadelta."""

from __future__ import annotations

from ..ops.update import adadelta_update, adagrad_update, rmsprop_update
from .optimizer import Optimizer, not_negative


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of the squared gradient (Tieleman and Hinton, 2012).

    alpha     how much of the mean is kept at a step
    eps       added to the root
    momentum  keeps this share of the last step
    centered  divide by the standard deviation: the squared running mean of the gradient is taken off (Graves, 2013)

    The other options are those of `Adam`.
    """

    fields = ("square", "mean", "velocity")

    def __init__(
        self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False, *, maximize=False
    ):  # fmt: skip
        options = dict(weight_decay=weight_decay, momentum=momentum, centered=centered, maximize=maximize)
        super().__init__(params, dict(lr=lr, alpha=alpha, eps=eps, **options))

    def check(self, options):
        """Raise if options make no sense."""
        not_negative(options, "alpha", "eps", "weight_decay", "momentum")

    def needed(self, options):
        """The mean is kept if ``centered``, the velocity with momentum."""
        return "square", *("mean",) * bool(options["centered"]), *("velocity",) * bool(options["momentum"])

    def update(self, group, which, parameters, gradients):
        """One step."""
        names = self.needed(group)
        given = dict(zip(names, self.states(group, which, parameters, *names)))
        options = {name: group[name] for name in ("alpha", "eps", "weight_decay", "momentum", "centered", "maximize")}
        rmsprop_update(parameters, gradients, *(given.get(name, []) for name in self.fields), group.rate, **options)


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients so far (Duchi et al., 2011).

    lr_decay                   the rate of step t is lr / (1 + (t - 1) * lr_decay)
    initial_accumulator_value  the sum before the first step
    eps                        added to the root

    The other options are those of `Adam`.
    """

    fields = ("sum", "step")

    def __init__(
        self, params, lr=1e-2, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10, *, maximize=False
    ):  # fmt: skip
        options = dict(initial_accumulator_value=initial_accumulator_value, eps=eps, maximize=maximize)
        super().__init__(params, dict(lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, **options))

    def check(self, options):
        """Raise if options make no sense."""
        not_negative(options, "lr_decay", "weight_decay", "initial_accumulator_value", "eps")

    def start(self, group, name):
        """The sum before the first step."""
        return group["initial_accumulator_value"] if name == "sum" else 0

    def update(self, group, which, parameters, gradients):
        """One step."""
        options = {name: group[name] for name in ("lr_decay", "weight_decay", "eps", "maximize")}
        adagrad_update(parameters, gradients, *self.states(group, which, parameters, *self.fields), group.rate, **options)


class Adadelta(Optimizer):
    """Steps as large as the root of a running mean of the squared steps, over that of the squared gradients (Zeiler, 2012).

    rho  how much of the means is kept at a step
    eps  added to the means

    The other options are those of `Adam`.
    """

    fields = ("square", "change")

    def __init__(self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0, *, maximize=False):
        super().__init__(params, dict(lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize))

    def check(self, options):
        """Raise if options make no sense."""
        if not 0 <= options["rho"] <= 1:
            raise ValueError(f"rho lies in [0, 1], got {options['rho']}")
        not_negative(options, "eps", "weight_decay")

    def update(self, group, which, parameters, gradients):
        """One step."""
        options = {name: group[name] for name in ("rho", "eps", "weight_decay", "maximize")}
        adadelta_update(parameters, gradients, *self.states(group, which, parameters, *self.fields), group.rate, **options)

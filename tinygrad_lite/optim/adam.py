"""Adam and its relatives: steps scaled by running means of the gradient and of its square."""

from __future__ import annotations

from ..ops.update import adam_update, amsgrad_update, nadam_update
from .optimizer import Optimizer, check_betas, not_negative


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square (Kingma and Ba, 2015).

    lr            the rate, a factor of the step
    betas         how much of each mean is kept at a step, 0 to 1
    eps           added to the root of the second mean
    weight_decay  times the parameter, added to the gradient; or, ``decoupled_weight_decay``, times lr taken off the parameter
    amsgrad       divide by the root of the largest second mean so far (Reddi et al., 2018)
    maximize      climb
    """

    fields = ("mean", "square", "step", "largest")

    def __init__(
        self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, *, maximize=False,
        decoupled_weight_decay=False,
    ):  # fmt: skip
        options = dict(amsgrad=amsgrad, maximize=maximize, decoupled_weight_decay=decoupled_weight_decay)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, **options))

    def check(self, options):
        """Raise if options make no sense."""
        check_betas(options)
        not_negative(options, "eps", "weight_decay")

    def needed(self, options):
        """The largest second mean is kept with ``amsgrad`` only."""
        return self.fields if options["amsgrad"] else self.fields[:3]

    def update(self, group, which, parameters, gradients):
        """One step; each parameter counts its own."""
        amsgrad = group["amsgrad"]
        lists = self.states(group, which, parameters, *(self.fields if amsgrad else self.fields[:3]))
        (amsgrad_update if amsgrad else adam_update)(
            parameters, gradients, *lists, group.rate, betas=group["betas"], eps=group["eps"], weight_decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"], maximize=group["maximize"],
        )  # fmt: skip


class AdamW(Adam):
    """`Adam` whose weight decay is decoupled: parameter -= lr * weight_decay * parameter, beside the step (Loshchilov and Hutter,
    2019)."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, amsgrad=False, *, maximize=False):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)


class NAdam(Optimizer):
    """Adam with Nesterov's momentum, whose share grows with the step (Dozat, 2016).

    momentum_decay  how fast it grows: at step t the momentum is betas[0] * (1 - 0.96**(t * momentum_decay) / 2)

    The other options are those of `Adam`.
    """

    fields = ("mean", "square", "step", "product")
    numbers = ("step", "product")

    def __init__(
        self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, momentum_decay=4e-3, decoupled_weight_decay=False, *,
        maximize=False,
    ):  # fmt: skip
        options = dict(momentum_decay=momentum_decay, decoupled_weight_decay=decoupled_weight_decay, maximize=maximize)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, **options))

    def check(self, options):
        """Raise if options make no sense."""
        check_betas(options)
        not_negative(options, "eps", "weight_decay", "momentum_decay")

    def start(self, group, name):
        """The product of the momenta so far starts from 1."""
        return float(name == "product")

    def update(self, group, which, parameters, gradients):
        """One step."""
        nadam_update(
            parameters, gradients, *self.states(group, which, parameters, *self.fields), group.rate, betas=group["betas"],
            eps=group["eps"], weight_decay=group["weight_decay"], momentum_decay=group["momentum_decay"],
            decoupled=group["decoupled_weight_decay"], maximize=group["maximize"],
        )  # fmt: skip

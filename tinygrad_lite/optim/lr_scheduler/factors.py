"""Schedulers that multiply the rate by a number at some epochs."""

from __future__ import annotations

from .scheduler import LRScheduler, for_each_group


class LambdaLR(LRScheduler):
    """The first rate times ``lr_lambda(epoch)``; one function for all groups, or a list of one for each. They are not saved."""

    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        self.lr_lambdas = tuple(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else lr_lambda
        for function in self.lr_lambdas if isinstance(self.lr_lambdas, tuple) else (lr_lambda,):
            if not callable(function):
                raise TypeError(f"LambdaLR: lr_lambda is a function of the epoch, or a list of them, got {function!r}")
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        """initial_lr * lr_lambda(epoch)."""
        functions = for_each_group(self, "lr_lambda", self.lr_lambdas)
        return [base * function(self.last_epoch) for base, function in zip(self.base_lrs, functions)]


class _Factors(LRScheduler):
    """A scheduler given by the ratio of the rate of an epoch to that of the epoch before."""

    def get_lr(self):
        """lr * ratio."""
        ratio = self.ratio(self.last_epoch)
        return [group["lr"] * ratio for group in self.optimizer.param_groups]


class _Moves(_Factors):
    """One that changes the rate at every epoch: made to go on from an epoch, it takes the rates that there are as that epoch's."""

    def get_lr(self):
        """lr * ratio."""
        goes_on = not self._last_lr and self.last_epoch > 0
        return [group["lr"] for group in self.optimizer.param_groups] if goes_on else super().get_lr()


class StepLR(_Factors):
    """lr *= gamma every ``step_size`` epochs."""

    def __init__(self, optimizer, step_size, gamma=0.1, last_epoch=-1):
        if step_size < 1:
            raise ValueError(f"StepLR: step_size is at least 1, got {step_size}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def ratio(self, epoch):
        """gamma at the end of a step."""
        return self.gamma if epoch > 0 and epoch % self.step_size == 0 else 1.0


class MultiStepLR(_Factors):
    """lr *= gamma at each of the ``milestones``, once for each time that an epoch stands there."""

    def __init__(self, optimizer, milestones, gamma=0.1, last_epoch=-1):
        if isinstance(milestones, (int, float)):
            raise TypeError(f"MultiStepLR: milestones is a list of epochs, got {milestones}")
        self.milestones, self.gamma = list(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def ratio(self, epoch):
        """gamma at a milestone."""
        return self.gamma ** self.milestones.count(epoch)


class ExponentialLR(_Moves):
    """lr *= gamma at each epoch."""

    def __init__(self, optimizer, gamma, last_epoch=-1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def ratio(self, epoch):
        """gamma, but at the beginning."""
        return self.gamma if epoch > 0 else 1.0


class ConstantLR(_Factors):
    """The rate times ``factor`` until epoch ``total_iters``."""

    def __init__(self, optimizer, factor=1 / 3, total_iters=5, last_epoch=-1):
        if not 0 < factor <= 1:
            raise ValueError(f"ConstantLR: factor lies in (0, 1], got {factor}")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def ratio(self, epoch):
        """factor at the beginning, 1 / factor at the end."""
        return self.factor if epoch == 0 else 1 / self.factor if epoch == self.total_iters else 1.0


class LinearLR(_Moves):
    """The rate times a factor that moves on a line from ``start_factor`` to ``end_factor``, which it has from epoch
    ``total_iters`` on."""

    def __init__(self, optimizer, start_factor=1 / 3, end_factor=1.0, total_iters=5, last_epoch=-1):
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ValueError(f"LinearLR: start_factor lies in (0, 1], end_factor in [0, 1], got {start_factor} and {end_factor}")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def ratio(self, epoch):
        """factor(epoch) / factor(epoch - 1)."""
        if epoch == 0:
            return self.start_factor
        return self._factor(epoch) / self._factor(epoch - 1) if epoch <= self.total_iters else 1.0

    def _factor(self, epoch):
        return self.start_factor + (self.end_factor - self.start_factor) * epoch / self.total_iters


class PolynomialLR(_Moves):
    """The rate times (1 - epoch / total_iters) ** power, 0 from epoch ``total_iters`` on."""

    def __init__(self, optimizer, total_iters=5, power=1.0, last_epoch=-1):
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def ratio(self, epoch):
        """What is left of the epochs, by what was left before, to the power."""
        return ((self.total_iters - epoch) / (self.total_iters - epoch + 1)) ** self.power if 0 < epoch <= self.total_iters else 1.0

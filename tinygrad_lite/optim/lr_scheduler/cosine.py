"""Rates that fall along half a cosine (Loshchilov and Hutter, 2017)."""

from __future__ import annotations

import math

from .scheduler import LRScheduler


def falling(share):
    """Half a cosine from 1 at 0 to 0 at 1."""
    return (1 + math.cos(math.pi * share)) / 2


class CosineAnnealingLR(LRScheduler):
    """eta_min + (initial_lr - eta_min) * (1 + cos(pi epoch / T_max)) / 2: down to ``eta_min`` in ``T_max`` epochs, and up again.
    Each rate comes from the one before, so that other schedulers may change it too."""

    def __init__(self, optimizer, T_max, eta_min=0.0, last_epoch=-1):
        if not T_max > 0:
            raise ValueError(f"CosineAnnealingLR: T_max is more than 0, got {T_max}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        """eta_min + (lr - eta_min) * cosine(epoch) / cosine(epoch - 1)."""
        epoch, low, groups = self.last_epoch, self.eta_min, self.optimizer.param_groups
        if epoch == 0 or not self._last_lr:  # begins, or goes on from an epoch whose rates are there
            return [group["lr"] for group in groups]
        now = falling(epoch / self.T_max)
        if (epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # up from the lowest rate, which tells nothing of the first
            return [group["lr"] + (base - low) * now for group, base in zip(groups, self.base_lrs)]
        ratio = now / falling((epoch - 1) / self.T_max)
        return [low + (group["lr"] - low) * ratio for group in groups]


class CosineAnnealingWarmRestarts(LRScheduler):
    """eta_min + (initial_lr - eta_min) * (1 + cos(pi T_cur / T_i)) / 2, where T_cur counts the epochs since the last restart and
    T_i are those between two: ``T_0`` at first, ``T_mult`` times more each time. ``step`` takes epochs with fractions too."""

    def __init__(self, optimizer, T_0, T_mult=1, eta_min=0.0, last_epoch=-1):
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if value < 1 or not isinstance(value, int):
                raise ValueError(f"CosineAnnealingWarmRestarts: {name} is an integer of at least 1, got {value}")
        self.T_0, self.T_mult, self.eta_min, self.T_i, self.T_cur = T_0, T_mult, eta_min, T_0, -1
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        """The rate at T_cur."""
        return [self.eta_min + (base - self.eta_min) * falling(self.T_cur / self.T_i) for base in self.base_lrs]

    def step(self, epoch=None):
        """Go to ``epoch``, such as ``number + batch / batches``; without it to the next one."""
        if epoch is None and self.T_cur >= 0 and self.last_epoch >= 0:
            epoch, self.T_cur = self.last_epoch + 1, self.T_cur + 1
            if self.T_cur >= self.T_i:
                self.T_cur, self.T_i = self.T_cur - self.T_i, self.T_i * self.T_mult
        else:
            epoch = self.last_epoch + 1 if epoch is None else epoch
            if epoch < 0:
                raise ValueError(f"CosineAnnealingWarmRestarts: epoch must not be negative, got {epoch}")
            self.T_cur, self.T_i = (epoch % self.T_0 if self.T_mult == 1 else epoch), self.T_0
            while self.T_cur >= self.T_i:
                self.T_cur, self.T_i = self.T_cur - self.T_i, self.T_i * self.T_mult
        self.last_epoch = math.floor(epoch)
        self.set_rates(self.get_lr())

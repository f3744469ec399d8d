"""A rate that falls when a metric no longer gets better."""

from __future__ import annotations

from .scheduler import LRScheduler, checked, for_each_group


class ReduceLROnPlateau(LRScheduler):
    """lr *= factor when the metric was not better for more than ``patience`` epochs.

    mode            "min": smaller is better; "max": larger
    threshold       better is by more than this share of the best value; with ``threshold_mode`` "abs", not "rel", by more than this
    cooldown        epochs after a change in which none counts as bad
    min_lr          no rate gets smaller; a list has one for each group
    eps             a change of the rate that is not larger is left out
    """

    def __init__(
        self, optimizer, mode="min", factor=0.1, patience=10, threshold=1e-4, threshold_mode="rel", cooldown=0, min_lr=0.0, eps=1e-8
    ):  # fmt: skip
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: factor is smaller than 1, got {factor}")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"ReduceLROnPlateau: mode is 'min' or 'max', threshold_mode 'rel' or 'abs', got {mode!r} and {threshold_mode!r}"
            )
        self.optimizer = checked(self, optimizer)
        self.mode, self.factor, self.patience, self.cooldown, self.eps = mode, factor, patience, cooldown, eps
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.min_lrs = for_each_group(self, "min_lr", min_lr)
        self.best = float("inf" if mode == "min" else "-inf")
        self.last_epoch = self.num_bad_epochs = self.cooldown_counter = 0
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

    def is_better(self, value):
        """Whether ``value`` is better than the best so far."""
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            return sign * value > sign * self.best * (1 + sign * self.threshold)
        return sign * value > sign * self.best + self.threshold

    def step(self, metrics):
        """Tell the metric of an epoch, a number or a Tensor of one."""
        self.last_epoch += 1
        value = float(metrics)
        if self.is_better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _reduce(self):
        for group, least in zip(self.optimizer.param_groups, self.min_lrs):
            rate = max(group["lr"] * self.factor, least)
            if group["lr"] - rate > self.eps:
                group["lr"] = rate

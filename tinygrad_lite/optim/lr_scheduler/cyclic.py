"""Rates that rise and fall, with a momentum that falls and rises (Smith, 2017; Smith and Topin, 2019)."""

from __future__ import annotations

import math

from .cosine import falling
from .scheduler import LRScheduler, checked, for_each_group


class _WithMomentum(LRScheduler):
    """A scheduler of the rate and, if ``cycle_momentum``, of the momentum: "momentum" of a group, or the first of its "betas"."""

    def check_momentum(self):
        """Raise if the optimiser has no momentum."""
        if self.cycle_momentum and not {"momentum", "betas"} & set(self.optimizer.defaults):
            name = type(self.optimizer).__name__
            raise ValueError(f"{type(self).__name__}: {name} has no momentum and no betas; give cycle_momentum=False")

    def step(self):
        """Go to the next epoch."""
        super().step()
        if self.cycle_momentum:
            for group, momentum in zip(self.optimizer.param_groups, self.get_momentum()):
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum


class CyclicLR(_WithMomentum):
    """The rate goes up and down between ``base_lr`` and ``max_lr`` on a triangle (Smith, 2017), the momentum the other way between
    ``max_momentum`` and ``base_momentum``. Both may be lists, of one for each group.

    step_size_up, step_size_down  the epochs up, and down (None: as many)
    mode        "triangular"; "triangular2": each cycle is half as high; "exp_range": gamma ** epoch as high
    scale_fn    the height as a function, in place of ``mode``: of the number of the cycle, from 1, or of the epoch if
                ``scale_mode`` is "iterations" and not "cycle". It is not saved
    """

    def __init__(
        self, optimizer, base_lr, max_lr, step_size_up=2000, step_size_down=None, mode="triangular", gamma=1.0, scale_fn=None,
        scale_mode="cycle", cycle_momentum=True, base_momentum=0.8, max_momentum=0.9, last_epoch=-1,
    ):  # fmt: skip
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(f"CyclicLR: mode is 'triangular', 'triangular2' or 'exp_range', got {mode!r}")
        if scale_mode not in ("cycle", "iterations"):
            raise ValueError(f"CyclicLR: scale_mode is 'cycle' or 'iterations', got {scale_mode!r}")
        self.optimizer, self.cycle_momentum = checked(self, optimizer), cycle_momentum
        self.check_momentum()
        self.mode, self.gamma, self.scale_fn = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        self.total_size = float(step_size_up + (step_size_up if step_size_down is None else step_size_down))
        self.share_up = step_size_up / self.total_size
        self.low_lrs, self.max_lrs = for_each_group(self, "base_lr", base_lr), for_each_group(self, "max_lr", max_lr)
        self.base_momentums = for_each_group(self, "base_momentum", base_momentum)
        self.max_momentums = for_each_group(self, "max_momentum", max_momentum)
        if last_epoch == -1:
            self.set_rates(self.low_lrs)
        super().__init__(optimizer, last_epoch)

    def _height(self):
        """Where on the triangle the epoch stands, 0 below and 1 above, times the scale."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        share = 1 + self.last_epoch / self.total_size - cycle
        height = share / self.share_up if share <= self.share_up else (1 - share) / (1 - self.share_up)
        return height * self._scale(cycle if self.scale_mode == "cycle" else self.last_epoch)

    def _scale(self, number):
        if self.scale_fn is not None:
            return self.scale_fn(number)
        if self.mode == "triangular2":
            return 0.5 ** (number - 1)
        return self.gamma**number if self.mode == "exp_range" else 1.0

    def get_lr(self):
        """base_lr + (max_lr - base_lr) * height."""
        height = self._height()
        return [low + (high - low) * height for low, high in zip(self.low_lrs, self.max_lrs)]

    def get_momentum(self):
        """max_momentum - (max_momentum - base_momentum) * height."""
        height = self._height()
        return [high - (high - low) * height for low, high in zip(self.base_momentums, self.max_momentums)]


class OneCycleLR(_WithMomentum):
    """One cycle over all of the training (Smith and Topin, 2019): the rate goes from max_lr / div_factor up to ``max_lr`` in the
    share ``pct_start`` of the steps, then down to the first rate / final_div_factor; the momentum goes from ``max_momentum`` to
    ``base_momentum`` and back.

    total_steps      the steps of the training, or ``epochs`` and ``steps_per_epoch``
    anneal_strategy  "cos" goes along half a cosine, "linear" on a line
    three_phase      as long down to the first rate as up, and from there to the last rate

    ``max_lr``, ``base_momentum`` and ``max_momentum`` may be lists, of one for each group.
    """

    def __init__(
        self, optimizer, max_lr, total_steps=None, epochs=None, steps_per_epoch=None, pct_start=0.3, anneal_strategy="cos",
        cycle_momentum=True, base_momentum=0.85, max_momentum=0.95, div_factor=25.0, final_div_factor=1e4, three_phase=False,
        last_epoch=-1,
    ):  # fmt: skip
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise ValueError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
        total_steps = epochs * steps_per_epoch if total_steps is None else total_steps
        if total_steps < 1 or int(total_steps) != total_steps:
            raise ValueError(f"OneCycleLR: the number of steps is an integer of at least 1, got {total_steps}")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start is a share, 0 to 1, got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy is 'cos' or 'linear', got {anneal_strategy!r}")
        self.optimizer, self.cycle_momentum = checked(self, optimizer), cycle_momentum
        self.check_momentum()
        self.total_steps, self.anneal_strategy = int(total_steps), anneal_strategy
        self.max_lrs = for_each_group(self, "max_lr", max_lr)
        self.first_lrs = [rate / div_factor for rate in self.max_lrs]
        self.final_lrs = [rate / final_div_factor for rate in self.first_lrs]
        self.base_momentums = for_each_group(self, "base_momentum", base_momentum)
        self.max_momentums = for_each_group(self, "max_momentum", max_momentum)
        up = float(pct_start * self.total_steps) - 1
        self.turns = [up, 2 * up, self.total_steps - 1.0] if three_phase else [up, self.total_steps - 1.0]
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, self.first_lrs):
                group["initial_lr"] = rate
        super().__init__(optimizer, last_epoch)

    def _along(self, corners):
        """The value of each group, whose ``corners`` are those at the beginning and at each of the turns."""
        begin = 0.0
        for phase, end in enumerate(self.turns):
            if self.last_epoch <= end or phase == len(self.turns) - 1:
                break
            begin = end
        share = (self.last_epoch - begin) / (end - begin) if end != begin else 1.0
        left = falling(share) if self.anneal_strategy == "cos" else 1 - share
        return [there + (here - there) * left for here, there in zip(corners[phase], corners[phase + 1])]

    def get_lr(self):
        """The rate on the way from one turn to the next."""
        if self.last_epoch > self.total_steps:
            raise ValueError(f"OneCycleLR: step {self.last_epoch} of {self.total_steps}: the cycle is over, give more total_steps")
        return self._along([self.first_lrs, self.max_lrs, *([self.first_lrs] * (len(self.turns) - 2)), self.final_lrs])

    def get_momentum(self):
        """The momentum on the same way."""
        return self._along([self.max_momentums, self.base_momentums, *([self.max_momentums] * (len(self.turns) - 1))])

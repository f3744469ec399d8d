"""Schedulers one after the other."""

from __future__ import annotations

from bisect import bisect_right

from .plateau import ReduceLROnPlateau
from .scheduler import LRScheduler, checked


class SequentialLR(LRScheduler):
    """The first of ``schedulers`` until the first of the ``milestones``, then the next one, each from its own epoch 0 and from the
    rates of the beginning."""

    def __init__(self, optimizer, schedulers, milestones, last_epoch=-1):
        self.optimizer = checked(self, optimizer)
        self.schedulers, self.milestones = tuple(schedulers), list(milestones)
        if not self.schedulers or len(self.milestones) != len(self.schedulers) - 1:
            raise ValueError(
                f"SequentialLR: between {len(self.schedulers)} schedulers stand {len(self.schedulers) - 1} milestones, "
                f"got {len(self.milestones)}; at least one scheduler is needed"
            )
        for k, scheduler in enumerate(self.schedulers):
            if isinstance(scheduler, ReduceLROnPlateau) or not isinstance(scheduler, LRScheduler):
                raise TypeError(f"SequentialLR: scheduler {k} is a {type(scheduler).__name__}, which does not step by epochs alone")
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"SequentialLR: scheduler {k} has another optimiser")
        self.last_epoch = last_epoch + 1
        self.set_rates([group["initial_lr"] for group in optimizer.param_groups])
        self.schedulers[0].begin()
        self._last_lr = self.schedulers[0].get_last_lr()

    def step(self):
        """Go to the next epoch, of the scheduler whose turn it is."""
        self.last_epoch += 1
        k = bisect_right(self.milestones, self.last_epoch)
        scheduler = self.schedulers[k]
        if k and self.milestones[k - 1] == self.last_epoch:
            scheduler.begin_anew()
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()

    def begin(self):
        """Go to epoch 0, from the rates that there are."""
        self.last_epoch = 0
        self.schedulers[0].begin()
        self._last_lr = self.schedulers[0].get_last_lr()

    def begin_anew(self):
        """Go to epoch 0, from the rates of the beginning."""
        self.last_epoch = 0
        self.schedulers[0].begin_anew()
        self._last_lr = self.schedulers[0].get_last_lr()

    def state_dict(self):
        """As of any scheduler, and "schedulers": the states of those it holds."""
        return {**super().state_dict(), "schedulers": [scheduler.state_dict() for scheduler in self.schedulers]}

    def problems(self, state):
        """What is wrong with a state that was saved, here or in its parts."""
        parts = state.get("schedulers", [])
        found = super().problems({name: value for name, value in state.items() if name != "schedulers"})
        if len(parts) != len(self.schedulers):
            return [*found, f"schedulers has {len(parts)} states, expected {len(self.schedulers)}"]
        return found + [f"schedulers {k}: {what}" for k, s in enumerate(self.schedulers) for what in s.problems(parts[k])]

    def take(self, state):
        """Take a state that has no problems."""
        for scheduler, part in zip(self.schedulers, state["schedulers"]):
            scheduler.take(part)
        super().take({name: value for name, value in state.items() if name != "schedulers"})

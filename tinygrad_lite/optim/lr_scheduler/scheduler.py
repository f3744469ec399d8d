"""What all schedulers share: the count of epochs, the rates they begin from, their state."""

from __future__ import annotations

from ..optimizer import Optimizer

_NUMBER, _PLAIN = (int, float), (int, float, str)  # a truth value is a number too


class LRScheduler:
    """Base of the schedulers. "Epoch" is the number of calls of ``step``: of epochs or batches, as the caller likes.

    optimizer   whose rates change
    last_epoch  the epoch to go on from; -1 begins. To go on, the optimiser's state is loaded before: each group remembers the
                rate that it began with as "initial_lr"

    A state that was saved, of optimiser and scheduler, is loaded after both are made.
    """

    def __init__(self, optimizer, last_epoch=-1):
        self.optimizer = checked(self, optimizer)
        for k, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ValueError(
                    f"{type(self).__name__}: group {k} has no initial_lr to go on from at last_epoch={last_epoch}: "
                    "load the optimiser's state first, or begin with last_epoch=-1"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch, self._last_lr = last_epoch, []
        self.step()

    def get_lr(self):
        """The rate of each group at ``last_epoch``, from those before it; written by each scheduler."""
        raise TypeError(f"{type(self).__name__} has no get_lr: define get_lr(self)")

    def get_last_lr(self):
        """The rates that the last step set."""
        return self._last_lr

    def step(self):
        """Go to the next epoch."""
        self.last_epoch += 1
        self.set_rates(self.get_lr())

    def set_rates(self, rates):
        """Set the rate of each group."""
        for group, rate in zip(self.optimizer.param_groups, rates):
            group["lr"] = rate
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def begin(self):
        """Go to epoch 0, from the rates that there are."""
        self.last_epoch = -1
        self.step()

    def begin_anew(self):
        """Go to epoch 0, from the rates of the beginning."""
        self.set_rates(self.base_lrs)
        self.begin()

    # -- saving --

    def state_dict(self):
        """Plain numbers: all that another scheduler of the same groups needs to go on, but functions that it was given."""
        return {name: list(value) if isinstance(value, list) else value for name, value in vars(self).items() if _is_plain(value)}

    def load_state_dict(self, state):
        """Take what `state_dict` gave, unless something is wrong with it. The rates themselves are in the optimiser's state."""
        problems = self.problems(state)
        if problems:
            raise ValueError(f"load_state_dict of {type(self).__name__}: {'; '.join(problems)}. Nothing was loaded")
        self.take(state)

    def take(self, state):
        """Take a state that has no problems."""
        vars(self).update({name: list(value) if isinstance(value, list) else value for name, value in state.items()})

    def problems(self, state):
        """What is wrong with a state that was saved, as texts."""
        own, groups, problems = LRScheduler.state_dict(self), len(self.optimizer.param_groups), []
        for name in [*own, *(n for n in state if n not in own)]:
            if name not in own:
                problems.append(f"{name} is not known")
            elif name not in state:
                problems.append(f"{name} is missing")
            elif _kind(state[name]) != _kind(own[name]):
                problems.append(f"{name} is {state[name]!r}, expected {_kind(own[name])}")
            elif name in ("base_lrs", "_last_lr") and len(state[name]) != groups:
                problems.append(f"{name} has {len(state[name])} rates, the optimiser {groups} groups")
        return problems

    def __repr__(self):
        return f"{type(self).__name__}(epoch {self.last_epoch}, lr={', '.join(f'{rate:g}' for rate in self._last_lr)})"


def checked(scheduler, optimizer):
    """``optimizer``, if it is one."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(scheduler).__name__}: expected an optimiser, got {type(optimizer).__name__}")
    return optimizer


def _is_plain(value):
    return isinstance(value, _PLAIN) or (isinstance(value, list) and all(isinstance(v, _NUMBER) for v in value))


def _kind(value):
    if isinstance(value, list) and _is_plain(value):
        return "a list of numbers"
    return "a number" if isinstance(value, _NUMBER) else "a text" if isinstance(value, str) else "something else"


def for_each_group(scheduler, name, value):
    """The argument ``value`` for each group: itself for all, or a list of one for each."""
    count = len(scheduler.optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"{type(scheduler).__name__}: {name} has {len(value)} values, the optimiser {count} groups")
    return list(value)

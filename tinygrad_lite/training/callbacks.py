"""What may be told of the events of a run, and stop it."""

from __future__ import annotations

import math

EVENTS = ("on_start", "on_epoch_start", "on_step_end", "on_epoch_end", "on_end")


class Callback:
    """The events of `fit`. An object need not be a Callback: those of these methods that it has are called with the `Run`.

    What must outlive a stopped process is given by ``state_dict()``, name -> array or anything that JSON keeps, and taken by
    ``load_state_dict(state)``, which is called before ``on_start``.
    """

    def on_start(self, run):
        """Before the first epoch, or before a resumed run goes on (``run.step`` > 0)."""

    def on_epoch_start(self, run):
        """Before the first batch of an epoch; also where a resumed run goes on in the middle of one (``run.batch`` > 0)."""

    def on_step_end(self, run):
        """After an update; ``run.loss`` is the loss of its batch."""

    def on_epoch_end(self, run):
        """After an epoch was evaluated and stands in ``run.history``."""

    def on_end(self, run):
        """After the last epoch, or after the one that a callback stopped."""


class EarlyStopping(Callback):
    """Stop when a value of the history has not become better for some epochs (Prechelt, 1998).

    patience      epochs without a better value after which the run stops
    min_delta     a value counts as better if it is so by more than this
    monitor       its name; without one "held_out_loss", or "loss" where nothing is held out
    mode          "min" if less is better, "max" if more is
    restore_best  at the end of the run the model gets the weights of the best epoch
    """

    def __init__(self, patience=10, min_delta=0.0, monitor=None, mode="min", restore_best=True):
        if patience < 1 or min_delta < 0 or mode not in ("min", "max"):
            raise ValueError(
                f"EarlyStopping: patience must be 1 or more, min_delta not negative, mode 'min' or 'max', "
                f"got {patience}, {min_delta}, {mode!r}"
            )
        self.patience, self.min_delta, self.monitor, self.mode, self.restore_best = patience, min_delta, monitor, mode, restore_best
        self._forget()

    def _forget(self):
        self.best, self.best_epoch, self.weights = math.inf if self.mode == "min" else -math.inf, 0, {}

    def on_start(self, run):
        """Forget what another run left."""
        if not run.step:
            self._forget()

    def on_epoch_end(self, run):
        """Compare the value of this epoch with the best one."""
        name = self.monitor or ("held_out_loss" if "held_out_loss" in run.history else "loss")
        if name not in run.history:
            raise ValueError(f"EarlyStopping: {name!r} is not in the history ({', '.join(run.history)})")
        value = run.history[name][-1]
        if value < self.best - self.min_delta if self.mode == "min" else value > self.best + self.min_delta:
            self.best, self.best_epoch = value, run.epoch
            if self.restore_best:
                self.weights = {name: array.copy() for name, array in run.model.state_dict().items()}
        elif run.epoch - self.best_epoch >= self.patience:
            run.stop(f"{name} has not become better than {self.best:.6g} of epoch {self.best_epoch}")

    def on_end(self, run):
        """Give the model its best weights."""
        if self.weights:
            run.model.load_state_dict(self.weights)

    def state_dict(self):
        """The best value, its epoch, its weights."""
        weights = {f"weights.{name}": array for name, array in self.weights.items()}
        return {"best": self.best, "best_epoch": self.best_epoch, **weights}

    def load_state_dict(self, state):
        """What `state_dict` gave."""
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.weights = {name.removeprefix("weights."): a for name, a in state.items() if name.startswith("weights.")}

"""All that a run needs to go on, in one file."""

from __future__ import annotations

import glob
import json
import operator
from pathlib import Path

import numpy as np

from ..io.files import read, save
from .callbacks import Callback
from .evaluation import Means

FORMAT = "tinygrad_lite checkpoint 1"


class Checkpoint(Callback):
    """Keep the run in the file ``path`` (``.safetensors`` or ``.npz``); where it exists, `fit` goes on from it.

    every_epochs  save after so many epochs, and always after the last
    every_steps   save after so many steps too, within an epoch

    The file is replaced whole: whenever the process is killed, it holds the last save. It has the parameters and buffers, the
    state of the optimiser, of the schedule, of the generator, of the loaders and of the callbacks, the history, the epoch and the
    step, so a resumed run ends with the same numbers as one that was never stopped (except "seconds"). What a callback has stopped
    stays stopped; what came to its last epoch goes on when more ``epochs`` are asked for.

    A `DataLoader` leaves out the batches that were done; another loader is looped again from the start of the epoch, and must give
    the same batches from the same state of the generator.
    """

    def __init__(self, path, every_epochs=1, every_steps=None):
        if every_epochs < 1 or (every_steps is not None and every_steps < 1):
            raise ValueError(f"Checkpoint: every_epochs and every_steps must be 1 or more, got {every_epochs} and {every_steps}")
        self.path, self.every_epochs, self.every_steps = Path(path), every_epochs, every_steps

    def on_start(self, run):
        """Save where a new run starts from."""
        if not self.path.exists():
            self.save(run)

    def on_step_end(self, run):
        """Save if it is time."""
        if run.stopped or (self.every_steps and run.step % self.every_steps == 0):
            self.save(run)

    def on_epoch_end(self, run):
        """Save if it is time."""
        if run.stopped or run.epoch == run.epochs or run.epoch % self.every_epochs == 0:
            self.save(run)

    def save(self, run):
        """Write the file."""
        arrays, plain = {}, {}
        for part, state in {"model": run.model.state_dict(), "optimizer": run.optimizer.state_dict(), **_callbacks(run)}.items():
            for name, value in state.items():
                if isinstance(value, np.ndarray):
                    arrays[f"{part}/{name}"] = value
                else:
                    plain[f"{part}/{name}"] = value
        state = {
            "step": run.step, "batch": run.batch, "batches": len(run.loader), "stopped": run.stopped, "seconds": run.seconds(),
            "callbacks": list(_callbacks(run)),
            "means": [run.means.totals, run.means.count], "history": run.history, "orders": run.orders(),
            "at_epoch": run.at_epoch, "held_out": state_of(run.held_out), "schedule": state_of(run.schedule), "plain": plain,
        }  # fmt: skip
        save(arrays, self.path, {"format": FORMAT, "run": json.dumps(state, default=lambda v: v.tolist())})

    def resume(self, run):
        """Bring ``run`` to where the file stands, if there is one."""
        for left in self.path.parent.glob(f".{glob.escape(self.path.name)}.*"):  # by a process that was killed while it saved
            left.unlink(missing_ok=True)
        if not self.path.exists():
            return
        arrays, metadata = read(self.path)
        if metadata.get("format") != FORMAT:
            raise ValueError(f"fit: {self.path} is no checkpoint of fit ({FORMAT!r}, got {metadata.get('format')!r})")
        try:
            self._restore(run, arrays, json.loads(metadata["run"]))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            what = f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else error
            raise ValueError(f"fit: the checkpoint {self.path} does not fit this run: {what}") from error

    def _restore(self, run, arrays, state):
        if state["batches"] != len(run.loader):
            raise ValueError(f"it was made with {state['batches']} batches an epoch, the loader gives {len(run.loader)}")
        if state["callbacks"] != list(_callbacks(run)):
            raise ValueError(f"it has states of {state['callbacks']}, this run of {list(_callbacks(run))}")
        parts = {part: {} for part in ("model", "optimizer", *state["callbacks"])}
        for name, value in (arrays | state["plain"]).items():
            part, _, name = name.partition("/")
            parts[part][name] = value
        run.model.load_state_dict(parts.pop("model"))
        run.optimizer.load_state_dict(parts.pop("optimizer"))
        for part, found in parts.items():
            run.callbacks[int(part.split()[1])].load_state_dict(found)
        stateful = {"loader": run.loader, "held_out": run.held_out, "schedule": run.schedule}
        for (what, owner), found in zip(stateful.items(), (state["orders"][1], state["held_out"], state["schedule"])):
            if (found is None) != (state_of(owner) is None):
                raise ValueError(f"{what} has {'a' if found is None else 'no'} state now, in the file it is the other way round")
            if found is not None and owner is not run.loader:
                owner.load_state_dict(found)
        run.step, run.batch, run.stopped = operator.index(state["step"]), operator.index(state["batch"]), state["stopped"]
        run.means, run.at_epoch = Means(*state["means"]), state["at_epoch"]
        run.history.update((name, [float(v) for v in values]) for name, values in state["history"].items())
        run.epoch = len(run.history.get("loss", ()))
        run.began -= float(state["seconds"])
        run.set_orders(state["orders"])


def state_of(owner):
    """The state of what has one, else None."""
    return owner.state_dict() if hasattr(owner, "state_dict") else None


def _callbacks(run):
    """The states of the callbacks that have one, each under a name that tells its place."""
    return {f"callback {k} {type(c).__name__}": c.state_dict() for k, c in enumerate(run.callbacks) if hasattr(c, "state_dict")}

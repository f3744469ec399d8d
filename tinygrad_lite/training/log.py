"""A log that other programs read: one line of JSON for each epoch."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

from .callbacks import Callback


class Log(Callback):
    """Append a line of JSON to the file ``path`` after each epoch, and every so many steps if asked: ``{"epoch": 3, "step": 36,
    "loss": 0.21, ...}``. NaN and infinities become null.

    Each line is written at once, so the file is valid whenever the process ends. A run that is resumed from a checkpoint first
    drops the lines written after it, so that none stands twice.
    """

    def __init__(self, path, every_steps=None):
        if every_steps is not None and every_steps < 1:
            raise ValueError(f"Log: every_steps must be 1 or more, got {every_steps}")
        self.path, self.every_steps, self.length = Path(path), every_steps, None

    def on_start(self, run):
        """Cut the file where the run goes on."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a+b") as file:
            if self.length is None or self.length > file.tell():
                file.seek(0)
                self.length = file.read().rfind(b"\n") + 1  # the disk may have been full within a line
            file.truncate(self.length)

    def on_step_end(self, run):
        """A line of this step."""
        if self.every_steps and run.step % self.every_steps == 0:
            self._write({"epoch": run.epoch, "step": run.step, "batch": run.batch, "loss": run.loss})

    def on_epoch_end(self, run):
        """A line of this epoch."""
        self._write({"epoch": run.epoch, "step": run.step, **{name: values[-1] for name, values in run.history.items()}})

    def on_end(self, run):
        """Another run starts at the end of the file, wherever that is then."""
        self.length = None

    def _write(self, values):
        strict = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()}
        line = json.dumps(strict, allow_nan=False).encode() + b"\n"
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)
        self.length += len(line)

    def state_dict(self):
        """The length of the file, in bytes."""
        return {"length": self.length}

    def load_state_dict(self, state):
        """What `state_dict` gave."""
        self.length = state["length"]

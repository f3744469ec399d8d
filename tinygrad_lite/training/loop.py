"""The loop over epochs and batches."""

from __future__ import annotations

import inspect
import itertools
import numbers
import operator
import os
import time

from ..data.dataset import Dataset
from ..nn.utils import clip_grad_norm_
from ..ops.random import get_rng_state, set_rng_state
from .callbacks import EVENTS, EarlyStopping
from .checkpoint import Checkpoint, state_of
from .evaluation import ACCURACY, Means, check_metrics, evaluate, pairs
from .history import History
from .log import Log


class Run:
    """What callbacks are told of.

    model, optimizer, schedule, loader, held_out, metrics, epochs   as given to `fit`
    history   the epochs so far
    epoch     the number of the epoch, from 1
    step      updates so far
    batch     those of this epoch
    loss      the loss of the last batch
    stopped   why a callback has stopped the run, or None
    """

    def __init__(self, model, optimizer, schedule, loader, held_out, metrics, epochs, callbacks):
        self.model, self.optimizer, self.schedule = model, optimizer, schedule
        self.loader, self.held_out, self.metrics, self.epochs, self.callbacks = loader, held_out, metrics, epochs, callbacks
        self.history, self.means = History(), Means()
        self.epoch = self.step = self.batch = 0
        self.loss = self.stopped = self.at_epoch = None
        self.began = time.perf_counter()  # of this epoch, moved back by what it took before a resumed run was stopped

    def stop(self, reason="a callback stopped the run"):
        """End the run after the event that is being told."""
        self.stopped = str(reason)

    def seconds(self):
        """Since this epoch began."""
        return time.perf_counter() - self.began

    def tell(self, event):
        """Call the method ``event`` of the callbacks that have it."""
        for callback in self.callbacks:
            method = getattr(callback, event, None)
            if method is not None:
                method(self)

    def batches(self):
        """Those of this epoch, without the ones that a resumed run has done."""
        if not self.batch:
            self.at_epoch = self.orders()
            return iter(self.loader)
        now = self.orders()
        self.set_orders(self.at_epoch)
        if hasattr(self.loader, "from_batch"):
            rest = self.loader.from_batch(self.batch)
        else:
            rest = iter(self.loader)
            for _ in itertools.islice(rest, self.batch):
                pass
        self.set_orders(now)
        return rest

    def orders(self):
        """What decides the batches and all else that is drawn: the states of the generator and of the loader."""
        return get_rng_state(), state_of(self.loader)

    def set_orders(self, states):
        """Go on from what `orders` gave."""
        set_rng_state(states[0])
        if states[1] is not None:
            self.loader.load_state_dict(states[1])


def fit(
    model,
    loss,
    optimizer,
    loader,
    epochs,
    held_out=None,
    metrics=ACCURACY,
    progress=True,
    title="training",
    schedule=None,
    schedule_each="epoch",
    clip=None,
    callbacks=(),
    early_stopping=None,
    checkpoint=None,
    log=None,
):
    """Train ``model`` for ``epochs`` and return its `History`.

    optimizer       of its parameters
    loss            loss(outputs, target) -> scalar Tensor
    loader          batches (inputs, target), looped over once in each epoch
    held_out        a loader to evaluate on after each epoch
    metrics         name -> metric(outputs, target), a number, averaged over examples; None for tasks without one
    progress        show a bar with the loss and the metrics, called ``title``
    schedule        of the learning rate: its ``step()`` is called after each epoch, with ``schedule_each="batch"`` after each
                    batch; one that needs a value (ReduceLROnPlateau) gets the held-out loss, or the loss
    clip            the largest norm of all gradients together; longer ones are scaled to it (Pascanu et al., 2013)
    callbacks       objects with some of the methods of `Callback`
    early_stopping  an `EarlyStopping`, or its patience in epochs
    checkpoint      a `Checkpoint`, or its path: a run that was stopped goes on from it when the program is started again
    log             a `Log`, or its path: a line of JSON for each epoch
    """
    from tqdm.auto import tqdm

    _check(epochs=epochs, model=model, loss=loss, optimizer=optimizer, schedule=schedule, loader=loader, held_out=held_out)
    if not len(loader):
        raise ValueError("fit: the loader gives no batch: the dataset is empty, or smaller than one batch with drop_last")
    if schedule_each not in ("epoch", "batch"):
        raise ValueError(f"fit: schedule_each must be 'epoch' or 'batch', got {schedule_each!r}")
    if clip is not None and not clip > 0:
        raise ValueError(f"fit: clip must be more than 0, got {clip}")
    patience = isinstance(early_stopping, numbers.Integral) and not isinstance(early_stopping, bool)
    stopping = EarlyStopping(int(early_stopping)) if patience else early_stopping
    log = Log(log) if isinstance(log, (str, os.PathLike)) else log
    checkpoint = Checkpoint(checkpoint) if isinstance(checkpoint, (str, os.PathLike)) else checkpoint
    told = _told(callbacks, stopping, log, checkpoint)
    run = Run(model, optimizer, schedule, loader, held_out, check_metrics(metrics), epochs, told)
    if checkpoint is not None:
        checkpoint.resume(run)
    model.train()
    advance = _advance(schedule)
    done = run.epoch * len(loader) + run.batch
    with tqdm(total=epochs * len(loader), initial=done, desc=title, unit="batch", disable=not progress, dynamic_ncols=True) as bar:
        run.tell("on_start")
        while run.epoch < epochs and not run.stopped:
            run.epoch += 1
            if not run.batch:
                run.means, run.began = Means(), time.perf_counter()
            run.tell("on_epoch_start")
            _steps(run, loss, clip, advance if schedule_each == "batch" else None, bar)
            if not run.stopped:
                _end_epoch(run, loss, advance if schedule_each == "epoch" else None, bar)
        run.tell("on_end")
    return run.history


def _check(epochs, **given):
    """Raise if arguments of `fit` are of the wrong kind."""
    try:
        operator.index(epochs)
    except TypeError:
        raise TypeError(f"fit: epochs must be an integer, got {epochs!r}") from None
    for name, value in given.items():
        if isinstance(value, type):
            raise TypeError(f"fit: {name} is the class {value.__name__}, expected an object of it: {value.__name__}(...)")
        if name in ("loader", "held_out") and value is not None:
            if isinstance(value, Dataset):
                raise TypeError(f"fit: {name} is a {type(value).__name__}, expected batches: DataLoader(dataset, batch_size)")
            if not hasattr(value, "__len__"):
                raise TypeError(f"fit: {name} is a {type(value).__name__}, expected a DataLoader or a list of batches")


def _told(callbacks, stopping, log, checkpoint):
    """Those who are told of the run; the last one keeps what the others have."""
    if not isinstance(callbacks, (list, tuple)):
        raise TypeError(f"fit: callbacks stand in a list, got {type(callbacks).__name__}")
    told = [*callbacks, *(c for c in (stopping, log, checkpoint) if c is not None)]
    for callback in told:
        if isinstance(callback, type) or not any(hasattr(callback, event) for event in EVENTS):
            raise TypeError(f"fit: {callback!r} is no callback: expected an object with one of {', '.join(EVENTS)}")
    return told


def _steps(run, loss, clip, advance, bar):
    """The updates of one epoch."""
    parameters = None if clip is None else list(run.model.parameters())
    for inputs, target in pairs(run.batches(), "fit: the loader"):
        found = []

        def closure():
            run.optimizer.zero_grad()
            outputs = run.model(inputs)
            value = loss(outputs, target)
            value.backward()
            if clip is not None:
                clip_grad_norm_(parameters, clip)
            found.append((value.item(), outputs))
            return value

        run.optimizer.step(closure)
        run.loss, outputs = found[0]
        run.step, run.batch = run.step + 1, run.batch + 1
        run.means.add(run.loss, outputs, target, run.metrics)
        if advance is not None:
            advance(run.loss)
        bar.update()
        run.tell("on_step_end")
        if run.stopped:
            return


def _end_epoch(run, loss, advance, bar):
    """Evaluate, record, tell."""
    if not run.means.count:
        raise ValueError(f"fit: the loader gave no batch in epoch {run.epoch}")
    values = run.means.values()
    if run.held_out is not None:
        found = evaluate(run.model, loss, run.held_out, run.metrics)
        values.update({f"held_out_{name}": value for name, value in found.items()})
    run.history.record(**values, seconds=run.seconds())
    run.batch, run.means = 0, Means()
    if advance is not None:
        advance(values.get("held_out_loss", values["loss"]))
    shown = {name.replace("held_out_", "held out "): f"{value:.4f}" for name, value in values.items()}
    bar.set_postfix({"epoch": f"{run.epoch}/{run.epochs}", **shown})
    run.tell("on_epoch_end")


def _advance(schedule):
    """A function of a value that steps ``schedule``, with the value if it cannot do without; None without one."""
    if schedule is None:
        return None
    parameters = inspect.signature(schedule.step).parameters.values()
    needed = any(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    return schedule.step if needed else lambda value: schedule.step()

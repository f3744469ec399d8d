"""fit: the loop over epochs and batches, with a progress bar and a history."""

from __future__ import annotations

import time

import numpy as np

from .state import no_grad


class History(dict):
    """Name -> value of each epoch: "loss", "accuracy", "held_out_loss", "held_out_accuracy", "seconds"."""

    def record(self, **values):
        """Add the values of one epoch."""
        for name, value in values.items():
            self.setdefault(name, []).append(float(value))

    def plot(self, path):
        """Draw loss and accuracy over the epochs into the picture ``path``. Needs matplotlib (the extra "examples")."""
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError("History.plot needs matplotlib: pip install 'tinygrad_lite[examples]'") from error
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        for axes, what in zip(figure.subplots(1, 2), ("loss", "accuracy")):
            for name, label in ((what, "training"), (f"held_out_{what}", "held out")):
                if name in self:
                    axes.plot(range(1, len(self[name]) + 1), self[name], label=f"{label}, at the end {self[name][-1]:.4g}")
            axes.set(xlabel="epoch", ylabel=what)
            axes.grid(alpha=0.3)
            if axes.lines:
                axes.legend()
            if what == "loss" and axes.lines:
                axes.set_yscale("log")
        figure.savefig(path, dpi=120)


def accuracy(outputs, target):
    """The share of rows of ``outputs`` (batch, classes) whose largest value stands at ``target`` (batch)."""
    if outputs.ndim != 2 or target.shape != outputs.shape[:1]:
        raise ValueError(
            f"accuracy: expected outputs (batch, classes) and class numbers (batch), got {outputs.shape} and {target.shape}; "
            "give fit another metric, or metric=None"
        )
    return float(np.mean(outputs.data.argmax(1) == target.data))


def evaluate(model, loss, loader, metric=accuracy):
    """(mean loss, mean metric) of ``model`` over the batches of ``loader``, in evaluation mode and without a graph."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    total = np.zeros(3)
    try:
        with no_grad():
            for inputs, target in loader:
                outputs = model(inputs)
                score = metric(outputs, target) if metric else 0.0
                total += len(target) * np.array([loss(outputs, target).item(), score, 1.0])
    finally:
        for module, mode in modes:
            module.training = mode
    if not total[2]:
        raise ValueError("evaluate: the loader gave no batch")
    return tuple(total[:2] / total[2])


def fit(model, loss, optimizer, loader, epochs, held_out=None, metric=accuracy, progress=True, title="training"):
    """Train ``model`` for ``epochs`` and return its `History`.

    loss       loss(outputs, target) -> scalar Tensor
    loader     batches (inputs, target), looped over once in each epoch
    held_out   a loader to evaluate on after each epoch
    metric     metric(outputs, target) -> float, averaged over examples; None for tasks without one
    progress   show a bar with loss and accuracy
    """
    from tqdm.auto import tqdm

    if not len(loader):
        raise ValueError("fit: the loader gives no batch: the dataset is empty, or smaller than one batch with drop_last")
    history = History()
    model.train()
    with tqdm(total=epochs * len(loader), desc=title, unit="batch", disable=not progress, dynamic_ncols=True) as bar:
        for epoch in range(1, epochs + 1):
            start, total = time.perf_counter(), np.zeros(3)
            for inputs, target in loader:
                optimizer.zero_grad()
                outputs = model(inputs)
                value = loss(outputs, target)
                value.backward()
                optimizer.step()
                score = metric(outputs, target) if metric else 0.0
                total += len(target) * np.array([value.item(), score, 1.0])
                bar.update()
            values = {"loss": total[0] / max(total[2], 1)}
            if metric:
                values["accuracy"] = total[1] / max(total[2], 1)
            if held_out is not None:
                held_out_loss, score = evaluate(model, loss, held_out, metric)
                values["held_out_loss"] = held_out_loss
                if metric:
                    values["held_out_accuracy"] = score
            history.record(**values, seconds=time.perf_counter() - start)
            shown = {name.replace("held_out_", "held out "): f"{value:.4f}" for name, value in values.items()}
            bar.set_postfix({"epoch": f"{epoch}/{epochs}", **shown})
    return history

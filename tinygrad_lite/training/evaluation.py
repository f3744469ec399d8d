"""How good a model is: metrics, and their means over the batches of a loader."""

from __future__ import annotations

import numpy as np

from ..state import no_grad


def accuracy(outputs, target):
    """The share of rows of ``outputs`` (batch, classes) whose largest value stands at ``target`` (batch)."""
    if outputs.ndim != 2 or target.shape != outputs.shape[:1]:
        raise ValueError(
            f"accuracy: expected outputs (batch, classes) and class numbers (batch), got {outputs.shape} and {target.shape}; "
            "give fit other metrics, or metrics=None"
        )
    return float(np.mean(outputs.data.argmax(1) == target.data))


ACCURACY = {"accuracy": accuracy}


class Means:
    """Means over examples of the loss and the metrics, added batch by batch."""

    def __init__(self, totals=None, count=0):
        self.totals, self.count = dict(totals or {}), count

    def add(self, loss, outputs, target, metrics):
        """One batch, whose mean loss is ``loss``."""
        n = len(target)
        for name, value in {"loss": loss, **{name: metric(outputs, target) for name, metric in metrics.items()}}.items():
            self.totals[name] = self.totals.get(name, 0.0) + n * float(value)
        self.count += n

    def values(self):
        """Name -> mean."""
        return {name: total / self.count for name, total in self.totals.items()}


def check_metrics(metrics):
    """Name -> function of what a caller gave."""
    if not isinstance(metrics, (dict, type(None))):
        raise TypeError(f"metrics: expected a dict, name -> metric(outputs, target), got {type(metrics).__name__}")
    metrics = dict(metrics or {})
    for name, metric in metrics.items():
        if not callable(metric) or name in ("loss", "seconds") or not isinstance(name, str) or name.startswith("held_out_"):
            raise ValueError(
                f"metrics: expected name -> metric(outputs, target), got {name!r}: {metric!r}; "
                'the names "loss", "seconds" and "held_out_..." are taken'
            )
    return metrics


def pairs(batches, whose):
    """(inputs, target) of each batch; a ValueError that names ``whose`` where it is something else."""
    for batch in batches:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            got = f"{len(batch)} of them" if isinstance(batch, (tuple, list)) else type(batch).__name__
            raise ValueError(f"{whose} must give batches (inputs, target), got {got}")
        yield batch


def evaluate(model, loss, loader, metrics=ACCURACY):
    """Name -> mean over the examples of ``loader`` of "loss" and the metrics, in evaluation mode and without a graph.

    model, loss  outputs = model(inputs), loss(outputs, target) -> scalar Tensor
    loader       batches (inputs, target)
    metrics      name -> metric(outputs, target), a number for a batch; None for none
    """
    metrics, means = check_metrics(metrics), Means()
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad():
            for inputs, target in pairs(loader, "evaluate: the loader"):
                outputs = model(inputs)
                means.add(loss(outputs, target).item(), outputs, target, metrics)
    finally:
        for module, mode in modes:
            module.training = mode
    if not means.count:
        raise ValueError("evaluate: the loader gave no batch")
    return means.values()

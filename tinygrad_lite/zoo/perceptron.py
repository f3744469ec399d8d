"""Rosenblatt's perceptron, for two classes and for more."""

from __future__ import annotations

import warnings

import numpy as np

from .. import ops
from ..ops import learning
from ..ops.random import generator
from ..tensor import Tensor
from .base import Learner, examples, same_count, values_of


class Perceptron(Learner):
    """Threshold units that learn from their mistakes (Rosenblatt, 1958).

    y_r = step(w_r·x) with x_0 = -1, so that weight 0 is the threshold, and step(0) = 1;  Δw_r = ε (t_r - y_r) x after each example.

    Two classes take one unit, with target t = 1 for the second of them; more classes take a unit each, with t_r = 1 for its class
    and 0 for the others. On examples that planes separate it comes to an end: with ε constant and zero initial weights after at
    most (R/γ)² mistakes of a unit (Novikoff, 1962; R the longest |x|, γ the margin), with ε = 1/|x| from any initial weights.

    epsilon  ε: a number, or "1/norm" for 1/|x|, where |x|² counts x_0
    epochs   at most so many; it stops after one without a mistake, and warns if there was none
    order    of the examples: "given", or "random", anew in each epoch
    initial  weights (units, 1 + k) to start from, None for zeros

    After ``fit``: ``weight_`` Tensor (units, 1 + k); ``classes_`` Tensor (classes), sorted; ``mistakes_`` Tensor (epochs, units) of
    integers; ``n_iter_`` epochs; ``converged_`` whether the last was without a mistake.
    """

    def __init__(self, epsilon=1.0, epochs=1000, order="given", initial=None):
        self.epsilon, self.epochs, self.order, self.initial = epsilon, epochs, order, initial

    def fit(self, X, y):
        """Learn from ``X`` (n, k) and class labels ``y`` (n), which are numbers."""
        x, labels = self._given("fit", X, y)
        classes = np.unique(labels)
        if len(classes) < 2:
            raise ValueError(f"Perceptron.fit: y must have at least two classes, all of it is {classes[0]}")
        epochs, weight = self._count("epochs"), self._initial(classes, x)
        x, target = _extended(x), _targets(labels, classes)
        rates = self._rates(x)
        learning_units, history = np.arange(len(weight)), []
        for _ in range(epochs):
            mistakes = np.zeros(len(weight), np.int64)
            weight[learning_units], mistakes[learning_units] = learning.perceptron_epoch(
                weight[learning_units], x, target[learning_units], self._order(len(x)), rates
            )
            history.append(mistakes)
            learning_units = np.flatnonzero(mistakes)  # the others stay as they are: no example changes them
            if not len(learning_units):
                break
        self.weight_, self.classes_, self.mistakes_ = Tensor(weight), Tensor(classes), Tensor(np.stack(history))
        self.n_iter_, self.converged_ = len(history), not len(learning_units)
        if not self.converged_:
            warnings.warn(
                f"Perceptron.fit: {history[-1].sum()} mistakes in the last of {epochs} epochs, the data were not separated: "
                "more epochs may do it, or no plane separates them",
                stacklevel=2,
            )
        return self

    def partial_fit(self, X, y, classes=None):
        """Go through ``X`` and ``y`` once, from the weights there are; the first call names all ``classes``. ``mistakes_`` is of
        this pass, (1, units)."""
        weight = getattr(self, "weight_", None)
        known = {} if weight is None else dict(features=weight.shape[1] - 1, dtype=weight.dtype)
        x, labels = self._given("partial_fit", X, y, **known)
        if weight is None:
            if classes is None or len(np.unique(values_of(classes))) < 2:
                raise ValueError("Perceptron.partial_fit: the first call must name all classes, at least two")
            classes = np.unique(values_of(classes))
            weight = Tensor(self._initial(classes, x))
        else:
            classes = self.classes_.data
        if not np.isin(labels, classes).all():
            strange = labels[~np.isin(labels, classes)][0]
            raise ValueError(f"Perceptron.partial_fit: y has {strange}, the classes are {classes.tolist()}")
        x = _extended(x)
        weight, mistakes = learning.perceptron_epoch(weight, x, _targets(labels, classes), self._order(len(x)), self._rates(x))
        self.weight_, self.classes_, self.mistakes_ = weight, Tensor(classes), mistakes[None]
        self.n_iter_, self.converged_ = 1, not mistakes.data.any()
        return self

    def decision_function(self, X):
        """w_r·x of each unit for each row of ``X``: (n, units)."""
        weight = self._learned("weight_", "predict")
        x = examples("Perceptron.predict", X, features=weight.shape[1] - 1, dtype=weight.dtype)
        return ops.matmul(x, weight[:, 1:].T) - weight[:, 0]

    def predict(self, X):
        """The class of each row of ``X``: (n); of several the one whose unit has the largest w_r·x."""
        fields = self.decision_function(X)
        if fields.shape[1] == 1:
            return self.classes_[(fields[:, 0] >= 0).long()]
        return self.classes_[fields.argmax(1)]

    def _given(self, method, X, y, **known):
        where = f"Perceptron.{method}"
        x, labels = examples(where, X, **known).data, values_of(y)
        if labels.ndim != 1 or labels.dtype.kind not in "biuf":
            raise ValueError(f"{where}: y must be (examples) class numbers, got {labels.shape} {labels.dtype}")
        same_count(where, x, labels, "y")
        if labels.dtype.kind == "f" and not np.isfinite(labels).all():
            raise ValueError(f"{where}: y holds NaN or inf, first in example {int(np.isfinite(labels).argmin())}")
        return x, labels

    def _initial(self, classes, x):
        shape = (1 if len(classes) == 2 else len(classes), 1 + x.shape[1])
        if self.initial is None:
            return np.zeros(shape, x.dtype)
        weight = values_of(self.initial)
        if weight.shape != shape or not np.isfinite(weight).all():
            raise ValueError(f"Perceptron: initial must be (units, 1 + k) = {shape} finite numbers, got {weight.shape}")
        return weight.astype(x.dtype)

    def _rates(self, x):
        if isinstance(self.epsilon, str) and self.epsilon == "1/norm":
            return 1 / np.linalg.norm(x, axis=1)
        if isinstance(self.epsilon, str):
            raise ValueError(f"Perceptron: epsilon must be a positive number or '1/norm', got {self.epsilon!r}")
        return np.full(len(x), self._rate("epsilon"), x.dtype)

    def _order(self, n):
        return np.arange(n) if self._chosen("order", "given", "random") == "given" else generator().permutation(n)


def _extended(x):
    """``x`` with x_0 = -1 before it."""
    return np.concatenate([np.full((len(x), 1), -1, x.dtype), x], 1)


def _targets(labels, classes):
    """(units, n): whether unit r is to fire at example i."""
    return (labels == classes[1:])[None] if len(classes) == 2 else labels == classes[:, None]

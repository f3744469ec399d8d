"""One linear neuron that learns by Hebb's rule, and by Oja's, which keeps its weight finite."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..ops import learning
from ..ops.random import generator
from ..tensor import Tensor
from .base import Learner, examples, values_of


class Hebbian(Learner):
    """A linear neuron y = w·x that learns without a teacher, after each example x:

    rule="hebb"  Δw = ε y x  (Hebb, 1949): grows without bound, towards the first eigenvector of the correlations <x xᵀ>
    rule="oja"   Δw = ε y (x - y w)  (Oja, 1982): comes to this eigenvector with length 1

    For centred data the eigenvector is the first principal component. Oja's rule needs ε |x|² well below 1.

    epsilon  ε
    epochs   how often the examples are gone through, in order
    initial  first weight (k), or None for a random direction of length 1

    After ``fit``: ``weight_`` Tensor (k), ``norms_`` Tensor (epochs + 1): the length of w before, and after each epoch.
    """

    def __init__(self, rule="oja", epsilon=0.01, epochs=10, initial=None):
        self.rule, self.epsilon, self.epochs, self.initial = rule, epsilon, epochs, initial

    def fit(self, X, y=None):
        """Learn from ``X`` (n, k); there is no ``y``."""
        x = examples("Hebbian.fit", X).detach()
        if not np.any(x.data):
            raise ValueError("Hebbian.fit: all examples are zero vectors, from which nothing is learned")
        weight = self._initial(x.shape[1], x.dtype)
        norms = [ops.norm(weight)]
        for epoch in range(self._count("epochs")):
            weight, norm = self._epoch(weight, x, f"in epoch {epoch + 1}")
            norms.append(norm)
        self.weight_, self.norms_ = weight, ops.stack(norms)
        return self

    def partial_fit(self, X, y=None):
        """Go through ``X`` (n, k) once, from the weight there is. ``norms_`` is that of this pass, (2)."""
        known = getattr(self, "weight_", None)
        expected = {} if known is None else dict(features=len(known), dtype=known.dtype)
        x = examples("Hebbian.partial_fit", X, **expected).detach()
        before = self._initial(x.shape[1], x.dtype) if known is None else known
        self.weight_, norm = self._epoch(before, x, "in this pass")
        self.norms_ = ops.stack([ops.norm(before), norm])
        return self

    def predict(self, X):
        """y = w·x for each row of ``X``: (n)."""
        weight = self._learned("weight_", "predict")
        return ops.matmul(examples("Hebbian.predict", X, features=len(weight), dtype=weight.dtype), weight)

    def score(self, X, y=None):
        """The share of <|x|²> that lies in the direction of w: at most that of the first principal component."""
        answers, weight = self.predict(X).data, self.weight_.data
        x = examples("Hebbian.score", X, dtype=weight.dtype).data
        if not x.any():
            raise ValueError("Hebbian.score: all examples are zero vectors, which have no variance")
        return float((answers @ answers) / (weight @ weight) / np.vdot(x, x))

    def _epoch(self, weight, x, when):
        rule = self._chosen("rule", "hebb", "oja")
        weight = learning.hebbian_epoch(weight, x, epsilon=self._rate("epsilon"), oja=rule == "oja")
        with np.errstate(over="ignore", invalid="ignore"):
            norm = ops.norm(weight)
        if not np.isfinite(norm.item()):
            cure = "Oja's rule does not" if rule == "hebb" else "epsilon times |x|**2 must be well below 1"
            grew = "Hebb's rule lets it grow without bound" if rule == "hebb" else "epsilon is too large"
            raise OverflowError(f"Hebbian: the weight overflowed {when}: {grew}; {cure}")
        return weight, norm

    def _initial(self, k, dtype):
        if self.initial is None:
            weight = generator().standard_normal(k)
            return Tensor((weight / np.linalg.norm(weight)).astype(dtype))
        weight = values_of(self.initial)
        if weight.shape != (k,) or not np.isfinite(weight).all():
            raise ValueError(f"Hebbian: initial must be {(k,)} finite numbers, got {weight.shape}")
        if not weight.any():
            raise ValueError("Hebbian: initial is a zero vector: y = w·x stays 0 and nothing is learned")
        return Tensor(weight.astype(dtype))

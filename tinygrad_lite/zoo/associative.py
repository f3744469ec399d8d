"""Associative memories: Willshaw's of binary patterns, linear ones of real patterns. They store n pairs of a key x with k elements
and a value y with m; with y = x they complete and restore patterns (auto-association)."""

from __future__ import annotations

import math

import numpy as np

from .. import ops
from ..ops import learning
from ..tensor import Tensor
from .base import Learner, examples, same_count


def _pairs(where, X, Y, **options):
    """Keys and values, values being the keys where there are none, in one dtype."""
    x = examples(where, X, **options).detach()
    if Y is None:
        return x, x
    y = examples(where, Y, name="Y", dtype=x.dtype, **options).detach()
    same_count(where, x, y)
    return x, y


class Willshaw(Learner):
    """Binary hetero-association (Steinbuch, 1961; Willshaw, Buneman and Longuet-Higgins, 1969).

    w_rs = max over the pairs of y_r x_s, y_r = step(Σ_s w_rs x_s - θ), all 0 or 1; each key has l ones and θ = l - 1/2.
    A stored key recalls every one of its value; as the weights fill, ones are added. There must be many more inputs k than pairs n,
    unless patterns are sparse: with l near log2 m they reach ln 2 = 0.69 bits per synapse as k grows, half of the weights being 1.

    threshold  θ: None for l - 1/2; a number: a lower one recalls from keys that lost ones, and invents more; "probe" for the ones
               of each probe less 1/2: for keys with different numbers of ones, and probes that lost some

    After ``fit``: ``weight_`` Tensor (m, k), ``ones_`` l, or None where the keys differ in it.
    """

    def __init__(self, threshold=None):
        self.threshold = threshold

    def fit(self, X, Y=None):
        """Store the pairs of ``X`` (n, k) and ``Y`` (n, m), or ``X`` with itself."""
        return self._store("fit", X, Y, None)

    def partial_fit(self, X, Y=None):
        """Store more pairs."""
        return self._store("partial_fit", X, Y, getattr(self, "weight_", None))

    def _store(self, method, X, Y, known):
        where = f"Willshaw.{method}"
        x, y = _pairs(where, X, Y, among=(0, 1))
        ones = x.data.sum(1)
        if not ones.all():
            raise ValueError(f"{where}: key {int(ones.argmin())} is a zero vector, which no threshold tells from none")
        one = int(ones[0]) if (ones == ones[0]).all() else None
        if known is None:
            known = Tensor(np.zeros((y.shape[1], x.shape[1]), x.dtype))
        elif known.shape != (y.shape[1], x.shape[1]):
            raise ValueError(f"{where}: pairs of {x.shape[1]} and {y.shape[1]} elements, those stored have {known.shape[::-1]}")
        elif one != self.ones_:
            one = None
        self.weight_ = learning.willshaw_store(known, x.to(known.dtype), y.to(known.dtype))
        self.ones_ = one
        return self

    def sums(self, X):
        """Σ_s w_rs x_s for each row of ``X`` (n, k): (n, m)."""
        return learning.willshaw_sums(self._learned("weight_", "sums"), self._probes(X, "sums"))

    def predict(self, X):
        """The values that the keys ``X`` (n, k) recall: (n, m)."""
        weight, threshold = self._learned("weight_", "predict"), self.threshold
        x = self._probes(X, "predict")
        if isinstance(threshold, str) and threshold == "probe":
            ones = x.sum(1, keepdim=True)
            if not ones.data.all():
                row = int(ones.data.argmin())
                raise ValueError(f"Willshaw.predict: probe {row} is a zero vector, which tells no threshold")
            return ops.ge(learning.willshaw_sums(weight, x), ones - 0.5).to(weight.dtype)
        if threshold is None:
            if self.ones_ is None:
                raise ValueError("Willshaw.predict: stored keys differ in their number of ones: give threshold='probe' or a number")
            threshold = self.ones_ - 0.5
        elif isinstance(threshold, (bool, str)) or not np.isscalar(threshold) or not np.isfinite(threshold):
            raise ValueError(f"Willshaw: threshold must be None, 'probe' or a number, got {threshold!r}")
        return learning.threshold_units(x, weight, np.full(len(weight), threshold, weight.dtype))

    def bits_per_synapse(self, X, Y=None):
        """What the memory tells of the values ``Y`` (n, m) of the keys ``X``, in bits for each of its k m weights.

        A value with l ones among m takes log2 C(m, l) bits. A recall with r ones, h of them right, leaves log2 C(r, h) +
        log2 C(m - r, l - h) of them open.
        """
        from scipy.special import gammaln

        def choices(n, among):
            return gammaln(among + 1) - gammaln(n + 1) - gammaln(among - n + 1)

        x, y = _pairs("Willshaw.bits_per_synapse", X, Y, among=(0, 1))
        recalled = self.predict(x).data.astype(bool)
        if recalled.shape != y.shape:
            raise ValueError(
                f"Willshaw.bits_per_synapse: Y is {y.shape}, the recalled values are {recalled.shape}: they must agree"
            )
        right = (recalled & (y.data > 0)).sum(1, dtype=np.float64)
        m, ones, r = y.shape[1], y.data.sum(1, dtype=np.float64), recalled.sum(1, dtype=np.float64)
        told = choices(ones, m) - choices(right, r) - choices(ones - right, m - r)
        return float(told.sum() / math.log(2) / self.weight_.numel())

    def _probes(self, X, method):
        return examples(f"Willshaw.{method}", X, features=self.weight_.shape[1], among=(0, 1), dtype=self.weight_.dtype)


class LinearAssociator(Learner):
    """Linear association y = W x of real patterns (Anderson, 1972; Kohonen, 1972).

    rule="hebb"           W = Σ y xᵀ over the pairs: exact for keys that are orthogonal and of length 1
    rule="least squares"  W = Y X⁺, the pseudo-inverse (Kohonen and Ruohonen, 1973): the least Σ|y - W x|², exact for keys that are
                          linearly independent; with y = x the projection on the span of the stored patterns

    What is linear superposes: W (a x + b x') = a W x + b W x'.

    After ``fit``: ``weight_`` Tensor (m, k).
    """

    def __init__(self, rule="least squares"):
        self.rule = rule

    def fit(self, X, Y=None):
        """Store the pairs of ``X`` (n, k) and ``Y`` (n, m), or ``X`` with itself."""
        x, y = _pairs("LinearAssociator.fit", X, Y)
        doubtful = np.flatnonzero(x.data[:, 0] == 0)  # most keys need no further look
        if not (used := x.data[doubtful].any(1)).all():
            row = doubtful[used.argmin()]
            raise ValueError(f"LinearAssociator.fit: key {row} is a zero vector, with which nothing can be associated")
        hebb = self._chosen("rule", "hebb", "least squares") == "hebb"
        transposed = ops.matmul(x.T, y) if hebb else learning.least_squares(x, y)
        self.weight_ = transposed.T  # recall multiplies by it as it lies in memory
        return self

    def predict(self, X):
        """y = W x for each row of ``X`` (n, k): (n, m)."""
        weight = self._learned("weight_", "predict")
        return ops.linear(examples("LinearAssociator.predict", X, features=weight.shape[1], dtype=weight.dtype), weight)

    def score(self, X, Y=None):
        """1 - Σ|Y - W X|² / Σ|Y - mean of Y|²: 1 for a perfect recall (as scikit-learn's R² of all outputs together)."""
        x, y = _pairs("LinearAssociator.score", X, Y)
        answers = self.predict(x).data
        if answers.shape != y.shape:
            raise ValueError(f"LinearAssociator.score: Y is {y.shape}, the answers to X are {answers.shape}: they must agree")
        spread = ((y.data - y.data.mean(0)) ** 2).sum()
        if not spread:
            raise ValueError("LinearAssociator.score: all rows of Y are the same, so there is no variance to compare with")
        return float(1 - ((y.data - answers) ** 2).sum() / spread)

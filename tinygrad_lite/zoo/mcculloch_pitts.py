"""Threshold units of McCulloch and Pitts: y = step(w·x - s)."""

from __future__ import annotations

import numpy as np

from ..dtypes import get_default_dtype
from ..ops import learning
from ..tensor import Tensor
from .base import Learner, examples, values_of


class McCullochPitts(Learner):
    """Threshold units that look at the same binary inputs (McCulloch and Pitts, 1943).

    y_r = step(w_r·x - s_r), with step(z) = 1 for z >= 0, else 0: a unit fires if its weighted inputs reach its threshold.

    weight     Tensor or array (units, k), or (k) for one unit: w
    threshold  Tensor or array (units), or a number for one unit: s

    They are kept as ``weight_`` (units, k) and ``threshold_`` (units). Nothing is learned: there is no ``fit``.
    """

    def __init__(self, weight, threshold):
        self.weight, self.threshold = weight, threshold
        w, s = np.atleast_2d(values_of(weight)), np.atleast_1d(values_of(threshold))
        if w.ndim != 2 or s.shape != w.shape[:1] or w.dtype.kind not in "biuf" or s.dtype.kind not in "biuf":
            raise ValueError(f"McCullochPitts: expected weight (units, k) and threshold (units), got {w.shape} and {s.shape}")
        if not (np.isfinite(w).all() and np.isfinite(s).all()):
            raise ValueError("McCullochPitts: weight or threshold holds NaN or inf")
        self.weight_ = Tensor(w.astype(get_default_dtype()))
        self.threshold_ = Tensor(s.astype(get_default_dtype()))

    @classmethod
    def AND(cls, k=2):
        """The unit that fires if all of ``k`` inputs do: w = 1, s = k - 1/2."""
        return cls(_ones(k), k - 0.5)

    @classmethod
    def OR(cls, k=2):
        """The unit that fires if at least one of ``k`` inputs does: w = 1, s = 1/2."""
        return cls(_ones(k), 0.5)

    @classmethod
    def NOT(cls):
        """The unit that fires if its input does not: w = -1, s = -1/2."""
        return cls(-np.ones(1), -0.5)

    @classmethod
    def from_truth_table(cls, outputs):
        """One unit with the smallest weights Σ|w| that computes a Boolean function with a margin of 1/2; ``outputs`` as of
        `BooleanNetwork`, (2**k). A ValueError if there is none, with the proof.

        There is one unless the convex hulls of the inputs with output 1 and with output 0 meet (Minsky and Papert, 1969): at a
        common point w·x - s would have both signs.
        """
        from scipy.optimize import linprog

        outputs = truth_table("McCullochPitts.from_truth_table", outputs)
        if outputs.ndim != 1:
            raise ValueError(f"McCullochPitts.from_truth_table: one unit has one output, got outputs {outputs.shape}")
        x, sign = truth_inputs(len(outputs)), np.where(outputs, 1.0, -1.0)[:, None]
        k = x.shape[1]  # unknown: the positive and the negative part of w, and s
        found = linprog(
            np.r_[np.ones(2 * k), 0.0],
            A_ub=-sign * np.c_[x, -x, -np.ones(len(x))],  # sign (w·x - s) >= 1/2
            b_ub=np.full(len(x), -0.5),
            bounds=[(0, None)] * (2 * k) + [(None, None)],
        )
        if found.status == 0:
            return cls(found.x[:k] - found.x[k : 2 * k], found.x[-1])
        on, off = x[outputs], x[~outputs]  # shares of each that add up to the same point
        sums = np.block([[on.T, -off.T], [np.ones(len(on)), np.zeros(len(off))], [np.zeros(len(on)), np.ones(len(off))]])
        shares = linprog(np.zeros(len(x)), A_eq=sums, b_eq=np.r_[np.zeros(k), 1.0, 1.0]).x
        point = (on.T @ shares[: len(on)]).round(6) + 0.0
        raise ValueError(
            f"McCullochPitts.from_truth_table: no single unit computes {outputs.astype(int).tolist()}: the point {point.tolist()} "
            f"lies between inputs with output 1 ({_mixture(on, shares[: len(on)])}) and between inputs with output 0 "
            f"({_mixture(off, shares[len(on) :])}), so that no plane separates them; BooleanNetwork takes two layers"
        )

    def predict(self, X):
        """The answers (n, units) to binary ``X`` (n, k), 0 and 1."""
        return self.step(self.inputs("McCullochPitts.predict", X))

    def inputs(self, where, X):
        """``X`` as a Tensor (n, k) in the dtype of the weights; ``where`` is what errors name."""
        return examples(where, X, features=self.weight_.shape[1], among=(0, 1), dtype=self.weight_.dtype)

    def step(self, x):
        """step(w·x - s) of what `inputs` gives."""
        return learning.threshold_units(x, self.weight_, self.threshold_)


class BooleanNetwork(Learner):
    """Two layers of `McCullochPitts` units for any Boolean functions of k inputs: the disjunctive normal form.

    A hidden unit for each row x of the truth table that has an output 1 fires at this input alone: its weights are 1 where x is 1
    and -1 where it is 0, its threshold is the number of ones less 1/2. An output unit is the OR of the hidden units of its rows.

    outputs  (2**k), or (2**k, m) for m functions, of 0 and 1: row i is the output for the input whose binary digits are i, the
             first input being the highest digit

    ``hidden_`` and ``output_`` are the two layers, with weights (rows, k) and (m, rows). Nothing is learned: there is no ``fit``.
    """

    def __init__(self, outputs):
        self.outputs = outputs
        table = truth_table("BooleanNetwork", outputs)
        table = table.reshape(len(table), -1)
        rows = table.any(1)
        x = truth_inputs(len(table))[rows]
        self.hidden_ = McCullochPitts(2 * x - 1, x.sum(1) - 0.5)
        self.output_ = McCullochPitts(table[rows].T, np.full(table.shape[1], 0.5))

    def predict(self, X):
        """The answers to binary ``X`` (n, k), 0 and 1: (n), or (n, m) for m functions."""
        hidden = self.hidden_.step(self.hidden_.inputs("BooleanNetwork.predict", X))
        if not hidden.shape[1]:  # a function that is 0 everywhere has no hidden unit
            return Tensor(np.zeros((len(hidden), *values_of(self.outputs).shape[1:]), hidden.dtype))
        answers = self.output_.step(hidden)
        return answers[:, 0] if values_of(self.outputs).ndim == 1 else answers


def _ones(k):
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise ValueError(f"McCullochPitts: k must be a number of inputs, 1 or more, got {k!r}")
    return np.ones(k)


def truth_inputs(rows):
    """The inputs (rows, k) of a truth table of 2**k ``rows``, in order."""
    k = rows.bit_length() - 1
    return (np.arange(rows)[:, None] >> np.arange(k)[::-1] & 1).astype(np.float64)


def truth_table(where, outputs):
    """``outputs`` as booleans (2**k) or (2**k, m), k and m at least 1; ``where`` is what errors name."""
    table = values_of(outputs)
    rows = len(table) if table.ndim in (1, 2) and table.size else 0
    if rows < 2 or rows & (rows - 1):
        raise ValueError(f"{where}: a truth table of k inputs has 2**k rows (2, 4, 8, ...), got {table.shape}")
    if table.dtype.kind not in "biuf" or not ((table == 0) | (table == 1)).all():
        raise ValueError(f"{where}: a truth table holds 0 and 1 only, got {table.tolist()}")
    return table == 1


def _mixture(points, shares):
    """``1/2 [0, 1] + 1/2 [1, 0]``, without what has no share."""
    from fractions import Fraction

    used = [(Fraction(float(a)).limit_denominator(1000), p.astype(int).tolist()) for p, a in zip(points, shares) if a > 1e-9]
    return " + ".join(f"{a} {p}" for a, p in used)

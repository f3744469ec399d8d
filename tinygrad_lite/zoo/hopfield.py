"""Hopfield's network: a symmetric recurrent network whose stable states are memories."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import ops
from ..ops import learning
from ..ops.random import generator
from ..tensor import Tensor
from .base import Learner, examples, values_of

LONGEST = 10_000  # sweeps after which a network that has not settled never will


class Recall(NamedTuple):
    """How states ran: ``states`` (n, k) at the end, ``energies`` (sweeps + 1, n) at the start and after each sweep, ``settled`` (n)
    whether a whole sweep changed nothing, ``sweeps`` (n) until then, all Tensors."""

    states: Tensor
    energies: Tensor
    settled: Tensor
    sweeps: Tensor


class Hopfield(Learner):
    """k units with states s = -1 or 1, and p patterns x stored in symmetric weights (Hopfield, 1982).

    rule="hebb"            w = (1/k) Σ x xᵀ: recalls some 0.138 k uncorrelated patterns (Amit, Gutfreund and Sompolinsky, 1985)
    rule="pseudo-inverse"  w = X⁺ X, the projection on the patterns, also correlated ones (Personnaz, Guyon and Dreyfus, 1985)

    Unit i takes the sign of its field h_i = Σ_j w_ij s_j, and keeps its state where h_i = 0. The energy E = -1/2 Σ_ij w_ij s_i s_j
    never rises when units change one at a time, so the state settles. Both are checked as it runs.

    self_connections  w_ii: "rule" as it gives them, p/k by Hebb's; "one" or "zero" for 1 or 0
    updates           "asynchronous", one unit at a time, or "synchronous", all at once, which may end in a cycle of two states
    order             of asynchronous updates: "random", anew in each sweep; "given" for 0, 1, ..., k - 1; or an array of these
                      numbers in another order

    After ``fit``: ``weight_`` Tensor (k, k) float64, ``patterns_`` Tensor (p, k).
    """

    def __init__(self, rule="hebb", self_connections="rule", updates="asynchronous", order="random"):
        self.rule, self.self_connections, self.updates, self.order = rule, self_connections, updates, order

    def fit(self, X, y=None):
        """Store the patterns ``X`` (p, k) of -1 and 1; there is no ``y``."""
        x = examples("Hopfield.fit", X, among=(-1, 1), dtype=np.float64).detach()
        if self._chosen("rule", "hebb", "pseudo-inverse") == "hebb":
            weight = learning.binary_correlations(x)
        else:
            weight = learning.projection(x)
        kind = self._chosen("self_connections", "rule", "one", "zero")
        if kind != "rule":
            np.fill_diagonal(weight.data, float(kind == "one"))
        self.weight_, self.patterns_ = weight, Tensor(x.data.copy())
        return self

    def energy(self, X):
        """E = -1/2 Σ w_ij s_i s_j of each row of ``X``: (n)."""
        weight = self._learned("weight_", "energy")
        state = examples("Hopfield.energy", X, features=len(weight), among=(-1, 1), dtype=np.float64)
        return _energy(state, ops.linear(state, weight))

    def predict(self, X):
        """The states (n, k) that the probes ``X`` (n, k) settle in."""
        return self.recall(X).states

    def recall(self, X, sweeps=None):
        """Run from the probes ``X`` (n, k) of -1 and 1 until all settle (or are in a cycle of two, if synchronous), or for so many
        ``sweeps`` over the units: a `Recall`. RuntimeError if the energy rises by an asynchronous update or a state never settles,
        which happens with weights that are not symmetric and with negative self-connections."""
        weight = self._learned("weight_", "recall").detach()
        start = examples("Hopfield.recall", X, features=len(weight), among=(-1, 1), dtype=np.float64).detach()
        asynchronous = self._chosen("updates", "asynchronous", "synchronous") == "asynchronous"
        if sweeps is not None and (isinstance(sweeps, bool) or not isinstance(sweeps, (int, np.integer)) or sweeps < 0):
            raise ValueError(f"Hopfield.recall: sweeps must be None or an integer from 0 on, got {sweeps!r}")
        tie, slack = _rounding(weight.data)
        symmetric = np.array_equal(weight.data, weight.data.T)  # then the fields of new states follow from the flips
        state, before, n = start.data.copy(), np.zeros_like(start.data), len(start)
        settled, count = np.zeros(n, bool), np.zeros(n, np.int64)
        field = ops.linear(start, weight).data
        energies, since = [_energy(start.data, field)], 0
        running = np.arange(n)
        while len(running) and len(energies) <= (LONGEST if sweeps is None else sweeps):
            old = state[running]
            if asynchronous:
                new, field, flips, rise = learning.hopfield_sweep(old, field, weight.data, self._order(len(weight)), tie=tie)
                if rise.max() > slack:
                    raise _risen(f"by {rise.max():.3g} with one flip")
            else:
                new, field, flips = learning.hopfield_together(old, field, weight.data, tie=tie)
            settled[running] = flips == 0
            goes_on = flips > 0
            if not asynchronous and sweeps is None:
                goes_on &= (new != before[running]).any(1)  # not back where it was two sweeps ago
            count[running] += flips > 0
            before[running], state[running] = old, new
            since += flips.max()
            if since > len(weight) or not symmetric:  # of as many sums a field is as exact as of one
                field, since = ops.linear(Tensor(new), weight).data, 0
            energy = energies[-1].copy()
            energy[running] = _energy(new, field)
            if asynchronous and (energy - energies[-1]).max() > slack:
                raise _risen(f"by {(energy - energies[-1]).max():.3g} in a sweep")
            energies.append(energy)
            running, field = running[goes_on], field[goes_on]
        if asynchronous and sweeps is None and len(running):
            raise RuntimeError(f"Hopfield.recall: {len(running)} states did not settle in {LONGEST} sweeps: {_CAUSE}")
        return Recall(*map(Tensor, (state, np.stack(energies), settled, count)))

    def overlap(self, X, Y):
        """m = (1/k) Σ_i x_i y_i of each row of ``X`` with that of ``Y``: (n), 1 for the same pattern, near 0 for unrelated ones."""
        x = examples("Hopfield.overlap", X, among=(-1, 1), dtype=np.float64)
        y = examples("Hopfield.overlap", Y, name="Y", features=x.shape[1], among=(-1, 1), dtype=np.float64)
        if len(x) != len(y):
            raise ValueError(f"Hopfield.overlap: X has {len(x)} examples, Y has {len(y)}: they must agree")
        return (x * y).mean(1)

    def _order(self, k):
        if isinstance(self.order, str):
            return generator().permutation(k) if self._chosen("order", "random", "given") == "random" else np.arange(k)
        order = values_of(self.order)
        if order.shape != (k,) or not np.array_equal(np.sort(order), np.arange(k)):
            raise ValueError(f"Hopfield: order must be 'random', 'given' or the numbers 0 to {k - 1} in some order")
        return order


_CAUSE = "the weights must be symmetric, without negative self-connections"


def _energy(state, field):
    return (state * field).sum(1) * -0.5


def _rounding(weight):
    """Up to where a field counts as 0 and a change of the energy as none: what sums of k terms may be rounded by. At least as for
    fields of 1, which those of stored patterns are: the weights themselves may be rounding errors."""
    total = np.maximum(np.abs(weight).sum(1), 1)
    unit = 4 * np.finfo(weight.dtype).eps * len(weight)
    return unit * total.max(), unit * total.sum()


def _risen(how):
    return RuntimeError(f"Hopfield.recall: the energy rose {how}: {_CAUSE}")

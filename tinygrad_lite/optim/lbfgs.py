"""L-BFGS: the Newton direction from the last few changes of the gradient."""

from __future__ import annotations

from collections import deque

import numpy as np

from ..ops.update import assign_to
from ..record import new_tensor
from ..state import enable_grad
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer


class LBFGS(Optimizer):
    """The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno (Liu and Nocedal, 1989). All parameters are one vector,
    in one group; ``step`` needs a closure.

    max_iter          iterations of a step
    max_eval          calls of the closure in a step after which no iteration begins, None: max_iter * 5 // 4; of a search
                      one more may be needed
    tolerance_grad    stop where no element of the gradient is larger
    tolerance_change  stop where the parameters, the loss or the slope change less
    history_size      how many changes are kept, each with the memory of two gradients
    line_search_fn    None takes steps of size lr, "strong_wolfe" searches (`line_search.strong_wolfe`)
    """

    fields = ("direction", "size", "gradient", "pairs")
    numbers = ("size",)

    def __init__(
        self, params, lr=1.0, max_iter=20, max_eval=None, tolerance_grad=1e-7, tolerance_change=1e-9, history_size=100,
        line_search_fn=None,
    ):  # fmt: skip
        options = dict(max_iter=max_iter, max_eval=max_iter * 5 // 4 if max_eval is None else max_eval, history_size=history_size)
        tolerances = dict(tolerance_grad=tolerance_grad, tolerance_change=tolerance_change)
        super().__init__(params, dict(lr=lr, **options, **tolerances, line_search_fn=line_search_fn))

    def add_param_group(self, param_group):
        """The one group."""
        if self.param_groups:
            raise ValueError("LBFGS: all parameters stand in one group")
        super().add_param_group(param_group)

    def check(self, options):
        """Raise if options make no sense."""
        if options["max_iter"] < 1 or options["history_size"] < 1:
            raise ValueError(f"max_iter and history_size are at least 1, got {options['max_iter']} and {options['history_size']}")
        if options["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(f"line_search_fn is None or 'strong_wolfe', got {options['line_search_fn']!r}")

    def form(self, k, field):
        """(shape, dtype) of the state, which stands with the first parameter: vectors of all elements, and pairs of them."""
        size, dtype = sum(p.numel() for p in self.params), np.result_type(*(p.dtype for p in self.params))
        return {"size": ((), np.dtype(np.float64)), "pairs": ((None, 2, size), dtype)}.get(field, ((size,), dtype))

    def step(self, closure=None):
        """Up to ``max_iter`` iterations. ``closure`` forgets the gradients, computes the loss, calls backward on it and returns it.
        Returns the loss before the step."""
        if closure is None:
            raise TypeError("LBFGS: step(closure) needs a closure that computes the loss and its gradients, and returns the loss")
        group = self.param_groups[0]
        rate, max_iter, flat_enough, same = (group[n] for n in ("lr", "max_iter", "tolerance_grad", "tolerance_change"))
        outcome, gradient = self._evaluate(closure)
        loss, count = float(outcome), 1
        if _largest(gradient) <= flat_enough:
            return outcome
        old = {name: t.data for name, t in self.state.get(0, {}).items()}
        direction, size, previous = old.get("direction"), float(old.get("size", 0)), old.get("gradient")
        pairs = deque(map(tuple, old.get("pairs", ())), maxlen=group["history_size"])
        place = np.concatenate([p.data.ravel() for p in self.params])

        for iteration in range(1, max_iter + 1):
            if direction is None:
                direction, size = -gradient, min(1.0, 1.0 / float(np.abs(gradient).sum())) * rate
            else:
                moved, change = direction * size, gradient - previous
                if moved @ change > 1e-10:  # else the curvature along it is not positive
                    pairs.append((moved, change))
                direction, size = newton_direction(gradient, pairs), rate
            before, previous, slope = loss, gradient, float(gradient @ direction)
            if slope > -same:
                break
            if group["line_search_fn"] is not None:

                def along(step):
                    self._go_to(place + step * direction)
                    outcome, gradient = self._evaluate(closure)
                    return Point(step, float(outcome), gradient, float(gradient @ direction))

                here, trials = Point(0.0, loss, gradient, slope), min(25, group["max_eval"] - count)
                found, used = strong_wolfe(along, size, here, _largest(direction), trials)
                size, loss, gradient, _ = found
                count += used
            place = place + size * direction
            self._go_to(place)
            if group["line_search_fn"] is None and iteration < max_iter:
                outcome_here, gradient = self._evaluate(closure)
                loss, count = float(outcome_here), count + 1
            done = _largest(gradient) <= flat_enough or _largest(direction * size) <= same or abs(loss - before) < same
            if count >= group["max_eval"] or done:
                break

        kept = np.array(pairs, place.dtype).reshape(-1, 2, place.size)
        state = dict(direction=direction, size=np.array(size, np.float64), gradient=previous, pairs=kept)
        self.state[0] = {name: new_tensor(array) for name, array in state.items()}
        return outcome

    def _evaluate(self, closure):
        """What ``closure`` returns, and the gradients that it leaves as one vector; zeros where there is none."""
        with enable_grad():
            outcome = closure()
        if outcome is None:
            raise TypeError("LBFGS: the closure must return the loss, it returned None")
        gradients = [np.zeros(p.numel(), p.dtype) if p.grad is None else p.grad.data.ravel() for p in self.params]
        return outcome, np.concatenate(gradients)

    def _go_to(self, place):
        """Set the parameters to the elements of a vector."""
        start = 0
        for p in self.params:
            assign_to(p, place[start : start + p.numel()].reshape(p.shape))
            start += p.numel()


def _largest(vector):
    return float(np.abs(vector).max(initial=0))


def newton_direction(gradient, pairs):
    """Minus the gradient times the inverse of the Hessian that the ``pairs`` (change of place, change of gradient), oldest first,
    tell of: the two loops of Nocedal and Wright (2006, algorithm 7.4)."""
    direction, shares = -gradient, []
    for moved, change in reversed(pairs):
        share = (moved @ direction) / (moved @ change)
        direction -= share * change
        shares.append(share)
    if pairs:
        moved, change = pairs[-1]
        direction *= (moved @ change) / (change @ change)
    for (moved, change), share in zip(pairs, reversed(shares)):
        direction += (share - (change @ direction) / (moved @ change)) * moved
    return direction

"""What all optimisers share: the parameters, the rate, the state of each parameter."""

from __future__ import annotations

import numpy as np

from ..errors import describe
from ..ops.update import assign_to
from ..record import new_tensor
from ..tensor import Tensor


class Optimizer:
    """Base of the optimisers. The rate and the step counters are 0-d float64 Tensors changed in place.

    params  Parameters, or other leaf Tensors that require a gradient
    lr      the learning rate, not negative; ``optimizer.lr = 0.01`` sets it
    """

    fields = ()  # the names of the state of a parameter

    def __init__(self, params, lr):
        self.params = list(params)
        if not self.params:
            raise ValueError(f"{type(self).__name__}: no parameters to train")
        for k, p in enumerate(self.params):
            if not isinstance(p, Tensor) or not p.is_leaf:
                what = "a computed one" if isinstance(p, Tensor) else type(p).__name__
                raise TypeError(f"{type(self).__name__}: parameter {k} must be a leaf Tensor, got {what}")
        if len({id(p) for p in self.params}) < len(self.params):
            raise ValueError(f"{type(self).__name__}: a parameter is given twice")
        self._lr = new_tensor(np.array(self._check_rate(lr), np.float64))
        self.state = {}  # index of a parameter -> name -> Tensor

    def _check_rate(self, lr):
        if not lr >= 0:
            raise ValueError(f"{type(self).__name__}: lr must not be negative, got {lr}")
        return lr

    @property
    def lr(self):
        """The learning rate."""
        return float(self._lr.data)

    @lr.setter
    def lr(self, value):
        assign_to(self._lr, self._check_rate(value))

    def zero_grad(self):
        """Forget the gradients, so that the next backward starts anew."""
        for p in self.params:
            if p.source is not None:
                p.source[0].extra.grads.clear()

    def step(self):
        """One update of every parameter that has a gradient."""
        which, parameters, gradients = [], [], []
        for k, p in enumerate(self.params):
            source = p.source  # as p.grad, which asks more
            gradient = None if source is None else source[0].extra.grads.get(source[1])
            if gradient is not None:
                which.append(k)
                parameters.append(p)
                gradients.append(gradient)
        if which:
            self.update(which, parameters, gradients)

    def update(self, which, parameters, gradients):
        """Update the parameters of numbers ``which``; written by each optimiser."""
        raise TypeError(f"{type(self).__name__} has no update: define update(self, which, parameters, gradients)")

    def zeros_for(self, k, parameter, *names):
        """The state of parameter ``k``, zeros of its shape at first."""
        state = self.state.get(k)
        if state is None:
            state = self.state[k] = {name: new_tensor(np.zeros_like(parameter.data)) for name in names}
        return state

    def state_dict(self):
        """All that another optimiser of the same parameters needs to go on: "lr", and "0.mean" and so on, as live arrays."""
        arrays = {f"{k}.{name}": t.data for k, state in self.state.items() for name, t in state.items()}
        return {"lr": self._lr.data, **arrays}

    def load_state_dict(self, state):
        """Copy what `state_dict` gave; nothing is copied unless all of it fits."""
        loaded, problems = {}, [] if "lr" in state else ["lr is missing"]
        for name, array in state.items():
            index, _, field = name.partition(".")
            if name == "lr":
                continue
            if not index.isdigit() or int(index) >= len(self.params) or not field:
                problems.append(f"{name} belongs to no parameter")
                continue
            array, parameter = np.array(array), self.params[int(index)]
            shape, dtype = ((), np.float64) if field == "step" else (parameter.shape, parameter.dtype)
            if field not in self.fields:
                problems.append(f"{name} is no state of {type(self).__name__} ({', '.join(self.fields)})")
            elif array.shape != shape or array.dtype.kind != "f":
                problems.append(f"{name} is {describe(array)}, expected {shape} {np.dtype(dtype)}")
            else:
                array = array.astype(dtype, copy=False)
            loaded.setdefault(int(index), {})[field] = new_tensor(array)
        for k, fields in loaded.items():
            problems += [f"{k}.{field} is missing" for field in self.fields if field not in fields]
        if problems:
            raise ValueError(f"load_state_dict of {type(self).__name__}: {'; '.join(problems)}. Nothing was loaded")
        self.lr = float(state["lr"])
        self.state = loaded

    def __repr__(self):
        return f"{type(self).__name__}({len(self.params)} parameters, lr={self.lr:g})"

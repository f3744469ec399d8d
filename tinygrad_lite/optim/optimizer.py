"""What all optimisers share: groups of parameters, their rates, the state of each parameter."""

from __future__ import annotations

import re

import numpy as np

from ..errors import describe
from ..ops.update import assign_to
from ..record import new_tensor
from ..state import enable_grad
from ..tensor import Tensor


class ParameterGroup(dict):
    """Parameters with options of their own: a dict of "params", "lr" and what else the optimiser has.

    The updates read the rate from ``rate``, a 0-d float64 Tensor which ``group["lr"] = 0.01`` changes in place: a recorded step
    stays live.
    """

    __slots__ = ("first", "rate")  # first: the number of the first parameter of the group

    def __setitem__(self, name, value):
        value = value.item() if isinstance(value, np.generic) else value
        if name == "lr":
            value = float(value)
            if hasattr(self, "rate"):
                assign_to(self.rate, value)
            else:
                self.rate = new_tensor(np.array(value, np.float64))
        dict.__setitem__(self, name, value)

    def update(self, *args, **values):
        """As of any dict."""
        for name, value in dict(*args, **values).items():
            self[name] = value

    def __ior__(self, other):
        self.update(other)
        return self


BESIDE = ("params", "name", "initial_lr")  # what a group holds beside the options of its optimiser


class Optimizer:
    """Base of the optimisers. Rates and step counters are 0-d float64 Tensors changed in place.

    params    Parameters or other leaf Tensors, or groups of them: dicts with "params" and options of their own, such as "lr"
    defaults  the options of groups that do not give them
    """

    fields = ()  # the names of the state of a parameter
    numbers = ("step",)  # those that are one number, not of the parameter's shape

    def __init__(self, params, defaults):
        self.defaults, self.param_groups, self.params = defaults, [], []
        self.state = {}  # index of a parameter -> name -> Tensor
        if isinstance(params, (Tensor, dict, set)):
            raise TypeError(f"{type(self).__name__}: give a list of parameters or of dicts of them, not a {type(params).__name__}")
        params = _listed(type(self).__name__, params)
        for group in params if any(isinstance(p, dict) for p in params) else [{"params": params}]:
            self.add_param_group(group)
        if not self.params:
            raise ValueError(f"{type(self).__name__}: no parameters to train")

    def add_param_group(self, param_group):
        """Train the parameters of one more group, a dict: "params" and the options that are not the defaults."""
        name = type(self).__name__
        if not isinstance(param_group, dict) or "params" not in param_group:
            raise TypeError(f'{name}: a group is a dict with "params", got {type(param_group).__name__}')
        params = param_group["params"]
        if isinstance(params, (dict, set)):
            raise TypeError(f"{name}: the parameters of a group stand in a list, not in a {type(params).__name__}")
        params = [params] if isinstance(params, Tensor) else _listed(name, params)
        for k, p in enumerate(params, len(self.params)):
            if not isinstance(p, Tensor) or not p.is_leaf:
                what = "a computed one" if isinstance(p, Tensor) else type(p).__name__
                raise TypeError(f"{name}: parameter {k} must be a leaf Tensor, got {what}; those of a Module: module.parameters()")
        if len({id(p) for p in self.params + params}) < len(self.params) + len(params):
            raise ValueError(f"{name}: a parameter is given twice")
        unknown = [option for option in param_group if option not in self.defaults and option not in BESIDE]
        if unknown:
            raise ValueError(f"{name}: no option {', '.join(map(str, unknown))} for a group; it has {', '.join(self.defaults)}")
        options = {**self.defaults, **param_group, "params": params}
        try:
            not_negative(options, "lr")
            self.check(options)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        group = ParameterGroup()
        group.update(options)
        group.first = len(self.params)
        self.params += params
        self.param_groups.append(group)

    def check(self, options):
        """Raise a ValueError that says what is wrong with options; written by optimisers that have more than a rate."""

    @property
    def lr(self):
        """The learning rate of the only group; ``optimizer.lr = 0.01`` sets it."""
        return self._only_group()["lr"]

    @lr.setter
    def lr(self, value):
        group = self._only_group()
        not_negative({"lr": value}, "lr")
        group["lr"] = value

    def _only_group(self):
        if len(self.param_groups) > 1:
            raise ValueError(f"{type(self).__name__}: each of the {len(self.param_groups)} param_groups has its own lr")
        return self.param_groups[0]

    def zero_grad(self, set_to_none=True):
        """Forget the gradients, so that the next backward starts anew; or make them zero."""
        for p in self.params:
            if not set_to_none and p.grad is not None:
                p.grad = new_tensor(np.zeros_like(p.grad.data))
            elif p.source is not None:
                p.source[0].extra.grads.clear()

    def step(self, closure=None):
        """One update of every parameter that has a gradient. ``closure``, if given, computes the gradients before, and its result
        (the loss) is returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            which, parameters, gradients = [], [], []
            for k, p in enumerate(group["params"], group.first):
                source = p.source  # as p.grad, which asks more
                gradient = None if source is None else source[0].extra.grads.get(source[1])
                if gradient is not None:
                    which.append(k)
                    parameters.append(p)
                    gradients.append(gradient)
            if which:
                self.update(group, which, parameters, gradients)
        return loss

    def update(self, group, which, parameters, gradients):
        """Update the parameters of numbers ``which``, all of one group; written by each optimiser."""
        raise TypeError(f"{type(self).__name__} has no update: define update(self, group, which, parameters, gradients)")

    # -- the state of each parameter --

    def states(self, group, which, parameters, *names):
        """For each name the list of these states of the parameters, made where it is the first step of one."""
        state = self.state
        try:
            return [[state[k][name] for k in which] for name in names]
        except KeyError:
            for k, p in zip(which, parameters):
                own = state.setdefault(k, {})
                for name in names:
                    if name not in own:
                        like = np.empty((), np.float64) if name in self.numbers else p.data
                        own[name] = new_tensor(np.full_like(like, self.start(group, name)))
            return [[state[k][name] for k in which] for name in names]

    def start(self, group, name):
        """The number that the state ``name`` starts from."""
        return 0

    def needed(self, options):
        """The states that a parameter has under these options of its group."""
        return self.fields

    def form(self, k, field):
        """(shape, dtype) of the state ``field`` of parameter ``k``; None stands for any size."""
        return ((), np.float64) if field in self.numbers else (self.params[k].shape, self.params[k].dtype)

    # -- saving --

    def state_dict(self):
        """All that another optimiser of the same parameters needs to go on, as arrays, live where they are state.

        "lr" and the other numbers among the options of the first group, "group1.lr" and so on of the further ones, "params" is
        how many parameters a group has; "0.mean" is the state of the first parameter.
        """
        arrays = {}
        for g, group in enumerate(self.param_groups):
            for name, value in {**group, "params": len(group["params"])}.items():
                if name == "lr":
                    arrays[_key(g, name)] = group.rate.data
                elif isinstance(value, (int, float, tuple, list)):
                    arrays[_key(g, name)] = np.array(value)
        return arrays | {f"{k}.{name}": t.data for k, state in self.state.items() for name, t in state.items()}

    def load_state_dict(self, state):
        """Copy what `state_dict` gave; nothing is copied unless all of it fits. Options that are not in it stay as they are."""
        groups, options = self.param_groups, [{} for _ in self.param_groups]
        problems = [f"{_key(g, 'lr')} is missing" for g in range(len(groups)) if _key(g, "lr") not in state]
        loaded = {}
        for name, value in state.items():
            value = np.array(value.data if isinstance(value, Tensor) else value)
            index, _, field = name.partition(".")
            option = re.fullmatch(r"(?:group([1-9]\d*)\.)?([A-Za-z_]\w*)", name)
            if option:
                g, option = int(option[1] or 0), option[2]
                problem = self._option_problem(name, g, option, value)
                if problem:
                    problems.append(problem)
                elif option != "params":
                    options[g][option] = tuple(value.tolist()) if value.ndim else value.item()
            elif not index.isdecimal() or int(index) >= len(self.params) or not field:
                problems.append(f"{name} belongs to no parameter")
            elif field not in self.fields:
                problems.append(f"{name} is no state of {type(self).__name__} ({', '.join(self.fields)})")
            else:
                shape, dtype = self.form(int(index), field)
                fits = len(shape) == value.ndim and all(n in (None, m) for n, m in zip(shape, value.shape))
                if not fits or value.dtype.kind != "f":
                    problems.append(f"{name} is {describe(value)}, expected {shape} {np.dtype(dtype)}")
                loaded.setdefault(int(index), {})[field] = new_tensor(value.astype(dtype, copy=False))
        options = [{**group, **given} for group, given in zip(groups, options)]
        for k, fields in loaded.items():
            group = next(g for g in reversed(range(len(groups))) if groups[g].first <= k)
            problems += [f"{k}.{field} is missing" for field in self.needed(options[group]) if field not in fields]
        for given in options if not problems else ():
            try:
                self.check(given)
            except ValueError as error:
                problems.append(str(error))
        if problems:
            raise ValueError(f"load_state_dict of {type(self).__name__}: {'; '.join(problems)}. Nothing was loaded")
        for group, given in zip(groups, options):
            group.update(given)
        self.state = loaded

    def _option_problem(self, name, g, option, value):
        """What is wrong with a saved option, None if nothing is."""
        if g >= len(self.param_groups):
            return f"{name} belongs to no group, there are {len(self.param_groups)}"
        own = 0.0 if option == "initial_lr" else self.param_groups[g].get(option)
        if option == "params":
            return f"{name} is {value}, the group has {len(own)} parameters" if value != len(own) else None
        if not isinstance(own, (int, float, tuple, list)):
            return f"{name} is no saved option of {type(self).__name__} ({', '.join(self.defaults)})"
        kinds = "b" if isinstance(own, bool) else "iuf"
        if value.shape != np.shape(own) or value.dtype.kind not in kinds:
            return f"{name} is {describe(value)}, expected {np.shape(own)} {'bool' if kinds == 'b' else 'of numbers'}"
        return None

    def __repr__(self):
        rates = ", ".join(f"{group['lr']:g}" for group in self.param_groups)
        return f"{type(self).__name__}({len(self.params)} parameters, lr={rates})"


def _key(g, option):
    """The name of an option of group ``g`` in a saved state."""
    return f"group{g}.{option}" if g else option


def _listed(name, params):
    try:
        return list(params)
    except TypeError:
        raise TypeError(f"{name}: expected a list of parameters or of dicts of them, got {type(params).__name__}") from None


def not_negative(options, *names):
    """Raise if one of the options ``names`` is negative, or no number."""
    for name in names:
        if isinstance(options[name], str) or not hasattr(options[name], "__float__"):
            raise ValueError(f"{name} must be a number, got {options[name]!r}")
    wrong = [f"{name} must not be negative, got {options[name]}" for name in names if not options[name] >= 0]
    if wrong:
        raise ValueError("; ".join(wrong))


def check_betas(options):
    """Raise if "betas" are not two shares."""
    betas = options["betas"]
    if not isinstance(betas, (tuple, list)) or len(betas) != 2 or not all(0 <= b < 1 for b in betas):
        raise ValueError(f"betas lie in [0, 1), two of them, got {betas}")

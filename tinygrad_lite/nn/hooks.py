"""Functions that run around the call of a module, and when its gradients are known."""

from __future__ import annotations

from ..graph import alias
from ..record import Value
from ..state import local


class Hooks:
    """The hooks of one module, in the order in which they run. A module without any has None in the place of this."""

    def __init__(self):
        self.before, self.after = {}, {}  # place -> (hook, whether it takes keyword arguments)
        self.backward_pre, self.backward = {}, {}

    def call(self, module, args, kwargs):
        """``module.forward``, with the hooks around it."""
        for hook, with_kwargs in list(self.before.values()):
            new = hook(module, args, kwargs) if with_kwargs else hook(module, args)
            if new is None:
                continue
            if not with_kwargs:
                args = new if isinstance(new, tuple) else (new,)
            elif isinstance(new, tuple) and len(new) == 2:
                args, kwargs = new
            else:
                raise TypeError(f"forward pre-hook of {_name(module)}: expected None or (args, kwargs), got {type(new).__name__}")
        watched = (self.backward or self.backward_pre) and local.state.recording
        watch = _Gradients(module, list(self.backward_pre.values()), list(self.backward.values()), args) if watched else None
        output = module.forward(*(args if watch is None else watch.inputs), **kwargs)
        for hook, with_kwargs in list(self.after.values()):
            new = hook(module, args, kwargs, output) if with_kwargs else hook(module, args, output)
            output = output if new is None else new
        return output if watch is None else watch.outputs(output)


class Handle:
    """What registering a hook returns."""

    def __init__(self, module, kind, hook, with_kwargs=False, prepend=False):
        if module._hooks is None:
            object.__setattr__(module, "_hooks", Hooks())
            object.__setattr__(module, "_entered", (None, None))  # where the call looks for hooks
        self.module, self.hooks, self.place = module, getattr(module._hooks, kind), object()
        others = dict(self.hooks) if prepend else {}
        if prepend:
            self.hooks.clear()
        self.hooks[self.place] = hook, with_kwargs
        self.hooks.update(others)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.remove()

    def remove(self):
        """Take the hook away; leaving ``with`` does it too."""
        self.hooks.pop(self.place, None)
        hooks = self.module._hooks
        if hooks is not None and not (hooks.before or hooks.after or hooks.backward_pre or hooks.backward):
            object.__setattr__(self.module, "_hooks", None)


class _Gradients:
    """One call of a module whose backward hooks see the gradients of all its inputs and outputs together."""

    def __init__(self, module, pre_hooks, hooks, args):
        self.module, self.pre_hooks, self.hooks, self.to_outputs = module, pre_hooks, hooks, None
        self.places = [i for i, a in enumerate(args) if isinstance(a, Value) and a.source is not None]
        self.inputs = list(args)
        for i, x in zip(self.places, _together([args[i] for i in self.places], self._run)):
            self.inputs[i] = x

    def outputs(self, output):
        """What the module returned, watched."""
        single = isinstance(output, Value)
        if not single and not isinstance(output, (tuple, list)):
            where = f"full backward hook of {_name(self.module)}"
            raise TypeError(f"{where}: the output must be a Tensor or a tuple of them, it is {type(output).__name__}")
        outs = [output] if single else list(output)
        places = [i for i, o in enumerate(outs) if isinstance(o, Value) and o.source is not None]
        for i, o in zip(places, _together([outs[i] for i in places], lambda gs: self._keep(places, len(outs), gs))):
            outs[i] = o
        if single:
            return outs[0]
        return type(output)._make(outs) if hasattr(output, "_make") else outs if isinstance(output, list) else tuple(outs)

    def _keep(self, places, n, gradients):
        given, replaced = self._asked(self.pre_hooks, "pre-hook", _spread(places, n, gradients), "output")
        self.to_outputs = given
        if not self.places:  # no input needs a gradient: nothing more is to come
            self._run(())
        return [given[i] for i in places] if replaced else None

    def _run(self, gradients):
        if self.to_outputs is None:  # a second derivative comes to the inputs from within the module: no gradient of the outputs
            return None
        given = _spread(self.places, len(self.inputs), gradients)
        given, replaced = self._asked(self.hooks, "hook", given, "input", self.to_outputs)
        self.to_outputs = None
        return [given[i] for i in self.places] if replaced else None

    def _asked(self, hooks, kind, given, whose, *more):
        """The gradients ``given`` as the hooks leave them, and whether one of them put others in their place."""
        replaced = False
        for hook, _ in hooks:
            new = hook(self.module, given, *more)
            if new is None:
                continue
            new = new if isinstance(new, tuple) else (new,)
            if len(new) != len(given):
                where = f"full backward {kind} of {_name(self.module)}"
                raise ValueError(f"{where}: expected None or {len(given)} gradients, one for each {whose}, got {len(new)}")
            given, replaced = new, True
        return given, replaced


def _spread(places, n, values):
    spread = [None] * n
    for i, v in zip(places, values):
        spread[i] = v
    return tuple(spread)


def _together(tensors, function):
    """``tensors`` as values of their own, whose gradients ``function`` gets all at once (None where there is none) and may replace.

    Each passes through two nodes. The walk back takes the newest first, so that all of the second layer are through, each having
    left its gradient, when it comes to the first layer.
    """
    found, done = [None] * len(tensors), [None]

    def leave(k, g):
        found[k], done[0] = g, None

    def take(k, g):
        if done[0] is None:
            given = tuple(found)
            found[:] = [None] * len(found)
            done[0] = function(given) or [None] * len(given)
        return done[0][k]

    first = [alias(x) for x in tensors]
    second = [alias(x) for x in first]
    for k, (x, y) in enumerate(zip(first, second)):
        y.register_hook(lambda g, k=k: leave(k, g))
        x.register_hook(lambda g, k=k: take(k, g))
    return second


def _name(module):
    name = type(module).__name__
    return f"{name} {module._name}" if module._name else name

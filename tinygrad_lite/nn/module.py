"""Module: a model is attributes. Parameters, buffers and modules are found where they stand, in lists and dicts too."""

from __future__ import annotations

import numpy as np

from ..errors import describe
from ..ops.update import assign_to
from ..record import extra_of, leaf_source
from ..state import local, setting
from ..tables import count, tree_html
from ..tensor import Tensor, history_of
from .hooks import Handle


class Parameter(Tensor):
    """A leaf Tensor that a `Module` trains."""

    __slots__ = ()

    def __init__(self, data, requires_grad=True, dtype=None):
        super().__init__(data, requires_grad=requires_grad, dtype=dtype)

    def __repr__(self):
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A Tensor that belongs to a `Module` and is saved with it, but is not trained (running statistics)."""

    __slots__ = ()


_REMEMBERED = frozenset(("_entered", "_steps"))  # attributes that only save time


class Module:
    """A part of a model: set Parameters, Buffers and Modules as attributes (also in lists, tuples and dicts), write ``forward``.

    ::

        class Perceptron(nn.Module):
            def __init__(self):
                self.hidden, self.out = nn.Linear(64, 32), nn.Linear(32, 10)

            def forward(self, x):
                return self.out(self.hidden(x).tanh())

    Calling the module calls ``forward`` under its name, which errors and pictures show.
    """

    training = True
    _name = ""  # the attribute of another module that this one is
    _entered = None, None  # the scope around the last call, and the scope of that call
    _hooks = None
    _not_saved = frozenset()  # names of buffers

    def forward(self, *args, **kwargs):
        """What the module computes; to be written by each class."""
        raise TypeError(f"{type(self).__name__} has no forward: define forward(self, ...)")

    def __call__(self, *args, **kwargs):
        state = local.state
        outer = state.scope
        entered = self._entered
        if entered[0] is not outer:
            entered = outer, outer.child(self._name, type(self).__name__)
            if self._entered[0] is None:
                for name, value in vars(self).items():  # a list may have grown since it was set
                    if type(value) in (list, dict):
                        _give_names(name, value)
            if self._hooks is not None:  # this call is not remembered: a module without hooks does not even look for them
                with setting("scope", entered[1]):
                    return self._hooks.call(self, args, kwargs)
            object.__setattr__(self, "_entered", entered)
        state.scope = entered[1]
        try:
            return self.forward(*args, **kwargs)
        finally:
            state.scope = outer

    def __setattr__(self, name, value):
        if isinstance(value, Tensor) and not isinstance(value, (Parameter, Buffer)):
            value = self._in_place_of(name, value)
        object.__setattr__(self, name, value)
        _give_names(name, value)

    def _in_place_of(self, name, tensor):
        """A Tensor set where a Buffer stands is the Buffer from then on; a Parameter is not lost by accident."""
        old = vars(self).get(name)
        if isinstance(old, Parameter):
            raise TypeError(
                f"{type(self).__name__}.{name} is a Parameter: set a Parameter or None, change its values with assign(), "
                f"or delete it first to have a plain Tensor there"
            )
        return Buffer(tensor) if isinstance(old, Buffer) else tensor

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name not in _REMEMBERED}

    # -- what it holds --

    def _own(self):
        """(name, value) of the parameters, buffers and modules set here, in the order in which they were set."""
        for name, value in vars(self).items():
            if name not in _REMEMBERED:
                yield from _leaves_of(name, value)

    def named_children(self):
        """(name, module) of the modules set here, each once."""
        return _each_once((name, value) for name, value in self._own() if isinstance(value, Module))

    def children(self):
        """The modules set here, each once."""
        return (module for _, module in self.named_children())

    def named_modules(self, prefix="", remove_duplicate=True):
        """(name, module) of this module and all below it; each once, or under all of its names."""
        walk = self._walk_modules(prefix, ())
        return _each_once(walk) if remove_duplicate else walk

    def _walk_modules(self, prefix, above):
        yield prefix, self
        for name, child in self._own():
            if isinstance(child, Module) and not any(child is module for module in (self, *above)):  # one may hold its parent
                yield from child._walk_modules(f"{prefix}.{name}" if prefix else name, (self, *above))

    def modules(self, remove_duplicate=True):
        """This module and all below it, each once, or as often as it is used."""
        return (module for _, module in self.named_modules(remove_duplicate=remove_duplicate))

    def _named(self, kind, prefix="", recurse=True, remove_duplicate=False, saved_only=False):
        found = (
            (f"{path}.{name}" if path else name, value)
            for path, module in (self._walk_modules(prefix, ()) if recurse else [(prefix, self)])
            for name, value in module._own()
            if isinstance(value, kind) and not (saved_only and name in module._not_saved)
        )
        return _each_once(found) if remove_duplicate else found

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """(name, Parameter) of this module and, with ``recurse``, all below it; one that is used in two places comes once, under
        its first name, or under each with ``remove_duplicate=False``."""
        return self._named(Parameter, prefix, recurse, remove_duplicate)

    def parameters(self, recurse=True):
        """The Parameters of this module and all below it, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """(name, Buffer) of this module and all below it, as `named_parameters` has it."""
        return self._named(Buffer, prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        """The Buffers of this module and all below it, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target):
        """The module of the name ``target``, as `named_modules` has it: ``features.0``; this one for ""."""
        return _found(self, "module", target, self.named_modules(remove_duplicate=False))

    def get_parameter(self, target):
        """The Parameter of the name ``target``, as `named_parameters` has it: ``features.0.weight``."""
        return _found(self, "parameter", target, self.named_parameters(remove_duplicate=False))

    def get_buffer(self, target):
        """The Buffer of the name ``target``, as `named_buffers` has it: ``features.1.running_mean``."""
        return _found(self, "buffer", target, self.named_buffers(remove_duplicate=False))

    def register_buffer(self, name, tensor, persistent=True):
        """Set ``tensor`` (or None) as the Buffer ``name``; it stands in `state_dict` if it is ``persistent``."""
        self._check_name(name, tensor, Tensor)
        setattr(self, name, None if tensor is None else Buffer(tensor))
        object.__setattr__(self, "_not_saved", self._not_saved - {name} if persistent else self._not_saved | {name})

    def register_parameter(self, name, param):
        """Set the Parameter ``param`` (or None) as attribute ``name``."""
        self._check_name(name, param, Parameter)
        setattr(self, name, param)

    def add_module(self, name, module):
        """Set ``module`` (or None) as attribute ``name``, which may be a number."""
        self._check_name(name, module, Module)
        setattr(self, name, module)

    register_module = add_module

    def _check_name(self, name, value, kind):
        where = f"{type(self).__name__}: {kind.__name__} {name!r}"
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"{where}: a name is text without dots")
        if hasattr(type(self), name):
            raise ValueError(f"{where}: the name is taken by the class: choose another")
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"{where}: expected a {kind.__name__} or None, got {type(value).__name__}")

    # -- hooks: each is registered until ``remove()`` of what is returned --

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call ``hook(module, args)`` before each ``forward``; what it returns, if not None, takes the place of the arguments.

        prepend      run before the hooks that are there, not after them
        with_kwargs  call ``hook(module, args, kwargs)``, which may return (args, kwargs)
        """
        return Handle(self, "before", hook, with_kwargs, prepend)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call ``hook(module, args, output)`` after each ``forward``; what it returns, if not None, takes the place of the output.
        With ``with_kwargs`` it is ``hook(module, args, kwargs, output)``."""
        return Handle(self, "after", hook, with_kwargs, prepend)

    def register_full_backward_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_input, grad_output)`` in each backward, when the gradients of the inputs are known: tuples with
        a Tensor for each positional argument and each output, None where there is no gradient. A tuple that it returns takes the
        place of ``grad_input``."""
        return Handle(self, "backward", hook, False, prepend)

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_output)`` in each backward, when the gradients of the outputs are known and before those of the
        inputs are computed: a tuple as of `register_full_backward_hook`. A tuple that it returns takes its place."""
        return Handle(self, "backward_pre", hook, False, prepend)

    # -- states --

    def train(self, mode=True):
        """Into training mode (dropout drops, statistics move); returns the module. A module below whose class has a ``train`` of
        its own (one that stays frozen) decides for itself and for what it holds."""
        decided = set()
        for module in self.modules():
            if id(module) in decided:
                continue
            if module is self or type(module).train is Module.train:
                object.__setattr__(module, "training", bool(mode))
            else:
                module.train(mode)
                decided.update(map(id, module.modules()))
        return self

    def eval(self):
        """Into evaluation mode; returns the module."""
        return self.train(False)

    def zero_grad(self, set_to_none=True):
        """Forget the gradients of all parameters; or make them zero."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad = Tensor(np.zeros_like(parameter.grad.data))

    def requires_grad_(self, requires_grad=True):
        """Train all parameters, or none of them; returns the module."""
        for parameter in self.parameters():
            name = parameter.source[0].extra.name if parameter.source else None
            parameter.requires_grad_(requires_grad)
            if requires_grad and name is None:
                _rename(self)
        return self

    def apply(self, function):
        """Call ``function`` on every module below and then on this one; returns the module."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def to(self, dtype):
        """Floating parameters and buffers in ``dtype``; gradients are forgotten. Returns the module."""
        dtype = np.dtype(dtype)
        if dtype.kind != "f":
            raise TypeError(f"Module.to: a model computes in floats, not in {dtype}")
        for _, tensor in [*self.named_parameters(), *self.named_buffers()]:
            if tensor.data.dtype.kind == "f" and tensor.data.dtype != dtype:
                tensor.data = tensor.data.astype(dtype)
                tensor.changed = history_of(tensor.data)
                if tensor.source is not None:
                    name = tensor.source[0].extra.name
                    tensor.source = leaf_source(tensor.data)
                    tensor.source[0].extra.name = name
        return self

    def double(self):
        """In float64."""
        return self.to(np.float64)

    def float(self):
        """In float32."""
        return self.to(np.float32)

    def state_dict(self, prefix=""):
        """Name -> array of all parameters and persistent buffers, each under all of its names, behind ``prefix`` ("model."). The
        arrays are live: copy them to keep a state."""
        return {prefix + name: tensor.data for name, tensor in self._named((Parameter, Buffer), saved_only=True)}

    def load_state_dict(self, state, strict=True):
        """Copy arrays (or Tensors) into the parameters and buffers of the same names, in place.

        Nothing is copied unless every shape fits and, if ``strict``, no name is missing or unexpected: a ValueError lists all
        that is wrong. Returns (missing names, unexpected names).
        """
        if not hasattr(state, "items"):
            raise TypeError(
                f"load_state_dict of {type(self).__name__}: expected names and arrays, as state_dict() and the loaders of io "
                f"return them, got {type(state).__name__}"
            )
        own = dict(self._named((Parameter, Buffer), saved_only=True))
        missing, unexpected = [n for n in own if n not in state], [n for n in state if n not in own]
        arrays = {n: np.asarray(v.data if isinstance(v, Tensor) else v) for n, v in state.items() if n in own}
        wrong = [
            f"{n}: {describe(a)} does not go into {describe(own[n].data)}"
            for n, a in arrays.items()
            if a.shape != own[n].shape or a.dtype.kind not in "biuf" or (a.dtype.kind == "f" and own[n].dtype.kind != "f")
        ]
        problems = [f"wrong shapes or dtypes: {'; '.join(wrong)}"] if wrong else []
        if strict:
            problems += [f"missing: {', '.join(missing)}"] if missing else []
            problems += [f"unexpected: {', '.join(unexpected)}"] if unexpected else []
        if problems:
            raise ValueError(f"load_state_dict of {type(self).__name__}: {'. '.join(problems)}. Nothing was loaded")
        for name, array in arrays.items():
            assign_to(own[name], array)
        return missing, unexpected

    # -- text --

    def extra_repr(self):
        """What the text of the module says of it beside its name."""
        return ""

    def __repr__(self):
        children = [(name, value) for name, value in self._own() if isinstance(value, Module)]
        lines = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in children]
        if not lines:
            return f"{type(self).__name__}({self.extra_repr()})"
        return "\n".join([f"{type(self).__name__}({self.extra_repr()}", *lines, ")"])

    def _repr_html_(self, name="", above=()):
        """The tree of the modules with the numbers of their parameters, for a notebook."""
        inside = [(n, m) for n, m in self.named_children() if not any(m is outer for outer in (self, *above))]
        n = sum(p.data.size for p in self.parameters())
        label = f"{name}{type(self).__name__}({self.extra_repr()})" + (f": {count(n)} parameters" if n else "")
        return tree_html(label, [module._repr_html_(f"{own}: ", (self, *above)) for own, module in inside])


def _leaves_of(name, value):
    """The parameters, buffers and modules in an attribute: itself, or in lists, tuples and dicts."""
    if isinstance(value, (Parameter, Buffer, Module)):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _leaves_of(f"{name}.{i}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves_of(f"{name}.{key}", item)


def _give_names(name, value):
    """Tell what was set as an attribute its name, for errors and pictures."""
    for path, item in _leaves_of(name, value):
        if isinstance(item, Module):
            object.__setattr__(item, "_name", path)
            object.__setattr__(item, "_entered", (None, None))
        elif item.source is not None:
            extra_of(item.source[0]).name = path


def _found(module, kind, target, pairs):
    names = []
    for name, value in pairs:
        if name == target:
            return value
        names.append(name)
    there = ", ".join(filter(None, names[:20])) + (", ..." if len(names) > 20 else "")
    raise AttributeError(f"{type(module).__name__} has no {kind} {target!r}; there are {there or 'none'}")


def _rename(module):
    for part in module.modules():
        for name, value in vars(part).items():
            _give_names(name, value)


def _each_once(pairs):
    seen = set()
    for name, value in pairs:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value

"""Module: a model is attributes. Parameters, buffers and modules are found where they stand, in lists and dicts too."""

from __future__ import annotations

import numpy as np

from ..errors import describe
from ..ops.update import assign_to
from ..record import extra_of, leaf_source
from ..state import local
from ..tables import count, tree_html
from ..tensor import Tensor, history_of


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
            object.__setattr__(self, "_entered", entered)
        state.scope = entered[1]
        try:
            return self.forward(*args, **kwargs)
        finally:
            state.scope = outer

    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)
        _give_names(name, value)

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name not in _REMEMBERED}

    # -- what it holds --

    def _own(self):
        """(name, value) of the parameters, buffers and modules set here, in the order in which they were set."""
        for name, value in vars(self).items():
            if name not in _REMEMBERED:
                yield from _leaves_of(name, value)

    def named_children(self):
        """(name, module) of the modules set here."""
        return ((name, value) for name, value in self._own() if isinstance(value, Module))

    def children(self):
        """The modules set here."""
        return (module for _, module in self.named_children())

    def named_modules(self, prefix=""):
        """(name, module) of this module and all below it, each once."""
        return _each_once(self._walk_modules(prefix, ()))

    def _walk_modules(self, prefix, above):
        yield prefix, self
        for name, child in self.named_children():
            if not any(child is module for module in (self, *above)):  # a module may hold the one that holds it
                yield from child._walk_modules(f"{prefix}.{name}" if prefix else name, (self, *above))

    def modules(self):
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def _named(self, kind, prefix=""):
        for path, module in self.named_modules(prefix):
            for name, value in module._own():
                if isinstance(value, kind):
                    yield f"{path}.{name}" if path else name, value

    def named_parameters(self, prefix=""):
        """(name, Parameter) of this module and all below it; one that is used in two places comes once, under its first name."""
        return _each_once(self._named(Parameter, prefix))

    def parameters(self):
        """The Parameters of this module and all below it, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self, prefix=""):
        """(name, Buffer) of this module and all below it, each once."""
        return _each_once(self._named(Buffer, prefix))

    def buffers(self):
        """The Buffers of this module and all below it, each once."""
        return (buffer for _, buffer in self.named_buffers())

    def register_buffer(self, name, tensor):
        """Set ``tensor`` as the Buffer ``name``."""
        setattr(self, name, Buffer(tensor))

    def register_parameter(self, name, parameter):
        """Set ``parameter`` (or None) as attribute ``name``."""
        setattr(self, name, parameter)

    def add_module(self, name, module):
        """Set ``module`` as attribute ``name``, which may be a number."""
        setattr(self, name, module)

    # -- states --

    def train(self, mode=True):
        """Into training mode (dropout drops, statistics move); returns the module."""
        for module in self.modules():
            object.__setattr__(module, "training", mode)
        return self

    def eval(self):
        """Into evaluation mode; returns the module."""
        return self.train(False)

    def zero_grad(self):
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

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
        """Name -> array of all parameters and buffers. The arrays are live: copy them to keep a state."""
        return {name: tensor.data for name, tensor in self._named((Parameter, Buffer), prefix)}

    def load_state_dict(self, state, strict=True):
        """Copy arrays (or Tensors) into the parameters and buffers of the same names, in place.

        Nothing is copied unless every shape fits and, if ``strict``, no name is missing or unexpected: a ValueError lists all
        that is wrong. Returns (missing names, unexpected names).
        """
        own = dict(self._named((Parameter, Buffer)))
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
        lines = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
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

"""Modules that hold modules or parameters."""

from __future__ import annotations

import functools

from ..record import Value
from .activation import ReLU
from .module import Module, Parameter
from .pooling import MaxPool1d, MaxPool2d, MaxPool3d


class _Holder(Module):
    """Items of the kind ``holds`` as attributes."""

    holds = Module

    def _items(self):
        """The items by name, in the order in which they were set."""
        return {name: value for name, value in vars(self).items() if isinstance(value, self.holds)}

    def _checked(self, item):
        if not isinstance(item, Module):
            raise TypeError(f"{type(self).__name__}: expected a Module, got {type(item).__name__}")
        return item

    def __len__(self):
        return len(self._items())


class _List(_Holder):
    """Items in order, under the names 0, 1, ..."""

    def __init__(self, items=()):
        self.extend(items)

    def append(self, item):
        """Add ``item`` at the end; returns the list."""
        setattr(self, str(len(self)), self._checked(item))
        return self

    def extend(self, items):
        """Add ``items`` at the end; returns the list."""
        for item in items:
            self.append(item)
        return self

    def insert(self, index, item):
        """Put ``item`` in front of the one at ``index``."""
        items = list(self)
        items.insert(index, self._checked(item))
        self._set_all(items)

    def __add__(self, other):
        whole = type(self).__new__(type(self))
        whole.extend([*self, *other])
        return whole

    def __iadd__(self, items):
        return self.extend(items)

    def pop(self, index=-1):
        """Take out the item at ``index``; returns it."""
        items = list(self)
        item = items.pop(index)
        self._set_all(items)
        return item

    def _set_all(self, items):
        for name in self._items():
            delattr(self, name)
        self.extend(items)

    def __iter__(self):
        return iter(list(self._items().values()))

    def __setitem__(self, index, item):
        name = list(self._items())[index]
        setattr(self, name, self._checked(item))

    def __delitem__(self, index):
        items = list(self)
        del items[index]
        self._set_all(items)

    def __getitem__(self, index):
        items = list(self)
        if not isinstance(index, slice):
            return items[index]
        part = type(self).__new__(type(self))
        for k, item in enumerate(items[index]):
            object.__setattr__(part, str(k), item)  # the items keep the names that they have in the whole
        return part


class _Dict(_Holder):
    """Items by name, in the order in which they were set."""

    def __init__(self, items=()):
        self.update(items)

    def __getitem__(self, name):
        items = self._items()
        if name not in items:
            raise KeyError(f"{type(self).__name__} has no {name!r}; there are {', '.join(items) or 'none'}")
        return items[name]

    def __setitem__(self, name, item):
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"{type(self).__name__}: a name is text without dots, got {name!r}")
        if name not in self._items() and hasattr(self, name):
            raise ValueError(f"{type(self).__name__}: the name {name!r} is taken by an attribute of the container: choose another")
        setattr(self, name, self._checked(item))

    def __delitem__(self, name):
        self[name]
        delattr(self, name)

    def __contains__(self, name):
        return name in self._items()

    def __iter__(self):
        return iter(self._items())

    def keys(self):
        """The names."""
        return self._items().keys()

    def values(self):
        """The items."""
        return self._items().values()

    def items(self):
        """(name, item) of all."""
        return self._items().items()

    def update(self, items):
        """Set the items of a dict, or of pairs (name, item)."""
        for name, item in items.items() if hasattr(items, "items") else items:
            self[name] = item

    def pop(self, name):
        """Take out the item ``name``; returns it."""
        item = self[name]
        del self[name]
        return item

    def clear(self):
        """Take out all items."""
        for name in self._items():
            del self[name]


class _OfParameters(_Holder):
    """Items that are Parameters; other Tensors become such."""

    holds = Parameter

    def _checked(self, item):
        if not isinstance(item, Value):
            raise TypeError(f"{type(self).__name__}: expected a Parameter or Tensor, got {type(item).__name__}")
        return item if isinstance(item, Parameter) else Parameter(item)

    def extra_repr(self):
        """Each Parameter by its shape."""
        return ", ".join(f"{name}: {p.shape} {p.dtype}" for name, p in self._items().items())


class ModuleList(_List):
    """Modules in a list; it has no forward of its own."""


class ModuleDict(_Dict):
    """Modules by name; it has no forward of its own."""


class ParameterList(_OfParameters, _List):
    """Parameters in a list."""


class ParameterDict(_OfParameters, _Dict):
    """Parameters by name."""

    def get(self, name, default=None):
        """The Parameter ``name``, or ``default``."""
        return self._items().get(name, default)


class Sequential(ModuleList):
    """Modules called one after the other: ``Sequential(Linear(64, 32), Tanh(), Linear(32, 10))``, or of a dict name -> module.

    A ReLU in front of a max pool runs behind it: max(relu(x)) = relu(max(x)), with the same gradients, on fewer numbers. Not where
    one of the two has hooks.
    """

    def __init__(self, *modules):
        if len(modules) == 1 and isinstance(modules[0], dict):
            for name, module in modules[0].items():
                self.add_module(name, self._checked(module))
        else:
            super().__init__(modules[0] if len(modules) == 1 and isinstance(modules[0], (list, tuple)) else modules)

    def forward(self, x):
        """Each module on the output of the one before."""
        for module in self._steps or self._find_steps():
            x = module(x)
        return x

    def __getitem__(self, index):
        if not isinstance(index, slice):
            return super().__getitem__(index)
        part = type(self).__new__(type(self))
        for name, module in list(self._items().items())[index]:  # under the names of the whole, so that states fit
            object.__setattr__(part, name, module)
        return part

    _steps = ()  # the modules in order, found at the first call after a change

    def _find_steps(self):
        steps = []
        for module in self:
            if steps and type(steps[-1]) is ReLU and _commutes(module):
                module = functools.partial(_relu_and_pool, steps.pop(), module)
            steps.append(module)
        object.__setattr__(self, "_steps", steps)
        return steps

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        object.__setattr__(self, "_steps", ())

    def __delattr__(self, name):
        super().__delattr__(name)
        object.__setattr__(self, "_steps", ())


def _commutes(pool):
    """Whether ``pool`` gives the same before and after a ReLU: maxima of windows that hold an element of the image."""
    return type(pool) in (MaxPool1d, MaxPool2d, MaxPool3d) and not pool.return_indices and pool.dilation in (1, (1, 1), (1, 1, 1))


def _relu_and_pool(relu, pool, x):
    """pool(relu(x)), the other way round unless a hook sees what passes between them."""
    return relu(pool(x)) if relu._hooks is None is pool._hooks else pool(relu(x))

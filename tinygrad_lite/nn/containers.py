"""Modules that hold modules."""

from __future__ import annotations

import itertools

from .activation import ReLU
from .module import Module
from .pooling import MaxPool1d, MaxPool2d, MaxPool3d


class ModuleList(Module):
    """Modules in a list; it has no forward of its own."""

    def __init__(self, modules=()):
        for module in modules:
            self.append(module)

    def append(self, module):
        """Add ``module`` at the end; returns the list."""
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__}: expected a Module, got {type(module).__name__}")
        setattr(self, str(len(self)), module)
        return self

    def extend(self, modules):
        """Add ``modules`` at the end; returns the list."""
        for module in modules:
            self.append(module)
        return self

    def __len__(self):
        return sum(1 for _ in self.children())

    def __iter__(self):
        return iter(list(self.children()))

    def __getitem__(self, index):
        modules = list(self.children())
        if not isinstance(index, slice):
            return modules[index]
        part = type(self).__new__(type(self))
        for k, module in enumerate(modules[index]):
            object.__setattr__(part, str(k), module)  # the modules keep the names that they have in the whole
        return part


class Sequential(ModuleList):
    """Modules called one after the other: ``Sequential(Linear(64, 32), Tanh(), Linear(32, 10))``, or of a dict name -> module.

    A ReLU in front of a max pool runs behind it: max(relu(x)) = relu(max(x)), with the same gradients, on fewer numbers.
    """

    def __init__(self, *modules):
        if len(modules) == 1 and isinstance(modules[0], dict):
            for name, module in modules[0].items():
                setattr(self, name, module)
        else:
            super().__init__(modules[0] if len(modules) == 1 and isinstance(modules[0], (list, tuple)) else modules)

    def forward(self, x):
        """Each module on the output of the one before."""
        for module in self._steps or self._find_steps():
            x = module(x)
        return x

    _steps = ()  # the modules in order, found at the first call after a change

    def _find_steps(self):
        steps = [m for name, m in vars(self).items() if isinstance(m, Module)]
        for k, (module, following) in enumerate(itertools.pairwise(steps)):
            if type(module) is ReLU and _commutes(following):
                steps[k : k + 2] = following, module
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

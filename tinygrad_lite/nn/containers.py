"""Modules that hold modules."""

from __future__ import annotations

from .module import Module


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
    """Modules called one after the other: ``Sequential(Linear(64, 32), Tanh(), Linear(32, 10))``, or of a dict name -> module."""

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
        object.__setattr__(self, "_steps", [m for name, m in vars(self).items() if isinstance(m, Module)])
        return self._steps

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        object.__setattr__(self, "_steps", ())

    def __delattr__(self, name):
        super().__delattr__(name)
        object.__setattr__(self, "_steps", ())

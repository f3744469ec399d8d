"""Function: a module that computes a function of its inputs, with options and no weights."""

from __future__ import annotations

from .module import Module


class Function(Module):
    """What modules of one function share: their text names the options, which stand in attributes named as the arguments.

    ``inplace`` among the arguments is PyTorch's, so that its models run unchanged; it does nothing: Tensors never change in place.
    """

    def _options(self):
        """name -> (value, default) of the arguments of ``__init__`` that are attributes, so not of ``inplace``."""
        from inspect import signature

        parameters = signature(type(self)).parameters.values()
        return {p.name: (getattr(self, p.name), p.default) for p in parameters if hasattr(self, p.name)}

    def extra_repr(self):
        return ", ".join(f"{name}={value!r}" for name, (value, _) in self._options().items())


class InPlace(Function):
    """A `Function` of which PyTorch's has no option but ``inplace``."""

    def __init__(self, inplace=False):
        pass

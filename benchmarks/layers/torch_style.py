"""Layers in libraries with PyTorch's names: the same text runs PyTorch and ours."""

from __future__ import annotations


def with_gradients(call, given, cotangent):
    """A step: ``call()``, and backward from the ``cotangent`` of what it returns to the leaves ``given``: name -> Tensor. Returns
    the output and the gradients, by name."""

    def step():
        for tensor in given.values():
            tensor.grad = None
        out = call()
        out.backward(cotangent)
        return {"output": out, **{name: tensor.grad for name, tensor in given.items()}}

    return step

"""The rows for libraries with PyTorch's names: the same text runs PyTorch and ours."""

from __future__ import annotations

from ..layers.torch_style import with_gradients


def layer(functional, row, given, cotangent):
    """A layer. ``given``: name -> leaf tensor; ``cotangent(shape)``: the gradient that comes back into its output."""
    op = getattr(functional, row.op)
    if row.op == "batch_norm":
        call = lambda: op(given["input"], None, None, given["weight"], given["bias"], training=True)
    elif row.op == "layer_norm":
        call = lambda: op(given["input"], row.weight, given["weight"], given["bias"])
    else:
        call = lambda: op(*given.values(), **row.options)
    if not row.backward:
        return lambda: {"output": call()}
    return with_gradients(call, given, cotangent(tuple(call().shape)))


def model(nn, network, shapes):
    """The Sequential of ``network``; ``shapes`` are those of its weights."""
    make = {
        "conv": lambda shape, k, kernel, padding: nn.Conv2d(shape[1], k, kernel, padding=padding),
        "linear": lambda shape, k: nn.Linear(shape[1], k),
        "max_pool": lambda shape, size: nn.MaxPool2d(size),
        "avg_pool": lambda shape, size: nn.AvgPool2d(size),
        "relu": lambda shape: nn.ReLU(),
        "tanh": lambda shape: nn.Tanh(),
        "flatten": lambda shape: nn.Flatten(),
    }
    return nn.Sequential(*[make[kind](shape, *sizes) for (kind, *sizes), shape in zip(network.layers, shapes)])

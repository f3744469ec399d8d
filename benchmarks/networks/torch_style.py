"""The rows for libraries with PyTorch's names: the same text runs PyTorch and ours."""

from __future__ import annotations

from ..layers.torch_style import with_gradients
from .rows import label


def layer(net, row, x, cotangent, no_grad):
    """The output, and with backward the gradients of ``x`` and all parameters."""
    net.train(row.backward)
    if not row.backward:
        return no_grad()(lambda: {"output": net(x)})
    return with_gradients(lambda: net(x), {"input": x} | {label(name): p for name, p in net.named_parameters()}, cotangent)


def training(functional, optim, net, row, x, target):
    """A training step. The losses of auxiliary heads count 0.3 each."""
    optimizer = optim.SGD(net.parameters(), lr=row.lr, momentum=row.momentum)

    def criterion(outputs):
        if not isinstance(outputs, tuple):
            return functional.cross_entropy(outputs, target)
        end, *heads = (functional.cross_entropy(logits, target) for logits in outputs)
        return end + (heads[0] + heads[1]) * 0.3

    def step():
        optimizer.zero_grad()
        loss = criterion(net(x))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step

"""The rows for libraries with PyTorch's names: the same text runs PyTorch and ours."""

from __future__ import annotations

from ..layers.torch_style import with_gradients


def layer(call, row, given, cotangent, no_grad):
    """A layer: ``call()`` gives its outputs from the leaves ``given``."""
    return with_gradients(call, given, cotangent) if row.backward else no_grad()(lambda: {"output": call()})


def model(nn, network, **options):
    """The module of ``network``; ``options`` are those of the recurrent layer's call."""

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            *_, inputs, hidden = network.size
            if network.embedded:
                self.embedding = nn.Embedding(network.classes, inputs)
            self.recurrent, self.output = nn.LSTM(inputs, hidden, network.layers), nn.Linear(hidden, network.classes)

        def forward(self, x):
            if network.embedded:
                outputs, _ = self.recurrent(self.embedding(x), **options)
                return self.output(outputs.flatten(0, 1))
            _, (h, _) = self.recurrent(x, **options)
            return self.output(h[-1])

    return Model()

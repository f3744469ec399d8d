"""A CNN for time series."""

from __future__ import annotations

from .. import nn


class SeriesCNN(nn.Module):
    """Convolutions along time, then a linear layer on all that is left: (N, in_channels, window) -> (N, outputs).

    ::

        for each of widths: 1-D convolution over kernel_size steps, ReLU      window shrinks by kernel_size - 1
        linear                                                                (outputs)

    window       steps that the network sees
    in_channels  values at each step
    outputs      numbers to predict
    """

    def __init__(self, window, in_channels=1, outputs=1, widths=(16, 16), kernel_size=3, dtype=None):
        left = window - len(widths) * (kernel_size - 1)
        if left < 1:
            raise ValueError(
                f"SeriesCNN: a window of {window} steps is too short for {len(widths)} convolutions over {kernel_size}: "
                f"give {window + 1 - left} or more"
            )
        layers = []
        for c, k in zip((in_channels, *widths), widths):
            layers += [nn.Conv1d(c, k, kernel_size, dtype=dtype), nn.ReLU()]
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.readout = nn.Linear((widths or (in_channels,))[-1] * left, outputs, dtype=dtype)

    def forward(self, x):
        """(N, in_channels, window) -> (N, outputs)."""
        return self.readout(self.features(x))

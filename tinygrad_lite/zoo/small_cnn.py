"""A small CNN as one would write it today."""

from __future__ import annotations

from .. import nn, ops


class SmallCNN(nn.Module):
    """For each of ``widths`` a 3x3 convolution, batch normalisation, ReLU and a 2x2 maximum; then the mean of each map and a
    linear layer: (N, in_channels, height, width) -> logits (N, classes).

    Images of any size of 2**len(widths) or more, since only the mean of a map goes on (Lin et al., 2014).

    in_channels, classes  of the images and of the logits
    widths                maps after each block
    """

    def __init__(self, in_channels=1, classes=10, widths=(32, 64), dtype=None):
        channels = in_channels, *widths
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(c, k, 3, padding=1, bias=False, dtype=dtype),
                    nn.BatchNorm2d(k, dtype=dtype),
                    nn.ReLU(),
                    nn.MaxPool2d(2),
                )
                for c, k in zip(channels, widths)
            )
        )
        self.classifier = nn.Linear(channels[-1], classes, dtype=dtype)

    def forward(self, x):
        """(N, in_channels, height, width) -> (N, classes)."""
        return self.classifier(ops.global_avg_pool(self.blocks(x)))

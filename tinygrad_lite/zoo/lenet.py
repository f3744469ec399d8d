"""LeNet-5."""

from __future__ import annotations

from .. import nn
from .stages import ThreeStages


class LeNet5(nn.Module):
    """LeNet-5 (LeCun et al., 1998) as it is written today: (N, in_channels, 28, 28) -> logits (N, classes); 61,706 parameters.

    ::

        5x5 convolution to 6 maps, padding 2; tanh; 2x2 means      (6, 14, 14)
        5x5 convolution to 16 maps; tanh; 2x2 means                (16, 5, 5)
        120, 84 and ``classes`` units, tanh between                (classes)

    The paper's differs: images of 32x32 (here the zeros around 28x28 are padding); each of the 16 maps sees a chosen part of the 6;
    a pool's mean has a trained factor and bias and a nonlinearity of its own; tanh is scaled, 1.7159 tanh(2/3 x); the
    outputs are distances to fixed pictures of the characters, not logits.
    """

    def __init__(self, in_channels=1, classes=10, dtype=None):
        self.features = nn.Sequential(
            ThreeStages(in_channels, 6, 5, padding=2, detector=nn.Tanh(), pooling=nn.AvgPool2d(2), dtype=dtype),
            ThreeStages(6, 16, 5, detector=nn.Tanh(), pooling=nn.AvgPool2d(2), dtype=dtype),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(400, 120, dtype=dtype),
            nn.Tanh(),
            nn.Linear(120, 84, dtype=dtype),
            nn.Tanh(),
            nn.Linear(84, classes, dtype=dtype),
        )

    def forward(self, x):
        """(N, in_channels, 28, 28) -> (N, classes)."""
        return self.classifier(self.features(x))

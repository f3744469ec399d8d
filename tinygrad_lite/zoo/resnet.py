"""Residual networks for images of 32x32 (He et al., 2016), with the names of torchvision's modules."""

from __future__ import annotations

from .. import nn, ops


class Subsample(nn.Module):
    """The shortcut without weights (option A of the paper): every ``stride``-th pixel, and zeros for the maps that are new."""

    def __init__(self, out_channels, stride):
        self.out_channels, self.stride = out_channels, stride

    def forward(self, x):
        """(N, channels, height, width) -> (N, out_channels, height / stride, width / stride), rounded up."""
        x = x[:, :, :: self.stride, :: self.stride]
        n, channels, *size = x.shape
        return ops.unslice(x, index=(slice(None), slice(channels)), shape=(n, self.out_channels, *size))

    def extra_repr(self):
        return f"out_channels={self.out_channels}, stride={self.stride}"


class ResidualBlock(nn.Module):
    """relu(x + F(x)), F of two 3x3 convolutions with batch normalisation: (N, in_channels, height, width) -> (N, out_channels,
    height / stride, width / stride).

    shortcut  where the shapes differ, x goes through "A": `Subsample`, without weights; "B": a 1x1 convolution with batch
              normalisation
    """

    def __init__(self, in_channels, out_channels, stride=1, shortcut="A", dtype=None):
        if shortcut not in ("A", "B"):
            raise ValueError(f"ResidualBlock: shortcut must be 'A' (no weights) or 'B' (1x1 convolution), got {shortcut!r}")
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False, dtype=dtype)
        self.bn1 = nn.BatchNorm2d(out_channels, dtype=dtype)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False, dtype=dtype)
        self.bn2 = nn.BatchNorm2d(out_channels, dtype=dtype)
        self.downsample = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = Subsample(out_channels, stride) if shortcut == "A" else nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False, dtype=dtype),
                nn.BatchNorm2d(out_channels, dtype=dtype),
            )  # fmt: skip

    def forward(self, x):
        """relu(shortcut of x + F(x))."""
        hidden = ops.relu(self.bn1(self.conv1(x)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return ops.relu(self.bn2(self.conv2(hidden)) + shortcut)


class ResNet(nn.Module):
    """6 n + 2 layers with weights for small images (He et al., 2016, section 4.2): (N, in_channels, height, width) -> logits
    (N, classes).

    ::

        conv1                    3x3 to 16 maps, batch normalisation, ReLU
        layer1, layer2, layer3   n blocks each, of 16, 32, 64 maps; the first blocks of layer2 and layer3 have stride 2
        fc                       linear, of the mean of each map

    depth     6 n + 2: 20, 32, 44, 56, 110
    shortcut  "A" as the paper has it for such images, or "B"; see `ResidualBlock`

    Convolutions are drawn for rectifiers by their outputs' fan, as torchvision's are.
    """

    def __init__(self, depth=20, in_channels=3, classes=10, shortcut="A", dtype=None):
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"ResNet: depth must be 6 n + 2 (8, 14, 20, 32, ...), got {depth}")
        self.conv1 = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False, dtype=dtype)
        self.bn1 = nn.BatchNorm2d(16, dtype=dtype)
        channels = 16
        for k, width in enumerate((16, 32, 64)):
            blocks = []
            for i in range(depth // 6):
                blocks.append(ResidualBlock(channels, width, 2 if k and not i else 1, shortcut, dtype))
                channels = width
            setattr(self, f"layer{k + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, classes, dtype=dtype)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0.0, (2 / nn.init.fans(module.weight)[1]) ** 0.5)

    def forward(self, x):
        """(N, in_channels, height, width) -> (N, classes)."""
        x = ops.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(ops.global_avg_pool(x))


class ResNet20(ResNet):
    """The residual network of 20 layers: 269,722 parameters with shortcuts A and 10 classes, 272,474 with B."""

    def __init__(self, in_channels=3, classes=10, shortcut="A", dtype=None):
        super().__init__(20, in_channels, classes, shortcut, dtype)

"""The Inception module and GoogLeNet (Szegedy et al., 2015), with the names of torchvision's modules."""

from __future__ import annotations

from typing import NamedTuple

from .. import nn, ops
from ..tensor import Tensor

# Table 1 of the paper: maps of 1x1; of 1x1 before 3x3, 3x3; of 1x1 before 5x5, 5x5; of 1x1 behind the maxima
MODULES = {
    "inception3a": (64, 96, 128, 16, 32, 32),
    "inception3b": (128, 128, 192, 32, 96, 64),
    "inception4a": (192, 96, 208, 16, 48, 64),
    "inception4b": (160, 112, 224, 24, 64, 64),
    "inception4c": (128, 128, 256, 24, 64, 64),
    "inception4d": (112, 144, 288, 32, 64, 64),
    "inception4e": (256, 160, 320, 32, 128, 128),
    "inception5a": (256, 160, 320, 32, 128, 128),
    "inception5b": (384, 192, 384, 48, 128, 128),
}


class ConvReLU(nn.Sequential):
    """A convolution with bias, and a ReLU: ``conv``, ``relu``."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dtype=None):
        conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, dtype=dtype)
        super().__init__({"conv": conv, "relu": nn.ReLU()})


class Inception(nn.Module):
    """Four views of the same image side by side: (N, in_channels, height, width) -> (N, channels of all branches, height, width).

    ::

        branch1   1x1 to ch1x1 maps
        branch2   1x1 to ch3x3red maps, then 3x3 to ch3x3
        branch3   1x1 to ch5x5red maps, then 5x5 to ch5x5
        branch4   3x3 maxima, then 1x1 to pool_proj maps

    A ReLU behind each convolution. The 1x1 convolutions before the larger ones reduce the dimension: without them the module
    costs several times the products.
    """

    def __init__(self, in_channels, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj, dtype=None):
        c = in_channels
        self.branch1 = ConvReLU(c, ch1x1, 1, dtype=dtype)
        self.branch2 = nn.Sequential(ConvReLU(c, ch3x3red, 1, dtype=dtype), ConvReLU(ch3x3red, ch3x3, 3, padding=1, dtype=dtype))
        self.branch3 = nn.Sequential(ConvReLU(c, ch5x5red, 1, dtype=dtype), ConvReLU(ch5x5red, ch5x5, 5, padding=2, dtype=dtype))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), ConvReLU(c, pool_proj, 1, dtype=dtype))
        self.out_channels = ch1x1 + ch3x3 + ch5x5 + pool_proj

    def forward(self, x):
        """The maps of the four branches, one behind the other."""
        return ops.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], dim=1)


class InceptionAux(nn.Module):
    """An auxiliary head, a small classifier on maps from the middle: (N, in_channels, 14, 14) -> logits (N, classes)."""

    def __init__(self, in_channels, classes, dtype=None):
        self.pool = nn.AvgPool2d(5, stride=3)
        self.conv = ConvReLU(in_channels, 128, 1, dtype=dtype)
        self.fc1, self.relu = nn.Linear(2048, 1024, dtype=dtype), nn.ReLU()
        self.dropout = nn.Dropout(0.7)
        self.fc2 = nn.Linear(1024, classes, dtype=dtype)

    def forward(self, x):
        """(N, in_channels, 14, 14) -> (N, classes)."""
        hidden = self.relu(self.fc1(ops.flatten(self.conv(self.pool(x)), 1)))
        return self.fc2(self.dropout(hidden))


class GoogLeNetOutputs(NamedTuple):
    """Logits (N, classes) of GoogLeNet in training: of its end, and of the heads behind 4d and 4a."""

    logits: Tensor
    aux_logits2: Tensor
    aux_logits1: Tensor


class GoogLeNet(nn.Module):
    """GoogLeNet as published (Szegedy et al., 2015): 22 layers with weights, (N, 3, 224, 224) -> logits (N, classes).

    6,998,552 parameters for 1,000 classes without the auxiliary heads, 1.58 G products and sums for an image of 224x224. Biases, a
    5x5 branch, local response normalisation (torchvision's GoogLeNet has batch normalisation, no biases and 3x3 there).

    aux_logits  with the two auxiliary heads: in training the result is `GoogLeNetOutputs`. Without them images may have other sizes

    The paper says nothing of the first weights: here `nn.init.xavier_uniform_`, and biases are 0, which leaves the
    logits of all heads near 0 and the gradients of all layers in about the same relation to their weights.
    """

    def __init__(self, classes=1000, aux_logits=True, dtype=None):
        self.conv1 = ConvReLU(3, 64, 7, stride=2, padding=3, dtype=dtype)
        self.maxpool1, self.norm1 = nn.MaxPool2d(3, stride=2, ceil_mode=True), nn.LocalResponseNorm(5)
        self.conv2, self.conv3 = ConvReLU(64, 64, 1, dtype=dtype), ConvReLU(64, 192, 3, padding=1, dtype=dtype)
        self.norm2, self.maxpool2 = nn.LocalResponseNorm(5), nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.maxpool3, self.maxpool4 = (nn.MaxPool2d(3, stride=2, ceil_mode=True) for _ in range(2))
        channels = 192
        for name, widths in MODULES.items():
            module = Inception(channels, *widths, dtype=dtype)
            channels = module.out_channels
            setattr(self, name, module)
        self.aux1 = InceptionAux(512, classes, dtype=dtype) if aux_logits else None
        self.aux2 = InceptionAux(528, classes, dtype=dtype) if aux_logits else None
        self.dropout, self.fc = nn.Dropout(0.4), nn.Linear(channels, classes, dtype=dtype)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.xavier_uniform_(parameter)

    def forward(self, x):
        """(N, 3, height, width) -> (N, classes); in training with auxiliary heads `GoogLeNetOutputs`, of images of 224x224."""
        x = self.norm1(self.maxpool1(self.conv1(x)))
        x = self.maxpool2(self.norm2(self.conv3(self.conv2(x))))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = at_4a = self.inception4a(x)
        x = at_4d = self.inception4d(self.inception4c(self.inception4b(x)))
        x = self.maxpool4(self.inception4e(x))
        x = ops.global_avg_pool(self.inception5b(self.inception5a(x)))
        logits = self.fc(self.dropout(x))
        if self.aux1 is None or not self.training:
            return logits
        return GoogLeNetOutputs(logits, self.aux2(at_4d), self.aux1(at_4a))


def googlenet_loss(outputs, target):
    """Cross-entropy of `GoogLeNetOutputs`, that of each auxiliary head times 0.3; of plain logits their own.

    target  class numbers (N)
    """
    if not isinstance(outputs, GoogLeNetOutputs):
        return ops.cross_entropy(outputs, target)
    end, *heads = (ops.cross_entropy(logits, target) for logits in outputs)
    return end + (heads[0] + heads[1]) * 0.3

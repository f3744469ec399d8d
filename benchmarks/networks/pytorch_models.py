"""The networks in PyTorch, with the names of ours; without dropout."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

from .weights import MODULES, STAGES


def named(**modules):
    """A Sequential of named modules."""
    return nn.Sequential(OrderedDict(modules))


def stages(c, k, size, padding, detector, pooling):
    """Convolution, detector, pooling."""
    return named(convolution=nn.Conv2d(c, k, size, padding=padding), detector=detector, pooling=pooling)


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            stages(1, 6, 5, 2, nn.Tanh(), nn.AvgPool2d(2)), stages(6, 16, 5, 0, nn.Tanh(), nn.AvgPool2d(2))
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)
        )

    def forward(self, x):
        return self.classifier(self.features(x))


def conv_relu(c, k, size, stride=1, padding=0):
    """A convolution and its ReLU."""
    return named(conv=nn.Conv2d(c, k, size, stride, padding), relu=nn.ReLU())


class Inception(nn.Module):
    def __init__(self, c, one, three_reduce, three, five_reduce, five, pool):
        super().__init__()
        self.branch1 = conv_relu(c, one, 1)
        self.branch2 = nn.Sequential(conv_relu(c, three_reduce, 1), conv_relu(three_reduce, three, 3, padding=1))
        self.branch3 = nn.Sequential(conv_relu(c, five_reduce, 1), conv_relu(five_reduce, five, 5, padding=2))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv_relu(c, pool, 1))

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class Auxiliary(nn.Module):
    def __init__(self, c, classes):
        super().__init__()
        self.conv = conv_relu(c, 128, 1)
        self.fc1, self.fc2 = nn.Linear(2048, 1024), nn.Linear(1024, classes)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(self.conv(F.avg_pool2d(x, 5, 3)).flatten(1))))


class GoogLeNet(nn.Module):
    """In training the logits of the end and of the heads behind 4d and 4a, else of the end."""

    def __init__(self, classes=1000):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = conv_relu(3, 64, 7, 2, 3), conv_relu(64, 64, 1), conv_relu(64, 192, 3, 1, 1)
        for name, widths in MODULES.items():
            setattr(self, name, Inception(*widths))
        self.aux1, self.aux2 = Auxiliary(512, classes), Auxiliary(528, classes)
        self.fc = nn.Linear(1024, classes)

    def forward(self, x):
        shrink = lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True)
        norm = lambda x: F.local_response_norm(x, 5)
        x = shrink(norm(self.conv3(self.conv2(norm(shrink(self.conv1(x)))))))
        a = self.inception4a(shrink(self.inception3b(self.inception3a(x))))
        d = self.inception4d(self.inception4c(self.inception4b(a)))
        x = self.inception5b(self.inception5a(shrink(self.inception4e(d))))
        logits = self.fc(x.mean((2, 3)))
        return (logits, self.aux2(d), self.aux1(a)) if self.training else logits


class Block(nn.Module):
    def __init__(self, c, k, stride, shortcut):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, k, 3, stride, 1, bias=False), nn.BatchNorm2d(k)
        self.conv2, self.bn2 = nn.Conv2d(k, k, 3, 1, 1, bias=False), nn.BatchNorm2d(k)
        self.same, self.more = stride == 1 and c == k, k - c
        if shortcut == "B" and not self.same:
            self.downsample = nn.Sequential(nn.Conv2d(c, k, 1, stride, bias=False), nn.BatchNorm2d(k))

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if hasattr(self, "downsample"):
            x = self.downsample(x)
        elif not self.same:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.more))
        return F.relu(out + x)


class ResNet20(nn.Module):
    def __init__(self, shortcut="A"):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        for name, c, k in STAGES:
            blocks = Block(c, k, 1 + (c != k), shortcut), Block(k, k, 1, shortcut), Block(k, k, 1, shortcut)
            setattr(self, name, nn.Sequential(*blocks))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.fc(x.mean((2, 3)))


MODELS = {
    "lenet": LeNet5,
    "resnet20": ResNet20,
    "inception": lambda: Inception(*MODULES["inception3a"]),
    "googlenet": GoogLeNet,
}

"""The convolutional networks of the zoo beside the same networks written with PyTorch: weights pass by name, in float64."""

from collections import OrderedDict

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import zoo

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity
RNG = np.random.default_rng(0)
F = torch.nn.functional


def named(**modules):
    return torch.nn.Sequential(OrderedDict(modules))


def stages(c, k, size, padding, detector, pooling):
    return named(convolution=torch.nn.Conv2d(c, k, size, padding=padding), detector=detector, pooling=pooling)


class LeNet5(torch.nn.Module):
    def __init__(self):
        super().__init__()
        Tanh, AvgPool2d, Linear = torch.nn.Tanh, torch.nn.AvgPool2d, torch.nn.Linear
        self.features = torch.nn.Sequential(stages(1, 6, 5, 2, Tanh(), AvgPool2d(2)), stages(6, 16, 5, 0, Tanh(), AvgPool2d(2)))
        self.classifier = torch.nn.Sequential(torch.nn.Flatten(), Linear(400, 120), Tanh(), Linear(120, 84), Tanh(), Linear(84, 10))

    def forward(self, x):
        return self.classifier(self.features(x))


class SmallCNN(torch.nn.Module):
    def __init__(self, c, classes, widths):
        super().__init__()
        self.blocks = torch.nn.Sequential()
        for k in widths:
            layers = (
                torch.nn.Conv2d(c, k, 3, padding=1, bias=False),
                torch.nn.BatchNorm2d(k),
                torch.nn.ReLU(),
                torch.nn.MaxPool2d(2),
            )
            self.blocks.append(torch.nn.Sequential(*layers))
            c = k
        self.classifier = torch.nn.Linear(c, classes)

    def forward(self, x):
        return self.classifier(self.blocks(x).mean((2, 3)))


def conv_relu(c, k, size, stride=1, padding=0):
    return named(conv=torch.nn.Conv2d(c, k, size, stride, padding), relu=torch.nn.ReLU())


class Inception(torch.nn.Module):
    def __init__(self, c, one, three_reduce, three, five_reduce, five, pool):
        super().__init__()
        self.branch1 = conv_relu(c, one, 1)
        self.branch2 = torch.nn.Sequential(conv_relu(c, three_reduce, 1), conv_relu(three_reduce, three, 3, padding=1))
        self.branch3 = torch.nn.Sequential(conv_relu(c, five_reduce, 1), conv_relu(five_reduce, five, 5, padding=2))
        self.branch4 = torch.nn.Sequential(torch.nn.MaxPool2d(3, 1, 1), conv_relu(c, pool, 1))

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class Auxiliary(torch.nn.Module):
    def __init__(self, c, classes):
        super().__init__()
        self.conv = conv_relu(c, 128, 1)
        self.fc1, self.fc2 = torch.nn.Linear(2048, 1024), torch.nn.Linear(1024, classes)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(self.conv(F.avg_pool2d(x, 5, 3)).flatten(1))))


class GoogLeNet(torch.nn.Module):
    """Without dropout."""

    def __init__(self, classes):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = conv_relu(3, 64, 7, 2, 3), conv_relu(64, 64, 1), conv_relu(64, 192, 3, 1, 1)
        self.inception3a, self.inception3b = Inception(192, 64, 96, 128, 16, 32, 32), Inception(256, 128, 128, 192, 32, 96, 64)
        self.inception4a, self.inception4b = Inception(480, 192, 96, 208, 16, 48, 64), Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c, self.inception4d = Inception(512, 128, 128, 256, 24, 64, 64), Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e, self.inception5a = (Inception(c, 256, 160, 320, 32, 128, 128) for c in (528, 832))
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1, self.aux2 = Auxiliary(512, classes), Auxiliary(528, classes)
        self.fc = torch.nn.Linear(1024, classes)

    def forward(self, x):
        shrink, norm = torch.nn.MaxPool2d(3, 2, ceil_mode=True), torch.nn.LocalResponseNorm(5)
        x = shrink(norm(self.conv3(self.conv2(norm(shrink(self.conv1(x)))))))
        a = self.inception4a(shrink(self.inception3b(self.inception3a(x))))
        d = self.inception4d(self.inception4c(self.inception4b(a)))
        x = self.inception5b(self.inception5a(shrink(self.inception4e(d))))
        return torch.cat([self.fc(x.mean((2, 3))), self.aux2(d), self.aux1(a)])


class Block(torch.nn.Module):
    def __init__(self, c, k, stride, shortcut):
        super().__init__()
        self.conv1, self.bn1 = torch.nn.Conv2d(c, k, 3, stride, 1, bias=False), torch.nn.BatchNorm2d(k)
        self.conv2, self.bn2 = torch.nn.Conv2d(k, k, 3, 1, 1, bias=False), torch.nn.BatchNorm2d(k)
        self.same, self.more = stride == 1 and c == k, k - c
        if shortcut == "B" and not self.same:
            self.downsample = torch.nn.Sequential(torch.nn.Conv2d(c, k, 1, stride, bias=False), torch.nn.BatchNorm2d(k))

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if hasattr(self, "downsample"):
            x = self.downsample(x)
        elif not self.same:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.more))
        return F.relu(out + x)


class ResNet20(torch.nn.Module):
    def __init__(self, shortcut):
        super().__init__()
        self.conv1, self.bn1 = torch.nn.Conv2d(3, 16, 3, 1, 1, bias=False), torch.nn.BatchNorm2d(16)
        for name, c, k, stride in (("layer1", 16, 16, 1), ("layer2", 16, 32, 2), ("layer3", 32, 64, 2)):
            blocks = Block(c, k, stride, shortcut), Block(k, k, 1, shortcut), Block(k, k, 1, shortcut)
            setattr(self, name, torch.nn.Sequential(*blocks))
        self.fc = torch.nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.fc(x.mean((2, 3)))


class Series(torch.nn.Module):
    def __init__(self):
        super().__init__()
        Conv1d, ReLU = torch.nn.Conv1d, torch.nn.ReLU
        self.features = torch.nn.Sequential(Conv1d(1, 16, 3), ReLU(), Conv1d(16, 16, 3), ReLU(), torch.nn.Flatten())
        self.readout = torch.nn.Linear(128, 1)

    def forward(self, x):
        return self.readout(self.features(x))


def ours_of_googlenet():
    model = zoo.GoogLeNet(classes=6)
    for part in (model, model.aux1, model.aux2):
        part.dropout.p = 0.0
    return model


MODULE_3A = 192, 64, 96, 128, 16, 32, 32
PAIRS = {
    "stages": (lambda: zoo.ThreeStages(3, 4, 5), lambda: stages(3, 4, 5, 0, torch.nn.ReLU(), torch.nn.MaxPool2d(2)), (2, 3, 9, 8)),
    "LeNet-5": (zoo.LeNet5, LeNet5, (3, 1, 28, 28)),
    "small": (lambda: zoo.SmallCNN(2, 7, (4, 6)), lambda: SmallCNN(2, 7, (4, 6)), (3, 2, 8, 9)),
    "Inception 3a": (lambda: zoo.Inception(*MODULE_3A), lambda: Inception(*MODULE_3A), (2, 192, 7, 9)),
    "GoogLeNet": (ours_of_googlenet, lambda: GoogLeNet(6), (2, 3, 224, 224)),
    "ResNet-20 A": (zoo.ResNet20, lambda: ResNet20("A"), (2, 3, 32, 32)),
    "ResNet-20 B": (lambda: zoo.ResNet20(shortcut="B"), lambda: ResNet20("B"), (2, 3, 33, 32)),
    "series": (lambda: zoo.SeriesCNN(12), Series, (5, 1, 12)),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_values_and_gradients(name):
    ours, theirs, shape = PAIRS[name]
    ours, theirs = ours().double(), theirs().double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({key: torch.from_numpy(np.asarray(array)) for key, array in ours.state_dict().items()})
    x = RNG.standard_normal(shape)
    a, b = tl.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    u, v = ours(a), theirs(b)
    u = tl.cat(list(u)) if isinstance(u, tuple) else u
    np.testing.assert_allclose(u.detach().data, v.detach().numpy(), rtol=1e-7, atol=1e-9)
    weights = RNG.standard_normal(u.shape)
    (u * weights).sum().backward()
    (v * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-6, atol=1e-9 * float(b.grad.abs().max()))
    for (key, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters()):
        np.testing.assert_allclose(
            p.grad.data, q.grad.numpy(), rtol=1e-6, atol=1e-9 * float(q.grad.abs().max()) + 1e-12, err_msg=key
        )
    for (key, p), (_, q) in zip(ours.named_buffers(), theirs.named_buffers()):
        np.testing.assert_allclose(p.data, q.numpy(), rtol=1e-9, atol=1e-12, err_msg=key)

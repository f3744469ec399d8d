"""The convolutional networks of the zoo beside the same networks written with PyTorch: weights pass by name, in float64."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import zoo

torch = pytest.importorskip("torch")
from benchmarks.networks.pytorch_models import GoogLeNet, Inception, LeNet5, ResNet20, stages  # noqa: E402  needs PyTorch
from benchmarks.networks.weights import MODULES  # noqa: E402

pytestmark = pytest.mark.parity
RNG = np.random.default_rng(0)


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


MODULE_3A = MODULES["inception3a"]
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
    if isinstance(u, tuple):
        u, v = tl.cat(list(u)), torch.cat(v)
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

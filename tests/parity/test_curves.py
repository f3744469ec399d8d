"""Loss curves of whole models beside PyTorch's, from the same weights and batches."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity
STEPS, BATCH, CLASSES = 50, 16, 5


def mlp(m):
    return m.Sequential(m.Linear(12, 32), m.Tanh(), m.Linear(32, 24), m.ReLU(), m.Linear(24, CLASSES))


def cnn(m):
    return m.Sequential(
        m.Conv2d(2, 6, 3, padding=1), m.BatchNorm2d(6), m.ReLU(), m.MaxPool2d(2),
        m.Conv2d(6, 8, 3, stride=2), m.ReLU(), m.AvgPool2d(2), m.Flatten(), m.Linear(8, CLASSES),
    )  # fmt: skip


def lstm(m):
    class Classifier(m.Module):
        """An LSTM over words, and a linear layer on its last step."""

        def __init__(self):
            super().__init__()
            self.words, self.lstm, self.head = m.Embedding(20, 7), m.LSTM(7, 9, batch_first=True), m.Linear(9, CLASSES)

        def forward(self, x):
            return self.head(self.lstm(self.words(x))[0][:, -1])

    return Classifier()


MODELS = {  # how a model is built, and what its inputs are
    "MLP": (mlp, lambda rng: rng.standard_normal((BATCH, 12))),
    "CNN": (cnn, lambda rng: rng.standard_normal((BATCH, 2, 12, 12))),
    "LSTM": (lstm, lambda rng: rng.integers(0, 20, (BATCH, 11))),
}
OPTIMISERS = {"SGD": ("SGD", dict(lr=0.1, momentum=0.9)), "Adam": ("Adam", dict(lr=3e-3))}


def curve(model, optimizer, loss, batches, as_tensor):
    values = []
    for x, y in batches:
        optimizer.zero_grad()
        value = loss(model(as_tensor(x)), as_tensor(y))
        value.backward()
        optimizer.step()
        values.append(value.item())
    return np.array(values)


def curves(name, optimiser, dtype):
    """The losses of our steps and of PyTorch's, and both models."""
    build, draw = MODELS[name]
    rng = np.random.default_rng(1)
    torch.manual_seed(1)
    theirs = build(torch.nn).to({np.float64: torch.float64, np.float32: torch.float32}[dtype])
    ours = build(nn).to(dtype)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    batches = [(draw(rng), rng.integers(0, CLASSES, BATCH)) for _ in range(STEPS)]
    batches = [(x.astype(dtype) if x.dtype.kind == "f" else x, y) for x, y in batches]
    kind, options = OPTIMISERS[optimiser]
    a = curve(ours, getattr(optim, kind)(ours.parameters(), **options), nn.CrossEntropyLoss(), batches, tl.Tensor)
    other = getattr(torch.optim, kind)(theirs.parameters(), **options)
    b = curve(theirs, other, torch.nn.CrossEntropyLoss(), batches, torch.tensor)
    return a, b, ours, theirs


CASES = pytest.mark.parametrize(("name", "optimiser"), [(m, o) for m in MODELS for o in OPTIMISERS], ids="-".join)


@CASES
def test_float64_curves_and_final_states_agree(name, optimiser):
    a, b, ours, theirs = curves(name, optimiser, np.float64)
    np.testing.assert_allclose(a, b, rtol=1e-9)
    state = ours.state_dict()
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(state[key], value.numpy(), rtol=1e-7, atol=1e-9, err_msg=key)


@CASES
def test_float32_curves_agree(name, optimiser):
    """Roundings of 6e-8 grow by the steps: a curve in float64 lies as far from either."""
    a, b, *_ = curves(name, optimiser, np.float32)
    exact, *_ = curves(name, optimiser, np.float64)
    np.testing.assert_allclose(a, b, rtol=2e-4)
    assert np.abs(a - exact).max() <= 20 * np.abs(b - exact).max() + 1e-6

"""Layers and losses beside PyTorch's: same weights in, same numbers out."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity
RNG = np.random.default_rng(0)


def pair(*build):
    """The same model twice: ours and PyTorch's, with PyTorch's weights, in float64."""
    ours, theirs = (m.Sequential(*(getattr(m, name)(*args) for name, *args in build)).double() for m in (nn, torch.nn))
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    return ours, theirs


ACTIVATIONS = [
    ("ReLU",), ("LeakyReLU", 0.2), ("ELU", 0.7), ("GELU",), ("GELU", "tanh"), ("Softplus", 2.0, 5.0), ("Sigmoid",), ("Tanh",),
    ("Softmax", 1), ("LogSoftmax", 1), ("Flatten",), ("Identity",),
]  # fmt: skip


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_modules(activation):
    ours, theirs = pair(("Linear", 5, 4), activation, ("Linear", 4, 3))
    x = RNG.standard_normal((6, 5))
    a, b = tl.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    u, v = ours(a), theirs(b)
    np.testing.assert_allclose(u.detach().data, v.detach().numpy(), rtol=1e-6)
    u.square().sum().backward()
    v.square().sum().backward()
    np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-6, atol=1e-12)
    for (name, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters()):
        np.testing.assert_allclose(p.grad.data, q.grad.numpy(), rtol=1e-6, atol=1e-12, err_msg=name)


def test_weights_pass_in_both_directions():
    ours, theirs = pair(("Linear", 5, 4), ("Tanh",), ("Linear", 4, 3))
    for p in ours.parameters():
        tl.assign(p, RNG.standard_normal(p.shape))
    theirs.load_state_dict({name: torch.from_numpy(array) for name, array in ours.state_dict().items()})
    x = RNG.standard_normal((2, 5))
    np.testing.assert_allclose(ours(tl.Tensor(x)).detach().data, theirs(torch.tensor(x)).detach().numpy(), rtol=1e-12)


CLASSES = RNG.integers(0, 4, (3, 5))
LOSSES = [
    ("MSELoss", lambda: RNG.standard_normal((3, 4)), RNG.standard_normal((3, 4))),
    ("BCELoss", lambda: RNG.random((3, 4)), RNG.random((3, 4))),
    ("BCELoss", lambda: np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])),
    ("BCEWithLogitsLoss", lambda: RNG.standard_normal((3, 4)) * 30, RNG.random((3, 4))),
    ("NLLLoss", lambda: RNG.standard_normal((3, 4)), CLASSES[:, 0]),
    ("NLLLoss", lambda: RNG.standard_normal((3, 4, 5)), CLASSES),
    ("CrossEntropyLoss", lambda: RNG.standard_normal((3, 4)) * 10, CLASSES[:, 0]),
    ("CrossEntropyLoss", lambda: RNG.standard_normal((3, 4, 5)), CLASSES),
    ("CrossEntropyLoss", lambda: RNG.standard_normal(4), np.array(2)),
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("case", range(len(LOSSES)))
def test_losses(case, reduction):
    name, make, target = LOSSES[case]
    x = make()
    a, b = tl.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    u, v = (
        getattr(nn, name)(reduction=reduction)(a, tl.Tensor(target)),
        getattr(torch.nn, name)(reduction=reduction)(b, torch.tensor(target)),
    )
    np.testing.assert_allclose(u.detach().data, v.detach().numpy(), rtol=1e-9)
    weights = RNG.standard_normal(u.shape)
    (u * weights).sum().backward()
    (v * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize("layer", [("Linear", 300, 200), ("Embedding", 100, 200)], ids=str)
def test_initial_weights_have_the_same_distribution(layer):
    from scipy.stats import ks_2samp

    name, *sizes = layer
    tl.manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = getattr(nn, name)(*sizes), getattr(torch.nn, name)(*sizes)
    for key, value in theirs.state_dict().items():
        sample = ours.state_dict()[key]
        assert sample.shape == tuple(value.shape) and ks_2samp(sample.ravel(), value.numpy().ravel()).pvalue > 1e-3, key

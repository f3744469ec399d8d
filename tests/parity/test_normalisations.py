"""Batch and local response normalisation beside PyTorch's: same weights, batches and modes in, same numbers out."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity
RNG = np.random.default_rng(0)

SHAPES = {
    "BatchNorm1d": [(6, 5), (4, 5, 9), (3, 5, 60)],
    "BatchNorm2d": [(4, 5, 3, 3), (3, 5, 8, 9)],
    "BatchNorm3d": [(3, 5, 2, 3, 4)],
}
OPTIONS = [
    {}, {"momentum": 0.3, "eps": 1e-2}, {"momentum": None}, {"affine": False}, {"track_running_stats": False},
    {"affine": False, "track_running_stats": False}, {"bias": False},
]  # fmt: skip


def pair(name, *args, dtype=np.float64, **options):
    """The module twice, with the same random weights and statistics."""
    ours, theirs = getattr(nn, name)(*args, **options), getattr(torch.nn, name)(*args, **options)
    ours, theirs = (ours.double(), theirs.double()) if dtype == np.float64 else (ours, theirs)
    state = {k: RNG.uniform(0.5, 2, v.shape).astype(v.numpy().dtype) for k, v in theirs.state_dict().items()}
    theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs


def step(ours, theirs, x, g, tolerance):
    """A pass forward and backward of both."""
    a, b = tl.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    u, v = ours(a), theirs(b)
    np.testing.assert_allclose(u.detach().data, v.detach().numpy(), rtol=tolerance, atol=tolerance)
    u.backward(tl.tensor(g))
    v.backward(torch.tensor(g))
    np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-11), (np.float32, 2e-5)])
def test_batch_norm(name, options, dtype, tolerance):
    """Some batches in training, then in evaluation, then in training again."""
    ours, theirs = pair(name, 5, dtype=dtype, **options)
    for training in (True, True, False, True):
        ours.train(training), theirs.train(training)
        for shape in SHAPES[name]:
            x, g = (RNG.standard_normal((2, *shape)) * 3 + 1).astype(dtype)
            step(ours, theirs, x, g, tolerance)
            for key, value in theirs.state_dict().items():
                np.testing.assert_allclose(ours.state_dict()[key], value.numpy(), rtol=tolerance, err_msg=key)
    for (key, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        np.testing.assert_allclose(p.grad.data, q.grad.numpy(), rtol=tolerance, atol=100 * tolerance, err_msg=key)
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})


def test_second_derivatives():
    x, g = RNG.standard_normal((2, 4, 3, 5))
    ours, theirs = pair("BatchNorm1d", 3)
    a, b = tl.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    (u,) = tl.grad((ours(a) * tl.tensor(g)).sum(), a, create_graph=True)
    (v,) = torch.autograd.grad((theirs(b) * torch.tensor(g)).sum(), b, create_graph=True)
    u.square().sum().backward()
    v.square().sum().backward()
    np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.weight.grad.data, theirs.weight.grad.numpy(), rtol=1e-9)


def test_an_empty_batch():
    ours, theirs = pair("BatchNorm1d", 3)
    assert ours(tl.zeros(0, 3, dtype=np.float64)).shape == tuple(theirs(torch.zeros(0, 3, dtype=torch.float64)).shape)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key], value.numpy(), err_msg=key)


REFUSED = [("BatchNorm1d", (1, 3)), ("BatchNorm1d", (2, 3, 4, 4)), ("BatchNorm2d", (2, 3)), ("BatchNorm2d", (1, 3, 1, 1)),
           ("BatchNorm3d", (2, 3, 4, 4)), ("LocalResponseNorm", (2, 3))]  # fmt: skip


@pytest.mark.parametrize(("name", "shape"), REFUSED)
def test_both_refuse(name, shape):
    for m, zeros in ((nn, tl.zeros), (torch.nn, torch.zeros)):
        with pytest.raises(ValueError):
            getattr(m, name)(3)(zeros(*shape))


@pytest.mark.parametrize("options", [{}, {"alpha": 0.5, "beta": 0.5, "k": 2.0}, {"alpha": 3.0, "beta": 1.3, "k": 0.1}], ids=str)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 12])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-11), (np.float32, 2e-5)])
def test_local_response_norm(size, options, dtype, tolerance):
    ours, theirs = pair("LocalResponseNorm", size, dtype=dtype, **options)
    for shape in [(2, 7, 5), (2, 3, 4, 4), (1, 9, 1, 1), (2, 4, 3, 2, 2)]:
        x, g = RNG.standard_normal((2, *shape)).astype(dtype) * dtype(2)
        step(ours, theirs, x, g, tolerance)


def test_activations_equal_pytorchs():
    """Over the values of networks, float32: the functions within 3 units in the last place of each other."""
    x = np.concatenate([RNG.standard_normal(50_000) * 5, np.linspace(-85, 85, 20_001)]).astype(np.float32)
    for name in ("sigmoid", "tanh"):
        a, b = getattr(tl, name)(x), getattr(torch, name)(torch.tensor(x)).numpy()
        assert np.max(np.abs(a - b) / np.spacing(np.maximum(np.abs(b), np.float32(1e-37)))) <= 3

"""Activations beside PyTorch's: values, first and second derivatives, also exactly where their pieces meet."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]
RNG = np.random.default_rng(0)

# name, arguments of the module, where its pieces meet
ACTIVATIONS = [
    ("ReLU6", (), [0.0, 6.0]), ("Hardtanh", (), [-1.0, 1.0]), ("Hardtanh", (-2.0, 0.5), [-2.0, 0.5]),
    ("Hardsigmoid", (), [-3.0, 3.0]),
    ("Hardswish", (), [-3.0, 3.0]), ("Threshold", (0.25, 20.0), [0.25]), ("Softshrink", (), [-0.5, 0.5]),
    ("Softshrink", (0.0,), [0.0]),
    ("Hardshrink", (), [-0.5, 0.5]), ("Hardshrink", (2.0,), [-2.0, 2.0]), ("LeakyReLU", (0.2,), [0.0]), ("ReLU", (), [0.0]),
    ("ELU", (0.7,), [0.0]), ("CELU", (), [0.0]), ("CELU", (0.7,), [0.0]), ("CELU", (-0.7,), [0.0]), ("SELU", (), [0.0]),
    ("SiLU", (), [0.0]), ("Mish", (), [0.0]), ("Softsign", (), [0.0]), ("LogSigmoid", (), [0.0]), ("Tanhshrink", (), [0.0]),
    ("Softplus", (2.0, 3.0), [1.5]), ("PReLU", (), [0.0]), ("GELU", (), [0.0]), ("GELU", ("tanh",), [0.0]), ("Sigmoid", (), [0.0]),
    ("Tanh", (), [0.0]),
]  # fmt: skip
SHAPES = [(3, 4), (), (2, 3, 2), (0, 3)]
FIRST_ONLY = {"Hardsigmoid"}  # PyTorch has no second derivative of it
KINK_FIRST_ONLY = {
    "ELU",
    "SELU",
    "PReLU",
    "Softplus",
}  # at the kink itself the second derivative is a convention, and theirs another
ROUNDED = {"Hardsigmoid", "CELU"}  # PyTorch rounds 1 / 6 and alpha to float32


def derivatives(lib, module, inputs, order):
    """Value, and derivatives up to ``order`` of a weighted sum towards inputs and weights, as arrays."""
    grad, array = (tl.grad, lambda t: t.data) if lib is tl else (torch.autograd.grad, lambda t: t.detach().numpy())
    out = module(*inputs)
    weights = np.cos(np.arange(array(out).size) * 0.7 + 0.3).reshape(array(out).shape)
    wanted = [*inputs, *module.parameters()]
    first = grad((out * (weights if lib is tl else torch.tensor(weights))).sum(), wanted, create_graph=True)
    results = [array(out), *map(array, first)]
    if order == 1:
        return results
    curved = [(g * g).sum() for g in first if g.requires_grad]
    again = grad(sum(curved), wanted, allow_unused=True) if curved and sum(curved).requires_grad else [None] * len(wanted)
    return results + [np.zeros(tuple(w.shape)) if g is None else array(g) for g, w in zip(again, wanted)]


def agree(ours, theirs, *inputs, order=2):
    """With the weights of ours."""
    theirs.load_state_dict({name: torch.tensor(array) for name, array in ours.state_dict().items()})
    name = type(ours).__name__
    order = 1 if name in FIRST_ONLY else order
    a = derivatives(tl, ours, [tl.tensor(x, requires_grad=True) for x in inputs], order)
    b = derivatives(torch, theirs, [torch.tensor(x, requires_grad=True) for x in inputs], order)
    for u, v in zip(a, b, strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-6 if name in ROUNDED else 1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "arguments", "kinks"), ACTIVATIONS, ids=str)
def test_activation(name, arguments, kinks, shape):
    ours, theirs = (getattr(m, name)(*arguments).double() for m in (nn, torch.nn))
    agree(ours, theirs, RNG.standard_normal(shape) * 3)
    agree(ours, theirs, np.moveaxis(RNG.standard_normal((*shape[::-1], 2)), -1, 0)[0].T * 3)
    if kinks:
        agree(ours, theirs, np.array(kinks), order=1 if name in KINK_FIRST_ONLY else 2)


def test_inplace_is_taken_and_changes_nothing():
    x = tl.tensor([-1.0, 2.0])
    assert nn.ReLU(inplace=True)(x).tolist() == [0, 2] == nn.ReLU(True)(x).tolist() and x.tolist() == [-1, 2]
    for name in (
        "ReLU6",
        "LeakyReLU",
        "ELU",
        "CELU",
        "SELU",
        "SiLU",
        "Mish",
        "Hardtanh",
        "Hardswish",
        "Hardsigmoid",
        "RReLU",
        "Dropout",
    ):
        assert getattr(nn, name)(inplace=True)(x).shape == getattr(torch.nn, name)(inplace=True)(torch.tensor([1.0, 2.0])).shape


@pytest.mark.parametrize(("name", "arguments"), [(n, a) for n, a, _ in ACTIVATIONS if n not in ("Softplus",)], ids=str)
def test_activation_of_what_is_not_finite(name, arguments):
    x = np.array([np.nan, np.inf, -np.inf])
    with np.errstate(all="ignore"):
        ours = getattr(nn, name)(*arguments).double()(tl.tensor(x))
    np.testing.assert_array_equal(
        ours.detach().data, getattr(torch.nn, name)(*arguments).double()(torch.tensor(x)).detach().numpy()
    )


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4), (2, 3, 2, 2), (0, 3)])
def test_prelu_of_channels_and_its_weights_in_both_directions(shape):
    ours, theirs = nn.PReLU(3, 0.1).double(), torch.nn.PReLU(3, 0.1).double()
    tl.assign(ours.weight, RNG.standard_normal(3))
    x = RNG.standard_normal(shape)
    agree(ours, theirs, np.where(RNG.random(shape) < 0.2, 0.0, x), order=1)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor([0.3, -0.2, 0.0]))
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    agree(ours, theirs, x)


ALONG = [("GLU", -1), ("GLU", 0), ("Softmin", 1), ("Softmin", -2), ("Softmax", 0), ("LogSoftmax", -1), ("Softmax2d", None)]


@pytest.mark.parametrize(("name", "dim"), ALONG, ids=str)
@pytest.mark.parametrize("shape", [(2, 4, 2), (4, 3, 2, 2), (2, 0, 2, 4)])
def test_activation_along_a_dimension(name, dim, shape):
    ours, theirs = (getattr(m, name)(*(() if dim is None else (dim,))) for m in (nn, torch.nn))
    agree(ours, theirs, RNG.standard_normal(shape))


def test_rrelu_in_evaluation_and_at_0():
    ours, theirs = nn.RReLU(0.1, 0.5).eval(), torch.nn.RReLU(0.1, 0.5).eval()
    agree(ours, theirs, np.array([-2.0, -0.3, 0.0, 0.7]))
    with pytest.raises(ValueError, match=r"rrelu: lower 0\.5 is larger than upper 0\.1"):
        nn.RReLU(0.5, 0.1)(tl.ones(1))


@pytest.mark.parametrize("lead", [(4,), (), (2, 3), (0,)])
@pytest.mark.parametrize("bias", [True, False])
def test_bilinear(lead, bias):
    ours, theirs = nn.Bilinear(3, 2, 5, bias).double(), torch.nn.Bilinear(3, 2, 5, bias).double()
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    np.testing.assert_array_equal(ours.weight.data, theirs.weight.detach().numpy())
    agree(ours, theirs, RNG.standard_normal((*lead, 3)), RNG.standard_normal((*lead, 2)))


def test_initial_weights_of_bilinear_have_the_same_distribution():
    from scipy.stats import ks_2samp

    tl.manual_seed(0), torch.manual_seed(0)
    ours, theirs = nn.Bilinear(20, 30, 40), torch.nn.Bilinear(20, 30, 40)
    for name, value in theirs.state_dict().items():
        sample = ours.state_dict()[name]
        assert sample.shape == tuple(value.shape) and ks_2samp(sample.ravel(), value.numpy().ravel()).pvalue > 1e-3


@pytest.mark.parametrize("name", ["Dropout", "AlphaDropout", "Dropout1d", "Dropout2d", "Dropout3d"])
def test_dropout_has_the_values_of_pytorchs(name):
    """In training the same set of values comes out, in the same shares; whole channels are the same zero."""
    shape = {"Dropout1d": (200, 50, 3), "Dropout3d": (200, 50, 2, 1, 2)}.get(name, (200, 50, 2, 2))
    tl.manual_seed(0), torch.manual_seed(0)
    ours, theirs = getattr(nn, name)(0.3)(tl.ones(*shape)).data, getattr(torch.nn, name)(0.3)(torch.ones(*shape)).numpy()
    values, counts = np.unique(ours.round(5), return_counts=True)
    expected, expected_counts = np.unique(theirs.round(5), return_counts=True)
    np.testing.assert_allclose(values, expected, atol=1e-5)
    np.testing.assert_allclose(counts / ours.size, expected_counts / ours.size, atol=0.02)
    assert (np.ptp(ours.reshape(200, 50, -1), -1) == 0).all() == (np.ptp(theirs.reshape(200, 50, -1), -1) == 0).all()


REFUSED = {
    "celu": lambda m, f: f.celu(m.ones(2), 0.0), "glu odd": lambda m, f: f.glu(m.ones(3)),
    "glu 0-d": lambda m, f: f.glu(m.tensor(1.0)),
    "hardtanh": lambda m, f: f.hardtanh(m.ones(2), 1.0, 0.0), "softshrink": lambda m, f: f.softshrink(m.ones(2), -1.0),
    "prelu channels": lambda m, f: f.prelu(m.ones(2, 3), m.ones(2)), "prelu vector": lambda m, f: f.prelu(m.ones(3), m.ones(3)),
    "rrelu": lambda m, f: f.rrelu(m.ones(2), 0.5, 0.1, True), "dropout1d": lambda m, f: f.dropout1d(m.ones(2, 2, 2, 2)),
    "dropout2d p": lambda m, f: f.dropout2d(m.ones(2, 2, 2, 2), -0.1),
    "alpha p": lambda m, f: f.alpha_dropout(m.ones(2), 2.0, True),
    "bilinear features": lambda m, f: f.bilinear(m.ones(2, 3), m.ones(2, 3), m.ones(4, 3, 2)),
    "bilinear batch": lambda m, f: f.bilinear(m.ones(2, 3), m.ones(3, 3), m.ones(4, 3, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_both_refuse(name):
    for m, f in ((torch, torch.nn.functional), (tl, nn.functional)):
        with pytest.raises((RuntimeError, ValueError)):
            REFUSED[name](m, f)

"""Convolution beside PyTorch's: random configurations, forward and all gradients; layers that load its weights."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]
BOUND = {np.float64: (1e-13, 1e-13, 1e-12, 1e-13), np.float32: (1e-5, 1e-5, 3e-5, 3e-6)}  # of the largest value


def near(ours, theirs, bound):
    """Equal shapes and dtypes, and no error above ``bound`` times the largest value."""
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    if theirs.size:
        np.testing.assert_allclose(ours.data, theirs, rtol=0, atol=bound * max(1e-3, np.abs(theirs).max()))


def both(name, arrays, dtype, **options):
    """Ours in ``dtype`` against theirs in float64: the output, the gradients towards image, weight and bias."""
    arrays = [None if a is None else a.astype(dtype) for a in arrays]
    ours = [None if a is None else tl.tensor(a, requires_grad=True) for a in arrays]
    theirs = [None if a is None else torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]
    out, expected = getattr(tl, name)(*ours, **options), getattr(F, name)(*theirs, **options)
    assert out.dtype == dtype
    bounds = BOUND[dtype]
    near(out, expected, bounds[0])
    g = (1 + np.cos(np.arange(out.numel()) * 0.7 + 0.3)).reshape(out.shape).astype(dtype)
    ours, theirs = ([t for t in some if t is not None] for some in (ours, theirs))
    first, second = tl.grad(out, ours, g), torch.autograd.grad(expected, theirs, torch.tensor(g, dtype=torch.float64))
    for k, (a, b) in enumerate(zip(first, second)):
        assert a.dtype == dtype
        near(a, b, bounds[k + 1])


def drawn(rng, n_dims, transposed):
    """(shapes of image, weight and bias, options) of a call."""

    def integers(low, high):
        if rng.random() < 0.3:
            return int(rng.integers(low, high))
        return tuple(int(v) for v in rng.integers(low, high, n_dims))

    def each(v):
        return v if isinstance(v, tuple) else (v,) * n_dims

    groups = int(rng.choice([1, 1, 2, 3]))
    channels, outputs = groups * int(rng.choice([1, 2, 5, 16])), groups * int(rng.choice([1, 3, 8, 17]))
    kernel = tuple(int(v) for v in rng.integers(1, 6 - n_dims // 3 * 2, n_dims))
    options = dict(stride=integers(1, 4), dilation=integers(1, 4), padding=integers(0, 4), groups=groups)
    spans = [d * (k - 1) + 1 for d, k in zip(each(options["dilation"]), kernel)]
    more = rng.integers(0, 17 if n_dims < 3 else 6, n_dims)
    if transposed:
        most = [max(s, d) for s, d in zip(each(options["stride"]), each(options["dilation"]))]
        options["output_padding"] = tuple(int(rng.integers(0, m)) for m in most)
        size = tuple(max(1, 1 - (s - 1 - 2 * p) // t) + int(m) // 2
                     for s, p, t, m in zip(spans, each(options["padding"]), each(options["stride"]), more))  # fmt: skip
        weight = (channels, outputs // groups, *kernel)
    else:
        if rng.random() < 0.2:
            options["padding"] = str(rng.choice(["same", "valid"]))
            options["stride"] = options["stride"] if options["padding"] == "valid" else 1
        low = each(options["padding"]) if not isinstance(options["padding"], str) else (0,) * n_dims
        size = tuple(max(1, s - 2 * p) + int(m) for s, p, m in zip(spans, low, more))
        weight = (outputs, channels // groups, *kernel)
    n = int(rng.choice([-1, 0, 1, 2, 3]))  # -1: no batch
    return ((n,) * (n >= 0) + (channels, *size), weight, (outputs,) if rng.random() < 0.7 else None), options


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_dims", [1, 2, 3])
@pytest.mark.parametrize("name", ["conv", "conv_transpose"])
def test_random_configurations(name, n_dims, dtype):
    rng = np.random.default_rng(n_dims)
    for _ in range(150 if n_dims < 3 else 60):
        shapes, options = drawn(rng, n_dims, name == "conv_transpose")
        both(f"{name}{n_dims}d", [None if s is None else rng.standard_normal(s) for s in shapes], dtype, **options)


LAYERS = [  # image, weight, options
    ((4, 1, 28, 28), (32, 1, 5, 5), dict(padding=2)), ((4, 32, 14, 14), (64, 32, 5, 5), dict(padding=2)),
    ((2, 3, 32, 32), (32, 3, 3, 3), dict(padding=1)), ((2, 64, 16, 16), (64, 64, 3, 3), dict(padding=1)),
    ((1, 128, 28, 28), (128, 128, 3, 3), dict(padding=1)), ((2, 192, 28, 28), (64, 192, 1, 1), {}),
    ((1, 64, 56, 56), (192, 64, 3, 3), dict(padding=1)), ((1, 3, 112, 112), (64, 3, 7, 7), dict(padding=3, stride=2)),
    ((2, 64, 28, 28), (64, 64, 3, 3), dict(padding=2, dilation=2)), ((2, 64, 28, 28), (64, 16, 3, 3), dict(padding=1, groups=4)),
    ((2, 64, 28, 28), (64, 1, 3, 3), dict(padding=1, groups=64)), ((2, 32, 28, 28), (64, 32, 3, 3), dict(padding=1, stride=2)),
    ((3, 16, 5, 5), (120, 16, 5, 5), {}),
]  # fmt: skip


@pytest.mark.parametrize(("x", "weight", "options"), LAYERS, ids=str)
def test_layers_of_networks(x, weight, options):
    rng = np.random.default_rng(0)
    both("conv2d", [rng.standard_normal(s) for s in (x, weight, weight[:1])], np.float32, **options)


def test_second_derivatives():
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in ((2, 4, 7, 6), (6, 2, 3, 2), (6,))]
    options = dict(stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2)
    ours, theirs = [tl.tensor(a, requires_grad=True) for a in arrays], [torch.tensor(a, requires_grad=True) for a in arrays]

    def penalty(grad, conv2d, inputs):
        gradients = grad((conv2d(*inputs, **options) ** 3).sum(), inputs, create_graph=True)
        return grad(sum((g * g).sum() for g in gradients), inputs)

    for a, b in zip(penalty(tl.grad, tl.conv2d, ours), penalty(torch.autograd.grad, F.conv2d, theirs)):
        np.testing.assert_allclose(a.data, b.numpy(), rtol=1e-10, atol=1e-9 * np.abs(b.numpy()).max())


MODULES = [
    ("Conv1d", (4, 6, 3), {}), ("Conv1d", (4, 6, 3), dict(stride=2, padding=1, dilation=2, groups=2, bias=False)),
    ("Conv2d", (4, 6, (3, 2)), dict(padding="same")), ("Conv2d", (4, 6, 3, 2, 1, 1, 2), {}), ("Conv2d", (4, 4, 3), dict(groups=4)),
    ("Conv2d", (4, 2, 2), dict(padding="valid", stride=(2, 1), dilation=(1, 3))), ("Conv3d", (4, 2, 2), dict(padding=(1, 0, 1))),
    ("ConvTranspose1d", (4, 6, 3), dict(stride=2, output_padding=1)), ("ConvTranspose2d", (4, 6, 3, 2, 1, 1, 2), {}),
    ("ConvTranspose2d", (4, 6, (2, 3)), dict(stride=2, dilation=(1, 3), bias=False)), ("ConvTranspose3d", (4, 2, 2, 2), {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "options"), MODULES, ids=str)
def test_modules_load_its_weights_and_give_its_numbers(name, arguments, options):
    ours, theirs = (getattr(m, name)(*arguments, **options).double() for m in (nn, torch.nn))
    assert repr(ours) == repr(theirs)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    n_dims = int(name[-2])
    for shape in ((2, 4, 9, 7, 6)[: 2 + n_dims], (4, 5, 6, 7)[: 1 + n_dims]):
        x = np.random.default_rng(0).standard_normal(shape)
        a, b = tl.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        u, v = ours(a), theirs(b)
        near(u.detach(), v, 1e-13)
        parameters = [a, *ours.parameters()], [b, *theirs.parameters()]
        for g, e in zip(tl.grad((u * u).sum(), parameters[0]), torch.autograd.grad((v * v).sum(), parameters[1])):
            near(g, e, 1e-12)
        if "Transpose" in name:
            size = tuple(n + 1 for n in v.shape[-n_dims:]) if options.get("output_padding", 0) == 0 and ours.stride[0] > 1 else None
            if size is not None and len(arguments) < 6:
                near(ours(a, size).detach(), theirs(b, size), 1e-13)


@pytest.mark.parametrize(("name", "arguments"), [("Conv2d", (20, 50, 3)), ("Conv1d", (40, 60, 9, 1, 0, 1, 4)),
                                                 ("ConvTranspose2d", (50, 30, 3, 1, 0, 0, 2))], ids=str)  # fmt: skip
def test_initial_weights_have_the_same_distribution(name, arguments):
    from scipy.stats import ks_2samp

    tl.manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = ([getattr(m, name)(*arguments) for _ in range(20)] for m in (nn, torch.nn))
    for key in ("weight", "bias"):
        samples = [np.concatenate([np.ravel(np.asarray(layer.state_dict()[key])) for layer in some]) for some in (ours, theirs)]
        assert ks_2samp(*samples).pvalue > 1e-3
        assert np.abs(samples[0]).max() == pytest.approx(np.abs(samples[1]).max(), rel=0.02)


@pytest.mark.parametrize(
    "call",
    [lambda m, z: m.conv2d(z(1, 3, 8, 8), z(4, 2, 3, 3)), lambda m, z: m.conv2d(z(1, 4, 8, 8), z(3, 2, 3, 3), groups=2),
     lambda m, z: m.conv2d(z(1, 3, 2, 8), z(4, 3, 3, 3)), lambda m, z: m.conv2d(z(1, 3, 8, 8), z(4, 3, 3, 3), stride=0),
     lambda m, z: m.conv2d(z(1, 3, 8, 8), z(4, 3, 3, 3), padding=-1), lambda m, z: m.conv2d(z(1, 3, 8, 8), z(4, 3, 3, 3), z(3)),
     lambda m, z: m.conv2d(z(1, 3, 8, 8), z(4, 3, 3, 3), stride=2, padding="same"), lambda m, z: m.conv2d(z(8, 8), z(4, 3, 3, 3)),
     lambda m, z: m.conv2d(z(1, 3, 0, 8), z(4, 3, 3, 3), padding=2), lambda m, z: m.conv2d(z(1, 3, 8, 8), z(4, 3, 0, 3)),
     lambda m, z: m.conv_transpose2d(z(1, 3, 8, 8), z(3, 2, 3, 3), output_padding=1),
     lambda m, z: m.conv_transpose2d(z(1, 3, 8, 8), z(4, 2, 3, 3)),
     lambda m, z: m.conv_transpose1d(z(1, 3, 1), z(3, 2, 2), padding=1),
     lambda m, z: m.conv_transpose2d(z(1, 3, 8, 8), z(3, 2, 3, 3), stride=2, output_padding=2)],
)  # fmt: skip
def test_what_it_refuses_is_refused(call):
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        call(F, torch.zeros)
    with pytest.raises((TypeError, ValueError)):
        call(tl, tl.zeros)

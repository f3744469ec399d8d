"""Layers that normalise samples, pad, attend and resize beside PyTorch's: values, first and second derivatives, weights by name."""

import itertools

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn

torch = pytest.importorskip("torch")
TF = torch.nn.functional
F = nn.functional
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def attention_of_single_ops():
    """PyTorch's fused attention has no second derivatives."""
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        yield


def drawn(*shape):
    return RNG.standard_normal(shape)


def near(actual, expected, tolerance=1e-9):
    """Arrays of one shape, and no error above ``tolerance`` times the largest value; None is zero."""
    a, e = (np.zeros(()) if t is None else t.detach().numpy() for t in (actual, expected))
    assert a.shape == e.shape or actual is None or expected is None
    if e.size:
        np.testing.assert_allclose(a, e, rtol=0, atol=tolerance * max(1.0, np.abs(e).max()))


def weighted(m, outs):
    """The sum of squares of all outputs with weights of their own, so that no gradient is constant."""
    total = 0.0
    for out in outs if isinstance(outs, tuple) else (outs,):
        if out is not None:
            weights = np.cos(np.arange(int(np.prod(out.shape))) * 0.7 + 0.3).reshape(tuple(out.shape))
            total = total + (out * out * m.tensor(weights)).sum()
    return total


def compare(ours, theirs, *arrays, parameters=((), ()), second=True):
    """Outputs, gradients towards inputs and parameters, and theirs again, of two functions of Tensors."""
    a, b = ([m.tensor(x, requires_grad=True) for x in arrays] for m in (tl, torch))
    outs, expected = ours(*a), theirs(*b)
    for u, v in zip(*(o if isinstance(o, tuple) else (o,) for o in (outs, expected)), strict=True):
        assert (u is None) == (v is None)
        if u is not None:
            near(u, v)
    a, b = [*a, *parameters[0]], [*b, *parameters[1]]
    first = tl.grad(weighted(tl, outs), a, create_graph=True, allow_unused=True)
    slopes = torch.autograd.grad(weighted(torch, expected), b, create_graph=True, allow_unused=True)
    for u, v in zip(first, slopes, strict=True):
        near(u, v)
    if second and outs is not None:
        pairs = [(u, v) for u, v in zip(first, slopes) if u is not None and v is not None and u.requires_grad and v.requires_grad]
        more = tl.grad(sum((u * u).sum() for u, _ in pairs), a, allow_unused=True)
        slopes = torch.autograd.grad(sum((v * v).sum() for _, v in pairs), b, allow_unused=True)
        for u, v in zip(more, slopes, strict=True):
            near(u, v, 1e-7)


def pair(name, *args, **options):
    """The module twice in float64, with random weights that went from PyTorch to ours and back."""
    ours, theirs = (getattr(m, name)(*args, **options).double() for m in (nn, torch.nn))
    with torch.no_grad():
        for value in theirs.state_dict().values():
            if value.dtype == torch.float64:
                value.copy_(torch.tensor(RNG.uniform(0.5, 2, tuple(value.shape)) * RNG.choice([1.0, -1.0])).abs())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    return ours, theirs


def modules(name, arrays, *args, training=True, **options):
    """`compare` the module; its buffers agree afterwards."""
    ours, theirs = pair(name, *args, **options)
    ours.train(training), theirs.train(training)
    compare(ours, theirs, *arrays, parameters=(list(ours.parameters()), list(theirs.parameters())))
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key], value.numpy(), rtol=1e-9, err_msg=key)


NORMS = [
    ("LayerNorm", (5,), [(4, 3, 5), (5,), (2, 5), (0, 5)]), ("LayerNorm", ((3, 5),), [(4, 3, 5), (3, 5)]),
    ("RMSNorm", (5,), [(4, 3, 5), (5,)]), ("RMSNorm", ((3, 5),), [(4, 3, 5)]),
    ("GroupNorm", (2, 4), [(3, 4, 5), (3, 4), (2, 4, 2, 3), (0, 4, 2)]), ("GroupNorm", (4, 4), [(3, 4, 5)]),
    ("InstanceNorm1d", (3,), [(2, 3, 4), (3, 4)]), ("InstanceNorm2d", (3,), [(2, 3, 4, 2), (3, 4, 2)]),
    ("InstanceNorm3d", (3,), [(2, 3, 2, 3, 2), (3, 2, 3, 2)]),
]  # fmt: skip
SETTINGS = {
    "LayerNorm": [{}, {"eps": 0.1}, {"elementwise_affine": False}, {"bias": False}],
    "RMSNorm": [{}, {"eps": 0.1}, {"elementwise_affine": False}],
    "GroupNorm": [{}, {"eps": 0.1}, {"affine": False}, {"bias": False}],
    **{f"InstanceNorm{n}d": [{}, {"affine": True}, {"track_running_stats": True}, {"affine": True, "bias": False},
                             {"affine": True, "track_running_stats": True, "momentum": 0.3, "eps": 0.1},
                             {"track_running_stats": True, "momentum": None}] for n in (1, 2, 3)},
}  # fmt: skip


@pytest.mark.parametrize(("name", "args", "shapes", "options"),
                         [(*row, options) for row in NORMS for options in SETTINGS[row[0]]], ids=str)  # fmt: skip
def test_normalisation_of_samples(name, args, shapes, options):
    for shape, training in itertools.product(shapes, (True, False)):
        modules(name, [drawn(*shape)], *args, training=training, **options)
    assert repr(getattr(nn, name)(*args, **options)) == repr(getattr(torch.nn, name)(*args, **options))


@pytest.mark.parametrize("p", [1, 2.0, 3, 0.5])
def test_normalize(p):
    for shape, dim in [((3, 4), 1), ((2, 3, 4), 0), ((2, 3, 4), -1), ((5,), 0)]:
        compare(lambda x, d=dim: F.normalize(x, p, d), lambda x, d=dim: TF.normalize(x, p, d), drawn(*shape))


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_borders(mode, n):
    """Random widths, negative ones too."""
    for _ in range(25):
        shape = (2, 2, *map(int, RNG.integers(3, 6, n)))
        pad = [int(v) for v in RNG.integers(-1, 3, 2 * n)]
        value = {"value": 1.5} if mode == "constant" and RNG.random() < 0.5 else {}
        compare(lambda x: F.pad(x, pad, mode, **value), lambda x: TF.pad(x, pad, mode, **value), drawn(*shape))


KINDS = ["ConstantPad", "ZeroPad", "ReflectionPad", "ReplicationPad", "CircularPad"]


@pytest.mark.parametrize(("kind", "n"), list(itertools.product(KINDS, [1, 2, 3])))
def test_padding_modules(kind, n):
    more = (1.5,) if kind == "ConstantPad" else ()
    for padding, batch in itertools.product((1, (1, 2, 0, 1, 2, 0)[: 2 * n]), ((2, 3), (3,))):
        modules(f"{kind}{n}d", [drawn(*batch, *(3, 4, 3)[:n])], padding, *more)
        assert repr(getattr(nn, f"{kind}{n}d")(padding, *more)) == repr(getattr(torch.nn, f"{kind}{n}d")(padding, *more))


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("options", [{"padding": 1}, {"padding": "same", "dilation": 2}, {"padding": 2, "stride": 2, "groups": 2},
                                     {"padding": "valid"}], ids=str)  # fmt: skip
def test_borders_of_convolutions(options, mode, n):
    modules(f"Conv{n}d", [drawn(2, 2, *(5, 4, 6)[:n])], 2, 4, 2, padding_mode=mode, **options)
    modules(f"Conv{n}d", [drawn(2, *(5, 4, 6)[:n])], 2, 4, (3, 2, 2)[:n] if n > 1 else 3, padding_mode=mode, **options)
    ours, theirs = (getattr(m, f"Conv{n}d")(2, 4, 2, padding_mode=mode, **options) for m in (nn, torch.nn))
    assert repr(ours) == repr(theirs)


# -- sizes ---------------------------------------------------------------------------------------------------------

MODES = {1: ["nearest", "nearest-exact", "linear", "area"], 2: ["nearest", "nearest-exact", "bilinear", "bicubic", "area"],
         3: ["nearest", "nearest-exact", "trilinear", "area"]}  # fmt: skip


@pytest.mark.parametrize(("n", "mode"), [(n, mode) for n in MODES for mode in MODES[n]])
def test_interpolation(n, mode):
    """Random sizes and factors; factors that leave a size as it is are left out, see `test_a_factor_that_changes_no_size`."""
    corners = [None] if mode in ("nearest", "nearest-exact", "area") else [None, False, True]
    rounds = 0
    while rounds < 25:
        size = [int(v) for v in RNG.integers(1, 7, n)]
        if RNG.random() < 0.5:
            options = {"size": tuple(int(v) for v in RNG.integers(1, 10, n))}
        else:
            factors = RNG.choice([0.5, 2.0, 3.0, 1.5, 0.7, 2.6], n)
            if any(int(s * f) in (0, s) for s, f in zip(size, factors)):
                continue
            options = {"scale_factor": tuple(map(float, factors)), "recompute_scale_factor": [None, True][rounds % 2]}
        rounds += 1
        for align in corners:
            both = {"mode": mode, "align_corners": align, **options}
            compare(lambda x: F.interpolate(x, **both), lambda x: TF.interpolate(x, **both), drawn(1, 2, *size))
            modules("Upsample", [drawn(2, 1, *size)], **both)


def test_a_factor_that_changes_no_size():
    """It leaves the image as it is, but for cubic interpolation. (PyTorch's nearest pixels move in sequences and volumes; of cubic
    interpolation it takes the gradient of the image as it is.)"""
    for shape, mode in [((1, 2, 5), "linear"), ((1, 1, 5, 6), "bilinear"), ((1, 1, 5, 6), "nearest")]:
        compare(lambda x, m=mode: F.interpolate(x, scale_factor=1.1, mode=m),
                lambda x, m=mode: TF.interpolate(x, scale_factor=1.1, mode=m), drawn(*shape))  # fmt: skip
    x = drawn(1, 2, 5, 6)
    for factor in (1.1, (1.1, 2.0)):
        ours, theirs = (f.interpolate(m.tensor(x), scale_factor=factor, mode="bicubic") for f, m in ((F, tl), (TF, torch)))
        near(ours, theirs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nearest_pixels_of_every_size(dtype):
    for n, m in itertools.product(range(1, 30), range(1, 60)):
        x = np.arange(n, dtype=dtype).reshape(1, 1, n)
        np.testing.assert_array_equal(F.interpolate(x, m), TF.interpolate(torch.tensor(x), m).numpy())


def test_shuffled_pixels():
    modules("PixelShuffle", [drawn(2, 8, 3, 2)], 2)
    modules("PixelUnshuffle", [drawn(2, 3, 4, 6)], 2)
    modules("Unflatten", [drawn(2, 6, 3)], 1, (2, 3))
    for name, args in [("PixelShuffle", (2,)), ("PixelUnshuffle", (3,)), ("Unflatten", (1, (2, 3))), ("Embedding", (3, 4, 1))]:
        assert repr(getattr(nn, name)(*args)) == repr(getattr(torch.nn, name)(*args))


# -- attention -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [None, "boolean", "numbers", "blind", "causal"])
@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_attention(lead, mask):
    q, k, v = drawn(*lead, 4, 6), drawn(*lead, 5, 6), drawn(*lead, 5, 3)
    seen = RNG.random((4, 5)) < 0.6
    seen[1] = False
    extra = {"numbers": drawn(*lead, 4, 5), "blind": np.where(seen, drawn(4, 5), -np.inf), "boolean": seen}.get(mask)
    options = {"is_causal": mask == "causal", "scale": [None, 0.3][len(lead) % 2]}
    if mask == "numbers":
        compare(lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m, **options),
                lambda q, k, v, m: TF.scaled_dot_product_attention(q, k, v, m, **options), q, k, v, extra)  # fmt: skip
    else:
        compare(lambda *x: F.scaled_dot_product_attention(*x, None if extra is None else tl.tensor(extra), **options),
                lambda *x: TF.scaled_dot_product_attention(*x, None if extra is None else torch.tensor(extra), **options),
                q, k, v)  # fmt: skip


ATTENTION = [{}, {"bias": False}, {"add_bias_kv": True}, {"add_zero_attn": True}, {"kdim": 3, "vdim": 5},
             {"kdim": 3, "add_bias_kv": True, "add_zero_attn": True}]  # fmt: skip


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("options", ATTENTION, ids=str)
def test_multihead_attention(options, batch_first):
    """All forms of masks, with and without a batch, with and without weights."""
    n, length, places = 2, 3, 4
    ours, theirs = pair("MultiheadAttention", 4, 2, batch_first=batch_first, **options)
    parameters = list(ours.parameters()), list(theirs.parameters())
    for batched, need, average, form, padded in itertools.product(
        (True, False), (True, False), (True, False), (None, "boolean", "numbers", "each"), (None, "boolean", "numbers")
    ):
        samples = n if batched else 1
        mask = {"boolean": RNG.random((length, places)) < 0.3, "numbers": drawn(length, places),
                "each": drawn(samples * 2, length, places)}.get(form)  # fmt: skip
        padding = {"boolean": RNG.random((samples, places)) < 0.3, "numbers": drawn(samples, places)}.get(padded)
        for m in (mask, padding):
            if m is not None and m.dtype == bool:
                m[..., 0] = False
        padding = padding if batched or padding is None else padding[0]
        arrays = [drawn(samples, s, f) for s, f in ((length, 4), (places, ours.kdim), (places, ours.vdim))]
        arrays = [x[0] if not batched else x if batch_first else x.transpose(1, 0, 2) for x in arrays]

        def call(module, m):
            given = {"attn_mask": None if mask is None else m.tensor(mask),
                     "key_padding_mask": None if padding is None else m.tensor(padding)}  # fmt: skip
            return lambda *x: module(*x, need_weights=need, average_attn_weights=average, **given)

        compare(call(ours, tl), call(theirs, torch), *arrays, parameters=parameters, second=form == "each")


def test_self_attention():
    ours, theirs = pair("MultiheadAttention", 6, 3, batch_first=True)
    parameters = list(ours.parameters()), list(theirs.parameters())
    compare(lambda x: ours(x, x, x), lambda x: theirs(x, x, x), drawn(2, 5, 6), parameters=parameters)


def test_initial_weights_have_the_same_distribution():
    from scipy.stats import ks_2samp

    tl.manual_seed(0), torch.manual_seed(0)
    for args, options in [((64, 4), {"add_bias_kv": True}), ((32, 2), {"kdim": 20})]:
        ours, theirs = (m.MultiheadAttention(*args, **options).state_dict() for m in (nn, torch.nn))
        for key, value in theirs.items():
            assert ours[key].shape == tuple(value.shape) and ks_2samp(ours[key].ravel(), value.numpy().ravel()).pvalue > 1e-3, key


# -- embedding, names, vectors, initial weights ----------------------------------------------------------------------


def test_an_embedding_with_a_row_of_no_word():
    words = RNG.integers(0, 5, (3, 4))
    ours, theirs = pair("Embedding", 5, 3, padding_idx=-2)
    parameters = list(ours.parameters()), list(theirs.parameters())
    compare(lambda: ours(tl.tensor(words)), lambda: theirs(torch.tensor(words)), parameters=parameters)


def test_names_of_tied_and_unsaved_parts():
    def build(m, made):
        model = m.Sequential(m.Linear(2, 2), m.ReLU())
        model.add_module("again", model[0])
        model.register_buffer("saved", made(1))
        model.register_buffer("cache", made(1), persistent=False)
        model.register_buffer("nothing", None)
        model.add_module("parts", m.ModuleDict({"a": m.Linear(2, 1), "b": m.ParameterList([m.Parameter(made(1))])}))
        model.parts["c"] = m.ParameterDict({"x": m.Parameter(made(1))})
        return model

    ours, theirs = build(nn, tl.zeros), build(torch.nn, torch.zeros)
    assert list(ours.state_dict()) == list(theirs.state_dict())

    def names(model, method, **options):
        return [name for name, _ in getattr(model, method)(**options)]

    for method, more in (("named_parameters", {"recurse": False}), ("named_buffers", {"recurse": False}), ("named_modules", {})):
        for options in ({}, {"remove_duplicate": False}, {"prefix": "net"}, more):
            assert names(ours, method, **options) == names(theirs, method, **options), (method, options)
    assert [n for n, _ in ours.named_children()] == [n for n, _ in theirs.named_children()]
    assert type(ours.get_submodule("parts.a")).__name__ == type(theirs.get_submodule("parts.a")).__name__
    ours_vector = nn.utils.parameters_to_vector(ours.parameters())
    assert ours_vector.shape == tuple(torch.nn.utils.parameters_to_vector(theirs.parameters()).shape)


def test_hooks_see_what_pytorchs_see():
    """Inputs, outputs and gradients of every module of a network."""
    ours, theirs = (
        m.Sequential(m.Linear(3, 4), m.Sequential(m.Tanh(), m.Linear(4, 4)), m.ReLU(), m.Linear(4, 2)).double()
        for m in (nn, torch.nn)
    )
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x, seen = drawn(5, 3), ([], [])
    for model, m, found in ((ours, tl, seen[0]), (theirs, torch, seen[1])):
        for name, module in model.named_modules():
            module.register_forward_pre_hook(lambda _, args, n=name, f=found: f.append((n, "in", *args)))
            module.register_forward_hook(lambda _, args, out, n=name, f=found: f.append((n, "out", out)))
            module.register_full_backward_hook(lambda _, gi, go, n=name, f=found: f.append((n, "back", *gi, *go)))
        (model(m.tensor(x)) ** 2).sum().backward()
    assert [s[:2] for s in seen[0]] == [s[:2] for s in seen[1]]
    for a, b in zip(*seen):
        for u, v in zip(a[2:], b[2:], strict=True):
            near(u, v)


def test_gains_and_structured_weights():
    for name in ("linear", "conv1d", "conv_transpose2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert nn.init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name), rel=1e-12)
    for name, shape, options in [("eye_", (3, 4), {}), ("dirac_", (4, 2, 3, 3), {"groups": 2}), ("dirac_", (3, 5, 4), {})]:
        a, b = (getattr(m.nn.init, name)(m.zeros(*shape), **options) for m in (tl, torch))
        near(a, b)

"""Layers that normalise samples, put borders around images, change sizes; an embedding's row of no word."""

import itertools

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn

RNG = np.random.default_rng(0)
F = nn.functional


def randomised(module):
    """In float64, with weights drawn anew."""
    for p in module.double().parameters():
        tl.assign(p, RNG.standard_normal(p.shape))
    return module


# -- normalisation -------------------------------------------------------------------------------------------------

NORMS = [  # layer, the dimensions over which each sample is normalised, shape of the input, of the weight
    (lambda: nn.LayerNorm(5), (-1,), (4, 3, 5), (5,)), (lambda: nn.LayerNorm((3, 5)), (-2, -1), (4, 3, 5), (3, 5)),
    (lambda: nn.GroupNorm(1, 3), (1, 2), (4, 3, 5), (3, 1)), (lambda: nn.GroupNorm(3, 3), (2,), (4, 3, 5), (3, 1)),
    (lambda: nn.InstanceNorm1d(3, affine=True), (2,), (4, 3, 5), (3, 1)),
    (lambda: nn.InstanceNorm2d(3, affine=True), (2, 3), (2, 3, 4, 5), (3, 1, 1)),
    (lambda: nn.InstanceNorm3d(3, affine=True), (2, 3, 4), (2, 3, 2, 3, 2), (3, 1, 1, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("make", "dims", "shape", "weight_shape"), NORMS)
def test_outputs_have_mean_and_variance_of_weight_and_bias(make, dims, shape, weight_shape):
    layer, x = randomised(make()), RNG.standard_normal(shape) * 5 + 2
    out = layer(tl.Tensor(x)).data
    weight, bias = (p.data.reshape(weight_shape) for p in (layer.weight, layer.bias))
    plain = (out - bias) / weight
    np.testing.assert_allclose(plain.mean(dims), 0, atol=1e-12)
    np.testing.assert_allclose(plain.var(dims), 1, rtol=1e-5)
    np.testing.assert_allclose(layer(tl.Tensor(x * 3 + 1)).data, out, rtol=1e-4, atol=1e-4)  # scale and shift do not matter
    np.testing.assert_allclose(layer(tl.Tensor(x[1:2])).data, out[1:2], rtol=1e-10, atol=1e-12)  # nor do other samples


@pytest.mark.parametrize("shape", [(32, 128, 64), (7, 300, 33), (2, 1, 4000), (3, 2, 2)])
@pytest.mark.parametrize(("dtype", "bound"), [(np.float64, 1e-11), (np.float32, 3e-5)])
def test_layer_norm_of_many_rows(shape, dtype, bound):
    """Against the equation and its gradients in float64."""
    x, g = (RNG.standard_normal(shape).astype(dtype) for _ in range(2))
    layer = nn.LayerNorm(shape[-1], dtype=dtype)
    for p in layer.parameters():
        tl.assign(p, RNG.standard_normal(p.shape))
    a = tl.Tensor(x, requires_grad=True)
    out = layer(a)
    out.backward(tl.Tensor(g))
    centred = x.astype(float) - x.astype(float).mean(-1, keepdims=True)
    std = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    hat, g_hat = centred / std, g.astype(float) * layer.weight.data
    g_x = (g_hat - g_hat.mean(-1, keepdims=True) - hat * (g_hat * hat).mean(-1, keepdims=True)) / std
    flat = tuple(range(len(shape) - 1))
    for actual, expected in [(out, hat * layer.weight.data + layer.bias.data), (a.grad, g_x),
                             (layer.weight.grad, (g * hat).sum(flat)), (layer.bias.grad, g.astype(float).sum(flat))]:  # fmt: skip
        assert actual.dtype == dtype
        np.testing.assert_allclose(actual.data, expected, rtol=0, atol=bound * max(1, np.abs(expected).max()))


def test_a_group_of_one_value_is_its_mean():
    """As long as there is more than one sample: of one alone it is taken for a mistake."""
    x, bias = tl.Tensor(RNG.standard_normal((2, 3))), tl.Tensor(np.arange(3.0))
    assert (F.group_norm(x, 3, None, bias).data == bias.data).all()


def test_rms_norm_of_a_layer():
    layer, x = randomised(nn.RMSNorm((2, 3))), RNG.standard_normal((4, 2, 3))
    eps = np.finfo(np.float64).eps
    expected = x / np.sqrt((x * x).mean((1, 2), keepdims=True) + eps) * layer.weight.data
    np.testing.assert_allclose(layer(tl.Tensor(x)).data, expected, rtol=1e-12)
    assert nn.RMSNorm(3, elementwise_affine=False).weight is None and list(layer.state_dict()) == ["weight"]


@pytest.mark.parametrize("momentum", [0.3, None])
def test_running_statistics_of_instances(momentum):
    """They move towards the averages over samples, and are taken in evaluation; without a momentum they stay."""
    layer, x = nn.InstanceNorm1d(2, momentum=momentum, track_running_stats=True).double(), RNG.standard_normal((4, 2, 5)) + 3
    layer(tl.Tensor(x))
    rate = momentum or 0.0
    np.testing.assert_allclose(layer.running_mean.data, rate * x.mean(2).mean(0))
    np.testing.assert_allclose(layer.running_var.data, 1 - rate + rate * x.var(2, ddof=1).mean(0))
    before = layer.running_mean.data.copy()
    expected = (x - before[:, None]) / np.sqrt(layer.running_var.data[:, None] + 1e-5)
    np.testing.assert_allclose(layer.eval()(tl.Tensor(x)).data, expected)
    np.testing.assert_allclose(layer(tl.Tensor(x[0])).data, expected[0])  # without a batch
    assert (layer.running_mean.data == before).all()
    layer.train()(tl.zeros(0, 2, 5, dtype=np.float64))
    assert (layer.running_mean.data == before).all()


def test_a_checkpoint_counts_statistics_once():
    plain, again = (nn.InstanceNorm1d(2, track_running_stats=True).double() for _ in range(2))
    x = RNG.standard_normal((3, 2, 4))
    a, b = tl.Tensor(x, requires_grad=True), tl.Tensor(x, requires_grad=True)
    plain(a).square().sum().backward()
    tl.checkpoint(again, b).square().sum().backward()
    np.testing.assert_array_equal(plain.running_mean.data, again.running_mean.data)
    np.testing.assert_allclose(a.grad.data, b.grad.data)


# -- borders -------------------------------------------------------------------------------------------------------

KINDS = {"ConstantPad": "constant", "ZeroPad": "constant", "ReflectionPad": "reflect", "ReplicationPad": "edge",
         "CircularPad": "wrap"}  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_borders_equal_numpys(kind, n):
    x = RNG.standard_normal((2, 3, 4, 3, 5)[: n + 2])
    for padding in (2, tuple(range(2 * n, 0, -1))[:2] + (1, 2, 0, 1)[: 2 * n - 2]):
        given = (padding,) * 2 * n if padding == 2 else padding
        if kind in ("ReflectionPad", "CircularPad"):
            given = padding = tuple(min(p, 2) for p in given)
        layer = getattr(nn, f"{kind}{n}d")(padding, *([1.5] if kind == "ConstantPad" else []))
        pairs = [(0, 0), (0, 0), *list(zip(given[::2], given[1::2]))[::-1]]
        options = {"constant_values": 1.5 if kind == "ConstantPad" else 0} if KINDS[kind] == "constant" else {}
        expected = np.pad(x, pairs, KINDS[kind], **options)
        np.testing.assert_array_equal(layer(tl.Tensor(x)).data, expected)
        np.testing.assert_array_equal(layer(tl.Tensor(x[0])).data, expected[0])


@pytest.mark.parametrize(("n", "padding"), [(1, 2), (1, "same"), (1, (1,)), (2, 2), (2, "same"), (2, (2, 0))])
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_a_convolution_with_borders_is_padding_and_a_convolution(mode, n, padding):
    layer = getattr(nn, f"Conv{n}d")(2, 3, 4, padding=padding, padding_mode=mode).double()
    x = RNG.standard_normal((2, 2, 6, 5)[: n + 2])
    if padding == "same":
        pairs = [(1, 2)] * n  # of 3 the larger half is behind
    else:
        pairs = [(p, p) for p in (padding if isinstance(padding, tuple) else (padding,) * n)]
    how = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    padded = np.pad(x, [(0, 0), (0, 0), *pairs], how)
    expected = getattr(tl, f"conv{n}d")(padded, layer.weight.data, layer.bias.data)
    np.testing.assert_allclose(layer(tl.Tensor(x)).data, expected, rtol=1e-12, atol=1e-14)
    assert f"padding_mode={mode}" in repr(layer)


def test_borders_of_integers_and_booleans():
    assert F.pad(tl.tensor([1, 2]), (1, 0), value=7).tolist() == [7, 1, 2]
    assert F.pad(tl.tensor([True]), (0, 1)).tolist() == [True, False] and F.pad(np.array([1, 2]), (0, -1)).tolist() == [1]
    assert F.pad(tl.tensor([1, 2, 3]), (2, 0), "reflect").tolist() == [3, 2, 1, 2, 3]


# -- sizes ---------------------------------------------------------------------------------------------------------


def test_an_upsampled_image():
    x = tl.Tensor(RNG.standard_normal((2, 3, 4, 5)))
    assert (nn.Upsample(scale_factor=2)(x).data == x.data.repeat(2, 2).repeat(2, 3)).all()
    out = nn.Upsample((7, 9), mode="bilinear", align_corners=True)(x).data
    corners = np.ix_([0, 1], [0, 1, 2], [0, -1], [0, -1])
    np.testing.assert_allclose(out[corners], x.data[corners])
    plane = tl.Tensor(np.add.outer(np.arange(4.0), np.arange(5.0))[None, None])
    even = nn.Upsample((7, 9), mode="bilinear", align_corners=True)(plane).data[0, 0]
    np.testing.assert_allclose(even, np.add.outer(np.linspace(0, 3, 7), np.linspace(0, 4, 9)), atol=1e-12)  # exact of a plane
    assert F.interpolate(tl.arange(4).reshape(1, 1, 4), 2).tolist() == [[[0, 2]]]


def test_the_nearest_pixel_is_exact_on_the_border_of_two():
    """In float64 pixel i of m is pixel floor(i n / m) of n, also where i n / m is an integer, which i * (n / m) just misses."""
    pairs = itertools.product(range(1, 60), range(1, 120))
    missed = [(n, m) for n, m in pairs if (np.floor(np.arange(m) * (n / m)) != np.arange(m) * n // m).any()]
    assert len(missed) > 20
    for n, m in missed:
        found = F.interpolate(tl.arange(n, dtype=np.float64).reshape(1, 1, n), m)
        np.testing.assert_array_equal(found.data.ravel(), np.arange(m) * n // m)


def test_weights_of_pixels_sum_to_one():
    """A constant image stays constant, and the gradient of the sum counts each pixel of the output once."""
    line, image, volume = (1, 1, 5), (1, 1, 5, 4), (1, 1, 3, 5, 4)
    modes = {"linear": line, "bilinear": image, "bicubic": image, "trilinear": volume, "area": image, "nearest": image}
    for mode, shape in {**modes, "nearest-exact": line}.items():
        for factor in (0.5, 1.7, 3.0):
            x = tl.ones(*shape, dtype=np.float64, requires_grad=True)
            out = F.interpolate(x, scale_factor=factor, mode=mode)
            np.testing.assert_allclose(out.data, 1, rtol=1e-12)
            out.sum().backward()
            assert x.grad.data.sum() == pytest.approx(out.numel())


def test_shuffled_pixels_come_back():
    x = tl.Tensor(RNG.standard_normal((2, 18, 2, 3)))
    out = nn.PixelShuffle(3)(x)
    assert out.shape == (2, 2, 6, 9) and (nn.PixelUnshuffle(3)(out).data == x.data).all()
    assert nn.Unflatten(1, (2, -1))(x).shape == (2, 2, 9, 2, 3) and nn.Unflatten(-1, (3, 1))(x).shape == (2, 18, 2, 3, 1)


# -- embedding -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [1, -3])
def test_the_row_of_no_word_is_zero_and_gets_no_gradient(index):
    table = nn.Embedding(4, 3, padding_idx=index).double()
    words = tl.tensor([[0, 1, 1], [1, 3, 0]])
    out = table(words)
    assert (out.data == table.weight.data[words.data]).all() and not out.data[0, 1].any()
    (out * out + out).sum().backward()
    expected = np.zeros((4, 3))
    np.add.at(expected, words.data, 2 * out.data + 1)
    expected[1] = 0
    np.testing.assert_allclose(table.weight.grad.data, expected)
    tl.assign(table.weight, np.ones((4, 3)))
    assert (table(words).data == 1).all()  # what stands there is looked up
    assert repr(table) == "Embedding(4, 3, padding_idx=1)"


def test_second_derivatives_of_an_embedding_with_a_row_of_no_word():
    weight, words = RNG.standard_normal((4, 2)), np.array([0, 2, 2, 1])
    w = tl.Tensor(weight, requires_grad=True)
    (g,) = tl.grad((tl.embedding(words, w, 2) ** 3).sum(), w, create_graph=True)
    (second,) = tl.grad(g.sum(), w)
    expected = 6 * weight
    expected[[2, 3]] = 0
    np.testing.assert_allclose(second.data, expected)


def test_a_table_of_given_vectors():
    vectors = RNG.standard_normal((3, 2))
    frozen = nn.Embedding.from_pretrained(tl.Tensor(vectors))
    trained = nn.Embedding.from_pretrained(tl.Tensor(vectors), freeze=False, padding_idx=0)
    assert (frozen.weight.data == vectors).all() and (trained.weight.data == vectors).all() and frozen.weight.dtype == np.float64
    assert not frozen.weight.requires_grad and trained.weight.requires_grad and trained.padding_idx == 0
    vectors[:] = 0
    assert frozen.weight.data.any()


# -- errors --------------------------------------------------------------------------------------------------------

x3, x4 = tl.zeros(2, 3, 4), tl.zeros(2, 3, 4, 4)
REFUSED = [
    (lambda: nn.LayerNorm(3)(x3), ValueError,
     r"^layer_norm in run: normalized_shape is \(3,\), which x \(2, 3, 4\) does not end with"),
    (lambda: F.layer_norm(tl.tensor(1.0), 1), ValueError, r"normalized_shape is \(1,\), which x \(\) does not end with"),
    (lambda: F.layer_norm(x3, 4, tl.ones(3)), ValueError, r"weight is \(3,\) float32, expected \(4,\) float32 for x \(2, 3, 4\)"),
    (lambda: F.layer_norm(x3.long(), 4), TypeError, "x must be float32 or float64, got int64"),
    (lambda: F.rms_norm(x3, (3, 4), tl.ones(4)), ValueError, r"^rms_norm in run: weight is \(4,\) float32, expected \(3, 4\)"),
    (lambda: nn.GroupNorm(2, 3), ValueError, "GroupNorm: 3 channels do not divide into 2 groups"),
    (lambda: F.group_norm(x3, 2), ValueError, "^group_norm in run: 3 channels do not divide into 2 groups"),
    (lambda: F.group_norm(tl.zeros(3), 1), ValueError, r"x must be \(batch, channels, ...\), got \(3,\)"),
    (lambda: F.group_norm(tl.zeros(1, 3), 3), ValueError, "there must be more than one value in a group"),
    (lambda: nn.InstanceNorm1d(4, affine=True)(x3), ValueError,
     r"^InstanceNorm1d in run: expected \(4, length\) or \(batch, 4, length\), got \(2, 3, 4\)"),
    (lambda: nn.InstanceNorm2d(3)(tl.zeros(2, 3)), ValueError, r"expected \(3, height, width\) or \(batch, 3, height, width\)"),
    (lambda: nn.InstanceNorm1d(3)(tl.zeros(2, 3, 1)), ValueError, "there must be more than one place in each channel"),
    (lambda: F.instance_norm(x3, use_input_stats=False), ValueError, "running_mean and running_var are needed"),
    (lambda: F.pad(x3, (1, 1), "mirror"), ValueError, "^pad in run: mode must be 'constant', 'reflect', 'replicate' or 'circular'"),
    (lambda: F.pad(x3, (1, 1, 1)), ValueError, r"pad must be \(before, after\) of at most 3 dimensions, .* got \(1, 1, 1\)"),
    (lambda: F.pad(x3, (1.5, 1)), TypeError, "pad must be integers"),
    (lambda: F.pad(x3, (-3, -2)), ValueError, r"-3 and -2 take more than there is of size 4 of dim 2 \(x is \(2, 3, 4\)\)"),
    (lambda: F.pad(x3, (4, 0), "reflect"), ValueError, "mode 'reflect' needs borders less than size 4 of dim 2, got 4 and 0"),
    (lambda: F.pad(x3, (0, 5), "circular"), ValueError, "mode 'circular' needs borders at most size 4 of dim 2"),
    (lambda: F.pad(tl.zeros(2, 0), (0, 1), "replicate"), ValueError, "mode 'replicate' needs borders 0 for size 0 of dim 1"),
    (lambda: F.pad(x3, (1, 1), "reflect", 2.0), ValueError, "value is for mode 'constant', mode is 'reflect'"),
    (lambda: nn.ReflectionPad2d((1, 2)), ValueError, r"ReflectionPad2d: padding must be an integer or 4 integers, got \(1, 2\)"),
    (lambda: nn.ReplicationPad2d(1)(tl.zeros(2, 3)), ValueError,
     r"^ReplicationPad2d in run: expected \(batch, channels, height, width\) or \(channels, height, width\), got \(2, 3\)"),
    (lambda: nn.ConvTranspose2d(1, 1, 2, padding_mode="reflect"), ValueError, "padding_mode must be 'zeros', got 'reflect'"),
    (lambda: F.interpolate(x4, 8, mode="linear"), ValueError,
     r"mode 'linear' is not for x \(2, 3, 4, 4\); there are 'bilinear', 'bicubic', 'nearest', 'nearest-exact', 'area'"),
    (lambda: F.interpolate(x4), ValueError, "give either size, or scale_factor"),
    (lambda: F.interpolate(x4, 8, 2), ValueError, "give either size, or scale_factor"),
    (lambda: F.interpolate(x4, (8, 8, 8)), ValueError, r"size must be a positive number or 2 of them, got \(8, 8, 8\)"),
    (lambda: F.interpolate(x4, 0), ValueError, "size must be a positive number or 2 of them, got 0"),
    (lambda: F.interpolate(x4, scale_factor=0.1), ValueError, r"scale_factor 0.1 leaves \(0, 0\) of x"),
    (lambda: F.interpolate(x4, 8, align_corners=True), ValueError, "align_corners is for linear and cubic modes"),
    (lambda: F.interpolate(tl.zeros(2, 3), 8), ValueError, r"x must be \(batch, channels, ...\)"),
    (lambda: F.interpolate(x4.long(), 8, mode="bilinear"), ValueError, "x must be floats with pixels"),
    (lambda: nn.PixelShuffle(2)(x4), ValueError, r"^pixel_shuffle in run: 3 channels do not divide by upscale_factor\*\*2 = 4"),
    (lambda: F.pixel_unshuffle(x4, 3), ValueError, "height 4 and width 4 do not divide by downscale_factor 3"),
    (lambda: F.pixel_shuffle(x4, 0), ValueError, "upscale_factor must be a positive integer, got 0"),
    (lambda: F.pixel_shuffle(tl.zeros(4, 4), 2), ValueError, r"x must be \(..., channels, height, width\), got \(4, 4\)"),
    (lambda: tl.unflatten(x3, 1, (2, 2)), ValueError, r"unflatten in run: sizes \(2, 2\) do not multiply to size 3 of dim 1"),
    (lambda: tl.unflatten(x3, 2, (-1, -1)), ValueError, "unflatten in run: sizes"),
    (lambda: nn.Embedding(3, 2, padding_idx=3), ValueError, "Embedding: padding_idx 3 is no row of the 3"),
    (lambda: tl.embedding(np.array([0]), tl.ones(3, 2), 5), ValueError,
     r"embedding in run: padding_idx 5 is no row of weight \(3, 2\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "text"), REFUSED, ids=[row[2][:50] for row in REFUSED])
def test_errors_say_what_is_wrong(call, kind, text):
    """With the path of the module that runs."""

    class Run(nn.Module):
        def forward(self):
            return call()

    with pytest.raises(kind, match=text):
        model = nn.Module()
        model.run = Run()
        model.run()

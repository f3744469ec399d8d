"""Activations and losses far out, at their bounds and where they are refused; what noise does; modules of functions."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn
from tinygrad_lite.nn import functional as F

FAR = np.array([-1e30, -1e9, -1e4, -200, -89, -20, -1e-30, 0, 1e-30, 20, 89, 200, 1e4, 1e9, 1e30], np.float32)
ACTIVATIONS = [
    nn.ReLU6(), nn.CELU(), nn.CELU(0.1), nn.SELU(), nn.SiLU(), nn.Mish(), nn.Softsign(), nn.Hardtanh(),
    nn.Hardswish(), nn.Hardsigmoid(),
    nn.LogSigmoid(), nn.PReLU(), nn.RReLU(), nn.Threshold(0.1, 20.0), nn.Tanhshrink(), nn.Softshrink(), nn.Hardshrink(), nn.ELU(),
    nn.Softplus(), nn.Softmin(0), nn.Sigmoid(), nn.Tanh(),
]  # fmt: skip


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("module", ACTIVATIONS, ids=repr)
def test_activations_far_out_are_finite_with_two_derivatives(module):
    """In float32, against the function in float64."""
    x = tl.tensor(FAR, requires_grad=True)
    out = module.eval()(x)
    (g,) = tl.grad(out.sum(), x, create_graph=True)
    if g.requires_grad:
        (h,) = tl.grad(g.sum(), x, allow_unused=True)
        assert h is None or np.isfinite(h.data).all()
    exact = tl.tensor(FAR.astype(np.float64), requires_grad=True)
    expected = module.double()(exact)
    module.float()
    np.testing.assert_allclose(out.data, expected.data, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(g.data, tl.grad(expected.sum(), exact)[0].data, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_losses_far_out_are_finite_with_their_gradients():
    x = lambda: tl.tensor(FAR[2:-2], requires_grad=True)
    zeros, ones = np.zeros(11, np.float32), np.ones(11, np.float32)
    for loss in [
        lambda x: F.l1_loss(x, zeros),
        lambda x: F.huber_loss(x * 1e26, zeros),
        lambda x: F.smooth_l1_loss(x * 1e26, zeros, beta=0.1),
        lambda x: F.soft_margin_loss(x, ones), lambda x: F.soft_margin_loss(x, -ones), lambda x: F.hinge_embedding_loss(x, -ones),
        lambda x: F.margin_ranking_loss(x, zeros, ones),
        lambda x: F.binary_cross_entropy_with_logits(x, zeros + 0.5, ones, pos_weight=ones * 3),
        lambda x: F.cross_entropy(tl.stack([x, -x], 1), np.zeros(11, np.int64), label_smoothing=0.1),
        lambda x: F.cross_entropy(tl.stack([x, -x], 1), np.full((11, 2), 0.5, np.float32), weight=np.array([1, 2.0])),
        lambda x: F.multi_margin_loss(tl.stack([x, -x], 1), np.zeros(11, np.int64)), lambda x: F.kl_div(x, zeros, "batchmean"),
        lambda x: F.poisson_nll_loss(tl.clamp(x, max=80), zeros), lambda x: F.gaussian_nll_loss(x, zeros, zeros),
        lambda x: F.cosine_embedding_loss(tl.unsqueeze(x, 1), tl.ones(11, 1), ones),
        lambda x: tl.mean(F.cosine_similarity(tl.unsqueeze(x, 1), tl.ones(11, 1))),
        lambda x: tl.mean(F.pairwise_distance(tl.unsqueeze(x, 1), tl.zeros(11, 1), eps=0.0)),
        lambda x: F.triplet_margin_loss(tl.unsqueeze(x, 1), tl.zeros(11, 1), tl.ones(11, 1)), lambda x: F.sse_loss(x, zeros),
    ]:  # fmt: skip
        leaf = x()
        value = loss(leaf)
        value.backward()
        assert value.dtype == np.float32 and np.isfinite(value.item()) and np.isfinite(leaf.grad.data).all()


def test_the_gradient_of_a_sum_of_squares_is_the_difference():
    x, y = tl.randn(3, 4, requires_grad=True), tl.randn(3, 4)
    nn.SSELoss()(x, y).backward()
    np.testing.assert_array_equal(x.grad.data, x.data - y.data)


def test_label_smoothing_is_cross_entropy_with_smoothed_probabilities():
    x, labels = tl.randn(5, 4, requires_grad=True), np.array([0, 3, 1, 1, 2])
    smoothed = (np.eye(4)[labels] * 0.8 + 0.05).astype(np.float32)
    for other in (F.cross_entropy(x, smoothed), F.cross_entropy(x, np.eye(4, dtype=np.float32)[labels], label_smoothing=0.2)):
        np.testing.assert_allclose(F.cross_entropy(x, labels, label_smoothing=0.2).item(), other.item(), rtol=1e-6)


def test_weights_of_one_are_no_weights_and_an_ignored_element_is_no_element():
    x, labels, kept = tl.randn(6, 4, requires_grad=True), np.array([0, 3, -100, 1, -100, 2]), [0, 1, 3, 5]
    for loss in (F.cross_entropy, F.nll_loss):
        for options in ({}, {"weight": np.ones(4, np.float32)}):
            expected = loss(x[kept], labels[kept])
            np.testing.assert_allclose(loss(x, labels, **options).item(), expected.item(), rtol=1e-6)
            g, e = tl.grad(loss(x, labels, **options), x)[0].data, tl.grad(expected, x)[0].data
            np.testing.assert_allclose(g, e, rtol=1e-5, atol=1e-7)
            assert (g[[2, 4]] == 0).all()


def test_labels_of_any_integer_dtype():
    x = tl.randn(3, 4)
    for dtype in (np.int8, np.uint8, np.int32, np.uint16):
        labels = np.array([0, 3, 1], dtype)
        for options in ({}, {"label_smoothing": 0.1}, {"ignore_index": 3}):
            assert F.cross_entropy(x, labels, **options).item() == F.cross_entropy(x, labels.astype(np.int64), **options).item()
        assert F.nll_loss(x, labels).item() == F.nll_loss(x, labels.astype(np.int64)).item()


def test_class_weights_take_the_dtype_of_the_input():
    x, labels, weight = tl.randn(3, 2), np.array([0, 1, 1]), np.array([0.3, 0.7])
    for loss in (F.cross_entropy, F.nll_loss, F.multi_margin_loss):
        assert loss(x, labels, weight=weight).dtype == np.float32


# -- noise -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "shape", "lead"), [
    ("dropout1d", (50, 40, 3), 2), ("dropout1d", (2000, 3), 1), ("dropout2d", (50, 40, 2, 2), 2), ("dropout2d", (50, 40, 3), 2),
    ("dropout3d", (50, 40, 2, 1, 2), 2), ("dropout3d", (2000, 2, 1, 2), 1),
])  # fmt: skip
def test_whole_channels_are_dropped(name, shape, lead):
    tl.manual_seed(0)
    x = tl.ones(*shape, requires_grad=True)
    y = getattr(F, name)(x, 0.25)
    channels = y.data.reshape(*shape[:lead], -1)
    assert (channels == channels[..., :1]).all() and set(np.unique(channels)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((channels[..., 0] == 0).mean() - 0.25) < 0.04
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, y.data)


def test_alpha_dropout_keeps_mean_and_variance():
    tl.manual_seed(0)
    x = tl.randn(200_000, requires_grad=True)
    y = nn.AlphaDropout(0.3)(x)
    assert abs(y.data.mean()) < 0.01 and abs(y.data.var() - 1) < 0.02 and y.dtype == np.float32
    y.sum().backward()
    slopes, counts = np.unique(x.grad.data, return_counts=True)
    assert slopes[0] == 0 and len(slopes) == 2 and abs(counts[0] / 200_000 - 0.3) < 0.01
    assert len(np.unique(y.data[x.grad.data == 0])) == 1  # all dropped elements are one value
    assert nn.AlphaDropout(0.3).eval()(x) is x


def test_rrelu_draws_its_slopes():
    tl.manual_seed(0)
    x = tl.tensor(np.repeat(np.float32([-2.0, 3.0]), 10_000), requires_grad=True)
    module = nn.RReLU(0.2, 0.4)
    module(x).sum().backward()
    slopes = x.grad.data
    assert (slopes[10_000:] == 1).all() and 0.2 <= slopes[:10_000].min() < 0.21 and 0.39 < slopes[:10_000].max() <= 0.4
    assert abs(slopes[:10_000].mean() - 0.3) < 0.01
    np.testing.assert_allclose(module.eval()(x).data[:2], -0.6, rtol=1e-6)


# -- modules -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("module", "text"), [
    (nn.ReLU(True), "ReLU()"),
    (nn.LeakyReLU(), "LeakyReLU(negative_slope=0.01)"),
    (nn.Hardtanh(-2, 2), "Hardtanh(min_val=-2, max_val=2)"),
    (nn.Threshold(0.1, 20), "Threshold(threshold=0.1, value=20)"),
    (nn.PReLU(3), "PReLU(num_parameters=3)"),
    (nn.Softmax(1), "Softmax(dim=1)"),
    (nn.GELU("tanh"), "GELU(approximate='tanh')"),
    (nn.Dropout2d(0.2), "Dropout2d(p=0.2)"),
    (nn.MSELoss("sum"), "MSELoss(reduction='sum')"),
    (nn.CrossEntropyLoss(), "CrossEntropyLoss()"), (nn.SSELoss(), "SSELoss()"), (nn.HuberLoss(delta=0.5), "HuberLoss(delta=0.5)"),
    (nn.CrossEntropyLoss(np.ones(3), label_smoothing=0.1), "CrossEntropyLoss(weight=(3,), label_smoothing=0.1)"),
    (nn.Bilinear(2, 3, 4), "Bilinear(in1_features=2, in2_features=3, out_features=4, bias=True)"),
], ids=lambda x: x if isinstance(x, str) else "")  # fmt: skip
def test_text(module, text):
    assert repr(module) == text


def test_text_of_a_class_of_ones_own_names_what_it_has():
    class Scaled(nn.L1Loss):
        def __init__(self, factor, *rest, delta=1.0, **options):
            super().__init__(*rest, **options)
            self.delta = delta

    assert repr(Scaled(2.0, "sum", delta=3.0)) == "Scaled(delta=3.0)"


def test_class_weights_are_a_buffer():
    loss = nn.CrossEntropyLoss(np.array([1.0, 3.0]))
    assert list(loss.state_dict()) == ["weight"] and not list(loss.parameters()) and loss.float().weight.dtype == np.float32
    assert not nn.CrossEntropyLoss().state_dict()


X = tl.ones(2, 3)
REFUSED = [
    (lambda: F.glu(X), r"^glu: dim -1 of \(2, 3\) cannot be halved: its size must be even"),
    (lambda: F.prelu(X, tl.ones(2)), r"^prelu: weight \(2,\) must hold one number or one for each channel, 3 of \(2, 3\)"),
    (lambda: F.hardtanh(X, 1.0, 0.0), r"^hardtanh: min_val 1\.0 is larger than max_val 0\.0"),
    (lambda: nn.Hardtanh(1.0, 1.0), r"^Hardtanh: min_val 1\.0 must be smaller than max_val 1\.0"),
    (lambda: F.softshrink(X, -1), "^softshrink: lambd must be at least 0, got -1"),
    (lambda: F.celu(X, 0), "^celu: alpha must not be 0"),
    (lambda: F.dropout2d(X),
     r"^dropout2d: x must be \(batch, channels, height, width\) or \(batch, channels, length\), got \(2, 3\)"),
    (lambda: F.alpha_dropout(X, 2, True), "^alpha_dropout: p must be a probability, 0 to 1, got 2"),
    (lambda: nn.Dropout3d(-1), "^Dropout3d: p must be a probability"),
    (lambda: nn.Softmax2d()(X),
     r"^Softmax2d: x must be \(batch, channels, height, width\) or \(channels, height, width\), got \(2, 3\)"),
    (lambda: F.cross_entropy(X, np.array([0, 1]), tl.ones(2)),
     r"^cross_entropy: weight must be \(3,\), a number for each class of input \(2, 3\), got \(2,\)"),
    (lambda: F.cross_entropy(X, X, ignore_index=0),
     "^cross_entropy: ignore_index is a class number, target holds probabilities: give it weights of 0"),
    (lambda: F.cross_entropy(X, np.array([0, 1]), label_smoothing=2), "^cross_entropy: label_smoothing must be 0 to 1, got 2"),
    (lambda: F.l1_loss(X, tl.ones(3)), r"^l1_loss: input is \(2, 3\), target is \(3,\): they must agree"),
    (lambda: F.mse_loss(X, X, weight=tl.ones(3)), r"^mse_loss: weight is \(3,\), input is \(2, 3\): they must agree"),
    (lambda: F.huber_loss(X, X, delta=0), "^huber_loss: delta must be positive, got 0"),
    (lambda: F.smooth_l1_loss(X, X, beta=-1), "^smooth_l1_loss: beta must be at least 0, got -1"),
    (lambda: F.gaussian_nll_loss(X, X, -X),
     r"^gaussian_nll_loss: a norm or a variance is not negative, got -1 \(input is .*var is \(2, 3\) float32"),
    (lambda: F.gaussian_nll_loss(X, X, tl.ones(3)),
     r"^gaussian_nll_loss: var \(3,\) must be \(2, 3\) as input, have size 1 in one dimension or lack the last"),
    (lambda: F.multi_margin_loss(X, np.array([0, 1]), 3), "^multi_margin_loss: p must be 1 or 2, got 3"),
    (lambda: F.margin_ranking_loss(X, X, tl.ones(3)),
     r"^margin_ranking_loss: all inputs must have the same number of dimensions, got input1 \(2, 3\), input2"),
    (lambda: F.cosine_embedding_loss(X, X, X), r"^cosine_embedding_loss: inputs must be \(batch, features\) with target \(batch\)"),
    (lambda: F.cosine_similarity(X, tl.ones(2)), r"^cosine_similarity: x1 \(2, 3\) and x2 \(2,\) do not broadcast"),
    (lambda: F.bilinear(X, X, tl.ones(4, 3, 2)),
     r"^bilinear: weight \(4, 3, 2\) must be \(out, in1, in2\) for inputs \(2, 3\) and \(2, 3\)"),
    (lambda: F.bilinear(X, X[:1], tl.ones(4, 3, 3)),
     r"^bilinear: input1 \(2, 3\) and input2 \(1, 3\) must agree but for the last dimension"),
    (lambda: nn.KLDivLoss("average"), "^KLDivLoss: reduction must be 'mean', 'batchmean', 'sum' or 'none', got 'average'"),
    (lambda: nn.L1Loss("batchmean"), "^L1Loss: reduction must be 'mean', 'sum' or 'none', got 'batchmean'"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "text"), REFUSED, ids=[text[1:40] for _, text in REFUSED])
def test_the_text_of_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()

"""The convolutional networks of the zoo: against NumPy and SciPy, against what the papers say of them, against closed forms."""

import numpy as np
import pytest
from scipy.signal import correlate

import tinygrad_lite as tl
from tinygrad_lite import data, nn, zoo

RNG = np.random.default_rng(0)


def parameters(model):
    return sum(p.data.size for p in model.parameters())


# -- plain references in float64 -------------------------------------------------------------------------------------


def windows(x, size, stride):
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), (-2, -1))[..., ::stride, ::stride, :, :]


def conv(x, layer, stride=1, padding=0):
    weight, bias = layer.weight.data, 0.0 if layer.bias is None else layer.bias.data[:, None, None]
    x = np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    full = [[sum(correlate(c, w, "valid", "direct") for c, w in zip(image, filters)) for filters in weight] for image in x]
    return np.array(full)[..., ::stride, ::stride] + bias


def relu(x):
    return np.maximum(x, 0)


def dense(x, layer):
    return x @ layer.weight.data.T + layer.bias.data


def batch_norm(x, layer):
    mean, variance = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * layer.weight.data[:, None, None] + layer.bias.data[:, None, None]


def drawn(model):
    """``model`` in float64, all its parameters drawn anew, so that none is 0 or 1."""
    model.double()
    for p in model.parameters():
        tl.assign(p, RNG.standard_normal(p.shape) * 0.3)
    return model


def reference_of_stages(m, x):
    return windows(relu(conv(x, m.convolution, padding=1)), 2, 2).max((-2, -1))


def reference_of_lenet(m, x):
    first, second = m.features
    x = windows(np.tanh(conv(x, first.convolution, padding=2)), 2, 2).mean((-2, -1))
    x = windows(np.tanh(conv(x, second.convolution)), 2, 2).mean((-2, -1)).reshape(len(x), -1)
    _, a, _, b, _, c = m.classifier
    return dense(np.tanh(dense(np.tanh(dense(x, a)), b)), c)


def reference_of_small_cnn(m, x):
    for convolution, norm, *_ in m.blocks:
        x = windows(relu(batch_norm(conv(x, convolution, padding=1), norm)), 2, 2).max((-2, -1))
    return dense(x.mean((2, 3)), m.classifier)


def reference_of_inception(m, x):
    lowest = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    branches = [
        relu(conv(x, m.branch1.conv)),
        relu(conv(relu(conv(x, m.branch2[0].conv)), m.branch2[1].conv, padding=1)),
        relu(conv(relu(conv(x, m.branch3[0].conv)), m.branch3[1].conv, padding=2)),
        relu(conv(windows(lowest, 3, 1).max((-2, -1)), m.branch4[1].conv)),
    ]
    return np.concatenate(branches, 1)


def reference_of_block(m, x):
    hidden = relu(batch_norm(conv(x, m.conv1, m.conv1.stride[0], 1), m.bn1))
    out = batch_norm(conv(hidden, m.conv2, padding=1), m.bn2)
    if m.downsample is None:
        shortcut = x
    elif isinstance(m.downsample, nn.Sequential):
        shortcut = batch_norm(conv(x, m.downsample[0], 2), m.downsample[1])
    else:
        shortcut = np.zeros_like(out)
        shortcut[:, : x.shape[1]] = x[..., ::2, ::2]
    return relu(out + shortcut)


def reference_of_series(m, x):
    for layer in m.features[:-1]:
        if isinstance(layer, nn.Conv1d):
            pairs = [[sum(correlate(c, w, "valid", "direct") for c, w in zip(s, f)) for f in layer.weight.data] for s in x]
            x = relu(np.array(pairs) + layer.bias.data[:, None])
    return dense(x.reshape(len(x), -1), m.readout)


REFERENCES = [
    (lambda: zoo.ThreeStages(2, 3, 3, padding=1), (2, 2, 6, 7), reference_of_stages),
    (lambda: zoo.LeNet5(), (2, 1, 28, 28), reference_of_lenet),
    (lambda: zoo.SmallCNN(2, 3, (4, 5)), (3, 2, 9, 8), reference_of_small_cnn),
    (lambda: zoo.Inception(3, 2, 3, 4, 2, 3, 2), (2, 3, 6, 5), reference_of_inception),
    (lambda: zoo.ResidualBlock(3, 3), (2, 3, 5, 6), reference_of_block),
    (lambda: zoo.ResidualBlock(3, 5, 2), (2, 3, 5, 6), reference_of_block),
    (lambda: zoo.ResidualBlock(3, 5, 2, "B"), (2, 3, 5, 6), reference_of_block),
    (lambda: zoo.SeriesCNN(9, 2, 3, (4, 5)), (3, 2, 9), reference_of_series),
]
NAMES = ["stages", "lenet", "small", "inception", "block", "block A", "block B", "series"]


@pytest.mark.parametrize(("make", "shape", "reference"), REFERENCES, ids=NAMES)
def test_against_numpy_and_scipy(make, shape, reference):
    model, x = drawn(make()), RNG.standard_normal(shape)
    expected = reference(model, x)
    np.testing.assert_allclose(model(tl.Tensor(x)).detach().data, expected, rtol=1e-9, atol=1e-11)
    model.float()
    single = model(tl.Tensor(x.astype(np.float32)))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single.detach().data, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize(("make", "shape", "reference"), REFERENCES, ids=NAMES)
def test_gradients_of_first_and_second_order(make, shape, reference):
    model = drawn(make()).eval()
    x = tl.tensor(RNG.standard_normal((1, *shape[1:])), requires_grad=True)
    assert tl.gradcheck(lambda x: model(x).tanh().sum(), x, order=2)


# -- what is known of the whole networks -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (lambda: zoo.LeNet5(), 6 * 26 + 16 * 151 + 120 * 401 + 84 * 121 + 10 * 85),
        (lambda: zoo.ResNet20(), 269_722),
        (lambda: zoo.ResNet20(shortcut="B"), 269_722 + 16 * 32 + 64 + 32 * 64 + 128),
        (lambda: zoo.ResNet(110), 1_727_962),
        (lambda: zoo.GoogLeNet(aux_logits=False), 6_998_552),
        (lambda: zoo.GoogLeNet(), 6_998_552 + sum(c * 128 + 128 + 2049 * 1024 + 1025 * 1000 for c in (512, 528))),
    ],
    ids=["LeNet-5", "ResNet-20 A", "ResNet-20 B", "ResNet-110", "GoogLeNet", "GoogLeNet with heads"],
)
def test_numbers_of_parameters(model, expected):
    assert parameters(model()) == expected


# Table 1 of the paper (Szegedy et al., 2015): pixels of a side, channels in, 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj
TABLE = [
    (28, 192, 64, 96, 128, 16, 32, 32),
    (28, 256, 128, 128, 192, 32, 96, 64),
    (14, 480, 192, 96, 208, 16, 48, 64),
    (14, 512, 160, 112, 224, 24, 64, 64),
    (14, 512, 128, 128, 256, 24, 64, 64),
    (14, 512, 112, 144, 288, 32, 64, 64),
    (14, 528, 256, 160, 320, 32, 128, 128),
    (7, 832, 256, 160, 320, 32, 128, 128),
    (7, 832, 384, 192, 384, 48, 128, 128),
]


def layers_of_googlenet():
    """(channels in, channels out, side of the kernel, side of the output) of each layer with weights."""
    layers = [(3, 64, 7, 112), (64, 64, 1, 56), (64, 192, 3, 56), (1024, 1000, 1, 1)]
    for size, c, one, three_reduce, three, five_reduce, five, pool in TABLE:
        layers += [(c, one, 1, size), (c, three_reduce, 1, size), (three_reduce, three, 3, size)]
        layers += [(c, five_reduce, 1, size), (five_reduce, five, 5, size), (c, pool, 1, size)]
    return layers


@pytest.fixture
def ran(monkeypatch):
    """(channels in, channels out, side of the kernel, side of the output) of each layer with weights that runs."""
    seen = []

    def watched(kind):
        forward = kind.forward

        def run(self, x):
            out = forward(self, x)
            size = (self.weight.shape[2], out.shape[2]) if out.ndim == 4 else (1, 1)
            seen.append((self.weight.shape[1], self.weight.shape[0], *size))
            return out

        monkeypatch.setattr(kind, "forward", run)

    watched(nn.Conv2d)
    watched(nn.Linear)
    return seen


def test_googlenet_is_that_of_the_paper(ran):
    """The layers that run are those of Table 1; from their shapes: 6,998,552 parameters, about 1.5 G multiply-adds."""
    model = zoo.GoogLeNet(aux_logits=False).eval()
    with tl.no_grad():
        logits = model(tl.randn(1, 3, 224, 224))
    assert logits.shape == (1, 1000) and np.isfinite(logits.data).all()
    assert sorted(ran) == sorted(layers_of_googlenet()) and len(ran) == 58
    assert sum(c * k * n * n + k for c, k, n, _ in ran) == 6_998_552 == parameters(model)
    assert sum(c * k * n * n * side * side for c, k, n, side in ran) == 1_582_671_872


def test_googlenet_in_training_has_three_outputs():
    model = zoo.GoogLeNet(classes=7)
    x, target = tl.randn(2, 3, 224, 224), tl.tensor([3, 6])
    outputs = model(x)
    assert isinstance(outputs, zoo.GoogLeNetOutputs) and [o.shape for o in outputs] == [(2, 7)] * 3
    loss = zoo.googlenet_loss(outputs, target)
    parts = [nn.functional.cross_entropy(o, target).item() for o in (outputs.logits, outputs.aux_logits1, outputs.aux_logits2)]
    assert loss.item() == pytest.approx(parts[0] + 0.3 * (parts[1] + parts[2]), rel=1e-6)
    loss.backward()
    assert all(p.grad is not None and np.isfinite(p.grad.data).all() for p in model.parameters())
    with tl.no_grad():
        plain = model.eval()(x)
    assert plain.shape == (2, 7)
    assert zoo.googlenet_loss(plain, target).item() == pytest.approx(nn.functional.cross_entropy(plain, target).item())


def test_googlenet_without_heads_takes_other_sizes():
    with tl.no_grad():
        assert zoo.GoogLeNet(classes=5, aux_logits=False)(tl.randn(1, 3, 65, 96)).shape == (1, 5)


def test_first_logits_of_googlenet_say_nothing():
    """All classes are about as likely at first: the loss is that of guessing, ln of their number."""
    tl.manual_seed(0)
    model = zoo.GoogLeNet(classes=100, aux_logits=False)
    with tl.no_grad():
        loss = nn.functional.cross_entropy(model(tl.randn(4, 3, 64, 64)), tl.tensor([0, 1, 2, 3])).item()
    assert loss == pytest.approx(np.log(100), abs=0.1)


@pytest.mark.parametrize(("size", "last"), [(32, 8), (33, 9), (8, 2)])
@pytest.mark.parametrize("shortcut", "AB")
def test_sizes_in_a_residual_network(size, last, shortcut):
    model = zoo.ResNet20(1, 4, shortcut)
    x = model.layer3(model.layer2(model.layer1(model.bn1(model.conv1(tl.randn(2, 1, size, size))))))
    assert x.shape == (2, 64, last, last) and model(tl.randn(2, 1, size, size)).shape == (2, 4)
    assert sum(isinstance(m, (nn.Conv2d, nn.Linear)) and "downsample" not in n for n, m in model.named_modules()) == 20


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: zoo.ResNet(21), r"ResNet: depth must be 6 n \+ 2 \(8, 14, 20, 32, ...\), got 21"),
        (
            lambda: zoo.ResNet20(shortcut="C"),
            r"ResidualBlock: shortcut must be 'A' \(no weights\) or 'B' \(1x1 convolution\), got 'C'",
        ),
        (lambda: zoo.SeriesCNN(4), "SeriesCNN: a window of 4 steps is too short for 2 convolutions over 3: give 5 or more"),
        (lambda: zoo.VideoCNN(nn.Flatten(), "sum"), "VideoCNN: over_time must be 'mean', 'max', a Module or None, got 'sum'"),
        (
            lambda: zoo.VideoCNN(nn.Flatten())(tl.zeros(2, 3, 4, 4)),
            r"VideoCNN: expected \(N, time, channels, height, width\), got \(2, 3, 4, 4\)",
        ),
        (lambda: data.windows(np.zeros(5), 5), r"windows: expected one dimension .* got \(5,\), 5"),
    ],
)
def test_what_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()


# -- parts ---------------------------------------------------------------------------------------------------------


def test_the_stages_one_by_one():
    block = zoo.ThreeStages(1, 3, 3, detector=nn.Tanh(), pooling=nn.AvgPool2d(3)).double()
    x = tl.Tensor(RNG.standard_normal((2, 1, 8, 8)))
    maps, detected, pooled = (t.detach().data for t in block.stages(x))
    assert maps.shape == detected.shape == (2, 3, 6, 6) and pooled.shape == (2, 3, 2, 2)
    np.testing.assert_allclose(detected, np.tanh(maps), rtol=1e-12)
    np.testing.assert_allclose(pooled, block(x).detach().data, rtol=1e-12)
    assert list(block.state_dict()) == ["convolution.weight", "convolution.bias"]


@pytest.mark.parametrize("over_time", ["mean", "max", None])
def test_video_is_its_frames(over_time):
    frame = zoo.SmallCNN(2, 5, (4,)).double().eval()
    x = RNG.standard_normal((3, 4, 2, 6, 6))
    each = np.stack([frame(tl.Tensor(x[:, t])).detach().data for t in range(4)], 1)
    expected = {"mean": each.mean(1), "max": each.max(1), None: each}[over_time]
    np.testing.assert_allclose(zoo.VideoCNN(frame, over_time)(tl.Tensor(x)).detach().data, expected, rtol=1e-9)


def test_video_read_by_a_recurrent_layer_learns_the_order_of_frames():
    """Two videos of the same frames, forwards and backwards: their mean cannot tell them apart, a recurrent layer can."""
    frames = RNG.standard_normal((6, 1, 8, 8)).astype(np.float32)
    videos, target = tl.tensor(np.stack([frames, frames[::-1]])), tl.tensor([0, 1])

    class LastStep(nn.Module):
        def __init__(self):
            self.lstm, self.readout = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 2)

        def forward(self, x):
            return self.readout(self.lstm(x)[0][:, -1])

    tl.manual_seed(0)
    model = zoo.VideoCNN(zoo.SmallCNN(1, 4, (4,)), LastStep())
    optimizer = tl.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(videos), target)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    mean = zoo.VideoCNN(model.frame)(videos).detach().data
    np.testing.assert_allclose(mean[0], mean[1], rtol=1e-4, atol=1e-5)


# -- the series ----------------------------------------------------------------------------------------------------


def test_the_sunspots():
    years, numbers = data.load_sunspots()
    assert years.dtype == np.int64 and numbers.dtype == np.float32
    assert (years == np.arange(1700, 2009)).all() and len(numbers) == 309
    assert years[numbers.argmax()] == 1957 and numbers.max() == np.float32(190.2) and numbers.min() == 0
    known = {1700: 5.0, 1749: 80.9, 1778: 154.4, 1848: 124.7, 1913: 1.4, 1958: 184.8, 2008: 2.9}
    assert all(numbers[years == year] == np.float32(value) for year, value in known.items())
    strongest = np.abs(np.fft.rfft(numbers - numbers.mean())).argmax()
    assert len(numbers) / strongest == pytest.approx(11, abs=0.1)  # years of the cycle of Schwabe (1844)


def test_windows_of_a_series():
    inputs, following = data.windows(np.arange(7.0), 3)
    assert inputs.shape == (4, 1, 3) and following.shape == (4, 1)
    assert (inputs[:, 0] == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]).all() and (following[:, 0] == [3, 4, 5, 6]).all()

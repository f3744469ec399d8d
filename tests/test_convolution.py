"""Convolution: the laws that it obeys, against plain sums over many sizes, whatever its layout, threads and processor."""

import itertools
import os
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
import scipy.signal
from cases_convolution import correlate_reference, input_reference, output_of, weight_reference, window_of

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.kernels import convolution as kernels
from tinygrad_lite.kernels import threads
from tinygrad_lite.ops.correlation import channel_sum, correlate, correlate_input, correlate_weight

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")  # ordinary values warn of nothing
BOUND = {np.float64: (1e-13, 1e-13, 1e-12), np.float32: (1e-5, 1e-5, 3e-5)}  # output, gradient of input, of weight; of the largest


@pytest.fixture(autouse=True)
def one_thread():
    """Kernels are compiled once for one thread and once for several: here for one, but where a test says so."""
    before = tl.get_num_threads()
    tl.set_num_threads(1)
    yield
    tl.set_num_threads(before)


def drawn(rng, dtype, *shapes):
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def near(actual, expected, bound):
    """Equal shapes, and no error above ``bound`` times the largest value."""
    actual = getattr(actual, "data", actual) if not isinstance(actual, np.ndarray) else actual
    assert actual.shape == expected.shape
    if expected.size:
        np.testing.assert_allclose(actual, expected, rtol=0, atol=bound * max(1e-3, np.abs(expected).max()))


def check(rng, n, channels, size, outputs, kernel, dtype=np.float64, **window):
    """The three products equal the sums; returns what went in and came out."""
    groups = window.get("groups", 1)
    full = window_of(len(size), **window)
    x, weight, bias, g = drawn(rng, dtype, (n, channels, *size), (outputs, channels // groups, *kernel), (outputs,),
                               (n, outputs, *output_of(size, kernel, *full)))  # fmt: skip
    out = correlate(x, weight, bias, **window)
    to_x = correlate_input(g, weight, size=tuple(size), **window)
    to_weight = correlate_weight(x, g, kernel=tuple(kernel), **window)
    bounds = BOUND[dtype]
    near(out, correlate_reference(x, weight, bias, **window), bounds[0])
    near(to_x, input_reference(g, weight, size=size, **window), bounds[1])
    near(to_weight, weight_reference(x, g, kernel=kernel, **window), bounds[2])
    return (x, weight, bias, g), (out, to_x, to_weight)


# -- sums ----------------------------------------------------------------------------------------------------------

ODD = range(1, 18, 2)
FEW = [(1, 1, 1), (3, 2, 1), (6, 6, 6), (4, 12, 4)]  # channels of x, of the output, groups
MANY = [*FEW, (2, 8, 2), (4, 17, 1), (8, 33, 1), (16, 16, 1)]  # with kernels for each length of a row, which take long to compile
GRIDS = pytest.mark.parametrize("channels", [FEW, pytest.param(MANY, marks=pytest.mark.proof)], ids=["few", "many"])
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])


@GRIDS
@DTYPES
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_sequences_of_odd_sizes(stride, dtype, channels):
    """Every odd length, kernel, dilation and padding."""
    rng, channels = np.random.default_rng(stride), itertools.cycle(channels)
    for size, kernel, dilation, low, high in itertools.product(ODD, (1, 3, 5, 9), (1, 2, 3), (0, 1, 4), (0, 3)):
        if dilation * (kernel - 1) < size + low + high:
            c, outputs, groups = next(channels)
            window = dict(stride=stride, padding=((low, high),), dilation=dilation, groups=groups)
            check(rng, 2, c, (size,), outputs, (kernel,), dtype, **window)


def random_window(rng, n_dims, largest, kernels):
    """Sizes, kernel and window of which at least one pixel comes out."""
    while True:
        size, kernel = (tuple(map(int, rng.choice(some, n_dims))) for some in (largest, kernels))
        stride, dilation = (tuple(map(int, rng.integers(1, 4, n_dims))) for _ in range(2))
        padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 4, (n_dims, 2)))
        if min(output_of(size, kernel, stride, padding, dilation)) > 0:
            return size, kernel, dict(stride=stride, padding=padding, dilation=dilation)


@GRIDS
@DTYPES
@pytest.mark.parametrize(("n_dims", "rounds", "largest"), [(2, 250, ODD), (3, 60, (1, 3, 5, 7))], ids=["images", "volumes"])
def test_images_and_volumes_of_odd_sizes(n_dims, rounds, largest, dtype, channels):
    """Sizes, kernels, strides, dilations and paddings that differ from dimension to dimension."""
    rng, channels = np.random.default_rng(n_dims), itertools.cycle(channels)
    for k in range(rounds):
        size, kernel, window = random_window(rng, n_dims, largest, (1, 2, 3, 5)[: 5 - n_dims])
        c, outputs, groups = next(channels)
        check(rng, k % 4, c, size, outputs, kernel, dtype, groups=groups, **window)


LAYERS = {  # images, channels, size, outputs, kernel, window: what networks are made of, a choice of every algorithm
    "first, 5x5": (3, 1, (28, 28), 32, (5, 5), dict(padding=2)),
    "5x5": (2, 32, (14, 14), 48, (5, 5), dict(padding=2)),
    "first, 3x3": (2, 3, (32, 32), 32, (3, 3), dict(padding=1)),
    "3x3": (3, 32, (16, 14), 64, (3, 3), dict(padding=1)),
    "3x3, odd": (3, 19, (15, 11), 21, (3, 3), dict(padding=1)),
    "3x3, valid": (3, 16, (9, 17), 16, (3, 3), {}),
    "3x3, uneven borders": (5, 16, (7, 8), 13, (3, 3), dict(padding=((4, 0), (1, 3)))),
    "3x3, many images": (40, 16, (5, 4), 16, (3, 3), dict(padding=1)),
    "5x5, odd": (12, 17, (11, 7), 35, (5, 5), {}),
    "3x3, few pixels": (1, 32, (9, 8), 48, (3, 3), dict(padding=1)),
    "3x3, one image": (1, 17, (30, 29), 70, (3, 3), dict(padding=1)),
    "1x1": (2, 48, (14, 14), 16, (1, 1), {}),
    "stem": (1, 3, (61, 56), 64, (7, 7), dict(stride=2, padding=3)),
    "stride 2": (2, 32, (17, 28), 32, (3, 3), dict(stride=2, padding=1)),
    "stride 2, few channels": (2, 14, (17, 12), 13, (3, 3), dict(stride=2, padding=1)),
    "stride 2, 4x4": (1, 27, (14, 21), 41, (4, 4), dict(stride=2, padding=((0, 1), (2, 1)))),
    "stride 2, 5x5": (3, 24, (15, 11), 24, (5, 5), dict(stride=2, padding=2)),
    "stride 2, rows left out": (2, 24, (14, 12), 25, (3, 3), dict(stride=2)),
    "1x1, padded": (2, 16, (9, 14), 24, (1, 1), dict(padding=((1, 0), (0, 2)))),
    "1x1, stride 2": (2, 32, (9, 8), 32, (1, 1), dict(stride=2)),
    "dilated": (2, 32, (15, 14), 32, (3, 3), dict(dilation=2, padding=2)),
    "dilated 3, odd": (1, 17, (19, 25), 33, (3, 3), dict(dilation=3, padding=((3, 1), (0, 6)))),
    "dilated, 5x5": (2, 12, (13, 16), 18, (5, 5), dict(dilation=2, padding=4)),
    "dilated otherwise in each direction": (2, 16, (13, 16), 18, (3, 3), dict(dilation=(2, 3), padding=2)),
    "groups": (2, 32, (10, 14), 64, (3, 3), dict(padding=1, groups=4)),
    "groups of many channels": (2, 38, (10, 14), 26, (3, 3), dict(padding=1, groups=2)),
    "groups, stride 2": (2, 48, (10, 14), 50, (3, 3), dict(padding=1, groups=2, stride=2)),
    "depthwise": (2, 24, (15, 14), 24, (3, 3), dict(padding=1, groups=24)),
    "depthwise, stride 2": (2, 16, (15, 14), 32, (5, 5), dict(padding=2, groups=16, stride=2)),
    "few outputs": (2, 64, (14, 14), 3, (3, 3), dict(padding=1)),
    "separable": (1, 16, (14, 28), 16, (1, 7), dict(padding=((0, 0), (3, 3)))),
    "whole image": (4, 16, (5, 5), 120, (5, 5), {}),
    "sequence": (2, 16, (280,), 32, (9,), dict(dilation=4, padding=((32, 0),))),
    "volume": (1, 16, (6, 7, 8), 16, (3, 3, 3), dict(padding=1)),
}


SOME = [
    "first, 5x5",
    "3x3",
    "1x1, padded",
    "stride 2",
    "groups",
    "depthwise",
    "sequence",
    "volume",
]  # each is compiled anew for float64
EACH_LAYER = pytest.mark.parametrize(("name", "dtype"), [(n, np.float32) for n in LAYERS] + [(n, np.float64) for n in SOME])


@EACH_LAYER
def test_layers_of_networks(name, dtype):
    n, channels, size, outputs, kernel, window = LAYERS[name]
    check(np.random.default_rng(0), n, channels, size, outputs, kernel, dtype, **window)


@pytest.mark.parametrize("outputs", range(1, 10))
def test_every_number_of_outputs(outputs):
    """Each has a kernel of its own where lanes run along pixels."""
    for size in (7, 40):
        check(np.random.default_rng(outputs), 2, 2, (3, size), outputs, (2, 3), np.float32, padding=1)


@pytest.mark.parametrize("kernel", [(3, 3), (1, 3), (5, 5), (1, 5)])
@pytest.mark.parametrize("stride", [1, 2])
def test_windows_that_slide_over_planes(kernel, stride):
    """A filter for each channel has loops of its own, at stride 2 also for the input gradient."""
    rng = np.random.default_rng(stride)
    for size in ((1, 1), (2, 3), (5, 16), (14, 15), (17, 33), (28, 40)):
        for padding in (0, 1, 2):
            if all(s + 2 * padding >= k for s, k in zip(size, kernel)):
                check(rng, 2, 3, size, 3, kernel, np.float32, padding=padding, stride=stride, groups=3)


@pytest.mark.parametrize("length", [1, 2, 5, 8, 9, 10, 11, 12, 13, 14, 17, 26, 39])
def test_every_length_of_a_row(length):
    """Tiles of pixels are cut to the row where lanes run along channels."""
    for size in ((length,), (3, length)):
        check(np.random.default_rng(length), 1, 17, size, 17, (1,) * (len(size) - 1) + (3,), np.float32, padding=1)


@pytest.mark.parametrize("length", [3001, 65_537, 300_001])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (31, 1, 1), (4, 3, 1000), (7, 2, 1)])
def test_long_sequences(length, kernel, stride, dilation):
    """Against NumPy's convolution, of every stride-th pixel; the widest kernel is as long as the shortest sequence."""
    x, weight = drawn(np.random.default_rng(0), np.float64, (1, 1, length), (2, 1, kernel))
    out = tl.conv1d(x, weight, None, stride, 0, dilation)
    for o in range(2):
        spread = np.zeros(dilation * (kernel - 1) + 1)
        spread[::dilation] = weight[o, 0]
        near(out[0, o], scipy.signal.correlate(x[0, 0], spread, "valid", "direct" if kernel == 3 else "fft")[::stride], 1e-12)
    g = np.cos(np.arange(out.size)).reshape(out.shape)
    near(correlate_weight(x, g, kernel=(kernel,), stride=stride, dilation=dilation),
         weight_reference(x, g, kernel=(kernel,), stride=stride, dilation=dilation), 1e-11)  # fmt: skip
    near(correlate_input(g, weight, size=(length,), stride=stride, dilation=dilation),
         input_reference(g, weight, size=(length,), stride=stride, dilation=dilation), 1e-12)  # fmt: skip


@pytest.mark.parametrize("shape", [(5, 3, 2), (300, 40, 3), (64, 32, 8, 8), (7, 5, 100), (2, 3, 64, 65), (1, 1, 1)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_gradient_of_a_bias_is_a_sum(shape, dtype):
    g = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    total = channel_sum(g)
    assert total.dtype == dtype
    expected = g.astype(np.float64).sum((0, *range(2, g.ndim)))
    error = {np.float16: 1e-3, np.float32: 1e-6, np.float64: 1e-14}[dtype]
    np.testing.assert_allclose(total, expected, rtol=error, atol=error * g.size**0.5)


# -- laws ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOME)
def test_gradients_are_adjoints(name):
    """<conv(x, w), g> = <x, conv'(g, w)> = <w, conv'(x, g)>."""
    n, channels, size, outputs, kernel, window = LAYERS[name]
    rng = np.random.default_rng(1)
    full = window_of(len(size), **window)
    x, weight, g = drawn(rng, np.float64, (n, channels, *size), (outputs, channels // window.get("groups", 1), *kernel),
                         (n, outputs, *output_of(size, kernel, *full)))  # fmt: skip
    product = np.vdot(correlate(x, weight, **window), g)
    assert np.vdot(x, correlate_input(g, weight, size=size, **window)) == pytest.approx(product, rel=1e-10)
    assert np.vdot(weight, correlate_weight(x, g, kernel=kernel, **window)) == pytest.approx(product, rel=1e-10)


@pytest.mark.parametrize("more", [(0, 0), (1, 0), (0, 2)])
def test_a_transposed_convolution_is_the_adjoint(more):
    """<conv(x), y> = <x, conv_transpose(y)>, for each size of x that conv brings to that of y."""
    rng, window = np.random.default_rng(0), dict(stride=(2, 3), padding=(1, 0), dilation=(1, 2), groups=2)
    x, y, weight = drawn(rng, np.float64, (2, 4, 7 + more[0], 8 + more[1]), (2, 6, 4, 2), (6, 2, 3, 3))
    ours = tl.conv_transpose2d(y, weight, output_padding=more, **window)
    assert ours.shape == x.shape
    assert np.vdot(tl.conv2d(x, weight, **window), y) == pytest.approx(np.vdot(x, ours), rel=1e-12)


@pytest.mark.parametrize("name", SOME)
def test_it_is_linear_in_the_image_and_in_the_kernel(name):
    n, channels, size, outputs, kernel, window = LAYERS[name]
    image, factors = (n, channels, *size), (outputs, channels // window.get("groups", 1), *kernel)
    x, z, weight, other = drawn(np.random.default_rng(2), np.float64, image, image, factors, factors)
    both = [correlate(x, weight, **window), correlate(z, weight, **window), correlate(x, other, **window)]
    near(correlate(2 * x - 3 * z, weight, **window), 2 * both[0] - 3 * both[1], 1e-12)
    near(correlate(x, 2 * weight - 3 * other, **window), 2 * both[0] - 3 * both[2], 1e-12)


@pytest.mark.parametrize("stride", [1, 2])
def test_what_moves_in_moves_out(stride):
    """An image on a wide zero ground, moved by a multiple of the stride, moves the output."""
    x, weight = drawn(np.random.default_rng(3), np.float64, (2, 3, 6, 6), (2, 3, 3, 3))
    ground = np.zeros((2, 3, 20, 20))
    ground[:, :, 5:11, 4:10] = x
    out = tl.conv2d(ground, weight, padding=1, stride=stride)
    moved = tl.conv2d(np.roll(ground, (4, -2), (2, 3)), weight, padding=1, stride=stride)
    near(moved, np.roll(out, (4 // stride, -2 // stride), (2, 3)), 1e-13)


def test_the_lectures_example():
    """A filter of two diagonals over a 5x5 image."""
    image = np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0.0]])
    kernel = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1.0]])
    for function in (tl.conv2d, tl.cross_correlation2d):
        assert function(image[None], kernel[None, None])[0].tolist() == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]
    assert tl.convolve2d(image, kernel, "valid").tolist() == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]  # it is its own mirror image


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_true_convolution_equals_scipys(mode):
    rng = np.random.default_rng(0)
    for m, k in itertools.product(range(1, 9), repeat=2):
        x, kernel = drawn(rng, np.float64, (m,), (k,))
        near(tl.convolve1d(x, kernel, mode), scipy.signal.convolve(x, kernel, mode, "direct"), 1e-14)
        x, kernel = drawn(rng, np.float64, (m, 5), (k, 4 + k // 6))
        if mode != "valid" or (m >= k and k < 6) or (m <= k and k >= 6):
            near(tl.convolve2d(x, kernel, mode), scipy.signal.convolve2d(x, kernel, mode), 1e-14)


def test_true_convolution_commutes_and_cross_correlation_does_not():
    x, y = drawn(np.random.default_rng(0), np.float64, (7, 4), (2, 3))
    near(tl.convolve2d(x, y), tl.convolve2d(y, x), 1e-14)
    near(tl.convolve1d(x[0], y[0]), tl.convolve1d(y[0], x[0]), 1e-14)
    one, other = (tl.cross_correlation1d(a[0][None], b[0][None, None], padding=b.shape[1] - 1) for a, b in ((x, y), (y, x)))
    near(one, other[:, ::-1], 1e-14)  # its mirror image
    assert np.abs(one - other).max() > 0.1


def test_the_kernel_is_flipped():
    impulse = np.eye(1, 5, 2)[0]
    assert tl.convolve1d(impulse, np.array([1.0, 2, 3]), "same").tolist() == [0, 1, 2, 3, 0]
    assert tl.cross_correlation1d(impulse[None], np.array([[[1.0, 2, 3]]]), padding="same").tolist() == [[0, 3, 2, 1, 0]]


# -- derivatives ---------------------------------------------------------------------------------------------------


def test_derivatives_stay_in_the_family():
    """A recorded backward is made of the same kernels, to any order."""
    x, weight = (tl.tensor(a, requires_grad=True) for a in drawn(np.random.default_rng(0), np.float64, (2, 3, 6, 6), (2, 3, 3, 3)))
    out = tl.conv2d(x, weight, padding=1)
    to_x, to_weight = tl.grad((out * out).sum(), (x, weight), create_graph=True)
    names = [t.source[0].primitive.name for t in (out, to_x, to_weight)]
    assert names == ["conv", "conv_transpose", "conv_weight"]
    second = tl.grad((to_x * to_x).sum() + (to_weight * to_weight).sum(), (x, weight), create_graph=True)
    tl.grad((second[0] * second[1].sum()).sum(), (x, weight))


def test_third_derivatives():
    """Of a cubic function of the output: the finite difference of its second derivative along a direction."""
    x, weight, direction = drawn(np.random.default_rng(0), np.float64, (1, 1, 5, 4), (3, 1, 2, 2), (3, 1, 2, 2))

    def along(array, order):
        w = tl.tensor(array, requires_grad=True)
        value = (tl.conv2d(x, w, padding=1, dilation=2) ** 3).sum()
        for _ in range(order):
            value = (tl.grad(value, w, create_graph=True)[0] * direction).sum()
        return value.item()

    eps = 1e-4
    numeric = (along(weight + eps * direction, 2) - along(weight - eps * direction, 2)) / (2 * eps)
    assert along(weight, 3) == pytest.approx(numeric, rel=1e-7)


def test_no_gradient_of_the_image_is_made_where_none_is_wanted():
    rng = np.random.default_rng(0)
    x, weight = drawn(rng, np.float32, (2, 3, 6, 6), (4, 3, 3, 3))
    weight = tl.tensor(weight, requires_grad=True)
    out = tl.conv2d(tl.tensor(x), weight)
    assert [i for i, *_ in out.source[0].plan.rules] == [1]


# -- whatever the layout, the threads, the processor -----------------------------------------------------------------


@pytest.mark.parametrize("name", SOME)
def test_the_layout_of_inputs_does_not_matter(name):
    n, channels, size, outputs, kernel, window = LAYERS[name]
    (x, weight, bias, g), expected = check(np.random.default_rng(0), n, channels, size, outputs, kernel, np.float32, **window)
    layouts = [
        lambda a: np.asfortranarray(a),
        lambda a: np.flip(np.flip(a).copy()),
        lambda a: np.repeat(a, 2, -1)[..., ::2],
        lambda a: np.moveaxis(np.moveaxis(a, min(1, a.ndim - 1), -1).copy(), -1, min(1, a.ndim - 1)),  # channels last
        lambda a: np.pad(a, [(1, 2)] * a.ndim)[(slice(1, -2),) * a.ndim],
    ]
    for layout in layouts:
        u, v, b, h = map(layout, (x, weight, bias, g))
        actual = (correlate(u, v, b, **window), correlate_input(h, v, size=size, **window),
                  correlate_weight(u, h, kernel=kernel, **window))  # fmt: skip
        for one, other in zip(actual, expected):
            near(one, other, 1e-6)
    ones = np.broadcast_to(np.float32(1), g.shape)  # the cotangent of a sum
    near(correlate_input(ones, weight, size=size, **window), input_reference(ones, weight, size=size, **window), 1e-5)
    near(correlate_weight(x, ones, kernel=kernel, **window), weight_reference(x, ones, kernel=kernel, **window), 3e-5)
    near(channel_sum(ones), np.full(outputs, g.size / outputs), 1e-6)


@pytest.mark.skipif(threads.cpu_count() == 1, reason="there is one CPU")
@pytest.mark.parametrize(
    "name", ["first, 5x5", "3x3", "1x1, padded", "stride 2", "dilated", "groups of many channels", "depthwise"]
)
def test_one_thread_and_several_agree(name):
    n, channels, size, outputs, kernel, window = LAYERS[name]
    results = []
    for count in (1, threads.cpu_count()):
        tl.set_num_threads(count)
        results.append(check(np.random.default_rng(0), n + 4, channels, size, outputs, kernel, np.float32, **window)[1])
    for one, other in zip(*results):
        near(one, other, 3e-6)


@pytest.mark.parametrize("k", [3, 5])
def test_an_image_alone_is_shared_by_outputs(k):
    """Winograd's output of fewer images than threads, and of more threads than blocks of outputs: the same numbers."""
    from tinygrad_lite.kernels.convolution import winograd

    rng, window = np.random.default_rng(0), ((1, 1), ((k // 2, k // 2),) * 2, (1, 1), 1, 4)
    x, weight = drawn(rng, np.float32, (1, 16, 30, 29), (70, 16, k, k))
    expected = winograd.correlate(x, weight, None, *window)
    for n_threads in (2, 3, 7):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(winograd.threads, "worth", lambda work, n=n_threads: n)
            np.testing.assert_array_equal(winograd.correlate(x, weight, None, *window), expected)


@pytest.mark.parametrize("kind", ["output", "gradient", "stride 2", "gradient at stride 2"])
@pytest.mark.parametrize(("outputs", "channels", "k"), [(33, 19, 3), (16, 48, 5), (1, 18, 3)])
def test_transformed_filters(outputs, channels, k, kind):
    """U = G w G' of each filter w; of the gradient's filters flipped, with channels and outputs exchanged; of each phase."""
    from tinygrad_lite.kernels.convolution import transforms, winograd

    (weight,) = drawn(np.random.default_rng(0), np.float32, (outputs, channels, k, k))
    axis = {
        "output": lambda: winograd.along(20, k, 1, 1, 1, 1),
        "gradient": lambda: winograd.along(20, k, 1, 1, 1, 1, back=True),
        "stride 2": lambda: winograd.along(20, k, 2, 1, 1, 1),
        "gradient at stride 2": lambda: winograd.against(10, k, 2, 1, 20),
    }[kind]()
    n_lanes = winograd.filters(weight, (axis, axis), 4).shape[3] // 2
    filters = weight.swapaxes(0, 1) if axis.back else weight  # (outputs, channels, k, k)
    parts = [np.zeros((*filters.shape[:2], axis.r, axis.r)) for _ in range(len(axis.taps) ** 2)]
    for part, (rows, columns) in zip(parts, itertools.product(axis.taps, repeat=2)):
        taps = filters[:, :, rows, columns]
        part[:, :, : taps.shape[2], : taps.shape[3]] = taps
    if axis.back:  # phases are blocks of outputs
        room = -len(filters) % n_lanes
        parts = np.concatenate([np.pad(part, ((0, room), (0, 0), (0, 0), (0, 0))) for part in parts], 0)
    else:
        parts = np.concatenate(parts, 1)
    g = np.array(transforms.matrices(4, axis.r)[1], np.float64)
    right = np.einsum("pr,kcrq,sq->pskc", g, parts, g).reshape(len(g) ** 2, *parts.shape[:2])
    for given in (weight, np.repeat(weight, 2, 3)[..., ::2]):
        made = winograd.filters(given, (axis, axis), 4)  # (blocks, positions, channels, width)
        flat = made.transpose(1, 0, 3, 2).reshape(len(g) ** 2, -1, parts.shape[1])
        near(flat[:, : len(parts)], right, 1e-6)
        assert not flat[:, len(parts) :].any()


@pytest.mark.parametrize("cpu", ["haswell", pytest.param("generic", marks=pytest.mark.proof)])
def test_convolution_on_another_processor(cpu, tmp_path):
    if os.environ.get("TINYGRAD_LITE_ELSEWHERE"):
        pytest.skip("already elsewhere")
    settings = {
        "TINYGRAD_LITE_CACHE": str(tmp_path),
        "TINYGRAD_LITE_ELSEWHERE": "1",
        "NUMBA_CPU_NAME": cpu,
        "NUMBA_NUM_THREADS": "1",
    }
    tests = [
        f"{__file__}::test_layers_of_networks[{name}-float32]" for name in ("3x3, odd", "groups", "stride 2", "dilated", "sequence")
    ]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


# -- infinite values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", LAYERS)
def test_a_bad_image_stays_alone(name, bad):
    """A NaN or inf in one image reaches no other image, and no later call."""
    _, channels, size, outputs, kernel, window = LAYERS[name]
    (x, weight, bias, g), expected = check(np.random.default_rng(0), 3, channels, size, outputs, kernel, np.float32, **window)
    spoilt, back = x.copy(), g.copy()
    spoilt[1], back[1] = bad, bad
    with np.errstate(invalid="ignore"):
        out, to_x = correlate(spoilt, weight, bias, **window), correlate_input(back, weight, size=size, **window)
        to_weight = correlate_weight(spoilt, g, kernel=kernel, **window)
    assert not any(np.isfinite(a).all() for a in (out[1], to_x[1], to_weight))
    np.testing.assert_array_equal(out[::2], expected[0][::2])
    np.testing.assert_array_equal(to_x[::2], expected[1][::2])
    again = (correlate(x, weight, bias, **window), correlate_input(g, weight, size=size, **window),
             correlate_weight(x, g, kernel=kernel, **window))  # fmt: skip
    for one, other in zip(again, expected):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["groups", "depthwise", "depthwise, stride 2"])
def test_a_bad_group_stays_alone(name):
    n, channels, size, outputs, kernel, window = LAYERS[name]
    (x, weight, bias, g), expected = check(np.random.default_rng(0), n, channels, size, outputs, kernel, np.float32, **window)
    ins, outs = channels // window["groups"], outputs // window["groups"]
    x[:, ins : 2 * ins] = np.nan
    out, to_weight = correlate(x, weight, bias, **window), correlate_weight(x, g, kernel=kernel, **window)
    for one, other in ((out, expected[0]), (to_weight.swapaxes(0, 1), expected[2].swapaxes(0, 1))):
        np.testing.assert_array_equal(np.delete(one, slice(outs, 2 * outs), 1), np.delete(other, slice(outs, 2 * outs), 1))
    g[:, outs : 2 * outs] = np.nan
    to_x = correlate_input(g, weight, size=size, **window)
    np.testing.assert_array_equal(np.delete(to_x, slice(ins, 2 * ins), 1), np.delete(expected[1], slice(ins, 2 * ins), 1))


@EACH_LAYER
def test_what_lies_in_fresh_memory_does_not_matter(name, dtype, monkeypatch):
    """Outputs and scratch memory full of NaNs."""

    def poisoned(shape, dtype):
        return np.full(shape, np.nan, dtype)

    for module in (kernels, *(m for m in vars(kernels).values() if isinstance(m, ModuleType) and hasattr(m, "empty"))):
        if module is not np:
            monkeypatch.setattr(module, "empty", poisoned)
            if hasattr(module, "aligned"):
                monkeypatch.setattr(module, "aligned", poisoned)
    n, channels, size, outputs, kernel, window = LAYERS[name]
    check(np.random.default_rng(0), n, channels, size, outputs, kernel, dtype, **window)


# -- dtypes ----------------------------------------------------------------------------------------------------------


def test_float16_is_computed_in_float32_and_rounded():
    arrays = drawn(np.random.default_rng(0), np.float16, (2, 3, 9, 8), (4, 3, 3, 3), (4,))
    half, single = ([tl.tensor(a, dtype=d, requires_grad=True) for a in arrays] for d in (np.float16, np.float32))
    out, expected = tl.conv2d(*half, padding=1), tl.conv2d(*single, padding=1)
    assert out.dtype == np.float16
    np.testing.assert_array_equal(out.data, expected.data.astype(np.float16))
    weights = np.cos(np.arange(out.numel())).reshape(out.shape).astype(np.float16)
    for g, e in zip(tl.grad(out, half, weights), tl.grad(expected, single, weights.astype(np.float32))):
        assert g.dtype == np.float16
        np.testing.assert_array_equal(g.data, e.data.astype(np.float16))


@pytest.mark.parametrize("name", ["3x3, odd", "5x5, odd"])
def test_the_highest_precision(name, monkeypatch):
    n, channels, size, outputs, kernel, window = LAYERS[name]
    monkeypatch.setitem(BOUND, np.float32, (1e-6, 1e-6, 5e-6))
    tl.set_convolution_precision("highest")
    try:
        check(np.random.default_rng(0), n, channels, size, outputs, kernel, np.float32, **window)
    finally:
        tl.set_convolution_precision("default")
    with pytest.raises(ValueError, match=r"^set_convolution_precision: 'default' or 'highest', got 'high'"):
        tl.set_convolution_precision("high")


# -- modules ---------------------------------------------------------------------------------------------------------

MODULES = [
    (nn.Conv1d(4, 6, 3), "Conv1d(4, 6, kernel_size=(3,), stride=(1,))", (2, 4, 9), (2, 6, 7)),
    (nn.Conv1d(4, 6, 3, 2, 1, 2, 2, False),
     "Conv1d(4, 6, kernel_size=(3,), stride=(2,), padding=(1,), dilation=(2,), groups=2, bias=False)", (2, 4, 9), (2, 6, 4)),
    (nn.Conv2d(3, 8, (3, 5), padding="same"), "Conv2d(3, 8, kernel_size=(3, 5), stride=(1, 1), padding=same)",
     (3, 7, 6), (8, 7, 6)),
    (nn.Conv3d(1, 2, 2, stride=(1, 2, 2)), "Conv3d(1, 2, kernel_size=(2, 2, 2), stride=(1, 2, 2))",
     (1, 1, 3, 4, 4), (1, 2, 2, 2, 2)),
    (nn.ConvTranspose1d(4, 6, 3, groups=2, dilation=2, bias=False),
     "ConvTranspose1d(4, 6, kernel_size=(3,), stride=(1,), dilation=(2,), groups=2, bias=False)", (2, 4, 5), (2, 6, 9)),
    (nn.ConvTranspose2d(3, 8, 3, 2, 1, 1),
     "ConvTranspose2d(3, 8, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), output_padding=(1, 1))",
     (2, 3, 5, 4), (2, 8, 10, 8)),
    (nn.ConvTranspose3d(2, 1, 2), "ConvTranspose3d(2, 1, kernel_size=(2, 2, 2), stride=(1, 1, 1))", (2, 2, 2, 3), (1, 3, 3, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "text", "given", "made"), MODULES, ids=[row[1] for row in MODULES])
def test_modules(layer, text, given, made):
    assert repr(layer) == text
    assert layer(tl.zeros(given)).shape == made
    names = ["weight", "bias"] if layer.bias is not None else ["weight"]
    assert list(layer.state_dict()) == names
    bound = np.prod(layer.weight.shape[1:]) ** -0.5
    for array in layer.state_dict().values():
        assert 0 < np.abs(array).max() <= bound
    assert layer.double()(tl.zeros(given, dtype=np.float64)).dtype == np.float64


def test_a_transposed_layer_takes_the_size_that_is_wanted():
    layer = nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1)
    x = tl.zeros(1, 3, 5, 4)
    assert layer(x).shape == (1, 2, 9, 7)
    assert layer(x, (10, 7)).shape == layer(x, [1, 2, 10, 7]).shape == (1, 2, 10, 7)
    with pytest.raises(ValueError, match=r"^ConvTranspose2d: output_size \(11, 7\) is not in reach: from x \(1, 3, 5, 4\) come "
                                         r"\(9, 7\) to \(10, 8\)"):  # fmt: skip
        layer(x, (11, 7))


# -- errors ----------------------------------------------------------------------------------------------------------


def z(*shape, dtype=np.float32):
    return tl.zeros(*shape, dtype=dtype)


X, W = z(8, 3, 32, 32), z(16, 3, 5, 5)
ERRORS = [
    (lambda: tl.conv2d(X, z(16, 4, 5, 5)), ValueError,
     r"x has 3 channels, weight \(16, 4, 5, 5\) expects 4 \(x is \(8, 3, 32, 32\) float32, weight is \(16, 4, 5, 5\) float32\)$"),
    (lambda: tl.conv2d(X, z(16, 4, 5, 5), groups=2), ValueError,
     r"x has 3 channels, weight \(16, 4, 5, 5\) with 2 groups expects 8 "),
    (lambda: tl.conv2d(X, W, groups=5), ValueError,
     "the 16 channels that come first in weight do not divide into 5 groups of equal size"),
    (lambda: tl.conv2d(X, W, groups=0), ValueError, "groups must be an integer, 1 or more, got 0"),
    (lambda: tl.conv2d(X, z(0, 3, 5, 5)), ValueError, "weight has no output channels"),
    (lambda: tl.conv2d(X, z(16, 3, 40, 5)), ValueError, r"the kernel \(40, 5\) is larger than the padded image \(32, 32\)"),
    (lambda: tl.conv2d(X, W, dilation=9, padding=2), ValueError,
     r"the kernel \(5, 5\), \(37, 37\) with its dilation, is larger than the padded image \(36, 36\)"),
    (lambda: tl.conv2d(X, W, z(3)), ValueError, r"bias is \(3,\), expected \(16,\)"),
    (lambda: tl.conv2d(X, W, stride=0), ValueError, "stride must be an integer or 2 integers, 1 or more, got 0"),
    (lambda: tl.conv2d(X, W, stride=(1, -2)), ValueError, r"stride must be an integer or 2 integers, 1 or more, got \(1, -2\)"),
    (lambda: tl.conv2d(X, W, stride=1.5), TypeError, "stride must be an integer or 2 integers, got 1.5"),
    (lambda: tl.conv2d(X, W, dilation=0), ValueError, "dilation must be an integer or 2 integers, 1 or more, got 0"),
    (lambda: tl.conv2d(X, W, padding=-1), ValueError, "padding must be an integer or 2 integers, 0 or more, got -1"),
    (lambda: tl.conv2d(X, W, padding=(1, 2, 3)), ValueError, r"padding must be .*2 integers, 0 or more, got \(1, 2, 3\)"),
    (lambda: tl.conv2d(X, W, padding="full"), ValueError, "padding must be 'same', 'valid' or integers, got 'full'"),
    (lambda: tl.conv2d(X, W, padding="same", stride=2), ValueError, r"padding='same' is for stride 1, .*; stride is \(2, 2\)"),
    (lambda: tl.conv2d(z(32, 32), W), ValueError, r"x must be \(batch, channels, height, width\) or \(channels, height, width\)"),
    (lambda: tl.conv2d(X, z(16, 3, 5)), ValueError, "weight must have 4 dimensions, the last 2 of them the kernel's sizes"),
    (lambda: tl.conv2d(X, z(16, 3, 0, 5)), ValueError, "weight must have 4 dimensions, the last 2 .* sizes, 1 or more"),
    (lambda: tl.conv2d(z(8, 3, 0, 32), W, padding=4), ValueError, "the images have no pixels: only the batch may be empty"),
    (lambda: tl.conv2d(tl.ones(1, 3, 8, 8).to(np.int64), W), TypeError, r"x is int64: convert it with \.float\(\) first"),
    (lambda: tl.conv2d(X, W, tl.arange(16)), TypeError, r"bias is int64: convert it with \.float\(\) first"),
    (lambda: tl.conv2d(X, W.to(np.float64)), TypeError,
     r"x is float32 and weight is float64: bring them to one dtype with \.to\(dtype\)"),
    (lambda: tl.conv2d(X, W, z(16, dtype=np.float64)), TypeError, "x is float32 and bias is float64: bring them to one dtype"),
    (lambda: tl.conv2d([[1.0]], W), TypeError,
     r"expected Tensors, arrays or numbers; make them with tinygrad_lite\.tensor .*x is list"),
    (lambda: tl.conv1d(z(2, 3, 8), W), ValueError, "weight must have 3 dimensions"),
    (lambda: tl.conv3d(X, z(2, 3, 1, 1, 1)), ValueError, r"x has 8 channels, weight \(2, 3, 1, 1, 1\) expects 3"),
    (lambda: tl.cross_correlation2d(X, z(1, 2, 3, 3)), ValueError, r"x has 3 channels, weight \(1, 2, 3, 3\) expects 2"),
    (lambda: tl.conv_transpose2d(X, W), ValueError, r"x has 3 channels, weight \(16, 3, 5, 5\) expects 16"),
    (lambda: tl.conv_transpose2d(X, z(3, 2, 5, 5), groups=2), ValueError,
     "the 3 channels that come first in weight do not divide into 2 groups"),
    (lambda: tl.conv_transpose2d(X, z(3, 0, 5, 5)), ValueError, "weight has no output channels"),
    (lambda: tl.conv_transpose2d(X, z(3, 2, 5, 5), z(3)), ValueError, r"bias is \(3,\), expected \(2,\)"),
    (lambda: tl.conv_transpose2d(X, z(3, 2, 5, 5), stride=(3, 1), output_padding=(2, 1)), ValueError,
     r"output_padding must be smaller than stride or dilation, which are \(3, 1\) and \(1, 1\), got \(2, 1\)"),
    (lambda: tl.conv_transpose1d(z(1, 3, 1), z(3, 2, 2), padding=1), ValueError,
     r"the output would be \(0,\): padding \(1,\) is too large"),
    (lambda: tl.conv_transpose2d(X, z(3, 2, 5, 5), padding="same"), TypeError, "padding must be .*, got 'same'"),
    (lambda: tl.convolve2d(z(3), z(3, 3)), ValueError, "x must have 2 dimensions, or others before these, and kernel must have 2"),
    (lambda: tl.convolve2d(z(3, 3), z(1, 3, 3)), ValueError, "x must have 2 dimensions, .* and kernel must have 2"),
    (lambda: tl.convolve1d(z(0), z(3)), ValueError, "x must have 1 dimensions, .*, of sizes 1 or more"),
    (lambda: tl.convolve2d(z(3, 3), z(2, 4), "valid"), ValueError,
     "mode 'valid' needs a kernel that fits into x, or the other way round"),
    (lambda: tl.convolve2d(z(3, 3), z(2, 2), "reflect"), ValueError, "mode must be 'full', 'same' or 'valid', got 'reflect'"),
    (lambda: tl.convolve1d(tl.arange(3), tl.arange(2)), TypeError, r"x is int64: convert it with \.float\(\) first"),
    (lambda: tl.convolve1d(z(3), z(2, dtype=np.float64)), TypeError, "x is float32 and kernel is float64: bring them to one dtype"),
]  # fmt: skip


def network():
    tl.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, stride=2), nn.Flatten(), nn.Linear(36, 2))


def trained(model, steps):
    """The losses of so many steps that tell horizontal from vertical lines."""
    rng, optimizer = np.random.default_rng(0), optim.Adam(model.parameters(), lr=0.01)
    x, labels = rng.normal(size=(32, 1, 8, 8)).astype(np.float32) * 0.3, rng.integers(0, 2, 32)
    for image, label in zip(x, labels):
        line = rng.integers(0, 8)
        image[(0, line) if label else (0, slice(None), line)] += 1
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = tl.cross_entropy(model(tl.Tensor(x)), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


MODEL = network()
START = {name: array.copy() for name, array in MODEL.state_dict().items()}
LOSSES = []


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS, ids=[row[2].replace("\\", "")[:60] for row in ERRORS])
def test_the_text_of_errors(call, kind, text):
    """With the op that was called and its module; after each the same model trains as if nothing had been."""
    name = next(n for n in call.__code__.co_names if "conv" in n or "corr" in n)
    with pytest.raises(kind, match=rf"^{name} in features\.0: {text}"), tl.scope("features"), tl.scope("0"):
        call()
    with pytest.raises(ValueError, match=r"^conv2d in 0: x has 3 channels"):
        MODEL(X)
    MODEL.load_state_dict(START)
    losses = trained(MODEL, 2)
    LOSSES[:] = LOSSES or losses
    assert losses == LOSSES and losses[1] < losses[0]


def test_an_error_names_the_layer():
    with pytest.raises(ValueError, match=r"^conv2d in 2: x has 4 channels, weight \(4, 3, 3, 3\) expects 3 "):
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(3, 4, 3))(z(1, 1, 8, 8))


@pytest.mark.parametrize(
    ("wrong", "text"),
    [(dict(groups=2), "in_channels 3 does not divide into 2 groups of equal size"),
     (dict(in_channels=4, out_channels=15, groups=2), "out_channels 15 does not divide into 2 groups"),
     (dict(in_channels=0), "in_channels must be an integer, 1 or more, got 0"),
     (dict(out_channels=-1), "out_channels must be an integer, 1 or more, got -1"),
     (dict(kernel_size=(3, 3, 3)), r"kernel_size must be an integer or 2 integers, 1 or more, got \(3, 3, 3\)"),
     (dict(kernel_size=0), "kernel_size must be .*, 1 or more, got 0"), (dict(stride=0), "stride must be .*, 1 or more, got 0"),
     (dict(padding="half"), "padding must be 'same', 'valid' or integers, got 'half'"),
     (dict(padding="same", stride=2), "padding='same' is for stride 1"),
     (dict(padding_mode="mirror"), "padding_mode must be 'zeros' or 'reflect' or 'replicate' or 'circular', got 'mirror'")],
    ids=str,
)  # fmt: skip
def test_layers_that_cannot_be(wrong, text):
    with pytest.raises(ValueError, match=f"^Conv2d: {text}"):
        nn.Conv2d(**{**dict(in_channels=3, out_channels=16, kernel_size=3), **wrong})


def test_a_network_learns():
    losses = trained(network(), 40)
    assert losses[-1] < 0.2 * losses[0]

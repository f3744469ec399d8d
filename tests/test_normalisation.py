"""Batch and local response normalisation: exact sums, running statistics, layouts, threads, errors."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn
from tinygrad_lite.kernels import local_response, normalisation
from tinygrad_lite.kernels.normalisation_columns import ROWS
from tinygrad_lite.kernels.normalisation_runs import CHUNK
from tinygrad_lite.ops.normalisation import normalise_batch, normalise_by

RNG = np.random.default_rng(0)


def others(x):
    return tuple(d for d in range(x.ndim) if d != 1)


def by_channel(v, x):
    return np.reshape(v, (1, -1, *(1,) * (x.ndim - 2)))


# -- the sums ------------------------------------------------------------------------------------------------------

MILLION = [(1, 2, 1_000_000), (1000, 2, 1000), (40, 2, 25_000), (100_000, 4), (30_000, 3, 5, 7), (500, 3, 2049)]


@pytest.mark.parametrize("shape", MILLION, ids=str)
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (1e4, 1.0), (-3e5, 10.0), (1.0, 1e3)])
def test_statistics_of_many_numbers(shape, mean, std):
    """Mean and variance of float32 are those that float64 finds, within 1e-6 of the standard deviation and of the variance, however
    large the mean."""
    x = RNG.standard_normal(shape, np.float32) * np.float32(std) + np.float32(mean)
    exact = x.astype(np.float64)
    _, (means, variances), found = normalisation.batch_norm(x, None, None, 1e-5)
    true_mean, true_variance = exact.mean(others(x)), exact.var(others(x))
    np.testing.assert_allclose(means, true_mean, rtol=0, atol=1e-6 * np.sqrt(true_variance.max()))
    np.testing.assert_allclose(variances, true_variance, rtol=1e-6)
    np.testing.assert_allclose(found, [true_mean, exact.var(others(x), ddof=1)], rtol=1e-6, atol=1e-6 * std)


@pytest.mark.parametrize("shape", [(50, 3, 400), (300, 3, 5)], ids=str)
def test_a_misleading_beginning(shape):
    """The first images, from which the sums take their shift, lie far from all others; and values that do not vary at all."""
    x = RNG.standard_normal(shape, np.float32)
    x[:16] += 1e4
    x[:, 1] = 7.7
    _, (means, variances), _ = normalisation.batch_norm(x, None, None, 1e-5)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(means, exact.mean(others(x)), rtol=1e-6)
    np.testing.assert_allclose(variances, exact.var(others(x)), rtol=1e-6, atol=1e-12)
    far = np.zeros(shape, np.float32)
    far[0] = 1e4
    _, (means, variances), _ = normalisation.batch_norm(far, None, None, 1e-5)
    np.testing.assert_allclose(variances, far.astype(np.float64).var(others(far)), rtol=2e-6)


SHAPES = [
    (7, 5),
    (2, 3, 31),
    (2, 3, 32),
    (3, 70, 33),
    (2, 3, 9, 11),
    (2, 300, 2),
    (3, 2, CHUNK + 5),
    (2 * ROWS + 3, 3),
    (2, 1, 1),
    (1, 4, 5),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_and_gradients_equal_float64(shape, dtype):
    """Both forms of the loops, over whole and broken blocks, against the formulas in float64."""
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    x, g = RNG.standard_normal((2, *shape)).astype(dtype) * dtype(3) + dtype(5)
    weight, bias, given = RNG.uniform(0.5, 2, (3, shape[1])).astype(dtype)
    X, G, W, count = x.astype(float), g.astype(float), weight.astype(float), x.size // shape[1]
    for training in (True, False):
        mean, variance = (X.mean(others(x)), X.var(others(x))) if training else (bias.astype(float), given.astype(float))
        inverse = 1 / np.sqrt(variance + 1e-3)
        hat = (X - by_channel(mean, x)) * by_channel(inverse, x)
        statistics = None if training else np.array([mean, variance])
        out, kept, _ = normalisation.batch_norm(x, weight, bias, 1e-3, statistics)
        np.testing.assert_allclose(out, hat * by_channel(W, x) + by_channel(bias, x), rtol=tolerance, atol=tolerance)
        cotangents = (np.zeros(shape[1], dtype),) * 2 if training else ()
        g_x, g_weight, g_bias = normalisation.batch_norm_backward(g, x, weight, 1e-3, kept, *cotangents)
        through = by_channel(G.sum(others(x)), x) + hat * by_channel((G * hat).sum(others(x)), x) if training else 0
        expected = (G - through / count) * by_channel(W * inverse, x)
        scale = np.abs(G).max() * np.abs(W * inverse).max()
        np.testing.assert_allclose(g_x, expected, rtol=tolerance, atol=tolerance * scale)
        np.testing.assert_allclose(g_weight, (G * hat).sum(others(x)), rtol=tolerance, atol=tolerance * count)
        np.testing.assert_allclose(g_bias, G.sum(others(x)), rtol=tolerance)


@pytest.mark.parametrize("shape", [(5, 7, 40), (9, 600, 3)], ids=str)
def test_threads_change_nothing(shape, monkeypatch):
    x, g = RNG.standard_normal((2, *shape), np.float32)
    results = []
    for n in (1, 2, 3):
        monkeypatch.setattr(normalisation.forward_runs, "run", lambda work, *args, n=n: normalisation.forward_runs.on(n, *args))
        monkeypatch.setattr(
            normalisation.forward_columns, "run", lambda work, *args, n=n: normalisation.forward_columns.on(n, *args)
        )
        monkeypatch.setattr(normalisation.backward_runs, "run", lambda work, *args, n=n: normalisation.backward_runs.on(n, *args))
        monkeypatch.setattr(
            normalisation.backward_columns, "run", lambda work, *args, n=n: normalisation.backward_columns.on(n, *args)
        )
        monkeypatch.setattr(local_response.forward_loop, "run", lambda work, *args, n=n: local_response.forward_loop.on(n, *args))
        out, statistics, found = normalisation.batch_norm(x, None, None, 1e-5)
        gradients = normalisation.batch_norm_backward(g, x, None, 1e-5, statistics, *found)
        results.append((out, statistics, found, *gradients, local_response.local_response_norm(x, 2, 2, 1.0, 0.1, 0.75)))
    for other in results[1:]:
        for a, b in zip(results[0], other):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("op", [lambda x: tl.batch_norm(x, None, None, training=True), lambda x: tl.local_response_norm(x, size=3)])
def test_layout_does_not_matter(op):
    x = RNG.standard_normal((4, 3, 5, 6)).astype(np.float32)
    frozen = x.copy()
    frozen.flags.writeable = False
    channels_last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for moved in (frozen, channels_last, np.repeat(x, 2, 0)[::2], x[:, ::-1].copy()[:, ::-1]):
        np.testing.assert_array_equal(op(moved), op(x))
        t, u = tl.tensor(x, requires_grad=True), tl.Tensor(moved, requires_grad=True)
        (op(t) * x).sum().backward()
        (op(u) * x).sum().backward()
        np.testing.assert_array_equal(u.grad.data, t.grad.data)


# -- laws ----------------------------------------------------------------------------------------------------------


def test_what_comes_out_has_mean_0_and_variance_1():
    x = RNG.standard_normal((8, 3, 6, 7)) * 5 + 3
    out = tl.batch_norm(x, None, None, training=True, eps=0.0)
    np.testing.assert_allclose(out.mean((0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(out.var((0, 2, 3)), 1)
    np.testing.assert_allclose(tl.batch_norm(x * 4 - 9, None, None, training=True, eps=0.0), out, rtol=1e-9)


def test_gradients_are_orthogonal_to_shift_and_scale():
    """The result does not change when a channel is shifted or scaled, so the gradient has no such part."""
    x = tl.tensor(RNG.standard_normal((8, 3, 5)), requires_grad=True)
    (tl.batch_norm(x, None, None, training=True, eps=0.0) * RNG.standard_normal((8, 3, 5))).sum().backward()
    np.testing.assert_allclose(x.grad.data.sum((0, 2)), 0, atol=1e-12)
    np.testing.assert_allclose((x.grad.data * x.data).sum((0, 2)), 0, atol=1e-12)


def test_gradients_flow_through_the_statistics():
    x = RNG.standard_normal((6, 2, 3))
    tl.gradcheck(lambda t: normalise_batch(t)[1] * normalise_batch(t)[2], x, order=2)
    tl.gradcheck(lambda t: normalise_batch(t)[2].sum(), x, order=2)
    mean, variance = (t.detach().data for t in normalise_batch(tl.tensor(x, requires_grad=True))[1:])
    np.testing.assert_allclose(mean, x.mean((0, 2)))
    np.testing.assert_allclose(variance, x.var((0, 2), ddof=1))
    given = normalise_by(x, x.mean((0, 2)), x.var((0, 2)))
    np.testing.assert_allclose(given, normalise_batch(x)[0], rtol=1e-12)


@pytest.mark.parametrize("shape", [(2, 9, 40, 3), (3, 70, 5), (1, 1, 7), (2, 600, 2)], ids=str)
@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_local_response_equals_plain_sums(shape, size):
    x, g = RNG.standard_normal((2, *shape))
    d = np.full(shape, 2.0)
    for c in range(shape[1]):
        for j in range(c - size // 2, c + (size - 1) // 2 + 1):
            if 0 <= j < shape[1]:
                d[:, c] += 0.3 / size * x[:, j] ** 2
    options = dict(size=size, alpha=0.3, beta=0.6, k=2.0)
    for dtype, tolerance in ((np.float32, 2e-6), (np.float64, 1e-13)):
        np.testing.assert_allclose(tl.local_response_norm(x.astype(dtype), **options), x * d**-0.6, rtol=tolerance)
    across = np.zeros(shape)
    for c in range(shape[1]):
        for j in range(c - size // 2, c + (size - 1) // 2 + 1):
            if 0 <= j < shape[1]:
                across[:, j] += (g * x * d**-1.6)[:, c]
    t = tl.tensor(x, requires_grad=True)
    tl.local_response_norm(t, **options).backward(tl.tensor(g))
    np.testing.assert_allclose(t.grad.data, g * d**-0.6 - 2 * 0.3 * 0.6 / size * x * across, rtol=1e-10, atol=1e-12)


def test_a_large_channel_leaves_nothing_behind():
    """The window is summed anew for each channel: beyond the reach of 1e4, the sums of small numbers are exact."""
    x = np.full((1, 9, 20), 1e-3, np.float32)
    x[0, 2] = 1e4
    out = tl.local_response_norm(x, size=3, alpha=3e6, k=0.5)
    np.testing.assert_allclose(out[0, 5], 1e-3 * (0.5 + 1e6 * 3e-6) ** -0.75, rtol=1e-6)


def test_integers_and_half_precision_have_a_local_response():
    x = RNG.integers(-3, 4, (2, 5, 3))
    expected = tl.local_response_norm(x.astype(np.float64), size=3, alpha=0.5)
    assert tl.local_response_norm(x, size=3, alpha=0.5).dtype == np.float32
    np.testing.assert_allclose(tl.local_response_norm(x, size=3, alpha=0.5), expected, rtol=1e-6)
    half = tl.local_response_norm(x.astype(np.float16), size=3, alpha=0.5)
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, expected, rtol=1e-3)


# -- modules -------------------------------------------------------------------------------------------------------

BATCHES = [RNG.standard_normal((n, 3, 4)) * 2 + 1 for n in (5, 2, 9)]


@pytest.mark.parametrize("momentum", [0.1, 1.0, 0.0, None])
def test_running_statistics(momentum):
    norm = nn.BatchNorm1d(3, momentum=momentum).double()
    mean, variance = np.zeros(3), np.ones(3)
    for k, x in enumerate(BATCHES, 1):
        norm(tl.tensor(x))
        rate = 1 / k if momentum is None else momentum
        mean, variance = mean + rate * (x.mean((0, 2)) - mean), variance + rate * (x.var((0, 2), ddof=1) - variance)
        np.testing.assert_allclose(norm.running_mean.data, mean)
        np.testing.assert_allclose(norm.running_var.data, variance)
        assert norm.num_batches_tracked.data == k and norm.num_batches_tracked.dtype == np.int64
    norm.eval()
    x = BATCHES[0]
    np.testing.assert_allclose(norm(tl.tensor(x)).data, (x - mean[:, None]) / np.sqrt(variance[:, None] + 1e-5))
    assert norm.num_batches_tracked.data == 3
    norm.reset_running_stats()
    assert not norm.running_mean.data.any() and (norm.running_var.data == 1).all() and norm.num_batches_tracked.data == 0


def test_the_function_moves_the_statistics_too():
    x = BATCHES[0]
    mean, variance = tl.zeros(3, dtype=np.float64), tl.ones(3, dtype=np.float64)
    out = tl.batch_norm(tl.tensor(x), mean, variance, training=True, momentum=0.25)
    np.testing.assert_allclose(mean.data, 0.25 * x.mean((0, 2)))
    np.testing.assert_allclose(variance.data, 0.75 + 0.25 * x.var((0, 2), ddof=1))
    np.testing.assert_allclose(out.data, tl.batch_norm(x, None, None, training=True))


def test_strided_running_statistics_move_too():
    mean, variance = (tl.Tensor(np.repeat(a, 2)[::2]) for a in (np.zeros(3), np.ones(3)))
    tl.batch_norm(tl.tensor(BATCHES[0]), mean, variance, training=True)
    np.testing.assert_allclose(mean.data, 0.1 * BATCHES[0].mean((0, 2)))


def test_a_recomputation_moves_nothing():
    x = tl.tensor(RNG.standard_normal((5, 3)), requires_grad=True)
    plain, again = nn.BatchNorm1d(3).double(), nn.BatchNorm1d(3).double()
    plain(x).square().sum().backward()
    tl.checkpoint(lambda t: again(t), x).square().sum().backward()
    for (name, a), (_, b) in zip(plain.state_dict().items(), again.state_dict().items()):
        np.testing.assert_array_equal(a, b, err_msg=name)
    assert again.num_batches_tracked.data == 1
    (g,) = tl.grad(again(x).square().sum(), x, create_graph=True)
    g.square().sum().backward()
    assert again.num_batches_tracked.data == 2


def test_two_passes_before_one_backward():
    """As a network that judges true and false images: the statistics move in between, the graph does not mind."""
    norm, x = nn.BatchNorm1d(3), tl.tensor(RNG.standard_normal((5, 3)).astype(np.float32), requires_grad=True)
    (norm(x).sum() + norm(x * 2).square().sum()).backward()
    assert x.grad is not None
    norm.eval()
    out = norm(x)
    norm.train()(x)
    with pytest.raises(RuntimeError, match="mean was changed in place"):
        out.sum().backward()


def test_options():
    x = tl.tensor(BATCHES[0].astype(np.float32))
    free = nn.BatchNorm1d(3, affine=False, track_running_stats=False)
    assert not free.state_dict() and free.weight is None
    np.testing.assert_array_equal(free(x).data, free.eval()(x).data)
    assert list(nn.BatchNorm1d(3, bias=False).state_dict()) == ["weight", "running_mean", "running_var", "num_batches_tracked"]
    norm = nn.BatchNorm2d(3)
    assert list(norm.state_dict()) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert [p for p, _ in norm.named_parameters()] == ["weight", "bias"]
    assert {v.dtype for n, v in norm.double().state_dict().items() if n != "num_batches_tracked"} == {np.dtype(np.float64)}
    assert repr(norm) == "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"
    assert repr(nn.LocalResponseNorm(5)) == "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0)"


def test_an_empty_batch_counts_and_moves_nothing():
    norm = nn.BatchNorm1d(3)
    x = tl.zeros(0, 3, requires_grad=True)
    out = norm(x)
    out.sum().backward()
    assert out.shape == x.grad.shape == (0, 3)
    assert not norm.running_mean.data.any() and norm.num_batches_tracked.data == 1
    assert norm.eval()(x).shape == (0, 3)


def test_a_network_with_normalisation_learns():
    tl.manual_seed(0)
    x = RNG.standard_normal((64, 6)).astype(np.float32) * np.array([1, 10, 100, 1, 1, 1], np.float32) + 50
    y = (x[:, 0] * x[:, 3] > 2500).astype(np.int64)
    model = nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = tl.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = tl.cross_entropy(model(tl.tensor(x)), tl.tensor(y))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 < 0.5 < losses[0]
    accuracy = (model.eval()(tl.tensor(x)).data.argmax(1) == y).mean()
    assert accuracy > 0.95


# -- errors --------------------------------------------------------------------------------------------------------

ERRORS = [
    (lambda: nn.BatchNorm1d(3)(tl.zeros(1, 3)), ValueError,
        "batch_norm: in training there must be more than one value for each channel"),
    (lambda: nn.BatchNorm1d(3)(tl.zeros(1, 3, 1)), ValueError, "more than one value for each channel"),
    (lambda: nn.Sequential(nn.BatchNorm1d(3))(tl.zeros(2, 4)), ValueError,
     r"BatchNorm1d in 0: expected \(batch, 3\) or \(batch, 3, length\), got \(2, 4\)"),
    (lambda: nn.BatchNorm2d(3)(tl.zeros(2, 3)), ValueError, r"BatchNorm2d: expected \(batch, 3, height, width\), got \(2, 3\)"),
    (lambda: nn.BatchNorm3d(3)(tl.zeros(2, 3, 4, 4)), ValueError, r"expected \(batch, 3, depth, height, width\), got"),
    (lambda: nn.BatchNorm1d(3)(tl.zeros(3)), ValueError, "got"),
    (lambda: nn.BatchNorm1d(3)(tl.ones(2, 3, dtype=np.int64)), TypeError, "x must be float32 or float64, got int64"),
    (lambda: nn.BatchNorm1d(3)(tl.ones(2, 3, dtype=np.float64)), ValueError, r"weight is \(3,\) float32, expected \(3,\) float64"),
    (lambda: tl.batch_norm(tl.zeros(2, 3), None, None), ValueError, "running_mean and running_var are needed outside of training"),
    (lambda: tl.batch_norm(tl.zeros(2, 3), tl.zeros(4), tl.ones(4)), ValueError, r"mean is \(4,\) float32, expected \(3,\)"),
    (lambda: tl.batch_norm(tl.rand(2, 3), tl.zeros(4), tl.ones(4), training=True), ValueError, "they must agree"),
    (lambda: tl.batch_norm(tl.zeros(2, 3), tl.zeros(3), tl.ones(3), tl.ones(4)), ValueError, r"weight is \(4,\) float32"),
    (lambda: tl.batch_norm(tl.zeros(2, 3), tl.zeros(3), tl.ones(3), eps=-1.0), ValueError, "eps must not be negative"),
    (lambda: tl.batch_norm(tl.zeros(3), tl.zeros(3), tl.ones(3)), ValueError, r"x must be \(batch, channels\)"),
    (lambda: tl.local_response_norm(tl.zeros(2, 3), size=2), ValueError, r"local_response_norm: x must be \(batch, channels"),
    (lambda: tl.local_response_norm(tl.zeros(2, 3, 4), size=0), ValueError, "size must be a number of channels, 1 or more, got 0"),
    (lambda: tl.local_response_norm(tl.zeros(2, 3, 4), size=2.0), ValueError, "size must be a number of channels"),
    (lambda: tl.local_response_norm(tl.zeros(2, 3, 4)), TypeError, "size"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors_say_what_is_wrong(case):
    call, kind, text = ERRORS[case]
    with pytest.raises(kind, match=text):
        call()

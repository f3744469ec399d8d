"""Pooling, unfold and fold beside PyTorch's: values, indices, gradients and second derivatives, errors where PyTorch has them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]

SIZES = {1: [(1,), (5,), (8,), (37,)], 2: [(1, 1), (4, 5), (7, 9), (6, 34)], 3: [(3, 4, 5), (4, 6, 9)]}


def both(ours, theirs, x, order=2):
    """Values and dtypes agree, the gradients of a weighted sum, and the gradients of a sum of those."""
    a, b = tl.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    outs, expected = ours(a), theirs(b)
    (y, *more), (z, *others) = (o if isinstance(o, tuple) else (o,) for o in (outs, expected))
    assert y.shape == tuple(z.shape) and str(y.dtype) == str(z.dtype).removeprefix("torch.")
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-9, atol=1e-12)
    for place, other in zip(more, others, strict=True):
        assert place.dtype == np.int64
        np.testing.assert_array_equal(place.data, other.numpy())
    if not y.numel():
        return
    weights = np.cos(np.arange(y.numel()) * 0.7 + 0.3).reshape(y.shape)
    (g,) = tl.grad((y * y * weights).sum(), a, create_graph=True)
    (h,) = torch.autograd.grad((z * z * torch.tensor(weights)).sum(), b, create_graph=True)
    np.testing.assert_allclose(g.data, h.detach().numpy(), rtol=1e-8, atol=1e-10)
    if order == 2:
        (gg,), (hh,) = tl.grad((g * g).sum(), a), torch.autograd.grad((h * h).sum(), b)
        np.testing.assert_allclose(gg.data, hh.numpy(), rtol=1e-8, atol=1e-9)


def quarters(shape, seed=0):
    """Values on a grid of quarters, so that there are ties."""
    return np.random.default_rng(seed).integers(-8, 9, shape) / 4.0


def geometries(n, dilated):
    """Arguments that PyTorch takes, over images that have room for them."""
    for size, kernel, stride, padding, dilation, ceil in itertools.product(
        SIZES[n], (1, 2, 3), (None, 1, 2, 3), (0, 1), (1, 2) if dilated else (1,), (False, True)
    ):
        if (
            2 * padding <= kernel
            and all(m + 2 * padding > dilation * (kernel - 1) for m in size)
            and (padding == 0 or dilation == 1)
        ):
            yield (
                size,
                dict(kernel_size=kernel, stride=stride, padding=padding, ceil_mode=ceil)
                | (dict(dilation=dilation) if dilated else {}),
            )


@pytest.mark.parametrize("n", [1, 2, 3])
def test_max_pool(n):
    for k, (size, options) in enumerate(geometries(n, True)):
        if n == 1 or k % 5 == 0:
            ours, theirs = getattr(tl, f"max_pool{n}d"), getattr(F, f"max_pool{n}d")
            lead = (2, 3) if k % 2 else (3,)
            both(lambda x: ours(x, **options, return_indices=True), lambda x: theirs(x, **options, return_indices=True),
                 quarters((*lead, *size), k))  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 3])
def test_avg_pool(n):
    for k, (size, options) in enumerate(geometries(n, False)):
        more = [{}, dict(count_include_pad=False), *([dict(divisor_override=5)] if n > 1 else [])][k % (3 if n > 1 else 2)]
        ours, theirs = getattr(tl, f"avg_pool{n}d"), getattr(F, f"avg_pool{n}d")
        lead = (2, 3) if k % 2 else (3,)
        both(lambda x: ours(x, **options, **more), lambda x: theirs(x, **options, **more), quarters((*lead, *size), k))


@pytest.mark.parametrize(
    ("n", "kernel", "stride", "padding"),
    [(1, (3,), (2,), (1,)), (2, (2, 3), (1, 2), (1, 0)), (2, (3, 2), (3, 1), (0, 1)), (3, (1, 2, 3), (2, 1, 1), (0, 1, 1))],
)
def test_arguments_of_each_dimension(n, kernel, stride, padding):
    x = quarters((2, 2, *SIZES[n][-1]))
    for name in ("max_pool", "avg_pool"):
        ours, theirs = getattr(tl, f"{name}{n}d"), getattr(F, f"{name}{n}d")
        both(lambda x: ours(x, list(kernel), stride, padding), lambda x: theirs(x, kernel, stride, padding), x)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("name", ["adaptive_avg_pool", "adaptive_max_pool"])
def test_adaptive(name, n):
    ours, theirs = getattr(tl, f"{name}{n}d"), getattr(F, f"{name}{n}d")
    more = dict(return_indices=True) if "max" in name else {}
    for k, (size, wanted) in enumerate(itertools.product(SIZES[n], (1, 2, 3, 5, 9))):
        output = wanted if k % 3 else tuple(max(1, wanted - d) for d in range(n))
        both(
            lambda x: ours(x, output, **more), lambda x: theirs(x, output, **more), quarters(((2, 3) if k % 2 else (3,)) + size, k)
        )
    if n == 2:
        both(lambda x: ours(x, (None, 2), **more), lambda x: theirs(x, (None, 2), **more), quarters((2, 3, 4, 5)))
    both(lambda x: ours(x, 0, **more), lambda x: theirs(x, 0, **more), quarters((2, 3, *SIZES[n][1])))


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("p", [1, 2, 3, 1.5, float("inf"), -float("inf")])
def test_lp_pool(p, n):
    rng = np.random.default_rng(0)
    for kernel, stride, ceil in [(2, None, False), (2, 1, False), (3, 2, True)]:
        x = rng.random((2, 2, *SIZES[n][-1])) + 0.1
        ours, theirs = getattr(tl, f"lp_pool{n}d"), getattr(F, f"lp_pool{n}d")
        both(lambda x: ours(x, p, kernel, stride, ceil), lambda x: theirs(x, p, kernel, stride, ceil), x)
    both(lambda x: tl.lp_pool1d(x, 2, 2), lambda x: F.lp_pool1d(x, 2, 2), np.array([[[0.0, 0, 3, -4]]]), order=1)


@pytest.mark.parametrize("name", ["max_pool1d", "max_pool2d", "max_pool3d", "adaptive_max_pool2d"])
def test_nan_and_infinity_in_a_maximum(name):
    n, rng = int(name[-2]), np.random.default_rng(1)
    arguments = (2,) if "adaptive" in name else (3, 2, 1)
    for low in (-np.inf, 0.0):
        x = rng.choice([low, np.nan, 1.0, np.inf], (2, 2, *SIZES[n][-1]), p=[0.7, 0.1, 0.1, 0.1])
        values, places = getattr(tl, name)(x, *arguments, return_indices=True)
        expected, others = getattr(F, name)(torch.tensor(x), *arguments, return_indices=True)
        np.testing.assert_array_equal(values, expected.numpy())
        one = F.max_pool2d(torch.tensor(np.isnan(x), dtype=torch.float64), *arguments) if name == "max_pool2d" else None
        if one is not None:
            np.testing.assert_array_equal(places, others.numpy())


@pytest.mark.parametrize("unbatched", [False, True])
def test_unfold_and_fold(unbatched):
    for kernel, dilation, padding, stride in [(2, 1, 0, 1), ((2, 3), 1, (1, 2), 2), (3, (1, 2), 3, (2, 1)), (1, 1, 0, 3)]:
        x = quarters((3, 6, 7) if unbatched else (2, 3, 6, 7))
        both(lambda x: tl.unfold(x, kernel, dilation, padding, stride), lambda x: F.unfold(x, kernel, dilation, padding, stride), x)
        columns = tl.unfold(x, kernel, dilation, padding, stride) * 0.5
        both(lambda x: tl.fold(x, (6, 7), kernel, dilation, padding, stride),
             lambda x: F.fold(x, (6, 7), kernel, dilation, padding, stride), columns)  # fmt: skip


REFUSED = [
    ("max_pool2d", (1, 1, 4, 4), (5,)), ("max_pool2d", (1, 1, 4, 4), (3, 1, 2)), ("max_pool2d", (1, 1, 4, 4), (2, 0)),
    ("max_pool2d", (1, 1, 4, 4), (0,)), ("max_pool2d", (1, 1, 4, 4), (2, 1, -1)), ("max_pool2d", (4, 4), (2,)),
    ("max_pool2d", (1, 1, 1, 4, 4), (2,)), ("max_pool1d", (1, 1, 4, 4), (2,)), ("max_pool2d", (1, 1, 0, 4), (1,)),
    ("max_pool2d", (1, 1, 4, 4), ((2, 2, 2),)), ("max_pool2d", (1, 1, 4, 4), (2.0,)), ("avg_pool2d", (1, 1, 4, 4), (3, 1, 2)),
    ("avg_pool2d", (1, 1, 4, 4), (2, 1, 0, False, True, 0)), ("avg_pool1d", (1, 1, 4), (5,)), ("adaptive_avg_pool2d", (1, 1, 4,
        4), (-1,)),
    ("unfold", (1, 1, 4, 4), (5,)), ("fold", (1, 4, 8), ((4, 4), 2)), ("fold", (1, 3, 9), ((4, 4), 2)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shape", "arguments"), REFUSED, ids=str)
def test_what_pytorch_refuses_is_refused(name, shape, arguments):
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        getattr(F, name)(torch.zeros(shape), *arguments)
    with pytest.raises((ValueError, TypeError)):
        getattr(tl, name)(np.zeros(shape, np.float32), *arguments)


MODULES = [
    ("MaxPool1d", (1, 2, 9), (3, 2, 1)), ("MaxPool2d", (1, 2, 8, 9), (3, 2, 1, 1, False, True)), ("MaxPool3d", (2, 4, 4, 4), (2,)),
    ("AvgPool1d", (1, 2, 9), (3, 2, 1, True, False)), ("AvgPool2d", (1, 2, 8, 9), ((3, 2), None, 1, False, True, 4)),
    ("AvgPool3d", (2, 4, 4, 4), (2, 1)), ("LPPool1d", (1, 2, 9), (2, 3)), ("LPPool2d", (1, 2, 8, 9), (3, 2, 1)),
    ("AdaptiveAvgPool2d", (1, 2, 8, 9), ((5, None),)), ("AdaptiveMaxPool2d", (1, 2, 8, 9), (3,)),
    ("Unfold", (1, 2, 8, 9), (2, 1, 1, 3)), ("Fold", (1, 8, 16), ((8, 8), 2, 1, 0, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shape", "arguments"), MODULES, ids=[name for name, *_ in MODULES])
def test_modules_take_pytorchs_arguments(name, shape, arguments):
    ours, theirs = getattr(nn, name)(*arguments), getattr(torch.nn, name)(*arguments)
    both(ours, theirs, np.abs(quarters(shape)) + 0.25)

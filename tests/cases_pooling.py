"""Rows of the table of cases.py for pooling and for windows as columns; their references go through the elements of each window."""

from __future__ import annotations

import itertools
import math

import numpy as np
from cases import case, composed, distinct, normal

import tinygrad_lite as tl

# -- references ----------------------------------------------------------------------------------------------------


def spelled_out(windows):
    """kernel_size, stride, padding and dilation of each dimension, and ceil_mode, of the attribute ``windows``."""
    kernel, *rest = windows
    rest += (None, 0, 1, False)[len(rest) :]
    return [kernel, *(v if isinstance(v, tuple) else (v,) * len(kernel) for v in rest[:3]), rest[3]]


def taps_of(windows, size):
    """For each dimension the windows over it, each a list of (number of the tap, place); places may lie outside."""
    if not isinstance(windows[0], tuple):
        spans = [[range(i * m // n, math.ceil((i + 1) * m / n)) for i in range(n)] for m, n in zip(size, windows)]
        return [[list(enumerate(span)) for span in axis] for axis in spans]
    kernel, stride, padding, dilation, ceil_mode = spelled_out(windows)
    axes = []
    for m, k, s, p, d in zip(size, kernel, stride, padding, dilation):
        begins = [b for b in range(-p, m + p, s) if b + d * (k - 1) < m + p or (ceil_mode and b < m)]
        if ceil_mode:  # at most one window goes beyond the padded image
            begins = [b for b in begins if b + d * (k - 1) < m + p or b - s + d * (k - 1) < m + p - 1]
        axes.append([[(t, b + t * d) for t in range(k)] for b in begins])
    return axes


def output_of(windows, size):
    """The output's size."""
    return tuple(len(axis) for axis in taps_of(windows, size))


def each_window(windows, size):
    """(place of the window, [(number of the tap, place of the element)], elements with padding), by going through all of them."""
    axes = taps_of(windows, size)
    kernel = [max((len(window) for window in axis), default=1) for axis in axes]
    padding = spelled_out(windows)[2] if isinstance(windows[0], tuple) else (0,) * len(size)
    for p in np.ndindex(*map(len, axes)):
        inside, padded = [], 0
        for element in itertools.product(*[axis[i] for axis, i in zip(axes, p)]):
            place = tuple(at for _, at in element)
            padded += all(at < m + pad for at, m, pad in zip(place, size, padding))
            if all(0 <= at < m for at, m in zip(place, size)):
                inside.append((int(np.ravel_multi_index([t for t, _ in element], kernel)), place))
        yield p, inside, padded


def counted(inside, padded, divisor):
    return {"window": padded, "inside": len(inside)}.get(divisor, divisor)


def average_reference(x, windows, divisor=1):
    dims = len(windows[0]) if isinstance(windows[0], tuple) else len(windows)
    lead, size = x.shape[: x.ndim - dims], x.shape[x.ndim - dims :]
    out = np.zeros((*lead, *output_of(windows, size)))
    for p, inside, padded in each_window(windows, size):
        out[(..., *p)] = sum(x[(..., *place)] for _, place in inside) / counted(inside, padded, divisor)
    return out


def spread_reference(g, windows, size, divisor=1):
    out = np.zeros((*g.shape[: g.ndim - len(size)], *size))
    for p, inside, padded in each_window(windows, size):
        for _, place in inside:
            out[(..., *place)] += g[(..., *p)] / counted(inside, padded, divisor)
    return out


def max_reference(x, windows):
    dims = len(windows[0]) if isinstance(windows[0], tuple) else len(windows)
    lead, size = x.shape[: x.ndim - dims], x.shape[x.ndim - dims :]
    values = np.zeros((*lead, *output_of(windows, size)))
    taps = np.zeros(values.shape, np.uint8)
    for p, inside, _ in each_window(windows, size):
        elements = np.stack([x[(..., *place)] for _, place in inside], -1)
        values[(..., *p)] = elements.max(-1)
        taps[(..., *p)] = np.array([t for t, _ in inside])[elements.argmax(-1)]
    return values, taps


def place_reference(g, taps, windows, size):
    out = np.zeros((*g.shape[: g.ndim - len(size)], *size))
    for p, inside, _ in each_window(windows, size):
        for t, place in inside:
            out[(..., *place)] += g[(..., *p)] * (taps[(..., *p)] == t)
    return out


def pick_reference(x, taps, windows):
    size, out = x.shape[x.ndim - len(output_shape(windows)) :], np.zeros(taps.shape)
    for p, inside, _ in each_window(windows, size):
        for t, place in inside:
            out[(..., *p)] += x[(..., *place)] * (taps[(..., *p)] == t)
    return out


def output_shape(windows):
    return windows[0] if isinstance(windows[0], tuple) else windows


def flat_reference(taps, windows, size):
    out = np.zeros(taps.shape, np.int64)
    for p, inside, _ in each_window(windows, size):
        for t, place in inside:
            out[(..., *p)] += (taps[(..., *p)] == t) * int(np.ravel_multi_index(place, size))
    return out


# -- rows ----------------------------------------------------------------------------------------------------------

WINDOWS = [  # dimensions in front, size, windows
    ((2, 1), (9,), ((2,), 2)),
    ((3,), (9,), ((3,), 2, 1)),
    ((1, 2), (3,), ((2,), 1, 1)),
    ((2,), (8,), ((3,), 3, 1, 1, True)),
    ((2, 1), (1,), ((1,), 1)),
    ((1, 2), (4, 9), ((2, 2), 2)),
    ((2,), (5, 8), ((3, 3), 2, 1)),
    ((1,), (4, 5), ((3, 3), 1, 1)),
    ((1,), (3, 18), ((2, 3), 1)),
    ((2, 1), (5, 6), ((2, 3), (3, 2), (1, 0))),
    ((1, 1), (5, 7), ((2, 3), 1, (1, 0), (1, 2))),
    ((2,), (4, 5), ((4, 5), (4, 5))),
    ((1, 1), (6, 7), ((3, 3), 3, 0, 1, True)),
    ((1, 1), (3, 4, 4), ((2, 2, 2), 2)),
    ((2,), (2, 3, 3), ((2, 3, 2), (1, 2, 1), (1, 1, 0))),
    ((0, 2), (4, 4), ((2, 2), 2)),
    ((2, 0), (3,), ((3,), 1)),
    ((2, 1), (7,), (3,)),
    ((2,), (5, 6), (2, 4)),
    ((1,), (3, 2, 5), (2, 2, 1)),
    ((0,), (4,), (3,)),
]
for lead, size, windows in WINDOWS:
    shape, count = (*lead, *size), (*lead, *output_of(windows, size))
    taps = max_reference(distinct(*shape)(np.random.default_rng(1)), windows)[1]
    case("sum_windows", average_reference, normal(*shape), windows=windows)
    case("max_windows", max_reference, distinct(*shape), windows=windows)
    case("place_windows", place_reference, normal(*count), taps, windows=windows, size=size)
    case("pick_windows", pick_reference, normal(*shape), taps, windows=windows)
    case("flat_places", flat_reference, taps, windows=windows, size=size)
    for divisor in ("window", "inside") if isinstance(windows[0], tuple) else ("inside",):
        case("average_windows", average_reference, normal(*shape), windows=windows, divisor=divisor)
        case("spread_windows", spread_reference, normal(*count), windows=windows, size=size, divisor=divisor)
case("average_windows", average_reference, normal(1, 4, 4), windows=((2, 2), 2), divisor=-3)
case("spread_windows", spread_reference, normal(2, 2, 2), windows=((2, 2), 2), size=(4, 5), divisor=1)


def columns_reference(x, windows, count):
    """Column by column."""
    out = []
    for p, inside, _ in each_window(windows, x.shape[-len(count) :]):
        column = np.zeros((*x.shape[: -len(count)], math.prod(windows[0])))
        for t, place in inside:
            column[..., t] = x[(..., *place)]
        out.append(column.reshape(*x.shape[: -len(count) - 1], -1) if x.size else column.reshape(*x.shape[: -len(count) - 1], 0))
        assert p == tuple(np.unravel_index(len(out) - 1, count))
    return np.stack(out, -1)


def images_reference(g, windows, count, size):
    taps = math.prod(windows[0])
    out = np.zeros((*g.shape[:-2], g.shape[-2] // taps, *size))
    by_tap = g.reshape(*g.shape[:-2], -1, taps, g.shape[-1]) if g.size else np.zeros((*g.shape[:-2], 0, taps, g.shape[-1]))
    for j, (_, inside, _) in enumerate(each_window(windows, size)):
        for t, place in inside:
            out[(..., *place)] += by_tap[..., t, j]
    return out


for lead, size, windows in [
    ((2, 3), (3, 4), ((2, 2), 1)),
    ((2,), (5, 4), ((3, 2), (2, 1), (2, 1))),
    ((1, 2), (5, 6), ((2, 3), 1, 0, (2, 2))),
    ((1,), (4,), ((4,), 1)),
    ((2, 1), (2, 2), ((1, 1), 1)),
    ((2, 0), (3, 3), ((2, 2), 1)),
]:
    count = output_of(windows, size)
    rows = lead[-1] * math.prod(windows[0])
    case("unfold_windows", columns_reference, normal(*lead, *size), windows=windows, count=count)
    case("fold_windows", images_reference, normal(*lead[:-1], rows, math.prod(count)), windows=windows, count=count, size=size)

# -- what is made of them ------------------------------------------------------------------------------------------

for name, size, options, windows, divisor in [
    ("avg_pool1d", (7,), dict(kernel_size=3, padding=1), ((3,), 3, 1), "window"),
    ("avg_pool2d", (4, 5), dict(kernel_size=[2, 3], stride=1, padding=(1, 1)), ((2, 3), 1, 1), "window"),
    ("avg_pool2d", (5, 5), dict(kernel_size=2, ceil_mode=True, padding=1, count_include_pad=False),
     ((2, 2), 2, 1, 1, True), "inside"),
    ("avg_pool3d", (2, 3, 3), dict(kernel_size=2, divisor_override=5), ((2, 2, 2), 2), 5),
    ("sum_pool1d", (6,), dict(kernel_size=2, stride=3), ((2,), 3), 1),
    ("sum_pool2d", (4, 3), dict(kernel_size=(3, 2), stride=(1, 2), padding=(1, 0)), ((3, 2), (1, 2), (1, 0)), 1),
    ("sum_pool3d", (2, 3, 3), dict(kernel_size=(1, 3, 2), ceil_mode=True), ((1, 3, 2), (1, 3, 2), 0, 1, True), 1),
    ("adaptive_avg_pool1d", (7,), dict(output_size=3), (3,), "inside"),
    ("adaptive_avg_pool2d", (4, 5), dict(output_size=(None, 2)), (4, 2), "inside"),
    ("adaptive_avg_pool3d", (2, 3, 3), dict(output_size=2), (2, 2, 2), "inside"),
    ("adaptive_avg_pool2d", (2, 2), dict(output_size=3), (3, 3), "inside"),
]:  # fmt: skip
    op = getattr(tl, name)
    for lead in [(2, 2), (2,)]:
        composed(f"{name}-{options}", lambda x, op=op, o=options: op(x, **o),
                 lambda x, w=windows, d=divisor: average_reference(x, w, d), normal(*lead, *size))  # fmt: skip
for name, size, options, windows in [
    ("max_pool1d", (7,), dict(kernel_size=3, stride=2, padding=1, dilation=2), ((3,), 2, 1, 2)),
    ("max_pool2d", (5, 4), dict(kernel_size=2, ceil_mode=True), ((2, 2), 2, 0, 1, True)),
    ("max_pool2d", (5, 5), dict(kernel_size=(3, 2), stride=[2, 1]), ((3, 2), (2, 1))),
    ("max_pool3d", (3, 3, 2), dict(kernel_size=2, stride=1, padding=1), ((2, 2, 2), 1, 1)),
    ("adaptive_max_pool1d", (7,), dict(output_size=2), (2,)),
    ("adaptive_max_pool2d", (4, 5), dict(output_size=[3, None]), (3, 5)),
    ("adaptive_max_pool3d", (2, 3, 3), dict(output_size=(1, 2, 2)), (1, 2, 2)),
]:
    op = getattr(tl, name)

    def with_places(x, windows=windows, size=size):
        values, taps = max_reference(x, windows)
        return values, flat_reference(taps, windows, size)

    for lead in [(2, 2), (2,)]:
        composed(f"{name}-{options}", lambda x, op=op, o=options: op(x, **o, return_indices=True), with_places,
                 distinct(*lead, *size))  # fmt: skip


def norm_reference(x, p, windows):
    return average_reference(np.abs(x) ** p, windows) ** (1 / p)


for name, size, p, kernel, windows in [
    ("lp_pool1d", (6,), 2, 3, ((3,), 3)), ("lp_pool2d", (4, 4), 4, (2, 3), ((2, 3), (2, 3))),
    ("lp_pool3d", (2, 3, 2), 2.0, 2, ((2, 2, 2), 2)),
]:  # fmt: skip
    op = getattr(tl, name)
    composed(f"{name}-{p}", lambda x, op=op, p=p, k=kernel: op(x, p, k),
             lambda x, p=p, w=windows: norm_reference(x, p, w), distinct(1, 2, *size))  # fmt: skip
composed("lp_pool1d-1", lambda x: tl.lp_pool1d(x, 1, 2, 1), lambda x: average_reference(x, ((2,), 1)), normal(1, 5))
for sign, p in [(1, math.inf), (-1, -math.inf)]:
    composed(f"lp_pool1d-{p}", lambda x, p=p: tl.lp_pool1d(x, p, 2),
             lambda x, s=sign: s * max_reference(s * np.abs(x), ((2,), 2))[0], lambda rng: distinct(2, 6)(rng) - 0.37)  # fmt: skip
GLOBAL = [((2, 3, 4), False), ((2, 2, 3, 2), True), ((1, 2, 2, 1, 3), False), ((2, 1, 2, 1, 2, 2), True), ((0, 2, 3), False)]
for shape, keepdim in GLOBAL:
    axes = tuple(range(2, len(shape)))
    composed(f"global_avg_pool-{keepdim}", lambda x, k=keepdim: tl.global_avg_pool(x, k),
             lambda x, a=axes, k=keepdim: x.mean(a, keepdims=k), normal(*shape))  # fmt: skip
    composed(f"global_max_pool-{keepdim}", lambda x, k=keepdim: tl.global_max_pool(x, k),
             lambda x, a=axes, k=keepdim: x.max(a, keepdims=k), distinct(*shape))  # fmt: skip
for lead in [(2, 3), (3,)]:
    composed("unfold", lambda x: tl.unfold(x, (2, 3), 1, (0, 1), 2),
             lambda x: columns_reference(x, ((2, 3), 2, (0, 1)), (2, 2)), normal(*lead, 4, 4))  # fmt: skip
    composed("fold", lambda g: tl.fold(g, (4, 4), (2, 3), 1, (0, 1), 2),
             lambda g: images_reference(g, ((2, 3), 2, (0, 1)), (2, 2), (4, 4)), normal(*lead[:-1], 18, 4))  # fmt: skip

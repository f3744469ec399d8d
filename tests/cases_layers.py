"""Rows of the table of cases.py for compositions that layers run: normalisation of samples, borders, attention, other sizes."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.special
from cases import A, away, composed, distinct, normal, positive

import tinygrad_lite as tl

F = tl.nn.functional

# -- normalisation of samples --------------------------------------------------------------------------------------


def standardised(rows, eps):
    """Each row less its mean, divided by its standard deviation."""
    return np.array([(r - r.mean()) / np.sqrt(r.var() + eps) for r in rows]).reshape(rows.shape)


def layer_reference(x, weight=None, bias=None, k=1, eps=1e-5):
    out = standardised(x.reshape(int(np.prod(x.shape[: x.ndim - k])), -1), eps).reshape(x.shape) if x.size else x
    return out * (1 if weight is None else weight) + (0 if bias is None else bias)


def by_channel(v, x):
    return v.reshape(-1, *(1,) * (x.ndim - 2))


def group_reference(x, weight=None, bias=None, groups=1, eps=1e-5):
    if not x.size:
        return x
    parts = [standardised(part.reshape(len(x), -1), eps).reshape(part.shape) for part in np.split(x, groups, 1)]
    out = np.concatenate(parts, 1)
    return out * (1 if weight is None else by_channel(weight, x)) + (0 if bias is None else by_channel(bias, x))


for shape, k in [((2, 3, 4), 1), ((2, 3, 4), 2), ((2, 3), 2), ((4,), 1), ((0, 3), 1), ((2, 2, 2, 3), 3)]:
    sizes = shape[-k:]
    for affine in [(normal(*sizes), normal(*sizes)), (normal(*sizes),), ()]:
        composed(f"layer_norm-{k}", lambda x, *wb, s=sizes: F.layer_norm(x, s, *wb),
                 lambda x, *wb, k=k: layer_reference(x, *wb, k=k), normal(*shape), *affine)  # fmt: skip
    for affine in [(normal(*sizes),), ()]:
        composed(f"rms_norm-{k}", lambda x, *w, s=sizes: F.rms_norm(x, s, *w, eps=1e-3), lambda x, w=1.0, k=k: w * x / np.sqrt(
            np.mean(x * x, tuple(range(-k, 0)), keepdims=True) + 1e-3), normal(*shape), *affine)  # fmt: skip
composed("layer_norm-number", lambda x: F.layer_norm(x, 4, eps=0.1), lambda x: layer_reference(x, eps=0.1), normal(3, 4))
composed("layer_norm-bias", lambda x, b: F.layer_norm(x, 4, None, b), lambda x, b: layer_reference(x) + b, normal(3, 4), normal(4))
composed("layer_norm-one", lambda x, w: F.layer_norm(x, 1, w), lambda x, w: x * 0, normal(3, 1), normal(1))
composed("layer_norm-none", lambda x: F.layer_norm(x, (0,)), lambda x: x, normal(3, 0))
for shape, groups in [((2, 4, 3), 2), ((2, 4, 3), 1), ((2, 4, 3), 4), ((3, 4), 2), ((2, 6, 2, 2), 3), ((0, 4, 2), 2), ((2, 2), 2)]:
    v = (shape[1],)
    for affine in [(normal(*v), normal(*v)), ()]:
        composed(f"group_norm-{groups}", lambda x, *wb, g=groups: F.group_norm(x, g, *wb),
                 lambda x, *wb, g=groups: group_reference(x, *wb, groups=g), normal(*shape), *affine)  # fmt: skip
for shape in [(2, 3, 4), (2, 3, 2, 3), (1, 2, 2, 2, 2), (0, 3, 4), (2, 0, 3)]:
    v = (shape[1],)
    for affine in [(normal(*v), normal(*v)), ()]:
        composed("instance_norm", lambda x, *wb: F.instance_norm(x, None, None, *wb),
                 lambda x, *wb: group_reference(x, *wb, groups=x.shape[1]), normal(*shape), *affine)  # fmt: skip
composed("instance_norm-given", lambda x, m, v: F.instance_norm(x, m, v, use_input_stats=False, eps=0.1),
         lambda x, m, v: (x - m[:, None]) / np.sqrt(v[:, None] + 0.1), normal(2, 3, 4), positive(3), positive(3))  # fmt: skip
for shape, p, dim in [((3, 4), 2.0, 1), ((3, 4), 1, 0), ((2, 3, 2), 3.0, -1), ((4,), 2.0, 0), ((0, 3), 2.0, 1)]:
    composed(f"normalize-{p}-{dim}", lambda x, p=p, d=dim: F.normalize(x, p, d),
             lambda x, p=p, d=dim: x / np.sum(np.abs(x) ** p, d, keepdims=True) ** (1 / p), away(*shape))  # fmt: skip
composed("normalize-inf", lambda x: F.normalize(x, float("inf")), lambda x: x / np.abs(x).max(1, keepdims=True), distinct(2, 3))
composed("normalize-eps", lambda x: F.normalize(x, eps=10.0), lambda x: x / 10, normal(2, 3))

# -- borders -------------------------------------------------------------------------------------------------------


def cut(x, pairs):
    return x[tuple(slice(max(-a, 0), n + min(b, 0)) for n, (a, b) in zip(x.shape, pairs))]


def pad_reference(x, pad, mode="constant", value=0.0):
    pairs = [(0, 0)] * (x.ndim - len(pad) // 2) + list(zip(pad[::2], pad[1::2]))[::-1]
    wider = [(max(a, 0), max(b, 0)) for a, b in pairs]
    how = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    options = {"constant_values": value} if mode == "constant" else {}
    if mode == "reflect":
        return cut(np.pad(x, wider, how), pairs)
    return np.pad(cut(x, pairs), wider, how, **options)


BORDERS = [
    ((4,), (1, 2)), ((2, 3, 4), (2, 0)), ((2, 3, 4), (1, 2, 2, 1)), ((2, 3, 4, 3), (0, 2, 1, 1, 2, 0)), ((3, 4), (0, 0)),
    ((2, 5), (-1, 2)), ((2, 5), (1, -2)), ((2, 4, 5), (-1, 2, 1, -1)), ((0, 4), (1, 2)), ((2, 5), (-1, -1)), ((2, 5), ()),
]  # fmt: skip
for (shape, pad), mode in itertools.product(BORDERS, ["constant", "reflect", "replicate", "circular"]):
    composed(f"pad-{mode}-{pad}", lambda x, p=pad, m=mode: F.pad(x, p, m), lambda x, p=pad, m=mode: pad_reference(x, p, m),
             normal(*shape))  # fmt: skip
for shape, pad in BORDERS:
    composed(f"pad-value-{pad}", lambda x, p=pad: F.pad(x, p, value=1.5), lambda x, p=pad: pad_reference(x, p, value=1.5),
             normal(*shape))  # fmt: skip
composed("pad-0d", lambda x: F.pad(x, ()), lambda x: x, normal())
composed("pad-none", lambda x: F.pad(x, (1, 1), value=2.0), lambda x: np.full((3, 2), 2.0), normal(3, 0))

# -- attention -----------------------------------------------------------------------------------------------------

SEEN = np.array([[True, False, True], [False, False, False], [False, True, False], [True, True, True]])


def attention_reference(q, k, v, mask=None, scale=None):
    logits = np.einsum("...le,...se->...ls", q, k) * (q.shape[-1] ** -0.5 if scale is None else scale)
    logits = logits + (0 if mask is None else np.where(mask, 0, -np.inf) if mask.dtype == bool else mask)
    blind = np.isneginf(logits).all(-1, keepdims=True)
    weights = np.where(blind, 0, scipy.special.softmax(np.where(blind, 0, logits), -1))
    return np.einsum("...ls,...sv->...lv", weights, v)


def attention(q, k, v, mask=None, scale=None):
    return F.scaled_dot_product_attention(q, k, v, mask, scale=scale)


for lead in [(), (2,), (2, 2)]:
    inputs = normal(*lead, 4, 2), normal(*lead, 3, 2), normal(*lead, 3, 3)
    composed("attention", attention, attention_reference, *inputs)
    composed("attention-boolean", attention, attention_reference, *inputs, SEEN)
    composed("attention-numbers", attention, attention_reference, *inputs, normal(*lead, 4, 3))
    composed("attention-blind", lambda q, k, v: attention(q, k, v, np.where(SEEN, 0.5, -np.inf).astype(v.dtype)),
             lambda q, k, v: attention_reference(q, k, v, SEEN), *inputs)  # fmt: skip
    composed("attention-scale", lambda q, k, v: attention(q, k, v, None, 0.3),
             lambda q, k, v: attention_reference(q, k, v, None, 0.3), *inputs)  # fmt: skip
    composed("attention-causal", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
             lambda q, k, v: attention_reference(q, k, v, np.tri(4, 3, dtype=bool)), *inputs)  # fmt: skip
composed("attention-broadcast", attention, attention_reference, normal(2, 1, 2, 2), normal(3, 3, 2), normal(1, 3, 1), normal(2, 3))
composed("attention-empty", attention, attention_reference, normal(0, 2, 2), normal(0, 3, 2), normal(0, 3, 1))
composed("attention-no-keys", attention, lambda q, k, v: np.zeros((2, 2, 3)), normal(2, 2, 2), normal(2, 0, 2), normal(2, 0, 3))

# -- other sizes ---------------------------------------------------------------------------------------------------


def linear_weights(t):
    return np.maximum(1 - np.abs(t), 0)


def cubic_weights(t, a=-0.75):
    """The kernel of Keys (1981)."""
    t = np.abs(t)
    return np.where(t <= 1, (a + 2) * t**3 - (a + 3) * t**2 + 1, np.where(t < 2, a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a, 0))


def along(x, dim, m, scale, corners, kernel):
    """Resampled along ``dim``: at each position the sum over all pixels, the outermost going on, of kernel(distance)."""
    n = x.shape[dim]
    at = np.arange(m) * ((n - 1) / (m - 1) if m > 1 else 0) if corners else (np.arange(m) + 0.5) * scale - 0.5
    matrix = np.zeros((m, n))
    for j in range(-3, n + 3):
        matrix[:, min(max(j, 0), n - 1)] += kernel(at - j)
    return np.moveaxis(np.tensordot(matrix, x, (1, dim)), 0, dim)


def resize_reference(x, size, kernel, corners, scales=None):
    for d, m in enumerate(size, 2):
        x = along(x, d, m, x.shape[d] / m if scales is None else scales[d - 2], corners, kernel)
    return x


def nearest_reference(x, size):
    for d, m in enumerate(size, 2):
        x = x.take(np.arange(m) * x.shape[d] // m, d)
    return x


def middle_reference(x, size):
    for d, m in enumerate(size, 2):
        x = x.take((2 * np.arange(m) + 1) * x.shape[d] // (2 * m), d)
    return x


def area_reference(x, size):
    for d, m in enumerate(size, 2):
        n = x.shape[d]
        x = np.stack([x.take(range(i * n // m, -(-(i + 1) * n // m)), d).mean(d) for i in range(m)], d)
    return x


RESIZED = [((2, 2, 5), (8,)), ((1, 2, 5), (3,)), ((1, 1, 4), (1,)), ((0, 2, 3), (5,)), ((2, 1, 3, 4), (5, 3)),
           ((1, 2, 4, 3), (4, 7)), ((1, 1, 2, 3, 4), (3, 2, 5))]  # fmt: skip
for shape, size in RESIZED:
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(size)]
    kernels = [(mode, linear_weights), *([("bicubic", cubic_weights)] if len(size) == 2 else [])]
    for (mode, kernel), corners in itertools.product(kernels, (False, True)):
        composed(f"interpolate-{mode}-{size}-{corners}", lambda x, s=size, m=mode, c=corners: F.interpolate(x, s, None, m, c),
                 lambda x, s=size, k=kernel, c=corners: resize_reference(x, s, k, c), normal(*shape))  # fmt: skip
    for mode, reference in [("nearest", nearest_reference), ("nearest-exact", middle_reference), ("area", area_reference)]:
        composed(f"interpolate-{mode}-{size}", lambda x, s=size, m=mode: F.interpolate(x, s, mode=m),
                 lambda x, s=size, r=reference: r(x, s), normal(*shape))  # fmt: skip
composed("interpolate-factor", lambda x: F.interpolate(x, None, (1.7, 0.6), "bilinear"),
         lambda x: resize_reference(x, (5, 3), linear_weights, False, (1 / 1.7, 1 / 0.6)), normal(1, 2, 3, 5))  # fmt: skip
composed("interpolate-recomputed", lambda x: F.interpolate(x, None, 1.7, "linear", None, True),
         lambda x: resize_reference(x, (8,), linear_weights, False), normal(1, 2, 5))  # fmt: skip
composed("interpolate-twice", lambda x: F.interpolate(x, scale_factor=2), lambda x: x.repeat(2, 2).repeat(2, 3), normal(1, 2, 2, 3))


def shuffle_reference(x, r):
    *lead, channels, height, width = x.shape
    out = np.zeros((*lead, channels // r**2, height * r, width * r))
    for c, i, j in itertools.product(range(channels // r**2), range(r), range(r)):
        out[..., c, i::r, j::r] = x[..., c * r * r + i * r + j, :, :]
    return out


def unshuffle_reference(x, r):
    *lead, channels, height, width = x.shape
    out = np.zeros((*lead, channels * r**2, height // r, width // r))
    for c, i, j in itertools.product(range(channels), range(r), range(r)):
        out[..., c * r * r + i * r + j, :, :] = x[..., c, i::r, j::r]
    return out


for shape, r in [((2, 4, 2, 3), 2), ((9, 1, 2), 3), ((2, 2, 8, 1, 2), 2), ((0, 4, 2, 2), 2), ((1, 3, 2, 2), 1)]:
    composed(f"pixel_shuffle-{r}", lambda x, r=r: F.pixel_shuffle(x, r), lambda x, r=r: shuffle_reference(x, r), normal(*shape))
    wide = (*shape[:-3], 2, shape[-2] * r, shape[-1] * r)
    composed(f"pixel_unshuffle-{r}", lambda x, r=r: F.pixel_unshuffle(x, r), lambda x, r=r: unshuffle_reference(x, r),
             normal(*wide))  # fmt: skip

# -- shape and indices ---------------------------------------------------------------------------------------------

for shape, dim, sizes, out in [((2, 6), 1, (2, 3), (2, 2, 3)), ((6, 2), 0, (-1, 2), (3, 2, 2)), ((2, 6), -1, (6,), (2, 6)),
                               ((0, 4), 1, (2, -1), (0, 2, 2)), ((0, 4), 0, (0, 3), (0, 3, 4))]:  # fmt: skip
    composed(f"unflatten-{dim}-{sizes}", lambda x, d=dim, s=sizes: tl.unflatten(x, d, s), lambda x, o=out: x.reshape(o),
             normal(*shape))  # fmt: skip
WORDS = A([0, 2], [1, 2])
composed("embedding-padding", lambda w: tl.embedding(WORDS, w, 2), lambda w: w[WORDS], normal(3, 2), order=0)

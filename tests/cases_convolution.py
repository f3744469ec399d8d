"""Rows of the table of cases.py for convolution; their references are plain sums over the places of the kernel."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.signal
from cases import case, composed, normal

import tinygrad_lite as tl

# -- references, in float64 ----------------------------------------------------------------------------------------


def window_of(n, stride=1, padding=0, dilation=1, groups=1):
    """A number for each of ``n`` dimensions, as the ops take them for short."""
    stride, dilation = (v if isinstance(v, tuple) else (v,) * n for v in (stride, dilation))
    return stride, padding if isinstance(padding, tuple) else ((padding, padding),) * n, dilation, groups


def output_of(size, kernel, stride, padding, dilation, groups=1):
    """The sizes of an output, by counting the places where the kernel fits."""
    return tuple(
        len(range(0, m + low + high - d * (k - 1), s)) for m, k, s, (low, high), d in zip(size, kernel, stride, padding, dilation)
    )


def terms(channels, outputs, count, kernel, stride, padding, dilation, groups):
    """For every group and place r of the kernel: its channels of the output, of the image, r, and the pixels of the padded image
    that r meets."""
    for group, place in itertools.product(range(groups), np.ndindex(*kernel)):
        outs, ins = (slice(m // groups * group, m // groups * (group + 1)) for m in (outputs, channels))
        pixels = (slice(r * d, r * d + s * (m - 1) + 1, s) for r, d, s, m in zip(place, dilation, stride, count))
        yield outs, (slice(None), ins, *pixels), (outs, slice(None), *place)


def padded(x, padding):
    return np.pad(x.astype(np.float64), ((0, 0), (0, 0), *padding))


def correlate_reference(x, weight, bias=None, **window):
    window = window_of(x.ndim - 2, **window)
    count = output_of(x.shape[2:], weight.shape[2:], *window)
    image, out = padded(x, window[1]), np.zeros((x.shape[0], weight.shape[0], *count))
    for outs, pixels, place in terms(x.shape[1], weight.shape[0], count, weight.shape[2:], *window):
        out[:, outs] += np.einsum("oc,nc...->no...", weight[place].astype(np.float64), image[pixels])
    return out if bias is None else out + bias.astype(np.float64).reshape(-1, *[1] * (x.ndim - 2))


def input_reference(g, weight, bias=None, *, size, **window):
    window = window_of(g.ndim - 2, **window)
    channels = weight.shape[1] * window[3]
    image = padded(np.zeros((g.shape[0], channels, *size)), window[1])
    for outs, pixels, place in terms(channels, g.shape[1], g.shape[2:], weight.shape[2:], *window):
        image[pixels] += np.einsum("oc,no...->nc...", weight[place].astype(np.float64), g[:, outs].astype(np.float64))
    out = image[(..., *(slice(low, low + m) for m, (low, _) in zip(size, window[1])))]
    return out if bias is None else out + bias.astype(np.float64).reshape(-1, *[1] * (g.ndim - 2))


def weight_reference(x, g, *, kernel, **window):
    window = window_of(x.ndim - 2, **window)
    image, weight = padded(x, window[1]), np.zeros((g.shape[1], x.shape[1] // window[3], *kernel))
    for outs, pixels, place in terms(x.shape[1], g.shape[1], g.shape[2:], kernel, *window):
        axes = (0, *range(2, x.ndim))
        weight[place] = np.tensordot(g[:, outs].astype(np.float64), image[pixels], (axes, axes))
    return weight


# -- rows ----------------------------------------------------------------------------------------------------------

LAYERS = [  # (images, channels, *size), (channels of the output, *kernel), window
    ((2, 2, 5), (3, 2), {}),
    ((1, 1, 1), (1, 1), {}),
    ((1, 1, 7), (2, 3), dict(stride=2, padding=1)),
    ((2, 4, 6), (2, 3), dict(dilation=2, groups=2, padding=((1, 2),))),
    ((2, 2, 4, 5), (3, 3, 2), dict(padding=1)),
    ((1, 2, 5, 4), (2, 1, 1), {}),
    ((1, 2, 6, 5), (2, 3, 2), dict(stride=(2, 1), padding=((1, 0), (0, 2)))),
    ((2, 3, 5, 5), (3, 2, 3), dict(stride=3, dilation=(1, 2), padding=2, groups=3)),
    ((1, 1, 3, 3, 4), (2, 2, 2, 1), dict(stride=(1, 2, 1), padding=1)),
    ((1, 2, 2, 3, 3), (2, 1, 2, 2), dict(groups=2)),
    ((0, 2, 5), (3, 2), {}),
    ((0, 2, 4, 4), (2, 3, 3), dict(padding=1, groups=2)),
    ((2, 0, 3, 3), (2, 2, 2), {}),
]
for (n, channels, *size), (outputs, *kernel), window in LAYERS:
    weight = (outputs, channels // window.get("groups", 1), *kernel)
    g = (n, outputs, *output_of(size, kernel, *window_of(len(size), **window)))
    case("correlate", correlate_reference, normal(n, channels, *size), normal(*weight), normal(outputs), **window)
    case("correlate", correlate_reference, normal(n, channels, *size), normal(*weight), **window)
    case("correlate_input", input_reference, normal(*g), normal(*weight), normal(channels), size=tuple(size), **window)
    case("correlate_input", input_reference, normal(*g), normal(*weight), size=tuple(size), **window)
    case("correlate_weight", weight_reference, normal(n, channels, *size), normal(*g), kernel=tuple(kernel), **window)
for shape in [(2, 3, 4), (2, 2, 3, 3), (1, 2, 9, 9), (0, 3, 2), (1, 1, 2, 1, 2)]:
    case("channel_sum", lambda g: g.sum((0, *range(2, g.ndim))), normal(*shape))

# -- what is made of them ------------------------------------------------------------------------------------------

for name, x, weight, options, window in [
    ("conv1d", (2, 7), (3, 2, 3), dict(stride=2, padding=1), dict(stride=2, padding=1)),
    ("conv1d", (1, 2, 6), (2, 2, 4), dict(padding="same"), dict(padding=((1, 2),))),
    ("cross_correlation1d", (1, 2, 6), (2, 2, 4), dict(padding="valid"), {}),
    ("conv2d", (2, 2, 5, 4), (2, 2, 3, 2), dict(padding=(0, 1), stride=(2, 1)), dict(padding=((0, 0), (1, 1)), stride=(2, 1))),
    ("conv2d", (3, 4, 5), (3, 1, 2, 3), dict(padding="same", dilation=(1, 2), groups=3),
     dict(padding=((0, 1), (2, 2)), dilation=(1, 2), groups=3)),
    ("cross_correlation2d", (1, 1, 4, 4), (1, 1, 3, 3), dict(padding=1), dict(padding=1)),
    ("conv3d", (2, 3, 3, 2), (1, 2, 2, 2, 1), dict(padding=(1, 0, 0)), dict(padding=((1, 1), (0, 0), (0, 0)))),
]:  # fmt: skip
    op, batched = getattr(tl, name), len(x) == len(weight)

    def reference(x, w, b, batched=batched, window=window):
        return correlate_reference(x, w, b, **window) if batched else correlate_reference(x[None], w, b, **window)[0]

    composed(name, lambda x, w, b, op=op, o=options: op(x, w, b, **o), reference, normal(*x), normal(*weight), normal(weight[0]))
for name, x, weight, options, size in [
    ("conv_transpose1d", (2, 2, 4), (2, 3, 3), dict(stride=2, padding=1, output_padding=1), (8,)),
    ("conv_transpose1d", (4, 3), (4, 1, 2), dict(groups=2, dilation=3, output_padding=2), (8,)),
    ("conv_transpose2d", (1, 2, 3, 2), (2, 2, 3, 2), dict(stride=(2, 1), padding=(1, 0)), (5, 3)),
    ("conv_transpose2d", (2, 3, 3), (2, 1, 2, 2), dict(stride=2, dilation=4, output_padding=3, padding=1), (10, 10)),
    ("conv_transpose3d", (1, 1, 2, 2, 2), (1, 2, 2, 1, 2), dict(stride=2, output_padding=1), (5, 4, 5)),
]:  # fmt: skip
    op, n = getattr(tl, name), int(name[-2])

    def reference(x, w, b, n=n, size=size, o=options):
        """Every number is spread over a whole image, of which the padding is cut away."""
        stride, _, dilation, groups = window_of(n, **{k: v for k, v in o.items() if not k.endswith("padding")})
        low = o.get("padding", 0) if isinstance(o.get("padding", 0), tuple) else (o.get("padding", 0),) * n
        whole = tuple((m - 1) * s + d * (k - 1) + 9 for m, s, k, d in zip(x.shape[-n:], stride, w.shape[2:], dilation))
        out = np.zeros((x.shape[0] if x.ndim == n + 2 else 1, w.shape[1] * groups, *whole))
        for i in np.ndindex(*x.shape[-n:]):
            for c, k in np.ndindex(*w.shape[:2]):
                for r in np.ndindex(*w.shape[2:]):
                    at = tuple(a * s + q * d for a, s, q, d in zip(i, stride, r, dilation))
                    to = c // (w.shape[0] // groups) * w.shape[1] + k
                    out[(slice(None), to, *at)] += w[(c, k, *r)] * x.reshape(-1, *x.shape[-n - 1 :])[(slice(None), c, *i)]
        out = out[(..., *(slice(a, a + m) for a, m in zip(low, size)))] + b.reshape(-1, *[1] * n)
        return out if x.ndim == n + 2 else out[0]

    composed(name, lambda x, w, b, op=op, o=options: op(x, w, b, **o), reference, normal(*x), normal(*weight),
             normal(weight[1] * options.get("groups", 1)))  # fmt: skip
for mode, (x, kernel) in itertools.product(["full", "same", "valid"], [((6,), (3,)), ((2,), (5,)), ((1,), (1,)), ((4,), (4,))]):
    composed(f"convolve1d-{mode}", lambda x, k, m=mode: tl.convolve1d(x, k, m), lambda x, k, m=mode: scipy.signal.convolve(x, k, m),
             normal(*x), normal(*kernel))  # fmt: skip
for mode, (x, kernel) in itertools.product(["full", "same", "valid"], [((5, 4), (3, 2)), ((2, 2), (3, 4)), ((3, 3), (3, 3))]):
    composed(f"convolve2d-{mode}", lambda x, k, m=mode: tl.convolve2d(x, k, m), lambda x, k,
             m=mode: scipy.signal.convolve2d(x, k, m), normal(*x), normal(*kernel))  # fmt: skip
composed(
    "convolve2d-images",
    lambda x, k: tl.convolve2d(x, k, "same"),
    lambda x, k: np.array([[scipy.signal.convolve2d(m, k, "same") for m in some] for some in x]),
    normal(2, 1, 4, 3),
    normal(3, 3),
)

"""Convolution flips the kernel, cross-correlation does not: in one dimension and in two, and what it changes.

convolution        (x * w)[t] = sum over a of x[a] w[t - a]       commutes: x * w = w * x
cross-correlation  (x . w)[t] = sum over a of x[t + a] w[a]       exchanged, it gives its mirror image
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lite as tl

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="nothing to shorten here: it takes no time")
arguments.add_argument("--out", type=Path, default=Path("runs/12_convolution"), help="folder for the picture")
options = arguments.parse_args()


def correlate(x, w):
    """Cross-correlation wherever x and w meet, in one dimension or two."""
    op = tl.cross_correlation1d if x.ndim == 1 else tl.cross_correlation2d
    return op(x[None, None], w[None, None], padding=tuple(k - 1 for k in w.shape))[0, 0]


def say(name, value):
    print(f"{name:28}", " ".join(f"{v:5.2f}" for v in value))


x, w = np.array([0, 0, 1, 2, 3, 0, 0, 0.0]), np.array([1, 0.5, 0.25])  # a signal, a response that dies away
say("signal x", x)
say("kernel w", w)
say("convolution x * w", tl.convolve1d(x, w))
say("convolution w * x", tl.convolve1d(w, x))
say("cross-correlation x . w", correlate(x, w))
say("cross-correlation w . x", correlate(w, x))
assert np.allclose(tl.convolve1d(x, w), tl.convolve1d(w, x))
assert np.allclose(correlate(x, w), correlate(w, x)[::-1])
assert np.allclose(tl.convolve1d(x, w), correlate(x, w[::-1].copy()))

image = np.zeros((7, 7))
image[1:6, 3], image[1, 3:6], image[3, 3:5] = 1, 1, 1  # the letter F
kernel = np.array([[3, 2, 1], [0, 0, 0], [0, 0, 0.0]])
a, b = tl.convolve2d(image, kernel), correlate(image, kernel)
print(f"2-D: |x * w - w * x| = {abs(a - tl.convolve2d(kernel, image)).max():.0f}")
print(f"2-D: |x . w - w . x| = {abs(b - correlate(kernel, image)).max():.0f}, mirrored in both directions", end=" ")
print(f"{abs(b - correlate(kernel, image)[::-1, ::-1]).max():.0f}")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
    raise SystemExit from None

figure = Figure(figsize=(12, 6.5), layout="constrained")
figure.suptitle("Convolution flips the kernel and commutes; cross-correlation does neither")
top, bottom = figure.subfigures(2, 1, height_ratios=(1, 1.15))
for axes, (title, value, colour) in zip(top.subplots(1, 4, sharey=True), (
    ("signal x (blue), kernel w (orange)", x, "C0"), ("convolution x * w = w * x", tl.convolve1d(x, w), "C2"),
    ("cross-correlation x . w", correlate(x, w), "C3"), ("cross-correlation w . x", correlate(w, x), "C3"),
)):  # fmt: skip
    axes.bar(range(len(value)), value, color=colour)
    if value is x:
        axes.bar(range(len(w)), w, color="C1")
    axes.set(title=title, xticks=range(0, 10, 2), xlim=(-0.6, 9.6))
for axes, (title, value) in zip(bottom.subplots(1, 4, width_ratios=(7, 3, 9, 9)), (
    ("image x", image), ("kernel w", kernel), ("convolution x * w", a), ("cross-correlation x . w", b),
)):  # fmt: skip
    axes.imshow(value, cmap="Greys", vmin=0, vmax=1.2 * value.max())
    axes.set(title=title, xticks=np.arange(-0.5, value.shape[1]), yticks=np.arange(-0.5, len(value)))
    axes.tick_params(length=0, labelbottom=False, labelleft=False)
    axes.grid(color="lightgrey")
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "convolution.png", dpi=120)
print("the picture:", options.out / "convolution.png")

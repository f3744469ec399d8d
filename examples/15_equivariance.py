"""What convolution does to a moved image: equivariance to translation is exact, to rotation and scale there is none; pooling makes
the answer to small shifts almost the same.
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lite as tl

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="nothing to shorten here: it takes no time")
arguments.add_argument("--out", type=Path, default=Path("runs/15_equivariance"), help="folder for the pictures")
options = arguments.parse_args()

image = np.zeros((32, 32))
image[10:22, 11:13] = image[10:12, 11:20] = image[15:17, 11:18] = 1  # the letter F
edges = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1.0]])  # answers to vertical edges (Sobel)


def detect(x):
    """Convolution and detector: |edge|, of the size of ``x``."""
    return abs(tl.convolve2d(x, edges, "same"))


def shift(x, by=5):
    return np.roll(x, (by, -by), (0, 1))


def enlarge(x):  # the middle half
    return x[8:24, 8:24].repeat(2, 0).repeat(2, 1)


def differ(a, b):
    """|a - b| / |b|."""
    return np.linalg.norm(a - b) / np.linalg.norm(b)


moves = {"shifted": shift, "turned": np.rot90, "twice as large": enlarge}
for name, move in moves.items():
    print(
        f"{name:15} detect(move(x)) against move(detect(x)): they differ by {differ(detect(move(image)), move(detect(image))):.3f}"
    )
assert (detect(shift(image)) == shift(detect(image))).all()

shifts, invariance = range(9), {}
for size in (1, 2, 4, 8):
    pooled = [tl.max_pool2d(detect(np.roll(image, by, 1))[None, None], size)[0, 0] for by in shifts]
    invariance[size] = [differ(pooled[0], p) for p in pooled]
    print(f"max pool {size}x{size}: a shift by 0, 1, 2, 4 changes", " ".join(f"{invariance[size][by]:.2f}" for by in (0, 1, 2, 4)))

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the pictures: pip install 'tinygrad_lite[examples]'")
    raise SystemExit from None
figure = Figure(figsize=(13, 9.6), layout="constrained")
figure.suptitle("Convolution commutes with translation, not with rotation or scale", fontsize=14)
for row, (name, move) in zip(figure.subplots(3, 4), moves.items()):
    after, before = detect(move(image)), move(detect(image))
    answers = {f"{name}, then detected": after, f"detected, then {name}": before, "difference": abs(after - before)}
    row[0].imshow(move(image), cmap="Greys")
    for axes, value in zip(row[1:], answers.values()):
        axes.imshow(value, cmap="magma", vmin=0, vmax=4)
    for axes, title in zip(row, (f"image, {name}", *answers)):
        axes.set(title=title, xticks=[], yticks=[])
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "equivariance.png", dpi=110)

figure = Figure(figsize=(7, 5), layout="constrained")
axes = figure.subplots()
for size, values in invariance.items():
    axes.plot(shifts, values, "o-", label=f"max pool {size}x{size}" if size > 1 else "no pooling")
axes.set(xlabel="shift of the image in pixels", ylabel="change of the answer: |after - before| / |before|")
axes.set_title("The larger the pooled windows, the less a small shift changes")
axes.legend()
figure.savefig(options.out / "invariance.png", dpi=120)
print("the pictures:", options.out / "equivariance.png", options.out / "invariance.png")

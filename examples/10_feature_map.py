"""A filter slides over an image and leaves a feature map: the lectures' 7x7 image, and a 5x5 image step by step.

As printed in the lectures, the 7x7 image has a 1 at the end of row 3; the printed feature map belongs to an image with 0 there.
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lite as tl

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="nothing to shorten here: it takes no time")
arguments.add_argument("--out", type=Path, default=Path("runs/10_feature_map"), help="folder for the pictures")
options = arguments.parse_args()


def matrix(rows):
    """'011 110' as an array."""
    return np.array([[float(digit) for digit in row] for row in rows.split()])


def feature_map(image):
    return tl.cross_correlation2d(image[None, None], kernel[None, None])[0, 0]


kernel = matrix("101 010 101")
right = matrix("0111000 0011100 0001110 0001100 0011000 0110000 1100000")
printed = right.copy()
printed[2, 6] = 1
map_as_printed = matrix("14341 12433 12341 13311 33110")
small = matrix("11100 01110 00111 00110 01100")
for text, image in (("with the misprint", printed), ("with row 3 ending in 0", right)):
    wrong = np.argwhere(feature_map(image) != map_as_printed) + 1
    print(f"{text}: {len(wrong)} of 25 numbers differ from the printed map{''.join(f', row {r} column {c}' for r, c in wrong)}")
print("the feature map of the 5x5 image:", *(" ".join(f"{v:.0f}" for v in row) for row in feature_map(small)), sep="\n  ")

try:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
except ImportError:
    print("for the pictures: pip install 'tinygrad_lite[examples]'")
    raise SystemExit from None


def show(axes, array, title, top=1.0):
    """Numbers on squares."""
    axes.imshow(array, cmap="Blues", vmin=0, vmax=1.6 * top)
    for (r, c), value in np.ndenumerate(array):
        axes.text(c, r, "" if np.isnan(value) else f"{value:.0f}", ha="center", va="center", fontsize=12)
    axes.set(xticks=np.arange(array.shape[1] + 1) - 0.5, yticks=np.arange(len(array) + 1) - 0.5)
    axes.set_title(title, fontsize=11)
    axes.grid(color="white", linewidth=1.5)
    axes.tick_params(length=0, labelbottom=False, labelleft=False)


options.out.mkdir(parents=True, exist_ok=True)
figure = Figure(figsize=(12.6, 6), layout="constrained")
figure.suptitle("An image of 7x7, correlated with a filter of 3x3, gives a feature map of 5x5")
figure.get_layout_engine().set(wspace=0.05)
first, second, third = figure.subplots(1, 3, width_ratios=(7, 3, 5))
show(first, right, "image (red: printed as 1, must be 0)")
first.add_patch(Rectangle((5.5, 1.5), 1, 1, fill=False, color="red", linewidth=3, zorder=3))
show(second, kernel, "filter")
show(third, feature_map(right), "feature map", 4)
figure.savefig(options.out / "seven.png", dpi=120)

figure = Figure(figsize=(13, 7.2), layout="constrained")
figure.suptitle("Nine steps of the filter over an image of 5x5: products under the window, and their sum", fontsize=14)
grid, done = figure.subplots(3, 6), np.full((3, 3), np.nan)
for (r, c), value in np.ndenumerate(feature_map(small)):
    left, beside = grid[r, 2 * c : 2 * c + 2]
    show(left, small, f"step {3 * r + c + 1}")
    left.add_patch(Rectangle((c - 0.5, r - 0.5), 3, 3, fill=False, color="darkorange", linewidth=3, zorder=3))
    done[r, c] = value
    show(beside, done, f"sum = {value:.0f}", 4)
figure.savefig(options.out / "steps.png", dpi=120)
print("the pictures:", options.out / "seven.png", options.out / "steps.png")

"""Three ways to pool one feature map: the largest, the mean, the sum of each window, and where their gradients go."""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lite as tl

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="nothing to shorten here: it takes no time")
arguments.add_argument("--out", type=Path, default=Path("runs/11_pooling"), help="folder for the picture")
options = arguments.parse_args()

feature_map = np.array([[1, 4, 3, 4], [1, 2, 4, 3], [1, 2, 3, 4], [1, 3, 8, 1.0]])
pools = {"max": tl.max_pool2d, "average": tl.avg_pool2d, "sum": tl.sum_pool2d}
pooled, gradients = {}, {}
print("feature map:", *(" ".join(f"{v:.0f}" for v in row) for row in feature_map), sep="\n  ")
for name, pool in pools.items():
    x = tl.tensor(feature_map[None, None], dtype=tl.float64, requires_grad=True)
    out = pool(x, 2)
    out.sum().backward()
    pooled[name], gradients[name] = out.data[0, 0], x.grad.data[0, 0]
    print(f"{name:8} of 2x2 windows:", " / ".join(" ".join(f"{v:g}" for v in row) for row in pooled[name]))
assert (pooled["sum"] == 4 * pooled["average"]).all()
print("sum = 4 x average; the gradient goes to the largest alone, in quarters to all, whole to all")
overlapping = tl.max_pool2d(feature_map[None, None], 3, stride=1)[0, 0]
print("max of 3x3 windows, stride 1:", " / ".join(" ".join(f"{v:g}" for v in row) for row in overlapping))

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
    raise SystemExit from None

SHADES = ("#dce9f7", "#fde7d0", "#e0f0dc", "#efe0f0")  # one for each window


def show(axes, array, title, window):
    """Numbers on squares, in the colour of the window that they belong to."""
    rows, columns = array.shape
    for (r, c), value in np.ndenumerate(array):
        shade = SHADES[2 * (r // window) + c // window]
        axes.fill([c, c + 1, c + 1, c], [r, r, r + 1, r + 1], facecolor=shade, edgecolor="white", linewidth=2)
        axes.text(c + 0.5, r + 0.5, f"{value:g}", ha="center", va="center", fontsize=13)
    axes.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal", xticks=[], yticks=[])
    axes.set_title(title, fontsize=11)
    for side in axes.spines.values():
        side.set_visible(False)


figure = Figure(figsize=(11, 6), layout="constrained")
figure.suptitle("Pooling a 4x4 feature map over windows of 2x2, and the gradient of the sum of what comes out")
grid = figure.subplots(2, 4, width_ratios=(4, 4, 4, 4))
show(grid[0, 0], feature_map, "feature map", 2)
grid[1, 0].axis("off")
said = "max: the gradient goes to the\nlargest alone (the first of equals)", "average: a quarter to each", "sum: all of it to each"
grid[1, 0].text(0.02, 0.5, "\n\n".join(said), fontsize=12, va="center")
for k, name in enumerate(pools, 1):
    show(grid[0, k], pooled[name], f"{name} of each window", 1)
    show(grid[1, k], gradients[name], f"gradient through {name}", 2)
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "pooling.png", dpi=120)
print("the picture:", options.out / "pooling.png")

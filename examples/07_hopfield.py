"""Hopfield's network (1982) recalls noisy real digits while its energy falls; it fails on correlated, shifted and turned ones."""

import argparse
import itertools
from pathlib import Path

import numpy as np
from scipy import ndimage

import tinygrad_lite as tl
from tinygrad_lite import zoo

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer probes")
arguments.add_argument("--out", type=Path, default=Path("runs/07_hopfield"), help="folder for the pictures")
options = arguments.parse_args()
options.out.mkdir(parents=True, exist_ok=True)

tl.manual_seed(0)
rng = np.random.default_rng(0)
(images, labels), _ = tl.data.load_digits()
typical = [min(images[labels == c], key=lambda x: ((x - images[labels == c].mean(0)) ** 2).sum()) for c in range(10)]
digits = np.where(np.array(typical) > 0.5, 1.0, -1.0)


def noisy(x, share=0.15):
    """Each pixel is turned with probability ``share``."""
    return x * np.where(rng.random(x.shape) < share, -1, 1)


def unlike(c):
    """How much the digits of c overlap at most."""
    return np.abs(np.corrcoef(digits[list(c)]) - np.eye(len(c))).max()


three = digits[list(min(itertools.combinations(range(10), 3), key=unlike))]
grid, smaller = digits.reshape(10, 8, 8), -np.ones((10, 8, 8))
smaller[:, 1:7, 1:7] = np.where(ndimage.zoom(grid, (1, 0.75, 0.75), order=1) > 0, 1, -1)
networks = {
    "three unlike digits, Hebb": zoo.Hopfield("hebb").fit(three),
    "ten digits, Hebb": zoo.Hopfield("hebb").fit(digits),
    "ten digits, pseudo-inverse": zoo.Hopfield("pseudo-inverse", "zero").fit(digits),
}
for name, network in networks.items():
    goal = np.repeat(network.patterns_.data, 20 if options.quick else 500, 0)
    found = network.recall(noisy(goal))
    right, overlap = (found.states.data == goal).all(1).mean(), network.overlap(found.states, goal).mean().item()
    print(f"{name}: {right:6.1%} of noisy probes recalled, mean overlap {overlap:.3f}, all settled {found.settled.data.all()}")
    first, *_, end = energies = found.energies.data
    rise = np.diff(energies, axis=0).max()
    print(
        f"    in {len(energies) - 1} sweeps the energy falls from {first.mean():.2f} to {end.mean():.2f}; largest rise {rise:.0e}"
    )
*_, last = networks.values()
moved = {"noise": noisy(digits), "shifted": np.roll(grid, 1, 2), "turned": np.rot90(grid, axes=(1, 2)), "smaller": smaller}
for name, probes in moved.items():
    print(f"{name}: {last.score(probes.reshape(10, 64), digits):.0%} of the ten recalled by the pseudo-inverse")

try:
    from matplotlib.figure import Figure
except ImportError:
    raise SystemExit("for the pictures: pip install 'tinygrad_lite[examples]'")

figure = Figure(figsize=(9, 8.5), layout="constrained")
rows = [("stored", digits), ("15 % noise", probes := noisy(digits))]
rows += [
    ("ten by Hebb:\na mixture", networks["ten digits, Hebb"].predict(probes).data),
    ("ten by pseudo-\ninverse", last.predict(probes).data),
]
for name in ("shifted", "turned", "smaller"):
    rows += [(name, moved[name]), ("lost", last.predict(moved[name].reshape(10, 64)).data)]
for line, (name, some) in zip(figure.subplots(len(rows), 10, subplot_kw={"xticks": [], "yticks": []}), rows):
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for axes, image in zip(line, some):
        axes.imshow(image.reshape(8, 8), cmap="gray_r")
figure.suptitle("Ten real digits in Hopfield's network: noise is removed by the better rule, other changes are not")
figure.savefig(options.out / "digits.png", dpi=120)
print("the picture:", options.out / "digits.png")

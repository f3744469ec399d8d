"""Hebb's rule dw = eps y x grows without bound; Oja's rule dw = eps y (x - y w) comes to the first principal component.

The data are scikit-learn's real digits, centred; the first panel shows them by the sums of two neighbouring rows of pixels.
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lite as tl
from tinygrad_lite import zoo

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer epochs")
arguments.add_argument("--out", type=Path, default=Path("runs/04_hebb_and_oja"), help="folder for the picture")
options = arguments.parse_args()

tl.manual_seed(0)
(images, _), _ = tl.data.load_digits()
images = (images - images.mean(0)).astype(float)
plane = images.reshape(-1, 8, 8).sum(2)[:, [4, 3]]  # neighbours, which go together
start, eps = np.array([0.8, -0.6]), 0.01


def path_of(rule, examples):
    """The weight after each example."""
    model, path = zoo.Hebbian(rule, eps, initial=start), [start]
    for x in examples:
        path.append(model.partial_fit(x[None]).weight_.numpy())
    return np.array(path)


paths = {rule: path_of(rule, plane[: 500 if options.quick else 1500]) for rule in ("hebb", "oja")}
for rule, path in paths.items():
    print(f"{rule}: after {len(path) - 1} examples |w| = {np.linalg.norm(path[-1]):.4g}, w = {path[-1].round(3)}")
axis = np.linalg.eigh(plane.T @ plane)[1][:, -1]
print("first eigenvector:", (axis * np.sign(axis @ paths["oja"][-1])).round(3))

epochs = 10 if options.quick else 60
oja = zoo.Hebbian("oja", epsilon=2e-3, epochs=epochs).fit(images)
hebb = zoo.Hebbian("hebb", epsilon=2e-3, epochs=epochs).fit(images)
values, vectors = np.linalg.eigh(images.T @ images / len(images))
cosine = abs(oja.weight_.data @ vectors[:, -1]) / oja.norms_[-1].item()
print(f"64 pixels, {epochs} epochs: |w| by Hebb {hebb.norms_[-1].item():.3g}, by Oja {oja.norms_[-1].item():.4f}")
print(f"cosine with the first principal component {cosine:.5f}")
print(f"share of the variance {oja.score(images):.4f}, of the component {values[-1] / values.sum():.4f}")

try:
    from matplotlib.figure import Figure
except ImportError:
    raise SystemExit("for the picture: pip install 'tinygrad_lite[examples]'")

figure = Figure(figsize=(13, 4.2), layout="constrained")
cloud, growth, *faces = figure.subplots(1, 4, width_ratios=[1.2, 1.2, 0.8, 0.8])
cloud.scatter(*plane.T, s=6, color="lightgrey", label="digits")
for rule, colour in (("hebb", "tab:red"), ("oja", "tab:blue")):
    cloud.plot(*paths[rule].T, color=colour, label=f"w by {rule.capitalize()}")
cloud.plot(*np.outer([-5, 5], axis).T, "k--", linewidth=1, label="first component")
cloud.plot(*start, "ko", markersize=5)
cloud.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xlabel="sum of the fifth row", ylabel="sum of the fourth row")
cloud.set_title(f"two inputs: the way of w in {len(plane)} examples")
cloud.legend(fontsize=8, loc="lower left", framealpha=1)
for model, name, colour in ((hebb, "Hebb: without bound", "tab:red"), (oja, "Oja: comes to 1", "tab:blue")):
    growth.semilogy(model.norms_.numpy(), color=colour, label=name)
growth.set(xlabel="epoch", ylabel="length of w", title="64 inputs: the length of w")
growth.legend()
sign = np.sign(oja.weight_.data @ vectors[:, -1])
for axes, image, title in zip(faces, (oja.weight_.data, sign * vectors[:, -1]), ("w by Oja's rule", "first component (eigh)")):
    axes.imshow(image.reshape(8, 8), cmap="RdBu", vmin=-0.35, vmax=0.35)
    axes.set(title=title, xticks=[], yticks=[])
faces[0].set_xlabel(f"cosine {cosine:.5f}")
figure.suptitle("Hebb's rule grows without bound, Oja's comes to the first principal component (real digits)")
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "hebb_and_oja.png", dpi=120)
print("the picture:", options.out / "hebb_and_oja.png")

"""Units of McCulloch and Pitts (1943): y = step(w·x - s). One does AND, OR and NOT, none does XOR, two layers do everything."""

import argparse
import contextlib
import itertools
from pathlib import Path

import numpy as np

from tinygrad_lite import zoo

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="functions of two inputs only")
arguments.add_argument("--out", type=Path, default=Path("runs/03_mcculloch_pitts"), help="folder for the picture")
options = arguments.parse_args()

inputs = np.array(list(itertools.product([0, 1], repeat=2)))
units = {"AND": zoo.McCullochPitts.AND(), "OR": zoo.McCullochPitts.OR()}
for name, unit in units.items():
    print(f"{name}: w = {unit.weight_[0].tolist()}, s = {unit.threshold_.item()}:", unit.predict(inputs)[:, 0].tolist())
print("NOT: w = [-1.0], s = -0.5:", zoo.McCullochPitts.NOT().predict([[0], [1]])[:, 0].tolist())

xor = [0, 1, 1, 0]
try:
    zoo.McCullochPitts.from_truth_table(xor)
except ValueError as error:
    print(error)
network = zoo.BooleanNetwork(xor)
print("XOR by two layers:", network.predict(inputs).tolist())

for k in (1, 2) if options.quick else (1, 2, 3):
    rows, by_one, by_two = np.array(list(itertools.product([0, 1], repeat=k))), 0, 0
    for table in itertools.product([0, 1], repeat=2**k):
        by_two += zoo.BooleanNetwork(table).predict(rows).tolist() == list(table)
        with contextlib.suppress(ValueError):  # there is no such unit
            by_one += zoo.McCullochPitts.from_truth_table(table).predict(rows)[:, 0].tolist() == list(table)
    print(f"of the {2**2**k} Boolean functions of {k} inputs, one unit computes {by_one}, two layers {by_two}")

try:
    from matplotlib.figure import Figure
except ImportError:
    raise SystemExit("for the picture: pip install 'tinygrad_lite[examples]'")

side = np.linspace(-0.5, 1.5, 401)
x1, x2 = np.meshgrid(side, side)
a, b = (w[0] * x1 + w[1] * x2 >= s for w, s in zip(network.hidden_.weight_.data, network.hidden_.threshold_.data))
c, d = (x1 + x2 >= unit.threshold_.item() for unit in units.values())
areas = {"AND: one unit": c, "OR: one unit": d, "XOR: no unit, no line does it": None, "XOR: two units and an OR": a | b}
outputs = [unit.predict(inputs).data[:, 0] for unit in units.values()] + [np.array(xor)] * 2

figure = Figure(figsize=(11, 3.9), layout="constrained")
panels = figure.subplots(1, 4, sharey=True)
for axes, (title, area), y in zip(panels, areas.items(), outputs):
    if area is None:
        axes.plot([0, 1], [1, 0], color="tab:red")
        axes.plot([0, 1], [0, 1], color="tab:blue")
        axes.annotate(
            "between the ones and\nbetween the zeros", (0.5, 0.5), (0.5, -0.35), ha="center", arrowprops={"arrowstyle": "->"}
        )
    else:
        axes.contourf(side, side, np.asarray(area, float), [-0.5, 0.5, 1.5], colors=["#d6e4f2", "#f7d9d6"])
        axes.contour(side, side, np.asarray(area, float), [0.5], colors="black")
    axes.scatter(*inputs.T, c=np.where(y, "tab:red", "tab:blue"), edgecolors="black", s=150, zorder=3)
    for point, value in zip(inputs, y):
        axes.annotate(f"{value:.0f}", point, ha="center", va="center", color="white", weight="bold", zorder=4)
    axes.set(title=title, xlabel="input $x_1$", xticks=[0, 1], yticks=[0, 1], aspect="equal", xlim=(-0.5, 1.5), ylim=(-0.5, 1.5))
panels[0].set_ylabel("input $x_2$")
figure.suptitle("What units of McCulloch and Pitts compute: output 1 (red) and 0 (blue)")
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "planes.png", dpi=120)
print("the picture:", options.out / "planes.png")

"""Rosenblatt's perceptron (1958): two classes of real digits and the line that moves with each mistake, then all ten classes."""

import argparse
import warnings
from pathlib import Path

import numpy as np

import tinygrad_lite as tl
from tinygrad_lite import zoo

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer epochs")
arguments.add_argument("--out", type=Path, default=Path("runs/05_perceptron"), help="folder for the pictures")
options = arguments.parse_args()
warnings.filterwarnings("ignore", "Perceptron.fit")  # ten classes of digits need not be separated in so many epochs

tl.manual_seed(0)
(x, y), (x_held, y_held) = tl.data.load_digits()

few = y < 2
axes2 = np.linalg.svd(x[few] - x[few].mean(0), full_matrices=False)[2][:2]
plane, digit = (x[few] - x[few].mean(0)) @ axes2.T, y[few]
unit, lines = zoo.Perceptron(epsilon="1/norm", initial=np.array([[1.5, -0.3, 1.0]])), []
for i in np.tile(np.arange(len(plane)), 50):
    if unit.partial_fit(plane[i : i + 1], digit[i : i + 1], classes=[0, 1]).mistakes_.sum().item():
        lines.append(unit.weight_.data[0])
print(f"zeros and ones in two dimensions: {len(lines)} mistakes, then {unit.score(plane, digit):.2%} right")
t = 2 * digit - 1
extended = np.c_[-np.ones(len(plane)), plane] * t[:, None]
w = lines[-1]
bound = (np.linalg.norm(extended, axis=1).max() * np.linalg.norm(w) / (extended @ w).min()) ** 2
zero = zoo.Perceptron().fit(plane, digit)
print(f"from zero weights: {zero.mistakes_.sum().item()} mistakes, Novikoff allows {bound:.0f} with the margin of the line found")

epochs = 20 if options.quick else 200
ten = zoo.Perceptron(epochs=epochs).fit(x, y)
held_out = ten.score(x_held, y_held)
print(f"ten classes, {ten.n_iter_} epochs: {ten.score(x, y):.2%} of {len(y)} right, {held_out:.2%} of {len(y_held)} held out")

try:
    from matplotlib.figure import Figure
except ImportError:
    raise SystemExit("for the pictures: pip install 'tinygrad_lite[examples]'")

options.out.mkdir(parents=True, exist_ok=True)
figure = Figure(figsize=(6.5, 5), layout="constrained")
axes = figure.subplots()
for value, colour, marker in ((0, "tab:blue", "o"), (1, "tab:red", "s")):
    axes.scatter(*plane[digit == value].T, s=14, color=colour, marker=marker, label=f"digit {value}")
ends = np.array([plane[:, 0].min() - 0.3, plane[:, 0].max() + 0.3])
for k, (s, w1, w2) in enumerate(lines, 1):
    last = k == len(lines)
    label = f"after {k} mistakes" if last else "after each mistake" if k == len(lines) // 2 else None
    axes.plot(ends, (s - w1 * ends) / w2, color="black" if last else "grey", alpha=1 if last else 0.1 + 0.5 * k / len(lines),
              linewidth=2 if last else 1, label=label)  # fmt: skip
axes.set(xlim=ends, ylim=(plane[:, 1].min() - 0.3, plane[:, 1].max() + 0.3), xlabel="first principal component")
axes.set(ylabel="second principal component", title="The line w·x = 0 moves with each mistake until it separates")
axes.legend(framealpha=1)
figure.savefig(options.out / "line.png", dpi=120)

figure = Figure(figsize=(11, 4.3), layout="constrained")
grid = figure.add_gridspec(2, 7)
curve = figure.add_subplot(grid[:, :2])
curve.plot(range(1, ten.n_iter_ + 1), 100 * ten.mistakes_.sum(1).numpy() / len(y))
curve.set(xlabel="epoch", ylabel="mistakes of the units in 100 digits", title="learning", ylim=(0, None))
for c in range(10):
    axes = figure.add_subplot(grid[c // 5, 2 + c % 5])
    image = ten.weight_.data[c, 1:].reshape(8, 8)
    axes.imshow(image, cmap="RdBu_r", vmin=-abs(image).max(), vmax=abs(image).max())
    axes.set(title=f"unit of digit {c}", xticks=[], yticks=[])
figure.suptitle(f"Ten units, one for each digit: their weights (red +, blue -); {held_out:.1%} right on digits held out")
figure.savefig(options.out / "digits.png", dpi=120)
print("the pictures:", options.out / "line.png", options.out / "digits.png")

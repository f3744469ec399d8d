"""Backpropagation by the lectures' formulas, beside what the engine gives (Rumelhart, Hinton and Williams, 1986).

The picture is a network with its activities on the way up, its errors on the way back, and dE/dw at every connection."""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lite as tl
from tinygrad_lite import nn
from tinygrad_lite.zoo.mlp import MultilayerPerceptron

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="the same: it is quick")
arguments.add_argument("--out", type=Path, default=Path("runs/40_backpropagation_by_hand"), help="folder for the picture")
options = arguments.parse_args()

tl.manual_seed(2)
model = MultilayerPerceptron((2, 3, 2), tl.sigmoid, dtype=np.float64)
x, t = np.array([1.0, 0.5]), np.array([1.0, 0.0])
error = nn.functional.sse_loss(model(tl.Tensor(x)), tl.Tensor(t))
error.backward()

w1, b1, w2, b2 = (p.data for p in model.parameters())


def f(a):
    """The logistic unit, whose slope is f'(a) = y (1 - y)."""
    return 1 / (1 + np.exp(-a))


h = f(w1 @ x + b1)
y = f(w2 @ h + b2)
delta_output = (y - t) * y * (1 - y)  # delta_k = (y_k - t_k) f'(a_k)
delta_hidden = h * (1 - h) * (w2.T @ delta_output)  # delta_j = f'(a_j) sum_k delta_k w_kj
by_hand = {"dE/dw output": np.outer(delta_output, h), "dE/db output": delta_output,
           "dE/dw hidden": np.outer(delta_hidden, x), "dE/db hidden": delta_hidden}  # fmt: skip
output, hidden = model.layers[1], model.layers[0]
engine = dict(zip(by_hand, (output.weight, output.bias, hidden.weight, hidden.bias)))
print(f"E = {error.item():.6f}, by hand {0.5 * np.sum((y - t) ** 2):.6f}")
for name, gradient in by_hand.items():
    difference = np.abs(engine[name].grad.data - gradient).max()
    print(f"{name}: {np.array2string(gradient.ravel(), precision=5)}, the engine differs by {difference:.0e}")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
else:
    figure = Figure(figsize=(9, 5.6), layout="constrained")
    axes = figure.subplots()
    values, errors = [x, h, y], [None, delta_hidden, delta_output]
    places = [[(1.7 * k, 1.1 * ((len(v) - 1) / 2 - i)) for i in range(len(v))] for k, v in enumerate(values)]
    for layer, weight in enumerate((hidden.weight, output.weight)):
        for j, i in np.ndindex(weight.shape):
            (x0, y0), (x1, y1), g = places[layer][i], places[layer + 1][j], weight.grad.data[j, i]
            colour = "tab:red" if g > 0 else "tab:blue"
            axes.plot([x0, x1], [y0, y1], color=colour, lw=0.5 + 60 * abs(g), alpha=0.55, zorder=1)
            at, box = 0.3 if layer else 0.7, dict(facecolor="white", edgecolor="none", alpha=0.85, pad=0.6)
            px, py = x0 + at * (x1 - x0), y0 + at * (y1 - y0)
            axes.text(px, py, f"{g:+.4f}", color=colour, fontsize=9, ha="center", va="center", bbox=box)
    for k, (at, value, delta) in enumerate(zip(places, values, errors)):
        axes.text(1.7 * k, 1.85, ("input x", "hidden units h", "output y")[k], ha="center", fontsize=13)
        for i, (px, py) in enumerate(at):
            axes.scatter(px, py, s=2600, color="white", edgecolors="black", zorder=2)
            said = f"{value[i]:.2f}" if delta is None else f"{value[i]:.3f}\n$\\delta$ {delta[i]:+.3f}"
            axes.text(px, py, said, ha="center", va="center", fontsize=9.5, zorder=3)
            if k == 2:
                axes.text(px + 0.33, py, f"target {t[i]:.0f}", va="center", fontsize=11)
    formulas = [r"\partial E/\partial w_{ji} = \delta_j x_i", r"\delta_j = f'(a_j)\,\sum_k \delta_k w_{kj}"]
    for k, formula in enumerate([*formulas, r"\delta_k = (y_k - t_k)\,f'(a_k)"]):
        axes.text(1.7 * k, -1.85, f"${formula}$", ha="center", fontsize=13)
    title = f"dE/dw at every connection: red, the weight must fall; blue, it must rise (E = {error.item():.4f})"
    axes.set(xlim=(-0.6, 4.2), ylim=(-2.1, 2.1), title=title)
    axes.axis("off")
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "network.png", dpi=120)
    print("the picture:", options.out / "network.png")

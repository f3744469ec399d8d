"""A rate that falls and one that goes up and down leave a plateau on which a low rate stays; a high one leaves and never settles.

The exclusive or is learned from targets with noise. At first all answers are 0.5: that is the plateau.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.zoo.mlp import MultilayerPerceptron

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer steps, fewer networks")
arguments.add_argument("--out", type=Path, default=Path("runs/41_rates_that_leave_a_plateau"), help="folder for the picture")
options = arguments.parse_args()

steps, seeds, low, high = 200 if options.quick else 2500, 2 if options.quick else 7, 0.08, 4.0
rates = {  # of the share of the training that is over
    "constant, low": lambda done: low,
    "constant, high": lambda done: high,
    "annealed": lambda done: high * (low / high) ** done,
    "cyclic": lambda done: low + (high - low) * (1 - abs(1 - 2 * (4 * done % 1))),  # triangles (Smith, 2017)
}
x, t = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([[0.2], [0.8], [0.8], [0.2]], np.float32)


def learn(rate, seed):
    """E over the four patterns, without noise, as it falls."""
    tl.manual_seed(seed)
    rng, model, errors = np.random.default_rng(seed), MultilayerPerceptron((2, 4, 1)), []
    for layer in model.layers:
        nn.init.uniform_(layer.weight, -1, 1)
    optimizer = optim.SGD(model.parameters(), lr=low)
    for step in range(steps):
        if step % 10 == 0:
            with tl.no_grad():
                errors.append(nn.functional.sse_loss(model(tl.Tensor(x)), tl.Tensor(t)).item())
        rows, noise = rng.integers(0, 4, 4), rng.normal(0, 0.3, (4, 1)).astype(np.float32)
        optimizer.lr = rate(step / steps)
        optimizer.zero_grad()
        nn.functional.sse_loss(model(tl.Tensor(x[rows])), tl.Tensor(t[rows] + noise)).backward()
        optimizer.step()
    return errors


with tqdm(total=len(rates) * seeds, desc="networks", unit="network", dynamic_ncols=True) as bar:
    curves = {}
    for name, rate in rates.items():
        curves[name] = []
        for seed in range(seeds):
            curves[name].append(learn(rate, seed))
            bar.update()
for name, each in curves.items():
    print(f"{name}: E = {np.median([curve[-5:] for curve in each]):.4f} at the end; on the plateau it is 0.18")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
else:
    figure = Figure(figsize=(8.5, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    at = np.arange(0, steps, 10)
    for name, each in curves.items():
        (line,) = above.semilogy(at, np.median(each, 0), label=name, lw=2)
        above.fill_between(at, *np.quantile(each, [0.25, 0.75], 0), color=line.get_color(), alpha=0.15, lw=0)
        below.plot(at, [rates[name](k / steps) for k in at], color=line.get_color())
    above.axhline(0.18, color="black", ls=":", label="the plateau: 0.5 to everything")
    above.set(ylabel="error E without noise", title=f"{seeds} networks each: median, and the middle half of them")
    above.legend(loc="lower left")
    below.set(xlabel="step", ylabel="learning rate")
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "rates.png", dpi=120)
    print("the picture:", options.out / "rates.png")

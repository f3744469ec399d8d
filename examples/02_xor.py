"""A network with four hidden neurons learns the exclusive or, which one neuron cannot (Minsky and Papert, 1969).

The picture is the plane of inputs, coloured by what the network answers.
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lite as tl
from tinygrad_lite import nn, optim

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer steps")
arguments.add_argument("--out", type=Path, default=Path("runs/02_xor"), help="folder for the picture")
options = arguments.parse_args()

tl.manual_seed(1)
inputs = tl.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
target = tl.tensor([[0.0], [1.0], [1.0], [0.0]])
model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
loss = nn.BCEWithLogitsLoss()
optimizer = optim.Adam(model.parameters(), lr=0.05)
steps = 300 if options.quick else 1000
for step in range(1, steps + 1):
    optimizer.zero_grad()
    value = loss(model(inputs), target)
    value.backward()
    optimizer.step()
    if step in (1, steps // 4, steps // 2, steps):
        print(f"step {step:4d}  loss {value.item():.4f}")
with tl.no_grad():
    answers = tl.sigmoid(model(inputs))
for (a, b), answer in zip(inputs.tolist(), answers.data[:, 0]):
    print(f"{a:.0f} xor {b:.0f} = {answer:.3f}")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
else:
    side = np.linspace(-0.5, 1.5, 200, dtype=np.float32)
    plane = np.stack(np.meshgrid(side, side), -1)
    with tl.no_grad():
        height = tl.sigmoid(model(tl.Tensor(plane))).data[..., 0]
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    colours = axes.pcolormesh(side, side, height, cmap="coolwarm", vmin=0, vmax=1)
    axes.contour(side, side, height, [0.5], colors="black")
    axes.scatter(*inputs.data.T, c=target.data[:, 0], cmap="coolwarm", edgecolors="black", s=120)
    axes.set(xlabel="first input", ylabel="second input", title="what the network answers")
    figure.colorbar(colours)
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "plane.png", dpi=120)
    print("the picture:", options.out / "plane.png")

"""Why convolution: connections to a neighbourhood only, and one set of weights for all places.

A layer from a 1x28x28 image to 8 maps of 28x28, built three ways: dense, connected to 5x5 neighbourhoods, and convolutional.
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lite as tl
from tinygrad_lite import nn

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="nothing to shorten here: it takes no time")
arguments.add_argument("--out", type=Path, default=Path("runs/13_sparse_and_shared"), help="folder for the picture")
options = arguments.parse_args()

side, maps, k = 28, 8, 5
dense_weights = (side * side) * (maps * side * side)
reach = np.minimum(np.arange(side) + k // 2, side - 1) - np.maximum(np.arange(side) - k // 2, 0) + 1  # pixels seen from each place
connections = maps * int(np.outer(reach, reach).sum())
layer = nn.Conv2d(1, maps, k, padding=k // 2)
counts = {
    "dense": (dense_weights, dense_weights + maps * side * side),
    "local, not shared": (connections, connections + maps * side * side),
    "convolution": (connections, sum(p.data.size for p in layer.parameters())),
}
print(f"from {side}x{side} pixels to {maps} maps of {side}x{side}:")
for name, (products, parameters) in counts.items():
    print(f"{name:18} {products:9,} connections   {parameters:9,} parameters   dense / this: {dense_weights / parameters:,.0f}")

# The same layer as a dense one: its matrix is the Jacobian. In one dimension it can be seen whole.
small = nn.Conv1d(1, 1, 5, padding=2, bias=False).double()
matrix = tl.jacobian(lambda x: small(x)[0, 0], tl.zeros(1, 1, 16, dtype=tl.float64)).data[:, 0, 0]
x = np.random.default_rng(0).standard_normal(16)
assert np.allclose(matrix @ x, small(tl.tensor(x[None, None])).data[0, 0])
print(
    f"1-D, 16 to 16: {(matrix != 0).sum()} of {matrix.size} entries are not 0, {len(np.unique(matrix[matrix != 0]))} are different"
)

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
    raise SystemExit from None

figure = Figure(figsize=(13, 4.6), layout="constrained")
figure.suptitle("A convolution is a dense layer with most weights 0 and the others shared")
first, second, third = figure.subplots(1, 3)
limit = abs(matrix).max()
random = np.random.default_rng(1).uniform(-limit, limit, matrix.shape)
for axes, value, title in ((first, random, "dense: 256 weights, all free"), (second, matrix, "convolution over 5: 5 weights")):
    axes.imshow(value, cmap="RdBu", vmin=-limit, vmax=limit)
    axes.set(title=f"matrix from 16 inputs to 16 outputs\n{title}", xlabel="input", ylabel="output")
bars = third.barh(list(counts), [parameters for _, parameters in counts.values()], color=["C3", "C1", "C2"])
third.bar_label(bars, [f"{parameters:,}" for _, parameters in counts.values()], padding=4)
third.set(
    xscale="log", xlim=(50, 3e8), xlabel="parameters (logarithmic)", title="28x28 pixels to 8 maps of 28x28,\nneighbourhoods of 5x5"
)
third.invert_yaxis()
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "sparse.png", dpi=120)
print("the picture:", options.out / "sparse.png")

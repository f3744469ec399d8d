"""A convolutional network learns real handwritten digits; its filters and feature maps as images."""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lite as tl
from tinygrad_lite import data, nn, optim, training, zoo

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer epochs")
arguments.add_argument("--out", type=Path, default=Path("runs/16_digits_cnn"), help="folder for the pictures")
options = arguments.parse_args()

train, held_out = ((images.reshape(-1, 1, 8, 8), labels) for images, labels in data.load_digits())
tl.manual_seed(0)
model = nn.Sequential(
    zoo.ThreeStages(1, 12, 3, padding=1), zoo.ThreeStages(12, 24, 3, padding=1), nn.Flatten(), nn.Linear(96, 10)
)  # fmt: skip
loader = data.DataLoader(data.TensorDataset(*train), batch_size=50, shuffle=True)
tests = data.DataLoader(data.TensorDataset(*held_out), batch_size=297)
optimizer = optim.Adam(model.parameters(), lr=3e-3)
history = training.fit(model, nn.CrossEntropyLoss(), optimizer, loader, 3 if options.quick else 25, held_out=tests, progress=False)
print(
    f"{sum(p.data.size for p in model.parameters()):,} parameters; held out: {100 * history['held_out_accuracy'][-1]:.2f} % right"
)

example = int(np.flatnonzero(held_out[1] == 3)[0])
digit = held_out[0][example : example + 1]
first, second = model[0], model[1]
with tl.no_grad():
    convolved, detected, pooled = (maps.data[0] for maps in first.stages(tl.tensor(digit)))
    deeper = second.stages(tl.tensor(pooled[None]))[1].data[0]
    share = tl.softmax(model(tl.tensor(digit)), dim=1).data[0]
print(f"a {held_out[1][example]}; the network says {share.argmax()} with probability {share.max():.3f}")
for name, maps in (("convolution", convolved), ("detector", detected), ("pooling", pooled), ("second detector", deeper)):
    print(f"{name:15} {maps.shape}: from {maps.min():.2f} to {maps.max():.2f}, {100 * np.mean(maps == 0):.0f} % are 0")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the pictures: pip install 'tinygrad_lite[examples]'")
    raise SystemExit from None


def row(figure, images, title, cmap, low=None, high=None):
    """Images side by side, on one scale."""
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    for axes, image in zip(np.ravel(figure.subplots(-(-len(images) // 12), 12)), images):
        axes.imshow(image, cmap=cmap, vmin=low, vmax=high)
        axes.set(xticks=[], yticks=[])


filters = first.convolution.weight.data[:, 0]
limit = abs(filters).max()
figure = Figure(figsize=(13, 8), layout="constrained")
figure.suptitle("What each stage of a trained convolutional network makes of one held-out digit\n", fontsize=14)
left, right = figure.subfigures(1, 2, width_ratios=(2.2, 10))
left.suptitle("the digit")
axes = left.subplots()
axes.imshow(digit[0, 0], cmap="Greys")
axes.set(xticks=[], yticks=[])
parts = right.subfigures(5, 1, height_ratios=(1, 1, 1, 1, 1.8))
row(parts[0], filters, "12 filters of 3x3 (blue: positive, red: negative)", "RdBu", -limit, limit)
row(parts[1], convolved, "convolution: 12 feature maps of 8x8", "RdBu", -abs(convolved).max(), abs(convolved).max())
row(parts[2], detected, "detector: what is negative is 0", "Blues", 0, detected.max())
row(parts[3], pooled, "pooling: the largest of 2x2, 12 maps of 4x4", "Blues", 0, detected.max())
row(parts[4], deeper, "second layer, detector: 24 maps of 4x4", "Blues", 0, deeper.max())
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "maps.png", dpi=110)
history.plot(options.out / "curve.png")
print("the pictures:", options.out / "maps.png", options.out / "curve.png")

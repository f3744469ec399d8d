"""What does the network look at? Two answers for digits that it was not trained on.

saliency   |gradient of the digit's logit with respect to each pixel| (Simonyan et al., 2014)
occlusion  how far the digit's probability falls when a grey patch covers a place (Zeiler and Fergus, 2014)
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lite as tl
from tinygrad_lite import data, nn, optim, training, zoo

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer epochs")
arguments.add_argument("--out", type=Path, default=Path("runs/17_saliency"), help="folder for the picture")
options = arguments.parse_args()

train, held_out = ((images.reshape(-1, 1, 8, 8), labels) for images, labels in data.load_digits())
tl.manual_seed(0)
model = zoo.SmallCNN()
loader = data.DataLoader(data.TensorDataset(*train), batch_size=50, shuffle=True)
optimizer = optim.Adam(model.parameters(), lr=3e-3)
training.fit(model, nn.CrossEntropyLoss(), optimizer, loader, 4 if options.quick else 20, progress=False)
model.eval()
with tl.no_grad():
    print(f"held out: {100 * training.accuracy(model(tl.tensor(held_out[0])), tl.tensor(held_out[1])):.2f} % right")


def saliency(images, labels):
    """One backward for all images: each logit depends on its own image alone."""
    x = tl.tensor(images, requires_grad=True)
    model(x)[np.arange(len(labels)), labels].sum().backward()
    return abs(x.grad.data[:, 0])


@tl.no_grad()
def probability(images, label):
    return tl.softmax(model(tl.tensor(images)), dim=1).data[:, label]


def occlusion(image, label, size=2):
    """The loss of probability at each pixel: the mean over all patches of size x size that cover it."""
    masks = np.zeros(((9 - size) ** 2, 1, 8, 8), np.float32)
    for mask, (r, c) in zip(masks, np.ndindex(9 - size, 9 - size)):
        mask[0, r : r + size, c : c + size] = 1
    fall = probability(image[None], label) - probability(np.where(masks, np.float32(0.5), image), label)
    return np.einsum("n,nijk->jk", fall, masks) / masks.sum((0, 1))


chosen = [int(np.flatnonzero(held_out[1] == digit)[0]) for digit in (0, 3, 4, 7, 8)]
images, labels = (part[chosen] for part in held_out)
maps = list(zip(saliency(images, labels), (occlusion(i, k) for i, k in zip(images, labels))))
for image, label, (_, fall) in zip(images, labels, maps):
    r, c = np.unravel_index(fall.argmax(), fall.shape)
    print(f"a {label} ({probability(image[None], label)[0]:.3f}): a patch at row {r + 1}, column {c + 1} costs {fall.max():.3f}")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
    raise SystemExit from None

figure = Figure(figsize=(12, 7.6), layout="constrained")
figure.suptitle("Where a network looks: pixels that change its answer (saliency), places that it needs (occlusion)", fontsize=13)
rows = figure.subplots(3, len(chosen))
for column, image, label, (salient, fall) in zip(rows.T, images, labels, maps):
    column[0].imshow(image[0], cmap="Greys")
    column[0].set_title(f"a {label}")
    column[1].imshow(salient, cmap="inferno")
    column[2].imshow(fall, cmap="inferno", vmin=0)
for axes, name in zip(rows[:, 0], ("held-out digit", "gradient saliency", "occlusion, 2x2")):
    axes.set_ylabel(name, fontsize=12)
for axes in rows.flat:
    axes.set(xticks=[], yticks=[])
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "saliency.png", dpi=110)
print("the picture:", options.out / "saliency.png")

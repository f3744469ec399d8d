"""Two numbers for a handwritten digit: by principal components, and by a deep autoencoder (Hinton and Salakhutdinov, 2006).

The picture shows both codes of digits held out, and what comes back from codes of ten numbers.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm.auto import trange

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.data import load_digits
from tinygrad_lite.zoo.autoencoders import autoencoder, principal_components, train_epoch

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer epochs")
arguments.add_argument("--out", type=Path, default=Path("runs/42_autoencoder_and_pca"), help="folder for the picture")
options = arguments.parse_args()

(x, labels), (held_out, held_out_labels) = load_digits()
epochs, results = 3 if options.quick else 80, {}


def near(code, held_out_code):
    """The share of digits held out whose nearest neighbour in the code is of their class."""
    distance = np.square(held_out_code[:, None] - code).sum(-1)
    return np.mean(labels[distance.argmin(1)] == held_out_labels)


for n in (2, 10):
    mean, components = principal_components(x, n)
    codes = [(each - mean) @ components.T for each in (x, held_out)]
    results["PCA", n] = codes, codes[1] @ components + mean
    tl.manual_seed(0)
    model = autoencoder((64, 256, 128, 64, n), nn.Tanh, output=nn.Sigmoid)
    optimizer = optim.Adam(model.parameters(), lr=2e-3)
    for epoch in (bar := trange(epochs, desc=f"code of {n}", unit="epoch", dynamic_ncols=True)):
        optimizer.lr = 2e-3 * 0.05 ** (epoch / epochs)
        bar.set_postfix(loss=f"{train_epoch(model, x, optimizer, 50):.4f}", refresh=False)
    with tl.no_grad():
        codes = [model.encoder(tl.Tensor(each)).data for each in (x, held_out)]
        results["deep autoencoder", n] = codes, model.decoder(tl.Tensor(codes[1])).data
errors = {key: np.square(back - held_out).sum(1).mean() for key, (_, back) in results.items()}
for (name, n), (codes, _) in results.items():
    share = 100 * near(*codes)
    print(f"{name}, {n} units: squared error {errors[name, n]:.3f} of a digit held out, nearest neighbour right {share:.1f} %")
for n in (2, 10):
    print(f"{n} units: the autoencoder has {errors['deep autoencoder', n] / errors['PCA', n]:.2f} of the error of PCA")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
else:
    figure = Figure(figsize=(10, 8.2), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.7, 1])
    for axes, name in zip(above.subplots(1, 2), ("PCA", "deep autoencoder")):
        code = results[name, 2][0][1]
        for digit in range(10):
            axes.scatter(*code[held_out_labels == digit].T, s=70, marker=f"${digit}$", color=f"C{digit}", lw=0.3)
        axes.set(xlabel="first unit of the code", ylabel="second", title=f"{name}: two units, squared error {errors[name, 2]:.2f}")
    rows = {"digit": held_out, **{f"{name} {n}": results[name, n][1] for n in (2, 10) for name in ("PCA", "deep autoencoder")}}
    shown = [np.flatnonzero(held_out_labels == digit)[0] for digit in range(10)]
    for row, (name, images) in zip(below.subplots(5, 10), rows.items()):
        for axes, k in zip(row, shown):
            axes.imshow(images[k].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "codes.png", dpi=120)
    print("the picture:", options.out / "codes.png")

"""What keeps an autoencoder with many units from copying: few may be active, the input is spoilt, or the code must hardly move.

The picture shows what the units look for, and spoilt digits that each kind restores.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.data import load_digits
from tinygrad_lite.zoo.autoencoders import KL, L1, Contraction, Masking, reconstruction_error, tied, train_epoch

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer epochs")
arguments.add_argument("--out", type=Path, default=Path("runs/43_sparse_denoising_contractive"), help="folder for the picture")
options = arguments.parse_args()

(x, _), (held_out, labels) = load_digits()
kinds = {"plain": {},
         "sparse (L1)": {"penalty": L1(0.05)}, "sparse (KL)": {"penalty": KL(0.2, rho=0.05)},
         "denoising": {"corrupt": Masking(0.3)}, "contractive": {"penalty": Contraction(0.3)}}  # fmt: skip
epochs, models = 2 if options.quick else 100, {}
with tqdm(total=epochs * len(kinds), unit="epoch", dynamic_ncols=True) as bar:
    for kind, of_kind in kinds.items():
        bar.set_description(kind)
        tl.manual_seed(0)
        models[kind] = tied((64, 100), code=nn.Sigmoid, **of_kind)
        optimizer = optim.Adam(models[kind].parameters())
        for epoch in range(epochs):
            optimizer.lr = 1e-2 * 0.05 ** (epoch / epochs)
            train_epoch(models[kind], x, optimizer, 50)
            bar.update()
tl.manual_seed(9)
spoilt, measured = Masking(0.3)(held_out).data, {}
for kind, model in models.items():
    code = model.encoder(tl.Tensor(held_out))
    jacobian = Contraction(1.0)(model.encoder, None, code).item()
    errors = [reconstruction_error(model, held_out, given) for given in (held_out, spoilt)]
    measured[kind] = (*errors, code.data.mean(), jacobian)
    print("{}: squared error {:.3f}, of restored digits {:.3f}, mean activity {:.3f}, |J|² {:.3f}".format(kind, *measured[kind]))

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
else:
    figure = Figure(figsize=(11, 6.6), layout="constrained")
    shown = [np.flatnonzero(labels == digit)[0] for digit in (0, 2, 3, 5, 6, 9)]
    grid = figure.subplots(7, 15, width_ratios=[1] * 8 + [0.8] + [1] * 6)
    for axes in grid.flat:
        axes.axis("off")
    rows = {"digit": held_out, "spoilt": spoilt, **{kind: model(tl.Tensor(spoilt)).data for kind, model in models.items()}}
    for row, (kind, images) in zip(grid, rows.items()):
        for axes, k in zip(row[9:], shown):
            axes.imshow(images[k].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        row[8].text(1, 0.5, kind, transform=row[8].transAxes, ha="right", va="center")
        if kind in models:
            weight = models[kind].encoder[0].weight.data
            for axes, unit in zip(row[:8], np.argsort(-np.square(weight).sum(1))):
                limit = np.abs(weight[unit]).max()
                axes.imshow(weight[unit].reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes = figure.add_subplot(grid[0, 0].get_gridspec()[:2, :8])
    axes.axis("off")
    columns, values = ["error", "error, restored", "mean activity", "|J|²"], np.array(list(measured.values()))
    table = axes.table(
        [[f"{v:.3f}" for v in row] for row in values], rowLabels=list(models), colLabels=columns, bbox=(0.2, 0, 0.8, 1)
    )
    for column, row in enumerate(values.argmin(0)):
        table[row + 1, column].set_text_props(color="tab:green")
    grid[2, 3].set_title("weights of the eight strongest units")
    grid[0, 11].set_title("what comes back from spoilt digits")
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "kinds.png", dpi=120)
    print("the picture:", options.out / "kinds.png")

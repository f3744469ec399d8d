"""An LSTM reads twelve years of sunspots and says the next; told its own answers it forecasts two decades.

Beside it: the last value, that of 11 years before, and a line fitted to the same windows, all judged on the years after 1920. For
the next year the network is no better than the line, and both beat the plain ones; over two decades the network errs least.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm.auto import trange

import tinygrad_lite as tl
from tinygrad_lite import data, nn, optim
from tinygrad_lite.zoo import sequences

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer epochs")
arguments.add_argument("--out", type=Path, default=Path("runs/38_forecasting_sunspots"), help="folder for the picture")
options = arguments.parse_args()
WINDOW, AHEAD, LAST, networks, epochs = 12, 22, 1920, *((1, 5) if options.quick else (5, 60))
years, numbers = data.load_sunspots()
centre = numbers[years <= LAST].mean()
rows, following = data.windows((numbers - centre) / 100, WINDOW)
rows, train = rows[:, 0], years[WINDOW:] <= LAST

models = []
for seed in trange(networks, unit="network", dynamic_ncols=True):
    tl.manual_seed(seed)
    models.append(model := sequences.ManyToOne(nn.LSTM(1, 16, batch_first=True), 1))
    optimizer = optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-3)
    loader = data.DataLoader(data.TensorDataset(rows[train][..., None], following[train]), 32, shuffle=True)
    for epoch in range(epochs):
        optimizer.lr = 5e-3 * min(1, 2 - 2 * epoch / epochs)
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
weights = np.linalg.lstsq(np.column_stack([rows, np.ones(len(rows))])[train], following[train], rcond=None)[0]
methods = {
    "as the last year": lambda w: w[:, -1],
    "as 11 years before": lambda w: w[:, -11],
    "line, least squares": lambda w: (w @ weights[:-1] + weights[-1])[:, 0],
    f"LSTM, mean of {networks}": lambda w: np.mean([m(tl.Tensor(w[..., None])).data[:, 0] for m in models], 0),
}
starts = np.flatnonzero(~train)[: 1 - AHEAD]  # windows that are followed by AHEAD known years held out
truth = numbers[WINDOW + starts[:, None] + np.arange(AHEAD)]
forecasts, errors, shown = {}, {}, (1, 2, 5, 11, 22)
print(f"{'error, years ahead:':24}", *(f"{ahead:6d}" for ahead in shown))
for name, next_value in methods.items():
    window = rows[starts]
    for _ in range(AHEAD):  # each value is made from those before
        window = np.column_stack([window, next_value(window[:, -WINDOW:]).astype(np.float32)])
    forecasts[name] = centre + 100 * window[:, -AHEAD:]
    errors[name] = np.sqrt(np.mean((forecasts[name] - truth) ** 2, 0))
    print(f"{name:24}", *(f"{errors[name][ahead - 1]:6.1f}" for ahead in shown))

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
    raise SystemExit from None
figure, colours = Figure(figsize=(12, 7.5), layout="constrained"), ("tab:olive", "tab:green", "tab:blue", "tab:red")
top, bottom = figure.subplots(2, 1, height_ratios=(3, 2))
top.plot(years, numbers, color="black", lw=1.2, label="observed")
for k, (name, colour) in enumerate(zip(methods, colours)):
    bottom.plot(range(1, AHEAD + 1), errors[name], "o-", color=colour, label=name, ms=4)
    for first in range(0, len(starts), AHEAD) if k > 1 else ():
        at = 1 + LAST + first + np.arange(AHEAD)
        top.plot(at, forecasts[name][first], ".-", color=colour, lw=1.3, label=None if first else name)
        top.axvline(at[0] - 0.5, color="grey", ls=":", lw=1)
top.axvspan(1895, LAST + 0.5, color="grey", alpha=0.12, label="trained on, from 1700")
top.set(xlim=(1895, 2010), ylim=(0, 215), ylabel="sunspots", title=f"forecasts of {AHEAD} years, from each dotted line on")
bottom.set(xlabel="years ahead", ylabel="error", ylim=(0, 125), title=f"root of the mean squared error of {len(starts)} forecasts")
top.legend(loc="upper left")
bottom.legend(ncols=4, loc="upper right")
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "forecasts.png", dpi=110)
print("the picture:", options.out / "forecasts.png")

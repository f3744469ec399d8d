"""A 1-D convolutional network predicts the next year's sunspots from the last twelve, beside two plain predictions.

Trained on 1700 to 1920, judged on 1921 to 1955 and 1956 to 1979, as Weigend et al. (1990) did, and on what came later, by the mean
squared error over the variance of the series (1: as good as its mean).
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lite as tl
from tinygrad_lite import data, nn, optim, zoo

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer steps")
arguments.add_argument("--out", type=Path, default=Path("runs/18_sunspots"), help="folder for the picture")
options = arguments.parse_args()

WINDOW, SCALE = 12, 100.0
years, numbers = data.load_sunspots()
inputs, following = data.windows(numbers / np.float32(SCALE), WINDOW)
target_years = years[WINDOW:]
train = target_years <= 1920
variance = np.var(numbers[years <= 1979] / SCALE)

predictions = []
for seed in range(1 if options.quick else 5):
    tl.manual_seed(seed)
    model = zoo.SeriesCNN(WINDOW, widths=(8, 8))
    optimizer = optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-3)
    loader = data.DataLoader(data.TensorDataset(inputs[train], following[train]), 32, shuffle=True)
    for _ in range(10 if options.quick else 60):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
    with tl.no_grad():
        predictions.append(model(tl.tensor(inputs)).data)

columns = np.column_stack([inputs[:, 0], np.ones(len(inputs))])
weights = np.linalg.lstsq(columns[train], following[train], rcond=None)[0]
methods = {
    "as last year": inputs[:, 0, -1:],
    "linear, least squares": columns @ weights,
    f"1-D CNN, mean of {len(predictions)}": np.mean(predictions, 0),
}
spans = {"1712-1920 (trained on)": train, "1921-1955": (target_years > 1920) & (target_years <= 1955),
         "1956-1979": (target_years > 1955) & (target_years <= 1979), "1980-2008": target_years > 1979}  # fmt: skip
print(f"{'squared error / variance':26}", *(f"{span:>22}" for span in spans))
for name, values in methods.items():
    errors = [np.mean((values - following)[span] ** 2) / variance for span in spans.values()]
    print(f"{name:26}", *(f"{error:22.3f}" for error in errors))

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
    raise SystemExit from None
figure = Figure(figsize=(12, 5), layout="constrained")
axes = figure.subplots()
axes.plot(years, numbers, color="black", linewidth=1.2, label="observed")
for (name, values), colour in zip(list(methods.items())[1:], ("C0", "C3")):
    axes.plot(
        target_years[~train], SCALE * values[~train, 0], color=colour, linewidth=1.4, label=f"predicted a year before: {name}"
    )
axes.axvspan(1700, 1920, color="grey", alpha=0.12, label="trained on, from 1712")
axes.set(xlabel="year", ylabel="sunspot number", xlim=(1850, 2009), ylim=(-10, 240))
axes.set_title("Sunspots of the next year, predicted from the twelve years before")
axes.legend(loc="upper left", ncols=2)
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "sunspots.png", dpi=110)
print("the picture:", options.out / "sunspots.png")

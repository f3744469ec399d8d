"""An LSTM reads nine years of sunspots and says the next; told its own answers it forecasts a whole cycle of eleven years.

Lines and networks learn up to a year and forecast the decades behind it. All that is to be chosen about them, also whether they
read the numbers or their roots, is chosen by forecasts of 1801 to 1920; the table and the picture are about 1921 to 2008.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

import tinygrad_lite as tl
from tinygrad_lite import data, nn, optim
from tinygrad_lite.zoo import sequences

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="one network of each kind, few epochs")
arguments.add_argument("--out", type=Path, default=Path("runs/38_forecasting_sunspots"), help="folder for the picture")
options = arguments.parse_args()
AHEAD, networks, shown = 11, 1 if options.quick else 5, (1, 2, 3, 5, 8, 11)
CHOOSING, JUDGING = [[year - 1699 for year in ends] for ends in ((1800, 1840, 1880, 1920), (1920, 1960, 2008))]
FORMS = {"numbers": (lambda v: v / 100, lambda v: 100 * v), "roots": (lambda v: np.sqrt(v) / 10, lambda v: 100 * v.clip(0) ** 2)}
years, numbers = data.load_sunspots()


def lstm(rows, following, epochs):
    """The mean of several networks."""
    x, models, epochs = np.ascontiguousarray(rows.T[..., None]), [], 5 if options.quick else epochs
    for seed in range(networks):
        tl.manual_seed(seed)
        models.append(model := sequences.ManyToOne(nn.LSTM(1, 16), 1))
        optimizer, rng = optim.Adam(model.parameters(), lr=5e-3, weight_decay=3e-4), np.random.default_rng(seed)
        for epoch in range(epochs):
            optimizer.lr = 5e-3 * min(1, 2 - 2 * epoch / epochs)
            for some in np.array_split(rng.permutation(len(rows)), -(-len(rows) // 32)):
                optimizer.zero_grad()
                nn.functional.mse_loss(model(tl.Tensor(x[:, some])), tl.Tensor(following[some])).backward()
                optimizer.step()
        bar.update()
    return lambda w: np.mean([m(tl.Tensor(w.T[..., None].astype(np.float32))).data[:, 0] for m in models], 0)


judged = lambda ends, fit, form, window: data.backtest(numbers, fit, window, ends, AHEAD, *FORMS[form])
lines = [(data.autoregression, form, n) for form in FORMS for n in (2, 3, 6, 9, 12, 18)]
nets = [(lambda *x, k=k: lstm(*x, k), form, n) for form in FORMS for n in (9, 12) for k in (60, 120)]
naive = {"as the last year": 1, "as 11 years before": 11}
methods = {name: judged(JUDGING, lambda *_, k=k: lambda w: w[:, -k], "numbers", 12) for name, k in naive.items()}
with tqdm(total=networks * (3 * len(nets) + 2), unit="network", dynamic_ncols=True) as bar:
    for name, candidates in {"line": lines, f"LSTM, mean of {networks}": nets}.items():
        found = [judged(CHOOSING, *candidate)[1][0] for candidate in candidates]
        _, form, window = best = candidates[int(np.argmin(found))]
        bar.write(f"{name}: reads {window} {form}; from 1801 to 1920 its error a year ahead was {min(found):.1f}")
        methods[name] = judged(JUDGING, *best)
methods["best line, seen afterwards"] = None, np.min([judged(JUDGING, *each)[1] for each in lines], 0)
print(f"{'error, years ahead:':26}", *(f"{ahead:6d}" for ahead in shown))
for name, (_, errors) in methods.items():
    print(f"{name:26}", *(f"{errors[ahead - 1]:6.1f}" for ahead in shown))

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
    raise SystemExit from None
top, bottom = (figure := Figure(figsize=(12, 7.5), layout="constrained")).subplots(2, 1, height_ratios=(3, 2))
top.plot(years, numbers, color="black", lw=1.2, label="observed")
for k, (name, (made, errors)) in enumerate(methods.items()):
    colour = ("tab:olive", "tab:green", "tab:blue", "tab:red", "tab:cyan")[k]
    bottom.plot(range(1, AHEAD + 1), errors, "o-" if k < 4 else ":", color=colour, label=name, ms=4)
    for first in range(0, 88, AHEAD) if k in (2, 3) else ():
        top.plot(1921 + first + np.arange(AHEAD), made[first], ".-", color=colour, lw=1.3, label=None if first else name)
        top.axvline(1920.5 + first, color="grey", ls=":", lw=1)
top.set(xlim=(1895, 2010), ylim=(0, 215), ylabel="sunspots", title=f"forecasts of {AHEAD} years, from each dotted line on")
bottom.set(xlabel="years ahead", ylabel="error", ylim=(0, 110), title="root of the mean squared error, 1921 to 2008")
top.legend(loc="upper left")
bottom.legend(ncols=5, loc="upper center", fontsize="small")
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "forecasts.png", dpi=110)
print("the picture:", options.out / "forecasts.png")

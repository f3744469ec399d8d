"""Trained on short sequences, used on long ones, and the other way round.

A lamp is switched on, off or over: is it on? That is learned from short sequences as from long ones, and holds for all. To add the
two marked numbers of a sequence holds for a few times the length. Whether the number of ones among bits is odd (parity) is learned
from short sequences only, and then holds for long ones. Sequences of different lengths stand in one batch, the layers take their
``lengths``. The picture is the error by the length of new sequences; the lengths that were learned from are shaded.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm.auto import trange

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.data.sequences import adding_problem, lamp, parity
from tinygrad_lite.zoo import sequences

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer steps, shorter sequences")
arguments.add_argument("--out", type=Path, default=Path("runs/45_variable_length"), help="folder for the picture")
options = arguments.parse_args()
steps, judged = (50, (2, 5, 10, 20, 40)) if options.quick else (1500, (2, 3, 5, 8, 10, 15, 20, 30, 40, 60, 80, 100, 150, 200, 300))


def errors(task, shortest, longest):
    """{length: error on new sequences} of a network trained on lengths from ``shortest`` to ``longest``."""
    tl.manual_seed(0)
    draw, inputs, outputs, loss, judge, _ = tasks[task]
    model = sequences.ManyToOne(sequences.recurrent("GRU", inputs, 32, memory=1.0), outputs)
    optimizer, rng = optim.Adam(model.parameters(), lr=5e-3), np.random.default_rng(0)
    title = f"{task}, learned from {shortest} to {longest} steps"
    for step in (bar := trange(steps, desc=title, unit="step", dynamic_ncols=True)):
        lengths = rng.integers(shortest, longest + 1, 64)
        x, right = draw(lengths, rng)
        optimizer.lr = 5e-3 * min(1, 2 - 2 * step / steps)
        optimizer.zero_grad()
        value = loss(model(tl.Tensor(x), lengths), tl.Tensor(right))
        value.backward()
        optimizer.step()
        bar.set_postfix(loss=f"{value.item():.4f}", refresh=False)
    with tl.no_grad():
        found = {n: judge(model(tl.Tensor(x)).data, right) for n in judged for x, right in [draw(np.full(1000, n), rng)]}
    print(f"{title}:", ", ".join(f"{n}: {error:.4f}" for n, error in found.items() if n in (2, 5, 20, 40, 100, 300)))
    return found


classes = nn.functional.cross_entropy, lambda said, right: np.mean(said.argmax(1) != right), "share of wrong answers"
tasks = {  # draw, features in and out, loss, error as it is judged and how it is called
    "lamp": (lamp, 3, 2, *classes),
    "adding": (lambda lengths, rng: adding_problem(len(lengths), lengths, rng), 2, 1, nn.functional.mse_loss,
               lambda said, right: np.mean((said - right) ** 2), "mean squared error of the sum"),
    "parity": (parity, 1, 2, *classes),
}  # fmt: skip
ranges = {"lamp": ((1, 10), (40, 60)), "adding": ((2, 20), (40, 60)), "parity": ((1, 10), (30, 40))}
curves = {(task, *ends): errors(task, *ends) for task in tasks for ends in ranges[task]}

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
    raise SystemExit from None
figure = Figure(figsize=(15, 4.6), layout="constrained")
for axes, task, guess in zip(figure.subplots(1, 3), tasks, (0.5, 1 / 6, 0.5)):
    for form, colour, ends in zip(("o-", "s--"), ("tab:blue", "tab:orange"), ranges[task]):
        axes.axvspan(*ends, color=colour, alpha=0.15, lw=0)
        found = curves[task, *ends]
        axes.plot(found.keys(), found.values(), form, color=colour, label=f"learned from {ends[0]} to {ends[1]} steps")
    axes.axhline(guess, color="black", ls=":", label="guessing")
    axes.set(xscale="log", xlabel="length of a new sequence", ylabel=tasks[task][-1], title=task)
    axes.set_xticks(judged[::2], judged[::2], minor=False)
    axes.minorticks_off()
    axes.set(**dict(yscale="log", ylim=(1e-4, 1)) if task == "adding" else dict(ylim=(-0.02, 0.6)))
    axes.legend(loc="upper left" if task == "adding" else "center right")
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "lengths.png", dpi=120)
print("the picture:", options.out / "lengths.png")

"""Trained on short sequences, used on long ones, and the other way round.

Two tasks: to add the two numbers of a sequence that are marked, and to say whether the number of ones among bits is odd (parity).
Sequences of different lengths stand in one batch; the layers take their ``lengths``. The picture is the error of each network by
the length of new sequences; the lengths that it was trained on are shaded.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm.auto import trange

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.data.sequences import adding_problem, parity
from tinygrad_lite.zoo import sequences

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer steps, shorter sequences")
arguments.add_argument("--out", type=Path, default=Path("runs/45_variable_length"), help="folder for the picture")
options = arguments.parse_args()
steps = 50 if options.quick else 1500
judged = (2, 3, 5, 8, 10, 15, 20, 30, 40) + (() if options.quick else (60, 80, 100, 150, 200, 300))


def errors(task, shortest, longest):
    """{length: error on new sequences} of a network trained on lengths from ``shortest`` to ``longest``."""
    tl.manual_seed(0)
    draw, inputs, outputs, loss, judge, _ = tasks[task]
    model = sequences.ManyToOne(sequences.recurrent("GRU", inputs, 32, memory=1.0), outputs)
    optimizer, rng = optim.Adam(model.parameters(), lr=5e-3), np.random.default_rng(0)
    title = f"{task}, trained on {shortest} to {longest} steps"
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
        drawn = {n: draw(np.full(1000, n), rng) for n in judged}
        found = {n: judge(model(tl.Tensor(x)).data, right) for n, (x, right) in drawn.items()}
    print(f"{title}:", ", ".join(f"{n}: {error:.4f}" for n, error in found.items() if n in (2, 5, 20, 40, 100, 300)))
    return found


tasks = {  # draw, features in and out, loss, error as it is judged and how it is called
    "adding": (lambda lengths, rng: adding_problem(len(lengths), lengths, rng), 2, 1, nn.functional.mse_loss,
               lambda said, right: np.mean((said - right) ** 2), "mean squared error of the sum"),
    "parity": (parity, 1, 2, nn.functional.cross_entropy,
               lambda said, right: np.mean(said.argmax(1) != right), "share of wrong answers"),
}  # fmt: skip
ranges = {"adding": ((2, 20), (40, 60)), "parity": ((1, 10), (30, 40))}
curves = {(task, *ends): errors(task, *ends) for task in tasks for ends in ranges[task]}

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
    raise SystemExit from None
figure = Figure(figsize=(12, 4.6), layout="constrained")
for axes, task, guess in zip(figure.subplots(1, 2), tasks, (1 / 6, 0.5)):
    for colour, ends in zip(("tab:blue", "tab:orange"), ranges[task]):
        axes.axvspan(*ends, color=colour, alpha=0.15, lw=0)
        found = curves[task, *ends]
        axes.plot(found.keys(), found.values(), "o-", color=colour, label=f"trained on {ends[0]} to {ends[1]} steps")
    axes.axhline(guess, color="black", ls=":", label="guessing")
    axes.set(xscale="log", xlabel="length of a new sequence", ylabel=tasks[task][-1], title=task)
    axes.set_xticks(judged[::2], judged[::2], minor=False)
    axes.minorticks_off()
    if task == "adding":
        axes.set_yscale("log")
    axes.legend(loc="lower right" if task == "adding" else "center right")
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "lengths.png", dpi=120)
print("the picture:", options.out / "lengths.png")

"""Long memory: add two marked numbers of a hundred, repeat ten symbols after fifty steps (Hochreiter and Schmidhuber, 1997)."""

import argparse
import math
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.data.sequences import adding_problem, copy_memory
from tinygrad_lite.zoo import sequences

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="shorter sequences, fewer steps")
arguments.add_argument("--out", type=Path, default=Path("runs/33_adding_and_copying"), help="folder for the picture")
options = arguments.parse_args()
length, delay = (20, 5) if options.quick else (100, 50)
one_hot = np.eye(10, dtype=np.float32)


def adding():
    """A batch of the adding problem."""
    x, target = adding_problem(50, length)
    return tl.Tensor(x), tl.Tensor(target)


def copying():
    """A batch of the copy task: symbols as vectors, and the numbers of those to say."""
    given, target = copy_memory(16, delay)
    return tl.Tensor(one_hot[given]), tl.Tensor(target.reshape(-1))


def said(outputs, target):
    """Cross-entropy over all steps."""
    return nn.functional.cross_entropy(outputs.reshape(-1, 9), target)


def train(model, batch, loss, steps, name, lr):
    """The losses of ``steps`` of Adam."""
    optimizer, losses = optim.Adam(model.parameters(), lr=lr), []
    for _ in tqdm(range(100 if options.quick else steps), desc=name, unit="step", dynamic_ncols=True):
        x, target = batch()
        optimizer.zero_grad()
        value = loss(model(x), target)
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(value.item())
    print(f"{name}: {np.mean(losses[-20:]):.5f}")
    return losses


curves = {"adding": {}, "copying": {}}
for kind in ("RNN", "LSTM", "GRU"):
    tl.manual_seed(0)
    adder = sequences.ManyToOne(sequences.recurrent(kind, 2, 64, memory=1.0), 1)
    curves["adding"][kind] = train(adder, adding, nn.functional.mse_loss, 1500, f"adding, {kind}", 5e-3)
    copier = sequences.ManyToMany(sequences.recurrent(kind, 10, 64, memory=2.0), 9)
    curves["copying"][kind] = train(copier, copying, said, 2000, f"copying, {kind}", 1e-2)
guesses = {"adding": 1 / 6, "copying": 10 * math.log(8) / (delay + 20)}
print(*(f"{task} without memory: {guess:.4f}" for task, guess in guesses.items()), sep="\n")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
else:
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, (task, each), what in zip(figure.subplots(1, 2), curves.items(), ("mean squared error", "nats for each step")):
        for kind, curve in each.items():
            axes.semilogy(np.convolve(curve, np.ones(10) / 10, "valid"), label=kind)
        axes.axhline(guesses[task], color="black", ls=":", label="without memory")
        axes.set(xlabel="step", ylabel=what, title=f"{task} over {length if task == 'adding' else delay} steps")
        axes.legend()
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "curves.png", dpi=120)
    print("the picture:", options.out / "curves.png")

"""Recursive networks evaluate logical expressions, with the same weights at every node of a tree (Socher et al., 2011).

They learn from shallow expressions and are asked about deeper ones. The picture is the share that they get right, by depth.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm.auto import trange

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.data.logic import SYMBOLS, random_expression, text_of, value_of
from tinygrad_lite.zoo.trees import RecursiveNetwork, Tree, TreeLSTM

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer steps")
arguments.add_argument("--out", type=Path, default=Path("runs/35_logic_on_trees"), help="folder for the picture")
options = arguments.parse_args()
rng = np.random.default_rng(0)


def pairs(expression):
    """(op (a b)) and (not a), with operators and values at the leaves."""
    if isinstance(expression, bool):
        return Tree(int(expression))
    name, *parts = expression
    inner = [pairs(part) for part in parts]
    return Tree(None, (Tree(SYMBOLS.index(name)), inner[0] if len(inner) == 1 else Tree(None, tuple(inner))))


def labelled(expression):
    """Operators at the nodes, values at the leaves."""
    if isinstance(expression, bool):
        return Tree(int(expression))
    return Tree(SYMBOLS.index(expression[0]), tuple(labelled(part) for part in expression[1:]))


right = {}
for name, kind, form in (("recursive network", RecursiveNetwork, pairs), ("Tree-LSTM", TreeLSTM, labelled)):
    tl.manual_seed(0)
    model = nn.ModuleList([kind(6, 24), nn.Linear(24, 2)])
    optimizer, loss = optim.Adam(model.parameters(), lr=5e-3), nn.CrossEntropyLoss()
    answer = lambda expressions, model=model, form=form: model[1](model[0]([form(e) for e in expressions]))
    for _ in (bar := trange(40 if options.quick else 1500, desc=name, unit="step", dynamic_ncols=True)):
        drawn = [random_expression(int(rng.integers(1, 5)), rng) for _ in range(64)]
        optimizer.zero_grad()
        value = loss(answer(drawn), tl.Tensor(np.array([int(value_of(e)) for e in drawn])))
        value.backward()
        optimizer.step()
        bar.set_postfix(loss=f"{value.item():.3f}", refresh=False)
    for depth in range(1, 9):
        drawn = [random_expression(depth, rng) for _ in range(100 if options.quick else 500)]
        with tl.no_grad():
            said = answer(drawn).data.argmax(1)
        right[name, depth] = np.mean(said == [value_of(e) for e in drawn])
        print(f"{name}, depth {depth}{' (learned)' if depth < 5 else ''}: {100 * right[name, depth]:.1f} % right")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
else:
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name in dict.fromkeys(name for name, _ in right):
        axes.plot(range(1, 9), [100 * right[name, depth] for depth in range(1, 9)], "o-", label=name)
    axes.axvspan(0.7, 4.5, color="0.9", label="depths learned from")
    axes.set(xlabel="depth of the expression", ylabel="right, %", title=f"{text_of(random_expression(2, rng))} = ?", ylim=(45, 101))
    axes.legend()
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "right.png", dpi=120)
    print("the picture:", options.out / "right.png")

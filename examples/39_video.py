"""What moves where? Films go frame by frame through a small CNN, then through an LSTM.

First one answer to a film: the shape and where it moves. Then the direction in each frame of films in which it turns. It is seen
only from two frames: an LSTM that reads forwards must guess in the first, one that reads in both directions need not.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm.auto import trange

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.data.shapes import DIRECTIONS, SHAPES, moving_shapes
from tinygrad_lite.zoo import VideoCNN, sequences

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer steps")
arguments.add_argument("--out", type=Path, default=Path("runs/39_video"), help="folder for the picture")
options = arguments.parse_args()
steps, held_out = (30, 50) if options.quick else (800, 1000)


def trained(form, outputs, labelling, title, **both_ways):
    """(films held out, their labels, what a network of the CNN and ``form`` says of them)."""
    tl.manual_seed(0)
    first = nn.Conv2d(1, 8, 5, padding=2), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)
    second = nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)  # 16 maps of 4 x 4
    model = VideoCNN(nn.Sequential(*first, *second, nn.Flatten()), form(nn.LSTM(256, 64, **both_ways), outputs))
    optimizer, rng = optim.Adam(model.parameters(), lr=5e-3), np.random.default_rng(0)

    def draw(n, turns):
        x, shapes, directions = moving_shapes(n, turns=turns, rng=rng)
        return x, directions if labelling else 4 * shapes + directions[0]

    for step in trange(steps, desc=title, unit="step", dynamic_ncols=True):
        x, label = draw(32, labelling and step > steps // 3)  # first without turns: that is easier to learn
        optimizer.lr = 5e-3 * min(1, 2 - 2 * step / steps)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(tl.Tensor(x)).reshape(-1, outputs), tl.Tensor(label.reshape(-1))).backward()
        optimizer.step()
    x, label = draw(held_out, labelling)
    with tl.no_grad():
        said = model.eval()(tl.Tensor(x)).data.argmax(-1)
    print(f"{title}: {100 * np.mean(said == label):.1f} % of {label.size} answers are right")
    return x, label, said


one = trained(sequences.ManyToOne, 16, False, "shape and direction of a film")
forwards = trained(sequences.ManyToMany, 4, True, "direction in each frame, read forwards")
print(f"more than {100 * (7 + 1 / 4) / 8:.1f} % is not possible with a guess in the first of eight frames")
both = trained(sequences.ManyToMany, 4, True, "direction in each frame, read both ways", bidirectional=True)

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
    raise SystemExit from None
arrows, figure = "←→↑↓", Figure(figsize=(11, 5.9), layout="constrained")
top, bottom = figure.subfigures(2, 1, height_ratios=(2, 1.1))
turning = np.argmax((np.diff(both[1], axis=0) != 0).sum(0))  # the film with the most turns
for row, film, (x, label, said) in zip(top.subplots(2, 8), (0, turning), (one, both)):
    says = f"the film:\n{SHAPES[said[0] // 4]},\n{DIRECTIONS[said[0] % 4]}" if said.ndim == 1 else "each\nframe:\narrows"
    row[0].set_ylabel(f"said of\n{says}", rotation=0, ha="right", va="center", fontsize=13)
    for t, axes in enumerate(row):
        axes.imshow(x[t, film, 0], cmap="Greys", vmin=0, vmax=1.2)
        axes.set(xticks=[], yticks=[])
        if said.ndim == 2:
            axes.set_title(arrows[said[t, film]], fontsize=20, color="green" if said[t, film] == label[t, film] else "red")
axes = bottom.subplots()
for shift, (name, (_, label, said)) in zip((-0.2, 0.2), {"read forwards": forwards, "read both ways": both}.items()):
    axes.bar(np.arange(1, 9) + shift, 100 * np.mean(said == label, 1), 0.4, label=name)
axes.axhline(25, color="black", ls=":", label="guessing")
axes.set(xlabel="frame", ylabel="right, %", xticks=range(1, 9), title="the direction in a frame is seen from two frames")
axes.legend(loc="lower right", ncols=3, framealpha=1)
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "films.png", dpi=110)
print("the picture:", options.out / "films.png")

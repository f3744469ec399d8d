"""Remember one sign through noise: plain networks fail where gated ones learn (Bengio et al., 1994).

Gradient descent trains networks of 16 units, each in 500 steps, to say which sign the first of some inputs had. The picture shows
how many of several runs learn it, by the length of the sequence: from 10 steps to 20 the plain network fails more and more.
"""

import argparse
from pathlib import Path

from tqdm.auto import tqdm

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.data.sequences import latching
from tinygrad_lite.zoo import sequences

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="one run at one length")
arguments.add_argument("--out", type=Path, default=Path("runs/32_learning_to_latch"), help="folder for the picture")
options = arguments.parse_args()
lengths, runs, kinds = ((20,), 1, ("RNN", "GRU")) if options.quick else ((5, 8, 10, 12, 15, 20, 30), 5, ("RNN", "LSTM", "GRU"))
loss, learned = nn.CrossEntropyLoss(), {}

with tqdm(total=len(kinds) * len(lengths) * runs, unit="run", dynamic_ncols=True) as bar:
    for kind in kinds:
        for steps in lengths:
            learned[kind, steps] = 0
            for seed in range(runs):
                tl.manual_seed(seed)
                model = sequences.ManyToOne(sequences.recurrent(kind, 1, 16, memory=4.0 if kind == "LSTM" else 2.0), 2)
                optimizer = optim.SGD(model.parameters(), lr=0.3)
                for _ in range(200 if options.quick else 500):
                    x, label = latching(32, steps)
                    optimizer.zero_grad()
                    loss(model(tl.Tensor(x)), tl.Tensor(label)).backward()
                    optimizer.step()
                x, label = latching(1000, steps)
                with tl.no_grad():
                    learned[kind, steps] += (model(tl.Tensor(x)).data.argmax(1) == label).mean() > 0.95
                bar.update()
            bar.write(f"{kind:4s} over {steps:2d} steps: {learned[kind, steps]} of {runs} runs learned it")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
else:
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for kind, form in zip(kinds, ("o-", "s--", "^:")):
        axes.plot(lengths, [100 * learned[kind, steps] / runs for steps in lengths], form, label=kind)
    axes.set(xlabel="steps to remember the sign", ylabel="runs that learned it, %", title="gradient descent on a long memory")
    axes.legend()
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "learned.png", dpi=120)
    print("the picture:", options.out / "learned.png")

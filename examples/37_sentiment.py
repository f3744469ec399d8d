"""Does a sentence praise or blame? A recurrent network reads word by word; negations turn what it has read round.

It learns from short sentences and is asked about longer and deeper ones. The picture is what it thinks after each word.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm.auto import trange

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.data import sentiment
from tinygrad_lite.data.text import Vocabulary
from tinygrad_lite.zoo import sequences
from tinygrad_lite.zoo.translation import padded

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer steps")
arguments.add_argument("--out", type=Path, default=Path("runs/37_sentiment"), help="folder for the picture")
options = arguments.parse_args()
rng = np.random.default_rng(0)
tl.manual_seed(0)

words = Vocabulary(" ".join(sentiment.WORDS), str.split)
vectors, model = nn.Embedding(len(words), 32), sequences.ManyToOne(sequences.recurrent("GRU", 32, 32, memory=1.0), 2)
parameters = [*vectors.parameters(), *model.parameters()]


def batch(n, clauses, denials):
    """Words (steps, n), lengths, and whether each sentence praises."""
    drawn = [sentiment.random_sentence(int(rng.choice(clauses)), int(rng.choice(denials)), rng) for _ in range(n)]
    return *padded([words.encode(text) for text, _ in drawn]), np.array([int(praises) for _, praises in drawn])


optimizer, loss = optim.Adam(parameters, lr=3e-3), nn.CrossEntropyLoss()
for _ in (bar := trange(100 if options.quick else 1500, unit="step", dynamic_ncols=True)):
    codes, lengths, praises = batch(64, (1, 2, 3), (0, 1, 2))
    optimizer.zero_grad()
    value = loss(model(vectors(codes), lengths), tl.Tensor(praises))
    value.backward()
    optimizer.step()
    bar.set_postfix(loss=f"{value.item():.4f}", refresh=False)
tests = {"as learned from": ((1, 2, 3), (0, 1, 2)), "longer": ((4, 5, 6), (0, 1, 2)), "deeper": ((1, 2, 3), (3, 4))}
for name, kind in {**tests, "longer and deeper": ((4, 5, 6), (3, 4))}.items():
    codes, lengths, praises = batch(1000, *kind)
    with tl.no_grad():
        right = np.mean(model(vectors(codes), lengths).data.argmax(1) == praises)
    print(f"{name}: {100 * right:.1f} % right")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
else:
    figure = Figure(figsize=(10, 5), layout="constrained")
    for axes, shape in zip(figure.subplots(2, 1), ((1, 1), (2, 2))):
        text, praises = sentiment.random_sentence(*shape, rng)
        text = text.split()
        codes = words.encode(" ".join(text))[:, None]
        with tl.no_grad():
            h, _ = model.layer(vectors(codes))
            share = tl.softmax(model.readout(h), -1).data[:, 0, 1]
        axes.bar(range(len(text)), share - 0.5, bottom=0.5, color=np.where(share > 0.5, "tab:green", "tab:red"))
        axes.set_xticks(range(len(text)), text, rotation=40, ha="right")
        axes.set(ylim=(0, 1), ylabel="praise", title=f"after each word of a sentence that {'praises' if praises else 'blames'}")
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "words.png", dpi=120)
    print("the picture:", options.out / "words.png")

"""A recurrent network reads a text character by character (or word by word) and learns what comes next (Graves, 2013).

The text is the source of Python's own library, or a file: ``--text PATH``. Beside the network stand models that count, the best of
their kind. The picture is the learning curve; at the end the network writes. With ``--words`` spaces and signs are words, too.
"""

import argparse
import math
from pathlib import Path

from tqdm.auto import tqdm

import tinygrad_lite as tl
from tinygrad_lite import optim
from tinygrad_lite.data.text import UNKNOWN, Vocabulary, characters, standard_library, words
from tinygrad_lite.zoo import language

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--text", type=Path, help="a text file to learn from")
arguments.add_argument("--words", action="store_true", help="words in place of characters")
arguments.add_argument("--kind", choices=("LSTM", "GRU", "RNN"), default="LSTM")
arguments.add_argument("--epochs", type=int, help="2, of words 4")
arguments.add_argument("--temperature", type=float, default=0.7)
arguments.add_argument("--top-k", type=int, default=None)
arguments.add_argument("--quick", action="store_true", help="a short text, once")
arguments.add_argument("--out", type=Path, default=Path("runs/30_text_prediction"), help="folder for the picture")
options = arguments.parse_args()

tl.manual_seed(0)
text = options.text.read_text() if options.text else standard_library()
text = text[:20_000] if options.quick else text
vocabulary = Vocabulary(text, words, size=2_000) if options.words else Vocabulary(text, characters)
codes = vocabulary.encode(text)
train, held_out = codes[: len(codes) * 9 // 10], codes[len(codes) * 9 // 10 :]
print(f"{len(train):,} symbols to learn from, {len(held_out):,} held out, {len(vocabulary)} different ones")
counting = {n: language.KneserNey(n, len(vocabulary)).fit(train).evaluate(held_out) for n in (1, 2, 3, 5)}
for n, value in counting.items():
    print(f"counting {n} symbols: {value:.3f} nats for each symbol held out")

size, batch_size = (32, 10) if options.quick else (128, 50)
layers, dropout, epochs = (1, 0.2, 4) if options.words else (2, 0.0, 2)
epochs = options.epochs or (1 if options.quick else epochs)
model = language.LanguageModel(len(vocabulary), size, layers, options.kind, dropout)
optimizer = optim.Adam(model.parameters(), lr=5e-3)
print(f"the network has {sum(p.numel() for p in model.parameters()):,} weights")
curve, points, steps = [], [(0, math.log(len(vocabulary)))], math.ceil(((len(train) - 1) // batch_size) / 50)
with tqdm(total=epochs * steps, unit="step", dynamic_ncols=True) as bar:
    for epoch in range(1, epochs + 1):
        for value in language.train_epoch(model, optimizer, train, batch_size):
            curve.append(value)
            optimizer.lr = 5e-3 * min(1, 2 - 2 * len(curve) / (epochs * steps))
            bar.update()
            bar.set_postfix(nats=f"{value:.3f}", refresh=False)
        points.append((len(curve), language.evaluate(model, held_out, batch_size)))
        bar.write(f"after epoch {epoch}: {points[-1][1]:.3f} nats for each symbol held out")

prompt = vocabulary.encode(text[: 1 if options.quick else 40])
print("the network goes on with:", repr(vocabulary.decode(prompt)), "-" * 20)
unknown = [vocabulary.numbers[UNKNOWN]] if UNKNOWN in vocabulary.numbers else []
drawn = language.sample(model, prompt, 50 if options.quick else 400, options.temperature, options.top_k, never=unknown)
print(vocabulary.decode(drawn))

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
else:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(curve, lw=0.6, alpha=0.5, label="network, on what it reads")
    axes.plot(*zip(*points), "o-", color="black", label=f"network, held out: {points[-1][1]:.2f}")
    for n, value in counting.items():
        axes.axhline(value, ls=":", color=f"C{n}", label=f"counting {n} symbols: {value:.2f}")
    axes.set(xlabel="step", ylabel="nats a symbol", title=f"{options.kind}, {layers} x {size} units, learns what comes next")
    axes.legend(fontsize="small")
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "curve.png", dpi=120)
    print("the picture:", options.out / "curve.png")

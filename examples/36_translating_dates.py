"""Dates as people write them are translated to ISO 8601, with attention and without (Bahdanau et al., 2015).

Every fifth day is held out: the network does not see it while it learns. What it writes is found by beam search. The picture shows
where the network looks while it writes.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm.auto import trange

import tinygrad_lite as tl
from tinygrad_lite import optim
from tinygrad_lite.data.dates import DAYS, MONTHS, random_dates
from tinygrad_lite.data.text import Vocabulary
from tinygrad_lite.zoo.translation import END, START, EncoderDecoder, padded, translation_loss

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer steps")
arguments.add_argument("--out", type=Path, default=Path("runs/36_translating_dates"), help="folder for the picture")
options = arguments.parse_args()

rng, digits = np.random.default_rng(0), "0123456789-"
read, texts = Vocabulary("".join(MONTHS + DAYS) + "0123456789 ,./'thofnds"), ["saturday 22 march 2031", "the 1st of dec '07"]
held_out = random_dates(30 if options.quick else 500, True, rng)
for attention in (False, True):
    tl.manual_seed(0)
    model = EncoderDecoder(len(read), 3 + len(digits), attention=attention)
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    title = "with attention" if attention else "without attention"
    for _ in (bar := trange(30 if options.quick else 600, desc=title, unit="step", dynamic_ncols=True)):
        pairs = random_dates(64, rng=rng)
        source, lengths = padded([read.encode(text) for text, _ in pairs])
        target, _ = padded([[START, *(3 + digits.index(c) for c in iso), END] for _, iso in pairs])
        optimizer.zero_grad()
        value = translation_loss(model(source, lengths, target[:-1])[0], target[1:])
        value.backward()
        optimizer.step()
        bar.set_postfix(nats=f"{value.item():.4f}", refresh=False)
    wrong = []
    for text, iso in held_out:
        written = "".join(digits[s - 3] if s > 2 else "?" for s in model.write(read.encode(text), 12, width=3)[0])
        wrong += [(text, written)] if written != iso else []
    print(f"{title}: {100 - 100 * len(wrong) / len(held_out):.1f} % of {len(held_out)} dates held out are right")
    for text, written in wrong[:2]:
        print(f"  wrong: {text} -> {written}")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
else:
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    for axes, text in zip(figure.subplots(1, 2), texts):
        symbols, weights = model.write(read.encode(text), 12, width=3)
        axes.imshow(weights[: len(symbols)], cmap="Greys", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(len(text)), list(text))
        axes.set_yticks(range(len(symbols)), [digits[s - 3] if s > 2 else "?" for s in symbols])
        axes.set(xlabel="what is read", ylabel="what is written", title=text)
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "attention.png", dpi=120)
    print("the picture:", options.out / "attention.png")

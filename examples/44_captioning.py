"""Sentences about pictures: a convolutional encoder and a recurrent decoder (Vinyals et al., 2015), with beam search.

The pictures are drawn scenes of two shapes. A fifth of all combinations is never shown while it learns, and asked about at the end.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm.auto import trange

import tinygrad_lite as tl
from tinygrad_lite import optim
from tinygrad_lite.data.shapes import SCENE_WORDS, described_scenes
from tinygrad_lite.zoo.captioning import Captioner, bleu
from tinygrad_lite.zoo.translation import END, START, padded, translation_loss

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer steps")
arguments.add_argument("--out", type=Path, default=Path("runs/44_captioning"), help="folder for the picture")
options = arguments.parse_args()
rng, steps = np.random.default_rng(0), 30 if options.quick else 1200
tl.manual_seed(0)

model = Captioner(3 + len(SCENE_WORDS))
optimizer = optim.Adam(model.parameters(), lr=1e-3)
schedule = optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
for _ in (bar := trange(steps, unit="step", dynamic_ncols=True)):
    images, sentences = described_scenes(64, rng=rng)
    words, _ = padded([[START, *(3 + SCENE_WORDS.index(w) for w in s.split()), END] for s in sentences])
    optimizer.zero_grad()
    value = translation_loss(model(tl.Tensor(images), words[:-1]), words[1:])
    value.backward()
    optimizer.step()
    schedule.step()
    bar.set_postfix(nats=f"{value.item():.4f}", refresh=False)

model.eval()
for held_out in (False, True):
    images, sentences = described_scenes(20 if options.quick else 300, held_out, rng=rng)
    written = [[SCENE_WORDS[w - 3] if w > 2 else "?" for w in model.write(image, 12, width=3)] for image in images]
    references = [s.split() for s in sentences]
    right = np.mean([w == r for w, r in zip(written, references)])
    name = "held out" if held_out else "learned from"
    print(f"combinations {name}: {100 * right:.1f} % right, BLEU {bleu(written, references):.3f}")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
else:
    figure = Figure(figsize=(10, 5.5), layout="constrained")
    for axes, image, sentence in zip(figure.subplots(2, 4).flat, images, written):
        axes.imshow(np.clip(image.transpose(1, 2, 0), 0, 1))
        axes.set_title("\n".join(" ".join(part) for part in (sentence[:3], sentence[3:])), fontsize=9)
        axes.axis("off")
    figure.suptitle("what the network says of combinations that it has never seen")
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "captions.png", dpi=120)
    print("the picture:", options.out / "captions.png")

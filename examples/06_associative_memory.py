"""Associative memories: Willshaw's of sparse binary patterns (1969), and linear ones, which restore real digits."""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lite as tl
from tinygrad_lite import zoo

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="smaller memories")
arguments.add_argument("--out", type=Path, default=Path("runs/06_associative_memory"), help="folder for the pictures")
options = arguments.parse_args()
try:
    from matplotlib.figure import Figure
except ImportError:
    raise SystemExit("needs matplotlib and scikit-learn: pip install 'tinygrad_lite[examples]'")
rng = np.random.default_rng(0)


def sparse(n, k, ones):
    """n random patterns of k elements, ``ones`` of which are 1."""
    out = np.zeros((n, k), np.float32)
    np.put_along_axis(out, rng.random((n, k)).argpartition(ones - 1, 1)[:, :ones], 1, 1)
    return out


def errors(recalled, y):
    """The shares of ones that are missed and of zeros that come back as ones, in %."""
    return 100 * ((1 - recalled.data) * y).sum() / y.sum(), 100 * (recalled.data * (1 - y)).sum() / (1 - y).sum()


left, middle, right = (figure := Figure(figsize=(13, 4.2), layout="constrained")).subplots(1, 3)
x, y, thresholds = sparse(500, 300, 10), sparse(500, 300, 10), np.arange(9.5, 0, -1)
lost = x * (rng.random(x.shape) < 0.8)
curves = [errors(zoo.Willshaw(float(threshold)).fit(x, y).predict(lost), y) for threshold in thresholds]
print("threshold, % of ones missed, % of zeros invented:", *np.c_[thresholds, curves].round(2).tolist(), sep="\n")
left.plot(thresholds, curves, marker="o", label=["ones missed", "ones invented"])
left.set(xlabel="threshold (stored with l = 10 ones)", ylabel="% of ones, % of zeros", title="keys that lost every fifth one")

for k, ones, style in [(100, 20, "r--"), (400, 20, "r-"), (100, 5, "b--"), (400, 5, "b-")]:
    pairs = [(sparse(n, k, ones), sparse(n, k, ones)) for n in np.round(k * np.geomspace(0.05, 5, 15)).astype(int)]
    invented = [errors(zoo.Willshaw().fit(*pair).predict(pair[0]), pair[1])[1] for pair in pairs]
    middle.plot([len(keys) / k for keys, _ in pairs], invented, style, label=f"k = {k}, l = {ones}")
middle.set(xscale="log", xlabel="stored pairs n / inputs k", ylabel="% of zeros back as ones", title="the need for k >> n")

for k, ones in [(64, 6), (256, 8)] if options.quick else [(64, 6), (256, 8), (1024, 10)]:
    memory, told, step = zoo.Willshaw(), [(0, 0)], k * k // ones**2 // 8
    batches = [(sparse(step, k, ones), sparse(step, k, ones)) for _ in range(16)]
    for part, batch in enumerate(batches, 1):  # the first pairs stand for all
        filled = memory.partial_fit(*batch).weight_.data.mean()
        told.append((filled, memory.bits_per_synapse(*batches[0]) * part))
    right.plot(*np.transpose(told), marker=".", label=f"k = {k}, l = {ones}")
    print(f"k = {k}, l = {ones}: at most {max(b for _, b in told):.3f} bits per synapse; ln 2 = {np.log(2):.3f}")
right.axhline(np.log(2), color="black", linestyle=":", label="ln 2, the limit")
right.set(xlabel="share of weights that are 1", ylabel="bits per synapse", title="capacity", ylim=(0, 0.75))
for axes in left, middle, right:
    axes.legend()
figure.suptitle("Willshaw's memory: a lower threshold tolerates errors and invents ones; sparse patterns use it best")
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "willshaw.png", dpi=120)

(images, labels), _ = tl.data.load_digits()
digits = [min(images[labels == c], key=lambda x: ((x - images[labels == c].mean(0)) ** 2).sum()) for c in range(10)]
digits = np.where(np.array(digits) > 0.5, 1.0, -1.0)  # the most typical of each class
noise, half, rows = rng.normal(0, 0.8, digits.shape), np.arange(64) < 32, [("stored", digits)]
for name, spoiled in ("with noise", digits + noise), ("upper half", digits * half):
    restored = {rule: np.sign(zoo.LinearAssociator(rule).fit(digits).predict(spoiled).data) for rule in ("hebb", "least squares")}
    rows += [(name, spoiled), *((f"restored by\n{rule}", image) for rule, image in restored.items())]
    print(f"{name}, pixels restored:", {rule: f"{np.mean(image == digits):.1%}" for rule, image in restored.items()})
figure = Figure(figsize=(9, 7), layout="constrained")
for line, (name, some) in zip(figure.subplots(7, 10, subplot_kw={"xticks": [], "yticks": []}), rows):
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for axes, image in zip(line, some):
        axes.imshow(image.reshape(8, 8), cmap="gray_r", vmin=-abs(image).max(), vmax=abs(image).max())
figure.suptitle("A linear memory of ten real digits restores them: by least squares well, by Hebb as a mixture")
figure.savefig(options.out / "digits.png", dpi=120)
print("the pictures are in", options.out)

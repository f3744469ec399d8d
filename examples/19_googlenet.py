"""GoogLeNet (Szegedy et al., 2015): the shape after each part, its parameters and products; an Inception module as a graph."""

import argparse
from pathlib import Path

import tinygrad_lite as tl
from tinygrad_lite import nn, viz, zoo

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="without the graph of the whole network")
arguments.add_argument("--out", type=Path, default=Path("runs/19_googlenet"), help="folder for the pictures")
options = arguments.parse_args()

tl.manual_seed(0)
model = zoo.GoogLeNet(aux_logits=False).eval()
parts = ["conv1", "maxpool1", "norm1", "conv2", "conv3", "norm2", "maxpool2", "inception3a", "inception3b", "maxpool3"]
parts += ["inception4a", "inception4b", "inception4c", "inception4d", "inception4e", "maxpool4", "inception5a", "inception5b"]


def count(module, places):
    """(parameters, products): each weight of a convolution works once for each place of its output."""
    layers = [m for m in module.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    return sum(p.data.size for p in module.parameters()), sum(m.weight.data.size for m in layers) * places


x, rows = tl.randn(1, 3, 224, 224), []
with tl.no_grad():
    for name in parts:
        x = getattr(model, name)(x)
        rows.append((name, x.shape[1:], *count(getattr(model, name), x.shape[2] * x.shape[3])))
    x = model.fc(nn.functional.global_avg_pool(x))
    rows.append(("mean, fc", x.shape[1:], *count(model.fc, 1)))
print(f"{'part':12} {'shape':>16} {'parameters':>11} {'products':>14}")
for name, shape, parameters, products in rows:
    print(f"{name:12} {'x'.join(map(str, shape)):>16} {parameters:11,} {products:14,}")
total, products = (sum(row[k] for row in rows) for k in (2, 3))
print(f"{'together':12} {'':16} {total:11,} {products:14,}")
assert total == sum(p.data.size for p in model.parameters())

module = model.inception3a
c, (one, three_reduce, three, five_reduce, five, pool) = 192, (64, 96, 128, 16, 32, 32)
direct = c * (one + 9 * three + 25 * five) * 28 * 28
print(f"inception3a: {count(module, 28 * 28)[1]:,} products; without the 1x1 reductions {direct:,}")

options.out.mkdir(parents=True, exist_ok=True)
image = tl.randn(1, 192, 28, 28, requires_grad=True)  # so that the graph begins with it
print("the graph of the module:", viz.render(module(image), options.out / "inception.svg", params=module))
if not options.quick:
    print(
        "of the whole:",
        viz.render(model(tl.randn(1, 3, 224, 224, requires_grad=True)), options.out / "googlenet.svg", params=model),
    )

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the other picture: pip install 'tinygrad_lite[examples]'")
    raise SystemExit from None
figure = Figure(figsize=(13, 6), layout="constrained")
figure.suptitle(f"GoogLeNet: {total:,} parameters, {products / 1e9:.2f} G products for an image of 224x224", fontsize=14)
rows = [row for row in rows if row[2]]
labels = [f"{name}  {'x'.join(map(str, shape))}" for name, shape, *_ in rows]
left, right = figure.subplots(1, 2, sharey=True)
for axes, values, title, colour in ((left, [r[2] / 1e3 for r in rows], "thousands of parameters", "C0"),
                                    (right, [r[3] / 1e6 for r in rows], "millions of products", "C1")):  # fmt: skip
    bars = axes.barh(labels, values, color=colour)
    axes.bar_label(bars, [f"{v:,.0f}" for v in values], padding=3)
    axes.set(title=title, xlim=(0, 1.15 * max(values)))
left.invert_yaxis()
figure.savefig(options.out / "costs.png", dpi=110)
print("the picture of costs:", options.out / "costs.png")

"""What one unit sees: its receptive field grows with depth, faster with stride and pooling.

Computed: a layer of kernel k adds (k - 1) times the product of all strides before it. Measured: the pixels to which the gradient
of one unit is not 0. Most of that gradient lies in the middle (Luo et al., 2016).
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lite as tl
from tinygrad_lite import nn

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer random networks to average over")
arguments.add_argument("--out", type=Path, default=Path("runs/14_receptive_field"), help="folder for the picture")
options = arguments.parse_args()

SIDE, CHANNELS, DEPTH = 33, 4, 5
STACKS = {  # (kernel, stride) of each layer
    "3x3": [(3, 1)] * DEPTH,
    "5x5": [(5, 1)] * DEPTH,
    "3x3, every second with stride 2": [(3, 1 + i % 2) for i in range(DEPTH)],
}


def computed(stack):
    """The side of the receptive field after each layer."""
    field, jump, sides = 1, 1, []
    for kernel, stride in stack:
        field, jump = field + (kernel - 1) * jump, jump * stride
        sides.append(field)
    return sides


def gradient(stack):
    """|gradient| of the middle unit of the last layer, averaged over random networks."""
    total = np.zeros((SIDE, SIDE))
    for _ in range(3 if options.quick else 30):
        channels = 1
        x = tl.zeros(1, 1, SIDE, SIDE, requires_grad=True)
        out = x
        for kernel, stride in stack:
            out = nn.Conv2d(channels, CHANNELS, kernel, stride, padding=kernel // 2, bias=False)(out)
            channels = CHANNELS
        middle = out.shape[-1] // 2
        out[0, 0, middle, middle].backward()
        total += abs(x.grad.data[0, 0])
    return total / total.max()


tl.manual_seed(0)
pictures = {}
for name, stack in STACKS.items():
    pictures[name] = [gradient(stack[: depth + 1]) for depth in range(DEPTH)]
    measured = [np.ptp(np.flatnonzero(g.any(0))) + 1 for g in pictures[name]]
    print(f"{name}: side computed {computed(stack)}, measured {[int(m) for m in measured]}")
    assert computed(stack) == measured

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
    raise SystemExit from None

figure = Figure(figsize=(13, 8.4), layout="constrained")
figure.suptitle(f"Gradient of one unit with respect to {SIDE}x{SIDE} pixels, after 1 to {DEPTH} layers of convolution", fontsize=14)
for row, (name, stack) in zip(figure.subplots(len(STACKS), DEPTH), STACKS.items()):
    row[0].set_ylabel(name.replace(", every second", ",\nevery second"), fontsize=12)
    for depth, (axes, picture) in enumerate(zip(row, pictures[name]), 1):
        axes.imshow(picture**0.5, cmap="inferno")
        field = computed(stack)[depth - 1]
        axes.set(title=f"{depth} layer{'s' * (depth > 1)}: {field}x{field}", xticks=[], yticks=[])
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "fields.png", dpi=110)
print("the picture (square roots, brighter is more):", options.out / "fields.png")

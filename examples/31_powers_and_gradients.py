"""Why long memories are hard: powers of a matrix vanish or explode, and with them the gradient through time (Hochreiter, 1991).

The picture shows how much of the gradient of the last output reaches the input some steps before, in several kinds of networks.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

import tinygrad_lite as tl
from tinygrad_lite import nn
from tinygrad_lite.zoo import sequences

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer steps")
arguments.add_argument("--out", type=Path, default=Path("runs/31_powers_and_gradients"), help="folder for the picture")
options = arguments.parse_args()
tl.manual_seed(0)
tl.set_default_dtype(tl.float64)  # what vanishes would be 0 in float32
steps, hidden, powers, curves = 30 if options.quick else 100, 64, {}, {}
for radius in (0.9, 1.0, 1.1):
    w = np.random.default_rng(0).standard_normal((hidden, hidden))
    w *= radius / np.abs(np.linalg.eigvals(w)).max()
    values, vectors = np.linalg.eig(w)
    expected = ((vectors * values**steps) @ np.linalg.inv(vectors)).real
    h, powers[radius] = tl.Tensor(np.eye(hidden)), []
    for _ in range(steps):
        h = h @ w
        powers[radius].append(np.linalg.norm(h.data, 2))
    same = np.allclose(h.data, expected, rtol=1e-9, atol=1e-9 * np.abs(h.data).max())
    print(f"largest eigenvalue {radius}: |W^{steps}| = {powers[radius][-1]:.3g}; the eigenvalues say the same: {same}")


def unrolled(cell, limit=None):
    """Run ``cell`` step by step, the gradient between the steps clipped to ``limit``."""

    def run(x, state=None):
        for now in x:
            output, state = cell.step(now, state)
            if limit:
                state.register_hook(sequences.clip_between_steps(limit))
        return output

    return run


wild = nn.RNNCell(8, hidden, nonlinearity="relu")  # its gradient grows
tl.assign(wild.weight_hh, 1.9 * np.linalg.qr(np.random.default_rng(0).standard_normal((hidden, hidden)))[0])
layers = {kind: sequences.recurrent(kind, 8, hidden, memory=2.0) for kind in ("RNN", "GRU", "LSTM")}
layers["leaky, 20 steps"] = nn.LeakyRNN(8, hidden, tau=20.0)
layers["clockwork, 1 to 128 steps"] = nn.ClockworkRNN(8, hidden, periods=[2**k for k in range(8)])
kinds = {name: lambda x, layer=layer: layer(x)[0][-1] for name, layer in layers.items()}
kinds["skips of 10 steps"] = unrolled(nn.SkipCell(8, hidden, (1, 10)))
kinds["large weights"], kinds["large weights, clipped"] = unrolled(wild), unrolled(wild, limit=1.0)
for name, run in (bar := tqdm(kinds.items(), unit="network", dynamic_ncols=True)):
    x = tl.randn(steps, 16, 8, requires_grad=True)
    run(x).sum().backward()
    curves[name] = np.linalg.norm(x.grad.data, axis=(1, 2))[::-1]
    bar.write(f"{name:26s} {steps - 1} steps back {curves[name][-1] / curves[name][0]:.1e} of the gradient is left")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
else:
    left, right = (figure := Figure(figsize=(12, 4.2), layout="constrained")).subplots(1, 2, sharex=True)
    for each, axes, label in ((powers, left, "largest eigenvalue {}"), (curves, right, "{}")):
        for name, curve in each.items():
            form = "--" if "clipped" in str(name) else "." if "clockwork" in str(name) else "-"
            axes.semilogy(curve, form, label=label.format(name))
    left.legend()
    right.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    left.set(xlabel="t", ylabel="norm", title="powers of a matrix, $W^t$")
    right.set(xlabel="steps back in time", ylim=(1e-14, 1e14), title="gradient of the last output towards earlier inputs")
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "gradients.png", dpi=120)
    print("the picture:", options.out / "gradients.png")

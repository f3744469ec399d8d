"""How much Hopfield's network holds: beyond 0.138 k random patterns it collapses (Amit, Gutfreund and Sompolinsky, 1985)."""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lite as tl
from tinygrad_lite import zoo

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="smaller networks")
arguments.add_argument("--out", type=Path, default=Path("runs/08_hopfield_capacity"), help="folder for the picture")
options = arguments.parse_args()

tl.manual_seed(0)
rng = np.random.default_rng(0)


def patterns(p, k, bias=0.0):
    """p patterns of k elements, which are 1 with probability (1 + bias) / 2."""
    return np.where(rng.random((p, k)) < (1 + bias) / 2, 1.0, -1.0)


def noisy(x, share):
    """Each element is turned with probability ``share``."""
    return x * patterns(*x.shape, bias=1 - 2 * share)


def overlap(load, k, rule="hebb"):
    """The mean overlap of patterns with the states that the network goes to from them."""
    found = []
    for x in [patterns(round(load * k), k) for _ in range(1 + 1000 // k)]:
        network = zoo.Hopfield(rule, self_connections="zero").fit(x)
        found.append(network.overlap(network.predict(x[:100]), x[:100]).mean().item())
    return np.mean(found)


def recalled(x, rule):
    """The share of patterns that are recalled without an error from 10 % noise."""
    return zoo.Hopfield(rule, self_connections="zero").fit(x).score(noisy(x, 0.1), x)


loads = np.array([0.02, 0.05, 0.08, 0.1, 0.12, 0.13, 0.14, 0.15, 0.16, 0.18, 0.2, 0.25, 0.3])
rows = [(100, "hebb", "C0:"), (500, "hebb", "C0--"), (1500, "hebb", "C0-"), (500, "pseudo-inverse", "C1-")]
rows = [row for row in rows if row[0] < 1000 or not options.quick]
curves = {f"{rule}, k = {k}": ([overlap(load, k, rule) for load in loads], style) for k, rule, style in rows}
for name, (curve, _) in curves.items():
    print(f"{name}:", ", ".join(f"{m:.3f} at {a:.2f}" for a, m in zip(loads, curve) if a in (0.1, 0.14, 0.18, 0.25)))
biases = np.linspace(0, 0.6, 9)
by_bias = {rule: [recalled(patterns(20, 500, bias), rule) for bias in biases] for rule in ("hebb", "pseudo-inverse")}
print(f"recalled of 20 patterns with mean 0 to {biases[-1]:.1f}:", by_bias)
x = patterns(30, 500)
found = zoo.Hopfield(self_connections="zero").fit(x).recall(noisy(x, 0.3))
rise = np.diff(found.energies.data, axis=0).max()
print(f"from 30 % noise: settled after {found.sweeps.data.max()} sweeps, largest rise of an energy in one: {rise:.3f}")

try:
    from matplotlib.figure import Figure
except ImportError:
    raise SystemExit("for the picture: pip install 'tinygrad_lite[examples]'")

left, middle, right = (figure := Figure(figsize=(13, 4.2), layout="constrained")).subplots(1, 3)
for name, (curve, style) in curves.items():
    left.plot(loads, curve, style, marker=".", label=name)
left.axvline(0.138, color="grey", linewidth=1)
left.set(xlabel="stored patterns p / units k", ylabel="overlap with the pattern started from", title="load")
left.set(ylim=(0, 1.05), xticks=[0, 0.07, 0.138, 0.2, 0.3])
for (name, curve), colour in zip(by_bias.items(), ("C0", "C1")):
    middle.plot(biases, curve, marker=".", color=colour, label=name)
middle.set(xlabel="mean of the elements", ylabel="share recalled exactly", title="20 correlated patterns, k = 500, 10 % noise")
right.plot(found.energies.data, color="C0", alpha=0.4)
right.set(xlabel="sweep over all units", ylabel="energy", title="30 probes with 30 % noise")
left.legend(loc="lower left")
middle.legend(loc="lower left")
figure.suptitle("Hopfield's network: the memory collapses near 0.138 k patterns, and with correlated ones")
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "capacity.png", dpi=120)
print("the picture:", options.out / "capacity.png")

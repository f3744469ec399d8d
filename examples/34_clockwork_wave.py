"""A clockwork network and an LSTM of as many weights learn to make a sound of 320 samples out of nothing (Koutník et al., 2014).

The input is 0 at every step: all that moves is inside. The slow modules of the clockwork carry what the fast ones add to.
"""

import argparse
from pathlib import Path

from tqdm.auto import trange

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.data.sequences import wave
from tinygrad_lite.zoo import sequences

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--quick", action="store_true", help="fewer steps")
arguments.add_argument("--out", type=Path, default=Path("runs/34_clockwork_wave"), help="folder for the picture")
options = arguments.parse_args()

target = tl.Tensor(wave()[:, None])
silence = tl.zeros(*target.shape)
models = {"clockwork": ("ClockworkRNN", 27, dict(periods=[2**k for k in range(9)])), "LSTM": ("LSTM", 10, {})}
made, steps = {}, 150 if options.quick else 3000
for name, (kind, hidden, settings) in models.items():
    tl.manual_seed(0)
    model = sequences.ManyToMany(sequences.recurrent(kind, 1, hidden, **settings), 1)
    heard = [p for name, p in model.named_parameters() if "bias_hh" not in name]  # a unit has one bias, which is given as two
    weights = sum(int((p.data != 0).sum()) for p in heard)  # without those between modules that do not hear each other
    optimizer, loss = optim.Adam(model.parameters(), lr=1e-2), nn.MSELoss()
    for _ in (bar := trange(steps, desc=name, unit="step", dynamic_ncols=True)):
        optimizer.zero_grad()
        outputs = model(silence)
        value = loss(outputs, target)
        value.backward()
        optimizer.step()
        bar.set_postfix(error=f"{value.item():.5f}", refresh=False)
    made[name] = outputs.data[:, 0, 0], value.item()
    print(f"{name}: {weights} weights, mean squared error {value.item():.5f}")

try:
    from matplotlib.figure import Figure
except ImportError:
    print("for the picture: pip install 'tinygrad_lite[examples]'")
else:
    figure = Figure(figsize=(9, 5), layout="constrained")
    for axes, (name, (samples, error)) in zip(figure.subplots(2, 1, sharex=True), made.items()):
        axes.plot(target.data[:, 0, 0], color="0.7", lw=4, label="to be made")
        axes.plot(samples, color="black", lw=1, label=name)
        axes.set(title=f"{name}: mean squared error {error:.5f}", ylabel="sound")
        axes.legend(loc="upper right")
    axes.set(xlabel="step")
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "wave.png", dpi=120)
    print("the picture:", options.out / "wave.png")

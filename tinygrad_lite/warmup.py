"""Compile the common kernels once, so that no later run has to wait for them."""

from __future__ import annotations

import time

from . import nn, optim
from .creation import rand, randint
from .kernels import cache, jit, threads
from .state import no_grad

CLASSES = 10


class Outputs(nn.Module):
    """The outputs of a recurrent layer, without its last state."""

    def __init__(self, layer):
        self.layer = layer

    def forward(self, x):
        """The layer's first result."""
        return self.layer(x)[0]


MODELS = {  # name -> (shape of an input, the layers): together they have the layers of the usual networks
    "perceptron": ((1, 32, 32), lambda: [
        nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10),
    ]),
    "LeNet-5": ((1, 32, 32), lambda: [
        nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 10),
    ]),
    "5x5": ((1, 28, 28), lambda: [
        nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 10),
    ]),
    "3x3, batch norm": ((3, 32, 32), lambda: [
        nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2048, 10),
    ]),
    "stride 2, 1x1": ((3, 64, 64), lambda: [
        nn.Conv2d(3, 64, 7, stride=2, padding=3), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(64, 32, 1), nn.ReLU(),
        nn.LocalResponseNorm(5), nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(64, 10),
    ]),
    "depthwise, transposed": ((16, 32, 32), lambda: [
        nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.LeakyReLU(), nn.ConvTranspose2d(16, 32, 4, stride=2, padding=1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    ]),
    "recurrent": ((5, 20), lambda: [
        *(Outputs(kind(20, 20, batch_first=True)) for kind in (nn.RNN, nn.LSTM, nn.GRU)), nn.LayerNorm(20), nn.Flatten(),
        nn.Linear(100, 10),
    ]),
}  # fmt: skip
OPTIMIZERS = {
    "SGD": lambda parameters: optim.SGD(parameters, lr=0.01),
    "SGD with momentum": lambda parameters: optim.SGD(parameters, lr=0.01, momentum=0.9),
    "Adam": lambda parameters: optim.Adam(parameters),
}


def training_step(name, optimizer, batch):
    """A step on random inputs, after a forward that records nothing."""
    shape, layers = MODELS[name]
    model, target = nn.Sequential(*layers()), randint(0, CLASSES, (batch,))
    optimizer = OPTIMIZERS[optimizer](list(model.parameters()))
    inputs = rand(batch, *shape, requires_grad=True)  # as if other layers came before
    with no_grad():
        model(inputs)
    nn.functional.cross_entropy(model(inputs), target).backward()
    optimizer.step()


def warmup(progress=True):
    """Compile the kernels of usual training steps in float32, for one thread and for several; returns how many are in the cache."""
    from tqdm.auto import tqdm

    folder, begin, n_threads = cache.cache_directory(), time.perf_counter(), threads.get_num_threads()
    before, _ = cache.contents(folder)
    steps = [(name, "SGD") for name in MODELS] + [("perceptron", name) for name in OPTIMIZERS if name != "SGD"]
    runs = [(n, batch, *step) for n, batch in {1: 2, n_threads: 64}.items() for step in steps]
    patience, jit.PATIENCE = jit.PATIENCE, 1e6  # the bar says it
    try:
        with tqdm(runs, desc="compiling", unit="step", disable=not progress, dynamic_ncols=True) as bar:
            for n, batch, name, optimizer in bar:
                bar.set_postfix_str(f"{name}, {optimizer}, {'one thread' if n == 1 else 'several threads'}")
                threads.set_num_threads(n)
                training_step(name, optimizer, batch)
    finally:
        jit.PATIENCE = patience
        threads.set_num_threads(n_threads)
    seconds, (count, size) = time.perf_counter() - begin, cache.contents(folder)
    if not cache.writable(folder):
        print(f"compiled in {seconds:.1f} s, but nothing can be kept: {folder or cache.cache_root()} cannot be written")
        print("TINYGRAD_LITE_CACHE names another folder")
    else:
        print(f"{count - before} kernels compiled in {seconds:.1f} s; {count} kept in {folder} ({size / 1e6:.1f} MB)")
    return count

"""The program ``tinygrad-lite``, also ``python -m tinygrad_lite``: demo, zoo, warmup, doctor."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path


def demo(out, seeds=5, epochs=20, progress=True):
    """Train a small CNN on real handwritten digits from several initial weights; returns the held-out accuracies.

    Leaves the graph of one training step, the learning curve and the weights of the first run in the folder ``out``.
    """
    import tinygrad_lite as tl
    from tinygrad_lite import data, io, nn, optim, training, viz, zoo

    start = time.perf_counter()
    train, held_out = ((images.reshape(-1, 1, 8, 8), labels) for images, labels in data.load_digits())
    print(f"{len(train[1]):,} digits of 8x8 pixels to train on, {len(held_out[1])} held out")
    out, reached = Path(out), []
    out.mkdir(parents=True, exist_ok=True)
    for seed in range(seeds):
        tl.manual_seed(seed)
        model = zoo.SmallCNN()
        loss = nn.CrossEntropyLoss()
        loader = data.DataLoader(data.TensorDataset(*train), batch_size=50, shuffle=True)
        tests = data.DataLoader(data.TensorDataset(*held_out), batch_size=len(held_out[1]))
        optimizer = optim.Adam(model.parameters(), lr=3e-3)
        history = training.fit(model, loss, optimizer, loader, epochs, held_out=tests, progress=progress, title=f"seed {seed}")
        reached.append(history["held_out_accuracy"][-1])
        if seed == 0:
            inputs, target = next(iter(loader))
            picture = viz.render(loss(model(inputs), target), out / "graph.svg", params=model)
            history.plot(out / "curve.png")
            io.save(model.state_dict(), out / "weights.safetensors")
    each = ", ".join(f"{100 * a:.2f} %" for a in reached)
    print(f"held out: {each}; median {100 * statistics.median(reached):.2f} % right, in {time.perf_counter() - start:.1f} s")
    print(f"left in {out}: {Path(picture).name} (the graph of one training step), curve.png, weights.safetensors")
    return reached


def zoo(name, page, quick, out):
    """List the scripts of ``examples/``, run one, or all for a page."""
    from . import gallery

    if page:
        print("the page:", gallery.make_page(out, quick))
    elif name is None:
        gallery.list_all()
    else:
        entry = gallery.find(name)
        gallery.run(entry, out / entry.name, quick)


def main(arguments=None):
    """Run a command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="tinygrad-lite", description="An autograd engine first, a deep-learning framework above it."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("demo", help="train a network on real handwritten digits and draw its graph")
    command.add_argument("--out", default="runs/demo", help="the folder for what it leaves (default: %(default)s)")
    command.add_argument("--seeds", type=int, default=5, help="how many runs from different initial weights (default: %(default)s)")
    command.add_argument("--epochs", type=int, default=20, help="passes over the training digits (default: %(default)s)")
    commands.add_parser("warmup", help="compile the common kernels once, so that no later run has to wait for them")
    commands.add_parser("doctor", help="what is found here: versions, processor, threads, BLAS, kernel cache, the program dot")
    command = commands.add_parser("zoo", help="the models of the lectures: list them, run one, or make a page of all")
    command.add_argument(
        "name", nargs="?", help="a script, its number or a part of its name, or a model; by default all are listed"
    )
    command.add_argument("--page", action="store_true", help="run all and write a page with their pictures and numbers")
    command.add_argument("--quick", action="store_true", help="shorter runs")
    command.add_argument("--out", default="runs/zoo", help="the folder for pictures and page (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        if options.command == "doctor":
            from .doctor import report

            return 0 if report() else 1
        if options.command == "warmup":
            from .warmup import warmup

            warmup()
            return 0
        if options.command == "zoo":
            zoo(options.name, options.page, options.quick, Path(options.out))
            return 0
        if options.seeds < 1 or options.epochs < 1:
            parser.error("--seeds and --epochs are at least 1")
        demo(options.out, options.seeds, options.epochs)
    except (ImportError, FileNotFoundError) as error:
        print(f"tinygrad-lite: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

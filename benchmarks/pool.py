"""What the pool of large buffers is worth: three products in a row, each kept until all are made, as a training step does.

``python -m benchmarks.pool`` prints the table, and writes it with ``--out``. "fresh" leaves the memory to NumPy's allocator (the
default settings of the C library's malloc), "pooled" takes it from `tinygrad_lite.kernels.pool`; both in turn in one process.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import resource
import statistics
import time

import numpy as np

from tinygrad_lite.kernels import pool

from . import machine

MEGABYTES = (0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)
ROUNDS = 41


def products(a, empty):
    """Three products, the results alive together."""
    kept = []
    for _ in range(3):
        out = empty(a.shape, a.dtype)
        np.multiply(a, a, out=out)
        kept.append(out)


def timed(function, *arguments):
    """(microseconds, page faults) of one call."""
    faults, start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.perf_counter()
    function(*arguments)
    seconds = time.perf_counter() - start
    return 1e6 * seconds, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults


def table():
    """A line for each size: medians of both, their ratio, page faults."""
    lines = [
        "| MB of each array | fresh µs | faults | pooled µs | faults | fresh / pooled |",
        "| --: | --: | --: | --: | --: | --: |",
    ]
    for megabytes in MEGABYTES:
        a, results = np.ones(int(megabytes * 2**18), np.float32), {"fresh": [], "pooled": []}
        for _ in range(ROUNDS):
            results["fresh"].append(timed(products, a, np.empty))
            results["pooled"].append(timed(products, a, pool.empty))
        (fresh, f), (pooled, p) = ([statistics.median(column) for column in zip(*results[name][1:])] for name in results)
        lines.append(f"| {megabytes:g} | {fresh:.0f} | {f:.0f} | {pooled:.0f} | {p:.0f} | {fresh / pooled:.2f} |")
        pool.clear()
    return lines


def main():
    """Measure and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pool", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="a file for the table")
    given = parser.parse_args()
    facts = machine.facts(["tinygrad_lite", "numpy"])
    text = "\n".join(["# The pool of large buffers", "", *[f"- {k}: {v}" for k, v in facts.items()], "", *table(), ""])
    print(text)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(text)


if __name__ == "__main__":
    main()

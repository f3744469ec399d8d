"""Compare tinygrad_lite with the peers that are installed: training steps of multilayer perceptrons, and what the engine costs.

one thread   one process pinned to one CPU, all frameworks in turn (A B A B)
all threads  a fresh process for each framework, alternating, each with its own default number of threads: the thread pools of
             two libraries in one process spoil each other
import       wall time of python -c "import X" less that of python -c pass, alternating
memory       a fresh process for each framework and row: the first call, and the peak of the steps above what the import left

Before anything is timed, every framework's first losses must agree with a NumPy computation in float64; else nothing is written.
``python -m benchmarks.convolution`` compares convolution, pooling and convolutional networks, ``python -m benchmarks.recurrence``
recurrent layers and cells, ``python -m benchmarks.learners`` memories, perceptrons and autoencoders with NumPy by hand.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

from . import machine, report, run
from .frameworks import CONTROL, FRAMEWORKS, OURS, PEERS
from .rows import ROWS
from .run import QUICK, Effort, chosen, say

SUITE = "engine"
EXTRA_ROWS = ("import", "memory")
MEMORY_ROWS = ("xor", "deep", "autoencoder")  # the first shows what a step loads: code, not arrays; a quick run stops there


def import_times(names, effort):
    """Framework -> seconds that its import takes, one number for each round."""

    def wall(code):
        start = perf_counter()
        subprocess.run([sys.executable, "-c", code], cwd=machine.ROOT, env=env, check=True)
        return perf_counter() - start

    env = machine.environment(False, PYTHONDONTWRITEBYTECODE=None)  # with bytecode, as an installed package has it
    statements = {name: f"import {FRAMEWORKS[name].statement}" for name in names}
    if effort.imports > 1:
        for code in statements.values():
            wall(code)  # brings the files into memory and writes the bytecode
    result = {name: [] for name in names}
    for number in range(effort.imports):
        say(f"import: round {number + 1} of {effort.imports}")
        empty = wall("pass")
        for name, code in statements.items():
            result[name].append(wall(code) - empty)
    return result


def arguments():
    """The command line."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, formatter_class=plain)
    parser.add_argument("--quick", action="store_true", help="see that it runs: the numbers mean nothing; written only with --out")
    parser.add_argument("--rows", default="all", help=f"comma-separated, of {', '.join([*ROWS, *EXTRA_ROWS])}")
    parser.add_argument("--peers", default="all", help=f"comma-separated, of {', '.join(PEERS)}; or none")
    parser.add_argument("--threads", default="both", choices=("1", "all", "both"))
    parser.add_argument("--out", type=Path, help="folder of engine.md, engine.json, engine.png (benchmarks/results)")
    return parser.parse_args()


def main():
    """Measure and report."""
    given = arguments()
    effort = QUICK if given.quick else Effort()
    wanted = chosen(given.rows, [*ROWS, *EXTRA_ROWS], "--rows")
    peers = chosen(given.peers, PEERS, "--peers")
    keys, missing = [key for key in wanted if key in ROWS], [name for name in peers if not FRAMEWORKS[name].installed()]
    names = [OURS, *[name for name in peers if name not in missing], CONTROL]
    results = {
        "quick": given.quick,
        "effort": asdict(effort),
        "machine": machine.facts(["tinygrad_lite", "numba", *[FRAMEWORKS[name].package for name in names if name != OURS]]),
        "frameworks": names,
        "not_installed": missing,
    }
    checked_keys = [key for key in ROWS if key in keys or ("memory" in wanted and key in MEMORY_ROWS)]
    expected = run.reference(SUITE, checked_keys, effort)
    results["expected"] = expected
    if keys and given.threads != "all":
        results["one_thread"] = run.one_thread(SUITE, names, keys, expected, effort)
    if keys and given.threads != "1":
        results["all_threads"] = run.all_threads(SUITE, names, keys, expected, effort)
    if "import" in wanted:
        results["import"] = import_times(names, effort)
    if "memory" in wanted:
        results["memory"] = run.first_calls_and_memory(SUITE, names, MEMORY_ROWS, expected, effort)
    print(report.table(results))
    if out := given.out or (None if given.quick else Path(__file__).parent / "results"):
        report.write_engine(results, out)


if __name__ == "__main__":
    main()

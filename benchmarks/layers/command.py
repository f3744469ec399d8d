"""The command line of a suite of layers."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from .. import machine, run
from ..frameworks import OURS
from ..run import Effort, chosen, say
from .report import ALLOCATORS

MALLOC = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "4294967296", "MALLOC_TOP_PAD_": "67108864"}
FULL = Effort(seconds=0.01, rounds=11, budget=2.0, samples=2, processes=5, alone=1, steps=5, check_steps=3)
DEFAULT_MALLOC = Effort(seconds=0.01, rounds=7, budget=1.0, samples=2, processes=2, check_steps=3)
QUICK = Effort(seconds=0.001, rounds=1, samples=1, processes=1, alone=1, steps=1, check_steps=2, memory_rows=1)


def arguments(suite, name, description):
    """The command line."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description, formatter_class=plain)
    parser.add_argument("--quick", action="store_true", help="see that it runs: the numbers mean nothing; written only with --out")
    parser.add_argument("--rows", default="all", help=f"comma-separated, of {', '.join([*suite.NAMES, 'memory'])}")
    parser.add_argument("--peers", default="all", help=f"comma-separated, of {', '.join(suite.PEERS)}; or none")
    parser.add_argument("--threads", default="both", choices=("1", "all", "both"))
    parser.add_argument("--allocator", default="both", choices=("raised", "default", "both"))
    parser.add_argument("--out", type=Path, help=f"folder of {name}.md, .json, .png (benchmarks/results)")
    return parser.parse_args()


def measure(given, name, names, keys, in_memory, in_growth, efforts):
    """Results of what was asked for."""
    results = {"raised": {}, "default": {}, "malloc": MALLOC}
    with tempfile.TemporaryDirectory() as folder:
        say("float64 reference")
        needed = dict.fromkeys([*keys, *in_memory, *chain(*in_growth)])
        expected = run.reference(name, list(needed), efforts["raised"], folder=folder)
        jax_cache = {"JAX_COMPILATION_CACHE_DIR": folder, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        for allocator, effort in efforts.items():
            if not keys or given.allocator not in (allocator, "both"):
                continue
            say(f"allocator: {ALLOCATORS[allocator]}")
            env = jax_cache | (MALLOC if allocator == "raised" else dict.fromkeys(MALLOC))
            if given.threads != "all":
                results[allocator]["one_thread"] = run.one_thread(name, names["timed"], keys, expected, effort, env)
            if given.threads != "1":
                results[allocator]["all_threads"] = run.all_threads(name, names["timed"], keys, expected, effort, env)
        if in_memory:
            results["memory"] = run.first_calls_and_memory(name, names["memory"], in_memory, expected, efforts["raised"])
        if in_growth:
            results["growth"] = [run.arrays(name, pair, expected, efforts["raised"]) for pair in in_growth]
    return results


def main(suite, report, description):
    """Measure the ``suite`` (a package here) and write the ``report``."""
    name = suite.__name__.rpartition(".")[2]
    given = arguments(suite, name, description)
    efforts = {"raised": QUICK, "default": QUICK} if given.quick else {"raised": FULL, "default": DEFAULT_MALLOC}
    effort = efforts["raised"]
    wanted = chosen(given.rows, [*suite.NAMES, "memory"], "--rows")
    peers = chosen(given.peers, suite.PEERS, "--peers")
    missing = [peer for peer in peers if not suite.FRAMEWORKS[peer].installed()]
    timed = [OURS, *[peer for peer in peers if peer not in missing]]
    names = {"timed": timed, "memory": [each for each in timed if each in suite.MEMORY_FRAMEWORKS]}
    keys = [key for row in wanted if row != "memory" for key in suite.NAMES[row]]
    in_memory, in_growth = (kind[: effort.memory_rows] if "memory" in wanted else () for kind in (suite.MEMORY, suite.GROWTH))
    packages = dict.fromkeys(["tinygrad_lite", "numba", "numpy", *[suite.FRAMEWORKS[peer].package for peer in timed[1:]]])
    results = {
        "quick": given.quick,
        "effort": asdict(effort),
        "effort_default": asdict(efforts["default"]),
        "machine": machine.facts(packages),
        "frameworks": timed,
        "not_installed": missing,
        **measure(given, name, names, keys, in_memory, in_growth, efforts),
    }
    print(report.table(results))
    if out := given.out or (None if given.quick else Path(__file__).parent.parent / "results"):
        report.write(results, out)

"""Compare convolution, pooling and small convolutional networks with PyTorch (both memory layouts) and JAX.

one thread   one process pinned to one CPU, all frameworks in turn (A B A B)
all threads  a fresh process for each framework, alternating, each with its own default number of threads
both         with the thresholds of malloc raised, and with its default settings
memory       a fresh process for each framework and network: the first call, with kernels to compile and without, and the peak of
             the steps above what the import left

Before anything is timed, every framework's outputs, gradients and losses must agree with a NumPy computation in float64; else
nothing is written.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path

from .. import machine, run
from ..frameworks import OURS
from ..run import Effort, chosen, say
from . import FRAMEWORKS, PEERS, report
from .rows import NAMES

SUITE = "convolution"
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "4294967296", "MALLOC_TOP_PAD_": "67108864"}
FULL = Effort(seconds=0.01, rounds=11, budget=2.0, samples=2, processes=5, alone=1, steps=5, check_steps=3)
DEFAULT_MALLOC = Effort(seconds=0.01, rounds=7, budget=1.0, samples=2, processes=2, check_steps=3)
QUICK = Effort(seconds=0.001, rounds=1, samples=1, processes=1, alone=1, steps=1, check_steps=2, memory_rows=1)


def arguments():
    """The command line."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convolution", description=__doc__, formatter_class=plain)
    parser.add_argument("--quick", action="store_true", help="see that it runs: the numbers mean nothing; written only with --out")
    parser.add_argument("--rows", default="all", help=f"comma-separated, of {', '.join([*NAMES, 'memory'])}")
    parser.add_argument("--peers", default="all", help=f"comma-separated, of {', '.join(PEERS)}; or none")
    parser.add_argument("--threads", default="both", choices=("1", "all", "both"))
    parser.add_argument("--allocator", default="both", choices=("raised", "default", "both"))
    parser.add_argument("--out", type=Path, help="folder of convolution.md, .json, .png (benchmarks/results)")
    return parser.parse_args()


def measure(given, names, keys, in_memory, efforts):
    """Results of what was asked for."""
    results = {"raised": {}, "default": {}, "malloc": MALLOC}
    with tempfile.TemporaryDirectory() as folder:
        say("float64 reference")
        checked = keys + [key for key in in_memory if key not in keys]
        expected = run.reference(SUITE, checked, efforts["raised"], folder=folder)
        jax_cache = {"JAX_COMPILATION_CACHE_DIR": folder, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        for allocator, effort in efforts.items():
            if not keys or given.allocator not in (allocator, "both"):
                continue
            say(f"allocator: {report.ALLOCATORS[allocator]}")
            env = jax_cache | (MALLOC if allocator == "raised" else dict.fromkeys(MALLOC))
            if given.threads != "all":
                results[allocator]["one_thread"] = run.one_thread(SUITE, names, keys, expected, effort, env)
            if given.threads != "1":
                results[allocator]["all_threads"] = run.all_threads(SUITE, names, keys, expected, effort, env)
        if in_memory:
            names = [name for name in names if name != "jax"]
            results["memory"] = run.first_calls_and_memory(SUITE, names, in_memory, expected, efforts["raised"])
    return results


def main():
    """Measure and report."""
    given = arguments()
    efforts = {"raised": QUICK, "default": QUICK} if given.quick else {"raised": FULL, "default": DEFAULT_MALLOC}
    wanted = chosen(given.rows, [*NAMES, "memory"], "--rows")
    peers = chosen(given.peers, PEERS, "--peers")
    missing = [name for name in peers if not FRAMEWORKS[name].installed()]
    names = [OURS, *[name for name in peers if name not in missing]]
    keys = [key for name in wanted if name != "memory" for key in NAMES[name]]
    in_memory = ["lenet", "small", "cnn5"][: efforts["raised"].memory_rows] if "memory" in wanted else []
    packages = dict.fromkeys(["tinygrad_lite", "numba", "numpy", *[FRAMEWORKS[name].package for name in names[1:]]])
    results = {
        "quick": given.quick,
        "effort": asdict(efforts["raised"]),
        "effort_default": asdict(efforts["default"]),
        "machine": machine.facts(packages),
        "frameworks": names,
        "not_installed": missing,
        **measure(given, names, keys, in_memory, efforts),
    }
    print(report.table(results))
    if out := given.out or (None if given.quick else Path(__file__).parent.parent / "results"):
        report.write(results, out)


if __name__ == "__main__":
    main()

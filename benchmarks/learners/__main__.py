"""Compare the learners of tinygrad_lite.zoo with NumPy by hand, and the perceptron with scikit-learn's.

one thread   one process pinned to one CPU, all in turn (A B A B)
all threads  a fresh process for each, alternating, each with its own default number of threads

Before anything is timed, all must find what NumPy finds by hand in float64: answers, states and mistakes exactly, weights up to
rounding, losses of the first training steps; else nothing is written.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path

from .. import machine, run
from ..frameworks import OURS
from ..run import Effort, chosen
from . import FRAMEWORKS, PEERS, ROWS, report

SUITE = "learners"
FULL = Effort(seconds=0.03, rounds=11, samples=2, processes=3, check_steps=5, budget=2.5)
QUICK = Effort(seconds=0.001, rounds=1, samples=1, processes=1, check_steps=2, budget=0.0)


def arguments():
    """The command line."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learners", description=__doc__, formatter_class=plain)
    parser.add_argument("--quick", action="store_true", help="see that it runs: the numbers mean nothing; written only with --out")
    parser.add_argument("--rows", default="all", help=f"comma-separated, of {', '.join(ROWS)}")
    parser.add_argument("--peers", default="all", help=f"comma-separated, of {', '.join(PEERS)}; or none")
    parser.add_argument("--threads", default="both", choices=("1", "all", "both"))
    parser.add_argument("--out", type=Path, help="folder of learners.md, .json, .png (benchmarks/results)")
    return parser.parse_args()


def main():
    """Measure and report."""
    given = arguments()
    effort = QUICK if given.quick else FULL
    wanted, peers = chosen(given.rows, ROWS, "--rows"), chosen(given.peers, PEERS, "--peers")
    keys, missing = [key for key in ROWS if key in wanted], [name for name in peers if not FRAMEWORKS[name].installed()]
    names = [OURS, *[name for name in peers if name not in missing]]
    results = {
        "quick": given.quick,
        "effort": asdict(effort),
        "machine": machine.facts(["tinygrad_lite", "numba", "scipy", *[FRAMEWORKS[name].package for name in names[1:]]]),
        "frameworks": names,
        "not_installed": missing,
    }
    with tempfile.TemporaryDirectory() as folder:
        expected = run.reference(SUITE, keys, effort, folder=folder)
        if given.threads != "all":
            results["one_thread"] = run.one_thread(SUITE, names, keys, expected, effort)
        if given.threads != "1":
            results["all_threads"] = run.all_threads(SUITE, names, keys, expected, effort)
    print(report.table(results))
    if out := given.out or (None if given.quick else Path(__file__).parent.parent / "results"):
        report.write(results, out)


if __name__ == "__main__":
    main()

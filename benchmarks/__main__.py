"""Compare tinygrad_lite with the peers that are installed.

one thread   one process pinned to one CPU, all frameworks in turn (A B A B)
all threads  a fresh process for each framework, alternating, each with its own default number of threads: the thread pools of
             two libraries in one process spoil each other
import       wall time of python -c "import X" less that of python -c pass, alternating
memory       a fresh process for each framework and row: the first call, and the peak of the steps above what the import left

Before anything is timed, every framework's first losses must agree with a NumPy computation in float64; else nothing is written.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from . import machine, report
from .frameworks import CONTROL, FRAMEWORKS, OURS, PEERS
from .rows import ROWS, state_bytes

EXTRA_ROWS = ("import", "memory")
MEMORY_ROWS = ("xor", "deep", "autoencoder")  # the first shows what a step loads: code, not arrays; a quick run stops there


@dataclass
class Effort:
    """How much is measured.

    seconds, rounds  length of a sample, samples of each framework in turn; a process of "all threads" takes ``samples``
    processes        fresh processes of each framework, all threads
    alone, steps     processes for each row and framework of first call and memory, steps in each
    imports          imports of each package
    check_steps      losses of each framework that must agree before it is timed
    memory_rows      how many of MEMORY_ROWS
    """

    seconds: float = 0.1
    rounds: int = 21
    samples: int = 5
    processes: int = 5
    alone: int = 3
    steps: int = 20
    imports: int = 7
    check_steps: int = 10
    memory_rows: int = len(MEMORY_ROWS)


QUICK = Effort(seconds=0.001, rounds=2, samples=1, processes=1, alone=1, steps=1, imports=1, check_steps=2, memory_rows=1)


def say(text):
    """Progress, away from the results."""
    print(text, file=sys.stderr, flush=True)


def run_worker(task, one_thread=False, env=None, **job):
    """The result of a measuring process."""
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps({"task": task, "one_thread": one_thread, **job})]
    env = machine.environment(one_thread, **(env or {}))
    done = subprocess.run(command, cwd=machine.ROOT, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{done.stderr}\nthe benchmark stops, nothing was written: task {task}, {job}")
    return json.loads(done.stdout.splitlines()[-1])


def one_thread(names, keys, expected, effort):
    """All frameworks in turn in one process."""
    say("one thread: " + ", ".join(names))
    return run_worker(
        "time", one_thread=True, rows=keys, frameworks=names, expected=expected, seconds=effort.seconds, rounds=effort.rounds
    )


def all_threads(names, keys, expected, effort):
    """A fresh process for each framework, alternating; the median of each process counts as one sample."""
    samples = {key: {name: [] for name in names} for key in keys}
    result = {"samples": samples, "deviations": {key: {} for key in keys}, "threads": {}}
    for number in range(effort.processes):
        for name in names:
            say(f"all threads: {name}, process {number + 1} of {effort.processes}")
            job = dict(rows=keys, frameworks=[name], expected=expected, seconds=effort.seconds, rounds=effort.samples)
            part = run_worker("time", **job)
            for key in keys:
                samples[key][name].append(statistics.median(part["samples"][key][name]))
                result["deviations"][key][name] = max(part["deviations"][key][name], result["deviations"][key].get(name, 0.0))
            result["threads"] |= part["threads"]
    return result


def import_times(names, effort):
    """Framework -> seconds that its import takes, one number for each round."""

    def wall(code):
        start = perf_counter()
        subprocess.run([sys.executable, "-c", code], cwd=machine.ROOT, env=machine.environment(False), check=True)
        return perf_counter() - start

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


def first_calls_and_memory(names, expected, effort):
    """Row -> framework -> what `worker.alone` measured, once for each process. All threads.

    Ours compiles kernels when they first run: its first process starts with an empty kernel cache and is kept apart, the others
    find what it left.
    """
    result = {}
    for key in MEMORY_ROWS[: effort.memory_rows]:
        with tempfile.TemporaryDirectory() as cache:
            job = dict(env={"TINYGRAD_LITE_CACHE": cache}, row=key, expected=expected, steps=effort.steps)
            say(f"first call and memory: {key}")
            empty = run_worker("alone", framework=OURS, loaded=False, **job)
            samples = {name: [] for name in names}
            for _ in range(effort.alone):
                for name in names:
                    sample = run_worker("alone", framework=name, loaded=False, **job)
                    sample["arrays"] = run_worker("alone", framework=name, loaded=True, **job)["steps"]
                    samples[name].append(sample)
        result[key] = {"samples": samples, "empty_cache": empty, "state_bytes": state_bytes(ROWS[key])}
    return result


def chosen(text, known, what):
    """A comma-separated choice of names, "all" or "none"."""
    names = list(known) if text == "all" else [] if text == "none" else text.split(",")
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"{what}: no {', '.join(unknown)}; there are {', '.join(known)}, all, none")
    return names


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
    expected = run_worker("reference", rows=checked_keys, check_steps=effort.check_steps)
    results["expected"] = expected
    if keys and given.threads != "all":
        results["one_thread"] = one_thread(names, keys, expected, effort)
    if keys and given.threads != "1":
        results["all_threads"] = all_threads(names, keys, expected, effort)
    if "import" in wanted:
        results["import"] = import_times(names, effort)
    if "memory" in wanted:
        results["memory"] = first_calls_and_memory(names, expected, effort)
    print(report.table(results))
    if out := given.out or (None if given.quick else Path(__file__).parent / "results"):
        report.write(results, out)


if __name__ == "__main__":
    main()

"""Starts the measuring processes of a suite: "engine" (training steps of multilayer perceptrons) or a suite of layers."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from . import machine
from .frameworks import OURS


@dataclass
class Effort:
    """How much is measured.

    seconds, rounds  length of a sample, samples of each framework in turn; a process of "all threads" takes ``samples``
    budget           seconds for a row with one thread, after which no round is begun
    processes        fresh processes of each framework, all threads
    alone, steps     processes for each row and framework of first call and memory, steps in each
    imports          imports of each package
    check_steps      losses of each framework that must agree before it is timed
    memory_rows      how many of the suite's rows of first call and memory
    """

    seconds: float = 0.1
    rounds: int = 21
    samples: int = 5
    processes: int = 5
    alone: int = 3
    steps: int = 20
    imports: int = 7
    check_steps: int = 10
    memory_rows: int = 3
    budget: float | None = None


QUICK = Effort(seconds=0.001, rounds=2, samples=1, processes=1, alone=1, steps=1, imports=1, check_steps=2, memory_rows=1)


def say(text):
    """Progress, away from the results."""
    print(text, file=sys.stderr, flush=True)


def chosen(text, known, what):
    """A comma-separated choice of names, "all" or "none"."""
    names = list(known) if text == "all" else [] if text == "none" else text.split(",")
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"{what}: no {', '.join(unknown)}; there are {', '.join(known)}, all, none")
    return names


def worker(suite, task, one_thread=False, env=None, **job):
    """The result of a measuring process, and what it wrote to stderr."""
    job = {"suite": suite, "task": task, "one_thread": one_thread, **job}
    env = machine.environment(one_thread, **(env or {}))
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps(job)]
    done = subprocess.run(command, cwd=machine.ROOT, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{done.stderr}\nthe benchmark stops, nothing was written: {job}")
    return json.loads(done.stdout.splitlines()[-1]), done.stderr.strip()


def reference(suite, keys, effort, **job):
    """Row -> what every framework must compute."""
    expected, _ = worker(suite, "reference", rows=keys, check_steps=effort.check_steps, **job)
    return {key: expected[key] for key in keys}


def one_thread(suite, names, keys, expected, effort, env=None):
    """All frameworks in turn in one process."""
    say("one thread: " + ", ".join(names))
    job = dict(rows=keys, frameworks=names, expected=expected, seconds=effort.seconds, rounds=effort.rounds, budget=effort.budget)
    return worker(suite, "time", one_thread=True, env=env, **job)[0]


def all_threads(suite, names, keys, expected, effort, env=None):
    """A fresh process for each framework, alternating; the median of each process counts as one sample."""
    result = {"samples": {key: {} for key in keys}, "deviations": {key: {} for key in keys}, "threads": {}}
    for number in range(effort.processes):
        for name in names:
            say(f"all threads: {name}, process {number + 1} of {effort.processes}")
            known = {} if number else expected  # what agreed in the first process is not compared again
            job = dict(rows=keys, frameworks=[name], expected=known, seconds=effort.seconds, rounds=effort.samples)
            part, _ = worker(suite, "time", env=env, **job)
            for key in keys:
                if name in part["samples"][key]:
                    result["samples"][key].setdefault(name, []).append(statistics.median(part["samples"][key][name]))
                result["deviations"][key] |= part["deviations"].get(key, {})
            result["threads"] |= part["threads"]
    return result


def first_calls_and_memory(suite, names, keys, expected, effort):
    """Row -> framework -> what `worker.alone` measured, once for each process. All threads.

    Ours compiles kernels when they first run: its first process starts with an empty kernel cache and is kept apart, the others
    find what it left.
    """
    result = {}
    for key in keys[: effort.memory_rows]:
        with tempfile.TemporaryDirectory() as cache:
            job = dict(env={"TINYGRAD_LITE_CACHE": cache}, row=key, expected=expected, steps=effort.steps)
            say(f"first call and memory: {key}")
            empty, said = worker(suite, "alone", framework=OURS, **job)
            empty["said"] = said.replace(cache, "the cache folder")
            full, _ = worker(suite, "alone", framework=OURS, preload=["numba"], **job)
            samples = {name: [] for name in names}
            for _ in range(effort.alone):
                for name in names:
                    sample, _ = worker(suite, "alone", framework=name, **job)
                    loaded, _ = worker(suite, "alone", framework=name, loaded=True, **job)
                    samples[name].append(sample | {"arrays": loaded["steps"]})
        result[key] = {"samples": samples, "empty_cache": empty, "full_cache": full}
    return result


def arrays(suite, keys, expected, effort):
    """Row -> bytes that the steps of ours add where the code is there already, one number for each process. All threads."""
    say(f"memory: {', '.join(keys)}")
    job = dict(framework=OURS, loaded=True, expected=expected, steps=effort.steps)
    return {key: [worker(suite, "alone", row=key, **job)[0]["steps"] for _ in range(effort.alone)] for key in keys}

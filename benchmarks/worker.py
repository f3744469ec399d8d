"""A measuring process: it reads one job (JSON, first argument) and prints the result (JSON, last line).

task "reference"  the float64 results that every framework is checked against
task "time"       the frameworks of the job, in turn if they are several
task "alone"      one row in one framework: time of the first call, memory

The job names its suite, a module here that has

ROWS, FRAMEWORKS            what is measured, in what
batch, first_weights        data and weights of a row that trains
build(module, row)          the row as a function ``step`` in the framework of ``module``; None if it has no such thing
reference(job)              row -> what is expected
checked(step, row, ...)     run ``step``, compare with what is expected, return the deviation
tiny(row)                   a row of the same kind that needs hardly any memory
"""

from __future__ import annotations

import importlib
import json
import sys
from time import perf_counter

from . import machine


def reference(suite, job):
    """Row -> what is expected, from float64."""
    return suite.reference(job)


def time_rows(suite, job):
    """Row -> framework -> seconds per step, a number for each round; a row with something to expect is checked first."""
    from . import timing

    modules = {name: suite.FRAMEWORKS[name].load() for name in job["frameworks"]}
    result = {"samples": {}, "deviations": {}}
    for key in job["rows"]:
        row, expected = suite.ROWS[key], job["expected"].get(key)
        steps = {name: step for name, module in modules.items() if (step := suite.build(module, row)) is not None}
        if expected is not None:
            result["deviations"][key] = {name: suite.checked(step, row, name, expected) for name, step in steps.items()}
        result["samples"][key] = timing.in_turn(steps, job["seconds"], job["rounds"], job.get("budget"))
    result["threads"] = {name: module.threads() for name, module in modules.items()}
    return result


def alone(suite, job):
    """Seconds to build the model and for its first step; bytes held after the import, the peak of the steps above that, and
    how much of it was allocated: all but pages of mapped files.

    The batch and the first weights are there before the import is measured: every framework has its own copy of the weights.
    With "loaded", a tiny step of the same kind runs before anything is measured: what the steps then add is arrays, not code
    that is loaded or compiled when a step first runs. Modules of "preload" are imported before.
    """
    row, name = suite.ROWS[job["row"]], job["framework"]
    module = suite.FRAMEWORKS[name].load()
    data, layers = suite.batch(row), suite.first_weights(row)
    for wanted in job.get("preload", ()):
        importlib.import_module(wanted)
    if job.get("loaded"):
        tiny = suite.tiny(row)
        module.training(tiny, *suite.batch(tiny), suite.first_weights(tiny))()
    machine.forget_peak()
    before, mapped_before, start = machine.resident_bytes(), machine.file_bytes(), perf_counter()
    step = module.training(row, *data, layers)
    built = perf_counter()
    first = step()
    done = perf_counter()
    suite.checked(step, row, name, job["expected"][row.key], [first])
    for _ in range(job["steps"]):
        step()
    peak, mapped = machine.peak_bytes(), machine.file_bytes()
    held = dict(after_import=before, steps=max(0, peak - before), allocated=max(0, peak - mapped - (before - mapped_before)))
    return {"build": built - start, "first": done - built, **held}


if __name__ == "__main__":
    job = json.loads(sys.argv[1])
    if job["one_thread"]:
        machine.pin()
    suite = importlib.import_module(f"benchmarks.{job['suite']}")
    print(json.dumps({"reference": reference, "time": time_rows, "alone": alone}[job["task"]](suite, job)))

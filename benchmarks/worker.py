"""A measuring process: it reads one job (JSON, first argument) and prints the result (JSON, last line).

task "reference"  the float64 results that every framework is checked against
task "time"       the frameworks of the job, in turn if they are several
task "alone"      one row in one framework: time of the first call, memory
"""

from __future__ import annotations

import dataclasses
import json
import sys
from time import perf_counter

from . import machine

TOLERANCE = 1e-5  # relative, after some steps of float32; measured: at most 2e-6


def checked(step, row, name, expected, losses=()):
    """Run ``step`` until there are as many losses as expected (``losses`` are those of steps already run); returns the largest
    relative deviation, stops the benchmark if the framework does not compute the same thing."""
    import numpy as np

    if row.sizes:
        got = [*losses, *(step() for _ in expected[len(losses) :])]
    else:
        got = np.asarray(step(), np.float64).tolist()
    deviation = max(abs(g - e) / abs(e) for g, e in zip(got, expected))
    if len(got) != len(expected) or not deviation <= TOLERANCE:  # so that NaN stops, too
        raise SystemExit(f"{name} does not compute the row {row.key!r}: {got}, expected {expected} within {TOLERANCE:g}, relative")
    return deviation


def reference(job):
    """Row -> losses of the first steps in float64."""
    from .frameworks import numpy_control
    from .rows import ROWS

    return {key: numpy_control.reference(ROWS[key], job["check_steps"]) for key in job["rows"]}


def time_rows(job):
    """Row -> framework -> seconds per step, a number for each round; every row is checked first."""
    from . import frameworks, timing
    from .rows import ROWS

    modules = {name: frameworks.FRAMEWORKS[name].load() for name in job["frameworks"]}
    result = {"samples": {}, "deviations": {}}
    for key in job["rows"]:
        row = ROWS[key]
        steps = {name: frameworks.build(module, row) for name, module in modules.items()}
        result["deviations"][key] = {name: checked(step, row, name, job["expected"][key]) for name, step in steps.items()}
        result["samples"][key] = timing.in_turn(steps, job["seconds"], job["rounds"])
    result["threads"] = {name: module.threads() for name, module in modules.items()}
    return result


def alone(job):
    """Seconds to build the model and for its first step; bytes held after the import, the peak of the steps above that, and
    how much of it was allocated: all but pages of mapped files.

    The batch and the first weights are there before the import is measured: every framework has its own copy of the weights.
    With "loaded", a step of the same kind on layers of four units runs before anything is measured: what the steps then add is
    arrays, not code that is loaded or compiled when a step first runs.
    """
    from . import frameworks
    from .rows import ROWS, batch, first_weights

    row, name = ROWS[job["row"]], job["framework"]
    module = frameworks.FRAMEWORKS[name].load()
    data, layers = batch(row), first_weights(row)
    if job["loaded"]:
        tiny = dataclasses.replace(row, key="tiny", sizes=(4,) * len(row.sizes), batch=4)
        module.training(tiny, *batch(tiny), first_weights(tiny))()
    machine.forget_peak()
    before, mapped_before, start = machine.resident_bytes(), machine.file_bytes(), perf_counter()
    step = module.training(row, *data, layers)
    built = perf_counter()
    first = step()
    done = perf_counter()
    checked(step, row, name, job["expected"][row.key], [first])
    for _ in range(job["steps"]):
        step()
    peak, mapped = machine.peak_bytes(), machine.file_bytes()
    held = dict(after_import=before, steps=max(0, peak - before), allocated=max(0, peak - mapped - (before - mapped_before)))
    return {"build": built - start, "first": done - built, **held}


if __name__ == "__main__":
    job = json.loads(sys.argv[1])
    if job.get("one_thread"):
        machine.pin()
    print(json.dumps({"reference": reference, "time": time_rows, "alone": alone}[job["task"]](job)))

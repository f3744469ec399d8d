"""How a step is timed, and how times are summed up."""

from __future__ import annotations

import gc
import statistics
from time import perf_counter


def elapsed(step, count):
    """Seconds for ``count`` calls, after one that is not counted: it brings the caches back from whoever ran before."""
    step()
    start = perf_counter()
    for _ in range(count):
        step()
    return perf_counter() - start


def calibrate(step, seconds):
    """How many calls last about ``seconds``: far above the clock's grain, far below the drift of the machine."""
    count = 1
    while (took := elapsed(step, count)) < seconds / 2:
        count = max(2 * count, int(count * seconds / max(took, 1e-9) / 2))
    return max(1, round(count * seconds / took))


def in_turn(steps, seconds, rounds, budget=None):
    """Seconds per call of each step: name -> one number for each round. The steps take turns (A B A B), a sample of about
    ``seconds`` each, so that a drift of the machine falls on all alike. Garbage collection stays on: cycles are a cost.
    ``budget``: seconds after which, with three rounds at least, no round is begun."""
    gc.collect()
    gc.freeze()  # what was imported and built is not looked through again and again
    counts = {name: calibrate(step, seconds) for name, step in steps.items()}
    samples, start = {name: [] for name in steps}, perf_counter()
    for number in range(rounds):
        if budget is not None and number >= 3 and perf_counter() - start > budget:
            break
        for name, step in steps.items():
            samples[name].append(elapsed(step, counts[name]) / counts[name])
    gc.unfreeze()
    return samples


def summary(values):
    """(first quartile, median, third quartile)."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def ratio(peer, ours):
    """The median over the rounds of peer / ours: the two of a round are neighbours in time."""
    return statistics.median(p / o for p, o in zip(peer, ours))

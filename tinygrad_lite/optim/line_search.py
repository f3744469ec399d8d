"""A line search that ends where the strong Wolfe conditions hold."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class Point(NamedTuple):
    """A place along a line: the step from the start, the loss there, its gradient, and its slope along the line."""

    step: float
    loss: float
    gradient: np.ndarray
    slope: float


def lowest_between(a, b, low, high):
    """The step in [low, high] where the cubic with the losses and slopes of the points ``a`` and ``b`` is lowest; the middle
    where there is none (Nocedal and Wright, 2006, eq. 3.59)."""
    left, right = (a, b) if a.step <= b.step else (b, a)
    width = right.step - left.step
    middle = left.slope + right.slope - 3 * (right.loss - left.loss) / width
    squared = middle * middle - left.slope * right.slope
    if squared >= 0:
        root = math.sqrt(squared)
        below = right.slope - left.slope + 2 * root
        if below:
            return min(max(right.step - width * ((right.slope + root - middle) / below), low), high)
    return (low + high) / 2


def strong_wolfe(along, first, start, scale, trials=25, decrease=1e-4, curvature=0.9, tolerance=1e-9):
    """A step that lowers the loss by at least ``decrease`` * step * slope and leaves at most ``curvature`` of the slope
    (Nocedal and Wright, 2006, algorithms 3.5 and 3.6).

    along   step -> `Point`
    first   the step that is tried first
    start   the `Point` at 0, whose slope is negative
    scale   the largest coordinate of the direction: a bracket narrower than ``tolerance`` / scale is not divided further
    trials  after so many divisions and extensions, beside the first step, the best step so far is taken

    Returns (Point, number of points computed).
    """

    def too_high(point):
        return point.loss > start.loss + decrease * point.step * start.slope

    def flat(point):
        return abs(point.slope) <= -curvature * start.slope

    # go on, ever further, until a bracket holds such a step: too high, higher than the one before, or rising
    before, now, count = start, along(first), 1
    while count <= trials:
        if too_high(now) or (count > 2 and now.loss >= before.loss):
            break
        if flat(now):
            return now, count
        if now.slope >= 0:
            break
        further = lowest_between(before, now, now.step + 0.01 * (now.step - before.step), 10 * now.step)
        before, now, count = now, along(further), count + 1
    else:
        before = start

    # narrow the bracket: its lower end is the best step so far, and the slope there points into the bracket
    bracket, near_end = [before, now], False
    low = int(before.loss > now.loss)
    while count <= trials:
        left, right = sorted(point.step for point in bracket)
        if (right - left) * scale < tolerance:
            break
        step, margin = lowest_between(*bracket, left, right), 0.1 * (right - left)
        if min(right - step, step - left) >= margin:
            near_end = False
        elif near_end or not left < step < right:  # twice near an end: keep away from it
            step, near_end = (right - margin if right - step < step - left else left + margin), False
        else:
            near_end = True
        now, count = along(step), count + 1
        if too_high(now) or now.loss >= bracket[low].loss:
            bracket[1 - low] = now
            low = int(bracket[0].loss > bracket[1].loss)
            continue
        if flat(now):
            return now, count
        if now.slope * (bracket[1 - low].step - bracket[low].step) >= 0:
            bracket[1 - low] = bracket[low]
        bracket[low] = now
    return bracket[low], count

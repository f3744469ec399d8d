"""Made sequences that ask for a long memory. All are (steps, batch, ...) as recurrent layers take them, drawn by the framework's
generator or by ``rng``."""

from __future__ import annotations

import numpy as np

from ..ops.random import generator


def adding_problem(batch, steps, rng=None):
    """(x (steps, batch, 2), target (batch, 1)), float32: the sum of two numbers that are marked (Hochreiter and Schmidhuber, 1997).

    The first feature is uniform in [0, 1), the second 1 at one step of the first half and at one of the second, else 0. Who
    always says 1 has a mean squared error of 1/6. ``steps`` may be integers (batch), the lengths of sequences of different ones.
    """
    if np.min(steps) < 2:
        raise ValueError(f"adding_problem: there must be 2 steps or more, got {np.min(steps)}")
    rng = rng or generator()
    x = np.zeros((np.max(steps), batch, 2), np.float32)
    x[..., 0] = rng.random(x.shape[:2])
    marked = np.stack([rng.integers(0, steps // 2, batch), rng.integers(steps // 2, steps, batch)])
    x[marked, np.arange(batch), 1] = 1
    return x, x[marked, np.arange(batch), 0].sum(0)[:, None]


def copy_memory(batch, delay, symbols=8, length=10, rng=None):
    """(input, target), integers (delay + 2 * length, batch): symbols to say again after ``delay`` steps (Hochreiter and
    Schmidhuber, 1997).

    The input is ``length`` of the ``symbols`` 1, 2, ..., then blanks 0, and the sign symbols + 1 where the answer begins; the
    target is blank until then. Who knows all but the symbols has a cross-entropy of length ln(symbols) / (delay + 2 length) nats.
    """
    if delay < 1 or length < 1 or symbols < 2:
        raise ValueError(
            "copy_memory: delay and length are 1 or more, symbols 2 or more, "
            f"got delay {delay}, length {length} and symbols {symbols}"
        )
    rng = rng or generator()
    given, target = np.zeros((2, delay + 2 * length, batch), np.int64)
    target[-length:] = given[:length] = rng.integers(1, symbols + 1, (length, batch))
    given[length + delay - 1] = symbols + 1
    return given, target


def parity(lengths, rng=None):
    """(x (steps, batch, 1) float32, class (batch)): bits as -1 and 1, and whether the number of ones is odd; behind the end of a
    sequence, ``lengths`` (batch), x is 0. Any bit that is missed makes the answer a guess."""
    lengths = _lengths("parity", lengths)
    rng = rng or generator()
    bits = rng.integers(0, 2, (lengths.max(), len(lengths)))
    within = np.arange(lengths.max())[:, None] < lengths
    return np.where(within, 2 * bits - 1, 0)[..., None].astype(np.float32), np.sum(bits * within, 0) % 2


def lamp(lengths, rng=None):
    """(x (steps, batch, 3) float32, class (batch)): a lamp is switched on, off or over, a feature for each, or left alone; is it on
    at the end? It is switched on or off in the first step and in one of five behind it, over in three of ten. Behind the end of a
    sequence, ``lengths`` (batch), it is left alone. What came before the last "on" or "off" does not count."""
    lengths = _lengths("lamp", lengths)
    rng = rng or generator()
    drawn = rng.choice(4, (lengths.max(), len(lengths)), p=(0.1, 0.1, 0.3, 0.5))
    drawn[0] = rng.integers(0, 2, len(lengths))
    drawn[np.arange(lengths.max())[:, None] >= lengths] = 3
    lit = drawn[0] == 0
    for now in drawn:
        lit = np.where(now < 2, now == 0, lit ^ (now == 2))
    return np.eye(4, 3, dtype=np.float32)[drawn], lit.astype(np.int64)


def _lengths(name, lengths):
    lengths = np.asarray(lengths)
    if lengths.ndim != 1 or not lengths.size or lengths.min() < 1:
        raise ValueError(f"{name}: lengths must be integers of 1 or more, one for each sequence, got {lengths.tolist()}")
    return lengths


def latching(batch, steps, noise=0.2, rng=None):
    """(x (steps, batch, 1) float32, class (batch)): which of two signs the first step had; behind it comes noise of standard
    deviation ``noise`` (Bengio et al., 1994)."""
    if steps < 1:
        raise ValueError(f"latching: there must be a step, got {steps}")
    rng = rng or generator()
    label = rng.integers(0, 2, batch)
    x = (noise * rng.standard_normal((steps, batch, 1))).astype(np.float32)
    x[0, :, 0] = 2 * label - 1
    return x, label


def wave(steps=320):
    """(steps, 1) float32 in [-1, 1]: a made sound, tones of several periods one after the other under each other's envelopes, to be
    generated without any input (as the task of Koutník et al., 2014)."""
    t = np.arange(steps) / steps
    slow = np.sin(2 * np.pi * (2 * t + 0.2)) + 0.6 * np.sin(2 * np.pi * (5 * t + 0.1))
    fast = np.sin(2 * np.pi * 23 * t * (1 + 0.3 * t)) * np.exp(-12 * (t - 0.3) ** 2) + 0.5 * np.sin(2 * np.pi * 41 * t) * t
    y = slow + fast
    return (y / np.abs(y).max()).astype(np.float32)[:, None]

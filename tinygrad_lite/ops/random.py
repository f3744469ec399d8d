"""The one random generator, counter-based (Philox; Salmon et al., 2011): its whole state is a key and a counter, so that a
recomputation draws the same numbers. Ops do not draw inside: what is drawn is an input of theirs."""

from __future__ import annotations

import contextlib
import threading

import numpy as np

_generator = None


class _Own(threading.local):
    generator = None  # what this thread draws from instead, inside `drawing_from`


_own = _Own()


def generator() -> np.random.Generator:
    """The generator that everything draws from, seeded from the system until `manual_seed`."""
    global _generator
    if _own.generator is not None:
        return _own.generator
    if _generator is None:
        _generator = np.random.Generator(np.random.Philox())
    return _generator


@contextlib.contextmanager
def drawing_from(own):
    """Inside, and on this thread alone, everything draws from the generator ``own``."""
    outer, _own.generator = _own.generator, own
    try:
        yield
    finally:
        _own.generator = outer


def manual_seed(seed: int):
    """Start the generator anew, so that what is drawn from here on is determined by ``seed``."""
    global _generator
    _generator = np.random.Generator(np.random.Philox(int(seed) % 2**128))


def get_rng_state():
    """The state of the generator, for `set_rng_state`."""
    return generator().bit_generator.state


def set_rng_state(state):
    """Continue from a state that `get_rng_state` returned."""
    generator().bit_generator.state = state


def keep_mask(shape, p, dtype):
    """An array that is 0 with probability ``p``, else 1 / (1 - p)."""
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"x is {dtype}: convert it with .float() first")
    if p == 1:
        return np.zeros(shape, dtype)
    return np.multiply(generator().random(shape, np.float32) >= p, 1.0 / (1.0 - p), dtype=dtype)

"""What is made of filters, kept while their numbers stay the same: for calls on few pixels, whose time is that of the filters."""

from __future__ import annotations

import contextlib
import weakref

import numpy as np

FEW_PIXELS = 1024  # of the output: beyond, all else takes far longer than what is made of the filters
SMALLEST = 1 << 14  # bytes of filters for which this is worth while
LIMIT = 1 << 27  # bytes that are kept; beyond, all begins anew
SAMPLES = 64  # numbers by which most changes are found

_entries = {}  # (address, shape, how) -> Entry


class Entry:
    """Filters that were seen: ``sample`` of their numbers; ``pair``, from the second time on: a copy, and what is made of them."""

    __slots__ = ("owner", "pair", "sample")

    def __init__(self, key, owner, sample):
        self.owner = weakref.ref(owner, lambda _: _entries.pop(key, None))
        self.sample, self.pair = sample, None


def kept(n_pixels, weight, how, make):
    """``make()``, or what it gave for the same numbers of ``weight`` in an earlier call on few pixels; ``how`` tells kinds of
    ``make`` apart.

    Every number is compared, since anybody may write into ``weight``. In training, where weights change from step to step, nothing
    is kept.
    """
    if n_pixels > FEW_PIXELS or weight.nbytes < SMALLEST or not weight.flags.c_contiguous:
        return make()
    key = weight.ctypes.data, weight.shape, how
    sample = weight.reshape(-1)[:: weight.size // SAMPLES].tobytes()
    entry = _entries.get(key)
    if entry is None or entry.sample != sample:
        with contextlib.suppress(TypeError):  # of the memory of bytes, which does not tell when it goes
            _entries[key] = Entry(key, weight if weight.base is None else weight.base, sample)
        return make()
    pair = entry.pair  # once: another thread may exchange it
    if pair is None or not np.array_equal(weight.view(np.int32), pair[0].view(np.int32)):
        if bytes_kept() > LIMIT:
            _entries.clear()
            _entries[key] = entry
        pair = entry.pair = weight.copy(), make()
    return pair[1]


def bytes_kept():
    """How much memory lies here."""
    pairs = [entry.pair for entry in list(_entries.values())]
    return sum([part.nbytes for pair in pairs if pair is not None for part in pair])

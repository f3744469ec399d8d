"""What is made of filters, kept while their numbers stay the same: for calls on few pixels, whose time is that of the filters."""

from __future__ import annotations

import weakref

import numpy as np

FEW_PIXELS = 1024  # of the output: beyond, all else takes far longer than what is made of the filters
SMALLEST = 1 << 14  # bytes of filters for which this is worth while
LIMIT = 1 << 27  # bytes that are kept; beyond, all begins anew
SAMPLES = 64  # numbers by which most changes are found

_entries = {}  # (address, shape, how) -> Entry


class Entry:
    """Filters that were seen: ``sample`` of their numbers; from the second time on ``copy`` and what is ``made`` of them."""

    __slots__ = ("copy", "made", "owner", "sample")

    def __init__(self, key, owner, sample):
        self.owner = weakref.ref(owner, lambda _: _entries.pop(key, None))
        self.sample, self.copy, self.made = sample, None, None


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
        _entries[key] = Entry(key, weight if weight.base is None else weight.base, sample)
        return make()
    if entry.copy is None or not np.array_equal(weight.view(np.int32), entry.copy.view(np.int32)):
        entry.made = None
        if bytes_kept() > LIMIT:
            _entries.clear()
            _entries[key] = entry
        entry.copy, entry.made = weight.copy(), make()
    return entry.made


def bytes_kept():
    """How much memory lies here."""
    return sum([entry.copy.nbytes + entry.made.nbytes for entry in list(_entries.values()) if entry.made is not None])

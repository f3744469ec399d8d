"""How many threads compute: one number for our kernels and for BLAS."""

from __future__ import annotations

import functools
import os
import threading

MOST = 256  # threads
PARALLEL_FROM = 1 << 18  # operations of a tenth of a nanosecond: below, handing them to a second thread costs more than it gains

_chosen = None


@functools.cache
def cpu_count():
    """CPUs that this process may use; ``NUMBA_NUM_THREADS`` or ``OMP_NUM_THREADS`` lower it."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        given = os.environ.get(name, "").split(",")[0]
        if given.isdigit() and int(given) > 0:
            count = min(count, int(given))
    return min(count, MOST)


def get_num_threads() -> int:
    """The number of threads that one op may use."""
    return _chosen or cpu_count()


def set_num_threads(n):
    """Let each op use up to ``n`` threads, at most as many as there are CPUs: in kernels, and in BLAS until a kernel first runs on
    several. From then on BLAS has one, in all of this process: OpenBLAS's threads would keep ours from their processors."""
    global _chosen
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"set_num_threads: expected a positive integer, got {n!r}")
    from threadpoolctl import threadpool_limits

    _chosen = min(n, cpu_count())
    threadpool_limits(1 if _hired else n, user_api="blas")


def worth(work, hire=True):
    """On how many threads to run ``work`` elementary operations; one, if workers must first be hired and ``hire`` is false."""
    if not (hire or _hired):
        return 1
    return max(1, min(get_num_threads(), work // (PARALLEL_FROM // 2)))


_hired, _team = 0, threading.Lock()


def _forget():
    """In a child process there are no workers."""
    global _hired, _team
    _hired, _team = 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _hire(count):
    """Bring the number of workers to ``count``."""
    global _hired
    from threadpoolctl import threadpool_limits

    from . import team

    threadpool_limits(1, user_api="blas")  # OpenBLAS's threads keep their processors for some 25 ms after each product
    for thread in range(_hired + 1, count + 1):
        team.hire(thread)
        _hired = thread


def call(compiled, n, args):
    """``compiled(thread, n, *args)`` for each thread number below ``n``, at once: the caller is number 0. If another thread has the
    workers now, the caller makes all calls itself."""
    alone, lock = not _team.acquire(blocking=False), _team
    if alone:
        for thread in range(n):
            compiled(thread, n, *args)
        return
    try:
        if _hired < n - 1:
            _hire(n - 1)
        compiled(0, -n, *args)  # see team.sharing
    finally:
        lock.release()

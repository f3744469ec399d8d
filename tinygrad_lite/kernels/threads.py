"""How many threads compute: one number for our kernels and for BLAS."""

from __future__ import annotations

import functools
import os
import threading

PARALLEL_FROM = 1 << 21  # operations of a tenth of a nanosecond: below, waking a second thread costs more than it gains

_chosen = None


@functools.cache
def cpu_count():
    """CPUs that this process may use; ``NUMBA_NUM_THREADS`` or ``OMP_NUM_THREADS`` lower it."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        given = os.environ.get(name, "").split(",")[0]
        if given.isdigit() and int(given) > 0:
            count = min(count, int(given))
    return count


def get_num_threads() -> int:
    """The number of threads that one op may use."""
    return _chosen or cpu_count()


def set_num_threads(n):
    """Let each op use up to ``n`` threads, in kernels and in BLAS; at most as many as there are CPUs."""
    global _chosen
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"set_num_threads: expected a positive integer, got {n!r}")
    from threadpoolctl import threadpool_limits

    _chosen = min(n, cpu_count())
    threadpool_limits(n, user_api="blas")


def worth(work):
    """On how many threads to run ``work`` elementary operations."""
    return max(1, min(get_num_threads(), work // (PARALLEL_FROM // 2)))


class _Worker(threading.Thread):
    """A thread that waits for a call to make."""

    def __init__(self):
        super().__init__(name="tinygrad_lite worker", daemon=True)
        self.go, self.done = threading.Lock(), threading.Lock()
        self.call = self.result = self.error = None
        self.go.acquire()
        self.done.acquire()
        self.start()

    def run(self):
        while True:
            self.go.acquire()
            try:
                self.result = self.call()
            except BaseException as error:
                self.error = error
            self.call = None
            self.done.release()

    def wait(self):
        """The result of the call, or its error."""
        self.done.acquire()
        result, error = self.result, self.error
        self.result = self.error = None
        if error is not None:
            raise error
        return result


_workers, _team = [], threading.Lock()


def _forget():
    """In a child process there are no workers."""
    global _team
    _workers.clear()
    _team = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def call(compiled, n, args):
    """The results of ``compiled(thread, n, *args)`` for each thread number below ``n``, made at once: the caller takes number 0. If
    another thread has the workers now, the caller makes all calls itself.

    Python's own threads, since a compiled kernel runs without the interpreter's lock: a parallel loop of Numba's takes three times
    as long to compile.
    """
    team = _team
    if not team.acquire(blocking=False):
        return [compiled(thread, n, *args) for thread in range(n)]
    try:
        while len(_workers) < n - 1:
            _workers.append(_Worker())
        helpers = _workers[: n - 1]
        for thread, worker in enumerate(helpers, 1):
            worker.call = functools.partial(compiled, thread, n, *args)
            worker.go.release()
        try:
            first = compiled(0, n, *args)
        except BaseException:
            for worker in helpers:
                worker.done.acquire()
                worker.result = worker.error = None
            raise
        return [first, *[worker.wait() for worker in helpers]]
    finally:
        team.release()

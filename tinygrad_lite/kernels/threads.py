"""How many threads compute: one number for our kernels and for BLAS."""

from __future__ import annotations

import functools
import os
import threading

_chosen = None
_one_at_a_time = threading.Lock()


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


@functools.cache
def start():
    """Load Numba's threads, once: OpenMP where it is there. Returns the name of the layer.

    GNU OpenMP's idle threads spin, which slows BLAS's own threads several times; a short spin keeps calls fast. It reads that
    from the environment when it is loaded: the variable is set for this moment only, and not if the user has chosen.
    """
    import numba
    from numba.np.ufunc import parallel

    if "NUMBA_THREADING_LAYER" not in os.environ and "NUMBA_THREADING_LAYER_PRIORITY" not in os.environ:
        numba.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]
    ours = not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(os.environ)
    if ours:
        os.environ["GOMP_SPINCOUNT"] = "1000"
    try:
        parallel._launch_threads()
    finally:
        if ours:
            del os.environ["GOMP_SPINCOUNT"]
    return numba.threading_layer()


def run(compiled, n, args):
    """Call a parallel kernel on up to ``n`` threads."""
    import numba

    if start() == "workqueue":  # it cannot be entered twice
        with _one_at_a_time:
            numba.set_num_threads(n)
            return compiled(*args)
    numba.set_num_threads(n)
    return compiled(*args)

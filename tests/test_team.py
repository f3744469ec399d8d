"""Kernels on several threads: every round is taken once, by workers asleep or awake; no array is kept or freed too early."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite.kernels import activation, elementwise, team, threads

SIZE = 40 * elementwise.BLOCK + 17
G, BY = np.random.default_rng(0).standard_normal((2, SIZE)).astype(np.float32)
RIGHT = np.where(BY > 0, G, np.float32(0))


def gated(n):
    out = np.full(SIZE, 7, np.float32)
    elementwise.gate_loop.on(n, G, BY, out)
    return out


@pytest.mark.parametrize("n", [1, 2, 3, 5, 41, 60])
def test_every_round_is_taken(n):
    for _ in range(3):
        np.testing.assert_array_equal(gated(n), RIGHT)


def test_few_rounds_and_none():
    for size in (0, 1, elementwise.BLOCK):
        out = np.full(size, 7, np.float32)
        elementwise.gate_loop.on(4, G[:size], BY[:size], out)
        np.testing.assert_array_equal(out, RIGHT[:size])


def test_workers_wake_up():
    """Pauses around the time after which they sleep."""
    rng = np.random.default_rng(0)
    for pause in [*rng.uniform(0, 3e-3, 150), 0.05, 0.2]:
        time.sleep(pause)
        np.testing.assert_array_equal(gated(3), RIGHT)


def test_a_sleeping_worker_needs_no_processor():
    gated(4)
    time.sleep(0.2)
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.05


def test_calls_from_several_threads():
    """One of them has the workers, the others make their rounds themselves."""
    wrong, stop = [], time.perf_counter() + 1

    def call(n):
        while time.perf_counter() < stop:
            if not np.array_equal(gated(n), RIGHT):
                wrong.append(n)

    callers = [threading.Thread(target=call, args=(n,)) for n in (1, 2, 3, 4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_arrays_are_neither_kept_nor_freed_too_early():
    for n in (1, 2, 4):
        for _ in range(300):
            g, by = G[: 3 * elementwise.BLOCK].copy(), BY[: 3 * elementwise.BLOCK].copy()
            out = np.empty_like(g)
            before = [sys.getrefcount(a) for a in (g, by, out)]
            elementwise.gate_loop.on(n, g, by, out)
            assert [sys.getrefcount(a) for a in (g, by, out)] == before
            assert np.array_equal(out, RIGHT[: g.size])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_hires_its_own():
    gated(3)
    child = os.fork()
    if not child:
        os._exit(0 if np.array_equal(gated(3), RIGHT) and threads._hired == 2 else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(gated(3), RIGHT)


@pytest.mark.parametrize("at_work", [False, True], ids=["idle", "at work"])
def test_a_process_ends_with_its_workers(at_work):
    code = (
        "import numpy as np, threading, time\n"
        "from tinygrad_lite.kernels import elementwise\n"
        "x = np.ones(1 << 20, np.float32)\n"
        "def run():\n"
        "    while True:\n"
        "        elementwise.gate_loop.on(3, x, x, np.empty_like(x))\n"
        f"if {at_work}:\n"
        "    threading.Thread(target=run, daemon=True).start()\n"
        "    time.sleep(1)\n"
        "elementwise.gate_loop.on(3, x, x, np.empty_like(x))\n"
    )
    for _ in range(4):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and "Error" not in done.stderr, done.stderr


def test_too_many_arguments_are_told():
    @tl.kernels.jit.kernel(parallel=True)
    def many(thread, n_threads, *arrays):
        for i in team_share(arrays[0].size, thread, n_threads):
            arrays[0][i] = 1

    team_share = team.sharing()
    with pytest.raises(Exception, match="too many arguments for a worker's slot"):
        many(*[np.zeros((2,) * 6)] * 40)


def test_dtypes_and_views_reach_the_workers():
    x = np.random.default_rng(0).standard_normal(SIZE)
    for given in (x, x.astype(np.float32), x[::2].copy()):
        out = np.empty_like(given)
        activation.exp_loop.on(3, given, out)
        np.testing.assert_allclose(out, np.exp(given), rtol=1e-6)

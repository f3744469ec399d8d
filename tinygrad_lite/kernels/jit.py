"""The one place for Numba's options: how a kernel is declared, compiled when it is first called, and run."""

from __future__ import annotations

import functools
import gc
import itertools
import os
import sys
import threading
import time
import types

from . import threads
from .cache import KernelCache, cache_directory, writable

PATIENCE = 1.0  # seconds of compiling before a line says so


def share(n, thread, n_threads):
    """The rounds of a loop over ``n`` that thread number ``thread`` takes."""
    return range(n * thread // n_threads, n * (thread + 1) // n_threads)


class Kernel:
    """A function that Numba compiles when it is first called."""

    def __init__(self, function, parallel=False, hires=True, **options):
        functools.update_wrapper(self, function)
        self.function, self.parallel, self.hires, self.options, self.compiled = function, parallel, hires, options, None

    def compile(self):
        """The compiled function."""
        import numba

        watch_compiling()
        name_apart()
        function = self.function
        if self.parallel:
            from .team import sharing

            names = {**function.__globals__, "share": sharing()}
            function = types.FunctionType(function.__code__, names, function.__name__, None, function.__closure__)
            function.__module__, function.__qualname__ = self.function.__module__, self.function.__qualname__
        options = dict(nogil=True, error_model="numpy", no_cfunc_wrapper=True, **self.options)
        compiled = numba.njit(function, **options)
        compiled._cache = KernelCache(function, options)
        module = sys.modules[function.__module__]
        if not self.parallel and getattr(module, function.__name__, None) is self:
            setattr(module, function.__name__, compiled)  # from now on a call goes straight to the compiled function
        self.compiled = compiled
        return compiled

    def __call__(self, *args):
        return self.on(threads.get_num_threads() if self.parallel else 1, *args)

    def run(self, work, *args):
        """Call it, with as many threads as ``work`` elementary operations are worth."""
        if work < threads.PARALLEL_FROM and (compiled := self.compiled) is not None:  # most calls of a small network
            return compiled(0, 1, *args)
        return self.on(threads.worth(work, self.hires), *args)

    def on(self, n, *args):
        """Call it, on ``n`` threads if it is parallel."""
        compiled = self.compiled or self.compile()
        if not self.parallel:
            return compiled(*args)
        return compiled(0, 1, *args) if n == 1 else threads.call(compiled, n, args)


def part(function=None, **options):
    """Declare a function that kernels call and that is compiled into them (decorator). It imports Numba: only for modules that
    are imported when a kernel first runs."""
    import numba

    if function is None:
        return lambda f: part(f, **options)
    return numba.njit(function, nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)


def kernel(function=None, **options):
    """Declare a kernel (decorator): plain Python loops over arrays, compiled by Numba when first called.

    With ``parallel=True`` its first arguments are ``thread`` and ``n_threads``, which `share` turns into the rounds of each thread;
    a call leaves them away. ``loop.run(work, *args)`` says how many elementary operations the call has, which decides on the
    number of threads. ``hires=False``: it takes workers that are there and is no reason to hire any, since these cost BLAS its own.
    Each thread calls the whole function, and the caller once more than that: what it writes, it writes in its rounds.
    """
    if function is None:
        return lambda f: Kernel(f, **options)
    return Kernel(function, **options)


@functools.cache
def name_apart():
    """From now on the functions that this process compiles have names that no other process gives.

    Numba numbers them from 1 in each process, and its linker takes what has one name for one function: of two kernels that two
    processes put into the cache under the same number, one would run the other's code where a third process loads both.
    """
    from numba.core.bytecode import FunctionIdentity

    def begin():
        FunctionIdentity._unique_ids = itertools.count(int.from_bytes(os.urandom(7)))

    if not hasattr(FunctionIdentity, "_unique_ids"):
        raise ImportError("tinygrad_lite does not know how this version of Numba names functions: take one from 0.61 to 0.68")
    begin()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=begin)


@functools.cache
def watch_compiling():
    """From now on a line appears, once, when this process has spent a second in compiling kernels: while it waits, not after. And
    nobody looks for garbage meanwhile: Numba makes so many objects that this would take a twentieth of the time."""
    from numba.core import event

    def say():
        if Announcement.said:
            return
        Announcement.said, folder = True, cache_directory()
        where = (
            f"kept in {folder}" if writable(folder) else "in each run anew: TINYGRAD_LITE_CACHE names no folder that can be written"
        )
        print(f"tinygrad_lite: compiling kernels for this processor, {where}", file=sys.stderr, flush=True)

    class Announcement(event.Listener):
        """Counts the seconds between the start and the end of compiling our functions, which may call each other."""

        depth, spent, said, collected = 0, 0.0, False, False

        def on_start(self, started):
            if self.ours(started):
                self.depth += 1
                if self.depth == 1:
                    self.collected = gc.isenabled()
                    gc.disable()
                if self.depth == 1 and not self.said:
                    self.since = time.perf_counter()
                    self.timer = threading.Timer(max(0.0, PATIENCE - self.spent), say)
                    self.timer.daemon = True
                    self.timer.start()

        def on_end(self, ended):
            if self.ours(ended):
                self.depth -= 1
                if self.depth == 0 and self.collected:
                    gc.enable()
                if self.depth == 0 and not self.said:
                    self.timer.cancel()
                    self.spent += time.perf_counter() - self.since

        def ours(self, happened):
            return happened.data["dispatcher"].py_func.__module__.startswith(__package__)

    event.register("numba:compile", Announcement())

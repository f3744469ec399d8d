"""The one place for Numba's options and for the cache of compiled kernels."""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
import types

from . import threads

prange = range  # in a kernel declared with parallel=True this becomes Numba's, which shares the rounds among threads
PARALLEL_FROM = 1 << 16  # elementary operations: below, a second thread costs more than it gains

_declaring = threading.Lock()  # Numba's cache folder is a setting of the process


@functools.cache
def cache_directory():
    """Where compiled kernels are kept: a folder whose name holds a hash of all kernel sources, since Numba's own key misses
    an edit in another file. None where no such folder can be written: kernels are then compiled anew in each process."""
    import hashlib
    from pathlib import Path

    digest, here = hashlib.sha256(), Path(__file__).parent
    for source in sorted(here.rglob("*.py")):
        digest.update(str(source.relative_to(here)).encode() + source.read_bytes())
    try:
        root = os.environ.get("TINYGRAD_LITE_CACHE")
        if not root:  # Path.home() fails for a user without one
            root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinygrad_lite"
        folder = Path(root) / digest.hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder) if os.access(folder, os.W_OK) else None
    except (OSError, RuntimeError):
        return None


class Kernel:
    """A function that Numba compiles when it is first called."""

    def __init__(self, function, parallel=False, **options):
        functools.update_wrapper(self, function)
        self.function, self.parallel, self.options, self.forms = function, parallel, options, {}

    def form(self, parallel=False):
        """The compiled function, for one thread or for several."""
        if parallel not in self.forms:
            import numba

            function = self.function
            if parallel:
                names = {**function.__globals__, "prange": numba.prange}
                function = types.FunctionType(function.__code__, names, f"{function.__name__}_parallel")
                function.__module__, function.__qualname__ = self.function.__module__, f"{self.function.__qualname__}_parallel"
            folder = cache_directory()
            with _declaring:
                outer = numba.config.CACHE_DIR
                try:
                    numba.config.CACHE_DIR = folder or ""
                    options = dict(nogil=True, error_model="numpy", parallel=parallel, **self.options)
                    self.forms[parallel] = numba.njit(function, cache=folder is not None, **options)
                finally:
                    numba.config.CACHE_DIR = outer
            if not self.parallel:  # from now on a call goes straight to the compiled function
                setattr(sys.modules[self.function.__module__], self.function.__name__, self.forms[parallel])
        return self.forms[parallel]

    def __call__(self, *args):
        return self.run(PARALLEL_FROM, *args)

    def run(self, work, *args):
        """Call it, with as many threads as ``work`` elementary operations are worth."""
        n = min(threads.get_num_threads(), work // (PARALLEL_FROM // 2)) if self.parallel else 1
        parallel = n > 1
        compiled = self.forms.get(parallel) or self.form(parallel)
        if compiled.signatures:
            return threads.run(compiled, n, args) if parallel else compiled(*args)
        begin = time.perf_counter()
        result = threads.run(compiled, n, args) if parallel else compiled(*args)
        took = time.perf_counter() - begin
        if took > 1:
            print(f"tinygrad_lite: compiled {self.function.__name__} in {took:.1f} s (kept for the next run)", file=sys.stderr)
        return result


def kernel(function=None, **options):
    """Declare a kernel (decorator): plain Python loops over arrays, compiled by Numba when first called.

    With ``parallel=True`` the rounds of a loop over `prange` may run on several threads; ``loop.run(work, *args)`` says how many
    elementary operations the call has, which decides on the number of threads.
    """
    if function is None:
        return lambda f: Kernel(f, **options)
    return Kernel(function, **options)

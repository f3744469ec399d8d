"""The one place for Numba's options and for the cache of compiled kernels."""

from __future__ import annotations

import functools
import os
import sys
import threading
import time

_declaring = threading.Lock()  # Numba's cache folder is a setting of the process


@functools.cache
def cache_directory():
    """Where compiled kernels are kept: a folder whose name holds a hash of all kernel sources, since Numba's own key misses
    an edit in another file. None where no such folder can be written: kernels are then compiled anew in each process."""
    import hashlib
    from pathlib import Path

    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
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
    """A function that Numba compiles when it is first called; it then takes its own place in its module."""

    def __init__(self, function, options):
        functools.update_wrapper(self, function)
        self.function, self.options = function, options

    def compile(self):
        """The compiled function, put in the place of this object."""
        import numba

        folder = cache_directory()
        with _declaring:
            outer = numba.config.CACHE_DIR
            try:
                numba.config.CACHE_DIR = folder or ""
                compiled = numba.njit(self.function, cache=folder is not None, nogil=True, error_model="numpy", **self.options)
            finally:
                numba.config.CACHE_DIR = outer
        setattr(sys.modules[self.function.__module__], self.function.__name__, compiled)
        return compiled

    def __call__(self, *args):
        compiled, start = self.compile(), time.perf_counter()
        result = compiled(*args)
        took = time.perf_counter() - start
        if took > 1:
            print(f"tinygrad_lite: compiled {self.function.__name__} in {took:.1f} s (kept for the next run)", file=sys.stderr)
        return result


def kernel(function=None, **options):
    """Declare a kernel (decorator): plain Python loops over arrays, compiled by Numba when first called."""
    if function is None:
        return lambda f: Kernel(f, options)
    return Kernel(function, options)

"""Compiled kernels on disk.

Numba's own cache keeps an index beside its data and trusts both. Two processes that compile different forms of a kernel at once can
leave an index that points to the other's code, for good; a file cut short ends every later run with a traceback; a flipped bit
runs; an edit in another source file is missed. Here each form has a file of its own, complete or absent, named after all that its
code depends on and read only if its hash is right. Whatever else happens on the disk, the kernel is compiled anew.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import sys
import types
from pathlib import Path

ENDING = ".kernel"


def sources_digest(folder):
    """A hash of all kernel sources: a kernel's machine code depends on what it calls, in whatever file."""
    digest = hashlib.sha256()
    for source in sorted(folder.rglob("*.py")):
        text = source.read_bytes()
        digest.update(f"{source.relative_to(folder)} {len(text)} ".encode() + text)
    return digest.hexdigest()[:16]


def cache_root():
    """The folder above the kernel caches of all versions: ``TINYGRAD_LITE_CACHE``, or one in the user's cache folder."""
    if given := os.environ.get("TINYGRAD_LITE_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinygrad_lite"  # home() fails for a user without one


@functools.cache
def cache_directory():
    """Where compiled kernels are kept, a folder named after the kernel sources; None where there is none and none can be made.
    If it cannot be written, what it holds is used and nothing is added."""
    try:
        folder = cache_root() / sources_digest(Path(__file__).parent)
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)
    except (OSError, RuntimeError):
        return None


def writable(folder):
    """Whether compiled kernels can be added to ``folder``."""
    return folder is not None and os.access(folder, os.W_OK | os.X_OK)


def contents(folder):
    """(number, bytes) of the compiled kernels in ``folder`` and below."""
    sizes = []
    for file in Path(folder).rglob(f"*{ENDING}") if folder else ():
        with contextlib.suppress(OSError):  # another process may have taken it away
            sizes.append(file.stat().st_size)
    return len(sizes), sum(sizes)


def identity(value):
    """Text that is equal in all processes for equal values, of what a kernel was made from: options, what a closure holds.
    A function is its name and what it holds in turn: its text is in the hash of the sources."""
    function = getattr(value, "py_func", None) or getattr(value, "_defn", None) or value  # of a compiled function, an intrinsic
    if isinstance(function, types.FunctionType):
        held = [cell.cell_contents for cell in function.__closure__ or ()]
        return f"{function.__module__}.{function.__qualname__}{identity(held)}"
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(map(identity, value)))}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(identity, value))}]"
    if isinstance(value, dict):
        return identity(sorted(value.items()))
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    from numba.core.serialize import dumps

    return hashlib.sha256(dumps(value)).hexdigest()


class KernelCache:
    """What a compiled function of Numba asks for a form before it compiles one, and gives a new one to."""

    def __init__(self, function, options):
        self.name, self.made_from = function.__name__, identity([function, options])
        self.cache_path = (
            cache_directory() if function.__module__.startswith(__package__) else None
        )  # the hash has no other sources

    def file(self, arguments, codegen):
        """The file for the form that takes ``arguments`` (types), on the processor that ``codegen`` writes for."""
        import numba

        settings = numba.__version__, numba.config.OPT, numba.config.BOUNDSCHECK, sys.version_info[:2]
        key = repr((self.made_from, arguments, codegen.magic_tuple(), settings))
        return Path(self.cache_path, f"{self.name}-{hashlib.sha256(key.encode()).hexdigest()[:24]}{ENDING}")

    def load_overload(self, arguments, target):
        """The compiled form, or None."""
        from numba.core.compiler import CompileResult

        target.refresh()
        if self.cache_path is None:
            return None
        try:
            content = self.file(arguments, target.codegen()).read_bytes()
        except OSError:
            return None
        digest, data = content[:32], content[32:]
        return CompileResult._rebuild(target, *pickle.loads(data)) if hashlib.sha256(data).digest() == digest else None

    def save_overload(self, arguments, result):
        """Keep a compiled form, if the disk can."""
        from numba.core.serialize import dumps

        if not writable(self.cache_path) or result.lifted or result.library.has_dynamic_globals:  # such code holds addresses
            return
        data = dumps(result._reduce())
        path = self.file(arguments, result.codegen)
        aside = path.with_name(f"{path.name}.{os.urandom(8).hex()}")
        with contextlib.suppress(OSError):  # a full disk
            try:
                aside.write_bytes(hashlib.sha256(data).digest() + data)
                os.replace(aside, path)
            finally:
                aside.unlink(missing_ok=True)

"""What tinygrad_lite finds on this machine: versions, processor, threads, BLAS, kernel cache, the program ``dot``."""

from __future__ import annotations

import os
import platform
import shutil
from importlib import metadata
from pathlib import Path

from .kernels import cache, threads

PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "graphviz", "safetensors", "tqdm", "threadpoolctl")
VECTORS = ("avx512f", "avx2", "fma", "avx", "sse4.2", "sve", "neon")  # of the features that a processor names, those of vectors


def versions():
    """Package -> version, or what to install."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = f"missing: pip install {package}"
    return found


def processor():
    """The processor's name, and what Numba compiles for."""
    import numba
    from numba.core.registry import cpu_target

    name = platform.processor() or platform.machine()
    if (file := Path("/proc/cpuinfo")).exists():
        named = [line.partition(":")[2].strip() for line in file.read_text().splitlines() if line.startswith("model name")]
        name = named[0] if named else name
    _, target, features = cpu_target.target_context.codegen().magic_tuple()
    has = set(features.split(","))
    vectors = [feature for feature in VECTORS if f"+{feature}" in has]
    given = numba.config.CPU_NAME
    return (
        f"{name}; Numba compiles for {target or 'any'}{' (NUMBA_CPU_NAME)' if given else ''}: {', '.join(vectors) or 'no vectors'}"
    )


def blas():
    """The BLAS that NumPy brought."""
    import numpy  # noqa: F401  it loads its BLAS
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    texts = [f"{p['internal_api']} {p['version']} ({p.get('architecture', 'unknown')}), threads: {p['num_threads']}" for p in pools]
    return "; ".join(dict.fromkeys(texts)) or "none that threadpoolctl knows"


def kernel_cache():
    """Where compiled kernels are kept, how many there are, and whether more can be kept."""
    folder = cache.cache_directory()
    if folder is None:
        return "none: no folder can be made; every run compiles anew (TINYGRAD_LITE_CACHE names another one)"
    number, size = cache.contents(folder)
    old, old_size = (here - all_ for here, all_ in zip(cache.contents(cache.cache_root()), (number, size)))
    text = f"{folder}: {number} compiled kernels, {size / 1e6:.1f} MB"
    text += "" if cache.writable(folder) else "; it cannot be written: what is missing is compiled in every run"
    return text + (f"; of other versions beside it: {old} kernels, {old_size / 1e6:.1f} MB, can be deleted" if old else "")


def dot():
    """Whether pictures can be rendered."""
    return shutil.which("dot") or "not found: pictures are left as .dot files (Debian, Ubuntu: apt install graphviz)"


def facts():
    """What is looked at -> what was found."""
    from . import __version__

    settings = ", ".join(f"{name}={value}" for name, value in os.environ.items() if name.startswith(("NUMBA_", "OMP_", "GOMP_")))
    return {
        "tinygrad_lite": f"{__version__}, {Path(__file__).parent}",
        "python": f"{platform.python_version()}, {platform.platform()}",
        **versions(),
        "processor": processor,
        "threads": lambda: f"{threads.get_num_threads()} of {os.cpu_count()} processors; {settings or 'no settings'}",
        "threading layer": "own workers, awake for about a millisecond after a call; once they exist BLAS has one thread",
        "BLAS": blas,
        "kernel cache": kernel_cache,
        "dot": dot,
    }


def report():
    """Print all facts; returns whether everything that is needed was found. What fails is a line, not the end."""
    sound, found = True, facts()
    width = max(map(len, found))
    for label, value in found.items():
        try:
            text = value() if callable(value) else value
        except Exception as error:
            text = f"failed: {type(error).__name__}: {error}"
        sound = sound and not text.startswith(("missing:", "failed:"))
        print(f"{label:<{width}}  {text}")
    return sound

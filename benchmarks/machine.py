"""What the numbers depend on, and the environment that fixes the threads of a measuring process."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS", "NPROC",
)  # fmt: skip
ALLOCATOR_VARIABLES = ("LD_PRELOAD", "GLIBC_TUNABLES")


def environment(one_thread, **more):
    """The environment of a measuring process: it must be set before the libraries are loaded. All threads means the library's
    own choice: none of the variables is set. ``more``: other variables, None to take one away."""
    env = {name: value for name, value in os.environ.items() if name not in THREAD_VARIABLES and name != "XLA_FLAGS"}
    if one_thread:
        env |= dict.fromkeys(THREAD_VARIABLES, "1") | {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}
    path = os.pathsep.join(filter(None, [str(ROOT), env.get("PYTHONPATH")]))
    env |= {"PYTHONPATH": path, "JAX_PLATFORMS": "cpu"} | more
    return {name: value for name, value in env.items() if value is not None}


def cpus():
    """The CPUs that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def pin():
    """Keep this process on one CPU, where the system can: the last one, since the first serves most interrupts."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cpus()[-1]})


def _status(field):
    """A line of /proc/self/status in bytes, None where there is no such file."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return 1024 * int(line.split()[1])
    return None


def peak_bytes():
    """The most memory that this process has held since it started or since `forget_peak`."""
    unit = 1 if sys.platform == "darwin" else 1024
    return _status("VmHWM") or unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def resident_bytes():
    """The memory that this process holds now; where the system does not say, its peak."""
    return _status("VmRSS") or peak_bytes()


def file_bytes():
    """How much of the resident memory is pages of mapped files: code of libraries, which the system shares and can drop."""
    return _status("RssFile") or 0


def forget_peak():
    """Start the peak anew, where the system can (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _first(path, key=""):
    """The first line of a file that starts with ``key``, what follows the colon if there is one."""
    try:
        line = next(line for line in Path(path).read_text().splitlines() if line.startswith(key))
    except (OSError, StopIteration):
        return "unknown"
    return line.partition(":")[2].strip() if key else line.strip()


def version(package):
    """The installed version of a package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _commit():
    """The commit that was measured, with a mark if files were changed since."""
    git = lambda *words: subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    try:
        changes = git("status", "--porcelain", "--", "tinygrad_lite")
        return git("rev-parse", "--short", "HEAD") + (" with changes" if changes else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _settings(*prefixes, without=()):
    """The environment variables whose names start so, as text."""
    found = [f"{name}={value}" for name, value in os.environ.items() if name.startswith(prefixes) and name not in without]
    return ", ".join(found) or "default settings"


def facts(packages):
    """Machine, system, versions: label -> text."""
    allocator, threads = _settings("MALLOC_", *ALLOCATOR_VARIABLES), _settings("OMP_", "GOMP_", "KMP_", without=THREAD_VARIABLES)
    return {
        "date": time.strftime("%Y-%m-%d %H:%M %Z"),
        "commit": _commit(),
        "processor": f"{_first('/proc/cpuinfo', 'model name')} ({platform.machine()})",
        "CPUs": f"{len(cpus())} to use of {os.cpu_count()}",
        "load before": ", ".join(f"{load:.2f}" for load in os.getloadavg()) + " (1, 5, 15 minutes)",
        "system": f"{platform.system()} {platform.release()}, {' '.join(platform.libc_ver()) or 'unknown C library'}",
        "allocator": "the C library's malloc, the same for all: "
        + f"{allocator}; transparent huge pages: {_first('/sys/kernel/mm/transparent_hugepage/enabled')}",
        "settings of thread pools, beside their size": threads,
        "python": platform.python_version(),
        "versions": ", ".join(f"{package} {version(package)}" for package in packages),
    }

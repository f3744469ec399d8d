"""The cache of compiled kernels: after an edit, without a folder to write, with several processes at once, with damaged files."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite
from tinygrad_lite.kernels import cache, elementwise
from tinygrad_lite.kernels.jit import Kernel

PACKAGE = Path(tinygrad_lite.__file__).parent
HELPER = """
import numba

@numba.njit
def helper(x):
    return x + 1
"""
PROBE = """
import numba

from .jit import kernel, share
from .probe_helper import helper

@kernel(parallel=True)
def shared(thread, n_threads, x, out):
    for i in share(x.size, thread, n_threads):
        out[i] = helper(x[i])

def times(factor):
    @numba.njit
    def long(y):  # too long to become a part of what calls it
LONG
        return y * factor

    @kernel(fastmath={"reassoc", "contract", "nsz"})
    def product(x, out):
        for i in range(x.size):
            out[i] = long(helper(x[i])) if x[i] < 2 else long(helper(x[i]) + 0)
    return product
""".replace("LONG", "\n".join(f"        if y == {k}.25:\n            y += {k * k % 97}" for k in range(100)))
RUN = """
import json, os, sys, time
import numba, numpy as np
if len(sys.argv) > 2:
    while time.time() < float(sys.argv[2]):  # several processes start together
        pass
from tinygrad_lite.kernels import jit, probe
jit.PATIENCE = float(os.environ.get("PATIENCE", "60"))
x = np.arange(4, dtype=sys.argv[1])
out, kernels, values = np.empty_like(x), [probe.shared, probe.times(2), probe.times(3), probe.times(4)], []
kernels = [kernels[int(k)] for k in os.environ.get("ONLY", "0123")]
for kernel in kernels:
    kernel(x, out)
    values.append(out.tolist())
stats = [kernel.compiled.stats for kernel in kernels]
loaded, compiled = (sum(sum(getattr(s, name).values()) for s in stats) for name in ("cache_hits", "cache_misses"))
print(json.dumps({"values": values, "loaded": loaded, "compiled": compiled}))
"""
AS_A_USER = ("setpriv", "--bounding-set=-dac_override") if os.geteuid() == 0 else ()  # root may write everywhere
RIGHT = [[1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0], [3.0, 6.0, 9.0, 12.0], [4.0, 8.0, 12.0, 16.0]]


@pytest.fixture
def place(tmp_path):
    """A copy of the package that has kernels, and what they call, in two more files."""
    kernels = shutil.copytree(PACKAGE, tmp_path / "tinygrad_lite", ignore=shutil.ignore_patterns("__pycache__")) / "kernels"
    (kernels / "probe_helper.py").write_text(HELPER)
    (kernels / "probe.py").write_text(PROBE)
    return tmp_path


def start(place, dtype="float32", at=None, user=False, **environment):
    """A process that runs the kernels."""
    env = {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1", "TINYGRAD_LITE_CACHE": str(place / "cache"), **environment}
    env = {name: value for name, value in {**os.environ, **env}.items() if value is not None}
    command = [*(AS_A_USER if user else ()), sys.executable, "-c", RUN, dtype, *([str(at)] if at else [])]
    return subprocess.Popen(command, cwd=place, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result(process):
    """What it printed, and what it said on the other channel."""
    out, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return json.loads(out), said


def run(place, *args, **options):
    done, said = result(start(place, *args, **options))
    assert done["loaded"] + done["compiled"] == 4
    return done, said


def files(place):
    return sorted((place / "cache").rglob("*.kernel"))


def test_the_second_process_compiles_nothing(place):
    first, said = run(place, PATIENCE="0")
    assert first["values"] == RIGHT and first["compiled"] == 4
    (line,) = said.splitlines()
    assert line.startswith("tinygrad_lite: compiling kernels for this processor, kept in ") and str(place / "cache") in line
    second, said = run(place, PATIENCE="0")
    assert second == {"values": RIGHT, "loaded": 4, "compiled": 0} and said == ""


@pytest.mark.parametrize("order", ["0123", "3210"])
def test_kernels_that_came_from_different_processes_stay_apart(place, order):
    """Numba numbers functions from 1 in each process: by number they have the same name, and a linker takes them for one."""
    for k in "123":
        done, _ = result(start(place, ONLY=k))
        assert done["values"] == [RIGHT[int(k)]] and done["compiled"] == 1
    done, _ = result(start(place, ONLY=order))
    assert done["loaded"] == 3 and done["values"] == [RIGHT[int(k)] for k in order]


def test_after_an_edit_in_another_file_the_new_code_runs(place):
    run(place)
    helper = place / "tinygrad_lite/kernels/probe_helper.py"
    before = helper.stat()
    helper.write_text(HELPER.replace("x + 1", "x + 2"))
    os.utime(helper, ns=(before.st_atime_ns, before.st_mtime_ns))  # same size, same time
    done, _ = run(place)
    assert done["compiled"] == 4 and done["values"][0] == [2.0, 3.0, 4.0, 5.0] and done["values"][2] == [6.0, 9.0, 12.0, 15.0]


def test_an_edit_in_any_kernel_file_is_seen(tmp_path):
    kernels = shutil.copytree(PACKAGE / "kernels", tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    seen = {cache.sources_digest(kernels)}
    sources = sorted(kernels.rglob("*.py"))
    for source in sources:
        source.write_text(source.read_text() + "\n")
        seen.add(cache.sources_digest(kernels))
    sources[0].rename(sources[0].with_name("renamed.py"))
    seen.add(cache.sources_digest(kernels))
    assert len(seen) == len(sources) + 2


def test_two_kernels_of_one_name_differ_by_what_they_hold():
    from tinygrad_lite.kernels.cache import identity

    def made(value):
        def inner():
            return value

        return inner

    held = [2, 3, 2.0, "2", True, None, (2, 3), (3, 2), made(2), made(3), {"reassoc"}, {"reassoc", "nsz"}, np.float32, np.arange(2)]
    texts = [identity(made(value)) for value in held]
    assert len(set(texts)) == len(held) and texts == [identity(made(value)) for value in held]
    assert not any(" at 0x" in text for text in texts)


@pytest.mark.skipif(AS_A_USER and not shutil.which("setpriv"), reason="to root no folder is read-only")
@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
def test_a_folder_that_cannot_be_written(place, filled):
    """A filled one is used; without one the kernels are compiled, and one line says that they are not kept."""
    home, settings = place / "home", dict(TINYGRAD_LITE_CACHE=None, XDG_CACHE_HOME=None, HOME=str(place / "home"), PATIENCE="0")
    home.mkdir()
    if filled:
        run(place, **settings)
    for folder in (home, *home.rglob("*/")):
        folder.chmod(0o555)
    done, said = run(place, user=True, **settings)
    assert done == {"values": RIGHT, "loaded": 4 * filled, "compiled": 4 * (not filled)}
    assert said.splitlines() == [] if filled else len(said.splitlines()) == 1 and "in each run anew" in said
    if filled:  # another form cannot be added
        done, said = run(place, "float64", user=True, **settings)
        assert done["values"] == RIGHT and done["compiled"] == 4 and "in each run anew" in said and len(said.splitlines()) == 1


@pytest.mark.parametrize("root", ["/proc/nowhere", "a file"])
def test_no_folder_at_all(place, root):
    if root == "a file":
        root = place / "file"
        root.write_text("")
    done, said = run(place, TINYGRAD_LITE_CACHE=str(root), PATIENCE="0")
    assert done["values"] == RIGHT and done["compiled"] == 4 and "in each run anew" in said and len(said.splitlines()) == 1


def test_four_processes_start_cold_at_once(place):
    at = time.time() + 1.0
    processes = [start(place, dtype, at) for dtype in ("float32", "float64", "float32", "float64")]
    for process in processes:
        done, said = result(process)
        assert done["values"] == RIGHT and said == ""
    assert len(files(place)) == 8 and len(list((place / "cache").rglob("*.*"))) == 8  # a file for each form, nothing left aside
    for dtype in ("float32", "float64"):
        assert run(place, dtype)[0] == {"values": RIGHT, "loaded": 4, "compiled": 0}


DAMAGE = {
    "empty": lambda content: b"",
    "cut short": lambda content: content[: len(content) // 2],
    "another kind": lambda content: os.urandom(1000),
    "one bit": lambda content: content[:-200] + bytes([content[-200] ^ 1]) + content[-199:],
}


def test_damaged_files_are_made_anew(place):
    run(place)
    for file, damage in zip(files(place), DAMAGE.values(), strict=True):
        file.write_bytes(damage(file.read_bytes()))
    done, said = run(place)
    assert done == {"values": RIGHT, "loaded": 0, "compiled": 4} and said == ""
    assert run(place)[0]["loaded"] == 4


def test_a_full_disk_is_no_error(tmp_path, monkeypatch):
    def full(path, content):
        path.touch()
        raise OSError("no space left on device")

    monkeypatch.setattr(cache, "cache_directory", lambda: str(tmp_path))
    monkeypatch.setattr(Path, "write_bytes", full)
    g, out = np.float32([1, 2]), np.empty(2, np.float32)
    Kernel(elementwise.gate_loop.function, parallel=True)(g, np.float32([1, -1]), out)
    assert out.tolist() == [1, 0] and list(tmp_path.iterdir()) == []

"""The tiles of registers: against NumPy here, and as machine code for other processors."""

import os
import subprocess
import sys

import numpy as np
import pytest

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def vector():
    from tinygrad_lite.kernels import vector

    return vector


def compiled(vector, function):
    import numba

    return numba.njit(function, error_model="numpy")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("step", [0, 1, 3])
@pytest.mark.parametrize("depth", [1, 2, 37])
def test_tile_rows(vector, dtype, step, depth):
    pointer, tile_rows, rows, vectors = vector.pointer, vector.tile_rows, vector.ROWS, vector.VECTORS
    width = vectors * vector.WIDTH // np.dtype(dtype).itemsize

    @lambda f: compiled(vector, f)
    def run(a, table, offsets, b, c, add):
        tile_rows(
            rows, vectors, step, add, pointer(a), pointer(table), pointer(offsets), offsets.size, pointer(b), b.shape[1], 0,
            pointer(c), c.shape[1],
        )  # fmt: skip

    a, b = RNG.standard_normal(500).astype(dtype), RNG.standard_normal((depth, width + 3)).astype(dtype)
    table, offsets = RNG.integers(0, 200, rows), RNG.integers(0, 200, depth)
    begins = np.arange(rows) * step if step else table
    expected = a.astype(float)[begins[:, None] + offsets] @ b[:, :width]
    c = np.full((rows, width + 1), np.nan, dtype)
    run(a, table, offsets, b, c, False)  # what was there does not count, even a NaN
    np.testing.assert_allclose(c[:, :width], expected, rtol=0, atol=1e-5 if dtype == np.float32 else 1e-13)
    assert np.isnan(c[:, width]).all()
    run(a, table, offsets, b, c, True)
    np.testing.assert_allclose(c[:, :width], 2 * expected, rtol=0, atol=2e-5 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("given", "wanted"), [(None, None), (1, 2), (3, 1)])
def test_transpose(vector, dtype, given, wanted):
    pointer, transpose, n = vector.pointer, vector.transpose, vector.WIDTH // np.dtype(dtype).itemsize
    given, wanted = min(given or n, n), min(wanted or n, n)

    @lambda f: compiled(vector, f)
    def run(source, sources, given, target, targets, wanted, bias, relu):
        transpose(pointer(source), pointer(sources), given, pointer(target), pointer(targets), wanted, pointer(bias), relu)

    source, bias = RNG.standard_normal((given, n + 5)).astype(dtype), RNG.standard_normal(n).astype(dtype)
    sources, targets = np.arange(n) * (n + 5), RNG.permutation(n) * n
    for relu in (False, True):
        whole = np.zeros((n, n), dtype)
        whole[:given] = source[:, :n]
        expected = np.maximum(whole + bias, 0).T if relu else (whole + bias).T
        target = np.full(n * n, 7, dtype)
        run(source, sources, given, target, targets, wanted, bias, relu)
        for j in range(n):
            np.testing.assert_array_equal(target[targets[j] :][:n], expected[j] if j < wanted else 7)


EMIT = """
import re, sys
import llvmlite.binding as llvm, numba
from tinygrad_lite.kernels import vector
vector.WIDTH = {width}
pointer, tile_rows = vector.pointer, vector.tile_rows

@numba.njit(error_model="numpy", no_cpython_wrapper=True)
def run(a, table, offsets, b, c):
    tile_rows({rows}, {vectors}, 1, True, a, table, offsets, 100, b, {vectors} * {width} // 4, 0, c, 64)

from numba import types
f, t = types.CPointer(types.float32), types.CPointer(types.int64)
run.compile((f, t, t, f, f))
llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()
text = re.sub('target (triple|datalayout) = .*', '', run.inspect_llvm(run.signatures[0]))
module = llvm.parse_assembly(text)
module.triple = "{triple}"
machine = llvm.Target.from_triple("{triple}").create_target_machine(cpu="{cpu}", opt=3)
print(machine.emit_assembly(module))
"""


@pytest.mark.parametrize(
    ("triple", "cpu", "width", "rows", "vectors", "instruction"),
    [
        ("aarch64-linux-gnu", "cortex-a76", 16, 7, 3, "fmla"),
        ("x86_64-linux-gnu", "haswell", 32, 6, 2, "vfmadd231ps"),
        ("x86_64-linux-gnu", "skylake-avx512", 64, 14, 2, "vfmadd231ps"),
    ],
)
def test_the_sums_of_a_tile_stay_in_registers(triple, cpu, width, rows, vectors, instruction):
    code = EMIT.format(triple=triple, cpu=cpu, width=width, rows=rows, vectors=vectors)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = [line.split("//")[0].split("#")[0].split() for line in done.stdout.splitlines()]
    places = [i for i, words in enumerate(lines) if words and words[0] == instruction]
    assert len(places) == rows * vectors
    inner = lines[places[0] : places[-1] + 1]
    spilled = [words for words in inner if any("sp" in word and ("[sp" in word or "(%rsp" in word) for word in words[1:])]
    assert not spilled, spilled

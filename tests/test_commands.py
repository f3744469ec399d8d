"""``python -m tinygrad_lite doctor`` and ``warmup``."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_lite import doctor, warmup
from tinygrad_lite.kernels import cache

ROOT = Path(__file__).parent.parent
LABELS = ["tinygrad_lite", "python", *doctor.PACKAGES, "processor", "threads", "threading layer", "BLAS", "kernel cache", "dot"]


def run(*command, cache, **environment):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TINYGRAD_LITE_CACHE": str(cache), **environment}
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True)


def lines(text):
    """Label -> what was found."""
    return {line[:17].strip(): line[17:] for line in text.splitlines()}


def test_doctor_names_everything(tmp_path):
    done = run("-m", "tinygrad_lite", "doctor", cache=tmp_path, NUMBA_NUM_THREADS="1", NUMBA_CPU_NAME="generic")
    assert done.returncode == 0 and done.stderr == ""
    found = lines(done.stdout)
    assert list(found) == LABELS
    assert re.match(r"\d+\.\d+", found["numpy"]) and re.match(r"\d+\.\d+", found["llvmlite"])
    assert found["processor"].endswith("Numba compiles for generic (NUMBA_CPU_NAME): no vectors")
    assert found["threads"].startswith("1 of ") and "NUMBA_NUM_THREADS=1" in found["threads"]
    assert found["threading layer"] and "threads: " in found["BLAS"]
    assert re.match(rf"{tmp_path}/\w{{16}}: 0 compiled kernels, 0.0 MB$", found["kernel cache"])


def test_doctor_where_things_are_missing(tmp_path, monkeypatch, capsys):
    def version(package):
        if package == "scipy":
            raise doctor.metadata.PackageNotFoundError
        return "1.0"

    monkeypatch.setattr(doctor.metadata, "version", version)
    monkeypatch.setattr(doctor, "blas", lambda: 1 / 0)
    monkeypatch.setattr(doctor.cache, "cache_directory", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not doctor.report()
    found = lines(capsys.readouterr().out)
    assert list(found) == LABELS and found["scipy"] == "missing: pip install scipy"
    assert found["BLAS"] == "failed: ZeroDivisionError: division by zero"
    assert "no folder can be made" in found["kernel cache"] and found["dot"].startswith("not found")


def test_doctor_tells_old_kernels_and_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    here, old = tmp_path / "here", tmp_path / "old"
    for folder, size in ((here, 1_000_000), (old, 2_500_000)):
        folder.mkdir()
        (folder / f"a{cache.ENDING}").write_bytes(bytes(size))
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "cache_directory", lambda: str(here))
    assert doctor.kernel_cache() == (
        f"{here}: 1 compiled kernels, 1.0 MB; of other versions beside it: 1 kernels, 2.5 MB, can be deleted"
    )
    monkeypatch.setattr(cache, "writable", lambda folder: False)
    assert "1.0 MB; it cannot be written: what is missing is compiled in every run" in doctor.kernel_cache()


SMALL = """
import tinygrad_lite.warmup as w
from tinygrad_lite import nn
from tinygrad_lite.kernels import jit
w.MODELS = {"perceptron": ((1, 8, 8), lambda: [nn.Flatten(), nn.Linear(64, 10)])}
w.OPTIMIZERS = {"SGD": w.OPTIMIZERS["SGD"]}
"""
STEP = "jit.PATIENCE = 0\nfor batch in (2, 64): w.training_step({!r}, 'SGD', batch)"
WHOLE = "import tinygrad_lite.warmup as w\nfrom tinygrad_lite.kernels import jit\n"


def check(warm, step, tmp_path):
    """The first warmup compiles, the second finds all, a step after it compiles nothing."""
    first, second = run(*warm, cache=tmp_path), run(*warm, cache=tmp_path)
    for done, compiled in ((first, r"[1-9]\d*"), (second, "0")):
        assert done.returncode == 0, done.stderr
        pattern = rf"{compiled} kernels compiled in [\d.]+ s; ([1-9]\d*) kept in {tmp_path}/\w{{16}} \([\d.]+ MB\)$"
        assert re.match(pattern, done.stdout.splitlines()[0]), done.stdout
        assert "compiling:" in done.stderr and "100%" in done.stderr and "compiling kernels" not in done.stderr
    done = run("-c", step, cache=tmp_path)
    assert done.returncode == 0 and done.stderr == ""


def test_warmup(tmp_path):
    check(("-c", SMALL + "w.warmup()"), SMALL + STEP.format("perceptron"), tmp_path)


@pytest.mark.proof
def test_the_whole_warmup(tmp_path):
    check(("-m", "tinygrad_lite", "warmup"), WHOLE + STEP.format("LeNet-5"), tmp_path)


def test_warmup_without_a_folder():
    done = run("-c", SMALL + "w.warmup(progress=False)", cache="/proc/nowhere", NUMBA_NUM_THREADS="1")
    assert done.returncode == 0 and done.stderr == ""
    assert re.match(r"compiled in [\d.]+ s, but nothing can be kept: /proc/nowhere cannot be written\n", done.stdout)


def test_the_models_have_the_usual_layers():
    kinds = {type(layer).__name__ for *_, layers in warmup.MODELS.values() for layer in layers()}
    assert {"Linear", "Conv2d", "ConvTranspose2d", "MaxPool2d", "AvgPool2d", "BatchNorm2d", "ReLU", "Tanh", "Sigmoid"} <= kinds
    assert {type(layer.layer).__name__ for layer in warmup.MODELS["recurrent"][1]()[:3]} == {"RNN", "LSTM", "GRU"}

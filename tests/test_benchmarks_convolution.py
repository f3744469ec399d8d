"""The benchmark of convolution runs, its table is complete, its float64 reference is right. No time is judged."""

import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import convolution, machine, timing
from benchmarks.convolution import float64, rows
from benchmarks.convolution.report import REPORT as report
from benchmarks.report import SETTINGS

ROOT = Path(__file__).parent.parent
PEER = "torch_last" if importlib.util.find_spec("torch") else "none"
RNG = np.random.default_rng(0)


def run(*options):
    return subprocess.run([sys.executable, "-m", "benchmarks.convolution", *options], cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The report and the results of one quick run."""
    out = tmp_path_factory.mktemp("benchmark")
    options = ("--rows", "c1k5,conv1d,lenet", "--peers", PEER, "--allocator", "raised", "--out", str(out))
    done = run("--quick", *options)
    assert done.returncode == 0, done.stderr
    return (out / "convolution.md").read_text(), json.loads((out / "convolution.json").read_text()), out


def test_a_quick_run_reports_everything(quick):
    text, results, out = quick
    keys = [key for name in ("c1k5", "conv1d", "lenet") for key in rows.NAMES[name]]
    for setting, title in SETTINGS.items():
        part = results["raised"][setting]
        assert list(part["samples"]) == list(part["deviations"]) == keys
        section = text.split(f"## {title}, thresholds of malloc raised\n")[1].split("\n## ")[0]
        assert all(f"| {convolution.ROWS[key].title} | " in section for key in keys)
    assert results["default"] == {} and "default malloc\n\n|" not in text
    assert "Its numbers mean nothing" in text and "Targets: not judged." in text and "reached" not in text and "missed" not in text
    worst = text.split("## Equal work")[1].split("\n## ")[0]
    assert "| tinygrad_lite | " in worst and "gradient of weight" in worst and "losses" in worst
    if importlib.util.find_spec("matplotlib") and PEER != "none":
        assert (out / "convolution.png").stat().st_size > 10_000


@pytest.mark.skipif(PEER == "none", reason="needs PyTorch")
def test_a_row_that_a_peer_does_not_have_stays_empty(quick):
    samples = quick[1]["raised"]["all_threads"]["samples"]
    assert "torch_last" in samples["c1k5 forward"] and "torch_last" not in samples["conv1d forward"]
    assert quick[0].count(f"{convolution.ROWS['conv1d forward'].title} | ") == 2


def test_unknown_row_is_named():
    done = run("--quick", "--rows", "conv9")
    assert done.returncode and "no conv9; there are c1k5, " in done.stderr


# -- the reference: its gradients are those of its output ----------------------------------------------------------------

CASES = {
    "conv": (float64.convolution, [(2, 3, 7, 6), (4, 3, 3, 2), (4,)], dict(stride=2, padding=1)),
    "dilated": (float64.convolution, [(1, 2, 9, 9), (2, 2, 3, 3), (2,)], dict(padding=2, dilation=2)),
    "grouped": (float64.convolution, [(2, 4, 5, 5), (6, 2, 3, 3), (6,)], dict(padding=1, groups=2)),
    "1-D": (float64.convolution, [(2, 3, 8), (4, 3, 5), (4,)], dict(padding=2)),
    "transposed": (float64.transposed, [(2, 3, 4, 5), (3, 2, 4, 4), (2,)], dict(stride=2, padding=1)),
    "max": (float64.pool, [(2, 3, 7, 8)], dict(kind="max", kernel_size=3, stride=2, padding=1)),
    "average": (float64.pool, [(2, 3, 6, 8)], dict(kind="avg", kernel_size=2, stride=2)),
    "batch norm": (float64.batch_norm, [(3, 2, 4, 5), (2,), (2,)], {}),
    "layer norm": (float64.layer_norm, [(3, 2, 5), (5,), (5,)], {}),
    "local response norm": (float64.local_response_norm, [(2, 7, 3, 3)], dict(size=4, alpha=0.5)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_gradients_of_the_reference(case):
    function, shapes, options = CASES[case]
    arrays, directions = ([RNG.standard_normal(shape) for shape in shapes] for _ in range(2))
    shape = function(*arrays, g=np.zeros, **options)["output"].shape
    g = RNG.standard_normal(shape)
    value = lambda t: np.sum(g * function(*[a + t * d for a, d in zip(arrays, directions)], g=np.zeros, **options)["output"])
    result = function(*arrays, g=lambda shape: g, **options)
    slope = sum(np.sum(result[name] * d) for name, d in zip(("input", "weight", "bias"), directions))
    np.testing.assert_allclose(slope, (value(1e-5) - value(-1e-5)) / 2e-5, rtol=1e-6)


def test_the_losses_of_the_reference_fall():
    for network in rows.NETWORKS:
        losses = float64.losses(replace(network, batch=4), 3)
        assert losses[0] > losses[1] > losses[2] > 0


def test_what_the_issue_asks_for_is_there():
    assert [row.targets for row in rows.LAYERS[:8]] == [
        (1.0, 2.8), (2.0, 2.1), (1.2, 1.7), (2.0, 2.2), (2.6, 2.6), (1.1, 1.1), (2.6, 2.6), (0.9, 1.5)
    ]  # fmt: skip
    assert sum(row.target is not None for row in rows.ROWS.values()) == 2 * (8 + 5 + 4) + 3


# -- checks and verdicts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1.001, float("nan")])
def test_a_framework_that_computes_something_else_stops(tmp_path, factor):
    row, right = convolution.ROWS["avg2 backward"], {"output": RNG.random((2, 3)), "input": RNG.random((4, 3))}
    file = str(tmp_path / "right.npz")
    np.savez(file, **right)
    assert convolution.checked(lambda: right, row, "one", file) == {"output": 0.0, "input": 0.0}
    with pytest.raises(SystemExit, match=r"one does not compute the row 'avg2 backward': input differs by .*, allowed 1e-05"):
        convolution.checked(lambda: right | {"input": right["input"] * factor}, row, "one", file)
    network = convolution.ROWS["lenet"]
    assert convolution.checked(lambda: 2.0, network, "one", [1.0, 2.0], [1.0]) == {"loss": 0.0}
    with pytest.raises(SystemExit, match="one does not compute the row 'lenet': loss"):
        convolution.checked(lambda: 2.0 * factor, network, "one", [1.0, 2.0], [1.0])


def results_of(ours, torch, torch_last):
    samples = {"tinygrad_lite": [ours] * 3, "torch": [torch] * 3, "torch_last": [torch_last] * 3}
    part = {"samples": {"c32k5 forward": samples, "conv1d forward": samples}, "deviations": {}, "threads": {}}
    names = list(samples)
    return {
        "quick": False,
        "frameworks": names,
        "raised": {"one_thread": part, "all_threads": part},
        "default": {"one_thread": part},
    }


def test_targets_are_about_the_faster_layout():
    missed, reached = results_of(1.0, 3.0, 1.4), results_of(1.0, 1.6, 3.0)
    assert [j[2:] for j in report.judgements(missed)] == [(1.4, 2.0), (1.4, 1.5)]
    assert report.summary(missed).count("0 of 1 targets reached. Missed: 64,32,14->64 k5, forward (1.40 of") == 2
    assert "| 1.40 of 2 missed |" in report.time_table(missed, "raised", "one_thread")
    assert "| 1.60 of 1.5 reached |" in report.time_table(reached, "raised", "all_threads")
    assert "missed" not in report.time_table(missed, "default", "one_thread")  # targets are about raised thresholds
    assert report.target(convolution.ROWS["stem forward"], "all_threads") == 1.0  # never below, though 0.9 is asked of one thread
    assert "take at most 1.00 times" in report.threads_against_one(missed, "raised")


def test_memory_and_first_steps_are_judged():
    held = lambda allocated: {
        "build": 1.0,
        "first": 8.5,
        "after_import": 0,
        "steps": allocated,
        "allocated": allocated,
        "arrays": 5e6,
    }
    samples = {"tinygrad_lite": [held(6e7)], "torch": [held(8e7)], "torch_last": [held(7e7)]}
    first = dict(empty_cache=held(0) | {"said": "tinygrad_lite: compiling kernels, kept in the cache folder"}, full_cache=held(0))
    results = {"quick": False, "memory": {"lenet": {"samples": samples, **first}}}
    text = report.memory_table(results)
    assert "60.0 MB allocated, PyTorch 70.0 MB in its smaller layout; target, at most PyTorch's: reached" in text
    assert "Arrays alone 5.0 MB, PyTorch 5.0 MB" in text and "| 9.50 | 9.50 |" in text
    assert "it says `tinygrad_lite: compiling kernels, kept in the cache folder`; target, under 10 s" in text
    assert re.search(r"what is happening: reached\. .*; target, under 1 s: missed\.", text)
    first["empty_cache"]["said"] = ""
    assert "it says nothing; target, under 10 s with a line that says what is happening: missed" in report.first_steps(results)


def test_a_tiny_network_has_the_same_layers():
    network = convolution.ROWS["lenet"]
    assert rows.shapes(convolution.tiny(network)) == rows.shapes(network) and len(rows.batch(convolution.tiny(network))[0]) == 1


def test_malloc_of_a_process_is_as_said(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "5")
    assert "MALLOC_TRIM_THRESHOLD_" not in machine.environment(False, MALLOC_TRIM_THRESHOLD_=None)
    assert machine.environment(True, MALLOC_TRIM_THRESHOLD_="7")["MALLOC_TRIM_THRESHOLD_"] == "7"


def test_long_rows_have_fewer_rounds():
    from time import sleep

    steps = {"a": lambda: sleep(2e-3)}
    assert len(timing.in_turn(steps, 1e-3, 20, budget=0.0)["a"]) == 3
    assert len(timing.in_turn(steps, 1e-3, 5, budget=10.0)["a"]) == 5

"""The benchmark runs, its table is complete, and it stops where frameworks do not compute the same thing. No time is judged."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import engine, frameworks, timing
from benchmarks.frameworks import numpy_control
from benchmarks.rows import ROWS

ROOT = Path(__file__).parent.parent
PEER = "torch" if importlib.util.find_spec("torch") else "none"


def run(*options):
    return subprocess.run([sys.executable, "-m", "benchmarks", *options], cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The report and the results of one quick run."""
    out = tmp_path_factory.mktemp("benchmark")
    done = run("--quick", "--peers", PEER, "--out", str(out))
    assert done.returncode == 0, done.stderr
    return (out / "engine.md").read_text(), json.loads((out / "engine.json").read_text()), out


def table_under(text, heading):
    """The lines of the table under a heading, each a dict; "ratio" columns are numbered."""
    lines = [line for line in text.split(f"## {heading}\n")[1].split("\n## ")[0].splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip([f"{i} {name}" for i, name in enumerate(cells[0])], line)) for line in cells[2:]]


@pytest.mark.parametrize("heading", ["One thread", "All threads"])
def test_every_row_has_times_and_ratios(quick, heading):
    lines = table_under(quick[0], heading)
    assert [line["0 row"] for line in lines] == [row.title for row in ROWS.values()]
    for line in lines:
        ratios = [float(value) for name, value in line.items() if name.endswith(" ratio")]
        assert len(ratios) == (2 if PEER == "torch" else 1)
        assert all(ratio > 0 for ratio in ratios)
        assert re.match(r"[\d.]+ \[[\d.]+, [\d.]+\]$", line["1 tinygrad_lite µs [quartiles]"])


def test_equal_work_was_checked(quick):
    for setting in ("one_thread", "all_threads"):
        deviations = quick[1][setting]["deviations"]
        assert list(deviations) == list(ROWS)
        for row in deviations.values():
            assert set(row) == set(quick[1]["frameworks"])
            assert all(0 <= deviation <= engine.TOLERANCE for deviation in row.values())


def test_import_memory_machine_and_plot_are_reported(quick):
    text, results, out = quick
    assert len(table_under(text, "Import time")) == len(table_under(text, "First call and memory")) == len(results["frameworks"])
    for fact in ("processor", "CPUs", "allocator", "versions", "threads of tinygrad_lite"):
        assert f"- {fact}" in text
    assert "Its numbers mean nothing" in text and "reached" not in text and "missed" not in text
    if importlib.util.find_spec("matplotlib"):
        assert (out / "engine.png").stat().st_size > 10_000


def test_a_peer_that_is_not_installed_is_one_line(tmp_path, monkeypatch, capsys):
    from benchmarks import __main__ as main

    monkeypatch.setattr(frameworks.Framework, "installed", lambda self: False)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick", "--rows", "chain", "--threads", "1", "--peers", "mygrad"])
    main.main()
    assert "MyGrad is not installed: left out." in capsys.readouterr().out


def test_unknown_row_is_named():
    done = run("--quick", "--rows", "chian")
    assert done.returncode and "no chian; there are chain, xor" in done.stderr


@pytest.mark.parametrize("factor", [1.001, float("nan")])
def test_a_framework_that_computes_something_else_stops(factor):
    row = ROWS["xor"]
    expected = numpy_control.reference(row, 3)
    step = frameworks.build(numpy_control, row)
    assert engine.checked(step, row, "control", expected) <= engine.TOLERANCE
    wrong = frameworks.build(numpy_control, row)
    with pytest.raises(SystemExit, match="broken does not compute the row 'xor'"):
        engine.checked(lambda: wrong() * factor, row, "broken", expected)


def test_a_wrong_update_is_seen_in_the_second_loss():
    from dataclasses import replace

    for row in ROWS.values():
        if row.sizes:
            wrong = replace(row, lr=row.lr * 1.01)
            with pytest.raises(SystemExit, match="does not compute"):
                engine.checked(frameworks.build(numpy_control, wrong), row, "broken", numpy_control.reference(row, 2))


def test_ratio_is_that_of_neighbours():
    assert timing.ratio([2.0, 40.0, 6.0], [1.0, 20.0, 2.0]) == 2.0  # the machine slowed down in the second round, for both
    assert timing.summary([1.0, 2.0, 3.0, 4.0, 5.0]) == (2.0, 3.0, 4.0)
    assert timing.summary([1.0]) == (1.0, 1.0, 1.0)


def test_calibration_fills_the_sample():
    from time import perf_counter, sleep

    count = timing.calibrate(lambda: sleep(1e-3), 0.02)
    assert 2 <= count <= 20
    start = perf_counter()
    assert len(timing.in_turn({"a": lambda: None, "b": lambda: None}, 1e-4, 3)["b"]) == 3
    assert perf_counter() - start < 1

"""The benchmark of recurrence runs, its table is complete, all frameworks compute the same thing. No time is judged."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import recurrence
from benchmarks.recurrence import COUNTERPART, ours, rows
from benchmarks.recurrence.report import REPORT
from benchmarks.report import SETTINGS

ROOT = Path(__file__).parent.parent
PEER = "torch" if importlib.util.find_spec("torch") else "none"
LAYERS = {layer.name: layer for layer in rows.LAYERS}


def run(*options):
    return subprocess.run([sys.executable, "-m", "benchmarks.recurrence", *options], cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The report and the results of one quick run."""
    out = tmp_path_factory.mktemp("benchmark")
    peers = COUNTERPART if PEER == "none" else f"{PEER},{COUNTERPART}"
    done = run("--quick", "--rows", "rnn_t200h32,clockwork", "--peers", peers, "--allocator", "raised", "--out", str(out))
    assert done.returncode == 0, done.stderr
    return (out / "recurrence.md").read_text(), json.loads((out / "recurrence.json").read_text()), out


def test_a_quick_run_reports_everything(quick):
    text, results, out = quick
    keys = [f"{name} {which}" for name in ("rnn_t200h32", "clockwork") for which in ("forward", "backward")]
    for setting, title in SETTINGS.items():
        part = results["raised"][setting]
        assert list(part["samples"]) == list(part["deviations"]) == keys
        section = text.split(f"## {title}, thresholds of malloc raised\n")[1].split("\n## ")[0]
        assert all(f"| {recurrence.ROWS[key].title} | " in section for key in keys)
        for key, samples in part["samples"].items():  # every framework of a row was checked before it was timed
            assert set(part["deviations"][key]) == set(samples)
            assert (COUNTERPART in samples) == key.startswith("clockwork")
    assert results["default"] == {} and "memory" not in results
    assert "Its numbers mean nothing" in text and "Targets: not judged." in text and "reached" not in text and "missed" not in text
    assert "gradient of weight | gradient of bias |" in text.split("## Equal work")[1]
    if importlib.util.find_spec("matplotlib"):
        assert (out / "recurrence.png").stat().st_size > 10_000


def test_unknown_row_is_named():
    done = run("--quick", "--rows", "lstm_t1")
    assert done.returncode and "no lstm_t1; there are lstm_t100h64, " in done.stderr


# -- the rows --------------------------------------------------------------------------------------------------------


def test_what_the_issue_asks_for_is_there():
    assert [LAYERS[f"lstm_t{t}h{h}"].targets for t, h in ((100, 64), (50, 128), (50, 512), (28, 128), (200, 32), (200, 256))] == [
        (1.15, 1.2), (1.0, 1.0), (0.95, 1.0), (1.05, 1.05), (2.0, 3.5), (1.0, 0.95)
    ]  # fmt: skip
    assert LAYERS["gru_t200h32"].targets == (30.0, 60.0) and LAYERS["rnn_t28h128"].targets == (2.3, 1.8)
    others = {name: layer.targets[1] for name, layer in LAYERS.items() if "_t" not in name and layer.targets[1]}
    assert others == {
        "bidirectional": 1.1, "lstm_lengths": 2.0, "gru_lengths": 2.0, "clockwork": 1.5, "gru_before": 2.0, "lstm_cell": 1.0,
        "decay": 0.9,
    }  # fmt: skip
    assert recurrence.ROWS["char_rnn"].target == 1.2 and len(LAYERS) == 3 * 6 + 10


def small(layer):
    """The layer with few steps and units."""
    sizes = (6, 3, 4, 16 if layer.kind == "ClockworkRNN" else 5)
    options = {name: value[: sizes[-1]] if name == "tau" else value for name, value in layer.options.items()}
    return replace(layer, size=sizes, options=options, backward=True)


def close(got, expected, atol):
    assert list(got) == list(expected)
    for what, value in got.items():
        np.testing.assert_allclose(np.asarray(value.detach()), np.asarray(expected[what].detach()), rtol=0, atol=atol, err_msg=what)


@pytest.mark.skipif(PEER == "none", reason="needs PyTorch")
@pytest.mark.parametrize("name", [name for name in LAYERS if "_t" not in name or "t28" in name])
def test_all_write_the_same_layer(name):
    from benchmarks.recurrence import pytorch

    row = small(LAYERS[name])
    close(ours.layer(row, np.float64)(), pytorch.layer(row, np.float64)(), 1e-12)


@pytest.mark.parametrize("name", ["rnn_t28h128", "lstm_t28h128", "gru_t28h128"])
def test_jax_writes_the_same_layer(name):
    jax_scan = pytest.importorskip("benchmarks.recurrence.jax_scan", exc_type=ImportError)
    row = small(LAYERS[name])
    got = jax_scan.layer(row)()
    for what, value in ours.layer(row)().items():
        np.testing.assert_allclose(np.asarray(got[what]), np.asarray(value.detach()), atol=1e-5, err_msg=what)
    assert jax_scan.layer(LAYERS["gru_before"]) is jax_scan.layer(LAYERS["lstm_lengths"]) is jax_scan.layer(LAYERS["leaky"]) is None


def test_half_of_the_steps_are_valid():
    lengths = rows.lengths(LAYERS["lstm_lengths"])
    assert abs(lengths.mean() - 25) < 1 and lengths.min() == 1 and list(lengths) != sorted(lengths)


def test_the_decaying_state_becomes_and_stays_denormal():
    given, g = rows.arrays(LAYERS["decay"]), rows.cotangent(LAYERS["decay"])
    assert not given["input"][1:].any() and given["input"][0].any() and not g[2:-1].any() and g[-1].any()
    h = np.ones(64, np.float32)
    for _ in range(2000):
        h = np.tanh(given["weight_hh_l0"] @ h)
    assert h.min() > 0 and h.max() < np.finfo(np.float32).tiny


def test_a_counterpart_is_a_layer_of_its_own(monkeypatch):
    from benchmarks.recurrence import ours_counterpart

    row = replace(LAYERS["clockwork"], backward=True)
    monkeypatch.setattr(ours, "layer", lambda row: row)
    assert ours_counterpart.layer(row).key == "dense backward" and ours_counterpart.layer(row).size == row.size
    assert ours_counterpart.layer(LAYERS["leaky"]) is None


def test_networks_train():
    for network in (recurrence.tiny(rows.CHAR_RNN), *map(recurrence.tiny, rows.CLASSIFIERS[0])):
        step = ours.training(network, *rows.batch(network), rows.first_weights(network))
        losses = [step() for _ in range(4)]
        assert losses[0] > losses[1] > losses[3] > 0
    assert recurrence.tiny(rows.CLASSIFIERS[0][1]).checkpoint == 2


# -- checks and verdicts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1.001, float("nan")])
def test_a_framework_that_computes_something_else_stops(tmp_path, factor):
    row, right, dense = recurrence.ROWS["clockwork backward"], {"output": np.ones((2, 3))}, {"output": np.full((2, 3), 5.0)}
    right |= {"weight_ih_l0": np.ones(4), "weight_hh_l0": np.ones(4)}
    file = str(tmp_path / "clockwork.npz")
    np.savez(file, **right)
    np.savez(tmp_path / "dense.npz", **dense)
    assert recurrence.checked(lambda: right, row, "one", file) == {"output": 0.0, "weight": 0.0}
    assert recurrence.checked(lambda: dense, row, COUNTERPART, file) == {"output": 0.0}
    wrong = right | {"weight_hh_l0": right["weight_hh_l0"] * factor}
    with pytest.raises(SystemExit, match=r"one does not .* 'clockwork backward': weight_hh_l0 differs by .*, allowed 3e-05"):
        recurrence.checked(lambda: wrong, row, "one", file)
    with pytest.raises(SystemExit, match=r"counterpart does not compute the row 'dense forward': output differs by 0.8"):
        recurrence.checked(lambda: {"output": right["output"]}, row, COUNTERPART, file)


def test_rows_are_judged_by_pytorch_or_their_counterpart():
    samples = {"tinygrad_lite": [1.0] * 3, "torch": [3.0] * 3, COUNTERPART: [1.4] * 3}
    part = {"samples": {"clockwork forward": samples, "leaky forward": samples, "gru_before forward": samples}, "threads": {}}
    results = {"quick": False, "frameworks": list(samples), "raised": {"one_thread": part, "all_threads": part}, "default": {}}
    assert [judgement[2:] for judgement in REPORT.judgements(results)] == [(1.4, 1.5), (3.0, 2.0)] * 2
    assert REPORT.summary(results).count("1 of 2 targets reached. Missed: ClockworkRNN T100 B32 I32 H256, 8 modules") == 2
    table = REPORT.time_table(results, "raised", "one_thread")
    assert "| 1.40 of 1.5 missed |" in table and "| 3.00 of 2 reached |" in table and "| 3.00 |\n" in table


def test_memory_and_its_growth():
    held = lambda megabytes: {
        "build": 0.0,
        "first": 0.0,
        "after_import": 0,
        "steps": 0,
        "allocated": megabytes * 1e6,
        "arrays": 5e6,
    }
    samples = {"tinygrad_lite": [held(60)], "torch": [held(70)]}
    growth = [{plain: [n * 8e6], kept: [n**0.5 * 2e6]} for n, (plain, kept) in zip((1, 2, 4), recurrence.GROWTH)]
    memory = {"classifier_t100": {"samples": samples, "empty_cache": held(0), "full_cache": held(0)}}
    text = REPORT.memory_table({"quick": False, "memory": memory, "growth": growth})
    assert "60.0 MB allocated, PyTorch 70.0 MB; target, at most PyTorch's: reached. Arrays alone 5.0 MB, PyTorch 5.0 MB" in text
    assert "| T100 | T200 | T400 | last / first |" in text and "grows by 4, their square root by 2." in text
    assert "| everything kept | 8.0 | 16.0 | 32.0 | 4.00 |" in text
    assert "| checkpoint=10, 14, 20 | 2.0 | 2.8 | 4.0 | 2.00 |" in text

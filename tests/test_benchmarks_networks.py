"""The benchmark of networks runs, its table is complete, all frameworks compute the same thing. No time is judged."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import networks
from benchmarks.networks import ours, rows
from benchmarks.networks.report import REPORT
from benchmarks.networks.weights import SHAPES
from benchmarks.report import SETTINGS

ROOT = Path(__file__).parent.parent
PEER = "torch_last" if importlib.util.find_spec("torch") else "none"
TOLERANCE = {"output": 1e-5, "input": 1e-5, "weight": 3e-5, "bias": 1e-5}


def run(*options):
    return subprocess.run([sys.executable, "-m", "benchmarks.networks", *options], cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The report and the results of one quick run."""
    out = tmp_path_factory.mktemp("benchmark")
    done = run("--quick", "--rows", "lenet,inception", "--peers", PEER, "--allocator", "raised", "--out", str(out))
    assert done.returncode == 0, done.stderr
    return (out / "networks.md").read_text(), json.loads((out / "networks.json").read_text()), out


def test_a_quick_run_reports_everything(quick):
    text, results, out = quick
    for setting, title in SETTINGS.items():
        part = results["raised"][setting]
        assert list(part["samples"]) == list(part["deviations"]) == ["lenet", "inception backward"]
        section = text.split(f"## {title}, thresholds of malloc raised\n")[1].split("\n## ")[0]
        assert all(f"| {networks.ROWS[key].title} | " in section for key in part["samples"])
        for key, samples in part["samples"].items():  # every framework of a row was checked before it was timed
            assert set(part["deviations"][key]) == set(samples) == set(results["frameworks"])
    assert results["default"] == {} and "memory" not in results
    assert "Its numbers mean nothing" in text and "Targets: not judged." in text and "reached" not in text and "missed" not in text
    assert "the probability of GoogLeNet's dropout is 0 in all frameworks" in text
    assert "gradient of weight | gradient of bias | losses |" in text.split("## Equal work")[1]
    if importlib.util.find_spec("matplotlib") and PEER != "none":
        assert (out / "networks.png").stat().st_size > 10_000


def test_unknown_row_is_named():
    done = run("--quick", "--rows", "vgg")
    assert done.returncode and "no vgg; there are lenet, resnet20, inception, googlenet, memory" in done.stderr


# -- the rows --------------------------------------------------------------------------------------------------------


def test_what_the_issue_asks_for_is_there():
    targets = {"lenet": 1.5, "resnet20": 1.5, "inception backward": 1.5, "googlenet forward": 1.3, "googlenet training": 1.3}
    for setting in SETTINGS:
        assert {key: REPORT.target(row, setting) for key, row in networks.ROWS.items()} == targets
    assert [key for keys in networks.NAMES.values() for key in keys] == list(targets)
    assert (rows.LENET.batch, rows.RESNET.batch, rows.TRAINED.batch) == (64, 32, 4)
    assert rows.INCEPTION.shape == (8, 192, 28, 28) and rows.GOOGLENET.shape == (1, 3, 224, 224)
    assert set(networks.MEMORY) == {"resnet20", "googlenet training"}


@pytest.mark.parametrize("name", SHAPES)
def test_the_weights_are_those_of_the_zoo(name):
    state = ours.MODELS[name]().state_dict()
    assert {key: np.shape(array) for key, array in state.items()} == SHAPES[name] and list(state) == list(SHAPES[name])


def test_nothing_is_dropped():
    net = ours.model(rows.TRAINED, rows.first_weights(rows.TRAINED), np.float32)
    x = ours.tl.tensor(rows.images((1, 3, 224, 224)))
    for first, second in zip(net(x), net(x)):
        np.testing.assert_array_equal(first.detach().data, second.detach().data)


@pytest.mark.parametrize("row", [rows.LENET, replace(rows.RESNET, batch=8)], ids=lambda row: row.key)
def test_networks_train(row):
    step = ours.training(row, *rows.batch(row), rows.first_weights(row))
    losses = [step() for _ in range(4)]
    assert losses[0] > losses[1] > losses[2] > losses[3] > 0


SMALL = (replace(rows.INCEPTION, shape=(2, 192, 6, 6)), rows.GOOGLENET)


def agree(module, tmp_path, trained):
    """``module`` computes small rows as the reference does; a network after three updates."""
    expected = ours if PEER == "none" else pytest.importorskip("benchmarks.networks.pytorch")
    for row in SMALL:
        file = str(tmp_path / f"{row.name}.npz")
        np.savez(file, **{name: np.asarray(value.detach()) for name, value in expected.layer(row, np.float64)().items()})
        assert set(networks.checked(module.layer(row), row, "one", file)) <= set(TOLERANCE)
    for row in trained:
        weights, (x, target) = rows.first_weights(row), rows.batch(row)
        wide = {name: array.astype(np.float64) if array.dtype == np.float32 else array for name, array in weights.items()}
        step = expected.training(row, x.astype(np.float64), target, wide)
        losses = [step() for _ in range(4)]
        networks.checked(module.training(row, x, target, weights), row, "one", losses)


SMALLER = rows.LENET, replace(rows.RESNET, batch=8)


@pytest.mark.skipif(PEER == "none", reason="needs PyTorch")
@pytest.mark.parametrize("name", ["tinygrad_lite", "torch", "torch_last"])
def test_all_write_the_same_network(name, tmp_path):
    agree(networks.FRAMEWORKS[name].load(), tmp_path, (*SMALLER, networks.tiny(rows.TRAINED)))


def test_jax_writes_the_same_network(tmp_path):
    agree(pytest.importorskip("benchmarks.networks.jax_jit", exc_type=ImportError), tmp_path, SMALLER)


# -- checks and verdicts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["weight_branch2.1.conv", "bias_branch4.1.conv", "input", "output"])
def test_a_wrong_gradient_stops(tmp_path, wrong):
    row = SMALL[0]
    right = {name: np.asarray(value.detach()) for name, value in ours.layer(row)().items()}
    file = str(tmp_path / "right.npz")
    np.savez(file, **right)
    assert networks.checked(lambda: right, row, "one", file) == dict.fromkeys(TOLERANCE, 0.0)
    for factor in (1.001, float("nan")):
        with pytest.raises(SystemExit, match=f"one does not compute the row 'inception backward': {wrong} differs by"):
            networks.checked(lambda: right | {wrong: right[wrong] * factor}, row, "one", file)


@pytest.mark.parametrize("change", [{"momentum": 0.0}, {"lr": 0.0101}])
def test_another_update_stops(change):
    row = replace(rows.RESNET, batch=4)
    step = ours.training(row, *rows.batch(row), rows.first_weights(row))
    expected = [step() for _ in range(3)]
    other = ours.training(replace(row, **change), *rows.batch(row), rows.first_weights(row))
    with pytest.raises(SystemExit, match="one does not compute the row 'resnet20': loss differs by"):
        networks.checked(other, row, "one", expected)


def test_a_network_without_its_normalisation_stops(monkeypatch):
    row = networks.tiny(rows.TRAINED)
    expected = [ours.training(row, *rows.batch(row), rows.first_weights(row))()]
    monkeypatch.setattr(ours.nn.LocalResponseNorm, "forward", lambda self, x: x)
    with pytest.raises(SystemExit, match="one does not compute the row 'googlenet training': loss differs by"):
        networks.checked(ours.training(row, *rows.batch(row), rows.first_weights(row)), row, "one", expected)


def test_the_first_step_of_googlenet_is_judged():
    held = lambda first: {"build": 1.0, "first": first, "after_import": 0, "steps": 0, "allocated": 6e7, "arrays": 5e6}
    row = {"samples": {"tinygrad_lite": [held(1.0)]}, "empty_cache": held(16.0) | {"said": "compiling kernels"}}
    results = {"quick": False, "memory": {"googlenet training": row | {"full_cache": held(2.5)}}}
    text = REPORT.memory_table(results)
    assert (
        "GoogLeNet from an empty cache: 17.00 s" in text and "under 20 s with a line that says what is happening: reached" in text
    )
    assert "arrays are too few by that" in text
    assert "From a full one: 3.50 s, Numba's import not counted; target, under 3 s: missed." in text

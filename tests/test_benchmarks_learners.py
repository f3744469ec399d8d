"""The benchmark of learners runs, its table is complete, all find the same thing. No time is judged."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import learners
from benchmarks.learners import by_hand, ours, report, rows
from benchmarks.report import SETTINGS

ROOT = Path(__file__).parent.parent
SLOW = {"asynchronous", "synchronous", "autoencoder"}  # by hand
pytestmark = [
    pytest.mark.skipif(not importlib.util.find_spec("sklearn"), reason="the digits are scikit-learn's"),
    pytest.mark.filterwarnings("ignore:Perceptron.fit"),
]


def run(*options):
    return subprocess.run([sys.executable, "-m", "benchmarks.learners", *options], cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The report and the results of one quick run."""
    out = tmp_path_factory.mktemp("benchmark")
    done = run("--quick", "--rows", "perceptron2,boolean,mlp_small", "--out", str(out))
    assert done.returncode == 0, done.stderr
    return (out / "learners.md").read_text(), json.loads((out / "learners.json").read_text()), out


def test_a_quick_run_reports_everything(quick):
    text, results, out = quick
    for setting, title in SETTINGS.items():
        part = results[setting]
        assert (
            list(part["samples"]) == list(part["deviations"]) == ["boolean", "perceptron2", "mlp_small"]
        )  # in the order of the table
        section = text.split(f"## {title}\n")[1].split("\n## ")[0]
        assert all(f"| {learners.ROWS[key].title} | " in section for key in part["samples"])
        assert all(f"threads of {f.title}: " in section for f in learners.FRAMEWORKS.values())
        for key, samples in part["samples"].items():  # each was checked before it was timed
            assert set(part["deviations"][key]) == set(samples)
            assert set(samples) == {"tinygrad_lite", "numpy"} | ({"sklearn"} if key == "perceptron2" else set())
        assert part["deviations"]["perceptron2"]["sklearn"] == {"weight": 0.0}
    assert "Its numbers mean nothing" in text and "Targets: not judged." in text and "reached" not in text and "missed" not in text
    if importlib.util.find_spec("matplotlib"):
        assert (out / "learners.png").stat().st_size > 10_000


def test_unknown_row_is_named():
    done = run("--quick", "--rows", "perceptrom")
    assert done.returncode and "no perceptrom; there are boolean, hebb, oja, " in done.stderr


# -- the rows --------------------------------------------------------------------------------------------------------


def test_what_the_issue_asks_for_is_there():
    assert set(by_hand.STEPS) == set(ours.STEPS) == set(learners.ROWS)
    assert {row.target for row in learners.ROWS.values()} == {1.0, None}
    assert [key for key, row in learners.ROWS.items() if row.target is None] == ["mlp_small", "autoencoder_small"]
    recall = learners.ROWS["asynchronous"]
    assert rows.arrays(recall)["probes"].shape == (1000, 1000) and recall.inputs == 1000


def expected(key, tmp_path, steps=3):
    return learners.reference({"rows": [key], "folder": str(tmp_path), "check_steps": steps})[key]


@pytest.mark.parametrize("key", [key for key in learners.ROWS if key not in SLOW])
def test_all_find_the_same(key, tmp_path):
    right = expected(key, tmp_path)
    for name, framework in learners.FRAMEWORKS.items():
        step = learners.build(framework.load(), learners.ROWS[key])
        if step is not None:
            assert learners.checked(step, learners.ROWS[key], name, right)
            if not learners.ROWS[key].trains:  # the step leaves its arrays as they are
                assert learners.checked(step, learners.ROWS[key], name, right)


@pytest.mark.parametrize("key", ["asynchronous", "synchronous"])
def test_recalls_of_a_small_network(key, tmp_path, monkeypatch):
    row = replace(learners.ROWS[key], inputs=120, outputs=120, examples=9)
    monkeypatch.setattr(rows, "PROBES", 200)
    monkeypatch.setitem(learners.ROWS, key, row)
    with np.load(expected(key, tmp_path)) as file:
        assert np.mean(file["states"] == np.resize(rows.arrays(row)["x"], (200, 120))) > 0.95
    for name in ("tinygrad_lite", "numpy"):
        step = learners.build(learners.FRAMEWORKS[name].load(), row)
        assert learners.checked(step, row, name, expected(key, tmp_path)) == {"states": 0.0}


def test_the_patterns_are_recalled_and_the_classes_are_separated():
    for key, epochs in (("perceptron2", 5), ("perceptron10", 20)):
        row = learners.ROWS[key]
        model = ours.zoo.Perceptron(epochs=row.epochs, initial=rows.arrays(row)["first"])
        model.fit(rows.arrays(row)["x"], rows.arrays(row)["y"])
        assert model.converged_ == (key == "perceptron2") and model.n_iter_ >= epochs
        fields = model.decision_function(rows.arrays(row)["x"]).data  # no sum is 0, in any weights on the way: odd 512ths
        assert (fields.astype(np.float64) * 512 % 2 == 1).all()


def test_networks_train():
    for key in ("mlp_small", "autoencoder_small"):
        step = learners.build(ours, learners.ROWS[key])
        losses = [step() for _ in range(4)]
        assert losses[0] > losses[1] > losses[2] > losses[3] > 0


# -- checks and verdicts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["boolean", "perceptron10", "oja", "mlp_small"])
def test_one_that_finds_something_else_stops(key, tmp_path):
    row, right = learners.ROWS[key], expected(key, tmp_path)
    step = by_hand.STEPS[key](row, **rows.arrays(row))
    for factor in (1.001, float("nan")):
        if row.trains:
            wrong = lambda factor=factor: step() * factor
        else:
            wrong = lambda factor=factor: {name: factor * value for name, value in step().items()}
        with pytest.raises(SystemExit, match=f"one does not compute the row '{key}': .* differs by"):
            learners.checked(wrong, row, "one", right)


def test_another_rate_stops(tmp_path):
    row, right = learners.ROWS["autoencoder_small"], expected("autoencoder_small", tmp_path)
    with pytest.raises(SystemExit, match="loss differs by"):
        learners.checked(learners.build(ours, replace(row, lr=row.lr * 1.3)), row, "one", right)


def test_rows_are_judged_by_every_peer():
    samples = {"tinygrad_lite": [1.0] * 3, "numpy": [3.0] * 3, "sklearn": [0.9] * 3}
    part = {
        "samples": {"perceptron2": samples, "mlp_small": samples, "linear_hebb": {"tinygrad_lite": [1.0] * 3, "numpy": [1.04] * 3}},
        "threads": {},
    }
    results = {"quick": False, "frameworks": list(samples), "one_thread": part}
    missed = f"One thread: 2 of 3 targets reached. Missed: {learners.ROWS['perceptron2'].title} (0.90 of 1)."
    assert report.summary(results).endswith(missed)
    section = report.section(results, "one_thread")
    assert "| 0.90 | 1 missed |" in section and "| 0.90 |  |" in section and "| 1.04 |  |  | 1 reached |" in section

"""What the examples of convolution print is so: the lectures' numbers, and what can be counted by hand."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples"
PRINTED = {
    "10_feature_map": [
        "with the misprint: 2 of 25 numbers differ from the printed map, row 1 column 5, row 3 column 5",
        "with row 3 ending in 0: 0 of 25 numbers differ from the printed map",
        r"4 3 4\s+2 4 3\s+2 3 4",
    ],
    "11_pooling": ["max .*: 4 4 / 3 8", r"average .*: 2 3\.5 / 1\.75 4", "sum .*: 8 14 / 7 16", "stride 1: 4 4 / 8 8"],
    "12_convolution_and_correlation": [r"\|x \* w - w \* x\| = 0", r"\|x \. w - w \. x\| = 5, mirrored in both directions 0"],
    "13_sparse_and_shared": [r"dense +4,917,248 connections +4,923,520 parameters", "convolution +143,648 .* 208 parameters"],
    "14_receptive_field": [r"computed \[3, 5, 7, 9, 11\], measured \[3, 5, 7, 9, 11\]", r"stride 2: .* \[3, 5, 9, 13, 21\]$"],
    "15_equivariance": [r"shifted .* differ by 0\.000", r"turned .* differ by 1\.\d", "max pool 8x8: .* changes 0.00 0.00 0.00"],
    "19_googlenet": [r"together +6,998,552 +1,582,671,872", r"inception4e +832x14x14 +868,352"],
}  # fmt: skip


@pytest.mark.parametrize("name", PRINTED)
def test_the_numbers(name, tmp_path):
    script = FOLDER / f"{name}.py"
    done = subprocess.run([sys.executable, script, "--quick", "--out", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for pattern in PRINTED[name]:
        assert re.search(pattern, done.stdout, re.M), f"{pattern} is not in\n{done.stdout}"
    assert list(tmp_path.glob("*.png"))


def test_the_network_predicts_sunspots_better_than_a_line(tmp_path):
    script = FOLDER / "18_sunspots.py"
    printed = subprocess.run([sys.executable, script, "--out", tmp_path], capture_output=True, text=True).stdout
    errors = {line[:26].strip(): [float(v) for v in line[26:].split()] for line in printed.splitlines() if "0." in line}
    last, line, network = errors["as last year"], errors["linear, least squares"], errors["1-D CNN, mean of 5"]
    assert all(n < k < p for p, k, n in list(zip(last, line, network))[1:])
    assert network[1] < 0.11

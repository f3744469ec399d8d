"""The examples run, print numbers and leave a picture."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("[0-9]*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_runs(path, tmp_path):
    assert len(path.read_text().splitlines()) < 80
    done = subprocess.run([sys.executable, path, "--quick", "--out", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert any(character.isdigit() for character in done.stdout)
    assert any(p.suffix in (".png", ".svg", ".dot") for p in tmp_path.iterdir())


def test_the_numbers_are_right(tmp_path):
    first, second = (
        subprocess.run([sys.executable, path, "--quick", "--out", tmp_path], capture_output=True, text=True).stdout
        for path in EXAMPLES[:2]
    )
    pairs = [line.split("=")[1].split("by hand") for line in first.splitlines() if "by hand" in line]
    assert len(pairs) == 5 and all(a.strip() == b.strip() for a, b in pairs)
    answers = [float(line.split("=")[1]) for line in second.splitlines() if "xor" in line]
    assert [round(a) for a in answers] == [0, 1, 1, 0]

"""The README says what is so: its example prints what it says, its commands exist, its figures stand in the committed results."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from tinygrad_lite import gallery

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_example_is_twelve_lines_and_prints_what_it_says():
    (code,) = re.findall(r"```python\n(import tinygrad_lite.*?)```", README, re.S)
    assert len(code.splitlines()) == 12
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    assert f"prints `{printed.getvalue().strip()}`" in README


def test_the_commands_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"`make ([a-z]+)`", README))
    assert named <= targets and {"demo", "test", "parity", "proof", "bench", "lint", "format", "clean"} <= targets


def test_the_scripts_of_the_zoo_are_found():
    named = re.findall(r"`tinygrad-lite zoo (\w+)`", README)
    assert named and all(gallery.find(name) for name in named)


def test_the_benchmarks_exist():
    named = re.findall(r"`python -m benchmarks\.(\w+)`", README)
    assert {"convolution", "networks", "recurrence"} <= set(named)
    assert all((ROOT / "benchmarks" / name / "__main__.py").exists() for name in named)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\((?!http)([^)]+)\)", README))))
def test_links_lead_somewhere(path):
    assert (ROOT / path).exists()


def test_the_figures_are_those_of_the_committed_results():
    results = (ROOT / "benchmarks" / "results" / "engine.md").read_text()
    rows = [line for line in README.splitlines() if line.startswith("| ") and "µs" not in line and re.search(r"\d\.\d\d \|$", line)]
    assert rows
    for row in rows:
        title, ours, torch, ratio = (cell.strip() for cell in row.strip("|").split("|"))
        line = next(line for line in results.splitlines() if line.startswith(f"| {title}"))
        assert f"| {ours} [" in line and f"| {torch} | {ratio} |" in line, title


def test_the_layer_table_names_every_part():
    parts = {p.name for p in (ROOT / "tinygrad_lite").iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    parts -= {"__init__.py", "__pycache__"}
    table = README.split("## The layers")[1].split("An op is")[0]
    named = {name.rstrip("/") for name in re.findall(r"`([\w.]+/?)`", table)}
    assert parts <= named, parts - named

"""The list of scripts, and the page of all of them."""

import html.parser
import re
import struct
from pathlib import Path

import pytest

import tinygrad_lite as tl
from tinygrad_lite import gallery, nn, optim, zoo
from tinygrad_lite.__main__ import main
from tinygrad_lite.gallery import entries


def test_every_script_has_an_entry_in_order():
    assert [e.name for e in gallery.ENTRIES] == sorted(p.stem for p in entries.EXAMPLES.glob("[0-9]*.py"))


@pytest.mark.parametrize("entry", gallery.ENTRIES, ids=lambda e: e.name)
def test_an_entry_names_what_there_is(entry):
    assert 20 < len(entry.title) < 200 and entry.equation and entry.claim.endswith((".", ")"))
    for name in entry.models.split(", "):
        place, last = name.split(".")
        assert hasattr({"tl": tl, "nn": nn, "optim": optim, "zoo": zoo}[place], last), name


def test_every_model_of_the_zoo_is_shown():
    models = {name for name, value in vars(zoo).items() if isinstance(value, type) and value.__module__.startswith(zoo.__name__)}
    shown = set(re.findall(r"zoo\.(\w+)", " ".join(e.models for e in gallery.ENTRIES)))
    texts = " ".join(e.path.read_text() for e in gallery.ENTRIES)
    assert {m for m in models - shown if not re.search(rf"\b{m}\b", texts)} <= UNSHOWN


ROOT = Path(__file__).parent.parent
UNSHOWN = {
    "Learner",
    "Recall",
    "LeNet5",
    "ResNet",
    "ResNet20",
    "ResidualBlock",
    "VideoCNN",
    "GoogLeNetOutputs",
    "NGram",
}  # measured in benchmarks and proofs


def test_scripts_are_found_by_their_numbers_and_names(capsys):
    assert gallery.find("36").name == gallery.find("translating").name == gallery.find("36_translating_dates").name
    assert gallery.find("hopfield").name == gallery.find("Hopfield").name == "07_hopfield"  # and not that of its capacity
    with pytest.raises(FileNotFoundError, match=r"there are several scripts \(07_hopfield, 08_hop.*\) called .field"):
        gallery.find("field")
    assert main(["zoo", "perpetuum"]) == 1
    assert "there is no script called 'perpetuum'" in capsys.readouterr().err
    assert main(["zoo"]) == 0
    printed = capsys.readouterr().out
    assert all(e.name in printed and e.title in printed for e in gallery.ENTRIES)


def models():
    """The models of the zoo, by name."""
    kinds = nn.Module, zoo.Learner
    return {name: value for name, value in vars(zoo).items() if isinstance(value, type) and issubclass(value, kinds)}


def test_every_model_is_listed_with_its_file_and_script(capsys):
    main(["zoo"])
    script, listed = "", {}
    for line in capsys.readouterr().out.splitlines():
        if not line.startswith(" "):
            script = line
        elif found := re.match(r"    (tl|nn|zoo)\.(\w+): (tinygrad_lite/[\w/]+\.py)$", line):
            listed.setdefault(found[2], []).append(script)
            assert re.search(rf"\b{found[2]}\b", (ROOT / found[3]).read_text())
            assert found[1] != "zoo" or f"class {found[2]}" in (ROOT / found[3]).read_text()
    assert set(models()) - {"Learner"} <= set(listed)
    assert listed["Hopfield"] == ["examples/07_hopfield.py", "examples/08_hopfield_capacity.py"]
    assert listed["LeNet5"] == ["measured in benchmarks and proofs"]


LEARNERS = ["McCullochPitts", "BooleanNetwork", "Hebbian", "Perceptron", "Willshaw", "LinearAssociator", "Hopfield"]


@pytest.mark.parametrize("name", [*LEARNERS, "MultilayerPerceptron", "Autoencoder", "ClockworkRNN", "GoogLeNet"])
def test_a_model_is_run_by_the_first_script_that_shows_it(name):
    for written in (name, name.lower()):
        assert name in gallery.find(written).models
    assert gallery.find(name) is next(e for e in gallery.ENTRIES if name in e.models)


def test_without_the_scripts_that_is_said(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(entries, "EXAMPLES", tmp_path / "gone")
    assert main(["zoo"]) == 1 and "which an installation does not have" in capsys.readouterr().err


def test_one_is_run_with_its_own_folder(tmp_path, capfd):
    assert main(["zoo", "first_gradient", "--out", str(tmp_path)]) == 0
    assert "by hand" in capfd.readouterr().out and list((tmp_path / "01_first_gradient").iterdir())


def test_a_script_that_fails_says_why(monkeypatch, tmp_path):
    (tmp_path / "99_wrong.py").write_text("raise SystemExit('it was the butler')")
    monkeypatch.setattr(entries, "EXAMPLES", tmp_path)
    with pytest.raises(RuntimeError, match="99_wrong failed:\nit was the butler"):
        gallery.run(entries.Entry("99_wrong", "", "", ""), tmp_path, show=False)


class Page(html.parser.HTMLParser):
    """The tags of a page, each closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.links, self.ids = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "img":
            self.images.append(attributes)
        if tag == "a":
            self.links.append(attributes["href"])
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_has_every_script_and_needs_no_network(monkeypatch, tmp_path):
    def run(entry, out, quick, threads, show):
        Path(out).mkdir(parents=True)
        size = (1300, 420) if entry.name.startswith("06") else (900, 850)
        (out / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", *size))
        (out / "graph.svg").write_text("<svg/>")
        return f"<0.1 & {entry.name}>\nthe pictures are in {out} somewhere", 1.25

    monkeypatch.setattr(gallery, "run", run)
    text = gallery.make_page(tmp_path).read_text(encoding="utf-8")
    page = Page(text)
    files = [f"{name}/{file}" for name in page.ids for file in ("graph.svg", "picture.png")]
    assert page.ids == [e.name for e in gallery.ENTRIES] and page.links == [f"#{name}" for name in page.ids] + files
    assert [i["src"] for i in page.images] == files and all(i["alt"] for i in page.images)
    assert re.findall(r'<a class="wide" href="(.*?)">', text) == ["06_associative_memory/picture.png"]  # a phone shows it larger
    assert "http" not in text and "somewhere" not in text and "&lt;0.1 &amp; 01_first_gradient&gt;" in text

"""The picture of a graph: laws of its DOT text, which needs no program `dot`; and `render` with and without the program."""

import re
import shutil
import stat
import sys
import threading

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, viz
from tinygrad_lite.primitive import registry

NODE = re.compile(r"\t+(n\d+) \[(?:label=(\"(?:[^\"\\]|\\.)*\"|\S+) )?")
EDGE = re.compile(r"\t(n\d+) -> (n\d+) \[(?:label=\"((?:[^\"\\]|\\.)*)\")?")
BOX = re.compile(r"\t+graph \[.*?label=(\"(?:[^\"\\]|\\.)*\"|\S+)")


def unquoted(text):
    return text[1:-1] if text[0] == '"' else text


def parse(digraph):
    """{id: (label lines, titles of the boxes around, outermost first)}, [(start, end, label)] of the DOT text."""
    nodes, edges, around = {}, [], []
    for line in digraph.source.splitlines():
        if line.strip().startswith("subgraph"):
            around.append(None)
        elif line.strip() == "}" and around:
            around.pop()
        elif around and around[-1] is None:
            around[-1] = unquoted(BOX.match(line)[1])
        elif found := EDGE.match(line):
            edges.append((found[1], found[2], (found[3] or "").strip()))
        elif found := NODE.match(line):
            assert found[1] not in nodes, f"{found[1]} is drawn twice"
            nodes[found[1]] = tuple(unquoted(found[2]).split("\\n")), tuple(around)
    return nodes, edges


def labels(digraph):
    """The first label line of every box, in the order of their ids."""
    nodes = parse(digraph)[0]
    return [nodes[f"n{i}"][0][0] for i in range(len(nodes))]


def box_of(digraph, label):
    """The titles of the boxes around the one node whose first line is ``label``."""
    (around,) = [around for lines, around in parse(digraph)[0].values() if lines[0] == label]
    return around


def leaf(*shape, dtype=np.float32):
    return tl.Tensor(np.ones(shape, dtype), requires_grad=True)


def mlp():
    """A model, its loss and what it was computed from."""
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    return model, nn.CrossEntropyLoss()(model(tl.ones(6, 4)), tl.tensor([0, 1, 2, 0, 1, 2]))


# -- the laws ----------------------------------------------------------------------------------------------------


def test_every_op_is_one_node_and_every_input_one_arrow():
    x, w = leaf(3), leaf(3)
    y = x * w
    z = (y * y + y.exp()).sum()  # y is used three times, twice by one op
    nodes, edges = parse(viz.draw(z))
    assert sorted(lines[0] for lines, _ in nodes.values()) == sorted(
        ["(3,) float32", "(3,) float32", "mul", "mul", "exp", "add", "sum", "output"]
    )
    assert len(edges) == 2 + 2 + 1 + 2 + 1 + 1
    assert all(int(start[1:]) < int(end[1:]) for start, end, _ in edges)
    assert {n for start, end, _ in edges for n in (start, end)} == set(nodes)


def test_same_program_same_text():
    assert viz.draw(mlp()[1]).source == viz.draw(mlp()[1]).source
    loss = mlp()[1]
    assert viz.draw(loss).source == viz.draw(loss).source


def test_freed_graph_is_drawn_as_before():
    _, loss = mlp()
    before = viz.draw(loss).source
    loss.backward()
    assert loss.source[0].saved is None and viz.draw(loss).source == before


def test_modules_are_nested_boxes_with_their_parameters_inside():
    model, loss = mlp()
    digraph = viz.draw(loss)
    nodes, _ = parse(digraph)
    assert {around for lines, around in nodes.values() if lines[0] == "linear"} == {
        ("Sequential", "0: Linear"), ("Sequential", "2: Linear"),
    }  # fmt: skip
    assert box_of(digraph, "relu") == ("Sequential", "1: ReLU")
    assert box_of(digraph, "cross_entropy") == ("CrossEntropyLoss",)
    for name, parameter in model.named_parameters():
        assert box_of(digraph, name) == ("Sequential", f"{name[0]}: Linear")
        assert (name, f"{parameter.shape} float32") in [lines for lines, _ in nodes.values()]
    titles = re.findall(r"label=\"?(\w+: \w+)", digraph.source)
    assert titles == ["0: Linear", "1: ReLU", "2: Linear"]


def test_scopes_are_boxes_and_one_scope_is_one_box():
    x = leaf(2)
    with tl.scope("outer"):
        with tl.scope("inner"):
            y = x.exp()
        z = y.sin()
        with tl.scope("inner"):
            z = z.cos()
    digraph = viz.draw(z.sum())
    around = {"exp": ("outer", "inner"), "sin": ("outer",), "cos": ("outer", "inner"), "sum": ()}
    assert {name: box_of(digraph, name) for name in around} == around
    assert digraph.source.count("subgraph cluster_") == 2


def test_scopes_of_two_threads_are_one_box():
    x, made = leaf(2), []

    def run():
        with tl.scope("layer"):
            made.append(x.exp())

    for _ in range(2):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert viz.draw(made[0] + made[1]).source.count("subgraph cluster_") == 1


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.hidden = nn.Embedding(7, 4), nn.Linear(4, 4)

    def forward(self, words):
        return self.hidden(self.embed(words)) @ self.embed.weight.T


def test_shared_parameter_is_drawn_once_in_the_box_around_all_uses():
    model = Tied()
    digraph = viz.draw(model(tl.tensor([1, 2])), params=model)
    assert labels(digraph).count("embed.weight") == 1
    assert box_of(digraph, "embed.weight") == ("Tied",)
    assert box_of(digraph, "hidden.weight") == ("Tied", "hidden: Linear")
    nodes, edges = parse(digraph)
    (shared,) = [n for n, (lines, _) in nodes.items() if lines[0] == "embed.weight"]
    assert sum(start == shared for start, _, _ in edges) == 2


class Steps(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.Linear(4, 4)

    def forward(self, h):
        for t in range(3):
            with tl.scope(f"t={t}"):
                h = self.cell(h).tanh()
        return h


def test_parameter_of_several_time_steps_has_the_name_the_steps_share():
    digraph = viz.draw(Steps()(tl.ones(2, 4)))
    assert box_of(digraph, "cell.weight") == ("Steps",)
    assert [around for lines, around in parse(digraph)[0].values() if lines[0] == "linear"] == [
        ("Steps", f"t={t}", "cell: Linear") for t in range(3)
    ]


def test_names_are_those_of_the_model_inside_other_scopes():
    model = nn.Sequential(nn.Linear(4, 5))
    with tl.scope("training"):
        digraph = viz.draw(model(tl.ones(2, 4)))
    assert box_of(digraph, "0.weight") == ("training", "Sequential", "0: Linear")


def test_params_names_leaves():
    w, x = leaf(3), leaf(3)
    y = (w * x).sum()
    assert "the weight" in labels(viz.draw(y, params={"the weight": w}))
    assert "the weight" in labels(viz.draw(y, params=[("the weight", w), ("its other name", w), ("elsewhere", leaf(2))]))
    assert not {"its other name", "elsewhere"} & set(labels(viz.draw(y, params=[("the weight", w), ("its other name", w)])))
    with pytest.raises(TypeError, match="params must be Tensors by name or a Module; w is ndarray"):
        viz.draw(y, params={"w": w.data})


# -- what is written ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "compute, label",
    [
        (lambda x: x * 2.0, ("mul 2.0",)),
        (lambda x: 2.0 * x, ("mul 2.0",)),
        (lambda x: x / 3, ("div 3",)),
        (lambda x: x**2.5, ("pow 2.5",)),
        (lambda x: 1 - x, ("sub", "x=1")),
        (lambda x: x * (1 / 3), ("mul 0.3333",)),
        (lambda x: x.sum(1), ("sum", "dim=1")),
        (lambda x: x.sum(1, keepdim=True), ("sum", "dim=1, keepdim=True")),
        (lambda x: x.sum(), ("sum",)),
        (lambda x: x[1:, :2], ("getitem", "index=[1:, :2]")),
        (lambda x: x[..., None, ::2], ("getitem", "index=[..., None, ::2]")),
        (lambda x: x.double(), ("cast", "dtype=float64")),
        (lambda x: x.permute(1, 0), ("permute", "dims=(1, 0)")),
        (lambda x: tl.linear(x, tl.ones(2, 3)), ("linear",)),  # no bias
    ],
)
def test_label_of_an_op(compute, label):
    made = compute(leaf(2, 3))
    assert parse(viz.draw(made))[0][f"n{len(viz.picture(made).nodes) - 2}"][0] == label


def test_arrows_say_shape_and_the_dtype_that_is_not_usual():
    y = leaf(2, 3).exp().sin().sum(0).double()
    assert [label for *_, label in parse(viz.draw(y.cos()))[1]] == ["", "(2, 3)", "(2, 3)", "(3,)", "(3,) float64", ""]
    assert "arrows: float32" in viz.draw(y).source


def test_arrows_say_which_argument_where_the_order_matters():
    x, w = leaf(2, 2), leaf(2, 2)
    said = {label for *_, label in parse(viz.draw(x.exp() - w.sin()))[1]}
    assert {"(2, 2) → x", "(2, 2) → other"} <= said
    assert not any("→" in label for *_, label in parse(viz.draw(x.exp() + w.sin()))[1])
    _, loss = mlp()
    assert not any("→" in label for *_, label in parse(viz.draw(loss))[1])  # weight and bias say it by their names


def test_several_outputs_of_one_op():
    a, _, c = tl.split(leaf(4, 6) * 1.5, 2, 1)
    nodes, edges = parse(viz.draw(tl.cat([c, a], 1)))
    assert [lines[0] for lines, _ in nodes.values()].count("split") == 1
    assert [label for *_, label in edges if "→" in label] == ["[2] (4, 2) → [0]", "[0] (4, 2) → [1]"]
    values, _ = leaf(2, 3).max(1)
    assert parse(viz.draw(values))[1][-1][2] == "values"


def test_constants_are_boxes_without_a_gradient():
    x, data = leaf(3), tl.ones(3)
    picture = viz.picture((x * data + np.ones(3, np.float32) * x.exp() * np.float64(2)).sum())
    assert [(n.shape, n.dtype) for n in picture.nodes if n.kind == "constant"] == [((3,), "float32")] * 2
    loss = tl.cross_entropy(leaf(2, 3).exp(), tl.tensor([0, 2]))
    assert ("target", "(2,) int64") in [lines for lines, _ in parse(viz.draw(loss))[0].values()]


def test_data_stands_outside_and_a_mask_inside_its_module():
    model = nn.Sequential(nn.Linear(4, 5), nn.Dropout(0.5))
    nodes, _ = parse(viz.draw(model(tl.ones(6, 4))))
    assert nodes["n2"] == (("(6, 4) float32",), ())
    assert (("(6, 5) float32",), ("Sequential", "1: Dropout")) in nodes.values()


def test_outputs_by_number_and_by_name():
    x = leaf(2, 3)
    y = x.exp()
    assert labels(viz.draw([y, y.sum()]))[-2:] == ["output 0", "output 1"]
    nodes, edges = parse(viz.draw({"prediction": y, "loss": y.sum(), "input": x}))
    assert [lines for lines, _ in nodes.values()][-3:] == [
        ("prediction", "(2, 3) float32"), ("loss", "() float32"), ("input", "(2, 3) float32"),
    ]  # fmt: skip
    assert len(edges) == 2 + 3 and labels(viz.draw([y]))[-1] == "output"


def test_fused_op_is_one_node():
    assert registry["cross_entropy"].twin is not None
    loss = tl.cross_entropy(leaf(2, 3), tl.tensor([0, 1]))
    assert labels(viz.draw(loss)) == ["(2, 3) float32", "target", "cross_entropy", "output"]


def test_direction_name_and_legend():
    y = leaf(2).exp()
    assert "rankdir=LR" in viz.draw(y, direction="LR").source and "rankdir=TB" in viz.draw(y).source
    assert viz.draw(y, name="my net").source.startswith('digraph "my net" {')
    assert "<table" in viz.draw(y).source and "parameter" not in viz.draw(y).source  # only kinds that occur
    assert "<table" not in viz.draw(y, legend=False).source
    with pytest.raises(ValueError, match=r"direction must be .*TB.*got 'BT'"):
        viz.draw(y, direction="BT")


NASTY = ['a "quote"', "<b>bold</b>", "{x|y}", "back\\slash", "\\N", "end\\", "a&lt;b", "n0 -> n1", "Größe", "node"]


@pytest.mark.parametrize("name", NASTY)
def test_names_are_escaped(name):
    w = leaf(2)
    with tl.scope(name):
        digraph = viz.draw({name: w.exp()}, params={name: w}, name=name)
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    nodes, _ = parse(digraph)
    assert nodes["n0"] == ((escaped, "(2,) float32"), (escaped,))
    assert nodes["n2"] == ((escaped, "(2,) float32"), ())


@pytest.mark.skipif(not shutil.which("dot"), reason="needs the program dot")
@pytest.mark.parametrize("name", NASTY)
def test_dot_shows_names_as_they_are(name):
    import html

    w = leaf(2)
    with tl.scope(name):
        svg = viz.draw({name: w.exp()}, params={name: w}, name=name).pipe(format="svg").decode()
    shown = [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]
    assert shown.count(name) == 3  # box, parameter, output


def test_deep_graph():
    x = leaf(2)
    y = x
    with tl.scope("deep"):
        for _ in range(50_000):
            y = y * 1.0001
    assert sys.getrecursionlimit() < 50_000
    nodes, edges = parse(viz.draw(y))
    assert (len(nodes), len(edges)) == (50_002, 50_001)


# -- errors ------------------------------------------------------------------------------------------------------


def test_tensor_without_a_graph():
    with pytest.raises(RuntimeError, match="draw: this Tensor has no graph: nothing it was computed from has requires_grad=True"):
        viz.draw(tl.ones(2) * 2)
    with tl.no_grad(), pytest.raises(RuntimeError, match=r"draw: this Tensor \(loss\) has no graph.*compute it again"):
        viz.draw({"y": leaf(2), "loss": leaf(2).sum()})
    with pytest.raises(TypeError, match=r"expected Tensors \(output 1\), got ndarray"):
        viz.draw([leaf(2).exp(), np.ones(2)])
    with pytest.raises(ValueError, match="no outputs were given"):
        viz.draw([])


def test_absent_package_says_what_to_install(monkeypatch):
    y = leaf(2).exp()
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError, match="pip install graphviz"):
        viz.draw(y)
    with pytest.raises(ImportError, match="pip install graphviz"):
        viz.render(y)


# -- files -------------------------------------------------------------------------------------------------------


def test_without_dot_the_text_is_written_and_a_line_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(tmp_path)
    y = leaf(2).exp()
    written = viz.render(y, tmp_path / "new" / "graph.svg", direction="LR")
    assert written == tmp_path / "new" / "graph.dot"
    assert written.read_text() == viz.draw(y, direction="LR").source
    assert [p.name for p in written.parent.iterdir()] == ["graph.dot"]
    line = capsys.readouterr().err
    assert "the program dot is not installed" in line and f"dot -Tsvg {written} -o {written.with_suffix('.svg')}" in line
    assert line.count("\n") == 1


def test_dot_text_needs_no_program(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    y = leaf(2).exp()
    for name in ("graph.dot", "graph.gv"):
        assert viz.render(y, tmp_path / name).read_text() == viz.draw(y).source
    assert capsys.readouterr().err == ""


def fake_dot(folder, monkeypatch, script):
    program = folder / "bin" / "dot"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


def test_file_is_whole_or_absent_when_dot_fails(tmp_path, monkeypatch):
    fake_dot(tmp_path, monkeypatch, "cat > /dev/null; echo half of a picture; exit 3")
    old = tmp_path / "graph.svg"
    old.write_text("the old picture")
    with pytest.raises(Exception, match="exit status 3"):
        viz.render(leaf(2).exp(), old)
    assert old.read_text() == "the old picture"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bin", "graph.svg"]


def test_file_is_whole_or_absent_when_the_disk_fails(tmp_path, monkeypatch):
    old = tmp_path / "graph.dot"
    old.write_text("the old picture")
    monkeypatch.setattr("os.replace", lambda *names: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        viz.render(leaf(2).exp(), old)
    assert old.read_text() == "the old picture" and [p.name for p in tmp_path.iterdir()] == ["graph.dot"]


@pytest.mark.parametrize(
    "given, written, form",
    [("g", "g.svg", "svg"), ("g.svg", "g.svg", "svg"), ("net.v2", "net.v2.svg", "svg"), ("g.PNG", "g.PNG", "png")],
)
def test_suffix_says_the_format(tmp_path, monkeypatch, given, written, form):
    fake_dot(tmp_path, monkeypatch, 'cat > /dev/null; echo "$@"')
    path = viz.render(viz.draw(leaf(2).exp()), tmp_path / given)
    assert path == tmp_path / written and f"-T{form}" in path.read_text()


@pytest.mark.skipif(not shutil.which("dot"), reason="needs the program dot")
def test_dot_draws_it(tmp_path):
    _, loss = mlp()
    svg = viz.render(loss, tmp_path / "graph").read_text()
    assert svg.count('class="node"') == len(viz.picture(loss).nodes)
    assert svg.count('class="edge"') == len(viz.picture(loss).edges)
    assert svg.count('class="cluster"') == len(viz.picture(loss).groups)

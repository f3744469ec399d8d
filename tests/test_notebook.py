"""What notebooks show, read by an HTML parser."""

from html.parser import HTMLParser

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, tables

VOID = {"br", "hr"}


class Reader(HTMLParser):
    """The text and the cells of HTML; an error where tags do not match."""

    def __init__(self, html):
        super().__init__()
        self.open, self.text, self.rows, self.styles, self.tags = [], "", [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.styles += [value for key, value in attrs if key == "style"]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


class Odd(nn.Module):
    def __init__(self):
        self.layers = {"<b>&": nn.Linear(2, 3)}

    def forward(self, x):
        return self.layers["<b>&"](x)

    def extra_repr(self):
        return "<script>alert('no')</script>"


def shown():
    model = Odd()
    with tl.profile() as p, tl.scope("<i>"):
        model(tl.ones(1, 2)).sum().backward()
    return {
        "module": model, "summary": tl.summary(model, tl.ones(1, 2)), "profile": p, "parameter": model.layers["<b>&"].weight,
        "vector": tl.tensor([1.0, -2.0, np.nan, np.inf]), "integers": tl.arange(5), "0-d": tl.tensor(3.0), "empty": tl.zeros(0, 3),
        "large": tl.randn(50, 60), "images": tl.randn(2, 3, 4), "booleans": tl.tensor([True, False]),
        "made": nn.Parameter(np.ones((2, 2))) * 2,
    }  # fmt: skip


@pytest.mark.parametrize("name", shown())
def test_html_is_well_formed_and_escaped(name):
    html = shown()[name]._repr_html_()
    read = Reader(html)
    assert read.text.strip() and not {"script", "b", "i"} & set(read.tags)


@pytest.mark.parametrize("name", shown())
def test_colours_are_those_of_the_page(name):
    """Light and dark themes: no colour of its own but half transparent ones."""
    for style in Reader(shown()[name]._repr_html_()).styles:
        for declaration in style.split(";"):
            key, _, value = declaration.partition(":")
            if "color" in key or key in ("background", "border-bottom"):
                assert "rgba(" in value or value in ("none", "inherit")


def test_a_tensor():
    read = Reader(shown()["vector"]._repr_html_())
    assert read.text.startswith("Tensor (4,) float32") and read.rows == [["1", "-2", "nan", "inf"]]
    shades = [s for s in read.styles if "rgba" in s]
    assert "220,60,40,0.22" in shades[0] and "40,90,220,0.45" in shades[1] and ",0.00)" in shades[2] and ",0.00)" in shades[3]
    everything = shown()
    assert "Parameter (3, 2) float32, requires_grad=True" in Reader(everything["parameter"]._repr_html_()).text
    assert "Tensor (2, 2) float64, made by mul" in Reader(everything["made"]._repr_html_()).text
    assert "..." in Reader(everything["large"]._repr_html_()).text and "tr" not in Reader(everything["large"]._repr_html_()).tags
    assert "[0, 1, 2, 3, 4]" in Reader(everything["integers"]._repr_html_()).text
    assert "3." in Reader(everything["0-d"]._repr_html_()).text


def test_a_module():
    text = Reader(shown()["module"]._repr_html_()).text
    assert "Odd(<script>alert('no')</script>): 9 parameters" in text
    assert "layers.<b>&: Linear(in_features=2, out_features=3, bias=True): 9 parameters" in text
    holder, held = nn.Sequential(nn.ReLU()), nn.Module()
    holder.back, held.holder = held, holder
    assert Reader(holder._repr_html_()).text.count("Sequential") == 1


def test_tables_say_the_same_as_their_text():
    for name, tables_of in (("summary", lambda s: [s.table()]), ("profile", lambda p: p.tables())):
        thing = shown()[name]
        made = tables_of(thing)
        assert Reader("".join(t.html() for t in made)).rows == [row for t in made for row in (t.headers, *t.rows)]
        for table in made:
            assert all(cell.strip() in str(table) for row in table.rows for cell in row)


NUMBERS = [
    (tables.count, 0, "0"), (tables.count, 9_999_999, "9,999,999"), (tables.count, 12_345_678, "12.3 M"),
    (tables.count, 3_210_000_000, "3.21 G"), (tables.count, 5 * 10**12, "5 T"),
    (tables.size, 999, "999 B"), (tables.size, 1500, "1.5 kB"), (tables.size, 2_500_000, "2.5 MB"), (tables.size, 7e9, "7 GB"),
    (tables.duration, 0.0012345, "1.234 ms"), (tables.duration, 12.5, "12,500.000 ms"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "number", "text"), NUMBERS, ids=[n[2] for n in NUMBERS])
def test_numbers(function, number, text):
    assert function(number) == text

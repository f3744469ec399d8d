"""The picture of a computational graph: what was recorded, as boxes and arrows.

`draw` gives a picture, `render` a file. A graph is first brought into an intermediate form (picture.py), then into the
language of Graphviz (dot.py); another output would start from the same form.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from .dot import to_digraph
from .picture import Edge, Group, Node, Picture, picture

__all__ = ["Edge", "Group", "Node", "Picture", "draw", "picture", "render"]


def draw(outputs, *, params=None, name="graph", direction="TB", legend=True):
    """The graph that led to ``outputs``, as a `graphviz.Digraph` (a notebook shows it; ``.source`` is its DOT text).

    Ops are rounded boxes with their attributes, arrows carry the shape of the value that flows, modules and `tl.scope` are
    nested boxes, a fused op is one op. Also a graph that backward has freed can be drawn. The program ``dot`` is not needed.

    outputs    a Tensor, several, or a dictionary of them by name
    params     names of leaves: a Module, or a dictionary name -> Tensor (``dict(model.named_parameters())``). Without it a
               parameter is named after the module that uses it
    name       the name of the graph in the DOT text
    direction  "TB": data flows from top to bottom, "LR": from left to right
    legend     say below the picture what the colours mean

    Raises RuntimeError for a Tensor without a graph, ImportError without the Python package graphviz.
    """
    return to_digraph(picture(outputs, params=params), name=name, direction=direction, legend=legend)


def render(outputs, path="graph.svg", **options):
    """Write the picture of ``outputs`` to ``path`` and return the `pathlib.Path` that was written.

    outputs  what `draw` takes, or a Digraph that it made
    path     the suffix says the format (.svg, .png, .pdf, ...; .dot or .gv is the DOT text itself); without one it is .svg
    options  as for `draw`

    Layout is the work of the program ``dot`` of Graphviz. Where it is not installed, the DOT text is written beside, with the
    suffix .dot; its path is returned, and a line on stderr says how to get the picture. A file is there whole or not at all.
    """
    digraph = outputs if hasattr(outputs, "pipe") else draw(outputs, **options)
    import graphviz

    path = Path(path)
    if path.suffix[1:].lower() not in graphviz.FORMATS:
        path = path.with_name(path.name + ".svg")
    kind = path.suffix[1:].lower()
    if kind in ("dot", "gv"):
        return _write(path, digraph.source.encode())
    try:
        return _write(path, digraph.pipe(format=kind))
    except graphviz.ExecutableNotFound:
        text = _write(path.with_suffix(".dot"), digraph.source.encode())
        how = f"apt install graphviz, then dot -T{kind} {shlex.quote(str(text))} -o {shlex.quote(str(path))}"
        print(f"the program dot is not installed: wrote {text}; for the picture: {how}", file=sys.stderr)
        return text


def _write(path, content):
    """Write through a file beside it, so that nobody ever finds half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path

"""A picture in the language of Graphviz. Everything about looks is here: colours, forms, which text stands where."""

from __future__ import annotations

import html

# Fill and line colour, and form, so that kinds differ in a grey print too.
LOOKS = {
    "op": {"fillcolor": "#E6EEFA", "color": "#5B7DB1", "style": "rounded,filled"},
    "parameter": {"fillcolor": "#FFF0D0", "color": "#C08A2B"},
    "input": {"fillcolor": "#E1F3E2", "color": "#5A9A5E"},
    "constant": {"fillcolor": "#F3F3F3", "color": "#9A9A9A", "style": "filled,dashed", "fontsize": "9"},
    "output": {"fillcolor": "#F8E2EB", "color": "#B0587F", "penwidth": "1.8"},
}
MEANING = {kind: kind for kind in LOOKS} | {"input": "input (requires grad)", "constant": "constant (no gradient)"}
GROUP_FILLS = ("#FAFAFA", "#F4F5F7")  # by depth, in turn, so that a box shows inside a box

FONT = "Helvetica,Arial,sans-serif"
GRAPH = {"fontname": FONT, "fontsize": "10", "fontcolor": "#444444", "labelloc": "b", "nodesep": "0.3", "ranksep": "0.4"}
NODE = {"fontname": FONT, "fontsize": "11", "shape": "box", "style": "filled", "margin": "0.12,0.05", "height": "0.3"}
EDGE = {"fontname": FONT, "fontsize": "9", "fontcolor": "#555555", "color": "#777777", "arrowsize": "0.6"}


def to_digraph(picture, *, name="graph", direction="TB", legend=True):
    """The `graphviz.Digraph` of a `Picture`; the options are those of `tinygrad_lite.viz.draw`. Equal pictures give equal text."""
    if direction not in ("TB", "LR"):
        raise ValueError(f'draw: direction must be "TB" (top to bottom) or "LR" (left to right), got {direction!r}')
    try:
        from graphviz import Digraph, escape
    except ImportError as error:
        raise ImportError("draw needs the Python package graphviz: pip install graphviz") from error

    def text(*lines):
        """Lines of a label as they are: nothing in them is markup, an escape or an entity of DOT."""
        return type(escape(""))("\\n".join(escape(" ".join(line.split()).replace("&", "&amp;")) for line in lines if line))

    digraph = Digraph(escape(name), graph_attr={"rankdir": direction, **GRAPH}, node_attr=NODE, edge_attr=EDGE)
    if legend:
        digraph.graph_attr["label"] = _legend(picture)
    boxes, inner, outer = [], [[] for _ in picture.groups], []
    for i, group in enumerate(picture.groups):
        depth = 0 if group.parent is None else boxes[group.parent][1] + 1
        look = {"label": text(group.title), "tooltip": text(group.path or group.title), "labelloc": "t", "labeljust": "l",
                "style": "rounded,filled", "fillcolor": GROUP_FILLS[depth % 2], "color": "#B4BBC6"}  # fmt: skip
        boxes.append((Digraph(f"cluster_{i}", graph_attr=look), depth))
        (outer if group.parent is None else inner[group.parent]).append(i)
    for i, node in enumerate(picture.nodes):
        box = digraph if node.group is None else boxes[node.group][0]
        box.node(f"n{i}", text(*_lines(node)), tooltip=text(*_tooltip(node)), **LOOKS[node.kind])
    for i in reversed(range(len(boxes))):  # an inner box has the larger index: it is whole before it is put into the outer
        for k in inner[i]:
            boxes[i][0].subgraph(boxes[k][0])
    for i in outer:
        digraph.subgraph(boxes[i][0])
    with_leaves = {edge.end for edge in picture.edges if _is_leaf_beside(picture.nodes[edge.start], picture.nodes[edge.end])}
    for edge in picture.edges:
        start, end = picture.nodes[edge.start], picture.nodes[edge.end]
        label = _edge_label(edge, start, end, picture.dtype)
        from_to = f"{start.name or start.kind} to {end.name or end.kind}"
        tooltip = text(f"{edge.shape} {edge.dtype}", from_to)
        said = {"label": type(tooltip)(f" {text(label)} ")} if label else {}  # spaces, for the text touches the arrow without
        if start.kind == "op":
            said["weight"] = "4"  # what was computed goes straight, leaves stand aside
            if start.group != end.group and edge.end in with_leaves:
                said["minlen"] = "2"  # room for the leaves: so boxes stand below each other, not side by side
        digraph.edge(f"n{edge.start}", f"n{edge.end}", **said, tooltip=tooltip, labeltooltip=tooltip)
    return digraph


def _is_leaf_beside(node, op):
    return node.kind != "op" and node.group == op.group


def _lines(node):
    """The text of a box."""
    if node.kind == "op":
        numbers = [note for note in node.notes if "=" not in note]
        return " ".join([node.name, *numbers]), ", ".join(note for note in node.notes if "=" in note)
    return node.name, f"{node.shape} {node.dtype}"


def _tooltip(node):
    """What shows when the mouse rests on a box: where it is, what it does."""
    named = f"{node.name or node.kind} in {node.place}" if node.place else node.name or node.kind
    return named, MEANING[node.kind] if node.kind != "op" else node.about


def _edge_label(edge, start, end, usual):
    """``[1] (8, 3) float64 → x``: which output; the shape, and the dtype where it is not the usual one; which argument.
    A box that says the shape itself (a leaf, an output) leaves its arrow free of it."""
    shape = dtype = ""
    if start.kind == "op" and end.kind != "output":
        shape, dtype = str(edge.shape), edge.dtype if edge.dtype != usual else ""
    return " ".join(filter(None, (edge.output, shape, dtype, f"→ {edge.argument}" if edge.argument else "")))


def _legend(picture):
    """One line below the picture: the colours that occur, and the dtype of arrows that say none."""
    kinds = {node.kind for node in picture.nodes}
    cells = "".join(
        f'<td bgcolor="{look["fillcolor"]}" color="{look["color"]}" border="1">{MEANING[kind]}</td>'
        for kind, look in LOOKS.items() if kind in kinds
    )  # fmt: skip
    note = f"<td>arrows: {html.escape(picture.dtype)} where nothing else is written</td>"
    return f'<<table border="0" cellborder="0" cellspacing="6" cellpadding="3"><tr>{cells}{note}</tr></table>>'

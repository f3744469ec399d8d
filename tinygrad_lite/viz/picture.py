"""The intermediate form of a picture: nodes, arrows and nested groups, free of arrays and of any drawing language.

`picture` reads it off a recorded graph: iteratively, because graphs are deeper than Python's stack, and from the structure
alone, because backward frees the arrays.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from ..record import Value


@dataclass(slots=True)
class Node:
    """A box.

    kind    "op", "parameter" (a leaf with a name), "input" (a leaf without), "constant" (no gradient flows there), "output"
    name    of the op, of the parameter (``layers.0.weight``), of the argument that a constant is; may be empty
    notes   the numbers and attributes of an op, as text: ``dim=1``
    shape   of the value, and its dtype; None for an op, whose arrows say it
    group   index of the `Group` it stands in, None for outside of all
    place   the whole path of modules, and where it is known the line of the call
    about   what the op computes, in a line
    """

    kind: str
    name: str
    notes: tuple = ()
    shape: tuple | None = None
    dtype: str | None = None
    group: int | None = None
    place: str = ""
    about: str = ""


@dataclass(slots=True)
class Edge:
    """An arrow: the value that flows from one node to another (indices of nodes).

    output    of an op with several outputs, which one: its name or ``[1]``
    argument  of an op with several inputs, which one, where the picture would leave it open
    """

    start: int
    end: int
    shape: tuple
    dtype: str
    output: str = ""
    argument: str = ""


@dataclass(slots=True)
class Group:
    """A box around what one module or `tl.scope` computed: its name, its class, the index of the group around it."""

    name: str
    kind: str
    parent: int | None
    path: str

    @property
    def title(self):
        """``0: Linear``, or what there is of it."""
        return ": ".join(filter(None, (self.name, self.kind)))


@dataclass(slots=True)
class Picture:
    """Nodes in the order in which they were computed (an arrow ends at a later node than it starts from), arrows in the order
    of arguments, groups with the outer before the inner. ``dtype`` is that of most arrows: the usual one."""

    nodes: list = field(default_factory=list)
    edges: list = field(default_factory=list)
    groups: list = field(default_factory=list)
    dtype: str = ""


def picture(outputs, *, params=None):
    """The `Picture` of the graph that led to ``outputs``; the arguments are those of `tinygrad_lite.viz.draw`."""
    targets = _targets(outputs)
    found, uses = _reached([source[0] for _, source in targets])
    build = _Builder(uses, _names(params))
    for node in found:  # groups in the order in which they ran, not in which their parameters were made
        if node.primitive is not None:
            build.group(node.scope)
    for node in found:
        (build.leaf if node.primitive is None else build.op)(node)
    for name, source in targets:
        build.output(name, source)
    edges = build.picture.edges
    build.picture.dtype = Counter(e.dtype for e in edges).most_common(1)[0][0]
    return build.picture


# -- what was asked for ------------------------------------------------------------------------------------------


def _targets(outputs):
    """(name, source) of each output, or the error that says why it cannot be drawn."""
    if isinstance(outputs, dict):
        named = list(outputs.items())
    elif isinstance(outputs, (tuple, list)):
        named = [(f"output {k}" if len(outputs) > 1 else "output", o) for k, o in enumerate(outputs)]
    else:
        named = [("output", outputs)]
    if not named:
        raise ValueError("draw: no outputs were given: give a Tensor, or several")
    for name, o in named:
        which = f" ({name})" if len(named) > 1 else ""
        if not isinstance(o, Value):
            raise TypeError(f"draw: expected Tensors{which}, got {type(o).__name__}")
        if o.source is None:
            raise RuntimeError(
                f"draw: this Tensor{which} has no graph: nothing it was computed from has requires_grad=True, or it was computed "
                "under no_grad, or detached, or it holds integers. Set requires_grad=True on an input (or use parameters) and "
                "compute it again"
            )
    return [(str(name), o.source) for name, o in named]


def _names(params):
    """{key of a leaf: its full name}, the first where a leaf has several."""
    if params is None:
        return {}
    names = {}
    for name, p in dict(params.named_parameters() if hasattr(params, "named_parameters") else params).items():
        if not isinstance(p, Value):
            raise TypeError(f"draw: params must be Tensors by name or a Module; {name} is {type(p).__name__}")
        if p.source is not None:
            names.setdefault(p.source[1], str(name))
    return names


def _reached(starts):
    """Every node that ``starts`` depend on, oldest first; {leaf: scopes of the ops that use it}."""
    seen, uses, stack = set(), {}, list(starts)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            for upstream, _, _ in node.edges:
                if upstream is not None:
                    stack.append(upstream)
                    if upstream.primitive is None:
                        uses.setdefault(upstream, []).append(node.scope)
    return sorted(seen, key=lambda node: node.serial), uses


# -- building ----------------------------------------------------------------------------------------------------

# Ops whose two inputs may change places: arrows need no names. For all others a picture without them would not say what x - y is.
_COMMUTE = frozenset(("add", "mul", "maximum", "minimum", "eq", "ne", "logical_and", "logical_or", "squared_error"))


class _Builder:
    def __init__(self, uses, names):
        self.picture, self.uses, self.names = Picture(), uses, names
        self.at = {}  # recorded node -> index of its box
        self.groups, self.by_key = {}, {}  # Scope -> index; (parent, name, kind) -> index: threads have scopes of their own

    # groups

    def group(self, scope):
        """The index of the group of ``scope`` (None: outside of all), made if it is new."""
        new = []
        while scope is not None and scope not in self.groups:
            new.append(scope)
            scope = scope.parent
        index = None if scope is None else self.groups[scope]
        for scope in reversed(new):
            if scope.name or scope.kind:
                key = index, scope.name, scope.kind
                if key not in self.by_key:
                    self.by_key[key] = len(self.picture.groups)
                    self.picture.groups.append(Group(str(scope.name), scope.kind, index, scope.path))
                index = self.by_key[key]
            self.groups[scope] = index
        return index

    def chain(self, index):
        """The groups around and with ``index``, the outermost first."""
        chain = []
        while index is not None:
            chain.append(index)
            index = self.picture.groups[index].parent
        return chain[::-1]

    def module_path(self, chain):
        """The names of ``chain`` from the outermost module on, as `named_parameters` has them; from the start outside modules."""
        groups = [self.picture.groups[i] for i in chain]
        start = max((k for k, g in enumerate(groups) if g.kind and not g.name), default=0)
        return [g.name for g in groups[start:] if g.name]

    # nodes and arrows

    def add(self, *args, **fields):
        self.picture.nodes.append(Node(*args, **fields))
        return len(self.picture.nodes) - 1

    def leaf(self, node):
        """A parameter stands where it is used, in the innermost group around all uses; an input where it was made, if it can."""
        (shape, dtype), extra = node.metas[0], node.extra
        name, local = self.names.get(node.serial), extra.name if extra is not None else None
        kind = "input" if name is None and not local else "parameter"
        scopes = dict.fromkeys(self.uses.get(node, ()))
        if kind == "input":
            scopes[node.scope] = None
        chains = [self.chain(self.group(scope)) for scope in scopes] or [[]]
        common = _common_start(chains)
        if name is None and local:
            paths = [self.module_path(chain) for chain in chains]
            start = _common_start(paths)  # what t0.cell and t1.cell share is: cell
            end = _common_start([path[len(start) :][::-1] for path in paths])[::-1] if len(paths) > 1 else []
            name = ".".join([*start, *end, local])
        group = common[-1] if common else None
        place = "" if group is None else self.picture.groups[group].path
        self.at[node] = self.add(kind, name or "", shape=tuple(shape), dtype=str(dtype), group=group, place=place)

    def op(self, node):
        declared, group = node.primitive, self.group(node.scope)
        place = ", ".join(filter(None, (node.scope.path, node.extra.line if node.extra is not None else None)))
        about = (declared.doc or "").strip().split("\n\n")[0]
        notes, arrows = [], []
        # a constant beside values that were computed belongs to this op (a mask); else it came from outside (the data)
        beside = any(edge[0] is not None and edge[0].primitive is not None for edge in node.edges)
        for i, (upstream, key, (shape, dtype)) in enumerate(node.edges):
            argument = f"[{i}]" if declared.variadic else declared.inputs[i]
            if upstream is not None:
                arrows.append((self.at[upstream], shape, dtype, _output_name(upstream, key), argument))
            elif dtype is not None:
                name = argument if _tells(argument) and not declared.variadic else ""
                where = {"group": group, "place": place} if beside else {}
                start = self.add("constant", name, shape=tuple(shape), dtype=str(dtype), **where)
                arrows.append((start, shape, dtype, "", argument))
            elif key is not None:  # a Python number
                text, natural = short(key), declared.name in _COMMUTE or i == len(node.edges) - 1 == 1
                notes += [] if text is None else [text if natural else f"{argument}={text}"]
        notes += _attributes(declared, node.attributes)
        end = self.at[node] = self.add("op", declared.name, tuple(notes), group=group, place=place, about=" ".join(about.split()))
        said = [_says(self.picture.nodes[start], argument) for start, *_, argument in arrows]
        silent = declared.name in _COMMUTE or said.count(False) < 2
        for (start, shape, dtype, output, argument), plain in zip(arrows, said):
            self.picture.edges.append(Edge(start, end, tuple(shape), str(dtype), output, "" if silent or plain else argument))

    def output(self, name, source):
        node, key, (shape, dtype) = source
        end = self.add("output", name, shape=tuple(shape), dtype=str(dtype))
        self.picture.edges.append(Edge(self.at[node], end, tuple(shape), str(dtype), _output_name(node, key)))


def _common_start(lists):
    """The longest start that all ``lists`` share."""
    start = []
    for items in zip(*lists):
        if any(item != items[0] for item in items):
            break
        start.append(items[0])
    return start


def _tells(argument):
    """Whether the name of an argument says what it is; one letter does not."""
    return len(argument) > 1 and argument != "other"


def _says(node, argument):
    """Whether a leaf says by its name which argument it is: ``cell.weight_ih`` is the weight."""
    return _tells(argument) and node.kind != "op" and node.name.rsplit(".", 1)[-1].startswith(argument)


def _output_name(node, key):
    """Which output of an op with several: its name, or its number."""
    if node.keys is None:
        return ""
    k = node.keys.index(key)
    return node.primitive.outputs[k] if node.primitive.outputs else f"[{k}]"


def _attributes(declared, attributes):
    """``name=value`` of the attributes that are short to say and not at their defaults, in the order of their declaration."""
    texts = []
    for name in declared.attributes:
        text = short((attributes or {}).get(name), index=name == "index")
        if text is not None and len(text) <= 28 and text != short(declared.defaults.get(name)):
            texts.append(f"{name}={text}")
    return texts


def short(value, index=False):
    """A plain value as text: numbers, strings, dtypes, slices, tuples of them. None for None and for everything else."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        text = repr(value)
        return text if len(text) <= 8 else f"{value:.4g}"
    if isinstance(value, (int, str)):
        return str(value)
    if value is Ellipsis:
        return "..."
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return np.dtype(value).name
    if isinstance(value, slice):
        parts = ["" if part is None else str(part) for part in (value.start, value.stop, value.step)]
        return ":".join(parts if parts[2] else parts[:2])
    if isinstance(value, (tuple, list)):
        parts = ["None" if item is None else short(item) for item in value]
        if None in parts:
            return None
        if index:
            return f"[{', '.join(parts)}]"
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    return None

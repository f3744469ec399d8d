"""What a call of a primitive does: run it on arrays, and where a gradient is wanted leave a `Node`.

This runs for every op, so it is written for speed: ops with one output have a call that is unrolled for their number of inputs;
a variable number of inputs, or several outputs, take the general one. What they build is the same.
"""

from __future__ import annotations

import functools
import itertools
import re
import threading

import numpy as np

from .dtypes import promote, refused_in
from .errors import EXPLAINED, explained, stop_at_nan, user_line
from .state import local

ndarray, generic = np.ndarray, np.generic
next_serial = itertools.count(1).__next__  # one clock for nodes and for changes in place
last_change = [0]  # the serial of the newest change in place anywhere: older nodes need not be looked at
_changing = threading.Lock()
_NUMBERS = frozenset((int, float, bool, type(None)))


class Value:
    """An array and where it came from. `tensor.Tensor` adds the methods.

    data     the array
    source   None for a constant, else (node, key, (shape, dtype)): the node that made it, and the serial of this output
    changed  one-element list shared by all values over the same memory: the serial of its last change in place
    """

    __slots__ = ("__weakref__", "changed", "data", "source")


_Tensor, _new = Value, object.__new__


def set_tensor_type(cls):
    """Tell the engine which class of `Value` to return (called once, by tensor.py)."""
    global _Tensor
    _Tensor = cls


def new_tensor(data, source=None, changed=None):
    """A Tensor over ``data`` without any check."""
    value = _new(_Tensor)
    value.data = data
    value.source = source
    value.changed = [0] if changed is None else changed
    return value


def mark_changed(values):
    """Note that the memory of ``values`` was changed in place just now."""
    with _changing:  # so that `last_change` never goes back
        serial = last_change[0] = next_serial()
    for value in values:
        value.changed[0] = serial


class Node:
    """One recorded call, or a leaf (``primitive`` is None). It points to older nodes only, and changes only by freeing.

    serial   its place in time; the key of its (first) output
    edges    what each input was: (node, key, (shape, dtype)), or (None, value, (shape, dtype)) for a constant
    saved    what the rules will be given, None once it is freed
    changed  the `changed` cells of the inputs, then of the output
    keys     of an op with several outputs, their keys
    metas    (shape, dtype) of each output
    extra    an `Extra`, if the user asked something of this node
    """

    __slots__ = ("attributes", "changed", "edges", "extra", "keys", "metas", "plan", "primitive", "saved", "scope", "serial")

    def __init__(self, primitive, plan, edges, saved, changed, metas, attributes, scope):
        self.serial = next_serial()
        self.primitive = primitive
        self.plan = plan
        self.edges = edges
        self.saved = saved
        self.changed = changed
        self.metas = metas
        self.attributes = attributes
        self.scope = scope
        self.keys = self.extra = None


class Extra:
    """What few nodes have: gradients kept (key -> Tensor or None), hooks, the name of a leaf, the line of a call."""

    __slots__ = ("grads", "hooks", "line", "name")

    def __init__(self):
        self.grads, self.hooks, self.name, self.line = {}, {}, None, None


def extra_of(node):
    """The `Extra` of ``node``, made if there is none."""
    if node.extra is None:
        node.extra = Extra()
    return node.extra


def leaf_source(array):
    """The source of a Tensor that the user made and wants the gradient of."""
    meta = (array.shape, array.dtype)
    node = Node(None, None, (), (), (), (meta,), None, local.state.scope)
    node.extra = Extra()
    return node, node.serial, meta


def _edge(a):
    """What an input was."""
    if isinstance(a, Value):
        return a.source or (None, None, (a.data.shape, a.data.dtype))
    return (None, None, (a.shape, a.dtype)) if isinstance(a, ndarray) else (None, a, ((), None))


# -- calls -------------------------------------------------------------------------------------------------------

# The call of an op with one output. It runs for every op, so it is unrolled for the number of inputs: the marked parts are
# written once for each input, as `dataclasses` writes methods. A line that begins with {attributes}, {promotes}, {residuals} or
# {plain} (it promotes nothing, so nothing else refuses an array of strings) stands only in the variants that need it.
_CALL = """
def make(declared, to_float):
    forward, plans, bind, namespace = declared.forward, declared.plans, declared.bind, declared.namespace

    def call({parameters}):
        state = local.state
        {attributes}if len(args) != {n}:
        {attributes}    args = bind(args, attributes)
        {attributes}for name, given in attributes.items():
        {attributes}    if isinstance(given, generic):  # a NumPy number would decide the dtype of the result
        {attributes}        attributes[name] = given.item()
        {attributes}{each:x0}, = args
        {each_line:v0 = isinstance(x0, Value); a0 = x0.data if v0 else x0}
        try:
            {plain}if {any:not v0 and type(a0) is ndarray and a0.dtype.kind not in "fiub"}:
            {plain}    raise TypeError
            {promotes}if {differ}:
            {promotes}    {each:a0}, = promote(({each:a0},), to_float)
            out = forward({each:a0}{pass_attributes})
        except EXPLAINED as error:
            raise explained(error, declared, ({each:a0},), state) from error
        {residuals}out, *kept = out
        if type(out) is not ndarray:
            out = np.asarray(out)
        if state.anomaly:
            stop_at_nan(declared, out, ({each:a0},), state)
        if not ({any:v0}):
            return out
        value = _new(_Tensor)
        value.data = out
        value.changed = changed = {changed}
        {each_line:s0 = x0.source if v0 else None}
        mask = {bits}
        if not mask or not state.recording or not declared.differentiable:
            value.source = None
            return value
        plan = plans.get(mask) or declared.plan(mask, {n})
        meta = (out.shape, out.dtype)
        edges = ({each:s0 or ((None, None, (a0.shape, a0.dtype)) if v0 else _edge(x0))},)
        cells = ({each:x0.changed if v0 else None}, changed)
        node = Node(declared, plan, edges, {saved}, cells, (meta,), {node_attributes}, state.scope)
        value.source = (node, node.serial, meta)
        if state.anomaly:
            extra_of(node).line = user_line()
        return value

    def run_by(function):
        nonlocal forward
        forward = function

    call.run_by = run_by
    return call
"""


_MARK = re.compile(r"\{(?:(each|any):)?([^{}]*)\}")
_OPTIONAL = re.compile(r" *\{(attributes|promotes|plain|residuals)\}")


@functools.cache
def _maker(n, attributes, promotes, fused, residuals, view):
    """`_CALL` written out for ``n`` inputs, with or without attributes, and so on."""
    differ = {
        1: "type(a0) is not ndarray or a0.dtype.kind != 'f'",
        # nothing to do for floats of one dtype, and for a Python number beside a float
        2: "(a0.dtype.kind != 'f' or (a1.dtype is not a0.dtype if type(a1) is ndarray else type(a1) not in _NUMBERS)) "
        "if type(a0) is ndarray else type(a0) not in _NUMBERS or type(a1) is not ndarray or a1.dtype.kind != 'f'",
    }
    inputs = ", ".join(f"a{i}" for i in range(n))
    if fused:
        saved = f"(({inputs},), kept)" if residuals else f"(({inputs},), ())"
    elif attributes:
        saved = f"plan.save(({inputs}, out) if plan.plain else namespace(({inputs},), (out,), attributes))"
    else:
        saved = f"plan.save(({inputs}, out))"
    words = {
        "parameters": "*args, **attributes" if attributes else ", ".join(f"x{i}" for i in range(n)),
        "n": str(n),
        "differ": differ.get(n, f"_differ(({inputs}))"),
        "pass_attributes": ", **attributes" if attributes else "",
        "changed": "x0.changed if v0 else [0]" if view else "[0]",
        "bits": " + ".join(f"(s{i} is not None)" + (f" * {1 << i}" if i else "") for i in range(n)),
        "saved": saved,
        "node_attributes": "attributes" if attributes else "{}",
    }
    optional = {"attributes": attributes, "promotes": promotes, "plain": not promotes, "residuals": residuals}
    lines = []

    def filled(mark):
        if mark[1] is None:
            return words[mark[2]]
        return {"each": ", ", "any": " or "}[mark[1]].join(mark[2].replace("0", str(i)) for i in range(n))

    for line in _CALL.splitlines():
        if (condition := _OPTIONAL.match(line)) is not None:
            if not optional[condition[1]]:
                continue
            line = line.replace(f"{{{condition[1]}}}", "", 1)
        indent, start, rest = line.partition("{each_line:")
        lines += [indent + rest[:-1].replace("0", str(i)) for i in range(n)] if start else [_MARK.sub(filled, line)]
    source, name = "\n".join(lines), f"<call of an op of {n} inputs>"
    made = {}
    exec(compile(source, name, "exec"), globals(), made)
    return made["make"]


def fixed_call(declared, to_float):
    """The call of an op of a fixed number of inputs and one output."""
    has_attributes, fused = bool(declared.attributes), declared.twin is not None
    n, residuals = len(declared.inputs), bool(declared.residuals)
    call = _maker(n, has_attributes, bool(declared.promotes), fused, residuals, declared.view)(declared, to_float)
    if not has_attributes:  # the inputs under their own names, for calls by keyword and for Python's errors
        call.__code__ = call.__code__.replace(co_varnames=(*declared.inputs, *call.__code__.co_varnames[n:]))
        call.__defaults__ = declared.forward.__defaults__
    return call


def general_call(declared, to_float):
    """The call of an op of any number of inputs, or of several outputs."""
    forward, promotes, plans, view, residuals = (
        declared.forward,
        declared.promotes,
        declared.plans,
        declared.view,
        declared.residuals,
    )
    n_inputs = None if declared.variadic else len(declared.inputs)
    one_output = declared.outputs is not None and len(declared.outputs) == 1

    def call(*args, **attributes):
        state = local.state
        if n_inputs is not None and len(args) != n_inputs:
            args = declared.bind(args, attributes)
        for name, given in attributes.items():
            if isinstance(given, generic):
                attributes[name] = given.item()
        arrays, bare, mask, bit, first = [], [], 0, 1, None
        for a in args:
            if isinstance(a, Value):
                arrays.append(a.data)
                if a.source is not None:
                    mask |= bit
                if first is None:
                    first = a
            else:
                arrays.append(a)
                bare.append(a)
            bit += bit
        try:
            if bare and not promotes and refused_in(bare):  # a Tensor holds nothing that is refused
                raise TypeError
            if promotes and _differ(arrays):
                arrays = promote(arrays, to_float)
            out = forward(*arrays, **attributes)
        except EXPLAINED as error:
            raise explained(error, declared, arrays, state) from error
        outs = [out] if one_output and not residuals else list(out)
        kept = [outs.pop() for _ in residuals][::-1] if residuals else ()
        for k, o in enumerate(outs):
            if type(o) is not ndarray and o is not None:
                outs[k] = np.asarray(o)
        if state.anomaly:
            stop_at_nan(declared, outs, arrays, state)
        if first is None:
            return outs[0] if one_output else tuple(outs)
        changed = first.changed if view else [0]
        sources = [None] * len(outs)
        if mask and state.recording and declared.differentiable:
            plan = plans.get((mask, len(args)) if declared.variadic else mask) or declared.plan(mask, len(args))
            saved = (arrays, kept) if declared.twin is not None else plan.save(declared.namespace(arrays, outs, attributes))
            edges, cells = [], []
            for a in args:
                if isinstance(a, Value):
                    edges.append(a.source or (None, None, (a.data.shape, a.data.dtype)))
                    cells.append(a.changed)
                else:
                    edges.append(_edge(a))
                    cells.append(None)
            cells.append(changed)
            metas = [None if o is None else (o.shape, o.dtype) for o in outs]
            node = Node(declared, plan, edges, saved, cells, metas, attributes, state.scope)
            if state.anomaly:
                extra_of(node).line = user_line()
            if one_output:
                sources = [(node, node.serial, metas[0]) if metas[0][1].kind == "f" else None]
            else:
                node.keys = keys = (node.serial, *[next_serial() for _ in outs[1:]])
                sources = [(node, key, meta) if meta and meta[1].kind == "f" else None for key, meta in zip(keys, metas)]
        if one_output:
            return new_tensor(outs[0], sources[0], changed)
        return tuple([None if o is None else new_tensor(o, source, changed) for o, source in zip(outs, sources)])

    def run_by(function):
        nonlocal forward
        forward = function

    call.run_by = run_by
    return call


def _differ(arrays):
    """Whether there is something to promote: anything but floats of one dtype and Python numbers beside them."""
    dtype = None
    for a in arrays:
        if type(a) is ndarray:
            if a.dtype.kind != "f" or (dtype is not None and a.dtype is not dtype):
                return True
            dtype = a.dtype
        elif type(a) not in _NUMBERS:
            return True
    return dtype is None

"""What a call of a primitive does: run it on arrays, and where a gradient is wanted leave a `Node`.

These few functions run for every op, so they are written for speed: ops of one or two inputs without attributes have a path of
their own, everything else takes the general one. What they build is the same.
"""

from __future__ import annotations

import itertools
import threading

import numpy as np

from .dtypes import promote
from .errors import EXPLAINED, explained, stop_at_nan, user_line
from .state import local

ndarray = np.ndarray
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


def binary_call(declared, to_float):
    """The call of an op of two inputs, one output, no attributes."""
    forward, promotes, plans, view = declared.forward, declared.promotes, declared.plans, declared.view

    def call(x, y):
        state = local.state
        x_traced, y_traced = isinstance(x, Value), isinstance(y, Value)
        a, b = x.data if x_traced else x, y.data if y_traced else y
        try:
            if promotes:  # nothing to do for floats of one dtype and for Python numbers beside them
                if type(a) is ndarray:
                    dtype = a.dtype
                    if dtype.kind != "f" or (b.dtype is not dtype if type(b) is ndarray else type(b) not in _NUMBERS):
                        a, b = promote((a, b), to_float)
                elif type(a) not in _NUMBERS or type(b) is not ndarray or b.dtype.kind != "f":
                    a, b = promote((a, b), to_float)
            out = forward(a, b)
        except EXPLAINED as error:
            raise explained(error, declared, (a, b), state) from error
        if type(out) is not ndarray:
            out = np.asarray(out)
        if state.anomaly:
            stop_at_nan(declared, out, (a, b), state)
        if not x_traced and not y_traced:
            return out
        value = _new(_Tensor)
        value.data = out
        value.changed = changed = (x if x_traced else y).changed if view else [0]
        mask = (x_traced and x.source is not None) + 2 * (y_traced and y.source is not None)
        if not mask or not state.recording or not declared.differentiable:
            value.source = None
            return value
        plan = plans.get(mask) or declared.plan(mask, 2)
        edges = (x.source or _edge(x)) if x_traced else _edge(x), (y.source or _edge(y)) if y_traced else _edge(y)
        cells = x.changed if x_traced else None, y.changed if y_traced else None, changed
        meta = (out.shape, out.dtype)
        node = Node(declared, plan, edges, plan.save((a, b, out)), cells, (meta,), None, state.scope)
        value.source = (node, node.serial, meta)
        if state.anomaly:
            extra_of(node).line = user_line()
        return value

    return call


def unary_call(declared, to_float):
    """The call of an op of one input, one output, no attributes."""
    forward, promotes, plans, view = declared.forward, declared.promotes, declared.plans, declared.view

    def call(x):
        state = local.state
        traced = isinstance(x, Value)
        a = x.data if traced else x
        try:
            if promotes and (type(a) is not ndarray or a.dtype.kind != "f"):
                (a,) = promote((a,), to_float)
            out = forward(a)
        except EXPLAINED as error:
            raise explained(error, declared, (a,), state) from error
        if type(out) is not ndarray:
            out = np.asarray(out)
        if state.anomaly:
            stop_at_nan(declared, out, (a,), state)
        if not traced:
            return out
        value = _new(_Tensor)
        value.data = out
        value.changed = changed = x.changed if view else [0]
        source = x.source
        if source is None or not state.recording or not declared.differentiable:
            value.source = None
            return value
        plan = plans.get(1) or declared.plan(1, 1)
        meta = (out.shape, out.dtype)
        node = Node(declared, plan, (source,), plan.save((a, out)), (x.changed, changed), (meta,), None, state.scope)
        value.source = (node, node.serial, meta)
        if state.anomaly:
            extra_of(node).line = user_line()
        return value

    return call


def fixed_call(declared, to_float):
    """The call of an op of a fixed number of inputs and one output, with attributes or without."""
    forward, promotes, plans, view = declared.forward, declared.promotes, declared.plans, declared.view
    n_inputs = len(declared.inputs)

    def call(*args, **attributes):
        state = local.state
        if len(args) != n_inputs:
            args = declared.bind(args, attributes)
        arrays, edges, cells, mask, bit, first, constants = [], [], [], 0, 1, None, False
        for a in args:
            if isinstance(a, Value):
                arrays.append(a.data)
                cells.append(a.changed)
                edges.append(a.source)
                if a.source is None:
                    constants = True
                else:
                    mask |= bit
                if first is None:
                    first = a
            else:
                arrays.append(a)
                cells.append(None)
                edges.append(None)
                constants = True
            bit += bit
        try:
            if promotes and _differ(arrays):
                arrays = promote(arrays, to_float)
            out = forward(*arrays, **attributes)
        except (ValueError, TypeError, IndexError) as error:
            raise explained(error, declared, arrays, state) from error
        if type(out) is not ndarray:
            out = np.asarray(out)
        if state.anomaly:
            stop_at_nan(declared, out, arrays, state)
        if first is None:
            return out
        changed = first.changed if view else [0]
        if not mask or not state.recording or not declared.differentiable:
            return new_tensor(out, None, changed)
        plan = plans.get(mask) or declared.plan(mask, n_inputs)
        cells.append(changed)
        if constants:
            edges = [edge or _edge(a) for edge, a in zip(edges, args)]
        meta = (out.shape, out.dtype)
        saved = plan.save((*arrays, out) if plan.plain else declared.namespace(arrays, (out,), attributes))
        node = Node(declared, plan, edges, saved, cells, (meta,), attributes, state.scope)
        if state.anomaly:
            extra_of(node).line = user_line()
        return new_tensor(out, (node, node.serial, meta), changed)

    return call


def general_call(declared, to_float):
    """The call of an op of any number of inputs, of several outputs, or of a fused op."""
    forward, promotes, plans, view, residuals = declared.forward, declared.promotes, declared.plans, declared.view, declared.residuals
    n_inputs = None if declared.variadic else len(declared.inputs)
    one_output = declared.outputs is not None and len(declared.outputs) == 1

    def call(*args, **attributes):
        state = local.state
        if n_inputs is not None and len(args) != n_inputs:
            args = declared.bind(args, attributes)
        arrays, mask, bit, first = [], 0, 1, None
        for a in args:
            if isinstance(a, Value):
                arrays.append(a.data)
                mask |= bit * (a.source is not None)
                first = a if first is None else first
            else:
                arrays.append(a)
            bit += bit
        try:
            if promotes and _differ(arrays):
                arrays = promote(arrays, to_float)
            out = forward(*arrays, **attributes)
        except (ValueError, TypeError, IndexError) as error:
            raise explained(error, declared, arrays, state) from error
        outs = [out] if one_output and not residuals else list(out)
        kept = [outs.pop() for _ in residuals][::-1]
        outs = [o if o is None or type(o) is ndarray else np.asarray(o) for o in outs]
        if state.anomaly:
            stop_at_nan(declared, outs, arrays, state)
        if first is None:
            return outs[0] if one_output else tuple(outs)
        changed = first.changed if view else [0]
        sources = [None] * len(outs)
        if mask and state.recording and declared.differentiable:
            plan = plans.get((mask, len(args)) if declared.variadic else mask) or declared.plan(mask, len(args))
            saved = (arrays, kept) if declared.twin is not None else plan.save(declared.namespace(arrays, outs, attributes))
            cells = [a.changed if isinstance(a, Value) else None for a in args] + [changed]
            metas = [None if o is None else (o.shape, o.dtype) for o in outs]
            node = Node(declared, plan, [_edge(a) for a in args], saved, cells, metas, attributes, state.scope)
            if state.anomaly:
                extra_of(node).line = user_line()
            keys = (node.serial, *[next_serial() for _ in outs[1:]])
            if not one_output:
                node.keys = keys
            sources = [(node, key, meta) if meta and meta[1].kind == "f" else None for key, meta in zip(keys, metas)]
        tensors = [None if o is None else new_tensor(o, source, changed) for o, source in zip(outs, sources)]
        return tensors[0] if one_output else tuple(tensors)

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

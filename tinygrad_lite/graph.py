"""The walk back through a recorded graph: `backward` and `grad`, and the three ops that the walk itself needs.

Creation order is topological order, so the walk takes the newest node first from a heap: no recursion, and memory is
freed as it goes. Cotangents are borrowed: the walk adds in place only into buffers that it allocated itself.
"""

from __future__ import annotations

import functools
import sys
from heapq import heappop, heappush

import numpy as np

from .errors import EXPLAINED, check_cotangent, check_unchanged, describe, freed_error, rule_error, where_of
from .kernels.pool import is_whole
from .primitive import primitive
from .record import Value, last_change, leaf_source, mark_changed, new_tensor
from .state import enable_grad, local, setting


@primitive(broadcasts=True, promotes=True)
def add(x, other):
    """x + other, element by element (shapes broadcast)."""
    return x + other


add.derivatives(lambda g: g, lambda g: g)


@primitive(view=True)
def sum_to(x, *, shape):
    """Sum ``x`` over the axes along which ``shape`` was broadcast to it: the adjoint of `broadcast_to`."""
    lead = x.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, x.shape[lead:])):
        raise ValueError(f"a {x.shape} array is no broadcast of shape {shape}")
    if axes == (0,) and x.ndim == 2 and x.dtype.kind == "f" and lead and x.size:
        return np.ones(x.shape[0], x.dtype) @ x  # columns summed by BLAS: twice as fast as add.reduce
    return np.add.reduce(x, axes, keepdims=not lead).reshape(shape) if axes else x


sum_to.derivatives(lambda g, x_shape: broadcast_to(g, shape=x_shape))


@primitive(view=True)
def broadcast_to(x, *, shape):
    """``x`` repeated along new and 1-sized axes until it has ``shape`` (a read-only view)."""
    try:
        out = np.broadcast_to(x, shape)
    except ValueError:
        what = f"{np.shape(x)} does not broadcast to {shape}: counted from the right, sizes must be equal or 1"
        raise ValueError(what) from None
    if out.dtype.kind not in "fiub":
        raise TypeError(f"expected a Tensor, an array or a number, got {type(x).__name__}")
    return out


broadcast_to.derivatives(lambda g, x_shape: sum_to(g, shape=x_shape))


@primitive(view=True)
def alias(x):
    """``x`` itself, as a value of its own in the graph."""
    return x


alias.derivatives(lambda g: g)


@primitive
def cast(x, *, dtype):
    """``x`` in another floating dtype."""
    return x.astype(dtype)


cast.derivatives(lambda g: g)  # the walk brings a cotangent to the dtype of its value


# -- one step of the walk ----------------------------------------------------------------------------------------


def _as_input(node, i, array):
    """A kept input as the Tensor it was."""
    source, changed = node.edges[i], node.changed[i]
    return array if changed is None else new_tensor(array, None if source[0] is None else source, changed)


def _rewrap(node, kept, positions):
    """What a rule was promised, as the Tensors they were: inputs with their edges, outputs with this node."""
    declared, n_inputs = node.primitive, len(node.edges)
    n_outputs = len(declared.outputs or ())
    every_input = n_inputs + n_outputs + len(declared.attributes) + 1 if declared.variadic else None
    for position, value in zip(positions, kept):
        if 0 <= position < n_inputs:
            value = _as_input(node, position, value)
        elif 0 <= position < n_inputs + n_outputs:
            k = position - n_inputs
            value = new_tensor(value, (node, node.keys[k] if node.keys else node.serial, node.metas[k]), node.changed[-1])
        elif position == every_input:
            value = tuple([_as_input(node, i, v) for i, v in enumerate(value)])
        yield value


def _filled(given, node):
    """Zeros in the place of cotangents that nobody sent."""
    return tuple([np.zeros(*meta) if g is None else g for g, meta in zip(given, node.metas)])


def _fused_cotangents(node, given, record):
    """The cotangents of all inputs of a fused op: by its kernel, or through the twin where it has none."""
    declared = node.primitive
    inputs, residuals = node.saved
    if record:
        inputs = [_as_input(node, i, a) for i, a in enumerate(inputs)]
    if declared.kernel is None:
        results = twin_vjp(declared, inputs, given, node.attributes, record)
        zeros = [np.zeros(*edge[2]) if c is None and edge[0] is not None else None for c, edge in zip(results, node.edges)]
        return [c if z is None else new_tensor(z) if record else z for c, z in zip(results, zeros)]
    kernel = declared.kernel if record else declared.kernel_on_arrays
    attributes = {**node.attributes, "wanted": node.plan.wanted} if declared.chooses else node.attributes
    results = kernel(*(given if len(given) == 1 else _filled(given, node)), *inputs, *residuals, **attributes)
    return results if isinstance(results, tuple) else (results,)


_NOTHING = ((),) * 64  # what each rule of a fused op is given beside the cotangents: they are made already


def twin_of(declared):
    """The function of Tensors that a fused op equals: its twin, or the vjp of the twin of the op it is the backward of."""
    fused = declared.twin
    if callable(fused):
        return fused

    def vjp_of_twin(*args, wanted=None, **attributes):
        n = len(fused.outputs)
        inputs = args[n : n + len(fused.inputs)]
        floating = [isinstance(x, (Value, np.ndarray)) and x.dtype.kind == "f" for x in inputs]
        results = twin_vjp(fused, inputs, args[:n], attributes, True)
        return [
            new_tensor(np.zeros(x.shape, x.dtype)) if c is None and is_floating else c
            for c, x, is_floating in zip(results, inputs, floating)
        ]

    return vjp_of_twin


def twin_vjp(declared, inputs, given, attributes, record):
    """Cotangents for ``inputs`` through the twin, in a walk of its own. Each input becomes a value of its own there, so that
    a tensor passed twice counts once for each use."""
    with enable_grad(), setting("recomputing", True):
        own = [_apart(x) for x in inputs]
        outs = twin_of(declared)(*own, **attributes)
        outs = outs if isinstance(outs, (tuple, list)) else (outs,)
        pairs = [(o, g) for o, g in zip(outs, given) if isinstance(o, Value) and o.source is not None and g is not None]
        wanted = [k for k, x in enumerate(own) if isinstance(x, Value) and x.source is not None]
        results = [None] * len(own)
        if pairs and wanted:
            sources = [own[k] for k in wanted]
            got = grad([o for o, _ in pairs], sources, [g for _, g in pairs], create_graph=record, allow_unused=True)
            for k, g in zip(wanted, got):
                results[k] = g if record or g is None else g.data
    return results


def _apart(x):
    if isinstance(x, Value):
        return alias(x) if x.source is not None else x
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        return new_tensor(x, leaf_source(x))
    return x


# -- the walk ----------------------------------------------------------------------------------------------------


def walk(seeds, *, record, free, wanted=None, since=0, retain=False):
    """Carry cotangents back from ``seeds``, pairs of a source and its cotangent.

    record  the arithmetic of the walk is itself recorded (cotangents are Tensors; else arrays)
    free    drop what each node saved as soon as it was used
    wanted  set of keys: walk only where it leads to them
    since   nodes with a smaller serial end the walk, as leaves do
    retain  fill the gradients that `retain_grad` asked for
    Returns {key: cotangent} of ``wanted``, else of the ends, and {key: node} of the ends.
    """
    reach = None if wanted is None else _leading_to(wanted, [source[0] for source, _ in seeds], since)
    pending, results, ends, owned = {}, {}, {}, set()  # all by key
    heap, nodes = [], {}  # negative serials of the nodes to visit; the nodes by serial
    state = local.state
    watch, fused, fitted, added, summed = state.watch, _fused_cotangents, _fitted, _added_into, _summed
    if watch is not None:
        fused, fitted, added, summed = map(watch.in_walk, (fused, fitted, added, summed))
    plain = not (record or wanted or since or watch or state.anomaly)
    for source, cotangent in seeds:
        if reach is None or source[0] in reach:
            pending[source[1]] = cotangent
            _enqueue(source, heap, nodes, ends, since)
    while heap:
        serial = -heappop(heap)
        node = nodes.pop(serial)
        given = (pending.pop(serial),) if node.keys is None else tuple([pending.pop(key, None) for key in node.keys])
        if node.extra is not None:
            given = _asked_for(node, given, record, retain)
        if wanted is not None:
            results.update((key, g) for key, g in zip(node.keys or (serial,), given) if key in wanted and g is not None)
            if not reach[node]:
                continue
        declared, edges, saved = node.primitive, node.edges, node.saved
        if saved is None:
            raise freed_error(node)
        if last_change[0] > serial:
            check_unchanged(node)
        rules = node.plan.rules
        if declared.twin is not None:
            given = fused(node, given, record)
            saved = _NOTHING
        elif declared.outputs is None:
            given = (_filled(given, node),)
        if plain and declared.adds_into is None:  # the common case: the loop below without what it does not need
            for (i, _, on_arrays, _), kept in zip(rules, saved):
                upstream, key, (shape, dtype) = edges[i]
                try:
                    c = on_arrays(*given, *kept)
                    if not shape or c.shape != shape or c.dtype is not dtype:
                        c = _fitted(c, node, i, False)
                except EXPLAINED as error:
                    raise rule_error(node, i, error) from error
                previous = pending.get(key)
                if previous is None:
                    pending[key] = c
                    serial = upstream.serial
                    if upstream.primitive is None:
                        ends[key] = upstream
                    elif serial not in nodes:
                        nodes[serial] = upstream
                        heappush(heap, -serial)
                elif key in owned:
                    previous += c
                else:
                    pending[key] = np.asarray(previous + c)
                    owned.add(key)
        else:
            for (i, rule, on_arrays, positions), kept in zip(rules, saved):
                upstream, key, _ = edge = edges[i]
                if reach is not None and upstream not in reach:
                    continue
                previous = pending.get(key)
                if previous is None:
                    _enqueue(edge, heap, nodes, ends, since)
                if declared.adds_into is not None and not record:
                    pending[key] = added(node, given[0], kept, previous, key in owned)
                    owned.add(key)
                    continue
                if watch is not None:
                    rule, on_arrays = watch.rule(node, i, rule), watch.rule(node, i, on_arrays)
                try:
                    c = rule(*given, *_rewrap(node, kept, positions)) if record else on_arrays(*given, *kept)
                    c = fitted(c, node, i, record)
                except (*EXPLAINED, FloatingPointError) as error:
                    raise rule_error(node, i, error) from error
                if previous is None:
                    pending[key] = c
                elif record:
                    pending[key] = previous + c if watch is None else summed(node, previous, c)
                elif key in owned:
                    previous += c
                else:
                    pending[key] = summed(node, previous, c)
                    owned.add(key)
        if free:
            node.saved = None
    if wanted is None:
        return pending, ends
    results.update((key, pending[key]) for key in wanted if key in pending)
    return results, ends


def _summed(node, previous, c):
    """The sum of two cotangents, as they are."""
    return previous + c if isinstance(c, Value) else np.asarray(previous + c)


def _added_into(node, g, kept, previous, is_own):
    """The cotangent so far with what the rule adds to it, without an array of the input's size for each node."""
    if previous is None:
        previous = np.zeros(*node.edges[0][2])
    elif not is_own:
        previous = previous.copy()
    node.primitive.adds_into(previous, g, *kept)
    return previous


def _fitted(c, node, i, record):
    """A cotangent as its input needs it: summed over what was broadcast, of its dtype, an array."""
    shape, dtype = node.edges[i][2]
    if c.shape != shape:
        if not node.primitive.broadcasts:
            raise ValueError(f"its rule made a {c.shape} cotangent, the input is {shape}")
        c = sum_to(c, shape=shape)
    if not record and type(c) is not np.ndarray:
        c = np.asarray(c)  # operators on 0-d arrays give NumPy scalars
    if c.dtype != dtype:
        c = cast(c, dtype=dtype)
    if local.state.anomaly:
        check_cotangent(node, i, c.data if isinstance(c, Value) else c)
    return c


def _enqueue(source, heap, nodes, ends, since):
    node, key, _ = source
    serial = node.serial
    if node.primitive is None or serial < since:
        ends[key] = node
    elif serial not in nodes:
        nodes[serial] = node
        heappush(heap, -serial)


def _own(g):
    """The cotangent ``g`` as an array that nobody else holds: itself if a rule made it, else a copy."""
    # 3 references: the caller's, this function's, getrefcount's. A cotangent that is kept elsewhere, or was given, has more
    if sys.getrefcount(g) <= 3 and (g.base is None or is_whole(g)) and g.flags.carray:
        return g
    return np.array(g, order="C")


def _leading_to(wanted, starts, since):
    """{node: whether its rules must run} for the nodes between ``starts`` and the keys ``wanted``."""
    seen, stack = set(), list(starts)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            if node.serial >= since:
                stack.extend([edge[0] for edge in node.edges if edge[0] is not None])
    reach = {}
    for node in sorted(seen, key=lambda n: n.serial):
        onward = node.serial >= since and any(edge[0] in reach for edge in node.edges)
        if onward or not wanted.isdisjoint(node.keys or (node.serial,)):
            reach[node] = onward
    return reach


# -- hooks ---------------------------------------------------------------------------------------------------------


def _as_tensor(g):
    return g if isinstance(g, Value) else new_tensor(np.asarray(g))


def _asked_for(node, given, record, retain):
    """Run the hooks of ``node`` on its cotangents, keep them where `retain_grad` asked for it."""
    given, extra, keys = list(given), node.extra, node.keys or (node.serial,)
    for key, hook in list(extra.hooks.values()):
        j = keys.index(key)
        new = None if given[j] is None else hook(_as_tensor(given[j]))
        if new is not None:
            array = new.data if isinstance(new, Value) else np.asarray(new)
            if (array.shape, array.dtype) != node.metas[j]:
                raise ValueError(f"hook on {where_of(node)}: expected a gradient {node.metas[j]}, got {describe(array)}")
            given[j] = _as_tensor(new) if record else array
    if retain and node.primitive is not None:
        for key, before in extra.grads.items():
            g = given[keys.index(key)]
            if g is not None:
                new = g if record else new_tensor(np.array(g))
                extra.grads[key] = new if before is None else before + new
    return tuple(given)


# -- backward and grad -------------------------------------------------------------------------------------------


@functools.cache
def _one(dtype):
    """The derivative of a scalar towards itself: borrowed as all cotangents are, so one array serves all."""
    one = np.ones((), dtype)
    one.flags.writeable = False
    return one


def _seed(op, output, given, record):
    """The cotangent a walk starts from: ``given``, or 1 for a scalar."""
    if not isinstance(output, Value):
        raise TypeError(f"{op}: expected a Tensor, got {type(output).__name__}")
    if output.data.dtype.kind != "f":
        raise TypeError(f"{op}: a gradient needs a floating Tensor, this one is {describe(output.data)}")
    if output.source is None:
        raise RuntimeError(
            f"{op}: this Tensor has no graph: nothing it was computed from has requires_grad=True, or it was computed under no_grad"
        )
    if given is None:
        if output.data.ndim and output.data.size != 1:
            raise RuntimeError(
                f"{op}: the output is {output.data.shape}, not a scalar: reduce it (mean, sum) or give the gradient of each element"
            )
        given = np.ones(output.data.shape, output.data.dtype) if output.data.ndim else _one(output.data.dtype)
        return new_tensor(given) if record else given
    array = given.data if isinstance(given, Value) else np.asarray(given, output.data.dtype)
    if array.shape != output.data.shape:
        raise ValueError(f"{op}: the gradient given is {array.shape}, the output {output.data.shape}: they must agree")
    if array.dtype != output.data.dtype:
        given, array = cast(given, dtype=output.data.dtype), array.astype(output.data.dtype)
    if record:
        return given if isinstance(given, Value) else new_tensor(array)
    return array


def _seeds(op, outputs, given, record):
    """Pairs of a source and the cotangent that starts there."""
    if given is None and isinstance(outputs, Value) and outputs.source is not None and not (outputs.data.ndim or record):
        return [(outputs.source, _one(outputs.data.dtype))]  # a loss, in most cases
    if not isinstance(outputs, (tuple, list)):
        g = _seed(op, outputs, given[0] if isinstance(given, (tuple, list)) and len(given) == 1 else given, record)
        return [(outputs.source, g)]
    given = [None] * len(outputs) if given is None else _as_list(given)
    if len(given) != len(outputs):
        raise ValueError(f"{op}: {len(given)} {'grad_outputs' if op == 'grad' else 'gradients'} for {len(outputs)} outputs")
    seeds = {}
    for output, g in zip(outputs, given):
        g, key = _seed(op, output, g, record), output.source[1]
        seeds[key] = (output.source, seeds[key][1] + g if key in seeds else g)
    return list(seeds.values())


def _as_list(values):
    return list(values) if isinstance(values, (tuple, list)) else [values]


def backward(outputs, gradients=None, retain_graph=None, create_graph=False, inputs=None):
    """Add the gradient of ``outputs`` (one scalar Tensor, or Tensors with ``gradients``) to ``.grad`` of every leaf.

    retain_graph  keep what the nodes saved, for another walk (default: ``create_graph``)
    create_graph  record the walk, so that the gradients can be differentiated
    inputs        the leaves that get a gradient, where not all shall: one or several; the walk takes only what leads to them
    """
    wanted = None if inputs is None else _leaf_keys(inputs)
    state = local.state
    outer, state.recording = state.recording, create_graph
    try:
        seeds = _seeds("backward", outputs, gradients, create_graph)
        free = not (create_graph if retain_graph is None else retain_graph)
        pending, ends = walk(seeds, record=create_graph, free=free, wanted=wanted, retain=True)
        for key, leaf in ends.items():
            if leaf.extra.hooks:
                pending[key] = _asked_for(leaf, (pending[key],), create_graph, False)[0]
        for key, leaf in ends.items():  # only now, when nothing can fail any more
            grads, g = leaf.extra.grads, pending.pop(key)
            before = grads.get(key)
            if create_graph:
                new = g if before is None else before + g
                grads[key] = new if new.source is not None else new_tensor(np.array(new.data, order="C"))
            elif before is None:
                grads[key] = new_tensor(_own(g))
            elif before.source is not None or not before.data.flags.writeable:
                grads[key] = new_tensor(np.asarray(before.data + g))
            else:
                np.add(before.data, g, out=before.data)
                mark_changed([before])
    finally:
        state.recording = outer


def _leaf_keys(inputs):
    inputs = _as_list(inputs)
    if not inputs:
        raise ValueError("backward: inputs is empty: give the leaves that get a gradient, or None for all")
    for k, x in enumerate(inputs):
        if not isinstance(x, Value) or x.source is None or x.source[0].primitive is not None:
            what = "was computed" if isinstance(x, Value) and x.source is not None else "does not require a gradient"
            raise RuntimeError(f"backward: input {k} {what}: only leaves keep a gradient; grad(outputs, inputs) returns any")
    return {x.source[1] for x in inputs}


def grad(outputs, inputs, grad_outputs=None, create_graph=False, allow_unused=False, retain_graph=None, *, since=0):
    """Gradients of ``outputs`` with respect to ``inputs``, as a tuple; touches no ``.grad``.

    outputs       a scalar Tensor, or Tensors with one of ``grad_outputs`` each
    inputs        Tensors that require a gradient, leaves or not
    create_graph  record the walk, so that the result can be differentiated
    allow_unused  give None for an input that the outputs do not depend on; else that is an error
    retain_graph  keep what the graph needs for another walk; by default as ``create_graph``
    since         leave out all nodes of a smaller serial
    """
    inputs = _as_list(inputs)
    for k, x in enumerate(inputs):
        if not isinstance(x, Value) or x.source is None:
            raise RuntimeError(f"grad: input {k} does not require a gradient: make it with requires_grad=True before it is used")
    with setting("recording", create_graph):
        seeds = _seeds("grad", outputs, grad_outputs, create_graph)
        free = not (create_graph if retain_graph is None else retain_graph)
        wanted = {x.source[1] for x in inputs}
        since = max(since, min((x.source[0].serial for x in inputs), default=0))  # nothing older leads to them
        found, ends = walk(seeds, record=create_graph, free=free, wanted=wanted, since=since)
        for key, g in list(found.items()):
            if key in ends and ends[key].primitive is None and ends[key].extra.hooks:
                found[key] = _asked_for(ends[key], (g,), create_graph, False)[0]
            del g
    results, keys = [], [x.source[1] for x in inputs]
    for k, key in enumerate(keys):
        g = found.get(key) if key in keys[k + 1 :] else found.pop(key, None)  # one given twice gets an array for each
        if g is None and not allow_unused:
            raise RuntimeError(f"grad: the outputs do not depend on input {k}; allow_unused=True returns None for it")
        results.append(g if g is None or isinstance(g, Value) else new_tensor(_own(g)))
    return tuple(results)

"""Functions made of functions: products with Jacobians, Jacobians, Hessians, and recomputation instead of memory."""

from __future__ import annotations

import numpy as np

from .errors import describe
from .graph import _as_list, grad
from .ops import stack
from .ops.random import get_rng_state, set_rng_state
from .primitive import primitive
from .record import Value, leaf_source, new_tensor, next_serial
from .state import enable_grad, local, setting

__all__ = ["checkpoint", "hessian", "hvp", "jacobian", "jvp", "vjp"]


def check_function(name, function):
    """Refuse what cannot be called."""
    if not callable(function):
        raise TypeError(f"{name}: expected a function first, got {describe(function)}")


def _fresh(name, func, inputs):
    """The inputs of ``func`` as leaves of their own, so that the derivative is taken towards them alone."""
    check_function(name, func)
    single = not isinstance(inputs, (tuple, list))
    fresh = []
    for x in _as_list(inputs):
        if not isinstance(x, Value) or x.data.dtype.kind != "f":
            raise TypeError(f"{name}: expected floating Tensors as inputs, got {describe(x)}")
        fresh.append(new_tensor(x.data, leaf_source(x.data), x.changed))
    return fresh, single


def _run(func, inputs):
    with enable_grad():
        return func(*inputs)


def _unpacked(values, single):
    return values[0] if single else tuple(values)


def _or_zeros(grads, inputs):
    return [new_tensor(np.zeros_like(x.data)) if g is None else g for g, x in zip(grads, inputs)]


def _one(name, out):
    if not isinstance(out, Value):
        raise TypeError(f"{name}: the function must return one Tensor, got {type(out).__name__}")
    return out


def _vectors(name, v, inputs):
    """``v`` as a list that goes with the inputs."""
    vs = _as_list(v)
    if any(not isinstance(a, (Value, np.ndarray)) or a.dtype.kind != "f" for a in vs):
        raise TypeError(f"{name}: v must hold floating Tensors, got {', '.join(map(describe, vs))}")
    if len(vs) != len(inputs) or any(a.shape != b.shape for a, b in zip(vs, inputs)):
        raise ValueError(f"{name}: v must have the shapes of the inputs {[x.shape for x in inputs]}, got {[a.shape for a in vs]}")
    return vs


def _scalar(name, out):
    if not isinstance(out, Value) or out.data.size != 1:
        raise ValueError(f"{name}: the function must return one scalar Tensor, got {getattr(out, 'shape', type(out).__name__)}")
    return out


def vjp(func, inputs, v=None):
    """(func(*inputs), v^T J): ``v`` has the shape of the output, and may be left out for a scalar."""
    fresh, single = _fresh("vjp", func, inputs)
    out = _one("vjp", _run(func, fresh))
    if out.source is None:
        return out, _unpacked(_or_zeros([None] * len(fresh), fresh), single)
    grads = grad(out, fresh, v, allow_unused=True)
    return out.detach(), _unpacked(_or_zeros(grads, fresh), single)


def jvp(func, inputs, v):
    """(func(*inputs), J v): ``v`` has the shapes of the inputs. By differentiating the vjp, which is linear in its vector."""
    fresh, _ = _fresh("jvp", func, inputs)
    vs = _vectors("jvp", v, fresh)
    out = _one("jvp", _run(func, fresh))
    zeros = new_tensor(np.zeros_like(out.data))
    if out.source is None:
        return out, zeros
    u = new_tensor(np.zeros_like(out.data), leaf_source(out.data))
    with enable_grad():
        grads = grad(out, fresh, u, create_graph=True, allow_unused=True)
    pairs = [(g, a) for g, a in zip(grads, vs) if g is not None and g.source is not None]
    if not pairs:
        return out.detach(), zeros
    (product,) = grad([g for g, _ in pairs], [u], [a for _, a in pairs], allow_unused=True)
    return out.detach(), zeros if product is None else product


def _first_gradient(name, func, inputs, create_graph=False):
    fresh, single = _fresh(name, func, inputs)
    if create_graph:
        fresh = _as_list(inputs)
    out = _scalar(name, _run(func, fresh))
    grads = [None] * len(fresh)
    if out.source is not None:
        grads = grad(out, fresh, create_graph=True, allow_unused=True)
    return out, grads, fresh, single


def hvp(func, inputs, v):
    """(func(*inputs), H v) of a function with one scalar output; ``v`` has the shapes of the inputs."""
    out, grads, fresh, single = _first_gradient("hvp", func, inputs)
    pairs = [(g, a) for g, a in zip(grads, _vectors("hvp", v, fresh)) if g is not None and g.source is not None]
    products = [None] * len(fresh)
    if pairs:
        products = grad([g for g, _ in pairs], fresh, [a for _, a in pairs], allow_unused=True)
    return out.detach(), _unpacked(_or_zeros(products, fresh), single)


def _rows(out, fresh, create_graph):
    """For each input the gradients of every element of ``out``, as (*out.shape, *input.shape)."""
    columns = [[] for _ in fresh]
    for k in range(out.data.size):
        unit = np.zeros(out.data.size, out.data.dtype)
        unit[k] = 1
        grads = [None] * len(fresh)
        if out.source is not None:
            seed = new_tensor(unit.reshape(out.shape))
            grads = grad(out, fresh, seed, create_graph=create_graph, allow_unused=True, retain_graph=True)
        for column, g in zip(columns, _or_zeros(grads, fresh)):
            column.append(g)
    return [
        stack(column).reshape(*out.shape, *x.shape) if column else new_tensor(np.zeros((*out.shape, *x.shape), x.dtype))
        for column, x in zip(columns, fresh)
    ]


def jacobian(func, inputs, create_graph=False):
    """The Jacobian of ``func``, (*output.shape, *input.shape), one for each input if there are several.

    func          a function of Tensors that returns a Tensor
    inputs        a Tensor, or a tuple of them
    create_graph  the inputs require a gradient, and the result can be differentiated towards them
    """
    fresh, single = _fresh("jacobian", func, inputs)
    if create_graph:
        fresh = _as_list(inputs)
    return _unpacked(_rows(_one("jacobian", _run(func, fresh)), fresh, create_graph), single)


def hessian(func, inputs, create_graph=False):
    """The Hessian of a function with one scalar output, (*input.shape, *input.shape); of several inputs a tuple of rows.
    Arguments as of `jacobian`."""
    _, grads, fresh, single = _first_gradient("hessian", func, inputs, create_graph)
    rows = [tuple(_rows(g, fresh, create_graph)) for g in _or_zeros(grads, fresh)]
    return rows[0][0] if single else tuple(rows)


# -- checkpoint --------------------------------------------------------------------------------------------------


class _Run:
    """A call of a function whose graph is thrown away, and made again for backward."""

    def __init__(self, function, args):
        self.function, self.args = function, args
        self.draws, self.scope = get_rng_state(), local.state.scope

    def record(self):
        """Call the function, recorded: its result, and a serial that is older than all of its nodes."""
        start = next_serial()
        with enable_grad():
            return self.function(*self.args), start

    def cotangents(self, given):
        """Run again, and walk back from the outputs to what the function was given or took from around it."""
        draws, record = get_rng_state(), local.state.recording
        set_rng_state(self.draws)
        try:
            with setting("recomputing", True), setting("scope", self.scope):
                outs, start = self.record()
        finally:
            set_rng_state(draws)
        pairs = [(o, g) for o, g in zip(_as_list(outs), given) if isinstance(o, Value) and o.source is not None]
        ends = [new_tensor(None, source) for source in self.sources]
        grads = grad([o for o, _ in pairs], ends, [g for _, g in pairs], create_graph=record, allow_unused=True, since=start)
        return tuple([g if record or g is None else g.data for g in grads])


def _boundary(outs, start):
    """What the graph of the call depends on from before it: the sources with the `changed` cells of their memory, and the
    cells of constants."""
    found, cells, seen = {}, {}, set()
    stack = [(o.source, o.changed) for o in outs if isinstance(o, Value) and o.source is not None]
    while stack:
        source, cell = stack.pop()
        if source[0] is None:
            cells[id(cell)] = cell
        elif source[0].serial < start:
            found[source[1]] = source, cell
        elif source[0] not in seen:
            seen.add(source[0])
            stack.extend([(edge, cell) for edge, cell in zip(source[0].edges, source[0].changed) if cell is not None])
    return list(found.values()), cells


@primitive(outputs=None, residuals=("run",), twin=True)
def checkpointed(*inputs, box):
    """The outputs of a run and the run, taken out of ``box``, so that only what is freed after backward holds them."""
    return box.pop()


def _run_again(*arguments, box):
    run = arguments[-1]
    return run.cotangents(arguments[: run.n_outs])


checkpointed.primitive.kernel = checkpointed.primitive.kernel_on_arrays = _run_again


def _nothing(shape, dtype):
    """An array of no memory, in the place of one that the recomputation takes from its source."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def checkpoint(function, *args):
    """``function(*args)``, of which backward keeps no intermediate values but computes them again (Chen et al., 2016).

    ``function`` returns a Tensor or a tuple of them. It may use parameters and other Tensors from around it: they get their
    gradients too. Random draws repeat, and statistics are assigned once.
    """
    check_function("checkpoint", function)
    if not local.state.recording:
        return function(*args)
    run = _Run(function, args)
    result, start = run.record()
    outs = _as_list(result)
    found, cells = _boundary(outs, start)
    run.sources = [source for source, _ in found]
    if not run.sources:
        return result
    tensors = [o for o in outs if isinstance(o, Value)]
    if len(tensors) != len(outs):
        raise TypeError("checkpoint: the function must return Tensors")
    run.n_outs = len(outs)
    cells.update((id(a.changed), a.changed) for a in args if isinstance(a, Value))
    inputs = [new_tensor(_nothing(*source[2]), source, cell) for source, cell in found]
    inputs += [new_tensor(_nothing((), np.bool_), None, cell) for cell in cells.values()]  # so that a change of them is seen
    values = checkpointed(*inputs, box=[[*[o.data for o in outs], run]])
    for value, out in zip(values, outs):
        value.changed = out.changed
    return values[0] if isinstance(result, Value) else values

"""`summary`: what a model is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..nn.module import Module, Parameter
from ..ops.random import get_rng_state, set_rng_state
from ..record import Value
from ..state import no_grad, setting
from ..tables import Table, count, size
from ..tensor import Tensor
from .costs import forward_cost
from .receptive import Fields
from .watch import Watch


@dataclass(slots=True)
class Layer:
    """A module in a `Summary`.

    name, kind       its path, its class; ``depth`` counts the modules around it
    shapes           of its outputs at the first call, None if it did not run; ``calls`` counts them
    parameters       elements of the parameters that it holds itself; those that an earlier module holds too are not counted again
    shared           whether there are such
    multiply_adds    of the ops that it runs itself (not those of modules inside), of all calls
    receptive_field  elements of the input that an element of its output can see, in each dimension, None where there is no such
                     thing; ``jump`` elements further lies the field of the next element
    """

    name: str
    kind: str
    depth: int
    shapes: list | None = None
    calls: int = 0
    parameters: int = 0
    shared: bool = False
    multiply_adds: int = 0
    receptive_field: tuple | None = None
    jump: tuple | None = None


@dataclass
class Summary:
    """What `summary` returns; printed, it is a table.

    layers         a `Layer` for each module, in the order of ``named_modules``
    parameters     elements of all parameters, each once; ``trained`` of those that require a gradient, ``buffers`` of the buffers
    multiply_adds  of all ops
    """

    title: str
    layers: list = field(default_factory=list)
    parameters: int = 0
    trained: int = 0
    buffers: int = 0
    parameter_bytes: int = 0
    multiply_adds: int = 0

    def table(self):
        """The `Table` that is shown."""
        rows = []
        for layer in self.layers:
            label = "  " * layer.depth + (f"{layer.name.rpartition('.')[2]}: {layer.kind}" if layer.name else layer.kind)
            shapes = "did not run" if layer.shapes is None else ", ".join(map(str, layer.shapes))
            rows.append([
                label + (f" ({layer.calls} calls)" if layer.calls > 1 else ""),
                shapes,
                (count(layer.parameters) if layer.parameters else "") + (" shared" if layer.shared else ""),
                count(layer.multiply_adds) if layer.multiply_adds else "",
                _by(layer.receptive_field),
                _by(layer.jump),
            ])  # fmt: skip
        notes = [
            f"parameters {count(self.parameters)} ({size(self.parameter_bytes)}), of which trained {count(self.trained)}; "
            f"buffers {count(self.buffers)}",
            f"multiply-adds {count(self.multiply_adds)}; another operation on one element counts as one",
        ]
        headers = ["<layer", "<output", "parameters", "multiply-adds", "receptive field", "jump"]
        return Table(self.title, headers, rows, notes)

    def __str__(self):
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self):
        return self.table().html()


def _by(sizes):
    """``5 x 5``."""
    return "" if sizes is None else " x ".join(map(str, sizes))


def summary(model, input):
    """The `Summary` of a Module: output shapes, parameters, multiply-adds and receptive fields of its layers.

    input  what the model is called with: a Tensor or an array, or a tuple of arguments

    The model runs once, as in evaluation and without a graph, and is left as it was. Multiply-adds follow the shapes of what each
    op was given (`inspection.costs`); an op without a rule there counts as element-wise, one for each element of its outputs.
    Receptive fields are those of `inspection.receptive`.
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary: expected a Module, got {type(model).__name__}")
    arguments = input if isinstance(input, tuple) else (input,)
    arguments = [Tensor(a) if isinstance(a, np.ndarray) else a for a in arguments]
    layers, found = {}, Summary(f"summary of {type(model).__name__}")
    counted = set()
    for name, module in model.named_modules():
        layer = Layer(name, type(module).__name__, name.count(".") + bool(name))
        for parameter in {id(p): p for _, p in module._own() if isinstance(p, Parameter)}.values():
            new = id(parameter) not in counted
            counted.add(id(parameter))
            layer.parameters += parameter.data.size * new
            layer.shared |= not new
        layers[id(module)] = layer
        found.layers.append(layer)
    parameters = list(model.parameters())
    found.parameters = sum(p.data.size for p in parameters)
    found.trained = sum(p.data.size for p in parameters if p.requires_grad)
    found.parameter_bytes = sum(p.data.nbytes for p in parameters)
    found.buffers = sum(b.data.size for b in model.buffers())
    run = _Run(layers, [a.data for a in arguments if isinstance(a, Value)])
    _evaluate(model, arguments, run)
    found.multiply_adds = sum(layer.multiply_adds for layer in found.layers)
    return found


class _Run(Watch):
    """One run: which module runs now, what its ops cost, what it returns."""

    def __init__(self, layers, inputs):
        self.layers, self.fields, self.running = layers, Fields(inputs), []

    def op(self, declared, forward, arrays, attributes):
        """Run an op, count it for the innermost module, follow its fields."""
        result = forward(*arrays, **attributes)
        if declared.writes:
            return result
        outs = tuple(result) if isinstance(result, (tuple, list)) else (result,)
        outs = outs[: len(outs) - len(declared.residuals)]
        shapes = [getattr(a, "shape", None if a is None else ()) for a in arrays]
        cost = forward_cost(
            declared.forward.__name__, shapes, [np.shape(o) for o in outs], {**declared.defaults, **attributes}
        )  # fmt: skip
        self.running[-1].multiply_adds += sum(cost)
        self.fields.passed(declared, arrays, attributes, outs)
        return result

    def forward_of(self, module):
        """The forward of a module, which tells when it begins and what it returns."""
        forward, layer = module.forward, self.layers[id(module)]

        def watched(*args, **kwargs):
            self.running.append(layer)
            try:
                result = forward(*args, **kwargs)
            finally:
                self.running.pop()
            self.returned(layer, result)
            return result

        return watched

    def returned(self, layer, result):
        """Note what a module returned."""
        tensors = list(_tensors(result))
        layer.calls += 1
        if layer.calls == 1:
            layer.shapes = [t.data.shape for t in tensors]
            seen = self.fields.of(tensors[0].data) if tensors else None
            layer.receptive_field, layer.jump = (None, None) if seen is None else (seen.size, seen.jump)


def _tensors(result):
    """The Tensors in what a module returned."""
    if isinstance(result, Value):
        yield result
    elif isinstance(result, (tuple, list)):
        for item in result:
            yield from _tensors(item)
    elif isinstance(result, dict):
        yield from _tensors(list(result.values()))


def _evaluate(model, arguments, run):
    """Call the model under ``run``, in evaluation mode; modes, the generator and what stands in the modules are put back."""
    modules, draws = list(model.modules()), get_rng_state()
    before = [(m, dict(vars(m))) for m in modules]
    try:
        for module in modules:
            watched = run.forward_of(module)
            object.__setattr__(module, "training", False)
            object.__setattr__(module, "forward", watched)
        with no_grad(), setting("recomputing", True), run:
            model(*arguments)
    finally:
        set_rng_state(draws)
        for module, attributes in before:
            vars(module).clear()
            vars(module).update(attributes)

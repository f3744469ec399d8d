"""How an op is declared, and what a call of it leaves behind.

A primitive is a function on arrays with one derivative rule for each input::

    @primitive(broadcasts=True)
    def mul(x, y):
        return x * y
    mul.derivatives(lambda g, y: g * y,
                    lambda g, x: g * x)

Called with arrays it returns arrays. Called with a Tensor it returns Tensors and, where a gradient is wanted,
records a `Node`. What a rule names is what the node keeps: an input ``x``, an output (``out``), an attribute, or
``x_shape`` alone. A rule is written with operators and named ops, so the same text runs on arrays in an ordinary
backward and on Tensors when the gradient is itself recorded.
"""

from __future__ import annotations

import functools
import types
from operator import itemgetter

from .errors import EXPLAINED, explained, located
from .record import Value, fixed_call, general_call, mark_changed
from .state import local

registry: dict[str, Primitive] = {}
_declared: set[Primitive] = set()


class Plan:
    """For one pattern of inputs that need a gradient: which rules run and what they keep."""

    __slots__ = ("kept", "plain", "rules", "save", "wanted")

    def __init__(self, rules, getters, kept, plain, wanted=()):
        self.rules = rules  # (input position, rule, its form for arrays, what it names, as positions in the namespace)
        self.save = _save(getters)  # from a namespace, a tuple of arguments for each rule
        self.plain = plain  # the rules name inputs and outputs only
        self.wanted = wanted  # of a fused op whose backward asks for it: the names of the inputs that need a cotangent
        self.kept = kept  # positions of the `changed` cells of what is kept: those of the inputs, then the outputs' one


def _save(getters):
    if len(getters) == 1:
        (only,) = getters
        return lambda values: (only(values),)
    if len(getters) == 2:
        first, second = getters
        return lambda values: (first(values), second(values))
    return lambda values: [get(values) for get in getters]


def _getter(positions):
    """A function that takes ``positions`` out of a list, as a tuple."""
    if not positions:
        return lambda values: ()
    if len(positions) == 1:
        (only,) = positions
        return lambda values: (values[only],)
    return itemgetter(*positions)


def _parameters(function):
    code = function.__code__
    return code.co_varnames[: code.co_argcount]


def _simple_getter(positions, n_inputs):
    """As `_getter`, from the inputs and the one output alone: a shape is read off them."""
    if all(p <= n_inputs for p in positions):
        return _getter(positions)
    return lambda values: tuple([values[p] if p <= n_inputs else getattr(values[p - n_inputs - 1], "shape", ()) for p in positions])


class Primitive:
    """The declaration of an op; the decorator `primitive` makes one, and a function that calls it."""

    def __init__(self, forward, *, broadcasts, promotes, view, outputs, residuals, twin, name=None):
        code = forward.__code__
        self.name, self.doc, self.forward = name or forward.__name__, forward.__doc__, forward
        self.inputs = _parameters(forward)
        self.variadic = bool(code.co_flags & 0x04)
        self.attributes = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        self.defaults = forward.__kwdefaults__ or {}
        self.broadcasts, self.promotes, self.view = broadcasts, promotes, view
        self.outputs, self.residuals, self.twin = outputs, residuals, twin
        self.rules = self.kernel = self.kernel_on_arrays = self.adds_into = None
        self.writes, self.chooses = (), False
        self.differentiable = twin is not None
        self.simple = not (self.variadic or self.attributes) and outputs == ("out",)  # its rules see inputs and output alone
        self.plans = {}
        self.run_by = None  # ``run_by(function)``: calls run ``function`` in the place of forward (to measure; costs nothing else)

    def derivatives(self, *rules, each=None, adds_into=None):
        """Give a rule for each input, in order (None: no gradient flows there).

        A rule takes the cotangent of every output (one tuple where their number varies), then what it needs, by name.
        each       one rule for a variable number of inputs, which also gets the position ``i`` of the input
        adds_into  ``f(buffer, g, *what the first rule names)`` adds the first rule's result to an array in place:
                   for rules whose result is mostly zeros
        """
        self.rules = (each,) if each is not None else rules
        self.adds_into = adds_into
        self.differentiable = True

    def backward(self, kernel):
        """Declare the backward of a fused op (decorator): ``kernel(*cotangents, *inputs, *residuals, **attributes)`` returns
        one cotangent for each input, None where there is none. It is a fused op itself, whose twin is the vjp of the twin. Has it
        an attribute ``wanted``, it is told the names of the inputs whose cotangents somebody needs."""
        self.chooses = "wanted" in kernel.__code__.co_varnames
        outputs = tuple(f"g_{name}" for name in self.inputs)
        self.kernel, self.kernel_on_arrays = primitive(kernel, outputs=outputs, twin=self), kernel
        return self.kernel

    def bind(self, args, attributes):
        """The inputs among ``args``; attributes given by position, and inputs given by name, are put in their place."""
        extra = len(args) - len(self.inputs)
        if extra > len(self.attributes):
            raise TypeError(f"{located(self.name, local.state)}: {len(args)} arguments given, {self.signature()}")
        for name, value in zip(self.attributes, args[len(self.inputs) :]):
            if name in attributes:
                raise TypeError(f"{located(self.name, local.state)}: {name} is given twice, {self.signature()}")
            attributes[name] = value
        args = args[: len(self.inputs)]
        if extra < 0:
            optional = self.forward.__defaults__ or ()
            for k, name in enumerate(self.inputs[len(args) :], len(args)):
                if name in attributes:
                    args += (attributes.pop(name),)
                elif k >= len(self.inputs) - len(optional):
                    args += (optional[k - len(self.inputs)],)
                else:
                    raise TypeError(f"{located(self.name, local.state)}: {name} is missing, {self.signature()}")
        return args

    def signature(self):
        return f"the call is {self.name}({', '.join((*self.inputs, *self.attributes))})"

    def namespace(self, arrays, outs, attributes):
        """All that a rule may name, in the order of `names`."""
        values = [*arrays, *(outs if self.outputs is not None else ())]
        values += [attributes[name] if name in attributes else self.defaults[name] for name in self.attributes]
        shapes = tuple([getattr(a, "shape", ()) for a in arrays])
        values += (shapes, tuple(arrays), tuple(arrays[1:])) if self.variadic else shapes
        return values

    def names(self, count):
        """The names that go with `namespace` for ``count`` inputs."""
        inputs = [f"input {i}" for i in range(count)] if self.variadic else list(self.inputs)
        names = [*inputs, *(self.outputs or ()), *self.attributes]
        return names + (["shapes", "inputs", "rest"] if self.variadic else [f"{name}_shape" for name in inputs])

    def plan(self, mask, count):
        """The `Plan` for the inputs whose bit is set in ``mask``."""
        if self.twin is not None:  # its backward makes all cotangents at once: a rule picks one of them
            picks = [(i, pick, pick, ()) for i in range(count) if mask >> i & 1 for pick in (_picker(i),)]
            wanted = tuple([name for i, name in enumerate(self.inputs) if mask >> i & 1]) if self.chooses else None
            made = self.plans[(mask, count) if self.variadic else mask] = Plan(tuple(picks), (), tuple(range(count)), False, wanted)
            return made
        rules, getters, kept, plain = [], [], set(), self.outputs is not None
        n_cotangents, n_outputs = len(self.outputs or "1"), len(self.outputs or ())
        place = {name: k for k, name in enumerate(self.names(count))}
        for i in range(count):
            rule = self.rules[0 if self.variadic else i] if self.rules and mask >> i & 1 else None
            if rule is None:
                continue
            wanted = _parameters(rule)[n_cotangents:]
            on_arrays = _on_arrays(rule)
            if wanted[:1] == ("i",):
                wanted = wanted[1:]
                rule, on_arrays = _with_position(rule, i, n_cotangents), _with_position(on_arrays, i, n_cotangents)
            positions = tuple(place[name] for name in wanted)
            plain = plain and all(p < count + n_outputs for p in positions)
            if "inputs" in wanted or "rest" in wanted:
                kept |= set(range("inputs" not in wanted, count))
            kept |= {min(p, count) for p in positions if p < count + n_outputs}
            rules.append((i, rule, on_arrays, positions))
            getters.append(_getter(positions) if not self.simple else _simple_getter(positions, count))
        made = self.plans[(mask, count) if self.variadic else mask] = Plan(tuple(rules), getters, tuple(sorted(kept)), plain)
        return made

    def __repr__(self):
        return f"<primitive {self.name}>"


def _picker(i):
    return lambda *cotangents: cotangents[i]


def _with_position(rule, i, n_cotangents):
    return lambda *args: rule(*args[:n_cotangents], i, *args[n_cotangents:])


def _on_arrays(rule):
    """The same rule for arrays alone: each op that it names is its forward, without a look for Tensors."""
    names = {name: value for name in rule.__code__.co_names if (value := rule.__globals__.get(name)) is not None}
    bare = {name: value.primitive.forward for name, value in names.items() if getattr(value, "primitive", None) in _declared}
    if not bare:
        return rule
    return types.FunctionType(rule.__code__, {**rule.__globals__, **bare}, rule.__name__, rule.__defaults__, rule.__closure__)


def primitive(forward=None, *, broadcasts=False, promotes=False, view=False, outputs=("out",), residuals=(), twin=None, name=None
):  # fmt: skip
    """Declare the function below as a primitive op (decorator).

    broadcasts  its inputs broadcast: the engine sums a cotangent back to its input's shape
    promotes    True brings the inputs to their common dtype, "float" also turns integers into floats
    view        the output may share memory with the first input
    outputs     names of the outputs; None where their number varies
    residuals   names of what forward returns after the outputs, for the backward of a fused op
    twin        the same function composed of other primitives: makes it a fused op
    name        what errors and pictures call it, where the user knows it under another name than the function's
    """
    options = dict(broadcasts=broadcasts, promotes=promotes, view=view, outputs=outputs, residuals=residuals, twin=twin, name=name)
    if forward is None:
        return lambda function: primitive(function, **options)
    declared = registry[forward.__name__] = Primitive(forward, **options)
    _declared.add(declared)
    build = general_call if declared.variadic or outputs is None or len(outputs) > 1 else fixed_call
    call = build(declared, promotes == "float")
    call.__name__ = call.__qualname__ = declared.name
    call.__doc__, call.__module__, call.__wrapped__ = forward.__doc__, forward.__module__, _as_called(forward)
    call.primitive, call.derivatives, call.backward = declared, declared.derivatives, declared.backward
    declared.run_by = call.run_by
    return call


def _as_called(forward):
    """``forward`` with the signature of its calls, in which attributes may stand by position (see `Primitive.bind`)."""
    code, given, optional = forward.__code__, forward.__kwdefaults__ or {}, forward.__defaults__ or ()
    names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    required = len(names) - len(given)
    if not names or code.co_flags & 0x04 or (required and (optional or any(name in given for name in names[:required]))):
        return forward
    code = code.replace(co_argcount=code.co_argcount + len(names), co_kwonlyargcount=0)
    defaults = (*optional, *(given[name] for name in names[required:]))
    return types.FunctionType(code, forward.__globals__, forward.__name__, defaults, forward.__closure__)


# -- in-place updates --------------------------------------------------------------------------------------------


def update(*writes):
    """Declare the function below as an op that writes in place into the inputs at positions ``writes`` (decorator).

    An input may be a list of Tensors. The op is never differentiated. It marks the memory as changed, so that a backward
    which still needs the old value says so.
    """

    def declare(forward):
        declared = Primitive(forward, broadcasts=False, promotes=False, view=False, outputs=(), residuals=(), twin=None)
        declared.writes = writes
        registry[declared.name] = declared

        @functools.wraps(forward)
        def call(*args, **attributes):
            arrays, written = [], []
            for k, a in enumerate(args):
                if type(a) is list:
                    arrays.append([t.data if isinstance(t, Value) else t for t in a])
                    if k in writes:
                        written += a
                else:
                    arrays.append(a.data if isinstance(a, Value) else a)
                    if k in writes:
                        written.append(a)
            try:
                for target in written:
                    source = target.source if isinstance(target, Value) else ()
                    if source is not None and (not source or source[0].primitive is not None):
                        raise _not_writable(declared, target)
                try:
                    forward(*arrays, **attributes)
                finally:  # an update that fails half-way has changed something
                    mark_changed(written)
            except EXPLAINED as error:
                raise explained(error, declared, arrays, local.state) from error

        def run_by(function):
            nonlocal forward
            forward = function

        call.primitive, declared.run_by = declared, run_by
        return call

    return declare


def _not_writable(declared, target):
    names = " or ".join(declared.inputs[k] for k in declared.writes)
    if not isinstance(target, Value):
        return TypeError(f"{names} must be a Tensor to be updated in place")
    return ValueError(f"{names} was computed by {target.source[0].primitive.name}: only leaves change in place")

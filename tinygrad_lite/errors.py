"""The text of errors: which op, in which module, what came."""

from __future__ import annotations

import functools
import sys

import numpy as np

from .dtypes import refused_in
from .state import local


def _array(value):
    """The array of a Tensor, anything else as it is."""
    data = getattr(value, "data", None)
    return data if isinstance(data, np.ndarray) else value


def describe(value):
    """``(8, 3) float32`` for an array or a Tensor, the value itself for a number, a string or a few integers, else its type."""
    array = _array(value)
    if isinstance(array, np.ndarray):
        return f"{array.shape} {array.dtype}"
    if isinstance(value, (list, tuple)) and len(value) <= 8:
        if all(isinstance(v, int) for v in value):
            return repr(value)
        if all(isinstance(_array(v), np.ndarray) for v in value):
            return f"[{', '.join(map(describe, value))}]"
    return repr(value) if isinstance(value, (int, float, bool, str, type(None))) else type(value).__name__


# What wrong arguments lead to
EXPLAINED = (ValueError, TypeError, IndexError, AttributeError, OverflowError, ZeroDivisionError, KeyError)


def located(name, state):
    """``conv2d in features.0``, or ``conv2d`` outside of modules."""
    path = state.scope.path
    return f"{name} in {path}" if path else name


def explained(error, declared, arrays, state):
    """The same kind of error, with the op, the module path and what came."""
    what = None
    if declared.broadcasts and "broadcast together" in str(error):
        shapes = [np.shape(a) for a in arrays]
        try:
            np.broadcast_shapes(*shapes)
        except ValueError:
            what = f"shapes {' and '.join(map(str, shapes))} do not broadcast: counted from the right, sizes must be equal or 1"
    names = declared.inputs if not declared.variadic else [f"input {i}" for i in range(len(arrays))]
    return _told(error, declared.name, dict(zip(names, arrays)), state, what)


def _told(error, name, given, state, what=None):
    """A new error of the kind of ``error``: the op ``name``, where it was called, ``what`` is wrong, and of what kind each argument
    that was ``given`` is, unless ``what`` says so. An op composed of this one tells the parts as its own."""
    kind, said = type(error), getattr(error, "said", False)
    what = what or getattr(error, "what", None)
    if what is None:
        what = str(error)
        if what.startswith((f"{name}: ", f"{name} in ")):
            what, said = what.partition(": ")[2], True
        elif refused := refused_in([_array(v) for v in given.values()]):
            what, kind = refused, TypeError
        elif isinstance(error, AttributeError):
            what = f"expected Tensors, arrays or numbers; make them with tinygrad_lite.tensor ({what})"
        elif "ufunc" in what:  # NumPy speaks of its loops
            what = "this cannot be computed with what was given"
    kind = next((k for k in (IndexError, ValueError, OverflowError) if issubclass(kind, k)), TypeError)
    came = "" if said or not given else f" ({', '.join(f'{key} is {describe(value)}' for key, value in given.items())})"
    told = kind(f"{located(name, state)}: {what}{came}")
    told.what, told.said = what, said
    return told


# -- ops composed of others ------------------------------------------------------------------------------------------


def composed(function=None, *, name=None):
    """Declare the function below as an op composed of others (decorator): an error within names it, or ``name``, and says what it
    was given, whichever op met with it.

    A message of the function that begins with its name, "split: sizes [1, 3] do not add up", says itself what came.
    """
    if function is None:
        return lambda function: composed(function, name=name)
    code, renamed = function.__code__, functools.partial(_renamed, function, name or function.__name__)
    if code.co_flags & 0x0C:  # *args, **kwargs

        def call(*args, **kwargs):
            try:
                return function(*args, **kwargs)
            except EXPLAINED as error:
                raise renamed(error, *args, **kwargs)

    else:
        n, names = code.co_argcount, code.co_varnames
        last = n + code.co_kwonlyargcount
        call = _watched(n, names[n:last])(function, renamed)
        call.__code__ = call.__code__.replace(co_varnames=(*names[:last], "error"))
        call.__defaults__, call.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
    call.__name__, call.__qualname__, call.__doc__ = function.__name__, function.__qualname__, function.__doc__
    call.__module__, call.__wrapped__ = function.__module__, function
    return call


@functools.cache
def _watched(n, named):
    """The call of a function of ``n`` arguments, and others that are ``named``, written out: it costs a quarter of a call that
    takes any."""
    inputs = [f"x{i}" for i in range(n)]
    parameters, arguments = [*inputs, *(["*", *named] if named else ())], [*inputs, *(f"{key}={key}" for key in named)]
    source = f"""
def make(function, renamed):
    def call({", ".join(parameters)}):
        try:
            return function({", ".join(arguments)})
        except EXPLAINED as error:
            raise renamed({", ".join(["error", *arguments])})
    return call
"""
    made = {}
    exec(compile(source, f"<call of an op of {n} arguments>", "exec"), globals(), made)
    return made["make"]


def _renamed(function, name, error, *args, **kwargs):
    """``error`` as one of the composed op ``name``, or itself if it is that; what was left at its default is not told."""
    code, defaults = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    default = {**dict(zip(names[len(names) - len(defaults) :], defaults)), **(function.__kwdefaults__ or {})}
    rest = {f"input {k}": value for k, value in enumerate(args[len(names) :])}
    given = {**dict(zip(names, args)), **rest, **kwargs}
    told = _told(error, name, {k: v for k, v in given.items() if k not in default or default[k] is not v}, local.state)
    if type(told) is type(error) and str(told) == str(error):
        error.what, error.said = told.what, told.said
        return error
    told.__cause__ = error.__cause__ or error
    return told


# -- other texts -----------------------------------------------------------------------------------------------------


def not_for_tensors(name, arguments=()):
    """That a function of NumPy, or these arguments of it, are not there for Tensors, and what to do."""
    return (
        f"numpy.{name} does not take Tensors{f' with {sorted(arguments)}' if arguments else ''}: "
        "use an op of tinygrad_lite, or .detach().numpy() for the array"
    )


def user_line():
    """File and line of the code that called the framework."""
    frame = sys._getframe(1)
    while frame is not None and f"{frame.f_globals.get('__name__', '')}.".startswith(f"{__package__}."):
        frame = frame.f_back
    return "an unknown line" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _range(array):
    finite = array[np.isfinite(array)] if isinstance(array, np.ndarray) and array.dtype.kind == "f" else np.empty(0)
    bounds = f" in [{finite.min():.4g}, {finite.max():.4g}]" if finite.size else ""
    bad = "" if not isinstance(array, np.ndarray) or finite.size == array.size or array.dtype.kind != "f" else ", not all finite"
    return describe(array) + bounds + bad


def stop_at_nan(declared, outs, arrays, state):
    """Raise if an output of an op holds a NaN or inf."""
    for out in (outs,) if isinstance(outs, np.ndarray) else outs:
        if isinstance(out, np.ndarray) and out.dtype.kind == "f" and not np.isfinite(out).all():
            what = "NaN" if np.isnan(out).any() else "inf"
            names = declared.inputs if not declared.variadic else [f"input {i}" for i in range(len(arrays))]
            inputs = "; ".join(f"{name} {_range(a)}" for name, a in zip(names, arrays))
            raise FloatingPointError(
                f"{located(declared.name, state)}: the first {what} appeared here, at {user_line()}; "
                f"output {_range(out)}; inputs: {inputs}"
            )


# -- of the walk back ------------------------------------------------------------------------------------------------


def where_of(node):
    """The op of a node, its module path, its source line if that was kept."""
    if node.primitive is None:
        return f"leaf {node.extra.name or ''}".strip()
    path, line = node.scope.path, node.extra.line if node.extra is not None else None
    return node.primitive.name + (f" in {path}" if path else "") + (f" ({line})" if line else "")


def input_name(node, i):
    """What input ``i`` of a node is called."""
    names = node.primitive.inputs
    return names[i] if i < len(names) else f"input {i}"


def rule_error(node, i, error):
    """The same kind of error, with the op whose rule failed."""
    kind = type(error) if isinstance(error, (ValueError, TypeError, IndexError, FloatingPointError)) else TypeError
    return kind(f"backward of {where_of(node)}, gradient of {input_name(node, i)}: {error}")


def freed_error(node):
    """The error of a second walk."""
    return RuntimeError(
        f"backward through {where_of(node)}: an earlier backward has freed this graph; "
        "give that one retain_graph=True to walk it twice"
    )


def check_unchanged(node):
    """Raise if something that the rules of ``node`` need was changed in place since."""
    for p in node.plan.kept:
        cell = node.changed[p]
        if cell is not None and cell[0] > node.serial:
            name = "its output" if p == len(node.edges) else input_name(node, p)
            leaf = node.edges[p][0] if p < len(node.edges) else None
            if leaf is not None and leaf.primitive is None and leaf.extra.name:
                name += f" ({'.'.join(filter(None, (node.scope.path, leaf.extra.name)))})"
            raise RuntimeError(
                f"backward through {where_of(node)}: {name} was changed in place after the forward, which used its old value; "
                "call backward before the update, or run the forward again"
            )


def check_cotangent(node, i, array):
    """Raise if the cotangent ``array`` for input ``i`` of ``node`` holds a NaN or inf."""
    if not np.isfinite(array).all():
        what = "NaN" if np.isnan(array).any() else "inf"
        raise FloatingPointError(
            f"backward of {where_of(node)}: the first {what} appeared in the gradient of {input_name(node, i)}, {describe(array)}"
        )

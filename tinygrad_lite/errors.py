"""The text of errors: which op, in which module, what came."""

from __future__ import annotations

import sys

import numpy as np

from .dtypes import complex_in


def describe(value):
    """``(8, 3) float32`` for an array, the value itself for a number."""
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype}"
    return repr(value) if isinstance(value, (int, float, bool, str, type(None))) else type(value).__name__


EXPLAINED = (ValueError, TypeError, IndexError, AttributeError, OverflowError)  # what wrong arguments lead to


def _inputs(declared, arrays):
    names = declared.inputs if not declared.variadic else [f"input {i}" for i in range(len(arrays))]
    return ", ".join(f"{name} is {describe(a)}" for name, a in zip(names, arrays))


def located(name, state):
    """``conv2d in features.0``, or ``conv2d`` outside of modules."""
    path = state.scope.path
    return f"{name} in {path}" if path else name


def explained(error, declared, arrays, state):
    """The same kind of error, with the op, the module path and what came."""
    what = str(error)
    if declared.broadcasts and "broadcast together" in what:
        shapes = [np.shape(a) for a in arrays]
        try:
            np.broadcast_shapes(*shapes)
        except ValueError:
            what = f"shapes {' and '.join(map(str, shapes))} do not broadcast: counted from the right, sizes must be equal or 1"
    is_complex = complex_in(arrays)
    if is_complex:
        what, error = is_complex, TypeError()
    elif isinstance(error, AttributeError):  # no array
        what = f"expected Tensors, arrays or numbers; make them with tinygrad_lite.tensor ({what})"
    kind = next((k for k in (IndexError, ValueError, OverflowError) if isinstance(error, k)), TypeError)
    return kind(f"{located(declared.name, state)}: {what} ({_inputs(declared, arrays)})")


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

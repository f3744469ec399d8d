"""What one thread is doing: whether it records, in which module, whether it looks for NaNs."""

from __future__ import annotations

import functools
import threading


class Scope:
    """Where an op was called: the path of modules (and time steps) around it. One object for each path."""

    __slots__ = ("_children", "kind", "name", "parent")

    def __init__(self, parent=None, name="", kind=""):
        self.parent, self.name, self.kind, self._children = parent, name, kind, {}

    def child(self, name, kind=""):
        """The scope inside this one: ``name`` as an attribute or an index, ``kind`` the class of the module."""
        key = name, kind
        found = self._children.get(key)
        if found is None:
            found = self._children[key] = Scope(self, name, kind)
        return found

    @property
    def path(self):
        """Names from the outermost to this one: ``features.0``."""
        names, scope = [], self
        while scope is not None:
            if scope.name:
                names.append(scope.name)
            scope = scope.parent
        return ".".join(reversed(names))


class State:
    """The flags of one thread.

    recording    calls on Tensors that need a gradient leave nodes
    scope        the module (and time step) that runs
    anomaly      stop at the first NaN or inf
    recomputing  a second run for `checkpoint` or a twin: statistics are not assigned again
    packed       the weights that `linear` has transposed, None outside of loops over time
    watch        who looks at each op that runs (`inspection.watch`), None outside of `profile` and `summary`
    """

    __slots__ = ("anomaly", "packed", "recomputing", "recording", "scope", "watch")

    def __init__(self):
        self.recording, self.scope, self.anomaly, self.recomputing, self.packed = True, Scope(), False, False, None
        self.watch = None


class _Local(threading.local):
    def __init__(self):
        self.state = State()


local = _Local()


class setting:
    """Context manager and decorator that sets one field of the thread's `State` and restores it."""

    def __init__(self, field, value):
        self.field, self.value, self.outer = field, value, []

    def __enter__(self):
        self.outer.append(getattr(local.state, self.field))
        setattr(local.state, self.field, self.value)
        return self

    def __exit__(self, *exc):
        setattr(local.state, self.field, self.outer.pop())

    def __call__(self, function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with setting(self.field, self.value):
                return function(*args, **kwargs)

        return wrapped


def no_grad():
    """Context manager and decorator: calls inside leave no graph."""
    return setting("recording", False)


def enable_grad():
    """Context manager and decorator: calls inside are recorded, also within `no_grad`."""
    return setting("recording", True)


def is_grad_enabled():
    """Whether calls on Tensors that need a gradient are recorded now, on this thread."""
    return local.state.recording


def detect_anomaly():
    """Context manager: stop at the first op, in forward order, that makes a NaN or inf, and in backward at the first such
    cotangent. The error names the op, its module, the source line, shapes and ranges."""
    return setting("anomaly", True)


class scope:
    """Context manager: calls inside carry ``name`` in their module path (``kind`` is the class of a module)."""

    def __init__(self, name, kind=""):
        self.name, self.kind, self.outer = name, kind, []

    def __enter__(self):
        outer = local.state.scope
        self.outer.append(outer)
        local.state.scope = outer.child(self.name, self.kind)
        return local.state.scope

    def __exit__(self, *exc):
        local.state.scope = self.outer.pop()

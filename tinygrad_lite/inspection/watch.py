"""To look at every op as it runs. Ops call their forward as they always do; while somebody looks, what they call is another
function. When nobody does, it costs nothing."""

from __future__ import annotations

import threading

from ..primitive import registry
from ..state import local

_watching, _lock = [0], threading.Lock()


class Watch:
    """Context manager: each op that this thread runs goes through `op`, each step of a walk back through `rule` or `in_walk`."""

    outer = None

    def op(self, declared, forward, arrays, attributes):
        """Run an op on arrays."""
        return forward(*arrays, **attributes)

    def rule(self, node, i, rule):
        """The ``rule`` for input ``i`` of ``node``, to be run now."""
        return rule

    def in_walk(self, function):
        """A ``function`` of the walk that has the node among its first two arguments."""
        return function

    def __enter__(self):
        with _lock:
            _watching[0] += 1
            if _watching[0] == 1:
                for declared in set(registry.values()):
                    declared.run_by(_looked_at(declared))
        self.outer, local.state.watch = local.state.watch, self
        return self

    def __exit__(self, *exc):
        local.state.watch = self.outer
        with _lock:
            _watching[0] -= 1
            if not _watching[0]:
                for declared in set(registry.values()):
                    declared.run_by(declared.forward)


def _looked_at(declared):
    """The forward of an op, shown to who watches on the thread that runs it."""
    forward = declared.forward

    def run(*arrays, **attributes):
        watch = local.state.watch
        return forward(*arrays, **attributes) if watch is None else watch.op(declared, forward, arrays, attributes)

    return run

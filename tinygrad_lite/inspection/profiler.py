"""`profile`: what the time goes into, by op and by module."""

from __future__ import annotations

import functools
import math
from time import perf_counter

import numpy as np

from ..graph import _added_into, _fitted, _summed
from ..record import Node, Value
from ..state import local
from ..tables import Table, count, duration, size
from .costs import backward_cost, forward_cost
from .watch import Watch


class Row:
    """What one op cost in one place: seconds, calls, floating-point operations, bytes read and written."""

    __slots__ = ("bytes", "calls", "flops", "time")

    def __init__(self):
        self.time, self.calls, self.flops, self.bytes = 0.0, 0, 0, 0

    def add(self, other):
        """Add the numbers of another row."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Profile(Watch):
    """What ran between entering and leaving it, on this thread. Printed, it is two tables: by op, and by module.

    rows       {(op, module path, phase): Row}; phase is "forward", "backward" or "update"
    wall       seconds from entering to leaving
    inside     seconds in ops
    measuring  seconds that the profile itself took
    outside    the rest: Python, the recording of the graph, the walk, reading data
    """

    def __init__(self):
        self.by_place, self.wall, self.measuring, self.start = {}, 0.0, 0.0, None
        self.depth, self.inner = 0, 0.0  # ops and rules that are running; seconds in those inside of the innermost

    def __enter__(self):
        super().__enter__()
        self.depth, self.inner, self.start = 0, 0.0, perf_counter()
        return self

    def __exit__(self, *exc):
        self.wall, self.start = self.wall + perf_counter() - self.start, None
        super().__exit__(*exc)

    # -- measuring ---------------------------------------------------------------------------------------------

    def _timed(self, key, function, arguments, attributes, work):
        """``function(*arguments)``, its time without that of what is timed inside of it; ``work(row, result)`` counts the rest."""
        outer, self.inner = self.inner, 0.0
        self.depth += 1
        start = end = perf_counter()
        try:
            result = function(*arguments, **attributes)
        finally:
            end = perf_counter()
            row = self.by_place.get(key)
            if row is None:
                row = self.by_place[key] = Row()
            row.time += end - start - self.inner
            self.depth -= 1
            self.inner = outer + end - start
        if work is not None:
            work(row, result)
        took = perf_counter() - end
        self.inner += took
        self.measuring += took
        return result

    def op(self, declared, forward, arrays, attributes):
        """Run an op on arrays, and count it: inside of a rule it is part of the rule, unless something is computed again there."""
        state = local.state
        if self.depth and not state.recomputing:
            return forward(*arrays, **attributes)

        def work(row, result):
            outs = result if isinstance(result, (tuple, list)) else (result,)
            row.calls += 1
            row.bytes += _bytes(arrays) + _bytes(outs) if not declared.view or not _shares(result, arrays) else 0
            if declared.writes:
                row.flops += sum(a.size for group in arrays if type(group) is list for a in group)
                return
            given, shapes = {**declared.defaults, **attributes}, _shapes(_outputs(declared, outs))
            products, others = forward_cost(declared.forward.__name__, _shapes(arrays), shapes, given)
            row.flops += 2 * products + others

        phase = "update" if declared.writes else "backward" if self.depth else "forward"
        return self._timed((declared.name, state.scope, phase), forward, arrays, attributes, work)

    def rule(self, node, i, rule):
        """A rule that is measured: its cotangent, made of all it was given."""

        def measured(*arguments):
            def work(row, result):
                if node.primitive.twin is None:
                    self._count(row, node, (i,), first=i == node.plan.rules[0][0])
                    row.bytes += _bytes(arguments) + _bytes((result,))

            return self._timed(_place(node), rule, arguments, {}, work)

        return measured

    def in_walk(self, function):
        """A step of the walk that is measured."""

        @functools.wraps(function)
        def measured(*arguments):
            node = arguments[0] if isinstance(arguments[0], Node) else arguments[1]

            def work(row, result):
                if function is _added_into:  # touches as much of the buffer as it adds
                    row.bytes += 3 * _bytes(arguments[1:2])
                else:
                    row.bytes += _bytes(arguments) + _bytes(node.saved[0]) + _bytes(result)
                self._count(row, node, [wanted[0] for wanted in node.plan.rules], first=True)

            helper = function in (_fitted, _summed)
            return self._timed(_place(node), function, arguments, {}, None if helper else work)

        return measured

    def _count(self, row, node, wanted, first):
        """The operations of the cotangents of inputs ``wanted``; the ``first`` counts the call."""
        shapes = [edge[2][0] for edge in node.edges]
        name = node.primitive.forward.__name__
        products, others = backward_cost(name, shapes, [m and m[0] for m in node.metas], _given(node), wanted)
        row.flops += 2 * products + others
        row.calls += first

    # -- results -----------------------------------------------------------------------------------------------

    @property
    def rows(self):
        """{(op, module path, phase): Row}."""
        found = {}
        for (name, scope, phase), row in self.by_place.items():
            found.setdefault((name, scope.path or _outermost(scope), phase), Row()).add(row)
        return found

    @property
    def inside(self):
        """Seconds in ops."""
        return sum(row.time for row in self.by_place.values())

    @property
    def outside(self):
        """Seconds in nothing that was measured."""
        return max(self._wall() - self.inside - self.measuring, 0.0)

    def _wall(self):
        return self.wall + (0.0 if self.start is None else perf_counter() - self.start)

    def by_op(self):
        """{(op, phase): Row}, the one that took longest first."""
        return self._summed_by(lambda name, path, phase: (name, phase))

    def by_module(self):
        """{(module path, phase): Row}, the one that took longest first; an op counts for the innermost module alone."""
        return self._summed_by(lambda name, path, phase: (path, phase))

    def _summed_by(self, key):
        found = {}
        for place, row in self.rows.items():
            found.setdefault(key(*place), Row()).add(row)
        return dict(sorted(found.items(), key=lambda item: -item[1].time))

    def tables(self):
        """The two tables, by op and by module."""
        wall = self._wall()
        share = (lambda t: f"{100 * t / wall:.1f} %") if wall else lambda t: ""
        notes = [
            f"ops {duration(self.inside)} ({share(self.inside)}), outside ops {duration(self.outside)} ({share(self.outside)}), "
            f"measuring {duration(self.measuring)} ({share(self.measuring)}); wall {duration(wall)}"
        ]
        made = []
        for title, header, found in (("by op", "<op", self.by_op()), ("by module", "<module", self.by_module())):
            rows = [
                [name, phase, duration(r.time), share(r.time), count(r.calls), count(r.flops),
                 _rate(r), size(r.bytes)]
                for (name, phase), r in found.items()
            ]  # fmt: skip
            headers = [header, "<phase", "time", "share", "calls", "FLOPs", "GFLOP/s", "bytes"]
            made.append(Table(f"profile {title}", headers, rows, notes))
        return made

    def __str__(self):
        return "\n\n".join(map(str, self.tables()))

    def _repr_html_(self):
        return "".join(table.html() for table in self.tables())


def profile():
    """Context manager that measures each op that runs inside, on this thread: ``with tl.profile() as p: ...``, ``print(p)``.

    For each op and each module, forward, backward and update apart: time, calls, FLOPs (two for a multiply-add, one for another
    operation; costs.py has the rules), and the bytes that were read and written once each. Time in no op (Python, the recording
    of the graph, the walk) is the last line. A first call may compile a kernel: run once before you measure.
    While a profile runs inside of another one, ops count for the inner one alone.
    """
    return Profile()


# -- helpers -----------------------------------------------------------------------------------------------------


def _place(node):
    return node.primitive.name, node.scope, "backward"


def _outermost(scope):
    """What stands for the path of a module that is no attribute of another one: its class."""
    return f"({scope.kind})" if scope.kind else "(outside of modules)"


def _given(node):
    return {**node.primitive.defaults, **(node.attributes or {})}


def _rate(row):
    return f"{row.flops / row.time / 1e9:.2f}" if row.time and row.flops else ""


def _outputs(declared, outs):
    """The outputs without the residuals that follow them."""
    return outs[: len(outs) - len(declared.residuals)]


def _array(value):
    return value.data if isinstance(value, Value) else value


def _bytes(values):
    arrays = [a for v in values for a in (v if isinstance(v, (list, tuple)) else (v,))]
    return sum(_memory(a) for a in map(_array, arrays) if isinstance(a, np.ndarray))


def _memory(array):
    """Bytes that lie there: what is broadcast lies there once."""
    if array.flags.c_contiguous:
        return array.nbytes
    return array.itemsize * math.prod(n for n, step in zip(array.shape, array.strides) if step)


def _shapes(arrays):
    return [a.shape if isinstance(a, np.ndarray) else None if a is None else () for a in arrays]


def _shares(result, arrays):
    first = result[0] if isinstance(result, list) and result else result
    return isinstance(first, np.ndarray) and isinstance(arrays[0], np.ndarray) and np.may_share_memory(first, arrays[0])

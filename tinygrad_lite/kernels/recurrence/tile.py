"""What the loops over time need and Numba's language cannot say: a product in registers, and how subnormal numbers are treated.
Imported only when a kernel that uses it is compiled.
"""

from __future__ import annotations

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..vector import INDEX, LANE, REGISTERS, _prefetch, _spread, load, multiply_add, register_of, store

ROWS = 6
VECTORS = 4 if REGISTERS > 16 else 2  # ROWS x VECTORS sums, VECTORS of a panel's row and one number spread fill the registers
LATENCY = 8  # multiply-adds that a processor has under way: a tile with fewer sums takes each of them in several parts


def _sums(builder, sums, rows, a, row_step, step, b, count, soon, soon_step):
    """Add the sum over k < ``count`` of a[m * row_step + k * step] * b[k, :] to ``sums`` (rows x vectors), and prefetch from
    ``soon`` on; returns the sums and what follows the rows of b and what was prefetched."""
    vector, vectors = sums[0].type, len(sums) // rows
    parts = max(1, min(4, LATENCY // len(sums)))
    zero = ir.Constant(vector, [0.0] * vector.count)
    begins = [builder.mul(row_step, INDEX(m)) for m in range(rows)]

    def looped(sums, a, b, soon, rounds, parts):
        """``rounds`` times ``parts`` terms, each part into sums of its own."""
        before, head = builder.block, builder.append_basic_block("head")
        body, after = builder.append_basic_block("body"), builder.append_basic_block("after")
        builder.branch(head)
        builder.position_at_end(head)
        values = [INDEX(0), a, b, soon, *sums]
        phis = [builder.phi(value.type) for value in values]
        for phi, value in zip(phis, values):
            phi.add_incoming(value, before)
        builder.cbranch(builder.icmp_signed("<", phis[0], rounds), body, after)
        builder.position_at_end(body)
        k, now, line, fetched, *inside = phis
        for p in range(parts):
            held = [load(builder, builder.gep(line, [INDEX(j * vector.count)]), vector) for j in range(vectors)]
            for m in range(rows):
                spread = _spread(builder, builder.load(builder.gep(now, [begins[m]])), vector)
                for j in range(vectors):
                    n = (p * rows + m) * vectors + j
                    inside[n] = multiply_add(builder, spread, held[j], inside[n])
            _prefetch(builder, fetched)
            now, line = builder.gep(now, [step]), builder.gep(line, [INDEX(vectors * vector.count)])
            fetched = builder.gep(fetched, [soon_step])
        for phi, value in zip(phis, [builder.add(k, INDEX(1)), now, line, fetched, *inside]):
            phi.add_incoming(value, builder.block)
        builder.branch(head)
        builder.position_at_end(after)
        return phis[4:], *phis[1:4]

    if parts > 1:
        most = builder.sdiv(count, INDEX(parts))
        several, a, b, soon = looped([*sums, *[zero] * (len(sums) * (parts - 1))], a, b, soon, most, parts)
        n, count = len(sums), builder.sub(count, builder.mul(most, INDEX(parts)))
        sums = several[:n]
        for p in range(1, parts):
            sums = [builder.fadd(x, y) for x, y in zip(sums, several[p * n : (p + 1) * n])]
    sums, _, b, soon = looped(sums, a, b, soon, count, 1)
    return sums, b, soon


def _places(builder, c, rows, step, vectors, across):
    """Where the vectors of a matrix begin, row by row."""
    begins = [builder.gep(c, [builder.mul(step, INDEX(m))]) for m in range(rows)]
    return [builder.gep(begin, [builder.mul(across, INDEX(j))]) for begin in begins for j in range(vectors)]


@intrinsic
def tile(
    typing, rows, vectors, start, start_step, start_across, a, row_step, step, count, a2, row_step2, step2, count2, b, soon,
    soon_step, c, c_step, across,
):  # fmt: skip
    """C[m, :] = start[m * start_step + :] + sum over k < count of a[m * row_step + k * step] * B[k, :], plus the same sum of a2
    with the ``count2`` rows of B behind.

    rows, vectors      1 to `ROWS`, and 1, 2 or 4 up to `VECTORS`: the size of C is rows x (vectors * lanes)
    b                  B packed: (count + count2, vectors * lanes)
    soon               from where to prefetch, with each term ``soon_step`` elements further
    c, c_step, across  C, the distance of its rows, and that of the vectors in a row, as ``start_across`` of what it starts with
    """

    def make(context, builder, signature, args):
        (
            rows, vectors, start, start_step, start_across, a, row_step, step, count, a2, row_step2, step2, count2, b, soon,
            soon_step, c, c_step, across,
        ) = args  # fmt: skip
        vector = register_of(signature.args[2])
        end = builder.append_basic_block("end")
        choice = builder.switch(builder.add(builder.mul(rows, INDEX(8)), vectors), end)
        widths = [v for v in (4, 2, 1) if v <= VECTORS]
        for n_rows in range(1, ROWS + 1):
            for n_vectors in widths:
                block = builder.append_basic_block(f"tile_{n_rows}_{n_vectors}")
                choice.add_case(INDEX(n_rows * 8 + n_vectors), block)
                builder.position_at_end(block)
                sums = [load(builder, at, vector) for at in _places(builder, start, n_rows, start_step, n_vectors, start_across)]
                sums, behind, then = _sums(builder, sums, n_rows, a, row_step, step, b, count, soon, soon_step)
                sums, _, _ = _sums(builder, sums, n_rows, a2, row_step2, step2, behind, count2, then, soon_step)
                for at, value in zip(_places(builder, c, n_rows, c_step, n_vectors, across), sums):
                    store(builder, value, at)
                builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    n, kind = types.intp, types.CPointer(a.dtype)
    return types.void(n, n, kind, n, n, kind, n, n, n, kind, n, n, n, kind, kind, n, kind, n, n), make


@intrinsic
def flush_subnormals(typing):
    """From now on numbers below the normal ones count as 0 in this thread: a state or gradient that fades away would else take a
    hundred times as long. Returns what `restore_subnormals` wants."""

    def make(context, builder, signature, args):
        before = _control(builder)
        _set_control(builder, builder.or_(before, INDEX(_FLUSH)))
        return before

    return types.int64(), make


@intrinsic
def restore_subnormals(typing, before):
    """The inverse of `flush_subnormals`."""

    def make(context, builder, signature, args):
        _set_control(builder, args[0])
        return context.get_dummy_value()

    return types.void(types.int64), make


_ARM = llvm.get_process_triple().startswith(("aarch64", "arm64"))
_FLUSH = 1 << 24 if _ARM else 0x8040  # results to zero on ARM; results and operands on x86


def _control(builder):
    """The register that controls floating-point numbers."""
    if _ARM:
        return builder.asm(ir.FunctionType(INDEX, []), "mrs $0, fpcr", "=r", [], True)
    place = cgutils.alloca_once(builder, LANE)
    _on_control(builder, "stmxcsr", place)
    return builder.zext(builder.load(place), INDEX)


def _set_control(builder, value):
    if _ARM:
        builder.asm(ir.FunctionType(ir.VoidType(), [INDEX]), "msr fpcr, $0", "r", [value], True)
    else:
        place = cgutils.alloca_once(builder, LANE)
        builder.store(builder.trunc(value, LANE), place)
        _on_control(builder, "ldmxcsr", place)


def _on_control(builder, name, place):
    place = builder.bitcast(place, ir.IntType(8).as_pointer())
    function = ir.FunctionType(ir.VoidType(), [place.type])
    builder.call(cgutils.get_or_insert_function(builder.module, function, f"llvm.x86.sse.{name}"), [place])

"""The products inside a loop over time: few rows (of a batch) times weights that stay the same in every step. Imported only when
a kernel that uses it is compiled.

The weights are packed once for a whole sequence, in panels of up to `VECTORS` registers of columns, in which each row lies behind
the one before, below a head (the bias): a panel is read from beginning to end. Its columns are those of one gate, or one register
of each of several gates ``beside`` each other: few units fill a panel too. A `tile` of the result, up to `ROWS` rows of one
panel, stays in registers over all terms of its sum, those of the input and those of the last state; its other factor is read where
it lies, number by number.
"""

from __future__ import annotations

from numba import carray

from ..functions import OPTIONS, apart, full_width, njit
from ..jit import kernel, part, share
from ..vector import WIDTH, at, lanes, pointer
from .tile import ROWS, VECTORS, tile

BESIDE = 4 * ROWS  # units whose gradients are taken together: what they were made of lies packed
BLOCK = 32  # rows of a panel that are filled together: they stay in the first cache
FAR = 96  # numbers between the rows of a factor from which on it is packed
DEPTH = 128  # terms that are summed before the next block of rows: their panel stays in the first cache


@part
def vectors_of(left):
    """How many registers the next panel has, where ``left`` are still to come."""
    return 4 if left >= 4 and VECTORS >= 4 else 2 if left >= 2 else 1


@njit(**OPTIONS)
def cut(array, index, begin, end):
    """array[index, begin:end] of a matrix, without counting who refers to it: in the loop over time that would cost as much as a
    short row."""
    return carray(at(pointer(array), index * array.shape[1] + begin), end - begin)


@part
def states_at(hidden, slot, mask, begin):
    """The address of what the products take of the state in ``slot``: of states that have a mask, what `masked` made of it."""
    return at(pointer(mask), hidden.shape[1] + begin) if len(mask) else at(pointer(hidden), slot * hidden.shape[1] + begin)


@part
def running(lengths, first, last, t):
    """How many of the sequences ``first`` to ``last``, whose lengths do not ascend, have a step t."""
    n = last - first
    while n and lengths[first + n - 1] <= t:
        n -= 1
    return n


@part
def add_terms(rows, a, row_step, count, a2, row_step2, count2, packed, width, add, c, c_step, beside=1, across=0):
    """C (rows, width) = the head of each column + A B + A2 B2, or with ``add`` A B + A2 B2 added to C: ``a`` (rows, count), ``a2``
    (rows, count2), the heads, B and B2 below each other ``packed`` in panels. Returns the address behind the panels.

    If panels have several gates ``beside`` each other, there is a C for each of them, ``across`` elements from one to the next."""
    n_lanes, column, base, depth = lanes(packed), 0, packed, count + count2
    blocks, most = 1, depth
    if rows > ROWS:
        blocks, most = (rows + ROWS - 1) // ROWS, DEPTH
    at_least = rows // blocks  # rows of a block; the first ones have one more
    more = rows - at_least * blocks
    while column < width:
        vectors = beside if beside > 1 else vectors_of((width - column) // n_lanes)
        n = vectors * n_lanes
        wide, between = (n_lanes, across) if beside > 1 else (n, n_lanes)
        behind = at(packed, (depth + 1) * n)
        following = behind if column + wide < width else base
        each = n // blocks + 1
        begin = 0
        while begin < max(1, depth):  # so much of a panel stays in the first cache for all blocks of rows
            some = max(0, min(most, count - begin))
            some2, begin2 = min(most - some, depth - begin - some), max(0, begin - count)
            start, start_step, start_between = (at(c, column), c_step, between) if add or begin > 0 else (packed, 0, n_lanes)
            one, two, target = at(a, begin), at(a2, begin2), at(c, column)
            soon, ahead = at(following, begin * blocks * each), (some + some2) * each
            for block in range(blocks):
                m = at_least + 1 if block < more else at_least
                tile(
                    m, vectors, start, start_step, start_between, one, row_step, 1, some, two, row_step2, 1, some2,
                    at(packed, (begin + 1) * n), soon, each, target, c_step, between,
                )  # fmt: skip
                start, one, two = at(start, m * start_step), at(one, m * row_step), at(two, m * row_step2)
                target, soon = at(target, m * c_step), at(soon, ahead)
            begin += most
        packed = behind
        column += wide
    return packed


@njit(**OPTIONS)
def masked(h, mask, out):
    """out = h * mask, which the next products take in the place of the state h."""
    full_width()
    apart()
    for j in range(h.size):
        out[j] = h[j] * mask[j]


@njit(**OPTIONS)
def masked_back(before, mask, dh, d_mask):
    """``dh``, the cotangent of ``before`` * mask, becomes that of ``before``; that of the mask is added to ``d_mask``."""
    full_width()
    apart()
    for j in range(dh.size):
        d_mask[j] += dh[j] * before[j]
        dh[j] *= mask[j]


@njit(**OPTIONS)
def add_rows(d, part, total):
    """total += the sum of the rows, as long as ``part``, that lie behind each other in d; ``part`` is working memory."""
    full_width()
    room = part.size
    for j in range(room):
        part[j] = d[j] if d.size else 0
    for first in range(room, d.size, room):
        for j in range(room):
            part[j] += d[first + j]
    for j in range(room):
        total[j] += part[j]


@kernel
def pack_columns(weight, weight2, bias, bias2, first, gates, beside, units, room, packed):
    """Into panels with ``room`` columns for each of ``gates``, ``beside`` of them in a panel: column j of gate g is made of the
    rows (first + g) * units + j: the sum of the biases is the head, below it come ``weight`` and ``weight2``, either of which may
    have no rows."""
    base, n_lanes = pointer(packed), lanes(pointer(packed))
    terms, terms2 = weight.shape[1] if len(weight) else 0, weight2.shape[1] if len(weight2) else 0
    for gate in range(first, first + gates, beside):
        column = 0
        while column < room:
            wide = n_lanes if beside > 1 else vectors_of((room - column) // n_lanes) * n_lanes
            n, some = wide * beside, max(0, min(wide, units - column))
            for k in range(beside):
                row, panel = (gate + k) * units + column, at(base, k * wide)
                for j in range(wide):
                    panel[j] = 0
                    if j < some and bias.size:
                        panel[j] += bias[row + j]
                    if j < some and bias2.size:
                        panel[j] += bias2[row + j]
                if terms:
                    _pack_block(weight, row, some, wide, n, at(panel, n))
                if terms2:
                    _pack_block(weight2, row, some, wide, n, at(panel, (terms + 1) * n))
            base = at(base, (terms + terms2 + 1) * n)
            column += wide


@part
def _pack_block(weight, row, some, wide, n, target):
    """target[k * n + j] = weight[row + j, k] for j < some, 0 beyond, to j < wide."""
    for begin in range(0, weight.shape[1], BLOCK):
        count = min(BLOCK, weight.shape[1] - begin)
        for j in range(some):
            source = weight[row + j, begin : begin + count]
            for k in range(count):
                target[(begin + k) * n + j] = source[k]
        for j in range(some, wide):
            for k in range(count):
                target[(begin + k) * n + j] = 0


@kernel
def pack_rows(weight, units, room, width, packed):
    """Into panels of ``width`` columns with heads of 0: the rows of each gate, filled up to ``room``."""
    base, n_lanes = pointer(packed), lanes(pointer(packed))
    gates, terms, column = weight.shape[0] // units, weight.shape[1], 0
    while column < width:
        n = vectors_of((width - column) // n_lanes) * n_lanes
        some = max(0, min(n, terms - column))
        for j in range(n):
            base[j] = 0
        for g in range(gates):
            for unit in range(room):
                target = at(base, (1 + g * room + unit) * n)
                if unit < units:
                    row = weight[g * units + unit]
                    for j in range(some):
                        target[j] = row[column + j]
                for j in range(some if unit < units else 0, n):
                    target[j] = 0
        base = at(base, (gates * room + 1) * n)
        column += n


# -- inputs of all steps at once ------------------------------------------------------------------------------------------


@kernel(parallel=True)
def project(thread, n_threads, x, gates, beside, packed, out):
    """out[k, r, :] = the head and the sum of ``x`` (rows, input) for the first of the ``gates`` of out (gates, rows, room), packed
    with ``beside`` of them in a panel."""
    rows, features = x.shape
    room = out.shape[2]
    for number in share((rows + BESIDE - 1) // BESIDE, thread, n_threads):
        first, weights = number * BESIDE, pointer(packed)
        n, source = min(BESIDE, rows - first), at(pointer(x), first * features)
        for k in range(0, gates, beside):
            target = at(pointer(out), (k * rows + first) * room)
            weights = add_terms(
                n, source, features, features, source, 0, 0, weights, room, False, target, room, beside, rows * room
            )  # fmt: skip


@kernel(parallel=True)
def project_back(thread, n_threads, dz, gates, packed, dx):
    """dx (rows, room of the input) = the sum over the first ``gates`` of dz (gates, rows, room) times their weights, which are
    packed two by two."""
    rows, room = dz.shape[1:]
    width = dx.shape[1]
    for number in share((rows + BESIDE - 1) // BESIDE, thread, n_threads):
        first, weights = number * BESIDE, pointer(packed)
        n, target = min(BESIDE, rows - first), at(pointer(dx), first * width)
        for k in range(0, gates, 2):
            one, both = at(pointer(dz), (k * rows + first) * room), k + 1 < gates
            two = at(one, rows * room if both else 0)
            weights = add_terms(n, one, room, room, two, room, room if both else 0, weights, width, k > 0, target, width)


# -- gradients of weights --------------------------------------------------------------------------------------------------


@part
def pack_terms(x, terms, begin, count, width, packed):
    """The first ``terms`` numbers of the rows ``begin`` and on of x, ``count`` of them, into panels of ``width`` columns; what is
    missing is 0."""
    n_lanes, column = lanes(packed), 0
    while column < width:
        n = vectors_of((width - column) // n_lanes) * n_lanes
        some = max(0, min(n, terms - column))
        for r in range(count):
            row, target = x[begin + r], at(packed, r * n)
            for j in range(some):
                target[j] = row[column + j]
            for j in range(some, n):
                target[j] = 0
        packed = at(packed, count * n)
        column += n


@part
def multiply_terms(units, source, step, count, panel, first_term, zeros, out, row):
    """out[row + j, :] += the sum over k < count of source[k * step + j] times row k of the panels, for j < units; where
    ``first_term`` is 0 it is set to that sum."""
    column, width, blocks, n_lanes = 0, out.shape[1], (units + ROWS - 1) // ROWS, lanes(panel)
    while column < width:
        vectors = vectors_of((width - column) // n_lanes)
        for block in range(blocks):
            first, end = units * block // blocks, units * (block + 1) // blocks
            target = at(pointer(out), (row + first) * width + column)
            tile(
                end - first, vectors, target if first_term else zeros, width if first_term else 0, n_lanes,
                at(source, first), 1, step, count, source, 1, 1, 0, panel, panel, 0, target, width, n_lanes,
            )  # fmt: skip
        panel = at(panel, count * vectors * n_lanes)
        column += vectors * n_lanes


@kernel(parallel=True)
def weight_gradient(thread, n_threads, g, gates, units, x, terms, out, x2, terms2, out2, scratch):
    """out[n * units + j, :] = sum over r of g[gates[n], r, j] * x[r, :terms], and the same of x2.

    ``g`` (gates, rows, room), ``x`` (rows, ...), ``out`` (gates * units, terms filled up to whole registers), ``scratch`` (threads,
    `scratch_for` both widths)
    """
    rows, room = g.shape[1:]
    parts = (units + BESIDE - 1) // BESIDE
    rounds = share(gates.size * parts, thread, n_threads)
    for begin in range(0, max(1, rows), DEPTH):
        count = min(DEPTH, rows - begin)
        some, panels, packed = pointer(scratch[thread]), at(pointer(scratch[thread]), DEPTH * BESIDE), False
        panels2 = at(panels, DEPTH * out.shape[1])
        zeros = at(panels2, DEPTH * out2.shape[1])
        for number in rounds:
            if not packed:
                pack_terms(x, terms, begin, count, out.shape[1], panels)
                pack_terms(x2, terms2, begin, count, out2.shape[1], panels2)
                for j in range(VECTORS * lanes(zeros)):
                    zeros[j] = 0
                packed = True
            gate, begin_unit = number // parts, number % parts * BESIDE
            beside, step, row = min(BESIDE, units - begin_unit), room, gate * units + begin_unit
            source = at(pointer(g), (gates[gate] * rows + begin) * room + begin_unit)
            if step > FAR:
                for r in range(count):
                    line, target = at(source, r * step), at(some, r * BESIDE)
                    for j in range(beside):
                        target[j] = line[j]
                source, step = some, BESIDE
            multiply_terms(beside, source, step, count, panels, begin, zeros, out, row)
            multiply_terms(beside, source, step, count, panels2, begin, zeros, out2, row)


def room_for(units, dtype):
    """``units`` filled up to whole registers."""
    count = WIDTH // dtype.itemsize
    return -(-units // count) * count


def scratch_for(width):
    """The numbers that a thread of `weight_gradient` needs for ``width`` columns."""
    return DEPTH * (BESIDE + width) + VECTORS * WIDTH

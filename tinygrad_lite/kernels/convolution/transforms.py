"""Winograd's transforms (Winograd, 1980; Lavin and Gray, 2016): m x m outputs of an r x r filter by (m + r - 1)**2 products.

With Cook-Toom matrices for the points 0, 1, -1, ... and infinity, in one dimension

    y = A' [ (G w) * (B' x) ]        x: m + r - 1 numbers, w: r, y: m

and in two dimensions the same to both sides. Transposed, the same matrices give the gradient of the filter:
G' [ (A g) * (B' x) ]. Points with small numerators and denominators keep the error small: 1/2 and -2 together lose least.
"""

from __future__ import annotations

from fractions import Fraction

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..vector import INDEX, load, multiply_add, register_of, store

POINTS = tuple(map(Fraction, ("0", "1", "-1", "1/2", "-2", "2", "-1/2")))


def matrices(m, r):
    """A' (m, n), G (n, r), B' (n, n) for n = m + r - 1, as nested lists of Fractions."""
    n = m + r - 1
    points = POINTS[: n - 1]

    def times(p, q):
        out = [Fraction(0)] * (len(p) + len(q) - 1)
        for i, a in enumerate(p):
            for j, b in enumerate(q):
                out[i + j] += a * b
        return out

    filters, images = [], []
    for i, point in enumerate(points):
        scale, polynomial = Fraction(1), [Fraction(1)]
        for j, other in enumerate(points):
            if j != i:
                scale, polynomial = scale * (point - other), times(polynomial, [-other, Fraction(1)])
        filters.append([point**k / scale for k in range(r)])
        images.append(polynomial + [Fraction(0)])
    whole = [Fraction(1)]
    for point in points:
        whole = times(whole, [-point, Fraction(1)])
    filters.append([Fraction(k == r - 1) for k in range(r)])
    images.append(whole)
    outputs = [[point**k for point in points] + [Fraction(k == m - 1)] for k in range(m)]
    return outputs, filters, images


INPUT, FILTER, OUTPUT, GRADIENT, FILTER_GRADIENT = range(5)


def _matrix(kind, m, r):
    outputs, filters, images = matrices(m, r)
    if kind in (GRADIENT, FILTER_GRADIENT):
        return [list(column) for column in zip(*(outputs if kind == GRADIENT else filters))]
    return {INPUT: images, FILTER: filters, OUTPUT: outputs}[kind]


def _combine(builder, matrix, values):
    """matrix @ values. Rows that differ only in the signs of every other term share the two halves of their sums."""
    vector = values[0].type
    constant = lambda number: ir.Constant(vector, [float(number)] * vector.count)
    known = {}

    def total(terms):
        terms = tuple(terms)
        if terms not in known:
            sum_ = None
            for j, factor in terms:
                if sum_ is None:
                    sum_ = values[j] if factor == 1 else builder.fmul(values[j], constant(factor))
                elif factor in (1, -1):
                    sum_ = (builder.fadd if factor == 1 else builder.fsub)(sum_, values[j])
                else:
                    sum_ = multiply_add(builder, values[j], constant(factor), sum_)
            known[terms] = sum_
        return known[terms]

    out = []
    for row in matrix:
        even, odd = ([(j, factor) for j, factor in enumerate(row) if factor and j % 2 == k] for k in (0, 1))
        mirrored = [factor * (-1) ** j for j, factor in enumerate(row)]
        if even and odd and any(other in (mirrored, [-f for f in mirrored]) for other in matrix):
            if odd[0][1] < 0:
                out.append(builder.fsub(total(even), total([(j, -factor) for j, factor in odd])))
            else:
                out.append(builder.fadd(total(even), total(odd)))
        else:
            out.append(total(sorted(even + odd, key=lambda term: abs(term[1]) != 1)))
    return out


@intrinsic(prefer_literal=True)
def transform(typing, kind, m, r, source, row_step, column_step, target, target_row_step, target_column_step):
    """target = M source M', for squares of registers at the given distances; M belongs to the constants ``kind``, ``m``, ``r``."""
    matrix = _matrix(kind.literal_value, m.literal_value, r.literal_value)

    def make(context, builder, signature, args):
        source, row_step, column_step, target, target_row_step, target_column_step = args[3:]
        vector = register_of(signature.args[3])
        n = len(matrix[0])
        rows = [builder.gep(source, [builder.mul(row_step, INDEX(i))]) for i in range(n)]
        columns = []
        for j in range(n):
            along = builder.mul(column_step, INDEX(j))
            columns.append(_combine(builder, matrix, [load(builder, builder.gep(row, [along]), vector) for row in rows]))
        for i in range(len(matrix)):
            line = builder.gep(target, [builder.mul(target_row_step, INDEX(i))])
            for j, value in enumerate(_combine(builder, matrix, [column[i] for column in columns])):
                store(builder, value, builder.gep(line, [builder.mul(target_column_step, INDEX(j))]))
        return context.get_dummy_value()

    pointer, step = types.CPointer(source.dtype), types.intp
    return types.void(kind, m, r, pointer, step, step, pointer, step, step), make

"""Vector registers inside Numba: what its scalar language cannot say. Imported only when a kernel that uses it is compiled.

A register has 16 lanes of float32 on AVX-512, 8 on AVX2, 4 on NEON (half as many of float64). Arrays are seen through pointers
(``pointer(array)``, moved by elements with ``at``). Few tiles do nearly all of the arithmetic of a convolution:

``tile_rows``  C[m, :] = sum over k of a[row m + offset k] * B[k, :]     rows are gathered, B lies packed, lanes run along B's rows
``tile_runs``  C[m, :] = sum over k of A[k, m] * b[offset k + :]         runs of b are shifted, A lies packed, lanes run along b
``tile_lines`` the same, for lines of C that are part of a row of pixels, written where they stay
``tile_dots``  C[m, j] = sum over i of a[row m + i] * b[column j + i]      both are runs, lanes run along the sum

Their sums stay in registers, so that one step of k costs one load for each row and one for each vector of B, and rows x vectors
fused multiply-adds.
"""

from __future__ import annotations

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

INDEX = ir.IntType(64)
LANE = ir.IntType(32)


def _target():
    """(bytes of a register, number of registers) of the CPU that Numba compiles for."""
    name, features = numba.config.CPU_NAME, numba.config.CPU_FEATURES
    if features is None:
        known = {"haswell": "+avx2", "skylake-avx512": "+avx512f", "generic": ""}
        features = llvm.get_host_cpu_features().flatten() if name in (None, "host") else known.get(name, "")
    if "+avx512f" in features:
        return 64, 32
    if "+avx2" in features:
        return 32, 16
    return 16, 32 if llvm.get_process_triple().startswith(("aarch64", "arm64")) else 16


WIDTH, REGISTERS = _target()
ROWS, VECTORS = {(64, 32): (14, 2), (32, 16): (6, 2), (16, 32): (7, 3), (16, 16): (6, 2)}[WIDTH, REGISTERS]  # of `tile_rows`


def _number(dtype):
    return ir.FloatType() if dtype.bitwidth == 32 else ir.DoubleType()


def register_of(pointer):
    """LLVM's vector type for what ``pointer`` points to."""
    return ir.VectorType(_number(pointer.dtype), WIDTH * 8 // pointer.dtype.bitwidth)


def load(builder, address, vector):
    """The register at ``address``."""
    return builder.load(builder.bitcast(address, vector.as_pointer()), align=_bytes(vector))


def store(builder, value, address):
    """Write a register to ``address``."""
    builder.store(value, builder.bitcast(address, value.type.as_pointer()), align=_bytes(value.type))


def _bytes(vector):
    """The size of one element: all that may be assumed of an address."""
    return 4 if isinstance(vector.element, ir.FloatType) else 8


def _spread(builder, number, vector):
    """``number`` in every lane."""
    undefined = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(undefined, number, LANE(0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(LANE, vector.count), [0] * vector.count))


def multiply_add(builder, x, y, z):
    """x * y + z, rounded once."""
    kind = f"v{x.type.count}f{8 * _bytes(x.type)}"
    function = ir.FunctionType(x.type, [x.type] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, function, f"llvm.fma.{kind}"), [x, y, z])


def _prefetch(builder, address, to_write=False):
    address = builder.bitcast(address, ir.IntType(8).as_pointer())
    function = ir.FunctionType(ir.VoidType(), [address.type, LANE, LANE, LANE])
    function = cgutils.get_or_insert_function(builder.module, function, "llvm.prefetch.p0")
    builder.call(function, [address, LANE(int(to_write)), LANE(2), LANE(1)])  # into the second cache, data


def _fresh(builder, address):
    """A load that stays in its loop: a table in the first cache is cheaper than more addresses than there are registers."""
    return builder.load_atomic(address, "monotonic", 8)


def _add_to(builder, place, value, held):
    """Write ``value``, plus what is there where ``held``: what was never written may be a NaN."""
    zero = ir.Constant(value.type, [0.0] * value.type.count)
    store(builder, builder.fadd(value, builder.select(held, load(builder, place, value.type), zero)), place)


class _Loop:
    """``for k in range(count)``, count at least 1, whose ``values`` change from round to round."""

    def __init__(self, builder, count, values):
        self.builder, self.count, before = builder, count, builder.block
        self.body, self.after = builder.append_basic_block("body"), builder.append_basic_block("after")
        builder.branch(self.body)
        builder.position_at_end(self.body)
        self.k = builder.phi(INDEX)
        self.k.add_incoming(INDEX(0), before)
        self.values = [builder.phi(value.type) for value in values]
        for phi, value in zip(self.values, values):
            phi.add_incoming(value, before)

    def end(self, values):
        """Close the loop: ``values`` are those of the next round. Returns them."""
        builder = self.builder
        following = builder.add(self.k, INDEX(1))
        self.k.add_incoming(following, builder.block)
        for phi, value in zip(self.values, values):
            phi.add_incoming(value, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, self.count), self.body, self.after)
        builder.position_at_end(self.after)
        return values


# -- pointers ----------------------------------------------------------------------------------------------------------


@intrinsic
def pointer(typing, array):
    """To the first element of ``array``."""

    def make(context, builder, signature, args):
        return context.make_array(signature.args[0])(context, builder, args[0]).data

    return types.CPointer(array.dtype)(array), make


@intrinsic
def at(typing, base, n):
    """``base`` moved by ``n`` elements."""

    def make(context, builder, signature, args):
        return builder.gep(args[0], [args[1]])

    return base(base, types.intp), make


@intrinsic
def lanes(typing, base):
    """How many numbers of the kind that ``base`` points to a register holds."""
    count = WIDTH * 8 // base.dtype.bitwidth
    return types.intp(base), lambda context, builder, signature, args: INDEX(count)


@intrinsic
def prefetch(typing, base):
    """Fetch the line of memory at ``base``, which will be read."""

    def make(context, builder, signature, args):
        _prefetch(builder, args[0])
        return context.get_dummy_value()

    return types.void(base), make


@intrinsic
def prefetch_to_write(typing, base):
    """Fetch the line of memory at ``base``, which will be written: a line that is not in a cache is read before it is written."""

    def make(context, builder, signature, args):
        _prefetch(builder, args[0], to_write=True)
        return context.get_dummy_value()

    return types.void(base), make


# -- tiles -------------------------------------------------------------------------------------------------------------


@intrinsic(prefer_literal=True)
def tile_rows(typing, rows, vectors, step, add, a, row_offsets, offsets, depth, b, b_step, ahead, c, c_step):
    """C[m, :] = sum over k < depth of a[row m + offsets[k]] * B[k, :], for m < ``rows``.

    rows, vectors  constants: the size of C is rows x (vectors * lanes)
    step           constant: row m begins at a[m * step]; 0: at a[row_offsets[m]]
    add            whether to add to what C holds
    offsets        (depth), int64, in elements
    b, b_step      B and the distance of its rows: vectors * lanes where it lies packed
    ahead          how far from each row of B to prefetch: to what is read next
    c, c_step      C and the distance of its rows
    """
    rows, vectors, step = rows.literal_value, vectors.literal_value, step.literal_value

    def make(context, builder, signature, args):
        add, a, row_offsets, offsets, depth, b, b_step, ahead, c, c_step = args[3:]
        vector = register_of(signature.args[4])
        zero = ir.Constant(vector, [0.0] * vector.count)
        held = _spread(builder, add, ir.VectorType(ir.IntType(1), vector.count))
        loop = _Loop(builder, depth, [b] + [zero] * (rows * vectors))
        b, *sums = loop.values
        offset = builder.load(builder.gep(offsets, [loop.k]))
        line = [load(builder, builder.gep(b, [INDEX(j * vector.count)]), vector) for j in range(vectors)]
        for j in range(vectors):
            _prefetch(builder, builder.gep(builder.gep(b, [ahead]), [INDEX(j * vector.count)]))
        for m in range(rows):
            begin = INDEX(m * step) if step else _fresh(builder, builder.gep(row_offsets, [INDEX(m)]))
            number = builder.load(builder.gep(builder.gep(a, [offset]), [begin]))
            spread = _spread(builder, number, vector)
            for j in range(vectors):
                sums[m * vectors + j] = multiply_add(builder, spread, line[j], sums[m * vectors + j])
        _, *sums = loop.end([builder.gep(b, [b_step]), *sums])
        for m in range(rows):
            row = builder.gep(c, [builder.mul(c_step, INDEX(m))])
            for j in range(vectors):
                _add_to(builder, builder.gep(row, [INDEX(j * vector.count)]), sums[m * vectors + j], held)
        return context.get_dummy_value()

    pointer, table = types.CPointer(a.dtype), types.CPointer(types.int64)
    constants = [types.literal(n) for n in (rows, vectors, step)]
    return types.void(
        *constants, types.boolean, pointer, table, table, types.intp, pointer, types.intp, types.intp, pointer, types.intp
    ), make


@intrinsic(prefer_literal=True)
def tile_runs(typing, rows, vectors, add, a, offsets, depth, b, c, c_step):
    """C[m, :] = sum over k < depth of A[k, m] * b[offsets[k] + :], for m < ``rows``.

    rows, vectors  constants: the size of C is rows x (vectors * lanes)
    add            whether to add to what C holds
    a              A packed: (depth, rows)
    offsets        (depth), int64, in elements
    c, c_step      C and the distance of its rows
    """
    rows, vectors = rows.literal_value, vectors.literal_value

    def make(context, builder, signature, args):
        add, a, offsets, depth, b, c, c_step = args[2:]
        vector = register_of(signature.args[3])
        zero = ir.Constant(vector, [0.0] * vector.count)
        held = _spread(builder, add, ir.VectorType(ir.IntType(1), vector.count))
        loop = _Loop(builder, depth, [a] + [zero] * (rows * vectors))
        a, *sums = loop.values
        run = builder.gep(b, [builder.load(builder.gep(offsets, [loop.k]))])
        spread = [_spread(builder, builder.load(builder.gep(a, [INDEX(m)])), vector) for m in range(rows)]
        for j in range(vectors):
            line = load(builder, builder.gep(run, [INDEX(j * vector.count)]), vector)
            for m in range(rows):
                sums[m * vectors + j] = multiply_add(builder, spread[m], line, sums[m * vectors + j])
        _, *sums = loop.end([builder.gep(a, [INDEX(rows)]), *sums])
        for m in range(rows):
            row = builder.gep(c, [builder.mul(c_step, INDEX(m))])
            for j in range(vectors):
                _add_to(builder, builder.gep(row, [INDEX(j * vector.count)]), sums[m * vectors + j], held)
        return context.get_dummy_value()

    pointer, table = types.CPointer(a.dtype), types.CPointer(types.int64)
    constants = types.literal(rows), types.literal(vectors)
    return types.void(*constants, types.boolean, pointer, table, types.intp, pointer, pointer, types.intp), make


@intrinsic(prefer_literal=True)
def tile_lines(typing, rows, vectors, a, offsets, depth, b, last, ahead, bias, relu, c, c_step):
    """C[m, :] = bias[m] + sum over k < depth of A[k, m] * b[offsets[k] + :], for m < ``rows``, straight to where it stays.

    rows, vectors  constants: C has ``rows`` lines of ``vectors`` registers
    a              A packed: (depth, rows)
    offsets        (depth), int64, in elements
    last           where the last register of a line begins: it may overlap the one before
    ahead          how far from each run of b to prefetch: to what is read next
    relu           whether negative sums become 0
    c, c_step      C, which need not be in a cache, and the distance of its lines
    """
    rows, vectors = rows.literal_value, vectors.literal_value

    def make(context, builder, signature, args):
        a, offsets, depth, b, last, ahead, bias, relu, c, c_step = args[2:]
        vector = register_of(signature.args[2])
        starts = [INDEX(j * vector.count) for j in range(vectors - 1)] + [last]
        loop = _Loop(builder, depth, [a] + [ir.Constant(vector, [0.0] * vector.count)] * (rows * vectors))
        a, *sums = loop.values
        run = builder.gep(b, [builder.load(builder.gep(offsets, [loop.k]))])
        values = [load(builder, builder.gep(run, [start]), vector) for start in starts]
        for start in starts:
            _prefetch(builder, builder.gep(builder.gep(run, [ahead]), [start]))
        for m in range(rows):
            spread = _spread(builder, builder.load(builder.gep(a, [INDEX(m)])), vector)
            for j in range(vectors):
                sums[m * vectors + j] = multiply_add(builder, spread, values[j], sums[m * vectors + j])
        _, *sums = loop.end([builder.gep(a, [INDEX(rows)]), *sums])
        for m in range(rows):
            line = builder.gep(c, [builder.mul(c_step, INDEX(m))])
            added = _spread(builder, builder.load(builder.gep(bias, [INDEX(m)])), vector)
            for j, start in enumerate(starts):
                value = _rectified(builder, builder.fadd(sums[m * vectors + j], added), relu)
                store(builder, value, builder.gep(line, [start]))
        return context.get_dummy_value()

    pointer, table, step = types.CPointer(a.dtype), types.CPointer(types.int64), types.intp
    constants = types.literal(rows), types.literal(vectors)
    return types.void(*constants, pointer, table, step, pointer, step, step, pointer, types.boolean, pointer, step), make


@intrinsic(prefer_literal=True)
def tile_dots(typing, rows, columns, a, row_offsets, b, b_step, count, c, c_step):
    """C[m, j] += sum over i < count * lanes of a[row_offsets[m] + i] * b[j * b_step + i], for m < ``rows``, j < ``columns``.

    rows, columns  constants: the size of C
    count          how many registers long the sums are
    """
    rows, columns = rows.literal_value, columns.literal_value

    def make(context, builder, signature, args):
        a, row_offsets, b, b_step, count, c, c_step = args[2:]
        vector = register_of(signature.args[2])
        zero = ir.Constant(vector, [0.0] * vector.count)
        loop = _Loop(builder, count, [a, b] + [zero] * (rows * columns))
        a, b, *sums = loop.values
        right = [load(builder, builder.gep(b, [builder.mul(b_step, INDEX(j))]), vector) for j in range(columns)]
        for m in range(rows):
            left = load(builder, builder.gep(a, [_fresh(builder, builder.gep(row_offsets, [INDEX(m)]))]), vector)
            for j in range(columns):
                sums[m * columns + j] = multiply_add(builder, left, right[j], sums[m * columns + j])
        step = [INDEX(vector.count)]
        _, _, *sums = loop.end([builder.gep(a, step), builder.gep(b, step), *sums])
        for m in range(rows):
            for j in range(columns):
                where = builder.gep(c, [builder.add(builder.mul(c_step, INDEX(m)), INDEX(j))])
                builder.store(builder.fadd(builder.load(where), _total(builder, sums[m * columns + j])), where)
        return context.get_dummy_value()

    pointer, table = types.CPointer(a.dtype), types.CPointer(types.int64)
    constants = types.literal(rows), types.literal(columns)
    return types.void(*constants, pointer, table, pointer, types.intp, types.intp, pointer, types.intp), make


def _total(builder, value):
    """The sum of the lanes, in halves."""
    half = value.type.count // 2
    while half:
        pair = ir.VectorType(LANE, half)
        low, high = ir.Constant(pair, list(range(half))), ir.Constant(pair, list(range(half, 2 * half)))
        undefined = ir.Constant(value.type, ir.Undefined)
        value = builder.fadd(builder.shuffle_vector(value, undefined, low), builder.shuffle_vector(value, undefined, high))
        half //= 2
    return builder.extract_element(value, LANE(0))


@intrinsic(prefer_literal=True)
def tile_window(typing, height, width, stride, rows, a, a_step, half, w, bias, relu, c, c_step):
    """C[m, :] = bias + sum over r < height, q < width of w[r, q] * a[(m * stride + r) * a_step + column q + :], for m < ``rows``, a
    register wide.

    height, width, stride, rows  constants; each register of ``a`` is loaded once for all rows of C that need it
    half  column q begins at q % stride * half + q // stride: columns of one phase are neighbours
    """
    height, width, stride, rows = (number.literal_value for number in (height, width, stride, rows))

    def make(context, builder, signature, args):
        a, a_step, half, w, bias, relu, c, c_step = args[4:]
        vector = register_of(signature.args[4])
        taps = [_spread(builder, builder.load(builder.gep(w, [INDEX(k)])), vector) for k in range(height * width)]
        sums = [_spread(builder, bias, vector)] * rows
        for i in range((rows - 1) * stride + height):
            row = builder.gep(a, [builder.mul(a_step, INDEX(i))])
            users = [(m, i - m * stride) for m in range(rows) if 0 <= i - m * stride < height]
            for q in range(width if users else 0):
                line = load(builder, _column(builder, row, q, stride, half), vector)
                for m, r in users:
                    sums[m] = multiply_add(builder, line, taps[r * width + q], sums[m])
        for m, value in enumerate(sums):
            store(builder, _rectified(builder, value, relu), builder.gep(c, [builder.mul(c_step, INDEX(m))]))
        return context.get_dummy_value()

    pointer, step = types.CPointer(a.dtype), types.intp
    constants = [types.literal(n) for n in (height, width, stride, rows)]
    return types.void(*constants, pointer, step, step, pointer, a.dtype, types.boolean, pointer, step), make


def _column(builder, row, q, stride, half):
    """Where column ``q`` of a row begins whose phases lie ``half`` apart."""
    return builder.gep(row, [builder.add(builder.mul(half, INDEX(q % stride)), INDEX(q // stride))])


@intrinsic(prefer_literal=True)
def tile_window_dots(typing, height, width, stride, a, a_step, half, g, g_step, rows, total):
    """total[r, q, :] += sum over m < rows of g[m * g_step + :] * a[(m * stride + r) * a_step + column q + :], one register wide.

    height, width, stride  constants; total (height * width, lanes) keeps the sums of each lane; columns as of `tile_window`
    """
    height, width, stride = (number.literal_value for number in (height, width, stride))

    def make(context, builder, signature, args):
        a, a_step, half, g, g_step, rows, total = args[3:]
        vector = register_of(signature.args[3])
        places = [builder.gep(total, [INDEX(k * vector.count)]) for k in range(height * width)]
        loop = _Loop(builder, rows, [a, g] + [load(builder, place, vector) for place in places])
        a, g, *sums = loop.values
        line = load(builder, g, vector)
        for r in range(height):
            row = builder.gep(a, [builder.mul(a_step, INDEX(r))])
            for q in range(width):
                value = load(builder, _column(builder, row, q, stride, half), vector)
                sums[r * width + q] = multiply_add(builder, line, value, sums[r * width + q])
        _, _, *sums = loop.end([builder.gep(a, [builder.mul(a_step, INDEX(stride))]), builder.gep(g, [g_step]), *sums])
        for place, value in zip(places, sums):
            store(builder, value, place)
        return context.get_dummy_value()

    pointer, step = types.CPointer(a.dtype), types.intp
    constants = [types.literal(n) for n in (height, width, stride)]
    return types.void(*constants, pointer, step, step, pointer, step, step, pointer), make


# -- moving ------------------------------------------------------------------------------------------------------------


@intrinsic
def move_register(typing, source, target, bias, relu):
    """target[j] = source[j] + bias for one register, and 0 for negative sums if ``relu``."""

    def make(context, builder, signature, args):
        source, target, bias, relu = args
        vector = register_of(signature.args[0])
        value = builder.fadd(load(builder, source, vector), _spread(builder, bias, vector))
        store(builder, _rectified(builder, value, relu), target)
        return context.get_dummy_value()

    pointer = types.CPointer(source.dtype)
    return types.void(pointer, pointer, source.dtype, types.boolean), make


@intrinsic
def move_second(typing, source, target):
    """target[j] = source[2 j] for one register; nothing behind the last of them is touched."""

    def make(context, builder, signature, args):
        vector = register_of(signature.args[0])
        n = vector.count
        low = load(builder, args[0], vector)
        high = load(builder, builder.gep(args[0], [INDEX(n - 1)]), vector)  # overlaps, so as to end at the last
        picks = [2 * j if 2 * j < n else n + 2 * j - (n - 1) for j in range(n)]
        store(builder, builder.shuffle_vector(low, high, ir.Constant(ir.VectorType(LANE, n), picks)), args[1])
        return context.get_dummy_value()

    pointer = types.CPointer(source.dtype)
    return types.void(pointer, pointer), make


@intrinsic
def interleave(typing, even, odd, target):
    """target[2 j] = even[j] and target[2 j + 1] = odd[j] for one register of each."""

    def make(context, builder, signature, args):
        vector = register_of(signature.args[0])
        n = vector.count
        first, second = (load(builder, address, vector) for address in args[:2])
        for part in range(2):
            picks = [(j // 2 + part * n // 2) + j % 2 * n for j in range(n)]
            woven = builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(LANE, n), picks))
            store(builder, woven, builder.gep(args[2], [INDEX(part * n)]))
        return context.get_dummy_value()

    pointer = types.CPointer(even.dtype)
    return types.void(pointer, pointer, pointer), make


def _rectified(builder, value, relu):
    zero = ir.Constant(value.type, [0.0] * value.type.count)
    every = _spread(builder, relu, ir.VectorType(ir.IntType(1), value.type.count))
    return builder.select(builder.and_(builder.fcmp_ordered("<", value, zero), every), zero, value)


# -- transposition -----------------------------------------------------------------------------------------------------


@intrinsic
def transpose(typing, source, sources, given, target, targets, wanted, bias, relu):
    """target[targets[j] + i] = source[sources[i] + j] + bias[j] for a square block of lanes x lanes.

    sources, targets  tables of offsets: where each row begins
    given   rows of the source that exist; the others count as zeros and are not touched
    wanted  rows of the target that are written
    bias    (lanes) numbers that are added to each row of the source
    relu    whether negative sums become 0
    """

    def make(context, builder, signature, args):
        source, sources, given, target, targets, wanted, bias, relu = args
        vector = register_of(signature.args[0])
        zero, count = ir.Constant(vector, [0.0] * vector.count), vector.count
        block = []
        for i in range(count):
            exists = builder.icmp_signed("<", INDEX(i), given)
            place = builder.load(builder.gep(sources, [builder.select(exists, INDEX(i), INDEX(0))]))
            block.append(builder.select(exists, load(builder, builder.gep(source, [place]), vector), zero))
        added = load(builder, bias, vector)
        block = [builder.fadd(line, added) for line in block]
        block = [_rectified(builder, line, relu) for line in block]
        for j, line in enumerate(_transposed(builder, block)):
            with builder.if_then(builder.icmp_signed("<", INDEX(j), wanted), likely=True):
                store(builder, line, builder.gep(target, [builder.load(builder.gep(targets, [INDEX(j)]))]))
        return context.get_dummy_value()

    pointer, table = types.CPointer(source.dtype), types.CPointer(types.int64)
    return types.void(pointer, table, types.intp, pointer, table, types.intp, pointer, types.boolean), make


def _transposed(builder, block):
    """Rows become columns, in log2(lanes) stages: stage s exchanges the lanes of two rows that differ in bit s of their number."""
    count, half = len(block), len(block) // 2
    while half:
        following = [None] * count
        for i in range(count):
            if i & half:
                continue
            low = [lane if not lane & half else count + (lane ^ half) for lane in range(count)]
            high = [lane | half if not lane & half else count + lane for lane in range(count)]
            for row, picks in ((i, low), (i | half, high)):
                mask = ir.Constant(ir.VectorType(LANE, count), picks)
                following[row] = builder.shuffle_vector(block[i], block[i | half], mask)
        block, half = following, half // 2
    return block

"""A few neighbouring numbers as one value inside Numba, for rows so short that LLVM's vectoriser leaves most to scalar code.
Imported only when a kernel that uses it is compiled.

`Lanes` are loaded from and stored to flat arrays, compared, chosen from and added like numbers. Their count is a constant of the
kernel; LLVM makes of them what the target has: sixteen floats are one register of AVX-512, two of AVX2, four of NEON. Nothing
checks bounds here.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, models, register_model

INDEX, INT = ir.IntType(64), ir.IntType(32)


class Lanes(types.Type):
    """``count`` numbers of ``dtype``."""

    def __init__(self, dtype, count):
        self.dtype, self.count = dtype, count
        super().__init__(name=f"Lanes({count} x {dtype})")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    """Lanes are LLVM's vector."""

    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, _vector(lanes))


def _vector(lanes):
    """LLVM's type of ``lanes``."""
    if isinstance(lanes.dtype, types.Float):
        return ir.VectorType(ir.FloatType() if lanes.dtype.bitwidth == 32 else ir.DoubleType(), lanes.count)
    return ir.VectorType(ir.IntType(1 if lanes.dtype == types.boolean else lanes.dtype.bitwidth), lanes.count)


def _picked(builder, x, y, picks):
    """The elements ``picks`` of ``x`` and ``y``, counted through."""
    return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(INT, len(picks)), picks))


def _spread(builder, number, vector):
    """``number`` in every element."""
    undefined = ir.Constant(vector, ir.Undefined)
    return _picked(builder, builder.insert_element(undefined, number, INT(0)), undefined, [0] * vector.count)


# -- memory: an intrinsic is a function of types that gives a signature and what writes the code ---------------------------


def _place(context, builder, kind, array, i):
    return builder.gep(context.make_array(kind)(context, builder, array).data, [i])


def _load(context, builder, kind, array, i, lanes):
    address = builder.bitcast(_place(context, builder, kind, array, i), _vector(lanes).as_pointer())
    return builder.load(address, align=kind.dtype.bitwidth // 8)


def _store(context, builder, kind, array, i, value):
    address = builder.bitcast(_place(context, builder, kind, array, i), value.type.as_pointer())
    builder.store(value, address, align=kind.dtype.bitwidth // 8)


@intrinsic(prefer_literal=True)
def load(typing, array, i, count):
    """array[i : i + count]."""
    lanes = Lanes(array.dtype, count.literal_value)

    def make(context, builder, signature, args):
        return _load(context, builder, signature.args[0], *args[:2], lanes)

    return lanes(array, types.intp, count), make


@intrinsic(prefer_literal=True)
def load_pairs(typing, array, i, count):
    """(array[i], array[i + 2], ...) and (array[i + 1], array[i + 3], ...), ``count`` numbers each."""
    lanes, n = Lanes(array.dtype, count.literal_value), count.literal_value

    def make(context, builder, signature, args):
        places = args[1], builder.add(args[1], INDEX(n))
        halves = [_load(context, builder, signature.args[0], args[0], place, lanes) for place in places]
        pair = [_picked(builder, *halves, list(range(k, 2 * n, 2))) for k in range(2)]
        return context.make_tuple(builder, signature.return_type, pair)

    return types.UniTuple(lanes, 2)(array, types.intp, count), make


@intrinsic(prefer_literal=True)
def gather(typing, array, i, offsets, j, count):
    """array[i + offsets[j]], array[i + offsets[j + 1]], ...: ``count`` numbers."""
    lanes, n = Lanes(array.dtype, count.literal_value), count.literal_value

    def make(context, builder, signature, args):
        array, i, offsets, j, _ = args
        vector, size = _vector(lanes), lanes.dtype.bitwidth // 8
        wide, bits = ir.VectorType(INDEX, n), ir.VectorType(ir.IntType(1), n)
        far = builder.sext(_load(context, builder, signature.args[2], offsets, j, Lanes(types.int32, n)), wide)
        first = builder.ptrtoint(_place(context, builder, signature.args[0], array, i), INDEX)
        addresses = builder.add(_spread(builder, first, wide), builder.mul(far, ir.Constant(wide, [size] * n)))
        pointers = ir.VectorType(vector.element.as_pointer(), n)
        kind = f"v{n}f{8 * size}"
        name = f"llvm.masked.gather.{kind}.v{n}p0f{8 * size}"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [pointers, INT, bits, vector]), name)
        every = ir.Constant(bits, [1] * n)
        return builder.call(function, [builder.inttoptr(addresses, pointers), INT(size), every, ir.Constant(vector, ir.Undefined)])

    return lanes(array, types.intp, offsets, types.intp, count), make


@intrinsic
def store(typing, array, i, value):
    """array[i : i + count] = value."""

    def make(context, builder, signature, args):
        _store(context, builder, signature.args[0], *args)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), make


@intrinsic
def store_pairs(typing, array, i, even, odd):
    """array[i], array[i + 1], ... = even[0], odd[0], even[1], odd[1], ..."""

    def make(context, builder, signature, args):
        n = even.count
        order = [k // 2 + k % 2 * n for k in range(2 * n)]
        for picks, place in (order[:n], args[1]), (order[n:], builder.add(args[1], INDEX(n))):
            _store(context, builder, signature.args[0], args[0], place, _picked(builder, *args[2:], picks))
        return context.get_dummy_value()

    return types.void(array, types.intp, even, even), make


@intrinsic
def prefetch(typing, array, i):
    """Ask for the memory at array[i], which may lie beyond the end, before it is needed."""

    def make(context, builder, signature, args):
        byte = ir.IntType(8).as_pointer()
        function = ir.FunctionType(ir.VoidType(), [byte, INT, INT, INT])
        function = cgutils.get_or_insert_function(builder.module, function, "llvm.prefetch.p0i8")
        place = builder.bitcast(_place(context, builder, signature.args[0], *args), byte)
        builder.call(function, [place, INT(0), INT(3), INT(1)])  # to read, to keep in all caches, data
        return context.get_dummy_value()

    return types.void(array, types.intp), make


# -- values ------------------------------------------------------------------------------------------------------------


@intrinsic(prefer_literal=True)
def full(typing, number, count):
    """``number`` in each of ``count`` lanes."""
    lanes = Lanes(types.unliteral(number), count.literal_value)

    def make(context, builder, signature, args):
        return _spread(builder, context.cast(builder, args[0], signature.args[0], lanes.dtype), _vector(lanes))

    return lanes(lanes.dtype, count), make


@intrinsic
def choose(typing, condition, x, y):
    """x where ``condition``, else y."""
    return x(condition, x, y), lambda context, builder, signature, args: builder.select(*args)


@intrinsic
def total(typing, x):
    """The sum of the lanes, by halves."""

    def make(context, builder, signature, args):
        (value,), n = args, x.count
        while n > 1:
            n //= 2
            value = builder.fadd(*[_picked(builder, value, value, list(range(k, k + n))) for k in (0, n)])
        return builder.extract_element(value, INT(0))

    return x.dtype(x), make


def _operator(symbol, on_floats, on_integers, result=None):
    @infer_global(symbol)
    class OfLanes(AbstractTemplate):
        def generic(self, args, keywords):
            if len(args) == 2 and args[0] == args[1] and isinstance(args[0], Lanes):
                return signature(Lanes(result, args[0].count) if result else args[0], *args)

    @lower_builtin(symbol, Lanes, Lanes)
    def make(context, builder, signature, args):
        return (on_floats if isinstance(signature.args[0].dtype, types.Float) else on_integers)(builder, *args)


_operator(operator.add, lambda b, x, y: b.fadd(x, y), lambda b, x, y: b.add(x, y))
_operator(operator.truediv, lambda b, x, y: b.fdiv(x, y), None)
_operator(operator.or_, None, lambda b, x, y: b.or_(x, y))
_operator(operator.gt, lambda b, x, y: b.fcmp_ordered(">", x, y), None, types.boolean)
_operator(operator.eq, lambda b, x, y: b.fcmp_ordered("==", x, y), lambda b, x, y: b.icmp_signed("==", x, y), types.boolean)
_operator(operator.ne, lambda b, x, y: b.fcmp_unordered("!=", x, y), None, types.boolean)

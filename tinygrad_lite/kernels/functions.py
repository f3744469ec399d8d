"""exp, expm1, log, sigmoid, tanh and erf as functions of one number that LLVM inlines, and vectorises, in any loop that calls them.
Numba's own `math.exp` calls the C library for each element. Imported only when a kernel that uses it runs: it imports Numba.

    @kernel
    def loop(x, out):
        full_width()
        for i in range(x.size):
            out[i] = sigmoid(x[i])

exp(x) = 2**n e**r with n = round(x / ln 2) and |r| <= ln(2)/2 (Cody and Waite, 1980). Adding 1.5 * 2**mantissa to a number below
2**(mantissa - 1) leaves its nearest integer in the lowest bits, from where a shift makes the exponent of 2**n. A power beyond the
range of the exponent is taken as 2**h * 2**(n - h), h = floor(n/2): subnormal results are right, nothing overflows on the way.
log(x) = n ln 2 + log(1 + f) with 1 + f from sqrt(1/2) to sqrt(2); by s = f / (2 + f) it is 2 artanh(s) = f - s (f - s**2 p(s**2)).
The polynomials are minimax in the relative error of the result (Remez's exchange in 50 digits). Comparisons let a NaN pass.

Largest error in units in the last place: exp 0.9 (1.2 where there is no fused multiply-add), log 1.2, sigmoid 2.4, expm1 2,
erf 1.2, tanh 1.3 in float32 and 1.5 in float64.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

OPTIONS = {  # of what kernels call: inlined, since a call costs as much as a short row, and not to be called from Python
    "forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "error_model": "numpy",
    "fastmath": {"contract"},  # products and sums may fuse, nothing else changes the results
}  # fmt: skip
SUMMING = {**OPTIONS, "fastmath": {"contract", "reassoc"}}  # sums may also be taken in any order


class Precision(NamedTuple):
    """What differs between float32 and float64.

    number, integer, mantissa  the dtype, the integer of its size, the bits of its mantissa
    bias                       of the exponent
    ln2                        in two parts: the first times any n has no more bits than the mantissa
    growth                     p in e**r = 1 + r + r**2 (1/2 + r p(r)), highest power first
    odd                        p in tanh(x) = x + x**3 p(x**2) for |x| < 0.55, highest power first
    area                       p in 2 artanh(s) = 2 s + s**3 p(s**2), highest power first
    lowest, highest            exp is 0 below and infinite above
    """

    number: type
    integer: type
    mantissa: int
    bias: int
    ln2: tuple
    growth: tuple
    odd: tuple
    area: tuple
    lowest: float
    highest: float


SINGLE = Precision(
    np.float32, np.int32, 23, 127,
    (0.693145751953125, 1.4286068203094172e-06),
    (0.001386377727612853, 0.008367476053535938, 0.041667237877845764, 0.16666534543037415),
    (0.016437560319900513, -0.052671805024147034, 0.13320724666118622, -0.3333294689655304),
    (0.298709511756897, 0.39977574348449707, 0.6666677594184875),
    -105.0, 89.0,
)  # fmt: skip
DOUBLE = Precision(
    np.float64, np.int64, 52, 1023,
    (0.6931471805598903, 5.497923018708371e-14),
    (2.4978412070283276e-08, 2.7625176609380477e-07, 2.755764069230006e-06, 2.4801508706337754e-05, 0.00019841269466489098,
     0.0013888888926779012, 0.008333333333499882, 0.04166666666660399, 0.16666666666666433),
    (5.1021500601427185e-05, -0.00021030243753886285, 0.0005791370427297296, -0.0014532167670416273, 0.0035917196997983323,
     -0.008863194504391783, 0.021869485974824354, -0.053968253876080015, 0.1333333333316871, -0.33333333333332316),
    (0.14795473030392783, 0.1531409906470345, 0.181835623955046, 0.22222198610986363, 0.285714287420132, 0.39999999999416386,
     0.6666666666666734),
    -746.0, 710.0,
)  # fmt: skip


def _functions(precision):
    """The functions for one precision, as plain Python."""
    number, integer, mantissa, bias, ln2, growth, odd, area, lowest, highest = precision
    zero, half, one, two = map(number, (0, 0.5, 1, 2))
    lowest, highest, nearly = number(lowest), number(highest), number(0.55)
    ln2_high, ln2_low, ln2_whole, per_ln2 = number(ln2[0]), number(ln2[1]), number(math.log(2)), number(1 / math.log(2))
    split = number(1.5 * 2**mantissa + 2 * bias)  # the lowest bits of a number to which it was added: n + 2 * bias
    whole = number(1.5 * 2**mantissa + bias)
    growth, odd, area = (tuple(map(number, coefficients)) for coefficients in (growth, odd, area))
    middle = number(1.5 * 2**mantissa)
    infinite, smallest = number(np.inf), np.finfo(number).smallest_normal
    half_root, middle_bits = integer(number(0.5**0.5).view(integer)), integer(middle.view(integer))
    lowest_key, highest_key = integer(np.iinfo(integer).min), integer(np.iinfo(integer).max)
    sign = integer(8 * np.dtype(integer).itemsize - 1)
    vanished = number(-30 if number is np.float32 else -60)  # e to this is nothing beside 1
    saturated = number(10 if number is np.float32 else 20)  # tanh is 1 from here on

    @njit(**OPTIONS)
    def polynomial(coefficients, x):
        p = zero
        for c in coefficients:
            p = p * x + c
        return p

    @njit(**OPTIONS)
    def growth_of(r):  # e**r - 1
        return (polynomial(growth, r) * r + half) * (r * r) + r

    def exp(x):
        y = highest if x > highest else x
        y = zero if x < lowest else y  # no underflow where the result is 0 anyway: it costs a hundred times a product
        t = y * per_ln2 + split
        n = t - split
        r = (y - n * ln2_high) - n * ln2_low
        bits = number(t).view(integer)
        first = bits >> 1
        power = integer(first << mantissa).view(number)
        rest = integer((bits - first) << mantissa).view(number)
        result = (((polynomial(growth, r) * r + half) * r + one) * r + one) * power * rest
        return zero if x < lowest else result

    def expm1(x):  # 2**h (2**(n - h) e**r - 2**-h)
        y = highest if x > highest else x
        y = vanished if y < vanished else y
        t = y * per_ln2 + split
        n = t - split
        bits = number(t).view(integer)
        first = bits >> 1
        power, inverse = integer(first << mantissa).view(number), integer((2 * bias - first) << mantissa).view(number)
        rest = integer((bits - first) << mantissa).view(number)
        return power * (rest * growth_of((y - n * ln2_high) - n * ln2_low) + (rest - inverse))

    def log(x):
        y = x * number(2**mantissa) if x < smallest else x
        bits = number(y).view(integer)
        n = integer(integer(bits - half_root) >> mantissa)
        f = integer(bits - integer(n << mantissa)).view(number) - one
        scale = integer(n + middle_bits).view(number) - middle - (number(mantissa) if x < smallest else zero)
        s = f / (f + two)
        square = s * s
        result = scale * ln2_high + (f - s * (f - square * polynomial(area, square)) + scale * ln2_low)
        apart = -infinite if x == zero else infinite - infinite if x < zero else x
        return result if (x > zero) & (x < infinite) else apart

    def sigmoid(x):  # with e**-x = 2**h * 2**(n - h) * e**r: 2**-h / (2**-h + 2**(n - h) * e**r)
        y = -lowest if x > -lowest else x
        y = zero if x < lowest else y
        t = y * -per_ln2 + split
        n = t - split
        r = (n * -ln2_high - y) - n * ln2_low
        bits = number(t).view(integer)
        first = bits >> 1
        power = integer((2 * bias - first) << mantissa).view(number)
        rest = integer((bits - first) << mantissa).view(number)
        result = power / (rest * growth_of(r) + (rest + power))
        return zero if x < lowest else result

    def tanh(x):  # 1 - 2 / (e**2x + 1), which would lose digits near 0
        size = abs(x)
        y = saturated if size > saturated else size
        t = y * (two * per_ln2) + whole
        n = t - whole
        power = integer(number(t).view(integer) << mantissa).view(number)
        far = one - two / (power * growth_of((y + y) - n * ln2_whole) + (power + one))
        square = x * x
        near = (polynomial(odd, square) * square) * size + size
        return np.copysign(near if size < nearly else far, x)

    def largest(row):  # integers of the same order: LLVM vectorises their maximum, that of floats only where it may ignore NaNs
        best, keys = lowest_key, row.view(integer)
        for i in range(keys.size):
            best = integer(max(best, integer(keys[i] ^ integer(integer(keys[i] >> sign) & highest_key))))
        return integer(best ^ integer(integer(best >> sign) & highest_key)).view(number)

    return exp, expm1, log, sigmoid, tanh, largest


EXP, EXPM1, LOG, SIGMOID, TANH, LARGEST = (
    {types.float32: f, types.float64: g} for f, g in zip(_functions(SINGLE), _functions(DOUBLE))
)


@njit(**OPTIONS)
def _polynomial(coefficients, x):
    p = np.float32(0)
    for c in coefficients:
        p = p * x + np.float32(c)
    return p


def _erf(x):  # x + x p(x**2) below 0.9, beyond it 1 - e**(-x q(x))
    size = abs(x)
    square = x * x
    near = _polynomial(ERF_NEAR, square) * size + size
    far = np.float32(1) - exp(-size * _polynomial(ERF_FAR, size if size < np.float32(4) else np.float32(4)))
    return np.copysign(near if size < np.float32(0.9) else far, x)


ERF_NEAR = (8.513087959727272e-05, -0.0008175635593943298, 0.005203858949244022, -0.02686050906777382, 0.11283715069293976,
            -0.37612634897232056, 0.12837916612625122)  # fmt: skip
ERF_FAR = (-0.00021459411073010415, 0.0032199686393141747, -0.02290601097047329, 0.10528682917356491, 0.6356993913650513,
           1.128519892692566)  # fmt: skip


def exp(x):
    """e**x of a float32 or float64, inside of kernels."""
    raise TypeError("exp is for kernels")


def expm1(x):
    """e**x - 1 of a float32 or float64, inside of kernels."""
    raise TypeError("expm1 is for kernels")


def erf(x):
    """The error function of a float32, inside of kernels."""
    raise TypeError("erf is for kernels")


def log(x):
    """The natural logarithm of a float32 or float64, inside of kernels."""
    raise TypeError("log is for kernels")


def sigmoid(x):
    """1 / (1 + e**-x) of a float32 or float64, inside of kernels."""
    raise TypeError("sigmoid is for kernels")


def tanh(x):
    """The hyperbolic tangent of a float32 or float64, inside of kernels."""
    raise TypeError("tanh is for kernels")


def largest(row):
    """The largest element of a contiguous row of float32 or float64, inside of kernels; of NaNs one, or none of them."""
    raise TypeError("largest is for kernels")


@overload(exp, jit_options=OPTIONS)
def _of_exp(x):
    return EXP.get(x)


@overload(expm1, jit_options=OPTIONS)
def _of_expm1(x):
    return EXPM1.get(x)


@overload(erf, jit_options=OPTIONS)
def _of_erf(x):
    return _erf if x == types.float32 else None


@overload(log, jit_options=OPTIONS)
def _of_log(x):
    return LOG.get(x)


@overload(sigmoid, jit_options=OPTIONS)
def _of_sigmoid(x):
    return SIGMOID.get(x)


@overload(tanh, jit_options=OPTIONS)
def _of_tanh(x):
    return TANH.get(x)


@overload(largest, jit_options=OPTIONS)
def _of_largest(row):
    return LARGEST.get(row.dtype)


@intrinsic
def full_width(typing):
    """To be called in a loop, or in the body of a `share`: LLVM shall vectorise with the widest registers that there are. On
    processors of Intel it would take half of AVX-512, for the sake of the clock; these functions gain a third from the whole."""

    def make(context, builder, signature, args):
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')  # llvmlite knows no attributes with values
        return context.get_dummy_value()

    return types.void(), make


@intrinsic
def apart(typing):
    """To be called in a function of arrays: none of those that it writes overlaps another one, so LLVM need not compare them."""

    def make(context, builder, signature, args):
        for arg in builder.function.args:
            if isinstance(arg.type, ir.PointerType) and isinstance(arg.type.pointee, (ir.FloatType, ir.DoubleType)):
                arg.add_attribute("noalias")
        return context.get_dummy_value()

    return types.void(), make

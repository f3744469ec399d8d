"""dtypes are NumPy's. One promotion rule, PyTorch's, serves every primitive."""

from __future__ import annotations

import numpy as np

float16, float32, float64 = np.float16, np.float32, np.float64
int8, int16, int32, int64, uint8 = np.int8, np.int16, np.int32, np.int64, np.uint8
bool_ = np.bool_

_default = np.dtype(np.float32)
_BOOL, _INT, _FLOAT = 0, 1, 2
_CATEGORY = {"b": _BOOL, "i": _INT, "u": _INT, "f": _FLOAT}


def set_default_dtype(dtype):
    """Set the dtype that Python floats and the creation functions take: ``float32`` at the start."""
    global _default
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise TypeError(f"set_default_dtype: {dtype} is not a floating dtype; give float32 or float64")
    _default = dtype


def get_default_dtype() -> np.dtype:
    """The dtype that Python floats and the creation functions take."""
    return _default


def complex_in(values):
    """What of ``values`` is complex, as the text of an error; "" if nothing is."""
    for value in values:
        dtype = value if isinstance(value, np.dtype) else getattr(value, "dtype", None)
        if isinstance(value, complex) or getattr(dtype, "kind", "") == "c":
            return f"{'complex' if dtype is None else dtype} is not supported: keep the real and the imaginary part as two Tensors"
    return ""


def refused_in(values):
    """What of ``values`` no op takes, complex numbers, strings, objects, as the text of an error; "" if all is well."""
    for value in values:
        if isinstance(value, np.ndarray) and value.dtype.kind not in "fiubc":
            return f"dtype {value.dtype} is not supported: give a floating, integer or boolean array"
    return complex_in(values)


def check_dtype(dtype) -> np.dtype:
    """``dtype`` as a ``numpy.dtype`` in this machine's byte order; refuses complex numbers, strings, objects and long doubles."""
    dtype = np.dtype(dtype)
    if dtype.kind not in _CATEGORY or dtype.itemsize > 8:
        what = f"dtype {dtype} is not supported: give a floating dtype of at most 64 bits, an integer or boolean one"
        raise TypeError(complex_in([dtype]) or what)
    return dtype if dtype.isnative else dtype.newbyteorder("=")


def conversion(own, dtype, op="") -> np.dtype:
    """``dtype`` as what an op with such an argument converts elements of the dtype ``own`` to before it computes. Floats stay
    floats: as integers they would have no derivative."""
    dtype = check_dtype(dtype)
    if own.kind == "f" and dtype.kind != "f":
        raise TypeError(f"{op + ': ' if op else ''}dtype {dtype} does not hold {own}: convert with .to(dtype) first")
    return dtype


def _join(a, b):
    """The smallest dtype of the higher category that holds both (int64 with float32 is float32)."""
    if a is None or b is None:
        return a or b
    if a.kind == "f" and b.kind != "f":
        return a
    if b.kind == "f" and a.kind != "f":
        return b
    joined = np.promote_types(a, b)
    if joined.kind == "f" and a.kind != "f":
        raise TypeError(f"{a} and {b} have no common integer dtype: convert one of them with .to(dtype)")
    return joined


def result_dtype(values) -> np.dtype:
    """The dtype of an op on ``values`` (arrays, NumPy scalars, Python numbers).

    PyTorch's rule: arrays with dimensions decide; 0-d arrays, and after them scalars, count only if they
    are of a higher category (bool < integer < float). A Python float counts as the default dtype.
    """
    dimensioned = zero_dim = scalar = numpy_scalar = None
    for value in values:
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in _CATEGORY:
                raise TypeError(refused_in([value]))
            if value.ndim:
                dimensioned = _join(dimensioned, value.dtype)
            else:
                zero_dim = _join(zero_dim, value.dtype)
        elif isinstance(value, (bool, np.bool_)):
            scalar = _join(scalar, np.dtype(bool))
        elif isinstance(value, (int, np.integer)):
            scalar = _join(scalar, np.dtype(np.int64))
        elif isinstance(value, (float, np.floating)):
            scalar = _join(scalar, _default)
            if isinstance(value, np.floating):
                numpy_scalar = _join(numpy_scalar, value.dtype)
        elif value is not None:
            raise TypeError(complex_in([value]) or f"expected a Tensor, an array or a number, got {type(value).__name__}")
    if numpy_scalar is not None and dimensioned is None and zero_dim is None:
        return numpy_scalar  # what NumPy makes of 0-d arrays, as in the rules: it keeps its precision
    result = dimensioned
    for weaker in (zero_dim, scalar):
        if weaker is not None and (result is None or _CATEGORY[weaker.kind] > _CATEGORY[result.kind]):
            result = weaker
    return result


def promote(values, to_float=False):
    """``values`` brought to their common dtype; ``to_float`` turns integers into the default dtype."""
    dtype = result_dtype(values)
    if to_float and dtype.kind != "f":
        dtype = _default
    return [None if v is None else np.asarray(v, dtype) for v in values]

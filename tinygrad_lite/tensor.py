"""Tensor: an array, its gradient and where it came from. Its methods are the ops."""

from __future__ import annotations

import copy
import numbers
import weakref

import numpy as np

from . import ops
from .dtypes import check_dtype, get_default_dtype
from .errors import composed, describe, not_for_tensors
from .graph import add
from .graph import backward as run_backward
from .record import Value, extra_of, leaf_source, new_tensor, set_tensor_type

_COMPARABLE = (Value, np.ndarray, np.generic, numbers.Number, list, tuple)  # other things decide for themselves: None is not equal


def _reversed(op):
    """The operator for a Tensor on the right."""
    return lambda self, other: op(other, self)


def _in_place(op, sign):
    """The operator ``sign``. It is an error where it would leave a trained leaf as it was and give its name to a new Tensor."""

    def method(self, other):
        if self.source is not None and self.source[0].primitive is None:
            raise TypeError(
                f"{sign} does not change a leaf that requires a gradient, it would only rename it: "
                "use an optimiser, or tinygrad_lite.assign(parameter, new value)"
            )
        return op(self, other)

    return method


class Tensor(Value):
    """An n-dimensional array that remembers how it was computed.

    ``Tensor(array)`` shares the array's memory and keeps its dtype (one in another byte order is copied);
    ``tinygrad_lite.tensor`` copies.

    data           a NumPy array, or what `numpy.asarray` takes (Python floats become the default dtype)
    requires_grad  record what is computed from it, so that `backward` can fill ``.grad``
    """

    __slots__ = ()

    def __init__(self, data, requires_grad=False, dtype=None):
        changed = None
        if isinstance(data, Value):
            data, changed = data.data, data.changed
        array = data if isinstance(data, np.ndarray) else as_array(data)
        if dtype is not None:
            array = array.astype(check_dtype(dtype), copy=False)
        array = array.astype(check_dtype(array.dtype), copy=False)
        self.data = array.view(np.ndarray) if type(array) is not np.ndarray else array
        self.source = None
        self.changed = history_of(self.data, changed if self.data is data else None)
        if requires_grad:
            self.requires_grad_()

    # -- what it is --

    @property
    def shape(self):
        """Sizes, as a tuple."""
        return self.data.shape

    @property
    def dtype(self):
        """The `numpy.dtype` of the elements."""
        return self.data.dtype

    @property
    def ndim(self):
        """The number of dimensions."""
        return self.data.ndim

    @property
    def T(self):
        """Dimensions in reverse order."""
        return ops.permute(self, tuple(range(self.ndim))[::-1])

    @property
    def mT(self):
        """Each matrix of the last two dimensions transposed."""
        return ops.transpose(self, -2, -1)

    def dim(self):
        """The number of dimensions."""
        return self.data.ndim

    def numel(self):
        """The number of elements."""
        return self.data.size

    def size(self, dim=None):
        """The shape, or one size of it."""
        return self.data.shape if dim is None else self.data.shape[ops.shape.canonical_dim(dim, self.data.ndim, op="size")]

    def element_size(self):
        """Bytes of one element."""
        return self.data.itemsize

    def __len__(self):
        if not self.data.ndim:
            raise TypeError("a 0-dimensional Tensor has no length")
        return len(self.data)

    def __iter__(self):
        if not self.data.ndim:
            raise TypeError("a 0-dimensional Tensor cannot be iterated over: item() is its value")
        return iter(ops.unbind(self))

    def __bool__(self):
        if self.data.size != 1:
            raise ValueError(f"the truth of a Tensor {self.shape} is not defined: it must have one element")
        return bool(self.data)

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __index__(self):
        if self.data.dtype.kind not in "iu" or self.data.ndim:
            raise TypeError(f"only a 0-dimensional integer Tensor can be an index, this one is {describe(self.data)}")
        return int(self.data)

    def __contains__(self, value):
        return bool((self.data == (value.data if isinstance(value, Value) else value)).any())

    def __format__(self, spec):
        return format(self.item(), spec) if self.data.ndim == 0 and spec else str(self)

    def __repr__(self):
        text = np.array2string(self.data, separator=", ", prefix="tensor(", threshold=200)
        dtype = f", dtype={self.data.dtype}" if self.data.dtype not in (get_default_dtype(), np.int64, np.bool_) else ""
        if self.source is None:
            return f"tensor({text}{dtype})"
        maker = self.source[0].primitive
        return f"tensor({text}{dtype}, {'requires_grad=True' if maker is None else f'made by {maker.name}'})"

    def _repr_html_(self):
        from .tables import array_html

        maker = "" if self.source is None else self.source[0].primitive
        made = ", requires_grad=True" if maker is None else f", made by {maker.name}" if maker else ""
        return array_html(self.data, f"{type(self).__name__} {self.data.shape} {self.data.dtype}{made}")

    __hash__ = object.__hash__

    # -- values --

    def item(self):
        """The one element, as a Python number."""
        if self.data.size != 1:
            raise ValueError(f"item: the Tensor is {self.shape}; only one with a single element has a value")
        return self.data.item()

    def tolist(self):
        """Nested lists of Python numbers."""
        return self.data.tolist()

    def numpy(self):
        """The array itself (shared memory); of a Tensor that requires a gradient only after ``detach()``."""
        if self.source is not None:
            raise RuntimeError("numpy: this Tensor requires a gradient and the array would lose it: use .detach().numpy()")
        return self.data

    def detach(self):
        """The same memory as a constant."""
        return new_tensor(self.data, None, self.changed)

    def clone(self):
        """A copy that passes the gradient on."""
        return ops.mul(self, 1) if self.data.dtype.kind == "f" else new_tensor(self.data.copy())

    @composed
    def to(self, dtype):
        """In another dtype; floating dtypes pass the gradient on."""
        dtype = check_dtype(dtype)
        if dtype == self.data.dtype:
            return self
        if dtype.kind == "f":
            return ops.cast(self, dtype=dtype)
        return new_tensor(self.data.astype(dtype))

    def float(self):
        """As float32."""
        return self.to(np.float32)

    def double(self):
        """As float64."""
        return self.to(np.float64)

    def long(self):
        """As int64."""
        return self.to(np.int64)

    def int(self):
        """As int32."""
        return self.to(np.int32)

    def bool(self):
        """As booleans."""
        return self.to(np.bool_)

    # -- gradients --

    @property
    def requires_grad(self):
        """Whether what is computed from it is recorded."""
        return self.source is not None

    @requires_grad.setter
    def requires_grad(self, value):
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad=True):
        """Make this leaf one that gets a gradient (or no longer); returns it."""
        if not requires_grad:
            if self.source is not None and not self.is_leaf:
                raise RuntimeError("requires_grad_: only a leaf can stop requiring a gradient; use .detach() for a constant")
            self.source = None
        elif self.source is None:
            if self.data.dtype.kind != "f":
                raise TypeError(f"requires_grad: only floating Tensors have gradients, this one is {self.data.dtype}")
            self.source = leaf_source(self.data)
        return self

    @property
    def is_leaf(self):
        """Whether it was made by the user, not computed from something that requires a gradient."""
        return self.source is None or self.source[0].primitive is None

    @property
    def grad(self):
        """The gradient that `backward` left here: a Tensor, or None."""
        source = self.source
        if source is None or source[0].extra is None:
            return None
        return source[0].extra.grads.get(source[1])

    @grad.setter
    def grad(self, value):
        if value is None:
            if self.source is not None and self.source[0].extra is not None:
                self.source[0].extra.grads[self.source[1]] = None
            return
        if self.source is None:
            raise RuntimeError("grad: this Tensor does not require a gradient; call requires_grad_() first")
        if not isinstance(value, Value):
            raise TypeError(f"grad: expected a Tensor or None, got {type(value).__name__}")
        if (value.data.shape, value.data.dtype) != (self.data.shape, self.data.dtype):
            raise ValueError(f"grad: expected {describe(self.data)}, got {describe(value.data)}")
        extra_of(self.source[0]).grads[self.source[1]] = value

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """Add the gradient of this scalar (or of ``sum(gradient * self)``) to ``.grad`` of every leaf it depends on, or of the
        leaves ``inputs`` alone."""
        run_backward(self, gradient, retain_graph, create_graph, inputs)

    def retain_grad(self):
        """Have ``backward`` keep the gradient of this computed Tensor in ``.grad`` too."""
        if self.source is None:
            raise RuntimeError("retain_grad: this Tensor does not require a gradient")
        extra_of(self.source[0]).grads.setdefault(self.source[1], None)

    def register_hook(self, hook):
        """Call ``hook(gradient)`` when the gradient of this Tensor is known; what it returns, if not None, takes its place.
        Returns an object whose ``remove()`` takes the hook away."""
        if self.source is None:
            raise RuntimeError("register_hook: this Tensor does not require a gradient")
        return HookHandle(self.source, hook)

    # -- NumPy --

    def __array__(self, dtype=None, copy=None):
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **options):
        array = self.numpy()
        if any(step < 0 for step in array.strides):  # a flipped view: PyTorch ends the process at it
            if options.get("copy") is False:
                raise BufferError("__dlpack__: a flipped view is only exported as a copy")
            array = array.copy()
        return array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.data.__dlpack_device__()

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        op = UFUNCS.get(ufunc.__name__)
        if op is None or method != "__call__" or kwargs:
            raise TypeError(not_for_tensors(ufunc.__name__ + ("" if method == "__call__" else f".{method}"), kwargs))
        return op(*inputs)

    def __array_function__(self, function, types, args, kwargs):
        from . import numpy_calls  # where it is used: a hundred functions that most programs never call

        return numpy_calls.call(function, types, args, kwargs)

    # -- copies: a leaf of its own, never a second one with the same place in the graph --

    def _check_leaf(self, what):
        if not self.is_leaf:
            maker = self.source[0].primitive.name
            raise RuntimeError(f"{what}: this Tensor was computed by {maker}; only leaves can be copied: detach() it first")

    def __copy__(self):
        return _filled(type(self), self.data, self.source, self.changed)

    def __deepcopy__(self, memo):
        self._check_leaf("deepcopy")
        out = _filled(type(self), copy.deepcopy(self.data, memo), None, copy.deepcopy(self.changed, memo))
        return _as_leaf(out, self.source[0].extra.name, copy.deepcopy(self.grad, memo)) if self.requires_grad else out

    def __reduce__(self):
        self._check_leaf("pickle")
        if not self.requires_grad:
            return _filled, (type(self), self.data)
        return _as_leaf, (_filled(type(self), self.data), self.source[0].extra.name, self.grad)

    # -- arithmetic --

    __add__ = add
    __sub__ = ops.elementwise.sub
    __mul__ = ops.mul
    __truediv__ = ops.true_divide
    __floordiv__ = ops.floor_divide
    __mod__ = ops.remainder
    __pow__ = ops.pow
    __matmul__ = ops.matmul
    __neg__ = ops.neg
    __abs__ = ops.abs

    def __pos__(self):
        return self

    __lt__ = ops.lt
    __le__ = ops.le
    __gt__ = ops.gt
    __ge__ = ops.ge
    __getitem__ = ops.getitem
    __radd__ = add
    __rmul__ = ops.mul

    def __eq__(self, other):
        return ops.eq(self, other) if isinstance(other, _COMPARABLE) else NotImplemented

    def __ne__(self, other):
        return ops.ne(self, other) if isinstance(other, _COMPARABLE) else NotImplemented

    def __and__(self, other):
        return ops.logical_and(*_booleans("&", self, other))

    def __or__(self, other):
        return ops.logical_or(*_booleans("|", self, other))

    def __invert__(self):
        return ops.logical_not(*_booleans("~", self))

    __rand__, __ror__ = __and__, __or__

    __iadd__, __isub__, __imul__ = _in_place(add, "+="), _in_place(ops.elementwise.sub, "-="), _in_place(ops.mul, "*=")
    __itruediv__, __ifloordiv__ = _in_place(ops.true_divide, "/="), _in_place(ops.floor_divide, "//=")
    __imod__ = _in_place(ops.remainder, "%=")
    __rsub__, __rtruediv__, __rfloordiv__ = _reversed(ops.elementwise.sub), _reversed(ops.true_divide), _reversed(ops.floor_divide)
    __rmod__, __rpow__, __rmatmul__ = _reversed(ops.remainder), _reversed(ops.pow), _reversed(ops.matmul)

    def __setitem__(self, index, value):
        raise TypeError(
            "Tensors do not change in place, so that no gradient is silently wrong: compute a new one with where, scatter or cat "
            "(parameters and buffers: tinygrad_lite.assign)"
        )

    # -- the ops, as methods: the functions themselves --

    add, sub, mul, floor_divide, remainder = ops.add, ops.sub, ops.mul, ops.floor_divide, ops.remainder
    div, true_divide, pow, atan2, logaddexp = ops.div, ops.true_divide, ops.pow, ops.atan2, ops.logaddexp
    maximum, minimum = ops.maximum, ops.minimum
    neg, abs, sign, square, sqrt, rsqrt, reciprocal = ops.neg, ops.abs, ops.sign, ops.square, ops.sqrt, ops.rsqrt, ops.reciprocal
    exp, expm1, log, log1p, log2, log10 = ops.exp, ops.expm1, ops.log, ops.log1p, ops.log2, ops.log10
    sin, cos, tan, asin, acos, atan = ops.sin, ops.cos, ops.tan, ops.asin, ops.acos, ops.atan
    sinh, cosh, tanh, sigmoid, erf, relu = ops.sinh, ops.cosh, ops.tanh, ops.sigmoid, ops.erf, ops.relu
    floor, ceil, trunc, round, clamp, lerp = ops.floor, ops.ceil, ops.trunc, ops.round, ops.clamp, ops.lerp
    heaviside, masked_fill, softmax, log_softmax = ops.heaviside, ops.masked_fill, ops.softmax, ops.log_softmax

    eq, ne, lt, le, gt, ge = ops.eq, ops.ne, ops.lt, ops.le, ops.gt, ops.ge
    logical_and, logical_or = ops.logical_and, ops.logical_or
    logical_not, isnan, isfinite, isinf = ops.logical_not, ops.isnan, ops.isfinite, ops.isinf

    def where(self, condition, other):
        """Itself where ``condition`` holds, else ``other``."""
        return ops.where(condition, self, other)

    # reductions, and what runs along a dimension
    sum, mean, prod, var, std, norm, logsumexp = ops.sum, ops.mean, ops.prod, ops.var, ops.std, ops.norm, ops.logsumexp
    all, any, amax, amin, max, min = ops.all, ops.any, ops.amax, ops.amin, ops.max, ops.min
    argmax, argmin, cumsum = ops.argmax, ops.argmin, ops.cumsum
    sort, argsort, topk = ops.sort, ops.argsort, ops.topk

    # shape
    reshape, view, flatten, unflatten, expand = ops.reshape, ops.view, ops.flatten, ops.unflatten, ops.expand
    permute, transpose, squeeze, unsqueeze = ops.permute, ops.transpose, ops.squeeze, ops.unsqueeze
    repeat, tile, roll, split, chunk, unbind = ops.repeat, ops.tile, ops.roll, ops.split, ops.chunk, ops.unbind
    tril, triu, diagonal, diag = ops.tril, ops.triu, ops.diagonal, ops.diag

    def t(self):
        """The transpose of a matrix; a vector as it is."""
        return ops.transpose(self, 0, 1) if self.ndim > 1 else self

    def broadcast_to(self, shape):
        """Repeated along new and 1-sized dimensions until it has ``shape``."""
        return ops.broadcast_to(self, shape=tuple(shape))

    def flip(self, *dims):
        """Reversed along ``dims``, one by one or a tuple."""
        return ops.flip(self, dims=dims[0] if len(dims) == 1 else dims)

    # indexing
    narrow, select, index_select, gather = ops.narrow, ops.select, ops.index_select, ops.gather
    take_along_dim, scatter, scatter_add, scatter_reduce = ops.take_along_dim, ops.scatter, ops.scatter_add, ops.scatter_reduce

    # products and matrices
    matmul, mm, bmm, mv, addmm = ops.matmul, ops.mm, ops.bmm, ops.mv, ops.addmm
    dot, outer, det, slogdet = ops.dot, ops.outer, ops.decomposition.det, ops.decomposition.slogdet
    inverse = ops.decomposition.inv

    def pinverse(self, rcond=1e-15):
        """The pseudoinverse; singular values of at most rcond times the largest count as 0."""
        return ops.decomposition.pinv(self, rtol=rcond)


def _filled(cls, data, source=None, changed=None):
    """A Tensor of class ``cls`` without any check."""
    out = object.__new__(cls)
    out.data, out.source, out.changed = data, source, [0] if changed is None else changed
    return out


def _as_leaf(tensor, name, grad):
    tensor.requires_grad_()
    tensor.source[0].extra.name, tensor.grad = name, grad
    return tensor


_histories = {}  # id of an array that owns its memory -> (weak reference to it, the `changed` cell of the Tensors over it)


def history_of(array, changed=None):
    """The `changed` cell of the Tensors made over the memory of ``array``: who shares memory shares its history."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    key = id(owner)
    known = _histories.get(key)
    if known is None or known[0]() is not owner or (changed is not None and known[1] is not changed):
        reference = weakref.ref(owner, lambda _: _histories.pop(key, None))
        known = _histories[key] = reference, [0] if changed is None else changed
    return known[1]


class HookHandle:
    """What `Tensor.register_hook` returns."""

    def __init__(self, source, hook):
        node, key, _ = source
        self.hooks, self.place = extra_of(node).hooks, object()
        self.hooks[self.place] = (key, hook)

    def remove(self):
        """Take the hook away."""
        self.hooks.pop(self.place, None)


def _booleans(sign, *values):
    """The operands of a logical operator, which must be boolean."""
    for value in values:
        dtype = value.data.dtype if isinstance(value, Value) else np.asarray(value).dtype
        if dtype != np.bool_:
            raise TypeError(
                f"{sign}: both sides must be boolean, got {dtype}: compare first, or use logical_and, logical_or, logical_not"
            )
    return values


# NumPy's universal functions that record when they are called with a Tensor
UFUNCS = {
    "add": add, "subtract": ops.elementwise.sub, "multiply": ops.mul, "divide": ops.true_divide, "true_divide": ops.true_divide,
    "power": ops.pow, "float_power": ops.pow, "negative": ops.neg, "absolute": ops.abs, "fabs": ops.abs, "exp": ops.exp,
    "expm1": ops.expm1, "log": ops.log, "log1p": ops.log1p, "sqrt": ops.sqrt, "square": ops.square, "reciprocal": ops.reciprocal,
    "sin": ops.sin, "cos": ops.cos, "tan": ops.tan, "tanh": ops.tanh, "sign": ops.sign, "heaviside": ops.heaviside,
    "maximum": ops.maximum, "minimum": ops.minimum, "equal": ops.eq, "not_equal": ops.ne, "less": ops.lt, "less_equal": ops.le,
    "greater": ops.gt, "greater_equal": ops.ge, "logical_and": ops.logical_and, "logical_or": ops.logical_or,
    "logical_not": ops.logical_not, "bitwise_and": Tensor.__and__, "bitwise_or": Tensor.__or__, "invert": Tensor.__invert__,
    "isnan": ops.isnan, "isfinite": ops.isfinite, "isinf": ops.isinf, "matmul": ops.matmul, "log2": ops.log2, "log10": ops.log10,
    "logaddexp": ops.logaddexp, "sinh": ops.sinh, "cosh": ops.cosh, "arcsin": ops.asin, "arccos": ops.acos, "arctan": ops.atan,
    "arctan2": ops.atan2, "floor": ops.floor, "ceil": ops.ceil, "trunc": ops.trunc, "rint": ops.round,
    "floor_divide": ops.floor_divide, "remainder": ops.remainder, "positive": Tensor.__pos__,
}  # fmt: skip


def as_array(data):
    """Numbers and nested sequences as an array: floats in the default dtype."""
    if isinstance(data, (list, tuple)):
        data = _without_tensors(data)
    array = np.asarray(data)
    if array.dtype == np.float64 and not isinstance(data, (np.ndarray, np.generic)):
        array = array.astype(get_default_dtype())
    return array


def _without_tensors(items):
    return [i.item() if isinstance(i, Value) else _without_tensors(i) if isinstance(i, (list, tuple)) else i for i in items]


set_tensor_type(Tensor)

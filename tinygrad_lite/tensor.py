"""Tensor: an array, its gradient and where it came from. Its methods are the ops."""

from __future__ import annotations

import copy
import numbers
import weakref

import numpy as np

from . import ops
from .dtypes import check_dtype, get_default_dtype
from .errors import describe, not_for_tensors
from .graph import add
from .graph import backward as run_backward
from .record import Value, extra_of, leaf_source, new_tensor, set_tensor_type

_COMPARABLE = (Value, np.ndarray, np.generic, numbers.Number, list, tuple)  # other things decide for themselves: None is not equal


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
        return self.data.shape if dim is None else self.data.shape[dim]

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

    def __iadd__(self, other):
        _refuse_in_place(self, "+=")
        return add(self, other)

    def __isub__(self, other):
        _refuse_in_place(self, "-=")
        return ops.elementwise.sub(self, other)

    def __imul__(self, other):
        _refuse_in_place(self, "*=")
        return ops.mul(self, other)

    def __itruediv__(self, other):
        _refuse_in_place(self, "/=")
        return ops.true_divide(self, other)

    def __ifloordiv__(self, other):
        _refuse_in_place(self, "//=")
        return ops.floor_divide(self, other)

    def __imod__(self, other):
        _refuse_in_place(self, "%=")
        return ops.remainder(self, other)

    def __rsub__(self, other):
        return ops.elementwise.sub(other, self)

    def __rtruediv__(self, other):
        return ops.true_divide(other, self)

    def __rfloordiv__(self, other):
        return ops.floor_divide(other, self)

    def __rmod__(self, other):
        return ops.remainder(other, self)

    def __rpow__(self, other):
        return ops.pow(other, self)

    def __rmatmul__(self, other):
        return ops.matmul(other, self)

    def __setitem__(self, index, value):
        raise TypeError(
            "Tensors do not change in place, so that no gradient is silently wrong: compute a new one with where, scatter or cat "
            "(parameters and buffers: tinygrad_lite.assign)"
        )

    # -- the ops, as methods: documented in ops/ --

    def add(self, other, *, alpha=1):
        return ops.add(self, other, alpha=alpha)

    def sub(self, other, *, alpha=1):
        return ops.sub(self, other, alpha=alpha)

    def mul(self, other):
        return ops.mul(self, other)

    def div(self, other, rounding_mode=None):
        return ops.div(self, other, rounding_mode)

    def true_divide(self, other):
        return ops.div(self, other)

    def floor_divide(self, other):
        return ops.floor_divide(self, other)

    def remainder(self, other):
        return ops.remainder(self, other)

    def pow(self, exponent):
        return ops.pow(self, exponent)

    def neg(self):
        return ops.neg(self)

    def abs(self):
        return ops.abs(self)

    def exp(self):
        return ops.exp(self)

    def expm1(self):
        return ops.expm1(self)

    def log(self):
        return ops.log(self)

    def log1p(self):
        return ops.log1p(self)

    def log2(self):
        return ops.log2(self)

    def log10(self):
        return ops.log10(self)

    def logaddexp(self, other):
        return ops.logaddexp(self, other)

    def sqrt(self):
        return ops.sqrt(self)

    def rsqrt(self):
        return ops.rsqrt(self)

    def square(self):
        return ops.square(self)

    def reciprocal(self):
        return ops.reciprocal(self)

    def sin(self):
        return ops.sin(self)

    def cos(self):
        return ops.cos(self)

    def tan(self):
        return ops.tan(self)

    def asin(self):
        return ops.asin(self)

    def acos(self):
        return ops.acos(self)

    def atan(self):
        return ops.atan(self)

    def atan2(self, other):
        return ops.atan2(self, other)

    def sinh(self):
        return ops.sinh(self)

    def cosh(self):
        return ops.cosh(self)

    def tanh(self):
        return ops.tanh(self)

    def sigmoid(self):
        return ops.sigmoid(self)

    def erf(self):
        return ops.erf(self)

    def lerp(self, end, weight):
        return ops.lerp(self, end, weight)

    def floor(self):
        return ops.floor(self)

    def ceil(self):
        return ops.ceil(self)

    def trunc(self):
        return ops.trunc(self)

    def round(self, decimals=0):
        return ops.round(self, decimals=decimals)

    def sign(self):
        return ops.sign(self)

    def heaviside(self, values):
        return ops.heaviside(self, values)

    def clamp(self, min=None, max=None):
        return ops.clamp(self, min=min, max=max)

    def maximum(self, other):
        return ops.maximum(self, other)

    def minimum(self, other):
        return ops.minimum(self, other)

    def masked_fill(self, mask, value):
        return ops.masked_fill(self, mask, value)

    def where(self, condition, other):
        return ops.where(condition, self, other)

    def eq(self, other):
        return ops.eq(self, other)

    def ne(self, other):
        return ops.ne(self, other)

    def lt(self, other):
        return ops.lt(self, other)

    def le(self, other):
        return ops.le(self, other)

    def gt(self, other):
        return ops.gt(self, other)

    def ge(self, other):
        return ops.ge(self, other)

    def logical_and(self, other):
        return ops.logical_and(self, other)

    def logical_or(self, other):
        return ops.logical_or(self, other)

    def logical_not(self):
        return ops.logical_not(self)

    def isnan(self):
        return ops.isnan(self)

    def isfinite(self):
        return ops.isfinite(self)

    def isinf(self):
        return ops.isinf(self)

    def relu(self):
        return ops.relu(self)

    def softmax(self, dim, dtype=None):
        return ops.softmax(self, dim) if dtype is None else ops.softmax(self, dim, dtype)

    def log_softmax(self, dim, dtype=None):
        return ops.log_softmax(self, dim) if dtype is None else ops.log_softmax(self, dim, dtype)

    # reductions

    def sum(self, dim=None, keepdim=False, *, dtype=None):
        return ops.sum(self, dim, keepdim) if dtype is None else ops.sum(self, dim, keepdim, dtype)

    def mean(self, dim=None, keepdim=False, *, dtype=None):
        return ops.mean(self, dim, keepdim) if dtype is None else ops.mean(self, dim, keepdim, dtype)

    def prod(self, dim=None, keepdim=False, *, dtype=None):
        return ops.prod(self, dim, keepdim, dtype=dtype)

    def all(self, dim=None, keepdim=False):
        return ops.all(self, dim, keepdim)

    def any(self, dim=None, keepdim=False):
        return ops.any(self, dim, keepdim)

    def amax(self, dim=None, keepdim=False):
        return ops.amax(self, dim, keepdim)

    def amin(self, dim=None, keepdim=False):
        return ops.amin(self, dim, keepdim)

    def max(self, dim=None, keepdim=False):
        return ops.max(self, dim, keepdim)

    def min(self, dim=None, keepdim=False):
        return ops.min(self, dim, keepdim)

    def argmax(self, dim=None, keepdim=False):
        return ops.argmax(self, dim, keepdim)

    def argmin(self, dim=None, keepdim=False):
        return ops.argmin(self, dim, keepdim)

    def var(self, dim=None, correction=1, keepdim=False, unbiased=None):
        return ops.var(self, dim, correction, keepdim, unbiased)

    def std(self, dim=None, correction=1, keepdim=False, unbiased=None):
        return ops.std(self, dim, correction, keepdim, unbiased)

    def logsumexp(self, dim=None, keepdim=False):
        return ops.logsumexp(self, dim, keepdim)

    def cumsum(self, dim, *, dtype=None):
        return ops.cumsum(self, dim) if dtype is None else ops.cumsum(self, dim, dtype)

    def norm(self, p=2, dim=None, keepdim=False, dtype=None):
        return ops.norm(self, p, dim, keepdim, dtype)

    def sort(self, dim=-1, descending=False, stable=False):
        return ops.sort(self, dim, descending, stable)

    def argsort(self, dim=-1, descending=False, stable=False):
        return ops.argsort(self, dim, descending, stable)

    def topk(self, k, dim=-1, largest=True, sorted=True):
        return ops.topk(self, k, dim, largest, sorted)

    # shape

    def reshape(self, *shape):
        return ops.reshape(self, *shape)

    def view(self, *shape):
        return ops.view(self, *shape)

    def flatten(self, start_dim=0, end_dim=-1):
        return ops.flatten(self, start_dim, end_dim)

    def unflatten(self, dim, sizes):
        return ops.unflatten(self, dim, sizes)

    def permute(self, *dims):
        return ops.permute(self, *dims)

    def transpose(self, dim0, dim1):
        return ops.transpose(self, dim0, dim1)

    def t(self):
        return ops.transpose(self, 0, 1) if self.ndim > 1 else self

    def squeeze(self, dim=None):
        return ops.squeeze(self, dim)

    def unsqueeze(self, dim):
        return ops.unsqueeze(self, dim)

    def expand(self, *shape):
        return ops.expand(self, *shape)

    def broadcast_to(self, shape):
        return ops.broadcast_to(self, shape=tuple(shape))

    def repeat(self, *sizes):
        return ops.repeat(self, *sizes)

    def tile(self, *dims):
        return ops.tile(self, *dims)

    def flip(self, *dims):
        return ops.flip(self, dims=dims[0] if len(dims) == 1 else dims)

    def roll(self, shifts, dims=None):
        return ops.roll(self, shifts, dims)

    def split(self, split_size_or_sections, dim=0):
        return ops.split(self, split_size_or_sections, dim)

    def chunk(self, chunks, dim=0):
        return ops.chunk(self, chunks, dim)

    def unbind(self, dim=0):
        return ops.unbind(self, dim)

    def narrow(self, dim, start, length):
        return ops.narrow(self, dim, start, length)

    def select(self, dim, index):
        return ops.select(self, dim, index)

    def tril(self, diagonal=0):
        return ops.tril(self, diagonal)

    def triu(self, diagonal=0):
        return ops.triu(self, diagonal)

    def diagonal(self, offset=0, dim1=0, dim2=1):
        return ops.diagonal(self, offset, dim1, dim2)

    def diag(self, diagonal=0):
        return ops.diag(self, diagonal)

    # indexing

    def index_select(self, dim, index):
        return ops.index_select(self, dim, index)

    def gather(self, dim, index):
        return ops.gather(self, dim, index)

    def take_along_dim(self, indices, dim=None):
        return ops.take_along_dim(self, indices, dim)

    def scatter(self, dim, index, src=None, reduce=None, *, value=None):
        return ops.scatter(self, dim, index, src, reduce, value=value)

    def scatter_add(self, dim, index, src):
        return ops.scatter_add(self, dim, index, src)

    def scatter_reduce(self, dim, index, src, reduce, include_self=True):
        return ops.scatter_reduce(self, dim, index, src, reduce, include_self)

    # products

    def matmul(self, other):
        return ops.matmul(self, other)

    def mm(self, mat2):
        return ops.mm(self, mat2)

    def bmm(self, mat2):
        return ops.bmm(self, mat2)

    def mv(self, vec):
        return ops.mv(self, vec)

    def addmm(self, mat1, mat2, beta=1, alpha=1):
        return ops.addmm(self, mat1, mat2, beta, alpha)

    def dot(self, tensor):
        return ops.dot(self, tensor)

    def outer(self, vec2):
        return ops.outer(self, vec2)

    def det(self):
        return ops.decomposition.det(self)

    def slogdet(self):
        return ops.decomposition.slogdet(self)

    def inverse(self):
        return ops.decomposition.inv(self)

    def pinverse(self, rcond=1e-15):
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


def _refuse_in_place(tensor, sign):
    """An error where ``x += y`` would leave a trained leaf as it was and give its name to a new Tensor."""
    if tensor.source is not None and tensor.source[0].primitive is None:
        raise TypeError(
            f"{sign} does not change a leaf that requires a gradient, it would only rename it: "
            "use an optimiser, or tinygrad_lite.assign(parameter, new value)"
        )


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

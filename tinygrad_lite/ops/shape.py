"""Shape: what moves elements about and computes nothing."""

from __future__ import annotations

import builtins
import operator

import numpy as np

from ..dtypes import result_dtype
from ..errors import composed, located
from ..graph import broadcast_to, cast
from ..kernels.pool import empty
from ..primitive import primitive
from ..record import Value
from ..state import local

__all__ = [
    "broadcast_to", "cat", "chunk", "expand", "flatten", "flip", "narrow", "permute", "repeat", "reshape", "roll", "select",
    "slice_items", "split", "squeeze", "stack", "tile", "transpose", "unbind", "unflatten", "unslice", "unsqueeze", "view",
]  # fmt: skip


def canonical_dim(dim, ndim, extra=0, op=None):
    """``dim`` as a number from 0; ``extra`` more positions are allowed (unsqueeze, stack). Errors name ``op``; those of
    a primitive do by themselves."""
    if type(dim) is int and 0 <= dim < ndim:
        return dim
    if isinstance(dim, bool) or not isinstance(dim, (int, np.integer)):
        raise TypeError(f"{op + ': ' if op else ''}dim must be an integer, got {dim!r}")
    n = ndim + extra
    if not -builtins.max(n, 1) <= dim < builtins.max(n, 1):
        where, n = f"{op}: " if op else "", builtins.max(n, 1)
        raise IndexError(f"{where}dim {dim} is out of range for {ndim} dimensions: give {-n} to {n - 1}")
    return int(dim) % builtins.max(n, 1)


def canonical_dims(dim, ndim, op=None):
    """``dim`` (None: all; a number; several) as a tuple of numbers from 0, without repetition."""
    if dim is None or dim == () or dim == []:
        return tuple(range(ndim))
    dims = tuple(canonical_dim(d, ndim, op=op) for d in (dim if isinstance(dim, (tuple, list)) else (dim,)))
    if len(set(dims)) != len(dims):
        raise ValueError(f"dim {dim} names a dimension twice")
    return dims if ndim else ()


def as_shape(sizes, op=None):
    """Sizes (or dimensions) given one by one or as one sequence, as a tuple. Errors name ``op``; those of a composed op do by
    themselves."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = sizes[0]
    try:
        return tuple(map(operator.index, sizes))
    except TypeError:
        raise TypeError(f"{located(op, local.state) + ': ' if op else ''}expected integers, got {sizes}") from None


# -- views -------------------------------------------------------------------------------------------------------


@primitive(view=True, name="reshape")
def reshape_to(x, *, shape, copy=None):
    """The elements of ``x`` in row-major order as ``shape``; one size may be -1. ``copy=False`` refuses to copy."""
    return x.reshape(shape, copy=copy)


reshape_to.derivatives(lambda g, x_shape: reshape_to(g, shape=x_shape))


def reshape(x, *shape):
    """The elements of ``x`` in row-major order as ``shape`` (sizes one by one or a tuple; one may be -1)."""
    return reshape_to(x, shape=as_shape(shape, "reshape"))


@composed
def view(x, *shape):
    """As `reshape`, and an error where that would have to copy."""
    return reshape_to(x, shape=as_shape(shape), copy=False)


@composed
def flatten(x, start_dim=0, end_dim=-1):
    """Dimensions ``start_dim`` to ``end_dim`` as one."""
    if x.ndim == 0:
        return reshape(x, 1)
    start, end = canonical_dim(start_dim, x.ndim), canonical_dim(end_dim, x.ndim)
    if start > end:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    size = int(np.prod(x.shape[start : end + 1]))
    return reshape_to(x, shape=(*x.shape[:start], size, *x.shape[end + 1 :]))


@composed
def unflatten(x, dim, sizes):
    """Dimension ``dim`` as several, of ``sizes``; one may be -1."""
    dim = canonical_dim(dim, x.ndim)
    known = int(np.prod([n for n in sizes if n != -1]))
    given = tuple(x.shape[dim] // known if n == -1 and known else n for n in sizes)
    if list(sizes).count(-1) > 1 or int(np.prod(given)) != x.shape[dim]:
        raise ValueError(f"unflatten: sizes {tuple(sizes)} do not multiply to size {x.shape[dim]} of dim {dim} (x is {x.shape})")
    return reshape_to(x, shape=(*x.shape[:dim], *given, *x.shape[dim + 1 :]))


@composed
def squeeze(x, dim=None):
    """Without the dimensions of size 1 (only those in ``dim`` if it is given)."""
    dims = canonical_dims(dim, x.ndim)
    return reshape_to(x, shape=tuple(n for d, n in enumerate(x.shape) if n != 1 or d not in dims))


@composed
def unsqueeze(x, dim):
    """With a new dimension of size 1 at ``dim``."""
    dim = canonical_dim(dim, x.ndim, extra=1)
    return reshape_to(x, shape=(*x.shape[:dim], 1, *x.shape[dim:]))


@primitive(view=True, name="permute")
def permute_to(x, *, dims):
    """Dimension ``d`` of the result is dimension ``dims[d]`` of ``x``."""
    if sorted(canonical_dim(d, x.ndim) for d in dims) != list(range(x.ndim)):
        raise ValueError(f"dims {dims} must name each of the {x.ndim} dimensions once")
    return x.transpose(dims)


permute_to.derivatives(lambda g, dims: permute_to(g, dims=_inverse(dims)))


def _inverse(dims):
    return tuple(sorted(range(len(dims)), key=lambda i: dims[i] % len(dims)))


def permute(x, *dims):
    """Dimension ``d`` of the result is dimension ``dims[d]`` of ``x``."""
    return permute_to(x, dims=as_shape(dims, "permute"))


@composed
def transpose(x, dim0, dim1):
    """With dimensions ``dim0`` and ``dim1`` exchanged."""
    dims = list(range(x.ndim))
    dim0, dim1 = canonical_dim(dim0, x.ndim), canonical_dim(dim1, x.ndim)
    if dims:
        dims[dim0], dims[dim1] = dims[dim1], dims[dim0]
    return permute_to(x, dims=tuple(dims))


@composed
def expand(x, *shape):
    """As `broadcast_to`; -1 keeps a size."""
    shape = as_shape(shape)
    lead = len(shape) - x.ndim
    if lead < 0 or any(n == -1 for n in shape[:lead]):
        raise ValueError(f"expand: {shape} cannot hold a Tensor of shape {x.shape}; -1 stands for a size that x has")
    return broadcast_to(x, shape=tuple(x.shape[i - lead] if n == -1 else n for i, n in enumerate(shape)))


@primitive(view=True)
def flip(x, *, dims):
    """Reversed along ``dims``."""
    return np.flip(x, canonical_dims(dims, x.ndim) if x.ndim and dims not in ((), []) else ())


flip.derivatives(lambda g, dims: flip(g, dims=dims))


@primitive
def roll(x, *, shifts, dims=None):
    """Elements moved by ``shifts`` along ``dims``, those that fall off coming in at the other end; without ``dims`` along
    the flattened Tensor."""
    if np.size(shifts) != (1 if dims is None else np.size(dims)):
        raise ValueError(f"give one shift for each dimension, got shifts {shifts} and dims {dims}")
    return np.roll(x, shifts, dims)


roll.derivatives(lambda g, shifts, dims: roll(g, shifts=_negative(shifts), dims=dims))


def _negative(shifts):
    return tuple(-s for s in shifts) if isinstance(shifts, (tuple, list)) else -shifts


@primitive(view=True, name="getitem")
def slice_items(x, *, index):
    """``x[index]`` for integers, slices, None and Ellipsis: a view."""
    return x[index]


@primitive
def unslice(x, *, index, shape):
    """Zeros of ``shape`` with ``x`` at ``index``: the adjoint of `slice_items`."""
    out = np.zeros(shape, x.dtype)
    out[index] = x
    return out


def _add_at_slice(buffer, g, shape, index):
    buffer[index] += g


slice_items.derivatives(lambda g, x_shape, index: unslice(g, index=index, shape=x_shape), adds_into=_add_at_slice)
unslice.derivatives(lambda g, index: slice_items(g, index=index))


@composed
def narrow(x, dim, start, length):
    """``length`` elements from ``start`` along ``dim``."""
    dim = canonical_dim(dim, x.ndim)
    start = start + x.shape[dim] if start < 0 else start
    if length < 0 or start < 0 or start + length > x.shape[dim]:
        raise IndexError(f"narrow: {start} to {start + length} is outside of size {x.shape[dim]} of dim {dim} (x is {x.shape})")
    return slice_items(x, index=(slice(None),) * dim + (slice(start, start + length),))


@composed
def select(x, dim, index):
    """The slice of ``x`` at ``index`` along ``dim``, without that dimension."""
    if x.ndim == 0:
        raise ValueError("select: a 0-dimensional Tensor has no slices")
    dim = canonical_dim(dim, x.ndim)
    if not -x.shape[dim] <= index < x.shape[dim]:
        raise IndexError(f"select: index {index} is out of range for size {x.shape[dim]} of dim {dim} (x is {tuple(x.shape)})")
    return slice_items(x, index=(slice(None),) * dim + (int(index),))


# -- several in, several out -------------------------------------------------------------------------------------


@primitive(name="cat")
def cat_along(*tensors, dim):
    """Joined along ``dim``."""
    try:
        return np.concatenate(tensors, dim)
    except ValueError:
        raise ValueError(f"the sizes of all dimensions but dim {dim} must agree") from None


cat_along.derivatives(each=lambda g, i, shapes, dim: slice_items(g, index=_place_in_cat(i, shapes, dim)))


def _place_in_cat(i, shapes, dim):
    """Where the ``i``-th of the arrays of ``shapes`` stands, joined along ``dim``."""
    start = 0
    for shape in shapes[:i]:
        start += shape[dim]
    return (*(slice(None),) * dim, slice(start, start + shapes[i][dim]))


@composed
def cat(tensors, dim=0):
    """``tensors`` joined along ``dim``; their other sizes are equal."""
    tensors = list(tensors)
    if not tensors:
        raise ValueError("cat: give at least one Tensor")
    return cat_along(*_of_one_dtype(tensors), dim=canonical_dim(dim, tensors[0].ndim))


def _of_one_dtype(tensors):
    dtypes = {t.data.dtype if isinstance(t, Value) else None for t in tensors}
    if len(dtypes) == 1 and None not in dtypes:  # nearly always
        return tensors
    arrays = [t.data if isinstance(t, Value) else t for t in tensors]
    dtype = result_dtype(arrays)
    return [t if a.dtype == dtype else cast(t, dtype=dtype) for t, a in zip(tensors, arrays)]


@primitive(name="stack")
def stack_along(*tensors, dim):
    """Joined along a new dimension ``dim``."""
    shape = tensors[0].shape
    out = empty((*shape[:dim], len(tensors), *shape[dim:]), tensors[0].dtype)
    places = out.transpose(dim, *[d for d in range(out.ndim) if d != dim]) if dim else out
    for i, x in enumerate(tensors):
        places[i] = x
    return out


stack_along.derivatives(each=lambda g, i, dim: slice_items(g, index=(*(slice(None),) * dim, i)))


@composed
def stack(tensors, dim=0):
    """``tensors`` of one shape joined along a new dimension ``dim``."""
    tensors = list(tensors)
    if not tensors:
        raise ValueError("stack: give at least one Tensor")
    if any(t.shape != tensors[0].shape for t in tensors):
        raise ValueError(f"stack: shapes differ: {', '.join(str(t.shape) for t in tensors)}")
    return stack_along(*_of_one_dtype(tensors), dim=canonical_dim(dim, tensors[0].ndim, extra=1))


@primitive(view=True, outputs=None, name="split")
def split_at(x, *, sizes, dim):
    """Views of ``sizes`` along ``dim``."""
    before, pieces, end = (slice(None),) * dim, [], 0
    for n in sizes:
        pieces.append(x[(*before, slice(end, end + n))])
        end += n
    return pieces


split_at.derivatives(lambda gs, dim: cat_along(*gs, dim=dim))


@composed
def split(x, split_size_or_sections, dim=0):
    """Pieces along ``dim``: of one size (the last may be smaller), or of the sizes listed."""
    dim = canonical_dim(dim, x.ndim)
    n, sizes = x.shape[dim], split_size_or_sections
    if isinstance(sizes, (int, np.integer)):
        if sizes <= 0:
            raise ValueError(f"split: the size of a piece must be positive, got {sizes}")
        return split_at(x, sizes=_pieces(n, sizes), dim=dim)
    if builtins.sum(sizes) != n or any(s < 0 for s in sizes):
        raise ValueError(f"split: sizes {list(sizes)} do not add up to size {n} of dim {dim} (x is {x.shape})")
    return split_at(x, sizes=tuple(sizes), dim=dim)


def _pieces(n, size):
    """``n`` in pieces of ``size``, the last may be smaller."""
    size = operator.index(size)
    whole, rest = divmod(n, size)
    return (size,) * whole + ((rest,) if rest or not whole else ())


@composed
def chunk(x, chunks, dim=0):
    """At most ``chunks`` pieces of equal size along ``dim`` (the last may be smaller)."""
    if chunks <= 0:
        raise ValueError(f"chunk: the number of pieces must be positive, got {chunks}")
    dim = canonical_dim(dim, x.ndim)
    n = x.shape[dim]
    return split_at(x, sizes=_pieces(n, -(-n // chunks) or 1), dim=dim)


@primitive(view=True, outputs=None, name="unbind")
def unbind_along(x, *, dim):
    """The slices along ``dim``, one node for all of them."""
    return list(np.moveaxis(x, dim, 0)) if x.shape[dim] else []


unbind_along.derivatives(lambda gs, dim: stack_along(*gs, dim=dim))


@composed
def unbind(x, dim=0):
    """The slices of ``x`` along ``dim``, as a tuple. One node: a loop over time is linear in time."""
    if x.ndim == 0:
        raise ValueError("unbind: a 0-dimensional Tensor has no slices")
    return unbind_along(x, dim=canonical_dim(dim, x.ndim))


@composed
def repeat(x, *sizes):
    """``x`` repeated ``sizes`` times along each dimension (PyTorch's ``repeat``, NumPy's ``tile``)."""
    sizes = as_shape(sizes)
    lead = len(sizes) - x.ndim
    if lead < 0 or any(n < 0 for n in sizes):
        raise ValueError(f"repeat: give one count, 0 or more, for each of the {x.ndim} dimensions of x, got {sizes}")
    shape = (1,) * lead + tuple(x.shape)
    split_shape = [n for size in shape for n in (1, size)]
    full = [n for times, size in zip(sizes, shape) for n in (times, size)]
    return reshape_to(
        broadcast_to(reshape_to(x, shape=tuple(split_shape)), shape=tuple(full)), shape=tuple(a * b for a, b in zip(sizes, shape))
    )


@composed
def tile(x, *dims):
    """As `repeat`; where ``dims`` are fewer than the dimensions of ``x`` they are the last ones."""
    dims = as_shape(dims)
    return repeat(x, (1,) * (x.ndim - len(dims)) + dims)

"""Contractions: sums of products over dimensions that are named (einsum) or counted (tensordot)."""

from __future__ import annotations

import math
from string import ascii_letters

import numpy as np

from ..errors import composed
from ..graph import broadcast_to
from ..primitive import primitive
from .linalg import _check_same_dtype, matmul_nd
from .shape import canonical_dim, permute_to, reshape_to
from .triangles import diagonal

__all__ = ["einsum", "tensordot"]


@primitive(name="einsum")
def einsum_of(*operands, equation):
    """Sum of products over the letters that ``equation`` does not put out; no letter stands twice in one operand."""
    for x in operands[1:]:
        _check_same_dtype(operands[0], x, ("one operand", "another"))
    out = np.einsum(equation, *operands, optimize=len(operands) > 1)
    return out.copy() if len(operands) == 1 else out  # of one operand NumPy may give a view


def _einsum_rule(g, i, inputs, equation):
    adjoint, alone = _adjoint_equation(equation, i)
    result = einsum_of(g, *inputs[:i], *inputs[i + 1 :], equation=adjoint)
    if any(alone):
        shape = inputs[i].shape
        result = broadcast_to(reshape_to(result, shape=tuple(1 if a else n for a, n in zip(alone, shape))), shape=shape)
    return result


def _adjoint_equation(equation, i):
    """The equation of the gradient of operand ``i``, and for each of its letters whether it stands nowhere else: it was
    summed, so the gradient is repeated along it."""
    left, out = equation.split("->")
    terms = left.split(",")
    target, others = terms.pop(i), [out, *terms]
    known = set("".join(others))
    return f"{','.join(others)}->{''.join(c for c in target if c in known)}", [c not in known for c in target]


einsum_of.derivatives(each=_einsum_rule)


@composed
def einsum(*args):
    """Einstein's sum convention: ``einsum("bij,bjk->bik", x, y)``, or with numbers for letters ``einsum(x, [0, 1, 2], y, [0, 2, 3],
    [0, 1, 3])``. Without an output the letters that stand once are put out in alphabetical order; ``...`` stands for dimensions
    that broadcast; a letter twice in one operand takes its diagonal; a size of 1 broadcasts."""
    if not args or (not isinstance(args[0], str) and len(args) < 2):
        raise ValueError('einsum: give an equation and its operands, einsum("ij,jk->ik", x, y), or einsum(x, [0, 1], y, [1, 2])')
    terms, out, operands = _from_equation(*args) if isinstance(args[0], str) else _from_lists(args)
    equation = ",".join(terms) + ("" if out is None else f"->{out}")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: {equation!r} names {len(terms)} operands, {len(operands)} are given")
    for term in (*terms, out or ""):
        if set(term.replace("...", "", 1)) - set(ascii_letters):
            raise ValueError(f"einsum: {term!r} in {equation!r} must be letters and at most one '...'")
    ellipsis = [t.ndim - len(term) + 3 if "..." in term else 0 for term, t in zip(terms, operands)]
    for term, t, n in zip(terms, operands, ellipsis):
        if n < 0 or (n == 0 and len(term.replace("...", "")) != t.ndim):
            raise ValueError(f"einsum: {term!r} names {len(term.replace('...', ''))} dimensions, the operand is {tuple(t.shape)}")
    lead = "".join(c for c in ascii_letters if c not in equation)[: max(ellipsis)]
    terms = [term.replace("...", lead[len(lead) - n :]) for term, n in zip(terms, ellipsis)]
    letters = "".join(terms)
    if out is None:
        out = lead + "".join(sorted(c for c in set(letters) if letters.count(c) == 1 and c not in lead))
    out = out.replace("...", lead)
    if len(set(out)) != len(out) or set(out) - set(letters):
        raise ValueError(f"einsum: each letter of the output {out!r} must stand there once and in an operand ({equation!r})")
    plain = [_without_repetition(term, t) for term, t in zip(terms, operands)]
    sizes = {}
    for term, t in plain:
        for c, n in zip(term, t.shape):
            if sizes.setdefault(c, n) != n and 1 not in (n, sizes[c]):
                raise ValueError(f"einsum: {c!r} is {sizes[c]} in one operand and {n} in another ({equation!r})")
            sizes[c] = n if sizes[c] == 1 else sizes[c]
    plain = [_to_sizes(term, t, sizes) for term, t in plain]
    return einsum_of(*(t for _, t in plain), equation=f"{','.join(term for term, _ in plain)}->{out}")


def _from_equation(equation, *operands):
    """Terms, output or None, and operands of ``einsum(equation, ...)``; the operands may stand in one list."""
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = operands[0]
    left, arrow, out = equation.replace(" ", "").partition("->")
    return left.split(","), out if arrow else None, operands


def _from_lists(args):
    """The same of ``einsum(operand, list, ..., output list)``: numbers stand for letters in their order."""
    lists = args[1::2] if len(args) % 2 == 0 else (*args[1:-1:2], args[-1])
    labels = sorted({label for labels in lists for label in labels if label is not Ellipsis})
    if any(not isinstance(n, (int, np.integer)) or n < 0 for n in labels) or len(labels) > len(ascii_letters):
        raise ValueError(f"einsum: a list holds numbers from 0 and Ellipsis, at most {len(ascii_letters)} numbers, got {labels}")
    letter = {Ellipsis: "...", **dict(zip(labels, sorted(ascii_letters)))}
    terms = ["".join(letter[label] for label in labels) for labels in lists]
    return (terms, None, args[::2]) if len(args) % 2 == 0 else (terms[:-1], terms[-1], args[:-1:2])


def _without_repetition(term, t):
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            first, second = term.index(c), term.rindex(c)
            if t.shape[first] != t.shape[second]:
                raise ValueError(f"einsum: {c!r} is {t.shape[first]} and {t.shape[second]} in one operand")
            t = diagonal(t, 0, first, second)
            term = term[:first] + term[first + 1 : second] + term[second + 1 :] + c
    return term, t


def _to_sizes(term, t, sizes):
    """An operand whose size 1 broadcasts against another's size."""
    shape = tuple(sizes[c] for c in term)
    if shape != tuple(t.shape):
        t = broadcast_to(t, shape=shape)
    return term, t


@composed
def tensordot(a, b, dims=2):
    """The sum of products over ``dims``: the last ``dims`` dimensions of ``a`` and the first of ``b``, or a pair of lists of
    dimensions. The result has what remains of ``a``, then of ``b``."""
    if isinstance(dims, (int, np.integer)):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise ValueError(f"tensordot: dims is {dims} for Tensors of shapes {tuple(a.shape)} and {tuple(b.shape)}")
        dims = range(a.ndim - dims, a.ndim), range(dims)
    left, right = ([canonical_dim(d, t.ndim) for d in _listed(ds)] for ds, t in zip(dims, (a, b)))
    if len(left) != len(right) or len(set(left)) != len(left) or len(set(right)) != len(right):
        raise ValueError(f"tensordot: dims {dims} must name as many dimensions of each Tensor, each once")
    for i, j in zip(left, right):
        if a.shape[i] != b.shape[j]:
            raise ValueError(f"tensordot: dim {i} of a is {a.shape[i]}, dim {j} of b is {b.shape[j]}: they must be equal")
    kept_left = [d for d in range(a.ndim) if d not in left]
    kept_right = [d for d in range(b.ndim) if d not in right]
    rows, inner = math.prod(a.shape[d] for d in kept_left), math.prod(a.shape[d] for d in left)
    columns = math.prod(b.shape[d] for d in kept_right)
    a_rows = reshape_to(permute_to(a, dims=(*kept_left, *left)), shape=(rows, inner))
    b_columns = reshape_to(permute_to(b, dims=(*right, *kept_right)), shape=(inner, columns))
    shape = (*(a.shape[d] for d in kept_left), *(b.shape[d] for d in kept_right))
    return reshape_to(matmul_nd(a_rows, b_columns), shape=shape)


def _listed(dims):
    return (dims,) if isinstance(dims, (int, np.integer)) else dims

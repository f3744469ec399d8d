"""Rows of the table of cases.py for order, scattering and contractions."""

from __future__ import annotations

import itertools
import math

import numpy as np
from cases import ALONG, A, case, composed, distinct, integers, normal, places_along, scatter_at_reference, scatter_reference

import tinygrad_lite as tl

# -- order -------------------------------------------------------------------------------------------------------


def sorted_reference(x, dim=-1, descending=False):
    """Values and indices by Python's own stable sort."""
    if not x.ndim:
        return x, np.array(0)
    rows = np.moveaxis(x, dim, -1)
    values, order = rows.copy(), np.zeros(rows.shape, np.int64)
    for p in np.ndindex(*rows.shape[:-1]):
        order[p] = sorted(range(rows.shape[-1]), key=lambda i: -rows[p][i] if descending else rows[p][i])
        values[p] = [rows[p][i] for i in order[p]]
    return np.moveaxis(values, -1, dim), np.moveaxis(order, -1, dim)


for (shape, dim), descending in itertools.product(
    [((3, 4), 0), ((3, 4), -1), ((2, 3, 2), 1), ((5,), 0), ((), 0), ((0, 3), 0), ((2, 0), 1)], (False, True)
):
    for domain in (distinct, integers(0, 3)):
        case(
            "order_along",
            lambda x, dim, descending: sorted_reference(x, dim, descending)[1],
            domain(*shape),
            dim=dim,
            descending=descending,
        )
    composed(
        f"sort-{dim}-{descending}",
        lambda x, d=dim, k=descending: tl.sort(x, d, k),
        lambda x, d=dim, k=descending: sorted_reference(x, d, k),
        distinct(*shape),
    )
composed("argsort", lambda x: tl.argsort(x, descending=True), lambda x: sorted_reference(x, -1, True)[1], integers(0, 3)(3, 4))
for shape, k, dim, largest in [
    ((3, 4), 2, -1, True),
    ((3, 4), 2, 0, False),
    ((5,), 5, 0, True),
    ((2, 3), 0, 1, True),
    ((), 1, 0, True),
]:
    composed(
        f"topk-{k}-{dim}-{largest}",
        lambda x, k=k, d=dim, most=largest: tl.topk(x, k, d, most),
        lambda x, k=k, d=dim, most=largest: [a.take(range(k), d) if a.ndim else a for a in sorted_reference(x, d, most)],
        distinct(*shape),
    )

# -- indexing and scattering -------------------------------------------------------------------------------------


def contributors_reference(index, shape, dim):
    lists = {}
    for number, (_, q) in enumerate(places_along(index, dim)):
        lists.setdefault(q, []).append(number)
    out = np.full((*shape, max(map(len, lists.values()), default=0)), index.size)
    for q, numbers in lists.items():
        out[q][: len(numbers)] = numbers
    return out


def scatter_reduce_reference(x, index, src, dim, reduce, include_self):
    lists, out = {}, x.copy()
    for p, q in places_along(index, dim):
        lists.setdefault(q, [x[q]] if include_self else []).append(src[p])
    for q, values in lists.items():
        out[q] = {"sum": math.fsum, "prod": math.prod, "mean": np.mean, "amax": max, "amin": min}[reduce](values)
    return out


for shape, index, dim in ALONG:
    case("contributors", contributors_reference, index, shape=shape, dim=dim)
    for reduce, own in itertools.product(("sum", "prod", "mean", "amax", "amin"), (True, False)):
        composed(
            f"scatter_reduce-{reduce}-{own}-{dim}",
            lambda x, s, i=index, d=dim, r=reduce, o=own: tl.scatter_reduce(x, d, i, s, r, o),
            lambda x, s, i=index, d=dim, r=reduce, o=own: scatter_reduce_reference(x, i, s, d, r, o),
            normal(*shape),
            normal(*index.shape),
        )
REPEATED = A([0, 2, 2], [1, 1, 0])
composed(
    "scatter_reduce-prod-zeros",
    lambda x, s: tl.scatter_reduce(x, 1, REPEATED, s, "prod"),
    lambda x, s: scatter_reduce_reference(x, REPEATED, s, 1, "prod", True),
    np.array([[0.0, 2, 3], [1, 2, 3]]),
    np.array([[1.0, 0, 2], [0, 0, 4]]),
)
composed(
    "scatter-add",
    lambda x, s: tl.scatter(x, 1, REPEATED, s, reduce="add"),
    lambda x, s: x + scatter_reference(s, REPEATED, x.shape, 1),
    normal(2, 3),
    normal(2, 3),
)
composed(
    "scatter-multiply",
    lambda x, s: tl.scatter(x, 1, REPEATED, s, reduce="multiply"),
    lambda x, s: scatter_reduce_reference(x, REPEATED, s, 1, "prod", True),
    normal(2, 3),
    normal(2, 3),
)
composed(
    "scatter-multiply-number",
    lambda x: tl.scatter(x, 0, A([1, 0]), 3.0, "multiply"),
    lambda x: scatter_at_reference(x, A([1, 0]), np.array([[3 * x[1, 0], 3 * x[0, 1]]]), 0),
    normal(2, 3),
)
composed(
    "take_along_dim", lambda x: tl.take_along_dim(x, A([1], [0]), 1), lambda x: np.take_along_axis(x, A([1], [0]), 1), normal(2, 3)
)
composed(
    "take_along_dim-broadcast", lambda x: tl.take_along_dim(x, A([2, 0, 2, 2]), -1), lambda x: x[:, [2, 0, 2, 2]], normal(2, 3)
)
composed(
    "take_along_dim-grown",
    lambda x: tl.take_along_dim(x, A([2], [0]), 1),
    lambda x: np.tile(x, (2, 1))[[0, 1], [2, 0]][:, None],
    normal(1, 3),
)
composed("take_along_dim-flat", lambda x: tl.take_along_dim(x, A([5, 0], [3, 3])), lambda x: x.ravel()[[5, 0, 3, 3]], normal(2, 3))
composed("take_along_dim-empty", lambda x: tl.take_along_dim(x, np.zeros((1, 0), np.int64), 1), lambda x: x[:, :0], normal(2, 3))
for shape, dims in [((2, 3), (2, 1)), ((2, 3), (2,)), ((3,), (2, 2)), ((), (3,)), ((2, 0), (2,)), ((2, 3), ())]:
    composed(f"tile-{dims}", lambda x, d=dims: tl.tile(x, d), lambda x, d=dims: np.tile(x, d), normal(*shape))
for dim, index in [(0, 1), (1, -1), (-1, 0)]:
    composed(f"select-{dim}", lambda x, d=dim, i=index: tl.select(x, d, i), lambda x, d=dim, i=index: x.take(i, d), normal(2, 3, 2))
for shape, k in [((3,), 0), ((3,), 1), ((2,), -2), ((0,), 0), ((3, 4), 0), ((3, 4), 2), ((4, 3), -1)]:
    composed(f"diag-{k}", lambda x, k=k: tl.diag(x, k), lambda x, k=k: np.diag(x, k), normal(*shape))

# -- contractions ------------------------------------------------------------------------------------------------

for left, right, dims in [
    ((2, 3, 4), (3, 4, 2), 2),
    ((2, 3), (3,), 1),
    ((2,), (3,), 0),
    ((2, 3, 4), (4, 2, 3), ([1, 2], [2, 0])),
    ((2, 3), (4, 2), (0, 1)),
    ((2, 3, 2), (2, 3), ((-1, 1), (0, -1))),
    ((2, 3), (2, 3), ([0, 1], [0, 1])),
    ((0, 3), (3, 2), 1),
    ((2, 0), (0, 3), 1),
    ((), (2,), 0),
    ((2, 3), (4,), ([], [])),
]:
    composed(
        f"tensordot-{dims}",
        lambda a, b, d=dims: tl.tensordot(a, b, d),
        lambda a, b, d=dims: np.tensordot(a, b, d),
        normal(*left),
        normal(*right),
    )
composed("mv", tl.mv, lambda a, x: np.array([row @ x for row in a]), normal(2, 3), normal(3))
for shape in [(2, 4), (4,), (2, 1), ()]:
    composed(
        "addmm",
        lambda c, a, b: tl.addmm(c, a, b, beta=0.5, alpha=-2),
        lambda c, a, b: 0.5 * c - 2 * a @ b,
        normal(*shape),
        normal(2, 3),
        normal(3, 4),
    )
    composed("addmm", tl.addmm, lambda c, a, b: c + a @ b, normal(*shape), normal(2, 3), normal(3, 4))
composed(
    "addmm-without",
    lambda c, a, b: tl.addmm(c, a, b, beta=0),
    lambda c, a, b: a @ b,
    np.full(3, np.nan),
    normal(2, 2),
    normal(2, 3),
    order=0,
)
for lists, shapes in [
    (([0, 1], [1, 2], [0, 2]), [(2, 3), (3, 2)]),
    (([0, 1], [1, 2]), [(2, 3), (3, 2)]),
    (([1, 0],), [(2, 3)]),
    (([0, 0],), [(3, 3)]),
    (([0, 0], [0]), [(3, 3)]),
    (([51, 30],), [(2, 3)]),
    (([Ellipsis, 1], [1, 2], [Ellipsis, 2]), [(2, 3, 2), (2, 4)]),
    (([Ellipsis, 1], [1, 2]), [(2, 3, 2), (2, 4)]),
    (([0], [0, 1], [1], []), [(2,), (2, 3), (3,)]),
    (([],), [()]),
]:

    def interleaved(xs, lists=lists):
        return [part for pair in itertools.zip_longest(xs, lists) for part in pair if part is not None]

    composed(
        f"einsum-{lists}",
        lambda *xs, f=interleaved: tl.einsum(*f(xs)),
        lambda *xs, f=interleaved: np.einsum(*f(xs)),
        *(normal(*s) for s in shapes),
    )
for equation, *shapes in [
    ("ij,jk->ik", (2, 1), (3, 4)),
    ("ij,jk->ik", (2, 3), (1, 4)),
    ("i,i,i->i", (3,), (1,), (3,)),
    ("ij,ij", (2, 1), (1, 3)),
    ("bA", (2, 3)),
    ("i...->...i", (2, 3, 2)),
    ("i...i", (2, 3, 2)),
    ("...ii->...i", (2, 2, 2)),
    ("ij,jk->ik...", (2, 3), (3, 2)),
    ("...,...", (2, 3), (3,)),
    ("ab,bc,cd,de->ae", (2, 3), (3, 2), (2, 3), (3, 2)),
    ("i,j->", (0,), (3,)),
    ("ij,ij->j", (0, 3), (1, 3)),
    ("ij,kl->", (2, 2), (1, 3)),
    ("iij,jk->k", (2, 2, 3), (3, 2)),
    ("...i->...", (2, 3)),
]:
    composed(
        f"einsum-{equation}",
        lambda *xs, e=equation: tl.einsum(e, *xs),
        lambda *xs, e=equation: np.einsum(e, *xs),
        *(normal(*s) for s in shapes),
    )

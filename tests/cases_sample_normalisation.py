"""Rows of the table of cases.py for the fused normalisation of samples; their references are the textbook formulas in NumPy."""

from __future__ import annotations

import numpy as np
from cases import case, normal
from cases_layers import group_reference, layer_reference

import tinygrad_lite as tl
from tinygrad_lite.primitive import registry

SHAPES = [  # of x, of the weight
    ((2, 3, 4), (4,)), ((2, 3, 4), (3, 4)), ((3, 5), (3, 5)), ((4,), (4,)), ((5, 1), (1,)), ((2, 2, 2, 3), (2, 3)), ((9, 7), (7,)),
    ((0, 3), (3,)), ((3, 0), (0,)),
]  # fmt: skip
GROUPS = [
    ((2, 4, 3), 2),
    ((2, 4, 3), 1),
    ((2, 4, 3), 4),
    ((3, 4), 2),
    ((2, 6, 2, 2), 3),
    ((2, 2), 2),
    ((0, 4, 2), 2),
    ((2, 0, 3), 1),
]


def features_reference(x, weight=None, bias=None, normalized_shape=(), eps=1e-5):
    return layer_reference(x, weight, bias, len(normalized_shape), eps)


def squares_reference(x, weight=None, normalized_shape=(), eps=1e-5):
    dims = tuple(range(-len(normalized_shape), 0))
    out = x / np.sqrt((x * x).sum(dims, keepdims=True) / max(np.prod(normalized_shape), 1) + eps)
    return out * (1 if weight is None else weight)


def chain(g, x, weight, bias, by_row, centred, eps):
    """The chain rule, one step after the other; ``by_row`` makes rows of an array like x."""
    if not x.size:
        return tuple(v * 0 for v in (x, weight, bias) if v is not None)
    rows, g_hat = by_row(x), by_row(g if weight is None else g * weight)
    middle = rows - rows.mean(1, keepdims=True) if centred else rows
    std = np.sqrt((middle**2).mean(1, keepdims=True) + eps)
    g_std = -(g_hat * middle).sum(1, keepdims=True) / std**2
    g_middle = g_hat / std + g_std * middle / (std * x.size / len(rows))
    g_x = g_middle - g_middle.mean(1, keepdims=True) if centred else g_middle
    g_weight, g_bias = g * (middle / std).reshape(x.shape), g
    return (
        g_x.reshape(x.shape),
        *(sum_over(a, v.shape) for v, a in ((weight, g_weight), (bias, g_bias)) if v is not None),
    )


def sum_over(a, shape):
    """The sum of ``a`` over the dimensions that ``shape`` lacks or has as 1."""
    extra = a.ndim - len(shape)
    dims = tuple(d for d in range(a.ndim) if d < extra or shape[d - extra] == 1)
    return a.sum(dims, keepdims=True).reshape(shape)


def features_backward_reference(g, x, weight, bias, normalized_shape, eps=1e-5):
    return chain(g, x, weight, bias, lambda a: a.reshape(-1, np.prod(normalized_shape)), True, eps)


def squares_backward_reference(g, x, weight, normalized_shape, eps=1e-5):
    return chain(g, x, weight, None, lambda a: a.reshape(-1, np.prod(normalized_shape)), False, eps)


def groups_reference(x, weight=None, bias=None, num_groups=1, eps=1e-5):
    return group_reference(x, weight, bias, num_groups, eps)


def groups_backward_reference(g, x, weight, bias, num_groups, eps=1e-5):
    wide = [None if v is None else v.reshape(-1, *(1,) * (x.ndim - 2)) for v in (weight, bias)]
    found = chain(g, x, *wide, lambda a: a.reshape(len(x) * num_groups, -1), True, eps)
    return (found[0], *(v.reshape(-1) for v in found[1:]))


def with_statistics(forward):
    """A call of the backward with what the forward hands it."""

    def call(op, g, *inputs, **attributes):
        arrays = [t.data if isinstance(t, tl.Tensor) else t for t in inputs]
        outs = op(g, *inputs, registry[forward].forward(*arrays, **attributes)[-1], **attributes)
        return tuple(out for out in outs if out is not None)

    return call


for shape, sizes in SHAPES:
    x, v = normal(*shape), normal(*sizes)
    for affine in [(v, v), (v, None), (None, v), (None, None)]:
        case("normalise_features", features_reference, x, *affine, normalized_shape=sizes)
        case("normalise_features_backward", features_backward_reference, x, x, *affine, normalized_shape=sizes,
             call=with_statistics("normalise_features"))  # fmt: skip
    for weight in (v, None):
        case("normalise_squares", squares_reference, x, weight, normalized_shape=sizes, eps=0.01)
        case("normalise_squares_backward", squares_backward_reference, x, x, weight, normalized_shape=sizes, eps=0.01,
             call=with_statistics("normalise_squares"))  # fmt: skip
for shape, groups in GROUPS:
    x, v = normal(*shape), normal(shape[1])
    for affine in [(v, v), (v, None), (None, v), (None, None)]:
        case("normalise_groups", groups_reference, x, *affine, num_groups=groups)
        case("normalise_groups_backward", groups_backward_reference, x, x, *affine, num_groups=groups,
             call=with_statistics("normalise_groups"))  # fmt: skip
case("normalise_features", features_reference, normal(3, 4), normalized_shape=(4,), eps=0.1)
case("normalise_groups", groups_reference, normal(3, 4), num_groups=2, eps=0.1)

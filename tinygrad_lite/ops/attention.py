"""Attention: means of values, weighted by how well their keys fit a query (Bahdanau et al., 2015; Vaswani et al., 2017)."""

from __future__ import annotations

import math

import numpy as np

from ..errors import composed
from .activation import softmax
from .dropouts import dropout
from .elementwise import where
from .linalg import matmul_nd, swap_last
from .reduction import amax
from .shape import expand, reshape, unsqueeze

__all__ = ["scaled_dot_product_attention"]


def attention_weights(query, key, mask=None, scale=None):
    """softmax(query key^T * scale + mask) along the keys: (..., L, E), (..., S, E) -> (..., L, S).

    mask   boolean, True where a query sees a key, or numbers that are added; broadcasts to (..., L, S)
    scale  1 / sqrt(E) if it is not given
    A query that sees no key gets zeros.
    """
    scale = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    logits = matmul_nd(query * scale, swap_last(key))
    if mask is None or not logits.shape[-1]:
        return softmax(logits, dim=-1)
    logits = where(mask, logits, -math.inf) if mask.dtype == np.bool_ else logits + mask
    blind = amax(logits, dim=-1, keepdim=True) == -math.inf
    return where(blind, 0.0, softmax(where(blind, 0.0, logits), dim=-1))


def _repeated_heads(name, x, query):
    """(..., fewer heads, S, E) with each head as often as it serves one of ``query``."""
    if min(x.ndim, query.ndim) < 3 or not x.shape[-3] or query.shape[-3] % x.shape[-3]:
        shapes = f"{name} is {tuple(x.shape)}, query {tuple(query.shape)}"
        raise ValueError(f"with enable_gqa the heads of {name} must divide those of query: {shapes}")
    *lead, heads, places, features = x.shape
    copies = expand(unsqueeze(x, -3), *lead, heads, query.shape[-3] // heads, places, features)
    return reshape(copies, *lead, query.shape[-3], places, features)


@composed
def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None,
                                 enable_gqa=False):  # fmt: skip
    """softmax(query key^T / sqrt(E)) value (Vaswani et al., 2017).

    query      (..., L, E)
    key        (..., S, E)
    value      (..., S, V)
    attn_mask  broadcasts to (..., L, S): boolean, True where a query sees a key; or numbers, which are added to the products
    dropout_p  weights that become 0, a probability; without regard to any training mode
    is_causal  query i sees the keys 0 to i
    scale      what the products are multiplied by in the place of 1 / sqrt(E)
    enable_gqa  query is (..., heads, L, E), and key and value may have fewer heads, each of which serves as many heads of query
               that follow each other (grouped query attention; Ainslie et al., 2023)
    Returns (..., L, V); zeros for a query that sees no key.
    """
    for name, x in (("query", query), ("key", key), ("value", value)):
        if x.ndim < 2 or x.dtype != query.dtype or x.dtype.kind != "f":
            what = f"{tuple(x.shape)} {x.dtype}, query is {tuple(query.shape)} {query.dtype}"
            raise ValueError(f"{name} must be (..., places, features) of the floats of query, got {what}")
    if enable_gqa:
        key, value = (_repeated_heads(name, x, query) for name, x in (("key", key), ("value", value)))
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"query {tuple(query.shape)} and key {tuple(key.shape)} must agree in the last size, "
            f"key and value {tuple(value.shape)} in the one before it"
        )
    if attn_mask is not None and attn_mask.dtype not in (np.bool_, query.dtype):
        raise TypeError(f"attn_mask must be boolean or {query.dtype} as query is, got {attn_mask.dtype}")
    if is_causal:
        if attn_mask is not None:
            raise ValueError("is_causal makes the mask: give it without attn_mask")
        attn_mask = np.tri(query.shape[-2], key.shape[-2], dtype=bool)
    weights = dropout(attention_weights(query, key, attn_mask, scale), dropout_p)
    return matmul_nd(weights, value)

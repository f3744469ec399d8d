"""Attention of several heads."""

from __future__ import annotations

import numpy as np

from .. import creation, ops
from ..errors import located
from ..ops.attention import attention_weights
from ..state import local
from . import init
from .layers import Linear
from .module import Module, Parameter


class MultiheadAttention(Module):
    """Heads that each attend by projections of their own; their results are joined and projected (Vaswani et al., 2017):
    head_i = softmax(q_i k_i^T / sqrt(d)) v_i for q_i = query W_q,i^T + b_q,i and so on, d = embed_dim / num_heads.

    embed_dim, num_heads  features of query and output, which are divided among the heads
    dropout               probability with which a weight of attention is 0 in training
    bias                  of all projections
    add_bias_kv           a trained key and value beside the given ones
    add_zero_attn         a key and value of zeros beside the given ones
    kdim, vdim            features of key and value, embed_dim if not given
    batch_first           (batch, places, features) and not (places, batch, features)

    in_proj_weight     (3 embed_dim, embed_dim), the projections of query, key and value; or, where kdim or vdim differ,
                       q_proj_weight, k_proj_weight, v_proj_weight (embed_dim, features); Xavier uniform
    in_proj_bias       (3 embed_dim), 0 at first, or None
    bias_k, bias_v     (1, 1, embed_dim) with ``add_bias_kv``, Xavier normal
    out_proj           Linear(embed_dim, embed_dim)
    """

    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False, add_zero_attn=False, kdim=None,
                 vdim=None, batch_first=False, dtype=None):  # fmt: skip
        if embed_dim < 1 or num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: embed_dim {embed_dim} does not divide into {num_heads} heads of equal size")
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self.dropout, self.add_zero_attn, self.batch_first = dropout, add_zero_attn, batch_first
        same = self.kdim == self.vdim == embed_dim
        self.in_proj_weight = Parameter(creation.zeros(3 * embed_dim, embed_dim, dtype=dtype)) if same else None
        for name, features in (("q", embed_dim), ("k", self.kdim), ("v", self.vdim)):
            weight = None if same else Parameter(creation.zeros(embed_dim, features, dtype=dtype))
            setattr(self, f"{name}_proj_weight", weight)
        self.in_proj_bias = Parameter(creation.zeros(3 * embed_dim, dtype=dtype)) if bias else None
        self.bias_k = Parameter(creation.zeros(1, 1, embed_dim, dtype=dtype)) if add_bias_kv else None
        self.bias_v = Parameter(creation.zeros(1, 1, embed_dim, dtype=dtype)) if add_bias_kv else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw new weights."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        self.out_proj.reset_parameters()
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        if self.bias_k is not None:
            init.xavier_normal_(self.bias_k)
            init.xavier_normal_(self.bias_v)

    def forward(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None, average_attn_weights=True,
                is_causal=False):  # fmt: skip
        """Outputs (L, batch, embed_dim) and weights of attention (batch, L, S).

        query             (L, batch, embed_dim), or with ``batch_first`` (batch, L, embed_dim), or (L, embed_dim)
        key, value        (S, batch, kdim), (S, batch, vdim), likewise
        key_padding_mask  (batch, S) or (S): True where a key is not seen, or numbers that are added
        attn_mask         (L, S) or (batch * num_heads, L, S): True where a query does not see a key, or numbers that are added
        need_weights      return the weights; None in their place if not
        average_attn_weights  the mean over the heads; if not (batch, num_heads, L, S)
        is_causal         says that ``attn_mask`` is causal; the mask is needed all the same

        A query that sees no key attends to nothing: zeros, where PyTorch with ``need_weights`` has NaN.
        """
        batched = query.ndim == 3
        if not batched:
            query, key, value = (ops.unsqueeze(x, 0) if x.ndim == 2 else x for x in (query, key, value))
            key_padding_mask = None if key_padding_mask is None else ops.unsqueeze(key_padding_mask, 0)
        elif not self.batch_first:
            same = key is query, value is key
            query = ops.transpose(query, 0, 1)
            key = query if same[0] else ops.transpose(key, 0, 1)
            value = key if same[1] else ops.transpose(value, 0, 1)
        self._check(query, key, value, is_causal and attn_mask is None)
        mask = self._mask(query, key, key_padding_mask, attn_mask)
        q, k, v = self._projected(query, key, value)
        if self.bias_k is not None:
            k, v = (ops.cat([x, ops.expand(more, len(x), 1, -1)], 1) for x, more in ((k, self.bias_k), (v, self.bias_v)))
        if self.add_zero_attn:
            k, v = (ops.pad(x, (0, 0, 0, 1)) for x in (k, v))
        q, k, v = (self._heads(x) for x in (q, k, v))
        weights = ops.dropout(attention_weights(q, k, mask), self.dropout, self.training)
        joined = ops.reshape(ops.transpose(ops.matmul(weights, v), 1, 2), *query.shape)
        out = self.out_proj(joined)
        if batched and not self.batch_first:
            out = ops.transpose(out, 0, 1)
        if not need_weights:
            return (out if batched else ops.squeeze(out, 0)), None
        weights = ops.mean(weights, dim=1) if average_attn_weights else weights
        return (out, weights) if batched else (ops.squeeze(out, 0), ops.squeeze(weights, 0))

    def _check(self, query, key, value, mask_is_missing):
        """Inputs (batch, places, features)."""
        where = located("MultiheadAttention", local.state)
        for name, x, features in (("query", query, self.embed_dim), ("key", key, self.kdim), ("value", value, self.vdim)):
            if x.ndim != 3 or x.shape[2] != features or x.shape[0] != query.shape[0]:
                layout = "(batch, places, features)" if self.batch_first else "(places, batch, features)"
                raise ValueError(
                    f"{where}: {name} must be {layout} with {features} features and the batch of query, or without a batch as "
                    f"query; as (batch, places, features) query is {tuple(query.shape)}, {name} {tuple(x.shape)}"
                )
        if key.shape[1] != value.shape[1]:
            raise ValueError(f"{where}: key has {key.shape[1]} places, value {value.shape[1]}: they must be equal")
        if mask_is_missing:
            raise ValueError(f"{where}: is_causal says of attn_mask that it is causal: give attn_mask")

    def _mask(self, query, key, padding, mask):
        """Both masks as one that broadcasts to (batch, heads, L, S): True where a key is seen, or numbers; None without any."""
        where, dtype = located("MultiheadAttention", local.state), query.dtype
        batch, length, places = len(query), query.shape[1], key.shape[1]
        parts = []
        for name, m, shapes in (
            ("attn_mask", mask, {(length, places): (length, places),
                                 (batch * self.num_heads, length, places): (batch, self.num_heads, length, places)}),
            ("key_padding_mask", padding, {(batch, places): (batch, 1, 1, places)}),
        ):  # fmt: skip
            if m is None:
                continue
            if tuple(m.shape) not in shapes or m.dtype not in (np.bool_, dtype):
                expected = " or ".join(map(str, shapes))
                raise ValueError(f"{where}: {name} must be boolean or {dtype}, {expected}, got {tuple(m.shape)} {m.dtype}")
            m = ops.reshape(ops.logical_not(m) if m.dtype == np.bool_ else m, *shapes[tuple(m.shape)])
            more = (self.bias_k is not None) + self.add_zero_attn
            parts.append(ops.pad(m, (0, more), value=m.dtype == np.bool_) if more else m)  # what is added is seen by all
        if len(parts) < 2:
            return parts[0] if parts else None
        if all(m.dtype == np.bool_ for m in parts):
            return ops.logical_and(*parts)
        return ops.add(*(ops.where(m, np.zeros((), dtype), -np.inf) if m.dtype == np.bool_ else m for m in parts))

    def _projected(self, query, key, value):
        e = self.embed_dim
        if self.in_proj_weight is not None and query is key is value:
            return ops.split(ops.linear(query, self.in_proj_weight, self.in_proj_bias), e, -1)
        weights = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        weights = weights if self.in_proj_weight is None else ops.split(self.in_proj_weight, e)
        biases = (None,) * 3 if self.in_proj_bias is None else ops.split(self.in_proj_bias, e)
        return [ops.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases)]

    def _heads(self, x):
        """(batch, places, embed_dim) -> (batch, heads, places, head_dim)."""
        return ops.transpose(ops.reshape(x, x.shape[0], x.shape[1], self.num_heads, self.head_dim), 1, 2)

    def extra_repr(self):
        return f"{self.embed_dim}, {self.num_heads}"

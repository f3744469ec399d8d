"""Layers of matrices and tables, and what changes only the shape."""

from __future__ import annotations

from .. import creation, ops
from . import init
from .module import Module, Parameter


def _uniform(fan_in, weight, bias):
    """Draw both from +-1/sqrt(fan_in)."""
    bound = fan_in**-0.5 if fan_in else 0.0
    init.uniform_(weight, -bound, bound)
    if bias is not None:
        init.uniform_(bias, -bound, bound)


class Linear(Module):
    """y = x W^T + b: (..., in_features) -> (..., out_features).

    weight  (out_features, in_features), uniform in +-1/sqrt(in_features)
    bias    (out_features), likewise; None with ``bias=False``
    """

    def __init__(self, in_features, out_features, bias=True, dtype=None):
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(creation.zeros(out_features, in_features, dtype=dtype))
        self.bias = Parameter(creation.zeros(out_features, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self):
        """Draw new weights."""
        _uniform(self.in_features, self.weight, self.bias)

    def forward(self, x):
        """(..., in_features) -> (..., out_features)."""
        return ops.linear(x, self.weight, self.bias)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """y_k = x1^T W_k x2 + b_k: (..., in1_features) and (..., in2_features) -> (..., out_features).

    weight  (out_features, in1_features, in2_features), uniform in +-1/sqrt(in1_features)
    bias    (out_features), likewise; None with ``bias=False``
    """

    def __init__(self, in1_features, in2_features, out_features, bias=True, dtype=None):
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = Parameter(creation.zeros(out_features, in1_features, in2_features, dtype=dtype))
        self.bias = Parameter(creation.zeros(out_features, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self):
        """Draw new weights."""
        _uniform(self.in1_features, self.weight, self.bias)

    def forward(self, input1, input2):
        """(..., in1_features), (..., in2_features) -> (..., out_features)."""
        return ops.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self):
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Embedding(Module):
    """A table of vectors looked up by integers: (...) -> (..., embedding_dim).

    padding_idx          the row of what is no word: zeros at first, and no gradient
    max_norm, norm_type  rows that are looked up are first scaled to at most this norm, in place
    scale_grad_by_freq   the gradient of a row is divided by how often the input names it
    weight               (num_embeddings, embedding_dim), standard normal
    """

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False,
                 *, dtype=None):  # fmt: skip
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx {padding_idx} is no row of the {num_embeddings}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = padding_idx if padding_idx is None else padding_idx % num_embeddings
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        self.weight = Parameter(creation.zeros(num_embeddings, embedding_dim, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self):
        """Draw new weights."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            init.zeros_(ops.slice_items(self.weight.detach(), index=(self.padding_idx,)))

    @classmethod
    def from_pretrained(cls, embeddings, freeze=True, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False):
        """A table of the given vectors (num_embeddings, embedding_dim), which are copied; trained only with ``freeze=False``."""
        table = cls(*embeddings.shape, padding_idx, max_norm, norm_type, scale_grad_by_freq, dtype=embeddings.dtype)
        ops.assign(table.weight, embeddings)
        table.weight.requires_grad_(not freeze)
        return table

    def forward(self, input):
        """Integers (...) -> (..., embedding_dim)."""
        return ops.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq)

    def extra_repr(self):
        of_note = {"padding_idx": None, "max_norm": None, "norm_type": 2.0, "scale_grad_by_freq": False}
        rest = "".join(f", {name}={getattr(self, name)}" for name, usual in of_note.items() if getattr(self, name) != usual)
        return f"{self.num_embeddings}, {self.embedding_dim}{rest}"


class Flatten(Module):
    """Dimensions ``start_dim`` to ``end_dim`` as one; from 1 on, so that a batch stays a batch."""

    def __init__(self, start_dim=1, end_dim=-1):
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x):
        """(batch, ...) -> (batch, features)."""
        return ops.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self):
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Dimension ``dim`` as several, of the sizes ``unflattened_size``, one of which may be -1: the inverse of `Flatten`."""

    def __init__(self, dim, unflattened_size):
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x):
        """(batch, features, ...) -> (batch, *unflattened_size, ...) for dim 1."""
        return ops.unflatten(x, self.dim, self.unflattened_size)

    def extra_repr(self):
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Identity(Module):
    """What comes in goes out, whatever it is made with."""

    def __init__(self, *args, **kwargs):
        pass

    def forward(self, x):
        """x."""
        return x

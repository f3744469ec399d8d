"""Layers with weights, and the modules of functions without."""

from __future__ import annotations

from .. import creation, ops
from . import init
from .module import Module, Parameter


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
        bound = self.in_features**-0.5 if self.in_features else 0.0
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, x):
        """(..., in_features) -> (..., out_features)."""
        return ops.linear(x, self.weight, self.bias)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Embedding(Module):
    """A table of vectors looked up by integers: (...) -> (..., embedding_dim).

    padding_idx  the row of what is no word: zeros at first, and no gradient
    weight       (num_embeddings, embedding_dim), standard normal
    """

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None, dtype=None):
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx {padding_idx} is no row of the {num_embeddings}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = padding_idx if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(creation.zeros(num_embeddings, embedding_dim, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self):
        """Draw new weights."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            init.zeros_(ops.slice_items(self.weight.detach(), index=(self.padding_idx,)))

    @classmethod
    def from_pretrained(cls, embeddings, freeze=True, padding_idx=None):
        """A table of the given vectors (num_embeddings, embedding_dim), which are copied; trained only with ``freeze=False``."""
        table = cls(*embeddings.shape, padding_idx, embeddings.dtype)
        ops.assign(table.weight, embeddings)
        table.weight.requires_grad_(not freeze)
        return table

    def forward(self, input):
        """Integers (...) -> (..., embedding_dim)."""
        return ops.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self):
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


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


class Dropout(Module):
    """In training each element is 0 with probability ``p``, else divided by 1 - p (Srivastava et al., 2014)."""

    def __init__(self, p=0.5):
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p must be a probability, 0 to 1, got {p}")
        self.p = p

    def forward(self, x):
        """``x``, thinned out in training."""
        return ops.dropout(x, self.p, self.training)

    def extra_repr(self):
        return f"p={self.p}"


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, x):
        """Element by element."""
        return ops.relu(x)


class LeakyReLU(Module):
    """x for x > 0, else negative_slope * x (Maas et al., 2013)."""

    def __init__(self, negative_slope=0.01):
        self.negative_slope = negative_slope

    def forward(self, x):
        """Element by element."""
        return ops.leaky_relu(x, negative_slope=self.negative_slope)

    def extra_repr(self):
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """x for x > 0, else alpha * (e**x - 1) (Clevert et al., 2015)."""

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def forward(self, x):
        """Element by element."""
        return ops.elu(x, self.alpha)

    def extra_repr(self):
        return f"alpha={self.alpha}"


class GELU(Module):
    """x times the standard normal distribution function of x (Hendrycks and Gimpel, 2016)."""

    def __init__(self, approximate="none"):
        self.approximate = approximate

    def forward(self, x):
        """Element by element."""
        return ops.gelu(x, self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """log(1 + e**(beta x)) / beta; the line x itself where beta x > threshold."""

    def __init__(self, beta=1.0, threshold=20.0):
        self.beta, self.threshold = beta, threshold

    def forward(self, x):
        """Element by element."""
        return ops.softplus(x, beta=self.beta, threshold=self.threshold)

    def extra_repr(self):
        return f"beta={self.beta}, threshold={self.threshold}"


class Sigmoid(Module):
    """The logistic function 1 / (1 + e**-x)."""

    def forward(self, x):
        """Element by element."""
        return ops.sigmoid(x)


class Tanh(Module):
    """Hyperbolic tangent."""

    def forward(self, x):
        """Element by element."""
        return ops.tanh(x)


class Softmax(Module):
    """e**x / sum(e**x) along ``dim``."""

    def __init__(self, dim):
        self.dim = dim

    def forward(self, x):
        """Positive numbers that sum to 1 along ``dim``."""
        return ops.softmax(x, dim=self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """log(softmax(x)) along ``dim``."""

    def __init__(self, dim):
        self.dim = dim

    def forward(self, x):
        """The logarithm of numbers that sum to 1 along ``dim``."""
        return ops.log_softmax(x, dim=self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"

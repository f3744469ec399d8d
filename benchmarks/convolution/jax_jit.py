"""The rows in JAX: a layer, with its gradients, or a whole training step is one jitted function. Images are (N, C, ...)."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from ..frameworks.jax_jit import cross_entropy, stepping, threads  # noqa: F401
from ..layers import jax_jit
from . import rows


def convolution(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation of one or two dimensions."""
    dims = x.ndim - 2
    numbers = ("NCHW", "OIHW", "NCHW") if dims == 2 else ("NCH", "OIH", "NCH")
    out = lax.conv_general_dilated(
        x, weight, (stride,) * dims, [(padding, padding)] * dims, rhs_dilation=(dilation,) * dims,
        dimension_numbers=numbers, feature_group_count=groups,
    )  # fmt: skip
    return out if bias is None else out + bias.reshape(-1, *[1] * dims)


def transposed(x, weight, bias, stride, padding):
    """Transposed convolution: zeros between the pixels, the kernel flipped."""
    flipped, border = jnp.flip(weight, (2, 3)).swapaxes(0, 1), weight.shape[-1] - 1 - padding
    out = lax.conv_general_dilated(
        x, flipped, (1, 1), [(border, border)] * 2, lhs_dilation=(stride, stride), dimension_numbers=("NCHW", "OIHW", "NCHW")
    )
    return out + bias[:, None, None]


def pool(kind, x, kernel_size, stride, padding=0):
    """Max or average pooling."""
    window = (1, 1, kernel_size, kernel_size), (1, 1, stride, stride), [(0, 0), (0, 0), *[(padding, padding)] * 2]
    if kind == "max":
        return lax.reduce_window(x, -jnp.inf, lax.max, *window)
    return lax.reduce_window(x, 0.0, lax.add, *window) / kernel_size**2


def batch_norm(x, weight, bias, eps=1e-5):
    """In training."""
    mean, variance = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    return (x - mean) * lax.rsqrt(variance + eps) * weight[:, None, None] + bias[:, None, None]


def layer_norm(x, weight, bias, eps=1e-5):
    """Over the last dimension."""
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + eps) * weight + bias


def local_response_norm(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """Over neighbouring channels."""
    border = [(0, 0), (size // 2, size - 1 - size // 2), (0, 0), (0, 0)]
    squares = lax.reduce_window(x * x, 0.0, lax.add, (1, size, 1, 1), (1, 1, 1, 1), border)
    return x * (k + alpha / size * squares) ** -beta


OPS = {
    "conv1d": convolution,
    "conv2d": convolution,
    "conv_transpose2d": transposed,
    "max_pool2d": partial(pool, "max"),
    "avg_pool2d": partial(pool, "avg"),
    "adaptive_avg_pool2d": lambda x, output_size: x.mean((2, 3), keepdims=True),
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "local_response_norm": local_response_norm,
}


def layer(row, arrays):
    """A layer."""
    return jax_jit.layer(partial(OPS[row.op], **row.options), arrays, rows.cotangent if row.backward else None)


def forward_loss(network, parameters, x, target):
    """The mean cross-entropy."""
    h, parameters = x, iter(parameters)
    for kind, *sizes in network.layers:
        if kind == "conv":
            h = convolution(h, *next(parameters), padding=sizes[2])
        elif kind == "linear":
            weight, bias = next(parameters)
            h = h @ weight.T + bias
        elif kind == "flatten":
            h = h.reshape(len(h), -1)
        else:
            h = pool(kind[:3], h, sizes[0], sizes[0]) if sizes else {"relu": jax.nn.relu, "tanh": jnp.tanh}[kind](h)
    return cross_entropy(h, target)


def training(row, x, target, layers):
    """A training step: the parameters are given to be overwritten, reading the loss waits for all."""
    parameters = [tuple(map(jnp.array, layer)) for layer in layers]

    @partial(jax.jit, donate_argnums=0)
    def run(parameters, x, target):
        loss, gradients = jax.value_and_grad(partial(forward_loss, row))(parameters, x, target)
        return jax.tree.map(lambda p, g: p - row.lr * g, parameters, gradients), loss

    return stepping(run, parameters, x, target)

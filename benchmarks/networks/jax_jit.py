"""The rows in JAX: functions over the same state dict; a network's step, with its gradients, is one jitted function."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..convolution.jax_jit import convolution, local_response_norm, pool
from ..frameworks.jax_jit import cross_entropy, stepping, threads  # noqa: F401
from ..layers import jax_jit
from . import rows
from .weights import MODULES, STAGES


class State:
    """Parameters and buffers by name, seen from the module ``prefix``; ``kept`` collects the buffers' new values."""

    def __init__(self, arrays, prefix="", kept=None):
        self.arrays, self.prefix, self.kept = arrays, prefix, {} if kept is None else kept

    def __call__(self, name):
        """What is in the module ``name``."""
        return State(self.arrays, f"{self.prefix}{name}.", self.kept)

    def get(self, name):
        """An array of this module, None where it has none."""
        return self.arrays.get(self.prefix + name)

    def conv(self, x, **options):
        """This module is a convolution."""
        return convolution(x, self.get("weight"), self.get("bias"), **options)

    def conv_relu(self, x, **options):
        """A convolution, and a ReLU."""
        return jax.nn.relu(self("conv").conv(x, **options))

    def linear(self, x):
        """This module is a linear layer."""
        return x @ self.get("weight").T + self.get("bias")

    def batch_norm(self, x, momentum=0.1, eps=1e-5):
        """This module normalises a batch, and keeps its running statistics."""
        mean, variance, n = x.mean((0, 2, 3)), x.var((0, 2, 3)), x.size // x.shape[1]
        new = {"running_mean": mean, "running_var": variance * (n / (n - 1))}
        self.kept.update({self.prefix + k: (1 - momentum) * self.get(k) + momentum * lax.stop_gradient(v) for k, v in new.items()})
        self.kept[f"{self.prefix}num_batches_tracked"] = self.get("num_batches_tracked") + 1
        column = lambda v: v[:, None, None]
        return (x - column(mean)) * column(lax.rsqrt(variance + eps) * self.get("weight")) + column(self.get("bias"))


def lenet(p, x, training):
    """LeNet-5."""
    for i, padding in enumerate((2, 0)):
        x = pool("avg", jnp.tanh(p(f"features.{i}.convolution").conv(x, padding=padding)), 2, 2)
    h = x.reshape(len(x), -1)
    h = jnp.tanh(p("classifier.3").linear(jnp.tanh(p("classifier.1").linear(h))))
    return p("classifier.5").linear(h)


def inception(p, x, training):
    """An Inception module."""
    two, three = p("branch2.0").conv_relu(x), p("branch3.0").conv_relu(x)
    branches = p("branch1").conv_relu(x), p("branch2.1").conv_relu(two, padding=1), p("branch3.1").conv_relu(three, padding=2)
    return jnp.concatenate([*branches, p("branch4.1").conv_relu(pool("max", x, 3, 1, 1))], 1)


def auxiliary(p, x):
    """An auxiliary head."""
    h = p("conv").conv_relu(pool("avg", x, 5, 3))
    return p("fc2").linear(jax.nn.relu(p("fc1").linear(h.reshape(len(h), -1))))


def shrunk(x):
    """Maxima of 3x3, stride 2, the size rounded up; height and width are even."""
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 3, 3), (1, 1, 2, 2), [(0, 0), (0, 0), (0, 1), (0, 1)])


def googlenet(p, x, training):
    """GoogLeNet; in training the logits of its end and of its two heads."""
    x = local_response_norm(shrunk(p("conv1").conv_relu(x, stride=2, padding=3)), 5)
    x = shrunk(local_response_norm(p("conv3").conv_relu(p("conv2").conv_relu(x), padding=1), 5))
    at = {}
    for name in MODULES:
        x = at[name] = inception(p(name), x, training)
        if name in ("inception3b", "inception4e"):
            x = shrunk(x)
    logits = p("fc").linear(x.mean((2, 3)))
    return (logits, auxiliary(p("aux2"), at["inception4d"]), auxiliary(p("aux1"), at["inception4a"])) if training else logits


def resnet20(p, x, training):
    """ResNet-20 in training."""
    x = jax.nn.relu(p("bn1").batch_norm(p("conv1").conv(x, padding=1)))
    for stage, c, k in STAGES:
        for i in range(3):
            block, stride = p(f"{stage}.{i}"), 1 + (c != k and i == 0)
            h = jax.nn.relu(block("bn1").batch_norm(block("conv1").conv(x, stride=stride, padding=1)))
            if stride == 2:
                x = jnp.pad(x[:, :, ::2, ::2], ((0, 0), (0, k - c), (0, 0), (0, 0)))
            x = jax.nn.relu(block("bn2").batch_norm(block("conv2").conv(h, padding=1)) + x)
    return p("fc").linear(x.mean((2, 3)))


MODELS = {"lenet": lenet, "resnet20": resnet20, "inception": inception, "googlenet": googlenet}


def layer(row):
    """Output, and gradients."""
    weights = rows.first_weights(row)
    op = lambda x, *given: MODELS[row.model](State(dict(zip(weights, given))), x, row.backward)
    arrays = {"input": rows.images(row.shape)} | {rows.label(name): array for name, array in weights.items()}
    return jax_jit.layer(op, arrays, rows.cotangent if row.backward else None)


def training(row, x, target, weights):
    """A training step: its state is given to be overwritten, reading the loss waits for all."""

    def forward_loss(parameters, buffers, x, target):
        p = State(parameters | buffers)
        outputs = MODELS[row.model](p, x, True)
        if not isinstance(outputs, tuple):
            return cross_entropy(outputs, target), p.kept
        end, *heads = (cross_entropy(logits, target) for logits in outputs)
        return end + (heads[0] + heads[1]) * 0.3, p.kept

    @partial(jax.jit, donate_argnums=0)
    def run(state, x, target):
        parameters, buffers, *velocity = state
        (loss, buffers), updates = jax.value_and_grad(forward_loss, has_aux=True)(parameters, buffers, x, target)
        if velocity:
            updates = jax.tree.map(lambda v, g: row.momentum * v + g, velocity[0], updates)
            velocity = [updates]
        return (jax.tree.map(lambda p, u: p - row.lr * u, parameters, updates), buffers, *velocity), loss

    of_batches = lambda name: name.endswith(("running_mean", "running_var", "num_batches_tracked"))
    arrays = {name: jnp.array(array if array.ndim else array.astype(np.int32)) for name, array in weights.items()}
    buffers = {name: arrays.pop(name) for name in weights if of_batches(name)}
    state = (arrays, buffers, *([jax.tree.map(jnp.zeros_like, arrays)] if row.momentum else []))
    return stepping(run, state, x, target)

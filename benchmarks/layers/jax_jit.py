"""Layers in JAX: with its gradients a layer is one jitted function."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def layer(op, arrays, cotangent=None):
    """A step: ``op(*arrays)``, and if there is a ``cotangent(shape of the output)`` the gradients; all by name."""
    given = [jnp.asarray(array) for array in arrays.values()]
    if cotangent is None:
        forward = jax.jit(op)
        return lambda: jax.block_until_ready({"output": forward(*given)})
    g = jnp.asarray(cotangent(jax.eval_shape(op, *given).shape))

    @jax.jit
    def run(g, *given):
        out, pull = jax.vjp(op, *given)
        return {"output": out, **dict(zip(arrays, pull(g)))}

    return lambda: jax.block_until_ready(run(g, *given))

"""All parameters as one vector, and back."""

from __future__ import annotations

import math

from ... import ops
from ...errors import describe


def parameters_to_vector(parameters):
    """The elements of all ``parameters`` one after the other, as a Tensor that passes the gradient on to them."""
    return ops.cat([ops.reshape(p, -1) for p in parameters])


def vector_to_parameters(vec, parameters):
    """Write the elements of ``vec`` into ``parameters`` in place, in the order of `parameters_to_vector`."""
    parameters = list(parameters)
    sizes = [math.prod(p.shape) for p in parameters]
    if tuple(vec.shape) != (sum(sizes),):
        raise ValueError(f"vector_to_parameters: vec is {describe(vec.data)}, the parameters have {sum(sizes)} elements")
    for p, part in zip(parameters, ops.split(vec, sizes)):
        ops.assign(p, ops.reshape(part, *p.shape))

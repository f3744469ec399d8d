"""How much work an op is, from the shapes of what goes in and comes out.

Two numbers: ``products``, multiplications whose results are added up (one multiply-add each), and ``others``, operations on single
elements. A bias costs nothing: sums start from it. What only moves elements costs nothing. Reductions count each element they
read. An op that has no rule here counts as element-wise: one operation for each element of its outputs, however many steps a
function like tanh takes.

Gradients: the cotangent of a factor of a product costs what the product costs, that of a bias its sum, others what the op costs.
"""

from __future__ import annotations

import math

prod = math.prod


def forward_cost(name, shapes, outs, attributes):
    """(products, others) of the op ``name`` on inputs of ``shapes`` (None for no input) with outputs of shapes ``outs``."""
    if name in MOVES:
        return 0, 0
    if name in READS:
        return 0, max((prod(s) for s in shapes if s is not None), default=0)
    rule = RULES.get(name)
    return rule(shapes, outs, attributes) if rule else (0, sum(prod(s) for s in outs if s is not None))


def backward_cost(name, shapes, outs, attributes, wanted):
    """(products, others) of the cotangents of the inputs at positions ``wanted``."""
    if name in SEQUENCES:
        return _sequence_backward(name, shapes, outs, wanted)
    products, others = forward_cost(name, shapes, outs, attributes)
    factors = FACTORS.get(name, (0, 1) if products else ())
    n = sum(1 for i in wanted if products and (name == "einsum_of" or i in factors))
    rest = prod(outs[0]) if products and outs[0] is not None else others
    return n * products, (len(wanted) - n) * rest


def _matmul(shapes, outs, attributes):
    return prod(outs[0]) * shapes[0][-1], 0


def _linear(shapes, outs, attributes):
    return prod(outs[0]) * shapes[1][-1], 0


def _linear_onto(shapes, outs, attributes):
    return prod(outs[0]) * shapes[2][-1], 0


def _einsum(shapes, outs, attributes):
    terms, _, _ = attributes["equation"].partition("->")
    sizes = {c: n for term, shape in zip(terms.split(","), shapes) for c, n in zip(term, shape)}
    every = prod(sizes.values())
    return ((len(shapes) - 1) * every, 0) if len(shapes) > 1 else (0, every)


def _correlate(shapes, outs, attributes):
    return prod(outs[0]) * prod(shapes[1][1:]), 0


def _correlate_input(shapes, outs, attributes):
    return prod(shapes[0]) * prod(shapes[1][1:]), 0


def _correlate_weight(shapes, outs, attributes):
    return prod(shapes[1]) * prod(outs[0][1:]), 0


def _windows(shapes, outs, attributes):
    """Each window reads its elements; adaptive ones cover the image once."""
    kernel = attributes["windows"][0]
    return 0, prod(outs[0]) * prod(kernel) if isinstance(kernel, tuple) else max(prod(shapes[0]), prod(outs[0]))


def _softmax(shapes, outs, attributes):
    return 0, 3 * prod(outs[0])  # the exponential, its sum, the quotient


def _normalise_batch(shapes, outs, attributes):
    return 2 * prod(outs[0]), prod(outs[0])  # squares summed; scale and shift; the mean


def _normalise_by(shapes, outs, attributes):
    return prod(outs[0]), 0  # scale and shift


def _local_response(shapes, outs, attributes):
    return attributes["size"] * prod(outs[0]), prod(outs[0])


def _sequence_parts(name, shapes, outs):
    """Multiply-adds with the weights of inputs and of hidden states; operations on elements: the new h, and c if there is one."""
    (steps, batch, hidden), first = outs[0], SEQUENCES[name]
    from_inputs, from_states = (steps * batch * prod(shape) for shape in shapes[first : first + 2])
    return from_inputs, from_states, steps * batch * hidden * (len(outs) - 1)


def _sequence(name):
    def cost(shapes, outs, attributes):
        from_inputs, from_states, others = _sequence_parts(name, shapes, outs)
        return from_inputs + from_states, others

    return cost


def _sequence_backward(name, shapes, outs, wanted):
    from_inputs, from_states, others = _sequence_parts(name, shapes, outs)
    first = SEQUENCES[name]  # back through time, to the inputs, to either weight
    return from_states * (1 + (first + 1 in wanted)) + from_inputs * ((0 in wanted) + (first in wanted)), others


SEQUENCES = {"rnn_over_time": 2, "leaky_over_time": 3, "lstm_over_time": 3, "gru_over_time": 2}  # where weight_ih stands
RULES = {
    "matmul_nd": _matmul, "linear": _linear, "linear_onto": _linear_onto, "einsum_of": _einsum,
    "linear_input": lambda shapes, outs, a: (prod(shapes[0]) * shapes[1][1], 0),
    "linear_weight": lambda shapes, outs, a: (prod(shapes[0]) * shapes[1][-1], 0),
    "correlate": _correlate, "correlate_input": _correlate_input, "correlate_weight": _correlate_weight,
    "max_windows": _windows, "sum_windows": _windows, "average_windows": _windows,
    "softmax": _softmax, "log_softmax": _softmax,
    "normalise_batch": _normalise_batch, "normalise_by": _normalise_by, "local_response_norm": _local_response,
    **{name: _sequence(name) for name in SEQUENCES},
}  # fmt: skip
FACTORS = {"linear_onto": (1, 2), "normalise_batch": (0,), "normalise_by": (0,), "local_response_norm": (0,)}
READS = {
    "add_rows", "amax", "amin", "argmax", "argmin", "bernoulli_loss", "channel_sum", "cross_entropy", "cumsum", "euclidean_norm",
    "fold_windows", "linear_bias", "logsumexp", "max_along", "mean", "mean_squared_error", "min_along", "scatter_items",
    "scatter_zeros", "spread_windows", "sum", "sum_to",
}  # fmt: skip
MOVES = {
    "alias", "broadcast_to", "cast", "cat_along", "checkpointed", "diagonal_of", "flat_places", "flip", "gather_items",
    "last_written", "lengths_within", "one_hot", "permute_to", "pick_windows", "picked", "place_windows", "repeat_rows",
    "reshape_to", "roll", "scatter_at", "slice_items", "split_at", "stack_along", "swap_last", "take_along", "take_rows", "tril",
    "triu", "unbind_along", "undiagonal", "unfold_windows", "unslice", "valid_steps", "zeros_like",
}  # fmt: skip

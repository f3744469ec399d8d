"""Rows of the table of cases.py for recurrence; their references are loops over time and batch in NumPy."""

from __future__ import annotations

import numpy as np
from cases import A, case, composed, normal, uniform
from scipy.special import expit

import tinygrad_lite as tl
from tinygrad_lite.ops import unrolled
from tinygrad_lite.ops.clockwork import clockwork_unrolled
from tinygrad_lite.primitive import registry

T, B, I, H = 3, 2, 2, 2
FUNCTIONS = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}


# -- one step of one sequence: vectors in, vectors out ---------------------------------------------------------------


def sums(x, h, w, u, b, c, mask=1.0):
    """W x + b and U (h * mask) + c."""
    return w @ x + (0 if b is None else b), u @ (h * mask) + (0 if c is None else c)


def rnn(x, h, w, u, b=None, c=None, nonlinearity="tanh", mask=1.0):
    return FUNCTIONS[nonlinearity](np.add(*sums(x, h, w, u, b, c, mask)))


def leaky(x, h, tau, w, u, b=None, c=None, nonlinearity="tanh", mask=1.0):
    return h + (rnn(x, h, w, u, b, c, nonlinearity, mask) - h) / tau


def lstm(x, h, s, w, u, b=None, c=None, projection=None, peepholes=None, mask=1.0):
    i, f, g, o = np.split(np.add(*sums(x, h, w, u, b, c, mask)), 4)
    to_i, to_f, to_o = (0, 0, 0) if peepholes is None else np.split(peepholes, 3)
    s_new = expit(f + to_f * s) * s + expit(i + to_i * s) * np.tanh(g)
    h_new = expit(o + to_o * s_new) * np.tanh(s_new)
    return h_new if projection is None else projection @ h_new, s_new


def gru(x, h, w, u, b=None, c=None, reset_after=True, mask=1.0):
    n = len(h)
    from_x, from_h = sums(x, h, w, u, b, c, mask)
    r, z = expit(from_x[:n] + from_h[:n]), expit(from_x[n : 2 * n] + from_h[n : 2 * n])
    inside = r * from_h[2 * n :] if reset_after else u[2 * n :] @ (r * h * mask) + (0 if c is None else c[2 * n :])
    return (1 - z) * np.tanh(from_x[2 * n :] + inside) + z * h


def each_row(step, n_states):
    """``step`` for each row of a batch."""

    def batched(x, *args, **options):
        states, rest = args[:n_states], args[n_states:]
        rows = [step(*row, *rest, **options) for row in zip(x, *states)]
        return tuple(map(np.array, zip(*rows))) if isinstance(rows[0], tuple) else np.array(rows)

    return batched


# -- a sequence: each row alone, over its own length -----------------------------------------------------------------


def over_time(step, n_states):
    """``step`` over time: (outputs, *final states)."""

    def sequence(x, *args, lengths=None, mask=None, reverse=False, **options):
        states, rest = [s.copy() for s in args[:n_states]], args[n_states:]
        outputs = np.zeros((len(x), *states[0].shape))
        for row in range(x.shape[1]):
            steps = range(len(x) if lengths is None else lengths[row])
            for t in steps[::-1] if reverse else steps:
                heard = {} if mask is None else {"mask": mask[row]}
                new = step(x[t, row], *(s[row] for s in states), *rest, **heard, **options)
                for s, n in zip(states, new if isinstance(new, tuple) else (new,)):
                    s[row] = n
                outputs[t, row] = states[0][row]
        return outputs, *states

    return sequence


def clockwork(x, h, w, u, b=None, c=None, periods=(1,), start=0, nonlinearity="tanh", lengths=None, mask=None):
    h, size = h.copy(), len(u) // len(periods)
    of_unit = np.repeat(periods, size)
    u = u * (of_unit[:, None] <= of_unit)
    outputs = np.zeros((len(x), *h.shape))
    for row in range(x.shape[1]):
        for t in range(len(x) if lengths is None else lengths[row]):
            h[row] = np.where(
                (start + t) % of_unit == 0,
                rnn(x[t, row], h[row], w, u, b, c, nonlinearity, 1.0 if mask is None else mask[row]),
                h[row],
            )
            outputs[t, row] = h[row]
    return outputs, h


def weights(gates, inputs=I, hidden=H, out=H, bias=True):
    """Weights and biases of ``gates`` sums."""
    rows = gates * hidden
    return normal(rows, inputs), normal(rows, out), *((normal(rows), normal(rows)) if bias else (None, None))


def add(name, reference, *inputs, order=2, **options):
    """A row for ``tl.name``; the id says its options."""
    said = "-".join(f"{k}={v}" for k, v in options.items())
    composed(f"{name}-{said}", lambda *xs: getattr(tl, name)(*xs, **options), lambda *xs: reference(*xs, **options), *inputs,
             order=order)  # fmt: skip


x, h, c, tau = normal(B, I), normal(B, H), normal(B, H), uniform(1, 4)(H)
add("rnn_step", each_row(rnn, 1), x, h, *weights(1))
add("rnn_step", each_row(rnn, 1), x, h, *weights(1, bias=False), nonlinearity="relu", order=0)
add("leaky_step", each_row(leaky, 1), x, h, tau, *weights(1))
add("leaky_step", each_row(leaky, 1), x, h, 2.5, *weights(1, bias=False))
add("lstm_step", each_row(lstm, 2), x, h, c, *weights(4))
add("lstm_step", each_row(lstm, 2), x, normal(B, 1), c, *weights(4, out=1), normal(1, H), normal(3 * H))
add("gru_step", each_row(gru, 1), x, h, *weights(3))
add("gru_step", each_row(gru, 1), x, h, *weights(3), reset_after=False)
add("gru_step", each_row(gru, 1), x, h, *weights(3, bias=False), reset_after=False)


# -- the gates of a step: the chain rule written out -----------------------------------------------------------------


def slope(x):
    """The derivative of the logistic function."""
    return np.exp(-x) / (1 + np.exp(-x)) ** 2


def lstm_gates(sums, c):
    i, f, g, o = np.split(sums, 4, -1)
    new = expit(f) * c + expit(i) * np.tanh(g)
    return expit(o) * np.tanh(new), new


def lstm_gates_backward(g_h, g_c, sums, c):
    i, f, g, o = np.split(sums, 4, -1)
    new = lstm_gates(sums, c)[1]
    s = g_c + g_h * expit(o) / np.cosh(new) ** 2
    parts = s * np.tanh(g) * slope(i), s * c * slope(f), s * expit(i) / np.cosh(g) ** 2, g_h * np.tanh(new) * slope(o)
    return np.concatenate(parts, -1), s * expit(f)


def gru_gates(p, q, h):
    (pr, pz, pn), (qr, qz, qn) = np.split(p, 3, -1), np.split(q, 3, -1)
    return (1 - expit(pz + qz)) * np.tanh(pn + expit(pr + qr) * qn) + expit(pz + qz) * h


def gru_gates_backward(g, p, q, h):
    (pr, pz, pn), (qr, qz, qn) = np.split(p, 3, -1), np.split(q, 3, -1)
    inside = pn + expit(pr + qr) * qn
    to_n = g * (1 - expit(pz + qz)) / np.cosh(inside) ** 2
    to_r, to_z = to_n * qn * slope(pr + qr), g * (h - np.tanh(inside)) * slope(pz + qz)
    return np.concatenate([to_r, to_z, to_n], -1), np.concatenate([to_r, to_z, to_n * expit(pr + qr)], -1), g * expit(pz + qz)


for lead, n in [((2,), 3), ((), 2), ((2, 2), 1), ((0,), 3), ((2,), 0), ((0, 2), 0)]:
    state, sums_4, sums_3 = normal(*lead, n), normal(*lead, 4 * n), normal(*lead, 3 * n)
    case("lstm_gates", lstm_gates, sums_4, state)
    case("lstm_gates_backward", lstm_gates_backward, state, state, sums_4, state)
    case("gru_gates", gru_gates, sums_3, sums_3, state)
    case("gru_gates_backward", gru_gates_backward, state, sums_3, sums_3, state)

xs = normal(T, B, I)
for lengths, reverse in [(None, False), (None, True), (A(2, 0), False), (A(3, 1), True)]:
    options = dict(lengths=lengths, reverse=reverse)
    add("rnn_sequence", over_time(rnn, 1), xs, h, *weights(1), **options)
    add("leaky_sequence", over_time(leaky, 1), xs, h, tau, *weights(1), **options)
    add("lstm_sequence", over_time(lstm, 2), xs, h, c, *weights(4), **options)
    add("gru_sequence", over_time(gru, 1), xs, h, *weights(3), reset_after=not reverse, **options)
    add("clockwork_sequence", clockwork, xs, h, *weights(1), periods=(1, 2), lengths=lengths)
MASK = np.array([[2.0, 0.0], [0.5, 1.5]])
for name, reference, gates, *states in [
    ("rnn_sequence", over_time(rnn, 1), 1, h), ("leaky_sequence", over_time(leaky, 1), 1, h, tau),
    ("lstm_sequence", over_time(lstm, 2), 4, h, c), ("gru_sequence", over_time(gru, 1), 3, h),
    ("clockwork_sequence", clockwork, 1, h),
]:  # fmt: skip
    options = {"periods": (1, 2)} if name == "clockwork_sequence" else {}
    composed(
        f"{name}-mask",
        lambda *xs, name=name, options=options: getattr(tl, name)(*xs[:-1], mask=xs[-1], **options),
        lambda *xs, reference=reference, options=options: reference(*xs[:-1], mask=xs[-1], **options),
        xs, *states, *weights(gates), MASK,
    )  # fmt: skip
composed("lstm_sequence-projection-mask", lambda *xs: tl.lstm_sequence(*xs[:-2], weight_hr=xs[-2], mask=xs[-1]),
         lambda *xs: over_time(lstm, 2)(*xs[:-1], mask=xs[-1]), xs, normal(B, 1), c, *weights(4, out=1), normal(1, H),
         normal(B, 1))  # fmt: skip
add("rnn_sequence", over_time(rnn, 1), xs, h, *weights(1, bias=False), nonlinearity="relu", order=0)
add("gru_sequence", over_time(gru, 1), xs, h, *weights(3, bias=False), reset_after=False)
composed("lstm_sequence-projection", lambda *xs: tl.lstm_sequence(*xs[:-1], weight_hr=xs[-1]), over_time(lstm, 2), xs,
         normal(B, 1), c, *weights(4, out=1), normal(1, H))  # fmt: skip
for start in (0, 1, 5):
    add("clockwork_sequence", clockwork, normal(4, B, I), normal(B, 4), *weights(1, hidden=4, out=4), periods=(1, 1, 2, 3),
        start=start)  # fmt: skip
for steps, batch in [(0, B), (1, B), (T, 0), (0, 0)]:
    some = normal(steps, batch, I), normal(batch, H)
    add("rnn_sequence", over_time(rnn, 1), *some, *weights(1), lengths=np.full(batch, steps))
    add("lstm_sequence", over_time(lstm, 2), *some, normal(batch, H), *weights(4))
    add("gru_sequence", over_time(gru, 1), *some, *weights(3), reverse=True)
    add("leaky_sequence", over_time(leaky, 1), *some, 2.0, *weights(1))
    add("clockwork_sequence", clockwork, *some, *weights(1), periods=(2, 3))

# -- the fused ops and their backwards ---------------------------------------------------------------------------------


def by_tape(op, n_outputs):
    """The cotangents of all floating inputs of the composed op ``op``, by the tape."""

    def reference(*args, **options):
        given, args = args[:n_outputs], [tl.Tensor(a, requires_grad=True) if is_float(a) else a for a in args[n_outputs:]]
        inputs = [a for a in args if isinstance(a, tl.Tensor)]
        made = tl.grad(op(*args, **options), inputs, [tl.Tensor(g) for g in given], allow_unused=True)
        return tuple(np.zeros(a.shape) if g is None else g.numpy() for g, a in zip(made, inputs))

    return reference


def is_float(a):
    return isinstance(a, (np.ndarray, tl.Tensor)) and a.dtype.kind == "f"


def with_kept(name, n_outputs):
    """Call the backward of the op ``name`` with what its forward keeps for it; None for an input is left away."""

    def call(op, *args, **options):
        arrays = [a.data if isinstance(a, tl.Tensor) else a for a in args[n_outputs:]]
        with tl.enable_grad():
            kept = registry[name].forward(*arrays, **options)[-1]
        made = op(*args, kept, wanted=registry[name].inputs, **options)
        return tuple(g for g, a in zip(made, arrays) if is_float(a))

    return call


def fused(name, sequence, unrolled, states, *inputs, **options):
    """Rows of a fused op and of its backward, with and without biases, lengths and mask; ``sequence`` is the reference."""
    n_outputs, rest, biases = 1 + states, inputs[1:-2], inputs[-2:]
    for steps, lengths, biased, mask in [
        (T, None, True, None), (T, A(2, 0), True, MASK), (T, A(3, 1), False, None), (T, None, False, MASK), (0, None, True, None),
    ]:  # fmt: skip
        shapes = [normal(steps, B, H), *[normal(B, H)] * states]
        args = normal(steps, B, I), *rest, *(biases if biased else (None, None)), lengths
        if name == "clockwork_over_time":
            reference = lambda *xs, lengths=lengths, **o: sequence(*xs[:-1], lengths=lengths, **o)
        else:
            args += (mask,)
            reference = lambda *xs, lengths=lengths, **o: sequence(*xs[:-2], lengths=lengths, mask=xs[-1], **o)
        case(name, reference, *args, **options)
        case(f"{name}_backward", by_tape(unrolled, n_outputs), *shapes, *args, call=with_kept(name, n_outputs), **options)


for reverse in (False, True):
    fused("rnn_over_time", over_time(rnn, 1), unrolled.rnn_unrolled, 1, xs, h, *weights(1), reverse=reverse)
    fused("leaky_over_time", over_time(leaky, 1), unrolled.leaky_unrolled, 1, xs, h, tau, *weights(1), reverse=reverse)
    fused("lstm_over_time", over_time(lstm, 2), unrolled.lstm_unrolled, 2, xs, h, c, *weights(4), reverse=reverse)
    for reset_after in (False, True):
        fused(
            "gru_over_time",
            over_time(gru, 1),
            unrolled.gru_unrolled,
            1,
            xs,
            h,
            *weights(3),
            reverse=reverse,
            reset_after=reset_after,
        )
for start in (0, 3):
    fused("clockwork_over_time", clockwork, clockwork_unrolled, 1, xs, h, *weights(1), periods=(1, 2), start=start)

for lengths in (A(2, 0, 3), A(3, 3), np.zeros(0, np.int64), np.array([1, 2], np.uint8)):
    case("valid_steps", lambda lengths, steps, batch: np.arange(steps)[:, None] < lengths[None].astype(int), lengths,
         steps=3, batch=len(lengths))  # fmt: skip
    case("lengths_within", lambda lengths, start, stop, steps, batch: np.array(
        [len(set(range(n)) & set(range(start, stop))) for n in lengths], np.int64), lengths, start=1, stop=3, steps=3,
         batch=len(lengths))  # fmt: skip

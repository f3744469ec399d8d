"""The loops of recurrent layers over time against their twins on the tape: odd sizes, lengths, both ways, threads, processors."""

import os
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite.kernels import recurrence, threads
from tinygrad_lite.ops import clockwork, sequence, unrolled


def clocked(op):
    """``op`` with as many modules as divide its units; from another time on in place of in reverse."""

    def call(x, h0, weight_ih, weight_hh, *rest, reverse):
        units = len(weight_hh)
        periods = (1, 2, 3) if units % 3 == 0 else (2, 5) if units % 2 == 0 else (2,)
        return op(x, h0, weight_ih, weight_hh, *rest, periods=periods, start=3 if reverse else 0)

    return call


# the fused op, its twin, gates, states and what else its first inputs are
KINDS = {
    "rnn": (sequence.rnn_sequence, unrolled.rnn_unrolled, 1, 1, {}),
    "relu": (sequence.rnn_sequence, unrolled.rnn_unrolled, 1, 1, {"nonlinearity": "relu"}),
    "leaky": (sequence.leaky_sequence, unrolled.leaky_unrolled, 1, 1, {}),
    "lstm": (
        lambda *given, reverse: sequence.lstm_sequence(*given[:-1], None, given[-1], reverse=reverse),
        unrolled.lstm_unrolled,
        4,
        2,
        {},
    ),
    "gru": (sequence.gru_sequence, unrolled.gru_unrolled, 3, 1, {}),
    "early gru": (sequence.gru_sequence, unrolled.gru_unrolled, 3, 1, {"reset_after": False}),
    "clockwork": (clocked(clockwork.clockwork_sequence), clocked(clockwork.clockwork_unrolled), 1, 1, {}),
}
SIZES = [  # steps, batch, input, hidden: one register and more, rows of one tile and more, terms of one panel and more
    (1, 1, 1, 1), (5, 3, 2, 4), (7, 1, 3, 16), (4, 13, 17, 33), (3, 7, 48, 48), (6, 2, 5, 65), (9, 20, 1, 8), (70, 2, 3, 5),
    (2, 8, 150, 20), (0, 3, 2, 4), (3, 2, 0, 4),
]  # fmt: skip


def drawn(kind, sizes, dtype, lengths, masked=False, seed=0):
    """The inputs of the op, x first, lengths and mask last, and the cotangents of its outputs."""
    rng, (steps, batch, inputs, hidden) = np.random.default_rng(seed), sizes
    normal = lambda *shape: rng.standard_normal(shape).astype(dtype)
    gates, states = KINDS[kind][2:4]
    scale = dtype(max(1, hidden) ** -0.5)
    weights = [
        normal(gates * hidden, inputs),
        normal(gates * hidden, hidden) * scale,
        normal(gates * hidden),
        normal(gates * hidden),
    ]
    tau = [rng.uniform(1, 5, hidden).astype(dtype)] if kind == "leaky" else []
    within = [rng.integers(0, steps + 1, batch) if lengths else None]
    mask = [(2 * rng.integers(0, 2, (batch, hidden))).astype(dtype) if masked else None]
    given = [normal(steps, batch, inputs), *[normal(batch, hidden) for _ in range(states)], *tau, *weights, *within, *mask]
    return given, [normal(steps, batch, hidden), *[normal(batch, hidden) for _ in range(states)]]


def outputs_and_gradients(op, given, cotangents, **options):
    leaves = [tl.Tensor(a, requires_grad=True) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in given]
    outs = op(*leaves, **options)
    inputs = [a for a in leaves if isinstance(a, tl.Tensor)]
    gradients = tl.grad(outs, inputs, [tl.Tensor(c) for c in cotangents], allow_unused=True)
    return [o.data for o in outs] + [np.zeros(a.shape, a.dtype) if g is None else g.data for g, a in zip(gradients, inputs)]


def check(kind, sizes, dtype, lengths, reverse, tolerance, masked=False):
    fused, twin, *_, options = KINDS[kind]
    given, cotangents = drawn(kind, sizes, dtype, lengths, masked)
    wide = [a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in given]
    expected = outputs_and_gradients(twin, wide, [c.astype(np.float64) for c in cotangents], reverse=reverse, **options)
    got = outputs_and_gradients(fused, given, cotangents, reverse=reverse, **options)
    for a, b in zip(got, expected, strict=True):
        assert a.shape == b.shape and a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1, np.abs(b).max(initial=0)))
    with tl.no_grad():  # where nothing is kept
        for a, b in zip(fused(*given, reverse=reverse, **options), got):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_loop_over_time_equals_its_twin(kind, dtype, tolerance, sizes):
    for lengths in (False, True):
        for reverse in (False, True):
            check(kind, sizes, dtype, lengths, reverse, tolerance)
        check(kind, sizes, dtype, lengths, lengths, tolerance, masked=True)


@pytest.mark.parametrize("kind", KINDS)
def test_threads_compute_the_same(kind, monkeypatch):
    monkeypatch.setattr(threads, "worth", lambda work, hire=True: 3)
    for lengths in (False, True):
        for sizes in ((4, 13, 17, 33), (3, 2, 3, 4), (70, 3, 3, 5)):
            check(kind, sizes, np.float64, lengths, lengths, 1e-12, masked=lengths)


@pytest.mark.parametrize("wanted", [("weight_hh",), ("x",), ("weight_ih", "bias_ih")])
def test_only_what_is_wanted_is_computed(wanted):
    given, cotangents = drawn("lstm", (4, 3, 2, 5), np.float64, False)
    kept = recurrence.lstm_forward(*given)[-1]
    made = recurrence.lstm_backward(*cotangents, kept, given[3], given[4], wanted=wanted)
    whole = recurrence.lstm_backward(*cotangents, kept, given[3], given[4])
    assert (made[0] is not None) == ("x" in wanted) and (made[3] is not None) == ("weight_ih" in wanted)
    for a, b in zip(made, whole):
        assert a is None or np.array_equal(a, b)


def test_the_backward_leaves_what_was_kept_as_it_was():
    given, cotangents = drawn("gru", (5, 4, 3, 6), np.float64, False)
    leaves = [tl.Tensor(a, requires_grad=True) if isinstance(a, np.ndarray) else a for a in given]
    outs = tl.gru_sequence(*leaves)
    walks = [tl.grad(outs, leaves[:-2], [tl.Tensor(c) for c in cotangents], retain_graph=True) for _ in range(2)]
    for a, b in zip(*walks):
        np.testing.assert_array_equal(a.data, b.data)


def test_what_lies_beyond_a_length_does_not_matter():
    given, cotangents = drawn("lstm", (6, 4, 3, 5), np.float64, False)
    given[-2] = lengths = np.array([6, 2, 0, 3])
    beyond = np.arange(6)[:, None] >= lengths
    clean = outputs_and_gradients(sequence.lstm_over_time, given, cotangents)
    given[0] = np.where(beyond[..., None], np.nan, given[0])
    for a, b in zip(outputs_and_gradients(sequence.lstm_over_time, given, cotangents), clean):
        np.testing.assert_array_equal(a, b)


FADING = {  # layers whose units keep 0.9 of themselves in a step: weights of their own state, biases of the gates
    "rnn": (lambda: tl.nn.RNN(1, 20, nonlinearity="relu"), 0.9, [0.0]),
    "leaky": (lambda: tl.nn.LeakyRNN(1, 20, tau=10.0), 0.0, [0.0]),
    "gru": (lambda: tl.nn.GRU(1, 20), 0.0, [0.0, np.log(9), 0.0]),
    "early gru": (lambda: tl.nn.GRU(1, 20, reset_after=False), 0.0, [0.0, np.log(9), 0.0]),
    "lstm": (lambda: tl.nn.LSTM(1, 20), 0.0, [0.0, np.log(9), 0.0, 0.0]),
    "clockwork": (lambda: tl.nn.ClockworkRNN(1, 20, (1, 2), nonlinearity="relu"), 0.9, [0.0]),
}  # fmt: skip


@pytest.mark.parametrize("kind", FADING)
def test_what_fades_away_becomes_0(kind):
    """Subnormal numbers, with which a processor computes a hundred times slower, come neither forward nor backward; and the
    processor is left as it was."""
    make, own, biases = FADING[kind]
    layer, steps, tiny = make(), 1900, np.finfo(np.float32).smallest_normal
    for p in layer.parameters():
        tl.nn.init.zeros_(p)
    tl.assign(layer.weight_hh_l0, np.tile(own * np.eye(20), (len(biases), 1)))
    tl.assign(layer.bias_ih_l0, np.repeat(biases, 20))
    x, first = tl.zeros(steps, 1, 1), tl.ones(1, 1, 20, requires_grad=True)
    out, _ = layer(x, (first, first) if kind == "lstm" else first)
    gradients = tl.grad(out[-1].sum(), [first, layer.bias_ih_l0, layer.weight_hh_l0])
    assert out.data[100].all() and not out.data[-1].any()
    for array in (out.data, *(g.data for g in gradients)):
        assert not ((array != 0) & (np.abs(array) < tiny)).any()
    assert np.array([tiny]) * np.float32(0.5) > 0


@pytest.mark.parametrize("target", ["haswell", "generic"])
def test_on_other_processors(target):
    """In a process of its own: registers of half the width, and of a quarter without fused multiply-adds."""
    code = (
        "import numpy as np, test_sequence_kernels as t\n"
        "for kind in t.KINDS:\n"
        "    for sizes in ((5, 3, 2, 4), (4, 13, 17, 33)):\n"
        "        t.check(kind, sizes, np.float32, True, True, 2e-5, sizes[0] == 5)\n"
    )
    env = {**os.environ, "NUMBA_CPU_NAME": target, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])}
    if target == "generic":
        env["NUMBA_CPU_FEATURES"] = ""
    subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=500)

"""`unroll`: any cell or function over time, in pieces, from its own outputs, with lengths."""

import gc
import tracemalloc

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn

T, B, I, H = 7, 3, 2, 4


def drawn(*shape, seed=0):
    return tl.tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


W = drawn(H, H + I, seed=9)


def mixed(x, state):
    """A cell that is a plain function: nested states of different shapes, a pair of outputs."""
    h, (c, count) = state
    h = tl.tanh(tl.linear(tl.cat([x, h], 1), W))
    c = 0.5 * c + h
    count = count + h.sum(1)
    return (h * c, count), (h, (c, count))


def initial(batch=B):
    return drawn(batch, H, seed=1), (drawn(batch, H, seed=2), drawn(batch, seed=3))


def flat(values):
    return [v for value in values for v in flat(value)] if isinstance(values, (tuple, list)) else [values]


def gradients(values, inputs):
    total = sum((v * np.cos(np.arange(v.numel()) + k).reshape(v.shape)).sum() for k, v in enumerate(flat(values)))
    return tl.grad(total, inputs, allow_unused=True)


def near(some, others):
    for a, b in zip(flat(some), flat(others), strict=True):
        a, b = (0.0 if v is None else v.data for v in (a, b))
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def loop(cell, xs, state, cut=None, order=None):
    """The same by hand."""
    outputs = [None] * len(xs)
    for n, t in enumerate(order or range(len(xs))):
        if cut and n and n % cut == 0:
            state = (state[0].detach(), tuple(s.detach() for s in state[1]))
        outputs[t], state = cell(xs[t], state)
    return tuple(tl.stack(each) for each in zip(*outputs)), state


@pytest.mark.parametrize(
    ("options", "by_hand"),
    [({}, {}), ({"bptt": 3}, {"cut": 3}), ({"bptt": T}, {}), ({"bptt": 99}, {}), ({"checkpoint": 1}, {}), ({"checkpoint": 3}, {}),
     ({"checkpoint": 99}, {}), ({"bptt": 2, "checkpoint": 3}, {"cut": 2}), ({"reverse": True}, {"order": range(T)[::-1]}),
     ({"reverse": True, "bptt": 3, "checkpoint": 2}, {"order": range(T)[::-1], "cut": 3})],
    ids=str,
)  # fmt: skip
def test_equal_to_a_loop(options, by_hand):
    """Values, gradients towards inputs, initial states and weights, and second derivatives."""
    xs, state = drawn(T, B, I), initial()
    inputs = [xs, *flat(state), W]
    expected, got = loop(mixed, xs, state, **by_hand), nn.unroll(mixed, xs, state, **options)
    near(got, expected)
    firsts = []
    for values in (expected, got):
        total = sum((v * v).sum() for v in flat(values))
        firsts.append(tl.grad(total, inputs, create_graph=True))
    near(*firsts)
    near(*(gradients([g * g for g in first], inputs) for first in firsts))


def test_batch_first():
    xs, state = drawn(T, B, I), initial()
    outputs, final = nn.unroll(mixed, xs.transpose(0, 1), state, batch_first=True)
    expected, last = nn.unroll(mixed, xs, state)
    near((outputs, final), (tuple(y.transpose(0, 1) for y in expected), last))
    cell = nn.LSTMCell(I, H).double()
    near(nn.unroll(cell, xs.transpose(0, 1), batch_first=True)[1], nn.unroll(cell, xs)[1])


@pytest.mark.parametrize("options", [{}, {"reverse": True}, {"checkpoint": 2}, {"bptt": T}], ids=str)
def test_lengths_equal_each_sequence_alone(options):
    xs, state, lengths = drawn(T, B, I), initial(), [4, 0, T]
    outputs, final = nn.unroll(mixed, xs, state, lengths=lengths, **options)
    for row, n in enumerate(lengths):
        at = slice(row, row + 1)
        alone = state[0][at], (state[1][0][at], state[1][1][at])
        near([s[at] for s in flat(final)], flat(nn.unroll(mixed, xs[:n, at], alone, **options)[1]))
        near([y[:n, at] for y in outputs], nn.unroll(mixed, xs[:n, at], alone, **options)[0])
        assert not any(y.data[n:, at].any() for y in outputs)
    (g,) = gradients((outputs, final), [xs])
    assert not g.data[4:, 0].any() and not g.data[:, 1].any() and g.data[:, 2].all()


def test_a_sequence_of_several_inputs():
    xs, ys = drawn(T, B, I), drawn(T, B, H, seed=5)
    outputs, _ = nn.unroll(lambda x, s: (x[0].sum(1) * s + x[1][0].sum(1), s + 1), (xs, (ys,)), tl.ones(B, dtype=np.float64))
    steps = np.arange(1.0, T + 1)[:, None]
    near(outputs, tl.tensor(xs.data.sum(2) * steps + ys.data.sum(2)))


# -- without inputs, and from its own outputs ------------------------------------------------------------------------


def test_steps_without_inputs_iterate_a_function():
    """s(t) = f(s(t-1)): the third value of s(t) = s(t-1)**2 is s(0)**8."""
    s = tl.tensor([1.1, 0.9], requires_grad=True)

    def squared(x, s):
        assert x is None
        return s * s, s * s

    outputs, final = nn.unroll(squared, None, s, steps=3)
    np.testing.assert_allclose(outputs.data, s.data ** np.array([[2], [4], [8]]), rtol=1e-6)
    final.sum().backward()
    np.testing.assert_allclose(s.grad.data, 8 * s.data**7, rtol=1e-6)


def test_a_cell_without_inputs_gets_zeros():
    cell, h = nn.GRUCell(I, H).double(), drawn(B, H)
    near(nn.unroll(cell, None, h, steps=4), nn.unroll(cell, tl.zeros(4, B, I, dtype=np.float64), h))


def generated(cell, start, count, state):
    """An output fed back ``count`` times after the inputs ``start``."""
    outputs, x = [], None
    for t in range(count):
        x = start[t] if t < len(start) else 2 * x
        x, state = cell(x, state)
        outputs.append(x)
    return tl.stack(outputs), state


@pytest.mark.parametrize("options", [{}, {"checkpoint": 2}, {"bptt": 99}], ids=str)
def test_feedback_makes_the_inputs_that_are_not_given(options):
    cell = nn.ElmanCell(I, H, I).double()
    xs, state, double = drawn(T, B, I), drawn(B, H, seed=4), lambda y: 2 * y
    inputs = [xs, state, *cell.parameters()]
    for given in (1, 3, T):  # with all of them it is teacher forcing
        got = nn.unroll(cell, xs[:given], state, steps=T, feedback=double, **options)
        expected = generated(cell, xs[:given], T, state)
        near(got, expected)
        near(gradients(got, inputs), gradients(expected, inputs))
    near(nn.unroll(cell, xs, state, feedback=double), nn.unroll(cell, xs, state))
    near(
        nn.unroll(cell, None, state, steps=T, feedback=double, **options),
        generated(cell, tl.zeros(1, B, I, dtype=np.float64), T, state),
    )


def test_bptt_cuts_what_is_fed_back():
    cell = nn.ElmanCell(I, H, I).double()
    xs = drawn(1, B, I)
    for t, reached in enumerate((True, True, False, False)):
        outputs, _ = nn.unroll(cell, xs, steps=4, feedback=lambda y: y, bptt=2)
        assert tl.grad(outputs[t].sum(), [xs])[0].data.any() == reached


# -- what it costs ---------------------------------------------------------------------------------------------------


def nodes_of(out):
    """All nodes below ``out``."""
    seen, stack = set(), [out.source[0]]
    while stack:
        node = stack.pop()
        if node is not None and node not in seen:
            seen.add(node)
            stack += [edge[0] for edge in node.edges]
    return seen


def test_each_step_is_recorded_in_its_scope_and_the_inputs_are_one_node():
    class Model(nn.Module):
        def __init__(self):
            self.cell = nn.RNNCell(I, H)

        def forward(self, xs):
            return nn.unroll(self.cell, xs)[0]

    xs = tl.randn(5, B, I, requires_grad=True)
    nodes = nodes_of(Model()(xs).sum())
    tanhs = [n.scope.path for n in nodes if n.primitive is not None and n.primitive.name == "tanh"]
    assert sorted(tanhs) == [f"t={t}.cell" for t in range(5)]
    assert sum(n.primitive is not None and n.primitive.name == "unbind" for n in nodes) == 1


def test_ten_thousand_steps():
    s = tl.tensor([1.0], requires_grad=True)
    _, final = nn.unroll(lambda x, s: (s, s * 0.9999), None, s, steps=10_000)
    final.backward()
    np.testing.assert_allclose(s.grad.data, 0.9999**10_000, rtol=1e-2)


def held_and_top(steps, checkpoint):
    """Memory that the graph of an unrolled cell holds, and the most that forward and backward took, without its outputs."""
    cell = nn.LSTMCell(4, 64)
    xs = tl.randn(steps, 16, 4)

    def step(x, state):
        h, state = cell.step(x, state)
        return h.sum(), state

    state = cell.initial_state((16,))
    gc.collect()
    tracemalloc.start()
    outputs, _ = nn.unroll(step, xs, state, checkpoint=checkpoint)
    held = tracemalloc.get_traced_memory()[0]
    outputs.sum().backward()
    top = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return held, top


def test_checkpoints_take_memory_of_the_root_of_the_steps():
    """Four times the steps: four times the memory without, twice with checkpoints at the root."""
    held_and_top(16, None)
    (plain, plain_top), (more, more_top) = held_and_top(64, None), held_and_top(256, None)
    assert more > 3.5 * plain and more_top > 3.5 * plain_top
    (few, few_top), (many, many_top) = held_and_top(64, 8), held_and_top(256, 16)
    assert many < 2.7 * few and many_top < 2.7 * few_top
    assert many < more / 10 and many_top < more_top / 5


# -- limits and errors -----------------------------------------------------------------------------------------------


def test_no_steps():
    xs, state = drawn(0, B, I), initial()
    (first, second), final = nn.unroll(mixed, xs, state)
    assert first.shape == (0, B, H) and second.shape == (0, B) and first.dtype == np.float64
    assert final is state
    assert nn.unroll(mixed, xs.transpose(0, 1), state, batch_first=True)[0][0].shape == (B, 0, H)
    outputs, (h, c) = nn.unroll(nn.LSTMCell(I, H).double(), xs)
    assert outputs.shape == (0, B, H) and h.shape == c.shape == (B, H)
    assert nn.unroll(lambda x, s: (s, s), None, tl.ones(2), steps=0)[0].shape == (0, 2)


def test_one_step_and_no_sequences():
    cell = nn.GRUCell(I, H).double()
    x = drawn(1, B, I)
    outputs, h = nn.unroll(cell, x)
    near((outputs[0], h), (cell(x[0]), cell(x[0])))
    assert nn.unroll(cell, drawn(T, 0, I), lengths=np.zeros(0, int))[0].shape == (T, 0, H)


def test_a_single_sequence_without_batch():
    cell, x = nn.LSTMCell(I, H).double(), drawn(T, I)
    outputs, (h, _) = nn.unroll(cell, x)
    near(outputs, nn.unroll(cell, x.reshape(T, 1, I))[0].reshape(T, H))
    assert h.shape == (H,)


CELL, XS = nn.RNNCell(I, H), tl.zeros(T, B, I)
CALLS = [
    (lambda: nn.unroll(CELL), r"^unroll in outer: give xs or steps"),
    (lambda: nn.unroll(CELL, XS, steps=9), r"^unroll in outer: 9 steps need 9 inputs, xs has 7; or feedback makes the others"),
    (lambda: nn.unroll(CELL, XS, steps=3), r"^unroll in outer: steps must be a number of steps, no less than the 7 of xs, got 3"),
    (lambda: nn.unroll(CELL, None, steps=1.5), r"^unroll in outer: steps must be a number of steps"),
    (lambda: nn.unroll(CELL, None, steps=3), r"^RNNCell in outer\.t=0: give an input or a state"),
    (lambda: nn.unroll(CELL, XS, bptt=0), r"^unroll in outer: bptt must be a number of steps, 1 or more, or None, got 0"),
    (lambda: nn.unroll(CELL, XS, checkpoint=-1), r"^unroll in outer: checkpoint must be a number of steps.* got -1"),
    (lambda: nn.unroll(CELL, XS, bptt=True), r"^unroll in outer: bptt must be a number of steps.* got True"),
    (lambda: nn.unroll(CELL, XS, tl.zeros(B, 5)), r"^rnn_step in outer\.t=0: h is \(3, 5\), expected \(3, 4\) for x \(3, 2\)"),
    (lambda: nn.unroll(CELL, tl.zeros(T, B, 3)), r"^rnn_step in outer\.t=0: x has 3 features, weight \(4, 2\) expects 2"),
    (lambda: nn.unroll(CELL, tl.zeros(())), r"^unroll in outer: xs must have a dimension 0 of time, got \(\)"),
    (lambda: nn.unroll(CELL, (XS, XS[1:])), r"^unroll in outer: xs have different numbers of steps: \[6, 7\]"),
    (lambda: nn.unroll(CELL, XS, lengths=[1, 2, 8]), r"^valid_steps in outer: length 8 is out of range: there are 7 steps"),
    (lambda: nn.unroll(CELL, XS[:0], lengths=[0, 0, 1]), r"^valid_steps in outer: length 1 is out of range: there are 0 steps"),
    (lambda: nn.unroll(CELL, XS, lengths=[1, 2]), r"^valid_steps in outer: lengths must be \(3,\)"),
    (lambda: nn.unroll(lambda x, s: (x, s), XS, lengths=[1, 2, 3]), r"^unroll in outer: with lengths give the initial state"),
    (lambda: nn.unroll(CELL, XS, reverse=True, feedback=tl.relu), r"^unroll in outer: .*give reverse or feedback"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "text"), CALLS, ids=[c[1][:60] for c in CALLS])
def test_errors_say_where(call, text):
    with tl.scope("outer"), pytest.raises(ValueError, match=text):
        call()
    with tl.scope("outer"), pytest.raises(TypeError, match=r"^valid_steps in outer: lengths must be integers, got float64"):
        nn.unroll(CELL, XS, lengths=[1.0, 2.0, 3.0])
    with tl.scope("outer"), pytest.raises(TypeError, match=r"^rnn_step in outer\.t=0: x is int64 and weight is float32"):
        nn.unroll(CELL, XS.to(np.int64))


# -- packed weights --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [8, 40, 200])
@pytest.mark.parametrize("batch", [1, 5, 130])
def test_packed_weights_change_nothing(hidden, batch):
    """Weights of all sizes, few and many rows: as by hand, where nothing is packed."""
    cell = nn.LSTMCell(I, hidden).double()
    xs, state = drawn(4, batch, I), (drawn(batch, hidden, seed=1), drawn(batch, hidden, seed=2))
    inputs = [xs, *state, *cell.parameters()]
    ours, _ = nn.unroll(cell, xs, state)
    outputs = []
    for x in xs:
        state = cell(x, state)
        outputs.append(state[0])
    expected = tl.stack(outputs)
    near(ours, expected)
    near(gradients([ours], inputs), gradients([expected], inputs))


def test_a_weight_that_changes_on_the_way_is_packed_anew():
    """A fast weight: the cell itself updates it between steps."""

    def rewriting(weight):
        def cell(x, h):
            h = tl.linear(h, weight) + x
            tl.assign(weight, weight.data * 0.5)
            return h, h

        return cell

    start, xs, h = drawn(40, 40).data, drawn(6, 5, 40, seed=1), drawn(5, 40, seed=2)
    with tl.no_grad():
        ours, _ = nn.unroll(rewriting(tl.Tensor(start.copy())), xs, h)
        cell, outputs = rewriting(tl.Tensor(start.copy())), []
        for x in xs:
            _, h = cell(x, h)
            outputs.append(h)
    near(ours, tl.stack(outputs))


def test_weights_made_at_each_step_are_not_kept():
    xs, h = drawn(30, 5, 40), drawn(5, 40, seed=2)
    weight = drawn(40, 40, seed=3)
    with tl.no_grad():
        nn.unroll(lambda x, h: (h, tl.linear(h, weight * 0.1) + x), xs, h)
        gc.collect()
        tracemalloc.start()
        nn.unroll(lambda x, h: (h, tl.linear(h, weight * 0.1) + x), xs, h)
        held, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak - held < 30 * weight.data.nbytes / 2


def test_nothing_stays_packed_after_an_error():
    from tinygrad_lite.state import local

    with pytest.raises(ZeroDivisionError):
        nn.unroll(lambda x, h: (1 / 0, h), drawn(3, 2, 2), drawn(2, 2))
    assert local.state.packed is None

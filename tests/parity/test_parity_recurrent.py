"""Recurrent layers and cells beside PyTorch's: same weights in, same outputs, states and gradients of both orders out."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity
RNG = np.random.default_rng(0)
T, B, I, H = 6, 4, 3, 5


def pair(name, *args, **options):
    """The module twice, with PyTorch's weights, in float64."""
    ours, theirs = (getattr(m, name)(*args, **options).double() for m in (nn, torch.nn))
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict({key: value.numpy() for key, value in state.items()})
    return ours, theirs


def both(x):
    """An array as a leaf of ours and one of theirs."""
    return tl.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)


def flat(values):
    """The Tensors in nested tuples."""
    return [v for value in values for v in flat(value)] if isinstance(values, (tuple, list)) else [values]


def near(ours, theirs):
    for a, b in zip(flat(ours), flat(theirs), strict=True):
        b = b.detach().numpy()
        assert a.shape == b.shape
        np.testing.assert_allclose(a.data, b, rtol=1e-10, atol=1e-10)


def combined(values, cos):
    """A sum of all elements with weights of their own."""
    return sum((v * cos(v.shape)).sum() for v in flat(values))


def weights(shape):
    return np.cos(np.arange(np.prod(shape)) * 0.7 + 0.3).reshape(tuple(shape))


def same_gradients(ours, theirs, outs, expected, inputs):
    """Towards ``inputs`` (pairs) and all parameters."""
    near(outs, expected)
    leaves = [a for a, _ in inputs] + list(ours.parameters()), [b for _, b in inputs] + list(theirs.parameters())
    near(
        tl.grad(combined(outs, weights), leaves[0]),
        torch.autograd.grad(combined(expected, lambda s: torch.tensor(weights(s))), leaves[1]),
    )


OPTIONS = [
    {}, {"bias": False}, {"num_layers": 3}, {"batch_first": True}, {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "batch_first": True}, {"num_layers": 2, "bidirectional": True, "bias": False},
]  # fmt: skip
KINDS = [("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("LSTM", {}), ("LSTM", {"proj_size": 2}), ("GRU", {})]


def initial(ours, batch):
    """Random initial states of both, and the pairs of their Tensors."""
    places = ours.num_layers * (1 + ours.bidirectional)
    sizes = (ours.proj_size or H, H)[: len(ours.states)]
    pairs = [both(RNG.standard_normal((places, *batch, size))) for size in sizes]
    first, second = zip(*pairs)
    return (first, second, pairs) if len(pairs) > 1 else (first[0], second[0], pairs)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("kind", "more"), KINDS, ids=str)
def test_layers(kind, more, options):
    """With and without initial states, of batches and of single sequences."""
    ours, theirs = pair(kind, I, H, **options, **more)
    if more.get("nonlinearity") != "relu":  # which PyTorch does not print
        assert repr(ours) == repr(theirs)
    for shape in ((T, B, I), (1, B, I), (T, 1, I), (T, I)):
        if ours.batch_first and len(shape) == 3:
            shape = shape[1], shape[0], I
        batch = () if len(shape) == 2 else (shape[0],) if ours.batch_first else (shape[1],)
        x = both(RNG.standard_normal(shape))
        same_gradients(ours, theirs, ours(x[0]), theirs(x[1]), [x])
        a, b, states = initial(ours, batch)
        same_gradients(ours, theirs, ours(x[0], a), theirs(x[1], b), [x, *states])


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"batch_first": True}], ids=str)
@pytest.mark.parametrize(("kind", "more"), KINDS, ids=str)
def test_lengths_equal_packed_sequences(kind, more, options):
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    ours, theirs = pair(kind, I, H, **options, **more)
    lengths, first = [2, T, 1, 4], ours.batch_first
    x = both(RNG.standard_normal((B, T, I) if first else (T, B, I)))
    a, b, states = initial(ours, (B,))
    packed = pack_padded_sequence(x[1], lengths, batch_first=first, enforce_sorted=False)
    outputs, final = theirs(packed, b)
    expected = pad_packed_sequence(outputs, batch_first=first, total_length=T)[0], final
    same_gradients(ours, theirs, ours(x[0], a, lengths=lengths), expected, [x, *states])


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_weights_pass_in_both_directions(kind):
    ours, theirs = pair(kind, I, H, num_layers=2, bidirectional=True)
    for p in ours.parameters():
        tl.assign(p, RNG.standard_normal(p.shape))
    theirs.load_state_dict({key: torch.from_numpy(array) for key, array in ours.state_dict().items()})
    x = RNG.standard_normal((T, B, I))
    near(ours(tl.tensor(x)), theirs(torch.tensor(x)))


CELLS = [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu", "bias": False}), ("LSTMCell", {}), ("LSTMCell", {"bias": False}),
         ("GRUCell", {}), ("GRUCell", {"bias": False})]  # fmt: skip


@pytest.mark.parametrize(("kind", "options"), CELLS, ids=str)
@pytest.mark.parametrize("batch", [(), (B,)], ids=str)
def test_cells(kind, options, batch):
    ours, theirs = pair(kind, I, H, **options)
    assert repr(ours) == repr(theirs)
    x = both(RNG.standard_normal((*batch, I)))
    same_gradients(ours, theirs, ours(x[0]), theirs(x[1]), [x])
    states = [both(RNG.standard_normal((*batch, H))) for _ in range(1 + (kind == "LSTMCell"))]
    a, b = (tuple(s) if len(states) > 1 else s[0] for s in zip(*states))
    same_gradients(ours, theirs, ours(x[0], a), theirs(x[1], b), [x, *states])


def penalty(grad, out, inputs):
    """The gradient of the sum of the squared gradients."""
    return grad(sum((g * g).sum() for g in grad(out, inputs, create_graph=True)), inputs)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_second_derivatives_equal_those_of_unrolled_cells(kind):
    """PyTorch's fused layers have none."""
    layer, cell = getattr(nn, kind)(I, H).double(), getattr(torch.nn, kind + "Cell")(I, H).double()
    cell.load_state_dict({key.removesuffix("_l0"): torch.tensor(array) for key, array in layer.state_dict().items()})
    a, b = both(RNG.standard_normal((T, B, I)))
    outputs, state = [], None
    for x in b:
        state = cell(x, state)
        outputs.append(state[0] if kind == "LSTM" else state)
    ours = penalty(tl.grad, (layer(a)[0] ** 3).sum(), [a, *layer.parameters()])
    near(ours, penalty(torch.autograd.grad, (torch.stack(outputs) ** 3).sum(), [b, *cell.parameters()]))


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_initial_weights_have_the_same_distribution(kind):
    from scipy.stats import ks_2samp

    tl.manual_seed(0)
    torch.manual_seed(0)
    for suffix in ("", "Cell"):
        ours, theirs = (getattr(m, kind + suffix)(40, 50) for m in (nn, torch.nn))
        for key, value in theirs.state_dict().items():
            sample = ours.state_dict()[key]
            assert ks_2samp(sample.ravel(), value.numpy().ravel()).pvalue > 1e-3, key
            assert np.abs(sample).max() <= 50**-0.5


@pytest.mark.parametrize(
    "call",
    [lambda m, z: m.LSTM(3, 4, proj_size=4), lambda m, z: m.RNN(3, 4, nonlinearity="sigmoid"), lambda m, z: m.GRU(3, 0),
     lambda m, z: m.GRU(3, 4, dropout=1.5), lambda m, z: m.GRU(3, 4)(z(2, 2, 5)), lambda m, z: m.GRU(3, 4)(z(2, 2, 2, 3)),
     lambda m, z: m.GRU(3, 4)(z(2, 2, 3), z(1, 3, 4)), lambda m, z: m.GRU(3, 4)(z(2, 3), z(1, 1, 4)),
     lambda m, z: m.LSTM(3, 4)(z(2, 2, 3), (z(1, 2, 4), z(2, 2, 4))), lambda m, z: m.RNNCell(3, 4)(z(2, 5)),
     lambda m, z: m.RNNCell(3, 4)(z(2, 3), z(2, 5)), lambda m, z: m.LSTMCell(3, 4)(z(2, 3), (z(2, 4), z(3, 4))),
     lambda m, z: m.GRUCell(3, 4)(z(2, 3), z(3, 4))],
)  # fmt: skip
def test_what_it_refuses_is_refused(call):
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        call(torch.nn, torch.zeros)
    with pytest.raises((TypeError, ValueError)):
        call(nn, tl.zeros)

"""What a model is made of: counts against closed forms, receptive fields against measured ones."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, ops
from tinygrad_lite.inspection.costs import backward_cost, forward_cost
from tinygrad_lite.primitive import registry

# -- multiply-adds ---------------------------------------------------------------------------------------------------


class Function(nn.Module):
    """A function of the input as a module."""

    def __init__(self, function):
        self.function = function

    def forward(self, x):
        return self.function(x)


T, N, I, H = 7, 3, 5, 4  # steps, batch, features of inputs and of hidden states
COUNTS = [
    ("linear", nn.Linear(10, 20), (8, 10), 8 * 10 * 20),
    ("linear without bias", nn.Linear(10, 20, bias=False), (8, 10), 8 * 10 * 20),
    ("linear over time", nn.Linear(10, 20), (8, 6, 10), 8 * 6 * 10 * 20),
    ("conv2d", nn.Conv2d(3, 16, 5, stride=2, padding=1), (2, 3, 32, 31), 2 * 16 * 15 * 15 * 3 * 25),
    ("conv2d of one image", nn.Conv2d(3, 16, 5), (3, 9, 8), 16 * 5 * 4 * 3 * 25),
    ("conv2d in groups", nn.Conv2d(4, 8, 3, groups=4, dilation=2), (2, 4, 10, 10), 2 * 8 * 6 * 6 * 9),
    ("conv1d", nn.Conv1d(3, 4, 5), (2, 3, 20), 2 * 4 * 16 * 3 * 5),
    ("conv3d", nn.Conv3d(2, 3, 2), (1, 2, 4, 4, 4), 3 * 27 * 2 * 8),
    ("transposed conv", nn.ConvTranspose2d(3, 5, 4, stride=2), (2, 3, 6, 6), 2 * 3 * 36 * 5 * 16),
    ("max pool", nn.MaxPool2d(3, 2), (2, 4, 9, 9), 2 * 4 * 16 * 9),
    ("average pool", nn.AvgPool2d(2), (2, 4, 8, 8), 2 * 4 * 16 * 4),
    ("adaptive pool", nn.AdaptiveAvgPool2d(1), (2, 4, 9, 9), 2 * 4 * 81),
    ("batch norm in evaluation", nn.BatchNorm2d(4), (2, 4, 3, 3), 2 * 4 * 9),
    ("relu", nn.ReLU(), (5, 6), 30),
    ("flatten", nn.Flatten(), (5, 6, 2), 0),
    ("dropout in evaluation", nn.Dropout(), (5, 6), 0),
    ("softmax", nn.Softmax(1), (5, 6), 90),
    ("RNN", nn.RNN(I, H), (T, N, I), T * N * (H * (I + H) + H)),
    ("LSTM", nn.LSTM(I, H), (T, N, I), T * N * (4 * H * (I + H) + 2 * H)),
    ("GRU", nn.GRU(I, H), (T, N, I), T * N * (3 * H * (I + H) + H)),
    ("two layers, both directions", nn.LSTM(I, H, 2, bidirectional=True), (T, N, I),
     2 * T * N * (4 * H * (I + H) + 2 * H) + 2 * T * N * (4 * H * (2 * H + H) + 2 * H)),
    ("matmul", Function(lambda x: x @ tl.ones(4, 5)), (2, 3, 4), 2 * 3 * 4 * 5),
    ("einsum", Function(lambda x: ops.einsum("bij,jk->bik", x, tl.ones(4, 5))), (2, 3, 4), 2 * 3 * 4 * 5),
    ("einsum of one", Function(lambda x: ops.einsum("ij->i", x)), (3, 4), 12),
    ("sum", Function(lambda x: x.sum(1)), (3, 4), 12),
    ("moves", Function(lambda x: ops.cat([x.T.reshape(3, 4), x[:2]])), (3, 4), 0),
    ("nothing at all", nn.Identity(), (3, 4), 0),
]  # fmt: skip


@pytest.mark.parametrize(("model", "shape", "expected"), [c[1:] for c in COUNTS], ids=[c[0] for c in COUNTS])
def test_multiply_adds(model, shape, expected):
    assert tl.summary(model, tl.randn(*shape)).multiply_adds == expected


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_sequence_counts_as_its_cell_unrolled(kind):
    cell = getattr(nn, f"{kind}Cell")(I, H)
    x = tl.randn(T, N, I)
    unrolled = tl.summary(Function(lambda x: nn.unroll(cell, x)[0]), x).multiply_adds
    assert tl.summary(getattr(nn, kind)(I, H), x).multiply_adds == unrolled


def test_gradients_of_a_product_cost_what_it_costs():
    shapes, outs = [(8, 10), (20, 10), (20,)], [(8, 20)]
    assert forward_cost("linear", shapes, outs, {}) == (1600, 0)
    assert backward_cost("linear", shapes, outs, {}, [1, 2]) == (1600, 160)
    assert backward_cost("linear", shapes, outs, {}, [0, 1, 2]) == (3200, 160)
    assert backward_cost("mul", [(3, 4), (4,)], [(3, 4)], {}, [0, 1]) == (0, 24)
    x, h, ih, hh, b = (T, N, I), (N, H), (4 * H, I), (4 * H, H), (4 * H,)
    shapes, outs = [x, h, h, ih, hh, b, b, None], [(T, N, H), h, h]
    from_inputs, from_states = T * N * 4 * H * I, T * N * 4 * H * H
    assert backward_cost("lstm_over_time", shapes, outs, {}, [0, 1, 2, 3, 4, 5, 6])[0] == 2 * from_inputs + 2 * from_states
    assert backward_cost("lstm_over_time", shapes, outs, {}, [3, 4, 5, 6])[0] == from_inputs + 2 * from_states


def test_every_rule_is_of_an_op_that_is_there():
    from tinygrad_lite.inspection import costs, receptive

    named = {*costs.RULES, *costs.READS, *costs.MOVES, *costs.FACTORS}
    named |= receptive._WINDOWS | receptive._MOVES | receptive._ALSO_ELEMENTWISE | receptive._NOT_ELEMENTWISE
    assert named <= set(registry)
    assert not costs.READS & costs.MOVES and not (costs.READS | costs.MOVES) & set(costs.RULES)


# -- parameters and layers -------------------------------------------------------------------------------------------


class Tied(nn.Module):
    def __init__(self):
        self.words, self.hidden, self.out = nn.Embedding(20, 6), nn.Linear(6, 6), nn.Linear(6, 20, bias=False)
        self.out.weight = self.words.weight
        self.norms, self.unused = [nn.BatchNorm1d(6), nn.Identity()], nn.Linear(3, 3)

    def forward(self, x):
        h = self.words(x)
        h = self.hidden(self.hidden(h))
        return {"logits": self.out(self.norms[0](h)), "h": [h]}


def test_layers_and_shared_parameters():
    model = Tied()
    model.hidden.bias.requires_grad_(False)
    found = tl.summary(model, tl.randint(0, 20, (5,)))
    layers = {layer.name: layer for layer in found.layers}
    assert list(layers) == [name for name, _ in model.named_modules()]
    assert found.parameters == sum(p.data.size for p in model.parameters()) == 120 + 42 + 12 + 12
    assert sum(layer.parameters for layer in found.layers) == found.parameters
    assert found.trained == found.parameters - 6 and found.buffers == 13
    assert layers["words"].parameters == 120 and not layers["words"].shared
    assert layers["out"].parameters == 0 and layers["out"].shared
    assert layers["hidden"].calls == 2 and layers["hidden"].multiply_adds == 2 * 5 * 36
    assert layers[""].shapes == [(5, 20), (5, 6)] and layers["out"].shapes == [(5, 20)]
    assert layers["unused"].shapes is None and layers["unused"].calls == 0 and layers["norms.1"].calls == 0
    text = str(found)
    assert "hidden: Linear (2 calls)" in text and "did not run" in text and "120 shared" not in text
    assert "parameters 186 (744 B), of which trained 180; buffers 13" in text


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.BatchNorm1d(4), nn.ReLU())
    model[1].eval()
    state, modes = {k: v.copy() for k, v in model.state_dict().items()}, [m.training for m in model.modules()]
    attributes = [sorted(vars(m)) for m in model.modules()]
    tl.manual_seed(3)
    expected = tl.rand(3).data
    tl.manual_seed(3)
    tl.summary(model, np.ones((2, 4), np.float32))
    np.testing.assert_array_equal(tl.rand(3).data, expected)
    assert [m.training for m in model.modules()] == modes and [sorted(vars(m)) for m in model.modules()] == attributes
    for key, array in model.state_dict().items():
        np.testing.assert_array_equal(array, state[key])
    with pytest.raises(ValueError, match="x has 5 features"):
        tl.summary(model, tl.ones(2, 5))
    assert [m.training for m in model.modules()] == modes and [sorted(vars(m)) for m in model.modules()] == attributes
    assert model(tl.ones(2, 4)).requires_grad


def test_several_arguments_and_wrong_ones():
    cell = nn.LSTMCell(3, 4)
    assert tl.summary(cell, (tl.ones(2, 3), (tl.zeros(2, 4), tl.zeros(2, 4)))).layers[0].shapes == [(2, 4), (2, 4)]
    with pytest.raises(TypeError, match="summary: expected a Module, got function"):
        tl.summary(lambda x: x, tl.ones(1))


# -- receptive fields --------------------------------------------------------------------------------------------------


def positive(model):
    """``model`` in float64 with weights above 0, so that what an element can see it does see."""
    for p in model.double().parameters():
        tl.assign(p, 0.5 + np.random.default_rng(p.data.size).random(p.shape))
    return model


def measured(model, shape, place=None):
    """(first, last) element of the input along each dimension that one element in the middle of the output depends on."""
    x = tl.tensor(np.random.default_rng(0).standard_normal((200, *shape[1:])), requires_grad=True)  # maxima: many images
    out = model.eval()(x)
    n = len(shape) - 2
    middle = tuple(m // 2 for m in out.shape[2:]) if place is None else place
    out[(slice(None), 0, *middle)].sum().backward()
    seen = (x.grad.data != 0).any((0, 1))
    ends = []
    for d in range(n):
        along = np.flatnonzero(seen.any(tuple(k for k in range(n) if k != d)))
        ends.append((along[0], along[-1]))
    return ends, middle


def same_as_measured(model, shape):
    found = tl.summary(positive(model), tl.zeros(*shape, dtype=np.float64)).layers[0]
    ends, middle = measured(model, shape)
    assert found.receptive_field == tuple(last - first + 1 for first, last in ends)
    for d, jump in enumerate(found.jump):
        moved = tuple(p + (k == d) for k, p in enumerate(middle))
        assert measured(model, shape, moved)[0][d][0] - ends[d][0] == jump


class Residual(nn.Module):
    def __init__(self, channels, kernel):
        self.first, self.second = nn.Conv2d(channels, channels, kernel, padding="same"), nn.BatchNorm2d(channels)
        self.third = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.third(self.second(self.first(x)))


class Dense(nn.Module):
    def __init__(self):
        self.small, self.large = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 5, padding=2)

    def forward(self, x):
        return ops.cat([self.small(x), self.large(x), x], 1)


def padded(x):
    return ops.unslice(x, index=(..., slice(1, 26), slice(None)), shape=(*x.shape[:2], 28, 14))


STACKS = {
    "one": (nn.Sequential(nn.Conv2d(1, 2, (3, 5))), (1, 1, 20, 20)),
    "strides": (nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.Conv2d(2, 2, 5, stride=(1, 3), padding=2),
                              nn.Conv2d(2, 1, 3)), (1, 1, 40, 60)),
    "dilation": (nn.Sequential(nn.Conv2d(1, 2, 3, dilation=2), nn.Conv2d(2, 2, 2, dilation=(3, 4))), (1, 1, 30, 30)),
    "pools": (nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Conv2d(2, 2, 3), nn.AvgPool2d(3, 2, padding=1)),
              (1, 1, 40, 40)),
    "adaptive": (nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.AdaptiveAvgPool2d(4)), (1, 1, 24, 24)),
    "nonlinear": (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Softplus(), nn.BatchNorm2d(2), nn.Conv2d(2, 1, 4)), (1, 1, 20, 20)),
    "sequence": (nn.Sequential(nn.Conv1d(1, 2, 5, stride=2), nn.MaxPool1d(3, 2), nn.Conv1d(2, 1, 3)), (1, 1, 80)),
    "volume": (nn.Sequential(nn.Conv3d(1, 1, (1, 2, 3)), nn.AvgPool3d(2)), (1, 1, 12, 12, 12)),
    "residual": (nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), Residual(2, 4), Residual(2, 3)), (1, 1, 50, 50)),
    "dense": (nn.Sequential(nn.Conv2d(1, 2, 3), Dense(), nn.Conv2d(6, 1, 3)), (1, 1, 30, 30)),
    "transposed without a stride": (nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.ConvTranspose2d(2, 1, 4, padding=1)),
                                    (1, 1, 40, 40)),
    "cut and padded": (nn.Sequential(nn.Conv2d(1, 2, 3), Function(lambda x: padded(x[..., 2:-1, ::2])), nn.Conv2d(2, 1, 3)),
                       (1, 1, 30, 30)),
    "moved": (nn.Sequential(nn.Conv2d(1, 4, 3), Function(lambda x: x.reshape(x.shape[0], 2, 2, *x.shape[2:]).transpose(1, 2)
              .reshape(x.shape)), nn.Conv2d(4, 1, 3)), (1, 1, 20, 20)),
}  # fmt: skip


@pytest.mark.parametrize("name", STACKS)
def test_receptive_fields_are_those_that_gradients_measure(name):
    same_as_measured(*STACKS[name])


@pytest.mark.parametrize("seed", range(12))
def test_receptive_fields_of_random_stacks(seed):
    rng = np.random.default_rng(seed)
    layers, size = [], 1
    for _ in range(rng.integers(2, 5)):
        kernel, stride, dilation = int(rng.integers(1, 5)), int(rng.integers(1, 3)), int(rng.integers(1, 3))
        pad = int(rng.integers(0, kernel // 2 + 1))
        pool = rng.random() < 0.3
        layers.append(nn.AvgPool1d(kernel, stride, pad) if pool else nn.Conv1d(1, 1, kernel, stride, pad, dilation))
        size = size * 3 + 20
    same_as_measured(nn.Sequential(*layers), (1, 1, 2 * size))


def test_the_field_of_each_layer():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(3 * 16, 2))
    fields = [layer.receptive_field for layer in tl.summary(model, tl.zeros(1, 1, 14, 14)).layers]
    assert fields == [None, (3, 3), (4, 4), (8, 8), None, None]


NONE = {
    "linear": (nn.Linear(4, 4), (2, 4)),
    "the whole image": (nn.Sequential(nn.Conv2d(1, 1, 3), Function(lambda x: x.mean((2, 3)))), (1, 1, 8, 8)),
    "statistics of the image": (nn.Sequential(nn.Conv2d(1, 1, 3), Function(lambda x: x * x.mean((2, 3), keepdim=True))),
                                (1, 1, 8, 8)),
    "transposed with a stride": (nn.ConvTranspose2d(1, 1, 3, stride=2), (1, 1, 8, 8)),
    "uneven adaptive windows": (nn.Sequential(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(4)), (1, 1, 8, 8)),
    "paths of several strides": (Function(lambda x: ops.avg_pool2d(x, 2) + ops.conv2d(x, tl.ones(1, 1, 3, 3))[..., :4, :4]),
                                 (1, 1, 8, 8)),
    "no image": (nn.ReLU(), (2, 3, 4)),
    "transposed images": (nn.Sequential(nn.Conv2d(1, 1, 3), Function(lambda x: x.transpose(2, 3))), (1, 1, 8, 8)),
}  # fmt: skip


@pytest.mark.parametrize("name", NONE)
def test_where_there_is_no_field(name):
    model, shape = NONE[name]
    assert tl.summary(model, tl.ones(*shape)).layers[0].receptive_field is None

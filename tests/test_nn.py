"""Modules: how parameters are found, named, saved and loaded; what layers and losses compute."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn

RNG = np.random.default_rng(0)


def mlp():
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))


class Everywhere(nn.Module):
    """Parameters as attributes, in a list, in a dict and in a nested module, and one used twice."""

    def __init__(self):
        self.scale = nn.Parameter(tl.ones(2))
        self.layers = [nn.Linear(2, 2), nn.Linear(2, 2)]
        self.heads = {"left": nn.Linear(2, 1), "right": nn.Parameter(tl.zeros(3))}
        self.again = self.layers[0]
        self.mean = nn.Buffer(tl.zeros(2))
        self.number = 3

    def forward(self, x):
        return self.heads["left"](self.layers[1](self.again(x * self.scale)))


def test_parameters_are_found_in_order_and_once():
    names = [name for name, _ in Everywhere().named_parameters()]
    assert names == [
        "scale", "heads.right", "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias", "heads.left.weight",
        "heads.left.bias",
    ]  # fmt: skip


def test_state_dict_holds_live_arrays_and_buffers():
    model = Everywhere()
    state = model.state_dict()
    assert "mean" in state and state["layers.0.weight"] is model.layers[0].weight.data
    tl.assign(model.mean, [1.0, 2.0])
    assert state["mean"].tolist() == [1, 2]


def test_a_tied_parameter_is_trained_once_and_saved_under_each_name():
    model = Everywhere()
    assert sum(p is model.again.weight for p in model.parameters()) == 1
    assert model.state_dict()["layers.0.weight"] is model.layers[0].weight.data
    model(tl.ones(1, 2)).sum().backward()
    assert model.again.weight.grad is model.layers[0].weight.grad is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("0.weight"), r"missing: 0\.weight"),
        (lambda s: s.update(extra=np.zeros(1)), r"unexpected: extra"),
        (lambda s: s.update({"2.bias": np.zeros(3)}), r"2\.bias: \(3,\) float64 does not go into \(2,\) float32"),
        (lambda s: s.update({"2.bias": np.array(["a", "b"])}), r"2\.bias: .* does not go into"),
    ],
)
def test_load_state_dict_says_what_is_wrong_and_loads_nothing(change, message):
    model, other = mlp(), mlp()
    before = copy.deepcopy(model.state_dict())
    state = copy.deepcopy(other.state_dict())
    change(state)
    with pytest.raises(ValueError, match=message):
        model.load_state_dict(state)
    assert all((before[n] == a).all() for n, a in model.state_dict().items())


def test_load_state_dict_copies_in_place_and_takes_parts_when_not_strict():
    model, other = mlp(), mlp()
    weight = model[0].weight.data
    model.load_state_dict(other.state_dict())
    assert weight is model[0].weight.data and weight is not other[0].weight.data
    assert (weight == other[0].weight.data).all()
    missing, unexpected = model.load_state_dict({"0.bias": np.ones(3), "what": np.ones(1)}, strict=False)
    assert missing == ["0.weight", "2.weight", "2.bias"] and unexpected == ["what"]
    assert model[0].bias.data.tolist() == [1, 1, 1]


def test_loading_after_the_forward_is_noticed_by_backward():
    model = mlp()
    loss = model(tl.ones(1, 4)).sum()
    model.load_state_dict(mlp().state_dict())
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_modes_reach_all_modules():
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.5)))
    x = tl.ones(100, 2)
    assert (model.eval()(x).data == model(x).data).all() and not model[1][0].training
    assert (model.train()(x).data != model(x).data).any() and model[1][0].training


def test_dropout_keeps_the_mean_and_refuses_no_probability():
    tl.manual_seed(0)
    y = nn.Dropout(0.25)(tl.ones(100_000)).data
    assert abs(y.mean() - 1) < 0.01 and set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert (nn.Dropout(1.0)(tl.ones(5)).data == 0).all()
    with pytest.raises(ValueError, match=r"Dropout: p must be a probability"):
        nn.Dropout(1.5)


def test_dtype_of_a_whole_model():
    model = mlp().double()
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float64)}
    model(tl.ones(1, 4, dtype=np.float64)).sum().backward()
    assert model[0].weight.grad.dtype == np.float64
    assert model.float()[0].weight.dtype == np.float32
    with pytest.raises(TypeError, match="a model computes in floats"):
        model.to(np.int64)


def test_freezing_a_part():
    model = mlp()
    model[0].requires_grad_(False)
    model(tl.ones(1, 4)).sum().backward()
    assert model[0].weight.grad is None and model[2].weight.grad is not None
    model[0].requires_grad_(True)
    model(tl.ones(1, 4)).sum().backward()
    assert model[0].weight.grad is not None and model[0].weight.source[0].extra.name == "weight"


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_independent_and_stay_tied(clone):
    model = Everywhere()
    other = clone(model)
    assert other.again is other.layers[0] and other.scale is not model.scale
    assert isinstance(other.scale, nn.Parameter) and other.scale.requires_grad
    tl.assign(other.scale, [5.0, 5.0])
    assert model.scale.data.tolist() == [1, 1]
    x = tl.randn(3, 2)
    tl.assign(other.scale, [1.0, 1.0])
    assert (model(x).data == other(x).data).all()


def test_names_with_an_underscore_count_and_a_changed_sequence_is_noticed():
    model = nn.Sequential(nn.Linear(2, 2))
    model._hidden = nn.Parameter(tl.ones(1))
    assert [n for n, _ in model.named_parameters()] == ["_hidden", "0.weight", "0.bias"]
    assert model(tl.ones(1, 2)).shape == (1, 2)
    model.append(nn.Linear(2, 3))
    assert model(tl.ones(1, 2)).shape == (1, 3)
    setattr(model, "1", nn.Linear(2, 4))
    assert copy.deepcopy(model)(tl.ones(1, 2)).shape == (1, 4)
    delattr(model, "1")
    assert model(tl.ones(1, 2)).shape == (1, 2)


def test_a_module_may_hold_its_parent():
    model = mlp()
    object.__setattr__(model[0], "parent", model)
    assert len(list(model.parameters())) == 4


def test_text_of_a_model():
    assert repr(mlp()) == (
        "Sequential(\n  (0): Linear(in_features=4, out_features=3, bias=True)\n  (1): Tanh()\n"
        "  (2): Linear(in_features=3, out_features=2, bias=True)\n)"
    )


def test_containers():
    model = nn.Sequential({"hidden": nn.Linear(2, 3), "out": nn.Linear(3, 1)})
    assert [n for n, _ in model.named_parameters()] == ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]
    assert model(tl.ones(5, 2)).shape == (5, 1) and len(model) == 2
    layers = nn.ModuleList([nn.Linear(1, 1)]).append(nn.Linear(1, 1)).extend([nn.Linear(1, 1)])
    assert len(layers) == 3 and layers[-1] is list(layers)[2] and len(layers[1:]) == 2
    with pytest.raises(TypeError, match="expected a Module, got int"):
        layers.append(3)
    with pytest.raises(TypeError, match="ModuleList has no forward"):
        layers(tl.ones(1))


def test_errors_name_the_module_path():
    model = nn.Sequential({"features": nn.Sequential(nn.Linear(4, 3), nn.Linear(5, 2))})
    with pytest.raises(ValueError, match=r"linear in features\.1: x has 3 features, weight \(2, 5\) expects 5"):
        model(tl.ones(1, 4))
    assert tl.ops.linalg.linear.primitive.name == "linear" and model.features[0](tl.ones(1, 4)).shape == (1, 3)


def test_a_list_that_grows_and_a_slice_keep_the_paths():
    class Net(nn.Module):
        def __init__(self):
            self.layers = []
            for size in (3, 4):
                self.layers.append(nn.Linear(size, 3))

        def forward(self, x):
            return self.layers[1](self.layers[0](x))

    with pytest.raises(ValueError, match=r"linear in layers\.1: x has 3"):
        Net()(tl.ones(1, 3))
    whole = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(4, 2))
    part = whole[1:]
    assert list(part.state_dict()) == ["2.weight", "2.bias"] and part[1] is whole[2]
    for model, x in ((whole, tl.ones(1, 2)), (part, tl.ones(1, 3))):
        with pytest.raises(ValueError, match="linear in 2: x has 3"):
            model(x)


def test_the_scope_is_left_after_an_error():
    from tinygrad_lite.state import local

    outer = local.state.scope
    with pytest.raises(ValueError):
        mlp()(tl.ones(1, 5))
    assert local.state.scope is outer


def test_linear_equals_numpy_with_any_leading_dimensions():
    layer = nn.Linear(3, 2)
    for shape in [(3,), (4, 3), (2, 4, 3), (0, 3)]:
        x = RNG.standard_normal(shape).astype(np.float32)
        expected = x @ layer.weight.data.T + layer.bias.data
        np.testing.assert_allclose(layer(tl.Tensor(x)).data, expected, rtol=1e-5, atol=1e-6)
    assert nn.Linear(3, 2, bias=False).bias is None


def test_initial_weights_are_uniform_in_the_bound():
    tl.manual_seed(1)
    layer = nn.Linear(400, 300)
    for p in (layer.weight.data, layer.bias.data):
        assert np.abs(p).max() <= 0.05
    scaled = np.sort(layer.weight.data.ravel()) / 0.05
    uniform = np.linspace(-1, 1, scaled.size)
    assert np.abs(scaled - uniform).max() < 0.01  # the empirical distribution is that of U(-1, 1)
    assert abs(nn.Embedding(200, 200).weight.data.std() - 1) < 0.02


def test_embedding_looks_up_rows_and_gathers_their_gradients():
    table = nn.Embedding(5, 3)
    words = np.array([[1, 1], [4, 0]])
    out = table(words)
    assert (out.data == table.weight.data[words]).all()
    out.sum().backward()
    assert table.weight.grad.data[:, 0].tolist() == [1, 2, 0, 0, 1]
    with pytest.raises(IndexError, match=r"index 5 is out of range: it must be 0 to 4"):
        table(np.array([5]))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_equal_their_formulas(reduction):
    reduce = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}[reduction]
    x, y = RNG.standard_normal((4, 3)), RNG.random((4, 3))
    labels = np.array([0, 2, 1, 1])
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    s = 1 / (1 + np.exp(-x))
    bce = -(y * np.log(s) + (1 - y) * np.log(1 - s))
    nll = -np.log(p)[np.arange(4), labels]
    t = tl.Tensor
    for loss, inputs, expected in [
        (nn.MSELoss, (t(x), t(y)), (x - y) ** 2),
        (nn.CrossEntropyLoss, (t(x), t(labels)), nll),
        (nn.NLLLoss, (t(np.log(p)), t(labels)), nll),
        (nn.BCELoss, (t(s), t(y)), bce),
        (nn.BCEWithLogitsLoss, (t(x), t(y)), bce),
    ]:
        np.testing.assert_allclose(loss(reduction=reduction)(*inputs).data, reduce(expected), rtol=1e-9, err_msg=loss.__name__)
    with pytest.raises(ValueError, match="reduction must be 'mean', 'sum' or 'none', got 'average'"):
        nn.MSELoss("average")


def test_bce_survives_certainty():
    x = tl.tensor([0.0, 1.0], requires_grad=True)
    loss = nn.BCELoss()(x, tl.tensor([1.0, 0.0]))
    assert loss.item() == 100
    loss.backward()
    assert np.isfinite(x.grad.data).all()
    z = tl.tensor([-1e4, 1e4], requires_grad=True)
    nn.BCEWithLogitsLoss()(z, tl.tensor([1.0, 0.0])).backward()
    np.testing.assert_allclose(z.grad.data, [-0.5, 0.5])


def test_cross_entropy_of_large_logits():
    x = tl.tensor([[1e4, 0.0], [0.0, -1e4]], requires_grad=True)
    loss = nn.CrossEntropyLoss()(x, tl.tensor([1, 0]))
    assert loss.item() == 5000
    loss.backward()
    np.testing.assert_allclose(x.grad.data, [[0.5, -0.5], [0, 0]])


@pytest.mark.parametrize("convert", [lambda m: m, lambda m: m.double()])
def test_tensors_over_one_array_share_its_history(convert):
    model = convert(mlp())
    x = tl.ones(1, 4, dtype=model[0].weight.dtype)
    alias = tl.Tensor(model.state_dict()["2.weight"][1:])
    loss = model(x).sum()
    tl.assign(alias, np.zeros((1, 3)))
    with pytest.raises(RuntimeError, match=r"weight.* was changed in place"):
        loss.backward()
    other = tl.Tensor(np.ones(3))
    loss = model(x).sum()
    tl.assign(other, np.zeros(3))  # memory of its own
    loss.backward()

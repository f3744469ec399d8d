"""Modules that hold modules and parameters; what a module finds by name; parameters as a vector."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn
from tinygrad_lite.nn.utils import parameters_to_vector, vector_to_parameters


def test_a_module_dict_holds_modules_by_name():
    parts = nn.ModuleDict({"hidden": nn.Linear(2, 3), "out": nn.Linear(3, 1)})
    assert list(parts) == list(parts.keys()) == ["hidden", "out"] and len(parts) == 2 and "out" in parts
    assert [m.weight.shape for m in parts.values()] == [(3, 2), (1, 3)]
    assert list(parts.state_dict()) == ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]
    parts["act"] = nn.Tanh()
    parts.update([("last", nn.ReLU())])
    assert type(parts.pop("act")) is nn.Tanh and dict(parts.items())["last"] is parts["last"]
    del parts["hidden"]
    assert list(parts) == ["out", "last"]
    parts.clear()
    assert not len(parts) and not list(parts.parameters())


REFUSED = [
    (lambda d: d["what"], KeyError, "ModuleDict has no 'what'; there are a"),
    (lambda d: d.__setitem__("a.b", nn.ReLU()), ValueError, r"a name is text without dots, got 'a\.b'"),
    (lambda d: d.__setitem__("keys", nn.ReLU()), ValueError, "the name 'keys' is taken by an attribute"),
    (lambda d: d.__setitem__("b", 3), TypeError, "ModuleDict: expected a Module, got int"),
    (lambda d: d.__delitem__("b"), KeyError, "ModuleDict has no 'b'"),
    (lambda d: d(tl.ones(1)), TypeError, "ModuleDict has no forward"),
]


@pytest.mark.parametrize(("call", "kind", "text"), REFUSED, ids=[row[2][:30] for row in REFUSED])
def test_errors_of_a_module_dict(call, kind, text):
    parts = nn.ModuleDict({"a": nn.ReLU()})
    with pytest.raises(kind, match=text):
        call(parts)
    assert list(parts) == ["a"]


def test_a_list_changes_as_a_list_does():
    layers = nn.ModuleList([nn.Linear(1, n) for n in (1, 2, 4)])
    layers.insert(2, nn.Linear(1, 3))
    assert [m.out_features for m in layers] == [1, 2, 3, 4]
    layers[-1] = nn.Linear(1, 5)
    assert layers.pop(0).out_features == 1
    del layers[1]
    assert [m.out_features for m in layers] == [2, 5]
    assert list(layers.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    shared = nn.ModuleList([layers[0], layers[0]])
    assert len(shared) == 2 and len(list(shared.children())) == 1 and len(list(shared.parameters())) == 2


def test_a_changed_sequence_runs_as_it_is():
    model = nn.Sequential(nn.ReLU(), nn.MaxPool1d(2))
    x = tl.tensor([[[-1.0, -2.0, 3.0, 4.0]]])
    assert model(x).tolist() == [[[0, 4]]]
    model[0] = nn.Identity()
    assert model(x).tolist() == [[[-1, 4]]]
    model.insert(0, nn.Tanh())
    np.testing.assert_allclose(model(x).data, [[[np.tanh(-1), np.tanh(4)]]], rtol=1e-6)
    del model[2]
    np.testing.assert_allclose(model(x).data, np.tanh(x.data), rtol=1e-6)


class Held(nn.Module):
    """Parameters in a list and in a dict."""

    def __init__(self):
        self.steps = nn.ParameterList([nn.Parameter(tl.ones(2)), tl.zeros(3)])
        self.named = nn.ParameterDict({"left": tl.ones(2), "right": nn.Parameter(tl.ones(1))})

    def forward(self, x):
        return x * self.steps[0] + self.named["left"] * self.named["right"]


@pytest.mark.parametrize("clone", [lambda m: m, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_lists_and_dicts_of_parameters(clone):
    model = clone(Held())
    model.steps.append(tl.ones(1))
    names = ["steps.0", "steps.1", "steps.2", "named.left", "named.right"]
    assert [n for n, _ in model.named_parameters()] == list(model.state_dict()) == names
    assert all(isinstance(p, nn.Parameter) for p in model.steps) and len(model.steps) == 3 and model.steps[-1].shape == (1,)
    model(tl.ones(1, 2)).sum().backward()
    assert model.named["right"].grad.tolist() == [2] and model.steps[0].grad.tolist() == [1, 1]
    assert model.named.get("what") is None and model.named.get("left") is model.named["left"]
    assert repr(model.steps) == "ParameterList(0: (2,) float32, 1: (3,) float32, 2: (1,) float32)"
    with pytest.raises(TypeError, match="ParameterList: expected a Parameter or Tensor, got float"):
        model.steps.append(1.0)


# -- by name -------------------------------------------------------------------------------------------------------


class Model(nn.Module):
    """Modules in a list, one of them under two names, and buffers of which one is not saved."""

    def __init__(self):
        self.layers = [nn.Linear(2, 2), nn.BatchNorm1d(2)]
        self.again = self.layers[0]
        self.scale = nn.Parameter(tl.ones(1))
        self.register_buffer("mean", tl.zeros(2))
        self.register_buffer("cache", tl.zeros(3), persistent=False)
        self.register_buffer("nothing", None)


def test_modules_parameters_and_buffers_by_name():
    model = Model()
    assert model.get_submodule("") is model and model.get_submodule("layers.1") is model.layers[1]
    assert model.get_submodule("again") is model.layers[0] and model.get_parameter("again.bias") is model.layers[0].bias
    assert model.get_parameter("scale") is model.scale and model.get_buffer("layers.1.running_var") is model.layers[1].running_var
    for call, text in [
        (lambda: model.get_submodule("layers.2"), r"Model has no module 'layers\.2'; there are layers\.0, layers\.1, again"),
        (lambda: model.get_parameter("mean"), "Model has no parameter 'mean'; there are scale, layers.0.weight"),
        (lambda: model.get_buffer("scale"), "Model has no buffer 'scale'; there are mean, cache"),
        (lambda: nn.ReLU().get_parameter("a"), "ReLU has no parameter 'a'; there are none"),
    ]:
        with pytest.raises(AttributeError, match=text):
            call()


def test_names_once_or_each_of_this_module_or_all():
    model = Model()
    assert [n for n, _ in model.named_children()] == ["layers.0", "layers.1"]
    assert [n for n, _ in model.named_modules()] == ["", "layers.0", "layers.1"]
    assert [n for n, _ in model.named_modules("m", remove_duplicate=False)] == ["m", "m.layers.0", "m.layers.1", "m.again"]
    assert [n for n, _ in model.named_parameters(recurse=False)] == ["scale"]
    assert [n for n, _ in model.named_buffers(recurse=False)] == ["mean", "cache"]
    assert len(list(model.parameters())) == 5 and len(list(model.parameters(recurse=False))) == 1
    assert [n for n, _ in model.named_parameters(remove_duplicate=False)][-2:] == ["again.weight", "again.bias"]
    assert len(list(model.buffers())) == 5 and len(list(model.buffers(recurse=False))) == 2


def test_what_is_not_persistent_is_not_saved():
    model = Model()
    assert list(model.state_dict()) == [
        "scale", "mean", "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias", "layers.1.running_mean",
        "layers.1.running_var", "layers.1.num_batches_tracked", "again.weight", "again.bias",
    ]  # fmt: skip
    missing, unexpected = copy.deepcopy(model).load_state_dict({**model.state_dict(), "cache": np.ones(3)}, strict=False)
    assert not missing and unexpected == ["cache"]
    model.register_buffer("cache", tl.ones(3))
    assert "cache" in model.state_dict() and "cache" not in Model().state_dict()
    assert model.double().cache.dtype == np.float64


# -- vectors -------------------------------------------------------------------------------------------------------


def test_parameters_as_a_vector_and_back():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    vector = parameters_to_vector(model.parameters())
    assert vector.data.tolist() == np.concatenate([p.data.ravel() for p in model.parameters()]).tolist()
    vector_to_parameters(tl.arange(13.0), model.parameters())
    assert model[0].weight.tolist() == [[0, 1], [2, 3], [4, 5]] and model[1].bias.tolist() == [12]
    assert all(p.is_leaf and p.requires_grad for p in model.parameters())
    with pytest.raises(ValueError, match=r"vec is \(12,\) float32, the parameters have 13 elements"):
        vector_to_parameters(tl.arange(12.0), model.parameters())


def test_the_gradient_passes_through_the_vector():
    model = nn.Linear(2, 2)
    (parameters_to_vector(model.parameters()) * np.arange(6.0)).sum().backward()
    assert model.weight.grad.tolist() == [[0, 1], [2, 3]] and model.bias.grad.tolist() == [4, 5]


def test_a_write_from_a_vector_is_noticed_by_backward():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    loss = model(tl.ones(1, 2)).sum()
    vector_to_parameters(tl.zeros(9), model.parameters())
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


# -- what is set and what is taken --------------------------------------------------------------------------------------


def test_a_part_of_a_sequence_keeps_its_names_and_lists_add_up():
    """So that the state of a part goes into the whole; a ModuleList counts anew."""
    whole = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))
    assert list(whole[1:].state_dict()) == list(whole[::-2].state_dict())[:2] == ["2.weight", "2.bias"]
    assert list(nn.ModuleList(whole)[1:].state_dict()) == ["1.weight", "1.bias"]
    np.testing.assert_array_equal(whole[1:](tl.ones(1, 3)).data, whole[2](whole[1](tl.ones(1, 3))).data)
    both = whole[:1] + whole[2:]
    assert type(both) is nn.Sequential and [name for name, _ in both.named_children()] == ["0", "1"] and both[1] is whole[2]
    layers = nn.ModuleList([whole[0]])
    layers += [whole[2]]
    assert len(layers) == 2 and len(nn.ParameterList([tl.ones(1)]) + [tl.ones(2)]) == 2
    for bad in ({"a": 3}, {"a.b": nn.Tanh()}, {"forward": nn.Tanh()}):
        with pytest.raises((TypeError, ValueError), match="Sequential"):
            nn.Sequential(bad)


def test_a_tensor_does_not_push_out_a_parameter_and_becomes_the_buffer():
    layer, norm = nn.Linear(2, 2), nn.BatchNorm1d(2)
    with pytest.raises(
        TypeError, match=r"Linear\.weight is a Parameter: set a Parameter or None, change its values with assign\(\)"
    ):
        layer.weight = layer.weight - 0.1
    assert list(layer.state_dict()) == ["weight", "bias"]
    del layer.weight
    layer.weight = tl.ones(2, 2)
    layer.bias = None
    assert not list(layer.parameters())
    norm.running_mean = tl.ones(2) * 3.0
    assert norm.state_dict()["running_mean"].tolist() == [3, 3] and isinstance(norm.running_mean, nn.Buffer)


REFUSED_TO_REGISTER = [
    (lambda m: m.register_parameter("a", tl.ones(1)), TypeError, "Parameter 'a': expected a Parameter or None, got Tensor"),
    (lambda m: m.register_parameter("a.b", None), ValueError, r"Parameter 'a\.b': a name is text without dots"),
    (lambda m: m.register_buffer("forward", tl.ones(1)), ValueError, "'forward': the name is taken by the class: choose another"),
    (lambda m: m.register_buffer("a", 1.0), TypeError, "'a': expected a Tensor or None, got float"),
    (lambda m: m.add_module("a", nn.ReLU), TypeError, "Linear: Module 'a': expected a Module or None, got type"),
    (lambda m: m.load_state_dict("weights.npz"), TypeError, r"load_state_dict of Linear: expected names and arrays, .* got str"),
]


@pytest.mark.parametrize(("call", "kind", "text"), REFUSED_TO_REGISTER, ids=[row[2][:30] for row in REFUSED_TO_REGISTER])
def test_what_is_registered_is_checked(call, kind, text):
    layer = nn.Linear(1, 1)
    with pytest.raises(kind, match=text):
        call(layer)
    assert list(layer.state_dict()) == ["weight", "bias"]


class Frozen(nn.Sequential):
    """Always in evaluation mode."""

    def train(self, mode=True):
        return super().train(False)


def test_a_module_may_refuse_to_train():
    model = nn.Sequential(nn.Dropout(), Frozen(nn.BatchNorm1d(2), nn.Sequential(nn.Dropout())), nn.Dropout())
    model.train()
    assert [m.training for m in model.modules()] == [True, True, False, False, False, False, True]
    assert not any(m.training for m in model.eval().modules())


def test_gradients_are_forgotten_or_made_zero():
    layer = nn.Linear(2, 1)
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad is None
    layer(tl.ones(1, 2)).sum().backward()
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0, 0]]
    layer.zero_grad()
    assert layer.weight.grad is None


def test_the_names_of_a_state_behind_a_prefix():
    assert list(nn.Sequential(nn.Linear(1, 1)).state_dict(prefix="model.")) == ["model.0.weight", "model.0.bias"]

"""Tensors leave and come back: DLPack, pickle, copies."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim

DTYPES = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"]
ARRAYS = {
    "matrix": np.arange(6).reshape(2, 3), "transposed": np.arange(6).reshape(2, 3).T, "every second": np.arange(9)[1::2],
    "0-d": np.array(1), "empty": np.zeros((0, 3)),
}  # fmt: skip

# -- DLPack --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ARRAYS)
def test_dlpack_shares_memory_both_ways(name, dtype):
    t = tl.Tensor(ARRAYS[name].astype(dtype))
    out = np.from_dlpack(t)
    back = tl.from_dlpack(out)
    assert isinstance(back, tl.Tensor) and back.dtype == t.dtype and back.shape == t.shape
    np.testing.assert_array_equal(back.data, t.data)
    if t.data.size:
        assert np.shares_memory(out, t.data) and np.shares_memory(back.data, t.data)
        tl.assign(back, 1 - np.asarray(back.data, np.int64) if dtype != "bool" else ~back.data)
        np.testing.assert_array_equal(back.data, t.data)
    assert t.__dlpack_device__() == t.data.__dlpack_device__() == (1, 0)


def test_tensors_from_our_own_share_their_history():
    t = tl.tensor([1.0, 2.0])
    u = tl.from_dlpack(t)
    assert u.data is t.data and u.changed is t.changed
    assert not np.shares_memory(tl.from_dlpack(t, copy=True).data, t.data)


def test_read_only_memory_stays_read_only():
    array = np.arange(3.0)
    array.flags.writeable = False
    t = tl.from_dlpack(array)
    assert np.shares_memory(t.data, array) and not t.data.flags.writeable and not np.from_dlpack(t).flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        tl.assign(t, np.zeros(3))
    copied = tl.from_dlpack(array, copy=True)
    tl.assign(copied, np.zeros(3))
    assert array[1] == 1
    with pytest.raises(BufferError, match="readonly"):
        t.__dlpack__()  # a consumer of the first version cannot be told that it must not write
    assert "versioned" in repr(t.__dlpack__(max_version=(1, 0)))


def test_versions_are_negotiated():
    t = tl.tensor([1.0])
    assert "versioned" not in repr(t.__dlpack__()) and "versioned" in repr(t.__dlpack__(max_version=(1, 3)))


def test_a_flipped_view_leaves_as_a_copy():
    t = tl.arange(4.0).flip(0)
    assert min(t.data.strides) < 0
    np.testing.assert_array_equal(np.from_dlpack(t), [3.0, 2.0, 1.0, 0.0])
    assert not np.shares_memory(np.from_dlpack(t), t.data)
    with pytest.raises(BufferError, match="only exported as a copy"):
        t.__dlpack__(copy=False)


def test_what_cannot_pass_says_so():
    leaf = tl.tensor([1.0], requires_grad=True)
    for call in (np.from_dlpack, tl.from_dlpack):
        with pytest.raises(RuntimeError, match="detach"):
            call(leaf)
    with pytest.raises(TypeError, match="from_dlpack: list has no __dlpack__"):
        tl.from_dlpack([1.0])
    with pytest.raises(TypeError, match="complex"):
        tl.from_dlpack(np.zeros(2, complex))


# -- copies ----------------------------------------------------------------------------------------------------------


class Tied(nn.Module):
    """Two layers of one weight, a norm with statistics, modules in a list, a plain attribute."""

    def __init__(self):
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.norm, self.layers, self.note = nn.BatchNorm1d(4), [nn.Linear(4, 2), nn.ReLU()], {"seen": [1, 2]}
        self.recurrent = nn.LSTM(2, 3)

    def forward(self, x):
        x = self.norm(self.second(self.first(x).tanh()))
        for layer in self.layers:
            x = layer(x)
        return self.recurrent(x)[0]


WAYS = {"deepcopy": copy.deepcopy, "pickle": lambda x: pickle.loads(pickle.dumps(x))}
WAYS |= {f"pickle {n}": lambda x, n=n: pickle.loads(pickle.dumps(x, n)) for n in range(2, pickle.HIGHEST_PROTOCOL + 1)}
EACH_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))


@EACH_WAY
@pytest.mark.parametrize("kind", [tl.Tensor, nn.Parameter, nn.Buffer])
def test_a_tensor(way, kind):
    t = kind(np.arange(6.0).reshape(2, 3)[:, ::2])
    if t.requires_grad:
        (t * t).sum().backward()
    u = way(t)
    assert type(u) is kind and u.requires_grad == t.requires_grad and u.dtype == t.dtype
    assert not np.shares_memory(u.data, t.data)
    np.testing.assert_array_equal(u.data, t.data)
    if t.requires_grad:
        np.testing.assert_array_equal(u.grad.data, t.grad.data)
        (u.sum() * 2).backward()
        np.testing.assert_array_equal(u.grad.data, t.grad.data + 2)


@EACH_WAY
def test_a_computed_tensor_says_why_it_cannot_be_copied(way):
    out = nn.Parameter(np.ones(2)) * 2
    with pytest.raises(RuntimeError, match=r"(deepcopy|pickle): this Tensor was computed by mul; only leaves .* detach\(\) it"):
        way(out)
    np.testing.assert_array_equal(way(out.detach()).data, [2, 2])


@EACH_WAY
def test_a_tensor_that_is_given_twice_stays_one(way):
    base = tl.tensor(np.arange(4.0))
    a, b = way((base, base))
    assert a is b


@EACH_WAY
def test_a_module(way):
    model, x = Tied(), tl.randn(5, 4)
    model(x).sum().backward()
    model.layers[0].eval()
    other = way(model)
    assert type(other) is Tied and str(other) == str(model) and other.note == model.note and other.note is not model.note
    assert other.first.weight is other.second.weight and not other.layers[0].training and other.layers[1].training
    assert [n for n, _ in other.named_parameters()] == [n for n, _ in model.named_parameters()]
    for (name, p), (_, q) in zip(model.named_parameters(), other.named_parameters()):
        assert not np.shares_memory(p.data, q.data), name
        np.testing.assert_array_equal(p.grad.data, q.grad.data)
        assert q.source[0].extra.name == p.source[0].extra.name
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[name], array)
    before = {name: array.copy() for name, array in model.state_dict().items()}
    other(x).sum().backward()  # moves the statistics of the copy
    tl.assign(other.first.weight, np.zeros((4, 4)))
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(before[name], array)
    assert (other.second.weight.data == 0).all()


def steps(model, optimizer, seed, n=4):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        optimizer.zero_grad()
        model(tl.Tensor(rng.standard_normal((5, 4)).astype(np.float32))).square().sum().backward()
        optimizer.step()
    return {name: array.copy() for name, array in model.state_dict().items()}


def optimisers():
    kinds = {name: getattr(optim, name) for name in dir(optim) if isinstance(getattr(optim, name), type)}
    return {n: k for n, k in kinds.items() if issubclass(k, optim.Optimizer) and k is not optim.Optimizer and n != "LBFGS"}


@EACH_WAY
@pytest.mark.parametrize("kind", optimisers())
def test_a_model_with_its_optimiser(way, kind):
    """Copied together they train on as the originals do, and leave those alone."""
    model = Tied()
    optimizer = optimisers()[kind](model.parameters(), lr=0.01)
    steps(model, optimizer, 0)
    other, its_optimizer = way((model, optimizer))
    kept = {name: array.copy() for name, array in model.state_dict().items()}
    copied = steps(other, its_optimizer, 1)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, kept[name])
    went_on = steps(model, optimizer, 1)
    assert any((went_on[name] != kept[name]).any() for name in kept)
    for name, array in went_on.items():
        np.testing.assert_array_equal(copied[name], array)


@EACH_WAY
def test_a_model_without_its_optimiser_is_not_trained_by_it(way):
    model = Tied()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    other = way(model)
    steps(model, optimizer, 0)
    fresh = optim.Adam(other.parameters(), lr=0.01)
    for name, array in steps(other, fresh, 0).items():
        np.testing.assert_array_equal(array, model.state_dict()[name])


def test_a_shallow_copy_shares_the_parameters():
    model = nn.Linear(2, 2)
    other = copy.copy(model)
    assert other.weight is model.weight
    other.weight = nn.Parameter(np.zeros((2, 2), np.float32))
    assert model.weight is not other.weight

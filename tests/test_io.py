"""Saving and loading: whole files or none, and clear errors for anything else."""

import os

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import io, nn

STATE = {
    "float": np.arange(6, dtype=np.float32).reshape(2, 3),
    "double": np.array(2.5),
    "half": np.ones(3, np.float16),
    "int": np.arange(4),
    "bool": np.array([True, False]),
    "empty": np.zeros((0, 3)),
    "transposed": np.arange(6.0).reshape(2, 3).T,
}


def test_what_is_saved_comes_back(tmp_path):
    io.save({**STATE, "tensor": tl.ones(2)}, tmp_path / "deep" / "a.safetensors")
    loaded = io.load(tmp_path / "deep" / "a.safetensors")
    assert set(loaded) == {*STATE, "tensor"}
    for name, array in STATE.items():
        assert loaded[name].dtype == array.dtype and loaded[name].shape == array.shape and (loaded[name] == array).all(), name


def test_a_model_goes_through_a_file(tmp_path):
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    io.save(model.state_dict(), tmp_path / "w.safetensors")
    other.load_state_dict(io.load(tmp_path / "w.safetensors"))
    assert (model.weight.data == other.weight.data).all()


@pytest.mark.parametrize("where", ["replace", "fsync"])
def test_an_interrupted_save_leaves_the_old_file_whole(tmp_path, monkeypatch, where):
    path = tmp_path / "w.safetensors"
    io.save({"a": np.ones(3)}, path)

    def cut(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, where, cut)
    with pytest.raises(KeyboardInterrupt):
        io.save({"a": np.zeros(3)}, path)
    monkeypatch.undo()
    assert io.load(path)["a"].tolist() == [1, 1, 1] and os.listdir(tmp_path) == ["w.safetensors"]


@pytest.mark.parametrize("content", [b"", b"12345678", b"\xff" * 100, b"PK\x03\x04" + b"0" * 50])
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"load: .*x\.safetensors is no whole safetensors file"):
        io.load(path)


def test_every_cut_of_a_file_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    io.save({"a": np.arange(5.0)}, path)
    whole = path.read_bytes()
    for n in range(len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(ValueError, match="no whole safetensors file"):
            io.load(path)


def test_what_cannot_be_saved(tmp_path):
    with pytest.raises(TypeError, match="save: name is <U1"):
        io.save({"name": np.array(["a"])}, tmp_path / "x")
    assert not os.listdir(tmp_path)

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


ENDINGS = pytest.mark.parametrize("ending", ["safetensors", "npz"])


def same(loaded, expected):
    assert set(loaded) == set(expected)
    for name, array in expected.items():
        assert loaded[name].dtype == array.dtype and loaded[name].shape == array.shape and (loaded[name] == array).all(), name


@ENDINGS
def test_what_is_saved_comes_back(tmp_path, ending):
    path = tmp_path / "deep" / f"a.{ending}"
    io.save({**STATE, "tensor": tl.ones(2)}, path)
    same(io.load(path), {**STATE, "tensor": np.ones(2, np.float32)})
    assert io.load_metadata(path) == {} and all(a.flags.writeable and a.flags.owndata for a in io.load(path).values())


@ENDINGS
def test_strings_beside_the_arrays(tmp_path, ending):
    path, metadata = tmp_path / f"a.{ending}", {"name": "Perceptron", "text": 'two\nlines, "quoted", é'}
    io.save(STATE, path, metadata)
    assert io.load_metadata(path) == metadata
    same(io.load(path), STATE)


@ENDINGS
def test_arrays_in_foreign_byte_order_come_back_in_ours(tmp_path, ending):
    io.save({"a": np.arange(3, dtype=">f4")}, tmp_path / f"a.{ending}")
    same(io.load(tmp_path / f"a.{ending}"), {"a": np.arange(3, dtype=np.float32)})


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_npz_files_of_numpy_are_read(tmp_path, write):
    write(tmp_path / "a.npz", **STATE, big_endian=np.arange(3, dtype=">i2"), nothing=np.zeros(2**20))
    same(io.load(tmp_path / "a.npz"), {**STATE, "big_endian": np.arange(3, dtype=np.int16), "nothing": np.zeros(2**20)})


def test_numpy_and_safetensors_read_our_files(tmp_path):
    from safetensors.numpy import load_file

    for ending in ("npz", "safetensors"):
        io.save(STATE, tmp_path / f"a.{ending}", {"note": "for both"})
    with np.load(tmp_path / "a.npz") as archive:
        same({name: archive[name] for name in STATE}, STATE)
    same(load_file(tmp_path / "a.safetensors"), STATE)


@ENDINGS
def test_a_model_goes_through_a_file(tmp_path, ending):
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    io.save(model.state_dict(), tmp_path / f"w.{ending}")
    other.load_state_dict(io.load(tmp_path / f"w.{ending}"))
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


@ENDINGS
@pytest.mark.parametrize("content", [b"", b"12345678", b"\xff" * 100, b"PK\x03\x04" + b"0" * 50])
def test_a_foreign_file_is_refused(tmp_path, content, ending):
    path = tmp_path / f"x.{ending}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"load: .*x\.{ending} is no whole {ending} file of arrays"):
        io.load(path)


@ENDINGS
def test_every_cut_of_a_file_is_refused(tmp_path, ending):
    path = tmp_path / f"w.{ending}"
    io.save({"a": np.arange(5.0)}, path, {"note": "x"})
    whole = path.read_bytes()
    for n in range(len(whole)):
        path.unlink()
        path.write_bytes(whole[:n])
        with pytest.raises(ValueError, match=f"no whole {ending} file"):
            io.load(path)


@pytest.mark.parametrize(
    ("state", "metadata", "kind", "what"),
    [
        ({"name": np.array(["a"])}, None, TypeError, "save: name is <U1; only numbers of at most 64 bits and booleans"),
        ({"z": np.ones(2, complex)}, None, TypeError, "save: z is complex128"),
        ({"o": np.array([None])}, None, TypeError, "save: o is object"),
        ({"l": np.ones(2, np.longdouble)}, None, TypeError, "save: l is float128"),
        ({3: np.ones(2)}, None, TypeError, "save: names are strings, got 3"),
        ({"a": np.ones(2)}, {"epoch": 3}, TypeError, "save: metadata are strings by name, got 'epoch': 3"),
        ({"__metadata__": np.ones(2)}, None, ValueError, "save: the name __metadata__ is taken"),
        ({"a\0b": np.ones(2)}, None, ValueError, r"save: 'a\\x00b' has a zero character, .* take another name"),
        ([np.ones(2)], None, TypeError, r"save: expected arrays by name \(a state_dict\), got list"),
    ],
)
@ENDINGS
def test_what_cannot_be_saved(tmp_path, ending, state, metadata, kind, what):
    with pytest.raises(kind, match=what):
        io.save(state, tmp_path / f"x.{ending}", metadata)
    assert not os.listdir(tmp_path)


def test_the_ending_says_the_format(tmp_path):
    with pytest.raises(ValueError, match=r"save: the name of the file must end in \.safetensors or \.npz, got .*weights\.pt"):
        io.save({"a": np.ones(2)}, tmp_path / "weights.pt")
    with pytest.raises(ValueError, match="load: the name of the file must end in"):
        io.load(tmp_path / "weights")
    with pytest.raises(FileNotFoundError):
        io.load(tmp_path / "none.npz")

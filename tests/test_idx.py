"""IDX files, and MNIST in them."""

import gzip
import struct

import numpy as np
import pytest

from tinygrad_lite.data import load_mnist, read_idx

CODES = {8: np.uint8, 9: np.int8, 11: np.int16, 12: np.int32, 13: np.float32, 14: np.float64}


def content(array, code):
    """An IDX file, value by value."""
    letter = {8: "B", 9: "b", 11: "h", 12: "i", 13: "f", 14: "d"}[code]
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + b"".join(struct.pack(f">{letter}", v) for v in array.ravel().tolist())


@pytest.mark.parametrize("shape", [(7,), (2, 3, 4), (), (0, 5), (3, 1, 1, 2)], ids=str)
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_every_dtype_and_shape(tmp_path, code, shape, pack):
    array = np.arange(int(np.prod(shape, dtype=int))).reshape(shape).astype(CODES[code]) - CODES[code](code != 8)
    path = tmp_path / "a.idx"  # that it is packed is seen by the content
    path.write_bytes(pack(content(array, code)))
    found = read_idx(path)
    assert found.dtype == CODES[code] and found.dtype.isnative and found.shape == shape and (found == array).all()
    assert found.flags.writeable


def folder_of(tmp_path, names, images, labels):
    for prefix in names:
        (tmp_path / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(content(images, 8)))
        (tmp_path / f"{prefix}-labels.idx1-ubyte").write_bytes(content(labels, 8))
    return tmp_path


def test_mnist(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 2), np.uint8)
    images[0, 0] = 0, 255
    labels = np.arange(5, dtype=np.uint8)
    folder = folder_of(tmp_path, ("train", "t10k"), images, labels)
    train, test = load_mnist(folder)
    for x, y in (train, test, load_mnist(folder, "test")):
        assert x.dtype == np.float32 and y.dtype == np.int64 and np.allclose(x * 255, images, atol=1e-4) and (y == labels).all()
        assert x.min() == 0 and x.max() == 1


def test_what_load_mnist_refuses(tmp_path):
    folder = folder_of(tmp_path, ("t10k",), np.zeros((5, 3, 2), np.uint8), np.arange(4, dtype=np.uint8))
    with pytest.raises(FileNotFoundError, match="has no train-images-idx3-ubyte, packed"):
        load_mnist(folder)
    with pytest.raises(ValueError, match=r"got t10k-images \(5, 3, 2\) uint8 and t10k-labels \(4,\) uint8"):
        load_mnist(folder, "test")
    with pytest.raises(ValueError, match="part must be 'train', 'test' or None for both, got 'val'"):
        load_mnist(folder, "val")

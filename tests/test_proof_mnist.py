"""LeNet-5 on real MNIST digits. Needs the data: TINYGRAD_LITE_MNIST names the folder with the IDX files."""

import gzip
import os
import time
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import data, nn, optim, training, zoo

FOLDER = os.environ.get("TINYGRAD_LITE_MNIST")
HELD_OUT = 2_000
pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(not FOLDER, reason="TINYGRAD_LITE_MNIST does not name the folder with t10k-images-idx3-ubyte.gz"),
]


def read_idx(path):
    """The unsigned bytes in a gzipped IDX file: 0, 0, type 8, number of sizes, the sizes, the bytes."""
    raw = gzip.decompress(path.read_bytes())
    assert raw[:3] == b"\0\0\x08"
    sizes = np.frombuffer(raw, ">i4", raw[3], 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(sizes)


def digits():
    """The 10,000 digits of the file, brought to mean 0 and variance 1, shuffled, split so that each class has the same share."""
    images = read_idx(Path(FOLDER) / "t10k-images-idx3-ubyte.gz")[:, None].astype(np.float32) / 255
    labels = read_idx(Path(FOLDER) / "t10k-labels-idx1-ubyte.gz").astype(np.int64)
    held_out = data.digits.stratified(labels, HELD_OUT, np.random.default_rng(0))
    train = np.setdiff1d(np.arange(len(labels)), held_out)
    images = (images - images[train].mean()) / images[train].std()
    return (images[train], labels[train]), (images[held_out], labels[held_out])


class Shifted(data.Dataset):
    """Images moved by up to a pixel, each time anew."""

    def __init__(self, images, labels):
        self.images, self.labels, self.rng = images, labels, np.random.default_rng(0)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return np.roll(self.images[index], self.rng.integers(-1, 2, 2), (1, 2)), self.labels[index]


def test_lenet_reaches_98_percent_in_two_minutes():
    start = time.perf_counter()
    train, held_out = digits()
    assert len(train[1]) == 8_000 and len(held_out[1]) == HELD_OUT
    tl.manual_seed(0)
    model, reached = zoo.LeNet5(), []
    loader, tests = data.DataLoader(Shifted(*train), 64, shuffle=True), data.DataLoader(data.TensorDataset(*held_out), 500)
    for lr, epochs in ((2e-3, 12), (4e-4, 4)):
        optimizer = optim.Adam(model.parameters(), lr=lr)
        history = training.fit(model, nn.CrossEntropyLoss(), optimizer, loader, epochs, held_out=tests, progress=False)
        reached += history["held_out_accuracy"]
    seconds = time.perf_counter() - start
    print([f"{100 * share:.2f} %" for share in reached], f"{seconds:.1f} s")
    assert reached[-1] >= 0.98
    assert seconds < 120

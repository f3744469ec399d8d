"""Datasets, loaders, the real digits."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset, load_digits, random_split
from tinygrad_lite.data.digits import stratified

PAIRS = TensorDataset(np.arange(10.0), np.arange(10))


class Squares(Dataset):
    def __len__(self):
        return 7

    def __getitem__(self, index):
        return np.full(2, index), float(index**2)


@pytest.mark.parametrize(
    ("size", "drop", "sizes"),
    [(3, False, [3, 3, 3, 1]), (3, True, [3, 3, 3]), (20, False, [10]), (20, True, []), (1, False, [1] * 10)],
)
def test_sizes_of_batches(size, drop, sizes):
    loader = DataLoader(PAIRS, size, drop_last=drop)
    batches = list(loader)
    assert [len(x) for x, _ in batches] == sizes and len(loader) == len(sizes)
    assert all((x.data == y.data).all() for x, y in batches)


def test_every_example_comes_once_in_each_epoch_in_a_new_order():
    tl.manual_seed(0)
    loader = DataLoader(PAIRS, 4, shuffle=True)
    epochs = [np.concatenate([y.data for _, y in loader]) for _ in range(2)]
    assert all(sorted(e) == list(range(10)) for e in epochs) and (epochs[0] != epochs[1]).any()


def test_orders_follow_the_seed():
    def orders(**options):
        loader = DataLoader(PAIRS, 10, shuffle=True, **options)
        return [y.data.tolist() for _ in range(2) for _, y in loader]

    assert orders(seed=3) == orders(seed=3) != orders(seed=4)
    tl.manual_seed(5)
    first = orders()
    tl.manual_seed(5)
    assert first == orders()


def test_examples_one_by_one_are_stacked():
    (x, y), (_, last) = list(DataLoader(Squares(), 5))
    assert x.shape == (5, 2) and y.data.tolist() == [0, 1, 4, 9, 16] and y.dtype == np.float32 and last.data.tolist() == [25, 36]
    assert [len(b) for b in DataLoader(Squares(), 3, collate_fn=list)] == [3, 3, 1]


def test_a_batch_does_not_share_the_memory_of_the_dataset():
    array = np.zeros((4, 2))
    (batch,) = next(iter(DataLoader(TensorDataset(array), 4)))
    assert not np.shares_memory(batch.data, array)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"first sizes differ: \(2,\), \(3,\)"):
        TensorDataset(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="batch_size must be 1 or more, got 0"):
        DataLoader(PAIRS, 0)
    with pytest.raises(TypeError, match="define __len__"):
        len(Dataset())


def test_digits_are_split_with_equal_shares_and_nothing_twice():
    (x, y), (u, v) = load_digits()
    assert x.shape == (1500, 64) and u.shape == (297, 64) and x.dtype == np.float32 and y.dtype == np.int64
    assert x.min() == 0 and x.max() == 1
    shares = np.bincount(v) / np.bincount(np.concatenate([y, v]))
    assert np.abs(shares - 297 / 1797).max() < 0.005
    everything = {row.tobytes() for row in np.concatenate([x, u])}
    assert len(everything) == 1797  # all digits differ, so none stands on both sides
    assert (load_digits()[1][1] == v).all() and (load_digits(seed=1)[1][1] != v).any()


def test_stratified_counts_are_exact():
    labels = np.repeat([0, 1, 2], [50, 30, 21])
    chosen = stratified(labels, 17, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == 17 and np.abs(np.bincount(labels[chosen]) - np.array([50, 30, 21]) * 17 / 101).max() < 1


# -- datasets of datasets --


def test_subset_and_concat():
    some = Subset(PAIRS, [3, -1, 3])
    assert [int(y.data) for _, y in (some[k] for k in range(3))] == [3, 9, 3] and len(some) == 3
    assert next(iter(DataLoader(some, 3)))[1].tolist() == [3, 9, 3]
    assert next(iter(DataLoader(Subset(Squares(), [2, 5]), 2)))[1].tolist() == [4, 25]
    both = Subset(PAIRS, [1]) + Subset(PAIRS, []) + Subset(PAIRS, [5, 6])
    assert [int(both[k][1].data) for k in (0, 1, 2, -1, -3)] == [1, 5, 6, 6, 1] and len(both) == 3
    for k in (3, -4):
        with pytest.raises(IndexError, match=f"ConcatDataset: it has 3 examples, none of number {k}"):
            both[k]


@pytest.mark.parametrize(
    ("lengths", "sizes"),
    [
        ([7, 3], [7, 3]),
        ([0.7, 0.3], [7, 3]),
        ([10, 0], [10, 0]),
        ([0.5, 0.25, 0.25], [6, 2, 2]),
        ([1 / 3] * 3, [4, 3, 3]),
        ([1.0], [10]),
    ],
)
def test_random_split(lengths, sizes):
    parts = random_split(PAIRS, lengths, seed=1)
    assert [len(p) for p in parts] == sizes
    assert sorted(i for p in parts for i in p.indices.tolist()) == list(range(10))
    same, other = random_split(PAIRS, lengths, seed=1), random_split(PAIRS, lengths, seed=2)
    assert all((a.indices == b.indices).all() for a, b in zip(parts, same))
    assert any((a.indices != b.indices).any() for a, b in zip(parts, other))
    tl.manual_seed(4)
    drawn = random_split(PAIRS, lengths)
    tl.manual_seed(4)
    assert all((a.indices == b.indices).all() for a, b in zip(drawn, random_split(PAIRS, lengths)))


def test_what_datasets_of_datasets_refuse():
    for lengths in ([5, 4], [0.5, 0.4], [0.7, 0.7]):
        with pytest.raises(ValueError, match="lengths must add up to 10, or fractions to 1"):
            random_split(PAIRS, lengths)
    with pytest.raises(ValueError, match="lengths must not be negative"):
        random_split(PAIRS, [11, -1])
    with pytest.raises(TypeError, match="random_split: lengths is a list of sizes or fractions, got 10"):
        random_split(PAIRS, 10)
    with pytest.raises(IndexError, match="Subset: the dataset has 10 examples, none of number 10"):
        Subset(PAIRS, [0, 10])
    with pytest.raises(ValueError, match=r"Subset: indices must be integers \(n\), got \(2,\) float64"):
        Subset(PAIRS, [0.5, 1])
    with pytest.raises(ValueError, match="ConcatDataset: give at least one dataset"):
        ConcatDataset([])

"""Datasets: examples by number, and datasets made of others."""

from __future__ import annotations

import bisect
import itertools
import math

import numpy as np

from ..ops.random import generator
from ..tensor import Tensor


class Dataset:
    """Examples by number: define ``__len__`` and ``__getitem__``."""

    whole_batches = False  # whether an array of numbers gives the batch of their examples

    def __len__(self):
        raise TypeError(f"{type(self).__name__} has no length: define __len__")

    def __getitem__(self, index):
        raise TypeError(f"{type(self).__name__} has no examples: define __getitem__(index)")

    def __add__(self, other):
        return ConcatDataset([self, other])


class TensorDataset(Dataset):
    """Tensors or arrays of equal first size; example i is row i of each."""

    whole_batches = True

    def __init__(self, *tensors):
        if not tensors:
            raise ValueError("TensorDataset: give at least one Tensor")
        self.arrays = [t.data if isinstance(t, Tensor) else np.asarray(t) for t in tensors]
        lengths = [len(a) if a.ndim else None for a in self.arrays]
        if len(set(lengths)) > 1 or None in lengths:
            raise ValueError(f"TensorDataset: the first sizes differ: {', '.join(str(a.shape) for a in self.arrays)}")

    def __len__(self):
        return len(self.arrays[0])

    def __getitem__(self, index):
        """Row ``index`` of each, or the rows of an integer array or a slice."""
        return tuple(Tensor(np.asarray(a[index])) for a in self.arrays)


class Subset(Dataset):
    """The examples of ``dataset`` with the numbers ``indices``, in that order."""

    def __init__(self, dataset, indices):
        self.dataset, self.indices = dataset, np.asarray(indices)
        if self.indices.ndim != 1 or (self.indices.size and self.indices.dtype.kind not in "iu"):
            raise ValueError(f"Subset: indices must be integers (n), got {self.indices.shape} {self.indices.dtype}")
        self.indices = self.indices.astype(np.int64)
        wrong = (self.indices < -len(dataset)) | (self.indices >= len(dataset))
        if wrong.any():
            raise IndexError(f"Subset: the dataset has {len(dataset)} examples, none of number {self.indices[wrong][0]}")

    @property
    def whole_batches(self):
        """As the dataset below."""
        return getattr(self.dataset, "whole_batches", False)

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, index):
        rows = self.indices[index]
        return self.dataset[rows if rows.ndim else int(rows)]


class ConcatDataset(Dataset):
    """The examples of several datasets, one after the other; ``first + second`` makes one too."""

    def __init__(self, datasets):
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: give at least one dataset")
        self.ends = list(itertools.accumulate(len(d) for d in self.datasets))

    def __len__(self):
        return self.ends[-1]

    def __getitem__(self, index):
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"ConcatDataset: it has {len(self)} examples, none of number {index}")
        which = bisect.bisect_right(self.ends, number)
        return self.datasets[which][number - (self.ends[which - 1] if which else 0)]


def random_split(dataset, lengths, seed=None):
    """``dataset`` cut at random into Subsets of the given ``lengths``, which add up to its own, or of fractions that add up to 1.

    Fractions are rounded down to whole examples; those left over go to the first parts, one to each. The order is drawn from
    ``seed`` alone, without it from the framework's generator.
    """
    n, lengths = len(dataset), list(lengths) if np.ndim(lengths) else lengths
    if not isinstance(lengths, list):
        raise TypeError(f"random_split: lengths is a list of sizes or fractions, got {lengths!r}")
    if any(not v >= 0 for v in lengths):
        raise ValueError(f"random_split: lengths must not be negative, got {lengths}")
    if all(isinstance(v, (int, np.integer)) for v in lengths) and sum(lengths) != 1:
        sizes = [int(v) for v in lengths]
    elif math.isclose(sum(lengths), 1):
        sizes = [math.floor(n * v) for v in lengths]
        for k in range(n - sum(sizes)):
            sizes[k % len(sizes)] += 1
    else:
        sizes = []
    if sum(sizes) != n:
        raise ValueError(f"random_split: lengths must add up to {n}, or fractions to 1, got {lengths}")
    order = (generator() if seed is None else np.random.Generator(np.random.Philox(seed))).permutation(n)
    ends = list(itertools.accumulate(sizes))
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends)]

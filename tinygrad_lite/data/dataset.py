"""Datasets, and the loader that makes batches of them."""

from __future__ import annotations

import numpy as np

from ..dtypes import get_default_dtype
from ..ops.random import generator
from ..tensor import Tensor


class Dataset:
    """Examples by number: define ``__len__`` and ``__getitem__``."""

    def __len__(self):
        raise TypeError(f"{type(self).__name__} has no length: define __len__")

    def __getitem__(self, index):
        raise TypeError(f"{type(self).__name__} has no examples: define __getitem__(index)")


class TensorDataset(Dataset):
    """Tensors or arrays of equal first size; example i is row i of each."""

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


def collate(examples):
    """Examples (numbers, arrays, Tensors, or tuples of them) stacked to a batch of Tensors."""
    first = examples[0]
    if isinstance(first, (tuple, list)):
        return tuple(collate([e[k] for e in examples]) for k in range(len(first)))
    arrays = [e.data if isinstance(e, Tensor) else np.asarray(e) for e in examples]
    batch = np.stack(arrays)
    return Tensor(batch.astype(get_default_dtype()) if batch.dtype == np.float64 and isinstance(first, float) else batch)


class DataLoader:
    """Batches of a dataset, to loop over; each loop is one epoch.

    dataset     a `Dataset`, or anything with a length and examples by number
    batch_size  examples in a batch; the last one may be smaller unless ``drop_last``
    shuffle     a new order in each epoch
    seed        draw the orders from this seed alone; without it they come from the framework's generator (`manual_seed`)
    collate_fn  makes a batch of a list of examples; without it a `TensorDataset` gives its rows at once
    """

    def __init__(self, dataset, batch_size=1, shuffle=False, drop_last=False, seed=None, collate_fn=None):
        if batch_size < 1:
            raise ValueError(f"DataLoader: batch_size must be 1 or more, got {batch_size}")
        self.dataset, self.batch_size, self.shuffle, self.drop_last = dataset, int(batch_size), shuffle, drop_last
        self.collate_fn = collate_fn
        self._orders = None if seed is None else np.random.Generator(np.random.Philox(seed))

    def __len__(self):
        n = len(self.dataset)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self):
        n = len(self.dataset)
        order = (self._orders or generator()).permutation(n) if self.shuffle else np.arange(n)
        whole = isinstance(self.dataset, TensorDataset) and self.collate_fn is None
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            rows = order[start : start + self.batch_size]
            if whole:
                yield self.dataset[rows]
            else:
                yield (self.collate_fn or collate)([self.dataset[int(i)] for i in rows])

"""The loader that makes batches of a dataset, ahead of the loop where that is asked for."""

from __future__ import annotations

import operator
from collections import deque

import numpy as np

from ..dtypes import get_default_dtype
from ..ops.random import drawing_from, generator
from ..state import local
from ..tensor import Tensor


def collate(examples, where=""):
    """A batch of ``examples``: numbers, arrays and Tensors of one shape are stacked to a Tensor (batch, ...), strings stay a list;
    tuples, lists and dicts of these become a tuple or dict of batches. Python floats take the default dtype."""
    first = examples[0]
    if isinstance(first, dict):
        if any(not isinstance(e, dict) or e.keys() != first.keys() for e in examples):
            raise ValueError(f"collate: the examples have different keys{where}: {_some(map(_kind, examples))}")
        return {key: collate([e[key] for e in examples], f" in [{key!r}]{where}") for key in first}
    if isinstance(first, (tuple, list)):
        if any(not isinstance(e, (tuple, list)) or len(e) != len(first) for e in examples):
            raise ValueError(
                f"collate: the examples have different lengths{where}: {_some(map(_kind, examples))}; give a collate_fn"
            )
        fields = [collate([e[k] for e in examples], f" in [{k}]{where}") for k in range(len(first))]
        return type(first)(*fields) if hasattr(first, "_fields") else tuple(fields)
    if isinstance(first, str):
        return list(examples)
    arrays = [e.data if isinstance(e, Tensor) else np.asarray(e) for e in examples]
    if any(a.shape != arrays[0].shape for a in arrays):
        raise ValueError(f"collate: the examples have different shapes{where}: {_some(a.shape for a in arrays)}; give a collate_fn")
    if any(a.dtype.kind not in "biuf" for a in arrays):
        kinds = _some(type(e).__name__ for e in examples)
        raise TypeError(f"collate: {kinds}{where} cannot be stacked: expected numbers, arrays, Tensors; give a collate_fn")
    batch = np.stack(arrays)
    return Tensor(batch.astype(get_default_dtype()) if batch.dtype == np.float64 and isinstance(first, float) else batch)


def _kind(example):
    if isinstance(example, dict):
        return list(example)
    return f"{len(example)} fields" if isinstance(example, (tuple, list)) else type(example).__name__


def _some(values):
    """The different ones among ``values``, in order; a few of them."""
    different = list(dict.fromkeys(map(str, values)))
    return ", ".join(different[:4]) + (", ..." if len(different) > 4 else "")


class DataLoader:
    """Batches of a dataset, to loop over; each loop is one epoch.

    dataset     a `Dataset`, or anything with a length and examples by number
    batch_size  examples in a batch; the last one may be smaller unless ``drop_last``
    shuffle     a new order in each epoch
    seed        draw the orders from this seed alone; without it they come from the framework's generator (`manual_seed`)
    collate_fn  makes a batch of a list of examples; without it `collate`, and a `TensorDataset` gives its rows at once
    prefetch    so many batches are prepared by a thread while the loop works on one; the batches are the same

    What examples draw from the framework's generator (``tl.randn`` in ``__getitem__``) depends on the epoch and the batch alone, so
    it is the same with ``prefetch`` and after a run is resumed.
    """

    def __init__(self, dataset, batch_size=1, shuffle=False, drop_last=False, seed=None, collate_fn=None, prefetch=0):
        if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
            raise TypeError(f"DataLoader: the dataset needs a length and examples by number, {type(dataset).__name__} has not both")
        self.batch_size, self.prefetch = _integer("batch_size", batch_size), _integer("prefetch", prefetch)
        if self.batch_size < 1:
            raise ValueError(f"DataLoader: batch_size must be 1 or more, got {batch_size}")
        if self.prefetch < 0:
            raise ValueError(f"DataLoader: prefetch must not be negative, got {prefetch}")
        self.dataset, self.shuffle, self.drop_last, self.collate_fn = dataset, shuffle, drop_last, collate_fn
        self._orders = None if seed is None else np.random.Generator(np.random.Philox(seed))

    def __len__(self):
        n = len(self.dataset)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self):
        return self.from_batch(0)

    def from_batch(self, first):
        """A loop over the next epoch that leaves out its first ``first`` batches; they are not prepared."""
        source, n = self._orders or generator(), len(self.dataset)
        order = source.permutation(n) if self.shuffle else np.arange(n)
        if self.collate_fn is None and getattr(self.dataset, "whole_batches", False):
            make = lambda k: self.dataset[order[k * self.batch_size : (k + 1) * self.batch_size]]
        else:
            make = self._from_examples(order, int(source.integers(2**63)))
        numbers = range(first, len(self))
        return _ahead(make, numbers, self.prefetch) if self.prefetch else map(make, numbers)

    def _from_examples(self, order, key):
        def make(k):
            rows = order[k * self.batch_size : (k + 1) * self.batch_size]
            with drawing_from(np.random.Generator(np.random.Philox(np.random.SeedSequence([key, k])))):
                return (self.collate_fn or collate)([self.dataset[int(i)] for i in rows])

        return make

    def state_dict(self):
        """What decides the orders of the epochs to come, in numbers, lists and dicts: the state of the generator of its ``seed``;
        without one that is the framework's (`get_rng_state`)."""
        seeded = None if self._orders is None else _plain(self._orders.bit_generator.state)
        return {"examples": len(self.dataset), "batch_size": self.batch_size, "seeded": seeded}

    def load_state_dict(self, state):
        """Go on with the orders where `state_dict` was called, over the same dataset."""
        here = self.state_dict()
        for name in ("examples", "batch_size"):
            if state[name] != here[name]:
                raise ValueError(f"load_state_dict of DataLoader: {name} was {state[name]}, it is {here[name]} now")
        if (state["seeded"] is None) != (self._orders is None):
            raise ValueError("load_state_dict of DataLoader: one of the two has a seed, the other has none")
        if self._orders is not None:
            self._orders.bit_generator.state = state["seeded"]


def _integer(name, value):
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"DataLoader: {name} must be an integer, got {value!r}") from None


def _plain(state):
    """The state of a generator with its arrays as lists."""
    if isinstance(state, dict):
        return {name: _plain(value) for name, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray) else state


def _ahead(make, numbers, count):
    """make(k) of each k in ``numbers``, ``count`` of them prepared by a thread before they are asked for."""
    from concurrent.futures import ThreadPoolExecutor

    flags = local.state.recording, local.state.anomaly, local.state.scope  # of the thread that loops

    def work(k):
        local.state.recording, local.state.anomaly, local.state.scope = flags
        return make(k)

    numbers = iter(numbers)
    with ThreadPoolExecutor(1, "tinygrad_lite DataLoader") as thread:
        waiting = deque(thread.submit(work, k) for _, k in zip(range(count), numbers))
        try:
            while waiting:
                batch = waiting.popleft().result()
                k = next(numbers, None)
                if k is not None:
                    waiting.append(thread.submit(work, k))
                yield batch
        finally:
            for future in waiting:
                future.cancel()

"""Batches prepared ahead, where a loop stands, what becomes of examples in a batch."""

import json
import threading
import time
import traceback
from collections import namedtuple

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import ops
from tinygrad_lite.data import DataLoader, Dataset, TensorDataset, collate

Pair = namedtuple("Pair", "x y")


class Noisy(Dataset):
    """Examples that draw from the framework's generator."""

    def __init__(self, n=11):
        self.n, self.asked, self.threads = n, [], set()

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        self.asked.append(index)
        self.threads.add(threading.current_thread())
        return tl.randn(2) + index, index


def plain(batches):
    return [(x.data.tolist(), y.data.tolist()) for x, y in batches]


def epochs(prefetch, count=3, draw=True, **options):
    """The batches of some epochs, while the loop draws from the generator too."""
    tl.manual_seed(1)
    loader, found = DataLoader(Noisy(), 3, shuffle=True, prefetch=prefetch, **options), []
    for _ in range(count):
        for batch in loader:
            found.append((plain([batch]), tl.randn(1).item() if draw else 0))
            time.sleep(0.001)
    return found


@pytest.mark.parametrize("options", [{}, {"seed": 5}, {"drop_last": True}], ids=str)
def test_prefetch_changes_nothing(options):
    expected = epochs(0, **options)
    assert all(epochs(k, **options) == expected for k in (1, 2, 50))
    assert len({str(e) for e in expected}) == len(expected)


def test_the_seed_decides_what_examples_draw_whatever_the_loop_draws():
    (a, b) = ([batch for batch, _ in epochs(2, draw=draw, seed=5)] for draw in (True, False))
    assert a == b


def test_no_two_batches_draw_the_same():
    """What an example adds to its number differs: within a batch, from batch to batch, from epoch to epoch."""
    loader = DataLoader(Noisy(), 3, seed=5)
    drawn = [(x.data - index.data[:, None]).ravel() for _ in range(2) for x, index in loader]
    assert len(np.unique(np.concatenate(drawn).round(5))) == 2 * 11 * 2


def test_so_many_batches_are_prepared_ahead_and_by_one_other_thread():
    data, barrier = Noisy(40), threading.Event()
    batches = iter(DataLoader(data, 4, prefetch=3))
    for k in range(4):
        next(batches)
        deadline = time.time() + 5
        while len(data.asked) < 4 * (k + 4) and time.time() < deadline:
            barrier.wait(0.001)
        barrier.wait(0.01)
        assert len(data.asked) == 4 * (k + 4)
    batches.close()
    assert len(data.threads) == 1 and threading.current_thread() not in data.threads


def test_leaving_the_loop_leaves_no_thread():
    before = set(threading.enumerate())
    loader = DataLoader(Noisy(40), 2, prefetch=4)
    for _ in loader:
        break
    assert set(threading.enumerate()) == before
    with pytest.raises(KeyError):
        for _ in loader:
            raise KeyError
    assert set(threading.enumerate()) == before
    batches = iter(loader)
    next(batches)
    assert set(threading.enumerate()) > before
    del batches
    assert set(threading.enumerate()) == before
    assert len(list(loader)) == 20 and set(threading.enumerate()) == before


class Broken(Noisy):
    def __getitem__(self, index):
        if index == 5:
            raise LookupError("no such picture")
        return super().__getitem__(index)


@pytest.mark.parametrize("prefetch", [0, 1, 4])
def test_an_error_comes_in_the_loop_where_its_batch_would_and_shows_where_it_was_raised(prefetch):
    given, before = [], set(threading.enumerate())
    with pytest.raises(LookupError, match="no such picture") as info:
        for batch in DataLoader(Broken(), 2, prefetch=prefetch):
            given.append(batch)
    assert len(given) == 2 and "raise LookupError" in "".join(traceback.format_tb(info.tb))
    assert set(threading.enumerate()) == before


def test_the_thread_has_the_flags_of_the_loop():
    weight = tl.ones(1, requires_grad=True)

    class Weighted(Noisy):
        def __getitem__(self, index):
            return (weight * index).requires_grad

    def recorded(prefetch):
        return [flags.data.any() for flags in DataLoader(Weighted(4), 2, prefetch=prefetch)]

    assert recorded(1) == recorded(0) == [True, True]
    with tl.no_grad():
        assert recorded(1) == recorded(0) == [False, False]


def test_drawing_from_is_of_one_thread():
    seen = {}

    def inner():
        with ops.random.drawing_from(np.random.Generator(np.random.Philox(3))):
            seen["inside"] = tl.rand(2).tolist()
            meet.wait()
            meet.wait()

    meet = threading.Barrier(2, timeout=10)
    thread = threading.Thread(target=inner)
    tl.manual_seed(0)
    expected = tl.rand(2).tolist()
    tl.manual_seed(0)
    thread.start()
    meet.wait()
    assert tl.rand(2).tolist() == expected != seen["inside"]
    meet.wait()
    thread.join()


# -- going on --


@pytest.mark.parametrize("options", [{}, {"seed": 3}, {"seed": 3, "prefetch": 2}, {"shuffle": False}], ids=str)
@pytest.mark.parametrize("first", [0, 1, 3, 4])
def test_a_loader_goes_on_where_another_stood(first, options):
    options = {"shuffle": True, **options}
    tl.manual_seed(2)
    loader = DataLoader(Noisy(), 3, **options)
    list(loader), next(iter(loader))  # a loop that is left early is an epoch too
    states = json.loads(json.dumps([loader.state_dict(), tl.get_rng_state()], default=lambda a: a.tolist()))
    expected = plain(loader), plain(loader)
    other = DataLoader(Noisy(), 3, **options)
    other.load_state_dict(states[0])
    tl.set_rng_state(states[1])
    assert plain(other.from_batch(first)) == expected[0][first:] and len(other.dataset.asked) == max(11 - 3 * first, 0)
    assert plain(other) == expected[1]


def test_states_that_do_not_fit():
    state = DataLoader(Noisy(), 3, seed=1).state_dict()
    for options, what in (
        ({"batch_size": 4, "seed": 1}, "batch_size was 3, it is 4 now"),
        ({"batch_size": 3}, "one of the two has a seed"),
    ):
        with pytest.raises(ValueError, match=what):
            DataLoader(Noisy(), **options).load_state_dict(state)
    with pytest.raises(ValueError, match="examples was 11, it is 12 now"):
        DataLoader(Noisy(12), 3, seed=1).load_state_dict(state)


# -- collate --


def test_collate():
    batch = collate([{"x": np.ones(2), "more": (1, [2.5, "a"])}, {"x": tl.zeros(2), "more": (2, [3.5, "b"])}])
    assert batch["x"].tolist() == [[1, 1], [0, 0]] and batch["x"].dtype == np.float64
    numbers, (floats, names) = batch["more"]
    assert numbers.tolist() == [1, 2] and numbers.dtype == np.int64 and floats.dtype == np.float32 and names == ["a", "b"]
    pair = collate([Pair(1, True), Pair(2, False)])
    assert isinstance(pair, Pair) and pair.y.dtype == bool and collate([np.zeros((0, 2))] * 3).shape == (3, 0, 2)


@pytest.mark.parametrize(
    ("examples", "kind", "what"),
    [
        ([(np.ones(3), 1), (np.ones(4), 1)], ValueError, r"different shapes in \[0\]: \(3,\), \(4,\); give a collate_fn"),
        ([np.ones(3), 1.0], ValueError, r"different shapes: \(3,\), \(\);"),
        ([{"a": 1}, {"b": 1}], ValueError, r"different keys: \['a'\], \['b'\]"),
        ([{"a": 1}, 3], ValueError, r"different keys: \['a'\], int"),
        ([(1, 2), (1,)], ValueError, "different lengths: 2 fields, 1 fields; give a collate_fn"),
        ([{"a": (None,)}, {"a": (None,)}], TypeError, r"NoneType in \[0\] in \['a'\] cannot be stacked"),
        ([[object()]], TypeError, "object in .* cannot be stacked: expected numbers, arrays, Tensors"),
    ],
)
def test_what_collate_refuses(examples, kind, what):
    with pytest.raises(kind, match=f"collate: .*{what}"):
        collate(examples)


def test_arguments():
    with pytest.raises(ValueError, match="prefetch must not be negative, got -1"):
        DataLoader(TensorDataset(np.zeros(3)), prefetch=-1)
    with pytest.raises(TypeError, match=r"DataLoader: batch_size must be an integer, got 2\.5"):
        DataLoader(TensorDataset(np.zeros(3)), batch_size=2.5)
    for dataset, kind in ((iter([1, 2]), "list_iterator"), (5, "int"), ({1, 2}, "set")):
        with pytest.raises(TypeError, match=f"DataLoader: the dataset needs a length and examples by number, {kind} has not both"):
            DataLoader(dataset)

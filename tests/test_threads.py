"""Threads: flags are each thread's own, and graphs are built and walked side by side."""

import sys
import threading

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.state import local


@pytest.fixture(autouse=True)
def switch_often():
    """Threads take turns after a few bytecodes instead of after 5 ms."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def run(*functions):
    """Each function on a thread of its own, started together; their results, or the first error."""
    barrier, results, errors = threading.Barrier(len(functions)), [None] * len(functions), []

    def work(k, function):
        barrier.wait()
        try:
            results[k] = function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=item) for item in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def training(seed, steps=60):
    """A small model trained with first and second derivatives; its weights."""
    rng = np.random.default_rng(seed)
    w, b = tl.tensor(rng.normal(size=(4, 3)), requires_grad=True), tl.tensor(rng.normal(size=3), requires_grad=True)
    x, labels = rng.normal(size=(5, 4)), rng.integers(0, 3, 5)
    for _ in range(steps):
        logits = tl.checkpoint(lambda t: (tl.tensor(t) @ w + b).tanh(), x)
        loss = tl.cross_entropy(logits, labels) + (w.unbind(0)[0] * b).square().mean()
        (g,) = tl.grad(loss, w, create_graph=True)
        (loss + 0.01 * (g * g).sum()).backward()
        for p in (w, b):
            tl.assign(p, p.data - 0.1 * p.grad.data)
            p.grad = None
    return w.data, b.data


def test_threads_build_and_walk_graphs_side_by_side():
    alone = [training(seed) for seed in range(4)]
    together = run(*[lambda seed=seed: training(seed) for seed in range(4)])
    for one, other in zip(alone, together):
        for a, b in zip(one, other):
            np.testing.assert_array_equal(a, b)


def small_cnn():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(8 * 36, 4),
    )  # fmt: skip


class WordClassifier(nn.Module):
    def __init__(self):
        self.words, self.lstm, self.head = nn.Embedding(20, 8), nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 4)

    def forward(self, x):
        return self.head(self.lstm(self.words(x))[0][:, -1])


MODELS = {
    "MLP": (lambda: nn.Sequential(nn.Linear(10, 64), nn.Tanh(), nn.Linear(64, 4)), lambda rng: rng.standard_normal((32, 10))),
    "CNN": (small_cnn, lambda rng: rng.standard_normal((8, 3, 16, 16))),
    "LSTM": (WordClassifier, lambda rng: rng.integers(0, 20, (16, 12))),
}


def trained(name, seed, dtype, steps=12):
    """Losses and the final state of a classifier that was trained from weights of its own."""
    build, draw = MODELS[name]
    rng = np.random.default_rng(seed)
    model = build().to(dtype)
    for p in model.parameters():
        tl.assign(p, 0.3 * rng.standard_normal(p.shape))
    optimizer, losses = optim.Adam(model.parameters(), lr=0.01), []
    for _ in range(steps):
        x, labels = draw(rng), rng.integers(0, 4, 32)
        loss = nn.functional.cross_entropy(model(tl.Tensor(x if x.dtype.kind == "i" else x.astype(dtype))), labels[: len(x)])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, model.state_dict()


PAIRS = [(a, b) for i, a in enumerate(MODELS) for b in list(MODELS)[i:]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("names", PAIRS, ids="-".join)
def test_two_threads_training_two_models_get_the_numbers_of_one_after_the_other(names, dtype):
    one_after_the_other = [trained(name, seed, dtype) for seed, name in enumerate(names)]
    together = run(*[lambda s=s, n=n: trained(n, s, dtype) for s, n in enumerate(names)])
    for (losses, state), (others, other_state) in zip(one_after_the_other, together):
        assert losses == others and losses[-1] != losses[0]
        for key in state:
            np.testing.assert_array_equal(state[key], other_state[key], err_msg=key)


def test_threads_share_parameters_through_grad():
    w = tl.tensor(np.ones(3), requires_grad=True)

    def gradients(k):
        return [tl.grad((w * w * k).sum(), w)[0].data for _ in range(300)]

    for k, results in zip((1.0, 2.0, 3.0), run(*[lambda k=k: gradients(k) for k in (1.0, 2.0, 3.0)])):
        assert all((g == 2 * k).all() for g in results)
    assert w.grad is None


def test_changes_in_place_are_seen_whoever_makes_them():
    """The clock of changes never goes back, whichever thread moves it."""

    def look(k):
        missed = 0
        for _ in range(400):
            w, x = tl.tensor(np.ones(2), requires_grad=True), tl.tensor(np.ones(2), requires_grad=True)
            out = (w * x).sum()
            tl.assign(w, np.zeros(2))
            try:
                out.backward()
                missed += 1
            except RuntimeError:
                pass
        return missed

    assert run(*[lambda k=k: look(k) for k in range(4)]) == [0] * 4


FLAGS = [
    ("no_grad", tl.no_grad, "recording"),
    ("detect_anomaly", tl.detect_anomaly, "anomaly"),
    ("scope", lambda: tl.scope("inside"), "scope"),
]


@pytest.mark.parametrize(("flag", "field"), [c[1:] for c in FLAGS], ids=[c[0] for c in FLAGS])
def test_flags_are_each_threads_own(flag, field):
    inside, looked = threading.Event(), threading.Event()

    def setter():
        with flag():
            inside.set()
            assert looked.wait(10)
            return getattr(local.state, field)

    def looker():
        assert inside.wait(10)
        seen = getattr(local.state, field)
        looked.set()
        return seen

    fresh = run(lambda: getattr(local.state, field))[0]
    set_, seen = run(setter, looker)
    if field == "scope":
        assert (set_.path, seen.path, fresh.path) == ("inside", "", "")
    else:
        assert seen == fresh != set_


def test_a_new_thread_starts_with_the_defaults():
    with tl.no_grad(), tl.detect_anomaly(), tl.scope("outer"):
        assert run(lambda: (local.state.recording, local.state.anomaly, local.state.scope.path)) == [(True, False, "")]


def test_a_graph_can_be_walked_on_another_thread():
    x = tl.tensor(np.ones(3), requires_grad=True)
    out = (x * 2).exp().sum()
    run(lambda: out.backward())
    np.testing.assert_allclose(x.grad.data, 2 * np.exp(2))


def test_plans_are_made_right_whoever_comes_first():
    from tinygrad_lite.primitive import primitive, registry

    for _ in range(20):

        @primitive(broadcasts=True)
        def product(x, y):
            return x * y

        registry.pop("product")
        product.derivatives(lambda g, y: g * y, lambda g, x: g * x)

        def gradient():
            x = tl.tensor(np.full(2, 3.0), requires_grad=True)
            return tl.grad(product(x, x).sum(), x)[0].data

        assert all((g == 6).all() for g in run(*[gradient] * 3))

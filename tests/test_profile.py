"""`profile`: what it measures is what runs, and what runs is what would run without it."""

import threading

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.primitive import primitive, registry
from tinygrad_lite.state import local


def model_and_data():
    tl.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    return model, tl.randn(5, 2, 4, 4), np.array([0, 1, 2, 0, 1])


def test_a_training_step_row_by_row():
    model, x, labels = model_and_data()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with tl.profile() as p:
        for _ in range(3):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), labels).backward()
            optimizer.step()
    rows = p.rows
    assert {key: row.calls for key, row in rows.items()} == {
        ("conv", "0", "forward"): 3, ("conv", "0", "backward"): 3,
        ("batch_norm", "1", "forward"): 3, ("batch_norm", "1", "backward"): 3, ("running_update", "1", "update"): 3,
        ("relu", "2", "forward"): 3, ("relu", "2", "backward"): 3,
        ("reshape", "3", "forward"): 3, ("reshape", "3", "backward"): 3,
        ("linear", "4", "forward"): 3, ("linear", "4", "backward"): 3,
        ("cross_entropy", "(outside of modules)", "forward"): 3, ("cross_entropy", "(outside of modules)", "backward"): 3,
        ("sgd_update", "(outside of modules)", "update"): 3,
    }  # fmt: skip
    conv, linear = 5 * 4 * 16 * 2 * 9, 5 * 64 * 3
    assert rows["conv", "0", "forward"].flops == 3 * 2 * conv
    assert rows["conv", "0", "backward"].flops == 3 * (2 * conv + 5 * 4 * 16)  # of the weight and the bias, not of the images
    assert rows["linear", "4", "forward"].flops == 3 * 2 * linear
    assert rows["linear", "4", "backward"].flops == 3 * (2 * 2 * linear + 5 * 3)
    assert rows["relu", "2", "forward"].flops == 3 * 5 * 4 * 16 and rows["reshape", "3", "forward"].flops == 0
    assert rows["relu", "2", "forward"].bytes == 3 * 2 * 4 * 320 and rows["reshape", "3", "forward"].bytes == 0
    assert rows["linear", "4", "forward"].bytes == 3 * 4 * (5 * 64 + 3 * 64 + 3 + 5 * 3)
    n = sum(q.data.size for q in model.parameters())
    assert rows["sgd_update", "(outside of modules)", "update"].flops == 3 * 2 * n
    assert all(row.time > 0 for row in rows.values())


def test_time_adds_up():
    model, x, labels = model_and_data()
    with tl.profile() as p:
        for _ in range(5):
            nn.functional.cross_entropy(model(x), labels).backward()
    for found in (p.rows, p.by_op(), p.by_module()):
        assert sum(row.time for row in found.values()) == pytest.approx(p.inside)
    assert p.inside + p.outside + p.measuring == pytest.approx(p.wall) and 0 < p.inside < p.wall
    times = [row.time for row in p.by_op().values()]
    assert times == sorted(times, reverse=True)


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when it is told to."""
    now = [100.0]
    monkeypatch.setattr("tinygrad_lite.inspection.profiler.perf_counter", lambda: now[0])
    return now


@pytest.fixture
def slow(clock):
    """An op that takes 2 seconds, and whose gradient takes 4."""

    @primitive
    def slow(x):
        """x, after a while."""
        clock[0] += 2
        return x + 0

    def later(g):
        clock[0] += 4
        return g * 1.0

    slow.derivatives(lambda g: later(g))
    yield slow
    registry.pop("slow")


def test_time_is_found_where_it_went(slow, clock):
    x = tl.tensor([1.0, 2.0], requires_grad=True)
    with tl.profile() as p:
        out = slow(slow(x))
        clock[0] += 8
        out.sum().backward()
    rows = {(name, phase): (row.time, row.calls) for (name, _, phase), row in p.rows.items()}
    assert rows["slow", "forward"] == (4, 2) and rows["slow", "backward"] == (8, 2) and rows["sum", "forward"] == (0, 1)
    assert (p.inside, p.outside, p.measuring, p.wall) == (12, 8, 0, 20)
    assert list(p.by_op())[:2] == [("slow", "backward"), ("slow", "forward")]


def test_time_of_what_is_computed_again_counts_once(slow, clock):
    x = tl.tensor([1.0, 2.0], requires_grad=True)
    with tl.profile() as p:
        tl.checkpoint(lambda t: slow(t), x).sum().backward()
    rows = {(name, phase): row.time for (name, _, phase), row in p.rows.items()}
    assert rows["slow", "forward"] == 2 and rows["slow", "backward"] == 6  # the op once more, and its gradient
    assert (p.inside, p.outside, p.wall) == (8, 0, 8)


def test_numbers_are_those_of_a_run_without_it():
    def run():
        model, x, labels = model_and_data()
        x = tl.tensor(x, requires_grad=True)
        loss = nn.functional.cross_entropy(model(x), labels)
        (g,) = tl.grad(loss, x, create_graph=True)
        (loss + (g * g).sum() + tl.checkpoint(lambda t: (t * t).exp().mean(), x)).backward()
        h = tl.hvp(lambda t: (t**3 * t[0]).sum(), x[0, 0, 0].detach(), tl.ones(4))[1]
        cell = nn.LSTMCell(4, 3)
        nn.unroll(cell, x[0])[0].sum().backward()
        return [loss.data, x.grad.data, h.data, *[q.grad.data for q in [*model.parameters(), *cell.parameters()]]]

    plain = run()
    with tl.profile():
        profiled = run()
    for a, b in zip(plain, profiled):
        np.testing.assert_array_equal(a, b)


def runs_bare():
    """Whether every op calls its own forward."""
    for declared in registry.values():
        cells = dict(zip(declared.run_by.__code__.co_freevars, declared.run_by.__closure__))
        if cells["forward"].cell_contents is not declared.forward:
            return False
    return local.state.watch is None


def test_nothing_is_left_behind():
    assert runs_bare()
    with tl.profile() as p:
        assert not runs_bare()
        with tl.profile() as inside:
            tl.ones(2) * 2
        tl.ones(2) + 2
    assert runs_bare()
    assert [key[0] for key in inside.rows] == ["mul"] and [key[0] for key in p.rows] == ["add"]
    with pytest.raises(ValueError, match="matmul: x has 3 columns"), tl.profile():
        tl.ones(2, 3) @ tl.ones(2, 3)
    assert runs_bare()


def test_an_error_on_the_way_does_not_spoil_the_rest():
    x = tl.tensor([1.0, 2.0], requires_grad=True)
    with tl.profile() as p:
        out = (x * 2).sum()
        out.backward()
        with pytest.raises(RuntimeError, match="retain_graph"):
            out.backward()
        with pytest.raises(ValueError, match="broadcast"):
            x + tl.ones(3)
        x - 1
    assert p.rows["sub", "(outside of modules)", "forward"].calls == 1 and runs_bare()


def test_what_is_computed_again_is_found():
    x = tl.tensor(np.ones(3), requires_grad=True)
    with tl.profile() as p:
        with tl.scope("block"):
            out = tl.checkpoint(lambda t: t.exp().sin(), x)
        out.sum().backward()
    rows = {key: row.calls for key, row in p.rows.items()}
    assert rows["exp", "block", "forward"] == 1 and rows["exp", "block", "backward"] == 2  # once more, and its gradient
    assert rows["sin", "block", "backward"] == 2


def test_recorded_walks_are_backward():
    x = tl.tensor(np.ones(3), requires_grad=True)
    with tl.profile() as p:
        (g,) = tl.grad((x * x * x).sum(), x, create_graph=True)
        g.sum().backward()
    assert {key[0] for key in p.rows if key[2] == "forward"} == {"mul", "sum"}
    assert p.rows["mul", "(outside of modules)", "forward"].calls == 2


def test_an_earlier_forward_and_a_second_visit():
    x = tl.tensor(np.ones(3), requires_grad=True)
    out = x.exp().sum()
    p = tl.profile()
    with p:
        out.backward()
    with p:
        x * 2
    assert {key[::2] for key in p.rows} == {("exp", "backward"), ("sum", "backward"), ("mul", "forward")}
    assert p.wall >= p.inside


def test_bytes_of_a_walk_are_read_and_written_once():
    """A product's rule reads the cotangent and the other factor; a slice adds to a part of a gradient and touches no more."""
    x, y = (tl.tensor(np.arange(4.0) + k, requires_grad=True) for k in (1, 2))
    with tl.profile() as p:
        (x[1:3] * y[:2]).backward(tl.ones(2, dtype=np.float64))
    assert p.by_op()["mul", "backward"].bytes == 8 * 2 * (3 + 3)
    assert p.by_op()["getitem", "backward"].bytes == 2 * 3 * 8 * 2


def test_each_thread_has_its_own():
    inside, done, counted = threading.Event(), threading.Event(), []

    def other():
        inside.wait(10)
        with tl.profile() as p:
            tl.ones(3) * 2
        counted.append(p)
        tl.ones(3).exp()
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with tl.profile() as p:
        tl.ones(3) + 1
        inside.set()
        assert done.wait(10)
        tl.ones(3).sin()
    thread.join()
    assert [key[0] for key in p.rows] == ["add", "sin"] and [key[0] for key in counted[0].rows] == ["mul"]
    assert runs_bare()


def test_paths_of_modules():
    class Two(nn.Module):
        def __init__(self):
            self.left, self.deep = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.Tanh())

        def forward(self, x):
            return self.deep(self.left(x)) * 2

    model = Two()
    with tl.profile() as p:
        model(tl.ones(1, 2)).sum().backward()
    assert {key for key in p.by_module() if key[1] == "forward"} == {
        (path, "forward") for path in ("left", "deep.0", "deep.1", "(Two)", "(outside of modules)")
    }  # fmt: skip
    assert {"mul", "tanh", "linear"} == {name for name, path, phase in p.rows if path != "(outside of modules)"}


def test_its_text():
    model, x, labels = model_and_data()
    with tl.profile() as p:
        nn.functional.cross_entropy(model(x), labels).backward()
    by_op, by_module = str(p).split("\n\n")
    lines = by_op.splitlines()
    assert lines[0] == "profile by op" and " ".join(lines[2].split()) == "op phase time share calls FLOPs GFLOP/s bytes"
    assert len({len(line) for line in lines[1:4:2]}) == 1
    assert lines[-1].startswith("ops ") and "outside ops" in lines[-1] and "measuring" in lines[-1] and "wall" in lines[-1]
    assert len(lines) == 6 + len(p.by_op()) and by_module.startswith("profile by module")
    assert "(outside of modules)" in by_module
    assert "wall 0.000 ms" in str(tl.profile())

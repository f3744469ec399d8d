"""A run that was killed goes on to the same numbers: parameters, history, log."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import data, io, nn, optim, training

EPOCHS, BATCHES = 4, 6


class Noisy(data.Dataset):
    """Two clouds, moved anew whenever an example is asked for."""

    def __len__(self):
        return 34

    def __getitem__(self, index):
        return tl.randn(2) + (3.0 if index % 2 else -3.0), index % 2


class Plain:
    """A loader that cannot tell where it stands."""

    def __init__(self):
        self.batches = [(tl.randn(6, 2), tl.randint(0, 2, size=(6,))) for _ in range(BATCHES)]

    def __len__(self):
        return BATCHES

    def __iter__(self):
        return (self.batches[k] for k in tl.randperm(BATCHES).tolist())


class Decay:
    """The rate times a half after each step of the schedule."""

    def __init__(self, optimizer):
        self.optimizer, self.steps = optimizer, 0

    def step(self):
        self.steps += 1
        self.optimizer.lr = 0.1 * 0.9**self.steps

    def state_dict(self):
        return {"steps": self.steps}

    def load_state_dict(self, state):
        self.steps = state["steps"]


class Watch(training.Callback):
    """What a callback adds up, and what it does at each step."""

    def __init__(self, each=lambda run: None):
        self.each, self.seen, self.array = each, [], np.zeros(2)

    def on_step_end(self, run):
        self.seen.append(run.loss)
        self.array += [run.loss, 1]
        if run.step in (2, 11):
            next(iter(run.loader))  # to look at a batch is no harm
        self.each(run)

    def state_dict(self):
        return {"seen": self.seen, "array": self.array}

    def load_state_dict(self, state):
        self.seen, self.array = state["seen"], state["array"]


def run(
    folder,
    each=lambda run: None,
    ending="safetensors",
    every_steps=1,
    epochs=EPOCHS,
    schedule_each="epoch",
    plain=False,
    seed=None,
    **options,
):
    """Train; returns (model, history, what a callback saw). All that is drawn, counted or averaged takes part."""
    tl.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Tanh(), nn.Linear(8, 2))
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    loader = Plain() if plain else data.DataLoader(Noisy(), 6, shuffle=True, seed=seed, prefetch=2)
    watch = Watch(each)
    checkpoint = (
        training.Checkpoint(Path(folder) / f"run.{ending}", every_steps=every_steps)
        if every_steps
        else Path(folder) / f"run.{ending}"
    )
    history = training.fit(
        model, nn.CrossEntropyLoss(), optimizer, loader, epochs, held_out=data.DataLoader(Noisy(), 20, shuffle=True, seed=4),
        progress=False, schedule=Decay(optimizer), schedule_each=schedule_each, clip=0.5, callbacks=[watch],
        early_stopping=training.EarlyStopping(3), checkpoint=checkpoint,
        log=training.Log(Path(folder) / "log.jsonl", every_steps=1), **options,
    )  # fmt: skip
    return model, history, watch


def outcome(folder, model, history, watch):
    """All numbers of a run but the seconds."""
    lines = [json.loads(line) for line in (Path(folder) / "log.jsonl").read_text().splitlines()]
    for values in (history, *lines):
        values.pop("seconds", None)
    return {name: a.tobytes() for name, a in model.state_dict().items()}, dict(history), lines, watch.seen, watch.array.tolist()


class Killed(Exception):
    pass


@pytest.mark.parametrize(
    "options",
    [{}, {"schedule_each": "batch"}, {"plain": True}, {"seed": 3}, {"ending": "npz", "every_steps": 4}, {"every_steps": None}],
    ids=str,
)
def test_a_run_stopped_at_any_step_goes_on_to_the_same_numbers(tmp_path, options):
    expected = outcome(tmp_path / "whole", *run(tmp_path / "whole", **options))
    assert len(expected[2]) == EPOCHS * (BATCHES + 1) and len(expected[3]) == EPOCHS * BATCHES

    def stop_at(steps):
        def each(run):
            if run.step in steps:
                steps.remove(run.step)
                raise Killed

        return each

    for stops in ({1}, {5, 6, 7}, {3, 12, 13, 20}, {24}):
        folder, each = tmp_path / str(stops), stop_at(set(stops))
        for _ in stops:
            with pytest.raises(Killed):
                run(folder, each, **options)
        assert outcome(folder, *run(folder, each, **options)) == expected


def test_a_run_that_has_ended_is_not_trained_again_and_goes_on_when_more_epochs_are_asked_for(tmp_path):
    expected = outcome(tmp_path / "a", *run(tmp_path / "a", epochs=5))
    run(tmp_path / "b", epochs=3)
    steps = []
    again = outcome(tmp_path / "b", *run(tmp_path / "b", lambda run: steps.append(run.step), epochs=3))
    assert not steps and len(again[1]["loss"]) == 3
    assert outcome(tmp_path / "b", *run(tmp_path / "b", epochs=5)) == expected


def test_what_a_callback_has_stopped_stays_stopped(tmp_path):
    def each(run):
        if run.step == 8:
            run.stop("enough")

    first = outcome(tmp_path, *run(tmp_path, each))
    steps = []
    assert outcome(tmp_path, *run(tmp_path, lambda run: steps.append(run.step))) == first and not steps
    assert len(first[1]["loss"]) == 1 and len(first[3]) == 8


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda a, m: (a, {}), "is no checkpoint of fit"),
        (lambda a, m: (a, {**m, "run": "{"}), "does not fit this run: Expecting property name"),
        (lambda a, m: (a, {**m, "run": "[]"}), "does not fit this run: TypeError"),
        (
            lambda a, m: (a, {**m, "run": m["run"].replace('"batches": 6', '"batches": 7')}),
            "made with 7 batches an epoch, the loader gives 6",
        ),
        (lambda a, m: (a, {**m, "run": m["run"].replace("1 EarlyStopping", "1 Other")}), "it has states of .*Other"),
        (
            lambda a, m: (a, {**m, "run": m["run"].replace('"orders"', '"other"')}),
            "does not fit this run: KeyError: 'orders'",
        ),
        (lambda a, m: ({n: v for n, v in a.items() if n != "model/0.bias"}, m), "missing: 0.bias"),
        (lambda a, m: ({**a, "optimizer/9.mean": np.ones(2)}, m), "9.mean belongs to no parameter"),
        (lambda a, m: ({**a, "model/0.bias": np.ones(3)}, m), r"0.bias: \(3,\) float64 does not go into \(8,\) float32"),
    ],
)
def test_checkpoints_that_do_not_fit(tmp_path, change, what):
    run(tmp_path, epochs=1)
    path = tmp_path / "run.safetensors"
    io.save(*(lambda a, m: (a, path, m))(*change(io.load(path), io.load_metadata(path))))
    with pytest.raises(ValueError, match=rf"fit: .*run\.safetensors .*{what}"):
        run(tmp_path, epochs=2)


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    (tmp_path / ".run.safetensors.x8f").write_bytes(b"half")
    (tmp_path / ".other.safetensors.x8f").write_bytes(b"half")
    run(tmp_path, epochs=1)
    assert sorted(os.listdir(tmp_path)) == [".other.safetensors.x8f", "log.jsonl", "run.safetensors"]


def test_lines_of_another_run_stay_and_an_unfinished_one_goes(tmp_path):
    (tmp_path / "log.jsonl").write_bytes(b'{"epoch": 9}\n{"epoch": 10, "lo')
    run(tmp_path, epochs=1)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[0] == {"epoch": 9} and [line["step"] for line in lines[1:]] == [1, 2, 3, 4, 5, 6, 6]


# -- a process that is really killed --


def child(folder):
    """Train in a process of its own, slowly enough to be met at any place; tells each step."""

    def each(run):
        print(run.step, flush=True)
        time.sleep(0.002)

    model, history, watch = run(folder, each)
    numbers = outcome(folder, model, history, watch)
    io.save(model.state_dict(), Path(folder) / "end.npz", {"rest": json.dumps(numbers[1:])})


def start(folder):
    here = Path(__file__)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here.parent.parent), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen([sys.executable, here, folder], stdout=subprocess.PIPE, text=True, env=env)


def ended(folder):
    found, rest = io.load(Path(folder) / "end.npz"), io.load_metadata(Path(folder) / "end.npz")["rest"]
    return {name: a.tobytes() for name, a in found.items()}, json.loads(rest)


def killed_again_and_again(tmp_path, times, seed):
    """Kill a run ``times`` times at random moments, start it again each time; returns the steps at which it was met."""
    with start(tmp_path / "whole") as whole:
        assert len(whole.stdout.read().splitlines()) == EPOCHS * BATCHES
    rng, met = random.Random(seed), []
    for _ in range(times):
        with start(tmp_path / "killed") as process:
            for _ in range(rng.randint(1, EPOCHS * BATCHES // times)):
                line = process.stdout.readline()
            time.sleep(rng.random() * 0.006)
            process.send_signal(signal.SIGKILL)
        assert process.returncode in (-signal.SIGKILL, 0)
        if process.returncode:
            met.append(int(line))
    with start(tmp_path / "killed") as process:
        process.stdout.read()
    assert process.returncode == whole.returncode == 0
    assert ended(tmp_path / "killed") == ended(tmp_path / "whole")
    assert sorted(os.listdir(tmp_path / "killed")) == ["end.npz", "log.jsonl", "run.safetensors"]
    return met


def test_a_process_that_is_killed_goes_on_to_the_same_numbers(tmp_path):
    met = killed_again_and_again(tmp_path, 3, seed=1)
    assert len(met) >= 2 and any(step % BATCHES for step in met)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(10))
def test_many_processes_that_are_killed(tmp_path, seed):
    assert len(killed_again_and_again(tmp_path, 6, seed)) >= 3


if __name__ == "__main__":
    child(sys.argv[1])

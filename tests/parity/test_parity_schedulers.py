"""Schedulers beside PyTorch's: the same rates and momenta, epoch by epoch."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]


def optimisers(name="SGD", **options):
    """The same optimiser twice, of two groups with rates 0.1 and 0.03."""
    made = []
    for library, parameter in ((optim, lambda: nn.Parameter(tl.ones(2))), (torch.optim, lambda: torch.nn.Parameter(torch.ones(2)))):
        groups = [{"params": [parameter()]}, {"params": [parameter()], "lr": 0.03}]
        made.append(getattr(library, name)(groups, lr=0.1, **options))
    return made


def what(optimizer):
    """All that schedulers change."""
    return [[g["lr"], g.get("momentum", 0), *g.get("betas", ())] for g in optimizer.param_groups]


def equal(optimizers, schedulers, what_was_done):
    a, b = map(what, optimizers)
    np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-15, err_msg=what_was_done)
    if schedulers:
        np.testing.assert_allclose(*(s.get_last_lr() for s in schedulers), rtol=1e-10, atol=1e-15)
        assert len({s.last_epoch for s in schedulers}) == 1


SCHEDULES = [
    ("StepLR", dict(step_size=7)), ("StepLR", dict(step_size=1, gamma=0.9)),
    ("MultiStepLR", dict(milestones=[3, 10, 10, 25], gamma=0.5)), ("MultiStepLR", dict(milestones=[0, 5])),
    ("ExponentialLR", dict(gamma=0.93)),
    ("ConstantLR", {}), ("ConstantLR", dict(factor=0.5, total_iters=11)), ("ConstantLR", dict(total_iters=0)),
    ("LinearLR", {}), ("LinearLR", dict(start_factor=0.1, end_factor=0.7, total_iters=20)), ("LinearLR", dict(end_factor=0.0)),
    ("PolynomialLR", {}), ("PolynomialLR", dict(total_iters=20, power=2.5)),
    ("CosineAnnealingLR", dict(T_max=40)), ("CosineAnnealingLR", dict(T_max=7, eta_min=0.01)), ("CosineAnnealingLR", dict(T_max=1)),
    ("CosineAnnealingWarmRestarts", dict(T_0=6)), ("CosineAnnealingWarmRestarts", dict(T_0=3, T_mult=2, eta_min=1e-3)),
    ("LambdaLR", dict(lr_lambda=lambda epoch: 0.95**epoch)),
    ("LambdaLR", dict(lr_lambda=[lambda epoch: 1 / (1 + epoch), lambda epoch: 1 - epoch / 50])),
    ("CyclicLR", dict(base_lr=0.01, max_lr=0.2)), ("CyclicLR", dict(base_lr=0.01, max_lr=0.2, step_size_up=5)),
    ("CyclicLR", dict(base_lr=[0.01, 0.02], max_lr=[0.2, 0.5], step_size_up=3, step_size_down=8)),
    ("CyclicLR", dict(base_lr=0.01, max_lr=0.2, step_size_up=4, mode="triangular2")),
    ("CyclicLR", dict(base_lr=0.01, max_lr=0.2, step_size_up=4, mode="exp_range", gamma=0.9)),
    ("CyclicLR", dict(base_lr=0.01, max_lr=0.2, step_size_up=4, scale_fn=lambda x: 1 / (1 + x))),
    ("CyclicLR", dict(base_lr=0.01, max_lr=0.2, step_size_up=4, scale_fn=lambda x: 0.9**x, scale_mode="iterations")),
    ("CyclicLR", dict(base_lr=0.01, max_lr=0.2, step_size_up=4, cycle_momentum=False)),
    ("CyclicLR", dict(base_lr=0.01, max_lr=0.2, step_size_up=4, base_momentum=[0.5, 0.6], max_momentum=0.95)),
    ("OneCycleLR", dict(max_lr=0.5, total_steps=40)), ("OneCycleLR", dict(max_lr=0.5, epochs=8, steps_per_epoch=5)),
    ("OneCycleLR", dict(max_lr=[0.5, 0.2], total_steps=35, anneal_strategy="linear", pct_start=0.43)),
    ("OneCycleLR", dict(max_lr=0.5, total_steps=40, three_phase=True, pct_start=0.4)),
    ("OneCycleLR", dict(max_lr=0.5, total_steps=40, three_phase=True, anneal_strategy="linear", div_factor=9, final_div_factor=9)),
    ("OneCycleLR", dict(max_lr=0.5, total_steps=40, cycle_momentum=False)),
    ("OneCycleLR", dict(max_lr=1, total_steps=35, pct_start=0.0)),
    ("OneCycleLR", dict(max_lr=0.5, total_steps=40, base_momentum=[0.5, 0.6], max_momentum=[0.9, 0.8])),
]  # fmt: skip
IDS = [f"{name}-{k}" for k, (name, _) in enumerate(SCHEDULES)]


@pytest.mark.parametrize("optimiser", ["SGD", "Adam", "RMSprop"])
@pytest.mark.parametrize(("name", "options"), SCHEDULES, ids=IDS)
def test_35_epochs(name, options, optimiser):
    pair = optimisers(optimiser, **({"momentum": 0.9} if optimiser == "SGD" else {}))
    schedulers = [getattr(library.lr_scheduler, name)(o, **options) for library, o in zip((optim, torch.optim), pair)]
    equal(pair, schedulers, "made")
    for epoch in range(35):
        for optimizer, scheduler in zip(pair, schedulers):
            optimizer.step()
            scheduler.step()
        equal(pair, schedulers, f"after {epoch}")


@pytest.mark.parametrize("second", ["ExponentialLR", "StepLR", "CosineAnnealingLR", "LinearLR"])
@pytest.mark.parametrize("first", ["CosineAnnealingLR", "ConstantLR", "MultiStepLR", "PolynomialLR"])
def test_two_together(first, second):
    arguments = dict(
        ExponentialLR=(0.9,), StepLR=(4, 0.5), CosineAnnealingLR=(9, 0.01), LinearLR=(0.2, 0.9, 12), ConstantLR=(0.5, 6),
        MultiStepLR=([2, 9], 0.3), PolynomialLR=(20, 2.0),
    )  # fmt: skip
    pair = optimisers()
    both = [
        [getattr(library.lr_scheduler, name)(o, *arguments[name]) for name in (first, second)]
        for library, o in zip((optim, torch.optim), pair)
    ]
    equal(pair, None, "made")
    for epoch in range(30):
        for optimizer, schedulers in zip(pair, both):
            optimizer.step()
            for scheduler in schedulers:
                scheduler.step()
        equal(pair, None, f"after {epoch}")


SEQUENCES = [
    ([("LinearLR", (0.1, 1.0, 5)), ("CosineAnnealingLR", (20,))], [5]),
    ([("ConstantLR", (0.5, 3)), ("ExponentialLR", (0.9,)), ("StepLR", (4,))], [4, 15]),
    ([("CosineAnnealingWarmRestarts", (4,)), ("CosineAnnealingWarmRestarts", (3, 2))], [10]),
    ([("LambdaLR", (lambda epoch: 1 / (1 + epoch),)), ("PolynomialLR", (10, 2.0))], [7]),
    ([("LinearLR", (0.5, 1.0, 4)), ("CyclicLR", (0.01, 0.2, 4))], [6]),
    ([("LinearLR", (0.5, 1.0, 4)), ("OneCycleLR", (0.2, 30))], [6]),
    ([("MultiStepLR", ([2, 4],)), ("LinearLR", (0.3, 1.0, 5)), ("MultiStepLR", ([0, 3],))], [6, 20]),
]


@pytest.mark.parametrize("case", range(len(SEQUENCES)))
def test_one_after_the_other(case):
    parts, milestones = SEQUENCES[case]
    pair = optimisers(momentum=0.9)
    schedulers = []
    for library, o in zip((optim, torch.optim), pair):
        made = [getattr(library.lr_scheduler, name)(o, *arguments) for name, arguments in parts]
        schedulers.append(library.lr_scheduler.SequentialLR(o, made, milestones))
    equal(pair, schedulers, "made")
    for epoch in range(30):
        for optimizer, scheduler in zip(pair, schedulers):
            optimizer.step()
            scheduler.step()
        equal(pair, schedulers, f"after {epoch}")


@pytest.mark.parametrize("T_mult", [1, 2, 3])
def test_warm_restarts_at_fractions_of_epochs(T_mult):
    pair = optimisers()
    schedulers = [
        library.lr_scheduler.CosineAnnealingWarmRestarts(o, 3, T_mult, eta_min=0.001)
        for library, o in zip((optim, torch.optim), pair)
    ]
    for epoch in [0.0, 0.25, 1.5, 2.9, 3.0, 3.1, 8.75, 9.5, None, None, 11.2, None, None, None, None, 29.9, 2.0, None, 40.5, None]:
        for scheduler in schedulers:
            scheduler.step(epoch)
        equal(pair, schedulers, f"at {epoch}")


PLATEAUS = [
    {}, dict(patience=2), dict(patience=0, factor=0.5), dict(patience=1, mode="max", threshold=0.1),
    dict(patience=1, threshold_mode="abs", threshold=0.05), dict(patience=1, mode="max", threshold_mode="abs", threshold=0.05),
    dict(patience=0, cooldown=3, factor=0.7), dict(patience=0, min_lr=0.01), dict(patience=0, min_lr=[0.05, 0.001], factor=0.6),
    dict(patience=0, eps=0.02, factor=0.5),
]  # fmt: skip


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_plateaus(options):
    metrics = np.round(np.abs(np.sin(np.arange(40) * 1.7)) / (1 + np.arange(40) * 0.1), 3)
    metrics[[5, 6]] = np.nan, np.inf
    pair = optimisers()
    schedulers = [library.lr_scheduler.ReduceLROnPlateau(o, **options) for library, o in zip((optim, torch.optim), pair)]
    for k, metric in enumerate(metrics):
        for scheduler in schedulers:
            scheduler.step(metric)
        equal(pair, schedulers, f"after {k}")
        ours, theirs = schedulers
        assert (ours.best, ours.num_bad_epochs, ours.cooldown_counter) == (
            theirs.best,
            theirs.num_bad_epochs,
            theirs.cooldown_counter,
        )


RESUMED = [k for k, (name, _) in enumerate(SCHEDULES) if name not in ("CyclicLR", "OneCycleLR", "ConstantLR")]


@pytest.mark.parametrize(("name", "options"), [SCHEDULES[k] for k in RESUMED], ids=[IDS[k] for k in RESUMED])
def test_going_on_from_an_epoch(name, options):
    """last_epoch=4, from groups whose rate is still that of the beginning."""
    pair = optimisers()
    for optimizer in pair:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    schedulers = [
        getattr(library.lr_scheduler, name)(o, **options, last_epoch=4) for library, o in zip((optim, torch.optim), pair)
    ]  # fmt: skip
    for epoch in range(12):
        equal(pair, schedulers, f"after {epoch}")
        for optimizer, scheduler in zip(pair, schedulers):
            optimizer.step()
            scheduler.step()

"""Schedulers against closed forms, their states, and what they refuse."""

import itertools
import json
import math

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim

S = optim.lr_scheduler
EPOCHS = range(40)


def optimiser(cls=optim.SGD, lr=0.1, **options):
    return cls([{"params": [nn.Parameter(tl.ones(2))]}, {"params": [nn.Parameter(tl.ones(2))], "lr": 0.3 * lr}], lr=lr, **options)


def rates(optimizer, scheduler, epochs=EPOCHS):
    """The rate of both groups at each epoch."""
    seen = []
    for epoch in epochs:
        assert scheduler.last_epoch == epoch
        seen.append([group["lr"] for group in optimizer.param_groups])
        assert scheduler.get_last_lr() == seen[-1]
        scheduler.step()
    return np.array(seen)


def half_cosine(x):
    return (1 + np.cos(np.pi * x)) / 2


T = np.arange(40)
FACTORS = [  # scheduler, the factor of the first rate at each epoch
    (lambda o: S.StepLR(o, 7, 0.5), 0.5 ** (T // 7)),
    (lambda o: S.MultiStepLR(o, [3, 10, 10, 25], 0.5), 0.5 ** np.searchsorted([3, 10, 10, 25], T, side="right")),
    (lambda o: S.ExponentialLR(o, 0.9), 0.9**T),
    (lambda o: S.ConstantLR(o, 0.25, 8), np.where(T < 8, 0.25, 1)),
    (lambda o: S.LinearLR(o, 0.2, 0.8, 10), np.interp(T, [0, 10], [0.2, 0.8])),
    (lambda o: S.PolynomialLR(o, 20, 2.0), np.clip(1 - T / 20, 0, 1) ** 2),
    (lambda o: S.CosineAnnealingLR(o, 12), half_cosine(T / 12)),
    (lambda o: S.CosineAnnealingWarmRestarts(o, 6), half_cosine(T % 6 / 6)),
    (lambda o: S.CosineAnnealingWarmRestarts(o, 2, 3), half_cosine(np.r_[T[:2] / 2, T[:6] / 6, T[:18] / 18, T[:14] / 54])),
    (lambda o: S.LambdaLR(o, lambda epoch: 1 / (1 + epoch)), 1 / (1 + T)),
]


@pytest.mark.parametrize("case", range(len(FACTORS)))
def test_closed_forms(case):
    make, factors = FACTORS[case]
    optimizer = optimiser()
    np.testing.assert_allclose(rates(optimizer, make(optimizer)), np.outer(factors, [0.1, 0.03]), rtol=1e-12, atol=1e-16)


def test_cosines_end_at_their_least_rate():
    for make in (lambda o: S.CosineAnnealingLR(o, 10, eta_min=0.01), lambda o: S.CosineAnnealingWarmRestarts(o, 20, eta_min=0.01)):
        optimizer = optimiser()
        scheduler = make(optimizer)
        length = getattr(scheduler, "T_max", 20)
        expected = 0.01 + np.outer(half_cosine(np.arange(length) / length), [0.09, 0.02])
        np.testing.assert_allclose(rates(optimizer, scheduler, range(length)), expected, rtol=1e-12)


CYCLES = [  # options, height of the triangle at each epoch
    (dict(step_size_up=4), np.interp(T % 8, [0, 4, 8], [0, 1, 0])),
    (dict(step_size_up=3, step_size_down=7), np.interp(T % 10, [0, 3, 10], [0, 1, 0])),
    (dict(step_size_up=4, mode="triangular2"), np.interp(T % 8, [0, 4, 8], [0, 1, 0]) * 0.5 ** (T // 8)),
    (dict(step_size_up=4, mode="exp_range", gamma=0.9), np.interp(T % 8, [0, 4, 8], [0, 1, 0]) * 0.9**T),
    (dict(step_size_up=4, scale_fn=lambda cycle: 1 / cycle), np.interp(T % 8, [0, 4, 8], [0, 1, 0]) / (1 + T // 8)),
]


@pytest.mark.parametrize("case", range(len(CYCLES)))
def test_cycles(case):
    options, height = CYCLES[case]
    optimizer, momenta = optimiser(momentum=0.5), []
    scheduler = S.CyclicLR(optimizer, [0.01, 0.02], 0.2, **options)
    seen = []
    for _ in T:
        seen.append(scheduler.get_last_lr())
        momenta.append([group["momentum"] for group in optimizer.param_groups])
        scheduler.step()
    np.testing.assert_allclose(seen, [0.01, 0.02] + np.outer(height, [0.19, 0.18]), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(momenta, np.outer(0.9 - 0.1 * height, [1, 1]), rtol=1e-12)


@pytest.mark.parametrize("cls", [optim.Adam, optim.SGD])
@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_one_cycle(cls, three_phase, strategy):
    optimizer = optimiser(cls)
    scheduler = S.OneCycleLR(
        optimizer, [1.0, 2.0], 41, pct_start=10 / 41, anneal_strategy=strategy, three_phase=three_phase, final_div_factor=5
    )
    corners = [(0, 0.04, 0.95), (9, 1.0, 0.85), *([(18, 0.04, 0.95)] if three_phase else []), (40, 0.008, 0.95)]

    def expected(epoch, k):
        for left, right in itertools.pairwise(corners):
            if epoch <= right[0] + 1e-9:
                share = (epoch - left[0]) / (right[0] - left[0])
                left_over = half_cosine(share) if strategy == "cos" else 1 - share
                return right[k] + (left[k] - right[k]) * left_over

    for epoch in range(41):
        first, second = optimizer.param_groups
        np.testing.assert_allclose([first["lr"], second["lr"]], [expected(epoch, 1), 2 * expected(epoch, 1)], rtol=1e-9)
        momentum = first["betas"][0] if cls is optim.Adam else first["momentum"]
        np.testing.assert_allclose(momentum, expected(epoch, 2), rtol=1e-9)
        scheduler.step()
    with pytest.raises(ValueError, match="OneCycleLR: step 42 of 41: the cycle is over"):
        scheduler.step()
    S.OneCycleLR(optimizer, 1.0, 10, pct_start=0.1)  # up in no time


def test_several_multiply():
    optimizer = optimiser()
    both = S.ExponentialLR(optimizer, 0.9), S.StepLR(optimizer, 5, 0.5), S.LinearLR(optimizer, 0.5, 1.0, 4)
    for epoch in range(12):
        expected = 0.1 * 0.9**epoch * 0.5 ** (epoch // 5) * np.interp(epoch, [0, 4], [0.5, 1])
        np.testing.assert_allclose(optimizer.param_groups[0]["lr"], expected, rtol=1e-12)
        for scheduler in both:
            scheduler.step()


def test_one_after_the_other_each_from_its_beginning():
    optimizer = optimiser()
    inner = S.SequentialLR(optimizer, [S.ConstantLR(optimizer, 0.5, 99), S.ExponentialLR(optimizer, 0.9)], [3])
    again = S.SequentialLR(optimizer, [S.LinearLR(optimizer, 0.2, 1.0, 4), S.ConstantLR(optimizer, 0.25, 99)], [4])
    outer = S.SequentialLR(optimizer, [inner, S.CosineAnnealingLR(optimizer, 10), again], [8, 15])
    factors = [0.5] * 3 + [0.9**k for k in range(5)] + [half_cosine(k / 10) for k in range(7)]
    factors += [0.2, 0.4, 0.6, 0.8] + [0.25] * 5
    np.testing.assert_allclose(rates(optimizer, outer, range(len(factors))), np.outer(factors, [0.1, 0.03]), rtol=1e-12)


def test_fractions_of_epochs():
    optimizer = optimiser()
    scheduler = S.CosineAnnealingWarmRestarts(optimizer, 2, 10)
    for epoch, share in [(0.5, 0.25), (1.75, 0.875), (2, 0.0), (7.5, 5.5 / 20), (22, 0.0), (222, 0.0), (322, 0.05)]:
        scheduler.step(epoch)
        assert scheduler.last_epoch == math.floor(epoch)
        np.testing.assert_allclose(scheduler.get_last_lr(), half_cosine(share) * np.array([0.1, 0.03]), rtol=1e-12)
    with pytest.raises(ValueError, match="epoch must not be negative, got -1"):
        scheduler.step(-1)


@pytest.mark.parametrize(
    ("options", "metrics", "falls"),  # the numbers of the metrics after which the rate has fallen
    [
        (dict(patience=1), [1.0, 0.5, 0.5, 0.5, 0.5, 0.5], [3, 5]),
        (dict(patience=0), [1.0, 1.0, 0.9, 0.95, 0.8], [1, 3]),
        (dict(patience=0, mode="max"), [1.0, 1.1, 1.1, 1.2], [2]),
        (dict(patience=0, threshold=0.2), [1.0, 0.85, 0.7], [1]),
        (dict(patience=0, threshold=0.2, threshold_mode="abs", mode="max"), [1.0, 1.1, 1.3], [1]),
        (dict(patience=0, threshold=0.2, threshold_mode="abs"), [4.0, 3.9, 3.7], [1]),  # a fifth of 4.0 would be more
        (dict(patience=0, cooldown=2), [1.0, 2.0, 2.0, 2.0, 2.0], [1, 4]),
        (dict(patience=0), [float("nan"), 1.0, float("nan")], [0, 2]),
    ],
)
def test_plateaus(options, metrics, falls):
    optimizer = optimiser()
    scheduler, expected = S.ReduceLROnPlateau(optimizer, factor=0.5, **options), 0.1
    for k, metric in enumerate(metrics):
        scheduler.step(tl.tensor(metric))
        expected *= 0.5 if k in falls else 1.0
        np.testing.assert_allclose(scheduler.get_last_lr(), [expected, 0.3 * expected], rtol=1e-12)


def test_plateaus_have_a_least_rate():
    optimizer = optimiser()
    scheduler = S.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.05, 0.0], factor=0.1, eps=0.003)
    for _ in range(5):
        scheduler.step(1.0)
    np.testing.assert_allclose(scheduler.get_last_lr(), [0.05, 0.003], rtol=1e-12)  # the last changes are not larger than eps


# -- states ------------------------------------------------------------------------------------------------------

SAVED = [
    lambda o: S.StepLR(o, 3, 0.5), lambda o: S.MultiStepLR(o, [2, 9, 11], 0.5), lambda o: S.ExponentialLR(o, 0.9),
    lambda o: S.ConstantLR(o, 0.5, 9), lambda o: S.LinearLR(o, 0.2, 0.8, 10), lambda o: S.PolynomialLR(o, 20, 2.0),
    lambda o: S.CosineAnnealingLR(o, 9, 0.01), lambda o: S.CosineAnnealingWarmRestarts(o, 3, 2),
    lambda o: S.LambdaLR(o, lambda epoch: 0.9**epoch), lambda o: S.CyclicLR(o, 0.01, 0.2, 5),
    lambda o: S.OneCycleLR(o, 0.5, 30, three_phase=True), lambda o: S.ReduceLROnPlateau(o, patience=1, factor=0.5),
    lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.1, 1.0, 4), S.CosineAnnealingWarmRestarts(o, 4)], [5]),
]  # fmt: skip


def advance(optimizer, scheduler, epochs):
    seen = []
    for epoch in epochs:
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad = tl.Tensor(p.data + np.float32(np.sin(epoch)))
        optimizer.step()
        scheduler.step(*([np.cos(epoch)] if isinstance(scheduler, S.ReduceLROnPlateau) else []))
        seen += [[*group["params"][0].data.tolist(), group["lr"], group["momentum"]] for group in optimizer.param_groups]
    return seen


@pytest.mark.parametrize("case", range(len(SAVED)))
def test_a_saved_schedule_goes_on_to_the_same_numbers(case):
    optimizer = optimiser(momentum=0.9)
    scheduler = SAVED[case](optimizer)
    advance(optimizer, scheduler, range(7))
    state, text = {n: a.copy() for n, a in optimizer.state_dict().items()}, json.dumps(scheduler.state_dict())
    values = [p.data.copy() for p in optimizer.params]
    expected = advance(optimizer, scheduler, range(7, 20))
    other = optimiser(lr=0.7, momentum=0.1)
    again = SAVED[case](other)
    for p, value in zip(other.params, values):
        tl.assign(p, value)
    other.load_state_dict(state)
    again.load_state_dict(json.loads(text))
    assert advance(other, again, range(7, 20)) == expected


def test_a_schedule_goes_on_from_an_epoch():
    """last_epoch without a state of the scheduler: the rates come with the optimiser's."""
    for make in (lambda o, **e: S.ExponentialLR(o, 0.9, **e), lambda o, **e: S.CosineAnnealingLR(o, 9, **e),
                 lambda o, **e: S.StepLR(o, 4, 0.5, **e), lambda o, **e: S.LinearLR(o, 0.1, **e),
                 lambda o, **e: S.CosineAnnealingWarmRestarts(o, 2, 2, **e), lambda o, **e: S.CyclicLR(o, 0.1, 1.0, 3, **e),
                 lambda o, **e: S.OneCycleLR(o, 1.0, 30, **e)):  # fmt: skip
        optimizer = optimiser(momentum=0.5)
        scheduler = make(optimizer)
        for _ in range(5):
            scheduler.step()
        other = optimiser()
        other.load_state_dict(optimizer.state_dict())
        again = make(other, last_epoch=4)
        np.testing.assert_allclose(rates(other, again, range(5, 15)), rates(optimizer, scheduler, range(5, 15)), rtol=1e-12)


def test_a_state_that_does_not_fit_is_refused_with_all_that_is_wrong():
    optimizer = optimiser()
    scheduler = S.StepLR(optimizer, 3)
    kept = scheduler.state_dict()
    state = {**kept, "gamma": "half", "base_lrs": [0.1], "color": 1}
    del state["step_size"]
    with pytest.raises(ValueError, match=r"^load_state_dict of StepLR: .*Nothing was loaded$") as caught:
        scheduler.load_state_dict(state)
    for text in ("step_size is missing", "gamma is 'half', expected a number", r"base_lrs has 1 rates, the optimiser 2 groups",
                 "color is not known"):  # fmt: skip
        caught.match(text)
    assert scheduler.state_dict() == kept
    parts = S.SequentialLR(optimizer, [S.ConstantLR(optimizer), S.StepLR(optimizer, 2)], [3])
    kept = parts.state_dict()
    for wrong, text in [
        ({**kept, "schedulers": []}, "schedulers has 0 states, expected 2"),
        ({**kept, "schedulers": [kept["schedulers"][0], {}]}, "schedulers 1: step_size is missing"),
        ({"schedulers": kept["schedulers"]}, "milestones is missing; last_epoch is missing"),
    ]:
        with pytest.raises(ValueError, match=text):
            parts.load_state_dict(wrong)
        assert parts.state_dict() == kept


def test_what_schedulers_refuse():
    o, other = optimiser(), optimiser()
    step = S.StepLR(o, 3)
    for make, error, message in [
        (lambda: S.StepLR("o", 3), TypeError, "StepLR: expected an optimiser, got str"),
        (lambda: S.CyclicLR(None, 0.1, 1.0), TypeError, "CyclicLR: expected an optimiser, got NoneType"),
        (lambda: S.StepLR(other, 3, last_epoch=2), ValueError, "group 0 has no initial_lr to go on from at last_epoch=2"),
        (lambda: S.StepLR(o, 0), ValueError, "StepLR: step_size is at least 1, got 0"),
        (lambda: S.LambdaLR(o, [abs]), ValueError, "LambdaLR: lr_lambda has 1 values, the optimiser 2 groups"),
        (lambda: S.LambdaLR(o, 0.5), TypeError, "LambdaLR: lr_lambda is a function of the epoch, or a list of them, got 0.5"),
        (lambda: S.MultiStepLR(o, 30), TypeError, "MultiStepLR: milestones is a list of epochs, got 30"),
        (lambda: S.CosineAnnealingLR(o, 0), ValueError, "CosineAnnealingLR: T_max is more than 0, got 0"),
        (lambda: S.ConstantLR(o, 0), ValueError, r"factor lies in \(0, 1\], got 0"),
        (lambda: S.LinearLR(o, 0), ValueError, r"start_factor lies in \(0, 1\], end_factor in \[0, 1\], got 0 and 1"),
        (lambda: S.CosineAnnealingWarmRestarts(o, 2, 0), ValueError, "T_mult is an integer of at least 1, got 0"),
        (lambda: S.CyclicLR(o, 0.1, 1.0, mode="square"), ValueError, "mode is 'triangular', .* got 'square'"),
        (lambda: S.CyclicLR(o, 0.1, 1.0, scale_mode="x"), ValueError, "scale_mode is 'cycle' or 'iterations', got 'x'"),
        (lambda: S.CyclicLR(optimiser(optim.Adagrad), 0.1, 1.0), ValueError, "Adagrad has no momentum .* cycle_momentum=False"),
        (lambda: S.CyclicLR(o, [0.1], 1.0), ValueError, "CyclicLR: base_lr has 1 values, the optimiser 2 groups"),
        (lambda: S.OneCycleLR(o, 0.1), ValueError, "OneCycleLR: give total_steps, or epochs and steps_per_epoch"),
        (lambda: S.OneCycleLR(o, 0.1, 0), ValueError, "the number of steps is an integer of at least 1, got 0"),
        (lambda: S.OneCycleLR(o, 0.1, 9, pct_start=2), ValueError, "pct_start is a share, 0 to 1, got 2"),
        (lambda: S.OneCycleLR(o, 0.1, 9, anneal_strategy="exp"), ValueError, "anneal_strategy is 'cos' or 'linear', got 'exp'"),
        (lambda: S.ReduceLROnPlateau(o, factor=1.0), ValueError, "factor is smaller than 1, got 1.0"),
        (lambda: S.ReduceLROnPlateau(o, mode="low"), ValueError, "mode is 'min' or 'max', .* got 'low' and 'rel'"),
        (lambda: S.SequentialLR(o, [step], [3]), ValueError, "between 1 schedulers stand 0 milestones, got 1"),
        (lambda: S.SequentialLR(o, [S.ReduceLROnPlateau(o)], []), TypeError, "scheduler 0 is a ReduceLROnPlateau"),
        (lambda: S.SequentialLR(other, [step], []), ValueError, "scheduler 0 has another optimiser"),
    ]:
        with pytest.raises(error, match=message):
            make()
    assert repr(step) == "StepLR(epoch 0, lr=0.1, 0.03)"


def test_a_scheduler_of_ones_own():
    class Halves(S.LRScheduler):
        def get_lr(self):
            return [base / 2**self.last_epoch for base in self.base_lrs]

    optimizer = optimiser()
    np.testing.assert_allclose(rates(optimizer, Halves(optimizer), range(5))[:, 0], 0.1 * 0.5 ** np.arange(5))
    with pytest.raises(TypeError, match="LRScheduler has no get_lr"):
        S.LRScheduler(optimizer)

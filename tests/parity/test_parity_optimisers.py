"""Optimisers and clipping beside PyTorch's: the same trajectories from the same gradients, in float64."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]

SHAPES = [(3, 4), (5,), (), (2, 0)]
OPTIONS = {
    "SGD": [
        {}, dict(lr=0.1, weight_decay=0.1, maximize=True), dict(lr=0.05, momentum=0.9, maximize=True),
        dict(lr=0.05, momentum=0.9, dampening=0.3, weight_decay=0.1), dict(lr=0.05, momentum=0.5, nesterov=True),
    ],
    "Adam": [
        {}, dict(lr=0.05, betas=(0.5, 0.9), eps=1e-3, weight_decay=0.1), dict(lr=0.05, amsgrad=True, weight_decay=0.1),
        dict(lr=0.05, maximize=True, weight_decay=0.2), dict(lr=0.05, weight_decay=0.2, decoupled_weight_decay=True),
        dict(lr=0.05, betas=(0.5, 0.6), amsgrad=True, maximize=True),
    ],
    "AdamW": [
        {}, dict(lr=0.05, betas=(0.5, 0.9), eps=1e-3, weight_decay=0.3), dict(lr=0.05, amsgrad=True, maximize=True),
        dict(weight_decay=0.0),
    ],
    "NAdam": [
        {}, dict(lr=0.05, betas=(0.5, 0.9), eps=1e-3, weight_decay=0.1), dict(lr=0.05, momentum_decay=0.1, maximize=True),
        dict(weight_decay=0.2, decoupled_weight_decay=True),
    ],
    "RMSprop": [
        {}, dict(alpha=0.5, eps=1e-3, weight_decay=0.1), dict(momentum=0.9), dict(centered=True, maximize=True),
        dict(centered=True, momentum=0.5, weight_decay=0.1),
    ],
    "Adagrad": [
        {}, dict(lr=0.1, lr_decay=0.1, weight_decay=0.1), dict(initial_accumulator_value=2.0, eps=1e-3), dict(maximize=True),
    ],
    "Adadelta": [{}, dict(lr=0.5, rho=0.5, eps=1e-3), dict(weight_decay=0.1), dict(maximize=True, eps=1e-2)],
}  # fmt: skip
SECOND = {  # options of the second group
    "SGD": dict(lr=0.02, momentum=0.3), "Adam": dict(lr=0.02, betas=(0.8, 0.95)), "AdamW": dict(weight_decay=0.2, lr=0.03),
    "NAdam": dict(lr=0.01, momentum_decay=0.01), "RMSprop": dict(lr=0.02, alpha=0.9), "Adagrad": dict(lr=0.3, lr_decay=0.05),
    "Adadelta": dict(rho=0.8, lr=0.7),
}  # fmt: skip


def gradient_at(p, k, i):
    """A gradient that changes with the step and the parameter."""
    return p * (1 + 0.1 * k) + np.sin(k + i)


def starts():
    rng = np.random.default_rng(0)
    return [np.asarray(rng.standard_normal(s)) for s in SHAPES]


def groups(parameters, name):
    return [{"params": parameters[:2]}, {"params": parameters[2:], **SECOND[name]}]


@pytest.fixture(autouse=True)
def exact():
    """PyTorch keeps NAdam's product of momenta in the default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


CASES = [(name, options) for name, sets in OPTIONS.items() for options in sets]


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_trajectories_of_20_steps(name, options):
    ours = [nn.Parameter(tl.Tensor(a)) for a in starts()]
    theirs = [torch.nn.Parameter(torch.tensor(a)) for a in starts()]
    a = getattr(optim, name)(groups(ours, name), **options)
    b = getattr(torch.optim, name)(groups(theirs, name), **options)
    for k in range(20):
        for i, (p, q) in enumerate(zip(ours, theirs)):
            if i == 1 and k % 5 == 3:  # a step without this gradient
                p.grad = q.grad = None
                continue
            p.grad = tl.Tensor(np.asarray(gradient_at(p.data, k, i)))
            q.grad = torch.tensor(np.asarray(gradient_at(q.detach().numpy(), k, i)))
        if k == 10:
            a.param_groups[1]["lr"] *= 0.5
            b.param_groups[1]["lr"] *= 0.5
        a.step()
        b.step()
        for p, q in zip(ours, theirs):
            np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-9, atol=1e-12)


def test_defaults_are_the_same():
    for name in [*OPTIONS, "LBFGS"]:
        ours = getattr(optim, name)([nn.Parameter(tl.ones(2))])
        theirs = getattr(torch.optim, name)([torch.nn.Parameter(torch.ones(2))])
        for option, value in ours.defaults.items():
            assert theirs.defaults[option] == value, (name, option)
        left_out = {"foreach", "capturable", "differentiable", "fused"}
        assert set(theirs.defaults) - set(ours.defaults) <= left_out, name


# -- L-BFGS ------------------------------------------------------------------------------------------------------

PROBLEMS = {
    "rosenbrock": ([np.array([-1.2, 1.0, 0.5]), np.array([[1.0], [-0.5], [0.7]])],
                   lambda x, y: ((1 - x) ** 2).sum() + 10 * ((y.reshape(3) - x * x) ** 2).sum()),
    "quartic": ([np.array(2.0), np.array([1.0, -3.0])], lambda x, y: (x - 1) ** 4 + ((y + x) ** 4).sum() + (y * y).sum()),
    "waves": ([np.array([0.3, 2.0, -4.0, 1.5])], lambda x: (x * x).sum() * 0.1 + (x * 3).sin().sum()),
}  # fmt: skip
LBFGS_OPTIONS = [
    dict(line_search_fn="strong_wolfe"), dict(line_search_fn="strong_wolfe", max_iter=4, history_size=2),
    dict(line_search_fn="strong_wolfe", lr=0.01, max_iter=7), dict(line_search_fn="strong_wolfe", lr=30.0, max_iter=3),
    dict(line_search_fn="strong_wolfe", max_eval=6), dict(lr=0.001, max_iter=5), dict(lr=0.002, max_iter=1, history_size=3),
    dict(lr=0.003, max_iter=10, max_eval=7, history_size=5), dict(lr=0.5, max_iter=4, tolerance_grad=1e-3, tolerance_change=1e-4),
]  # fmt: skip


def lbfgs_run(library, problem, options, make, values):
    starts, loss = PROBLEMS[problem]
    parameters = [make(a.copy()) for a in starts]
    optimizer = library.LBFGS(parameters, **options)
    calls, seen = [], []

    def closure():
        optimizer.zero_grad()
        value = loss(*parameters)
        value.backward()
        calls.append(value.item())
        return value

    for _ in range(20):
        seen.append((optimizer.step(closure).item(), len(calls), *(values(p).copy() for p in parameters)))
    return seen


@pytest.mark.parametrize(
    ("problem", "options"),
    # along the waves curvature is negative, and steps without a search run away from each other by rounding alone
    [(p, o) for p in PROBLEMS for o in LBFGS_OPTIONS if p != "waves" or "line_search_fn" in o],
    ids=str,
)
def test_lbfgs(problem, options):
    """The same losses, numbers of calls of the closure, and places, in 20 steps."""
    a = lbfgs_run(optim, problem, options, lambda x: nn.Parameter(tl.Tensor(x)), lambda p: p.data)
    b = lbfgs_run(
        torch.optim, problem, options, lambda x: torch.nn.Parameter(torch.tensor(x)), lambda p: p.detach().numpy()
    )  # fmt: skip
    for ours, theirs in zip(a, b):
        assert ours[1] == theirs[1]
        for x, y in zip((ours[0], *ours[2:]), (theirs[0], *theirs[2:])):
            np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-6)


# -- gradients ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm_type", [2.0, 1, 3, 0.5, float("inf"), -float("inf"), 0])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clip_grad_norm(norm_type, max_norm):
    ours = [nn.Parameter(tl.Tensor(a)) for a in starts()[:3]] + [nn.Parameter(tl.ones(2))]
    theirs = [torch.nn.Parameter(torch.tensor(a)) for a in starts()[:3]] + [torch.nn.Parameter(torch.ones(2))]
    for i, (p, q) in enumerate(zip(ours[:3], theirs)):
        g = np.asarray(gradient_at(p.data, 3, i))
        p.grad, q.grad = tl.Tensor(g.copy()), torch.tensor(g)
    a = nn.utils.clip_grad_norm_(iter(ours), max_norm, norm_type)
    b = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    np.testing.assert_allclose(a.data, b.numpy(), rtol=1e-12)
    assert str(a.dtype) == str(b.dtype).removeprefix("torch.") and a.shape == ()
    for p, q in zip(ours[:3], theirs):
        np.testing.assert_allclose(p.grad.data, q.grad.numpy(), rtol=1e-12)


def test_clip_grad_value_and_what_is_not_finite():
    g = np.array([-3.0, 0.2, np.inf, np.nan, 0.5])
    p, q = nn.Parameter(tl.Tensor(g * 0)), torch.nn.Parameter(torch.tensor(g * 0))
    for clip in ("value", "norm"):
        p.grad, q.grad = tl.Tensor(g.copy()), torch.tensor(g)
        getattr(nn.utils, f"clip_grad_{clip}_")(p, 0.4), getattr(torch.nn.utils, f"clip_grad_{clip}_")(q, 0.4)
        np.testing.assert_allclose(p.grad.data, q.grad.numpy(), rtol=1e-12)

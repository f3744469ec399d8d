"""Optimisers of two groups against their equations in plain NumPy, their states, their options."""

import copy
import pickle

import cases_optim as reference
import numpy as np
import pytest
from cases import momentum_reference, sgd_reference

import tinygrad_lite as tl
from tinygrad_lite import nn, optim

RNG = np.random.default_rng(0)
STARTS = [np.asarray(RNG.standard_normal(s)) for s in [(3, 2), (), (4,), (0, 2)]]


def gradient_at(p, k, i):
    """A gradient that changes with the step and the parameter."""
    return np.asarray(p * (1 + 0.1 * k) + np.sin(k + i))


def sgd_steps(p, gradient, steps, lr, momentum=0.0, maximize=False, **options):
    v = np.zeros_like(p)
    for k in range(steps):
        g = -gradient(p, k) if maximize else gradient(p, k)
        if momentum:
            p, v = momentum_reference(p, g, v, lr, momentum, first=k == 0, **options)
        else:
            (p,) = sgd_reference(p, g, lr, **options)
    return p


def steps_of(one_step, *names):
    """The steps of an optimiser whose state begins with zeros, "step" with 0, "product" with 1."""

    def run(p, gradient, steps, lr, initial_accumulator_value=0.0, **options):
        first = {"step": np.float64(0), "product": 1.0, "sum": np.full_like(p, initial_accumulator_value)}
        states = [first.get(name, np.zeros_like(p)) for name in names]
        for k in range(steps):
            p, *states = one_step(p, gradient(p, k), *states, lr, **options)
        return p

    return run


def adam_steps(*args, amsgrad=False, decoupled_weight_decay=False, **options):
    names = ["mean", "square", "step", "largest"][: 4 if amsgrad else 3]
    one_step = reference.amsgrad_reference if amsgrad else reference.full_adam_reference
    return steps_of(one_step, *names)(*args, decoupled=decoupled_weight_decay, **options)


def nadam_steps(*args, decoupled_weight_decay=False, **options):
    run = steps_of(reference.nadam_reference, "mean", "square", "step", "product")
    return run(*args, decoupled=decoupled_weight_decay, **options)


STEPS = {
    "SGD": sgd_steps,
    "Adam": adam_steps,
    "AdamW": lambda *args, weight_decay=0.01, **o: adam_steps(*args, weight_decay=weight_decay, decoupled_weight_decay=True, **o),
    "NAdam": nadam_steps,
    "RMSprop": steps_of(reference.rmsprop_reference, "square", "mean", "velocity"),
    "Adagrad": steps_of(reference.adagrad_reference, "sum", "step"),
    "Adadelta": steps_of(reference.adadelta_reference, "square", "change"),
}
OPTIONS = [  # of the optimiser, of its second group
    ("SGD", dict(momentum=0.9), dict(momentum=0.5, nesterov=True)), ("SGD", dict(maximize=True), dict(weight_decay=0.1)),
    ("SGD", {}, dict(momentum=0.9, dampening=0.5)),
    ("Adam", dict(amsgrad=True), dict(betas=(0.5, 0.6))), ("Adam", dict(maximize=True), dict(weight_decay=0.1)),
    ("Adam", dict(decoupled_weight_decay=True, weight_decay=0.2), dict(amsgrad=True)),
    ("AdamW", {}, dict(weight_decay=0.5)), ("AdamW", dict(amsgrad=True, betas=(0.5, 0.6)), dict(eps=0.1)),
    ("AdamW", dict(maximize=True), dict(weight_decay=0.0)),
    ("NAdam", {}, dict(momentum_decay=0.1)), ("NAdam", dict(weight_decay=0.1), dict(decoupled_weight_decay=True)),
    ("NAdam", dict(maximize=True), dict(betas=(0.5, 0.6), eps=0.1)),
    ("RMSprop", {}, dict(momentum=0.9)), ("RMSprop", dict(centered=True), dict(alpha=0.5, momentum=0.5)),
    ("RMSprop", dict(weight_decay=0.1), dict(maximize=True, eps=0.1)),
    ("Adagrad", {}, dict(lr_decay=0.1)), ("Adagrad", dict(initial_accumulator_value=1.0), dict(maximize=True)),
    ("Adagrad", dict(weight_decay=0.1), dict(eps=0.1)),
    ("Adadelta", {}, dict(rho=0.5)), ("Adadelta", dict(weight_decay=0.1), dict(eps=0.1)), ("Adadelta", dict(maximize=True), {}),
]  # fmt: skip
EACH = pytest.mark.parametrize(("name", "options", "second"), OPTIONS, ids=str)


def made(name, options, second, dtype=np.float64):
    """(parameters, optimiser) of two groups."""
    parameters = [nn.Parameter(tl.tensor(a, dtype=dtype)) for a in STARTS]
    return parameters, getattr(optim, name)(
        [{"params": parameters[:2]}, {"params": parameters[2:], "lr": 0.02, **second}], 0.05, **options
    )


def walk(parameters, optimizer, steps, scheduler=None):
    for k in steps:
        for i, p in enumerate(parameters):
            p.grad = tl.Tensor(gradient_at(p.data, k, i).astype(p.dtype))
        optimizer.step()
        if scheduler is not None:
            scheduler.step()


@EACH
def test_20_steps_of_two_groups_equal_the_equations(name, options, second):
    for dtype, tolerance in ((np.float64, dict(rtol=1e-10)), (np.float32, dict(rtol=1e-3, atol=1e-3))):
        parameters, optimizer = made(name, options, second, dtype)
        walk(parameters, optimizer, range(20))
        for i, (p, start) in enumerate(zip(parameters, STARTS)):
            given = {"lr": 0.05, **options, **({"lr": 0.02, **second} if i >= 2 else {})}
            expected = STEPS[name](start, lambda p, k: gradient_at(p, k, i), 20, **given)
            assert p.dtype == dtype
            np.testing.assert_allclose(p.data, expected, **tolerance)


@EACH
def test_large_parameters_and_those_that_are_not_contiguous_equal_the_equations(name, options, second):
    start = np.random.default_rng(1).standard_normal((131, 130))  # of more than two pieces
    given = {"lr": 0.02, **options, **second}
    expected = STEPS[name](start, lambda p, k: gradient_at(p, k, 0), 3, **given)
    for array in (start.copy(), start.T.copy().T):
        p = nn.Parameter(tl.Tensor(array))
        walk([p], getattr(optim, name)([p], **given), range(3))
        assert p.data is array
        np.testing.assert_allclose(array, expected, rtol=1e-9, atol=1e-12)


@EACH
def test_a_state_loaded_after_7_steps_goes_on_to_the_same_numbers(name, options, second):
    def run(stop_at):
        parameters, optimizer = made(name, options, second)
        scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, 6)
        walk(parameters, optimizer, range(stop_at), scheduler)
        if stop_at < 15:
            saved = {n: a.copy() for n, a in optimizer.state_dict().items()}, scheduler.state_dict()
            values = [p.data.copy() for p in parameters]
            parameters, optimizer = made(name, {}, {})  # all options are in the state
            scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, 99)
            for p, value in zip(parameters, values):
                tl.assign(p, value)
            optimizer.load_state_dict(saved[0])
            scheduler.load_state_dict(saved[1])
            walk(parameters, optimizer, range(stop_at, 15), scheduler)
        return [p.data for p in parameters], [g["lr"] for g in optimizer.param_groups]

    (ours, rates), (expected, expected_rates) = run(7), run(15)
    assert rates == expected_rates
    for a, b in zip(ours, expected):
        np.testing.assert_array_equal(a, b)


@EACH
def test_a_state_passes_through_a_file(name, options, second, tmp_path):
    parameters, optimizer = made(name, options, second)
    walk(parameters, optimizer, range(3))
    tl.io.save(optimizer.state_dict(), tmp_path / "state.safetensors")
    loaded = tl.io.load(tmp_path / "state.safetensors")
    _, other = made(name, options, second)
    other.load_state_dict(loaded)
    for key, array in other.state_dict().items():
        np.testing.assert_array_equal(array, optimizer.state_dict()[key])
    assert set(other.state_dict()) == set(optimizer.state_dict())


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_go_on_alone(duplicate):
    parameters, optimizer = made("Adam", {}, {})
    walk(parameters, optimizer, range(3))
    others, other = duplicate((parameters, optimizer))
    other.param_groups[0]["lr"] = 0.5
    assert optimizer.param_groups[0]["lr"] == 0.05 and other.param_groups[0].rate.item() == 0.5
    other.param_groups[0]["lr"] = 0.05
    walk(parameters, optimizer, range(3, 5))
    walk(others, other, range(3, 5))
    for a, b in zip(parameters, others):
        np.testing.assert_array_equal(a.data, b.data)


# -- groups ------------------------------------------------------------------------------------------------------


def test_groups_have_options_of_their_own():
    a, b, c = (nn.Parameter(tl.ones(2)) for _ in range(3))
    optimizer = optim.SGD([{"params": [a], "lr": 0.5, "name": "first"}, {"params": b}], lr=0.1, momentum=0.9)
    optimizer.add_param_group({"params": [c], "momentum": 0.0})
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, 0.1, 0.1]
    assert [g["momentum"] for g in optimizer.param_groups] == [0.9, 0.9, 0.0]
    assert [g["params"] for g in optimizer.param_groups] == [[a], [b], [c]] and optimizer.params == [a, b, c]
    assert optimizer.param_groups[0]["name"] == "first" and isinstance(optimizer.param_groups[0], dict)
    for p in (a, b, c):
        p.grad = tl.ones(2)
    optimizer.step()
    np.testing.assert_allclose([p.data[0] for p in (a, b, c)], [0.5, 0.9, 0.9], rtol=1e-6)
    assert repr(optimizer) == "SGD(3 parameters, lr=0.5, 0.1, 0.1)"


def test_a_recorded_rate_stays_live():
    """Whoever kept the Tensor of the rate sees every change of it, however it is made."""
    p = nn.Parameter(tl.ones(1))
    optimizer = optim.SGD([p], lr=1.0)
    (group,) = optimizer.param_groups
    rate = group.rate
    for change, expected in [
        (lambda: group.__setitem__("lr", 0.5), 0.5),
        (lambda: group.update(lr=0.25), 0.25),
        (lambda: group.__ior__({"lr": np.float32(2.0)}), 2.0),
        (lambda: setattr(optimizer, "lr", tl.tensor(3.0)), 3.0),
        (lambda: optim.lr_scheduler.LinearLR(optimizer, 0.5), 1.5),
        (lambda: optimizer.load_state_dict({"lr": 7.0}), 7.0),
    ]:
        before = rate.changed[0]
        change()
        assert group.rate is rate and rate.item() == group["lr"] == optimizer.lr == expected and type(group["lr"]) is float
        assert rate.changed[0] > before


def test_a_closure_is_called_with_gradients_on_and_its_loss_returned():
    for name in ("SGD", "Adam", "AdamW", "NAdam", "RMSprop", "Adagrad", "Adadelta", "LBFGS"):
        p = nn.Parameter(tl.tensor([1.0, 2.0]))
        optimizer = getattr(optim, name)([p])

        def closure():
            optimizer.zero_grad()
            loss = (p * p).sum()
            loss.backward()
            return loss

        with tl.no_grad():
            assert optimizer.step(closure).item() == 5.0
        assert (p * p).sum().item() < 5.0


def test_gradients_are_forgotten_or_zero():
    p, q = nn.Parameter(tl.ones(2)), nn.Parameter(tl.ones(2))
    optimizer = optim.SGD([p, q], lr=0.1)
    (p * 3).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert q.grad is None and p.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert p.grad is None


def test_what_groups_refuse():
    p, q = nn.Parameter(tl.zeros(1)), nn.Parameter(tl.zeros(1))
    two = optim.SGD([{"params": [p]}, {"params": [q]}])
    for make, error, message in [
        (lambda: optim.SGD(p), TypeError, "SGD: give a list of parameters or of dicts of them, not a Parameter"),
        (lambda: optim.SGD({"params": [p]}), TypeError, "not a dict"),
        (lambda: optim.SGD([{"lr": 1.0}]), TypeError, 'SGD: a group is a dict with "params", got dict'),
        (lambda: optim.SGD([{"params": [p]}, q]), TypeError, 'a group is a dict with "params", got Parameter'),
        (lambda: optim.SGD([{"params": {p}}]), TypeError, "stand in a list, not in a set"),
        (lambda: optim.SGD([{"params": [p]}, {"params": [p]}]), ValueError, "a parameter is given twice"),
        (lambda: optim.SGD([{"params": []}]), ValueError, "SGD: no parameters to train"),
        (lambda: optim.SGD([{"params": [p], "rate": 1}]), ValueError, "SGD: no option rate for a group; it has lr, momentum"),
        (lambda: optim.SGD([{"params": [p], "lr": -1}]), ValueError, "SGD: lr must not be negative, got -1"),
        (lambda: optim.Adam([{"params": [p], "betas": (1, 0)}]), ValueError, r"Adam: betas lie in \[0, 1\), two of them, got"),
        (lambda: optim.RMSprop([p], alpha=-1, eps=-1), ValueError, "RMSprop: alpha must not be negative, got -1; eps must not"),
        (lambda: optim.Adagrad([p], lr_decay=-1), ValueError, "Adagrad: lr_decay must not be negative"),
        (lambda: optim.Adadelta([p], rho=2), ValueError, r"Adadelta: rho lies in \[0, 1\], got 2"),
        (lambda: optim.NAdam([p], momentum_decay=-1), ValueError, "NAdam: momentum_decay must not be negative"),
        (lambda: two.lr, ValueError, "SGD: each of the 2 param_groups has its own lr"),
        (lambda: optim.LBFGS([{"params": [p]}, {"params": [q]}]), ValueError, "LBFGS: all parameters stand in one group"),
        (lambda: optim.LBFGS([p], line_search_fn="armijo"), ValueError, "line_search_fn is None or 'strong_wolfe', got 'armijo'"),
        (lambda: optim.LBFGS([p], max_iter=0), ValueError, "max_iter and history_size are at least 1, got 0 and 100"),
        (lambda: optim.LBFGS([p]).step(), TypeError, r"LBFGS: step\(closure\) needs a closure"),
        (lambda: optim.LBFGS([p]).step(lambda: None), TypeError, "LBFGS: the closure must return the loss, it returned None"),
        (lambda: optim.Adam(nn.Linear(1, 1).parameters), TypeError, "Adam: expected a list of parameters .*, got method"),
        (
            lambda: optim.Adam([nn.Linear(1, 1)]),
            TypeError,
            r"parameter 0 must be a leaf Tensor, got Linear; .*module.parameters\(\)",
        ),
        (lambda: optim.Adam([p], lr="0.1"), ValueError, "Adam: lr must be a number, got '0.1'"),
        (lambda: optim.SGD([p], lr=None), ValueError, "SGD: lr must be a number, got None"),
        (lambda: optim.Adam([p], betas=0.9), ValueError, r"Adam: betas lie in \[0, 1\), two of them, got 0.9"),
    ]:
        with pytest.raises(error, match=message):
            make()


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        (lambda s: s.pop("group1.lr"), [r"group1\.lr is missing"]),
        (lambda s: s.update({"group2.lr": 1.0}), [r"group2\.lr belongs to no group, there are 2"]),
        (lambda s: s.update(color=1.0, momentum=0.5), ["color is no saved option of Adam", "momentum is no saved option"]),
        (lambda s: s.update(betas=np.ones(3)), [r"betas is \(3,\) float64, expected \(2,\) of numbers"]),
        (lambda s: s.update(amsgrad=np.array(1.0)), [r"amsgrad is \(\) float64, expected \(\) bool"]),
        (lambda s: s.update(amsgrad=np.array(True)), [r"0\.largest is missing", r"1\.largest is missing"]),
        (lambda s: s.update(params=3), ["params is 3, the group has 2 parameters"]),
        (lambda s: s.update({"group1.betas": np.array([2.0, 0.1])}), [r"betas lie in \[0, 1\)"]),
        (lambda s: s.update({"9.mean": np.ones(2), "x": 1, "0.mean": np.ones(2)}),
         [r"9\.mean belongs to no parameter", "x is no saved option", r"0\.mean is \(2,\) float64, expected \(3, 2\) float64"]),
    ],
)  # fmt: skip
def test_a_state_that_does_not_fit_is_refused_with_all_that_is_wrong(change, messages):
    parameters, optimizer = made("Adam", {}, {})
    walk(parameters, optimizer, range(2))
    state = {n: a.copy() for n, a in optimizer.state_dict().items()}
    kept = {n: a.copy() for n, a in state.items()}
    change(state)
    state["0.step"] = np.array(77.0)
    with pytest.raises(ValueError, match=r"^load_state_dict of Adam: .*Nothing was loaded$") as caught:
        optimizer.load_state_dict(state)
    for message in messages:
        caught.match(message)
    for n, a in optimizer.state_dict().items():
        np.testing.assert_array_equal(a, kept[n])

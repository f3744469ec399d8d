"""Hooks of modules: when they run, what they may change, and that modules without them do not notice."""

import copy

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn
from tinygrad_lite.state import local


def ones(*shape, **options):
    return tl.ones(*shape, dtype=np.float64, **options)


class Product(nn.Module):
    """Two inputs and a keyword; two outputs."""

    def forward(self, x, y, scale=1.0):
        return x * y * scale, x + 0.0


def test_hooks_run_around_forward_in_their_order():
    seen = []
    layer = nn.Tanh()
    layer.register_forward_pre_hook(lambda m, args: seen.append(("before", m is layer, len(args))))
    layer.register_forward_hook(lambda m, args, out: seen.append(("after", m is layer, out.shape)))
    layer.register_forward_pre_hook(lambda m, args: seen.append("first"), prepend=True)
    layer.register_forward_hook(lambda m, args, out: seen.append("last"))
    out = layer(ones(2))
    assert seen == ["first", ("before", True, 1), ("after", True, (2,)), "last"]
    np.testing.assert_array_equal(out.data, np.tanh(np.ones(2)))


def test_what_a_hook_returns_takes_the_place():
    layer = nn.Identity()
    layer.register_forward_pre_hook(lambda m, args: args[0] + 1)
    layer.register_forward_pre_hook(lambda m, args: (args[0] * 10,))
    layer.register_forward_hook(lambda m, args, out: out - args[0] / 2)
    assert layer(ones(1)).item() == 10
    module = Product()
    module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"scale": kwargs["scale"] + 1}), with_kwargs=True)
    module.register_forward_hook(lambda m, args, kwargs, out: out[0] * kwargs["scale"], with_kwargs=True)
    assert module(ones(1) * 2, ones(1) * 3, scale=4.0).item() == 2 * 3 * 5 * 5
    module.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True)
    with pytest.raises(TypeError, match=r"forward pre-hook of Product: expected None or \(args, kwargs\), got tuple"):
        module(ones(1), ones(1), ones(1), scale=1.0)


def test_removal_leaves_no_trace():
    layer, seen = nn.Identity(), []
    handles = [
        layer.register_forward_pre_hook(lambda m, args: seen.append(1)),
        layer.register_forward_hook(lambda m, args, out: seen.append(2)),
        layer.register_full_backward_hook(lambda m, gi, go: seen.append(3)),
    ]
    handles[1].remove()
    layer(ones(1, requires_grad=True)).sum().backward()
    assert seen == [1, 3]
    for handle in handles * 2:
        handle.remove()
    layer(ones(1, requires_grad=True)).sum().backward()
    assert seen == [1, 3] and layer._hooks is None


@pytest.mark.parametrize("left", ["forward_pre_hook", "forward_hook", "full_backward_hook"])
def test_removal_leaves_the_hooks_of_other_kinds(left):
    layer, seen, handles = nn.Identity(), [], []
    for kind in ("forward_pre_hook", "forward_hook", "full_backward_hook"):
        handle = getattr(layer, f"register_{kind}")(lambda *given, kind=kind: seen.append(kind))
        handles += [handle] * (kind != left)
    for handle in handles:
        handle.remove()
    layer(ones(1, requires_grad=True)).sum().backward()
    assert seen == [left]


def test_a_hook_may_remove_itself():
    layer, seen = nn.Identity(), []
    handle = layer.register_forward_hook(lambda m, args, out: (seen.append(1), handle.remove())[0])
    layer(ones(1)), layer(ones(1))
    assert seen == [1]


def test_hooks_are_part_of_a_copy_and_not_of_the_state():
    layer, seen = nn.Linear(2, 2), []
    layer.register_forward_hook(lambda m, args, out: seen.append(m))
    other = copy.deepcopy(layer)
    other(tl.ones(1, 2))
    assert seen == [other] and list(layer.state_dict()) == ["weight", "bias"]


def test_errors_within_a_hooked_module_name_its_path():
    model = nn.Sequential(nn.Identity(), nn.Linear(3, 2))
    model[1].register_forward_hook(lambda m, args, out: None)
    with pytest.raises(ValueError, match="linear in 1: x has 4 features"):
        model(tl.ones(1, 4))


def test_hooks_run_in_the_scope_of_their_module_and_leave_it_after_an_error():
    model, paths = nn.Sequential(nn.Identity(), nn.Linear(2, 2)), []
    model[1].register_forward_pre_hook(lambda m, args: paths.append(local.state.scope.path))
    model(tl.ones(1, 2)), model(tl.ones(1, 2))
    model[1].register_forward_hook(lambda m, args, out: 1 / 0)
    outer = local.state.scope
    with pytest.raises(ZeroDivisionError):
        model(tl.ones(1, 2))
    assert local.state.scope is outer and paths == ["1", "1", "1"]


# -- backward ------------------------------------------------------------------------------------------------------


def gradients_seen(module, *inputs, run=None):
    """(grad_input, grad_output) of each backward, as arrays or None."""
    seen = []

    def hook(m, grad_input, grad_output):
        assert m is module
        seen.append(tuple(tuple(None if g is None else g.data.copy() for g in gs) for gs in (grad_input, grad_output)))

    handle = module.register_full_backward_hook(hook)
    (run or (lambda *xs: module(*xs).sum()))(*inputs).backward()
    handle.remove()
    return seen


def test_gradients_of_input_and_output():
    layer = nn.Linear(3, 2).double()
    x = ones(4, 3, requires_grad=True)
    ((grad_input,), (grad_output,)), = gradients_seen(layer, x, run=lambda x: (layer(x) * 2.0).sum())  # fmt: skip
    np.testing.assert_array_equal(grad_output, np.full((4, 2), 2.0))
    np.testing.assert_allclose(grad_input, np.full((4, 2), 2.0) @ layer.weight.data)
    np.testing.assert_allclose(x.grad.data, grad_input)


def test_gradients_of_every_input_and_output():
    """One call with all of them, None for what has none: a constant, a number, an output that leads nowhere."""
    module = Product()
    x, y = ones(2, requires_grad=True), ones(2)
    ((gx, gy, g_scale), (g_out, g_copy)), = gradients_seen(module, x, y, 2.0, run=lambda *xs: module(*xs)[0].sum())  # fmt: skip
    assert gx.tolist() == [2, 2] and gy is None and g_scale is None and g_out.tolist() == [1, 1] and g_copy is None
    y = ones(2, requires_grad=True)
    ((gx, gy), (g_out, g_copy)), = gradients_seen(module, x, y, run=lambda *xs: module(*xs)[1].sum())  # fmt: skip
    assert gx.tolist() == [1, 1] and gy is None and g_out is None and g_copy.tolist() == [1, 1]


def test_the_first_layer_of_a_network():
    """Its input needs no gradient: the hook runs all the same."""
    layer = nn.Linear(3, 2).double()
    ((grad_input, grad_output),) = gradients_seen(layer, ones(1, 3))
    assert grad_input == (None,) and grad_output[0].tolist() == [[1, 1]]
    assert layer.weight.grad is not None


def test_a_hook_may_replace_the_gradients_of_the_inputs():
    module = Product()
    x, y = ones(2, requires_grad=True), ones(2, requires_grad=True)
    module.register_full_backward_hook(lambda m, gi, go: (gi[0] * 10.0, gi[1] * 100.0))
    module.register_full_backward_hook(lambda m, gi, go: tuple(g + 1.0 for g in gi))
    sum(o.sum() for o in module(x, y)).backward()
    assert x.grad.tolist() == [21, 21] and y.grad.tolist() == [101, 101]
    module.register_full_backward_hook(lambda m, gi, go: gi[:1])
    with pytest.raises(ValueError, match="full backward hook of Product: expected None or 2 gradients, one for each input, got 1"):
        module(x, y)[0].sum().backward()


def test_it_runs_once_for_each_walk_also_for_second_derivatives():
    layer, seen = nn.Tanh(), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append(gi[0]))
    x = ones(3, requires_grad=True)
    y = layer(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert len(seen) == 2 and seen[0].tolist() == seen[1].tolist()
    (g,) = tl.grad(layer(x).sum(), x, create_graph=True)
    (second,) = tl.grad(g.sum(), x)
    np.testing.assert_allclose(second.data, -2 * np.tanh(1) * (1 - np.tanh(1) ** 2))
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * gi[0],))
    (g,) = tl.grad(layer(x).sum(), x, create_graph=True)
    (second,) = tl.grad(g.sum(), x)
    t = np.tanh(1)
    np.testing.assert_allclose(g.data, np.full(3, (1 - t * t) ** 2))
    np.testing.assert_allclose(second.data, 2 * (1 - t * t) * (-2 * t * (1 - t * t)))  # the hook itself is differentiated


def test_nothing_is_watched_without_a_graph():
    layer, seen = nn.Tanh(), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append(1))
    with tl.no_grad():
        assert layer(ones(1, requires_grad=True)).source is None
    assert layer(ones(1)).source is None and not seen
    layer.register_forward_hook(lambda m, args, out: {"out": out})
    with pytest.raises(TypeError, match="full backward hook of Tanh: the output must be a Tensor or a tuple of them, it is dict"):
        layer(ones(1, requires_grad=True))


def test_gradients_are_what_they_are_without_hooks():
    """A network whose every module is watched trains as if none were."""
    tl.manual_seed(0)
    plain = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Tanh(), nn.Linear(4, 4)), nn.ReLU(), nn.Linear(4, 2)).double()
    watched, count = copy.deepcopy(plain), []
    for module in watched.modules():
        module.register_full_backward_hook(lambda m, gi, go: count.append(m))
    x = tl.randn(5, 3, dtype=np.float64)
    for model in (plain, watched):
        model(x).square().sum().backward()
    for a, b in zip(plain.parameters(), watched.parameters()):
        np.testing.assert_array_equal(a.grad.data, b.grad.data)
    assert len(count) == len(list(watched.modules()))


# -- the exchange of a ReLU and a max pool ---------------------------------------------------------------------------


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("register", ["register_forward_pre_hook", "register_forward_hook", "register_full_backward_hook"])
def test_a_relu_and_a_pool_run_in_their_order_where_a_hook_looks(which, register, monkeypatch):
    """Also if it comes after the first call, and until it is removed; other modules' hooks do not matter."""
    model, sizes = nn.Sequential(nn.ReLU(), nn.MaxPool1d(2), nn.Identity()), []
    x = tl.randn(2, 3, 8, dtype=np.float64)
    expected = np.maximum(x.data, 0).reshape(2, 3, 4, 2).max(-1)

    def sizes_inside():
        """The length of what the ReLU is given."""
        seen, plain = [], nn.ReLU.forward
        with monkeypatch.context() as patch:
            patch.setattr(nn.ReLU, "forward", lambda self, x: (seen.append(x.shape[-1]), plain(self, x))[1])
            np.testing.assert_array_equal(model(x).data, expected)
        return seen

    assert sizes_inside() == [4]  # behind the pool
    model[2].register_forward_hook(lambda m, args, out: None)
    assert sizes_inside() == [4]
    handle = getattr(model[which], register)(lambda m, *rest: sizes.append(rest[0][0].shape[-1] if rest[0][0] is not None else 0))
    assert sizes_inside() == [8]
    if "forward" in register:
        assert sizes == [8]
    handle.remove()
    assert sizes_inside() == [4]


def test_a_hook_of_the_relu_sees_its_output_before_the_pool():
    model, seen = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)), []
    model(tl.ones(1, 1, 4, 4))
    model[0].register_forward_hook(lambda m, args, out: seen.append(out.shape))
    model[1].register_forward_hook(lambda m, args, out: seen.append((args[0].shape, out.shape)))
    model(tl.ones(1, 1, 4, 4))
    assert seen == [(1, 1, 4, 4), ((1, 1, 4, 4), (1, 1, 2, 2))]


def test_a_hook_for_the_length_of_a_block():
    layer, seen = nn.Identity(), []
    with pytest.raises(ZeroDivisionError), layer.register_forward_hook(lambda m, args, out: seen.append(1)):
        layer(ones(1))
        1 / 0
    layer(ones(1))
    assert seen == [1] and layer._hooks is None


def test_named_outputs_stay_named_under_a_backward_hook():
    class Largest(nn.Module):
        def forward(self, x):
            return x.max(dim=0)

    module, seen = Largest(), []
    module.register_full_backward_hook(lambda m, gi, go: seen.append(gi[0].tolist()))
    x = tl.tensor([1.0, 3.0], requires_grad=True)
    module(x).values.backward()
    assert seen == [[0, 1]]


# -- before the backward of a module -----------------------------------------------------------------------------------


def test_a_backward_pre_hook_sees_and_changes_the_gradients_of_the_outputs():
    """Before those of the inputs are computed; the hooks after it see what it left."""
    module, seen = Product(), []
    module.register_full_backward_pre_hook(lambda m, go: seen.append(("pre", m is module, [g.item() for g in go])))
    module.register_full_backward_pre_hook(lambda m, go: (go[0] * 10, go[1]))
    module.register_full_backward_hook(lambda m, gi, go: seen.append(("after", [g.item() for g in gi], [g.item() for g in go])))
    module.register_full_backward_pre_hook(lambda m, go: seen.append("first"), prepend=True)
    x, y = ones(1, requires_grad=True), tl.tensor(np.array([3.0]), requires_grad=True)
    u, v = module(x, y)
    (u * 2 + v * 5).sum().backward()
    assert seen == ["first", ("pre", True, [2, 5]), ("after", [65, 20], [20, 5])]
    assert x.grad.item() == 65 and y.grad.item() == 20


def test_a_backward_pre_hook_runs_where_no_input_needs_a_gradient():
    layer, seen = nn.Linear(2, 1, bias=False), []
    handle = layer.register_full_backward_pre_hook(lambda m, go: (seen.append(go[0].shape), go[0] * 3)[1])
    for _ in range(2):
        layer.zero_grad()
        layer(tl.ones(4, 2)).sum().backward()
        assert (layer.weight.grad.data == (12 if len(seen) else 4)).all()
    assert seen == [(4, 1)] * 2
    handle.remove()
    assert layer._hooks is None


def test_a_backward_pre_hook_in_second_derivatives():
    layer, x = nn.Tanh(), tl.tensor(np.array([0.3]), requires_grad=True)
    layer.register_full_backward_pre_hook(lambda m, go: go[0] * 2)
    (g,) = tl.grad(layer(x).sum(), x, create_graph=True)
    (second,) = tl.grad(g.sum(), x)
    t = np.tanh(0.3)
    assert g.item() == pytest.approx(2 * (1 - t * t))
    assert second.item() == pytest.approx(2 * -2 * t * (1 - t * t))


def test_a_backward_pre_hook_with_a_wrong_number_of_gradients():
    module = Product()
    module.register_full_backward_pre_hook(lambda m, go: (go[0],))
    u, v = module(ones(1, requires_grad=True), ones(1))
    with pytest.raises(
        ValueError, match=r"^full backward pre-hook of Product: expected None or 2 gradients, one for each output, got 1"
    ):
        (u + v).sum().backward()

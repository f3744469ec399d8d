"""The methods of Tensor are the ops themselves: what they are called with, what they say, that a subclass has them too."""

import copy
import inspect
import pickle

import numpy as np
import pytest
import scipy.special

import tinygrad_lite as tl
from tinygrad_lite import ops

rng = np.random.default_rng(0)
A = rng.uniform(0.2, 0.8, (3, 4))
B = rng.uniform(0.2, 0.8, (3, 4))
S = rng.normal(size=(3, 3)) + 3 * np.eye(3)

# method -> (what NumPy makes of A, or of what is given last, positional arguments, the same by PyTorch's names)
SIGNATURES = {
    "add": (A + B, (B,), dict(other=B)),
    "sub": (A - B, (B,), dict(other=B)),
    "mul": (A * B, (B,), dict(other=B)),
    "div": (A // B, (B, "floor"), dict(other=B, rounding_mode="floor")),
    "true_divide": (A / B, (B,), dict(other=B)),
    "floor_divide": (A // B, (B,), dict(other=B)),
    "remainder": (A % B, (B,), dict(other=B)),
    "pow": (A**B, (B,), dict(exponent=B)),
    "atan2": (np.arctan2(A, B), (B,), dict(other=B)),
    "logaddexp": (np.logaddexp(A, B), (B,), dict(other=B)),
    "maximum": (np.maximum(A, B), (B,), dict(other=B)),
    "minimum": (np.minimum(A, B), (B,), dict(other=B)),
    "eq": (A == B, (B,), dict(other=B)),
    "ne": (A != B, (B,), dict(other=B)),
    "lt": (A < B, (B,), dict(other=B)),
    "le": (A <= B, (B,), dict(other=B)),
    "gt": (A > B, (B,), dict(other=B)),
    "ge": (A >= B, (B,), dict(other=B)),
    "logical_and": (np.ones((3, 4), bool), (B,), dict(other=B)),
    "logical_or": (np.ones((3, 4), bool), (B,), dict(other=B)),
    "matmul": (A @ B.T, (B.T,), dict(other=B.T)),
    "mm": (A @ B.T, (B.T,), dict(mat2=B.T)),
    "mv": (A @ B[0], (B[0],), dict(vec=B[0])),
    "clamp": (np.clip(A, 0.3, 0.6), (0.3, 0.6), dict(min=0.3, max=0.6)),
    "round": (np.round(A, 1), (1,), dict(decimals=1)),
    "lerp": (A + 0.25 * (B - A), (B, 0.25), dict(end=B, weight=0.25)),
    "masked_fill": (np.where(A > B, 7.0, A), (A > B, 7.0), dict(mask=A > B, value=7.0)),
    "where": (np.where(A > B, A, B), (A > B, B), dict(condition=A > B, other=B)),
    "softmax": (scipy.special.softmax(A, 0), (0,), dict(dim=0)),
    "log_softmax": (scipy.special.log_softmax(A, -1), (-1,), dict(dim=-1)),
    "sum": (A.sum(1, keepdims=True), (1, True), dict(dim=1, keepdim=True)),
    "mean": (A.mean((0, 1)), ((0, 1),), dict(dim=(0, 1))),
    "std": (A.std(0, ddof=0), (0, 0), dict(dim=0, correction=0)),
    "amax": (A.max(1), (1,), dict(dim=1)),
    "argmin": (A.argmin(1), (1,), dict(dim=1)),
    "cumsum": (A.cumsum(1), (1,), dict(dim=1)),
    "logsumexp": (scipy.special.logsumexp(A, 1), (1,), dict(dim=1)),
    "flatten": (A.reshape(-1), (0, 1), dict(start_dim=0, end_dim=1)),
    "transpose": (A.T, (0, 1), dict(dim0=0, dim1=1)),
    "unsqueeze": (A[:, None], (1,), dict(dim=1)),
    "roll": (np.roll(A, 2, 1), (2, 1), dict(shifts=2, dims=1)),
    "broadcast_to": (np.broadcast_to(A, (2, 3, 4)), ([2, 3, 4],), dict(shape=(2, 3, 4))),
    "triu": (np.triu(A, 1), (1,), dict(diagonal=1)),
    "diagonal": (np.diagonal(A, 1), (1, 0, 1), dict(offset=1, dim1=0, dim2=1)),
    "narrow": (A[:, 1:3], (1, 1, 2), dict(dim=1, start=1, length=2)),
    "index_select": (A[:, [2, 0]], (1, np.array([2, 0])), dict(dim=1, index=np.array([2, 0]))),
}


def of_arrays(values):
    return [tl.Tensor(v) if isinstance(v, np.ndarray) else v for v in values]


@pytest.mark.parametrize("name", SIGNATURES)
def test_arguments_by_position_and_by_name(name):
    expected, args, named = SIGNATURES[name]
    for requires_grad in (False, True):
        x = tl.tensor(A, requires_grad=requires_grad)
        by_position, by_name = (
            getattr(x, name)(*of_arrays(args)), getattr(x, name)(**dict(zip(named, of_arrays(named.values()))))
        )  # fmt: skip
        np.testing.assert_allclose(by_position.data, expected, rtol=1e-12)
        np.testing.assert_array_equal(by_name.data, by_position.data)
    assert set(named) <= set(inspect.signature(getattr(tl.Tensor, name)).parameters)


def test_sizes_and_dimensions_one_by_one():
    x = tl.Tensor(A)
    for made, expected in [
        (x.reshape(2, 6), A.reshape(2, 6)), (x.reshape((2, -1)), A.reshape(2, 6)), (x.view(12), A.reshape(12)),
        (x.permute(1, 0), A.T), (x.permute((1, 0)), A.T), (x.expand(2, -1, 4), np.broadcast_to(A, (2, 3, 4))),
        (x.repeat(2, 1), np.tile(A, (2, 1))), (x.tile(2), np.tile(A, 2)), (x.flip(0, 1), A[::-1, ::-1]), (x.flip((1,)), A[:, ::-1]),
        (x.t(), A.T), (x[0].t(), A[0]), (tl.Tensor(S).inverse(), np.linalg.inv(S)), (tl.Tensor(S).det(), np.linalg.det(S)),
        (tl.Tensor(A).pinverse(), np.linalg.pinv(A)),
    ]:  # fmt: skip
        np.testing.assert_allclose(made.data, expected, atol=1e-12)


METHODS = {n: f for n, f in vars(tl.Tensor).items() if inspect.isfunction(f) and not n.startswith("_")}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_what_it_is(name):
    method = METHODS[name]
    assert method.__doc__ and inspect.signature(method)
    assert method.__module__.startswith("tinygrad_lite.")


def test_methods_are_the_functions():
    """No call lies between a method and its op."""
    own = {
        "backward", "bool", "broadcast_to", "clone", "detach", "dim", "double", "element_size", "flip", "float", "int", "item",
        "long", "numel", "numpy", "pinverse", "register_hook", "requires_grad_", "retain_grad", "size", "t", "to", "tolist",
        "where",
    }  # fmt: skip
    codes = {f.__code__.co_code for f in vars(ops).values() if hasattr(f, "__code__")}
    codes |= {f.__code__.co_code for f in vars(ops.decomposition).values() if hasattr(f, "__code__")}
    assert {name for name, method in METHODS.items() if method.__code__.co_code not in codes} <= own


def test_the_operators_from_the_right_and_in_place():
    x = tl.Tensor(A)
    for made, expected in [
        (2 - x, 2 - A), (2 / x, 2 / A), (2 // x, 2 // A), (2 % x, 2 % A), (2**x, 2**A), (B.T @ x, B.T @ A),
        (2 + x, 2 + A), (2 * x, 2 * A),
    ]:  # fmt: skip
        np.testing.assert_allclose(made.data, expected, rtol=1e-12)
    for sign in ("+", "-", "*", "/", "//", "%"):
        names = {"x": tl.Tensor(A), "y": A.copy(), "b": B}
        exec(f"x {sign}= b; y {sign}= b", names)
        np.testing.assert_allclose(names["x"].data, names["y"], rtol=1e-12)
        with pytest.raises(TypeError, match=rf"^{sign}= does not change a leaf".replace("+", r"\+").replace("*", r"\*")):
            exec(f"x {sign}= b", {"x": tl.tensor(A, requires_grad=True), "b": B})


def test_what_a_method_recorded_has_the_name_of_the_op():
    x = tl.tensor(A, requires_grad=True)
    assert [t.source[0].primitive.name for t in (x.add(x), x.exp(), x.sum(0), x.reshape(-1), x.mm(x.t()))] == [
        "add", "exp", "sum", "reshape", "matmul"
    ]  # fmt: skip


class Marked(tl.Tensor):
    """A subclass with nothing of its own."""

    __slots__ = ()


def test_subclasses_and_copies_keep_their_methods():
    x = Marked(A, requires_grad=True)
    for y in (x, copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert type(y) is Marked
        np.testing.assert_array_equal(y.mul(other=2).sum(dim=0).data, (A * 2).sum(0))

"""Errors: op, module path, what was expected, what came, what to do. After each of them the same parameters still train."""

import operator

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite.state import local

W = tl.tensor(np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32), requires_grad=True)
X = tl.tensor(np.random.default_rng(1).normal(size=(2, 3)).astype(np.float32))
I = tl.arange(6).reshape(2, 3)
f64 = np.float64


def inside(call):
    """The call in the module ``features.0``."""
    with tl.scope("features"), tl.scope("0", "Linear"):
        return call()


# what is called, the kind of error, and the parts that its text has: the op with its path first
CALLS = [
    # shapes
    (lambda: X + tl.ones(4), ValueError,
     r"^add in features\.0: shapes \(2, 3\) and \(4,\) do not broadcast: .*equal or 1 \(x is \(2, 3\) float32"),
    (lambda: X * np.ones((3, 2)), ValueError, r"^mul in features\.0: shapes \(2, 3\) and \(3, 2\) do not broadcast"),
    (lambda: tl.where(X > 0, X, tl.ones(5)), ValueError,
     r"^where in features\.0: shapes \(2, 3\) and \(2, 3\) and \(5,\) do not broadcast"),
    (lambda: W @ X, ValueError,
     r"^matmul in features\.0: .*columns.*rows.*must be equal \(x is \(3, 4\) float32, y is \(2, 3\) float32\)"),
    (lambda: X @ tl.ones(3, 4, dtype=f64), TypeError, r"^matmul in features\.0: x is float32 and y is float64: .*\.to\(dtype\)"),
    (lambda: X.reshape(4, 2), ValueError, r"^reshape in features\.0: .*\(4,\s*2\).*\(x is \(2, 3\) float32\)"),
    (lambda: X.T.view(6), ValueError, r"^view in features\.0: .*copy"),
    (lambda: X.broadcast_to((3, 3)), ValueError, r"^broadcast_to in features\.0: .*\(x is \(2, 3\) float32\)"),
    (lambda: X.permute(0, 0), ValueError, r"^permute in features\.0: dims \(0, 0\) must name each of the 2 dimensions once"),
    (lambda: tl.cat([X, W]), ValueError,
     r"^cat in features\.0: .*but dim 0 must agree \(tensors is \[\(2, 3\) float32, \(3, 4\) float32\]"),
    (lambda: tl.stack([X, W]), ValueError, r"^stack in features\.0: shapes differ: \(2, 3\), \(3, 4\)"),
    (lambda: X.split([1, 3]), ValueError,
     r"^split in features\.0: sizes \[1, 3\] do not add up to size 2 of dim 0 \(x is \(2, 3\)\)"),
    (lambda: tl.ops.linalg.linear(X, W.T, tl.ones(3)), ValueError,
     r"^linear in features\.0: bias is \(3,\) float32, expected \(4,\) float32"),
    (lambda: tl.ops.linalg.linear(X, W), ValueError,
     r"^linear in features\.0: x has 3 features, weight \(3, 4\) expects 4 \(x is \(2, 3\) float32"),
    (lambda: tl.mse_loss(X, W), ValueError, r"^mse_loss in features\.0: .*\(2, 3\).*\(3, 4\).*must agree"),
    (lambda: tl.assign(W, np.ones(2)), ValueError,
     r"^assign in features\.0: value is \(2,\), target is \(3, 4\): they must agree"),
    # dims and indices
    (lambda: X.sum(2), IndexError,
     r"^sum in features\.0: dim 2 is out of range for 2 dimensions: give -2 to 1 \(x is \(2, 3\) float32\)"),
    (lambda: X.sum((0, -2)), ValueError, r"^sum in features\.0: dim \(0, -2\) names a dimension twice"),
    (lambda: X.mean(dim="rows"), TypeError, r"^mean in features\.0: dim must be an integer, got 'rows'"),
    (lambda: X.max(5), IndexError, r"^max in features\.0: dim 5 is out of range"),
    (lambda: X[5], IndexError, r"^getitem in features\.0: .*out of bounds.*\(x is \(2, 3\) float32\)"),
    (lambda: X[np.array([0, 7])], IndexError, r"^getitem in features\.0: .*7 is out of bounds"),
    (lambda: X[0, 0, 0], IndexError, r"^getitem in features\.0: too many indices.*\(x is \(2, 3\) float32\)"),
    (lambda: X[0.5], IndexError, "float64 cannot index; give integers, booleans, slices"),
    (lambda: X[::-1], ValueError, r"step -1 is negative; flip the Tensor first"),
    (lambda: X.gather(1, tl.tensor([[0], [3]])), IndexError,
     r"^gather in features\.0: index 3 is out of range for size 3 of dim 1"),
    (lambda: X.gather(1, X), TypeError, r"^gather in features\.0: index must hold integers, got float32"),
    (lambda: tl.embedding(tl.tensor([3]), W), IndexError, r"^embedding in features\.0: index 3 is out of range.* 0 to 2"),
    (lambda: X.narrow(1, 2, 2), IndexError, r"^narrow in features\.0: 2 to 4 is outside of size 3 of dim 1 \(x is \(2, 3\)\)"),
    (lambda: tl.one_hot(tl.tensor([4]), num_classes=3), IndexError, r"^one_hot in features\.0: label 4 is out of range"),
    # labels
    (lambda: tl.cross_entropy(X, tl.tensor([0, 3])), IndexError,
     r"^cross_entropy in features\.0: label 3 .*3 classes, labels are 0 to 2"),
    (lambda: tl.cross_entropy(X, tl.tensor([-1, 0])), IndexError, r"^cross_entropy in features\.0: label -1 .*labels are 0 to 2"),
    (lambda: tl.cross_entropy(X, tl.tensor([1])), ValueError,
     r"^cross_entropy in features\.0: target must be \(2,\) for input \(2, 3\), got \(1,\)"),
    (lambda: tl.cross_entropy(X, X[:, 0]), TypeError,
     r"^cross_entropy in features\.0: target must hold class numbers \(integers\), got float32"),
    # dtypes and kinds of values
    (lambda: tl.tensor(["a"]), TypeError, "not supported: give a floating dtype .* or boolean one"),
    (lambda: tl.tensor([1j]), TypeError, "complex128 is not supported"),
    (lambda: X.to("S3"), TypeError, "not supported"),
    (lambda: X + "a", TypeError,
     r"^add in features\.0: expected a Tensor, an array or a number, got str \(x is \(2, 3\) float32, other is 'a'\)"),
    (lambda: X * [1, 2, 3], TypeError, r"^mul in features\.0: expected a Tensor, an array or a number, got list"),
    (lambda: X + None, TypeError, r"^add in features\.0: .*other is None"),
    (lambda: tl.sum([1.0, 2.0]), TypeError,
     r"^sum in features\.0: expected Tensors, arrays or numbers; make them with tinygrad_lite\.tensor.*x is list"),
    (lambda: tl.tensor([1], dtype=np.uint8) + 300, OverflowError, r"^add in features\.0: .*300 out of bounds for uint8"),
    (lambda: X * np.array(["a"]), TypeError, r"^mul in features\.0: dtype <U1 is not supported"),
    (lambda: tl.where(X, X, X), TypeError, r"^where in features\.0: condition must be boolean: compare first"),
    (lambda: I.mean(), TypeError, r"^mean in features\.0: the mean of int64 is not defined: convert with \.float\(\) first"),
    (lambda: -(X > 0), TypeError, r"^neg in features\.0: .*use logical_not"),
    (lambda: tl.zeros(0).max(0), ValueError, r"^max in features\.0: there is no"),
    (lambda: X.sum(foo=1), TypeError, "unexpected keyword argument 'foo'"),
    (lambda: tl.sum(X, 0, False, None, 1), TypeError,
     r"^sum in features\.0: 5 arguments given, the call is sum\(x, dim, keepdim, dtype\)"),
    (lambda: tl.ops.linalg.linear(X), TypeError,
     r"^linear\(\) missing 1 required positional argument: 'weight'"),
    (lambda: tl.mul(X), TypeError, r"mul\(\) missing 1 required positional argument"),
    # what a Tensor is not
    (lambda: bool(X), ValueError, r"truth of a Tensor \(2, 3\) is not defined"),
    (lambda: X.item(), ValueError, r"item: the Tensor is \(2, 3\); only one with a single element"),
    (lambda: len(tl.tensor(1.0)), TypeError, "0-dimensional Tensor has no length"),
    (lambda: range(tl.tensor(1.0)), TypeError, r"only a 0-dimensional integer Tensor can be an index, this one is \(\) float32"),
    (lambda: X.__setitem__(0, 1), TypeError, "do not change in place.*where, scatter or cat.*assign"),
    (lambda: W.numpy(), RuntimeError, r"use \.detach\(\)\.numpy\(\)"),
    # gradients
    (lambda: (X @ W).backward(), RuntimeError,
     r"^backward: the output is \(2, 4\), not a scalar: reduce it \(mean, sum\) or give the gradient"),
    (lambda: X.sum().backward(), RuntimeError,
     "^backward: this Tensor has no graph: nothing .* has requires_grad=True, or .* under no_grad"),
    (lambda: I.sum().backward(), TypeError, r"^backward: a gradient needs a floating Tensor, this one is \(\) int64"),
    (lambda: (X @ W).backward(np.ones(3)), ValueError,
     r"^backward: the gradient given is \(3,\), the output \(2, 4\): they must agree"),
    (lambda: tl.backward(3.0), TypeError, "^backward: expected a Tensor, got float"),
    (lambda: tl.backward([W.sum()], [None, None]), ValueError, "^backward: 2 gradients for 1 outputs"),
    (lambda: tl.grad(W.sum(), X), RuntimeError, "^grad: input 0 does not require a gradient: make it with requires_grad=True"),
    (lambda: tl.grad([W.sum()], W, [None, None]), ValueError, "^grad: 2 grad_outputs for 1 outputs"),
    (lambda: X.register_hook(print), RuntimeError, "register_hook: this Tensor does not require a gradient"),
    (lambda: X.retain_grad(), RuntimeError, "retain_grad: this Tensor does not require a gradient"),
    (lambda: setattr(W, "grad", np.ones((3, 4))), TypeError, "grad: expected a Tensor or None, got ndarray"),
    (lambda: setattr(W, "grad", tl.ones(3)), ValueError, r"grad: expected \(3, 4\) float32, got \(3,\) float32"),
    (lambda: setattr(X, "grad", X), RuntimeError, r"grad: this Tensor does not require a gradient; call requires_grad_\(\) first"),
    (lambda: tl.arange(3).requires_grad_(), TypeError, "only floating Tensors have gradients, this one is int64"),
    (lambda: tl.assign(W @ W.T, np.ones((3, 3))), ValueError,
     r"^assign in features\.0: target.*matmul.*only leaves change in place"),
    (lambda: tl.assign(np.ones(3), np.ones(3)), TypeError, r"^assign in features\.0: target must be a Tensor"),
    (lambda: tl.tensor([1, 2]) & tl.tensor([3, 1]), TypeError, r"^&: both sides must be boolean, got int64"),
    (lambda: ~tl.tensor([1, 2]), TypeError, r"^~: both sides must be boolean"),
    (lambda: operator.isub(W, W), TypeError, r"^-= does not change a leaf.*assign"),
    (lambda: X @ [1, 2, 3], TypeError, r"^matmul in features\.0: expected Tensors or arrays, got Tensor @ list; make them with"),
    (lambda: X @ 2, TypeError, r"^matmul in features\.0: .* got Tensor @ int; .* use \* for numbers"),
    (lambda: tl.Tensor(np.ones(2, np.longdouble)), TypeError, "^dtype .* is not supported: give a floating dtype of at most 64"),
    (lambda: tl.assign(I, np.ones((2, 3))), TypeError, r"^assign in features\.0: float64 does not go into int64"),
]  # fmt: skip


def step():
    """One step of training on the parameters of all cases."""
    before = W.data.copy()
    W.grad = None
    loss = tl.cross_entropy(X @ W, tl.tensor([0, 3]))
    loss.backward()
    expected = tl.grad(tl.cross_entropy(X @ W, tl.tensor([0, 3])), W)[0]
    np.testing.assert_array_equal(W.grad.data, expected.data)
    tl.assign(W, W.data - 0.1 * W.grad.data)
    assert tl.cross_entropy(X @ W, tl.tensor([0, 3])).item() < loss.item()
    tl.assign(W, before)
    W.grad = None


@pytest.mark.parametrize(("call", "kind", "text"), CALLS, ids=[c[2].replace("\\", "")[:60] for c in CALLS])
def test_the_text_of_errors(call, kind, text):
    W.grad = None
    with pytest.raises(kind, match=text) as caught:
        inside(call)
    assert type(caught.value) in (ValueError, TypeError, IndexError, RuntimeError, OverflowError)
    assert W.grad is None
    assert tl.is_grad_enabled() and not local.state.scope.path
    step()


def test_outside_of_modules_no_path_is_named():
    with pytest.raises(ValueError, match=r"^add: shapes"):
        X + tl.ones(4)


def walk_errors():
    def twice():
        out = (X @ W).sum()
        out.backward()
        W.grad = None
        out.backward()

    def after_update():
        out = ((X @ W) @ W.T).sum()
        tl.assign(W, W.data)
        out.backward()

    def no_graph():
        with tl.no_grad():
            out = (X @ W).sum()
        out.backward()

    def hook_of_wrong_shape():
        y = X @ W
        y.register_hook(lambda g: g.sum(0))
        y.sum().backward()

    def nan():
        with tl.detect_anomaly():
            (W * 0.0 / 0.0).sum().backward()

    return [
        (
            twice,
            RuntimeError,
            r"^backward through sum in features\.0: an earlier backward has freed this graph; .*retain_graph=True",
        ),
        (
            after_update,
            RuntimeError,
            r"^backward through \w+ in features\.0: \w+ was changed in place.*call backward before the update",
        ),
        (no_graph, RuntimeError, "^backward: this Tensor has no graph"),
        (hook_of_wrong_shape, ValueError, r"^hook on matmul in features\.0: expected a gradient .*\(2, 4\).*got \(4,\) float32"),
        (
            nan,
            FloatingPointError,
            r"^div in features\.0: the first NaN appeared here, at .*test_errors\.py:\d+; output \(3, 4\) float32",
        ),
    ]


@pytest.mark.parametrize(("call", "kind", "text"), walk_errors(), ids=[c[0].__name__ for c in walk_errors()])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_text_of_errors_of_a_walk(call, kind, text):
    W.grad = None
    with pytest.raises(kind, match=text):
        inside(call)
    assert W.grad is None
    assert tl.is_grad_enabled() and not local.state.scope.path
    step()


def test_the_cause_is_kept():
    with pytest.raises(ValueError) as caught:
        X.reshape(4, 2)
    assert isinstance(caught.value.__cause__, ValueError)

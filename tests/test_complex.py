"""Complex numbers are refused by everything that takes numbers, with one text."""

import numpy as np
import pytest
from cases import CASES

import tinygrad_lite as tl
from tinygrad_lite.primitive import registry

TEXT = "is not supported: keep the real and the imaginary part as two Tensors"
X = tl.ones(2, 3)
C = np.ones((2, 3), np.complex64)


def complex_forms():
    """For every floating input of every primitive one row: its name, its position, whether the other inputs are Tensors."""
    seen = set()
    for case in CASES:
        if case.call is not None:
            continue  # its call computes on the inputs first
        for k, a in enumerate(case.arrays()):
            for tensors in (False, True):
                if isinstance(a, np.ndarray) and a.dtype.kind == "f" and a.ndim and (case.op, k, tensors) not in seen:
                    seen.add((case.op, k, tensors))
                    yield case, k, tensors


@pytest.mark.parametrize(("case", "k", "tensors"), list(complex_forms()), ids=[f"{c.op}-{k}-{t}" for c, k, t in complex_forms()])
def test_no_primitive_takes_a_complex_array(case, k, tensors):
    inputs = [tl.Tensor(x) if tensors and isinstance(x, np.ndarray) else x for x in case.arrays()]
    inputs[k] = case.arrays()[k].astype(complex)
    with pytest.raises(TypeError, match=f"complex128 {TEXT}"):
        case.run(*inputs)


def test_the_rows_reach_every_differentiable_primitive():
    reached = {case.op for case, _, _ in complex_forms()}
    own = {n for n, p in registry.items() if p.forward.__module__.startswith("tinygrad_lite.") and p.differentiable}
    assert {name.removesuffix("_backward") for name in own - reached} <= reached | {"checkpointed"}


CALLS = {
    "tensor of a number": lambda: tl.tensor([1j]), "Tensor of an array": lambda: tl.Tensor(C),
        "from_numpy": lambda: tl.from_numpy(C),
    "to": lambda: X.to(complex), "zeros": lambda: tl.zeros(2, dtype=np.complex64), "full": lambda: tl.full((2,), 1j),
    "full_like": lambda: tl.full_like(X, 1j), "linspace": lambda: tl.linspace(0, 1j, 3), "arange": lambda: tl.arange(3j),
    "add a number": lambda: X + 1j, "a number from the left": lambda: 1j * X, "an array from the left": lambda: C - X,
    "power": lambda: X**1j, "matmul": lambda: X @ C.T, "compare": lambda: X == C, "where": lambda: tl.where(X > 0, X, 1j),
    "clamp": lambda: X.clamp(1j), "masked_fill": lambda: X.masked_fill(X > 0, 1j), "cat": lambda: tl.cat([X, C]),
    "einsum": lambda: tl.einsum("ij,ij", X, C), "einsum of arrays": lambda: tl.einsum("ij->", C), "lerp": lambda: tl.lerp(X, X, C),
    "numpy": lambda: np.add(X, C), "sum of an array": lambda: tl.sum(C), "all": lambda: tl.all(C), "sort": lambda: tl.sort(C),
    "assign": lambda: tl.assign(X, C), "scatter": lambda: X.scatter(0, tl.tensor([[0]]), 1j),
        "scatter with reduce": lambda: X.scatter(0, tl.tensor([[0]]), 1j, "add"),
    "inv": lambda: tl.linalg.inv(C[:, :2]),
    "isnan": lambda: tl.isnan(C), "reshape": lambda: tl.reshape(C, 6), "floor": lambda: tl.floor(C),
        "tensordot": lambda: tl.tensordot(X, C),
}  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", CALLS)
def test_no_call_takes_complex_numbers(name):
    with pytest.raises(TypeError, match=TEXT):
        CALLS[name]()

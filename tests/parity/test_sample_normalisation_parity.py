"""The fused normalisation of samples beside PyTorch's in float32: near it, and no further from float64 than it is."""

import numpy as np
import pytest

import tinygrad_lite as tl

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

ROWS = [(32, 128, 64), (64, 512), (8, 128, 768), (3, 7), (50, 33), (4, 100_000)]
GROUPS = [((4, 8, 5, 5), 2), ((2, 64, 32, 32), 8), ((3, 6, 7), 6), ((16, 32), 4)]
CASES = [("layer_norm", shape, shape[-1:], shape[-1]) for shape in ROWS]
CASES += [("rms_norm", shape, shape[-1:], shape[-1]) for shape in ROWS]
CASES += [("layer_norm", (6, 5, 7, 3), (5, 7, 3), (5, 7, 3)), ("layer_norm", (5, 1), (1,), (1,))]
CASES += [("group_norm", shape, groups, shape[1]) for shape, groups in GROUPS]
CASES += [("instance_norm", shape, None, shape[1]) for shape, _ in GROUPS[:3]]


def results(m, op, arrays, given):
    """The output and all gradients, in float64."""
    *leaves, g = [m.tensor(a, requires_grad=True) for a in arrays]
    function = getattr(m.nn.functional, op)
    out = function(leaves[0], weight=leaves[1], bias=leaves[2]) if given is None else function(leaves[0], given, *leaves[1:])
    out.backward(g.detach())
    return [np.asarray(t.detach().numpy(), np.float64) for t in (out, *(t.grad for t in leaves))]


@pytest.mark.parametrize(("op", "shape", "given", "size"), CASES, ids=str)
@pytest.mark.parametrize("mean", [0.0, 1.0, 100.0])
def test_errors_are_not_those_of_less_care(op, shape, given, size, mean):
    rng = np.random.default_rng(0)
    (x, g), scales = rng.standard_normal((2, *shape)), rng.standard_normal((2, *np.atleast_1d(size)))
    arrays = [a.astype(np.float32) for a in (x + mean, *scales[: 1 if op == "rms_norm" else 2], g)]
    ours, theirs = (results(m, op, arrays, given) for m in (tl, torch))
    exact = results(torch, op, [a.astype(np.float64) for a in arrays], given)
    for a, b, e in zip(ours, theirs, exact, strict=True):
        error, other = (np.sqrt(np.square(v - e).sum()) for v in (a, b))
        assert error <= max(1.2 * other, 1e-6 * np.sqrt(np.square(e).sum())) + 1e-12

"""Arguments that ops and modules share with PyTorch's: dtypes of results, factors, numbers for Tensors, limits of tables, hooks."""

import numpy as np
import pytest
from test_parity_ops import both

import tinygrad_lite as tl
from tinygrad_lite import nn

torch = pytest.importorskip("torch")
F, TF = nn.functional, torch.nn.functional
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]
RNG = np.random.default_rng(0)
DTYPES = ["float32", "float64"]


def dtype_of(m, name):
    return getattr(m, name)


WITH_DTYPE = {
    "sum": lambda m, x, d: x.sum(dtype=d), "sum dim": lambda m, x, d: m.sum(x, dim=0, keepdim=True, dtype=d),
    "mean": lambda m, x, d: x.mean(dtype=d), "mean dim": lambda m, x, d: m.mean(x, dim=(0, 1), dtype=d),
    "prod": lambda m, x, d: x.prod(dtype=d), "prod dim": lambda m, x, d: m.prod(x, 1, dtype=d),
    "cumsum": lambda m, x, d: x.cumsum(0, dtype=d), "softmax": lambda m, x, d: x.softmax(1, dtype=d),
    "log_softmax": lambda m, x, d: m.log_softmax(x, dim=0, dtype=d),
}  # fmt: skip
FLOATS = {
    "F.softmax": lambda f, m, x, d: f.softmax(x, dim=-1, dtype=d),
    "F.log_softmax": lambda f, m, x, d: f.log_softmax(x, dim=1, dtype=d),
    "F.softmin": lambda f, m, x, d: f.softmin(x, dim=0, dtype=d), "norm": lambda f, m, x, d: x.norm(dtype=d),
    "norm dim": lambda f, m, x, d: m.norm(x, 3, dim=1, dtype=d),
    "vector_norm": lambda f, m, x, d: m.linalg.vector_norm(x, 1, dim=0, dtype=d),
    "matrix_norm": lambda f, m, x, d: m.linalg.matrix_norm(x, dtype=d),
    "linalg.norm": lambda f, m, x, d: m.linalg.norm(x, 1, dtype=d),
}  # fmt: skip


@pytest.mark.parametrize("source", [*DTYPES, "int64", "int32"])
@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.parametrize("name", [*WITH_DTYPE, *FLOATS])
def test_the_dtype_of_a_result(name, source, target):
    if name in FLOATS and "soft" not in name and (source[0] == "i" or source > target):
        pytest.skip("PyTorch has no norm of integers, or in a smaller dtype")
    for shape in [(3, 4), (0, 4)]:
        x = (RNG.integers(1, 4, shape) if source[0] == "i" else RNG.uniform(0.5, 2, shape)).astype(source)
        rtol, atol = (1e-9, 1e-11) if source == target == "float64" else (2e-6, 2e-6)
        if name in WITH_DTYPE:
            function = WITH_DTYPE[name]
            pair = [lambda x, m=m: function(m, x, dtype_of(m, target)) for m in (tl, torch)]
        else:
            pair = [lambda x, f=f, m=m: FLOATS[name](f, m, x, dtype_of(m, target)) for f, m in ((F, tl), (TF, torch))]
        both_of_any_dtype(*pair, x, rtol, atol)


def both_of_any_dtype(ours, theirs, x, rtol, atol):
    """As `both`, for results in another dtype than that of the input: first derivatives."""
    a, b = tl.Tensor(x, requires_grad=x.dtype.kind == "f"), torch.tensor(x, requires_grad=x.dtype.kind == "f")
    u, v = ours(a), theirs(b)
    assert u.shape == tuple(v.shape) and str(u.dtype) in str(v.dtype)
    np.testing.assert_allclose(u.detach().data, v.detach().numpy(), rtol=rtol, atol=atol)
    if x.dtype.kind == "f":
        for t in (u, v):
            (t * t).sum().backward()
        assert a.grad.dtype == x.dtype == b.grad.numpy().dtype
        np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=rtol * 10, atol=atol * 10)


@pytest.mark.parametrize("name", ["sum", "prod", "cumsum"])
@pytest.mark.parametrize("target", ["int64", "int32", "int16", "int8", "uint8"])
def test_integers_in_other_integers(name, target):
    x = np.array([[100, 3], [27, 90]], np.int32)
    both(*[lambda x, m=m: getattr(m, name)(x, dim=0, dtype=dtype_of(m, target)) for m in (tl, torch)], [x], order=0)


PAIRS = [((3, 4), (3, 4)), ((3, 4), (4,)), ((2, 1, 3), (4, 1)), ((), ()), ((2, 3), ()), ((0, 3), (1, 3))]


@pytest.mark.parametrize("alpha", [1, 2, -0.5, 0])
@pytest.mark.parametrize("name", ["add", "sub"])
def test_sums_with_a_factor(name, alpha):
    for shapes in PAIRS:
        x, y = (RNG.standard_normal(s) for s in shapes)
        both(*[lambda x, y, m=m: getattr(m, name)(x, y, alpha=alpha) for m in (tl, torch)], [x, y])
        both(*[lambda x, y: getattr(x, name)(other=y, alpha=alpha)] * 2, [x, y])
    both(*[lambda x: getattr(x, name)(3, alpha=alpha)] * 2, [RNG.standard_normal((2, 3))])
    i = RNG.integers(-4, 4, (2, 3))
    both(*[lambda x, y: getattr(x, name)(y, alpha=int(alpha))] * 2, [i, i[::-1].copy()], order=0)


@pytest.mark.parametrize("reduce", [None, "add", "multiply"])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_scattering_a_number(dim, reduce):
    index = np.array([[0, 1, 2], [2, 0, 0]])
    options = {} if reduce is None else {"reduce": reduce}

    def call(m):
        return lambda x: m.scatter(x, dim, m.tensor(index), value=2.5, **options)

    both(call(tl), call(torch), [RNG.standard_normal((3, 3))], order=2 if reduce is None else 0)
    both(
        *[lambda x, m=m: x.scatter(dim, m.tensor(index), value=2, **options) for m in (tl, torch)],
        [np.arange(9).reshape(3, 3)],
        order=0,
    )


def test_the_older_argument_of_a_variance():
    x = RNG.standard_normal((3, 4))
    for function in (lambda x: x.var(False), lambda x: x.std(True), lambda x: x.var(0, False), lambda x: x.std(1, True, True)):
        both(function, function, [x])


@pytest.mark.parametrize("masked", [None, "bool", "float", "causal"])
@pytest.mark.parametrize("heads", [(4, 2), (6, 1), (2, 2)])
def test_attention_with_shared_heads(heads, masked):
    q, k, v = (RNG.standard_normal(s) for s in ((2, heads[0], 3, 4), (2, heads[1], 5, 4), (2, heads[1], 5, 6)))
    mask = {"bool": np.tril(np.ones((3, 5), bool)), "float": RNG.standard_normal((3, 5))}.get(masked)
    options = {"enable_gqa": True, "is_causal": masked == "causal"}

    def call(m, f):
        given = None if mask is None else m.tensor(mask)
        return lambda q, k, v: f.scaled_dot_product_attention(q, k, v, attn_mask=given, **options)

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        both(call(tl, F), call(torch, TF), [q, k, v])


@pytest.mark.parametrize("options", [{"max_norm": 0.7}, {"max_norm": 1.0, "norm_type": 1.0},
    {"scale_grad_by_freq": True}, {"padding_idx": 1, "scale_grad_by_freq": True},
    {"padding_idx": 2, "max_norm": 0.5, "scale_grad_by_freq": True}], ids=str)  # fmt: skip
def test_embedding(options):
    """Three steps of plain descent: the same vectors, and the same table at the end."""
    weight, words = RNG.standard_normal((5, 3)), RNG.integers(0, 5, (3, 2, 4))
    a, b = tl.tensor(weight, requires_grad=True), torch.tensor(weight, requires_grad=True)
    layers = [m.nn.Embedding(5, 3, **options, dtype=m.float64) for m in (tl, torch)]
    layers[0].load_state_dict({n: t.numpy() for n, t in layers[1].state_dict().items()})
    for step in range(3):
        outs = []
        for m, t, layer in ((tl, a, layers[0]), (torch, b, layers[1])):
            index = m.tensor(words[step])
            (layer(index) ** 3).sum().backward()
            out = m.nn.functional.embedding(index, t, **options)
            (out * out * 0.1).sum().backward()
            outs.append(out.detach().numpy())
        np.testing.assert_allclose(*outs, rtol=1e-9)
        np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-9)
        np.testing.assert_allclose(layers[0].weight.grad.data, layers[1].weight.grad.numpy(), rtol=1e-9)
        tl.assign(a, a.data - a.grad.data)
        with torch.no_grad():
            b -= b.grad
    np.testing.assert_allclose(layers[0].weight.data, layers[1].weight.detach().numpy(), rtol=1e-9)
    assert repr(layers[0]) == repr(layers[1])


@pytest.mark.parametrize("name", ["UpsamplingNearest2d", "UpsamplingBilinear2d"])
@pytest.mark.parametrize("where", [{"size": (5, 6)}, {"size": 4}, {"scale_factor": 2}, {"scale_factor": (1.5, 3)}], ids=str)
def test_upsampling(name, where):
    ours, theirs = getattr(nn, name)(**where), getattr(torch.nn, name)(**where)
    for shape in [(2, 2, 3, 4), (1, 1, 2, 1)]:
        both(ours, theirs, [RNG.standard_normal(shape)], rtol=1e-6, atol=1e-7)


def test_hooks_before_the_backward_of_a_module():
    """The same calls, with the same gradients, in the same order; the same gradients at the end."""

    def run(m):
        layer, seen = m.nn.Linear(3, 2).double(), []
        for p in layer.parameters():
            p.data[...] = 0.5
        layer.register_full_backward_pre_hook(lambda _, go: seen.append(("pre", go[0].detach().numpy().copy())))
        layer.register_full_backward_pre_hook(lambda _, go: (go[0] * 2,))
        layer.register_full_backward_pre_hook(lambda _, go: seen.append(("first", None)), prepend=True)
        layer.register_full_backward_hook(
            lambda _, gi, go: seen.append(("after", *(t.detach().numpy().copy() for t in (*gi, *go))))
        )
        x = m.tensor(values, requires_grad=True)
        (layer(x) * m.tensor(values[:, :2])).sum().backward()
        return seen, x.grad.numpy(), layer.weight.grad.numpy()

    values = RNG.standard_normal((4, 3))
    (seen, *ours), (expected, *theirs) = run(tl), run(torch)
    assert [s[0] for s in seen] == [e[0] for e in expected] == ["first", "pre", "after"]
    for s, e in zip([*seen, ("", *ours)], [*expected, ("", *theirs)]):
        for u, v in zip(s[1:], e[1:], strict=True):
            assert (u is None and v is None) or np.allclose(u, v, rtol=1e-12)

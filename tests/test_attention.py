"""Attention of several heads against its equation, written out; masks, layouts, dropout, errors."""

import itertools

import numpy as np
import pytest
import scipy.special

import tinygrad_lite as tl
from tinygrad_lite import nn

RNG = np.random.default_rng(0)
F = nn.functional
N, L, S, E, H = 2, 3, 4, 6, 2


def layer(**options):
    """A layer with weights of all parts drawn anew."""
    module = nn.MultiheadAttention(E, H, batch_first=True, **options).double()
    for p in module.parameters():
        tl.assign(p, RNG.standard_normal(p.shape))
    return module


def equation(module, query, key, value, mask=None):
    """Outputs and weights (batch, heads, L, S), head by head; ``mask`` (batch, heads, L, S) is added."""
    state = module.state_dict()
    if "in_proj_weight" in state:
        weights = np.split(state["in_proj_weight"], 3)
    else:
        weights = [state[f"{n}_proj_weight"] for n in "qkv"]
    biases = np.split(state.get("in_proj_bias", np.zeros(3 * E)), 3)
    q, k, v = (x @ w.T + b for x, w, b in zip((query, key, value), weights, biases))
    d, joined, all_weights = E // H, [], []
    for n, h in itertools.product(range(len(q)), range(H)):
        part = slice(h * d, (h + 1) * d)
        keys, values = k[n, :, part], v[n, :, part]
        if "bias_k" in state:
            keys, values = (np.vstack([a, state[b][0, :, part]]) for a, b in ((keys, "bias_k"), (values, "bias_v")))
        if module.add_zero_attn:
            keys, values = (np.vstack([a, np.zeros((1, d))]) for a in (keys, values))
        logits = q[n, :, part] @ keys.T / np.sqrt(d)
        if mask is not None:
            logits[:, : mask.shape[-1]] += mask[n, h]
        all_weights.append(scipy.special.softmax(logits, 1))
        joined.append(all_weights[-1] @ values)
    heads = np.array(joined).reshape(len(q), H, -1, d).transpose(0, 2, 1, 3).reshape(len(q), -1, E)
    out = heads @ state["out_proj.weight"].T + state.get("out_proj.bias", 0)
    return out, np.array(all_weights).reshape(len(q), H, heads.shape[1], -1)


def drawn(module, places=S):
    shapes = (N, L, E), (N, places, module.kdim), (N, places, module.vdim)
    return [RNG.standard_normal(shape) for shape in shapes]


OPTIONS = [{}, {"bias": False}, {"add_bias_kv": True}, {"add_zero_attn": True}, {"add_bias_kv": True, "add_zero_attn": True},
           {"kdim": 5, "vdim": 3}, {"kdim": 5, "bias": False, "add_bias_kv": True}]  # fmt: skip


def masks(kind):
    """Both masks as they are given, and what they add to the products (batch, heads, L, S)."""
    unseen, padding = RNG.random((L, S)) < 0.4, np.array([[False, False, True, True], [False, False, False, True]])
    unseen[:, 0] = False
    added = np.where(unseen | padding[:, None, None], -np.inf, np.zeros((N, H, L, S)))
    if kind == "boolean":
        return unseen, padding, added
    numbers, of_keys = RNG.standard_normal((N * H, L, S)), RNG.standard_normal((N, S))
    if kind == "numbers":
        return numbers, of_keys, numbers.reshape(N, H, L, S) + of_keys[:, None, None]
    return numbers, padding, np.where(padding[:, None, None], -np.inf, numbers.reshape(N, H, L, S))


@pytest.mark.parametrize("kind", [None, "boolean", "numbers", "mixed"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_equation(options, kind):
    module = layer(**options)
    inputs = drawn(module)
    attn_mask, padding, added = masks(kind) if kind else (None, None, None)
    expected, weights = equation(module, *inputs, added)
    tensors = [tl.Tensor(x) for x in inputs]
    given = {name: None if m is None else tl.Tensor(m) for name, m in (("attn_mask", attn_mask), ("key_padding_mask", padding))}
    out, mean = module(*tensors, **given)
    np.testing.assert_allclose(out.detach().data, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(mean.detach().data, weights.mean(1), rtol=1e-10, atol=1e-12)
    _, each = module(*tensors, average_attn_weights=False, **given)
    np.testing.assert_allclose(each.detach().data, weights, rtol=1e-10, atol=1e-12)
    alone, nothing = module(*tensors, need_weights=False, **given)
    assert nothing is None and (alone.data == out.data).all()
    if kind == "boolean":  # each sample by itself, without a batch
        for n in range(N):
            single, w = module(
                *[t[n] for t in tensors], attn_mask=given["attn_mask"], key_padding_mask=given["key_padding_mask"][n]
            )
            np.testing.assert_allclose(single.detach().data, expected[n], rtol=1e-10, atol=1e-12)
            assert w.shape == mean.shape[1:]
    module.batch_first = False
    turned, same = module(*[t.transpose(0, 1) for t in tensors], **given)
    np.testing.assert_allclose(turned.transpose(0, 1).detach().data, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(same.detach().data, mean.detach().data, rtol=1e-12)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_derivatives_equal_finite_differences(options):
    module = layer(**options)
    inputs = [x[:1, :2] for x in drawn(module)]
    numbers = RNG.standard_normal((2, 2))
    tl.gradcheck(lambda q, k, v, m: module(q, k, v, attn_mask=m), *inputs, numbers, order=2, rtol=2e-4, atol=2e-6)
    for name, p in module.named_parameters():

        def with_parameter(value, name=name):
            other = layer(**options)
            other.load_state_dict(module.state_dict())
            *path, last = name.split(".")
            part = other.get_submodule(".".join(path))
            delattr(part, last)  # a Parameter does not become a Tensor by accident
            setattr(part, last, value)
            return other(*map(tl.Tensor, inputs))[0]

        tl.gradcheck(with_parameter, p.data.copy(), order=1, rtol=2e-4, atol=2e-6)


def test_self_attention_is_attention_to_oneself():
    """One product for all three projections gives what three give."""
    module = layer()
    x = RNG.standard_normal((N, L, E))
    a, b = tl.Tensor(x, requires_grad=True), tl.Tensor(x, requires_grad=True)
    for t, out in ((a, module(a, a, a)[0]), (b, module(b, b * 1.0, b * 1.0)[0])):
        (out * tl.Tensor(x)).sum().backward()
        np.testing.assert_allclose(out.detach().data, equation(module, x, x, x)[0], rtol=1e-10, atol=1e-12)
        assert t.grad is not None
    np.testing.assert_allclose(a.grad.data, b.grad.data, rtol=1e-10, atol=1e-12)


def test_a_query_that_sees_no_key_gets_the_bias_and_no_gradient():
    module = layer()
    q, k, v = (tl.Tensor(x, requires_grad=True) for x in drawn(module))
    unseen = np.zeros((L, S), bool)
    unseen[1] = True
    out, weights = module(q, k, v, attn_mask=unseen)
    assert (weights.data[:, 1] == 0).all()
    np.testing.assert_allclose(out.data[:, 1], np.tile(module.out_proj.bias.data, (N, 1)))
    out.sum().backward()
    assert (q.grad.data[:, 1] == 0).all() and np.isfinite(k.grad.data).all() and (q.grad.data[:, 0] != 0).any()


def test_a_causal_mask_hides_the_future():
    """Outputs up to a place do not change with what comes after it."""
    q, k, v = (tl.Tensor(RNG.standard_normal((2, 5, 3))) for _ in range(3))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True).data
    later = np.where(np.arange(5)[:, None] > 2, 7.0, 0.0)
    changed = F.scaled_dot_product_attention(q, k + later, v + later, is_causal=True).data
    np.testing.assert_allclose(out[:, :3], changed[:, :3])
    assert np.abs(out[:, 3:] - changed[:, 3:]).min() > 0


def test_dropout_keeps_the_mean_and_stops_in_evaluation():
    tl.manual_seed(0)
    q, k, v = (tl.Tensor(RNG.standard_normal((1, 2, 4))) for _ in range(3))
    plain = F.scaled_dot_product_attention(q, k, v).data
    drawn = np.mean([F.scaled_dot_product_attention(q, k, v, dropout_p=0.3).data for _ in range(4000)], 0)
    np.testing.assert_allclose(drawn, plain, atol=0.08)
    module = layer(dropout=0.5)
    x = tl.Tensor(RNG.standard_normal((1, 5, E)))
    assert (module(x, x, x)[1].data == 0).any() and not (module.eval()(x, x, x)[1].data == 0).any()


def test_the_order_of_keys_does_not_matter():
    module = layer()
    q, k, v = drawn(module)
    order = [2, 0, 3, 1]
    a, b = (module(*map(tl.Tensor, (q, k[:, o], v[:, o])))[0].data for o in (slice(None), order))
    np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_initial_weights():
    tl.manual_seed(0)
    module = nn.MultiheadAttention(64, 4, add_bias_kv=True)
    state = module.state_dict()
    assert list(state) == ["in_proj_weight", "in_proj_bias", "bias_k", "bias_v", "out_proj.weight", "out_proj.bias"]
    assert np.abs(state["in_proj_weight"]).max() == pytest.approx((6 / 256) ** 0.5, rel=0.01)
    assert np.abs(state["out_proj.weight"]).max() == pytest.approx(1 / 8, rel=0.01)
    assert not state["in_proj_bias"].any() and not state["out_proj.bias"].any()
    assert state["bias_k"].std() == pytest.approx((2 / 128) ** 0.5, rel=0.3)
    assert "q_proj_weight" in nn.MultiheadAttention(4, 2, kdim=3).state_dict()
    assert repr(module).startswith("MultiheadAttention(64, 4")


x, y = tl.zeros(N, L, E), tl.zeros(N, S, E)
M = nn.MultiheadAttention(E, H, batch_first=True)
REFUSED = [
    (lambda: nn.MultiheadAttention(5, 2), ValueError, "embed_dim 5 does not divide into 2 heads"),
    (lambda: M(x, tl.zeros(N, S, 5), y), ValueError, r"MultiheadAttention: key must be .* with 6 features .* key \(2, 4, 5\)"),
    (lambda: M(x, y, tl.zeros(3, S, E)), ValueError, r"value must be .* the batch of query"),
    (lambda: M(x, y[0], y[0]), ValueError, r"key must be \(batch, places, features\)"),
    (lambda: M(x, y, tl.zeros(N, 7, E)), ValueError, "key has 4 places, value 7"),
    (lambda: M(x, y, y, is_causal=True), ValueError, "is_causal says of attn_mask that it is causal"),
    (lambda: M(x, y, y, attn_mask=tl.zeros(L, 7)), ValueError,
     r"attn_mask must be boolean or float32, \(3, 4\) or \(4, 3, 4\), got \(3, 7\)"),
    (lambda: M(x, y, y, attn_mask=np.zeros((L, S), int)), ValueError, r"attn_mask must be boolean or float32, .* int64"),
    (lambda: M(x, y, y, key_padding_mask=np.zeros((N, L), bool)), ValueError,
     r"key_padding_mask must be .* \(2, 4\), got \(2, 3\)"),
    (lambda: F.scaled_dot_product_attention(x, tl.zeros(N, S, 5), y), ValueError,
     r"scaled_dot_product_attention: query \(2, 3, 6\) and key \(2, 4, 5\) must agree in the last size"),
    (lambda: F.scaled_dot_product_attention(x, y, x), ValueError, r"key and value \(2, 3, 6\) in the one before it"),
    (lambda: F.scaled_dot_product_attention(x, y.double(), y), ValueError, "key must be .* of the floats of query, got .* float64"),
    (lambda: F.scaled_dot_product_attention(x, y, y, np.zeros((L, S))), TypeError, "attn_mask must be boolean or float32"),
    (lambda: F.scaled_dot_product_attention(x, y, y, np.zeros((L, S), bool), is_causal=True), ValueError, "without attn_mask"),
    (lambda: F.scaled_dot_product_attention(x, y, y, dropout_p=2.0), ValueError, "p must be a probability"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "text"), REFUSED, ids=[row[2][:40] for row in REFUSED])
def test_errors_say_what_is_wrong(call, kind, text):
    with pytest.raises(kind, match=text):
        call()

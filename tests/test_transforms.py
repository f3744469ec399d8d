"""vjp, jvp, hvp, jacobian, hessian: against closed forms, and against each other."""

import numpy as np
import pytest

import tinygrad_lite as tl

RNG = np.random.default_rng(0)
A = RNG.normal(size=(4, 3))
S = RNG.normal(size=(3, 3))
N = lambda *shape: tl.tensor(RNG.normal(size=shape))


def test_closed_forms():
    x, v, u = N(3), N(3), N(4)
    linear = lambda t: tl.matmul(A, t)
    np.testing.assert_allclose(tl.jacobian(linear, x).data, A)
    np.testing.assert_allclose(tl.vjp(linear, x, u)[1].data, A.T @ u.data)
    np.testing.assert_allclose(tl.jvp(linear, x, v)[1].data, A @ v.data)
    quadratic = lambda t: (t * tl.matmul(S, t)).sum()
    np.testing.assert_allclose(tl.hessian(quadratic, x).data, S + S.T)
    np.testing.assert_allclose(tl.hvp(quadratic, x, v)[1].data, (S + S.T) @ v.data)
    np.testing.assert_allclose(tl.vjp(quadratic, x)[1].data, (S + S.T) @ x.data)
    bilinear = lambda a, b: (a * tl.matmul(S, b)).sum()
    (aa, ab), (ba, bb) = tl.hessian(bilinear, (x, v))
    np.testing.assert_allclose([aa.data, ab.data, ba.data, bb.data], [0 * S, S, S.T, 0 * S])
    ja, jb = tl.jacobian(lambda a, b: a * b, (x, v))
    np.testing.assert_allclose(ja.data, np.diag(v.data))
    np.testing.assert_allclose(jb.data, np.diag(x.data))


FUNCTIONS = [
    ("tanh of a product", lambda x, y: (x @ y).tanh(), [(2, 3), (3, 2)]),
    ("softmax", lambda x: tl.softmax(x, 1), [(2, 3)]),
    ("outer and exp", lambda x, y: (x.unsqueeze(1) * y).exp().sum(0), [(3,), (2,)]),
    ("scalar", lambda x: (x**3).sin().sum(), [(4,)]),
    ("linear: no second derivative", lambda x: x * 2.0 + 1.0, [(3,)]),
    ("independent of y", lambda x, y: x.exp(), [(3,), (2,)]),
    ("itself", lambda x: x, [(3,)]),
    ("fused", lambda x: tl.cross_entropy(x, np.array([1, 0])), [(2, 3)]),
    ("checkpointed", lambda x: tl.checkpoint(lambda t: (t * t).sin(), x), [(3,)]),
    ("several outputs inside", lambda x: x.unbind(0)[0] * x.unbind(0)[1], [(2, 3)]),
]
CASES = pytest.mark.parametrize(("function", "shapes"), [f[1:] for f in FUNCTIONS], ids=[f[0] for f in FUNCTIONS])


@CASES
def test_jvp_and_vjp_are_adjoint_and_rows_and_columns_of_the_jacobian(function, shapes):
    inputs, vs = [N(*s) for s in shapes], [N(*s) for s in shapes]
    out, pushed = tl.jvp(function, inputs, vs)
    np.testing.assert_array_equal(out.data, function(*inputs).data)
    u = N(*out.shape)
    out2, pulled = tl.vjp(function, inputs, u)
    np.testing.assert_array_equal(out2.data, out.data)
    assert (u.data * pushed.data).sum() == pytest.approx(sum((a.data * b.data).sum() for a, b in zip(vs, pulled)), abs=1e-12)
    rows = tl.jacobian(function, inputs)
    for j, x, g in zip(rows, inputs, pulled):
        assert j.shape == out.shape + x.shape
        np.testing.assert_allclose(np.tensordot(u.data, j.data, u.ndim), g.data, atol=1e-12)
    by_rows = sum(np.tensordot(j.data, v.data, v.ndim) for j, v in zip(rows, vs))
    np.testing.assert_allclose(by_rows, pushed.data, atol=1e-12)


@CASES
def test_the_hessian_is_symmetric_and_hvp_is_its_product(function, shapes):
    scalar = lambda *xs: (function(*xs) ** 2).sum()
    inputs, vs = [N(*s) for s in shapes], [N(*s) for s in shapes]
    blocks = tl.hessian(scalar, tuple(inputs))
    value, products = tl.hvp(scalar, inputs, vs)
    assert value.item() == pytest.approx(scalar(*inputs).item())
    for i, x in enumerate(inputs):
        for j, y in enumerate(inputs):
            h, t = blocks[i][j].data, blocks[j][i].data
            assert h.shape == x.shape + y.shape
            np.testing.assert_allclose(h.reshape(x.numel(), -1), t.reshape(y.numel(), -1).T, atol=1e-10)
        expected = sum(np.tensordot(blocks[i][j].data, v.data, v.ndim) for j, v in enumerate(vs))
        np.testing.assert_allclose(products[i].data, expected, atol=1e-10)


@CASES
def test_inputs_are_untouched(function, shapes):
    inputs = [tl.tensor(RNG.normal(size=s), requires_grad=k % 2 == 0) for k, s in enumerate(shapes)]
    before = [x.data.copy() for x in inputs]
    with tl.no_grad():  # the transforms record for themselves
        tl.jacobian(function, inputs)
        tl.vjp(function, inputs, np.ones(function(*inputs).shape))
        tl.jvp(function, inputs, [x.data for x in inputs])
        tl.hvp(lambda *xs: function(*xs).sum(), inputs, [x.data for x in inputs])
        assert not tl.is_grad_enabled()
    for x, b in zip(inputs, before):
        assert x.grad is None and (x.data == b).all()
    assert [x.requires_grad for x in inputs] == [k % 2 == 0 for k in range(len(inputs))]


def test_create_graph_of_jacobian_and_hessian():
    x = tl.tensor(np.array([0.5, 2.0]), requires_grad=True)
    j = tl.jacobian(lambda t: t**3, x, create_graph=True)
    np.testing.assert_allclose(tl.grad(j.sum(), x)[0].data, 6 * x.data)
    h = tl.hessian(lambda t: (t**4).sum(), x, create_graph=True)
    np.testing.assert_allclose(h.data, np.diag(12 * x.data**2))
    np.testing.assert_allclose(tl.grad(h.sum(), x)[0].data, 24 * x.data)


def test_a_single_input_gives_a_single_result():
    x = N(3)
    f = lambda t: (t * t).sum()
    assert isinstance(tl.vjp(f, x)[1], tl.Tensor) and isinstance(tl.vjp(f, [x])[1], tuple)
    assert isinstance(tl.jacobian(f, x), tl.Tensor) and isinstance(tl.jacobian(f, (x,)), tuple)
    assert isinstance(tl.hessian(f, x), tl.Tensor) and isinstance(tl.hvp(f, x, x)[1], tl.Tensor)


def test_a_tensor_passed_twice_is_two_inputs():
    x = N(3)
    a, b = tl.vjp(lambda s, t: (s * s * t).sum(), (x, x))[1]
    np.testing.assert_allclose(a.data, 2 * x.data**2)
    np.testing.assert_allclose(b.data, x.data**2)


def test_constant_functions_have_zero_derivatives():
    x, c = N(3), tl.ones(2, dtype=np.float64)
    assert (tl.jacobian(lambda t: c, x).data == np.zeros((2, 3))).all()
    assert (tl.jvp(lambda t: c, x, x)[1].data == 0).all()
    assert (tl.vjp(lambda t: c, x, c)[1].data == 0).all()
    assert (tl.hessian(lambda t: c.sum(), x).data == np.zeros((3, 3))).all()


def test_of_a_float32_function_everything_is_float32():
    x = tl.ones(3)
    f = lambda t: (t * 2.0).exp()
    assert {tl.jacobian(f, x).dtype, tl.vjp(f, x, x)[1].dtype, tl.jvp(f, x, x)[1].dtype} == {np.dtype(np.float32)}


ERRORS = [
    (lambda x: tl.jvp(lambda t: t, x, tl.ones(2)), ValueError, r"jvp: v must have the shapes.*\(3,\).*\(2,\)"),
    (lambda x: tl.hvp(lambda a, b: (a * b).sum(), (x, x), x), ValueError, "hvp: v must have the shapes"),
    (lambda x: tl.vjp(lambda t: t, x), RuntimeError, r"\(3,\), not a scalar"),
    (lambda x: tl.vjp(lambda t: t, x, tl.ones(2)), ValueError, r"gradient given is \(2,\), the output \(3,\)"),
    (lambda x: tl.hessian(lambda t: t, x), ValueError, r"hessian: the function must return one scalar Tensor, got \(3,\)"),
    (lambda x: tl.vjp(lambda t: (t, t), x), TypeError, "vjp: the function must return one Tensor, got tuple"),
    (lambda x: tl.jacobian(lambda t: 3.0, x), TypeError, "jacobian: the function must return one Tensor, got float"),
    (
        lambda x: tl.jacobian(lambda t: t, tl.arange(3)),
        TypeError,
        r"jacobian: expected floating Tensors as inputs, got \(3,\) int64",
    ),
    (lambda x: tl.vjp(lambda t: t.sum(), 3.0), TypeError, "vjp: expected floating Tensors as inputs, got 3.0"),
]


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS, ids=[e[2][:30] for e in ERRORS])
def test_errors(call, kind, text):
    with pytest.raises(kind, match=text):
        call(N(3))
    assert tl.is_grad_enabled()


# -- gradcheck itself ---------------------------------------------------------------------------------------------


def test_gradcheck_passes_right_and_finds_wrong_derivatives():
    from tinygrad_lite.primitive import primitive, registry

    def op_with(rule):
        @primitive
        def cube(x):
            return x**3

        registry.pop("cube")
        cube.derivatives(rule)
        return cube

    x = np.array([0.5, -1.5])
    right = op_with(lambda g, x: g * 3.0 * x * x)
    assert tl.gradcheck(right, x) and tl.gradcheck(right, x, order=2)
    with pytest.raises(tl.GradcheckError, match=r"input 0 at element \(\d,\): derivative .*, finite difference"):
        tl.gradcheck(op_with(lambda g, x: g * 2.9 * x * x), x)
    with pytest.raises(tl.GradcheckError, match="input 0"):
        tl.gradcheck(op_with(lambda g, x: g * float("nan")), x)
    constant = op_with(lambda g, x: g * (3.0 * (x.data if isinstance(x, tl.Tensor) else x) ** 2))  # a saved float as a constant
    assert tl.gradcheck(constant, x)
    with pytest.raises(tl.GradcheckError, match="second order, input 0"):
        tl.gradcheck(constant, x, order=2)


def test_gradcheck_takes_other_arguments_and_refuses_nothing_to_check():
    assert tl.gradcheck(lambda x, n: x**n, np.array([1.5]), 3)
    assert tl.gradcheck(lambda x, i: x[i], tl.ones(3), np.array([0, 0, 2]), order=2)
    with pytest.raises(ValueError, match="no input is a floating"):
        tl.gradcheck(lambda n: n, 3)
    with pytest.raises(ValueError, match="no floating Tensor"):
        tl.gradcheck(lambda x: x > 0, np.ones(2))
    with pytest.raises(ValueError, match="order is 1 or 2, got 3"):
        tl.gradcheck(lambda x: x, np.ones(2), order=3)

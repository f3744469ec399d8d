"""Autoencoders: a linear one is PCA, a deep one beats it, and each kind has the least of what it is punished for."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.data import load_digits
from tinygrad_lite.zoo import autoencoders as zoo

RNG = np.random.default_rng(0)


def trained(model, x, epochs, lr=2e-3, seed=0, batch_size=50):
    """``model`` after ``epochs`` of Adam whose rate falls to a twentieth."""
    tl.manual_seed(seed)
    optimizer = optim.Adam(model.parameters(), lr=lr)
    for epoch in range(epochs):
        optimizer.lr = lr * 0.05 ** (epoch / epochs)
        zoo.train_epoch(model, x, optimizer, batch_size)
    return model


def error_of_components(x, held_out, n):
    """What PCA with ``n`` components, found in ``x``, does not give back of ``held_out``."""
    mean, components = zoo.principal_components(x, n)
    rest = (held_out - mean) - (held_out - mean) @ components.T @ components
    return float(np.square(rest).sum() / len(rest))


# -- a linear one is PCA -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 3])
def test_components_are_eigenvectors_of_the_covariance(n):
    x = RNG.standard_normal((30, 5)) @ RNG.standard_normal((5, 5)) + 2
    mean, components = zoo.principal_components(x, n)
    values, vectors = np.linalg.eigh(np.cov(x.T))
    np.testing.assert_allclose(mean, x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(np.abs(components @ vectors[:, ::-1])[:, :n], np.eye(n), atol=1e-10)
    assert error_of_components(x, x, n) == pytest.approx(values[: 5 - n].sum() * 29 / 30)


@pytest.mark.parametrize(("kind", "data"), [(zoo.tied, "digits"), (zoo.tied, "made"), (zoo.autoencoder, "made")])
def test_a_linear_one_is_the_subspace_of_pca(kind, data):
    if data == "digits":
        x = load_digits()[0][0].astype(np.float64)
        x -= x.mean(0)
    else:
        x = RNG.standard_normal((200, 6)) * [1.6, 1.4, 1.2, 0.8, 0.7, 0.6] @ np.linalg.qr(RNG.standard_normal((6, 6)))[0] + 0.5
    tl.manual_seed(0)
    model = kind((x.shape[1], 3)).double()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(600 if kind is zoo.tied else 1500):
        zoo.train_epoch(model, x, optimizer, len(x))
    mean, components = zoo.principal_components(x, 3)
    basis = np.linalg.qr(model.encoder[0].weight.data.T if kind is zoo.tied else model.decoder[0].weight.data)[0]
    sines = np.linalg.svd(basis - components.T @ (components @ basis), compute_uv=False)  # of the angles between both
    assert sines.max() < 1e-6
    assert zoo.reconstruction_error(model, x) == pytest.approx(error_of_components(x, x, 3), rel=1e-10)
    np.testing.assert_allclose(model(tl.Tensor(mean[None])).data[0], mean, atol=1e-8)


# -- against PCA on real digits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "share"), [(10, 0.75), (2, 0.85)])
def test_a_deep_one_beats_pca_on_digits_held_out(n, share):
    (x, _), (held_out, _) = load_digits()
    tl.manual_seed(0)
    model = trained(zoo.autoencoder((64, 128, 64, n), nn.ReLU, output=nn.Sigmoid), x, 50)
    assert zoo.reconstruction_error(model, held_out) < share * error_of_components(x, held_out, n)


def test_a_convolutional_one_beats_pca_on_digits_held_out():
    (x, _), (held_out, _) = load_digits()
    tl.manual_seed(0)
    model = trained(zoo.convolutional((1, 8, 8), (16, 32), 10), x.reshape(-1, 1, 8, 8), 40, lr=5e-3)
    error = zoo.reconstruction_error(model, held_out.reshape(-1, 1, 8, 8))
    assert error < 0.85 * error_of_components(x, held_out, 10)


@pytest.mark.proof
def test_a_deep_one_beats_pca_on_mnist():
    folder = os.environ.get("TINYGRAD_LITE_MNIST")
    if not folder:
        pytest.skip("TINYGRAD_LITE_MNIST does not name the folder of t10k-images-idx3-ubyte.gz")
    raw = gzip.decompress((Path(folder) / "t10k-images-idx3-ubyte.gz").read_bytes())
    images = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 784).astype(np.float32) / 255
    x, held_out = images[:8000], images[-2000:]
    tl.manual_seed(0)
    model = trained(zoo.autoencoder(zoo.MNIST_SIZES, nn.ReLU), x, 20, lr=1e-3, batch_size=100)
    deep, components = zoo.reconstruction_error(model, held_out), error_of_components(x, held_out, 30)
    print(f"squared error of an image held out, 30 units: deep autoencoder {deep:.2f}, PCA {components:.2f}")
    assert deep < 0.85 * components


# -- each kind has the least of its own ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kinds():
    """One layer of 100 logistic units with tied weights, trained on digits: kind -> what was measured on digits held out."""
    (x, _), (held_out, _) = load_digits()
    tl.manual_seed(9)
    spoilt, measured = zoo.Masking(0.3)(held_out).data, {}
    for kind, options in {
        "plain": {},
        "sparse L1": {"penalty": zoo.L1(0.05)},
        "sparse KL": {"penalty": zoo.KL(0.2, 0.05)},
        "denoising": {"corrupt": zoo.Masking(0.3)},
        "contractive": {"penalty": zoo.Contraction(0.3)},
        "estimated": {"penalty": zoo.ContractionEstimate(0.3)},
    }.items():
        tl.manual_seed(0)
        model = trained(zoo.tied((64, 100), code=nn.Sigmoid, **options), x, 60, lr=1e-2)
        code = model.encoder(tl.Tensor(held_out))
        measured[kind] = {
            "error": zoo.reconstruction_error(model, held_out),
            "restored": zoo.reconstruction_error(model, held_out, spoilt),
            "activity": float(code.data.mean()),
            "jacobian": zoo.Contraction(1.0)(model.encoder, None, code).item(),
        }
    return measured


def least(measured, what, which):
    """By what factor the worst of ``which`` is below the best of the others."""
    others = [m[what] for kind, m in measured.items() if kind not in which]
    return max(measured[kind][what] for kind in which) / min(others)


def test_a_denoising_one_restores_better(kinds):
    assert least(kinds, "restored", ["denoising"]) < 0.9, kinds
    assert kinds["denoising"]["restored"] < 0.7 * kinds["plain"]["restored"], kinds


NOISES = {"salt and pepper": zoo.SaltAndPepper(0.3), "Gaussian": zoo.Gaussian(0.4)}


@pytest.mark.parametrize("noise", NOISES)
def test_other_noise_is_removed_by_one_that_has_seen_it(noise):
    (x, _), (held_out, _) = load_digits()
    tl.manual_seed(9)
    spoilt, restored = NOISES[noise](held_out).data, {}
    for kind, corrupt in (("plain", None), ("denoising", NOISES[noise])):
        tl.manual_seed(0)
        model = trained(zoo.tied((64, 100), code=nn.Sigmoid, corrupt=corrupt), x, 30, lr=1e-2)
        restored[kind] = zoo.reconstruction_error(model, held_out, spoilt)
    left = float(np.square(spoilt - held_out).sum() / len(held_out))
    assert restored["denoising"] < 0.7 * restored["plain"] and restored["denoising"] < 0.4 * left, (restored, left)


def test_a_contractive_one_has_the_smallest_jacobian(kinds):
    assert least(kinds, "jacobian", ["contractive", "estimated"]) < 0.8, kinds
    assert kinds["estimated"]["jacobian"] == pytest.approx(kinds["contractive"]["jacobian"], rel=0.1)


def test_a_sparse_one_is_the_least_active(kinds):
    assert least(kinds, "activity", ["sparse L1", "sparse KL"]) < 0.4, kinds
    assert kinds["sparse KL"]["activity"] == pytest.approx(0.05, abs=0.03)


def test_an_over_complete_one_learns_to_copy():
    (x, _), (digits, _) = load_digits()
    tl.manual_seed(9)
    mirrored = np.ascontiguousarray(digits.reshape(-1, 8, 8)[:, :, ::-1]).reshape(-1, 64)
    error = {}
    for size in (16, 128):
        tl.manual_seed(0)
        model = trained(zoo.autoencoder((64, size), code=nn.Tanh), x, 60)
        error[size] = [zoo.reconstruction_error(model, each) for each in (digits, mirrored, zoo.Masking(0.3)(digits).data)]
    # also what is no digit comes back: it has learnt to copy, not what digits are
    assert all(copied < 0.1 * coded for copied, coded in zip(error[128], error[16])), error


# -- the parts -------------------------------------------------------------------------------------------------------------


def test_the_loss_is_half_the_squared_error_and_the_penalty():
    model = zoo.autoencoder((4, 3), code=nn.Sigmoid, penalty=zoo.L1(0.3)).double()
    x = RNG.standard_normal((5, 4))
    (w1, b1, w2, b2) = (p.data for p in model.parameters())
    h = 1 / (1 + np.exp(-(x @ w1.T + b1)))
    expected = (0.5 * np.square(h @ w2.T + b2 - x).sum() + 0.3 * h.sum()) / 5
    assert model.loss(tl.Tensor(x)).item() == pytest.approx(expected, rel=1e-12)
    assert zoo.reconstruction_error(model, x) == pytest.approx(np.square(h @ w2.T + b2 - x).sum() / 5, rel=1e-12)
    assert zoo.reconstruction_error(model, x, 0 * x) != zoo.reconstruction_error(model, x)


def test_kl_is_the_divergence_of_two_coins():
    h = RNG.uniform(0.1, 0.9, (7, 3))
    r, rho = h.mean(0), 0.2
    expected = 2 * np.sum(rho * np.log(rho / r) + (1 - rho) * np.log((1 - rho) / (1 - r)))
    penalty = zoo.KL(2.0, rho)
    assert penalty(None, None, tl.Tensor(h)).item() == pytest.approx(expected, rel=1e-12)
    assert penalty(None, None, tl.Tensor(np.full((4, 3), rho))).item() == pytest.approx(0, abs=1e-15)
    assert tl.gradcheck(lambda code: penalty(None, None, code), h)


def exact(encoder, x):
    """The mean over the batch of |J|^2 by `tl.jacobian`."""
    rows = [tl.jacobian(lambda row: encoder(row.reshape(1, -1)), tl.Tensor(row)).data for row in x]
    return np.mean([np.square(j).sum() for j in rows])


def test_the_contraction_in_closed_form_is_exact():
    encoder, x = zoo.autoencoder((5, 4), code=nn.Sigmoid).double().encoder, RNG.standard_normal((6, 5))
    value = zoo.Contraction(0.7)(encoder, x, encoder(tl.Tensor(x)))
    assert value.item() == pytest.approx(0.7 * exact(encoder, x), rel=1e-12)


@pytest.mark.parametrize("unit", [nn.Sigmoid, nn.Tanh, nn.Softplus], ids=lambda u: u.__name__)
def test_the_estimate_of_a_deep_contraction_is_unbiased(unit):
    tl.manual_seed(0)
    encoder, x = zoo.autoencoder((5, 6, 4, 3), unit, code=nn.Sigmoid).double().encoder, RNG.standard_normal((6, 5))
    code, one = encoder(tl.Tensor(x)), zoo.ContractionEstimate(1.0)
    drawn = [one(encoder, x, code).item() for _ in range(500)]
    assert abs(np.mean(drawn) - exact(encoder, x)) < 4 * np.std(drawn) / 500**0.5
    many = [zoo.ContractionEstimate(1.0, 10)(encoder, x, code).item() for _ in range(100)]
    assert np.std(many) == pytest.approx(np.std(drawn) / 10**0.5, rel=0.3)


def test_the_gradient_of_the_estimate_is_that_of_the_closed_form():
    tl.manual_seed(0)
    encoder, x = zoo.autoencoder((5, 1), code=nn.Sigmoid).double().encoder, tl.Tensor(RNG.standard_normal((6, 5)))
    gradients = []
    for penalty in (zoo.Contraction(0.7), zoo.ContractionEstimate(0.7)):  # of one unit every sign gives the same
        encoder.zero_grad()
        penalty(encoder, x, encoder(x)).backward()
        gradients.append([p.grad.data for p in encoder.parameters()])
    for closed, estimated in zip(*gradients):
        np.testing.assert_allclose(estimated, closed, rtol=1e-10)
    with tl.no_grad():
        assert not zoo.ContractionEstimate(0.7)(encoder, x, encoder(x)).requires_grad


def test_the_gradient_of_the_estimate_of_a_deep_encoder():
    tl.manual_seed(0)
    encoder, x = zoo.autoencoder((5, 6, 4, 1), nn.Tanh, code=nn.Sigmoid).double().encoder, RNG.standard_normal((3, 5))
    zoo.ContractionEstimate(1.0, 2)(encoder, x, None).backward()
    estimated = [p.grad.data for p in encoder.parameters()]
    encoder.zero_grad()
    jacobian = tl.jacobian(encoder, tl.Tensor(x, requires_grad=True), create_graph=True)  # 0 between different examples
    ((jacobian * jacobian).sum() / 3).backward()
    for gradient, parameter in zip(estimated, encoder.parameters()):
        np.testing.assert_allclose(gradient, parameter.grad.data, rtol=1e-10, atol=1e-15)


def test_tied_weights_are_one():
    model = zoo.tied((6, 5, 3), nn.Tanh).double()
    names = [name for name, _ in model.named_parameters()]
    assert len(names) == 6 and sum(p.data.size for p in model.parameters()) == 30 + 5 + 15 + 3 + 5 + 6
    x = RNG.standard_normal((4, 6))
    w1, b1, w2, b2 = (p.data for p in model.encoder.parameters())
    c2, c1 = (m.bias.data for m in model.decoder if isinstance(m, zoo.Transposed))
    h = np.tanh(x @ w1.T + b1) @ w2.T + b2
    np.testing.assert_allclose(model(tl.Tensor(x)).data, np.tanh(h @ w2 + c2) @ w1 + c1, rtol=1e-12)
    other = zoo.tied((6, 5, 3), nn.Tanh).double()
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other(tl.Tensor(x)).data, model(tl.Tensor(x)).data)


def test_shapes():
    assert zoo.autoencoder(zoo.MNIST_SIZES)(tl.zeros(2, 784)).shape == (2, 784)
    deep = zoo.autoencoder(zoo.DIGITS_SIZES)
    assert deep.encoder(tl.zeros(2, 64)).shape == (2, 10) and deep(tl.zeros(0, 64)).shape == (0, 64)
    for image, channels in [((1, 8, 8), (4, 6)), ((3, 28, 12), (5,))]:
        model = zoo.convolutional(image, channels, 7)
        assert model.encoder(tl.zeros(2, *image)).shape == (2, 7) and model(tl.zeros(2, *image)).shape == (2, *image)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_corruptions(dtype):
    tl.manual_seed(0)
    x = RNG.uniform(0.2, 0.8, (200, 64)).astype(dtype)
    before = x.copy()
    masked, salted, noisy = (c(tl.Tensor(x)).data for c in (zoo.Masking(0.3), zoo.SaltAndPepper(0.4), zoo.Gaussian(0.5)))
    assert masked.dtype == salted.dtype == noisy.dtype == dtype
    assert (masked == 0).mean() == pytest.approx(0.3, abs=0.02) and (masked[masked != 0] == x[masked != 0]).all()
    assert (salted == 0).mean() == pytest.approx(0.2, abs=0.02) and (salted == 1).mean() == pytest.approx(0.2, abs=0.02)
    assert ((salted == x) | (salted == 0) | (salted == 1)).all()
    assert (noisy - x).std() == pytest.approx(0.5, rel=0.02) and abs((noisy - x).mean()) < 0.02
    np.testing.assert_array_equal(x, before)
    for nothing in (zoo.Masking(0), zoo.SaltAndPepper(0), zoo.Gaussian(0)):
        np.testing.assert_array_equal(nothing(x).data, x)
    assert not zoo.Masking(1)(x).data.any() and zoo.Masking(0.5)(x[:0]).shape == (0, 64)


def test_bad_input():
    model = zoo.autoencoder((4, 2))
    optimizer, ones = optim.SGD(model.parameters(), lr=0.1), np.ones((3, 4), np.float32)
    deep = zoo.autoencoder((4, 3, 2), penalty=zoo.Contraction(0.1))
    linear = zoo.autoencoder((4, 2), penalty=zoo.KL(1.0))
    for match, call in [
        (r"sizes must be two or more positive integers, got \(4,\)", lambda: zoo.autoencoder((4,))),
        ("must divide by 4", lambda: zoo.convolutional((1, 6, 8), (2, 2), 3)),
        ("x .0, 4. has no rows", lambda: zoo.train_epoch(model, ones[:0], optimizer)),
        ("holds NaN or infinity", lambda: zoo.train_epoch(model, ones * np.nan, optimizer)),
        ("batch_size must be an integer, 1 or more, got 0", lambda: zoo.train_epoch(model, ones, optimizer, 0)),
        (
            "codes under KL lie between 0 and 1",
            lambda: zoo.train_epoch(linear, -ones @ np.diag([9, 9, 9, 9]).astype("f"), optimizer),
        ),
        ("got Linear, Sigmoid, Linear; for it there is", lambda: deep.loss(tl.Tensor(ones))),
        ("must be Linear, Sigmoid, got Tanh", lambda: zoo.Contraction(1)(nn.Tanh(), None, tl.Tensor(ones))),
        ("L1: weight must not be negative, got -1", lambda: zoo.L1(-1)),
        ("rho must lie between 0 and 1, got 1", lambda: zoo.KL(1, 1)),
        ("projections must be an integer, 1 or more, got 0", lambda: zoo.ContractionEstimate(1, 0)),
        ("SaltAndPepper: p must be a probability, 0 to 1, got 2", lambda: zoo.SaltAndPepper(2)),
        ("sigma must not be negative, got -1", lambda: zoo.Gaussian(-1)),
        (r"got \(3, 4\), n = 4", lambda: zoo.principal_components(ones, 4)),
        ("x must be finite", lambda: zoo.principal_components(ones * np.inf, 2)),
    ]:
        with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=match):
            call()

"""Initial weights: what each fills in, exactly or as a distribution."""

import math

import numpy as np
import pytest
import scipy.stats

import tinygrad_lite as tl
from tinygrad_lite.nn import init


@pytest.fixture(autouse=True)
def seed():
    tl.manual_seed(0)


def filled(name, *args, shape=(300, 200), **options):
    """The array that an initialiser leaves, which it returns in its Tensor."""
    tensor = tl.zeros(*shape, dtype=np.float64)
    assert getattr(init, name)(tensor, *args, **options) is tensor
    return tensor.data


N = scipy.stats.norm
FANS = {"fan_in": 40 * 15, "fan_out": 30 * 15}
DISTRIBUTIONS = [  # initialiser, arguments, options, shape, the distribution of its elements
    ("uniform_", (), {}, (300, 200), scipy.stats.uniform(0, 1)),
    ("uniform_", (-3, 2), {}, (300, 200), scipy.stats.uniform(-3, 5)),
    ("normal_", (), {}, (300, 200), N(0, 1)),
    ("normal_", (2.0, 0.3), {}, (300, 200), N(2, 0.3)),
    ("trunc_normal_", (), {}, (300, 200), scipy.stats.truncnorm(-2, 2)),
    ("trunc_normal_", (1.0, 2.0, -1.0, 0.0), {}, (300, 200), scipy.stats.truncnorm(-1, -0.5, 1, 2)),
    ("trunc_normal_", (0.0, 1.0, 9.0, 10.0), {}, (300, 200), scipy.stats.truncnorm(9, 10)),
    ("trunc_normal_", (0.0, 1.0, -10.0, -9.0), {}, (300, 200), scipy.stats.truncnorm(-10, -9)),
    ("xavier_uniform_", (), {}, (300, 200), scipy.stats.uniform(-math.sqrt(6 / 500), 2 * math.sqrt(6 / 500))),
    ("xavier_uniform_", (2.0,), {}, (30, 40, 3, 5), scipy.stats.uniform(-2 * math.sqrt(6 / 1050), 4 * math.sqrt(6 / 1050))),
    ("xavier_normal_", (0.5,), {}, (30, 40, 3, 5), N(0, 0.5 * math.sqrt(2 / 1050))),
    *[(f"kaiming_{kind}_", (a,), {"mode": mode, "nonlinearity": nonlinearity}, (30, 40, 3, 5), law(gain / math.sqrt(FANS[mode])))
      for kind, law in (("normal", lambda std: N(0, std)),
                        ("uniform", lambda std: scipy.stats.uniform(-math.sqrt(3) * std, 2 * math.sqrt(3) * std)))
      for mode in ("fan_in", "fan_out")
      for a, nonlinearity, gain in ((0.0, "leaky_relu", math.sqrt(2)), (1.0, "leaky_relu", 1.0), (0.0, "relu", math.sqrt(2)),
                                    (0.0, "tanh", 5 / 3), (0.0, "linear", 1.0))],
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "options", "shape", "law"), DISTRIBUTIONS, ids=lambda v: str(v)[:40])
def test_elements_have_the_distribution(name, args, options, shape, law):
    """By the test of Kolmogorov and Smirnov; neighbours do not depend on each other."""
    drawn = filled(name, *args, shape=shape, **options).ravel()
    assert scipy.stats.kstest(drawn, law.cdf).pvalue > 1e-3
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.02
    low, high = law.support()
    assert drawn.min() >= low - 1e-12 and drawn.max() <= high + 1e-12
    assert abs(drawn.std() / law.std() - 1) < 0.02


def test_defaults_of_kaiming():
    """For a ReLU, by the number of inputs."""
    assert abs(filled("kaiming_normal_", shape=(30, 40, 3, 5)).std() * math.sqrt(600 / 2) - 1) < 0.02
    assert abs(np.abs(filled("kaiming_uniform_", shape=(30, 40, 3, 5))).max() * math.sqrt(600 / 6) - 1) < 0.01


def test_constants():
    assert (filled("constant_", 2.5, shape=(2, 3)) == 2.5).all()
    assert (filled("ones_", shape=(3,)) == 1).all() and (filled("zeros_", shape=()) == 0).all()
    assert (filled("eye_", shape=(2, 3)) == [[1, 0, 0], [0, 1, 0]]).all()


@pytest.mark.parametrize(
    ("shape", "groups"), [((3, 3, 3), 1), ((2, 4, 5), 1), ((4, 2, 3, 3), 1), ((4, 2, 3, 3), 2), ((6, 2, 3, 1, 5), 3)]
)
def test_dirac_is_a_convolution_that_changes_nothing(shape, groups):
    weight = tl.Tensor(filled("dirac_", shape=shape, groups=groups))
    x = tl.randn(2, shape[1] * groups, *[7] * (len(shape) - 2), dtype=np.float64)
    conv = getattr(tl, f"conv{len(shape) - 2}d")
    out = conv(x, weight, padding="same", groups=groups).data.reshape(2, groups, shape[0] // groups, -1)
    kept, same = min(shape[0] // groups, shape[1]), x.data.reshape(2, groups, shape[1], -1)
    np.testing.assert_array_equal(out[:, :, :kept], same[:, :, :kept])
    assert (out[:, :, kept:] == 0).all()


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (4, 2, 3), (2, 3, 4, 2), (1, 1)])
def test_orthogonal(shape):
    matrix = filled("orthogonal_", 3.0, shape=shape).reshape(shape[0], -1)
    small = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(small, 9 * np.eye(len(small)), atol=1e-13)


def test_orthogonal_matrices_are_uniform():
    """No sign and no direction is preferred: entries of a random rotation of 3 dimensions are uniform in [-1, 1]."""
    drawn = np.array([filled("orthogonal_", shape=(3, 3)) for _ in range(3000)])
    for i, j in np.ndindex(3, 3):
        assert scipy.stats.kstest(drawn[:, i, j], scipy.stats.uniform(-1, 2).cdf).pvalue > 1e-4


def test_sparse():
    weight = filled("sparse_", 0.3, 0.5, shape=(25, 400))
    assert (np.sum(weight == 0, 0) == math.ceil(0.3 * 25)).all()
    assert scipy.stats.kstest(weight[weight != 0], N(0, 0.5).cdf).pvalue > 1e-3
    share = np.mean(weight == 0, 1)
    assert abs(share - 8 / 25).max() < 0.1  # each row is hit as often


GAINS = [("linear", None, 1), ("sigmoid", None, 1), ("conv2d", None, 1), ("conv_transpose3d", None, 1), ("tanh", None, 5 / 3),
         ("relu", None, 2**0.5), ("leaky_relu", None, (2 / 1.0001) ** 0.5), ("leaky_relu", 1, 1), ("selu", None, 0.75)]  # fmt: skip


@pytest.mark.parametrize(("name", "param", "gain"), GAINS)
def test_gains(name, param, gain):
    assert init.calculate_gain(name, param) == pytest.approx(gain, rel=1e-12)


def test_the_same_seed_gives_the_same_weights():
    for name, args in [("trunc_normal_", ()), ("orthogonal_", ()), ("sparse_", (0.5,))]:
        tl.manual_seed(3)
        first = filled(name, *args, shape=(4, 6)).copy()
        tl.manual_seed(3)
        np.testing.assert_array_equal(filled(name, *args, shape=(4, 6)), first)


def test_a_parameter_stays_a_leaf_of_its_dtype():
    for name, args in [("orthogonal_", ()), ("trunc_normal_", ()), ("sparse_", (0.5,)), ("eye_", ()), ("kaiming_normal_", ())]:
        weight = tl.nn.Parameter(tl.zeros(3, 4))
        getattr(init, name)(weight, *args)
        assert weight.dtype == np.float32 and weight.is_leaf and weight.requires_grad


REFUSED = [
    ("eye_", (), (3,), r"eye_: expected two dimensions, got \(3,\)"),
    ("dirac_", (), (3, 3), r"dirac_: expected a weight \(out, in, \*kernel\)"),
    ("dirac_", (2,), (3, 3, 3), "dirac_: 3 outputs do not divide into 2 groups"),
    ("orthogonal_", (), (3,), r"orthogonal_: expected two dimensions or more, got \(3,\)"),
    ("sparse_", (0.5,), (3,), "sparse_: expected two dimensions"),
    ("sparse_", (1.5,), (3, 3), "sparse_: sparsity must be a share, 0 to 1, got 1.5"),
    ("kaiming_normal_", (0.0, "fan"), (3, 3), "mode must be 'fan_in' or 'fan_out', got 'fan'"),
    ("kaiming_uniform_", (0.0, "fan_in", "step"), (3, 3), "nonlinearity 'step' is not known; there are leaky_relu, linear"),
    ("xavier_normal_", (), (3,), r"a weight has at least two dimensions, \(out, in, ...\), got \(3,\)"),
    ("trunc_normal_", (0.0, 1.0, 2.0, 1.0), (3,), "trunc_normal_: needs a < b and std > 0, got a = 2.0, b = 1.0, std = 1.0"),
]


@pytest.mark.parametrize(("name", "args", "shape", "text"), REFUSED, ids=[row[3][:40] for row in REFUSED])
def test_errors_say_what_is_wrong(name, args, shape, text):
    with pytest.raises(ValueError, match=text):
        filled(name, *args, shape=shape)


def test_a_slope_that_is_no_number():
    with pytest.raises(ValueError, match="the slope of leaky_relu must be a number, got 'a'"):
        init.calculate_gain("leaky_relu", "a")

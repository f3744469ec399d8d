"""Bad input to every learner of the lectures: patterns that are not binary, wrong sizes, zero vectors, nothing, NaN."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim, zoo
from tinygrad_lite.zoo import autoencoders

pytestmark = pytest.mark.filterwarnings("error")  # nor a warning of NumPy before the error
SIGNS = np.array([[1.0, -1.0, 1.0, 1.0], [-1.0, -1.0, 1.0, -1.0], [1.0, 1.0, 1.0, -1.0]])
BITS = (SIGNS > 0) * 1.0
XOR4 = [0, 1, 1, 0] * 4

AND = zoo.McCullochPitts.AND(4)
BOOLEAN = zoo.BooleanNetwork(XOR4)
HEBBIAN = zoo.Hebbian().fit(SIGNS)
PERCEPTRON = zoo.Perceptron().fit(SIGNS, [0, 1, 1])
WILLSHAW, PROBING = (zoo.Willshaw(threshold).fit(BITS) for threshold in (1.5, "probe"))
LINEAR = zoo.LinearAssociator().fit(SIGNS)
HOPFIELD, INVERSE = (zoo.Hopfield(rule).fit(SIGNS) for rule in ("hebb", "pseudo-inverse"))
MLP = zoo.MultilayerPerceptron((4, 3, 2), dtype=np.float64)


def auto(**options):
    return autoencoders.autoencoder((4, 2), code=nn.Sigmoid, **options).double()


AUTO = auto()
OPTIMIZER = optim.SGD(AUTO.parameters(), lr=0.1)
TAKING = {  # "Learner.method" as errors name it -> a call with bad examples
    "McCullochPitts.predict": AND.predict,
    "BooleanNetwork.predict": BOOLEAN.predict,
    "Hebbian.fit": lambda x: zoo.Hebbian().fit(x),
    "Hebbian.partial_fit": lambda x: zoo.Hebbian().partial_fit(x),
    "Hebbian.predict": HEBBIAN.predict,
    "Perceptron.fit": lambda x: zoo.Perceptron().fit(x, [0, 1, 1]),
    "Perceptron.partial_fit": lambda x: zoo.Perceptron().partial_fit(x, [0, 1, 1], classes=[0, 1]),
    "Perceptron.predict": PERCEPTRON.predict,
    "Willshaw.fit": lambda x: zoo.Willshaw().fit(x),
    "Willshaw.partial_fit": lambda x: zoo.Willshaw().partial_fit(x),
    "Willshaw.predict": WILLSHAW.predict,
    "Willshaw.sums": WILLSHAW.sums,
    "Willshaw.bits_per_synapse": WILLSHAW.bits_per_synapse,
    "LinearAssociator.fit": lambda x: zoo.LinearAssociator("hebb").fit(x),
    "LinearAssociator.predict": LINEAR.predict,
    "LinearAssociator.score": LINEAR.score,
    "Hopfield.fit": lambda x: zoo.Hopfield().fit(x),
    "Hopfield.recall": HOPFIELD.recall,
    "Hopfield.energy": HOPFIELD.energy,
    "Hopfield.overlap": lambda x: HOPFIELD.overlap(x, x),
}
ANYWHERE = [  # what all of them refuse
    ("NaN", SIGNS * np.nan, ValueError, "X holds NaN or inf, first in example 0"),
    (
        "inf in the last row",
        np.where([[0], [0], [1]], np.inf, BITS),
        ValueError,
        "X holds NaN or inf, first in example 2|X must hold",
    ),
    ("no examples", SIGNS[:0], ValueError, r"X is empty, \(0, 4\)"),
    ("no features", SIGNS[:, :0], ValueError, r"X is empty, \(3, 0\)"),
    ("one example", SIGNS[0], ValueError, r"X must be \(examples, features\), got \(4,\); a single example is X\[None\]"),
    ("images", SIGNS.reshape(3, 2, 2), ValueError, r"X must be \(examples, features\), got \(3, 2, 2\)"),
    ("rows of different lengths", [[1, 0, 1, 1], [1, 0]], ValueError, "the rows of X must be of equal length"),
    ("texts", SIGNS.astype(str), TypeError, "X must hold numbers, got <U"),
]


@pytest.mark.parametrize("name", TAKING)
@pytest.mark.parametrize(("x", "kind", "text"), [a[1:] for a in ANYWHERE], ids=[a[0] for a in ANYWHERE])
def test_every_method_of_every_learner_names_what_it_refuses(name, x, kind, text):
    with pytest.raises(kind, match=rf"^{name}: ({text})"):
        TAKING[name](x)


LEARNED = ["McCullochPitts.predict", "BooleanNetwork.predict", "Hebbian.predict", "Perceptron.predict", "Willshaw.predict",
           "Willshaw.sums", "LinearAssociator.predict", "Hopfield.recall", "Hopfield.energy"]  # fmt: skip


@pytest.mark.parametrize("name", LEARNED)
def test_a_wrong_number_of_features(name):
    with pytest.raises(ValueError, match=rf"^{name}: X has 3 features, expected 4$"):
        TAKING[name](np.ones((2, 3)))


@pytest.mark.parametrize(
    "name", [name for name in TAKING if name.split(".")[0] in ("McCullochPitts", "BooleanNetwork", "Willshaw")]
)
@pytest.mark.parametrize("value", [0.5, -1.0, 2.0])
def test_patterns_that_are_not_of_0_and_1(name, value):
    with pytest.raises(ValueError, match=rf"^{name}: X must hold 0 and 1 only, example 1 has {value}$"):
        TAKING[name](np.where(np.arange(12).reshape(3, 4) == 6, value, BITS))


@pytest.mark.parametrize("name", [name for name in TAKING if name.startswith("Hopfield")])
@pytest.mark.parametrize("value", [0.5, 0.0, 2.0])
def test_patterns_that_are_not_of_signs(name, value):
    with pytest.raises(ValueError, match=rf"^{name}: X must hold -1 and 1 only, example 1 has {value}$"):
        TAKING[name](np.where(np.arange(12).reshape(3, 4) == 6, value, SIGNS))


def rows(n, k=4):
    return np.ones((n, k))


OTHERS = [
    # zero vectors
    (lambda: zoo.Hebbian().fit(0 * SIGNS), "^Hebbian.fit: all examples are zero vectors, from which nothing is learned"),
    (lambda: HEBBIAN.score(0 * SIGNS), "^Hebbian.score: all examples are zero vectors, which have no variance"),
    (lambda: zoo.Hebbian(initial=np.zeros(4)).fit(SIGNS), "^Hebbian: initial is a zero vector"),
    (lambda: zoo.Willshaw().fit(BITS * [[1], [1], [0]]), "^Willshaw.fit: key 2 is a zero vector, which no threshold tells"),
    (lambda: PROBING.predict(BITS * [[1], [0], [1]]), "^Willshaw.predict: probe 1 is a zero vector, which tells no threshold"),
    (lambda: zoo.LinearAssociator().fit(SIGNS * [[1], [0], [1]]), "^LinearAssociator.fit: key 1 is a zero vector, with which"),
    (lambda: LINEAR.score(0 * SIGNS), "^LinearAssociator.score: all rows of Y are the same"),
    (lambda: zoo.Hopfield().fit(0 * SIGNS), "^Hopfield.fit: X must hold -1 and 1 only, example 0 has 0.0; of 0 and 1"),
    # sizes that do not fit each other
    (lambda: AND.score(BITS, [0, 1, 1]), r"^McCullochPitts.score: y is \(3,\), the answers to X are \(3, 1\): they must agree"),
    (lambda: BOOLEAN.score(BITS, [0, 1]), r"^BooleanNetwork.score: y is \(2,\), the answers to X are \(3,\): they must agree"),
    (lambda: PERCEPTRON.score(SIGNS, [0, 1]), r"^Perceptron.score: y is \(2,\)"),
    (lambda: zoo.Perceptron().fit(SIGNS, [0, 1]), "^Perceptron.fit: X has 3 examples, y has 2: they must agree"),
    (lambda: WILLSHAW.score(BITS, BITS[:2]), r"^Willshaw.score: y is \(2, 4\), the answers to X are \(3, 4\)"),
    (lambda: WILLSHAW.partial_fit(rows(2, 3)), r"^Willshaw.partial_fit: pairs of 3 and 3 elements, those stored have \(4, 4\)"),
    (lambda: zoo.LinearAssociator().fit(SIGNS, rows(2)), "^LinearAssociator.fit: X has 3 examples, Y has 2: they must agree"),
    (lambda: HOPFIELD.overlap(rows(1), rows(2)), "^Hopfield.overlap: X has 1 examples, Y has 2: they must agree"),
    (lambda: HOPFIELD.overlap(rows(1), rows(1, 5)), "^Hopfield.overlap: Y has 5 features, expected 4"),
    (lambda: zoo.McCullochPitts.AND(0), "^McCullochPitts: k must be a number of inputs, 1 or more, got 0"),
    (lambda: MLP(tl.zeros(2, 5, dtype=np.float64)), "linear in layers.0: x has 5 features, weight .* expects 4"),
    (lambda: AUTO.loss(tl.Tensor(rows(2, 5))), "linear in encoder.0: x has 5 features, weight .* expects 4"),
    (lambda: autoencoders.reconstruction_error(AUTO, rows(3), rows(2)), r"what comes back is \(2, 4\), x is \(3, 4\)"),
    # nothing, and single examples
    (lambda: AUTO.loss(tl.Tensor(rows(0))), r"^Autoencoder.loss: x must be \(batch, ...\), with at least one row, got \(0, 4\)"),
    (lambda: AUTO.loss(tl.Tensor(rows(1)[0])), r"^Autoencoder.loss: x must be \(batch, ...\), with at least one row, got \(4,\)"),
    (lambda: autoencoders.train_epoch(AUTO, rows(0), OPTIMIZER), r"^train_epoch: x \(0, 4\) has no rows"),
    (lambda: autoencoders.train_epoch(AUTO, rows(1)[0], OPTIMIZER), r"^train_epoch: x \(4,\) must be \(rows, ...\)"),
    (lambda: autoencoders.reconstruction_error(AUTO, rows(0)), r"^reconstruction_error: x \(0, 4\) has no rows"),
    (lambda: autoencoders.principal_components(rows(0), 1), "^principal_components: x must be finite, .* got .0, 4., n = 1"),
    (lambda: zoo.MultilayerPerceptron(()), r"^MultilayerPerceptron: sizes must be two or more positive integers, got \(\)"),
    (lambda: zoo.MultilayerPerceptron(3), "^MultilayerPerceptron: sizes must be two or more positive integers, got 3"),
    (lambda: zoo.MultilayerPerceptron((True, 2)), r"^MultilayerPerceptron: sizes must be .* got \(True, 2\)"),
    (lambda: autoencoders.tied((4, 0)), r"^autoencoder: sizes must be two or more positive integers, got \(4, 0\)"),
    (lambda: autoencoders.convolutional(8, (4,), 2), r"^convolutional: image must be \(channels, height, width\)"),
    (lambda: autoencoders.convolutional((1, 8, 8), (), 2), "^convolutional: .* channels not empty"),
    # NaN
    (lambda: autoencoders.train_epoch(AUTO, rows(3) * np.nan, OPTIMIZER), r"^train_epoch: x \(3, 4\) holds NaN or infinity"),
    (lambda: autoencoders.reconstruction_error(AUTO, rows(3) * np.inf), r"^reconstruction_error: x \(3, 4\) holds NaN"),
    (lambda: autoencoders.reconstruction_error(AUTO, rows(3), rows(3) * np.nan), r"^reconstruction_error: given .* holds NaN"),
    (lambda: autoencoders.principal_components(rows(3) * np.nan, 1), "^principal_components: x must be finite"),
    (lambda: zoo.McCullochPitts([1.0, np.nan], 1.0), "^McCullochPitts: weight or threshold holds NaN or inf"),
    (lambda: zoo.BooleanNetwork([0, np.nan]), "^BooleanNetwork: a truth table holds 0 and 1 only"),
    (lambda: autoencoders.Masking(np.nan), "^Masking: p must be a probability"),
    (lambda: autoencoders.Gaussian(np.nan), "^Gaussian: sigma must not be negative, got nan"),
    (lambda: autoencoders.Contraction(np.nan), "^Contraction: weight must not be negative, got nan"),
    # numbers of the wrong kind
    (lambda: autoencoders.train_epoch(AUTO, rows(3), OPTIMIZER, 1.5), "^train_epoch: batch_size must be an integer, .* got 1.5"),
    (lambda: autoencoders.ContractionEstimate(1.0, 1.5), "^ContractionEstimate: projections must be an integer, .* got 1.5"),
    (lambda: autoencoders.principal_components(SIGNS, 1.5), "^principal_components: .* n = 1.5"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "text"), OTHERS, ids=[o[1][:60] for o in OTHERS])
def test_what_else_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_numbers_that_are_large_or_tiny_are_not_refused():
    """Their squares leave the range of float32, they do not."""
    large, tiny = (np.eye(3, dtype=np.float32) * np.float32(size) for size in (1e30, 1e-30))
    for x in (large, tiny):
        assert (LINEAR.__class__().fit(x, np.eye(3)).predict(x).data.round(3) == np.eye(3)).all()
    assert zoo.MultilayerPerceptron(tuple(np.array([4, 3, 2]))).sizes == (4, 3, 2)

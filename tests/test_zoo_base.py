"""What the models that learn without gradients share: scikit-learn's conventions, and what is said of bad input."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone

import tinygrad_lite as tl
from tinygrad_lite import zoo

PM = np.array([[1.0, -1.0, 1.0, 1.0], [-1.0, -1.0, 1.0, -1.0], [1.0, 1.0, 1.0, -1.0]])
BITS = (PM > 0).astype(float)
LEARNERS = {  # name -> model, its data, what `score` gets
    "Hebbian": (zoo.Hebbian("hebb", epsilon=0.02, epochs=3), (PM,), ()),
    "Perceptron": (zoo.Perceptron(epsilon=0.5, epochs=20), (PM, np.array([3, 5, 5])), (np.array([3, 5, 5]),)),
    "Willshaw": (zoo.Willshaw(threshold="probe"), (BITS, 1 - BITS), (1 - BITS,)),
    "LinearAssociator": (zoo.LinearAssociator("hebb"), (PM, BITS), (BITS,)),
    "Hopfield": (zoo.Hopfield(rule="pseudo-inverse", self_connections="zero", order="given"), (PM,), (PM,)),
}
EACH = pytest.mark.parametrize("name", LEARNERS)


def learned(model):
    return {name: value for name, value in vars(model).items() if name.endswith("_")}


@EACH
def test_it_keeps_to_scikit_learns_conventions(name):
    model, data, target = LEARNERS[name]
    model = clone(model)  # by get_params and the constructor
    assert model.get_params() == LEARNERS[name][0].get_params() and not learned(model)
    assert repr(model).startswith(f"{name}(") and all(f"{k}={v!r}" in repr(model) for k, v in model.get_params().items())
    before = model.get_params()
    tl.manual_seed(0)
    assert model.fit(*data) is model
    assert model.get_params() == before and learned(model)
    answers = model.predict(data[0])
    assert isinstance(answers, tl.Tensor) and len(answers) == len(data[0])
    score = model.score(data[0], *target)
    assert type(score) is float and score <= 1


@EACH
def test_fit_learns_anew(name):
    model, data = clone(LEARNERS[name][0]), LEARNERS[name][1]
    tl.manual_seed(0)
    once = {k: np.array(v) for k, v in learned(model.fit(*data)).items()}
    model.fit(*[d[::-1] if d.ndim == 1 else d[::-1, ::-1] for d in data])
    tl.manual_seed(0)
    again = learned(model.fit(*data))
    for k, value in once.items():
        np.testing.assert_array_equal(value, again[k])


@EACH
def test_arrays_tensors_and_lists_are_the_same(name):
    """Also strided arrays; and what is given stays as it is."""
    found = []
    for form in (np.asarray, tl.tensor, np.ndarray.tolist, lambda a: np.repeat(a, 2, -1)[..., ::2], np.asfortranarray):
        data = [form(a.copy()) for a in LEARNERS[name][1]]
        model = clone(LEARNERS[name][0])
        tl.manual_seed(1)
        found.append(np.asarray(model.fit(*data).predict(data[0])))
        for given, kept in zip(data, LEARNERS[name][1]):
            np.testing.assert_array_equal(given, kept)
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-6)  # lists become float32


@EACH
def test_what_is_learned_does_not_share_the_memory_of_the_examples(name):
    model, data, _ = LEARNERS[name]
    model = clone(model).fit(*data)
    for value in learned(model).values():
        assert not any(np.shares_memory(np.asarray(value), d) for d in data)


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_weights_are_tensors_of_the_dtype_of_the_examples(name, dtype):
    model = clone(LEARNERS[name][0])
    if dtype == np.int64:
        data = [d.astype(dtype) for d in LEARNERS[name][1]]
    else:
        data = [d.astype(dtype) if d.dtype.kind == "f" else d for d in LEARNERS[name][1]]
    model.fit(*data)
    assert isinstance(model.weight_, tl.Tensor) and not model.weight_.requires_grad
    expected = np.float64 if name == "Hopfield" else np.float32 if dtype == np.int64 else dtype
    assert model.weight_.dtype == expected
    other = data[0].astype(np.float64 if dtype == np.float32 else np.float32)
    np.testing.assert_allclose(model.predict(other), model.predict(data[0]), rtol=1e-6)


@EACH
def test_a_model_without_fit_says_so(name):
    model, data, _ = LEARNERS[name]
    with pytest.raises(ValueError, match=rf"^{name}\.\w+: nothing is learned yet, call fit first$"):
        clone(model).predict(data[0])


BAD = [  # what becomes of X, the kind of error, its text
    (lambda x: x[:0], ValueError, r"X is empty, \(0, 4\)"),
    (lambda x: x[:, :0], ValueError, r"X is empty, \(3, 0\)"),
    (lambda x: x[0], ValueError, r"X must be \(examples, features\), got \(4,\); a single example is X\[None\]"),
    (lambda x: x[None], ValueError, r"X must be \(examples, features\), got \(1, 3, 4\)$"),
    (lambda x: np.where(np.arange(3)[:, None] == 1, np.nan, x), ValueError, "X holds NaN or inf, first in example 1"),
    (lambda x: np.where(np.arange(3)[:, None] == 2, -np.inf, x), ValueError, "X holds NaN or inf, first in example 2"),
    (lambda x: x.astype(str), TypeError, "X must hold numbers, got <U"),
    (lambda x: x + 1j, TypeError, "X must hold numbers, got complex128"),
]


@EACH
@pytest.mark.parametrize(("spoil", "kind", "text"), BAD, ids=[b[2][:20] for b in BAD])
def test_bad_examples_are_refused(name, spoil, kind, text):
    """By fit and, once learned, by predict; the model stays as it was."""
    model, data, _ = LEARNERS[name]
    model = clone(model).fit(*data)
    before = {k: np.array(v) for k, v in learned(model).items()}
    with pytest.raises(kind, match=rf"^{name}\.fit: {text}"):
        clone(model).fit(spoil(data[0]), *data[1:])
    with pytest.raises(kind, match=rf"^{name}\.\w+: {text}"):
        model.predict(spoil(data[0]))
    with pytest.raises(kind, match=text):
        model.fit(spoil(data[0]), *data[1:])
    for k, value in before.items():
        np.testing.assert_array_equal(value, learned(model)[k])


@EACH
def test_a_wrong_number_of_features_is_told(name):
    model, data, _ = LEARNERS[name]
    with pytest.raises(ValueError, match=rf"^{name}\.\w+: X has 3 features, expected 4$"):
        clone(model).fit(*data).predict(data[0][:, :3])


@pytest.mark.parametrize("name", ["Perceptron", "Willshaw", "LinearAssociator"])
def test_a_wrong_number_of_targets_is_told(name):
    model, data, _ = LEARNERS[name]
    with pytest.raises(ValueError, match=rf"^{name}\.fit: X has 2 examples, [yY] has 3: they must agree$"):
        clone(model).fit(data[0][:2], data[1])


@pytest.mark.parametrize("name", ["Perceptron", "Willshaw", "LinearAssociator", "Hopfield"])
def test_a_score_against_other_shapes_is_refused(name):
    model, data, target = LEARNERS[name]
    with pytest.raises(ValueError, match=rf"^{name}\.score: .*must agree$"):
        clone(model).fit(*data).score(data[0], target[0][:2])


ARGUMENTS = [
    (zoo.Hebbian(rule="sanger"), "Hebbian: rule must be 'hebb' or 'oja', got 'sanger'"),
    (zoo.Hebbian(epsilon=0.0), "Hebbian: epsilon must be a positive number, got 0.0"),
    (zoo.Hebbian(epsilon=float("nan")), "Hebbian: epsilon must be a positive number, got nan"),
    (zoo.Hebbian(epochs=0), "Hebbian: epochs must be a positive integer, got 0"),
    (zoo.Hebbian(initial=np.zeros(4)), "Hebbian: initial is a zero vector: y = w·x stays 0 and nothing is learned"),
    (zoo.Hebbian(initial=np.ones(3)), r"Hebbian: initial must be \(4,\) finite numbers, got \(3,\)"),
    (zoo.Perceptron(epsilon="1/x"), "Perceptron: epsilon must be a positive number or '1/norm', got '1/x'"),
    (zoo.Perceptron(epsilon=-1), "Perceptron: epsilon must be a positive number, got -1"),
    (zoo.Perceptron(epochs=1.5), "Perceptron: epochs must be a positive integer, got 1.5"),
    (zoo.Perceptron(order="shuffled"), "Perceptron: order must be 'given' or 'random', got 'shuffled'"),
    (zoo.Perceptron(initial=np.ones(5)), r"Perceptron: initial must be \(units, 1 \+ k\) = \(1, 5\) finite numbers, got \(5,\)"),
    (zoo.Perceptron(initial=np.full((1, 5), np.inf)), r"initial must be \(units, 1 \+ k\) = \(1, 5\) finite numbers"),
    (zoo.LinearAssociator("oja"), "LinearAssociator: rule must be 'hebb' or 'least squares', got 'oja'"),
    (zoo.Hopfield(rule="hebbian"), "Hopfield: rule must be 'hebb' or 'pseudo-inverse', got 'hebbian'"),
    (zoo.Hopfield(self_connections=0), "Hopfield: self_connections must be 'rule' or 'one' or 'zero', got 0"),
]


@pytest.mark.parametrize(("model", "text"), ARGUMENTS, ids=[a[1][:40] for a in ARGUMENTS])
def test_bad_arguments_are_refused(model, text):
    _, data, _ = LEARNERS[type(model).__name__]
    with pytest.raises(ValueError, match=text):
        model.fit(*data)


def test_a_learner_without_predict_says_so():
    with pytest.raises(TypeError, match=r"^Learner has no predict: define predict\(self, X\)$"):
        zoo.Learner().predict(PM)


def test_predictions_of_linear_models_pass_the_gradient_on():
    x = tl.tensor(PM, requires_grad=True)
    model = zoo.LinearAssociator().fit(PM, BITS)
    model.predict(x).sum().backward()
    np.testing.assert_allclose(x.grad, np.tile(model.weight_.data.sum(0), (3, 1)))


def test_importing_the_package_leaves_the_zoo_alone():
    code = "import sys, tinygrad_lite as tl\nassert 'tinygrad_lite.zoo' not in sys.modules\ntl.zoo.Perceptron()"
    code += "\nassert not {'numba', 'scipy', 'sklearn'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

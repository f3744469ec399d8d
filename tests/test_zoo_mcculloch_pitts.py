"""Units of McCulloch and Pitts: every Boolean function of up to three inputs, by two layers, and by one unit where there is one."""

import itertools
import re

import numpy as np
import pytest

from tinygrad_lite import zoo


def inputs(k):
    return np.array(list(itertools.product([0, 1], repeat=k)))


def functions(k):
    """All truth tables of k inputs."""
    return (np.array(t) for t in itertools.product([0, 1], repeat=2**k))


@pytest.mark.parametrize("k", [1, 2, 3, 4, 7])
def test_and_or_not(k):
    x = inputs(k)
    assert zoo.McCullochPitts.AND(k).predict(x)[:, 0].tolist() == [all(row) for row in x]
    assert zoo.McCullochPitts.OR(k).predict(x)[:, 0].tolist() == [any(row) for row in x]
    assert zoo.McCullochPitts.NOT().predict(inputs(1)).tolist() == [[1], [0]]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_two_layers_compute_every_boolean_function(k):
    for table in functions(k):
        network = zoo.BooleanNetwork(table)
        assert network.predict(inputs(k)).tolist() == table.tolist()
        assert network.hidden_.weight_.shape == (table.sum(), k) and network.score(inputs(k), table) == 1


def test_two_layers_of_several_functions_share_hidden_units():
    sum_and_carry = np.array([[a ^ b ^ c, a + b + c > 1] for a, b, c in inputs(3)], int)  # a full adder
    network = zoo.BooleanNetwork(sum_and_carry)
    assert network.predict(inputs(3)).tolist() == sum_and_carry.tolist()
    assert network.hidden_.weight_.shape == (7, 3) and network.output_.weight_.shape == (2, 7)
    nothing = zoo.BooleanNetwork(np.zeros((4, 2)))
    assert nothing.predict(inputs(2)).tolist() == [[0, 0]] * 4
    assert nothing.predict(inputs(2)).dtype == network.predict(inputs(3)).dtype == np.float32


def test_a_large_table():
    table = np.random.default_rng(0).integers(0, 2, 2**10)
    assert zoo.BooleanNetwork(table).predict(inputs(10)).tolist() == table.tolist()


@pytest.mark.parametrize(("k", "count"), [(1, 4), (2, 14), (3, 104)])  # the number of threshold functions: OEIS A000609
def test_one_unit_computes_the_threshold_functions_and_no_others(k, count):
    x, possible = inputs(k), 0
    for table in functions(k):
        try:
            unit = zoo.McCullochPitts.from_truth_table(table)
        except ValueError as error:
            check_the_proof(str(error), x, table)
        else:
            possible += 1
            assert unit.predict(x)[:, 0].tolist() == table.tolist()
            margin = (2 * table - 1) * (x @ unit.weight_.data[0] - unit.threshold_.data)
            assert margin.min() >= 0.5 - 1e-6
    assert possible == count


def check_the_proof(text, x, table):
    """The point named is a mixture of inputs with output 1 and one of inputs with output 0, as written."""
    assert f"no single unit computes {table.tolist()}" in text
    point = np.array(eval(re.search(r"the point (\[.*?\])", text)[1]))
    for value in (1, 0):
        mixture = re.search(rf"output {value} \((.*?)\)", text)[1]
        terms = re.findall(r"([\d/]+) (\[.*?\])", mixture)
        shares = np.array([eval(share) for share, _ in terms])
        corners = np.array([eval(corner) for _, corner in terms])
        assert shares.min() > 0 and shares.sum() == pytest.approx(1)
        np.testing.assert_allclose(shares @ corners, point, atol=1e-5)
        for corner in corners:
            assert table[(x == corner).all(1).argmax()] == value


def test_xor_is_impossible_for_one_unit_and_solved_by_two_layers():
    xor = [0, 1, 1, 0]
    with pytest.raises(ValueError, match=r"the point \[0.5, 0.5\] lies between .*1/2 \[0, 1\] \+ 1/2 \[1, 0\].*two layers"):
        zoo.McCullochPitts.from_truth_table(xor)
    grid = np.linspace(-3, 3, 25)  # and no unit of a fine grid of weights and thresholds does it
    w1, w2, s = np.meshgrid(grid, grid, grid + 0.01)
    units = zoo.McCullochPitts(np.stack([w1.ravel(), w2.ravel()], 1), s.ravel())
    answers = units.predict(inputs(2)).data.T
    assert not (answers == xor).all(1).any() and len(np.unique(answers, axis=0)) == 14
    assert zoo.BooleanNetwork(xor).predict(inputs(2)).tolist() == xor


def test_the_smallest_weights_are_those_of_the_lectures():
    for unit, table in [(zoo.McCullochPitts.AND(3), [0] * 7 + [1]), (zoo.McCullochPitts.OR(3), [0] + [1] * 7)]:
        found = zoo.McCullochPitts.from_truth_table(table)
        np.testing.assert_allclose(found.weight_, unit.weight_, atol=1e-6)
        np.testing.assert_allclose(found.threshold_, unit.threshold_, atol=1e-6)


def test_a_unit_fires_when_its_threshold_is_reached():
    assert zoo.McCullochPitts([1.0, 1.0], 2).predict(inputs(2))[:, 0].tolist() == [0, 0, 0, 1]
    assert zoo.McCullochPitts([1.0, -2.0], 1).predict(inputs(2))[:, 0].tolist() == [0, 0, 1, 0]  # an inhibitory input


ERRORS = [
    (lambda: zoo.BooleanNetwork([0, 1, 1]), r"^BooleanNetwork: a truth table of k inputs has 2\*\*k rows \(2, 4, .*got \(3,\)"),
    (lambda: zoo.BooleanNetwork([1]), r"has 2\*\*k rows"),
    (lambda: zoo.BooleanNetwork([]), r"has 2\*\*k rows .* got \(0,\)"),
    (lambda: zoo.BooleanNetwork(np.zeros((4, 0))), r"has 2\*\*k rows .* got \(4, 0\)"),
    (lambda: zoo.BooleanNetwork([0, 2, 1, 0]), r"^BooleanNetwork: a truth table holds 0 and 1 only, got \[0, 2, 1, 0\]"),
    (lambda: zoo.BooleanNetwork([0, np.nan]), "a truth table holds 0 and 1 only"),
    (lambda: zoo.McCullochPitts.from_truth_table(np.zeros((4, 2))), r"one unit has one output, got outputs \(4, 2\)"),
    (lambda: zoo.McCullochPitts(np.ones((2, 3)), 1.0), r"expected weight .* and threshold \(units\), got \(2, 3\) and \(1,\)"),
    (lambda: zoo.McCullochPitts([1.0, np.nan], 1.0), "^McCullochPitts: weight or threshold holds NaN or inf"),
    (lambda: zoo.McCullochPitts.AND().predict([[0, 0.5]]), r"^McCullochPitts.predict: X must hold 0 and 1 only, example 0 has 0.5"),
    (lambda: zoo.McCullochPitts.AND().predict([[0, 1], [-1, 0]]), "X must hold 0 and 1 only, example 1 has -1"),
    (lambda: zoo.McCullochPitts.AND(3).predict([[0, 1]]), "^McCullochPitts.predict: X has 2 features, expected 3"),
    (lambda: zoo.BooleanNetwork([0, 1]).predict(np.zeros((0, 1))), r"X is empty, \(0, 1\)"),
    (lambda: zoo.BooleanNetwork([0, 1]).score([[0], [1]], [0, 1, 1]), r"^BooleanNetwork.score: y is \(3,\), the answers .*\(2,\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "text"), ERRORS, ids=[e[1][:50] for e in ERRORS])
def test_bad_input_gets_a_clear_error(call, text):
    with pytest.raises(ValueError, match=text):
        call()

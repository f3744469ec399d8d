"""The equations of the lectures, computed in plain NumPy from their own symbols, give what our cells give."""

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn
from tinygrad_lite.zoo.notation import NOTATIONS, symbols, table

RNG = np.random.default_rng(0)
SIZES = {"ElmanCell": (3, 4, 2), "JordanCell": (3, 4, 2)}


def evaluated(notation, values, x, before):
    """The symbols on the left of the equations, computed line by line; NumPy reads them after products are written as "@"."""
    functions = {"tanh": np.tanh, "sigma": lambda v: 1 / (1 + np.exp(-v))}
    names = {**values, **functions, "x": x, **{f"{name}_before": value for name, value in before.items()}}
    for equation in notation.equations:
        left, right = equation.replace("(t-1)", "_before").replace("(t)", "").split(" = ")
        for matrix in values:
            if values[matrix].ndim == 2:  # A s -> A @ s
                right = " ".join(
                    f"{word} @" if word.lstrip("(") == matrix else word for word in right.replace("(", "( ").split(" ")
                )
        names[left] = eval(right, {}, names)  # the text of our own table
    return names


@pytest.mark.parametrize("notation", NOTATIONS, ids=lambda n: n.title[:40])
def test_an_equation_as_written_is_what_the_cell_computes(notation):
    cell = getattr(nn, notation.module)(*SIZES.get(notation.module, (3, 4))).double()
    values = symbols(cell, notation)
    for name, parameter in cell.named_parameters():  # what the equation does not have
        if "bias" in name and not any(name in places for places in notation.symbols.values()):
            tl.assign(parameter, np.zeros(parameter.shape))
    state, before = None, None
    for x in RNG.standard_normal((4, 3)):
        output, state = cell.step(tl.Tensor(x), state)
        made = {"h": state, "c": None, "output": output}
        if notation.module == "LSTMCell":
            made = {"h": state[0], "c": state[1]}
        if before is None:
            before = {s: np.zeros(made[place].shape) for s, place in notation.states.items()}
        names = evaluated(notation, values, x, before)
        before = {symbol: names[symbol] for symbol in notation.states}
        for symbol, place in notation.states.items():
            np.testing.assert_allclose(made[place].detach().data, names[symbol], rtol=1e-12, atol=1e-14, err_msg=symbol)


def test_every_weight_of_a_cell_has_a_symbol():
    for notation in NOTATIONS:
        cell = getattr(nn, notation.module)(*SIZES.get(notation.module, (3, 4)))
        weights = {name for name, _ in cell.named_parameters() if "weight" in name}
        assert weights == {p.split("[")[0] for places in notation.symbols.values() for p in places.split("+") if "weight" in p}


def test_gates_are_the_rows_that_they_are_said_to_be():
    cell = nn.LSTMCell(2, 3)
    memory = next(n for n in NOTATIONS if "working memory" in n.title)
    np.testing.assert_array_equal(symbols(cell, memory)["W_r"], cell.weight_ih.data[3:6])
    with pytest.raises(TypeError, match="is about LSTMCell, got GRUCell"):
        symbols(nn.GRUCell(2, 3), memory)
    assert "W_r is weight_ih[f]" in table() and "ltm is c" in table()

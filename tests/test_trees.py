"""Recursive networks: node by node in NumPy, chains as sequences, and what they learn of logic."""

import time

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.data.logic import SYMBOLS, random_expression, text_of, value_of
from tinygrad_lite.zoo.trees import RecursiveNetwork, Tree, TreeLSTM

RNG = np.random.default_rng(0)


def binary(expression):
    """An expression as a tree of pairs, as `RecursiveNetwork` takes it: (op (a b)), (not a)."""
    if isinstance(expression, bool):
        return Tree(SYMBOLS.index(str(expression).lower()))
    name, *parts = expression
    parts = [binary(part) for part in parts]
    return Tree(None, (Tree(SYMBOLS.index(name)), parts[0] if len(parts) == 1 else Tree(None, tuple(parts))))


def labelled(expression):
    """An expression as a tree of labelled nodes, as `TreeLSTM` takes it."""
    if isinstance(expression, bool):
        return Tree(SYMBOLS.index(str(expression).lower()))
    name, *parts = expression
    return Tree(SYMBOLS.index(name), tuple(labelled(part) for part in parts))


EXPRESSIONS = [random_expression(depth, RNG) for depth in (0, 3, 1, 6, 0, 2)]


def recursive_by_hand(net, tree):
    if tree.label is not None:
        return net.vectors.weight.data[tree.label]
    pair = np.concatenate([recursive_by_hand(net, child) for child in tree.children])
    return np.tanh(net.compose.weight.data @ pair + net.compose.bias.data)


def lstm_by_hand(net, tree):
    n, sigma = net.size, lambda v: 1 / (1 + np.exp(-v))
    made = [lstm_by_hand(net, child) for child in tree.children] + [(np.zeros(n), np.zeros(n))] * (2 - len(tree.children))
    (h1, c1), (h2, c2) = made
    sums = net.bias.data + net.weight_hh.data @ np.concatenate([h1, h2])
    if tree.label is not None:
        sums = sums + net.weight_ih.data @ net.vectors.weight.data[tree.label]
    i, f1, f2, g, o = sums.reshape(5, n)
    c = sigma(i) * np.tanh(g) + sigma(f1) * c1 + sigma(f2) * c2
    return sigma(o) * np.tanh(c), c


def test_all_trees_at_once_equal_node_by_node():
    net, lstm = RecursiveNetwork(6, 5).double(), TreeLSTM(6, 5).double()
    pairs, nodes = [binary(e) for e in EXPRESSIONS], [*map(labelled, EXPRESSIONS), Tree(None, (Tree(1), Tree(None)))]
    np.testing.assert_allclose(net(pairs).data, [recursive_by_hand(net, tree) for tree in pairs], rtol=1e-12)
    np.testing.assert_allclose(lstm(nodes).data, [lstm_by_hand(lstm, tree)[0] for tree in nodes], rtol=1e-12)


@pytest.mark.parametrize("kind", [RecursiveNetwork, TreeLSTM])
def test_gradients_are_those_of_each_tree_alone(kind):
    net, form = kind(6, 4).double(), binary if kind is RecursiveNetwork else labelled
    forest = [form(e) for e in EXPRESSIONS]
    parameters = list(net.parameters())
    together = tl.grad(net(forest).square().sum(), parameters)
    alone = [tl.grad(net([tree]).square().sum(), parameters, allow_unused=True) for tree in forest]
    for k, g in enumerate(together):
        np.testing.assert_allclose(g.data, sum(0 if a[k] is None else a[k].data for a in alone), rtol=1e-10, atol=1e-12)


def test_a_chain_is_a_recurrent_network():
    net, layer = RecursiveNetwork(7, 5).double(), nn.RNN(5, 5).double()
    weight, symbols = net.compose.weight.data, [3, 1, 6, 2, 2]
    layer.load_state_dict(
        {
            "weight_hh_l0": weight[:, :5],
            "weight_ih_l0": weight[:, 5:],
            "bias_ih_l0": net.compose.bias.data,
            "bias_hh_l0": np.zeros(5),
        }
    )
    chain = Tree(0)
    for symbol in symbols:
        chain = Tree(None, (chain, Tree(symbol)))
    vectors = net.vectors.weight.data
    _, final = layer(tl.Tensor(vectors[symbols]), tl.Tensor(vectors[[0]]))
    np.testing.assert_allclose(net([chain]).data, final.data, rtol=1e-13)


def test_a_labelled_chain_is_a_long_short_term_memory():
    net, layer, symbols = TreeLSTM(7, 5).double(), nn.LSTM(5, 5).double(), [3, 1, 6, 2, 2]
    rows = [net.weight_ih.data[k * 5 : k * 5 + 5] for k in (0, 1, 3, 4)]
    inner = [net.weight_hh.data[k * 5 : k * 5 + 5, :5] for k in (0, 1, 3, 4)]
    bias = np.concatenate([net.bias.data[k * 5 : k * 5 + 5] for k in (0, 1, 3, 4)])
    layer.load_state_dict(
        {"weight_ih_l0": np.concatenate(rows), "weight_hh_l0": np.concatenate(inner), "bias_ih_l0": bias, "bias_hh_l0": 0 * bias}
    )
    chain = Tree(symbols[0])
    for symbol in symbols[1:]:
        chain = Tree(symbol, (chain,))
    _, (final, _) = layer(tl.Tensor(net.vectors.weight.data[symbols]))
    np.testing.assert_allclose(net([chain]).data, final.data, rtol=1e-13)


def test_a_deep_tree_is_no_trouble():
    chain = Tree(0)
    for _ in range(3000):
        chain = Tree(None, (chain, Tree(1)))
    assert chain.depth == 3000 and np.isfinite(RecursiveNetwork(2, 3)([chain]).data).all()


def test_many_trees_at_once_are_fast():
    forest, net = [binary(random_expression(5, RNG)) for _ in range(64)], RecursiveNetwork(6, 16)
    net(forest)
    start = time.perf_counter()
    net(forest)
    together, start = time.perf_counter() - start, time.perf_counter()
    for tree in forest:
        net([tree])
    assert together < (time.perf_counter() - start) / 4


def test_bad_trees():
    net = RecursiveNetwork(6, 3)
    for match, forest in [
        ("there is no tree", []),
        ("a node has 3 children, at most 2", [Tree(None, (Tree(1),) * 3)]),
        ("a node has two children and no label", [Tree(None, (Tree(1),))]),
        ("a node has two children and no label", [Tree(2, (Tree(1), Tree(1)))]),
        ("a leaf has a label", [Tree()]),
    ]:
        with pytest.raises(ValueError, match=match):
            net(forest)
    with pytest.raises(IndexError, match="6"):
        net([Tree(6)])


def test_expressions():
    assert value_of(("and", True, ("not", ("xor", True, True)))) is True and not value_of(("or", False, False))
    assert text_of(("and", True, ("not", False))) == "(true and not false)"
    for depth in range(5):
        assert binary(random_expression(depth, RNG)).depth >= labelled(random_expression(depth, RNG)).depth == depth
    with pytest.raises(ValueError, match="depth must be 0 or more, got -1"):
        random_expression(-1)


@pytest.mark.parametrize(("kind", "form", "steps"), [(TreeLSTM, labelled, 300), (RecursiveNetwork, binary, 600)])
def test_a_tree_network_learns_logic_and_holds_for_deeper_expressions(kind, form, steps):
    tl.manual_seed(0)
    rng = np.random.default_rng(1)
    net, readout, loss = kind(6, 16), nn.Linear(16, 2), nn.CrossEntropyLoss()
    optimizer = optim.Adam([*net.parameters(), *readout.parameters()], lr=1e-2)

    def batch(depths, n=64):
        drawn = [random_expression(int(rng.choice(depths)), rng) for _ in range(n)]
        return [form(e) for e in drawn], np.array([int(value_of(e)) for e in drawn])

    for _ in range(steps):
        forest, truth = batch((1, 2, 3))
        optimizer.zero_grad()
        loss(readout(net(forest)), tl.Tensor(truth)).backward()
        optimizer.step()
    forest, truth = batch((5, 6, 7), 320)
    right = np.mean(readout(net(forest)).data.argmax(1) == truth)
    assert right > 0.95 > 0.65 > max(truth.mean(), 1 - truth.mean()), right  # who always says the same

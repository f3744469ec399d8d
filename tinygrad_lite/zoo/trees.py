"""Recursive networks: one set of weights at every node of a tree (Pollack, 1990; Socher et al., 2011), and the Tree-LSTM.

Trees of different shapes are computed together, by depth: a step has all nodes of one depth, whose children are the nodes of the
next. Each node is computed once, one step before the node above it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import nn, ops


@dataclass(frozen=True)
class Tree:
    """A node: the number of its symbol (None for none) and its children.

    >>> Tree(None, (Tree(3), Tree(None, (Tree(1), Tree(2)))))        # (3 (1 2))
    """

    label: int | None = None
    children: tuple = ()

    @property
    def depth(self):
        """Steps from here to the deepest node below."""
        deepest, level = -1, [self]
        while level:
            deepest, level = deepest + 1, [child for node in level for child in node.children]
        return deepest


@dataclass(frozen=True)
class Level:
    """All nodes of one depth: labels (n), -1 for none, and children (n, 2), their numbers in the next level, -1 for none."""

    labels: np.ndarray
    children: np.ndarray


def levels(trees):
    """The `Level` of each depth of ``trees``, the deepest first; in the last one stand the roots in their order."""
    if not trees:
        raise ValueError("levels: there is no tree")
    out, nodes = [], list(trees)
    while nodes:
        labels = np.array([-1 if node.label is None else node.label for node in nodes])
        below, children = [], np.full((len(nodes), 2), -1)
        for row, node in enumerate(nodes):
            if len(node.children) > 2:
                raise ValueError(f"levels: a node has {len(node.children)} children, at most 2 are possible; make it several nodes")
            children[row, : len(node.children)] = range(len(below), len(below) + len(node.children))
            below += node.children
        out.append(Level(labels, children))
        nodes = below
    return out[::-1]


def _with_nothing(values, numbers):
    """Rows ``numbers`` (n) of ``values`` (m, features), zeros where the number is -1."""
    missing = numbers < 0
    if values is None:
        raise ValueError("a level has children, and there is no level below")
    rows = ops.index_select(values, 0, np.maximum(numbers, 0))
    return ops.where(missing[:, None], 0.0, rows) if missing.any() else rows


class RecursiveNetwork(nn.Module):
    """p = f(W [c1; c2] + b): what stands for a node is made of its two children; a leaf is the vector of its symbol.

    vectors  `nn.Embedding` (n_symbols, size)
    compose  `nn.Linear` (2 * size -> size), W and b
    """

    def __init__(self, n_symbols, size, f=ops.tanh, dtype=None):
        self.size, self.f = size, f
        self.vectors, self.compose = nn.Embedding(n_symbols, size, dtype=dtype), nn.Linear(2 * size, size, dtype=dtype)

    def forward(self, trees):
        """(number of trees, size): what stands for the roots."""
        below = None
        for level in levels(trees):
            leaves, inner = np.flatnonzero(level.children[:, 0] < 0), np.flatnonzero(level.children[:, 0] >= 0)
            if (level.children[inner] < 0).any() or (level.labels[inner] >= 0).any() or (level.labels[leaves] < 0).any():
                raise ValueError("RecursiveNetwork: a node has two children and no label, a leaf has a label")
            parts = []
            if len(inner):
                pairs = ops.index_select(below, 0, level.children[inner].reshape(-1))
                parts.append(self.f(self.compose(ops.reshape(pairs, len(inner), 2 * self.size))))
            if len(leaves):
                parts.append(self.vectors(level.labels[leaves]))
            order = np.argsort(np.concatenate([inner, leaves]), kind="stable")
            both = ops.cat(parts) if len(parts) > 1 else parts[0]
            below = both if len(parts) == 1 else ops.index_select(both, 0, order)
        return below


class TreeLSTM(nn.Module):
    """A long short-term memory with a forget gate for each of two children (Tai et al., 2015, N-ary)::

        i, o = sigma(W x + U1 h1 + U2 h2 + b), each with weights of its own,  g = tanh(of the same),  f1, f2 = sigma(of the same)
        c = i g + f1 c1 + f2 c2,  h = o tanh(c)

    x is the vector of the symbol of a node, children that are missing have h = c = 0: a chain is `nn.LSTM`.

    vectors    `nn.Embedding` (n_symbols, size)
    weight_ih  (5 * size, size), rows of i, f1, f2, g, o; uniform in +-1/sqrt(size), as all here
    weight_hh  (5 * size, 2 * size), columns of the first and the second child
    bias       (5 * size)
    """

    def __init__(self, n_symbols, size, dtype=None):
        self.size = size
        self.vectors = nn.Embedding(n_symbols, size, dtype=dtype)
        sums = nn.Linear(3 * size, 5 * size, dtype=dtype)
        nn.init.uniform_(sums.weight, -(size**-0.5), size**-0.5)
        nn.init.uniform_(sums.bias, -(size**-0.5), size**-0.5)
        self.weight_ih = nn.Parameter(np.ascontiguousarray(sums.weight.data[:, :size]))
        self.weight_hh = nn.Parameter(np.ascontiguousarray(sums.weight.data[:, size:]))
        self.bias = nn.Parameter(sums.bias.data)

    def forward(self, trees):
        """(number of trees, size): h of the roots."""
        n, h, c = self.size, None, None
        for level in levels(trees):
            labelled = level.labels >= 0
            x = self.vectors(np.maximum(level.labels, 0))
            x = x if labelled.all() else ops.where(labelled[:, None], x, 0.0)
            sums = ops.linear(x, self.weight_ih, self.bias)
            if h is None:
                cells = None
            else:
                kids = level.children.reshape(-1)
                sums = sums + ops.linear(ops.reshape(_with_nothing(h, kids), len(x), 2 * n), self.weight_hh)
                cells = ops.reshape(_with_nothing(c, kids), len(x), 2, n)
            i, f1, f2, g, o = ops.split(sums, n, 1)
            c = ops.sigmoid(i) * ops.tanh(g)
            if cells is not None:
                c1, c2 = ops.unbind(cells, 1)
                c = c + ops.sigmoid(f1) * c1 + ops.sigmoid(f2) * c2
            h = ops.sigmoid(o) * ops.tanh(c)
        return h

"""Counting with Kneser-Ney smoothing, and a network that knows more of the next word."""

import collections
import math
import os
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import optim
from tinygrad_lite.data.text import Vocabulary, standard_library, words
from tinygrad_lite.zoo import language


def by_hand(train, n, n_symbols):
    """p(symbol, before) of interpolated Kneser-Ney smoothing, with counts in dicts."""
    spans = {k: collections.Counter(tuple(train[i : i + k]) for i in range(len(train) - k + 1)) for k in range(1, n + 1)}
    counts = {n: spans[n]}
    for k in range(n - 1, 0, -1):  # how many different symbols stand before a span, of those spans that were counted
        counts[k] = collections.Counter(span[1:] for span in counts[k + 1])
    discounts = {}
    for k, counted in counts.items():
        once, twice = (sum(c == number for c in counted.values()) for number in (1, 2))
        discounts[k] = once / (once + 2 * twice) if once and twice else 0.5

    def p(symbol, before):
        k = len(before) + 1
        shorter = p(symbol, before[1:]) if before else 1 / n_symbols
        behind = {span[-1]: c for span, c in counts[k].items() if span[:-1] == before}
        if not behind:
            return shorter
        total, d = sum(behind.values()), discounts[k]
        return max(0, behind.get(symbol, 0) - d) / total + d * len(behind) / total * shorter

    return p


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_smoothed_counting_equals_counting_by_hand(n):
    rng = np.random.default_rng(n)
    train, held_out = rng.integers(0, 4, 60).tolist(), rng.integers(0, 5, 40).tolist()  # the fifth symbol is new
    p = by_hand(train, n, 5)
    befores = [tuple(held_out[k - n + 1 : k]) for k in range(n - 1, len(held_out))]
    expected = -np.mean([math.log(p(held_out[n - 1 + k], before)) for k, before in enumerate(befores)])
    assert all(sum(p(s, before) for s in range(5)) == pytest.approx(1, rel=1e-12) for before in befores)
    assert language.KneserNey(n, 5).fit(train).evaluate(held_out) == pytest.approx(expected, rel=1e-12)


def test_numbers_that_do_not_fit_are_told():
    for kind in (language.NGram, language.KneserNey):
        with pytest.raises(ValueError, match=f"{kind.__name__}: 6 of 4000 symbols are more than an int64 counts"):
            kind(6, 4000)
        with pytest.raises(ValueError, match=f"{kind.__name__}: n must be 1 or more, got 0"):
            kind(0, 3)


def trained(text, size, units, epochs, batch, dropout, lr):
    """Nats for each word held out: of the network, and of counting 1 to 5, smoothed."""
    vocabulary = Vocabulary(text, words, size=size)
    codes = vocabulary.encode(text)
    train, held_out = codes[: len(codes) * 9 // 10], codes[len(codes) * 9 // 10 :]
    counting = [language.KneserNey(n, size).fit(train).evaluate(held_out) for n in (1, 2, 3, 4, 5)]
    tl.manual_seed(0)
    model = language.LanguageModel(size, units, 1, dropout=dropout)
    optimizer = optim.Adam(model.parameters())
    for epoch in range(epochs):
        optimizer.lr = lr * min(1, 2 - 2 * epoch / epochs)
        for _ in language.train_epoch(model, optimizer, train, batch):
            pass
    return language.evaluate(model, held_out, batch), counting


def test_a_network_knows_more_of_the_next_word_than_counting():
    """Words, signs and spaces of the standard library: below the best of counting 1 to 5, and below 3 by a sixth."""
    network, counting = trained(standard_library(300_000), 500, 96, 6, 10, 0.2, 1e-2)
    assert network < 0.97 * min(counting) and network < 0.83 * counting[2], (network, counting)


@pytest.mark.proof
@pytest.mark.skipif("TINYGRAD_LITE_TEXT" not in os.environ, reason="TINYGRAD_LITE_TEXT names no text (tinyshakespeare)")
def test_a_network_knows_more_of_the_next_word_of_shakespeare():
    text = Path(os.environ["TINYGRAD_LITE_TEXT"]).read_text()
    network, counting = trained(text, 4000, 128, 8, 50, 0.3, 5e-3)
    print(f"{network:.4f} nats for each word, counting 1 to 5: {', '.join(f'{value:.4f}' for value in counting)}")
    assert network < 0.97 * min(counting)

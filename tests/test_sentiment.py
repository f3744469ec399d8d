"""Sentences that praise or blame, and who understands them."""

import itertools

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim
from tinygrad_lite.data import sentiment
from tinygrad_lite.data.text import Vocabulary
from tinygrad_lite.zoo import sequences
from tinygrad_lite.zoo.translation import padded


def understood(text):
    """What a sentence says, by its words: the last clause counts, each denial and each negation in it turns it round."""
    denials = sum(text.count(denial) for denial in sentiment.DENIALS)
    for denial in sentiment.DENIALS:
        text = text.replace(denial, "")
    clause = text.split(" but ")[-1].split()
    praises = any(word in sentiment.PRAISE for word in clause)
    return praises != bool((denials + sum(word in sentiment.NEGATIONS for word in clause)) % 2)


def test_sentences_mean_what_is_said_of_them():
    rng = np.random.default_rng(0)
    drawn = [sentiment.random_sentence(int(rng.integers(1, 5)), int(rng.integers(0, 4)), rng) for _ in range(500)]
    assert all(understood(text) == praises for text, praises in drawn)
    assert 200 < sum(praises for _, praises in drawn) < 300
    assert {word for text, _ in drawn for word in text.split()} <= set(sentiment.WORDS)
    with pytest.raises(ValueError, match="clauses must be 1 or more and denials 0 or more, got 0 and 0"):
        sentiment.random_sentence(0)


def test_a_gated_network_understands_longer_and_deeper_sentences():
    rng, words = np.random.default_rng(0), Vocabulary(" ".join(sentiment.WORDS), str.split)
    tl.manual_seed(0)
    vectors, model = nn.Embedding(len(words), 32), sequences.ManyToOne(sequences.recurrent("GRU", 32, 32, memory=1.0), 2)
    optimizer, loss = optim.Adam([*vectors.parameters(), *model.parameters()], lr=3e-3), nn.CrossEntropyLoss()

    def batch(n, clauses, denials):
        drawn = [sentiment.random_sentence(int(rng.choice(clauses)), int(rng.choice(denials)), rng) for _ in range(n)]
        return *padded([words.encode(text) for text, _ in drawn]), np.array([int(praises) for _, praises in drawn])

    for _ in range(1200):
        codes, lengths, praises = batch(64, (1, 2, 3), (0, 1, 2))
        optimizer.zero_grad()
        loss(model(vectors(codes), lengths), tl.Tensor(praises)).backward()
        optimizer.step()
    good, bad = ([words.encode(word)[0] for word in part] for part in (sentiment.PRAISE, sentiment.BLAME))
    for clauses, denials in itertools.product(((1, 2, 3), (4, 5, 6)), ((0, 1, 2), (3, 4))):
        codes, lengths, praises = batch(500, clauses, denials)
        counted = np.isin(codes, good).sum(0) > np.isin(codes, bad).sum(0)  # who counts words, and knows no order
        right, by_words = (np.mean(said == praises) for said in (model(vectors(codes), lengths).data.argmax(1), counted))
        assert right > 0.95 > 0.7 > by_words, (clauses, denials, right, by_words)

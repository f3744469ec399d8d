"""Text as numbers, models that count, and the network that learns what comes next."""

import math
import os
import time
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import optim
from tinygrad_lite.data.text import UNKNOWN, Vocabulary, standard_library, words
from tinygrad_lite.zoo import language

TEXT = "to be, or not to be: that is the question.\n\tTo be!"


def test_a_text_comes_back():
    for parts in (list, words):
        vocabulary = Vocabulary(TEXT, parts)
        codes = vocabulary.encode(TEXT)
        assert vocabulary.decode(codes) == TEXT and codes.max() == len(vocabulary) - 1 and codes.dtype == np.int64
    assert words("a_1, b") == ["a_1", ",", " ", "b"]


def test_rare_words_are_one_symbol():
    vocabulary = Vocabulary("a a a b b c d", words, size=4)  # the space, a, b, and all others
    assert vocabulary.symbols == [" ", "a", "b", UNKNOWN]
    assert vocabulary.decode(vocabulary.encode("a c b strange")) == f"a {UNKNOWN} b {UNKNOWN}"


def test_what_is_wrong_with_a_text_is_said():
    with pytest.raises(ValueError, match="the text is empty"):
        Vocabulary("")
    with pytest.raises(ValueError, match="size must be 2 or more, got 1"):
        Vocabulary("abc", size=1)
    with pytest.raises(ValueError, match="'x' and 1 others are no symbols"):
        Vocabulary("abc").encode("axyb")
    with pytest.raises(ValueError, match="3 symbols are too few for 3 streams"):
        next(language.streams(np.arange(3), 3, 2))
    with pytest.raises(ValueError, match="must be 1 or more, got 0 and 2"):
        next(language.streams(np.arange(3), 0, 2))


@pytest.mark.parametrize(("n", "batch", "steps"), [(23, 3, 4), (9, 2, 4), (2, 1, 5), (11, 1, 10)])
def test_streams_go_on_where_they_ended(n, batch, steps):
    parts = list(language.streams(np.arange(n), batch, steps))
    inputs, targets = (np.concatenate([part[k].data for part in parts]) for k in (0, 1))
    length = (n - 1) // batch
    np.testing.assert_array_equal(inputs, np.arange(batch * length).reshape(batch, length).T)
    np.testing.assert_array_equal(targets, inputs + 1)
    assert all(len(x) == steps for x, _ in parts[:-1])


def test_the_library_is_a_text():
    text = standard_library(30_000)
    assert len(text) == 30_000 and text.isascii() and text.count("def ") > 50


@pytest.mark.parametrize("n", [1, 2, 3])
def test_counting_equals_counting_by_hand(n):
    rng = np.random.default_rng(n)
    train, held_out, alpha = rng.integers(0, 4, 60), rng.integers(0, 4, 40), 0.3
    total, spans = 0.0, lambda codes: [tuple(codes[k : k + n]) for k in range(len(codes) - n + 1)]
    for span in spans(held_out):
        count = spans(train).count(span)
        before = sum(s[:-1] == span[:-1] for s in spans(train))
        total -= math.log((count + alpha) / (before + alpha * 4))
    model = language.NGram(n, 4, alpha).fit(train)
    assert model.evaluate(held_out) == pytest.approx(total / len(spans(held_out)), rel=1e-12)


def test_a_state_that_is_carried_on_is_that_of_the_whole_text():
    tl.manual_seed(0)
    model = language.LanguageModel(5, 6).double()
    codes = tl.Tensor(np.random.default_rng(0).integers(0, 5, (7, 3)))
    whole, _ = model(codes)
    first, state = model(codes[:4])
    second, _ = model(codes[4:], state)
    np.testing.assert_allclose(np.concatenate([first.data, second.data]), whole.data, rtol=1e-12, atol=1e-15)  # some are near 0


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_a_network_learns_what_counting_two_symbols_cannot(kind):
    """aabbaabb...: what comes next stands in the last two symbols, and not in one."""
    tl.manual_seed(0)
    vocabulary = Vocabulary("ab")
    codes = vocabulary.encode("aabb" * 300)
    model = language.LanguageModel(2, 16, 1, kind)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(3):
        for _ in language.train_epoch(model, optimizer, codes, 4, 20):
            pass
    held_out = vocabulary.encode("aabb" * 20)
    assert language.evaluate(model, held_out, 1) < 0.1 < 0.6 < language.NGram(2, 2).fit(codes).evaluate(held_out)
    drawn = vocabulary.decode(language.sample(model, vocabulary.encode("aabbaab"), 40, top_k=1))
    assert drawn == ("baab" * 10)
    assert vocabulary.decode(language.sample(model, vocabulary.encode("aabbaab"), 40, temperature=0.05)) == drawn


def test_drawing_follows_the_distribution():
    tl.manual_seed(1)
    model = language.LanguageModel(4, 3)
    for parameter in model.parameters():
        tl.assign(parameter, np.zeros(parameter.shape))
    logits = np.log([0.1, 0.2, 0.3, 0.4])
    tl.assign(model.logits.bias, logits)
    for temperature, top_k in [(1.0, None), (2.0, None), (1.0, 2)]:
        drawn = language.sample(model, [0], 2000, temperature, top_k)
        p = np.exp(logits / temperature)
        p[: 0 if top_k is None else 4 - top_k] = 0
        p /= p.sum()
        assert np.abs(np.bincount(drawn, minlength=4) / 2000 - p).max() < 4 * math.sqrt(0.25 / 2000)
    assert set(language.sample(model, [0], 200, never=[3, 1])) == {0, 2}


def test_the_state_is_carried_from_piece_to_piece():
    """In evaluation and in training: pieces of any length tell the same as the whole text at once."""
    tl.manual_seed(0)
    model, codes = language.LanguageModel(4, 5).double(), np.random.default_rng(0).integers(0, 4, 61)
    ((inputs, targets),) = language.streams(codes, 3, 500)
    whole = language.nats(model(inputs)[0], targets).item()
    for steps in (1, 7, 500):
        assert language.evaluate(model, codes, 3, steps) == pytest.approx(whole, rel=1e-12)
    still = optim.SGD(model.parameters(), lr=0.0)
    assert np.mean(list(language.train_epoch(model, still, codes, 3, 5))) == pytest.approx(whole, rel=1e-12)
    alone = [language.nats(model(x)[0], t).item() for x, t in language.streams(codes, 3, 5)]
    assert abs(np.mean(alone) - whole) > 1e-6


def test_bad_arguments_of_a_language_model():
    model = language.LanguageModel(3, 4)
    for match, call in [
        ("kind is 'LSTM', 'GRU' or 'RNN', got 'lstm'", lambda: language.LanguageModel(3, 4, kind="lstm")),
        ("the prompt needs a symbol", lambda: language.sample(model, [], 3)),
        ("temperature must be positive, got 0", lambda: language.sample(model, [1], 3, 0)),
        ("n must be 1 or more, got 0", lambda: language.NGram(0, 3)),
        ("NGram: 10 of 100 symbols are more than an int64 counts", lambda: language.NGram(10, 100)),
    ]:
        with pytest.raises(ValueError, match=match):
            call()


@pytest.mark.proof
@pytest.mark.skipif("TINYGRAD_LITE_TEXT" not in os.environ, reason="TINYGRAD_LITE_TEXT names no text (tinyshakespeare)")
def test_a_network_reads_shakespeare():
    """Below counting three symbols within 3 minutes on two cores, below counting four within 15."""
    text = Path(os.environ["TINYGRAD_LITE_TEXT"]).read_text()
    vocabulary = Vocabulary(text)
    codes = vocabulary.encode(text)
    train, held_out = codes[: len(codes) * 9 // 10], codes[len(codes) * 9 // 10 :]
    counting = [language.NGram(n, len(vocabulary)).fit(train).evaluate(held_out) for n in (3, 4)]
    assert counting == pytest.approx([2.046, 1.784], abs=5e-4)
    tl.manual_seed(0)
    model = language.LanguageModel(len(vocabulary))
    optimizer = optim.Adam(model.parameters(), lr=2e-3)
    start, reached = time.perf_counter(), []
    for _ in range(4):
        for _ in language.train_epoch(model, optimizer, train):
            pass
        reached.append((language.evaluate(model, held_out), time.perf_counter() - start))
        print(f"{reached[-1][0]:.4f} nats after {reached[-1][1]:.0f} s")
    assert min(value for value, seconds in reached if seconds < 180) < counting[0]
    assert min(value for value, seconds in reached if seconds < 900) < counting[1]

"""Dates, beam search, and the network that reads one sequence and writes another."""

import datetime
import itertools

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import optim
from tinygrad_lite.data import dates
from tinygrad_lite.data.text import Vocabulary
from tinygrad_lite.zoo.decoding import Beams, beam_search
from tinygrad_lite.zoo.translation import END, START, EncoderDecoder, padded, translation_loss

RNG = np.random.default_rng(0)


def test_dates_in_all_forms():
    day = datetime.date(2021, 3, 22)
    texts = [dates.written(day, form) for form in dates.FORMS]
    assert {"22 march 2021", "mar 22, 2021", "monday, march 22, 2021", "the 22nd of mar '21", "22/3/2021"} <= set(texts)
    assert [dates.ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 31)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "31st",
    ]  # fmt: skip
    drawn = [dates.random_dates(200, held_out, RNG) for held_out in (False, True)]
    assert not {iso for _, iso in drawn[0]} & {iso for _, iso in drawn[1]}
    for text, iso in drawn[0] + drawn[1]:
        assert text in [dates.written(datetime.date.fromisoformat(iso), form) for form in dates.FORMS]


# -- beam search ---------------------------------------------------------------------------------------------------------

TABLE = RNG.standard_normal((5, 5, 5))  # of the last two symbols


def following(symbols, before):
    """Log-probabilities of a chain of second order; its state is the symbol before the last."""
    log_p = TABLE[before.arrays[0], symbols]
    return log_p - np.log(np.exp(log_p).sum(-1, keepdims=True)), Beams(symbols)


def every_sequence(length):
    """(log-probability, symbols) of all sequences of at most ``length``, with symbol 2 as the end."""
    for n in range(length + 1):
        for symbols in itertools.product([0, 1, 3, 4], repeat=n):
            total, last, before = 0.0, 1, 0
            for symbol in (*symbols, 2):
                total += following(np.array([last]), Beams(np.array([before])))[0][0, symbol]
                before, last = last, symbol
            yield total, list(symbols)


def test_a_wide_beam_finds_the_likeliest_of_all_sequences():
    total, symbols = max(every_sequence(4))
    found, score = beam_search(following, Beams(np.array([0])), 1, 2, 4, width=200)
    assert found == symbols and score == pytest.approx(total, rel=1e-12)


def test_a_wider_beam_is_never_worse_and_a_beam_of_one_is_greedy():
    scores = [beam_search(following, Beams(np.array([0])), 1, 2, 6, width)[1] for width in (1, 5, 200)]
    assert scores[0] <= scores[2] and scores[1] <= scores[2]
    certain = np.full((3, 3), -50.0)
    certain[0, 1] = certain[1, 1] = 0.0  # never ends by itself
    found, _ = beam_search(lambda s, b: (certain[s], b), Beams(np.zeros(1)), 0, 2, 3, 1)
    assert found in ([1, 1, 1], [])
    with pytest.raises(ValueError, match="width must be 1 or more and length 0 or more, got 0 and 3"):
        beam_search(following, Beams(np.array([0])), 1, 2, 3, 0)


# -- translation -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attention", [True, False])
def test_padding_does_not_matter(attention):
    model = EncoderDecoder(9, 7, 6, attention).double()
    sources, targets = [[3, 4, 5, 6, 7], [8, 3]], [[1, 3, 4], [1, 5, 6]]
    source, lengths = padded(sources)
    logits, weights = model(source, lengths, padded(targets)[0])
    for k in range(2):
        alone, w = model(*padded(sources[k : k + 1]), padded(targets[k : k + 1])[0])
        np.testing.assert_allclose(logits.data[:, k], alone.data[:, 0], rtol=1e-11, atol=1e-13)
        if attention:
            np.testing.assert_allclose(weights.data[k, :, : len(sources[k])], w.data[0], rtol=1e-11)
            np.testing.assert_allclose(weights.data[k].sum(-1), 1, rtol=1e-12)


def test_the_loss_is_that_of_what_is_no_padding():
    logits, target = RNG.standard_normal((3, 2, 4)), np.array([[1, 2], [3, 0], [2, 0]])
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = -np.mean([log_p[t, b, target[t, b]] for t, b in ((0, 0), (0, 1), (1, 0), (2, 0))])
    assert translation_loss(tl.Tensor(logits), target).item() == pytest.approx(expected, rel=1e-12)


def test_what_is_written_greedily_is_what_teacher_forcing_says():
    model = EncoderDecoder(9, 7, 6).double()
    symbols, weights = model.write([3, 4, 5], 5)
    logits, _ = model(*padded([[3, 4, 5]]), np.array([START, *symbols])[:, None])
    said = logits.data[:, 0]
    stays = said[: len(symbols)].copy()
    stays[:, END] = -np.inf
    assert stays.argmax(-1).tolist() == symbols and weights.shape == (len(symbols) + 1, 3)


def test_dates_are_translated_with_attention_and_hardly_without():
    """Of days that are held out, as many as are right at all; the same number of steps for both."""
    digits, read = "0123456789-", Vocabulary("".join(dates.MONTHS + dates.DAYS) + "0123456789 ,./'thofnds")
    right = {}
    for attention in (True, False):
        tl.manual_seed(0)
        rng, model = np.random.default_rng(1), EncoderDecoder(len(read), 3 + len(digits), 48, attention)
        optimizer = optim.Adam(model.parameters(), lr=4e-3)
        for _ in range(250):
            pairs = dates.random_dates(64, rng=rng)
            source, lengths = padded([read.encode(text) for text, _ in pairs])
            target, _ = padded([[START, *(3 + digits.index(c) for c in iso), END] for _, iso in pairs])
            optimizer.zero_grad()
            translation_loss(model(source, lengths, target[:-1])[0], target[1:]).backward()
            optimizer.step()
        held_out = dates.random_dates(60, True, rng)
        written = ["".join(digits[s - 3] for s in model.write(read.encode(text), 12, width=3)[0]) for text, _ in held_out]
        right[attention] = np.mean([w == iso for w, (_, iso) in zip(written, held_out)])
    assert right[True] > 0.95 and right[False] < 0.5, right

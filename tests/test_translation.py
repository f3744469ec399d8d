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

OTHERS = [0, 1, 3, 4]  # the symbols beside 2, the end


def chain(seed):
    """Log-probabilities of a chain of second order, the last two symbols -> the next; an end is rare at first, likely from 4 on."""
    log_p = 2 * np.random.default_rng(seed).standard_normal((5, 5, 5))
    log_p[:, :3, 2], log_p[:, 4, 2] = -4.0, 1.0
    return log_p - np.log(np.exp(log_p).sum(-1, keepdims=True))


def searched(log_p, length, width):
    """What the search finds; the state of a sequence is the symbol before its last."""
    return beam_search(lambda symbols, b: (log_p[b.arrays[0], symbols], Beams(symbols)), Beams(np.array([0])), 1, 2, length, width)


def total_of(log_p, symbols):
    """The log-probability of ``symbols`` and the end behind them."""
    places = [0, 1, *symbols, 2]
    return sum(log_p[triple] for triple in zip(places, places[1:], places[2:]))


def test_a_wide_beam_finds_the_likeliest_of_all_sequences():
    lengths = set()
    for log_p in map(chain, range(20)):
        every = [s for n in range(5) for s in itertools.product(OTHERS, repeat=n)]
        likeliest = max(every, key=lambda symbols: total_of(log_p, symbols))
        found, score = searched(log_p, 4, 300)
        assert found == list(likeliest) and score == pytest.approx(total_of(log_p, likeliest), rel=1e-12)
        lengths.add(len(found))
    assert lengths >= {2, 3, 4}


def test_a_beam_of_one_is_greedy_and_a_wide_one_not_worse():
    for log_p in map(chain, range(20)):
        greedy = [0, 1]
        for _ in range(4):
            greedy.append(max(OTHERS, key=lambda symbol: log_p[greedy[-2], greedy[-1], symbol]))
        ends = [greedy[2 : 2 + n] for n in range(5)]
        found, score = searched(log_p, 4, 1)
        assert found == max(ends, key=lambda symbols: total_of(log_p, symbols)) and score == pytest.approx(total_of(log_p, found))
        assert searched(log_p, 4, 3)[1] <= searched(log_p, 4, 300)[1] >= score


def test_a_sequence_that_never_ends_is_cut_where_it_costs_least():
    certain = np.full((3, 3), -50.0)
    certain[0, 1] = certain[1, 1] = 0.0
    step = lambda symbols, b: (certain[symbols], b)
    assert beam_search(step, Beams(np.zeros(1)), 0, 2, 3, 1) == ([], -50.0)  # as likely as any longer one
    certain[:, 2] = -np.inf
    assert beam_search(step, Beams(np.zeros(1)), 0, 2, 3, 1) == ([1, 1, 1], 0.0)
    with pytest.raises(ValueError, match="width must be 1 or more and length 0 or more, got 0 and 3"):
        beam_search(step, Beams(np.zeros(1)), 0, 2, 3, 0)


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

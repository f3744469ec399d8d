"""Sequences out of a network that says what comes next: the likeliest found by beam search (Graves, 2012)."""

from __future__ import annotations

import numpy as np


def beam_search(step, state, start, end, length, width=4):
    """(symbols, log-probability) of the likeliest sequence found: a list without ``start`` and ``end``.

    step    step(symbols (n), state) -> (log-probabilities of the next (n, symbols), state); n sequences are followed at once
    state   of one sequence before ``start``; ``state[rows]`` must be the states of sequences, as of an array or a `Beams`
    length  of the longest sequence
    width   the sequences followed at once; 1 always takes the likeliest symbol (greedy)
    """
    if width < 1 or length < 0:
        raise ValueError(f"beam_search: width must be 1 or more and length 0 or more, got {width} and {length}")
    followed, scores, best = [[start]], np.zeros(1), ([], -np.inf)
    for _ in range(length + 1):
        log_p, state = step(np.array([symbols[-1] for symbols in followed]), state)
        totals = scores[:, None] + log_p
        ended = int(np.argmax(totals[:, end]))
        if totals[ended, end] > best[1]:
            best = followed[ended][1:], float(totals[ended, end])
        totals[:, end] = -np.inf
        rows, symbols = np.unravel_index(np.argsort(totals, axis=None)[::-1][:width], totals.shape)
        alive = totals[rows, symbols] > best[1]  # what is behind by now stays behind
        if not alive.any() or len(followed[0]) > length:
            break
        rows, symbols = rows[alive], symbols[alive]
        followed = [[*followed[row], int(symbol)] for row, symbol in zip(rows, symbols)]
        scores, state = totals[rows, symbols], state[rows]
    if best[1] == -np.inf:
        return followed[0][1:], float(scores[0])
    return best


class Beams:
    """Arrays whose dimension ``axis`` is the sequences that `beam_search` follows; indexing takes some of them."""

    def __init__(self, *arrays, axis=0):
        self.arrays, self.axis = arrays, axis

    def __getitem__(self, rows):
        return Beams(*(np.take(array, rows, self.axis) for array in self.arrays), axis=self.axis)

"""From one sequence to another: an encoder that reads, a decoder that writes (Sutskever et al., 2014; Cho et al., 2014), and the
attention of what is written to what was read (Bahdanau et al., 2015; in the form of Luong et al., 2015)."""

from __future__ import annotations

import numpy as np

from .. import nn, ops
from ..state import no_grad
from ..tensor import Tensor
from .decoding import Beams, beam_search

PAD, START, END = 0, 1, 2  # the first three symbols of what is written


class EncoderDecoder(nn.Module):
    """Logits of the next symbol of a sequence that is written about one that is read.

    With attention the state h(t) of the decoder weighs the states m(s) of the encoder::

        a(t, s) = softmax over s of h(t) . W m(s),   context(t) = sum over s of a(t, s) m(s),
        logits(t) = V tanh(U [h(t); context(t)])

    without it logits(t) = V tanh(U h(t)): all that was read must be in the first state.

    source_symbols, target_symbols  sizes of the vocabularies; of those written 0, 1, 2 are padding, start and end
    size                            units of encoder (in each direction) and decoder, and of the vectors of symbols
    """

    def __init__(self, source_symbols, target_symbols, size=64, attention=True, dtype=None):
        self.attention = bool(attention)
        self.source, self.target = nn.Embedding(source_symbols, size, dtype=dtype), nn.Embedding(target_symbols, size, dtype=dtype)
        self.encoder = nn.LSTM(size, size, bidirectional=True, dtype=dtype)
        self.decoder = nn.LSTM(size, size, dtype=dtype)
        self.to_h, self.to_c = nn.Linear(2 * size, size, dtype=dtype), nn.Linear(2 * size, size, dtype=dtype)
        self.score = nn.Linear(2 * size, size, bias=False, dtype=dtype) if attention else None
        self.combine = nn.Linear(3 * size if attention else size, size, dtype=dtype)
        self.logits = nn.Linear(size, target_symbols, dtype=dtype)

    def encode(self, source, lengths):
        """(memory (steps, batch, 2 * size), state of the decoder) of what is read: integers (steps, batch), lengths (batch)."""
        memory, (h, c) = self.encoder(self.source(source), lengths=lengths)
        both = [ops.cat(list(ops.unbind(part)), -1) for part in (h, c)]
        return memory, tuple(ops.unsqueeze(ops.tanh(to(part)), 0) for to, part in zip((self.to_h, self.to_c), both))

    def decode(self, target, memory, lengths, state):
        """(logits (steps, batch, target_symbols), weights (batch, steps, steps read) or None, state) behind integers ``target``
        (steps, batch)."""
        h, state = self.decoder(self.target(target), state)
        weights = None
        if self.attention:
            keys = self.score(memory)
            scores = ops.transpose(h, 0, 1) @ ops.permute(keys, (1, 2, 0))
            beyond = np.arange(len(memory)) >= np.asarray(lengths)[:, None, None]
            weights = ops.softmax(ops.where(beyond, -np.inf, scores), -1)
            context = ops.transpose(weights @ ops.transpose(memory, 0, 1), 0, 1)
            h = ops.cat([h, context], -1)
        return self.logits(ops.tanh(self.combine(h))), weights, state

    def forward(self, source, lengths, target):
        """(logits, weights) for what is written so far, ``target`` (steps, batch), beginning with START: teacher forcing."""
        memory, state = self.encode(source, lengths)
        return self.decode(target, memory, lengths, state)[:2]

    def write(self, source, length, width=1):
        """(symbols, attention weights (symbols + 1, steps read) or None) for one sequence ``source`` (steps), by beam search of
        ``width``; at most ``length`` symbols."""
        steps = len(source)
        with no_grad():
            memory, state = self.encode(np.asarray(source)[:, None], np.array([steps]))

            def step(symbols, beams):
                n = len(symbols)
                several = Tensor(np.repeat(memory.data, n, 1))
                given = tuple(map(Tensor, beams.arrays))
                logits, _, after = self.decode(symbols[None], several, np.full(n, steps), given)
                return ops.log_softmax(logits, -1).data[0].astype(np.float64), Beams(*(part.data for part in after), axis=1)

            symbols, _ = beam_search(step, Beams(*(part.data for part in state), axis=1), START, END, length, width)
            _, weights, _ = self.decode(np.array([[START], *([s] for s in symbols)]), memory, np.array([steps]), state)
        return symbols, None if weights is None else weights.data[0]


def padded(sequences):
    """(integers (steps, batch), lengths (batch)): sequences beside each other, filled up with PAD."""
    lengths = np.array([len(s) for s in sequences])
    out = np.full((lengths.max(), len(sequences)), PAD)
    for column, sequence in enumerate(sequences):
        out[: len(sequence), column] = sequence
    return out, lengths


def translation_loss(logits, target):
    """Cross-entropy of ``target`` (steps, batch) by logits (steps, batch, symbols), over all that is no padding."""
    log_p = ops.log_softmax(ops.flatten(logits, 0, 1), -1)
    said = np.asarray(target).reshape(-1)
    picked = ops.gather(log_p, 1, said[:, None])
    return -ops.sum(ops.where((said != PAD)[:, None], picked, 0.0)) / float((said != PAD).sum())

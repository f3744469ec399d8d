"""From a picture to a sentence about it: a convolutional encoder and a recurrent decoder (Vinyals et al., 2015)."""

from __future__ import annotations

import collections
import math

import numpy as np

from .. import nn, ops
from ..state import no_grad
from ..tensor import Tensor
from .decoding import Beams, beam_search
from .translation import END, START


class Captioner(nn.Module):
    """Logits of the next word of a sentence about a picture; the picture makes the first state of the LSTM.

    words     size of the vocabulary; 0, 1, 2 are padding, start and end
    channels  of the picture
    side      its height and width, divisible by 8
    size      units of the decoder, and of the vectors of words
    """

    def __init__(self, words, channels=3, side=24, size=128, dtype=None):
        stages = []
        for before, after in ((channels, 32), (32, 64), (64, 64)):
            stages += (
                nn.Conv2d(before, after, 3, padding=1, dtype=dtype),
                nn.BatchNorm2d(after, dtype=dtype),
                nn.ReLU(),
                nn.MaxPool2d(2),
            )
        self.encoder = nn.Sequential(*stages, nn.Flatten(), nn.Linear(64 * (side // 8) ** 2, size, dtype=dtype), nn.Tanh())
        self.vectors, self.decoder = nn.Embedding(words, size, dtype=dtype), nn.LSTM(size, size, dtype=dtype)
        self.logits = nn.Linear(size, words, dtype=dtype)

    def first_state(self, images):
        """(h, c), each (1, batch, size), of images (batch, channels, side, side)."""
        h = ops.unsqueeze(self.encoder(images), 0)
        return h, h

    def decode(self, words, state):
        """(logits (steps, batch, words), state) behind integers ``words`` (steps, batch)."""
        h, state = self.decoder(self.vectors(words), state)
        return self.logits(h), state

    def forward(self, images, words):
        """Logits behind each word of sentences ``words`` (steps, batch) that begin with START: teacher forcing."""
        return self.decode(words, self.first_state(images))[0]

    def write(self, image, length, width=1):
        """The words (a list) about one image (channels, side, side), by beam search of ``width``; at most ``length``."""

        def step(words, beams):
            logits, state = self.decode(words[None], tuple(map(Tensor, beams.arrays)))
            return ops.log_softmax(logits, -1).data[0].astype(np.float64), Beams(*(part.data for part in state), axis=1)

        with no_grad():
            h, c = self.first_state(Tensor(np.asarray(image)[None]))
            return beam_search(step, Beams(h.data, c.data, axis=1), START, END, length, width)[0]


def bleu(written, references, n=4):
    """BLEU of sentences (lists of words), one reference each (Papineni et al., 2002): the geometric mean of the shares of their
    1- to ``n``-grams that stand in the reference, times e**(1 - longer / shorter) where the whole is shorter than its reference."""
    logs, lengths = [], [sum(map(len, sentences)) for sentences in (written, references)]
    for k in range(1, n + 1):
        grams = lambda words, k=k: collections.Counter(tuple(words[i : i + k]) for i in range(len(words) - k + 1))
        found = sum(sum((grams(w) & grams(r)).values()) for w, r in zip(written, references))
        total = sum(max(0, len(w) - k + 1) for w in written)
        if not found:
            return 0.0
        logs.append(math.log(found / total))
    return math.exp(sum(logs) / n + min(0.0, 1 - lengths[1] / max(1, lengths[0])))

"""Language models: what comes next in a text, by a recurrent network (Mikolov et al., 2010; Graves, 2013) and by counting."""

from __future__ import annotations

import numpy as np

from .. import nn, ops
from ..ops.random import generator
from ..state import no_grad
from ..tensor import Tensor


class LanguageModel(nn.Module):
    """The distribution of the next symbol: symbols -> vectors -> ``num_layers`` of LSTM or GRU -> logits.

    n_symbols    size of the vocabulary
    hidden_size  units of each layer, and of the vectors that stand for the symbols
    kind         "LSTM", "GRU" or "RNN"
    dropout      between the layers and before the logits, in training
    """

    def __init__(self, n_symbols, hidden_size=128, num_layers=2, kind="LSTM", dropout=0.0, dtype=None):
        if kind not in ("LSTM", "GRU", "RNN"):
            raise ValueError(f"LanguageModel: kind is 'LSTM', 'GRU' or 'RNN', got {kind!r}")
        self.vectors = nn.Embedding(n_symbols, hidden_size, dtype=dtype)
        self.recurrent = getattr(nn, kind)(hidden_size, hidden_size, num_layers, dropout=dropout, dtype=dtype)
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Linear(hidden_size, n_symbols, dtype=dtype)

    def forward(self, codes, state=None):
        """(logits (steps, batch, n_symbols), state) of integers (steps, batch); ``state`` is that after earlier steps."""
        outputs, state = self.recurrent(self.vectors(codes), state)
        return self.logits(self.dropout(outputs)), state


def streams(codes, batch_size, steps):
    """(inputs, targets), both (steps, batch_size), the target being the following symbol: the text lies in ``batch_size`` streams,
    and what comes next here comes next in each of them, so that a network may carry its state on. The last part may be shorter."""
    if batch_size < 1 or steps < 1:
        raise ValueError(f"streams: batch_size and steps must be 1 or more, got {batch_size} and {steps}")
    length = (len(codes) - 1) // batch_size
    if length < 1:
        raise ValueError(f"streams: {len(codes)} symbols are too few for {batch_size} streams")
    columns = [np.ascontiguousarray(codes[k : k + length * batch_size].reshape(batch_size, length).T) for k in (0, 1)]
    for first in range(0, length, steps):
        yield tuple(Tensor(column[first : first + steps]) for column in columns)


def detached(state):
    """A state without its past: here truncated backpropagation through time ends (Williams and Peng, 1990)."""
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def nats(logits, targets):
    """The mean of -log p(target), in nats for each symbol."""
    return ops.cross_entropy(ops.flatten(logits, 0, 1), ops.flatten(targets))


def train_epoch(model, optimizer, codes, batch_size=50, steps=50, clip=5.0):
    """Go once through the text ``codes`` (n) in ``batch_size`` streams, ``steps`` at a time with the state carried on, and yield
    the nats for each symbol after every step of ``optimizer``. ``clip`` limits the norm of the gradient (Pascanu et al., 2013)."""
    state, parameters = None, list(model.parameters())
    model.train()
    for inputs, targets in streams(codes, batch_size, steps):
        logits, state = model(inputs, state)
        state = detached(state)
        loss = nats(logits, targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()
        yield loss.item()


def evaluate(model, codes, batch_size=50, steps=500):
    """Nats for each symbol of the text ``codes`` (n), with the state carried on."""
    state, total, count, was_training = None, 0.0, 0, model.training
    model.eval()
    with no_grad():
        for inputs, targets in streams(codes, batch_size, steps):
            logits, state = model(inputs, state)
            total += nats(logits, targets).item() * targets.numel()
            count += targets.numel()
    model.train(was_training)
    return total / count


def sample(model, prompt, length, temperature=1.0, top_k=None, never=()):
    """``length`` symbols (int64) drawn one after the other behind the symbols ``prompt`` (n, 1 or more).

    temperature  divides the logits: near 0 the likeliest symbol, above 1 more surprises
    top_k        draw from the so many likeliest symbols only
    never        symbols that are not drawn, such as the one for all words that are no symbols
    """
    if not len(prompt):
        raise ValueError("sample: the prompt needs a symbol to begin with")
    if not temperature > 0:
        raise ValueError(f"sample: temperature must be positive, got {temperature}")
    state, codes, drawn, was_training = None, np.asarray(prompt)[:, None], [], model.training
    model.eval()
    with no_grad():
        for _ in range(length):
            logits, state = model(Tensor(codes), state)
            scores = logits.data[-1, 0].astype(np.float64) / temperature
            scores[list(never)] = -np.inf
            if top_k is not None and top_k < len(scores):
                scores[scores < np.partition(scores, -top_k)[-top_k]] = -np.inf
            drawn.append(int(np.argmax(scores + generator().gumbel(size=len(scores)))))  # as the softmax has it (Gumbel, 1954)
            codes = np.array([[drawn[-1]]])
    model.train(was_training)
    return np.array(drawn, np.int64)


class NGram:
    """Counting: p(s | the n - 1 symbols before) = (count + alpha) / (count of those before + alpha * n_symbols).

    counts_  of each n symbols, by the number that they make in base n_symbols
    """

    def __init__(self, n, n_symbols, alpha=0.1):
        self.n, self.n_symbols, self.alpha = n, n_symbols, alpha
        _check_numbers("NGram", n, n_symbols)

    def fit(self, codes):
        """Count in the text ``codes`` (n); returns the model."""
        self.counts_ = np.unique(_numbers(codes, self.n, self.n_symbols), return_counts=True)
        return self

    def evaluate(self, codes):
        """Nats for each symbol of the text ``codes`` (n), from the n-th on."""
        known, counts = self.counts_
        befores, starts = np.unique(known // self.n_symbols, return_index=True)
        numbers = _numbers(codes, self.n, self.n_symbols)
        seen = _looked_up(known, counts, numbers)
        seen_before = _looked_up(befores, np.add.reduceat(counts, starts), numbers // self.n_symbols)
        return float(-np.mean(np.log((seen + self.alpha) / (seen_before + self.alpha * self.n_symbols))))


class KneserNey:
    """Counting, smoothed by how many different symbols stand beside each other (Kneser and Ney, 1995; interpolated as by Chen and
    Goodman, 1999)::

        p(s | before) = (max(0, count - d) + d (different symbols behind before) p(s | one symbol less before)) / count of before

    The shorter spans count in how many different symbols they stand behind, the shortest falls back on 1 / n_symbols; d is
    n1 / (n1 + 2 n2), where n1 and n2 spans of a length were counted once and twice. Among models that count the one to beat.

    spans_  for 1, 2, ..., n symbols: (numbers of the spans in base n_symbols, their counts, numbers of what stands before the last
            symbol, counts of that, different symbols behind it, d)
    """

    def __init__(self, n, n_symbols):
        self.n, self.n_symbols = n, n_symbols
        _check_numbers("KneserNey", n, n_symbols)

    def fit(self, codes):
        """Count in the text ``codes`` (n); returns the model."""
        self.spans_ = []
        numbers, counts = np.unique(_numbers(codes, self.n, self.n_symbols), return_counts=True)
        for k in range(self.n, 0, -1):
            befores, starts = np.unique(numbers // self.n_symbols, return_index=True)
            once, twice = np.sum(counts == 1), np.sum(counts == 2)
            discount = once / (once + 2 * twice) if once and twice else 0.5  # too few to say
            different = np.diff(starts, append=len(numbers))
            self.spans_.insert(0, (numbers, counts, befores, np.add.reduceat(counts, starts), different, discount))
            numbers, counts = np.unique(numbers % self.n_symbols ** (k - 1), return_counts=True)
        return self

    def evaluate(self, codes):
        """Nats for each symbol of the text ``codes`` (n), from the n-th on."""
        numbers, p = _numbers(codes, self.n, self.n_symbols), 1 / self.n_symbols
        for k, (known, counts, befores, totals, different, discount) in enumerate(self.spans_, 1):
            spans = numbers % self.n_symbols**k
            count, before = _looked_up(known, counts, spans), spans // self.n_symbols
            total, kinds = _looked_up(befores, totals, before), _looked_up(befores, different, before)
            p = np.where(total > 0, (np.maximum(count - discount, 0) + discount * kinds * p) / np.maximum(total, 1), p)
        return float(-np.mean(np.log(p)))


def _check_numbers(name, n, n_symbols):
    if n < 1:
        raise ValueError(f"{name}: n must be 1 or more, got {n}")
    if n_symbols**n >= 2**63:
        raise ValueError(f"{name}: {n} of {n_symbols} symbols are more than an int64 counts, take a smaller n")


def _numbers(codes, n, n_symbols):
    """The numbers that each ``n`` symbols make in base ``n_symbols``."""
    return np.lib.stride_tricks.sliding_window_view(np.asarray(codes, np.int64), n) @ n_symbols ** np.arange(n)[::-1]


def _looked_up(keys, values, wanted):
    """The values of ``wanted`` by sorted ``keys``, 0 where there is none."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)

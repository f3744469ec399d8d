"""Text as numbers: characters or words."""

from __future__ import annotations

import collections
import re
import sysconfig
from pathlib import Path

import numpy as np

UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def characters(text):
    """The characters of ``text``."""
    return list(text)


def words(text):
    """Words, signs and the space between them, so that joining them gives ``text`` back."""
    return re.findall(r"\w+|\s+|[^\w\s]", text)


class Vocabulary:
    """The symbols of a text and their numbers, in the order of the symbols.

    text   what to take the symbols from
    parts  how a text falls into symbols: `characters` or `words`
    size   keep the most frequent ones only, with one more symbol for all others; by default all are kept
    """

    def __init__(self, text, parts=characters, size=None):
        counts = collections.Counter(parts(text))
        if not counts:
            raise ValueError("Vocabulary: the text is empty")
        self.parts = parts
        self.symbols = sorted(counts)
        if size is not None and size < len(counts):
            if size < 2:
                raise ValueError(f"Vocabulary: size must be 2 or more, got {size}")
            self.symbols = [*sorted(sorted(counts, key=lambda s: (-counts[s], s))[: size - 1]), UNKNOWN]
        self.numbers = {symbol: number for number, symbol in enumerate(self.symbols)}

    def __len__(self):
        return len(self.symbols)

    def encode(self, text):
        """The numbers (n) of the symbols of ``text``, int64."""
        unknown = self.numbers.get(UNKNOWN)
        codes = [self.numbers.get(symbol, unknown) for symbol in self.parts(text)]
        if unknown is None and None in codes:
            strange = sorted({symbol for symbol in self.parts(text) if symbol not in self.numbers})
            raise ValueError(f"Vocabulary: {strange[0]!r} and {len(strange) - 1} others are no symbols of this vocabulary")
        return np.array(codes, np.int64)

    def decode(self, codes):
        """The text of numbers (n)."""
        return "".join(self.symbols[code] for code in codes)


def standard_library(size=1_000_000):
    """Text that every user has: the beginning of the source of Python's standard library, ``size`` characters of ASCII."""
    parts, total = [], 0
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        text = path.read_text(errors="ignore")
        if text.isascii():
            parts.append(text)
            total += len(text)
        if total >= size:
            break
    if not total:
        raise FileNotFoundError("standard_library: this Python has no source files; give a text of your own")
    return "".join(parts)[:size]

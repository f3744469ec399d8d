"""Sentences that praise or blame, from a grammar with negation, intensifiers and clauses that outweigh others."""

from __future__ import annotations

from ..ops.random import generator

SUBJECTS = ("the film", "the story", "this book", "the music", "her voice", "the ending", "the acting", "it")
VERBS = ("is", "was", "seemed", "sounded")
PRAISE = ("good", "great", "moving", "funny", "brilliant", "honest", "lovely")
BLAME = ("bad", "awful", "dull", "tired", "empty", "clumsy", "annoying")
STRONGER = ("very", "really", "rather", "quite", "truly")
NEGATIONS = ("not", "never", "hardly")
DENIALS = ("i do not think that", "nobody can say that", "it is not true that")
ASIDES = ("i think that", "they say that", "to be frank")
WORDS = tuple(
    sorted(
        {
            word
            for part in (*SUBJECTS, *VERBS, *PRAISE, *BLAME, *STRONGER, *NEGATIONS, *DENIALS, *ASIDES, "but")
            for word in part.split()
        }
    )
)


def _one_of(rng, words):
    return words[rng.integers(len(words))]


def _clause(rng, negations):
    """(words, whether it praises) of a subject and what is said of it, with so many negations."""
    praises = bool(rng.integers(2))
    parts = [_one_of(rng, SUBJECTS), _one_of(rng, VERBS)]
    for _ in range(negations):
        parts.append(_one_of(rng, NEGATIONS))
    if rng.integers(2):
        parts.append(_one_of(rng, STRONGER))
    parts.append(_one_of(rng, PRAISE if praises else BLAME))
    return " ".join(parts), praises != (negations % 2 == 1)


def random_sentence(clauses, denials=0, rng=None):
    """(text, praises): ``clauses`` joined by "but", of which the last one counts, behind ``denials`` of all that follows them.

    A negation turns its clause round, a denial the whole ("it is not true that the film was hardly good" praises); intensifiers
    and asides change nothing.
    """
    if clauses < 1 or denials < 0:
        raise ValueError(f"random_sentence: clauses must be 1 or more and denials 0 or more, got {clauses} and {denials}")
    rng = rng or generator()
    parts, praises = [], False
    for _ in range(clauses):
        text, praises = _clause(rng, int(rng.integers(2)))
        parts.append(f"{_one_of(rng, ASIDES)} {text}" if rng.integers(4) == 0 else text)
    text = " but ".join(parts)
    for _ in range(denials):
        text, praises = f"{_one_of(rng, DENIALS)} {text}", not praises
    return text, praises

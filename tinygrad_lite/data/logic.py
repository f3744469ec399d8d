"""Logical expressions and their values."""

from __future__ import annotations

from ..ops.random import generator

SYMBOLS = ("false", "true", "not", "and", "or", "xor")  # their numbers, for networks
VALUES = {"not": lambda a: not a, "and": lambda a, b: a and b, "or": lambda a, b: a or b, "xor": lambda a, b: a != b}


def random_expression(depth, rng=None):
    """A nested tuple with exactly ``depth`` operators inside each other: True, ("not", e), ("and", e, e), and so for or and xor."""
    rng = rng or generator()
    if depth < 0:
        raise ValueError(f"random_expression: depth must be 0 or more, got {depth}")
    if depth == 0:
        return bool(rng.integers(2))
    name = SYMBOLS[2 + rng.integers(4)]
    deep = random_expression(depth - 1, rng)
    if name == "not":
        return name, deep
    other = random_expression(int(rng.integers(depth)), rng)
    return (name, deep, other) if rng.integers(2) else (name, other, deep)


def value_of(expression):
    """True or False."""
    if isinstance(expression, bool):
        return expression
    name, *parts = expression
    return VALUES[name](*map(value_of, parts))


def text_of(expression):
    """As one writes it: "(true and not false)"."""
    if isinstance(expression, bool):
        return str(expression).lower()
    name, *parts = expression
    texts = [text_of(part) for part in parts]
    return f"{name} {texts[0]}" if name == "not" else f"({texts[0]} {name} {texts[1]})"

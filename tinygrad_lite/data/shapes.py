"""Drawn shapes: films in which one moves, and scenes of two with sentences about them."""

from __future__ import annotations

import numpy as np

from ..ops.random import generator

SHAPES = ("square", "circle", "triangle", "cross")
COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0), "white": (1, 1, 1)}
DIRECTIONS = ("left", "right", "up", "down")
STEPS = np.array([(0, -1), (0, 1), (-1, 0), (1, 0)])  # rows and columns
RELATIONS = ("left of", "above")
SCENE_WORDS = ("a", *COLOURS, *SHAPES, "left", "of", "above")


def mask(shape, size):
    """(size, size) booleans: where the shape is."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    half = size / 2
    if shape == "square":
        return np.ones((size, size), bool)
    if shape == "circle":
        return x * x + y * y <= half * half
    if shape == "triangle":
        return np.abs(x) <= (y + half) / 2
    if shape == "cross":
        return (np.abs(x) <= half / 3) | (np.abs(y) <= half / 3)
    raise ValueError(f"mask: shape is one of {', '.join(SHAPES)}, got {shape!r}")


def moving_shapes(batch, steps=8, side=16, size=5, noise=0.1, turns=False, rng=None):
    """Films of a shape that moves a pixel a step and comes in again where it leaves: (x (steps, batch, 1, side, side) float32 with
    noise, shapes (batch), directions (steps, batch)), numbers in SHAPES and DIRECTIONS. With ``turns`` it changes its direction
    now and then; the direction of a frame is that in which it came, of the first that of the second."""
    if steps < 2 or not 0 < size <= side:
        raise ValueError(f"moving_shapes: steps is 2 or more and size 1 to side, got steps {steps}, size {size} and side {side}")
    rng = rng or generator()
    shapes, directions = rng.integers(0, 4, batch), np.tile(rng.integers(0, 4, batch), (steps, 1))
    if turns:
        for t in range(2, steps):
            changed = rng.random(batch) < 0.25
            directions[t] = np.where(changed, rng.integers(0, 4, batch), directions[t - 1])
        directions[0] = directions[1]
    at = np.empty((steps, batch, 2), int)
    at[0] = rng.integers(0, side, (batch, 2))
    x = (noise * rng.standard_normal((steps, batch, 1, side, side))).astype(np.float32)
    where = [np.argwhere(mask(shape, size)) for shape in SHAPES]  # rows and columns of its pixels
    for t in range(1, steps):
        at[t] = (at[t - 1] + STEPS[directions[t]]) % side
    for k, pixels in enumerate(where):
        films = np.flatnonzero(shapes == k)
        row, column = np.moveaxis((at[:, films, None] + pixels) % side, -1, 0)
        x[np.arange(steps)[:, None, None], films[:, None], 0, row, column] += 1
    return x, shapes, directions


def scene(first, relation, second, side=24, size=9, rng=None):
    """(3, side, side) float32: the shape ``first`` (colour, shape) "left of" or "above" the ``second``."""
    rng = rng or generator()
    image = np.zeros((3, side, side), np.float32)
    half = side // 2
    near, far = rng.integers(0, half - size + 1), rng.integers(half, side - size + 1)
    level = rng.integers(0, side - size - 1) + rng.integers(0, 3, 2)  # almost: else it would also be above
    for (colour, shape), along, other in zip((first, second), (near, far), level):
        row, column = (other, along) if relation == "left of" else (along, other)
        where = mask(shape, size)
        image[:, row : row + size, column : column + size][:, where] = np.array(COLOURS[colour], np.float32)[:, None]
    return image


def described_scenes(n, held_out=False, noise=0.05, rng=None):
    """(images (n, 3, 24, 24), sentences): "a red square left of a blue circle". Of the 800 combinations a fifth is drawn only if
    ``held_out``, and the others only if not."""
    rng, images, sentences = rng or generator(), [], []
    pairs = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    while len(images) < n:
        first, second, relation = int(rng.integers(len(pairs))), int(rng.integers(len(pairs))), int(rng.integers(2))
        if ((first + 2 * second + relation) % 5 == 0) == held_out:
            images.append(scene(pairs[first], RELATIONS[relation], pairs[second], rng=rng))
            sentences.append(f"a {' '.join(pairs[first])} {RELATIONS[relation]} a {' '.join(pairs[second])}")
    return (np.stack(images) + noise * rng.standard_normal((n, 3, 24, 24))).astype(np.float32), sentences

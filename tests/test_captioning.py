"""Drawn shapes, sentences about them, and who writes such sentences."""

import math

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import optim
from tinygrad_lite.data import shapes
from tinygrad_lite.zoo.captioning import Captioner, bleu
from tinygrad_lite.zoo.translation import END, START, padded, translation_loss


@pytest.mark.parametrize("size", [5, 7, 9])
def test_shapes_differ_and_are_symmetric(size):
    masks = {shape: shapes.mask(shape, size) for shape in shapes.SHAPES}
    assert all((m == m[:, ::-1]).all() for m in masks.values()) and masks["square"].all()
    areas = [m.sum() for m in masks.values()]
    assert len(set(areas)) == 4 and min(areas) > size
    with pytest.raises(ValueError, match="shape is one of square, circle, triangle, cross, got 'star'"):
        shapes.mask("star", 5)


def test_shapes_move_as_they_are_said_to():
    x, kinds, directions = shapes.moving_shapes(6, steps=5, noise=0.0, turns=True, rng=np.random.default_rng(0))
    assert x.shape == (5, 6, 1, 16, 16) and kinds.shape == (6,) and directions.shape == (5, 6)
    for b in range(6):
        assert x[0, b].sum() == shapes.mask(shapes.SHAPES[kinds[b]], 5).sum()
        for t in range(1, 5):
            np.testing.assert_array_equal(x[t, b, 0], np.roll(x[t - 1, b, 0], shapes.STEPS[directions[t, b]], (0, 1)))


def test_sentences_say_what_is_drawn():
    rng = np.random.default_rng(0)
    for _ in range(50):
        first, second = ("red", "square"), ("blue", "cross")
        for relation, axis in (("left of", 1), ("above", 0)):
            image = shapes.scene(first, relation, second, rng=rng)
            places = [np.argwhere(image[channel]).mean(0) for channel in (0, 2)]
            assert places[0][axis] < places[1][axis] and abs(places[0][1 - axis] - places[1][1 - axis]) <= 2
            assert image[0].sum() == 81 and image[2].sum() == shapes.mask("cross", 9).sum() and not image[1].any()


def test_no_combination_is_both_shown_and_held_out():
    drawn = [set(shapes.described_scenes(1500, held_out, rng=np.random.default_rng(held_out))[1]) for held_out in (False, True)]
    assert not drawn[0] & drawn[1] and len(drawn[1]) == 160 and len(drawn[0]) > 500
    assert {word for sentence in drawn[0] for word in sentence.split()} == set(shapes.SCENE_WORDS)


def test_bleu_is_that_of_the_paper():
    """The first example of Papineni et al. (2002), counted by hand: 7 words, of which the reference clips "the" to 2."""
    the, cat = ["the", "the", "the", "the", "the", "the", "the"], ["the", "cat", "is", "on", "the", "mat"]
    assert bleu([the], [cat], n=1) == pytest.approx(2 / 7)
    assert bleu([cat], [cat]) == pytest.approx(1) and bleu([the], [cat]) == 0
    short = ["the", "cat", "is", "on"]
    assert bleu([short], [cat]) == pytest.approx(math.exp(1 - 6 / 4))
    other = ["the", "cat", "sat", "on", "the", "mat"]
    assert bleu([other], [cat], n=2) == pytest.approx(math.sqrt(5 / 6 * 3 / 5))


def test_what_is_written_greedily_is_what_teacher_forcing_says():
    model = Captioner(7, channels=1, side=8, size=6).double().eval()
    image = np.random.default_rng(0).standard_normal((1, 8, 8))
    symbols = model.write(image, 4)
    said = model(tl.Tensor(image[None]), np.array([START, *symbols])[:, None]).data[: len(symbols), 0].copy()
    said[:, END] = -np.inf
    assert said.argmax(-1).tolist() == symbols


@pytest.mark.proof
def test_unseen_combinations_are_described():
    rng, words, steps = np.random.default_rng(0), shapes.SCENE_WORDS, 1200
    tl.manual_seed(0)
    model = Captioner(3 + len(words))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    for _ in range(steps):
        images, sentences = shapes.described_scenes(64, rng=rng)
        target, _ = padded([[START, *(3 + words.index(w) for w in s.split()), END] for s in sentences])
        optimizer.zero_grad()
        translation_loss(model(tl.Tensor(images), target[:-1]), target[1:]).backward()
        optimizer.step()
        schedule.step()
    model.eval()
    images, sentences = shapes.described_scenes(200, True, rng=rng)
    written = [[words[w - 3] if w > 2 else "?" for w in model.write(image, 12, width=3)] for image in images]
    references = [s.split() for s in sentences]
    right = np.mean([w == r for w, r in zip(written, references)])
    print(f"{100 * right:.1f} % right, BLEU {bleu(written, references):.3f}")
    assert right > 0.9 and bleu(written, references) > 0.95

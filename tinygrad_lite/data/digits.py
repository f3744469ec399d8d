"""Real handwritten digits that come with scikit-learn."""

from __future__ import annotations

import numpy as np


def load_digits(held_out=297, seed=0):
    """The 1,797 digits of 8x8 pixels (Alpaydin and Kaynak, 1998), shuffled and split so that each class has the same share.

    held_out  so many are not for training
    seed      of the order and the split

    Returns (images, labels), (images, labels) for training and held out: float32 (n, 64) in [0, 1], int64 (n).
    Needs scikit-learn (the extra "examples").
    """
    try:
        from sklearn.datasets import load_digits as load
    except ImportError as error:
        raise ImportError("load_digits needs scikit-learn: pip install 'tinygrad_lite[examples]'") from error
    data = load()
    images, labels = (data.data / 16).astype(np.float32), data.target.astype(np.int64)
    if not 0 < held_out < len(labels):
        raise ValueError(f"load_digits: held_out must be 1 to {len(labels) - 1}, got {held_out}")
    test = stratified(labels, held_out, np.random.Generator(np.random.Philox(seed)))
    train = np.setdiff1d(np.arange(len(labels)), test)
    order = np.random.Generator(np.random.Philox(seed + 1)).permutation(train)
    return (images[order], labels[order]), (images[test], labels[test])


def stratified(labels, count, rng):
    """``count`` positions in ``labels`` drawn by ``rng``, each class with its share (to the nearest whole example)."""
    classes, sizes = np.unique(labels, return_counts=True)
    exact = sizes * (count / len(labels))
    shares = np.floor(exact).astype(int)
    for c in np.argsort(shares - exact, kind="stable")[: count - shares.sum()]:
        shares[c] += 1
    chosen = [rng.permutation(np.flatnonzero(labels == c))[:n] for c, n in zip(classes, shares)]
    return rng.permutation(np.concatenate(chosen))

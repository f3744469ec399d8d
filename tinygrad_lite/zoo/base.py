"""What models that learn without gradients share: `Learner`, and how they look at what they are given."""

from __future__ import annotations

import inspect

import numpy as np

from ..dtypes import get_default_dtype
from ..tensor import Tensor


class Learner:
    """A model with ``fit``, ``predict`` and ``score`` by the conventions of scikit-learn.

    Arguments of the constructor are stored unchanged. ``fit(X, y)`` learns anew, returns the model, and sets attributes that end in
    an underscore; weights among them are Tensors. ``X`` (n, k) has an example in each row: an array, a Tensor or nested lists.
    Examples are computed in their own floating dtype; integers become the default one.
    """

    def get_params(self, deep=True):
        """The arguments of the constructor, as a dict (so that scikit-learn's ``clone`` makes another)."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def predict(self, X):
        """What the model answers to each row of ``X``, as a Tensor."""
        raise TypeError(f"{type(self).__name__} has no predict: define predict(self, X)")

    def score(self, X, y):
        """The share of rows of ``X`` to which the answer is ``y`` exactly."""
        answers, y = self.predict(X).data, values_of(y)
        if answers.shape != y.shape:
            raise ValueError(f"{type(self).__name__}.score: y is {y.shape}, the answers to X are {answers.shape}: they must agree")
        return float((answers == y).reshape(len(y), -1).all(1).mean())

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_params().items())})"

    def _learned(self, name, method):
        """A learned attribute, or an error before `fit`."""
        if not hasattr(self, name):
            raise ValueError(f"{type(self).__name__}.{method}: nothing is learned yet, call fit first")
        return getattr(self, name)

    def _chosen(self, name, *choices):
        """The argument ``name``, which is one of ``choices``."""
        value = getattr(self, name)
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"{type(self).__name__}: {name} must be {' or '.join(map(repr, choices))}, got {value!r}")
        return value

    def _count(self, name):
        """The argument ``name``, which is a positive integer."""
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{type(self).__name__}: {name} must be a positive integer, got {value!r}")
        return int(value)

    def _rate(self, name):
        """The argument ``name``, which is a positive number."""
        value = getattr(self, name)
        if isinstance(value, (bool, str)) or not np.isscalar(value) or not 0 < value < np.inf:
            raise ValueError(f"{type(self).__name__}: {name} must be a positive number, got {value!r}")
        return float(value)


def values_of(x):
    """The array of a Tensor, or of what `numpy.asarray` takes."""
    return x.data if isinstance(x, Tensor) else np.asarray(x)


def examples(where, X, *, name="X", features=None, among=None, dtype=None):
    """``X`` as a floating Tensor (n, k), n and k at least 1, all finite; ``where`` is the method that errors name.

    features  the k that is expected
    among     the two values that its elements may have
    dtype     of the result, where it is not that of X
    """
    try:
        array = values_of(X)
    except ValueError:  # NumPy's, of lists
        raise ValueError(f"{where}: the rows of {name} must be of equal length") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{where}: {name} must hold numbers, got {array.dtype}")
    if array.ndim != 2:
        hint = f"; a single example is {name}[None]" if array.ndim == 1 else ""
        raise ValueError(f"{where}: {name} must be (examples, features), got {array.shape}{hint}")
    if not array.size:
        raise ValueError(f"{where}: {name} is empty, {array.shape}")
    if features is not None and array.shape[1] != features:
        raise ValueError(f"{where}: {name} has {array.shape[1]} features, expected {features}")
    fits = True if among is None else (array == among[0]) | (array == among[1])
    if among is None or not fits.all():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            row = int(np.isfinite(array).all(1).argmin())
            raise ValueError(f"{where}: {name} holds NaN or inf, first in example {row}")
        if among is not None:
            row = int(fits.all(1).argmin())
            hint = f"; of 0 and 1 make them with 2 * {name} - 1" if among == (-1, 1) and ((array == 0) | (array == 1)).all() else ""
            what = f"must hold {among[0]} and {among[1]} only, example {row} has {array[row][~fits[row]][0]}"
            raise ValueError(f"{where}: {name} {what}{hint}")
    if dtype is None:
        dtype = array.dtype if array.dtype.kind == "f" and array.itemsize >= 4 else get_default_dtype()
    return (X if isinstance(X, Tensor) else Tensor(array)).to(dtype)


def same_count(where, X, Y, name="Y"):
    """Raise unless ``X`` and ``Y`` have as many rows."""
    if len(X) != len(Y):
        raise ValueError(f"{where}: X has {len(X)} examples, {name} has {len(Y)}: they must agree")

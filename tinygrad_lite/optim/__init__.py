"""Optimisers: each step is one in-place update primitive for each parameter."""

from .adam import Adam
from .optimizer import Optimizer
from .sgd import SGD

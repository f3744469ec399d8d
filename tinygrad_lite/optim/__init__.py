"""Optimisers: each step is one in-place update primitive for the parameters of a group. Rates over time: `lr_scheduler`."""

from . import lr_scheduler
from .adam import Adam, AdamW, NAdam
from .adaptive import Adadelta, Adagrad, RMSprop
from .lbfgs import LBFGS
from .optimizer import Optimizer
from .sgd import SGD

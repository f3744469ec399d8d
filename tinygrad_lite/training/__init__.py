"""fit: the loop over epochs and batches, and what may stand around it."""

from .callbacks import Callback, EarlyStopping
from .checkpoint import Checkpoint
from .evaluation import ACCURACY, accuracy, evaluate
from .history import History
from .log import Log
from .loop import Run, fit

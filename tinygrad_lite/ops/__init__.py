"""Every op, one file per subject. All take Tensors or arrays and return the same."""

from . import (
    activation,
    clockwork,
    columns,
    convolution,
    correlation,
    elementwise,
    gates,
    indexing,
    learning,
    linalg,
    loss,
    normalisation,
    pooling,
    random,
    recurrence,
    reduction,
    sequence,
    shape,
    unrolled,
    update,
    windows,
)  # fmt: skip
from .activation import *
from .clockwork import *
from .columns import *
from .convolution import *
from .elementwise import *
from .indexing import *
from .linalg import *
from .loss import *
from .normalisation import *
from .pooling import *
from .recurrence import *
from .reduction import *
from .sequence import *
from .shape import *
from .update import *

"""Every op, one file per subject. All take Tensors or arrays and return the same."""

from . import (
    activation,
    classification,
    clockwork,
    columns,
    convolution,
    correlation,
    dropouts,
    elementwise,
    gates,
    indexing,
    linalg,
    loss,
    normalisation,
    pairs,
    piecewise,
    pooling,
    random,
    recurrence,
    reduction,
    regression,
    sequence,
    shape,
    unrolled,
    update,
    windows,
)  # fmt: skip
from .activation import *
from .classification import *
from .clockwork import *
from .columns import *
from .convolution import *
from .dropouts import *
from .elementwise import *
from .indexing import *
from .linalg import *
from .normalisation import *
from .pairs import *
from .piecewise import *
from .pooling import *
from .recurrence import *
from .reduction import *
from .regression import *
from .sequence import *
from .shape import *
from .update import *

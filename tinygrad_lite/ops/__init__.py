"""Every op, one file per subject. All take Tensors or arrays and return the same."""

from . import (
    activation,
    attention,
    clockwork,
    columns,
    convolution,
    correlation,
    elementwise,
    gates,
    indexing,
    interpolation,
    linalg,
    loss,
    normalisation,
    padding,
    pooling,
    random,
    recurrence,
    reduction,
    sample_normalisation,
    sequence,
    shape,
    unrolled,
    update,
    windows,
)  # fmt: skip
from .activation import *
from .attention import *
from .clockwork import *
from .columns import *
from .convolution import *
from .elementwise import *
from .indexing import *
from .interpolation import *
from .linalg import *
from .loss import *
from .normalisation import *
from .padding import *
from .pooling import *
from .recurrence import *
from .reduction import *
from .sample_normalisation import *
from .sequence import *
from .shape import *
from .update import *

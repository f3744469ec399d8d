"""Every op, one file per subject. All take Tensors or arrays and return the same."""

from . import (
    activation,
    attention,
    clockwork,
    columns,
    comparison,
    contraction,
    convolution,
    correlation,
    decomposition,
    elementwise,
    functions,
    gates,
    indexing,
    interpolation,
    linalg,
    loss,
    normalisation,
    norms,
    padding,
    pooling,
    random,
    recurrence,
    reduction,
    rounding,
    sample_normalisation,
    scattering,
    sequence,
    shape,
    sorting,
    triangles,
    unrolled,
    update,
    windows,
)  # fmt: skip
from .activation import *
from .attention import *
from .clockwork import *
from .columns import *
from .contraction import *
from .convolution import *
from .elementwise import *
from .functions import *
from .indexing import *
from .interpolation import *
from .linalg import *
from .loss import *
from .normalisation import *
from .padding import *
from .pooling import *
from .recurrence import *
from .reduction import *
from .rounding import *
from .sample_normalisation import *
from .scattering import *
from .sequence import *
from .shape import *
from .sorting import *
from .triangles import *
from .update import *

"""Every op, one file per subject. All take Tensors or arrays and return the same."""

from . import (
    activation,
    arithmetic,
    attention,
    classification,
    clockwork,
    columns,
    comparison,
    contraction,
    convolution,
    correlation,
    decomposition,
    dropouts,
    elementwise,
    functions,
    gates,
    indexing,
    interpolation,
    learning,
    linalg,
    lookup,
    loss,
    normalisation,
    norms,
    padding,
    pairs,
    penalties,
    piecewise,
    pooling,
    random,
    recurrence,
    reduction,
    regression,
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
from .arithmetic import *
from .attention import *
from .classification import *
from .clockwork import *
from .columns import *
from .contraction import *
from .convolution import *
from .dropouts import *
from .elementwise import *
from .functions import *
from .indexing import *
from .interpolation import *
from .linalg import *
from .lookup import *
from .normalisation import *
from .padding import *
from .pairs import *
from .piecewise import *
from .pooling import *
from .recurrence import *
from .reduction import *
from .regression import *
from .rounding import *
from .sample_normalisation import *
from .scattering import *
from .sequence import *
from .shape import *
from .sorting import *
from .triangles import *
from .update import *

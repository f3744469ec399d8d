"""Every op, one file per subject. All take Tensors or arrays and return the same."""

from . import activation, elementwise, indexing, linalg, loss, random, reduction, shape, update
from .activation import *
from .elementwise import *
from .indexing import *
from .linalg import *
from .loss import *
from .reduction import *
from .shape import *
from .update import *

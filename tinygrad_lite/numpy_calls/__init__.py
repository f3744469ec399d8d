"""NumPy's functions on Tensors: which op each is, with NumPy's arguments and results.

``np.concatenate([t, u])`` asks `Tensor.__array_function__`, which looks here. What is not here, or is asked for an argument that is
not here (``out``, ``where``, ``dtype``), is refused by name: nothing detaches by accident.
"""

from . import joining, products, reductions, selection, shape
from .table import CALLS, QUESTIONS, call

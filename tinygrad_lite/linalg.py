"""Linear algebra under PyTorch's names: ``tl.linalg.solve(A, B)``."""

from .ops.decomposition import det, eigvalsh, inv, pinv, slogdet, solve, svdvals
from .ops.norms import matrix_norm, norm, vector_norm

__all__ = ["det", "eigvalsh", "inv", "matrix_norm", "norm", "pinv", "slogdet", "solve", "svdvals", "vector_norm"]

"""Compare convolution, pooling and small convolutional networks with PyTorch (both memory layouts) and JAX.

one thread   one process pinned to one CPU, all frameworks in turn (A B A B)
all threads  a fresh process for each framework, alternating, each with its own default number of threads
both         with the thresholds of malloc raised, and with its default settings
memory       a fresh process for each framework and network: the first call, with kernels to compile and without, and the peak of
             the steps above what the import left

Before anything is timed, every framework's outputs, gradients and losses must agree with a NumPy computation in float64; else
nothing is written.
"""

from __future__ import annotations

from .. import convolution
from ..layers import command
from .report import REPORT

if __name__ == "__main__":
    command.main(convolution, REPORT, __doc__)

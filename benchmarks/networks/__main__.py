"""Compare LeNet-5, ResNet-20, the Inception module and GoogLeNet with PyTorch (both memory layouts) and JAX.

one thread   one process pinned to one CPU, all frameworks in turn (A B A B)
all threads  a fresh process for each framework, alternating, each with its own default number of threads
both         with the thresholds of malloc raised, and with its default settings
memory       a fresh process for each framework and network: the first call, with kernels to compile and without, and the peak of
             the steps above what the import left

Before anything is timed, every framework's outputs, gradients and losses must agree with PyTorch in float64; else nothing is
written.
"""

from __future__ import annotations

from .. import networks
from ..layers import command
from .report import REPORT

if __name__ == "__main__":
    command.main(networks, REPORT, __doc__)

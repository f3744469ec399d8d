"""The table and the plot of the suite "networks"; every number in them comes from the results."""

from __future__ import annotations

from ..convolution.report import ConvolutionReport
from . import FRAMEWORKS, ROWS
from .rows import TRAINED


class NetworksReport(ConvolutionReport):
    """Targets are about the faster of PyTorch's two layouts in each row; one thread and all threads alike."""

    name, title = "networks", "Convolutional networks beside their peers"
    frameworks, rows = FRAMEWORKS, ROWS
    about = (
        "GoogLeNet's forward is that of evaluation, nothing is recorded. The Inception module is GoogLeNet's 3a, forward+backward "
        "gives the gradients of input, weights and biases. A training step is forward, backward and SGD (with momentum 0.9 where "
        "it is said) on a batch that is already the framework's own, and the loss read; of GoogLeNet the losses of both auxiliary "
        "heads count 0.3 each. Nothing is dropped: the probability of GoogLeNet's dropout is 0 in all frameworks, else their "
        "losses could not be compared. Rows are judged by the faster of PyTorch's two layouts."
    )
    first_step = TRAINED.key, "GoogLeNet", 20.0, 3.0

    def target(self, row, setting):
        return row.target

    def memory_table(self, results):
        """What all have, and what their arrays leave out here."""
        text = "A tiny step has one image and all weights; what it leaves to the process is used again: arrays are too few by that."
        return f"{super().memory_table(results)}\n\n{text}"


REPORT = NetworksReport()

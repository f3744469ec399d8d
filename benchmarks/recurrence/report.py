"""The table and the plot of the suite "recurrence"; every number in them comes from the results."""

from __future__ import annotations

import statistics

from .. import report
from ..layers.report import Report
from . import COUNTERPART, FRAMEWORKS, PEERS, ROWS

PLOTTED = {name: FRAMEWORKS[name] for name in PEERS}


class RecurrenceReport(Report):
    """Targets are about PyTorch, or a counterpart of ours; one thread and all threads alike."""

    name, title = "recurrence", "Recurrence beside its peers"
    frameworks, rows = FRAMEWORKS, ROWS
    about = (
        "A layer has T steps of B sequences, I inputs and H hidden units; forward alone records nothing, forward+backward gives "
        "the gradients of inputs and all weights from those of all outputs. Half filled: the sequences have lengths, half of the "
        "steps in the mean; PyTorch's are packed, unsorted, and padded again. What PyTorch's nn does not have is unrolled in its "
        "ops. Decaying: each unit hears 0.9 of itself, and after the first step there is no input; only the last output and the "
        "first two have a gradient. Our counterpart is our dense RNN of the same size, or the decaying network with ordinary "
        "inputs and gradients. A training step is forward, backward and update on a batch that is already the framework's own, "
        "and the loss read."
    )
    judged = "judged ratio"
    kinds = ("output", "input", "weight", "bias", "norm", "loss")
    tolerance = "1e-5 (of weights and biases 3e-5, of losses 1e-4)"
    plotted, memory_peers = PLOTTED, ("torch",)

    def peer(self, row):
        return COUNTERPART if getattr(row, "counterpart", None) else "torch"

    def target(self, row, setting):
        return row.target

    def memory_table(self, results):
        """What all have, and how ours grows with the number of steps."""
        return f"{super().memory_table(results)}\n\n{self.growth_table(results)}"

    def growth_table(self, results):
        """Arrays of a training step of ours, everything kept and states only; by arithmetic the outputs, which both keep."""
        networks = [[self.rows[key] for key in pair] for pair in results["growth"]]
        sizes = [plain.size for plain, _ in networks]
        measured = [[statistics.median(samples) for samples in pair.values()] for pair in results["growth"]]
        outputs = [4 * steps * batch * hidden for steps, batch, _, hidden in sizes]
        growth = sizes[-1][0] / sizes[0][0]
        columns = {
            "everything kept": [plain for plain, _ in measured],
            f"checkpoint={', '.join(str(kept.checkpoint) for _, kept in networks)}": [kept for _, kept in measured],
            "the outputs alone, by arithmetic": outputs,
        }
        lines = [
            [title, *(f"{size / report.MEGABYTE:.1f}" for size in column), f"{column[-1] / column[0]:.2f}"]
            for title, column in columns.items()
        ]
        header = ["LSTM B32 I32 H64, arrays of a training step of ours, MB", *(f"T{size[0]}" for size in sizes), "last / first"]
        text = f"What is linear in the steps grows by {growth:g}, their square root by {growth**0.5:g}."
        return f"{report.markdown(header, lines)}\n\n{text}"


REPORT = RecurrenceReport()

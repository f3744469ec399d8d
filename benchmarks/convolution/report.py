"""The table and the plot of the suite "convolution"; every number in them comes from the results."""

from __future__ import annotations

import statistics

from .. import report
from ..frameworks import Framework
from ..layers.report import Report
from . import FRAMEWORKS, LAYOUTS, ROWS

FASTEST = "fastest"  # the faster of PyTorch's layouts
PLOTTED = {FASTEST: Framework("PyTorch, faster layout", "torch", "torch", ""), "jax": FRAMEWORKS["jax"]}


class ConvolutionReport(Report):
    """Targets are about the faster of PyTorch's two layouts in each row."""

    name, title = "convolution", "Convolution and pooling beside their peers"
    frameworks, rows = FRAMEWORKS, ROWS
    about = (
        "A layer is N,C,H->K kernel on images of N,C,H,H; forward alone records nothing, forward+backward gives the gradients of "
        "input, weight and bias. A training step is forward, backward and SGD on a batch that is already the framework's own, and "
        "the loss read. Rows are judged by the faster of PyTorch's two layouts."
    )
    judged = "ratio to the faster PyTorch"
    kinds, tolerance = ("output", "input", "weight", "bias", "loss"), "1e-5 (of weights 3e-5, of losses 1e-4)"
    plotted, memory_peers, smaller = PLOTTED, LAYOUTS, " in its smaller layout"
    first_step = "lenet", "LeNet-5", 10.0, 1.0  # what it may take, in seconds: kernels to compile, or there and Numba imported

    def peer(self, row):
        return FASTEST

    def target(self, row, setting):
        """With all threads three quarters of the figure, and never less than 1."""
        return row.target if row.target is None or setting == "one_thread" else max(1.0, 0.75 * row.target)

    def bars(self, samples):
        there = [name for name in LAYOUTS if name in samples]
        return samples | ({FASTEST: samples[min(there, key=lambda name: statistics.median(samples[name]))]} if there else {})

    def first_steps(self, results):
        """What all have, and the targets of ``first_step``: row, what the text calls it, seconds with an empty and a full cache."""
        text, (key, called, cold_target, warm_target) = super().first_steps(results), self.first_step
        if key not in results["memory"]:
            return text
        empty, full = (results["memory"][key][cache] for cache in ("empty_cache", "full_cache"))
        cold, warm = (part["build"] + part["first"] for part in (empty, full))
        said = f"it says `{empty['said']}`" if empty["said"] else "it says nothing"
        reached = cold < cold_target and "compiling kernels" in empty["said"]
        return (
            f"{text}\n\n{called} from an empty cache: {cold:.2f} s with Numba's import, and {said}; target, under {cold_target:g} "
            f"s with a line that says what is happening: {report.verdict(results, reached)}. From a full one: {warm:.2f} s, "
            f"Numba's import not counted; target, under {warm_target:g} s: {report.verdict(results, warm < warm_target)}."
        )


REPORT = ConvolutionReport()

"""The values of each epoch."""

from __future__ import annotations


class History(dict):
    """Name -> value of each epoch: "loss", the metrics, both with "held_out_" before them, "seconds"."""

    def record(self, **values):
        """Add the values of one epoch."""
        for name, value in values.items():
            self.setdefault(name, []).append(float(value))

    def figure(self):
        """The curves as a matplotlib figure: the loss and each metric over the epochs. Needs matplotlib (the extra "examples")."""
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError("History needs matplotlib to plot: pip install 'tinygrad_lite[examples]'") from error
        panels = [name for name in self if name != "seconds" and not name.startswith("held_out_")] or ["loss"]
        figure = Figure(figsize=(4.5 * len(panels), 3.6), layout="constrained")
        for axes, what in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
            for name, label in ((what, "training"), (f"held_out_{what}", "held out")):
                if name in self:
                    axes.plot(range(1, len(self[name]) + 1), self[name], label=f"{label}, at the end {self[name][-1]:.4g}")
            axes.set(xlabel="epoch", ylabel=what)
            axes.grid(alpha=0.3)
            if axes.lines:
                axes.legend()
            if what == "loss" and any(value > 0 for value in self.get("loss", ())):
                axes.set_yscale("log")
        return figure

    def plot(self, path):
        """Draw the curves of `figure` into the picture ``path``."""
        self.figure().savefig(path, dpi=120)

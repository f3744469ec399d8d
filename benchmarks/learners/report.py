"""The table and the plot of the suite "learners"; every number in them comes from the results."""

from __future__ import annotations

from .. import report
from ..frameworks import OURS
from ..report import SETTINGS
from . import FRAMEWORKS, ROWS

ABOUT = (
    "A step is a whole call of `fit` or `predict` on arrays, with all that it looks at before and after: whether the examples are "
    "finite and binary, the length of the weights, the energy of each state. By hand there is none of that, and as many examples, "
    "units or probes are taken at once as the rule allows. The perceptron's examples come in the same order from the same "
    "weights to the same end; scikit-learn is told before how many epochs that takes. Training steps are forward, backward and "
    "update of a batch, and the loss read; of the small networks, which have no target, recording takes longer than arithmetic. "
    "Where both are one product by BLAS the target is 0.95: ours looks at the examples before. float32, Hopfield's networks "
    "float64; garbage collection is on."
)


def judgements(results, setting):
    """(row, framework, ratio) of every peer that has the row."""
    for key, samples in results.get(setting, {"samples": {}})["samples"].items():
        for name, ratio in report.ratios(samples, results["frameworks"]).items():
            yield ROWS[key], name, ratio


def summary(results):
    """How many ratios reached their target, and which did not."""
    if results["quick"]:
        return "Targets: not judged."
    lines = []
    for setting, title in SETTINGS.items():
        judged = list(judgements(results, setting))
        judged = [(row, ratio) for row, _, ratio in judged if row.target is not None]
        missed = [f"{row.title} ({ratio:.2f} of {row.target:g})" for row, ratio in judged if ratio < row.target]
        if judged:
            said = f"{len(judged) - len(missed)} of {len(judged)} targets reached. Missed: {'; '.join(missed) or 'none'}."
            lines.append(f"- {title}: {said}")
    return "\n".join(lines)


def section(results, setting):
    """The table of one setting."""
    part, names = results[setting], results["frameworks"]

    def judged(row, samples):
        if row.target is None:
            return ""
        lowest = min(report.ratios(samples, names).values())
        return f"{row.target:g} {report.verdict(results, lowest >= row.target)}"

    table = report.step_table(part, names, FRAMEWORKS, ROWS, ("target", judged) if len(names) > 1 else None)
    return f"## {SETTINGS[setting]}\n\n{table}\n\n{report.threads_list(part, FRAMEWORKS)}"


def deviations(results):
    """The largest deviation of ours from what is expected, by kind."""
    worst = {}
    for setting in SETTINGS:
        for row in results.get(setting, {"deviations": {}})["deviations"].values():
            for kind, value in row.get(OURS, {}).items():
                worst[kind] = max(worst.get(kind, 0.0), value)
    return ", ".join(f"{kind} {value:.1e}" for kind, value in worst.items())


def table(results):
    """The whole report, Markdown."""
    effort = results["effort"]
    parts = ["# The learners of the zoo beside NumPy by hand"]
    if results["quick"]:
        parts.append("**A quick run, made to see that the benchmark runs. Its numbers mean nothing.**")
    parts.append("\n".join(f"- {label}: {text}" for label, text in results["machine"].items()))
    parts += [f"{FRAMEWORKS[name].title} is not installed: left out." for name in results["not_installed"]]
    parts.append(
        f"{ABOUT}\n\nRatio: peer / ours, above 1 where ours is faster; the median over rounds of the ratio of two neighbours in "
        f"time. Times are medians. One thread: one process pinned to one CPU, up to {effort['rounds']} rounds A B A B of samples "
        f"of at least one step and about {effort['seconds']:g} s (fewer where a row takes long, at least 3). All threads: "
        f"{effort['processes']} fresh processes of each, alternating, each library with its own default number of threads; of each "
        f"process the median of {effort['samples']} samples."
    )
    parts.append("## Targets\n\n" + summary(results))
    parts += [section(results, setting) for setting in SETTINGS if setting in results]
    parts.append(
        "## Equal work\n\nAll find what NumPy finds by hand in float64: answers, states and stored bits exactly, weights and "
        "values within 3e-5 of the largest, losses of the first training steps within 1e-4, relative; else the benchmark stops. "
        f"Largest deviations of ours: {deviations(results)}."
    )
    return "\n\n".join(parts) + "\n"


def write(results, folder):
    """learners.json, .md, .png into ``folder``."""
    panels = [(title, results[setting]["samples"]) for setting, title in SETTINGS.items() if setting in results]
    there = {name for _, samples in panels for row in samples.values() for name in row}
    names = [name for name in results["frameworks"][1:] if name in there]
    target = lambda row, title, name: row.target
    draw = lambda path: report.plot(panels, names, FRAMEWORKS, ROWS, path, report.caption(results), target, height=0.14)
    report.write(results, folder, "learners", table(results), draw if names else None)

"""The table and the plot of measured results; every number in them comes from the results."""

from __future__ import annotations

import json
import statistics

from . import timing
from .frameworks import CONTROL, FRAMEWORKS, OURS
from .rows import ROWS

SETTINGS = {"one_thread": "One thread", "all_threads": "All threads"}
MEGABYTE = 1e6


def markdown(header, lines):
    """A table: the first column to the left, the others to the right."""
    rule = [":--"] + ["--:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *lines))


def time_text(seconds):
    """Microseconds with three or four digits."""
    us = seconds * 1e6
    return f"{us:.2f}" if us < 10 else f"{us:.1f}" if us < 1000 else f"{us:.0f}"


def verdict(results, reached):
    """What a measurement says of a target; a quick run says nothing."""
    return "not judged" if results["quick"] else "reached" if reached else "missed"


def ratios(samples, names):
    """Framework -> peer / ours, of the other frameworks in ``names``."""
    return {name: timing.ratio(samples[name], samples[OURS]) for name in names if name != OURS}


def step_table(results, setting):
    """Times of a step and ratios, a line for each row."""
    names, part = results["frameworks"], results[setting]
    header = ["row", f"{FRAMEWORKS[OURS].title} µs [quartiles]"]
    for name in names[1:]:
        header += [f"{FRAMEWORKS[name].title} µs", "ratio"]
    lines = []
    for key, samples in part["samples"].items():
        low, middle, high = map(time_text, timing.summary(samples[OURS]))
        line, ratio = [ROWS[key].title, f"{middle} [{low}, {high}]"], ratios(samples, names)
        for name in names[1:]:
            line += [time_text(statistics.median(samples[name])), f"{ratio[name]:.2f}"]
        if "torch" in names:
            target = ROWS[key].target[setting == "all_threads"]
            line.append(f"{target:g} {verdict(results, ratio['torch'] >= target)}")
        lines.append(line)
    if "torch" in names:
        header.append("target for PyTorch")
    worst = max(max(row.values()) for row in part["deviations"].values())
    return (
        f"## {SETTINGS[setting]}\n\n{markdown(header, lines)}\n\n"
        f"Equal work was checked: in every row the losses of the first {results['effort']['check_steps']} steps of every framework "
        f"(the gradient, in the chain) agree with float64 within {worst:.1e}, relative.\n\n"
        + "\n".join(f"- threads of {FRAMEWORKS[name].title}: {text}" for name, text in part["threads"].items())
    )


def import_table(results):
    """Import times, and ours against NumPy's."""
    samples = results["import"]
    lines = []
    for name in results["frameworks"]:
        low, middle, high = (f"{1e3 * value:.0f}" for value in timing.summary(samples[name]))
        lines.append([f"`import {FRAMEWORKS[name].statement}`", f"{middle} [{low}, {high}]"])
        lines[-1].append(f"{timing.ratio(samples[name], samples[OURS]):.2f}")
    own = timing.ratio(samples[OURS], samples[CONTROL])
    return (
        f"## Import time\n\n{markdown(['statement', 'ms [quartiles]', 'ratio to ours'], lines)}\n\n"
        f"Ours takes {own:.2f} times NumPy's own import (target: at most 2, {verdict(results, own <= 2)})."
    )


def memory_table(results):
    """First call and memory, a line for each row and framework."""
    header = ["row", "framework", "model built, ms", "first step, ms", "held after import, MB", "steps add, MB"]
    header += ["of which allocated, MB", "arrays, MB", "ratio to ours, allocated"]
    lines, notes = [], []
    for key, row in results["memory"].items():
        added = {}
        for name, samples in row["samples"].items():
            middle = {field: statistics.median(s[field] for s in samples) for field in samples[0]}
            added[name] = middle["allocated"]
            lines.append([
                ROWS[key].title, FRAMEWORKS[name].title, f"{1e3 * middle['build']:.1f}", f"{1e3 * middle['first']:.1f}",
                f"{middle['after_import'] / MEGABYTE:.1f}", f"{middle['steps'] / MEGABYTE:.1f}",
                f"{middle['allocated'] / MEGABYTE:.1f}", f"{middle['arrays'] / MEGABYTE:.1f}",
                f"{middle['allocated'] / added[OURS]:.2f}" if added[OURS] else "none",
            ])  # fmt: skip
        empty = row["empty_cache"]
        note = (
            f"- {ROWS[key].title}: parameters, gradients and optimiser state are {row['state_bytes'] / MEGABYTE:.1f} MB "
            f"by arithmetic; with an empty kernel cache our first step takes {1e3 * empty['first']:.0f} ms and the steps add "
            f"{empty['steps'] / MEGABYTE:.1f} MB"
        )
        if "torch" in added:
            note += f"; target, no more allocated than PyTorch's: {verdict(results, added[OURS] <= added['torch'])}"
        notes.append(note + ".")
    explained = (
        "Fresh processes, all threads. What the steps add is the peak of resident memory in the steps above what is held after the "
        "import (batch and first weights, the same for all, are already there): parameters, gradients, optimiser state, "
        "activations, and code that is loaded or compiled only when a step runs. Allocated is that without pages of mapped files "
        "(the code of libraries, which processes share and the system can drop): objects, heaps and arrays. Arrays: what the steps "
        "add in processes where a step of four units in each layer has run before, so that the code is there."
    )
    return f"## First call and memory\n\n{markdown(header, lines)}\n\n{explained}\n\n" + "\n".join(notes)


def table(results):
    """The whole report, Markdown."""
    effort = results["effort"]
    parts = ["# The engine beside its peers"]
    if results["quick"]:
        parts.append("**A quick run, made to see that the benchmark runs. Its numbers mean nothing.**")
    parts.append("\n".join(f"- {label}: {text}" for label, text in results["machine"].items()))
    parts += [f"{FRAMEWORKS[name].title} is not installed: left out." for name in results["not_installed"]]
    parts.append(
        "Ratio: peer / ours, above 1 where ours is faster; the median over rounds of the ratio of two neighbours in time. "
        "Times are medians. A step is forward, backward and update on a batch that is already the framework's own tensor, and the "
        "loss read as a Python float; float32; the same data and first weights for all. Garbage collection is on."
    )
    if "one_thread" in results:
        parts.append(step_table(results, "one_thread"))
        how = f"{effort['rounds']} rounds A B A B of samples of about {effort['seconds']:g} s."
        parts.append(f"One process pinned to one CPU, {how}")
    if "all_threads" in results:
        parts.append(step_table(results, "all_threads"))
        parts.append(
            f"{effort['processes']} fresh processes of each framework, alternating, each library with its own default number of "
            f"threads; of each process the median of {effort['samples']} samples of about {effort['seconds']:g} s."
        )
    if "import" in results:
        parts.append(import_table(results))
    if "memory" in results:
        parts.append(memory_table(results))
    return "\n\n".join(parts) + "\n"


def plot(results, path):
    """Horizontal bars of peer / ours, a panel for each setting; the dash is the target of PyTorch's ratio."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    settings, names = [s for s in SETTINGS if s in results], results["frameworks"][1:]
    keys, height = list(results[settings[0]]["samples"]), 0.8 / len(names)
    size = 2 + 5 * len(settings), 2 + 0.2 * len(keys) * (len(names) + 1)
    figure, panels = plt.subplots(1, len(settings), figsize=size, sharex=True, sharey=True, squeeze=False, layout="constrained")
    for panel, setting in zip(panels[0], settings):
        value = [ratios(results[setting]["samples"][key], names) for key in keys]
        for i, name in enumerate(names):
            places = [k + (i - (len(names) - 1) / 2) * height for k in range(len(keys))]
            color = "0.7" if name == CONTROL else f"C{i}"
            panel.barh(places, [v[name] - 1 for v in value], height * 0.9, left=1, color=color, label=FRAMEWORKS[name].title)
            for place, v in zip(places, value):  # the numbers in a column of their own
                panel.text(1.01, place, f"{v[name]:.2f}", transform=panel.get_yaxis_transform(), va="center", fontsize=7)
            if name == "torch":
                targets = [ROWS[key].target[setting == "all_threads"] for key in keys]
                panel.vlines(targets, [p - height / 2 for p in places], [p + height / 2 for p in places], "black", linewidth=2)
        panel.axvline(1, color="black", linewidth=0.8)
        panel.set(xscale="log", title=SETTINGS[setting], xlabel="time of peer / time of tinygrad_lite")
        panel.xaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter("{x:g}")
        panel.xaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        panel.set_yticks(range(len(keys)), [ROWS[key].title.replace(", ", "\n", 1) for key in keys], fontsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0][0].invert_yaxis()
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=len(names), fontsize=8)
    title = "Bars to the right: ours is faster. Black dash: target of PyTorch's ratio"
    figure.suptitle("QUICK RUN, NO MEASUREMENT" if results["quick"] else title, fontsize=10)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def write(results, folder):
    """engine.json, engine.md, engine.png into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "engine.json").write_text(json.dumps(results, indent=1) + "\n")
    text = table(results)
    if any(setting in results for setting in SETTINGS):
        try:
            plot(results, folder / "engine.png")
            text += "\n![ratios](engine.png)\n"
        except ImportError:
            text += "\nNo plot: matplotlib is not installed.\n"
    (folder / "engine.md").write_text(text)

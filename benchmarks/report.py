"""The table and the plot of measured results; every number in them comes from the results."""

from __future__ import annotations

import json
import statistics

from . import timing
from .frameworks import CONTROL, FRAMEWORKS, OURS
from .rows import ROWS, state_bytes

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
    """Framework -> peer / ours, of the other frameworks in ``names`` that have the row."""
    return {name: timing.ratio(samples[name], samples[OURS]) for name in names if name != OURS and name in samples}


def step_table(part, names, frameworks, rows, judged=None):
    """Times of a step and ratios, a line for each row. ``judged``: header of a last column, and its text for (row, samples)."""
    header = ["row", f"{frameworks[OURS].title} µs [quartiles]"]
    for name in names[1:]:
        header += [f"{frameworks[name].title} µs", "ratio"]
    lines = []
    for key, samples in part["samples"].items():
        low, middle, high = map(time_text, timing.summary(samples[OURS]))
        line, ratio = [rows[key].title, f"{middle} [{low}, {high}]"], ratios(samples, names)
        for name in names[1:]:
            line += [time_text(statistics.median(samples[name])), f"{ratio[name]:.2f}"] if name in ratio else ["", ""]
        lines.append([*line, judged[1](rows[key], samples)] if judged else line)
    return markdown([*header, judged[0]] if judged else header, lines)


def threads_list(part, frameworks):
    """What each framework says about its threads."""
    return "\n".join(f"- threads of {frameworks[name].title}: {text}" for name, text in part["threads"].items())


def engine_table(results, setting):
    """The table of one setting of the engine's suite."""
    names, part = results["frameworks"], results[setting]

    def judged(row, samples):
        target = row.target[setting == "all_threads"]
        return f"{target:g} {verdict(results, ratios(samples, names)['torch'] >= target)}"

    table = step_table(part, names, FRAMEWORKS, ROWS, ("target for PyTorch", judged) if "torch" in names else None)
    worst = max(max(row.values()) for row in part["deviations"].values())
    return (
        f"## {SETTINGS[setting]}\n\n{table}\n\n"
        f"Equal work was checked: in every row the losses of the first {results['effort']['check_steps']} steps of every framework "
        f"(the gradient, in the chain) agree with float64 within {worst:.1e}, relative.\n\n" + threads_list(part, FRAMEWORKS)
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


MEMORY_EXPLAINED = (
    "Fresh processes, all threads. What the steps add is the peak of resident memory in the steps above what is held after the "
    "import (batch and first weights, the same for all, are already there): parameters, gradients, optimiser state, "
    "activations, and code that is loaded or compiled only when a step runs. Allocated is that without pages of mapped files "
    "(the code of libraries, which processes share and the system can drop): objects, heaps and arrays. Arrays: what the steps "
    "add in processes where a tiny step of the same kind has run before, so that the code is there."
)


def memory_lines(memory, frameworks, rows):
    """Header and lines of first call and memory, one for each row and framework; and row -> framework -> bytes allocated."""
    header = ["row", "framework", "model built, ms", "first step, ms", "held after import, MB", "steps add, MB"]
    header += ["of which allocated, MB", "arrays, MB", "ratio to ours, allocated"]
    lines, allocated = [], {}
    for key, row in memory.items():
        added = allocated[key] = {}
        for name, samples in row["samples"].items():
            middle = {field: statistics.median(s[field] for s in samples) for field in samples[0]}
            added[name] = middle["allocated"]
            lines.append([
                rows[key].title, frameworks[name].title, f"{1e3 * middle['build']:.1f}", f"{1e3 * middle['first']:.1f}",
                f"{middle['after_import'] / MEGABYTE:.1f}", f"{middle['steps'] / MEGABYTE:.1f}",
                f"{middle['allocated'] / MEGABYTE:.1f}", f"{middle['arrays'] / MEGABYTE:.1f}",
                f"{middle['allocated'] / added[OURS]:.2f}" if added[OURS] else "none",
            ])  # fmt: skip
    return header, lines, allocated


def memory_table(results):
    """First call and memory, a line for each row and framework."""
    header, lines, allocated = memory_lines(results["memory"], FRAMEWORKS, ROWS)
    notes = []
    for key, added in allocated.items():
        empty = results["memory"][key]["empty_cache"]
        note = (
            f"- {ROWS[key].title}: parameters, gradients and optimiser state are {state_bytes(ROWS[key]) / MEGABYTE:.1f} MB "
            f"by arithmetic; with an empty kernel cache our first step takes {1e3 * empty['first']:.0f} ms and the steps add "
            f"{empty['steps'] / MEGABYTE:.1f} MB"
        )
        if "torch" in added:
            note += f"; target, no more allocated than PyTorch's: {verdict(results, added[OURS] <= added['torch'])}"
        notes.append(note + ".")
    return f"## First call and memory\n\n{markdown(header, lines)}\n\n{MEMORY_EXPLAINED}\n\n" + "\n".join(notes)


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
        parts.append(engine_table(results, "one_thread"))
        how = f"{effort['rounds']} rounds A B A B of samples of about {effort['seconds']:g} s."
        parts.append(f"One process pinned to one CPU, {how}")
    if "all_threads" in results:
        parts.append(engine_table(results, "all_threads"))
        parts.append(
            f"{effort['processes']} fresh processes of each framework, alternating, each library with its own default number of "
            f"threads; of each process the median of {effort['samples']} samples of about {effort['seconds']:g} s."
        )
    if "import" in results:
        parts.append(import_table(results))
    if "memory" in results:
        parts.append(memory_table(results))
    return "\n\n".join(parts) + "\n"


def plot(panels, names, frameworks, rows, path, caption, target, height=0.2):
    """Horizontal bars of peer / ours, a panel for each (title, row -> samples); the dash is target(row, title, framework),
    if there is one. ``height``: of a bar, in inches."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    keys, thickness = list(panels[0][1]), 0.8 / len(names)
    size = 2 + 5 * len(panels), 2 + height * len(keys) * (len(names) + 1)
    figure, axes = plt.subplots(1, len(panels), figsize=size, sharex=True, sharey=True, squeeze=False, layout="constrained")
    for panel, (title, samples) in zip(axes[0], panels):
        value = [ratios(samples[key], [OURS, *names]) for key in keys]
        for i, name in enumerate(names):
            there = [(k + (i - (len(names) - 1) / 2) * thickness, v[name]) for k, v in enumerate(value) if name in v]
            places, bars = zip(*there)
            color = "0.7" if name == CONTROL else f"C{i}"
            panel.barh(places, [v - 1 for v in bars], thickness * 0.9, left=1, color=color, label=frameworks[name].title)
            for place, v in there:  # the numbers in a column of their own
                panel.text(1.01, place, f"{v:.2f}", transform=panel.get_yaxis_transform(), va="center", fontsize=7)
            wanted = [
                (t, k - 0.4 + i * thickness) for k, key in enumerate(keys) if (t := target(rows[key], title, name)) is not None
            ]
            low = [place for _, place in wanted]
            panel.vlines([t for t, _ in wanted], low, [place + thickness for place in low], "black", linewidth=2)
        panel.axvline(1, color="black", linewidth=0.8)
        panel.set(xscale="log", title=title, xlabel="time of peer / time of tinygrad_lite")
        panel.xaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter("{x:g}")
        panel.xaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        panel.set_yticks(range(len(keys)), [rows[key].title.replace(", ", "\n", 1) for key in keys], fontsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_ylim(len(keys) - 0.5, -0.5)  # downward
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=len(names), fontsize=8)
    figure.suptitle(caption, fontsize=10)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def write(results, folder, name, text, plot_to):
    """``name``.json, .md, .png into ``folder``; ``plot_to(path)`` draws, None if there is nothing to draw."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
    if plot_to:
        try:
            plot_to(folder / f"{name}.png")
            text += f"\n![ratios]({name}.png)\n"
        except ImportError:
            text += "\nNo plot: matplotlib is not installed.\n"
    (folder / f"{name}.md").write_text(text)


def caption(results):
    """Above a plot."""
    title = "Bars to the right: ours is faster. Black dash: target of the ratio"
    return "QUICK RUN, NO MEASUREMENT" if results["quick"] else title


def write_engine(results, folder):
    """The report of the engine's suite."""
    panels = [(title, results[setting]["samples"]) for setting, title in SETTINGS.items() if setting in results]
    names = results["frameworks"][1:]
    target = lambda row, title, name: row.target[title == SETTINGS["all_threads"]] if name == "torch" else None
    draw = lambda path: plot(panels, names, FRAMEWORKS, ROWS, path, caption(results), target)
    write(results, folder, "engine", table(results), draw if panels else None)

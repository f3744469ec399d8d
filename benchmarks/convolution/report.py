"""The table and the plot of the suite "convolution"; every number in them comes from the results."""

from __future__ import annotations

import statistics

from .. import report, timing
from ..frameworks import OURS, Framework
from . import FRAMEWORKS, LAYOUTS, ROWS

SETTINGS = report.SETTINGS
ALLOCATORS = {"raised": "thresholds of malloc raised", "default": "default malloc"}
SLOWER = 1.05  # what all threads may take, in times of one thread
COLD, WARM = 10.0, 1.0  # seconds for LeNet-5's first step: kernels to compile, or there already and Numba imported
FASTEST = "fastest"  # the faster of PyTorch's layouts
TITLES = FRAMEWORKS | {FASTEST: Framework("PyTorch, faster layout", "torch", "torch", "")}


def with_fastest(samples):
    """The samples of a row, with those of PyTorch's faster layout under a name of their own."""
    there = [name for name in LAYOUTS if name in samples]
    return samples | ({FASTEST: samples[min(there, key=lambda name: statistics.median(samples[name]))]} if there else {})


def target(row, setting):
    """What PyTorch's ratio should reach: with all threads three quarters of the figure, and never less than 1."""
    return row.target if row.target is None or setting == "one_thread" else max(1.0, 0.75 * row.target)


def against_fastest(row, samples, setting):
    """(ratio to PyTorch's faster layout, target), None for what there is not."""
    samples = with_fastest(samples)
    ratio = timing.ratio(samples[FASTEST], samples[OURS]) if FASTEST in samples else None
    return ratio, target(row, setting)


def judgements(results):
    """(setting, row, ratio, target) of all rows with a target, under raised thresholds."""
    for setting in SETTINGS:
        for key, samples in results["raised"].get(setting, {"samples": {}})["samples"].items():
            ratio, wanted = against_fastest(ROWS[key], samples, setting)
            if ratio is not None and wanted is not None:
                yield setting, ROWS[key], ratio, wanted


def summary(results):
    """How many targets were reached, and which were missed."""
    judged = list(judgements(results))
    if not judged or results["quick"]:
        return "Targets: not judged."
    lines = []
    for setting, title in SETTINGS.items():
        rows = [(row, ratio, wanted) for where, row, ratio, wanted in judged if where == setting]
        missed = [f"{row.title} ({ratio:.2f} of {wanted:g})" for row, ratio, wanted in rows if ratio < wanted]
        if rows:
            lines.append(
                f"- {title}: {len(rows) - len(missed)} of {len(rows)} targets reached. Missed: {'; '.join(missed) or 'none'}."
            )
    return "\n".join(lines)


def time_table(results, allocator, setting):
    """Times and ratios of one setting under one allocator."""
    part, names = results[allocator][setting], results["frameworks"]

    def judged(row, samples):
        ratio, wanted = against_fastest(row, samples, setting)
        if ratio is None:
            return ""
        if wanted is None or allocator != "raised":
            return f"{ratio:.2f}"
        return f"{ratio:.2f} of {wanted:g} {report.verdict(results, ratio >= wanted)}"

    has_torch = any(name in names for name in LAYOUTS)
    table = report.step_table(part, names, FRAMEWORKS, ROWS, ("ratio to the faster PyTorch", judged) if has_torch else None)
    text = f"## {SETTINGS[setting]}, {ALLOCATORS[allocator]}\n\n{table}\n\n{report.threads_list(part, FRAMEWORKS)}"
    if setting == "all_threads" and "one_thread" in results[allocator]:
        text += "\n\n" + threads_against_one(results, allocator)
    return text


def threads_against_one(results, allocator):
    """Whether more threads ever make a row of ours slower."""
    medians = [
        {key: statistics.median(samples[OURS]) for key, samples in results[allocator][setting]["samples"].items()}
        for setting in ("one_thread", "all_threads")
    ]
    shares = {key: medians[1][key] / medians[0][key] for key in medians[0]}
    worst = max(shares, key=shares.get)
    text = f"All threads take at most {shares[worst]:.2f} times the median of one thread ({ROWS[worst].title})"
    return f"{text}; target, at most {SLOWER:g}: {report.verdict(results, shares[worst] <= SLOWER)}."


def deviation_table(results):
    """The largest deviations from float64, in all settings."""
    worst = {}
    for allocator in ALLOCATORS:
        for setting in SETTINGS:
            for key, row in results[allocator].get(setting, {"deviations": {}})["deviations"].items():
                for name, deviations in row.items():
                    for what, value in deviations.items():
                        found = worst.setdefault(name, {})
                        found[what] = max(found.get(what, (0.0, "")), (value, ROWS[key].title))
    kinds = [what for what in ("output", "input", "weight", "bias", "loss") if any(what in found for found in worst.values())]
    cell = lambda value, title: f"{value:.1e} ({title})" if title else ""
    lines = [[FRAMEWORKS[name].title, *(cell(*found.get(what, (0.0, ""))) for what in kinds)] for name, found in worst.items()]
    header = ["framework", *("losses" if what == "loss" else what if what == "output" else f"gradient of {what}" for what in kinds)]
    return (
        "## Equal work\n\nLargest deviation from NumPy in float64, and the row where it is: of a layer in units of the largest "
        "value, of a network relative, of the losses of its first "
        f"{results['effort']['check_steps']} steps. A deviation above 1e-5 (of weights 3e-5, of losses 1e-4) stops the "
        "benchmark.\n\n" + report.markdown(header, lines)
    )


def arrays_of(row):
    """Framework -> megabytes of arrays that the steps of a network add, code not counted."""
    return {
        name: statistics.median(sample["arrays"] for sample in samples) / report.MEGABYTE
        for name, samples in row["samples"].items()
    }


def memory_table(results):
    """First call and memory of the networks."""
    header, lines, allocated = report.memory_lines(results["memory"], FRAMEWORKS, ROWS)
    notes = []
    for key, added in allocated.items():
        note = f"- {ROWS[key].title}: {added[OURS] / report.MEGABYTE:.1f} MB allocated"
        if peers := [added[name] for name in LAYOUTS if name in added]:
            verdict, arrays = report.verdict(results, added[OURS] <= min(peers)), arrays_of(results["memory"][key])
            note += f", PyTorch {min(peers) / report.MEGABYTE:.1f} MB in its smaller layout; target, at most PyTorch's: {verdict}. "
            note += f"Arrays alone {arrays[OURS]:.1f} MB, PyTorch {min(arrays[name] for name in LAYOUTS if name in arrays):.1f} MB"
        notes.append(note + ".")
    text = f"## First call and memory\n\n{report.markdown(header, lines)}\n\nDefault malloc. {report.MEMORY_EXPLAINED}\n\n"
    return text + "\n".join(notes) + "\n\n" + first_steps(results)


def first_steps(results):
    """The first training step of each network in a fresh process, with kernels to compile and without."""
    lines = []
    for key, row in results["memory"].items():
        empty, full = row["empty_cache"], row["full_cache"]
        cold, warm = (part["build"] + part["first"] for part in (empty, full))
        lines.append([ROWS[key].title, f"{cold:.2f}", f"{warm:.2f}"])
        if key == "lenet":
            said = f"it says `{empty['said']}`" if empty["said"] else "it says nothing"
            reached = cold < COLD and "compiling kernels" in empty["said"]
            text = (
                f"LeNet-5 from an empty cache: {cold:.2f} s with Numba's import, and {said}; target, under {COLD:g} s with a line "
                f"that says what is happening: {report.verdict(results, reached)}. From a full one: {warm:.2f} s, Numba's import "
                f"not counted; target, under {WARM:g} s: {report.verdict(results, warm < WARM)}."
            )
            lines[-1].append(text)
    notes = [line.pop() for line in lines if len(line) > 3]
    header = ["first step in a fresh process", "empty kernel cache, s", "full kernel cache, Numba imported before, s"]
    return "\n\n".join([report.markdown(header, lines), *notes])


def table(results):
    """The whole report, Markdown."""
    efforts = results["effort"], results["effort_default"]
    parts = ["# Convolution and pooling beside their peers"]
    if results["quick"]:
        parts.append("**A quick run, made to see that the benchmark runs. Its numbers mean nothing.**")
    parts.append("\n".join(f"- {label}: {text}" for label, text in results["machine"].items()))
    parts += [f"{FRAMEWORKS[name].title} is not installed: left out." for name in results["not_installed"]]
    rounds, processes, samples = ([effort[field] for effort in efforts] for field in ("rounds", "processes", "samples"))
    parts.append(
        "A layer is N,C,H->K kernel on images of N,C,H,H; forward alone records nothing, forward+backward gives the gradients of "
        "input, weight and bias. A training step is forward, backward and SGD on a batch that is already the framework's own, and "
        "the loss read. float32, the same data for all; JAX's layers and steps are one jitted function each.\n\n"
        "Ratio: peer / ours, above 1 where ours is faster; the median over rounds of the ratio of two neighbours in time. Times "
        "are medians. Targets are about the faster of PyTorch's two layouts in each row, with raised thresholds of malloc "
        f"({', '.join(f'{name}={value}' for name, value in results['malloc'].items())}, set for all).\n\n"
        f"One thread: one process pinned to one CPU, up to {rounds[0]} rounds A B A B ({rounds[1]} with default malloc; fewer "
        f"where a row takes long, at least 3) of samples of at least one step and about {efforts[0]['seconds']:g} s. All threads: "
        f"{processes[0]} fresh processes of each framework ({processes[1]} with default malloc), alternating, each library with "
        f"its own default number of threads; of each process the median of {samples[0]} samples."
    )
    if any(setting in results[allocator] for allocator in ALLOCATORS for setting in SETTINGS):
        parts += ["## Targets\n\n" + summary(results)]
        for allocator in ALLOCATORS:
            parts += [time_table(results, allocator, setting) for setting in SETTINGS if setting in results[allocator]]
        parts.append(deviation_table(results))
    if "memory" in results:
        parts.append(memory_table(results))
    return "\n\n".join(parts) + "\n"


def write(results, folder):
    """convolution.json, .md, .png into ``folder``."""
    panels, settings = [], {title: setting for setting, title in SETTINGS.items()}
    for title, setting in settings.items():
        if setting in results["raised"]:
            samples = results["raised"][setting]["samples"]
            panels.append((title, {key: with_fastest(row) for key, row in samples.items()}))
    present = [*([FASTEST] if any(name in results["frameworks"] for name in LAYOUTS) else []), "jax"]
    names = [name for name in present if name == FASTEST or name in results["frameworks"]]
    wanted = (lambda row, title: target(row, settings[title])) if FASTEST in names else None
    draw = lambda path: report.plot(panels, names, TITLES, ROWS, path, report.caption(results), wanted, height=0.14)
    report.write(results, folder, "convolution", table(results), draw if panels and names else None)

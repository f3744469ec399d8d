"""The table and the plot of a suite of layers; every number in them comes from the results."""

from __future__ import annotations

import statistics

from .. import report, timing
from ..frameworks import OURS
from ..report import SETTINGS

ALLOCATORS = {"raised": "thresholds of malloc raised", "default": "default malloc"}
SLOWER = 1.05  # what all threads may take, in times of one thread


def arrays_of(row):
    """Framework -> megabytes of arrays that the steps of a network add, code not counted."""
    return {
        name: statistics.median(sample["arrays"] for sample in samples) / report.MEGABYTE
        for name, samples in row["samples"].items()
    }


class Report:
    """What the reports share. A suite's own one sets

    name, title       of its files, of the page
    frameworks, rows  its own
    about             what is in a row, and by what it is judged
    judged            the header of the column of judgements
    kinds, tolerance  what deviations are reported of, in order, and in words which are allowed
    plotted           framework -> title, of the bars; those of `bars` among them
    memory_peers      whose memory ours is compared with: the least of them; ``smaller`` says so

    and defines `peer` and `target`; `bars` and sections may say more.
    """

    smaller = ""

    def peer(self, row):
        """The framework that ``row`` is judged by."""
        raise NotImplementedError

    def target(self, row, setting):
        """What the ratio to it should reach, None where nothing is asked for."""
        raise NotImplementedError

    def bars(self, samples):
        """Framework -> samples of a row, with those that are derived from others."""
        return samples

    def judge(self, row, samples, setting):
        """(ratio, target), each None where there is no such thing."""
        samples, peer = self.bars(samples), self.peer(row)
        return timing.ratio(samples[peer], samples[OURS]) if peer in samples else None, self.target(row, setting)

    def judgements(self, results):
        """(setting, row, ratio, target) of all rows with a target, under raised thresholds."""
        for setting in SETTINGS:
            for key, samples in results["raised"].get(setting, {"samples": {}})["samples"].items():
                ratio, wanted = self.judge(self.rows[key], samples, setting)
                if ratio is not None and wanted is not None:
                    yield setting, self.rows[key], ratio, wanted

    def summary(self, results):
        """How many targets were reached, and which were missed."""
        judged = list(self.judgements(results))
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

    def time_table(self, results, allocator, setting):
        """Times and ratios of one setting under one allocator."""
        part, names = results[allocator][setting], results["frameworks"]

        def judged(row, samples):
            ratio, wanted = self.judge(row, samples, setting)
            if ratio is None:
                return ""
            if wanted is None or allocator != "raised":
                return f"{ratio:.2f}"
            return f"{ratio:.2f} of {wanted:g} {report.verdict(results, ratio >= wanted)}"

        has_peer = any(self.peer(self.rows[key]) in self.bars(samples) for key, samples in part["samples"].items())
        table = report.step_table(part, names, self.frameworks, self.rows, (self.judged, judged) if has_peer else None)
        text = f"## {SETTINGS[setting]}, {ALLOCATORS[allocator]}\n\n{table}\n\n{report.threads_list(part, self.frameworks)}"
        if setting == "all_threads" and "one_thread" in results[allocator]:
            text += "\n\n" + self.threads_against_one(results, allocator)
        return text

    def threads_against_one(self, results, allocator):
        """Whether more threads ever make a row of ours slower."""
        medians = [
            {key: statistics.median(samples[OURS]) for key, samples in results[allocator][setting]["samples"].items()}
            for setting in ("one_thread", "all_threads")
        ]
        shares = {key: medians[1][key] / medians[0][key] for key in medians[0]}
        worst = max(shares, key=shares.get)
        text = f"All threads take at most {shares[worst]:.2f} times the median of one thread ({self.rows[worst].title})"
        return f"{text}; target, at most {SLOWER:g}: {report.verdict(results, shares[worst] <= SLOWER)}."

    def deviation_table(self, results):
        """The largest deviations from float64, in all settings."""
        worst = {}
        for allocator in ALLOCATORS:
            for setting in SETTINGS:
                for key, row in results[allocator].get(setting, {"deviations": {}})["deviations"].items():
                    for name, deviations in row.items():
                        for what, value in deviations.items():
                            found = worst.setdefault(name, {})
                            found[what] = max(found.get(what, (0.0, "")), (value, self.rows[key].title))
        kinds = [what for what in self.kinds if any(what in found for found in worst.values())]
        cell = lambda value, title: f"{value:.1e} ({title})" if title else ""
        lines = [
            [self.frameworks[name].title, *(cell(*found.get(what, (0.0, ""))) for what in kinds)] for name, found in worst.items()
        ]
        named = {"loss": "losses", "output": "output"}
        header = ["framework", *(named.get(what, f"gradient of {what}") for what in kinds)]
        return (
            "## Equal work\n\nLargest deviation from float64, and the row where it is: of a layer in units of the largest "
            "value, of a network relative, of the losses of its first "
            f"{results['effort']['check_steps']} steps. A deviation above {self.tolerance} stops the "
            "benchmark.\n\n" + report.markdown(header, lines)
        )

    def memory_table(self, results):
        """First call and memory of the networks."""
        header, lines, allocated = report.memory_lines(results["memory"], self.frameworks, self.rows)
        notes = []
        for key, added in allocated.items():
            note = f"- {self.rows[key].title}: {added[OURS] / report.MEGABYTE:.1f} MB allocated"
            if peers := [name for name in self.memory_peers if name in added]:
                least, arrays = min(added[name] for name in peers), arrays_of(results["memory"][key])
                note += f", PyTorch {least / report.MEGABYTE:.1f} MB{self.smaller}; target, at most PyTorch's: "
                note += f"{report.verdict(results, added[OURS] <= least)}. "
                note += f"Arrays alone {arrays[OURS]:.1f} MB, PyTorch {min(arrays[name] for name in peers):.1f} MB"
            notes.append(note + ".")
        text = f"## First call and memory\n\n{report.markdown(header, lines)}\n\nDefault malloc. {report.MEMORY_EXPLAINED}\n\n"
        return text + "\n".join(notes) + "\n\n" + self.first_steps(results)

    def first_steps(self, results):
        """The first training step of each network in a fresh process, with kernels to compile and without."""
        lines = []
        for key, row in results["memory"].items():
            cold, warm = (part["build"] + part["first"] for part in (row["empty_cache"], row["full_cache"]))
            lines.append([self.rows[key].title, f"{cold:.2f}", f"{warm:.2f}"])
        header = ["first step in a fresh process", "empty kernel cache, s", "full kernel cache, Numba imported before, s"]
        return report.markdown(header, lines)

    def table(self, results):
        """The whole report, Markdown."""
        efforts = results["effort"], results["effort_default"]
        parts = [f"# {self.title}"]
        if results["quick"]:
            parts.append("**A quick run, made to see that the benchmark runs. Its numbers mean nothing.**")
        parts.append("\n".join(f"- {label}: {text}" for label, text in results["machine"].items()))
        parts += [f"{self.frameworks[name].title} is not installed: left out." for name in results["not_installed"]]
        rounds, processes, samples = ([effort[field] for effort in efforts] for field in ("rounds", "processes", "samples"))
        malloc = ", ".join(f"{name}={value}" for name, value in results["malloc"].items())
        parts.append(
            f"{self.about} float32, the same data for all; JAX's layers and steps are one jitted function each.\n\n"
            "Ratio: peer / ours, above 1 where ours is faster; the median over rounds of the ratio of two neighbours in time. "
            f"Times are medians. Targets are judged with raised thresholds of malloc ({malloc}, set for all).\n\n"
            f"One thread: one process pinned to one CPU, up to {rounds[0]} rounds A B A B ({rounds[1]} with default malloc; fewer "
            f"where a row takes long, at least 3) of samples of at least one step and about {efforts[0]['seconds']:g} s. All "
            f"threads: {processes[0]} fresh processes of each framework ({processes[1]} with default malloc), alternating, each "
            f"library with its own default number of threads; of each process the median of {samples[0]} samples."
        )
        if any(setting in results[allocator] for allocator in ALLOCATORS for setting in SETTINGS):
            parts += ["## Targets\n\n" + self.summary(results)]
            for allocator in ALLOCATORS:
                parts += [self.time_table(results, allocator, setting) for setting in SETTINGS if setting in results[allocator]]
            parts.append(self.deviation_table(results))
        if "memory" in results:
            parts.append(self.memory_table(results))
        return "\n\n".join(parts) + "\n"

    def write(self, results, folder):
        """``name``.json, .md, .png into ``folder``."""
        panels, settings = [], {title: setting for setting, title in SETTINGS.items()}
        for title, setting in settings.items():
            if setting in results["raised"]:
                samples = results["raised"][setting]["samples"]
                panels.append((title, {key: self.bars(row) for key, row in samples.items()}))
        present = {name for _, samples in panels for row in samples.values() for name in row}
        names = [name for name in self.plotted if name in present]
        dash = lambda row, title, name: self.target(row, settings[title]) if name == self.peer(row) else None
        draw = lambda path: report.plot(panels, names, self.plotted, self.rows, path, report.caption(results), dash, height=0.14)
        report.write(results, folder, self.name, self.table(results), draw if panels and names else None)

"""All scripts of ``examples/`` as a list to run, and a page with the picture, the equation and the numbers of each.

What a page says of a script beside what it printed stands in `ENTRIES`: the models that it uses, their equation, and the claim of
the lectures that it shows.
"""

from __future__ import annotations

import concurrent.futures
import html
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

from ..kernels.threads import cpu_count
from .entries import ENTRIES, Entry, check_examples, file_of, find, unshown


def list_all():
    """Print every script with its title and its models, and the models that no script shows; each with its file."""
    check_examples()
    for entry in ENTRIES:
        print(f"examples/{entry.name}.py\n    {entry.title}")
        for model in entry.models.split(", "):
            print(f"    {model}: {file_of(model)}")
    print("measured in benchmarks and proofs")
    for model in unshown():
        print(f"    {model}: {file_of(model)}")


def run(entry, out, quick=False, threads=None, show=True):
    """Run the script of ``entry`` with its pictures in the folder ``out``; returns (what it printed, seconds)."""
    environment = {
        **os.environ,
        **({} if threads is None else {"NUMBA_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}),
    }
    command = [sys.executable, entry.path, "--out", out, *(("--quick",) if quick else entry.arguments if not show else ())]
    start = time.perf_counter()
    if show:
        subprocess.run(command, check=True, env=environment)
        return "", time.perf_counter() - start
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"zoo: {entry.name} failed:\n{done.stderr[-2000:]}")
    return done.stdout, time.perf_counter() - start


def make_page(out, quick=False):
    """Run all scripts, as many at once as there are CPUs, and write ``out``/index.html; returns its path."""
    from tqdm.auto import tqdm

    check_examples()
    out = Path(out)
    results = {}
    with (
        concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool,
        tqdm(total=len(ENTRIES), unit="script") as bar,
    ):
        jobs = {pool.submit(run, entry, out / entry.name, quick, 1, False): entry for entry in ENTRIES}
        for job in concurrent.futures.as_completed(jobs):
            results[jobs[job].name] = job.result()
            bar.set_postfix_str(jobs[job].name)
            bar.update()
    sections = [_section(entry, *results[entry.name], out) for entry in ENTRIES]
    contents = "".join(f'<li><a href="#{e.name}">{e.name.partition("_")[2].replace("_", " ")}</a></li>' for e in ENTRIES)
    page = out / "index.html"
    page.write_text(PAGE.format(contents=contents, sections="".join(sections)), encoding="utf-8")
    return page


def _section(entry, printed, seconds, out):
    printed = "\n".join(line for line in printed.splitlines() if str(out) not in line)  # where pictures were left
    pictures = sorted(p for p in (out / entry.name).iterdir() if p.suffix in (".png", ".svg"))
    figures = "".join(_figure(p, p.relative_to(out).as_posix(), html.escape(f"{entry.name}: {p.stem}")) for p in pictures)
    return SECTION.format(
        name=entry.name, title=html.escape(entry.title), equation=html.escape(entry.equation), claim=html.escape(entry.claim),
        models=html.escape(entry.models), printed=html.escape(printed), seconds=seconds, figures=figures,
    )  # fmt: skip


def _figure(path, link, text):
    """A picture that leads to itself; one with panels side by side is kept legible on a phone, where it is moved sideways."""
    width, height = struct.unpack(">II", path.read_bytes()[16:24]) if path.suffix == ".png" else (0, 1)
    wide = ' class="wide"' if width > WIDE * height else ""
    return f'<a{wide} href="{link}"><img src="{link}" alt="{text}" loading="lazy"></a>\n'


WIDE = 1.7  # width of a picture over its height
SECTION = """<section id="{name}">
<h2>{title}</h2>
<pre class="equation">{equation}</pre>
<p><b>The lectures:</b> {claim}</p>
{figures}
<details open><summary>measured here, in {seconds:.1f} s</summary><pre>{printed}</pre></details>
<p class="models">{models} &middot; examples/{name}.py</p>
</section>
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tinygrad_lite: the models of the lectures</title>
<style>
:root {{ color-scheme: light dark; --text: #1c1c1c; --back: #fff; --soft: #f3f3f1; --line: #d8d8d4; }}
@media (prefers-color-scheme: dark) {{ :root {{ --text: #e6e6e3; --back: #181818; --soft: #242424; --line: #3c3c3a; }} }}
body {{ font: 17px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); margin: 0 auto; max-width: 46rem;
       padding: 1rem; }}
h1 {{ font-size: 1.6rem; }} h2 {{ font-size: 1.15rem; margin: 0 0 .6rem; }}
section {{ border-top: 1px solid var(--line); padding: 1.4rem 0; }}
section > a {{ display: block; overflow-x: auto; margin: .8rem 0; }}
img {{ display: block; max-width: 100%; height: auto; margin: auto; background: #fff; border-radius: 4px; }}
pre {{ background: var(--soft); padding: .7rem; font-size: .82rem; border-radius: 4px; margin: .5rem 0; white-space: pre-wrap;
      overflow-wrap: anywhere; }}
pre.equation {{ font-size: .95rem; }} nav ol {{ columns: 14rem; }}
summary {{ cursor: pointer; }} .models {{ font-size: .85rem; opacity: .75; }} a {{ color: inherit; }}
@media screen and (max-width: 40rem) {{ a.wide img {{ max-width: none; width: 46rem; }} pre {{ font-size: .74rem; }} }}
@media print {{ :root {{ color-scheme: light; --text: #000; --back: #fff; --soft: #f3f3f1; --line: #bbb; }}
               body {{ max-width: none; font-size: 10.5pt; padding: 0; }}
               nav {{ break-after: page; }} a {{ text-decoration: none; }}
               section {{ break-inside: avoid; }} h2 {{ break-after: avoid; }} img {{ max-height: 15cm; }} }}
</style>
</head>
<body>
<h1>The models of the lectures</h1>
<nav><ol>{contents}</ol></nav>
{sections}
</body>
</html>
"""

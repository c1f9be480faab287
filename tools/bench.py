"""`make bench`: how fast the site builds and how much a page weighs, beside what it was and what one would use instead, in the same run.

First this site as it is, beside the figures of the press before it staged a book (OLD, or measured anew in a checkout of it: `--old FOLDER`)
and the lower limit of a cold build: the CPU of the cells alone over the cores. Then three of its chapters, copied until there are thirty, in
all languages, built by

    press       this project
    plain       (a) mkdocs-material on the same prose, code inline, no outputs
    jupyter     (b) mkdocs-jupyter with `execute: true` on notebooks of the same chapters

Each build is a process of its own; edits are also timed under `mkdocs serve`, from saving the file to the page that shows it. Seconds are
wall-clock, the median of the runs (cold builds of `jupyter`: two of them at most, for they take ten minutes each). Peak memory is that of the
process and all its children together. All of it takes about 40 minutes on two cores; `--runs 1 --chapters 6` is a quick look, `--site` this
site alone.
"""

import argparse
import contextlib
import gzip
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import nbformat
import psutil

from press.chapters import Prose
from press.execute import read_execution
from press.project import Project

ENVIRONMENT = os.environ | {"NO_MKDOCS_2_WARNING": "1", "SITE_URL": "http://127.0.0.1:8000/", "PYTHONPATH": "."}
CHAPTERS = ("foundations/tensors", "foundations/devices", "networks/activations")
COLUMNS = ("cold", "cold CPU", "warm", "prose", "snippet", "serve prose", "serve snippet")
OLD = {"cold": 85.5, "cold CPU": 153.1, "warm": 2.4, "prose": 3.3, "snippet": 8.9, "serve prose": 2.9, "serve snippet": 8.4}  # commit 550cf4f, two cores
BOUNDS = {"cold": 0.6, "cold CPU": 0.5, "warm": 1.2, "serve prose": 1.0, "serve snippet": 0.5}  # times the old ones, at most


def copy_project(source, folder, count):
    """A project in `folder` with `count` chapters, copies of CHAPTERS whose cells differ in a comment. Returns their stems."""
    for name in ("press", "theme", "outputs"):
        shutil.copytree(source.root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in source.root.glob("mkdocs*.yml"):
        (folder / path.name).write_text(path.read_text(encoding="utf-8").split("\nnav:")[0] + "\n", encoding="utf-8")
    texts = "{" + ", ".join(f"{code}: x" for code in source.languages) + "}"
    (folder / "ledger.yml").write_text(f"sources: {{n0: {{title: {texts}, about: {texts}}}}}\nrows: []\n")
    (folder / "glossary.yml").write_text("[]\n")  # its terms point to chapters that are not copied
    (folder / "docs").mkdir()
    shutil.copy(source.docs / "index.md", folder / "docs/index.md")
    stems = []
    for number in range(count):
        origin = CHAPTERS[number % len(CHAPTERS)]
        stem = f"part{number // len(CHAPTERS)}/{origin.rpartition('/')[2]}"
        stems.append(stem)
        snippet = folder / "snippets" / f"{stem}.py"
        snippet.parent.mkdir(parents=True, exist_ok=True)
        code = (source.snippets / f"{origin}.py").read_text(encoding="utf-8")
        snippet.write_text(code.rstrip() + f"\n# copy {number}\n", encoding="utf-8")
        for language in source.languages:
            page = folder / "docs" / language / f"{stem}.md"
            page.parent.mkdir(parents=True, exist_ok=True)
            text = (source.docs / language / f"{origin}.md").read_text(encoding="utf-8").replace(f"{origin}.py:", f"{stem}.py:")
            text = re.sub(r"<!--.*?-->", "", text)
            page.write_text(re.sub(r"(?<!!)\[([^\]]*)\]\((?!https?:|#)[^)]*\)", r"\1", text), encoding="utf-8")
    for language in source.languages:
        (folder / "docs" / language / "index.md").write_text("---\ntitle: Home\n---\n\n# Home {#home}\n", encoding="utf-8")
    return stems


RIVAL = """
site_name: bench
site_url: http://127.0.0.1:8000/
docs_dir: {docs}
theme:
  name: material
  font: false
  language: {language}
  features: [content.code.copy, navigation.instant, navigation.footer, navigation.top, search.suggest, search.highlight]
plugins:
{plugins}
markdown_extensions: [abbr, admonition, attr_list, md_in_html, tables, toc, pymdownx.details, pymdownx.highlight,
  pymdownx.inlinehilite, pymdownx.superfences]
"""


def make_rival(project, folder, stems, kind):
    """Write the same chapters for a rival; a list of its configuration files, one for each language."""
    found = []
    for language in project.languages:
        docs = folder / language
        docs.mkdir(parents=True)
        (docs / "index.md").write_text("# Home\n", encoding="utf-8")
        for stem in stems:
            cells, parts = project.cells(stem), project.page(language, stem).parts
            path = docs / f"{stem}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "plain":
                texts = [part.text if isinstance(part, Prose) else f"```python\n{cells[part.address].source}\n```" for part in parts]
                path.write_text("\n\n".join(texts), encoding="utf-8")
                continue
            notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
            for part in parts:
                if isinstance(part, Prose):
                    notebook.cells.append(nbformat.v4.new_markdown_cell(part.text))
                else:
                    cell = cells[part.address]
                    tags = sorted({*cell.tags, *(["raises-exception"] if {"gpu", "network"} & set(cell.tags) else [])})
                    notebook.cells.append(nbformat.v4.new_code_cell(cell.source, metadata={"tags": tags}))
            nbformat.write(notebook, path.with_suffix(".ipynb"))
        plugins = f"  - search: {{lang: {language}}}\n"
        if kind == "jupyter":
            # A cache for each language: a build throws out of its cache what it did not use.
            plugins += f"  - mkdocs-jupyter: {{execute: true, mathjax_version: 2, cache_dir: .cache/{language}}}\n"
        configuration = folder / f"{language}.yml"
        configuration.write_text(RIVAL.format(docs=docs, language=language, plugins=plugins), encoding="utf-8")
        found.append(configuration)
    return found


def measure(commands, folder):
    """(seconds, seconds of CPU, peak MB) of commands run one after another, with their children. Raises if one fails."""
    seconds, peaks, before = 0.0, [0], resource.getrusage(resource.RUSAGE_CHILDREN)
    for command in commands:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
            started = time.monotonic()
            process = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=output, stderr=subprocess.STDOUT)
            watcher = threading.Thread(target=watch, args=(process.pid, peaks))
            watcher.start()
            process.wait()
            seconds += time.monotonic() - started
            watcher.join()
            output.seek(0)
            measure.output = output.read()
        if process.returncode:
            raise SystemExit(measure.output[-3000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, max(peaks) / 1e6


def watch(pid, peaks):
    """Note the memory of a process and its children four times a second: oftener would cost a build its time."""
    try:
        while True:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            peaks.append(sum(member.memory_info().rss for member in family))
            time.sleep(0.25)
    except psutil.Error:
        pass


def median_of(runs, commands, folder, before=lambda run: None):
    """Medians of seconds and of CPU, and the largest peak, of several runs; `before` prepares each."""
    results = []
    for run in range(runs):
        before(run)
        results.append(measure(commands, folder))
    return *(statistics.median(column) for column in list(zip(*results, strict=True))[:2]), max(peak for *_, peak in results)


@contextlib.contextmanager
def serving(folder):
    """The address of `mkdocs serve` in a project, once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "mkdocs", "serve", "--dev-addr", f"127.0.0.1:{port}"], cwd=folder, env=ENVIRONMENT,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        shown(f"http://127.0.0.1:{port}/", "")
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def shown(address, text):
    """Seconds until the page at `address` holds `text`."""
    started = time.monotonic()
    while time.monotonic() - started < 600:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=60) as answer:
            if text in answer.read().decode():
                return time.monotonic() - started
        time.sleep(0.05)
    raise SystemExit(f"{address} never shows {text!r}")


def weights(site, languages, stems):
    """(median KB of a chapter's HTML gzipped, median KB of a first visit: the page and all that it loads in a light scheme, text gzipped)."""
    pages, visits = [], []
    for path in (site / language / stem / "index.html" for language in languages for stem in stems):
        text = path.read_text(encoding="utf-8")
        page = len(gzip.compress(text.encode(), 9))
        light = re.sub(r'<img[^>]*class="dark-only"[^>]*>', "", text)
        links = re.findall(r'(?:src|href)="([^"#?]+\.(?:js|css|svg|png|ico))"', light)
        files = {file for link in links if (file := (path.parent / link).resolve()).is_file()}
        pages.append(page)
        visits.append(page + sum(len(gzip.compress(file.read_bytes(), 9)) for file in files))
    return statistics.median(pages) / 1000, statistics.median(visits) / 1000


def measure_press(folder, stems, runs):
    """{column: seconds} of a project built by the press: cold, warm, after edits, after edits under a server; `peak` in MB; `weight`."""
    build = [[sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder / "site")]]
    page, snippet = folder / f"docs/zh/{stems[0]}.md", folder / f"snippets/{stems[1]}.py"

    def edit_prose(run):
        page.write_text(page.read_text(encoding="utf-8") + f"\n第 {run} 句。\n", encoding="utf-8")

    def edit_snippet(run):
        snippet.write_text(snippet.read_text(encoding="utf-8") + f"# edit {run}\n", encoding="utf-8")

    row = {}
    row["cold"], row["cold CPU"], row["peak"] = median_of(runs, build, folder, lambda _: shutil.rmtree(folder / ".cache", ignore_errors=True))
    row["warm"], row["prose"] = median_of(runs, build, folder)[0], median_of(runs, build, folder, edit_prose)[0]
    assert not re.search("execut(ing|ed)", measure.output), "an edit to prose executed something"
    row["snippet"] = median_of(runs, build, folder, edit_snippet)[0]
    assert len(re.findall("executed", measure.output)) == 1, "an edit to one snippet executed other chapters"
    with serving(folder) as address:
        times = {"serve prose": [], "serve snippet": []}
        for run in range(10, 10 + runs):
            for name, edit, stem, text in (("serve prose", edit_prose, stems[0], f"第 {run} 句"), ("serve snippet", edit_snippet, stems[1], f"edit {run}")):
                edit(run)
                times[name].append(shown(f"{address}zh/{stem}/", text))
    languages = sorted(path.name for path in (folder / "docs").iterdir() if path.is_dir())
    return row | {name: statistics.median(values) for name, values in times.items()} | {"weight": weights(folder / "site", languages, stems)}


def print_row(title, row):
    """One line of the table, as soon as it is known."""
    cells = [f"{row[name]:.1f}" if name in row else "-" for name in COLUMNS]
    page, visit = row.get("weight", (0, 0))
    print(f"{title:34}" + "".join(f"{cell:>{max(8, len(name) + 2)}}" for cell, name in zip(cells, COLUMNS, strict=True))
          + f"{row.get('peak', 0):>9.0f}{page:>9.1f}{visit:>9.0f}", flush=True)


def bench_site(folder, options):
    """The rows of this site: new, old, their ratios, and the lower limit of a cold build."""
    def copy(source, name):
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns(".git", ".venv", ".cache", "site", "__pycache__"))
        return folder / name

    here = copy(".", "site")
    stems = Project(here).chapters()
    new = measure_press(here, stems, options.runs)
    print_row("this site", new)
    project = Project(here, read_once=True)
    limit = sum(execution.about["cpu"] for stem in stems if (execution := read_execution(project, stem)))
    old = measure_press(copy(options.old, "old"), stems, options.runs) if options.old else OLD
    print_row("before it staged a book", old)
    ratios = {name: new[name] / old[name] for name in COLUMNS if name in old}
    print("\nnew / old: " + ", ".join(f"{name} {ratio:.2f}" + (f" (to reach: {BOUNDS[name]})" if name in BOUNDS else "") for name, ratio in ratios.items()))
    print(f"lower limit of a cold build: {limit:.0f} s of CPU in the cells alone, {limit / os.cpu_count():.0f} s on {os.cpu_count()} cores\n", flush=True)


def bench_copies(folder, options):
    """The rows of the copied chapters: the press and its rivals."""
    ours, plain, jupyter = (folder / name for name in ("press", "plain", "jupyter"))
    for part in (ours, plain, jupyter):
        part.mkdir()
    stems = copy_project(Project("."), ours, options.chapters)
    project, rows = Project(ours), {"press": measure_press(ours, stems, options.runs)}
    print_row(f"press, {options.chapters} chapters", rows["press"])
    for name, part, title in (("plain", plain, "(a) plain mkdocs-material"), ("jupyter", jupyter, "(b) mkdocs-jupyter, execute: true")):
        commands = [[sys.executable, "-m", "mkdocs", "build", "-q", "-f", str(file), "--site-dir", str(part / "site" / file.stem)]
                    for file in make_rival(project, part, stems, name)]
        runs = options.runs if name == "plain" else min(options.runs, 2)
        row = rows[name] = {}
        row["cold"], row["cold CPU"], row["peak"] = median_of(runs, commands, part, lambda _, part=part: shutil.rmtree(part / ".cache", ignore_errors=True))
        row["warm"] = row["cold"] if name == "plain" else median_of(options.runs, commands, part)[0]  # the second has a cache of rendered pages
        row["weight"] = weights(part / "site", project.languages, stems)
        print_row(title, row)
    print(f"\nwarm / (a): {rows['press']['warm'] / rows['plain']['warm']:.2f} (to reach: 2.5)"
          f"   cold / (b): {rows['press']['cold'] / rows['jupyter']['cold']:.2f} (to reach: 0.4)"
          f"   median page: {rows['press']['weight'][0]:.1f} KB gzipped (to reach: 15)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--chapters", type=int, default=30)
    parser.add_argument("--site", action="store_true", help="measure this site alone")
    parser.add_argument("--old", help="a checkout of commit 550cf4f, to be measured beside")
    options = parser.parse_args()
    print(f"all languages, {options.runs} runs, {os.cpu_count()} cores; seconds\n")
    print(f"{'':34}" + "".join(f"{name:>{max(8, len(name) + 2)}}" for name in COLUMNS) + f"{'peak MB':>9}{'page KB':>9}{'visit':>9}", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench_site(Path(folder), options)
        if not options.site:
            bench_copies(Path(folder), options)


if __name__ == "__main__":
    main()

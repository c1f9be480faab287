"""`make bench`: how fast the site builds and how much a page weighs, beside what one would use instead, in the same run.

First this site as it is. Then three of its chapters, copied until there are thirty, in both languages, built by

    press       this project
    plain       (a) mkdocs-material on the same prose, code inline, no outputs
    jupyter     (b) mkdocs-jupyter with `execute: true` on notebooks of the same chapters

Each build is a process of its own. Seconds are wall-clock: the median of the runs (cold builds of `jupyter`: two of them at most, for
they take ten minutes each). Peak memory is that of the process and all its children together. All of it takes about 40 minutes on two
cores; `python -m press.bench --runs 1 --chapters 6` is a quick look.
"""

import argparse
import gzip
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil

from press.chapters import LANGUAGES, Project, Prose

ENVIRONMENT = os.environ | {"NO_MKDOCS_2_WARNING": "1", "SITE_URL": "http://127.0.0.1:8000/"}
CHAPTERS = ("foundations/tensors", "foundations/devices", "networks/activations")


def copy_project(source, folder, count):
    """A project in `folder` with `count` chapters, copies of CHAPTERS whose cells differ in a comment. Returns their stems."""
    for name in ("press", "theme", "outputs", "requirements.txt", "mkdocs.yml", "mkdocs.zh.yml", "mkdocs.en.yml"):
        origin = source.root / name
        (shutil.copytree if origin.is_dir() else shutil.copy)(origin, folder / name)
    rows = "sources: {n0: {title: {zh: x, en: x}, about: {zh: x, en: x}}}\nrows: []\n"
    (folder / "ledger.yml").write_text(rows)
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
        for language in LANGUAGES:
            page = folder / "docs" / language / f"{stem}.md"
            page.parent.mkdir(parents=True, exist_ok=True)
            text = (source.docs / language / f"{origin}.md").read_text(encoding="utf-8").replace(f"{origin}.py:", f"{stem}.py:")
            text = re.sub(r"<!--.*?-->", "", text)
            page.write_text(re.sub(r"(?<!!)\[([^\]]*)\]\((?!https?:|#)[^)]*\)", r"\1", text), encoding="utf-8")
    for language in LANGUAGES:
        (folder / "docs" / language / "index.md").write_text("---\ntitle: Home\n---\n\n# Home {#home}\n", encoding="utf-8")
        configuration = folder / f"mkdocs.{language}.yml"
        text = configuration.read_text(encoding="utf-8")
        configuration.write_text(text[: text.index("\nnav:")] + "\n", encoding="utf-8")
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
    for language in LANGUAGES:
        docs = folder / language
        docs.mkdir(parents=True)
        (docs / "index.md").write_text("# Home\n", encoding="utf-8")
        for stem in stems:
            cells = project.cells(stem)
            parts = project.page(language, stem).parts
            path = docs / f"{stem}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "plain":
                texts = [part.text if isinstance(part, Prose) else f"```python\n{cells[part.address].source}\n```" for part in parts]
                path.write_text("\n\n".join(texts), encoding="utf-8")
            else:
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
    """(seconds, peak MB of the process and its children) of commands run one after another. Raises if one fails."""
    seconds, peaks = 0.0, [0]
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
    return seconds, max(peaks) / 1e6


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
    """Median seconds and the largest peak of several runs; `before` prepares each."""
    results = []
    for run in range(runs):
        before(run)
        results.append(measure(commands, folder))
    return statistics.median(seconds for seconds, _ in results), max(peak for _, peak in results)


def weights(site, stems):
    """(median KB of a chapter's HTML gzipped, median KB of a first visit: the page and all that it loads in a light scheme, text gzipped)."""
    pages, visits = [], []
    for language in LANGUAGES:
        for stem in stems:
            path = site / language / stem / "index.html"
            text = path.read_text(encoding="utf-8")
            page = len(gzip.compress(text.encode(), 9))
            shown = re.sub(r'<img[^>]*class="dark-only"[^>]*>', "", text)
            links = re.findall(r'(?:src|href)="([^"#?]+\.(?:js|css|svg|png|ico))"', shown)
            files = {file for link in links if (file := (path.parent / link).resolve()).is_file()}
            pages.append(page)
            visits.append(page + sum(len(gzip.compress(file.read_bytes(), 9)) for file in files))
    return statistics.median(pages) / 1000, statistics.median(visits) / 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--chapters", type=int, default=30)
    options = parser.parse_args()
    rows = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        temporary = Path(temporary)
        ours, plain, jupyter = (temporary / name for name in ("press", "plain", "jupyter"))
        for folder in (ours, plain, jupyter):
            folder.mkdir()
        whole = temporary / "site"
        shutil.copytree(".", whole, ignore=shutil.ignore_patterns(".git", ".venv", ".cache", "site", "__pycache__"))
        stems = copy_project(Project("."), ours, options.chapters)
        project = Project(ours)
        mkdocs = [sys.executable, "-m", "mkdocs", "build", "-q"]
        print(f"{options.chapters} chapters in two languages, {options.runs} runs, {os.cpu_count()} cores\n")
        print(f"{'':34}{'cold s':>9}{'warm s':>9}{'prose s':>9}{'snippet s':>11}{'peak MB':>9}{'page KB gz':>12}{'visit KB':>10}", flush=True)
        for name, folder, chapters in (("site", whole, Project(whole).chapters()), ("press", ours, stems)):
            rows[name] = measure_press(folder, chapters, options.runs)
            print_row(name, rows[name])
        for name, folder in (("plain", plain), ("jupyter", jupyter)):
            commands = [[*mkdocs, "-f", str(file), "--site-dir", str(folder / "site" / file.stem)] for file in make_rival(project, folder, stems, name)]
            if name == "plain":
                rows[name] = {"cold": median_of(options.runs, commands, folder)}
                rows[name]["warm"] = rows[name]["prose"] = rows[name]["snippet"] = rows[name]["cold"]
            else:
                rows[name] = {"cold": median_of(min(options.runs, 2), commands, folder, lambda _: shutil.rmtree(jupyter / ".cache", ignore_errors=True))}
                rows[name]["warm"] = median_of(options.runs, commands, folder)  # its own cache of rendered pages
            rows[name]["weight"] = weights(folder / "site", stems)
            print_row(name, rows[name])
    print(f"\nwarm / (a): {rows['press']['warm'][0] / rows['plain']['warm'][0]:.2f} (to reach: 2.5)"
          f"   cold / (b): {rows['press']['cold'][0] / rows['jupyter']['cold'][0]:.2f} (to reach: 0.4)"
          f"   median page: {rows['press']['weight'][0]:.1f} KB gzipped (to reach: 15)")


def measure_press(folder, stems, runs):
    """The row of a project built by the press: cold, warm, after an edit to prose and to a snippet, and its weights."""
    build = [[sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder / "site")]]

    def cold(_):
        shutil.rmtree(folder / ".cache", ignore_errors=True)

    def edit_prose(run):
        path = folder / f"docs/zh/{stems[0]}.md"
        path.write_text(path.read_text(encoding="utf-8") + f"\n第 {run} 句。\n", encoding="utf-8")

    def edit_snippet(run):
        path = folder / f"snippets/{stems[1]}.py"
        path.write_text(path.read_text(encoding="utf-8") + f"# edit {run}\n", encoding="utf-8")

    row = {"cold": median_of(runs, build, folder, cold), "warm": median_of(runs, build, folder), "prose": median_of(runs, build, folder, edit_prose)}
    assert "executing" not in measure.output, "an edit to prose executed something"
    row["snippet"] = median_of(runs, build, folder, edit_snippet)
    assert measure.output.count("executing") == 1, "an edit to one snippet executed other chapters"
    return row | {"weight": weights(folder / "site", stems)}


def print_row(name, row):
    """One line of the table, as soon as it is known."""
    title = {"site": "this site", "press": "press, copies", "plain": "(a) plain mkdocs-material", "jupyter": "(b) mkdocs-jupyter, execute: true"}[name]
    cells = [f"{row[key][0]:.1f}" if key in row else "-" for key in ("cold", "warm", "prose", "snippet")]
    peak = max(value[1] for key, value in row.items() if key != "weight")
    print(f"{title:34}{cells[0]:>9}{cells[1]:>9}{cells[2]:>9}{cells[3]:>11}{peak:>9.0f}{row['weight'][0]:>12.1f}{row['weight'][1]:>10.0f}", flush=True)


if __name__ == "__main__":
    main()

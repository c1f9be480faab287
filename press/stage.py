"""Staging: docs, snippets and outputs become the book, `.cache/book/<language>/`, a documentation source that plain MkDocs and Jupyter read.

A chapter becomes one executed notebook, other pages stay Markdown, figures and downloads are files beside them. A file is written
only where its content changed, and one that nothing makes any more is removed.
"""

import base64
import posixpath
import re
from dataclasses import asdict
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import unquote

import nbformat
import yaml
from filelock import FileLock, Timeout

from press import chapters, errata, export, figures, glossary, markup, outputs, tags, weave
from press.cache import evict, kept, write_changed
from press.check import raise_mistakes
from press.execute import execute, execution_file
from press.figures import DARK_PNG, figure_files
from press.project import files_below
from press.records import fresh_records
from press.run import failure
from press.tags import TAGS

PLAIN = "<!-- chapters -->", "<!-- glossary -->", "<!-- errata -->"  # places of a plain page that are filled here


def stage(project, report=print, warm=None):
    """Check and execute all chapters, and write the books of all languages. Raises PressError; nothing is written then.

    Args:
        report, warm: as `execute` takes them.
    """
    raise_mistakes(project)
    with _lock(project, report):
        executions = execute(project, project.chapters(), report=report, warm=warm)
        books = {language: stage_language(project, language, executions) for language in project.languages}
        for language, files in books.items():
            for uri, content in files.items():
                write_changed(project.book(language) / uri, content)
        evict(project.cache / "book", {project.book(language) / uri for language, files in books.items() for uri in files})
        evict(project.cache / "outlines", {project.page(code, stem).outline_file for code in books for stem in project.stems()})
        evict(project.cache / "executed", {execution_file(project, stem) for stem in executions})
        evict(project.cache / "staged", {staged_file(project, language, stem) for language in books for stem in executions})


def _lock(project, report):
    """The lock of the cache, held: two builds of one checkout execute and stage one after the other."""
    lock = FileLock(project.cache / "lock")
    try:
        return lock.acquire(timeout=1)
    except Timeout:
        report("another build of this checkout is at work: waiting until it has executed and staged")
        return lock.acquire()


def book_uri(project, stem):
    """Where a page lies in the book: `foundations/tensors.ipynb`, or `foundations/index.md` for one without code."""
    return f"{stem}.ipynb" if stem in project.chapters() else f"{stem}.md"


def staged_file(project, language, stem):
    """Where what a chapter becomes is kept."""
    return project.cache / "staged" / language / f"{stem}.kept"


@cache
def _sources():
    """The sources that decide what a chapter becomes, and the version of the notebook format."""
    modules = (chapters, weave, figures, export, markup, outputs, tags)
    return [nbformat.__version__, *(Path(file).read_text(encoding="utf-8") for file in (__file__, *(module.__file__ for module in modules)))]


def stage_language(project, language, executions):
    """{address in the book: content} of one language. What else lies in its folder, such as pictures, goes along."""
    docs = project.docs / language
    files = {path.relative_to(docs).as_posix(): path.read_bytes() for path in files_below(docs) if path.suffix != ".md"}
    for stem in project.stems():
        if stem not in executions:
            files[f"{stem}.md"] = _plain_page(project, language, stem)
            continue
        page, execution = project.page(language, stem), executions[stem]
        cells = [list(vars(cell).values()) for cell in project.cells(stem).values()]
        linked = [name for name in project.chapters() if posixpath.basename(name) in page.body]
        what = [page.front, page.body, cells, asdict(execution), fresh_records(project, stem, project.cells(stem).values()),
                weave.reading_minutes(project, stem), project.words(language), linked, _sources()]
        found = kept(staged_file(project, language, stem), what, lambda page=page, execution=execution: _chapter(project, page, execution))
        files |= {uri: base64.b64decode(content[1:]) if content.startswith("\0") else content for uri, content in found.items()}
    return files


def _linked(project, text, stem):
    """Markdown whose links to chapters name their notebooks."""
    for link in sorted(markup.links(text), key=lambda link: link.at, reverse=True):  # one may stand in the label of another
        path, mark, anchor = link.target.partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(stem), unquote(path)))
        if path.endswith(".md") and target.removesuffix(".md") in project.chapters():
            text = f"{text[:link.at[0]]}{path.removesuffix('.md')}.ipynb{mark}{anchor}{text[link.at[1]:]}"
    return text


def _front_matter(front):
    """Front matter for MkDocs; Material writes title and description into HTML as they stand."""
    front = {name: escape(value) if name in ("title", "description") else value for name, value in front.items()}
    return f"---\n{yaml.safe_dump(front, allow_unicode=True, sort_keys=False)}---\n" if front else ""


def _plain_page(project, language, stem):
    page, text = project.page(language, stem), project.page(language, stem).body
    made = dict(zip(PLAIN, (_chapter_list, lambda *_: glossary.glossary_page(project, language), lambda *_: errata.errata_page(project, language)), strict=True))
    for place, make in made.items():
        if place in text:
            text = text.replace(place, make(project, language, posixpath.dirname(stem)))
    return f"{_front_matter(page.front)}\n{_linked(project, text, stem)}"


def _chapter_list(project, language, section):
    """The chapters of a section in reading order, each with what it is about and how long it takes."""
    rows = []
    for stem in (stem for name, stems in project.sections() if name == section for stem in stems if stem in project.chapters()):
        minutes = project.words(language)["minutes"].format(minutes=weave.reading_minutes(project, stem))
        about = project.page(language, stem).front.get("description", "")
        rows.append(f"{len(rows) + 1}. [{project.title(language, stem)}]({posixpath.basename(stem)}.md) · {minutes}\n\n    {about}\n")
    return "\n".join(rows)


def _chapter(project, page, execution):
    """{address in the book: content} of one chapter in one language; a picture that is not text is base64 behind a NUL."""
    language, stem, words = page.language, page.stem, project.words(page.language)
    woven = weave.weave(project, language, stem, execution)
    name = f"{stem}/{export.file_name(stem)}"
    files = {f"{name}.ipynb": export.notebook(woven), f"{name}.py": export.script(page, project.cells(stem))}
    about, link = execution.about, posixpath.relpath(name, posixpath.dirname(stem))
    runs = words["runs_on" if about["cuda"] else "runs"].format(**about)
    minutes = words["meta"].format(minutes=weave.reading_minutes(project, stem))
    meta = (f'<p class="chapter-meta" data-search-exclude markdown><span>{minutes}</span> <span data-timing>{runs}</span> '
            f'[{words["notebook"]}]({link}.ipynb){{ download }} [{words["script"]}]({link}.py){{ download }}</p>')
    foot = f'<p class="executed-by" data-search-exclude data-timing>{words["foot"].format(**about)}</p>'
    for cell in woven.cells:
        if cell.cell_type == "markdown":
            cell.source = _linked(project, cell.source, stem) + (f"\n\n{meta}" if cell.source.startswith("# ") else "")
            continue
        told = cell.metadata.press
        told.notes, told.varies = _notes(words, told), tags.varies(told.tags)
        told.fence = "`" * max(4, 1 + max(map(len, re.findall("`+", cell.source)), default=0))
        shown = iter(told.pop("figures"))
        for output in cell.outputs:
            if kind := outputs.image_kind(output):
                asked = {side: output.metadata[kind][side] for side in ("width", "height") if side in output.metadata.get(kind, ())}
                output.metadata["figure"] = next(shown) | _figure(project, stem, told, kind, output.data, files) | asked
                output.data.pop(DARK_PNG, None)
    woven.cells = [weave.markdown_cell(_front_matter(page.front) or "---\n{}\n---\n"), *woven.cells, weave.markdown_cell(foot)]
    woven.metadata.press = {"output": words["output"], "motion": words["motion"]}
    files[f"{stem}.ipynb"] = nbformat.v4.writes(weave.number_cells(woven)) + "\n"
    return files


def _figure(project, stem, told, kind, data, files):
    """Put the files of a figure into `files`: their addresses in the book, and the size."""
    try:
        addresses, contents, (width, height) = figure_files(kind, data)
    except ValueError as error:
        raise failure(project.cells(stem)[told.address], f"shows {error}", "draw it with matplotlib, or say in the picture how large it is") from None
    files |= {uri: content.decode() if kind == "image/svg+xml" else "\0" + base64.b64encode(content).decode() for uri, content in contents.items()}
    return {"width": width, "height": height} | addresses


def _notes(words, told):
    """What the page says of how a cell's outputs came about."""
    rows = [TAGS[tag] for tag in TAGS if tag in told.tags]
    if told.status == "run":
        return [words[row.note] for row in rows if row.note]
    key = next(filter(None, (row.recorded if told.status == "recorded" else row.not_run for row in rows)))
    shell = f"{key}_shell" if told.path.endswith(".sh") else key
    return [words.get(shell, words[key]).format(**told.about)] + [words[row.note] for row in rows if row.note and told.status == "recorded"]

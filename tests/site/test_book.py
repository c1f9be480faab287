"""The book, `.cache/book/<language>/`, is an ordinary documentation source: notebooks, Markdown and files that others build without the press."""

import json

import nbformat
import pytest

from tests.building import TinySite, files, page_file, run, said, soup
from tests.tiny import PAGE, SNIPPET

CONFIGURATION = """\
site_name: An ordinary site
docs_dir: {book}
theme: {{name: material, font: false}}
plugins: [mkdocs-jupyter: {{include: ["*.ipynb"], ignore: ["pytorch-*.ipynb"], markdown_cell_processor: mkdocs}}]
markdown_extensions: [admonition, attr_list, md_in_html, tables, pymdownx.superfences]
validation: {{links: {{not_found: warn, anchors: warn, absolute_links: warn, unrecognized_links: warn}}}}
"""
FIGURE = """\
# %% drawn
from IPython.display import SVG, display
display(SVG('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"/>'))
print("drawn")
"""


def stage(project):
    done = run("press", "stage", cwd=project.root)
    assert done.returncode == 0, said(done)
    return said(done)


@pytest.fixture(scope="module")
def project(tmp_path_factory, warm):
    """The staged tiny site, with a chapter that draws and pages that link to each other."""
    project = TinySite(tmp_path_factory.mktemp("book") / "project", warm.cache)
    project.put("snippets/part/b.py", FIGURE)
    quote = '```python\n--8<-- "part/b.py:drawn"\n```\n![a picture](part/b.py:drawn "drawn")'
    project.both(f"---\ntitle: B\n---\n\n# B {{#b}}\n\n[A](../a.md#b), [here](#b),\n[home\nof all](../index.md), [`a[0]`][ref]\n\n{quote}\n\n[ref]: ../a.md#a\n", "part/b")
    project.both("# Home {#home}\n\n[B](part/b.md#b) and [a file](file.txt)\n", "index")
    for language in project.languages:
        project.put(f"docs/{language}/file.txt", "a file\n")
    stage(project)
    return project


def test_a_chapter_is_a_valid_notebook_and_all_else_is_what_it_was(project):
    for language in project.languages:
        book = project.book(language)
        assert {path for path in files(book) if "assets/" not in path} == {
            "index.md", "file.txt", "a.ipynb", "part/b.ipynb", "a/pytorch-a.ipynb", "a/pytorch-a.py", "part/b/pytorch-b.ipynb", "part/b/pytorch-b.py"}
        assert [path.rpartition(".")[2] for path in files(book) if "assets/" in path] == ["svg"]
        for path in book.rglob("*.ipynb"):
            nbformat.validate(json.loads(path.read_text(encoding="utf-8")))
        notebook = nbformat.read(book / "part/b.ipynb", as_version=4)
        assert [cell.source for cell in notebook.cells if cell.cell_type == "code"] == [project.cells("part/b")["part/b.py:drawn"].source]
        assert "drawn\n" in [output.get("text") for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_plain_mkdocs_builds_it(project, tmp_path):
    """Strictly, with Material and mkdocs-jupyter, and no hook of ours: links, headings and outputs are there."""
    (tmp_path / "mkdocs.yml").write_text(CONFIGURATION.format(book=project.book("zh")))
    done = run("mkdocs", "build", "--strict", cwd=tmp_path)
    assert done.returncode == 0, said(done)
    page = soup(page_file(tmp_path, "site", "part/b"))
    assert page.find(id="b").name == "h1" and "drawn\n" in page.get_text()
    assert {"../../a/#b", "#b", "../../a/#a"} <= {link["href"] for link in page.article.select("a[href]")}
    assert soup(page_file(tmp_path, "site", "index")).article.select_one('a[href="part/b/#b"]')
    assert {"pytorch-b.ipynb", "pytorch-b.py"} <= {path.name for path in (tmp_path / "site/part/b").iterdir()}


def test_staging_again_writes_only_what_changed_and_leaves_nothing_of_what_is_gone(warm, tmp_path):
    """Who watches the book is not woken for nothing."""
    project = TinySite(tmp_path / "project", warm.cache)
    project.both(PAGE.replace("title: A", "title: C") + "\n    ## C {#c}\n", "part/c")
    for name in ("a.py:one", "a.py:two"):
        project.edit("docs/zh/part/c.md", name, name.replace("a.py", "part/c.py"))
        project.edit("docs/en/part/c.md", name, name.replace("a.py", "part/c.py"))
    for language in project.languages:
        project.edit(f"docs/{language}/part/c.md", "<!-- ledger: n0-01 -->\n", "")
    project.put("snippets/part/c.py", SNIPPET)

    def staged():
        """{path: time} of the files of both books, and what staging said."""
        log = stage(project)
        return {path.relative_to(project.cache / "book").as_posix(): path.stat().st_mtime_ns for path in (project.cache / "book").rglob("*") if path.is_file()}, log

    first, _ = staged()
    again, log = staged()
    assert again == first and "executed" not in log
    project.edit("docs/en/part/c.md", "## C {#c}", "## See {#c}")
    edited, log = staged()
    assert "executed" not in log and edited.keys() == first.keys()
    assert {path for path in first if edited[path] != first[path]} == {"en/part/c.ipynb", "en/part/c/pytorch-c.ipynb", "en/part/c/pytorch-c.py"}
    for path in [project.snippets / "part/c.py", *(project.docs / language / "part/c.md" for language in project.languages)]:
        path.unlink()
    left, _ = staged()
    assert left == {path: when for path, when in first.items() if "/part/" not in path}
    assert not [path for path in project.cache.rglob("*") if path.name.startswith(("c.", "part", "pytorch-c"))]

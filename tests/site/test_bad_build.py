"""A mistake fails the build: exit status, file and line, and no page of a half-built language."""

import shutil

import pytest

from press.execute import execute
from tests.press.conftest import LEDGER, PAGE, SNIPPET, Mini
from tests.site.conftest import ROOT, build


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Folder of what the tiny chapter's cells give, so that not each of its builds executes them anew."""
    project = Mini(tmp_path_factory.mktemp("executed"))
    project.put("snippets/a.py", SNIPPET)
    project.both(PAGE)
    execute(project, ["a"])
    return project.cache


@pytest.fixture
def tiny_site(tmp_path, executed):
    """A buildable project of one tiny chapter, with the real press, theme and configuration."""
    project = Mini(tmp_path / "project")
    shutil.copytree(executed, project.cache)
    for name in ("press", "theme"):
        shutil.copytree(ROOT / name, project.root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("mkdocs.yml", "mkdocs.zh.yml", "mkdocs.en.yml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        (project.root / name).write_text(text.split("\nnav:")[0] + "\n", encoding="utf-8")
    project.outputs.mkdir()
    project.put("ledger.yml", LEDGER)
    project.put("glossary.yml", "[]")
    project.put("docs/index.md", "---\ntemplate: root.html\n---\n")
    project.both("# Home {#home}\n", "index")
    project.put("snippets/a.py", SNIPPET)
    project.both(PAGE)
    return project


@pytest.mark.parametrize("path, text, message", [
    ("docs/zh/a.md", PAGE + "\n    ```py\n    x\n    ```\n", "docs/zh/a.md:19: a raw fence (py)"),
    ("docs/zh/a.md", PAGE + "\n    [gone](gone.md)\n", "link gone.md stands in this language only"),
    ("snippets/a.py", SNIPPET + "\n    # %% three\n    1 / 0\n", "snippets/a.py:8: docs/zh/a.md does not quote the cell 'three'"),
    ("snippets/a.py", SNIPPET.replace("x + 1", "x / 0"), "snippets/a.py:6: cell 'two' raises ZeroDivisionError: division by zero"),
], ids=["raw fence", "link in one language", "cell not quoted", "cell raises"])
def test_mistake_fails_the_build(tiny_site, tmp_path, path, text, message):
    tiny_site.put(path, text)
    done = build(tmp_path / "site", root=tiny_site.root)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list((tmp_path / "site").glob("*/a/index.html"))


def test_formula_that_cannot_be_set_fails_the_build(tiny_site, tmp_path):
    tiny_site.both(PAGE + "\n    $$\n    \\nosuch{x}\n    $$\n")
    done = build(tmp_path / "site", root=tiny_site.root)
    assert done.returncode != 0
    assert "docs/zh/a.md: the formula" in done.stdout + done.stderr


def test_link_that_leads_nowhere_fails_every_strict_build(tiny_site, tmp_path):
    """Though MkDocs' conversion of a page is kept from build to build: what it warned of comes again, and a link to a heading is
    checked anew though the page that has it did not change."""
    def run(strict):
        done = build(tmp_path / "site", root=tiny_site.root, strict=strict, file="mkdocs.en.yml")
        return done.returncode, done.stdout + done.stderr

    tiny_site.both("# Home {#home}\n\n[there](a.md#one)\n", "index")
    tiny_site.both(PAGE + "\n    ## One {#one}\n\n    [gone](gone.md#x)\n")
    assert run(strict=False)[0] == 0
    status, output = run(strict=True)
    assert status != 0 and "contains a link 'gone.md#x'" in output
    tiny_site.both(PAGE + "\n    ## One {#one}\n")
    assert run(strict=True)[0] == 0
    tiny_site.both(PAGE + "\n    ## One {#another}\n")
    status, output = run(strict=True)
    assert status != 0 and "a.md' does not contain an anchor '#one'" in output


def test_what_is_kept_is_never_shown_out_of_date(tiny_site, tmp_path):
    """An edit, and its undoing, reach page, downloads and search index; a damaged file in the cache is made again."""
    def read(site):
        assert build(site, root=tiny_site.root, file="mkdocs.zh.yml").returncode == 0
        files = ("a/index.html", "a/pytorch-a.ipynb", "a/pytorch-a.py", "search/search_index.json")
        return [(site / file).read_text(encoding="utf-8") for file in files]

    before = read(tmp_path / "site")
    tiny_site.both(PAGE + "\n    A heron stands there.\n")
    prose = read(tmp_path / "site")
    tiny_site.put("snippets/a.py", SNIPPET.replace("print(x + 1)", "print(x + 1, 'egret')"))
    both = read(tmp_path / "site")
    assert [["heron" in text for text in texts] for texts in zip(before, prose, both)] == [[False, True, True]] * 4
    assert [["egret" in text for text in texts] for texts in zip(before, prose, both)] == [[False, False, True]] * 4
    tiny_site.both(PAGE)
    tiny_site.put("snippets/a.py", SNIPPET)
    kept = sorted((tiny_site.root / ".cache").rglob("*.kept"))
    assert len(kept) == 5  # the chapter woven; it and the home page converted, and indexed for search
    assert read(tmp_path / "site") == before
    whole = [path.read_bytes() for path in kept]
    other = b"0" * 64 + b"\ncno_such_module\nThing\n."  # what a version whose classes are gone has left
    for path, damaged in zip(kept, [b"", b"nonsense", whole[2][:100], whole[3][:-1], other]):
        path.write_bytes(damaged)
    assert read(tmp_path / "site") == before
    assert [path.read_bytes() for path in kept] == whole

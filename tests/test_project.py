"""The chapters as they stand: no mistake in any, every row proven, no record stale."""

import ast
import re
import sys
from pathlib import Path

import pytest

from press import chapters, records
from press.execute import run_python
from press.ledger import check_ledger, open_rows, read_ledger

ROOT = Path(__file__).resolve().parent.parent
PROJECT = chapters.Project(ROOT)


@pytest.mark.parametrize("stem", PROJECT.stems())
def test_both_languages_are_whole_and_alike(stem):
    """Census of fences, quotes and their order, headings and their ids, links, figures, admonitions, tables."""
    assert not (errors := chapters.check_chapter(PROJECT, stem)), "\n".join(map(str, errors))


def test_no_snippet_file_is_without_its_chapter():
    assert not (errors := chapters.check(PROJECT)), "\n".join(map(str, errors))


def test_every_row_with_a_home_is_named_there_in_both_languages():
    assert not (errors := check_ledger(PROJECT)), "\n".join(map(str, errors))


def proven_rows():
    """Rows that a test is marked with, read from the source of the tests."""
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        if path.parent.name != "press":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.ledger":
                    found |= {argument.value for argument in node.args}
    return found


def test_every_closed_row_has_a_test_marked_with_it():
    rows = set(read_ledger(PROJECT)["rows"])
    closed = rows - {row["id"] for row in open_rows(PROJECT)}
    assert proven_rows() <= rows
    assert closed <= proven_rows(), f"no test is marked with {sorted(closed - proven_rows())}"


@pytest.mark.parametrize("stem", PROJECT.chapters())
def test_every_chapter_has_its_test_file(stem):
    section, _, name = stem.rpartition("/")
    assert (ROOT / "tests" / section / f"test_{name}.py").is_file()


def test_no_record_is_stale():
    assert not (errors := records.stale_records(PROJECT)), "\n".join(map(str, errors))


@pytest.mark.parametrize("stem", PROJECT.chapters())
def test_snippets_import_only_what_a_reader_has(stem):
    readers = (ROOT / "requirements.txt").read_text(encoding="utf-8").split("# the site")[0]
    packages = set(re.findall(r"^([\w-]+)==", readers, re.MULTILINE))
    allowed = {{"scikit-learn": "sklearn"}.get(name, name) for name in packages} | {"IPython", "PIL", "packaging"}  # these come with matplotlib and Jupyter
    for cell in run_python(PROJECT.cells(stem).values()):
        if "raises-exception" in cell.tags:  # may import what does not exist
            continue
        for node in ast.walk(ast.parse(cell.source)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                top = name.split(".")[0]
                assert top in allowed or top in sys.stdlib_module_names, f"{cell.address} imports {name}"


@pytest.mark.parametrize("stem", PROJECT.chapters())
def test_prose_has_the_parts_of_a_chapter(stem):
    for language in chapters.LANGUAGES:
        page = PROJECT.page(language, stem)
        assert page.front.get("title") and page.front.get("description"), page.where
        ids = [identifier for _, _, identifier, _ in page.headings]
        assert ids[-1] == "summary", f"{page.where} does not end with its summary"
        assert any(kind == "abstract" for _, kind in page.counts()["admonition"][:1]), f"{page.where} does not open with what one will be able to do"


def test_chinese_prose_uses_full_width_punctuation():
    """A comma, colon, semicolon, question or exclamation mark between two Chinese characters is a full-width one."""
    for stem in PROJECT.stems():
        page = PROJECT.page("zh", stem)
        for line, text in page.prose_lines():
            bare = re.sub(r"`[^`]*`|\$[^$]*\$|\]\([^)]*\)", "", text)
            assert not (found := re.search(r"[\u4e00-\u9fff][,;:?!]+[\u4e00-\u9fff]", bare)), f"{page.where}:{line}: {found[0]}"

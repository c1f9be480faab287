"""The chapters as they stand: no mistake in any, every row proven, no record stale."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from press import records
from press.cells import run_python
from press.check import check, check_chapter
from press.ledger import check_ledger, open_rows, read_ledger
from press.project import Project
from press.tags import folded
from press.weave import reading_minutes

ROOT = Path(__file__).resolve().parent.parent
PROJECT = Project(ROOT, read_once=True)


@pytest.mark.parametrize("stem", PROJECT.stems())
def test_both_languages_are_whole_and_alike(stem):
    """Census of fences, quotes and their order, headings and their ids, links, figures, admonitions, tables."""
    assert not (errors := check_chapter(PROJECT, stem)), "\n".join(map(str, errors))


def test_there_is_no_mistake_that_can_be_found_without_executing():
    """No snippet file without its chapter, no link that leads nowhere, navigation, ledger, glossary and strings whole."""
    assert not (errors := check(PROJECT)), "\n".join(map(str, errors))


def test_every_row_with_a_home_is_named_there_in_both_languages():
    assert not (errors := list(check_ledger(PROJECT))), "\n".join(map(str, errors))


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
    for language in PROJECT.languages:
        page = PROJECT.page(language, stem)
        assert page.front.get("title") and page.front.get("description"), page.where
        ids = [identifier for _, _, identifier, _ in page.headings]
        assert ids[-1] == "summary", f"{page.where} does not end with its summary"
        assert next(re.finditer(r"^(?:!!!|\?\?\?\+?) (\w+)", page.body, re.MULTILINE))[1] == "abstract", f"{page.where} does not open with what one will be able to do"


def test_chinese_prose_uses_full_width_punctuation():
    """A comma, colon, semicolon, question or exclamation mark between two Chinese characters is a full-width one."""
    for stem in PROJECT.stems():
        page = PROJECT.page("zh", stem)
        for line, text in page.prose_lines():
            bare = re.sub(r"`[^`]*`|\$[^$]*\$|\]\([^)]*\)", "", text)
            assert not (found := re.search(r"[\u4e00-\u9fff][,;:?!]+[\u4e00-\u9fff]", bare)), f"{page.where}:{line}: {found[0]}"


# --- easy to read ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stem", PROJECT.chapters())
def test_no_chapter_takes_more_than_40_minutes(stem):
    assert reading_minutes(PROJECT, stem) <= 40, "cut the chapter, split it, or fold what only draws or prepares"


def test_snippets_are_at_most_84_columns_wide():
    """ruff, which `make test` runs, looks at Python; here are the shell lines."""
    rules = tomllib.loads((ROOT / "snippets/ruff.toml").read_text(encoding="utf-8"))
    assert rules["line-length"] == 84 and "E501" in rules["lint"]["extend-select"] and "E501" not in rules["lint"]["ignore"]
    for path in PROJECT.snippets.rglob("*.sh"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert len(line) <= 84, f"{PROJECT.path(path)}:{number} has {len(line)} columns"


def drawing(source):
    """(lines of a cell that are not blank, how many of them have to do with a figure)"""
    lines = [line for line in source.splitlines() if line.strip()]
    return len(lines), sum(bool(re.search(r"\b(ax|axes|fig|figure|plt)\b", line)) for line in lines)


def test_what_is_a_line_that_draws():
    assert drawing("fig, ax = plt.subplots()\n\nax.plot(x)\nfor axis in axes.flat:\n    axis.set_axis_off()\nmax(relax)\n") == (5, 3)


@pytest.mark.parametrize("stem", PROJECT.chapters())
def test_long_cells_that_mostly_draw_are_folded(stem):
    found = []
    for cell in PROJECT.cells(stem).values():
        lines, draw = drawing(cell.source)
        if lines > 15 and draw > lines / 2 and not folded(cell.tags):
            found.append(f"snippets/{cell.path}:{cell.line}: {cell.name} has {lines} lines, {draw} of which draw: tag it fold, or make it shorter")
    assert not found, "\n".join(found)


# --- the code itself -------------------------------------------------------------------------------------------------


def test_the_press_stays_small_enough_to_be_read():
    """What turns docs and snippets into a book, and the book into a site may shrink and not grow: 1,900 lines are the aim. 260 in a module, 150 in
    that of MkDocs' events."""
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "press").glob("*.py")}
    assert sum(lines.values()) <= 3380, f"{sum(lines.values())} lines"
    assert lines["hooks.py"] <= 150
    assert not {name: count for name, count in lines.items() if count > 260}


def test_functions_stay_small_enough_to_be_read():
    """ruff, which `make test` runs, counts branches and statements."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    assert {"C901", "PLR0915"} <= {*lint["select"], *lint.get("extend-select", ())} and not {"C901", "PLR0915"} & {*lint.get("ignore", ())}
    assert lint["mccabe"]["max-complexity"] <= 12 and lint["pylint"]["max-statements"] <= 45


FOLDERS = "docs", "snippets", "press", "theme", "tests", "tools", ".github", ".ci"
MACHINE = re.compile(r"(?<![\w./~-])(?:/(?:home|Users|root|work|tmp|mnt)/\w|[A-Za-z]:\\{1,2}Users\b)")


def test_nothing_names_a_folder_of_the_machine_it_was_written_on():
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    files += [path for path in ROOT.iterdir() if path.suffix in (".md", ".yml", ".toml", ".txt", ".py") or path.name == "Makefile"]
    found = []
    for path in files:
        text = path.read_bytes().decode("utf-8", "replace")
        wrong = [match[0] for match in MACHINE.finditer(text)] + [str(folder) for folder in (ROOT, Path.home()) if len(folder.parts) > 2 and str(folder) in text]
        found += [f"{path.relative_to(ROOT)}: {name}" for name in wrong]
    assert len(files) > 150 and not found, "\n".join(found)

"""The errata page: every row of the ledger, in both languages, with the section that teaches it and the cell that shows it."""

import ast
import re
from pathlib import Path

import pytest

from press.errata import PAGE, errata_page, place
from press.ledger import VERDICTS, open_rows, read_ledger
from press.project import Project

ROOT = Path(__file__).resolve().parent.parent
PROJECT = Project(ROOT, read_once=True)
LANGUAGES = PROJECT.languages
LEDGER = read_ledger(PROJECT)
ROWS = list(LEDGER["rows"].values())
OPEN = {row["id"] for row in open_rows(PROJECT)}


def words(language):
    return PROJECT.words(language)["errata"]


PAGES = {language: errata_page(PROJECT, language) for language in LANGUAGES}
BLOCKS = {(language, block[1]): block[0] for language in LANGUAGES
          for block in re.finditer(r'<div class="erratum" id="(n\d-\d+)".*?\n\n</div>', PAGES[language], re.DOTALL)}


def test_the_pages_hold_every_row_once():
    assert sorted(BLOCKS) == sorted((language, row["id"]) for language in LANGUAGES for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_a_row_says_what_was_said_what_holds_and_where(row):
    for language in LANGUAGES:
        block = BLOCKS[language, row["id"]]
        assert row["said"][language] in block and row["today"][language] in block
        assert f'data-note="{row["note"]}"' in block and f'data-verdict="{row["verdict"]}"' in block
        assert words(language)["verdicts"][row["verdict"]] in block
        links = re.findall(r"\]\(([^)]+\.md#[^)]+)\)", block.split("<b>")[0])
        assert bool(links) == (row["id"] not in OPEN)
        assert (words(language)["open"] in block.split("<b>")[0]) == (row["id"] in OPEN)
        for link in links:
            file, _, anchor = link.partition("#")
            stem = (ROOT / "docs/zh" / PAGE).parent.joinpath(file).resolve().relative_to(ROOT / "docs/zh").with_suffix("").as_posix()
            assert stem == row["home"]
            assert anchor in {identifier for _, _, identifier, _ in PROJECT.page(language, stem).headings}
        if "cell" in row and links:
            assert f'href="../../{row["home"]}/#cell-{row["cell"]}"' in block


def test_a_row_leads_to_the_section_where_it_is_taught():
    row = LEDGER["rows"]["n2-11"]
    page = PROJECT.page("en", row["home"])
    line = next(line for line, name in page.ledger if name == "n2-11")
    section = place(PROJECT, "en", row)[2]
    start = next(number for number, _, identifier, _ in page.headings if identifier == section)
    after = [number for number, *_ in page.headings if number > start]
    assert start < line < after[0]


def test_buttons_count_their_rows():
    for language in LANGUAGES:
        found = {match[1]: int(match[2]) for match in re.finditer(r'data-value="([^"]+)".*?<small>(\d+)</small>', PAGES[language])}
        for verdict in VERDICTS:
            assert found[verdict] == sum(row["verdict"] == verdict for row in ROWS)
        for note in LEDGER["sources"]:
            assert found[note] == sum(row["note"] == note for row in ROWS)
        assert found["open"] == len(OPEN) and found["closed"] == len(ROWS) - len(OPEN)


def marked_tests():
    """{row: source of the tests that are marked with it}"""
    found = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            for decorator in getattr(node, "decorator_list", ()):
                for call in ast.walk(decorator):
                    if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.ledger":
                        for argument in call.args:
                            found[argument.value] = found.get(argument.value, "") + ast.unparse(node)
    return found


def test_the_cell_that_shows_a_row_is_one_that_its_test_looks_at():
    tests = marked_tests()
    for row in ROWS:
        if "cell" in row and row["id"] not in OPEN:
            assert f"'{row['cell']}'" in tests[row["id"]], f"no test of {row['id']} looks at {row['home']}:{row['cell']}"


def test_most_rows_have_a_cell():
    """Those without one are about dates, names and intentions, which no code shows."""
    without = [row["id"] for row in ROWS if row["id"] not in OPEN and "cell" not in row]
    assert without == ["n0-01", "n0-03", "n1-03", "n1-05", "n2-01", "n2-03", "n2-04"]

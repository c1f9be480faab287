"""Languages are a list: a third one is a configuration and a folder, and is checked, woven and staged like the two that are there."""

import json
import re
import textwrap

import nbformat
import pytest
import yaml

from press.check import check
from press.errata import errata_page
from press.glossary import glossary_page, read_glossary
from press.project import Loader, PressError
from press.stage import stage
from press.weave import reading_minutes
from tests.tiny import GLOSSARY, PAGE, STRINGS, Mini, firsts, quiet


def french(root):
    """The tiny project with a glossary, an errata page and a third language."""
    mini = Mini(root)
    mini.put("glossary.yml", GLOSSARY)
    mini.both("# E {#errata}\n\n<!-- errata -->\n", "appendix/errata")
    mini.both("# G {#glossary}\n\n<!-- glossary -->\n", "appendix/glossary")
    mini.add_language("fr")
    return mini


@pytest.fixture
def three(tmp_path):
    return french(tmp_path / "project")


def load(mini, name):
    return yaml.load((mini.root / name).read_text(encoding="utf-8"), Loader)


def test_the_first_language_is_that_of_the_root_and_the_others_follow_by_the_alphabet(three):
    assert three.languages == ("zh", "en", "fr") and check(three) == []
    three.put("mkdocs.yml", "theme: {language: fr}\n")
    assert three.languages == ("fr", "en", "zh") and check(three) == []
    three.put("mkdocs.yml", "{}\n")
    assert three.languages == ("en", "fr", "zh")


def test_page_missing_in_the_third_language_alone(three):
    (three.docs / "fr/a.md").unlink()
    (error,) = check(three)
    assert str(error) == "docs/fr/a.md: this translation is missing\n  -> write it beside docs/zh/a.md, with the same headings and quotes"


def test_page_that_the_third_language_alone_has(three):
    three.put("docs/fr/b.md", "# B {#b}\n")
    assert firsts(check(three))[0] == "docs/zh/b.md: this translation is missing" and "docs/fr/b.md" in str(check(three)[0])


@pytest.mark.parametrize("old, new, problem", [
    ("## B {#b}", "## B {#c}", "docs/zh/a.md:13: heading ## {#b}, where docs/fr/a.md:13 has ## {#c}"),
    ("## B {#b}", "## B {#b}\n\n[x](#b)", "docs/fr/a.md:15: link #b stands in this language only (1 here, 0 in docs/zh/a.md)"),
    ("<!-- ledger: n0-01 -->", "", "docs/zh/a.md:7: ledger row n0-01 stands in this language only (1 here, 0 in docs/fr/a.md)"),
    ("## B {#b}", "!!! tip\n\n    x\n\n## B {#b}", "docs/fr/a.md:13: admonition tip stands in this language only (1 here, 0 in docs/zh/a.md)"),
    ("a.py:one", "a.py:won", "docs/fr/a.md:10: snippets/a.py has no cell 'won'"), ("# A {#a}", "# A {#é}", "docs/fr/a.md:5: the id #é is not ASCII"),
    ("## B {#b}", "[x](b.md)\n\n## B {#b}", "docs/fr/a.md:13: the link b.md leads to no page"),
])
def test_difference_in_the_third_language_alone(three, old, new, problem):
    three.edit("docs/fr/a.md", old, new)
    found = firsts(check(three))
    assert problem in found and not [error for error in found if "docs/en/" in error]


def test_row_of_the_ledger_without_its_text_in_the_third_language(three):
    ledger = load(three, "ledger.yml")
    del ledger["rows"][1]["today"]["fr"]
    three.put("ledger.yml", json.dumps(ledger))
    (error,) = check(three)
    assert firsts([error]) == ["ledger.yml: row n0-02 is incomplete"] and "zh and en and fr" in str(error)


def test_row_that_the_third_language_alone_does_not_name(three):
    three.edit("docs/fr/a.md", "n0-01", "")
    assert "docs/fr/a.md: row n0-01 of ledger.yml has its home here and is not named" in firsts(check(three))


@pytest.mark.parametrize("field", ["fr", "line_fr"])
def test_term_without_the_third_language(three, field):
    terms = load(three, "glossary.yml")
    del terms[0][field]
    three.put("glossary.yml", json.dumps(terms))
    assert firsts(check(three)) == [f"glossary.yml: the term '{'nought (fr)' if field == 'line_fr' else 'nought'}' has no {field}"]


def test_string_that_the_third_language_lacks(three):
    three.strings("fr", {name: text for name, text in STRINGS["en"].items() if name not in ("foot", "minutes")})
    (error,) = check(three)
    assert str(error) == "mkdocs.fr.yml: extra.strings lacks foot, minutes\n  -> say it in this language, as mkdocs.zh.yml does"
    with pytest.raises(PressError, match="mkdocs.fr.yml: extra.strings lacks"):
        stage(three)
    assert not three.book("zh").exists()


def test_the_glossary_is_a_table_with_a_column_for_each_language(three):
    assert glossary_page(three, "fr") == textwrap.dedent("""\
        | FR | 中文 | English | In one line |
        |---|---|---|---|
        | [letter (fr)](../a.md#b) | 甲 | letter | the first (fr) |
        | [nought (fr)](../a.md#a) | 零 | nought | nothing (fr) |""")
    assert glossary_page(three, "zh").splitlines()[2:] == ["| [甲](../a.md#b) | letter | letter (fr) | 第一 |", "| [零](../a.md#a) | nought | nought (fr) | 没有 |"]
    assert len(read_glossary(three)) == 2


def test_the_errata_are_told_in_the_third_language(three):
    page = errata_page(three, "fr")
    assert "## zero (fr) {#n0}" in page and "said (fr)" in page and "today (fr)" in page and "said\n" not in page
    assert re.findall(r"\]\(([^)]+)\)", page) == ["../a.md#a"]


def test_reading_takes_as_long_as_in_the_slowest_language(three):
    assert reading_minutes(three, "a") == 5
    three.put("docs/fr/a.md", textwrap.dedent(PAGE) + "\n" + "mot " * 1950)
    assert reading_minutes(three, "a") == 15


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    """(project in three languages, lines of progress), staged once."""
    mini, lines = french(tmp_path_factory.mktemp("staged") / "project"), []
    mini.strings("fr", STRINGS["en"] | {"name": "Français", "meta": "{minutes} minutes de lecture", "output": "Sortie", "foot": "exécuté en {seconds} s"})
    mini.edit("docs/fr/a.md", "## B {#b}", "Voir [B](#b), [l'autre](appendix/glossary.md) et [soi](a.md#b).\n\n## B {#b}")
    for language in ("zh", "en"):
        mini.edit(f"docs/{language}/a.md", "## B {#b}", "[B](#b), [x](appendix/glossary.md), [y](a.md#b).\n\n## B {#b}")
    stage(mini, report=lines.append)
    return mini, lines


def test_one_execution_serves_all_languages(staged):
    mini, lines = staged
    assert len(lines) == 1 and lines[0].startswith("executed 1 of 1: a, ")
    outputs = [[cell.outputs for cell in nbformat.read(mini.book(language) / "a.ipynb", 4).cells if cell.cell_type == "code"] for language in mini.languages]
    assert outputs[0] == outputs[1] == outputs[2] and len(outputs[0]) == 2


def test_the_book_of_the_third_language_is_whole(staged):
    mini, _ = staged
    files = [{path.relative_to(mini.book(language)).as_posix() for path in mini.book(language).rglob("*") if path.is_file()} for language in mini.languages]
    assert files[0] == files[1] == files[2] == {"a.ipynb", "a/pytorch-a.ipynb", "a/pytorch-a.py", "appendix/errata.md", "appendix/glossary.md"}
    notebook = nbformat.read(mini.book("fr") / "a.ipynb", 4)
    nbformat.validate(notebook)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "5 minutes de lecture" in prose and "exécuté en " in prose and notebook.metadata.press.output == "Sortie"
    assert "Voir [B](#b), [l'autre](appendix/glossary.md) et [soi](a.ipynb#b)." in prose
    assert (mini.book("fr") / "appendix/glossary.md").read_text(encoding="utf-8").count("(fr)") == 4


def test_a_language_that_is_gone_leaves_no_book(tmp_path):
    mini = french(tmp_path / "project")
    stage(mini, report=quiet)
    assert (mini.book("fr") / "a.ipynb").is_file()
    (mini.root / "mkdocs.fr.yml").unlink()
    lines = []
    stage(mini, report=lines.append)
    assert mini.languages == ("zh", "en") and not mini.book("fr").exists() and (mini.book("en") / "a.ipynb").is_file() and lines == []


def test_an_edit_to_one_language_writes_its_book_alone(staged):
    mini, _ = staged
    before = {path: path.stat().st_mtime_ns for path in (mini.cache / "book").rglob("*") if path.is_file()}
    mini.edit("docs/fr/a.md", "Voir", "Voyez")
    lines = []
    stage(mini, report=lines.append)
    changed = {path.relative_to(mini.cache / "book").as_posix() for path, at in before.items() if path.stat().st_mtime_ns != at}
    assert changed == {"fr/a.ipynb", "fr/a/pytorch-a.ipynb", "fr/a/pytorch-a.py"} and lines == []



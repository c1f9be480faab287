"""What a tag means stands in one table: a row more works for check, run, page and test, and nothing else is touched."""

import re

import nbformat
import pytest

from press.check import check
from press.execute import execute
from press.export import guard
from press.stage import stage_language
from press.tags import TAGS, Tag, folded, missing, varies
from tests.run import run_cell, runnable
from tests.tiny import ROOT, STRINGS, firsts, quiet


@pytest.fixture
def windy(mini, monkeypatch):
    """A project with two tags of its own: `wind`, for cells that need wind, and `tide`, for those whose output depends on it and is an error."""
    monkeypatch.setitem(TAGS, "wind", Tag(needs="wind", not_run="no_wind", skip="needs wind", guard=("if wind():\n", "")))
    monkeypatch.setitem(TAGS, "tide", Tag(gives="error", note="of_tide", varies=True))
    for language, strings in STRINGS.items():
        mini.strings(language, strings | {"no_wind": f"no wind ({language})", "of_tide": f"the tide ({language})"})
    mini.chapter("""\
        # %% calm
        x = 1

        # %% sail tags=["wind"]
        raise SystemExit

        # %% swim tags=["tide"]
        raise ValueError(object())
        """)
    mini.put("snippets/a.sh", '# %% row tags=["wind"]\nrow\n')
    for language in mini.languages:
        page = mini.docs / language / "a.md"
        page.write_text(page.read_text(encoding="utf-8") + '```sh\n--8<-- "a.sh:row"\n```\n', encoding="utf-8")
    return mini


def test_a_new_tag_is_known_to_the_check(windy):
    assert check(windy) == []
    windy.edit("snippets/a.py", '"wind"', '"wand"')
    (error,) = check(windy)
    assert firsts([error]) == ["snippets/a.py:4: unknown tag 'wand'"] and "did you mean 'wind'?" in str(error) and "tide, timing" in str(error)


def test_a_new_tag_decides_what_is_run_and_what_the_page_says(windy):
    execution = execute(windy, ["a"], report=quiet)["a"]
    assert list(execution.outputs) == ["a.py:calm", "a.py:swim"] and execution.outputs["a.py:swim"][0]["ename"] == "ValueError"
    for language in windy.languages:
        cells = nbformat.reads(stage_language(windy, language, {"a": execution})["a.ipynb"], 4).cells
        told = {cell.metadata.press.name: (cell.metadata.press.status, cell.metadata.press.notes, cell.metadata.press.varies) for cell in cells if cell.cell_type == "code"}
        assert told == {"calm": ("run", [], False), "sail": ("not-run", [f"no wind ({language})"], False), "swim": ("run", [f"the tide ({language})"], True),
                        "row": ("not-run", [f"no wind ({language})"], False)}


def test_a_new_tag_decides_what_the_tests_run(windy):
    cells = windy.cells("a")
    assert [runnable(cells[f"a.py:{name}"]) for name in ("calm", "sail", "swim")] == [None, "needs wind", None]
    assert isinstance(run_cell(cells["a.py:swim"], {}).error, ValueError)
    windy.edit("snippets/a.py", "raise ValueError(object())", "x = 2")
    with pytest.raises(AssertionError, match="a.py:swim is tagged raises-exception and does not raise"):
        run_cell(windy.cells("a")["a.py:swim"], {})


def test_a_new_tag_guards_its_cells_in_the_script(windy):
    assert guard(windy.cells("a")["a.py:sail"]) == "if wind():\n    raise SystemExit\n"


def test_folded_cells_are_run_as_any_other(mini):
    mini.cell("x = 1\nx\n", ' tags=["fold"]')
    cell = mini.cells("a")["a.py:it"]
    assert folded(cell.tags) and not folded(("gpu", "timing")) and runnable(cell) is None and run_cell(cell, {}).value == 1
    assert guard(cell) == "x = 1\nx\n"


@pytest.mark.parametrize("tags, cuda, lacking", [
    ((), False, []), (("gpu",), False, ["gpu"]), (("gpu",), True, []), (("network", "gpu"), True, ["network"]), (("gpu", "network", "timing"), False, ["network", "gpu"]), (("screen",), True, ["screen"]),
])
def test_what_a_cell_lacks(tags, cuda, lacking):
    assert missing(tags, cuda) == lacking and varies(tags) == ("timing" in tags)


def test_every_tag_is_told_of_in_every_language_and_to_contributors():
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([\w-]+)` \|", contributing, re.MULTILINE)) == set(TAGS)
    for row in TAGS.values():
        for strings in STRINGS.values():
            assert all(key in strings for key in (row.not_run, row.recorded, row.note) if key)
        assert not row.needs or row.skip and row.not_run

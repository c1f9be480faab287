"""Mistakes in links, navigation, ledger, glossary and strings are found before anything is executed, all at once, each where it stands."""

import json
import textwrap

import pytest

from press.check import check, check_chapter, raise_mistakes
from press.project import PressError, PressErrors, Project
from tests.tiny import GLOSSARY, LEDGER, PAGE, STRINGS, firsts


def below(mini, text, language="zh"):
    """Put `text` at the end of a page in every language, and give the mistakes of one of them."""
    mini.both(f"{textwrap.dedent(PAGE)}\n{text}\n")
    return [error for error in check(mini) if str(error).startswith(f"docs/{language}/")]


# --- links -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def linked(mini):
    """A project with a second page, in a folder, a file beside it, and the errata."""
    mini.both("# B {#b}\n\n## C {#c}\n\n<span id=\"d\"></span>\n\n[e](../a.md){#e}\n", "more/b")
    mini.both("# E {#errata}\n\n<!-- errata -->\n", "appendix/errata")
    for language in mini.languages:
        mini.put(f"docs/{language}/more/file.txt", "x")
    return mini


@pytest.mark.parametrize("link", [
    "[x](more/b.md)", "[x](more/b.md#c)", "[x](more/b.md#d)", "[x](more/b.md#e)", "[x](#b)", "[x](#cell-one)", "[x](a.md#cell-two)", "[x](./a.md)", "[x](more/../a.md)",
    "[x](more/file.txt)", "[x](appendix/errata.md#n0)", "[x](appendix/errata.md#n0-02)", "[x](<more/b.md#c>)", '[x](more/b.md#c "title")', "[x](more%2Fb.md)",
    "[x]: more/b.md\n\n[y][x]", "[x\ny](more/b.md)", "[x](https://pytorch.org/#nowhere)", "[x](HTTPS://pytorch.org)", "[x](mailto:a@b.c)", "<https://nowhere.md>", "[x](//pytorch.org)",
    "`[x](nowhere.md)`", "<!-- [x](nowhere.md) -->", "```text\n[x](nowhere.md)\n```", "$[x](nowhere.md)$", "\\[x](nowhere.md)",
])
def test_links_that_lead_somewhere_or_are_none(linked, link):
    assert below(linked, link) == []


@pytest.mark.parametrize("link, line, problem, remedy", [
    ("[x](more/bb.md)", 19, "the link more/bb.md leads to no page", "did you mean 'more/b'?"),
    ("[x](b.md)", 19, "the link b.md leads to no page", "relative to this one"),
    ("[x](../a.md)", 19, "the link ../a.md leads to no page", ""),
    ("[x](more/b.md#cc)", 19, "the link more/b.md#cc leads to no heading: docs/zh/more/b.md has no #cc", "did you mean 'c'?"),
    ("[x](#bb)", 19, "the link #bb leads to no heading: docs/zh/a.md has no #bb", "did you mean 'b'?"),
    ("[x](#没有)", 19, "the link #没有 leads to no heading: docs/zh/a.md has no #没有", "id of a heading"),
    ("[x](#cell-three)", 19, "the link #cell-three leads to no heading: docs/zh/a.md has no #cell-three", ""),
    ("[x](appendix/errata.md#n0-03)", 19, "the link appendix/errata.md#n0-03 leads to no heading: docs/zh/appendix/errata.md has no #n0-03", "did you mean 'n0-0"),
    ("[x](more/file.tx)", 19, "the link more/file.tx leads to no file", "its ending .md"), ("[x](more/b)", 19, "the link more/b leads to no file", "its ending .md"),
    (f"[x](</{__file__.lstrip('/')}>)", 19, f"the link /{__file__.lstrip('/')} leads to no file", "relative to this page"),
    ("[x](/zh/a/)", 19, "the link /zh/a/ leads to no file", "relative to this page"), ("![x](x.png)", 19, "the link x.png leads to no file", ""),
    ("x\n\n[x]: nowhere.md", 21, "the link nowhere.md leads to no page", ""), ("x\n[a\nb](nowhere.md)", 20, "the link nowhere.md leads to no page", ""),
    ('<a href="a.md">x</a>', 19, "MkDocs does not follow the link a.md in raw HTML", "write [text](a.md)"), ("!!! note\n\n    - [x](nowhere.md)", 21, "the link nowhere.md leads to no page", ""),
    ("| a | b |\n|---|---|\n| 1 | [x](nowhere.md) |", 21, "the link nowhere.md leads to no page", ""), ("[x](now%20here.md)", 19, "the link now%20here.md leads to no page", ""),
    ("[![x](x.png)](more/b.md)", 19, "the link x.png leads to no file", ""),
])
def test_link_that_leads_nowhere_is_named_with_file_and_line(linked, link, line, problem, remedy):
    """By the press, for every form of link; MkDocs, which finds some of them, says no line."""
    (error,) = below(linked, link)
    assert firsts([error]) == [f"docs/zh/a.md:{line}: {problem}"] and remedy in str(error).split("->")[1]


def test_links_are_checked_in_every_language_and_on_plain_pages(linked):
    linked.both("# B {#b}\n\n[x](nowhere.md)\n", "more/b")
    assert firsts(check(linked)) == [f"docs/{language}/more/b.md:3: the link nowhere.md leads to no page" for language in ("zh", "en")]


# --- what Markdown would read as something else ----------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    "!!! note\n\n    x", "!!! tip inline end \"x\"\n\n    x", "??? question\n\n    x", "`!!! notes`", "```text\n!!! notes\n    x\n```", "a\n\n- b\n- c", "a\n\n1. b", "- a\n    - b",
    "a - b\n\n| x | y |\n|---|---|\n| 1 | 2 |", "# not\n".replace("# ", "\\# "), "`<pre>` and `<script>`", "```text\n<pre>x</pre>\n```", "!!! note\n\n    a\n\n    b", "- a\n\n    b", "a\n    b",
    "!!! note\n    - a", '=== "Tab"\n\n    - a', "> a\n>\n> - b",
])
def test_markup_that_means_what_it_says(linked, text):
    assert below(linked, text) == []


@pytest.mark.parametrize("text, line, problem, remedy", [
    ("!!! notes\n\n    x", 19, "there is no admonition 'notes'", "did you mean 'note'?"), ("a\n- b", 20, "Markdown sees no list or table here, since text stands right above", "blank line"),
    ("a\n1. b", 20, "Markdown sees no list or table here, since text stands right above", "blank line"),
    ("a\n| x | y |\n|---|---|\n| 1 | 2 |", 21, "Markdown sees no list or table here, since text stands right above", "blank line"),
    ("a\n\n    x = 1", 21, "a raw block of code, by its indentation: it is not proven", "quote it"), ("<pre>x = 1</pre>", 19, "raw HTML with code", "quote it"),
    ("<script>x</script>", 19, "raw HTML with code", "quote it"),
])
def test_markup_that_would_be_read_as_something_else(linked, text, line, problem, remedy):
    (error,) = below(linked, text)
    assert firsts([error]) == [f"docs/zh/a.md:{line}: {problem}"] and remedy in str(error).split("->")[1]


def test_figure_whose_quotation_marks_are_not_straight(mini):
    mini.both(textwrap.dedent(PAGE).replace("\n## B", "\n![a](a.py:one “c”)\n\n## B"))
    assert firsts(check(mini))[0] == "docs/zh/a.md:13: this figure cannot be read" and "straight quotation marks" in str(check(mini)[0])


@pytest.mark.parametrize("text", ["x\n\n# A {#a}", "# A {#a}\n\n# C {#c}", "## C {#c}\n\n# A {#a}", "x"])
def test_page_that_does_not_open_with_its_one_title(mini, text):
    mini.both(textwrap.dedent(PAGE).replace("# A {#a}", text, 1))
    assert "docs/zh/a.md:4: a page opens with its one first-level heading" in firsts(check(mini))


@pytest.mark.parametrize("name", ["b.markdown", "more/b.ipynb", "b.mkd"])
def test_file_that_mkdocs_would_take_for_a_page(mini, name):
    mini.put(f"docs/en/{name}", "{}")
    assert firsts(check(mini)) == [f"docs/en/{name}: this is no chapter"]


def test_backups_of_editors_and_notebooks_are_no_chapters(mini):
    mini.put("docs/zh/.a.md", "#\n")
    mini.put("docs/zh/.ipynb_checkpoints/b.md", "#\n")
    mini.put("snippets/.ipynb_checkpoints/a-checkpoint.py", "#\n")
    assert check(mini) == [] and mini.stems() == ["a"]


# --- folds -----------------------------------------------------------------------------------------------------------


def titled(mini, language, title):
    mini.edit(f"docs/{language}/a.md", '```python\n--8<-- "a.py:two"', f'```python{title}\n--8<-- "a.py:two"')


@pytest.mark.parametrize("title", ["画", 'a "b" c', "a < b & c", "  a ", 'a="b', "$x$ *y* [z](w)"])
def test_folded_cell_has_a_title_in_each_language(mini, title):
    mini.fold(zh=title, en="Draw")
    assert check(mini) == [] and [quote.title for quote in mini.page("zh", "a").quotes] == [None, title.strip()]


@pytest.mark.parametrize("title", ["", ' title=""', ' title="  "', " title=x", " title='x'", ' title="x', ' titel="x"'])
def test_folded_cell_without_a_title(mini, title):
    mini.fold(en="Draw")
    titled(mini, "zh", title)
    error = next(error for error in check(mini) if "title" in str(error))
    assert firsts([error]) == ["docs/zh/a.md:15: a.py:two is folded, and has no title"] and 'what it does: ```python title="…"' in str(error)


@pytest.mark.parametrize("title", [' title="x"', " title=x", " title='x'", ' title=""', ' hl_lines="1" title="x"'])
def test_title_of_a_cell_that_is_not_folded(mini, title):
    for language in mini.languages:
        titled(mini, language, title)
    errors = check(mini)
    assert firsts(errors) == [f"docs/{language}/a.md:15: a.py:two has a title, and is not folded" for language in mini.languages]
    assert 'tags=["fold"]' in str(errors[0])


def test_all_but_the_title_of_a_fold_is_the_same_in_every_language(mini):
    mini.fold(zh='画" hl_lines="1', en="Draw")
    assert firsts(check(mini)) == ['docs/zh/a.md:15: fence info python hl_lines="1", where docs/en/a.md:15 has python']
    mini.edit("docs/en/a.md", 'title="Draw"', 'hl_lines="1" title="Draw"')
    assert check(mini) == []


def test_backtick_in_the_line_of_a_fence(mini):
    """Markdown would read a fence with one as text."""
    mini.fold(zh="画 `x`", en="Draw")
    assert firsts(check(mini))[0] == "docs/zh/a.md:15: a backtick in the line that opens a fence, where Markdown would see none"


# --- navigation ------------------------------------------------------------------------------------------------------


def test_navigation_names_every_page_once(linked):
    linked.put("mkdocs.yml", "theme: {language: zh}\nnav: [a.md, more: [more/b.md], appendix: [appendix/errata.md]]\n")
    assert check(linked) == [] and linked.sections() == [(None, ["a"]), ("more", ["more/b"]), ("appendix", ["appendix/errata"])]
    linked.put("mkdocs.yml", "theme: {language: zh}\nnav: [a.md, a.md, more: [more/bb.md]]\n")
    assert firsts(check(linked)) == ["mkdocs.yml: nav has a.md twice", "mkdocs.yml: nav has more/bb.md, a page that does not exist",
                                     "mkdocs.yml: nav does not have appendix/errata.md", "mkdocs.yml: nav does not have more/b.md"]
    assert "did you mean 'more/b'?" in str(check(linked)[1])


# --- what stands beside the chapters ---------------------------------------------------------------------------------


def test_a_string_within_a_string(mini):
    """The verdicts of the errata page, the names of the palettes."""
    strings = json.loads(json.dumps(STRINGS["en"]))
    del strings["errata"]["verdicts"]["kept"], strings["palette"][2]
    mini.strings("en", strings)
    assert firsts(check(mini)) == ["mkdocs.en.yml: extra.strings lacks errata.verdicts.kept, palette.2"]


@pytest.mark.parametrize("file, text, problem", [
    ("ledger.yml", "", "ledger.yml: the ledger has another form"), ("ledger.yml", "- 1", "ledger.yml: the ledger has another form"),
    ("ledger.yml", "sources: {}\nrows: [x: y: z]", "ledger.yml:2: this is not YAML: "),
    ("ledger.yml", LEDGER.replace("id: n0-02", "id: n0-01"), "ledger.yml: row n0-01 stands twice"),
    ("ledger.yml", LEDGER.replace("note: n0", "note: n9", 1), "ledger.yml: row n0-01 belongs to an unknown note 'n9'"),
    ("ledger.yml", LEDGER.replace("kept", "sept"), "ledger.yml: row n0-01 has an unknown verdict 'sept'"),
    ("ledger.yml", LEDGER.replace("id: n0-02, ", ""), "ledger.yml: row number 2 has no id"), ("ledger.yml", LEDGER + "  - x\n", "ledger.yml: row number 3 has no id"),
    ("glossary.yml", "x: y", "glossary.yml: the glossary has another form"), ("glossary.yml", "- x", "glossary.yml: the glossary has another form"),
    ("glossary.yml", "- {zh: 零}", "glossary.yml: the term '零' has no en"), ("glossary.yml", "- zh: x: y", "glossary.yml:1: this is not YAML: "),
    ("glossary.yml", GLOSSARY.replace("anchor: b", "anchor: z"), "glossary.yml: the term 'letter' points to a#z, which does not exist"),
    ("glossary.yml", GLOSSARY.replace("letter", "Nought"), "glossary.yml: the term 'Nought' stands twice"),
    ("ledger.yml", LEDGER.replace("home: a,", "home: a, home: b,"), "ledger.yml:4: this is not YAML: 'home' stands twice"),
    ("glossary.yml", GLOSSARY.replace("en: letter", "zh: 乙, en: letter"), "glossary.yml:3: this is not YAML: 'zh' stands twice"),
    ("mkdocs.yml", "a: b: c", "mkdocs.yml:1: this is not YAML"),
    ("mkdocs.en.yml", "extra: {strings: {}}", "mkdocs.en.yml: extra.strings lacks claims, errata, foot, "), ("mkdocs.en.yml", "", "mkdocs.en.yml: extra.strings lacks claims, errata, foot, "),
])
def test_mistake_in_a_file_beside_the_chapters(mini, file, text, problem):
    """`press check` omitted the glossary and the strings, on which the build then failed."""
    mini.put(file, text)
    try:
        found = check(mini)
    except PressError as error:
        found = [error]
    assert len(found) == 1 and firsts(found)[0].startswith(problem) and "  -> " in str(found[0])


def test_all_mistakes_are_told_at_once(linked):
    """One of each kind, in files of their own: no round of mending hides the next."""
    linked.put("mkdocs.yml", "theme: {language: zh}\nnav: [a.md, more: [more/b.md]]\n")
    linked.put("glossary.yml", GLOSSARY.replace("anchor: b", "anchor: z"))
    linked.put("ledger.yml", LEDGER.replace("home: a", "home: more/b"))
    linked.strings("en", {name: text for name, text in STRINGS["en"].items() if name != "foot"})
    linked.put("snippets/c.py", "# %% one\n1\n")
    linked.edit("docs/en/a.md", "## B {#b}", "## B")
    linked.edit("docs/en/more/b.md", "../a.md", "../aa.md")
    found = "\n".join(firsts(check(linked)))
    for problem in ("docs/en/a.md:13: the heading 'B' has no id", "docs/zh/a.md:13: heading ## {#b}, where docs/en/a.md:13 has ##", "docs/en/more/b.md:7: the link ../aa.md leads to no page",
                    "snippets/c.py: no chapter quotes this snippet file", "mkdocs.yml: nav does not have appendix/errata.md", "mkdocs.en.yml: extra.strings lacks foot",
                    "glossary.yml: the term 'letter' points to a#z", "docs/zh/a.md:7: row n0-01 has its home in more/b"):
        assert problem in found, found
    with pytest.raises(PressErrors) as caught:
        raise_mistakes(linked)
    assert str(caught.value) == "\n\n".join(map(str, check(linked)))


def test_what_cannot_be_read_is_told_of_once_and_hides_nothing_of_other_pages(linked):
    linked.put("snippets/a.py", "# %% one\nx = (\n")
    linked.edit("docs/en/more/b.md", "## C {#c}", "## C")
    found = firsts(check(linked))
    assert found.count("snippets/a.py:2: cell 'one': syntax error: '(' was never closed") == 1
    assert "docs/en/more/b.md:3: the heading 'C' has no id" in found


def test_one_page_can_be_checked_by_itself(linked):
    linked.edit("docs/en/more/b.md", "## C {#c}", "## C")
    assert check_chapter(linked, "a") == [] and len(check_chapter(linked, "more/b")) == 2


# --- the project itself ----------------------------------------------------------------------------------------------


def test_a_project_that_has_no_language(tmp_path):
    (tmp_path / "mkdocs.yml").write_text("theme: {language: zh}\n")
    with pytest.raises(PressError, match="mkdocs.yml: there is no language\n  -> a language is a file mkdocs.<code>.yml"):
        check(Project(tmp_path))


def test_configuration_may_hold_what_matters_to_mkdocs_alone(mini):
    mini.put("mkdocs.yml", "site_url: !ENV [SITE_URL, x]\ntheme: {language: zh}\nx: !!python/name:material.extensions.emoji.to_svg\n")
    assert check(mini) == [] and mini.languages == ("zh", "en")


def test_a_read_once_project_reads_each_file_once(mini):
    project = Project(mini.root, read_once=True)
    assert project.page("zh", "a") is project.page("zh", "a") and project.cells("a") is project.cells("a")
    assert mini.page("zh", "a") is not mini.page("zh", "a")

"""Every mistake that a writer can make is named with file and line, and told what to do about it."""

import re
import textwrap
from functools import cache

import markdown
import pytest
import yaml
from bs4 import BeautifulSoup

from press.check import check
from press.ledger import open_rows, read_ledger, summary
from press.project import Loader, PressError
from tests.tiny import LEDGER, PAGE, ROOT, SNIPPET, firsts

QUOTE_ONE = '```python\n    --8<-- "a.py:one"\n    ```'


def only_error(project):
    errors = check(project)
    assert len(errors) == 1, "\n".join(map(str, errors))
    place, remedy = str(errors[0]).split("\n  -> ")
    assert remedy.strip()
    return place, remedy


def test_the_tiny_project_is_right(mini):
    assert check(mini) == []


def replace(mini, old, new, languages=("zh", "en")):
    assert old in PAGE
    for language in languages:
        mini.put(f"docs/{language}/a.md", PAGE.replace(old, new))


def test_quote_of_a_missing_cell_suggests_the_nearest(mini):
    replace(mini, "a.py:two", "a.py:tow")
    place, remedy = only_error(mini)
    assert place == "docs/zh/a.md:16: snippets/a.py has no cell 'tow'"
    assert "did you mean 'two'?" in remedy


def test_quote_of_a_missing_file_suggests_the_nearest(mini):
    replace(mini, "a.py:two", "aa.py:two")
    place, remedy = only_error(mini)
    assert place == "docs/zh/a.md:16: there is no snippet file 'aa.py'"
    assert "did you mean 'a.py'?" in remedy


@pytest.mark.parametrize("address", ["../secret.py:one", "/etc/passwd:one", "x/../../secret.py:one"])
def test_quote_that_leaves_snippets(mini, address):
    mini.put("secret.py", "# %% one\n1\n")
    replace(mini, "a.py:two", address)
    assert only_error(mini)[0] == f"docs/zh/a.md:16: {address!r} leaves snippets/"


def test_quote_of_another_chapter(mini):
    mini.put("snippets/b.py", "# %% one\n1\n")
    mini.both('# B {#b}\n\n```python\n--8<-- "b.py:one"\n```\n', "b")
    replace(mini, "a.py:two", "b.py:one")
    assert "docs/zh/a.md:16: 'b.py:one' belongs to another chapter" in only_error(mini)[0]


def test_cell_that_no_page_quotes(mini):
    mini.put("snippets/a.py", SNIPPET + "\n    # %% three\n    3\n")
    places = firsts(check(mini))
    assert places == ["snippets/a.py:8: docs/zh/a.md does not quote the cell 'three'",
                      "snippets/a.py:8: docs/en/a.md does not quote the cell 'three'"]


def test_cell_quoted_twice(mini):
    mini.both(PAGE + '\n    ```python\n    --8<-- "a.py:one"\n    ```\n')
    assert firsts(check(mini))[0].startswith("docs/zh/a.md:19: a.py:one is quoted twice, first in line 9")


def test_other_order_in_the_other_language(mini):
    mini.put("docs/en/a.md", PAGE.replace("a.py:one", "a.py:x").replace("a.py:two", "a.py:one").replace("a.py:x", "a.py:two"))
    places = firsts(check(mini))
    assert places[0] == "docs/en/a.md:9: quotes a.py:two where the snippet file has a.py:one"
    assert places[1] == "docs/zh/a.md:9: quote a.py:one, where docs/en/a.md:9 has a.py:two"


def test_missing_cell_in_the_other_language(mini):
    replace(mini, QUOTE_ONE, "", ["en"])
    places = firsts(check(mini))
    assert "snippets/a.py:1: docs/en/a.md does not quote the cell 'one'" in places


@pytest.mark.parametrize("language, other", [("zh", "en"), ("en", "zh")])
def test_missing_translation(mini, language, other):
    (mini.docs / language / "a.md").unlink()
    place, remedy = only_error(mini)
    assert place == f"docs/{language}/a.md: this translation is missing" and f"docs/{other}/a.md" in remedy


def test_different_heading_ids(mini):
    replace(mini, "{#b}", "{#c}", ["en"])
    assert only_error(mini)[0] == "docs/zh/a.md:13: heading ## {#b}, where docs/en/a.md:13 has ## {#c}"


def test_heading_without_an_id(mini):
    replace(mini, "## B {#b}", "## B")
    assert firsts(check(mini))[0].startswith("docs/zh/a.md:13: the heading 'B' has no id")


def test_different_heading_levels(mini):
    replace(mini, "## B", "### B", ["zh"])
    assert only_error(mini)[0] == "docs/zh/a.md:13: heading ### {#b}, where docs/en/a.md:13 has ## {#b}"


def test_heading_id_used_twice(mini):
    replace(mini, "{#b}", "{#a}")
    assert firsts(check(mini))[0].startswith("docs/zh/a.md:13: two headings have the id #a, the other in line 5")


@pytest.mark.parametrize("fence", [
    "```python\nx = 1\n```", "```py\nx = 1\n```", '```python title="x.py"\nx = 1\n```', "~~~python\nx = 1\n~~~",
    "```{.python}\nx = 1\n```", "```Python\nx = 1\n```", "````python\nx = 1\n````", "```python3\nx = 1\n```",
    "```sh\nls\n```", "```bash\nls\n```", "```console\n$ ls\n```", "```shell\nls\n```", "```pycon\n>>> 1\n```", "```\nx = 1\n```",
    "- a list\n\n    ```python\n    x = 1\n    ```", "- ```python\n  x = 1\n  ```", "1. ```python\n   x = 1\n   ```", "> ```python\n> x = 1\n> ```",
    '=== "tab"\n\n    ```python\n    x = 1\n    ```', '!!! note\n\n    ~~~py\n    x = 1\n    ~~~', "``` python\nx = 1\n```",
    '```python\n--8<-- "a.py:one"\nx = 2\n```',
])
def test_raw_fence_whatever_its_spelling(mini, fence):
    mini.both(textwrap.dedent(PAGE) + "\n" + fence + "\n")
    place, remedy = only_error(mini)
    assert re.match(r"docs/zh/a\.md:(19|21): a raw fence", place), place
    assert "snippets/" in remedy


@pytest.mark.parametrize("fence", ["```text\nx = 1\n```", "~~~text\nx\n~~~", "- a\n\n    ```text\n    ```python\n    ```"])
def test_fence_of_text_is_allowed(mini, fence):
    mini.both(textwrap.dedent(PAGE) + "\n" + fence + "\n")
    assert check(mini) == []


def test_quote_inside_a_list(mini):
    mini.both(textwrap.dedent(PAGE.replace(QUOTE_ONE, "")) + '\n- x\n\n    ```python\n    --8<-- "a.py:one"\n    ```\n')
    assert "must be a backtick fence at the left margin" in only_error(mini)[0]


def test_fence_that_is_never_closed(mini):
    mini.both(textwrap.dedent(PAGE) + "\n```text\nx\n")
    assert only_error(mini)[0] == "docs/zh/a.md:19: this fence is never closed"


def test_two_cells_of_one_name(mini):
    mini.put("snippets/a.py", SNIPPET.replace("two", "one"))
    assert only_error(mini)[0] == "snippets/a.py:5: two cells are called 'one', the other in line 1"


@pytest.mark.parametrize("marker", [" Bad Name", ' one tags="gpu"', " one tags=[gpu]", ' one tags=["gpu"', ' one tag=["gpu"]', " one [markdown]", ' tags=["gpu"] one'])
def test_marker_that_cannot_be_read(mini, marker):
    mini.put("snippets/a.py", f"# %%{marker}\n1\n")
    place, remedy = only_error(mini)
    assert place == f"snippets/a.py:1: a marker that cannot be read: {marker.strip()}" and "# %% name" in remedy


@pytest.mark.parametrize("name", ["", " Bad", " under_score", " two-", " 张量"])
def test_name_that_is_none(mini, name):
    mini.put("snippets/a.py", f"# %%{name}\n1\n")
    assert only_error(mini)[0].startswith("snippets/a.py:1: ") and "is not a cell's name" in only_error(mini)[0]


def test_syntax_error_in_a_snippet(mini):
    mini.put("snippets/a.py", SNIPPET.replace("print(x + 1)", "y = 1\n    print(x +"))
    assert only_error(mini)[0] == "snippets/a.py:7: cell 'two': syntax error: '(' was never closed"


def test_unknown_tag_suggests_the_nearest(mini):
    mini.put("snippets/a.py", SNIPPET.replace("# %% two", '# %% two tags=["raise-exception"]'))
    place, remedy = only_error(mini)
    assert place == "snippets/a.py:5: unknown tag 'raise-exception'" and "did you mean 'raises-exception'?" in remedy


@pytest.mark.parametrize("comment", ["# copy it", "# ls", "# %time x", "# !pip", "# cat x"])
def test_comment_that_looks_like_a_command_stays_a_comment(mini, comment):
    mini.put("snippets/a.py", SNIPPET.replace("    print(x + 1)", f"    {comment}\n    print(x + 1)"))
    assert mini.cells("a")["a.py:two"].source == f"{comment}\nprint(x + 1)"


def test_code_before_the_first_cell(mini):
    mini.put("snippets/a.py", "import os\n" + SNIPPET.replace("    #", "#").replace("    ", ""))
    assert only_error(mini)[0] == "snippets/a.py:1: code stands before the first cell"


def test_page_that_is_not_utf8(mini):
    (mini.docs / "zh/a.md").write_bytes("# 甲 {#a}\n\n乙".encode("gbk"))
    assert only_error(mini)[0] == "docs/zh/a.md:1: this file is not UTF-8"


def test_snippet_that_is_not_utf8(mini):
    (mini.snippets / "a.py").write_bytes(b"# %% one\nx = 1\n# \xff\n")
    assert only_error(mini)[0] == "snippets/a.py:3: this file is not UTF-8"


def test_figure_without_alternative_text(mini):
    replace(mini, QUOTE_ONE, QUOTE_ONE + '\n\n    ![ ](a.py:one "caption")')
    assert only_error(mini)[0] == "docs/zh/a.md:13: the figure of a.py:one has no alternative text"


def test_figure_that_is_not_below_its_cell(mini):
    replace(mini, "## B {#b}", '![alt](a.py:two)\n\n    ## B {#b}')
    assert only_error(mini)[0] == "docs/zh/a.md:13: the figure of a.py:two is not below the quote of its cell"


@pytest.mark.parametrize("kind, text", [
    ("admonition tip", "!!! tip\n\n    x\n"), ("table 2 columns", "| a | b |\n|---|---|\n| 1 | 2 |\n"),
    ("link https://pytorch.org", "[x](https://pytorch.org)\n"), ("formula", "$$\nx\n$$\n"),
])
def test_what_stands_in_one_language_only(mini, kind, text):
    mini.put("docs/en/a.md", textwrap.dedent(PAGE) + "\n" + text)
    assert only_error(mini)[0].startswith(f"docs/en/a.md:{20 if kind.startswith('table') else 19}: {kind} stands in this language only")


def test_link_to_another_page_than_in_the_other_language(mini):
    for name in "bc":
        mini.both(f"# X {{#{name}}}\n", name)
    mini.put("docs/zh/a.md", textwrap.dedent(PAGE) + "\n[x](b.md)\n")
    mini.put("docs/en/a.md", textwrap.dedent(PAGE) + "\n[x](c.md)\n")
    assert only_error(mini)[0] == "docs/zh/a.md:19: link b.md, where docs/en/a.md:19 has c.md"


def test_snippet_file_without_a_chapter(mini):
    mini.put("snippets/b.py", "# %% one\n1\n")
    assert only_error(mini)[0] == "snippets/b.py: no chapter quotes this snippet file"


def test_front_matter_that_is_not_yaml(mini):
    replace(mini, "title: A", "title: A: B")
    assert only_error(mini)[0].startswith("docs/zh/a.md:1: the front matter is not YAML")


def test_line_numbers_count_the_front_matter(mini):
    page = mini.page("zh", "a")
    lines = page.path.read_text(encoding="utf-8").split("\n")
    assert [lines[quote.line] for quote in page.quotes] == ['--8<-- "a.py:one"', '--8<-- "a.py:two"']
    assert all(lines[line - 1].endswith(f"{{#{name}}}") for line, _, name, _ in page.headings)


def test_unknown_row(mini):
    replace(mini, "n0-01", "n0-01, n0-99", ["en"])
    assert firsts(check(mini))[0].startswith("docs/en/a.md:7: ledger row n0-99 stands in this language only")
    replace(mini, "n0-01", "n0-01, n0-99")
    assert firsts(check(mini)) == [
        f"docs/{language}/a.md:7: there is no row 'n0-99' in ledger.yml" for language in ("zh", "en")]


def test_row_that_its_home_does_not_name(mini):
    replace(mini, "<!-- ledger: n0-01 -->", "")
    assert firsts(check(mini)) == [
        f"docs/{language}/a.md: row n0-01 of ledger.yml has its home here and is not named" for language in ("zh", "en")]


def test_row_named_away_from_its_home(mini):
    replace(mini, "n0-01", "n0-01 n0-02")
    assert firsts(check(mini)) == [f"docs/{language}/a.md:7: row n0-02 has its home in later" for language in ("zh", "en")]


def test_rows_whose_home_does_not_exist_are_open(mini):
    assert [row["id"] for row in open_rows(mini)] == ["n0-02"]
    assert summary(mini) == "ledger: 1 of 2 rows closed, 1 open:\n  later: n0-02"


def test_row_that_is_incomplete(mini):
    text = (mini.root / "ledger.yml").read_text(encoding="utf-8")
    mini.put("ledger.yml", text.replace("en: today", "en: ''", 1))
    with pytest.raises(PressError, match="row n0-01 is incomplete"):
        read_ledger(mini)


def test_row_shown_by_a_cell_that_its_home_does_not_have(mini):
    mini.put("ledger.yml", LEDGER.replace("home: a,", "home: a, cell: won,"))
    place, remedy = only_error(mini)
    assert place == "ledger.yml: row n0-01 is shown by 'won', a cell that a does not have" and "did you mean " in remedy
    mini.put("ledger.yml", LEDGER.replace("home: a,", "home: a, cell: one,"))
    assert check(mini) == []


# --- the forms that Markdown has -------------------------------------------------------------------------------------


@cache
def markdown_extensions():
    """(names, settings) of the site's Markdown extensions; a heading without an id is to get one that says so."""
    found = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)["markdown_extensions"]
    return list(found), {name: settings for name, settings in found.items() if settings} | {"toc": {"slugify": lambda text, separator: "no-id"}}


def headings_of_the_site(text):
    """[(level, id)] of the headings that Python-Markdown makes; id is None where it had to make one up."""
    names, settings = markdown_extensions()
    soup = BeautifulSoup(markdown.markdown(text, extensions=names, extension_configs=settings), "html.parser")
    return [(int(tag.name[1]), None if tag.get("id", "no-id").startswith("no-id") else tag["id"]) for tag in soup.find_all(re.compile("^h[1-6]$"))]


@pytest.mark.parametrize("text", [
    "## T {#t}", "##T {#t}", "## T {: #t }", "## T {.x #t}", "## T {#t .x}", "## T {#t} ##", "###### T {#t}", "####### T {#t}", "## `#x` {#t}", "#\tT {#t}",
    "## T {#t-1.2}", "## T {#t:1}", "text\n## T {#t}", "> ## T {#t}", "- a\n\n    ## T {#t}", "!!! note\n\n    ## T {#t}", '=== "Tab"\n\n    ## T {#t}',
    "<div markdown>\n## T {#t}\n</div>", "<h2 id='t'>T</h2>", "<H2 ID=t>T</H2>", '<h2 class="x" id="t">T</h2>',
    "##T", "## T", "T\n---", "T\n===", "T\n-", "> T\n> ---", "!!! note\n\n    T\n    ---", "- ## T", "1. ## T", "* ## T", "<h2>T</h2>", "text <h3>T</h3>",
    "<h2 data-id='t'>T</h2>", "##", "## {#t}", "## T{#t}", "## [T](t.md){#t}", "## `{#t}`", "#hash", "#\\# T",
    "\\## T", "`<h2>`", "a\nb\n---", "a\n\n---", "***", "~~~text\n## T\n~~~", "```text\nT\n---\n```", "a\n\n    ## T", "<!--\n## T\n-->", "| a | b |\n|---|---|\n| 1 | 2 |",
])
def test_headings_are_those_that_the_site_has_in_whatever_form(mini, text):
    mini.both(f"{text}\n")
    assert [(level, name) for _, level, name, _ in mini.page("zh", "a").headings] == headings_of_the_site(text)


@pytest.mark.parametrize("text, title", [
    ("##T", "T"), ("T\n---", "T"), ("<h2>T</h2>", "<h2>T</h2>"), ("- ## T", "T"), ("## T{#t}", "T{#t}"), ("## {#t}", "{#t}"), ("  ## T {#t}", "T"),
    ("> T\n> ---", "T"), ("## T {#t", "T {#t"), ("## T (#t)", "T (#t)"),
])
def test_heading_without_an_id_is_told_of_in_whatever_form(mini, text, title):
    """`  ## T {#t}` is none on the site, which shows the line as it stands."""
    path = mini.docs / "zh/a.md"
    path.write_text(f"{textwrap.dedent(PAGE)}\n{text}\n", encoding="utf-8")
    assert firsts(check(mini))[0] == f"docs/zh/a.md:19: the heading {title!r} has no id"


def test_heading_id_that_is_not_ascii(mini):
    replace(mini, "{#b}", "{#小节}")
    assert firsts(check(mini))[0] == "docs/zh/a.md:13: the id #小节 is not ASCII"


@pytest.mark.parametrize("front", [
    "---\ntitle: A\n---\n", "---  \ntitle: A\n---\t\n", "---\ntitle: A\n...\n", "---\ntitle: A\ndate: 2024-01-01\n---\n", "---\ntitle: A\nx: .nan\n---\n",
    "---\ntitle: A\ntags: [a, b]\n---   \n\n\n", "---\n\n# of YAML\ntitle: A\n\n---\n",
])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "BOM"])
def test_front_matter_in_every_form_that_mkdocs_reads(mini, front, ends, mark):
    """With the line numbers of the file that the writer sees."""
    text = front + textwrap.dedent(PAGE).split("---\n")[2]
    for language in ("zh", "en"):
        (mini.docs / language / "a.md").write_bytes(mark + text.replace("\n", ends).encode())
    assert check(mini) == [] and mini.page("zh", "a").front["title"] == "A"
    assert [text.split("\n")[line - 1] for line, *_ in mini.page("zh", "a").headings] == ["# A {#a}", "## B {#b}"]


@pytest.mark.parametrize("front, problem", [
    ("---\ntitle: A\n", "this front matter is never closed, or does not begin in the first line"),
    ("\n---\ntitle: A\n---\n", "this front matter is never closed, or does not begin in the first line"),
    ("---\ntitle: A\n----\n", "this front matter is never closed, or does not begin in the first line"),
    ("---\n- A\n---\n", "the front matter is not a list of `name: value`"), ("---\nA\n---\n", "the front matter is not a list of `name: value`"),
    ("---\n{title: A\n---\n", "the front matter is not YAML: "),
    ("---\ntitle: !!python/object:x A\n---\n", "the title is None, which YAML does not read as text"),
    ("---\ntitle: A\ntitle: B\n---\n", "the front matter is not YAML: 'title' stands twice"),
    ("---\ntitle: 1\n---\n", "the title is 1, which YAML does not read as text"), ("---\ntitle: yes\n---\n", "the title is True, which YAML does not read as text"),
    ("---\ntitle:\n---\n", "the title is None, which YAML does not read as text"), ("---\ndescription: 2.0\n---\n", "the description is 2.0, which YAML does not read as text"),
    ("---\n1: A\ntitle: A\n---\n", "a name in the front matter is not text"), ("---\nx: {2024-01-01: A}\n---\n", "a name in the front matter is not text"),
    ("---\ntitle: A\0\n---\n", "the front matter is not YAML: "),
])
def test_front_matter_that_mkdocs_would_read_as_something_else(mini, front, problem):
    (mini.docs / "en/a.md").write_text(front + textwrap.dedent(PAGE).split("---\n")[2], encoding="utf-8")
    place, remedy = only_error(mini)
    assert place.startswith(f"docs/en/a.md:1: {problem}") and remedy


@pytest.mark.parametrize("label, alt", [("a [b] c", "a [b] c"), ("a [b [c]]", "a [b [c]]"), (r"a \] b", "a ] b"), ("a\nb", "a b"), ("`x[0]`", "`x[0]`"), ("(x) *y*", "(x) *y*")])
@pytest.mark.parametrize("caption, text", [('"x (y)"', "x (y)"), ("'x'", "x"), ('"a\nb"', "a b")])
def test_figure_in_every_form_that_markdown_allows(mini, label, alt, caption, text):
    mini.both(textwrap.dedent(PAGE).replace("\n## B", f"\n![{label}](a.py:one {caption})\n\n## B"))
    assert check(mini) == []
    assert mini.page("zh", "a").quotes[0].figures == [(alt, text)]


def test_figure_that_shares_its_line_with_text(mini):
    replace(mini, QUOTE_ONE, QUOTE_ONE + '\n\n    ![a](a.py:one "caption") as you see')
    assert only_error(mini)[0] == "docs/zh/a.md:13: the figure of a.py:one shares its line with text"


def test_a_figure_in_one_language_only(mini):
    replace(mini, QUOTE_ONE, QUOTE_ONE + '\n\n    ![a](a.py:one "caption")', ["en"])
    assert firsts(check(mini)) == ["docs/zh/a.md:9: figures below a.py:one x0, where docs/en/a.md:9 has a.py:one x1",
                                   "docs/en/a.md:13: figure a.py:one stands in this language only (1 here, 0 in docs/zh/a.md)"]


def test_cells_of_one_name_in_python_and_shell_are_two(mini):
    mini.put("snippets/a.sh", "# %% one\nls\n")
    mini.both(textwrap.dedent(PAGE) + '\n```sh\n--8<-- "a.sh:one"\n```\n')
    assert check(mini) == [] and list(mini.cells("a")) == ["a.py:one", "a.py:two", "a.sh:one"]
    mini.edit("docs/zh/a.md", "a.sh:one", "a.sh:two")
    assert firsts(check(mini)) == ["docs/zh/a.md:20: snippets/a.sh has no cell 'two'"]


def test_other_fence_info_in_the_other_language(mini):
    mini.edit("docs/en/a.md", '```python\n--8<-- "a.py:two"', '```python hl_lines="1"\n--8<-- "a.py:two"')
    assert only_error(mini)[0] == "docs/zh/a.md:15: fence info python, where docs/en/a.md:15 has python hl_lines=\"1\""

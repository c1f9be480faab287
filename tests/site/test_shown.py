"""What a page shows of outputs, figures, names and terms, through a whole build of a tiny site: the very text that was printed, whatever it holds."""

import json
import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert.filters import markdown2html_mistune

from tests.building import TinySite, built, outputs_of, page_file, printed, soup, target

TEXTS = {  # what Markdown, HTML, Jinja and others would like to read otherwise
    "fences": "a\n```\nx = 1\n```\nb\n~~~ python\n``````\n```outputs\n",
    "tabs": "a\tb\n\tc\n\t\td",
    "indented": "    four\n\n        eight\n  two",
    "html": "</pre></div><b>x</b><script>alert(1)</script><!-- y --><style>z</style>",
    "jinja": "{{ config }}{% raw %}{# x #}",
    "snippet": '--8<-- "a.py:one"\n;--8<--',
    "admonition": "!!! note\n    x\n??? tip \"y\"\n=== \"tab\"",
    "trailing": "a  \nb   \n\n\n",
    "leading": "\n\n\n  a",
    "blank": "\n",
    "entities": "&lt; &amp;lt; &#60; &copy; <b>",
    "formulas": r"$x$ $$y$$ \(z\) \[w\]",
    "letters": "🙂 é e\u0301 中文 \u200b\u00a0: :smile:",
    "long": "x" * 5000 + " " + "y" * 5000,
    "markdown": "**bold** _it_ ~~no~~ `code` [link](gone.md) ![image](gone.png) <http://a.b>\n# head\n* item\n1. one\n> quote\n---\nx\n===",
    "lists": "*[HTML]: x\n[^1]: note\n[TOC]\n[label]: gone.md\n| a | b |\n|---|---|\nterm\n:   definition",
    "attributes": "a {#b .c} {: d=e }",
    "backslashes": "\\ \\\\ \\n \\* \\` C:\\new",
    "stash": "wzxhzdk:0 klzzwxh:0000 amp&amp;",
    "quotes": "\"double\" 'single' ``back`` ''' \"\"\"",
    "terms": "nought letter executed by",
}
EXACTLY = "import sys\nfrom IPython.display import display\nclass Plain(str):\n    def __repr__(self):\n        return str(self)"
EVERY_WAY = "text = {!r}\nprint(text)\nprint(text, file=sys.stderr)\ndisplay(Plain(text))\nraise ValueError(text)"
SOURCE = '''\
text = """
```python
--8<-- "a.py:one"
```
~~~~~
!!! note

    {{ nb }} </code></pre> &lt; $x$ **b** {#c}
\ttab
"""
fence = "`````" # # %% no cell
'''
PICTURE = """\
from IPython.display import SVG, display
display(SVG('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40.4 30"><circle r="9"/></svg>'))
"""
UPDATED = """\
from IPython.display import display
handle = display("before", display_id=True)
"""
THREAD = """\
import threading
threading.Timer(0.3, print, ["from a thread"]).start()
print("third")

# %% fourth
print("fourth")
"""
TERMS = """
- {zh: 零, en: nought, line_zh: 没有, line_en: 'a "line" & `more`', chapter: a, anchor: a}
- {zh: 乙, en: letter, line_zh: 第一, line_en: the first, chapter: shown, anchor: shown}
- {zh: 阅读, en: minutes to read, line_zh: 读, line_en: of the meta line, chapter: a, anchor: a}
- {zh: 执行, en: executed by, line_zh: 跑, line_en: of the foot, chapter: a, anchor: a}
- {zh: 标题, en: title, line_zh: 标, line_en: of a note, chapter: a, anchor: a}
"""
PROSE = """\
## A nought {#nought}

`nought`, [nought](a.md), ![nought](picture.svg), <span title="nought">x</span>.

```text
nought
```

!!! note "A title"

    | a | b |
    |---|---|
    | letter | cell |

Noughts. Nought, and nought, and **nought**.
"""


DRAWN = """\
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.show()
"""
DOWNLOADED = """\
A [leaf
tensor](a.md#b "of the
site"), a [note][ref], an <a href="#down">anchor</a>, [PyTorch
itself](https://pytorch.org/docs/) and `layers[0](x)`, `{#id}`, `<!-- c -->`{ .attribute }.

!!! note inline end "Outer `a[1](y)`"

    !!! tip

        Inner [link](names.md).

\tTabbed body.

??? question "Folded"
    Answer.

=== "First tab"

    In the tab.

Costs $5 or `$x$`; the formula $x^2$.

```text
!!! note
    [kept](a.md) {#kept}
```

[ref]: names.md#names
"""


def quote(stem, names):
    return "\n\n".join(f'```python\n--8<-- "{stem}.py:{name}"\n```' for name in names)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A built site of chapters for each part of this file."""
    project = TinySite(tmp_path_factory.mktemp("shown") / "project")
    cells = [f"# %% exactly\n{EXACTLY}\n"] + [f"# %% {name} tags=[\"warns\", \"raises-exception\"]\n{EVERY_WAY.format(text)}\n" for name, text in TEXTS.items()]
    project.put("snippets/shown.py", "\n".join(cells) + f"\n# %% source\n{SOURCE}")
    project.both(f"---\ntitle: Shown\ndate: 2024-01-01\n--- \n\n# Shown {{#shown}}\n\n{quote('shown', ['exactly', *TEXTS, 'source'])}\n\n{PROSE}", "shown")
    for language in project.languages:
        project.put(f"docs/{language}/picture.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
    project.put("glossary.yml", TERMS)
    project.put("snippets/names.py", "# %% check\nprint('of Python')\n\n# %% before\n1\n")
    project.put("snippets/names.sh", "# %% check tags=[\"network\"]\necho of the shell\n\n# %% alone\necho alone\n")
    sh = "\n\n".join(f'```sh\n--8<-- "names.sh:{name}"\n```' for name in ("check", "alone"))
    project.both(f"# Names {{#names}}\n\n{sh}\n\n{quote('names', ['check', 'before'])}\n", "names")
    project.put("snippets/pictures.py", f"# %% box\n{PICTURE}")
    below = '![x[0] and \\[y\\], "so"](pictures.py:box "the box (of \'x\' & y) [1]")'
    project.both(f"# Pictures {{#pictures}}\n\n{quote('pictures', ['box'])}\n\n{below}\n", "pictures")
    project.put("snippets/updates.py", f"# %% first\n{UPDATED}\n# %% second\nhandle.update('after')\nprint('second')\n\n# %% third\n{THREAD}")
    project.both(f"# Updates {{#updates}}\n\n{quote('updates', ['first', 'second', 'third', 'fourth'])}\n", "updates")
    project.put("snippets/down.py", f"# %% drawn\n{DRAWN}\n# %% called tags=[\"raises-exception\"]\n{{}}['[l](a.md)']\n")
    below = '![a line](down.py:drawn "a *caption* [1]")'
    project.both(f"# Down {{#down}}\n\n{DOWNLOADED}\n{quote('down', ['drawn'])}\n{below}\n\n{quote('down', ['called'])}\n", "down")
    project.site = project.root.with_name("site")
    built(project.site / "en", root=project.root, file="mkdocs.en.yml")
    return project


def page(project, stem):
    return soup(page_file(project.site, "en", stem))


def as_result(text):
    """As IPython gives a `__repr__`: without the line break at the end."""
    return "\n".join(text.splitlines())


@pytest.mark.parametrize("name", TEXTS)
def test_a_page_shows_the_very_text_that_was_printed(project, name):
    shown = outputs_of(page(project, "shown"), f"cell-{name}")
    expected = {"stream": f"{TEXTS[name]}\n", "warning": f"{TEXTS[name]}\n", "result": as_result(TEXTS[name]), "error": f"ValueError: {TEXTS[name]}"}
    assert {pre["class"][-1]: printed(pre) for pre in shown.select("pre")} == expected
    assert not shown.select("pre *")


def test_a_page_shows_the_very_code(project):
    cells = project.cells("shown")
    assert '\n```python\n--8<-- "a.py:one"\n' in cells["shown.py:source"].source
    for cell in cells.values():
        assert page(project, "shown").find(id=f"cell-{cell.name}").code.get_text().rstrip("\n") == cell.source, cell.address


def test_the_download_holds_the_very_outputs(project):
    notebook = nbformat.read(project.site / "en/shown/pytorch-shown.ipynb", as_version=4)
    cells = {cell.metadata.name: cell for cell in notebook.cells if cell.cell_type == "code"}
    for name, text in TEXTS.items():
        stdout, stderr, result, error = cells[name].outputs
        assert [stdout.text, stderr.text, result.data["text/plain"], error.evalue] == [f"{text}\n", f"{text}\n", as_result(text), text]


def test_front_matter_may_hold_a_date_and_blanks_behind_its_lines(project):
    assert page(project, "shown").title.get_text().startswith("Shown")
    assert "2024" not in page(project, "shown").article.get_text()
    assert {link["href"].rpartition("/")[2] for link in page(project, "shown").select(".chapter-meta a")} == {"pytorch-shown.ipynb", "pytorch-shown.py"}


def test_cells_of_one_name_in_two_files_have_their_own_outputs(project):
    """A shell cell shows nothing of the Python cell that is called like it; each has an id."""
    found = page(project, "names")
    assert "of Python" in found.find(id="cell-check").get_text() and "echo of the shell" in found.find(id="cell-check-sh").get_text()
    assert [printed(pre) for pre in outputs_of(found, "cell-check").select("pre")] == ["of Python\n"]
    shell = outputs_of(found, "cell-check-sh")
    assert not shell.select("pre") and shell.select_one(".status")
    assert "echo alone" in found.find(id="cell-alone").get_text() and outputs_of(found, "cell-alone") is None


def test_a_picture_with_nothing_but_a_viewbox_has_its_size(project):
    image = outputs_of(page(project, "pictures"), "cell-box").img
    assert (image["width"], image["height"]) == ("40", "30")
    assert b"<circle" in target(project.site, page_file(project.site, "en", "pictures"), image["src"])[0].read_bytes()


def test_brackets_and_quotation_marks_in_alternative_text_and_caption(project):
    figure = outputs_of(page(project, "pictures"), "cell-box").figure
    assert {image["alt"] for image in figure.select("img")} == {'x[0] and [y], "so"'}
    assert figure.figcaption.get_text() == "the box (of 'x' & y) [1]"


def test_a_display_that_a_later_cell_updates_shows_its_last_state(project):
    found = page(project, "updates")
    assert [printed(pre) for pre in outputs_of(found, "cell-first").select("pre")] == ["'after'"]
    assert [printed(pre) for pre in outputs_of(found, "cell-second").select("pre")] == ["second\n"]


def test_what_a_thread_prints_after_its_cell_stands_below_its_cell(project):
    found = page(project, "updates")
    assert [printed(pre) for pre in outputs_of(found, "cell-third").select("pre")] == ["third\nfrom a thread\n"]
    assert [printed(pre) for pre in outputs_of(found, "cell-fourth").select("pre")] == ["fourth\n"]


def test_a_term_is_explained_at_its_first_mention_in_running_text_alone(project):
    """Not in headings, links, code, alternative texts, outputs, the line above the text nor the foot."""
    marks = {mark.get_text(): mark for mark in page(project, "shown").select("abbr")}
    assert {text: mark["title"] for text, mark in marks.items()} == {"Nought": 'a "line" & more', "title": "of a note"}
    assert marks["Nought"].parent.get_text() == "Noughts. Nought, and nought, and nought."
    assert marks["title"].find_parent(class_="admonition-title")


def downloaded(project):
    return nbformat.read(project.site / "en/down/pytorch-down.ipynb", as_version=4)


def test_a_downloaded_notebook_has_plain_prose(project):
    """As Jupyter renders it: no link into a site that is not there, over one line or two; no notation of Material's; code as it was."""
    cells = [cell for cell in downloaded(project).cells if cell.cell_type == "markdown"]
    page = BeautifulSoup("\n".join(markdown2html_mistune(cell.source) for cell in cells), "html.parser")
    assert [link["href"] for link in page.select("a[href]") if "anchor-link" not in link.get("class", ())] == ["https://pytorch.org/docs/"]
    assert [code.get_text() for code in page.select("p code, blockquote code")] == ["layers[0](x)", "{#id}", "<!-- c -->", "a[1](y)", "$x$"]
    assert page.pre.get_text().rstrip() == "!!! note\n    [kept](a.md) {#kept}"
    page.pre.extract()
    text = " ".join(page.get_text().split())
    for words in ("A leaf tensor, a note, an anchor, PyTorch itself and", "Inner link.", "Tabbed body.", "Folded", "Answer.", "First tab", "In the tab.", "the formula $x^2$"):
        assert words in text, text
    assert not re.search(r"!!!|\?\?\?|===|attribute|\]\(|\.md", text.replace("layers[0](x)", "").replace("a[1](y)", "")), text
    for words in ("Inner link.", "Tabbed body.", "Answer.", "In the tab."):
        assert any(words in quote.get_text() for quote in page.select("blockquote")), words


def test_a_downloaded_script_has_plain_prose_too(project):
    script = (project.site / "en/down/pytorch-down.py").read_text(encoding="utf-8")
    prose = " ".join(line.lstrip("#> ") for line in script.splitlines() if line.startswith("#"))
    assert "A leaf tensor, a note, an anchor" in prose and "`layers[0](x)`" in prose
    assert not re.search(r"\]\((?!https:)(?!x\)|y\)|a\.md\) \{#kept)", prose), prose
    assert "{}['[l](a.md)']" in script


def test_a_downloaded_figure_has_a_light_ground_in_a_dark_notebook(project):
    """What matplotlib said of it for notebooks goes along: its ink is dark and its ground transparent."""
    cells = {cell.metadata.get("name"): cell for cell in downloaded(project).cells}
    output = next(output for output in cells["drawn"].outputs if "image/svg+xml" in output.get("data", ()))
    assert output.metadata == {"needs_background": "light"}


def test_search_finds_prose_and_code_and_no_outputs(project):
    entries = json.loads((project.site / "en/search/search_index.json").read_text(encoding="utf-8"))["docs"]
    locations = [entry["location"] for entry in entries]
    assert len(set(locations)) == len(locations) and "shown/#nought" in locations
    text = "".join(entry["text"] for entry in entries if entry["location"].startswith("shown/"))
    assert "Noughts. " in text and "raise ValueError" in text
    assert not re.search("ValueError: |minutes to read|executed by torch", text)

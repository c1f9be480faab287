"""Downloads: what Jupyter shows of a chapter says what the site says, and notebook and script are whole."""

import ast
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import markdown
import nbformat
import pytest
from markdown_it import MarkdownIt
from mkdocs.utils.yaml import yaml_load

from press.chapters import Prose
from press.execute import Execution
from press.export import definitions, guard, notebook, plain_markdown, script
from press.markup import elements, hidden, links, masked
from press.project import PressError, Project
from press.weave import weave

PROJECT = Project(Path(__file__).resolve().parents[2])
JUPYTER = MarkdownIt("commonmark").enable("table")
PAGES = [(language, stem) for language in PROJECT.languages for stem in PROJECT.chapters()]
TEXT = {"output_type": "execute_result", "metadata": {}, "data": {"text/plain": "1"}}
PICTURE = {"output_type": "display_data", "data": {"image/png": "AAAA", "text/plain": "<Figure>"},
           "metadata": {"needs_background": "light", "image/png": {"width": 3}, "figure": {"src": "../assets/x.png"}}}
TAB = "\t"

PLAIN = {
    # links
    "a link over two lines": ("[leaf\ntensor](../foundations/autograd.md#leaves) b", "leaf\ntensor b"),
    "and in a list in a note": ("!!! note\n\n    - [leaf\n      tensor](a.md) b", "> **Note**\n>\n> - leaf\n>   tensor b"),
    "links that lead away": ("[a](https://x.org/b_(c)) [d](http://x.org 'e') [f](mailto:g@x.org) <https://x.org> <g@x.org> [h](//x.org)",) * 2,
    "links to a place and from the root": ("[a](#b) [c](/d/) [e](?f) [g](h.md#i)", "a c e g"),
    "a link in angle brackets, with a title": ("[a](<b c.md> \"d\") [e](f(1).md 'g')", "a e"),
    "brackets in labels": (r"[a [b] \] c](d.md) ![e [f]](g.svg)", r"a [b] \] c e [f]"),
    "images": ("![a](b.svg){ width=3 } ![c](https://x.org/d.svg)", "a ![c](https://x.org/d.svg)"),
    "an image in a link": ("[![a](b.png)](c.md) [![d](e.png)](https://x.org) [![f](https://x.org/g.png)](h.md)",
                           "a [d](https://x.org) ![f](https://x.org/g.png)"),
    "a link whose text is code": ("[`torch.nn`](modules.md#nn)", "`torch.nn`"),
    "links by reference": ("[a][P] [q] [b][] [c][x]{ .d } ![e][p] `[q]` \\[q] [f][X]\n\n[p]: ../p.md\n[Q]: q.md\n[b]: #b\n[x]: https://x.org 'title'\n[y]: https://y.org",
                           "a q b [c][x] e `[q]` \\[q] [f][X]\n\n[x]: https://x.org 'title'"),
    "brackets that are no links": (r"x[0] [1, 2] \[a](b.md) [c] (d)",) * 2,
    "links in HTML": ('<a class="k" href="../a/">b `c`</a> <a href="https://x.org">d</a> <img src="e.png" alt="f"> <img alt="g" src="https://x.org/h">',
                      'b `c` <a href="https://x.org">d</a> f <img alt="g" src="https://x.org/h">'),
    # code and formulas
    "code that looks like a link": ("`layers[0](x)` ``a ` [b](c.md)`` \\`[d](e.md)", "`layers[0](x)` ``a ` [b](c.md)`` \\`d"),
    "code that looks like anything": ("`{ #x }` `!!! note` `<!-- a -->` `<div>` `:material-check:` `$5` `**a。**b`",) * 2,
    "a fence": ("```text\n!!! note\n    [a](b.md) {#c}\n\n\n\n# d <!-- e -->\n<div>\n</div>\n$5\n=== \"f\"\n```",) * 2,
    "a fence in a list in a note": ("!!! note \"t\"\n    - a\n\n        ~~~text\n        [b](c.md)\n\n          d\n        ~~~",
                                    "> **t**\n>\n> - a\n>\n>     ~~~text\n>     [b](c.md)\n>     \n>       d\n>     ~~~"),
    "code by indentation": ("a\n\n    [b](c.md) {#d}\n\ne", "a\n\n    [b](c.md) {#d}\n\ne"),
    "code over two lines": ("a `b\nc` d\n\n> e `f\n> g` h", "a `b c` d\n\n> e `f g` h"),
    "code with | in a table": ("| a |\n|---|\n| `b|c` |\n\n`d|e`", "| a |\n|---|\n| `b\\|c` |\n\n`d|e`"),
    "formulas": ("$x_{0}[1](y)$ $\\{a\\}$\n\n$$\n\\{b\\}{c}\n- d\n$$\n\n\\(e\\)", "$x_{0}[1](y)$ $\\{a\\}$\n\n$$\n\\{b\\}{c}\n- d\n$$\n\n$e$"),
    "dollars that are no formula": ("$5 and $6, \\$7 and `$8`", "\\$5 and \\$6, \\$7 and `$8`"),
    # attribute lists
    "headings": ("# A {#a}\n\n## B { #b .c }\n\n### C {: #c data-x='y z' }\n\n## D {#d} ##\n\n## `E` {#e}\n\nF {#f}\n---",
                 "# A\n\n## B\n\n### C\n\n## D\n\n## `E`\n\nF\n---"),
    "a heading without a blank": ("##小节", "## 小节"),
    "attributes of words": ("[a](https://x.org){ download } `b`{.c} **d**{ .e } $f${ .g } ![h](https://x.org/i){ width=\"3\" }",
                            "[a](https://x.org) `b` **d** $f$ ![h](https://x.org/i)"),
    "attributes of blocks and cells": ("a\n{ .b #c }\n\n| d {: .e } | f |\n|---|---|\n| `g` { .h } | i |", "a\n\n| d | f |\n|---|---|\n| `g` | i |"),
    "sets": ("The set {0, 1}, `a` {0, 1} and {x} \\{y\\}\n\n# The set {0, 1}",) * 2,
    # admonitions, folds, tabs
    "a note": ('!!! note "Look"\n\n    a\n\n    b\nc', "> **Look**\n>\n> a\n>\n> b\n\nc"),
    "titles": ("!!! Tip\n    a\n\n!!! note inline end \"x\"\n    b\n\n!!! danger highlight\n    c\n\n!!! note \"\"\n    d\n\n??? \"e \"f\" g\"\n    h",
               "> **Tip**\n>\n> a\n\n> **x**\n>\n> b\n\n> **Danger**\n>\n> c\n\n> d\n\n> **e \"f\" g**\n>\n> h"),
    "a title with code and a link": ('!!! note "a `b` [c](d.md)"\n    e', "> **a `b` c**\n>\n> e"),
    "folds": ('??? note\n    a\n\n???+ tip "b"\n    c', "> **Note**\n>\n> a\n\n> **b**\n>\n> c"),
    "a note in a note": ('!!! note\n    a\n\n    ??? tip "b"\n\n        c\n\n    d', "> **Note**\n>\n> a\n>\n> > **b**\n> >\n> > c\n>\n> d"),
    "a note in a list": ('1. a\n\n    !!! note\n        b\n\n    c\n\n2. d', "1. a\n\n    > **Note**\n    >\n    > b\n\n    c\n\n2. d"),
    "a note in a quote": ("> !!! note\n>     a\n>\n> b", "> > **Note**\n> >\n> > a\n>\n> b"),
    "notes one below the other": ("a\n!!! note\n    b\n!!! tip\n    c\nd", "a\n\n> **Note**\n>\n> b\n\n> **Tip**\n>\n> c\n\nd"),
    "a note with tabs before its text": (f"!!! note\n{TAB}a\n\n{TAB}```text\n{TAB}b{TAB}c\n{TAB}```", f"> **Note**\n>\n> a\n>\n> ```text\n> b{TAB}c\n> ```"),
    "a table in a note": ("!!! note\n\n    | a | b |\n    |---|---|\n    | c | d |", "> **Note**\n>\n> | a | b |\n> |---|---|\n> | c | d |"),
    "content tabs": ('=== "A"\n\n    a\n\n=== "B"\n\n    - b\n\n    !!! tip\n        c\n\nd', "> **A**\n>\n> a\n\n> **B**\n>\n> - b\n>\n> > **Tip**\n> >\n> > c\n\nd"),
    "what only looks like a note": ("!!!\n\n!!! wow, really\n\na !!! note\n\n=== no",) * 2,
    # what was for the site
    "comments": ("a <!-- b --> c\n\n<!-- ledger: n0-01 -->\n\n<!-- d\n\ne -->\n\n!!! note\n    <!-- f -->\n    g", "a  c\n\n> **Note**\n>\n> g"),
    "what is drawn": ("a\n\n<div class=\"m\">\n<div>\n</div>\n<svg>\n</svg>\n[b](c.md)\n\n</div>\n\n!!! note\n\n    <svg\n    d>\n    </svg>\n\n    e <b>f</b>",
                      "a\n\n> **Note**\n>\n> e <b>f</b>"),
    "icons": (":material-check: yes :octicons-x-16:{ .b } 12:30:45 :smile:", "yes 12:30:45 :smile:"),
    "what is no extension here": ("==a== ^^b^^ ~~c~~",) * 2,
    "emphasis beside Chinese": ("**图不对。**给它 是**“好”**，**好**了（**好**）**`x`**是", "**图不对。**\u200a给它 是\u200a**“好”**，**好**了（**好**）**`x`**\u200a是"),
}


@pytest.mark.parametrize("text, expected", PLAIN.values(), ids=PLAIN)
def test_plain_markdown(text, expected):
    assert plain_markdown(text) == expected


def tokens(text):
    """Every token of a text as Jupyter parses it, its formulas out of the way."""
    found = []
    for part in sorted((part for part in hidden(text) if part[2] == "formula"), reverse=True):
        text = f"{text[:part[0]]}x{text[part[1]:]}"
    for token in JUPYTER.parse(text):
        found += [token, *(token.children or [])]
    return found


def code(text, source):
    """Counter of all code in a text: as Jupyter parses it, or, if it is Material's, as the site reads it. Blanks count as one."""
    if not source:
        found = [token.content for token in tokens(text) if token.type in ("code_inline", "fence", "code_block")]
    else:
        found = []
        for start, end, kind in hidden(text):
            if kind == "span":
                found.append(text[start:end].strip("`"))
            elif kind == "fence":
                found.append(re.sub(r"\A.*\n|\n?.*\Z", "", text[start:end]))
    return Counter(" ".join(re.sub(r"(?m)^[ >]+", "", part).split()) for part in found)


def prose(language, stem):
    return [part.text for part in PROJECT.page(language, stem).parts if isinstance(part, Prose)]


@pytest.mark.parametrize("language, stem", PAGES)
def test_jupyter_shows_nothing_raw(language, stem):
    for text in prose(language, stem):
        plain = plain_markdown(text)
        for token in tokens(plain):
            assert token.type != "code_block", token.content
            if token.type == "text":
                assert not re.search(r"!!!|\?\?\?|===|\]\(|\{ ?[#.]|\*\*|<!--|--8<--", token.content)
            if token.type in ("link_open", "image"):
                assert re.match("https?:|mailto:", token.attrs.get("href", token.attrs.get("src")))
        drawn = elements(masked(text), "div|svg")
        for start, end in reversed(drawn):
            text = text[:start] + text[end:]
        assert code(plain, source=False) == code(text, source=True)
        away = [link.target for link in links(text) if re.match("https?:|mailto:", link.target)]
        assert [link.target for link in links(plain)] == away


class Shown(HTMLParser):
    """The text of HTML, without blanks, and how many there are of what structures it. Labels of tabs and marks of headings are left out."""

    def __init__(self, html):
        super().__init__()
        self.text, self.tags, self.skip = "", Counter(), 0
        self.feed(re.sub(r'<a class="headerlink".*?</a>|<span class="arithmatex">.*?</span>|<div class="arithmatex">.*?</div>', "", html, flags=re.DOTALL))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        quote = tag in ("details", "blockquote") or "admonition" in values.get("class", "").split()
        if quote or tag in ("li", "ul", "ol", "td", "th", "tr", "pre", "code", "em", "h1", "h2", "h3", "h4"):
            self.tags["blockquote" if quote else tag] += 1
        self.text += values.get("alt") or ""

    def handle_data(self, data):
        self.text += "".join(data.split())


@pytest.fixture(scope="module")
def parser():
    with open(PROJECT.root / "mkdocs.yml", encoding="utf-8") as file:
        extensions = yaml_load(file)["markdown_extensions"]
    return markdown.Markdown(extensions=list(extensions), extension_configs={name: options for name, options in extensions.items() if options})


@pytest.mark.parametrize("language, stem", PAGES)
def test_jupyter_shows_what_the_site_shows(parser, language, stem):
    for text in prose(language, stem):
        for start, end in reversed(elements(masked(text), "div|svg")):
            text = text[:start] + text[end:]
        plain = plain_markdown(text)
        for start, end, kind in sorted(hidden(plain), reverse=True):
            plain = plain if kind != "formula" else plain[:start] + plain[end:]
        site, jupyter = Shown(parser.reset().convert(text)), Shown(JUPYTER.render(plain))
        assert jupyter.text == re.sub("<!--.*?-->", "", site.text)
        assert jupyter.tags == site.tags


def test_definitions_of_several_texts():
    assert definitions(["[a](x.md)\n\n[b]: c.md\n", "!!! note\n\n    [D e]: <f.md>\n    'title'", "none"]) == "[b]: c.md\n[D e]: <f.md> 'title'"


# --- notebook ------------------------------------------------------------------------------------------------------


def execution(**outputs):
    outputs = {f"a.py:{name}": found for name, found in {"one": [TEXT], "two": [], **outputs}.items()}
    return Execution(outputs, {"device": "CPU", "torch": "2", "torchvision": "0", "python": "3", "cuda": None, "seconds": 1.0})


def downloaded(mini, executed):
    """(the notebook that a reader gets of page `a`, the woven one)."""
    woven = weave(mini, "zh", "a", executed)
    text = notebook(woven)
    assert text.endswith("}\n")
    found = nbformat.reads(text, as_version=4)
    nbformat.validate(found)
    assert (found.nbformat, found.nbformat_minor) == (4, 5)
    return found, woven


def test_notebook_is_whole(mini):
    found, _ = downloaded(mini, execution())
    assert [(cell.cell_type, cell.source) for cell in found.cells] == [
        ("markdown", "# A"), ("code", "x = 1\nx"), ("markdown", "## B"), ("code", "print(x + 1)")]
    assert found.cells[1].outputs[0].data == {"text/plain": "1"} and "press" not in str(found.metadata)
    assert found.metadata.kernelspec.name == "python3"


def test_notebook_keeps_what_outputs_say_of_themselves(mini):
    mini.edit("docs/zh/a.md", "## B", '![alt](a.py:one "kaiming_normal_ *is* [x]")\n\n## B')
    found, woven = downloaded(mini, execution(one=[PICTURE]))
    assert found.cells[1].outputs[0].metadata == {"needs_background": "light", "image/png": {"width": 3}}
    assert found.cells[2].source == r"*kaiming\_normal\_ \*is\* \[x\]*"
    assert [cell for cell in woven.cells if cell.cell_type == "code"][0].outputs[0].metadata.figure == {"src": "../assets/x.png"}


def test_notebook_goes_on_past_cells_that_need_a_gpu(mini):
    mini.put("snippets/a.py", '# %% one tags=["timing"]\nx = 1\nx\n\n# %% two tags=["gpu"]\nprint(x + 1)\n')
    found, _ = downloaded(mini, execution())
    tags = {cell.metadata.name: cell.metadata.tags for cell in found.cells if cell.cell_type == "code"}
    assert tags == {"one": ["timing"], "two": ["gpu", "raises-exception"]}


def test_notebook_folds_the_code_that_the_page_folds(mini):
    mini.fold(zh="画", en="Draw")
    found, _ = downloaded(mini, execution())
    one, two = (cell for cell in found.cells if cell.cell_type == "code")
    assert two.metadata.jupyter == {"source_hidden": True} and "jupyter" not in one.metadata
    assert two.source == "print(x + 1)" and "# %% two\nprint(x + 1)\n" in script(mini.page("zh", "a"), mini.cells("a"))


def test_notebook_knows_definitions_from_all_of_the_page(mini):
    mini.edit("docs/zh/a.md", "# A {#a}", "# A {#a}\n\nSee [b][x], [c][p].")
    mini.put("docs/zh/a.md", (mini.docs / "zh/a.md").read_text(encoding="utf-8") + "\n[x]: https://x.org\n[p]: p.md\n")
    found, _ = downloaded(mini, execution())
    assert [cell.source for cell in found.cells if cell.cell_type == "markdown"] == ["# A", "See [b][x], c.\n\n[x]: https://x.org", "## B"]


def test_notebook_shows_shell_lines(mini):
    mini.put("snippets/a.sh", "# %% go\nls\n")
    for language in mini.languages:
        mini.edit(f"docs/{language}/a.md", "## B", '```sh\n--8<-- "a.sh:go"\n```\n\n## B')
    found, _ = downloaded(mini, execution())
    assert "```sh\nls\n```" in [cell.source for cell in found.cells if cell.cell_type == "markdown"]


# --- script --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tags, expected", [
    ("", "x = 1\n"), ('"raises-exception"', "try:  # meant to fail\n    x = 1\nexcept Exception as error:\n    print(f'{type(error).__name__}: {error}')\n"),
    ('"gpu"', "if torch.cuda.is_available():  # needs an NVIDIA GPU\n    x = 1\n"),
    ('"network"', "if '--network' in sys.argv:  # needs a download: run this script with --network\n    x = 1\n"),
    ('"gpu", "raises-exception"', "if torch.cuda.is_available():  # needs an NVIDIA GPU\n    try:  # meant to fail\n        x = 1\n"
                                  "    except Exception as error:\n        print(f'{type(error).__name__}: {error}')\n"),
])
def test_script_guards_what_may_not_run(mini, tags, expected):
    mini.cell("x = 1\n", f" tags=[{tags}]")
    assert guard(mini.cells("a")["a.py:it"]) == expected


def test_guard_refuses_to_change_a_text_of_several_lines(mini):
    mini.cell('x = """a\nb"""\n', ' tags=["gpu"]')
    with pytest.raises(PressError, match="snippets/a.py:1: cell 'it' has a text of several lines"):
        guard(mini.cells("a")["a.py:it"])


def test_script_is_python_with_the_prose_as_comments(mini):
    mini.edit("docs/zh/a.md", "## B {#b}", '## B {#b}\n\n!!! note\n\n    [b\n    c][x] `d`')
    mini.edit("docs/zh/a.md", "# A {#a}", "# A {#a}\n\n[x]: https://x.org\n")
    text = script(mini.page("zh", "a"), mini.cells("a"))
    ast.parse(text)
    assert text == ("# # A\n\n# %% one\nx = 1\nx\n\n# ## B\n#\n# > **Note**\n# >\n# > [b\n# > c][x] `d`\n#\n# [x]: https://x.org\n\n"
                    "# %% two\nprint(x + 1)\n")


def test_script_imports_what_its_guards_need(mini):
    mini.cell("x = 1\n", ' tags=["network"]')
    assert script(mini.page("zh", "a"), mini.cells("a")).startswith("import sys\n\n# # A\n")


def test_script_has_imports_from_the_future_at_its_top(mini):
    mini.put("snippets/a.py", "# %% one\nx = 1\nx\n\n# %% two\nfrom __future__ import annotations\n\nprint(x + 1)\n")
    text = script(mini.page("en", "a"), mini.cells("a"))
    compile(text, "pytorch-a.py", "exec")
    assert text.startswith("from __future__ import annotations\n") and text.count("__future__") == 1

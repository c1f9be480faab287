"""Where prose, code and links lie: what `links` and `masked` find is what the site's own parser finds, in every page and in what is hard."""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import markdown
import pytest
from mkdocs.utils.yaml import yaml_load

from press.markup import elements, hidden, links, masked

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))


def body(page):
    return re.sub(r"\A---\n.*?\n---\n", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)


class Rendered(HTMLParser):
    """The (kind, address) of all that leads elsewhere in HTML, but for the marks behind headings."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if values.get("class") != "headerlink":
            self.found += [({"a": "link", "img": "image"}.get(tag, tag), values[name]) for name in ("href", "src") if name in values]

    handle_startendtag = handle_starttag


@pytest.fixture(scope="module")
def parser():
    with open(ROOT / "mkdocs.yml", encoding="utf-8") as file:
        extensions = yaml_load(file)["markdown_extensions"]
    return markdown.Markdown(extensions=list(extensions), extension_configs={name: options for name, options in extensions.items() if options})


def of_the_site(parser, text):
    """(what the site makes of a text, in order, as (kind, address); the addresses that its definitions have)."""
    html = parser.reset().convert(text)
    return Rendered(html).found, {address for address, _ in parser.references.values()}


def of_links(text):
    """The same of `links`: (kind, address), raw HTML by its tag and escapes undone, without definitions; the addresses of those."""
    found = links(text)
    tags = {"a": "link", "img": "image"}
    kinds = [tags.get(tag, tag) if link.kind == "html" else link.kind
             for link in found for tag in re.findall(r"<?(\w*)", text[link.start :])[:1]]
    plain = [(kind, re.sub(r"\\([\\`*_{}\[\]()>#+.!|-])", r"\1", link.target)) for kind, link in zip(kinds, found)]
    return [pair for pair in plain if pair[0] != "definition"], {link.target for link in found if link.kind == "definition"}


@pytest.mark.parametrize("page", PAGES)
def test_links_of_every_page_are_those_that_the_site_renders(parser, page):
    ours, theirs = of_links(body(page)), of_the_site(parser, body(page))
    assert ours[1] == theirs[1]
    assert not Counter(ours[0]) - Counter(theirs[0])
    assert {address for _, address in Counter(theirs[0]) - Counter(ours[0])} <= ours[1]  # uses of definitions
    if not ours[1]:
        assert ours[0] == theirs[0]


def test_pages_have_links_to_find():
    assert sum(len(links(body(page))) for page in PAGES) > 500


HARD = {
    "over two lines": ("[leaf\ntensor](../a.md#b)", [("link", "../a.md#b")]),
    "over three, in a list in a note": ("!!! note\n\n    - [one\n      two\n      three](x.md)", [("link", "x.md")]),
    "a target on the next line of a quote": ("> [a](\n> x.md)", [("link", "x.md")]),
    "over a line of a quote": ("> [a\n> b](x.md)", [("link", "x.md")]),
    "not over a blank line": ("[a\n\nb](x.md)", []),
    "not over two items": ("- [a\n- b](x.md)", []),
    "not from a heading into a text": ("# [a\nb](x.md)", []),
    "brackets in a label": ("[a [b] c](x.md)", [("link", "x.md")]),
    "brackets in an alternative text": ("![a [b] c](x.svg)", [("image", "x.svg")]),
    "escaped brackets": (r"[a \] b](x.md) \[c](y.md) \![d](z.md)", [("link", "x.md"), ("link", "z.md")]),
    "an image in a link": ("[![alt](i.png)](page.md)", [("link", "page.md"), ("image", "i.png")]),
    "no link in a link": ("[a [b](x.md) c](y.md)", [("link", "y.md")]),
    "a bracket that is never closed": ("[0, 1) and [a](x.md)", [("link", "x.md")]),
    "in angle brackets": ("[a](<x y.md>) ![b](<z (1).svg> 'title')", [("link", "x y.md"), ("image", "z (1).svg")]),
    "balanced parentheses": ("[a](x(1(2)).md) (see [b](y.md))", [("link", "x(1(2)).md"), ("link", "y.md")]),
    "titles": ("[a](x.md \"t\") [b](y.md 't ) u') [c](z.md\n\"t\")", [("link", "x.md"), ("link", "y.md"), ("link", "z.md")]),
    "a title in parentheses, which is none here": ("[a](x.md (t))", [("link", "x.md (t)")]),
    "a quotation mark that opens no title": ("[a](x'y.md)", [("link", "x'y.md")]),
    "blanks round the target": ("[a]( x.md ) [b](\ny.md\n)", [("link", "x.md"), ("link", "y.md")]),
    "a blank in the target": ("[a](x y.md)", [("link", "x y.md")]),
    "no target": ("[a]()", [("link", "")]),
    "a blank before the parenthesis": ("[a] (x.md)", []),
    "attributes behind": ("[a](x.md){ download }", [("link", "x.md")]),
    "definitions": ("[a]: x.md\n   [b]: <y.md> 'title'\n\n!!! note\n\n    [c]:\n    z.md\n    (title)\n\n[k][a] [b] [c][]",
                    [("definition", "x.md"), ("definition", "y.md"), ("definition", "z.md")]),
    "definitions of what looks like a link": ("[a]: [b](c)\n[d]: <https://x.org>", [("definition", "[b](c)"), ("definition", "https://x.org")]),
    "a use with parentheses behind": ("[a][b](c)\n\n[b]: x.md", [("definition", "x.md")]),
    "a definition too far in": ("[a][b]\n\n    [b]: x.md", []),
    "code spans": ("`x[0](y)` ``a ` [b](c)`` `d\n[e](f)` \\`[g](h)", [("link", "h")]),
    "a span of more backticks than end it": ("``[a](b)` [c](d)", [("link", "d")]),
    "no span over two items": ("- a ` b\n- c ` [d](e)", [("link", "e")]),
    "fences": ("````text\n```\n[a](b)\n```\n````\n\n~~~text\n[c](d)\n~~~\n\n- i\n\n    ```text\n    [e](f)\n    ```", []),
    "a fence in a note in a quote": ("> !!! note\n>     ```text\n>     [a](b)\n>     ```\n>     [c](d)", [("link", "d")]),
    "a fence that a longer one does not end": ("```text\n````\n[a](b)\n```\n[c](d)", [("link", "d")]),
    "a fence with a line further out": ("- i\n\n    ```text\n\n[a](b)\n\n    ```", [("link", "b")]),
    "a fence that is never closed": ("```text\n[a](b)", [("link", "b")]),
    "code by indentation": ("text\n\n    [a](b)\n\n- item\n\n    [c](d)\n\n        [e](f)", [("link", "d")]),
    "code in a quote": ("> a\n>\n>     [b](c)\n>\n> - d\n>\n>     [e](f)", [("link", "f")]),
    "code below a heading": ("# a\n    [b](c)", []),
    "code below items": ("- a\n    - b\n- c\n\n    [d](e)\n\n        [f](g)\n\n    - h\n\n        [i](j)", [("link", "e"), ("link", "j")]),
    "a line further in is no code": ("text\n    [a](b)", [("link", "b")]),
    "comments": ("<!-- [a](b) -->\n\nx <!-- [c](d) --> <!--\n[e](f)\n--> [g](h)\n\n<!--\n\n[i](j)\n\n-->", [("link", "h")]),
    "a comment in code": ("`<!--` [a](b) `-->`", [("link", "b")]),
    "formulas": ("$x[0](y)$ and $5 for [a](b), $6\n\n$$\nx[0](y)\n- z\n$$", [("link", "b")]),
    "formulas in brackets": ("\\(x[0](y)\\) \\$5 [a](b)$", [("link", "b")]),
    "a dollar before a blank": ("$ 5 [a](b) 6$ and [c](d)", [("link", "b"), ("link", "d")]),
    "HTML further in": ("!!! note\n    <div>\n    [a](b)\n    </div>", [("link", "b")]),
    "raw HTML": ("a <a href=\"x\">b</a> <img src='y.png' alt=\"\">\n\n<div>\n<a href=z>[c](d)</a>\n</div>",
                 [("html", "x"), ("html", "y.png"), ("html", "z")]),
    "Markdown in HTML": ('<div markdown>\n[a](b)\n</div>', [("link", "b")]),
    "addresses alone": ("<https://x.org/a> <i>b</i>", [("link", "https://x.org/a")]),
    "a table": ("| [a](b) | `c|[d](e)` |\n|---|---|\n| ` | [f](g) |\n| x | ` |", [("link", "b"), ("link", "g")]),
    "the title of a note": ('!!! note "[a](b) `[c](d)`"\n    [e](f)', [("link", "b"), ("link", "f")]),
    "a tab": ('=== "[a](b)"\n\n    [c](d)', [("link", "d"), ("link", "b")]),
}


@pytest.mark.parametrize("text, expected", HARD.values(), ids=HARD)
def test_links_where_they_are_hard_to_see(parser, text, expected):
    assert Counter((link.kind, link.target) for link in links(text)) == Counter(expected)
    assert [link.start for link in links(text)] == sorted(link.start for link in links(text))
    ours, theirs = of_links(text), of_the_site(parser, text.replace('=== "[a](b)"', '=== "T"\n\n    [a](b)'))  # a tab's title takes no links
    assert ours[1] == theirs[1]
    assert not Counter(ours[0]) - Counter(theirs[0])
    assert {address for _, address in Counter(theirs[0]) - Counter(ours[0])} <= ours[1]


def test_places_of_a_link():
    text = 'See [![an [alt] text](<i 1.png>)](p.md "t"){ .c }.\n\n[d]: x.md'
    link, image, definition = links(text)
    assert text[link.start : link.end] == '[![an [alt] text](<i 1.png>)](p.md "t")' and text[slice(*link.at)] == link.target == "p.md"
    assert text[image.start : image.end] == text[slice(*link.label)] == "![an [alt] text](<i 1.png>)"
    assert text[slice(*image.label)] == "an [alt] text" and text[slice(*image.at)] == image.target == "i 1.png"
    assert text[definition.start : definition.end] == "[d]: x.md" and text[slice(*definition.label)] == "d"


@pytest.mark.parametrize("page", PAGES)
def test_places_of_every_link(page):
    text = body(page)
    for link in links(text):
        assert text[slice(*link.at)] == link.target and link.start < link.at[0] <= link.at[1] <= link.end
        if link.label:
            opening = "![" if link.kind == "image" else "["
            assert text[link.start : link.label[0]] == opening and text[link.label[1]] == "]"


@pytest.mark.parametrize("text, expected", [
    ("a `b` c", "a ··· c"),
    ("a ``b ` c`` d", "a ········· d"),
    ("a `b\nc` d", "a ··\n·· d"),
    (r"a \`b` c", r"a \`b` c"),
    ("`a`` b", "`a`` b"),
    ("`a``b` c", "······ c"),
    ("a <!-- b -> c --> d", "a ··············· d"),
    ("!!! note\n\n    <!-- a\n\n    b -->\n    c", "!!! note\n\n    ······\n\n·········\n    c"),
    ("a ` b\n\nc ` d", "a ` b\n\nc ` d"),
    ("- a ` b\n- c ` d", "- a ` b\n- c ` d"),
    ("a <!-- b --> c", "a ·········· c"),
    ("<!-- b\n\nc -->\nd", "······\n\n·····\nd"),
    ("`<!-- a -->` b", "············ b"),
    ("```text\na\n\nb\n```\nc", "·······\n·\n\n·\n···\nc"),
    ("~~~~\n~~~\n`a`\n~~~~\nc", "····\n···\n···\n····\nc"),
    ("- a\n\n    ```\n    b\n    ```\n    c", "- a\n\n    ···\n·····\n·······\n    c"),
    ("> ```\n> b\n> ```\n> c", "> ···\n···\n·····\n> c"),
    ("a\n\n    b\n\nc", "a\n\n·····\n\nc"),
    ("!!! note\n\n    b\n\n        c", "!!! note\n\n    b\n\n·········"),
    ("$a$ `b` $`c`$", "$a$ ··· $···$"),
    ("> a `b\n> c` d", "> a ··\n···· d"),
])
def test_masked(text, expected):
    assert masked(text).replace("\0", "·") == expected


@pytest.mark.parametrize("text, expected", [
    ("a `b` <!-- c --> d", "a `b` ·········· d"),
    ("`<!-- a -->` b", "`<!-- a -->` b"),
    ("```\n`a`\n```", "···\n···\n···"),
])
def test_masked_with_code_spans_left_standing(text, expected):
    assert masked(text, spans=False).replace("\0", "·") == expected


@pytest.mark.parametrize("page", PAGES)
def test_masked_keeps_places(page):
    text = body(page)
    for hidden_text in (masked(text), masked(text, spans=False)):
        assert len(hidden_text) == len(text)
        assert all(now in (was, "\0") and (was == "\n") == (now == "\n") for was, now in zip(text, hidden_text))
    assert "`" not in masked(text) and "<!--" not in masked(text, spans=False)


def test_hidden_says_what_it_is():
    text = "`a` $b$ <!-- c -->\n\n    d\n\n```\ne\n```\n\n$$\nf\n$$"
    assert [(kind, text[start:end].strip()) for start, end, kind in sorted(hidden(text))] == [
        ("span", "`a`"), ("formula", "$b$"), ("comment", "<!-- c -->"), ("code", "d"), ("fence", "```\ne\n```"), ("formula", "$$\nf\n$$")]


def test_elements_are_whole():
    text = "a <div>b</div>\n\n    <div c>\n<div>\n</div>\n\nd</div> e\n\n<div>\n"
    assert [text[slice(*span)].strip() for span in elements(text, "div|svg")] == ["<div c>\n<div>\n</div>\n\nd</div>"]


@pytest.mark.parametrize("text", ["```\n" + "\n" * 300 + "x\n" * 300, "[" * 3000, "[a](" * 1000, "`a``" * 1000, '[a]("' * 500, "<div>\n" * 300,
                                  "$a " * 1000, "[a]: " * 1000, "[a](b(c" * 500 + ")" * 100])
@pytest.mark.timeout(20)
def test_what_is_never_closed_takes_no_time(text):
    assert len(masked(text)) == len(text)
    links(text)

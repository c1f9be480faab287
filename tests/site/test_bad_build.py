"""A mistake fails the build: exit status, file and line, and no page of a half-built language."""

import re

import pytest

from tests.building import TinySite, build, built, said, without_timings
from tests.tiny import PAGE, SNIPPET


@pytest.mark.parametrize("path, text, message", [
    ("docs/zh/a.md", PAGE + "\n    ```py\n    x\n    ```\n", "docs/zh/a.md:19: a raw fence (py)"),
    ("docs/zh/a.md", PAGE + "\n    [gone](gone.md)\n", "link gone.md stands in this language only"),
    ("snippets/a.py", SNIPPET + "\n    # %% three\n    1 / 0\n", "snippets/a.py:8: docs/zh/a.md does not quote the cell 'three'"),
    ("snippets/a.py", SNIPPET.replace("x + 1", "x / 0"), "snippets/a.py:6: cell 'two' raises ZeroDivisionError: division by zero"),
], ids=["raw fence", "link in one language", "cell not quoted", "cell raises"])
def test_mistake_fails_the_build(tiny_site, tmp_path, path, text, message):
    tiny_site.put(path, text)
    done = build(tmp_path / "site", root=tiny_site.root)
    assert done.returncode != 0
    assert message in said(done)
    assert "Traceback" not in said(done)
    assert not list((tmp_path / "site").glob("*/a/index.html"))


DISPLAY = "from IPython.display import JSON, Markdown, SVG, display\n"
CANNOT_BE_SHOWN = {  # what it is -> (code of the cell, what the build says behind file, line and cell)
    "Markdown": (DISPLAY + "display(Markdown('**x**'))", "shows text/markdown, which a page cannot show"),
    "_repr_markdown_": ("class M:\n    def _repr_markdown_(self):\n        return 'x'\nM()", "shows text/markdown, which a page cannot show"),
    "_repr_latex_": ("class M:\n    def _repr_latex_(self):\n        return '$x$'\nM()", "shows text/latex, which a page cannot show"),
    "JSON": (DISPLAY + "display(JSON({}))", "shows application/json, which a page cannot show"),
    "carriage return": ("print('a\\rb')", r"prints '\\r', which is for a terminal"),
    "terminal link": ("print('\\033]8;;http://a.b\\033\\\\text\\033]8;;\\033\\\\')", r"prints '\\x1b', which is for a terminal"),
    "backspace": ("print('a\\bb')", r"prints '\\x08', which is for a terminal"),
    "NUL": ("print(chr(0))", r"prints '\\x00', which is for a terminal"),
    "picture without a size": (DISPLAY + "display(SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>'))", "shows an SVG figure without width and height, or a viewBox"),
    "picture that is none": (DISPLAY + "display({'image/png': 'AAAA'}, raw=True)", "shows a picture that cannot be read"),
    "temporary folder": ("from pathlib import Path\nprint(Path('x').absolute())", r"prints '/\S+', which is another in every run"),
    "memory address": ("object()", "prints 'at 0x[0-9a-f]+', which is another in every run"),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory, warm):
    """{what it is: what a build says of a chapter with it}: all that execution finds in one build, and one more for each picture, which staging reads."""
    names, found = list(CANNOT_BE_SHOWN), {}
    for group in [[name for name in names if "picture" not in name], *([name] for name in names if "picture" in name)]:
        project = TinySite(tmp_path_factory.mktemp("refused") / "project", warm.cache)
        for number, name in ((names.index(name), name) for name in group):
            (project.snippets / f"no{number}.py").write_text(f"# %% fine\n\n# %% it\n{CANNOT_BE_SHOWN[name][0]}\n", encoding="utf-8")
            quotes = "\n\n".join(f'```python\n--8<-- "no{number}.py:{cell}"\n```' for cell in ("fine", "it"))
            project.both(f"# A {{#a}}\n\n{quotes}\n\n" + (f"![a](no{number}.py:it)\n" if "picture" in name else ""), f"no{number}")
        done = build(project.root.with_name("site"), root=project.root)
        assert done.returncode != 0 and "Traceback" not in said(done), said(done)
        assert not list(project.root.with_name("site").rglob("*.html"))
        found |= dict.fromkeys(group, said(done))
    return found


@pytest.mark.parametrize("name", CANNOT_BE_SHOWN)
def test_an_output_that_cannot_be_shown_is_refused_with_file_and_line(refused, name):
    number = list(CANNOT_BE_SHOWN).index(name)
    assert re.search(rf"snippets/no{number}\.py:3: cell 'it' {CANNOT_BE_SHOWN[name][1]}.*\n  -> \S", refused[name]), refused[name]


HEADINGS = {"##小节\n": "小节", "Setext\n------\n": "Setext", "Setext one\n===\n": "Setext one", "<h2>HTML</h2>\n": "<h2>HTML</h2>",
            "> ## Quoted\n": "Quoted", "## {#}\n": "{#}", "## Comment <!-- {#x} -->\n": "Comment"}


def test_headings_of_every_form_need_an_id(tiny_site, tmp_path):
    tiny_site.both(PAGE + "\n" + "\n".join(f"    {heading}" .replace("\n-", "\n    -").replace("\n=", "\n    =") for heading in HEADINGS))
    done = build(tmp_path / "site", root=tiny_site.root)
    assert done.returncode != 0
    lines = (tiny_site.root / "docs/en/a.md").read_text(encoding="utf-8").splitlines()
    for heading, text in HEADINGS.items():
        line = lines.index(heading.splitlines()[0]) + 1
        assert f"docs/en/a.md:{line}: the heading {text!r} has no id" in said(done)


def test_formula_that_cannot_be_set_fails_the_build(tiny_site, tmp_path):
    tiny_site.both(PAGE + "\n    $$\n    \\nosuch{x}\n    $$\n")
    done = build(tmp_path / "site", root=tiny_site.root)
    assert done.returncode != 0
    assert re.search(r"docs/zh/a\.md(:\d+)?: the formula", said(done)) and "nosuch" in said(done)
    assert "Traceback" not in said(done)


def english(tiny_site, strict):
    """Exit status of a build of English alone, and what it said."""
    done = build(tiny_site.root.with_name("site"), root=tiny_site.root, strict=strict, file="mkdocs.en.yml")
    return done.returncode, said(done)


@pytest.mark.parametrize("strict", [True, False])
def test_link_that_leads_nowhere_fails_every_build(tiny_site, strict):
    """Though pages are kept from build to build: a link to a heading is checked anew though the page that has it did not change."""
    tiny_site.both("# Home {#home}\n\n[there](a.md#one)\n", "index")
    tiny_site.both(PAGE + "\n    ## One {#one}\n\n    [gone](gone.md#x)\n")
    status, output = english(tiny_site, strict)
    assert status != 0 and "docs/en/a.md:21: the link gone.md#x leads to no page" in output
    tiny_site.both(PAGE + "\n    ## One {#one}\n")
    assert english(tiny_site, strict)[0] == 0
    tiny_site.both(PAGE + "\n    ## One {#another}\n")
    status, output = english(tiny_site, strict)
    assert status != 0 and "docs/en/index.md:3: the link a.md#one leads to no heading: docs/en/a.md has no #one" in output


def test_what_mkdocs_warns_of_fails_every_strict_build(tiny_site):
    """A page that MkDocs warned of, here of links in the ledger, which only the errata page shows, is not kept; and links of kept pages are
    checked anew."""
    tiny_site.both("# Errata {#errata}\n\n<!-- errata -->\n", "appendix/errata")
    tiny_site.edit("ledger.yml", "en: today}}\n  -", "en: '[gone](gone.md#x) [there](../a.md#b)'}}\n  -")
    assert english(tiny_site, strict=False)[0] == 0
    for _ in range(2):
        status, output = english(tiny_site, strict=True)
        assert status != 0 and "contains a link 'gone.md#x'" in output
    tiny_site.edit("ledger.yml", "[gone](gone.md#x) ", "")
    assert english(tiny_site, strict=True)[0] == 0
    tiny_site.edit("docs/en/a.md", "{#b}", "{#c}")
    tiny_site.edit("docs/zh/a.md", "{#b}", "{#c}")
    tiny_site.edit("glossary.yml", "anchor: b", "anchor: c")
    status, output = english(tiny_site, strict=True)
    assert status != 0 and "does not contain an anchor '#b'" in output


def test_what_is_kept_is_never_shown_out_of_date(tiny_site, tmp_path):
    """An edit, and its undoing, reach page, downloads and search index; a damaged file in the cache is told of, and made again."""
    def read():
        log = built(tmp_path / "site", root=tiny_site.root, file="mkdocs.zh.yml")
        files = ("a/index.html", "a/pytorch-a.ipynb", "a/pytorch-a.py", "search/search_index.json")
        return [without_timings((tmp_path / "site" / file).read_text(encoding="utf-8")) for file in files], log

    before, _ = read()
    tiny_site.both(PAGE + "\n    A heron stands there.\n")
    prose, _ = read()
    tiny_site.put("snippets/a.py", SNIPPET.replace("print(x + 1)", "print(x + 1, 'egret')"))
    both, _ = read()
    assert [["heron" in text for text in texts] for texts in zip(before, prose, both)] == [[False, True, True]] * 4
    assert [["egret" in text for text in texts] for texts in zip(before, prose, both)] == [[False, False, True]] * 4
    tiny_site.both(PAGE)
    tiny_site.put("snippets/a.py", SNIPPET)
    assert read()[0] == before
    kept = sorted(path for path in (tiny_site.root / ".cache").rglob("*.kept") if "en" not in path.parts)
    assert len(kept) == 8  # the chapter executed and staged; it and the home page read, rendered, and indexed for search
    whole = [path.read_bytes() for path in kept]
    other = b"0" * 64 + b"\ncno_such_module\nThing\n."  # what a version whose classes are gone has left
    damages = [(lambda file: file[:100], True), (lambda file: b"", False), (lambda file: file[:-1], True), (lambda file: b"nonsense", False),
               (lambda file: file[:64], True), (lambda file: other, False), (lambda file: file[:65] + b"\n", True)]
    for damaged, first in ((kept[1:], 0), (kept[1:], 3), (kept[:1], 2)):  # without the execution, the others are of another one
        told = []
        for path, (damage, tell) in zip(damaged, damages[first:] + damages[:first]):
            path.write_bytes(damage(path.read_bytes()))
            told += [path] if tell else []
        again, log = read()
        assert again == before
        assert [path for path in kept if f"{path} is damaged" in log] == told
        assert [len(path.read_bytes()) for path in kept] == pytest.approx([len(file) for file in whole], abs=20)  # seconds of the execution


def test_a_link_to_a_cell_of_another_page_is_no_mistake(tiny_site, tmp_path):
    """Cells are fences, whose ids MkDocs does not see by itself; of pages that an earlier build kept too."""
    tiny_site.both("# B {#b}\n\n[two](a.md#cell-two)\n", "b")
    built(tmp_path / "site", root=tiny_site.root)
    tiny_site.both("# B {#b}\n\n[2](a.md#cell-two)\n", "b")
    built(tmp_path / "site", root=tiny_site.root)
    tiny_site.both("# B {#b}\n\n[2](a.md#cell-three)\n", "b")
    assert "has no #cell-three" in said(build(tmp_path / "site", root=tiny_site.root))

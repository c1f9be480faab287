"""What a reader downloads: the chapter as a notebook and as a script, which run alone in an empty folder."""

import ast
import re
import textwrap

import nbformat

from press.chapters import Prose
from press.markup import ESCAPE, USE, elements, hidden, hide, links, masked
from press.project import PressError
from press.tags import TAGS, folded
from press.weave import code_cell, markdown_cell, number_cells

AWAY = r"(?:[A-Za-z][A-Za-z0-9+.-]*:|//)"  # begins an address that is not the site's
FUTURE = re.compile(r"(?m)^from __future__ import .*$")
NOTE = re.compile(r'(?P<out>[ >]*)(?:(?:!!!|\?\?\?\+?)(?=.*["\w])(?P<type>[\w -]*?) *(?:"(?P<title>.*)")?|===[+!]* +"(?P<tab>.*)") *$')
NAMED, WORD = r"""(?:[#.][^\s{}]+|[\w:-]+=(?:"[^"\n]*"|'[^'\n]*'|[^\s"'{}]+))""", r"[A-Za-z][\w-]*"
SURE = rf"\{{:?[ ]*{NAMED}(?:[ ]+(?:{NAMED}|{WORD}))*[ ]*\}}"  # an attribute list, wherever it stands
LIST = rf"\{{:?[ ]*(?:{NAMED}|{WORD})(?:[ ]+(?:{NAMED}|{WORD}))*[ ]*\}}"  # one behind what can have attributes


def _apart(match):
    """Emphasis with a hair space between a letter outside and punctuation inside, where CommonMark would not see it begin or end."""
    left, right = ("\u200a" if match[outside] and not re.match(r"\w", match[3][end]) else "" for outside, end in ((1, 0), (4, -1)))
    return f"{match[1]}{left}{match[2]}{match[3]}{match[2]}{right}"


ONLY_SITE = [(re.compile(pattern), new) for pattern, new in (  # what Jupyter does not know; code and formulas are a number between NULs
    (rf":(?:material|fontawesome|octicons|simple)-[\w-]+:(?:{LIST})? ?", ""),  # an icon
    (rf'(?s)<a\s(?![^>]*href=.?{AWAY})[^>]*>(.*?)</a>', r"\1"), (rf'<img\s(?![^>]*src=.?{AWAY})(?:[^>]*alt="([^">]*)")?[^>]*>', r"\1"),
    (rf"(?m)^([ >*+-]*#.*?) +{LIST}[ #]*$", r"\1"), (rf" +{LIST} *(\n[ >]*(?:=+|-+) *(?:\n|\Z))", r"\1"),  # attributes of headings,
    (rf"(?m)\n[ >]*{SURE} *$", ""), (rf" +{SURE} *(?=\|)", " "), (rf"(?<=\0){LIST}|(?<=[*_\]]){SURE}", ""),  # of blocks, cells, words
    (r"(?m)^((?: {4}|> ?)*#{1,6})(?=[^#\s])", r"\1 "), (r"(?<!\\)\$", r"\\$"),  # `#Heading`; a dollar that begins no formula
    (r"(\w?)(?<!\\)(\*{1,3})(?![*\s])([^*]+)(?<!\s)\2(?!\*)(?=(\w?))", _apart))]


def file_name(stem):
    """Name, without its suffix, of a chapter's downloads: one that says what it is, and is no package's (tensorboard.py would be)."""
    return f"pytorch-{stem.rpartition('/')[2]}"


def plain_markdown(text):
    """Markdown of Material turned into what Jupyter shows: CommonMark with tables and formulas. Code is not touched.

    Admonitions, folds and tabs become block quotes; links and images of the site, their text, since a downloaded notebook stands alone;
    attribute lists, comments, icons, HTML drawn for the site and definitions that no link of the text uses go.
    """
    text = _cut(text, [part for part in hidden(text) if part[2] == "comment"])
    text, kept = _set_aside(_without_links(_cut(text, elements(masked(text), "div|svg|figure|style|script"))))
    for pattern, new in ONLY_SITE:
        text = pattern.sub(new, text)
    return "\n".join(_put_back(line, kept) for line in _quoted(text).split("\n"))


def definitions(texts):
    """The definitions of links, `[name]: address`, in Markdown texts, as one text with a line for each."""
    return "\n".join(" ".join(text[it.start : it.end].split()) for text in texts for it in links(text) if it.kind == "definition")


def _cut(text, parts):
    for start, end, *_ in sorted(set(parts), reverse=True):
        text = text[:start] + text[end:]
    return text


def _without_links(text):
    """`text` with nothing but the label of each link and image whose address is the site's, and with the definitions of the others last."""
    cut, sides, named, needed = [], [], {}, []
    for link in links(text):
        label = link.label or (link.end, link.end)
        sides += [(link.start, label[0]), (label[1], link.end)]
        cut.append(re.compile(rf"(?:{LIST})?").match(text, link.end).span())
        if link.kind == "definition":
            named[tuple(text[slice(*label)].lower().split())] = link
            cut.append((link.start, link.end))
        elif link.label and not re.match(AWAY, link.target):
            cut += sides[-2:]
    for use in USE.finditer(hide(text, [*hidden(text), *sides, *(match.span() for match in ESCAPE.finditer(text))])):
        link = named.get(tuple(text[slice(*use.span("name" if use["name"] else "label"))].lower().split()))
        if link and re.match(AWAY, link.target):
            needed.append(definitions([text[link.start : link.end]]))
        elif link:
            cut += [(use.start(), use.start("label")), (use.end("label"), use.end())]
    return f"{_cut(text, cut).rstrip()}\n\n" + "\n".join(dict.fromkeys(needed))


def _set_aside(text):
    """(`text` with a number between NULs for each piece of code and each formula, and without tabs; [the lines of each piece])."""
    kept = []
    for start, end, kind in sorted(hidden(text), reverse=True):
        out, lines = text[text.rfind("\n", 0, start) + 1 : start], text[start:end].strip(" \t").split("\n")
        if kind == "fence" or lines[0].startswith("$$"):
            lines[1:] = [line[len(out):] if line.startswith(out) else "" for line in lines[1:]]
        else:
            lines = [" ".join(line.strip(" \t>") if number else line for number, line in enumerate(lines))]
        kept.append([f"${lines[0][2:-2].strip()}$"] if lines[0].startswith("\\(") else lines)
        text = f"{text[:start]}{re.match('[ \t]*', text[start:])[0]}\0{len(kept) - 1}\0{text[end:]}"
    return text.expandtabs(4), kept


def _put_back(line, kept):
    """A line with what was set aside. In a row of a table, a | in code would end the cell."""
    out, pipe = re.match(r"[ >]*", line)[0], r"\|" if line.lstrip(" >").startswith("|") else "|"
    return re.sub(r"\0(\d+)\0", lambda match: "\n".join(kept[int(match[1])]).replace("|", pipe).replace("\n", f"\n{out}"), line)


def _quoted(text):
    """Markdown with each admonition, fold and tab as a block quote, its title in bold; no two blank lines together, none at the ends."""
    found, lines = [], text.split("\n")[::-1]
    while lines:
        line = lines.pop()
        if note := NOTE.match(line):
            out, body = note["out"], []
            while lines and (not lines[-1].strip(" >") or lines[-1].startswith(f"{out}    ")):
                body.append(lines.pop()[len(out) + 4 :])
            title = note["tab"] or (note["type"] or "").strip().split(" ")[0].capitalize() if note["title"] is None else note["title"]
            quote = _quoted("\n".join([f"**{title}**\n" if title else "", *body])).split("\n")
            found += ["", *(f"{out}> {line}" if line else f"{out}>" for line in quote), out.rstrip()]
        else:
            found.append(line if line.strip() else "")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(found)).strip("\n")


def notebook(woven):
    """The downloadable notebook of a woven one, as text: prose, code, outputs without what is the site's in their metadata. Cells that
    need a GPU or a download also get the tag `raises-exception`, so that "run all" goes on past them; folded code is folded."""
    found = nbformat.v4.new_notebook(metadata={name: woven.metadata[name] for name in ("kernelspec", "language_info")})
    elsewhere = definitions(cell.source for cell in woven.cells if cell.cell_type == "markdown")
    for cell in woven.cells:
        if cell.cell_type == "markdown":
            prose = [plain_markdown(f"{cell.source}\n\n{elsewhere}")]
        elif cell.metadata.press["path"].endswith(".sh"):
            prose = [f"```sh\n{cell.source}\n```"]
        else:
            about = cell.metadata.press
            tags = sorted({*about["tags"], *(["raises-exception"] if {"gpu", "network"} & set(about["tags"]) else [])})
            fold = {"jupyter": {"source_hidden": True}} if folded(about["tags"]) else {}
            found.cells.append(code_cell(cell.source, {"name": about["name"], "tags": tags} | fold, cell.outputs))
            for output in found.cells[-1].outputs:  # copies
                output.get("metadata", {}).pop("figure", None)
            prose = [f"*{re.sub(r'[\\`*_\[\]<$]', r'\\\g<0>', it['caption'])}*" for it in about["figures"] if it["caption"]]
        found.cells += [markdown_cell(text) for text in prose if text]
    return nbformat.v4.writes(number_cells(found)) + "\n"


def script(page, cells):
    """The downloadable script of a Page, as text: its prose as comments, its {address: Cell} in order, those that may not run here guarded.

    Raises PressError if guarding a cell would change what it does.
    """
    parts = ["import sys"] if any("network" in cell.tags for cell in cells.values()) else []
    elsewhere = definitions(part.text for part in page.parts if isinstance(part, Prose))
    for part in page.parts:
        if isinstance(part, Prose):
            parts.append("\n".join(f"# {line}".rstrip() for line in plain_markdown(f"{part.text}\n\n{elsewhere}").split("\n")))
        elif cells[part.address].path.endswith(".py"):
            parts.append(f"# %% {cells[part.address].name}\n{guard(cells[part.address])}".rstrip())
    text = "\n\n".join(parts) + "\n"
    futures = FUTURE.findall(text)  # in a notebook they may stand in any cell, in a script at the top alone
    return "\n".join([*dict.fromkeys(futures), "", FUTURE.sub("", text)]) if futures else text


def guard(cell):
    """The code of a Cell, inside the guards that its tags ask for. Raises PressError if that would change what it does."""
    code = cell.source.rstrip() + "\n"
    for before, after in (what.guard for tag, what in TAGS.items() if tag in cell.tags and what.guard):
        inner = textwrap.indent(code, "    ")
        if list(map(ast.dump, ast.parse("if 1:\n" + inner).body[0].body)) != list(map(ast.dump, ast.parse(code).body)):
            raise PressError(f"snippets/{cell.path}", cell.line, f"cell {cell.name!r} has a text of several lines that indenting changes",
                             "write that text on one line, or build it before this cell")
        code = before + inner + after
    return code

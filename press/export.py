"""What a reader downloads: the chapter as a notebook and as a script, which run alone in an empty folder."""

import ast
import re
import textwrap
from copy import deepcopy

import nbformat

from press.chapters import Prose
from press.markup import ESCAPE, USE, elements, hidden, hide, links, masked
from press.project import PressError
from press.tags import TAGS
from press.weave import code_cell, markdown_cell, number_cells

GUARDS = {tag: what.guard for tag, what in TAGS.items() if what.guard}  # tag -> (what the script puts before, behind) the cell's code
AWAY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")  # begins an address that is not the site's
NOTE = re.compile(r'(?P<out>[ >]*)(?:(?:!!!|\?\?\?\+?)(?=.*["\w])(?P<type>[\w -]*?) *(?:"(?P<title>.*)")?|===[+!]* +"(?P<tab>.*)") *$')
NAMED, WORD = r"""(?:[#.][^\s{}]+|[\w:-]+=(?:"[^"\n]*"|'[^'\n]*'|[^\s"'{}]+))""", r"[A-Za-z][\w-]*"
SURE = rf"\{{:?[ ]*{NAMED}(?:[ ]+(?:{NAMED}|{WORD}))*[ ]*\}}"  # an attribute list, wherever it stands
LIST = rf"\{{:?[ ]*(?:{NAMED}|{WORD})(?:[ ]+(?:{NAMED}|{WORD}))*[ ]*\}}"  # one behind what can have attributes
ONLY_SITE = [(re.compile(pattern), new) for pattern, new in (  # what Jupyter does not know; code and formulas are a number between NULs
    (rf":(?:material|fontawesome|octicons|simple)-[\w-]+:(?:{LIST})? ?", ""), (r"(?m)^[ >]*\*\[[^\]\n]+\] ?:.*$", ""),  # icons, abbreviations
    (rf"(?m)^([ >]*#.*?) +{LIST}[ #]*$", r"\1"), (rf" +{LIST} *(\n[ >]*(?:=+|-+) *(?:\n|\Z))", r"\1"),  # attributes of headings,
    (rf"(?m)\n[ >]*{SURE} *$", ""), (rf" +{SURE} *(?=\|)", " "), (rf"(?<=\0){LIST}|(?<=[*_\]]){SURE}", ""),  # of blocks, cells, words
    (r"(?m)^((?: {4}|> ?)*#{1,6})(?=[^#\s])", r"\1 "), (r"(?<!\\)\$", r"\\$"))]  # `#Heading`; a dollar that begins no formula


def file_name(stem):
    """Name, without its suffix, of a chapter's downloads: one that says what it is, and is no package's (tensorboard.py would be)."""
    return f"pytorch-{stem.rpartition('/')[2]}"


def plain_markdown(text, elsewhere=""):
    """Markdown of Material turned into what Jupyter shows: CommonMark with tables and formulas. Code is not touched.

    Admonitions, folds and tabs become block quotes; links and images of the site, their text, since a downloaded notebook stands alone;
    attribute lists, comments, icons and HTML drawn for the site go. `elsewhere` has definitions of links from other parts of the page.
    """
    text = f"{text}\n\n{elsewhere}"
    text = _cut(text, [part for part in hidden(text) if part[2] == "comment"])
    text, kept = _set_aside(_without_links(_cut(text, elements(masked(text), "div|svg|figure|style|script"))))
    for pattern, new in ONLY_SITE:
        text = pattern.sub(new, text)
    return "\n".join(_put_back(line, kept) for line in _quoted(text.split("\n"))).strip("\n")


def definitions(texts):
    """The definitions of links, `[name]: address`, in Markdown texts, as one text with a line for each."""
    return "\n".join(" ".join(text[it.start : it.end].split()).lstrip("> ") for text in texts for it in links(text) if it.kind == "definition")


def _cut(text, parts):
    for start, end, *_ in sorted(set(parts), reverse=True):
        text = text[:start] + text[end:]
    return text


def _without_links(text):
    """`text` with nothing but the label of each link and image whose address is the site's, and with the definitions of the others last."""
    cut, sides, named, needed = [], [], {}, []
    for link in links(text):
        label, end = link.label or (link.end, link.end), link.end
        if link.kind == "html":
            alt, close = re.compile(r'\balt="([^"]*)"').search(text, link.start, end), re.compile("</a>").search(text, end)
            if close and text.startswith("<a ", link.start):
                label, end = (end, close.start()), close.end()
            label = alt.span(1) if alt else label
        elif attributes := re.compile(LIST).match(text, end):
            cut.append(attributes.span())
        sides += [(link.start, label[0]), (label[1], end)]
        if link.kind == "definition":
            named[tuple(text[slice(*label)].lower().split())] = link
            cut.append((link.start, end))
        elif not AWAY.match(link.target) and (link.label or link.kind == "html"):
            cut += sides[-2:]
    flat = hide(text, [*hidden(text), *sides])
    for use in USE.finditer(hide(flat, [match.span() for match in ESCAPE.finditer(flat)])):
        link = named.get(tuple(text[slice(*use.span("name" if use["name"] else "label"))].lower().split()))
        if link and AWAY.match(link.target):
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
        mark = re.match(r"[`~]*", lines[0])[0]
        while kind == "fence" and any(line.strip().startswith(mark) for line in lines[1:-1]):  # where CommonMark would end it
            mark += mark[0]
            lines = [mark + lines[0].lstrip(mark[0]), *lines[1:-1], mark]
        kept.append([f"${lines[0][2:-2].strip()}$"] if lines[0].startswith("\\(") else lines)
        text = f"{text[:start]}{re.match('[ \t]*', text[start:])[0]}\0{len(kept) - 1}\0{text[end:]}"
    return text.expandtabs(4), kept


def _put_back(line, kept):
    """A line with what was set aside. In a row of a table, a | in code would end the cell."""
    out, pipe = re.match(r"[ >]*", line)[0], r"\|" if line.lstrip(" >").startswith("|") else "|"
    return re.sub(r"\0(\d+)\0", lambda match: "\n".join(kept[int(match[1])]).replace("|", pipe).replace("\n", f"\n{out}"), line)


def _quoted(lines):
    """The lines with each admonition, fold and tab as a block quote, its title in bold; no two blank lines together, none at the ends."""
    found, lines = [""], lines[::-1]
    while lines:
        line = lines.pop()
        if note := NOTE.match(line):
            out, body = note["out"], []
            while lines and (not lines[-1].strip(" >") or lines[-1].startswith(f"{out}    ")):
                body.append(lines.pop()[len(out) + 4 :])
            title = note["tab"] or note["title"] or ("" if note["title"] == "" else note["type"].split()[0].capitalize())
            quote = _quoted([f"**{title}**", "", *body] if title else body)
            found += ["", *(f"{out}> {line}" if line else f"{out}>" for line in quote), out.rstrip()]
        else:
            found.append(line if line.strip() else "")
    found = [line for above, line in zip(found, found[1:]) if line or above]
    return found[:-1] if found and not found[-1] else found


def notebook(woven):
    """The downloadable notebook of a woven one, as text: prose, code, outputs without what is the site's in their metadata. Cells that need a
    GPU or a download also get the tag `raises-exception`, so that "run all" goes on past them."""
    found = nbformat.v4.new_notebook(metadata={name: woven.metadata[name] for name in ("kernelspec", "language_info")})
    elsewhere = definitions(cell.source for cell in woven.cells if cell.cell_type == "markdown")
    for cell in woven.cells:
        if cell.cell_type == "markdown":
            prose = [plain_markdown(cell.source, elsewhere)]
        elif cell.metadata.press["path"].endswith(".sh"):
            prose = [f"```sh\n{cell.source}\n```"]
        else:
            about, outputs = cell.metadata.press, deepcopy(cell.outputs)
            for output in outputs:
                output.get("metadata", {}).pop("figure", None)
            tags = sorted({*about["tags"], *(["raises-exception"] if {"gpu", "network"} & set(about["tags"]) else [])})
            found.cells.append(code_cell(cell.source, {"name": about["name"], "tags": tags}, outputs))
            captions = [re.sub(r"[\\`*_\[\]<$]", r"\\\g<0>", figure["caption"]) for figure in about["figures"]]
            prose = [f"*{caption}*" for caption in captions if caption]
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
            parts.append("\n".join(f"# {line}".rstrip() for line in plain_markdown(part.text, elsewhere).split("\n")))
        elif cells[part.address].path.endswith(".py"):
            parts.append(f"# %% {cells[part.address].name}\n{guard(cells[part.address])}".rstrip())
    return "\n\n".join(parts) + "\n"


def guard(cell):
    """The code of a Cell, inside the guards that its tags ask for. Raises PressError if that would change what it does."""
    code = cell.source.rstrip() + "\n"
    for before, after in (guard for tag, guard in GUARDS.items() if tag in cell.tags):
        inner = textwrap.indent(code, "    ")
        if list(map(ast.dump, ast.parse("if 1:\n" + inner).body[0].body)) != list(map(ast.dump, ast.parse(code).body)):
            raise PressError(f"snippets/{cell.path}", cell.line, f"cell {cell.name!r} has a text of several lines that indenting changes",
                             "write that text on one line, or build it before this cell")
        code = before + inner + after
    return code

"""What a reader downloads: the chapter as a notebook and as a script, which run alone in an empty folder."""

import ast
import re
import textwrap

import nbformat

from press.chapters import FENCE, LEDGER, Prose
from press.project import PressError
from press.weave import code_cell, markdown_cell, number_cells

RAW = re.compile(r"^<(div|svg)\b.*?^</\1>[ \t]*$", re.DOTALL | re.MULTILINE)  # drawn for the site: a map, say

GUARDS = {  # tag -> (what the script puts around the cell's code)
    "gpu": ("if torch.cuda.is_available():  # needs an NVIDIA GPU\n", ""),
    "network": ("if '--network' in sys.argv:  # needs a download: run this script with --network\n", ""),
    "raises-exception": ("try:  # meant to fail\n", "except Exception as error:\n    print(f'{type(error).__name__}: {error}')\n"),
}


def file_name(stem):
    """Name, without its suffix, of a chapter's downloads: one that says what it is, and is no package's (tensorboard.py would be)."""
    return f"pytorch-{stem.rpartition('/')[2]}"


def plain_markdown(text):
    """Markdown of Material turned into what Jupyter shows: admonitions to block quotes, no ids, no comments.

    Raw HTML blocks, drawn for the site, are left out. Links to other pages of the site become their text, since a downloaded notebook stands alone.
    """
    lines, fence, quoted = [], None, False
    for line in RAW.sub("", LEDGER.sub("", text)).split("\n"):
        if not fence:
            line = re.sub(r"\s*\{\s*[#.:][^}]*\}\s*$", "", line)
            line = re.sub(r"(?<!!)\[([^\]]*)\]\((?!https?:)[^)]*\)(\{[^}]*\})?", r"\1", line)
            if opening := re.match(r'(?:!!!|\?\?\?\+?)\s+\S+(?:\s+"(.*)")?\s*$', line):
                lines += [f"> **{opening[1]}**"] if opening[1] else []
                quoted = True
                continue
        if match := FENCE.match(line):
            fence = None if fence and line.strip().startswith(fence) else fence or match["fence"]
        if quoted and line.strip() and not line.startswith("    "):
            quoted = False
            while lines and lines[-1] == ">":
                lines[-1] = ""
        lines.append(f"> {line[4:]}".rstrip() if quoted else line)
    while lines and lines[-1] in ("", ">"):
        lines.pop()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def notebook(woven):
    """The downloadable notebook: prose in its language, code, outputs.

    Cells that need a GPU or a download also get the tag `raises-exception`, so that "run all" goes on past them.
    """
    found = nbformat.v4.new_notebook(metadata={name: woven.metadata[name] for name in ("kernelspec", "language_info")})
    for cell in woven.cells:
        if cell.cell_type == "markdown":
            if text := plain_markdown(cell.source):
                found.cells.append(markdown_cell(text))
        elif cell.metadata.press["path"].endswith(".sh"):
            found.cells.append(markdown_cell(f"```sh\n{cell.source}\n```"))
        else:
            tags = list(cell.metadata.press["tags"])
            if {"gpu", "network"} & set(tags):
                tags = sorted({*tags, "raises-exception"})
            code = code_cell(cell.source, {"name": cell.metadata.press["name"], "tags": tags}, cell.outputs)
            found.cells.append(code)
            found.cells += [markdown_cell(f"*{figure['caption']}*")
                            for figure in cell.metadata.press["figures"] if figure["caption"]]
    number_cells(found)
    return nbformat.v4.writes(found) + "\n"


def script(page, cells):
    """The downloadable script: the cells in order, prose as comments, cells that may not run here guarded.

    Args:
        page: a Page, whose language the comments are in.
        cells: {address: Cell} of the chapter.
    Raises: PressError if guarding a cell would change what it does.
    """
    parts, guarded = [], any("network" in cell.tags for cell in cells.values())
    for part in page.parts:
        if isinstance(part, Prose):
            parts.append("\n".join(f"# {line}".rstrip() for line in plain_markdown(part.text).split("\n")))
        else:
            cell = cells[part.address]
            if cell.path.endswith(".py"):
                parts.append(f"# %% {cell.name}\n{guard(cell)}".rstrip())
    return ("import sys\n\n" if guarded else "") + "\n\n".join(parts) + "\n"


def guard(cell):
    """The code of a cell, inside the guards that its tags ask for."""
    code = cell.source.rstrip() + "\n"
    for tag in ("raises-exception", "gpu", "network"):
        if tag in cell.tags:
            before, after = GUARDS[tag]
            inner = textwrap.indent(code, "    ")
            if list(map(ast.dump, ast.parse("if 1:\n" + inner).body[0].body)) != list(map(ast.dump, ast.parse(code).body)):
                raise PressError(f"snippets/{cell.path}", cell.line, f"cell {cell.name!r} has a text of several lines that indenting changes",
                                 "write that text on one line, or build it before this cell")
            code = before + inner + after
    return code


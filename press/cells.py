"""Cells: reading a snippet file, a notebook in the percent format, and checking its names, tags and syntax."""

import ast
import difflib
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import jupytext

from press.project import PressError, read_text
from press.tags import TAGS

CELL_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MARKER = re.compile(r"^# ?%%(.*)$")
TITLE = re.compile(r"""\s*[^\s="\[\]]*(\s+tags=\[(\s*"[^"]*"\s*(,\s*"[^"]*"\s*)*)?\])?\s*""")  # name and tags behind a marker


@dataclass(frozen=True)
class Cell:
    """A named piece of a snippet file. `path` is relative to `snippets/`, `line` is that of its marker."""

    path: str
    line: int
    name: str
    tags: tuple[str, ...]
    source: str

    @property
    def address(self):
        return f"{self.path}:{self.name}"

    @property
    def python(self):
        return self.path.endswith(".py")


def read_cells(project, path):
    """Cells of a snippet file in the percent format, tags and names checked. Raises PressError."""
    return list(_read_cells(path.relative_to(project.snippets).as_posix(), read_text(project, path)))


@lru_cache(maxsize=256)
def _read_cells(name, text):
    """The same, of a text: parsing takes a while, and each quote of a page asks for it."""
    where, suffix = f"snippets/{name}", Path(name).suffix
    lines = {number: match[1] for number, line in enumerate(text.splitlines(), 1) if (match := MARKER.match(line))}
    for line, marker in lines.items():
        if not TITLE.fullmatch(marker):
            raise PressError(where, line, f"a marker that cannot be read: {marker.strip()}", 'write `# %% name` or `# %% name tags=["gpu", "warns"]`')
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Without comment_magics, a comment such as `# copy it` would be taken for a command of IPython and uncommented.
        parts = jupytext.reads(text, fmt={"extension": suffix, "format_name": "percent", "comment_magics": False}).cells
    if parts and len(parts) == len(lines) + 1:  # what stands before the first marker
        if any(line.strip() and not line.startswith("#") for line in parts[0].source.splitlines()):
            raise PressError(where, 1, "code stands before the first cell", "put it in a cell: # %% name")
        parts = parts[1:]
    if len(parts) != len(lines):
        raise PressError(where, 1, f"{len(lines)} cell markers, {len(parts)} cells", "begin each cell with a line `# %% name`, not inside a text")
    found = {}
    for line, part in zip(lines, parts, strict=True):
        cell = _read_cell(where, name, line, part)
        if cell.name in found:
            raise PressError(where, line, f"two cells are called {cell.name!r}, the other in line {found[cell.name].line}", "give one of them another name")
        found[cell.name] = cell
    return tuple(found.values())


def _read_cell(where, path, line, part):
    name, tags = part.metadata.get("title", ""), tuple(part.metadata.get("tags", ()))
    if part.cell_type != "code":
        raise PressError(where, line, f"a {part.cell_type} cell", "write prose in docs/; a snippet file holds code cells only")
    if not CELL_NAME.fullmatch(name):
        raise PressError(where, line, f"{name!r} is not a cell's name", "name the cell in its marker, lower-case ASCII words joined by hyphens: # %% item-error")
    for tag in tags:
        if tag not in TAGS:
            raise PressError(where, line, f"unknown tag {tag!r}", f"{nearest(tag, TAGS)}known tags: {', '.join(sorted(TAGS))}")
    if path.endswith(".py"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                compile(part.source, where, "exec")
        except (SyntaxError, ValueError) as error:  # ValueError: a NUL in the text
            raise PressError(where, line + (getattr(error, "lineno", 0) or 0), f"cell {name!r}: syntax error: {getattr(error, 'msg', error)}",
                             "mend the Python of this line") from None
    return Cell(path, line, name, tags, part.source)


def nearest(word, words):
    """`did you mean 'x'? ` for the nearest of `words`, or nothing."""
    found = difflib.get_close_matches(word, list(words), 1, 0.5)
    return f"did you mean {found[0]!r}? " if found else ""


def run_python(cells):
    """The Python cells among `cells`, in order."""
    return [cell for cell in cells if cell.python]


def imported_modules(cells):
    """Names of the top-level modules that the cells import, sorted."""
    modules = set()
    for cell in run_python(cells):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.split(".")[0])
    return sorted(modules)

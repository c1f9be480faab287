"""A reader's console may know ASCII alone, or GBK: what a chapter prints is ASCII, and text files name their encoding.

Windows in Chinese writes `print` and `open` in GBK, where a lone "²" ends a script half-way. What is drawn in a figure, and a comment
in the source, may hold any character.
"""

import ast
from pathlib import Path

import pytest

from press.project import Project
from tests.run import chapter_run

ROOT = Path(__file__).resolve().parent.parent
PROJECT = Project(ROOT)
CHAPTERS = PROJECT.chapters()


def printed(ran):
    """All text that a console or a notebook shows of a cell: {what: text}."""
    shown = {"output": ran.stdout, "value": "" if ran.value is None else repr(ran.value), "warnings": "\n".join(ran.warnings)}
    return shown | {"error": f"{type(ran.error).__name__}: {ran.error}" if ran.error else ""}


def python_cells(stem):
    """The Python cells of a chapter, those too that do not run here."""
    return [cell for cell in PROJECT.cells(stem).values() if cell.path.endswith(".py")]


def calls(cell):
    """Every call in a cell, as (name of what is called, what stands before the dot or None, ast.Call)."""
    for node in ast.walk(ast.parse(cell.source)):
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            if isinstance(node.func, ast.Name):
                yield node.func.id, None, node
            else:
                yield node.func.attr, ast.unparse(node.func.value), node


def non_ascii_prints(cell):
    """Texts with other than ASCII that stand in a `print(...)` of a cell."""
    return [part.value for name, owner, call in calls(cell) if (name, owner) == ("print", None) for part in ast.walk(call)
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and not part.value.isascii()]


def unnamed_encodings(cell):
    """Calls of a cell that open a file as text and do not say `encoding=`."""
    found = []
    for name, owner, call in calls(cell):
        if name not in ("open", "read_text", "write_text") or owner == "Image":  # PIL's pictures are no text
            continue
        place = 1 if owner is None else 0  # open(path, mode), path.open(mode)
        modes = [word.value for word in call.keywords if word.arg == "mode"] + (call.args[place:place + 1] if name == "open" else [])
        binary = any("b" in ast.literal_eval(mode) for mode in modes)
        if not binary and not any(word.arg == "encoding" for word in call.keywords):
            found.append(ast.unparse(call))
    return found


@pytest.mark.parametrize("stem", CHAPTERS)
def test_what_a_chapter_shows_is_ascii(stem):
    run = chapter_run(ROOT, stem)
    run.upto(None)
    wrong = [f"snippets/{cell.address}: its {what} is not ASCII: {line!r}" for cell in run.cells
             for what, text in printed(run[cell.name]).items() for line in text.splitlines() if not line.isascii()]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("stem", CHAPTERS)
def test_what_a_chapter_would_print_is_ascii(stem):
    wrong = [f"snippets/{cell.address}: prints {text!r}, which is not ASCII" for cell in python_cells(stem) for text in non_ascii_prints(cell)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("stem", CHAPTERS)
def test_text_files_name_their_encoding(stem):
    wrong = [f"snippets/{cell.address}: {call} does not name its encoding" for cell in python_cells(stem) for call in unnamed_encodings(cell)]
    assert not wrong, "\n".join(wrong)

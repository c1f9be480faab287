"""Weaving: a chapter's prose and its quoted cells, put together into a notebook with the outputs of the execution."""

import re

import nbformat

from press.chapters import Prose
from press.outputs import image_kind
from press.records import fresh_records
from press.tags import TAGS, folded


def weave(project, language, stem, execution):
    """The notebook of one page.

    Returns an nbformat notebook. Each code cell's `metadata.press` has the cell's `address`, `name`, `anchor` (its id on the page), `tags`,
    `info` and `title` (of the fence; the title is that of a fold), `figures` (alt, caption), `status` ("run", "recorded", "not-run") and, of a record, `about`.
    Raises PressError if figures and the outputs that they describe do not match.
    """
    page, cells = project.page(language, stem), project.cells(stem)
    records = fresh_records(project, stem, list(cells.values()))
    names = {cell.name for cell in cells.values() if cell.python}
    notebook = nbformat.v4.new_notebook(metadata={
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}, "language_info": {"name": "python"}})
    for part in page.parts:
        if isinstance(part, Prose):
            notebook.cells += [markdown_cell(text) for text in split_title(part.text)]
            continue
        cell = cells[part.address]
        status, outputs, about = _outputs(cell, execution, records)
        pictures = [output for output in outputs if image_kind(output)]
        if status != "not-run" and len(pictures) != len(part.figures):
            raise page.error(part.line, f"{cell.address} draws {len(pictures)} figures and {len(part.figures)} have alternative text",
                             f'write one line below the quote for each figure: ![alternative text]({cell.address} "caption")')
        woven = code_cell(cell.source, {"tags": list(cell.tags)}, [
            nbformat.from_dict(output | ({"execution_count": None} if output["output_type"] == "execute_result" else {})) for output in outputs])
        anchor = f"cell-{cell.name}" if cell.python or cell.name not in names else f"cell-{cell.name}-sh"
        woven.metadata["press"] = {"address": cell.address, "path": cell.path, "name": cell.name, "anchor": anchor, "tags": list(cell.tags), "info": part.info, "title": part.title, "status": status,
                                   "about": about, "figures": [{"alt": alt, "caption": caption} for alt, caption in part.figures]}
        notebook.cells.append(woven)
    return number_cells(notebook)


def _outputs(cell, execution, records):
    """(status, outputs, about) of a cell: what it gave in this build, else what a record keeps, else nothing."""
    if not cell.python and not any(TAGS[tag].needs for tag in cell.tags):
        return "run", [], {}  # by the tests; what a shell line prints is not shown
    if cell.address in execution.outputs:
        return "run", execution.outputs[cell.address], {}
    if cell.address in records:
        return "recorded", records[cell.address]["outputs"], records[cell.address]["about"]
    return "not-run", [], {}


def markdown_cell(source):
    return nbformat.from_dict({"cell_type": "markdown", "id": "cell", "metadata": {}, "source": source})


def code_cell(source, metadata, outputs=()):
    return nbformat.from_dict({"cell_type": "code", "id": "cell", "execution_count": None, "metadata": metadata, "source": source,
                               "outputs": list(outputs)})


def number_cells(notebook):
    """The notebook, with an id for every cell that is the same in every build (nbformat's own are random), and validated."""
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    nbformat.validate(notebook)
    return notebook


def split_title(text):
    """[first-level heading, the rest] where a text begins with one, else [text]."""
    head, _, rest = text.partition("\n")
    return [head, rest.strip("\n")] if head.startswith("# ") and rest.strip() else [text]


def reading_minutes(project, stem):
    """Honest minutes for a beginner, in steps of 5, the same in every language: those of the slowest, whose strings say how much of its
    letters or words one reads in a minute, and 6 s for each line of code that is not folded."""
    def minutes(language):
        reading = project.words(language)["reading"]
        prose = "\n".join(text for _, text in project.page(language, stem).prose_lines())
        return len(re.findall(reading["unit"], re.sub(r"<[^>]*>", "", prose))) / reading["a_minute"]

    code = sum(len(cell.source.splitlines()) for cell in project.cells(stem).values() if not folded(cell.tags))
    return max(5, 5 * round((max(map(minutes, project.languages)) + code / 10) / 5))

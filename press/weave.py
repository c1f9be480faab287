"""Weaving: a chapter's prose and its quoted cells, put together into a notebook with the outputs of the execution."""

import hashlib
import re

import nbformat

from press.chapters import Prose
from press.records import fresh_records

# Colours of press/matplotlibrc, and what becomes of them on a dark page: the two inks, and the three darkest of the cycle.
DARK = {"#1f2328": "#dfe2e8", "#d0d7de": "#4a505c", "#0072b2": "#4aa3e0", "#d55e00": "#ff8a3d", "#009e73": "#2fc797"}
IMAGES = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg"}
DARK_PNG = "application/vnd.press.dark+png"  # beside image/png in an output: the same picture for a dark page


def weave(project, language, stem, execution):
    """The notebook of one page.

    Returns an nbformat notebook. Its `metadata.press` says what executed it and how long the page takes to read. Each code
    cell's `metadata.press` has the cell's `name`, `tags`, `info` (of the fence), `figures` (alt, caption), `status`
    ("run", "recorded", "not-run") and, of a record, `about`.
    Raises PressError if figures and the outputs that they describe do not match.
    """
    page, cells = project.page(language, stem), project.cells(stem)
    records = fresh_records(project, stem, list(cells.values()))
    notebook = nbformat.v4.new_notebook()
    notebook.metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
        "press": {"about": execution.about, "minutes": reading_minutes(project, stem), "stem": stem, "language": language},
    }
    for part in page.parts:
        if isinstance(part, Prose):
            notebook.cells += [markdown_cell(text) for text in split_title(part.text)]
            continue
        cell = cells[part.address]
        woven = code_cell(cell.source, {"tags": list(cell.tags)})
        if cell.path.endswith(".sh") and not {"network", "screen"} & set(cell.tags):
            status, outputs = "run", []  # by the tests; what a shell line prints is not shown
        elif cell.name in execution.outputs:
            status, outputs = "run", execution.outputs[cell.name]
        elif cell.name in records:
            status, outputs = "recorded", records[cell.name]["outputs"]
            woven.metadata["recorded"] = records[cell.name]["about"]
        else:
            status, outputs = "not-run", []
        figures = [output for output in outputs if image_kind(output)]
        if status != "not-run" and len(figures) != len(part.figures):
            raise page.error(part.line, f"{cell.address} draws {len(figures)} figures and {len(part.figures)} have alternative text",
                             f'write one line below the quote for each figure: ![alternative text]({cell.address} "caption")')
        woven.outputs = [nbformat.from_dict(output | ({"execution_count": None} if output["output_type"] == "execute_result" else {}))
                         for output in outputs]
        woven.metadata["press"] = {"name": cell.name, "tags": list(cell.tags), "info": part.info, "path": cell.path, "status": status,
                                   "figures": [{"alt": alt, "caption": caption} for alt, caption in part.figures]}
        notebook.cells.append(woven)
    number_cells(notebook)
    return notebook


def markdown_cell(source):
    return nbformat.from_dict({"cell_type": "markdown", "id": "cell", "metadata": {}, "source": source})


def code_cell(source, metadata, outputs=()):
    return nbformat.from_dict({"cell_type": "code", "id": "cell", "execution_count": None, "metadata": metadata, "source": source,
                               "outputs": list(outputs)})


def number_cells(notebook):
    """Give every cell an id that is the same in every build (nbformat's own are random), and check the whole notebook."""
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    nbformat.validate(notebook)


def split_title(text):
    """[first-level heading, the rest] where a text begins with one, else [text]."""
    head, _, rest = text.partition("\n")
    return [head, rest.strip("\n")] if head.startswith("# ") and rest.strip() else [text]


def reading_minutes(project, stem):
    """Honest minutes for a beginner, in steps of 5, the same in both languages: 250 characters of Chinese or 130 words of
    English a minute, and 6 s for each line of code."""
    chinese, english = (re.sub(r"<[^>]*>", "", "\n".join(text for _, text in project.page(language, stem).prose_lines()))
                        for language in ("zh", "en"))
    code = sum(len(cell.source.splitlines()) for cell in project.cells(stem).values())
    minutes = max(len(re.findall(r"[\u4e00-\u9fff]", chinese)) / 250, len(re.findall(r"[A-Za-z]+", english)) / 130) + code / 10
    return max(5, 5 * round(minutes / 5))


def image_kind(output):
    """The image type among an output's representations, or None."""
    return next((kind for kind in IMAGES if kind in output.get("data", {})), None)


def svg_size(svg):
    """(width, height) of an SVG in CSS pixels, rounded. Raises ValueError if it does not say."""
    sizes = []
    for side in ("width", "height"):
        match = re.search(rf'<svg[^>]*\s{side}="([\d.]+)(pt|px)?"', svg)
        if not match:
            raise ValueError(f"an SVG figure without {side}")
        sizes.append(round(float(match[1]) * (4 / 3 if match[2] == "pt" else 1)))
    return tuple(sizes)


def content_name(data):
    """File name of a figure, after its content: the same picture has the same address for ever."""
    return hashlib.sha256(data).hexdigest()[:16]


def slim(svg):
    """A matplotlib SVG without its metadata block, which no reader sees."""
    return re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)


def dark_twin(svg):
    """The same figure for a dark page: inks exchanged, dark colours made lighter, all else kept."""
    for light, dark in DARK.items():
        svg = re.sub(light, dark, svg, flags=re.IGNORECASE)
    return svg


def still_twin(svg):
    """An animated SVG standing still, in the state that its elements have without their animation; None for one that does not
    move. For readers who prefer no motion, and for the button that stops it."""
    return svg.replace("</style>", "*{animation:none!important}</style>", 1) if "@keyframes" in svg else None

"""Records: outputs that the build cannot make, kept with what they were made on.

`outputs/<stem>.json` holds, for each `gpu` cell (from a GPU machine, `make record`) and each `screen` cell (`make screens`),
its outputs and the digest of the source that gave them. A record whose source has changed since is stale: it is never shown.
"""

import datetime
import hashlib
import json

from press.chapters import PressError
from press.execute import execute, has_cuda, run_python, write_atomically


def source_digest(cells, cell):
    """Digest of the code that a cell's output depends on: the chapter from its first cell to this one, or to the end for a shell cell."""
    cells = run_python(cells)
    upto = cells[: cells.index(cell) + 1] if cell in cells else [*cells, cell]
    return hashlib.sha256("\0".join(f"{c.name}\0{c.source}" for c in upto).encode()).hexdigest()


def record_file(project, stem):
    return project.outputs / f"{stem}.json"


def read_records(project, stem):
    """{cell name: record} of a chapter, stale ones too. Raises PressError for a file that is not a record."""
    path = record_file(project, stem)
    if not path.is_file():
        return {}
    try:
        records = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for record in records.values():
            record["source"], record["outputs"], record["about"]["device"], record["about"]["date"]
        return records
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PressError(project.path(path), None, f"this is not a record: {error!r}",
                         "take it out of git, or run `make record` on a machine with a GPU") from None


def fresh_records(project, stem, cells):
    """{cell name: record} of the records that belong to exactly this source."""
    cells = list(cells)
    records = read_records(project, stem)
    return {cell.name: records[cell.name] for cell in cells
            if cell.name in records and records[cell.name]["source"] == source_digest(cells, cell)}


def stale_records(project):
    """A PressError for each record whose cell changed or is gone, and for each whose chapter is gone."""
    found = []
    for path in sorted(project.outputs.rglob("*.json")):
        stem = path.relative_to(project.outputs).with_suffix("").as_posix()
        cells = list(project.cells(stem).values())
        for name in read_records(project, stem).keys() - fresh_records(project, stem, cells).keys():
            found.append(PressError(project.path(path), None, f"the record of {name!r} is stale: its source has changed",
                                    "run `make record` on a machine with a GPU, or `make screens` for a screen; till then the page says that it was not run"))
    return found


def record(project, report=print):
    """Execute every chapter with `gpu` cells and write their records. Raises PressError where there is no CUDA."""
    if not has_cuda():
        raise PressError("outputs", None, "no CUDA device here, so nothing can be recorded",
                         "run `make record` on a machine with an NVIDIA GPU; outputs are never typed by hand")
    cells = {stem: run_python(project.cells(stem).values()) for stem in project.chapters()}
    stems = [stem for stem in cells if any("gpu" in cell.tags for cell in cells[stem])]
    for stem, execution in execute(project, stems, report=report).items():
        if not execution.about["cuda"]:
            raise PressError(f"snippets/{stem}.py", None, "this torch cannot use the GPU, so nothing was recorded",
                             "install a torch built for CUDA, and see that torch.cuda.is_available() is True")
        about = {name: execution.about[name] for name in ("device", "torch", "torchvision", "python", "cuda")}
        about["date"] = datetime.date.today().isoformat()
        found = {cell.name: {"source": source_digest(cells[stem], cell), "about": about, "outputs": execution.outputs[cell.name]}
                 for cell in cells[stem] if "gpu" in cell.tags}
        keep(project, stem, "gpu", found)
        report(f"recorded {len(found)} cells of {stem} on {about['device']}")


def keep(project, stem, tag, found):
    """Write the records of a chapter's cells with this tag, {cell name: record}, in place of those that were there."""
    others = {cell.name for cell in project.cells(stem).values() if tag not in cell.tags}
    found = {name: record for name, record in read_records(project, stem).items() if name in others} | found
    write_atomically(record_file(project, stem), json.dumps({"cells": found}, indent=1, ensure_ascii=False) + "\n")

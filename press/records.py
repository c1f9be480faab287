"""Records: outputs that the build cannot make, kept with what they were made on.

`outputs/<stem>.json` holds, for each `gpu` cell (from a GPU machine, `make record`) and each `screen` cell (`make screens`),
its outputs and the digest of the source that gave them. A record whose source has changed since is stale: it is never shown.
"""

import json

from press.cache import digest, write_atomically
from press.cells import run_python
from press.outputs import problem
from press.project import PressError


def source_digest(cells, cell):
    """Digest of the code that a cell's output depends on: the chapter from its first cell to this one, or to the end for a shell cell."""
    cells = run_python(cells)
    upto = cells[: cells.index(cell) + 1] if cell in cells else [*cells, cell]
    return digest("\0".join(f"{c.name}\0{c.source}" for c in upto).encode())


def record_file(project, stem):
    return project.outputs / f"{stem}.json"


def read_records(project, stem):
    """{address of a cell: record} of a chapter, stale ones too. Raises PressError for a file that is not a record, or holds what no page shows."""
    path = record_file(project, stem)
    if not path.is_file():
        return {}
    try:
        records = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for record in records.values():
            record["source"], record["about"]["device"], record["about"]["date"]
            if found := problem(record["outputs"]):
                raise PressError(project.path(path), None, f"this record {found[0]}", found[1])
        return records
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PressError(project.path(path), None, f"this is not a record: {error!r}",
                         "take it out of git, or run `make record` on a machine with a GPU") from None


def fresh_records(project, stem, cells):
    """{address of a cell: record} of the records that belong to exactly this source."""
    cells, records = list(cells), read_records(project, stem)
    return {cell.address: records[cell.address] for cell in cells
            if cell.address in records and records[cell.address]["source"] == source_digest(cells, cell)}


def stale_records(project):
    """A PressError for each record whose cell changed or is gone, and for each whose chapter is gone."""
    found = []
    for path in sorted(project.outputs.rglob("*.json")):
        stem = path.relative_to(project.outputs).with_suffix("").as_posix()
        for name in read_records(project, stem).keys() - fresh_records(project, stem, project.cells(stem).values()).keys():
            found.append(PressError(project.path(path), None, f"the record of {name!r} is stale: its source has changed",
                                    "run `make record` on a machine with a GPU, or `make screens` for a screen; till then the page says that it was not run"))
    return found


def write_records(project, stem, tag, found):
    """Write the records of a chapter's cells with this tag, {address: record}, in place of those that were there."""
    others = {cell.address for cell in project.cells(stem).values() if tag not in cell.tags}
    found = {name: record for name, record in read_records(project, stem).items() if name in others} | found
    write_atomically(record_file(project, stem), json.dumps({"cells": found}, indent=1, ensure_ascii=False) + "\n")

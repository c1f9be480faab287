"""The ledger: every claim of the old notes, and whether a chapter teaches what is true of it."""

from functools import cache
from pathlib import Path

import yaml

from press.chapters import LANGUAGES, PressError, nearest

VERDICTS = ("kept", "expand", "outdated", "wrong", "question")


@cache
def _read(path, changed):
    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def read_ledger(project):
    """{"sources": {...}, "rows": {id: row}} of ledger.yml; a row has id, note, verdict, home, said and today.

    Raises: PressError for a row that is incomplete, doubled, or of an unknown note or verdict.
    """
    path = project.root / "ledger.yml"
    try:
        data = _read(path, path.stat().st_mtime_ns)
        sources, rows = data["sources"], data["rows"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise PressError("ledger.yml", None, f"the ledger cannot be read: {error}", "it holds `sources:` and `rows:`") from None
    found = {}
    for row in rows:
        name = row.get("id", "?")
        problem = None
        if name in found:
            problem = "stands twice"
        elif row.get("note") not in sources:
            problem = f"belongs to an unknown note {row.get('note')!r}"
        elif row.get("verdict") not in VERDICTS:
            problem = f"has an unknown verdict {row.get('verdict')!r}"
        elif not row.get("home") or any(not row.get(field, {}).get(language) for field in ("said", "today") for language in LANGUAGES):
            problem = "is incomplete"
        if problem:
            raise PressError("ledger.yml", None, f"row {name} {problem}", "a row has id, note, verdict, home, said and today, the last two in zh and en")
        found[name] = row
    return {"sources": sources, "rows": found}


def open_rows(project):
    """Rows whose home does not exist yet, in the order of the ledger."""
    stems = set(project.stems())
    return [row for row in read_ledger(project)["rows"].values() if row["home"] not in stems]


def summary(project):
    """One paragraph: how many rows are closed, and the open ones by the home that they wait for."""
    waiting = {}
    for row in open_rows(project):
        waiting.setdefault(row["home"], []).append(row["id"])
    total, count = len(read_ledger(project)["rows"]), sum(map(len, waiting.values()))
    lines = [f"ledger: {total - count} of {total} rows closed, {count} open" + (":" if count else "")]
    return "\n".join(lines + [f"  {home}: {', '.join(rows)}" for home, rows in waiting.items()])


def check_ledger(project):
    """A PressError for each unknown row that a page names, each row named away from its home, and each row whose home exists
    in both languages but does not name it."""
    rows = read_ledger(project)["rows"]
    errors, named = [], set()
    for stem in project.stems():
        for language in LANGUAGES:
            if not (project.docs / language / f"{stem}.md").is_file():
                continue
            page = project.page(language, stem)
            for line, row in page.ledger:
                if row not in rows:
                    errors.append(page.error(line, f"there is no row {row!r} in ledger.yml", nearest(row, rows) + "rows are named n0-05"))
                elif rows[row]["home"] != stem:
                    errors.append(page.error(line, f"row {row} has its home in {rows[row]['home']}", "name it there, or change its `home`"))
                elif (row, language) in named:
                    errors.append(page.error(line, f"row {row} is named twice", "name a row once, where it is taught"))
                named.add((row, language))
    for row in rows.values():
        names = [cell.name for cell in project.cells(row["home"]).values()]
        if row["home"] in project.stems() and "cell" in row and row["cell"] not in names:
            errors.append(PressError("ledger.yml", None, f"row {row['id']} is shown by {row['cell']!r}, a cell that {row['home']} does not have",
                                     nearest(row["cell"], names) + "name a cell of its home, or leave `cell` out"))
        for language in LANGUAGES:
            path = project.docs / language / f"{row['home']}.md"
            if path.is_file() and (row["id"], language) not in named:
                errors.append(PressError(project.path(Path(path)), None, f"row {row['id']} of ledger.yml has its home here and is not named",
                                         f"teach it, and write <!-- ledger: {row['id']} --> where you do"))
    return errors

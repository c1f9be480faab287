"""The ledger: every claim of the old notes, and whether a chapter teaches what is true of it."""

from press.cells import nearest
from press.project import PressError, PressErrors, read_yaml

FIELDS = {"id", "note", "verdict", "home", "cell", "said", "today"}
VERDICTS = ("kept", "expand", "outdated", "wrong", "question")


def read_ledger(project):
    """{"sources": {...}, "rows": {id: row}} of ledger.yml; a row has id, note, verdict, home, said and today.

    Raises: PressErrors for rows that are incomplete, doubled, or of an unknown note or verdict.
    """
    return project.once("ledger", lambda: _read_ledger(project))


def _read_ledger(project):
    data = read_yaml(project.root / "ledger.yml", "ledger.yml")
    if not isinstance(data, dict) or not isinstance(data.get("sources"), dict) or not isinstance(data.get("rows"), list):
        raise PressError("ledger.yml", None, "the ledger has another form", "it holds `sources:`, by name, and `rows:`, a list")
    found, errors = {}, []
    for number, row in enumerate(data["rows"], 1):
        name = row.get("id", f"number {number}") if isinstance(row, dict) else f"number {number}"
        if problem := _problem(project, row, found, data["sources"]):
            errors.append(PressError("ledger.yml", None, f"row {name} {problem}", "a row has id, note, verdict, home, said and today, the last two in "
                                     + " and ".join(project.languages)))
        else:
            found[name] = row
    if errors:
        raise PressErrors(errors)
    return {"sources": data["sources"], "rows": found}


def _problem(project, row, found, sources):
    """What is wrong with a row, or None."""
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        return "has no id"
    if unknown := row.keys() - FIELDS:
        return f"has {', '.join(sorted(map(str, unknown)))}, which no row has"
    if row["id"] in found:
        return "stands twice"
    if row.get("note") not in sources:
        return f"belongs to an unknown note {row.get('note')!r}"
    if row.get("verdict") not in VERDICTS:
        return f"has an unknown verdict {row.get('verdict')!r}"
    texts = [field.get(language) if isinstance(field, dict) else None
             for field in (row.get("said"), row.get("today"), sources[row["note"]].get("title"), sources[row["note"]].get("about"))
             for language in project.languages]
    return None if isinstance(row.get("home"), str) and all(isinstance(text, str) and text for text in texts) else "is incomplete"


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
    in a language but does not name it there."""
    rows, named = read_ledger(project)["rows"], set()
    for stem in project.stems():
        for page in (project.page(code, stem) for code in project.languages if (project.docs / code / f"{stem}.md").is_file()):
            for line, row in page.ledger:
                if row not in rows:
                    yield page.error(line, f"there is no row {row!r} in ledger.yml", nearest(row, rows) + "rows are named n0-05")
                elif rows[row]["home"] != stem:
                    yield page.error(line, f"row {row} has its home in {rows[row]['home']}", "name it there, or change its `home`")
                elif (row, page.language) in named:
                    yield page.error(line, f"row {row} is named twice", "name a row once, where it is taught")
                named.add((row, page.language))
    for row in rows.values():
        names = [cell.name for cell in project.cells(row["home"]).values()]
        if row["home"] in project.stems() and "cell" in row and row["cell"] not in names:
            yield PressError("ledger.yml", None, f"row {row['id']} is shown by {row['cell']!r}, a cell that {row['home']} does not have",
                             nearest(str(row["cell"]), names) + "name a cell of its home, or leave `cell` out")
        for language in project.languages:
            path = project.docs / language / f"{row['home']}.md"
            if path.is_file() and (row["id"], language) not in named:
                yield PressError(project.path(path), None, f"row {row['id']} of ledger.yml has its home here and is not named",
                                 f"teach it, and write <!-- ledger: {row['id']} --> where you do")

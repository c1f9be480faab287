"""The errata: the ledger as a page, made from `ledger.yml` by theme/errata.html, so that it cannot fall behind."""

from posixpath import dirname, relpath

from press.ledger import VERDICTS, open_rows, read_ledger
from press.project import template

PAGE = "appendix/errata"


def place(project, language, row):
    """(title of the page, text and id of the heading) where a row is taught."""
    page = project.page(language, row["home"])
    line = next((number for number, name in page.ledger if name == row["id"]), 0)
    _, level, identifier, text = [heading for heading in page.headings if heading[0] < line or heading[1] == 1][-1]
    return page.front.get("title", text), text if level > 1 else "", identifier


def errata_page(project, language):
    """The rows as Markdown, by note, each with what the notes said, what holds today, and a link to the cell that shows it."""
    ledger, waiting, words = read_ledger(project), {row["id"] for row in open_rows(project)}, project.words(language)["errata"]
    rows = [row | {"state": "open"} if row["id"] in waiting else row | {
        "state": "closed", "place": place(project, language, row), "address": relpath(f"{row['home']}.md", dirname(PAGE))}
        for row in ledger["rows"].values()]
    groups = {
        "note": {note: source["title"][language] for note, source in ledger["sources"].items()},
        "verdict": {verdict: words["verdicts"][verdict] for verdict in VERDICTS},
        "state": {state: words[state] for state in ("closed", "open")},
    }
    return template("errata.html").render(language=language, words=words, groups=groups, rows=rows, sources=ledger["sources"])

"""The errata: the ledger as a page, made from `ledger.yml`, so that it cannot fall behind.

Each row is a block of HTML with Markdown in it, whole without scripts; the buttons above filter it in the browser (theme/assets/press.js).
"""

from html import escape
from os.path import relpath

from press.ledger import VERDICTS, open_rows, read_ledger

PAGE = "appendix/errata"


def place(project, language, row):
    """(title of the page, text and id of the heading) where a row is taught."""
    page = project.page(language, row["home"])
    line = next((number for number, name in page.ledger if name == row["id"]), 0)
    _, level, identifier, text = [heading for heading in page.headings if heading[0] < line or heading[1] == 1][-1]
    return page.front.get("title", text), text if level > 1 else "", identifier


def errata_page(project, language, words):
    """The rows as Markdown, by note, each with what the notes said, what holds today, and a link to the cell that shows it.

    Args:
        words: the strings of `extra.strings` in that language's configuration.
    """
    ledger, waiting = read_ledger(project), {row["id"] for row in open_rows(project)}
    rows = [row | {"state": "open" if row["id"] in waiting else "closed"} for row in ledger["rows"].values()]
    parts = [_filters(ledger, rows, language, words)]
    for note, source in ledger["sources"].items():
        parts.append(f"<div class=\"notes\" markdown>\n\n## {source['title'][language]} {{#{note}}}\n\n{source['about'][language]}")
        for row in rows:
            if row["note"] != note:
                continue
            where = f'<span class="waiting">{words["open"]}</span>'
            if row["state"] == "closed":
                title, section, identifier = place(project, language, row)
                address = relpath(f"{row['home']}.md", PAGE.rpartition("/")[0])
                where = f"[{title}{' › ' + section if section else ''}]({address}#{identifier})"
                if cell := row.get("cell"):
                    where += f' · <a href="../../{row["home"]}/#cell-{cell}">{words["cell"]} <code>{cell}</code></a>'
            name, verdict = row["id"], row["verdict"]
            parts.append(
                f'<div class="erratum" id="{name}" data-note="{note}" data-verdict="{verdict}" data-state="{row["state"]}" markdown>\n\n'
                f'<a class="name" href="#{name}">{name}</a> <span class="verdict {verdict}">{words['verdicts'][verdict]}</span> {where}\n\n'
                f'<b>{words["said"]}</b>{row["said"][language]}\n\n<b>{words["today"]}</b>{row["today"][language]}\n\n</div>')
        parts.append("</div>")
    return "\n\n".join(parts)


def _filters(ledger, rows, language, words):
    """Groups of buttons, each with the number of its rows; hidden where there are no scripts."""
    groups = {
        "note": {note: source["title"][language] for note, source in ledger["sources"].items()},
        "verdict": {verdict: words["verdicts"][verdict] for verdict in VERDICTS},
        "state": {state: words[state] for state in ("closed", "open")},
    }
    lines = []
    for field, choices in groups.items():
        buttons = "".join(f'<button type="button" data-field="{field}" data-value="{value}" aria-pressed="false">{escape(text)} '
                          f"<small>{sum(row[field] == value for row in rows)}</small></button>" for value, text in choices.items())
        lines.append(f'<div role="group" aria-label="{words[field]}"><span>{words[field]}</span><div>{buttons}</div></div>')
    return f'<div class="errata-filter">{"".join(lines)}<p role="status" data-shown="{words["shown"]}"></p></div>'

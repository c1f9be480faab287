"""Sentences: what a page says, cut into pieces that can each be true or false, without Markdown's marks."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

STARTS = re.compile(r"\A[ \t]*(?:[-*+]|\d+\.)[ \t]+(?:\[[ xX]\] )?")  # an item of a list
APART = re.compile(r"[ \t]*(?:#|!!!|\?\?\?|===|<(?!!--)/?[a-z]|\$\$|\|)")  # a line that no sentence goes on in, or into
ROW = re.compile(r"[ \t]*\|")
RULER = re.compile(r"[ \t]*\|[-:| ]+\|[ \t]*")
TITLE = re.compile(r"[ \t]*(?:#|!!!|\?\?\?|===)")
SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
HIDDEN = re.compile(rf"{SPAN.pattern}|\$[^$\n]+\$|\]\([^()\s]*\)", re.DOTALL)  # no mark in it ends a sentence
LINK = re.compile(r"!?\[((?:[^\[\]]|\[[^\[\]]*\])*)\](?:\((?:[^()]|\([^()]*\))*\)|\[[^\[\]]*\])")
MARKS = re.compile(r"</?[A-Za-z][^<>]*>|\{:?[ ]?[.#][^{}]*\}|(?<!\\)[*_]|\\(?=[*_`\[\]|$#\\])")
SAME = str.maketrans({mark: None for mark in " \t\r\n\u00a0`*_|\\"})


@dataclass(frozen=True)
class Sentence:
    """A sentence of a page, without Markdown's marks. `kind` is "prose", "row", "formula", "caption" or "alternative text"; `section` the id of its
    heading; `states` says that it can be true or false; `telling` that it holds a number, code, a comparison, "all", "never" or the like."""

    line: int
    text: str
    kind: str
    section: str | None
    states: bool
    telling: bool

    @property
    def key(self):
        return key(self.text)


def key(text):
    """What is compared of a plain text: all but blanks, line breaks and what may have been a mark of Markdown's."""
    return text.translate(SAME)


def plain(text):
    """A stretch of Markdown as a reader sees it: links as their label, code without its backticks, no marks of emphasis, no tags."""
    spans = []

    def keep(match):
        spans.append(match[2].strip())
        return f"\0{len(spans) - 1}\0"

    text = SPAN.sub(keep, text)
    while (shown := LINK.sub(r"\1", text)) != text:
        text = shown
    return re.sub(r"\0(\d+)\0", lambda match: spans[int(match[1])], MARKS.sub("", text)).strip()


def sentences(page):
    """Every Sentence of a page in order: of its paragraphs, list items, rows of tables (without the heading's), alternative texts and captions."""
    words = page.project.words(page.language)["claims"]
    end, asks, telling = (re.compile(words[name], flags) for name, flags in (("end", 0), ("asks", 0), ("telling", re.IGNORECASE)))
    headings = [(line, name) for line, _, name, _ in page.headings]
    found, goals = [], False
    for line, text, lines in _stretches(page):
        section = next((name for at, name in reversed(headings) if at <= line), None)
        if TITLE.match(text):
            goals = bool(re.match(r"[ \t]*!!!\s+abstract", text)) or goals and text[0] in " \t"
            continue
        goals = goals and text[0] in " \t"
        kind = "row" if ROW.match(text) else "formula" if text.lstrip().startswith("$$") else "prose"
        for start, part in _split(STARTS.sub("", text, count=1) if kind == "prose" else text, end) if kind == "prose" else [(0, text)]:
            shown = " | ".join(plain(cell) for cell in _cells(part)) if kind == "row" else plain(part)
            tells = bool(telling.search(shown) or "`" in part)
            states = not goals and not asks.search(shown) and (tells or shown[-1:] not in ":：")
            if key(shown):
                found.append(Sentence(lines(start), " ".join(shown.split()), kind, section, states, states and tells))
    for quote in page.quotes:
        section = next((name for at, name in reversed(headings) if at <= quote.line), None)
        for kind, text in (pair for alt, caption in quote.figures for pair in (("alternative text", alt), ("caption", caption))):
            for _, part in _split(text, end):
                states = not asks.search(part)
                found.append(Sentence(quote.line, plain(part), kind, section, states, bool(states and telling.search(part))))
    return found


def _stretches(page):
    """(line, text, function from a position in `text` to its line) of each stretch of prose that sentences do not cross."""
    lines, out = [], []

    def flush():
        if lines:
            starts = list(accumulate((len(text) + 1 for _, text in lines), initial=0))
            numbers = [number for number, _ in lines]
            out.append((numbers[0], "\n".join(text for _, text in lines), lambda at: numbers[min(bisect_right(starts, at), len(numbers)) - 1]))
        lines.clear()

    rows, formula = [], False
    for number, text in page.prose_lines():
        text = re.sub(r"\A(?: {0,3}> ?)+", "", text)
        bare = text.strip()
        if formula or bare.startswith("$$"):
            if not formula:
                flush()
            lines.append((number, text))
            formula = not (bare.endswith("$$") and (formula or len(bare) > 2))
            if not formula:
                flush()
            continue
        item = STARTS.match(text) and lines and STARTS.match(lines[0][1])  # under a paragraph, `+ 2` is no item
        if not bare or APART.match(text) or item or (lines and number != lines[-1][0] + 1):
            flush()
        if RULER.fullmatch(text) and rows and rows[-1] == number - 1:
            out.pop()  # the heading of a table
        elif bare and (APART.match(text) and not re.match(r"[ \t]*<", text)):
            lines.append((number, text))
            flush()
            rows.append(number)
        elif bare:
            lines.append((number, text))
    flush()
    return out


def _cells(row):
    """The cells of a table's row; a bar within code, or behind a backslash, parts none."""
    hidden = SPAN.sub(lambda match: match[0].replace("|", "\0"), row.strip().replace("\\|", "\0"))
    return [cell.replace("\0", "|").strip() for cell in hidden.strip("| \t").split("|")]


def _split(text, end):
    """(position, sentence) of each sentence of a stretch of prose; no end mark within code or a formula ends one."""
    hidden = HIDDEN.sub(lambda match: "X" * len(match[0]), text)
    at = 0
    for match in end.finditer(hidden):
        yield at, text[at : match.end()].strip()
        at = match.end() + len(hidden[match.end():]) - len(hidden[match.end():].lstrip())
    if text[at:].strip():
        yield at, text[at:].strip()

"""Chapters: reading a Markdown file into prose and quotes."""

import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import yaml

from press import markup
from press.cache import digest, kept
from press.cells import nearest
from press.markup import Link, hidden, links, masked
from press.project import SUFFIXES, Loader, PressError, read_text

NOT_RUN = {"text"}  # info strings of fences that hold no code

QUOTE = re.compile(r"""^--8<--\s+["'](?P<address>[^"']*)["']\s*$""")
FENCE = re.compile(r"^(?P<indent>(?:[ \t>]|[-*+][ \t]|\d+[.)][ \t])*)(?P<fence>`{3,}|~{3,})(?P<info>.*)$")
TITLE = re.compile(r"""\s+title="(.*?)"(?=\s+[\w-]+=|$)""")  # behind the backticks; it may hold quotation marks
FIGURE = re.compile(r"[^\s:]+\.(?:py|sh):\S+")  # the address of a figure: that of the cell which draws it
HEADING = re.compile(r"^(?P<off> {1,3}(?=#))?(?:[\s>]|[-*+][ \t]|\d+\.[ \t])*(?P<marks>#{1,6})(?P<text>.*?)(?:(?<![\s#]) +\{:?[^{}#]*#(?P<id>[^\s{}]+)[^{}]*\}[\s#]*)?$")
HTML_HEADING = re.compile(r"""<h([1-6])\b(?:[^>]*?\sid=["']?(?P<id>[\w-]+))?""", re.IGNORECASE)
LEDGER = re.compile(r"<!--\s*ledger:\s*(?P<ids>[^>]*?)\s*-->")
FRONT = re.compile(r"-{3}[ \t]*\n(?:(.*?)\n)??(?:-{3}|\.{3})[ \t]*(?:\n|\Z)", re.DOTALL)  # as MkDocs reads it


@dataclass
class Quote:
    """A fence that quotes a cell. `info` is all that stands behind the backticks but for the title; a figure is (alt, caption)."""

    line: int
    info: str
    address: str
    title: str | None = None
    figures: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Prose:
    line: int
    text: str


@cache
def _reader():
    return Path(markup.__file__).read_text(encoding="utf-8")


class Page:
    """A Markdown file of one language. Raises PressError if it is not there or its front matter cannot be read."""

    def __init__(self, project, language, stem):
        self.project, self.language, self.stem = project, language, stem
        self.path = project.docs / language / f"{stem}.md"
        self.where = project.path(self.path)
        if not self.path.is_file():
            other = next(code for code in project.languages if (project.docs / code / f"{stem}.md").is_file())
            raise PressError(self.where, None, "this translation is missing",
                             f"write it beside docs/{other}/{stem}.md, with the same headings and quotes")
        self.front, self.body, self.offset = self._front_matter(read_text(project, self.path))

    def error(self, line, problem, remedy):
        return PressError(self.where, line, problem, remedy)

    def _front_matter(self, text):
        """(what the front matter holds, the text behind it, its number of lines)"""
        match = FRONT.match(text)
        if not match:
            if re.match(r"\s*-{3}[ \t]*\n", text):
                raise self.error(1, "this front matter is never closed, or does not begin in the first line", "put it between two lines of --- at the top")
            return {}, text, 0
        try:
            front = yaml.load(match[1] or "", Loader)
        except (yaml.YAMLError, ValueError) as error:
            raise self.error(1, f"the front matter is not YAML: {getattr(error, 'problem', None) or error}", "put text with a colon in quotation marks") from None
        try:
            digest(front)
        except TypeError:  # the build keys on it
            raise self.error(1, "a name in the front matter is not text", "put it in quotation marks") from None
        if not isinstance(front or {}, dict):
            raise self.error(1, "the front matter is not a list of `name: value`", "write title: and description:, one a line")
        for name in ("title", "description"):
            if not isinstance((front or {}).get(name, ""), str):
                raise self.error(1, f"the {name} is {front[name]!r}, which YAML does not read as text", "put it in quotation marks")
        return front or {}, text[match.end():], match[0].count("\n")

    @cached_property
    def parts(self):
        """The page as a list of Prose and Quote, its fences and figures checked. Raises PressError."""
        lines, parts, start, number = self.body.split("\n"), [], 0, 0
        figures = self.figures

        def flush(end):
            first = next((index for index in range(start, end) if lines[index].strip()), end)
            if first < end:
                parts.append(Prose(self.offset + first + 1, "\n".join(lines[first:end]).rstrip("\n")))

        while number < len(lines):
            end, quote = number, None
            if number in figures:
                end = self._figure(figures[number], number, lines, start, parts)
                quote = parts[-1]
            elif fence := FENCE.match(lines[number]):
                end = self._fence_end(lines, number, fence["fence"])
                quote = self._quote(number, fence, lines[number + 1 : end])
                if quote:
                    flush(number)
                    parts.append(quote)
            number = end + 1
            if quote:
                start = number
        flush(len(lines))
        return parts

    def _figure(self, link, number, lines, start, parts):
        """Give a figure to the quote above it; the number of its last line."""
        line, label = self.offset + number + 1, " ".join(self.body[slice(*link.label)].split())
        end = self.body.count("\n", 0, link.end)
        quote = parts[-1] if parts and isinstance(parts[-1], Quote) else None
        if any(text.strip() for text in lines[start:number]) or not quote or quote.address != link.target:
            raise self.error(line, f"the figure of {link.target} is not below the quote of its cell", "put it right under the fence that quotes this cell")
        if "\n".join(lines[number : end + 1]).strip() != self.body[link.start : link.end]:
            raise self.error(line, f"the figure of {link.target} shares its line with text", "give it a line of its own")
        if not label:
            raise self.error(line, f"the figure of {link.target} has no alternative text", "say between the brackets what a person who cannot see it must know")
        caption = self.body[link.at[1] : link.end - 1].lstrip(">").strip()
        quote.figures.append((re.sub(r"\\([\[\]\\])", r"\1", label), " ".join(caption[1:-1].split())))
        return end

    def _fence_end(self, lines, start, fence):
        for number in range(start + 1, len(lines)):
            bare = lines[number].strip(" \t>")
            if len(bare) >= len(fence) and set(bare) == {fence[0]}:
                return number
        raise self.error(self.offset + start + 1, "this fence is never closed", f"end it with a line of {fence}")

    def _quote(self, number, fence, body):
        """The Quote in a fence; None for a fence that holds no code. The census of fences is here."""
        line, info = self.offset + number + 1, fence["info"].strip()
        word = re.match(r"\{?\s*\.?([^\s{}=]*)", info)[1].lower()
        if word in NOT_RUN:
            return None
        content = [text for text in body if text.strip()]
        match = QUOTE.match(content[0].strip()) if len(content) == 1 else None
        if not match:
            raise self.error(line, f"a raw fence ({info or 'no info string'}): its code is not proven",
                             'move the code to a cell in snippets/ and quote it: --8<-- "section/chapter.py:cell"; '
                             f"what does not run goes in a `{min(NOT_RUN)}` fence")
        if fence["indent"] or fence["fence"][0] != "`":
            raise self.error(line, "a quote must be a backtick fence at the left margin", "take it out of the list, tab or admonition")
        if word not in SUFFIXES or not info.startswith(word):
            raise self.error(line, f"a quote in a {info!r} fence", f"write ```{' or ```'.join(SUFFIXES)}")
        if "`" in info:
            raise self.error(line, "a backtick in the line that opens a fence, where Markdown would see none", "say it without code type")
        self._check_address(line, word, match["address"])
        title = TITLE.search(info)
        return Quote(line, TITLE.sub("", info, count=1), match["address"], title and title[1].strip())

    def _check_address(self, line, word, address):
        """Raise PressError unless `address`, quoted in a fence of `word`, names a cell of this chapter."""
        snippets = self.project.snippets
        file, _, name = address.rpartition(":")
        target = (snippets / file).resolve()
        if not target.is_relative_to(snippets) or Path(file).is_absolute():
            raise self.error(line + 1, f"{address!r} leaves snippets/", "quote cells of this chapter's own snippet file only")
        if not name or not target.is_file():
            files = [path.relative_to(snippets).as_posix() for path in snippets.rglob("*.*")]
            raise self.error(line + 1, f"there is no snippet file {file or address!r}",
                             nearest(file or address, files) + "a quote reads file:cell, the file below snippets/")
        if target not in self.project.snippet_files(self.stem):
            raise self.error(line + 1, f"{address!r} belongs to another chapter",
                             f"quote cells of snippets/{self.stem}{SUFFIXES[word]}; link to the other chapter instead")
        if target.suffix != SUFFIXES[word]:
            raise self.error(line, f"a {target.suffix} cell in a `{word}` fence", "let fence and file agree")
        if address not in self.project.cells(self.stem):
            names = [cell.name for cell in self.project.cells(self.stem).values() if cell.path == file]
            raise self.error(line + 1, f"snippets/{file} has no cell {name!r}", nearest(name, names) + f"its cells: {', '.join(names)}")

    @property
    def quotes(self):
        return [part for part in self.parts if isinstance(part, Quote)]

    @cached_property
    def _outline(self):
        """What comes of reading the Markdown closely, which takes 20 ms, and is kept from build to build."""
        def read():
            return {"links": [list(vars(link).values()) for link in links(self.body)], "hidden": sorted(hidden(self.body)),
                    "prose": [[index, text.replace("\0", "")] for index, text in enumerate(masked(self.body, spans=False).split("\n"))
                              if "\0" not in text or text.replace("\0", "").strip(" \t>")]}

        return kept(self.outline_file, [self.body, _reader()], read)

    @property
    def outline_file(self):
        return self.project.cache / "outlines" / self.language / f"{self.stem}.kept"

    @cached_property
    def links(self):
        """Every markup.Link of the page."""
        return [Link(start, end, label and tuple(label), target, tuple(at), kind) for start, end, label, target, at, kind in self._outline["links"]]

    @property
    def hidden(self):
        """(start, end, kind) of all that holds no prose, as markup.hidden gives it."""
        return self._outline["hidden"]

    @cached_property
    def figures(self):
        """{index of a line in `body`: the Link of the figure that begins there}"""
        return {self.body.count("\n", 0, link.start): link for link in self.links if link.kind == "image" and FIGURE.fullmatch(link.target)}

    def line_of(self, position):
        """The line, in the file, of a position in `body`."""
        return self.offset + self.body.count("\n", 0, position) + 1

    @cached_property
    def _prose(self):
        drawn = {index for index, link in self.figures.items() for index in range(index, self.line_of(link.end) - self.offset)}
        return [(self.offset + index + 1, text) for index, text in self._outline["prose"] if index not in drawn]

    def prose_lines(self):
        """(line number, text) of each line of prose: code blocks, comments and figures left out."""
        return self._prose

    @cached_property
    def headings(self):
        """(line, level, id, text) of each heading, in every form that Markdown has; id is None where it is not written out."""
        found, above = [], ("", "")
        for number, text in self.prose_lines():
            if match := HEADING.match(text):
                found.append((number, len(match["marks"]), None if match["off"] else match["id"], match["text"].strip()))
            elif match := HTML_HEADING.search(re.sub(r"`[^`]*`", "", text)):
                found.append((number, int(match[1]), match["id"], text.strip()))
            elif re.fullmatch(r"[ \t>]*(=+|-+) *", text) and above[1] and not above[0]:
                found.append((number - 1, 1 if "=" in text else 2, None, above[1]))
            above = above[1], text.strip(" \t>")
        return found

    @cached_property
    def ledger(self):
        """(line, row id) of each row that the page names."""
        comments = sorted(part for part in self.hidden if part[2] == "comment")
        return [(self.line_of(start), row) for start, end, _ in comments if (match := LEDGER.match(self.body, start, end))
                for row in re.split(r"[\s,]+", match["ids"]) if row]

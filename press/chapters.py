"""Chapters, snippet files and their cells: reading them, and every check that needs no execution."""

import difflib
import re
import warnings
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import jupytext
import yaml

LANGUAGES = ("zh", "en")
TAGS = {"gpu", "network", "screen", "raises-exception", "warns", "timing"}
NOT_RUN = {"text"}  # info strings of fences that hold no code
QUOTED = {"python": ".py", "sh": ".sh"}  # info string of a quote -> suffix of the file that it quotes

CELL_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MARKER = re.compile(r"^# %%(.*)$")
QUOTE = re.compile(r"""^--8<--\s+["'](?P<address>[^"']*)["']\s*$""")
FENCE = re.compile(r"^(?P<indent>(?:[ \t>]|[-*+][ \t]|\d+[.)][ \t])*)(?P<fence>`{3,}|~{3,})(?P<info>.*)$")
FIGURE = re.compile(r"""^!\[(?P<alt>[^\]]*)\]\((?P<address>[^\s)]+\.(?:py|sh):[^\s)"]+)(?:\s+"(?P<caption>[^"]*)")?\)\s*$""")
HEADING = re.compile(r"^(?P<marks>#{1,6})\s+(?P<text>.*?)(?:\s+\{\s*#(?P<id>[\w-]+)[^}]*\})?\s*$")
LEDGER = re.compile(r"<!--\s*ledger:\s*(?P<ids>[^>]*?)\s*-->")


class PressError(Exception):
    """A mistake in a chapter, a snippet or a record, told to the person who can mend it.

    Args:
        path: the file, relative to the project's root.
        line: 1-based line in it, or None if the whole file is meant.
        problem: what is wrong.
        remedy: what to do about it.
    """

    def __init__(self, path, line, problem, remedy):
        super().__init__(f"{path}{f':{line}' if line else ''}: {problem}\n  -> {remedy}")


class PressErrors(PressError):
    """Several mistakes, told at once."""

    def __init__(self, errors):
        Exception.__init__(self, "\n\n".join(map(str, errors)))


@dataclass(frozen=True)
class Cell:
    """A named piece of a snippet file. `path` is relative to `snippets/`, `line` is that of its marker."""

    path: str
    line: int
    name: str
    tags: tuple[str, ...]
    source: str

    @property
    def address(self):
        return f"{self.path}:{self.name}"


@dataclass
class Quote:
    """A fence that quotes a cell. `info` is all that stands behind the backticks; a figure is (alt, caption)."""

    line: int
    info: str
    address: str
    figures: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Prose:
    line: int
    text: str


class Project:
    """The folders of the project: `docs/`, `snippets/`, `outputs/` and the cache under one root.

    Args:
        root: the folder that holds them.
        keep: read each file once for as long as this Project lives, as a build does, which takes half the time.
    """

    def __init__(self, root, keep=False):
        self.root = Path(root).resolve()
        self._kept = {} if keep else None
        self.docs, self.snippets, self.outputs = self.root / "docs", self.root / "snippets", self.root / "outputs"
        self.cache = self.root / ".cache"

    def path(self, path):
        """`path` as a person in the project's root would write it."""
        return Path(path).relative_to(self.root).as_posix()

    def once(self, key, make):
        """What `make()` returns; with `keep`, what it returned the first time for this key."""
        if self._kept is None:
            return make()
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def stems(self):
        """Chapters and plain pages that exist in any language: sorted stems such as `foundations/tensors`."""
        return self.once("stems", self._stems)

    def _stems(self):
        found = set()
        for language in LANGUAGES:
            folder = self.docs / language
            found |= {p.relative_to(folder).with_suffix("").as_posix() for p in folder.rglob("*.md")}
        return sorted(found)

    def chapters(self):
        """Stems of the pages that have a snippet file."""
        return self.once("chapters", lambda: [stem for stem in self.stems() if self.snippet_files(stem)])

    def snippet_files(self, stem):
        """Snippet files of a chapter: `stem.py` and `stem.sh`, those that exist."""
        files = [self.snippets / f"{stem}{suffix}" for suffix in QUOTED.values()]
        return [path for path in files if path.is_file()]

    def cells(self, stem):
        """Cells of a chapter's snippet files by address, in the order in which they stand there."""
        return self.once(stem, lambda: {cell.address: cell for path in self.snippet_files(stem) for cell in read_cells(self, path)})

    def page(self, language, stem):
        """The Page of a chapter in "zh" or "en". Raises PressError if it is not there or its fences are wrong."""
        return self.once((language, stem), lambda: Page(self, language, stem))


def read_text(project, path):
    """Text of a file in UTF-8. Raises PressError if it is in another encoding."""
    try:
        return path.read_text(encoding="utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise PressError(project.path(path), line, "this file is not UTF-8",
                         "save it in the UTF-8 encoding, which every editor offers") from None


def read_cells(project, path):
    """Cells of a snippet file in the percent format, tags and names checked. Raises PressError."""
    return list(_read_cells(path.relative_to(project.snippets).as_posix(), read_text(project, path)))


@lru_cache(maxsize=256)
def _read_cells(name, text):
    """The same, of a text: parsing takes a while, and each quote of a page asks for it."""
    where, suffix, address = f"snippets/{name}", Path(name).suffix, name
    lines = [number for number, line in enumerate(text.splitlines(), 1) if MARKER.match(line)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Without comment_magics, a comment such as `# copy it` would be taken for a command of IPython and uncommented.
        notebook = jupytext.reads(text, fmt={"extension": suffix, "format_name": "percent", "comment_magics": False})
    parts = notebook.cells
    if parts and len(parts) == len(lines) + 1:  # what stands before the first marker
        if any(line.strip() and not line.startswith("#") for line in parts[0].source.splitlines()):
            raise PressError(where, 1, "code stands before the first cell", "put a marker such as `# %% imports` above it")
        parts = parts[1:]
    if len(parts) != len(lines):
        raise PressError(where, None, "its cells cannot be told apart", "check that every marker reads `# %% name`")
    cells, seen = [], {}
    for part, line in zip(parts, lines):
        name, tags = part.metadata.get("title", ""), tuple(part.metadata.get("tags", ()))
        if part.cell_type != "code":
            raise PressError(where, line, "a cell that is not code", "prose belongs in the chapter's Markdown files")
        if not CELL_NAME.fullmatch(name):
            raise PressError(where, line, f"{name!r} is not a cell's name",
                             "name it in lower-case words joined by hyphens: `# %% out-resize`")
        if name in seen:
            raise PressError(where, line, f"two cells are called {name!r}, the other in line {seen[name]}",
                             "give one of them another name")
        for tag in tags:
            if tag not in TAGS:
                raise PressError(where, line, f"unknown tag {tag!r}", f"{nearest(tag, TAGS)}known tags: {', '.join(sorted(TAGS))}")
        seen[name] = line
        if suffix == ".py":
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", SyntaxWarning)
                    compile(part.source, where, "exec")
            except SyntaxError as error:
                raise PressError(where, line + (error.lineno or 0), f"cell {name!r}: syntax error: {error.msg}",
                                 "mend the Python of this line") from None
        cells.append(Cell(address, line, name, tags, part.source))
    return tuple(cells)


def nearest(word, words):
    """`did you mean 'x'? ` for the nearest of `words`, or nothing."""
    found = difflib.get_close_matches(word, list(words), 1, 0.5)
    return f"did you mean {found[0]!r}? " if found else ""


class Page:
    """A Markdown file of one language. Reading it checks its fences and figures. Raises PressError."""

    def __init__(self, project, language, stem):
        self.project, self.language, self.stem = project, language, stem
        self.path = project.docs / language / f"{stem}.md"
        self.where = project.path(self.path)
        if not self.path.is_file():
            other = LANGUAGES[1 - LANGUAGES.index(language)]
            raise PressError(self.where, None, "this translation is missing",
                             f"write it beside docs/{other}/{stem}.md, with the same headings and quotes")
        text = read_text(project, self.path)
        self.front, self.body, self.offset = self._front_matter(text)
        self.files, self.names = {}, {}  # of the quotes: file -> its path, path -> names of its cells

    def _front_matter(self, text):
        match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
        if not match:
            return {}, text, 0
        try:
            front = yaml.safe_load(match[1])
        except yaml.YAMLError as error:
            raise PressError(self.where, 1, f"the front matter is not YAML: {str(error).splitlines()[0]}",
                             "put text with a colon in quotation marks") from None
        return front or {}, text[match.end():], match[0].count("\n")

    def error(self, line, problem, remedy):
        return PressError(self.where, line, problem, remedy)

    @cached_property
    def parts(self):
        """The page as a list of Prose and Quote."""
        lines, parts, prose = self.body.split("\n"), [], []
        number = 0

        def flush(upto):
            first = next((index for index, line in enumerate(prose) if line.strip()), None)
            if first is not None:
                parts.append(Prose(self.offset + upto - len(prose) + first + 1, "\n".join(prose[first:]).rstrip("\n")))
            prose.clear()

        while number < len(lines):
            line = lines[number]
            if fence := FENCE.match(line):
                end = self._fence_end(lines, number, fence["fence"])
                quote = self._quote(number, fence, lines[number + 1 : end])
                if quote:
                    flush(number)
                    parts.append(quote)
                else:
                    prose.extend(lines[number : end + 1])
                number = end + 1
                continue
            if figure := FIGURE.match(line.strip()):
                quote = parts[-1] if parts and isinstance(parts[-1], Quote) else None
                if any(text.strip() for text in prose) or not quote or quote.address != figure["address"]:
                    raise self.error(self.offset + number + 1, f"the figure of {figure['address']} is not below the quote of its cell",
                                     "put it right under the fence that quotes this cell")
                if not figure["alt"].strip():
                    raise self.error(self.offset + number + 1, f"the figure of {figure['address']} has no alternative text",
                                     "say between the brackets what a person who cannot see it must know")
                quote.figures.append((figure["alt"].strip(), (figure["caption"] or "").strip()))
                number += 1
                continue
            prose.append(line)
            number += 1
        flush(number)
        return parts

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
            raise self.error(line, "a quote must be a backtick fence at the left margin",
                             "take it out of the list, tab or admonition")
        if word not in QUOTED or not info.startswith(word):
            raise self.error(line, f"a quote in a {info!r} fence", f"write ```{' or ```'.join(QUOTED)}")
        address = match["address"]
        file, _, name = address.rpartition(":")
        if file not in self.files:
            self.files[file] = (self.project.snippets / file).resolve()
        target = self.files[file]
        if not target.is_relative_to(self.project.snippets) or Path(file).is_absolute():
            raise self.error(line + 1, f"{address!r} leaves snippets/", "quote cells of this chapter's own snippet file only")
        if not name or not target.is_file():
            files = [path.relative_to(self.project.snippets).as_posix() for path in self.project.snippets.rglob("*.*")]
            raise self.error(line + 1, f"there is no snippet file {file or address!r}",
                             nearest(file or address, files) + "a quote reads file:cell, the file below snippets/")
        if target not in self.project.snippet_files(self.stem):
            raise self.error(line + 1, f"{address!r} belongs to another chapter",
                             f"quote cells of snippets/{self.stem}{QUOTED[word]}; link to the other chapter instead")
        if target.suffix != QUOTED[word]:
            raise self.error(line, f"a {target.suffix} cell in a `{word}` fence", "let fence and file agree")
        if target not in self.names:
            self.names[target] = [cell.name for cell in read_cells(self.project, target)]
        names = self.names[target]
        if name not in names:
            raise self.error(line + 1, f"snippets/{file} has no cell {name!r}",
                             nearest(name, names) + f"its cells: {', '.join(names)}")
        return Quote(line, info, address)

    @property
    def quotes(self):
        return [part for part in self.parts if isinstance(part, Quote)]

    def prose_lines(self):
        """(line number, text) of each line of prose, fenced text left out."""
        for part in self.parts:
            if isinstance(part, Prose):
                fence = None
                for number, text in enumerate(part.text.split("\n"), part.line):
                    match = FENCE.match(text)
                    if match and (fence is None or text.strip(" \t>").startswith(fence)):
                        fence = match["fence"] if fence is None else None
                    elif fence is None:
                        yield number, text

    @cached_property
    def headings(self):
        """(line, level, id, text) of each heading; id is None where it is not written out."""
        return [(number, len(m["marks"]), m["id"], m["text"]) for number, text in self.prose_lines() if (m := HEADING.match(text))]

    @cached_property
    def ledger(self):
        """(line, row id) of each row that the page names."""
        return [(number, row) for number, text in self.prose_lines() for m in LEDGER.finditer(text)
                for row in re.split(r"[\s,]+", m["ids"]) if row]

    def counts(self):
        """What both languages must have alike, in order: kind -> list of (line, what)."""
        lines = list(self.prose_lines())
        found = {"admonition": [], "tab": [], "table": [], "link": [], "figure": [], "formula": []}
        for (number, text), (_, before) in zip(lines, [(0, ""), *lines]):
            if m := re.match(r"\s*(?:!!!|\?\?\?\+?)\s+(\S+)", text):
                found["admonition"].append((number, m[1]))
            elif re.match(r"\s*===\s+\"", text):
                found["tab"].append((number, ""))
            if re.match(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$", text) and "|" in text and "|" in before:
                found["table"].append((number, f"{text.count('|') - 1} columns"))
            found["formula"] += [(number, "")] * len(re.findall(r"^\s*\$\$", text))
            bare = re.sub(r"`[^`]*`", "", text)
            found["link"] += [(number, m[1]) for m in re.finditer(r"(?<!!)\]\(\s*<?([^)\s>]+)", bare)]
            found["figure"] += [(number, m[1]) for m in re.finditer(r"!\[[^\]]*\]\(\s*<?([^)\s>]+)", bare)]
        return found


def check_chapter(project, stem):
    """All mistakes of one page in both languages, and of its snippet files, as a list of PressError."""
    try:
        cells = project.cells(stem)
        pages = [project.page(language, stem) for language in LANGUAGES]
        for page in pages:
            _ = page.parts  # reading finds the mistakes
    except PressError as error:
        return [error]
    errors = []
    for page in pages:
        errors += _check_page(page, cells)
    errors += _check_parity(*pages)
    return errors


def _check_page(page, cells):
    seen = {}
    for quote in page.quotes:
        if quote.address in seen:
            yield page.error(quote.line, f"{quote.address} is quoted twice, first in line {seen[quote.address]}",
                             "quote each cell once; refer to it in words the second time")
        seen.setdefault(quote.address, quote.line)
    for cell in cells.values():
        if cell.address not in seen:
            yield PressError(f"snippets/{cell.path}", cell.line, f"{page.where} does not quote the cell {cell.name!r}",
                             f'quote it (--8<-- "{cell.address}") or take it out')
    wanted = [address for address in cells if address in seen and address.rpartition(":")[0].endswith(".py")]
    quoted = [address for address in seen if address in wanted]
    for address, expected in zip(quoted, wanted):
        if address != expected:
            yield page.error(seen[address], f"quotes {address} where the snippet file has {expected}",
                             "let page and snippet file have the same order: it is the order of execution")
            break
    ids = {}
    for line, _, identifier, text in page.headings:
        if identifier is None:
            yield page.error(line, f"the heading {text!r} has no id", "write one behind it, the same in both languages: {#create}")
        elif identifier in ids:
            yield page.error(line, f"two headings have the id #{identifier}, the other in line {ids[identifier]}",
                             "give one of them another id, in both languages")
        ids.setdefault(identifier, line)
    levels = [level for _, level, _, _ in page.headings]
    if levels.count(1) != 1 or levels[:1] != [1]:
        yield page.error(page.offset + 1, "a page opens with its one first-level heading", "write `# Title {#id}` first")


def _check_parity(zh, en):
    def differ(kind, first, second, remedy):
        for (line, what), (other_line, other) in zip(first, second):
            if what != other:
                yield zh.error(line, f"{kind} {what or '(none)'}, where {en.where}:{other_line} has {other or '(none)'}", remedy)
                return
        if len(first) != len(second):
            longer, shorter, page = (first, second, zh) if len(first) > len(second) else (second, first, en)
            line, what = longer[len(shorter)]
            yield page.error(line, f"{kind} {what}".rstrip() + " stands in this language only "
                             f"({len(longer)} here, {len(shorter)} in {(en if page is zh else zh).where})", remedy)

    yield from differ("quote", [(q.line, q.address) for q in zh.quotes], [(q.line, q.address) for q in en.quotes],
                      "both languages quote the same cells in the same order")
    yield from differ("fence info", [(q.line, q.info) for q in zh.quotes], [(q.line, q.info) for q in en.quotes],
                      "both languages show a cell in the same way")
    yield from differ("figures below", [(q.line, f"{q.address} x{len(q.figures)}") for q in zh.quotes],
                      [(q.line, f"{q.address} x{len(q.figures)}") for q in en.quotes], "give the figure in both languages")
    yield from differ("heading", [(h[0], f"{'#' * h[1]} {{#{h[2]}}}") for h in zh.headings],
                      [(h[0], f"{'#' * h[1]} {{#{h[2]}}}") for h in en.headings],
                      "both languages have the same headings: same levels, same ids, same order")
    yield from differ("ledger row", sorted_rows(zh), sorted_rows(en), "name the same rows in both languages")
    chinese, english = zh.counts(), en.counts()
    for kind in chinese:
        yield from differ(kind, chinese[kind], english[kind], "both languages have the same, in the same order")


def sorted_rows(page):
    return sorted(((line, row) for line, row in page.ledger), key=lambda item: item[1])


def check(project):
    """Every mistake in every page, as a list of PressError. An empty list means that the site may be built."""
    errors = [error for stem in project.stems() for error in check_chapter(project, stem)]
    stems = set(project.stems())
    for suffix in QUOTED.values():
        for path in sorted(project.snippets.rglob(f"*{suffix}")):
            stem = path.relative_to(project.snippets).with_suffix("").as_posix()
            if stem not in stems:
                errors.append(PressError(project.path(path), None, "no chapter quotes this snippet file",
                                         f"write docs/zh/{stem}.md and docs/en/{stem}.md, or take it out"))
    return errors

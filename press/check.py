"""Every mistake that can be found without executing anything: in pages, between languages, in links, ledger, glossary and navigation."""

import posixpath
import re
from itertools import zip_longest
from urllib.parse import unquote

from press.cells import nearest
from press.chapters import FIGURE
from press.claims import check_claims
from press.errata import PAGE as ERRATA
from press.glossary import read_glossary
from press.ledger import check_ledger, read_ledger
from press.markup import masked
from press.project import SUFFIXES, PressError, PressErrors, files_below
from press.tags import folded

KINDS = {"note", "abstract", "info", "tip", "success", "question", "warning", "failure", "danger", "bug", "example", "quote"}  # of admonitions
PAGES = (".markdown", ".mdown", ".mkdn", ".mkd", ".ipynb")  # what MkDocs would take for a page too
ITEM = re.compile(r"[ \t>]*(?:[-*+]|\d+\.)[ \t]")
TABLE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")


def check(project):
    """Every mistake in the project and in what its tests claim, as a list of PressError."""
    return mistakes(project) + _gather(check_claims, project)


def mistakes(project):
    """Every mistake in the project, as a list of PressError. An empty list means that the site may be built."""
    errors = [error for stem in project.stems() for error in check_chapter(project, stem)]
    for what in (_check_files, _check_links, _check_navigation, _check_words, check_ledger, lambda project: read_glossary(project) and ()):
        errors += _gather(what, project)
    return list({str(error): error for error in errors}.values())  # what cannot be read is found by several


def _gather(what, project):
    """All that a check finds, what it raises too."""
    found = []
    try:
        found.extend(what(project))
    except PressError as error:
        found.append(error)
    return found


def raise_mistakes(project):
    """Raise PressErrors with every mistake in the project, if there is one."""
    if errors := mistakes(project):
        raise PressErrors(errors)


def check_chapter(project, stem):
    """All mistakes of one page in all languages, and of its snippet files, as a list of PressError."""
    try:
        cells = project.cells(stem)
        pages = [project.page(language, stem) for language in project.languages]
        for page in pages:
            _ = page.parts  # reading finds the mistakes
    except PressError as error:
        return [error]
    errors = []
    for page in pages:
        errors += [*_check_cells(page, cells), *_check_headings(page), *_check_blocks(page)]
    for page in pages[1:]:
        errors += _check_parity(pages[0], page)
    return errors


def _check_cells(page, cells):
    seen = {}
    for quote in page.quotes:
        if quote.address in seen:
            yield page.error(quote.line, f"{quote.address} is quoted twice, first in line {seen[quote.address]}",
                             "quote each cell once; refer to it in words the second time")
        seen.setdefault(quote.address, quote.line)
        if not folded(cells[quote.address].tags) and (quote.title is not None or "title=" in quote.info):
            yield page.error(quote.line, f"{quote.address} has a title, and is not folded", 'take the title out, or tag the cell: tags=["fold"]')
        elif folded(cells[quote.address].tags) and (not quote.title or "title=" in quote.info):
            yield page.error(quote.line, f"{quote.address} is folded, and has no title", f'say in the language of the page what it does: ```{quote.info.split()[0]} title="…"')
    for cell in cells.values():
        if cell.address not in seen:
            yield PressError(f"snippets/{cell.path}", cell.line, f"{page.where} does not quote the cell {cell.name!r}",
                             f'quote it (--8<-- "{cell.address}") or take it out')
    wanted = [address for address in cells if address in seen and cells[address].python]
    for address, expected in zip([address for address in seen if address in wanted], wanted):
        if address != expected:
            yield page.error(seen[address], f"quotes {address} where the snippet file has {expected}",
                             "let page and snippet file have the same order: it is the order of execution")
            break


def _check_headings(page):
    ids = {}
    for line, _, identifier, text in page.headings:
        if identifier is None:
            yield page.error(line, f"the heading {text!r} has no id", "write it at the left margin, as `## Title {#create}`, with the same id in every language")
        elif not identifier.isascii():
            yield page.error(line, f"the id #{identifier} is not ASCII", "write it in ASCII, the same in every language: {#create}")
        elif identifier in ids:
            yield page.error(line, f"two headings have the id #{identifier}, the other in line {ids[identifier]}", "give one of them another id, in every language")
        ids.setdefault(identifier, line)
    levels = [level for _, level, _, _ in page.headings]
    first = next((number for number, text in page.prose_lines() if text.strip()), 0)
    if levels.count(1) != 1 or levels[:1] != [1] or page.headings[0][0] != first:
        yield page.error(page.offset + 1, "a page opens with its one first-level heading", "write `# Title {#id}` first")


def _check_blocks(page):
    """Code that no cell holds, and what Markdown would not read as it is meant."""
    for start, _, kind in page.hidden:
        if kind == "code":
            yield page.error(page.line_of(start), "a raw block of code, by its indentation: it is not proven", "move it to a cell and quote it, or put it in a `text` fence")
    block = []
    for number, text in [*page.prose_lines(), (0, "")]:
        bare = re.sub(r"`[^`]*`", "", text)
        if re.search(r"<(pre|script)\b", bare):
            yield page.error(number, "raw HTML with code", "move the code to a cell and quote it, or put it in a `text` fence")
        if re.match(r"\s*!\[.*\]\(\S+\.(py|sh):", text):
            yield page.error(number, "this figure cannot be read", '![alternative text](section/chapter.py:cell "caption"), with straight quotation marks, on a line of its own')
        if (match := re.match(r"\s*(?:!!!|\?\?\?\+?)\s+(\w+)", text)) and match[1] not in KINDS:
            yield page.error(number, f"there is no admonition {match[1]!r}", nearest(match[1], KINDS) + f"there are {', '.join(sorted(KINDS))}")
        if block and text.strip() and not ITEM.match(block[0]) and not re.match(r"[ \t>]*(#|!!!|\?\?\?|===|<)", block[0]):
            if ITEM.match(text) or (len(block) > 1 and TABLE.match(text) and "|" in text and "|" in block[-1]):
                yield page.error(number, "Markdown sees no list or table here, since text stands right above", "put a blank line before it")
        block = [*block, text] if text.strip(" \t>") else []


def _counts(page):
    """What all languages must have alike, in order: kind -> list of (line, what)."""
    found = {"admonition": [], "tab": [], "table": [], "link": [], "figure": [], "formula": []}
    before = ""
    for number, text in page.prose_lines():
        if m := re.match(r"\s*(?:!!!|\?\?\?\+?)\s+(\S+)", text):
            found["admonition"].append((number, m[1]))
        elif re.match(r"\s*===\s+\"", text):
            found["tab"].append((number, ""))
        if TABLE.match(text) and "|" in text and "|" in before:
            found["table"].append((number, f"{text.count('|') - 1} columns"))
        found["formula"] += [(number, "")] * len(re.findall(r"^\s*\$\$", text))
        before = text
    for link in page.links:
        found["figure" if link.kind == "image" else "link"].append((page.line_of(link.start), link.target))
    return found


def _check_parity(first, other):
    def differ(kind, mine, theirs, remedy):
        for (line, what), (other_line, said) in zip(mine, theirs):
            if what != said:
                yield first.error(line, f"{kind} {what or '(none)'}, where {other.where}:{other_line} has {said or '(none)'}", remedy)
                return
        if len(mine) != len(theirs):
            longer, shorter, page, rest = (mine, theirs, first, other) if len(mine) > len(theirs) else (theirs, mine, other, first)
            line, what = longer[len(shorter)]
            yield page.error(line, f"{kind} {what}".rstrip() + f" stands in this language only ({len(longer)} here, {len(shorter)} in {rest.where})", remedy)

    for kind, listed, remedy in (
        ("quote", lambda page: [(q.line, q.address) for q in page.quotes], "every language quotes the same cells in the same order"),
        ("fence info", lambda page: [(q.line, q.info) for q in page.quotes], "every language shows a cell in the same way"),
        ("figures below", lambda page: [(q.line, f"{q.address} x{len(q.figures)}") for q in page.quotes], "give the figure in every language"),
        ("heading", lambda page: [(line, f"{'#' * level} {{#{name}}}") for line, level, name, _ in page.headings],
         "every language has the same headings: same levels, same ids, same order"),
        ("ledger row", lambda page: sorted(page.ledger, key=lambda item: item[1]), "name the same rows in every language"),
    ):
        yield from differ(kind, listed(first), listed(other), remedy)
    counts = _counts(other)
    for kind, found in _counts(first).items():
        yield from differ(kind, found, counts[kind], "every language has the same, in the same order")


def _check_files(project):
    stems = set(project.stems())
    for path in (path for code in project.languages for path in files_below(project.docs / code, *PAGES)):
        yield PressError(project.path(path), None, "this is no chapter", "write Markdown with the ending .md, and code in snippets/")
    for path in files_below(project.snippets, *SUFFIXES.values()):
        stem = path.relative_to(project.snippets).with_suffix("").as_posix()
        if stem not in stems:
            yield PressError(project.path(path), None, "no chapter quotes this snippet file",
                             "write " + " and ".join(f"docs/{code}/{stem}.md" for code in project.languages) + ", or take it out")


def _check_words(project):
    """A PressError for each language that lacks strings."""
    for language in project.languages:
        yield from _gather(lambda project, language=language: project.words(language) and (), project)


def _anchors(project, page):
    """Every id that a link to a page may name: of headings, cells and raw HTML and, on the errata page, of notes and rows."""
    found = {heading[2] for heading in page.headings} | {f"cell-{cell.name}" for cell in project.cells(page.stem).values()}
    if re.search(r"\b(?:id|name)=|\{:?[^{}\n]*#", page.body):
        prose = masked(page.body)
        found |= {name for pattern in (r"""\b(?:id|name)=["']?([\w-]+)""", r"\{:?[^{}]*#([\w-]+)[^{}]*\}") for name in re.findall(pattern, prose)}
    if page.stem == ERRATA:
        found |= {*read_ledger(project)["sources"], *read_ledger(project)["rows"]}
    return found


def _check_links(project):
    """A PressError for each link to a page, file or heading that does not exist."""
    anchors = {}
    for page in (project.page(language, stem) for language in project.languages for stem in project.stems()):
        docs = project.docs / page.language
        for link in page.links:
            path, _, anchor = unquote(link.target).partition("#")
            if re.match(r"[a-z][a-z0-9+.-]*:|//", path, re.IGNORECASE) or (link.kind == "html" and not path.endswith(".md")) or FIGURE.fullmatch(link.target):
                continue
            if link.kind == "html":
                yield page.error(page.line_of(link.start), f"MkDocs does not follow the link {link.target} in raw HTML", f"write [text]({link.target})")
                continue
            stem = posixpath.normpath(posixpath.join(posixpath.dirname(page.stem), path)).removesuffix(".md") if path else page.stem
            line = page.line_of(link.start)
            if path and not path.endswith(".md"):
                if path.startswith("/") or not (docs / posixpath.dirname(page.stem) / path).is_file():
                    yield page.error(line, f"the link {link.target} leads to no file", "name a file relative to this page; a page with its ending .md")
            elif stem not in project.stems():
                yield page.error(line, f"the link {link.target} leads to no page", nearest(stem, project.stems()) + "name a page relative to this one")
            elif anchor:
                key = page.language, stem
                anchors[key] = anchors.get(key) or _anchors(project, project.page(*key))
                if anchor not in anchors[key]:
                    yield page.error(line, f"the link {link.target} leads to no heading: {project.page(*key).where} has no #{anchor}",
                                     nearest(anchor, anchors[key]) + "name the id of a heading there")


def _check_navigation(project):
    """A PressError for each page that `nav` lacks, or has though it does not exist."""
    if not project.configuration().get("nav"):
        return
    named = [stem for _, stems in project.sections() for stem in stems]
    for stem, twice in zip_longest(sorted(named), sorted(named)[1:]):
        if stem == twice:
            yield PressError("mkdocs.yml", None, f"nav has {stem}.md twice", "name each page once")
        if stem not in project.stems():
            yield PressError("mkdocs.yml", None, f"nav has {stem}.md, a page that does not exist", nearest(stem, project.stems()) + "write it, or take it out")
    for stem in project.stems():
        if stem not in named:
            yield PressError("mkdocs.yml", None, f"nav does not have {stem}.md", "name it there in reading order")

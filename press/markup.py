"""Where prose, code and links lie in a chapter's Markdown, read as the site reads it: Python-Markdown with mkdocs.yml's extensions."""

import re
from dataclasses import dataclass

# What holds no prose is put out of sight as NUL; \x01 is a line break that ends a stretch of prose: a paragraph, item, heading, row, title.
ALONE = r"(?:\#|!!!|\?\?\?|===|\|)[^\n\x01]*"  # a line that goes on nowhere
BEFORE = re.compile(rf"\n(?=[ \t>]*(?:$|(?:[-*+]|\d+\.)[ \t]|{ALONE}))", re.MULTILINE)
BEHIND = re.compile(rf"(?<![^\x01])([ \t>]*{ALONE})\n")
LINE = re.compile(r"(?m)^(?: {0,3}> ?)*(?P<it>(?P<indent>[ \t]*)(?P<content>(?P<owner>(?:[-*+]|\d+\.)[ \t]|!!!|\?\?\?|===)?.*))$")
FENCE = re.compile(r"(?m)^(?P<out>[ \t>]*)(?P<it>(?P<fence>`{3,}|~{3,})[^`\n]*\n"  # no line of it is further out than the first
                   r"(?:(?P=out).*\n|(?!(?P=out))[ \t>]*\n)*?(?P=out)(?P=fence))[ \t]*$")
SPAN = re.compile(r"\\[\\`]|(?P<it>(?P<ticks>`+)[^\0\x01]+?(?<!`)(?P=ticks)(?!`))")
COMMENT_BLOCK, COMMENT = (re.compile(rf"(?m){start}(?P<it><!--(?:(?!-->)[^\x01])*-->)") for start in ("^[ \t>]*", ""))
FORMULA_BLOCK = re.compile(r"(?m)^[ \t>]*(?P<it>\$\$(?:\n(?![ \t>]*$)|[^\n\0])+?\$\$)(?=[ \t]*(?:\n[ \t>]*$|\Z))")
FORMULA = re.compile(r"\\[\\$]|(?P<it>\$(?![\s$])(?:\\.|[^\\$\0\x01])+?(?<!\s)\$|\\\([^\0\x01]+?\\\))")
ESCAPE = re.compile(r"\\[\\`*_{}\[\]()>#+.!|$-]")
RAW = "article|aside|blockquote|center|details|div|dl|fieldset|figure|footer|form|h[1-6]|header|nav|ol|p|pre|section|style|table|ul|video"
TAG = re.compile(r"""<[a-zA-Z][^\s"'<>]*(?:\s+[^\s"'=<>]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>]+))?)*\s*/?>""")
ADDRESS = re.compile(r"""(?i)\s(?:href|src)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>]+))""")
AUTOLINK = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]*://[^<>]*|[^<> !]+@[^@<> ]+)>")


def _nested(opening, closing, plain):
    """A pattern for `plain` characters and brackets that balance around them, at most eight deep."""
    pattern = plain
    for _ in range(8):
        pattern = rf"(?:{plain}|{opening}{pattern}*+{closing})"
    return pattern + "*+"


LABEL, TARGET = _nested(r"\[", r"\]", r"[^\[\]\x01]"), _nested(r"\(", r"\)", r"[^()\x01]")
UNQUOTED, TITLE = _nested(r"\(", r"\)", r"""[^()'"\x01]"""), r"""(?:"[^\x01]*?"|'[^\x01]*?')"""
LINK = re.compile(rf"""(?P<image>!?)\[(?P<label>{LABEL})\]\(\s*(?:<(?P<angle>[^<>]*)>\s*(?:'[^']*'|"[^"]*")?|"""
                  rf"(?P<titled>{UNQUOTED}){TITLE}|(?P<plain>{TARGET}))\s*\)")
USE = re.compile(rf"(?P<image>!?)\[(?P<label>{LABEL})\](?P<it>\s?\[(?P<name>[^\[\]\x01]*)\](?!\[))?")
RUN = re.compile(r"[^\n\x01]+")
DEFINITION = re.compile(r"""(?x)(?<![^\n\x01])[ \t>]*\[(?P<label>[^\[\]\x01]*)\]:\ *(?:\n\ *)?<?(?P<target>[^\s\x01]*[^\s\x01>])>?\ *
    (?:\n?\ *(?:"[^\n\x01]*"|'[^\n\x01]*'|\([^\n\x01]*\))\ *)?(?=[\n\x01]|\Z)""")


@dataclass(frozen=True)
class Link:
    """What leads elsewhere, text[start:end]: `kind` is "link", "image", "definition" (`[label]: target`) or "html" (href or src); `label`
    and `at` are (start, end) of what stands between the brackets, None where there are none, and of the target."""

    start: int
    end: int
    label: tuple | None
    target: str
    at: tuple
    kind: str


def masked(text, spans=True):
    """`text` with NUL for each character, but line breaks, that is no prose: code in fences, code by indentation, comments of HTML and,
    with `spans`, code spans. Lengths and line numbers stay."""
    return hide(text, [part for part in hidden(text) if part[2] != "formula" and (spans or part[2] != "span")])


def hidden(text):
    """[(start, end, kind)] of all that holds no prose; `kind` is "fence", "code" (indented), "comment", "span" (of code) or "formula"."""
    found = []
    for kind, pattern in (("fence", FENCE), ("comment", COMMENT_BLOCK), ("formula", FORMULA_BLOCK)):
        found += [(*match.span("it"), kind) for match in pattern.finditer(hide(text, found))]
    found += [(*match.span("it"), "code") for match in _indented(hide(text, found))]
    for kind, pattern in (("span", SPAN), ("comment", COMMENT), ("formula", FORMULA)):
        found += [(*match.span("it"), kind) for match in pattern.finditer(_stretches(hide(text, found))) if match["it"]]
    return found


def hide(text, parts):
    """`text` with NUL for each character, but line breaks, of the parts, which are (start, end, ...)."""
    for start, end, *_ in parts:
        text = text[:start] + RUN.sub(lambda match: "\0" * len(match[0]), text[start:end]) + text[end:]
    return text


def links(text):
    """Every Link of a Markdown text in order, outside of code, comments and formulas; a use of a definition, `[label][name]`, is none.
    As on the site, no link is in the label of another, and a target in parentheses may hold blanks and ends where they balance."""
    tags = _stretches(hide(text, hidden(text)))
    flat = hide(tags, [span for span in elements(tags, RAW, " {0,3}") if not re.match(r"[^>]*\smarkdown\b", tags[span[0]:])])
    flat = re.sub(r"(?<=\n)[ \t>]+", lambda match: " " * len(match[0]), hide(flat, [match.span() for match in ESCAPE.finditer(flat)]))
    found = [_link(text, match, "definition") for match in DEFINITION.finditer(flat)]
    flat = hide(flat, [(link.start, link.end) for link in found])
    names = {text[slice(*link.label)].lower() for link in found}
    flat = hide(flat, [match.span("it") for match in USE.finditer(flat) if match["name"] and match["name"].lower() in names])
    at = outer = 0  # outer: where the link ends in whose label we are
    while match := LINK.search(flat, at):
        at = match.end() if match["image"] else match.start("label")
        if match["image"] or match.start() >= outer:
            found.append(_link(text, match, "image" if match["image"] else "link"))
            outer = outer if match["image"] else match.end()
    flat, tags = (hide(seen, [(link.label[1], link.end) for link in found]) for seen in (flat, tags))
    found += [Link(*match.span(), None, match[1], match.span(1), "link") for match in AUTOLINK.finditer(flat)]
    found += [Link(*tag.span(), None, match[match.lastindex], match.span(match.lastindex), "html")
              for tag in TAG.finditer(tags) for match in ADDRESS.finditer(tags, *tag.span())]
    return sorted(found, key=lambda link: (link.start, link.at))


def _link(text, match, kind):
    target = text[slice(*match.span(match.lastgroup))].strip()
    start = text.index(target, match.start(match.lastgroup))
    return Link(match.start("label") - 1 - (kind == "image"), match.end(), match.span("label"), target, (start, start + len(target)), kind)


def elements(text, names, indent="[ \t>]*"):
    """[(start, end)] of the HTML elements of a masked text that begin a line and have one of the names (a pattern), with all inside."""
    inside = _nested(r"<(?P=name)\b[^>]*>", r"</(?P=name)>", r"(?:(?!</?(?P=name)\b).)")
    return [match.span() for match in re.finditer(rf"(?is)(?<![^\n\x01]){indent}<(?P<name>{names})\b[^>]*>{inside}</(?P=name)>", text)]


def _stretches(text):
    return BEHIND.sub("\\1\x01", BEFORE.sub("\x01", text))


def _indented(text):
    """A match of LINE for each line that is code by its indentation: after a blank line, and not owned by an item, note or tab above."""
    columns, above = [0], "blank"
    for match in LINE.finditer(text):
        width, content = len(match["indent"].expandtabs(4)), match["content"].strip(" \0")
        if content and above != "text":
            columns = [column for column in columns if column <= width]
        if content and above != "text" and width >= columns[-1] + 4:
            above = "code"
            yield match
        else:
            above = "text" if content and content[0] != "#" else "blank"
            columns += [width // 4 * 4 + 4] if match["owner"] else []

"""The glossary: one term for one thing in each language, as data (`glossary.yml`), shown as a page and as tooltips."""

import re
from html import escape

import yaml

from press.chapters import LANGUAGES, PressError

FIELDS = ("zh", "en", "line_zh", "line_en", "chapter", "anchor")
QUIET = ("pre", "code", "a", "h1", "h2", "h3", "h4", "h5", "h6", "math", "svg", "abbr", "button", "script", "style", "figure")
TOKEN = re.compile(r"(<[^>]+>)")


def read_glossary(project):
    """The terms of glossary.yml, a list of dicts with the FIELDS and, where there is one, `avoid`, other Chinese
    words for it, and `tooltip: false`.

    Raises: PressError for a term that is incomplete, doubled, or linked to a heading that does not exist.
    """
    return project.once("glossary", lambda: _read_glossary(project))


def _read_glossary(project):
    path = project.root / "glossary.yml"
    terms, seen, headings = (yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else []), set(), {}
    for term in terms:
        name = term.get("en", "?")
        if missing := [field for field in FIELDS if not term.get(field)]:
            raise PressError("glossary.yml", None, f"the term {name!r} has no {missing[0]}", f"a term has {', '.join(FIELDS)}")
        for language in LANGUAGES:
            if (language, term[language].lower()) in seen:
                raise PressError("glossary.yml", None, f"the term {term[language]!r} stands twice", "keep one term for one thing")
            seen.add((language, term[language].lower()))
        stem = term["chapter"]
        if stem not in headings:
            exists = (project.docs / "zh" / f"{stem}.md").is_file()
            headings[stem] = {identifier for _, _, identifier, _ in project.page("zh", stem).headings} if exists else set()
        if term["anchor"] not in headings[stem]:
            raise PressError("glossary.yml", None, f"the term {name!r} points to {stem}#{term['anchor']}, which does not exist",
                             "name the chapter and the heading that explain it")
    return terms


def glossary_page(terms, language):
    """The glossary as Markdown for the page appendix/glossary: a table sorted by the page's language."""
    first, second = (("中文", "English"), ("English", "中文"))[language == "en"]
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    meaning = {"zh": "一句话", "en": "In one line"}[language]
    rows = [f"| {first} | {second} | {meaning} |", "|---|---|---|"]
    for term in sorted(terms, key=lambda term: term["en"].lower()):
        line = term[f"line_{language}"].replace("|", "\\|")
        rows.append(f"| [{term[language]}](../{term['chapter']}.md#{term['anchor']}) | {term[other]} | {line} |")
    return "\n".join(rows)


def annotate(html, terms, language, stem):
    """`html` with a tooltip on the first mention of each term that another chapter explains."""
    wanted = {}
    for term in terms:
        if term["chapter"] != stem and term.get("tooltip", True):
            wanted[term[language].lower()] = f"{term[f'line_{language}']}"
    if not wanted:
        return html
    words = "|".join(re.escape(word) for word in sorted(wanted, key=len, reverse=True))
    pattern = re.compile(rf"\b(?:{words})\b" if language == "en" else words, re.IGNORECASE)
    # In Chinese a longer term may hold a shorter one, and the longest wins; those of this chapter are taken, but not marked.
    own = [re.escape(term[language]) for term in terms if term["chapter"] == stem]
    if own:
        pattern = re.compile(rf"(?P<own>{'|'.join(sorted(own, key=len, reverse=True))})|{pattern.pattern}", re.IGNORECASE)

    def mark(match):
        word = match[0].lower()
        if match.groupdict().get("own") or word not in wanted:
            return match[0]
        return f'<abbr title="{escape(plain(wanted.pop(word)))}">{match[0]}</abbr>'

    parts, quiet = TOKEN.split(html), []
    for index, part in enumerate(parts):
        if index % 2:
            if tag := re.match(r"</?([a-z0-9]+)", part):
                if tag[1] in QUIET and not part.endswith("/>"):
                    if part.startswith("</"):
                        quiet and quiet.pop()
                    else:
                        quiet.append(tag[1])
                elif part.startswith("<div") and "outputs" in part or part.startswith("<p") and "data-search-exclude" in part:
                    continue
        elif not quiet and wanted:
            parts[index] = pattern.sub(mark, part)
    return "".join(parts)


def plain(text):
    """Inline Markdown without its marks, for a tooltip."""
    return re.sub(r"[`*$]", "", text)

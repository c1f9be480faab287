"""The glossary: one term for one thing in each language, as data (`glossary.yml`), shown as a page and as tooltips."""

import re
from functools import cache

from press.project import PressError, PressErrors, read_yaml

QUIET = ("appendix/glossary", "appendix/errata")  # pages that are lists of terms and of claims


def terms(project):
    """What glossary.yml holds, unchecked: dicts with, for each language, a term (`zh`) and one line on it (`line_zh`), the `chapter` and `anchor`
    that explain it and, where there is one, `avoid`, other Chinese words for it, and `tooltip: false`."""
    path = project.root / "glossary.yml"
    found = project.once("glossary", lambda: read_yaml(path, "glossary.yml") if path.is_file() else [])
    if not isinstance(found, list) or not all(isinstance(term, dict) for term in found):
        raise PressError("glossary.yml", None, "the glossary has another form", "it is a list of terms, each with zh:, en: and so on")
    return found


def read_glossary(project):
    """The terms of glossary.yml. Raises PressErrors for those that are incomplete, doubled, or linked to a heading that does not exist."""
    seen = set()
    if errors := [PressError("glossary.yml", None, *problem) for term in terms(project) for problem in _problems(project, term, seen)]:
        raise PressErrors(errors)
    return terms(project)


def _problems(project, term, seen):
    """(what is wrong, what to do) of a term; `seen` are those above it."""
    name = next((term[code] for code in reversed(project.languages) if isinstance(term.get(code), str)), "?")
    fields = [*project.languages, *(f"line_{code}" for code in project.languages), "chapter", "anchor"]
    if missing := [field for field in fields if not (isinstance(term.get(field), str) and term[field].strip())]:
        yield f"the term {name!r} has no {missing[0]}", f"a term has {', '.join(fields)}, each a text"
        return
    for language in project.languages:
        if (language, term[language].lower()) in seen:
            yield f"the term {term[language]!r} stands twice", "keep one term for one thing"
        seen.add((language, term[language].lower()))
    stem = term["chapter"]
    ids = {heading[2] for heading in project.page(project.languages[0], stem).headings} if stem in project.stems() else set()
    if term["anchor"] not in ids:
        yield f"the term {name!r} points to {stem}#{term['anchor']}, which does not exist", "name the chapter and the heading that explain it"


def glossary_page(project, language):
    """The glossary as Markdown for the page appendix/glossary: a table sorted by the English or last language."""
    codes = [language, *(code for code in project.languages if code != language)]
    names = [project.words(code)["name"] for code in codes]
    rows = [f"| {' | '.join([*names, project.words(language)['meaning']])} |", "|---" * (len(codes) + 1) + "|"]
    for term in sorted(terms(project), key=lambda term: term[project.languages[1 if len(codes) > 1 else 0]].lower()):
        line, (first, *others) = term[f"line_{language}"], (term[code] for code in codes)
        texts = [f"[{first}](../{term['chapter']}.md#{term['anchor']})", *others, line]
        rows.append(f"| {' | '.join(text.replace('|', '&#124;' if text is not line else chr(92) + '|') for text in texts)} |")
    return "\n".join(rows)


@cache
def pattern(words):
    """What finds these words, a tuple, in running text: of terms that begin alike the longest wins. Where a term begins or ends with a letter of
    a script with blanks between its words, the word must begin or end there too."""
    letter, found = "[a-z0-9\\u00df-\\u00ff]", []
    for term in sorted(words, key=len, reverse=True):
        before, after = (re.match(letter, edge, re.IGNORECASE) for edge in (term[0], term[-1]))
        found.append((f"(?<!{letter})" if before else "") + re.escape(term) + (f"(?!{letter})" if after else ""))
    return re.compile("|".join(found) or "(?!)", re.IGNORECASE)


def tooltips(project, language, stem):
    """(pattern of all terms, {term in lower case: the line that its tooltip shows}) for a page: of the terms that other pages explain."""
    lines = {} if stem in QUIET else {term[language].lower(): re.sub(r"[`*$]", "", term[f"line_{language}"])
                                      for term in terms(project) if term["chapter"] != stem and term.get("tooltip", True)}
    return pattern(tuple(term[language] for term in terms(project))), lines

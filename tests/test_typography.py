"""One typography: curly quotation marks, a real minus, no space before %, one spelling of English. In prose alone: code is as code is."""

import re

import pytest

from press.project import Project
from press.sentences import sentences
from tests.tiny import ROOT

PROJECT = Project(ROOT, read_once=True)
CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)|\$\$?[^$]+\$\$?|<[^<>]*>|\]\([^()\s]*(?:\s+\"[^\"]*\")?\)|\]\[[^\]]*\]|\{[^{}]*\}|https?://\S+")
AMERICAN = (r"\b(colors?|colored|gr[a]y|behaviors?|neighbors?|centers?|centered|favor\w*|labeled|labeling|modeling|canceled|traveled|fulfill\w*|learned by heart|catalog|analog|"
            r"(?:normal|initial|general|regular|visual|special|summar|standard|serial|parallel|recogn|organ|minim|maxim|real|categor|penal|quant|token|util|character|memor)iz(?:e[sd]?|ing|ations?))\b")


def prose(text):
    """A line of prose without what is code: spans, formulas, tags, targets, attributes."""
    return CODE.sub(lambda match: "\N{REPLACEMENT CHARACTER}", text)


def lines():
    """(place, language, text) of each line of prose, caption, alternative text, title and description of every page, and of the words of ledger and glossary."""
    for language in PROJECT.languages:
        for stem in PROJECT.stems():
            page = PROJECT.page(language, stem)
            formula = False
            for number, text in page.prose_lines():
                if not formula and not text.lstrip().startswith("$$"):
                    yield f"{page.where}:{number}", language, re.sub(r"^\s*(?:!!!|\?\?\?\+?|===) (?:\w+ )?\"(.*)\"$", r"\1", prose(text))
                formula ^= text.count("$$") == 1
            yield from ((f"{page.where}:{quote.line}", language, prose(text)) for quote in page.quotes for pair in quote.figures for text in pair)
            yield from ((f"{page.where} {name}", language, prose(page.front.get(name, ""))) for name in ("title", "description"))
    for file in ("ledger.yml", "glossary.yml"):
        for number, text in enumerate((ROOT / file).read_text(encoding="utf-8").splitlines(), 1):
            if match := re.match(r"\s*(?:- )?(zh|en|line_zh|line_en): (.*)", text):
                value = match[2].strip()
                yield f"{file}:{number}", match[1][-2:], prose(value[1:-1].replace('\\"', '"').replace("''", "'") if value[:1] in ("'", '"') else value)


LINES = list(lines())


@pytest.mark.parametrize("name, pattern, language, remedy", [
    ("a straight quotation mark", r"[\"']", None, "“ ” ‘ ’, and ’ for an apostrophe"),
    ("a hyphen for a minus", r"(?<![\w\N{REPLACEMENT CHARACTER}.-])-(?=\d)|(?<=\d) - (?=\d)", None, "− (U+2212)"),
    ("a space before a percent sign", r"\d\s[%％]|％", None, "74%"),
    ("an American spelling", AMERICAN, "en", "the British one, but for names of the API"),
    ("an ASCII comma, colon, semicolon or mark beside a Chinese character", r"(?<=[\u4e00-\u9fff])[,;:?!](?!/)|(?<=[\u4e00-\u9fff])\.(?=\s|$)", "zh", "the full-width one"),
    ("no space between Chinese and Latin letters or digits", r"[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9%][\u4e00-\u9fff]", "zh", "a space between them"),
])
def test_typography(name, pattern, language, remedy):
    found = [f"{place}: {name} in: …{text[max(0, match.start() - 20) : match.end() + 20]}…" for place, spoken, text in LINES
             if language in (None, spoken) for match in re.finditer(pattern, text, re.IGNORECASE if language == "en" else 0)]
    assert not found, f"{len(found)} times; write {remedy}\n" + "\n".join(found)


def test_what_is_looked_at():
    """Enough of it, and sentences are among it."""
    assert len(LINES) > 5000 and {language for _, language, _ in LINES} == set(PROJECT.languages)
    assert sentences(PROJECT.page("en", "training/data"))

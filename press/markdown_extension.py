"""What the press adds to Python-Markdown: outputs that Markdown leaves alone, formulas as MathML, tooltips of the glossary, thin code."""

import base64
import re
import xml.etree.ElementTree as ET

import latex2mathml.converter
from markdown import Extension
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString
from pygments.token import STANDARD_TYPES, Token

QUIET = {"pre", "code", "a", "h1", "h2", "h3", "h4", "h5", "h6", "math", "svg", "abbr", "button", "script", "style", "figure"}

# No spans for names, operators, punctuation and spaces, which Material draws like plain code: they are a tenth of a page's weight, and take
# the search index long to read.
STANDARD_TYPES.update(dict.fromkeys((Token.Name, Token.Operator, Token.Punctuation, Token.Text.Whitespace), ""))


class FormulaError(ValueError):
    """A formula that cannot be set: `args` are its source and what is wrong."""


def outputs(source, language, css_class, options, md, **kwargs):
    """A custom fence of SuperFences: HTML in base64, as theme/notebook.html writes it, kept out of Markdown's sight. Its figures are addressed
    from the root of the book, which is `root` from this page."""
    root = next(extension.root for extension in md.registeredExtensions if isinstance(extension, PressExtension))
    return re.sub('(<(?:img|source) [^>]*?src(?:set)?="|data-other=")assets/figures/', rf"\g<1>{root}assets/figures/", base64.b64decode(source).decode())


class PressExtension(Extension):
    """Of one page: `pattern` and `lines` as glossary.tooltips gives them, `root` the way to the root of the book."""

    def __init__(self, pattern, lines, root):
        super().__init__()
        self.pattern, self.lines, self.root = pattern, lines, root

    def extendMarkdown(self, md):
        md.registerExtension(self)
        # After the inline patterns, 20, and before the table of contents, 5: code and outputs are stashed away then, out of reach.
        md.treeprocessors.register(Formulas(md), "formulas", 15)
        md.treeprocessors.register(Tooltips(self.pattern, dict(self.lines)), "tooltips", 14)


class Formulas(Treeprocessor):
    """MathML, which every current browser draws by itself, for what Arithmatex found: no script, no font, no other host."""

    def run(self, root):
        for element in root.iter():
            if element.get("class") == "arithmatex":
                source = re.sub(r"^\\[(\[]|\\[)\]]$", "", element.text.strip())
                element.text = self.md.htmlStash.store(mathml(source, "block" if element.tag == "div" else "inline"))
                element.attrib.pop("class")
                if element.tag == "div":
                    element.set("class", "formula")


def mathml(source, display):
    """A formula as MathML. Raises FormulaError if it cannot be set."""
    try:
        found = latex2mathml.converter.convert(source, display=display)
    except Exception as error:
        found, problem = "", repr(error)
    else:  # what it does not know it leaves standing
        problem = "an unknown command" if re.search(r"\\|&(?!#?\w+;)|&amp;", found) else ""
    if problem:
        raise FormulaError(source, problem)
    return found.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")


class Tooltips(Treeprocessor):
    """`<abbr title="...">` round the first mention, in running text, of each term that another chapter explains."""

    def __init__(self, pattern, lines):
        super().__init__()
        self.pattern, self.lines = pattern, lines  # a line is taken out when it has been shown

    def run(self, element):
        if element.tag in QUIET or "data-search-exclude" in element.attrib:
            return
        element.text, marks = self.mark(element.text)
        for index, mark in enumerate(marks):
            element.insert(index, mark)
        for child in list(element)[len(marks):]:
            self.run(child)
            child.tail, marks = self.mark(child.tail)
            at = list(element).index(child) + 1
            for index, mark in enumerate(marks):
                element.insert(at + index, mark)

    def mark(self, text):
        """(text before the first mark, the marks, each with the text behind it)"""
        if not text or isinstance(text, AtomicString) or not self.lines:
            return text, []
        before, marks, end = text, [], 0
        for match in self.pattern.finditer(text):
            if line := self.lines.pop(match[0].lower(), None):
                if marks:
                    marks[-1].tail = text[end : match.start()]
                else:
                    before = text[: match.start()]
                marks.append(ET.Element("abbr", title=line))
                marks[-1].text, end = match[0], match.end()
        if marks:
            marks[-1].tail = text[end:]
        return before, marks

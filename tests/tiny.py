"""A tiny project in an empty folder, to break in every way that there is, and to build in no time."""

import json
import re
import textwrap
from pathlib import Path

import yaml

from press.kernels import WARM_PROCESS
from press.project import Loader, Project

ROOT = Path(__file__).resolve().parent.parent
LEDGER = """
sources: {n0: {title: {zh: 零, en: zero}, about: {zh: 零, en: zero}}}
rows:
  - {id: n0-01, note: n0, verdict: kept, home: a, said: {zh: 说, en: said}, today: {zh: 今, en: today}}
  - {id: n0-02, note: n0, verdict: wrong, home: later, said: {zh: 说, en: said}, today: {zh: 今, en: today}}
"""
GLOSSARY = """
- {zh: 零, en: nought, line_zh: 没有, line_en: nothing, chapter: a, anchor: a}
- {zh: 甲, en: letter, line_zh: 第一, line_en: the first, chapter: a, anchor: b}
"""
SNIPPET = """\
    # %% one
    x = 1
    x

    # %% two
    print(x + 1)
    """
PAGE = """\
    ---
    title: A
    ---

    # A {#a}

    <!-- ledger: n0-01 -->

    ```python
    --8<-- "a.py:one"
    ```

    ## B {#b}

    ```python
    --8<-- "a.py:two"
    ```
    """
STRINGS = {code: yaml.load((ROOT / f"mkdocs.{code}.yml").read_text(encoding="utf-8"), Loader)["extra"]["strings"] for code in ("zh", "en")}


class Mini(Project):
    """A project whose files are written with `put`: one chapter, `a`, in two languages, and a ledger. It imports nothing, torch least of all.

    Args:
        root: an empty folder.
        read_once: as for any Project; without it every edit is seen.
    """

    def __init__(self, root, read_once=False):
        super().__init__(root, read_once)
        self.cache = self.root / ".cache"  # whatever PRESS_CACHE says here
        self.put("mkdocs.yml", "theme: {language: zh}\n")
        for code, strings in STRINGS.items():
            self.strings(code, strings)
        self.put("ledger.yml", LEDGER)
        self.put("snippets/a.py", SNIPPET)
        self.both(PAGE)
        self.outputs.mkdir()

    def put(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def both(self, text, stem="a"):
        """The same page in every language."""
        for language in self.languages:
            self.put(f"docs/{language}/{stem}.md", text)

    def cell(self, code, tags="", below=""):
        """A chapter of one cell, called `it`; `below` stands under its quote."""
        self.chapter(f"# %% it{tags}\n{textwrap.dedent(code)}", it=below)

    def chapter(self, source, stem="a", **below):
        """A chapter of this snippet file, each cell quoted; below the quote of a cell stands what is given by its name."""
        self.put(f"snippets/{stem}.py", source)
        quotes = [f'```python\n--8<-- "{cell.address}"\n```\n\n{below.get(cell.name, "")}\n' for cell in self.cells(stem).values()]
        self.both("\n".join([f"# A {{#{stem}}}\n", *(["<!-- ledger: n0-01 -->\n"] if stem == "a" else []), *quotes]), stem)

    def fold(self, **titles):
        """Fold the cell `two` of the first chapter, {language: title of its quote}."""
        self.edit("snippets/a.py", "# %% two", '# %% two tags=["fold"]')
        for language, title in titles.items():
            self.edit(f"docs/{language}/a.md", '```python\n--8<-- "a.py:two"', f'```python title="{title}"\n--8<-- "a.py:two"')

    def edit(self, path, old, new):
        """Put `new` in place of `old`, which stands in the file."""
        text = (self.root / path).read_text(encoding="utf-8")
        assert old in text
        (self.root / path).write_text(text.replace(old, new), encoding="utf-8")

    def strings(self, language, strings):
        """Give a language its configuration, with these names and strings. (JSON is YAML, and quicker.)"""
        self.put(f"mkdocs.{language}.yml", json.dumps({"extra": {"language": language, "strings": strings}}, ensure_ascii=False))

    def add_language(self, language):
        """A language more: one configuration and one folder, made from the English ones, and its column in ledger and glossary."""
        self.strings(language, STRINGS["en"] | {"name": language.upper()})
        for path in (self.docs / "en").rglob("*.md"):
            self.put(f"docs/{language}/{path.relative_to(self.docs / 'en')}", path.read_text(encoding="utf-8"))
        ledger = yaml.load((self.root / "ledger.yml").read_text(encoding="utf-8"), Loader)
        for field in (texts[name] for texts in [*ledger["sources"].values(), *ledger["rows"]] for name in ("title", "about", "said", "today") if name in texts):
            field[language] = f"{field['en']} ({language})"
        self.put("ledger.yml", json.dumps(ledger, ensure_ascii=False, indent=1))
        if (path := self.root / "glossary.yml").is_file():
            terms = yaml.load(path.read_text(encoding="utf-8"), Loader)
            more = [term | {language: f"{term['en']} ({language})", f"line_{language}": f"{term['line_en']} ({language})"} for term in terms]
            self.put("glossary.yml", json.dumps(more, ensure_ascii=False, indent=1))


def small_warm_process(folder):
    """The script of a warm process that imports no more than a kernel needs, and `wave`, which shows that a kernel was forked from it."""
    text, changed = re.subn(r'MODULES = \(.*?"\)', 'MODULES = ("ipykernel.kernelapp", "wave")', WARM_PROCESS.read_text(encoding="utf-8"), count=1, flags=re.DOTALL)
    assert changed
    (folder / "small.py").write_text(text, encoding="utf-8")
    return folder / "small.py"


def quiet(line):
    """A report that nobody reads."""


def firsts(errors):
    """What is wrong and where, of each error, without what to do about it."""
    return [str(error).split("\n")[0] for error in errors]

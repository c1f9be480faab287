"""A tiny project in an empty folder, to break in every way that there is."""

import textwrap

import pytest

from press.chapters import Project

LEDGER = """
sources: {n0: {title: {zh: 零, en: zero}, about: {zh: 零, en: zero}}}
rows:
  - {id: n0-01, note: n0, verdict: kept, home: a, said: {zh: 说, en: said}, today: {zh: 今, en: today}}
  - {id: n0-02, note: n0, verdict: wrong, home: later, said: {zh: 说, en: said}, today: {zh: 今, en: today}}
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


class Mini(Project):
    """A project whose files are written with `put`."""

    def put(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def both(self, text, stem="a"):
        for language in ("zh", "en"):
            self.put(f"docs/{language}/{stem}.md", text)

    def cell(self, code, tags=""):
        """A chapter of one cell, called `it`."""
        self.put("snippets/a.py", f"# %% it{tags}\n{textwrap.dedent(code)}")
        self.both('# A {#a}\n\n<!-- ledger: n0-01 -->\n\n```python\n--8<-- "a.py:it"\n```\n')


@pytest.fixture
def mini(tmp_path):
    project = Mini(tmp_path)
    project.put("ledger.yml", LEDGER)
    project.put("snippets/a.py", SNIPPET)
    project.both(PAGE)
    project.outputs.mkdir()
    return project

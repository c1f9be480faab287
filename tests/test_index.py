"""The home page of each language."""

from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
WORDS = {
    "zh": ("毕业设计", "分类器", "从零学起", "一步一步"),
    "en": ("graduation project", "classifier", "from nothing", "one step at a time"),
}


@pytest.mark.ledger("n0-01")
@pytest.mark.parametrize("language", WORDS)
def test_home_page_says_why_the_notes_exist(language):
    """All of it in the one paragraph below the row's comment, so that no other part of the page can stand in for it."""
    text = (DOCS / language / "index.md").read_text(encoding="utf-8")
    paragraph = " ".join(text.partition("<!-- ledger: n0-01 -->")[2].strip().partition("\n\n")[0].split())
    assert [word for word in WORDS[language] if word not in paragraph] == []

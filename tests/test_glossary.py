"""The glossary: whole, shown in both languages, and kept to by every chapter."""

import re
from pathlib import Path

import pytest
import yaml

from press.chapters import LANGUAGES, PressError, Project
from press.glossary import annotate, glossary_page, read_glossary

ROOT = Path(__file__).resolve().parent.parent
PROJECT = Project(ROOT)
TERMS = read_glossary(PROJECT)


def test_every_finished_chapter_introduces_terms():
    homes = {term["chapter"] for term in TERMS}
    assert homes <= set(PROJECT.chapters())
    assert homes >= set(PROJECT.chapters())


@pytest.mark.parametrize("stem", PROJECT.stems())
def test_chapters_keep_to_the_one_term_for_each_thing(stem):
    """Words that the glossary avoids may stand only in quotation marks, where a chapter says that others use them."""
    for term in TERMS:
        for word in term.get("avoid", ()):
            for line, text in PROJECT.page("zh", stem).prose_lines():
                bare = re.sub(r"“[^”]*”|`[^`]*`|（[^）]*）", "", text)
                assert word not in bare, f"docs/zh/{stem}.md:{line}: {word}: the glossary says {term['zh']}"


@pytest.mark.parametrize("term", TERMS, ids=[term["en"] for term in TERMS])
def test_the_chapter_that_explains_a_term_uses_it(term):
    chinese, english = (PROJECT.page(language, term["chapter"]).body.lower() for language in LANGUAGES)
    assert term["zh"].lower() in chinese
    word = re.sub(r" \(.*\)$", "", term["en"]).lower()
    assert word in re.sub(r"\s+", " ", english).replace("**", "").replace("*", "")


def test_the_page_lists_every_term_with_its_link():
    for language in LANGUAGES:
        page = glossary_page(TERMS, language)
        assert page.count("\n") == len(TERMS) + 1
        for term in TERMS:
            assert f"[{term[language]}](../{term['chapter']}.md#{term['anchor']})" in page


TINY = [
    {"zh": "张量", "en": "tensor", "line_zh": "一块`数字`", "line_en": 'numbers "here"', "chapter": "a", "anchor": "a"},
    {"zh": "张量积", "en": "tensor product", "line_zh": "积", "line_en": "product", "chapter": "b", "anchor": "b"},
    {"zh": "轴", "en": "axis", "line_zh": "轴", "line_en": "axis", "chapter": "b", "anchor": "b", "tooltip": False},
]


def test_tooltip_on_the_first_mention_in_running_text_only():
    html = "<h2>张量</h2><p>一个张量，又一个张量。<code>张量</code></p>"
    assert annotate(html, TINY, "zh", "c") == html.replace("一个张量，", '一个<abbr title="一块数字">张量</abbr>，')


def test_tooltip_in_english_minds_the_ends_of_words_and_quotes():
    assert annotate("<p>tensors, Tensor</p>", TINY, "en", "c") == '<p>tensors, <abbr title="numbers &quot;here&quot;">Tensor</abbr></p>'


def test_no_tooltip_at_home_nor_for_ordinary_words():
    assert annotate("<p>张量 轴</p>", TINY, "zh", "a") == "<p>张量 轴</p>"
    assert annotate("<p>轴</p>", TINY, "zh", "c") == "<p>轴</p>"


def test_the_longest_term_wins():
    assert annotate("<p>张量积</p>", TINY, "zh", "c") == '<p><abbr title="积">张量积</abbr></p>'
    assert annotate("<p>张量积</p>", TINY, "zh", "b") == "<p>张量积</p>"


@pytest.mark.parametrize("change, problem", [
    ({"line_en": ""}, "'tensor' has no line_en"), ({"anchor": "nowhere"}, "foundations/tensors#nowhere, which does not exist"),
])
def test_mistakes_in_the_glossary(tmp_path, change, problem):
    term = next(term for term in TERMS if term["en"] == "tensor") | change
    for language in LANGUAGES:
        page = tmp_path / "docs" / language / "foundations/tensors.md"
        page.parent.mkdir(parents=True)
        page.write_text("# T {#what}\n", encoding="utf-8")
    (tmp_path / "glossary.yml").write_text(yaml.safe_dump([term], allow_unicode=True), encoding="utf-8")
    with pytest.raises(PressError, match=problem):
        read_glossary(Project(tmp_path))

"""The glossary: whole, shown in both languages, and kept to by every chapter."""

import re
from pathlib import Path

import markdown
import pytest
import yaml

from press.glossary import glossary_page, read_glossary, tooltips
from press.markdown_extension import PressExtension
from press.project import PressError, Project
from tests.tiny import Mini

ROOT = Path(__file__).resolve().parent.parent
PROJECT = Project(ROOT, read_once=True)
TERMS = read_glossary(PROJECT)


def test_every_finished_chapter_introduces_terms():
    """A page of the appendix that runs code is there to look things up, and need not."""
    homes = {term["chapter"] for term in TERMS}
    assert homes <= set(PROJECT.chapters())
    assert homes >= {stem for stem in PROJECT.chapters() if not stem.startswith("appendix/")}


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
    chinese, english = (PROJECT.page(language, term["chapter"]).body.lower() for language in ("zh", "en"))
    assert term["zh"].lower() in chinese
    word = re.sub(r" \(.*\)$", "", term["en"]).lower()
    assert word in re.sub(r"\s+", " ", english).replace("**", "").replace("*", "")


def test_the_page_lists_every_term_with_its_link():
    for language in PROJECT.languages:
        page = glossary_page(PROJECT, language)
        assert page.count("\n") == len(TERMS) + 1
        for term in TERMS:
            assert f"[{term[language]}](../{term['chapter']}.md#{term['anchor']})" in page


TINY = [
    {"zh": "张量", "en": "tensor", "line_zh": "一块`数字`", "line_en": 'numbers "here"', "chapter": "a", "anchor": "a"},
    {"zh": "张量积", "en": "tensor product", "line_zh": "积", "line_en": "product", "chapter": "b", "anchor": "b"},
    {"zh": "轴", "en": "axis", "line_zh": "轴", "line_en": "axis", "chapter": "b", "anchor": "b", "tooltip": False},
]


@pytest.fixture
def html(tmp_path):
    """A function that gives the HTML of a page's Markdown, with the tooltips of TINY."""
    project = Mini(tmp_path)
    project.put("glossary.yml", yaml.safe_dump(TINY, allow_unicode=True))

    def convert(text, language, stem):
        extensions = ["md_in_html", "pymdownx.arithmatex", PressExtension(*tooltips(project, language, stem), "")]
        return markdown.markdown(text, extensions=extensions, extension_configs={"pymdownx.arithmatex": {"generic": True}})

    return convert


def test_tooltip_on_the_first_mention_in_running_text_only(html):
    found = html("## 张量\n\n`张量` [张量](b.md) $张量$ 一个张量，又一个张量。\n\n- 张量", "zh", "c")
    assert '一个<abbr title="一块数字">张量</abbr>，又一个张量。' in found and found.count("<abbr") == 1


def test_tooltip_in_english_minds_the_ends_of_words_and_quotes(html):
    assert html("subtensor, tensors, Tensor", "en", "c") == '<p>subtensor, tensors, <abbr title="numbers &quot;here&quot;">Tensor</abbr></p>'


def test_tooltips_of_several_terms_keep_the_text_between_them(html):
    assert html("*an* axis, a tensor product of a tensor, *and a tensor*.", "en", "c") == (
        '<p><em>an</em> axis, a <abbr title="product">tensor product</abbr> of a <abbr title="numbers &quot;here&quot;">tensor</abbr>, '
        "<em>and a tensor</em>.</p>")


def test_no_tooltip_at_home_nor_for_ordinary_words(html):
    assert html("张量 轴", "zh", "a") == "<p>张量 轴</p>"
    assert html("轴", "zh", "c") == "<p>轴</p>"


def test_the_longest_term_wins(html):
    assert html("张量积", "zh", "c") == '<p><abbr title="积">张量积</abbr></p>'
    assert html("张量积", "zh", "b") == "<p>张量积</p>"


def test_no_tooltip_in_what_the_press_adds_nor_in_raw_html(html):
    """The old marking went on inside the foot of a page, and so used up the first mention."""
    for quiet in ('<p class="executed-by" data-search-exclude>张量</p>', '<p class="chapter-meta" data-search-exclude markdown>*张量*</p>',
                  '<div class="outputs"><pre>张量</pre></div>'):
        found = html(f"{quiet}\n\n一个张量", "zh", "c")
        assert found.endswith('<p>一个<abbr title="一块数字">张量</abbr></p>') and found.count("<abbr") == 1


def test_no_tooltip_on_pages_that_are_lists_of_terms_and_claims(html):
    for stem in ("appendix/glossary", "appendix/errata"):
        assert html("张量", "zh", stem) == "<p>张量</p>"


@pytest.mark.parametrize("change, problem", [
    ({"line_en": ""}, "glossary.yml: the term 'nought' has no line_en"), ({"anchor": "nowhere"}, "glossary.yml: the term 'nought' points to a#nowhere, which does not exist"),
    ({"line_zh": 1}, "glossary.yml: the term 'nought' has no line_zh"), ({"chapter": "b"}, "glossary.yml: the term 'nought' points to b#a, which does not exist"),
])
def test_mistakes_in_the_glossary(tmp_path, change, problem):
    mini = Mini(tmp_path)
    term = {"zh": "零", "en": "nought", "line_zh": "没有", "line_en": "nothing", "chapter": "a", "anchor": "a"}
    mini.put("glossary.yml", yaml.safe_dump([term], allow_unicode=True))
    assert read_glossary(mini) == [term]
    mini.put("glossary.yml", yaml.safe_dump([term | change], allow_unicode=True))
    with pytest.raises(PressError, match=re.escape(problem)):
        read_glossary(mini)


def test_one_term_for_one_thing(tmp_path):
    mini = Mini(tmp_path)
    term = {"zh": "零", "en": "nought", "line_zh": "没有", "line_en": "nothing", "chapter": "a", "anchor": "a"}
    mini.put("glossary.yml", yaml.safe_dump([term, term | {"zh": "无", "en": "Nought"}], allow_unicode=True))
    with pytest.raises(PressError, match="glossary.yml: the term 'Nought' stands twice"):
        read_glossary(mini)

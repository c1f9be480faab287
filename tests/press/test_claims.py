"""Claims: a quoted sentence stands on its page, whole, once, in every language; each mistake is told with file, line and what to do."""

import textwrap

import pytest

from press.check import check, mistakes
from press.claims import claimed, read_claims, summary
from tests.tiny import firsts

PAGES = {
    "zh": "# A {#a}\n\n<!-- ledger: n0-01 -->\n\n```python\n--8<-- \"a.py:it\"\n```\n\n一加一等于 2。它[从不](a.md)`报错`。\n\n## B {#b}\n\n再加一，等于 3。\n\n- 第一个。\n- 多了 4 个。\n",
    "en": "# A {#a}\n\n<!-- ledger: n0-01 -->\n\n```python\n--8<-- \"a.py:it\"\n```\n\nOne and one\nis 2. It [never](a.md) fails.\n\n## B {#b}\n\nOne more\nis it. And that is 3.\n\n- The first.\n- There are 4 more.\n"}
TWO = '@pytest.mark.claim(zh="一加一等于 2。", en="One and one is 2.")'


@pytest.fixture
def claiming(mini):
    """Writes the tests of the chapter `a`, and gives the mistakes of the project."""
    mini.cell("1 + 1")
    for language, page in PAGES.items():
        mini.put(f"docs/{language}/a.md", page)

    def write(*marks, name="test_it", more=""):
        mini.put("tests/test_a.py", "import pytest\n\n\n" + "\n".join(marks) + f"\ndef {name}(chapter):\n    ...\n" + textwrap.dedent(more))
        return [str(error) for error in check(mini)]

    write.project = mini
    return write


@pytest.mark.parametrize("mark", [
    TWO, '@pytest.mark.claim(en="One and\\none   is `2`.", zh="一加一\\n等于2。")', '@pytest.mark.claim(zh="它从不报错。", en="It never fails.")',
    '@pytest.mark.claim(zh="它从不`报错`。", en="It **[never](a.md)** fails.")', '@pytest.mark.claim(zh="再加一，等于 3。", en="One more is it. And that is 3.")',
    '@pytest.mark.claim(zh="多了 4 个。", en="There are 4 more.")', '@pytest.mark.claim(zh="它从不" "报错。", en=("It never "\n                   "fails."))',
])
def test_a_sentence_is_quoted_whole_with_or_without_marks(claiming, mark):
    assert claiming(mark) == []


@pytest.mark.parametrize("mark, line, problem, remedy", [
    ('@pytest.mark.claim(zh="一加一等于 3。", en="One and one is 2.")', 4, "test_it quotes a sentence (zh) that does not stand on the page: 一加一等于 3。", "the nearest that does, in line 9: 一加一等于 2。"),
    ('@pytest.mark.claim(zh="一加一等于 2。", en="One and one is 3.")', 4, "test_it quotes a sentence (en) that does not stand on the page: One and one is 3.", "the nearest that does, in line 9: One and one is 2."),
    ('@pytest.mark.claim(zh="等于 2", en="One and one is 2.")', 4, "test_it quotes a sentence (zh) that it has only in part: 等于 2", "quote all of line 9: 一加一等于 2。"),
    ('@pytest.mark.claim(zh="它从不报错。", en="never fails")', 4, "test_it quotes a sentence (en) that it has only in part: never fails", "quote all of line 10: It never fails."),
    ('@pytest.mark.claim(zh="一加一等于 2。")', 4, "test_it has a claim without its sentence in en", "in every language"),
    ('@pytest.mark.claim(zh="一加一等于 2。", en=" ")', 4, "test_it has a claim without its sentence in en", "in every language"),
    ('@pytest.mark.claim("一加一等于 2。", "One and one is 2.")', 4, "test_it has a claim with other arguments", "@pytest.mark.claim(zh=…, en=…)"),
    ('@pytest.mark.claim(zh="一加一等于 2。", en="One and one is 2.", fr="Deux")', 4, "test_it has a claim with other arguments", "zh=…, en=…"),
    ('@pytest.mark.claim(zh="一加一等于 2。", en=f"One and one is {2}.")', 4, "test_it has a claim with other arguments", "one plain text"),
    ('@pytest.mark.claim(**{"zh": "一加一等于 2。"})', 4, "test_it has a claim with other arguments", "one plain text"),
    ("@pytest.mark.claim", 4, "test_it has a claim with other arguments", "one plain text"),
    ('@pytest.mark.claim(zh="第一个。", en="One and one is 2.")', 4, "test_it quotes sentences of different sections: zh #b, en #a", "translations of each other"),
    ('@pytest.mark.claim(zh="一加一等于 2。它从不报错。", en="One and one is 2. It never fails.")', 4, "test_it quotes several sentences in one claim", "a claim is one sentence"),
])
def test_a_claim_that_no_page_bears_out(claiming, mark, line, problem, remedy):
    (error,) = claiming(mark)
    first, second = error.split("\n")
    assert first == f"tests/test_a.py:{line}: {problem}" and remedy in second


def test_a_sentence_that_stands_twice(claiming):
    claiming.project.edit("docs/zh/a.md", "- 第一个。", "- 一加一等于 2。")
    assert firsts(claiming(TWO)) == ["tests/test_a.py:4: test_it quotes a sentence (zh) that stands 2 times on the page (lines 9, 15): 一加一等于 2。"]


def test_a_sentence_that_two_tests_quote(claiming):
    errors = claiming(TWO, more=f"\n\n{TWO}\ndef test_other():\n    ...\n")
    assert firsts(errors) == [f"tests/test_a.py:9: test_other quotes a sentence ({code}) that test_it (line 4) quotes too: {text}"
                              for code, text in (("zh", "一加一等于 2。"), ("en", "One and one is 2."))]


def test_at_most_four_claims_a_test(claiming):
    marks = [f'@pytest.mark.claim(zh="{zh}", en="{en}")' for zh, en in (
        ("一加一等于 2。", "One and one is 2."), ("它从不报错。", "It never fails."), ("再加一，等于 3。", "One more is it. And that is 3."), ("第一个。", "The first."), ("多了 4 个。", "There are 4 more."))]
    assert claiming(*marks[:4]) == []
    assert firsts(claiming(*marks)) == ["tests/test_a.py:8: test_it carries 5 claims"]


def test_a_claim_that_no_test_carries(claiming):
    assert firsts(claiming(TWO, name="it")) == ["tests/test_a.py:5: it carries a claim and is no test"]
    wrong = firsts(claiming(TWO, more=f"\n\nclass TestIt:\n    {TWO}\n    def test_in_a_class(self):\n        ...\n\n\npytestmark = {TWO[1:]}\n"))
    assert sorted(wrong) == [f"tests/test_a.py:{line}: a claim that no test function carries" for line in (10, 15)]


def test_claims_of_a_page_that_does_not_exist_and_tests_that_cannot_be_read(claiming):
    claiming.project.put("tests/more/test_b.py", f"import pytest\n\n{TWO}\ndef test_it():\n    ...\n")
    claiming.project.put("tests/more/test_c.py", f"import pytest\n\n{TWO}\ndef test_it(:\n    ...\n")
    assert firsts(claiming(TWO)) == ["tests/more/test_b.py:3: claims of a page more/b that does not exist", "tests/more/test_c.py:4: a syntax error: invalid syntax"]


def test_a_chapter_that_no_test_quotes(claiming):
    claiming()
    assert [str(error) for error in check(claiming.project)] == [
        "docs/zh/a.md:1: no test quotes a sentence of this page\n  -> prove what it says in tests/test_a.py, sentence by sentence, with @pytest.mark.claim"]


def test_a_build_does_not_read_the_tests(claiming):
    """Who changes a sentence under a server sees it at once; `press check` says what its test still quotes."""
    assert len(claiming('@pytest.mark.claim(zh="没有。", en="No.")')) == 2 and mistakes(claiming.project) == []


def test_what_is_claimed_and_what_is_left(claiming):
    claiming(TWO)
    mini = claiming.project
    assert {code: [(sentence.text, claim and claim.test) for sentence, claim in found][:2] for code, found in claimed(mini, "a").items()} == {
        "zh": [("一加一等于 2。", "test_it"), ("它从不报错。", None)], "en": [("One and one is 2.", "test_it"), ("It never fails.", None)]}
    assert list(read_claims(mini)[0]) == ["a"]
    assert list(summary(mini, ["a"])) == [
        "docs/zh/a.md: 5 sentences, 5 state something, 1 claimed (20%); of 5 telling ones 1 (20%)",
        "  9 它从不报错。", "  13 再加一，等于 3。", "  15 第一个。", "  16 多了 4 个。",
        "docs/en/a.md: 6 sentences, 6 state something, 1 claimed (17%); of 5 telling ones 1 (20%)",
        "  10 It never fails.", "  14 One more is it.", "  15 And that is 3.", "  18 There are 4 more.", "  17 . The first."]

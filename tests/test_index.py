"""The home page of each language."""

import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from press.claims import quoted, read_claims
from press.project import Project
from press.sentences import sentences
from press.tags import TAGS
from tests.run import run_cell
from tests.test_claimed import STATING, TELLING

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PROJECT = Project(ROOT, read_once=True)
WORDS = {
    "zh": ("毕业设计", "分类器", "从零学起", "一步一步"),
    "en": ("graduation project", "classifier", "from nothing", "one step at a time"),
}


def ledger():
    return yaml.safe_load((ROOT / "ledger.yml").read_text(encoding="utf-8"))


def chapters():
    """The stems of the chapters, in the order of the navigation."""
    return [stem for _, pages in PROJECT.sections() for stem in pages
            if stem.startswith(("foundations/", "networks/", "training/")) and not stem.endswith("/index")]


def strings(language):
    return yaml.safe_load((ROOT / f"mkdocs.{language}.yml").read_text(encoding="utf-8"))["extra"]["strings"]


@pytest.mark.ledger("n0-01")
@pytest.mark.parametrize("language", WORDS)
def test_home_page_says_why_the_notes_exist(language):
    """All of it in the one paragraph below the row's comment, so that no other part of the page can stand in for it."""
    text = (DOCS / language / "index.md").read_text(encoding="utf-8")
    paragraph = " ".join(text.partition("<!-- ledger: n0-01 -->")[2].strip().partition("\n\n")[0].split())
    assert [word for word in WORDS[language] if word not in paragraph] == []


@pytest.mark.claim(
    zh="每一章里，含有数字、代码、比较，或者“都”“从不”一类字眼的句子，至少 95% 有测试用两种语言整句引用，并断言它说的事；凡是断言了什么的句子，至少 60%。",
    en="In each chapter, a test quotes whole, in both languages, at least 95% of the sentences that hold a number, code, a comparison or a word such as “all” or "
       "“never”, and at least 60% of all that state something, and asserts what they say.")
def test_how_much_of_the_chapters_is_claimed():
    """tests/test_claimed.py holds each chapter to the two shares; here they are those of the page, and what they are shares of."""
    assert (TELLING, STATING) == (0.95, 0.6) and set(chapters()) <= set(PROJECT.chapters())
    for language, texts in {"zh": ("它有 3 个。", "见 `x`。", "它更大。", "它们都在。", "它从不来。"),
                            "en": ("It has 3.", "See it in `x`.", "It is larger than that.", "All are here.", "It never comes.")}.items():
        telling = re.compile(strings(language)["claims"]["telling"], re.IGNORECASE)
        assert all(telling.search(text) or "`" in text for text in texts)


@pytest.mark.claim(
    zh="这样的句子改一个字，检查就会叫起来，直到测试也这样说。",
    en="Change a word of such a sentence, and a check complains until its test says so too.")
def test_a_changed_word_is_noticed():
    for language in PROJECT.languages:
        page = sentences(PROJECT.page(language, "index"))
        (claim,) = [claim for claim in read_claims(PROJECT)[0]["index"] if claim.test == "test_a_changed_word_is_noticed"]
        text = claim.texts[language]
        assert quoted(text, page)[0] and not quoted(text.replace("word", "letter").replace("一个字", "两个字"), page)[0]


@pytest.mark.claim(zh="这里一共收了五份这样的笔记。", en="Five such sets of notes are gathered here.")
@pytest.mark.claim(
    zh="老实归老实，也有记错的，比如把 `x[:, 1]` 叫作第一列；还有写的时候没错、后来过时的，比如张量要先包一层 `Variable`。",
    en="Honest notes can still be mistaken, as when `x[:, 1]` is called the first column, and others were right when written and have aged, "
       "such as wrapping every tensor in a `Variable`.")
def test_five_sets_of_notes_with_mistakes_and_with_age():
    rows = ledger()["rows"]
    assert len(ledger()["sources"]) == 5 == len({row["note"] for row in rows})
    wrong = [row for row in rows if row["verdict"] == "wrong" and "`x[:, 1]` is called the first column" in row["said"]["en"]]
    aged = [row for row in rows if row["verdict"] == "outdated" and "wrapped in `Variable`" in row["said"]["en"]]
    assert len(wrong) == 1 and len(aged) == 1


@pytest.mark.claim(
    zh="旧笔记里的每件事都记成一条，注明今天还对不对；章节讲到的每一条都配一个测试，说法不成立，测试就失败。",
    en="Each thing that the old notes say is one row of a list, with a verdict on whether it still holds, and each row that a chapter teaches has a test "
       "that fails if the claim is false.")
def test_each_row_has_a_verdict_and_each_row_that_is_taught_a_test():
    rows, written = ledger()["rows"], set(PROJECT.stems())
    marked = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for found in re.findall(r"mark\.ledger\(([^)]*)\)", path.read_text(encoding="utf-8")):
            marked |= set(re.findall(r"n\d-\d+", found))
    taught = {row["id"] for row in rows if row["home"] in written}
    assert all(row["verdict"] in ("kept", "expand", "outdated", "wrong", "question") for row in rows)
    assert len(taught) > 90 and taught <= marked and "n1-35" not in taught


@pytest.mark.claim(
    zh="代码只存一份，两种语言都引用它，所以不会出现“译文的代码还停在前年”这种事。",
    en="The code exists once and both languages quote it, so no translation can be left with the code of two years ago.")
def test_both_languages_quote_one_code():
    for stem in chapters():
        zh, en = ([quote.address for quote in PROJECT.page(language, stem).quotes] for language in ("zh", "en"))
        assert zh == en and set(zh) == set(PROJECT.cells(stem)) and zh, stem


@pytest.mark.claim(
    zh="先看章首的两个时间：读完大约多久，代码运行多久。",
    en="Start with the two times at the top of a chapter: how long it takes to read, how long its code takes to run.")
@pytest.mark.claim(
    zh="在量时间 | 真实的数字，附一句提醒：换台机器就不同，看趋势，别记数值",
    en="measures time | real figures, with a reminder that yours will differ: look at the trend, not at the number")
@pytest.mark.claim(
    zh="需要联网 | 只给代码，不给输出；它的写法已经用本地的小文件测过",
    en="needs the network | the code without output; the way it is written was tested on small local files")
@pytest.mark.claim(
    zh="需要 GPU | 在 GPU 机器上跑过的，给出当时的输出，注明设备、版本和日期；没跑过的，就写没跑过",
    en="needs a GPU | the output of a run on a GPU machine, with device, versions and date; if there was no such run, it says so")
def test_what_the_pages_say_of_times_gpu_and_network():
    for language, read, run in (("zh", "阅读", "运行"), ("en", "read", "runs")):
        words = strings(language)
        assert "{minutes}" in words["meta"] and read in words["meta"] and "{seconds}" in words["runs"] and run in words["runs"]
        assert all(part in words[TAGS["gpu"].recorded] for part in ("{date}", "{device}", "{torch}"))
    words = strings("en")
    assert TAGS["timing"].needs is None and "your figures will differ" in words[TAGS["timing"].note]
    assert TAGS["network"].needs == "network" and "tested on small files" in words[TAGS["network"].not_run]
    assert TAGS["gpu"].needs == "cuda" and "was not run" in words[TAGS["gpu"].not_run]


@pytest.mark.claim(
    zh="本来就该报错 | 真实的报错信息。它要是哪天不报错了，反倒是我们错了",
    en="is meant to fail | the real error message; the day it no longer fails, we are the ones in error")
@pytest.mark.claim(zh="本来就该警告 | 真实的警告原文", en="is meant to warn | the real warning, word for word")
def test_a_cell_that_is_meant_to_fail_or_warn_is_a_mistake_if_it_does_not():
    any_cell = next(iter(PROJECT.cells("foundations/roadmap").values()))

    def cell(source, tag):
        return dataclasses.replace(any_cell, source=source, tags=(tag,))

    assert str(run_cell(cell("1 / 0", "raises-exception"), {}).error) == "division by zero"
    assert run_cell(cell("import warnings\nwarnings.warn('old')", "warns"), {}).warnings == ["UserWarning: old"]
    for tag in ("raises-exception", "warns"):
        with pytest.raises(AssertionError):
            run_cell(cell("1 + 1", tag), {})


@pytest.mark.claim(
    zh="想按顺序学：路线图。一张能点的地图，二十三章，先读哪章后读哪章。",
    en="To learn in order: the roadmap, a map to click on: twenty-three chapters, and which to read before which.")
def test_the_roadmap_has_twenty_three_chapters_to_click_on():
    assert len(chapters()) == 23
    for language in PROJECT.languages:
        page = PROJECT.page(language, "foundations/roadmap").body
        assert len(re.findall(r'<a href="\.\./[^"]+" tabindex', page)) == 23 and "M180 55L180 69" in page  # boxes, and lines between them


@pytest.mark.claim(
    zh="想看它真的认字：LeNet。在 CPU 上训练，认对 97% 以上的手写数字。",
    en="To see it read: LeNet, trained on a CPU to recognise more than 97% of handwritten digits.")
def test_what_is_said_of_lenet_is_what_its_own_tests_prove():
    claims = [claim.texts["en"] for claim in read_claims(PROJECT)[0]["networks/lenet"]]
    assert "It reads more than 97% of digits that it was not trained on." in claims
    train = PROJECT.cells("networks/lenet")["networks/lenet.py:train"]
    assert "gpu" not in train.tags and "networks/lenet" in chapters()  # it runs where there is no GPU

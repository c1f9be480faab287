"""What counts as a sentence, where it ends, and which ones state something."""

import textwrap

import pytest

from press.sentences import plain, sentences


def cut(mini, body, language="en"):
    """The Sentences of a page with this body below its title."""
    mini.put(f"docs/{language}/b.md", f"# B {{#b}}\n\n{textwrap.dedent(body)}\n")
    return sentences(mini.page(language, "b"))


def texts(found):
    return [sentence.text for sentence in found]


@pytest.mark.parametrize("language, body, expected", [
    ("en", "One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
    ("en", "It is 1.5 wide, e.g. here, i.e. not there, vs. others. Next.", ["It is 1.5 wide, e.g. here, i.e. not there, vs. others.", "Next."]),
    ("en", "He said “no.” `x.y` is it. `a. B` too.", ["He said “no.”", "x.y is it.", "a. B too."]),
    ("en", "Over\ntwo lines. And\n[a\nlink](a.b#c).", ["Over two lines.", "And a link."]),
    ("en", "See **[the page](a.md)**: it *is* `f(x)[0](y)`.", ["See the page: it is f(x)[0](y)."]),
    ("en", "It is $a. B$ here.", ["It is $a. B$ here."]),
    ("zh", "一句。两句！三句？“四句。”五", ["一句。", "两句！", "三句？", "“四句。”", "五"]),
    ("zh", "换\n行也\n是一句。", ["换 行也 是一句。"]),
    ("zh", "3 − 1\n+ 2 等于 4。", ["3 − 1 + 2 等于 4。"]),
    ("zh", "见[别处](a.md)，`a。b` 不断。", ["见别处，a。b 不断。"]),
])
def test_where_a_sentence_ends(mini, language, body, expected):
    assert texts(cut(mini, body, language)) == expected


def test_items_rows_formulas_captions_and_alternative_texts_are_sentences(mini):
    found = cut(mini, """\
        - first item
          goes on
        - second. Twice.

        1. third

        | a | b |
        |---|---|
        | `x | y` | 1 \\| 2 |
        | [l](a.md) | |

        $$
        x = 1
        $$

        > quoted

        !!! note "Title. Not a sentence."

            Within. ``a ` b``.

        ```text
        Not. Here.
        ```

        <!-- Nor. Here. -->
        """)
    assert [(sentence.text, sentence.kind) for sentence in found] == [
        ("first item goes on", "prose"), ("second.", "prose"), ("Twice.", "prose"), ("third", "prose"), ("x | y | 1 | 2", "row"), ("l", "row"),
        ("$$ x = 1 $$", "formula"), ("quoted", "prose"), ("Within.", "prose"), ("a ` b.", "prose")]


def test_a_figure_says_its_alternative_text_and_its_caption(mini):
    mini.cell("1", below='![It rises. It falls.](a.py:it "Both. *So*")')
    assert [(sentence.text, sentence.kind, sentence.section) for sentence in sentences(mini.page("en", "a"))] == [
        ("It rises.", "alternative text", "a"), ("It falls.", "alternative text", "a"), ("Both.", "caption", "a"), ("So", "caption", "a")]


def test_each_has_its_line_and_its_section(mini):
    found = cut(mini, "One\nis long. Two\nis too.\n\n## C {#c}\n\n- three\n")
    assert [(sentence.line, sentence.section) for sentence in found] == [(3, "b"), (4, "b"), (9, "c")]


@pytest.mark.parametrize("language, body, states, telling", [
    ("en", "Is it 3?", False, False), ("en", "Try this.", False, False), ("en", "Watch:", False, False), ("en", "Three of them:", True, True), ("en", "It is so.", True, False),
    ("en", "It is 3.", True, True), ("en", "It is `x`.", True, True), ("en", "It is larger than that.", True, True), ("en", "It is ONLY that.", True, True),
    ("en", "It never is.", True, True), ("en", "It has a default.", True, True), ("en", "It raises that.", True, True), ("en", "Othello said so.", True, False),
    ("zh", "是 3 吗？", False, False), ("zh", "试试看。", False, False), ("zh", "看：", False, False), ("zh", "是这样。", True, False), ("zh", "它更大。", True, True),
    ("zh", "只有它。", True, True), ("zh", "默认如此。", True, True), ("zh", "三个。", True, True), ("zh", "就会报错。", True, True), ("zh", "一个个来。", True, True),
])
def test_what_states_something_and_what_is_telling(mini, language, body, states, telling):
    (found,) = cut(mini, body, language)
    assert (found.states, found.telling) == (states, telling)


def test_goals_state_nothing(mini):
    found = cut(mini, '!!! abstract "This"\n\n    **You will**:\n\n    - know 3 things;\n\nThere are 3.\n')
    assert [sentence.states for sentence in found] == [False, False, True]


@pytest.mark.parametrize("text, shown", [
    ("a **b** _c_ *d*", "a b c d"), ("[a [b] c](x.md#y)", "a [b] c"), ("[a][b] ![c](d.png)", "a c"), ("`a*b*c` `[x](y)`", "a*b*c [x](y)"), ("a<sub>2</sub> < b", "a2 < b"),
    ("[a](b.md){#c .d}", "a"), ("2 \\* 3", "2 * 3"), ("[a](x(y)z)", "a"),
])
def test_plain_is_what_a_reader_sees(text, shown):
    assert plain(text) == shown

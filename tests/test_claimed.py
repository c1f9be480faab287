"""How much of what the chapters say is claimed by a test."""

import pytest

from press.claims import claimed
from press.project import Project
from tests.tiny import ROOT

PROJECT = Project(ROOT, read_once=True)
TELLING, STATING = 0.95, 0.6  # of the sentences with a number, code, a comparison, an "all" or the like; of all that state something


@pytest.mark.parametrize("stem", PROJECT.chapters())
def test_what_a_chapter_says_is_claimed(stem):
    """`python -m press claims section/chapter` lists what is not."""
    for language, found in claimed(PROJECT, stem).items():
        stating = [(sentence, claim) for sentence, claim in found if sentence.states]
        telling = [claim for sentence, claim in stating if sentence.telling]
        for what, of, least in (("that are telling", telling, TELLING), ("that state something", [claim for _, claim in stating], STATING)):
            share = sum(claim is not None for claim in of) / len(of)
            assert share >= least, f"docs/{language}/{stem}.md: {share:.0%} of the {len(of)} sentences {what} are claimed, {least:.0%} is the least"

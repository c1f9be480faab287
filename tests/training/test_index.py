"""What the page of the training part says of the old notes."""

from pathlib import Path

import pytest

from press.project import Project
from tests.prose import ledger_rows

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.claim(
    zh="到这里，旧笔记里关于训练的话大多有了着落，还剩微调和手动改参数两件，留给以后的章节。",
    en="By then most of what the old notes say about training has been dealt with; fine-tuning and changing a parameter by hand are left for chapters to come.")
def test_what_the_notes_say_of_training_is_dealt_with_but_for_two_rows():
    rows = {row["id"]: row for row in ledger_rows()}
    written = set(Project(ROOT).stems())
    closed = [row for row in rows.values() if row["home"].startswith("training/") and row["home"] in written]
    assert "fine-tune" in rows["n1-35"]["said"]["en"] and "Changing a parameter" in rows["n1-40"]["said"]["en"]
    assert rows["n1-35"]["home"] not in written and rows["n1-40"]["home"] not in written
    assert len(closed) > 10 and all(row["home"] in written for row in rows.values() if row["home"].startswith("training/"))

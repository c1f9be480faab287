"""Each kept fact says where it is from and when it was read, and a test holds a sentence to it."""

import ast
import datetime
import re
from pathlib import Path

import pytest

from tests.facts import FOLDER, facts

STEMS = [path.relative_to(FOLDER).with_suffix("").as_posix() for path in sorted(FOLDER.rglob("*.yml"))]


@pytest.mark.parametrize("stem", STEMS)
def test_each_fact_has_its_source_and_its_day(stem):
    for name, fact in facts(stem).items():
        assert set(fact) == {"says", "source", "read"} and fact["says"] not in (None, "", []), name
        assert re.fullmatch(r"https://[\w.-]+/?\S*", fact["source"]), name
        assert isinstance(fact["read"], datetime.date) and fact["read"] <= datetime.date.today(), name


@pytest.mark.parametrize("stem", STEMS)
def test_each_fact_is_used(stem):
    section, _, name = stem.rpartition("/")
    tree = ast.parse((Path(__file__).parent / section / f"test_{name}.py").read_text(encoding="utf-8"))
    constants = {line.targets[0].id: line.value.value for line in tree.body
                 if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name) and isinstance(line.value, ast.Constant)}
    used = {call.args[1].value for call in ast.walk(tree) if isinstance(call, ast.Call) and ast.unparse(call.func) == "fact"
            and isinstance(call.args[1], ast.Constant) and constants.get(ast.unparse(call.args[0]), ast.unparse(call.args[0]).strip("'")) == stem}
    assert used == set(facts(stem))

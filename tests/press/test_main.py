"""`python -m press`: what it prints and how it ends, on whatever console."""

import json
import os
import subprocess
import sys

import pytest

from press.__main__ import main
from tests.tiny import ROOT


def press(mini, *arguments, **variables):
    """The completed process of `python -m press` in the project's folder."""
    return subprocess.run([sys.executable, "-m", "press", *arguments], cwd=mini.root, capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)} | variables)


@pytest.fixture
def call(mini, monkeypatch, capsys):
    """Calls the press in the project's folder: (how it ended, what it printed, what it complained of)."""
    monkeypatch.chdir(mini.root)
    monkeypatch.setenv("PRESS_CACHE", str(mini.cache))

    def found(*arguments):
        return main(list(arguments)), *capsys.readouterr()

    return found


@pytest.mark.parametrize("encoding, shown", [("gbk", "没有"), ("utf-8", "没有"), ("cp1252", "\\u6ca1\\u6709"), ("ascii", "\\u6ca1\\u6709")])
def test_a_mistake_is_told_on_a_console_of_any_encoding(mini, encoding, shown):
    """In a file too, as in `python -m press check > mistakes`."""
    mini.edit("docs/zh/a.md", "## B", "[零](#没有)\n\n## B")
    mini.edit("docs/en/a.md", "## B", "[0](#没有)\n\n## B")
    done = press(mini, "check", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert done.returncode == 1 and not done.stderr
    lines = done.stdout.decode(encoding).splitlines()
    assert lines[0] == f"docs/zh/a.md:13: the link #{shown} leads to no heading: docs/zh/a.md has no #{shown}" and len(lines) == 5


def test_a_project_without_mistakes(call):
    assert call("check") == (False, "no mistakes found\n", "")


def test_the_ledger_says_what_is_open(call):
    assert call("ledger") == (0, "ledger: 1 of 2 rows closed, 1 open:\n  later: n0-02\n", "")


def test_outputs_are_json_without_those_that_depend_on_the_machine(mini, call):
    mini.chapter('# %% one\n1\n\n# %% two tags=["timing"]\n2\n')
    code, out, err = call("outputs")
    assert code == 0 and err.startswith("executed 1 of 1: a, ")
    assert json.loads(out) == {"a": {"a.py:one": [{"output_type": "execute_result", "metadata": {}, "data": {"text/plain": "1"}}]}}


def test_the_book_is_staged_without_mkdocs(mini, call):
    code, out, err = call("stage")
    assert code == 0 and out.splitlines()[-1] == f"staged in {mini.cache / 'book'}" and (mini.book("zh") / "a.ipynb").is_file()
    assert call("execute") == call("execute", "a") == (0, "", "")


@pytest.mark.parametrize("arguments", [[], ["chekc"], ["--help"]])
def test_a_command_that_there_is_not(call, arguments):
    code, out, err = call(*arguments)
    assert code == 2 and out == "" and "`python -m press check`" in err


@pytest.mark.parametrize("command", ["check", "execute", "outputs", "stage", "ledger"])
def test_a_mistake_ends_each_command_with_a_line_and_no_traceback(mini, call, command):
    mini.put("mkdocs.yml", "a: b: c")
    mini.put("ledger.yml", "a: b: c")
    code, out, err = call(command)
    assert code == 1 and ": this is not YAML" in out + err and "  -> " in out + err


def test_a_chapter_that_there_is_not(call):
    code, out, err = call("execute", "aa")
    assert code == 1 and "aa" in err and "did you mean 'a'?" in err

"""pytest runs the blocks of chapters and the tests of their claims: all of them, by whatever path the project is reached."""

import os
import re
import subprocess
import sys

import pytest

from tests.tiny import ROOT, Mini

CLAIM = """\
import pytest


@pytest.mark.ledger("n0-01")
def test_claim(chapter):
    assert chapter["one"].value == 1 and chapter["two"].stdout == "2\\n" and "# A" in chapter.prose("en")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a whole tiny project, set up for pytest as the real one is, and a link to it. Its chapter imports nothing."""
    folder = tmp_path_factory.mktemp("linked")
    mini = Mini(folder / "project")
    (mini.snippets / "a.py").unlink()
    mini.chapter('# %% one\nx = 1\nx\n\n# %% two tags=["fold"]\nprint(x + 1)\n\n# %% gpu tags=["gpu"]\n3\n\n# %% fails tags=["raises-exception"]\n1 / 0\n\n# %% net tags=["network"]\n4\n', "s/a")
    mini.put("snippets/s/a.sh", "# %% shell\npwd > here; test -s here; test $(ls | wc -l) = 1\n")
    for language in mini.languages:
        (mini.docs / language / "a.md").unlink()
        page = mini.docs / language / "s/a.md"
        text = page.read_text(encoding="utf-8").replace('```python\n--8<-- "s/a.py:two"', '```python title="Print"\n--8<-- "s/a.py:two"')
        page.write_text(text + '\n<!-- ledger: n0-01 -->\n\n```sh\n--8<-- "s/a.sh:shell"\n```\n', encoding="utf-8")
    mini.edit("ledger.yml", "home: a,", "home: s/a,")
    for name in ("pyproject.toml", "conftest.py", "tests/conftest.py"):
        mini.put(name, (ROOT / name).read_text(encoding="utf-8"))
    mini.put("tests/s/test_a.py", CLAIM)
    (folder / "link").symlink_to(mini.root, target_is_directory=True)
    return folder


def run(folder, *arguments, at="project"):
    """What pytest prints of the tiny project, reached by `at`."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={at}", "-c", f"{at}/pyproject.toml", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    return done.returncode, done.stdout + done.stderr


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("at", ["project", "link"])
def test_by_a_link_as_much_is_tested_as_by_the_path_itself(folder, at):
    """By a link only one of these was collected, and the run was green."""
    code, out = run(folder, f"{at}/docs/zh", f"{at}/tests", at=at)
    assert code == 0 and re.search(r"\b5 passed, 2 skipped\b", out), out
    assert "s/a.py:net needs a download" in out and "ledger: 1 of 2 rows closed, 1 open:" in out


@pytest.mark.parametrize("select, names", [
    (["-m", "raises_exception or gpu"], ["gpu", "fails"]), (["-k", "shell or one"], ["one", "shell"]),
])
def test_blocks_are_selected_by_their_tags_and_names(folder, select, names):
    code, out = run(folder, "--collect-only", *select, "project/docs/zh")
    assert re.findall(r"^(?:project/)?docs/zh/s/a\.md::(\S+)$", out, re.MULTILINE) == names, out


def test_a_block_selected_alone_has_those_above_it(folder):
    code, out = run(folder, "project/docs/en/s/a.md::two")
    assert code == 0 and "1 passed" in out, out


@pytest.mark.parametrize("file, old, new, problem", [
    ("snippets/s/a.py", "x = 1\n", "x = 1 / 0\n", r"(?s)ZeroDivisionError.*not reached: s/a.py:one failed before it.*3 failed, 1 passed, 2 skipped, 1 error"),
    ("snippets/s/a.py", "1 / 0", "1", r"s/a.py:fails is tagged raises-exception and does not raise"),
    ("snippets/s/a.py", "print(x + 1)", "import warnings; warnings.warn('old')", r"s/a.py:two warns: UserWarning: old"),
    ("snippets/s/a.sh", "test -s here", "test -s there", r"CalledProcessError"),
    ("docs/zh/s/a.md", "s/a.py:two", "s/a.py:tow", r"docs/zh/s/a.md:\d+: snippets/s/a.py has no cell 'tow'\n  -> did you mean 'two'\?"),
])
def test_a_mistake_fails_with_its_name_and_place(folder, file, old, new, problem):
    path = folder / "project" / file
    whole = path.read_text(encoding="utf-8")
    assert whole.count(old) == 1
    path.write_text(whole.replace(old, new), encoding="utf-8")
    try:
        code, out = run(folder, "project/docs/zh", "project/tests")
    finally:
        path.write_text(whole, encoding="utf-8")
    assert code in (1, 2) and re.search(problem, out), out

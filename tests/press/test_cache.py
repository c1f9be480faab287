"""What is kept is made once, whole, and for exactly what it depends on; where nothing can be kept, a build goes on without."""

import os
import shutil
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from press.cache import evict, kept, write_atomically, write_changed
from press.project import Project
from press.stage import stage
from tests.tiny import ROOT, Mini, quiet


def never():
    raise AssertionError("made again")


def test_what_is_kept_is_made_once(tmp_path):
    path, made = tmp_path / "new/folder/x.kept", []

    def make():
        made.append(1)
        return {"text": "零\ud800\x00", "list": [1.5, None]}

    assert kept(path, ["what", 1], make) == kept(path, ["what", 1], make) == kept(path, ["what", 1]) == {"text": "零\ud800\x00", "list": [1.5, None]}
    assert made == [1] and list(path.parent.iterdir()) == [path]


def test_for_another_key_it_is_made_anew_in_the_same_file(tmp_path):
    path = tmp_path / "x.kept"
    for what in (["a"], ["b"], ["a"], {"a": 1}, {"a": 2}):
        assert kept(path, what) is None
        assert kept(path, what, lambda what=what: [what]) == kept(path, what, never) == [what]
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_kept_of_none_nor_by_looking(tmp_path):
    assert kept(tmp_path / "x.kept", 1) is None and kept(tmp_path / "x.kept", 1, lambda: None) is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_for_another_key_is_not_even_read(tmp_path, capsys):
    path = tmp_path / "x.kept"
    kept(path, "old", lambda: 1)
    path.write_bytes(path.read_bytes()[:70] + b"\xff no JSON")
    assert kept(path, "new", lambda: 2) == 2
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("damage", [
    lambda data: data[: len(data) // 2 + 40], lambda data: data.replace(b"careful", b"careless"), lambda data: data[:64], lambda data: data.partition(b"\n")[0],
    lambda data: data + b" ", lambda data: data[:65] + b"0" * 64 + data[129:],
], ids=["truncated", "flipped", "key alone", "no body", "longer", "other digest"])
def test_a_damaged_file_is_thrown_away_told_of_and_made_anew(tmp_path, capsys, damage):
    path = tmp_path / "x.kept"
    kept(path, "what", lambda: ["careful", 1])
    path.write_bytes(damage(path.read_bytes()))
    assert kept(path, "what") is None and not path.exists()
    assert capsys.readouterr().err == f"press: {path} is damaged: thrown away, and made anew\n"
    assert kept(path, "what", lambda: ["careful", 1]) == kept(path, "what", never) == ["careful", 1]


def test_who_writes_the_same_file_at_the_same_time_gets_what_is_his(tmp_path):
    """As two builds of one checkout do: each gets the value for its own key, and a whole file is left."""
    path, together = tmp_path / "x.kept", threading.Barrier(8)

    def build(number):
        together.wait()
        return [kept(path, ["key", number % 2], lambda: {"number": number % 2, "text": "x" * 100_000}) for _ in range(20)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(build, range(8)))
    assert all(value["number"] == number % 2 for number, values in enumerate(found) for value in values)
    assert list(tmp_path.iterdir()) == [path] and any(kept(path, ["key", number]) for number in range(2))


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, "old")

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_file_that_would_not_change_is_left_alone(tmp_path):
    path = tmp_path / "new/file"
    write_changed(path, "text")
    os.utime(path, (1, 1))
    write_changed(path, b"text")
    assert path.stat().st_mtime == 1
    write_changed(path, "other")
    assert path.stat().st_mtime > 1 and path.read_text() == "other"


def test_what_nobody_uses_any_more_is_removed_with_its_folders(tmp_path):
    folder = tmp_path / "kept"
    for name in ("a", "b/c", "b/d/e", "f/g"):
        write_atomically(folder / name, "x")
    evict(folder, {folder / "b/c"})
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == ["b", "b/c"]
    evict(tmp_path / "nowhere", set())


def test_the_cache_does_not_grow_with_chapters_that_are_gone(mini):
    stage(mini, report=quiet)
    mini.both('# B {#b}\n\n```python\n--8<-- "b.py:one"\n```\n', "b")
    mini.put("snippets/b.py", "# %% one\n1\n")
    stage(mini, report=quiet)
    before = {path.relative_to(mini.cache).as_posix() for path in mini.cache.rglob("*.kept")}
    for path in (mini.snippets / "b.py", mini.docs / "zh/b.md", mini.docs / "en/b.md"):
        path.unlink()
    stage(mini, report=quiet)
    after = {path.relative_to(mini.cache).as_posix() for path in mini.cache.rglob("*.kept")}
    assert before - after == {"executed/b.kept"} | {f"{kind}/{language}/b.kept" for kind in ("outlines", "staged") for language in ("zh", "en")} and "executed/a.kept" in after
    assert not list((mini.cache / "book").rglob("*b.*"))


KEYS = """
import json, sys
from pathlib import Path
from press import execute, keep_pages, stage
from press.cache import digest
from press.cells import Cell

def keys():
    for cached in (execute._settings, stage._sources, keep_pages._versions):
        getattr(cached, "cache_clear", int)()
    return [digest(execute.depends_on([Cell("a.py", 1, "it", (), "1")])), digest(stage._sources()), digest(keep_pages._versions())]

before = keys()
for name in sys.argv[1:]:
    path = Path(name)
    whole = path.read_bytes()
    path.write_bytes(whole + (b"{# a comment #}" if name.endswith(".html") else b"# a comment"))
    print(name, *["-+"[was != now] for was, now in zip(before, keys())])
    path.write_bytes(whole)
"""


def test_keys_name_what_they_depend_on_and_nothing_else(tmp_path):
    """Columns: what a cell gives, what a chapter becomes, what a page is rendered to. A comment in a tool makes nothing anew, as it did once."""
    for folder in ("press", "theme", "tools"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    expected = {
        "tools/bench.py": "- - -", "press/hooks.py": "- - +", "press/check.py": "- - -", "press/project.py": "- - -", "press/records.py": "- - -", "theme/root.html": "- - -",
        "press/kernel_startup.py": "+ - -", "press/ipython_kernel_config.py": "+ - -", "press/matplotlibrc": "+ - -", "press/outputs.py": "+ + -",
        "press/stage.py": "- + -", "press/chapters.py": "- + -", "press/tags.py": "- + -", "press/weave.py": "- + -", "press/export.py": "- + -", "press/figures.py": "- + -", "press/markdown_extension.py": "- - +", "theme/notebook.html": "- - +",
    }
    done = subprocess.run([sys.executable, "-c", KEYS, *expected], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.stdout == "".join(f"{name} {changed}\n" for name, changed in expected.items()), done.stderr


# --- where it is kept ------------------------------------------------------------------------------------------------


def test_the_cache_lies_in_the_project_or_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.delenv("PRESS_CACHE", raising=False)
    assert Project(tmp_path).cache == tmp_path / ".cache" and (tmp_path / ".cache").is_dir()
    monkeypatch.setenv("PRESS_CACHE", str(tmp_path / "else/where"))
    assert Project(tmp_path).cache == tmp_path / "else/where" and (tmp_path / "else/where").is_dir()


def test_a_build_whose_cache_cannot_be_written_goes_on_and_says_so(tmp_path):
    """Here `.cache` is a file, which root cannot write into either. What is made in its place is private, and gone in the end."""
    mini = Mini(tmp_path / "project")
    (mini.root / ".cache").write_text("mine")
    program = textwrap.dedent("""\
        from press.project import Project
        from press.stage import stage
        project = Project(".")
        stage(project, report=lambda line: None)
        print(project.cache, (project.book("zh") / "a.ipynb").is_file(), oct(project.cache.stat().st_mode)[-3:])
        """)
    environment = {name: value for name, value in os.environ.items() if name != "PRESS_CACHE"} | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], cwd=mini.root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"press: nothing can be kept in {mini.root / '.cache'} (File exists): the next build starts anew\n"
    folder, *found = done.stdout.split()
    assert found == ["True", "700"] and folder.startswith(str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["project"] and (mini.root / ".cache").read_text() == "mine"

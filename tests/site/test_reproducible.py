"""A build gives the same files wherever and whenever it runs, to the byte: all but what is marked as depending on the machine.

Shown on a tiny site, whose chapters draw, warn, fail and use random numbers. That the real chapters' outputs do not wander is seen where
their notebooks and scripts run once more (test_downloaded_notebooks.py, test_downloaded_scripts.py).
"""

import shutil
import subprocess
import sys

import pytest

from tests.building import SHELL, TinySite, built, files, without_timings

CHAPTER = """\
# %% random
import random
import time
import numpy as np
random.random(), np.random.rand(3), {"b", "a", "c"}, hash("x")

# %% figure
import matplotlib.pyplot as plt
plt.scatter(*np.random.rand(2, 9), label="points")
plt.legend()
plt.show()

# %% order tags=["warns"]
import sys
print("err before", file=sys.stderr, flush=True)
time.sleep(0.3)
for number in range(50):
    print("out", number)
    print("err", number, file=sys.stderr)

# %% failed tags=["raises-exception"]
{}["no"]

# %% clock tags=["timing"]
print(time.time_ns())
"""


def put_chapter(project, stem):
    (project.snippets / f"{stem}.py").write_text(CHAPTER, encoding="utf-8")
    quotes = [f'```python\n--8<-- "{stem}.py:{name}"\n```' for name in ("random", "figure", "order", "failed", "clock")]
    quotes[1] += f'\n![points]({stem}.py:figure "caption")'
    project.both(f"# {stem.upper()} {{#{stem}}}\n\nA formula, $x^2$.\n\n" + "\n\n".join(quotes), stem)


def site_files(folder):
    """{address: content} of a site. Left out: the sitemap, which has the day of the build, and what depends on the machine; in a downloaded
    notebook that is the clock's output."""
    found = files(folder)
    for name, content in found.items():
        if name.endswith(".html"):
            found[name] = without_timings(content.decode())
        elif name.endswith(".ipynb"):
            found[name] = b"".join(line for line in content.splitlines(keepends=True) if not line.strip().strip(b'",\\n').isdigit())
    return {name: content for name, content in found.items() if "sitemap" not in name}


def same(one, other):
    """Assert that two sites are the same."""
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []


@pytest.fixture(scope="module")
def cold(tmp_path_factory):
    """A tiny site of several chapters, built from nothing; `files` are what was built."""
    project = TinySite(tmp_path_factory.mktemp("cold") / "project")
    put_chapter(project, "b")
    put_chapter(project, "c")
    log = built(project.root.with_name("site"), root=project.root)
    assert "executed 3 of 3" in log
    project.files = site_files(project.root.with_name("site"))
    return project


def test_only_what_is_marked_is_left_out():
    page = '<p>a</p><div class="outputs" data-timing><div>1 s</div><p>x</p></div><p><span data-timing>2 s</span>b</p>'
    assert without_timings(page) == "<p>a</p><p>b</p>"


def test_two_cold_builds_in_different_folders_give_the_same_files(cold, tmp_path):
    """Pages, figures, downloads, search index. Of the second, chapters are executed in ordinary kernels, as where no process can be forked."""
    project = TinySite(tmp_path / "另一处 #1%20 'q' & x" / "of the project")
    put_chapter(project, "c")
    put_chapter(project, "b")
    project.edit("press/kernels.py", 'return sys.platform == "linux" and not cuda', "return False")
    assert "executed 3 of 3" in built(tmp_path / "site", root=project.root)
    same(site_files(tmp_path / "site"), cold.files)
    assert {name.rpartition(".")[2] for name in cold.files} >= {"html", "svg", "ipynb", "py", "json", "css", "js"}
    assert sum(name.endswith(".svg") for name in cold.files) == 4  # a figure and its dark twin, in two languages
    pages = {name: content.decode() for name, content in files(tmp_path / "site").items() if name.endswith("b/index.html")}
    assert all("out 49\n" in page and "KeyError: " in page and "data-timing" in page for page in pages.values())
    assert all(page.index("out 49\n") < page.index("err before\n") for page in pages.values())  # which comes first is not left to chance


def test_a_warm_build_gives_the_same_files(cold, tmp_path):
    """File by file, with nothing left out but the sitemap."""
    assert "executed" not in built(tmp_path / "warm", root=cold.root)
    again, first = files(tmp_path / "warm"), files(cold.root.with_name("site"))
    assert again.keys() == first.keys()
    assert [name for name in first if first[name] != again[name] and "sitemap" not in name] == []


def test_a_checkout_may_move_with_all_that_it_keeps(cold, tmp_path):
    shutil.copytree(cold.root, tmp_path / "moved", copy_function=shutil.copy)  # with other times
    assert "executed" not in built(tmp_path / "site", root=tmp_path / "moved")
    same(site_files(tmp_path / "site"), cold.files)


def state(folder):
    """{path: time and content} of all that lies in a folder, but what Python keeps of modules."""
    return {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in folder.rglob("*") if path.name != "__pycache__" and path.suffix != ".pyc"}


def test_a_checkout_that_cannot_be_written_to_is_left_alone(warm, tmp_path):
    """`.cache` is a file here, since for root a folder without the right to write is none. The build says that nothing is kept."""
    project, temporary = TinySite(tmp_path / "project"), tmp_path / "tmp"
    (project.root / ".cache").write_text("in the way")
    temporary.mkdir()
    before = state(project.root)
    log = built(tmp_path / "site", root=project.root, environment={"TMPDIR": str(temporary)})
    assert f"press: nothing can be kept in {project.root / '.cache'}" in log
    assert {path for path, found in state(project.root).items() if before.get(path) != found and path != project.root / "press"} == set()
    assert list(temporary.iterdir()) == []
    same(site_files(tmp_path / "site"), site_files(warm.root.with_name("site")))


def test_two_builds_of_one_checkout_at_once(warm, tmp_path):
    project = TinySite(tmp_path / "project")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d"]
    builds = [subprocess.Popen([*command, tmp_path / name], cwd=project.root, env=SHELL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8")
              for name in ("one", "two")]
    logs = [build.communicate(timeout=250)[0] for build in builds]
    assert [build.returncode for build in builds] == [0, 0], "\n".join(logs)
    assert sum(log.count("executed 1 of 1") for log in logs) == 1  # the other waits, and finds the chapter executed
    for name in ("one", "two"):
        same(site_files(tmp_path / name), site_files(warm.root.with_name("site")))

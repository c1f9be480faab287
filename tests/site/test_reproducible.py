"""A second build, cold, in another folder, gives the same pages to the byte: all but what is marked as depending on the machine."""

import re
import shutil

from bs4 import BeautifulSoup

from tests.site.conftest import ROOT, build


def without_timings(text):
    page = BeautifulSoup(text, "html.parser")
    for tag in page.select("[data-timing]"):
        tag.decompose()
    return str(page)


def test_two_cold_builds_give_the_same_pages(built, tmp_path):
    site, address = built
    copy = tmp_path / "project"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", ".cache", "site", "__pycache__", ".pytest_cache"))
    done = build(tmp_path / "site", root=copy, address=address)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert re.search(r"executed \d+ of \d+", done.stdout + done.stderr)
    first, second = ({path.relative_to(folder): path for path in folder.rglob("*.html")} for folder in (site, tmp_path / "site"))
    assert first.keys() == second.keys()
    for name in first:
        assert without_timings(first[name].read_text(encoding="utf-8")) == without_timings(second[name].read_text(encoding="utf-8")), name
    again = build(tmp_path / "again", root=copy, address=address)
    assert "executing" not in again.stdout + again.stderr
    for name in second:
        assert (tmp_path / "again" / name).read_bytes() == second[name].read_bytes(), f"{name} differs in a warm build"

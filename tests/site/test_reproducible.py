"""A second build, cold, in another folder, gives the same pages to the byte: all but what is marked as depending on the machine."""

import re
import shutil

import pytest

from tests.site.conftest import ROOT, build


def without_timings(text):
    """A page without its elements marked `data-timing`. (Parsing all pages as HTML would take minutes.)"""
    while found := re.search(r"<(\w+)\b[^>]*\sdata-timing\b[^>]*>", text):
        depth, end = 1, found.end()
        while depth:
            tag = re.compile(rf"<(/?){found[1]}\b[^>]*>").search(text, end)
            depth += -1 if tag[1] else 1
            end = tag.end()
        text = text[: found.start()] + text[end:]
    return text


def test_only_what_is_marked_is_left_out():
    page = '<p>a</p><div class="outputs" data-timing><div>1 s</div><p>x</p></div><p><span data-timing>2 s</span>b</p>'
    assert without_timings(page) == "<p>a</p><p>b</p>"


@pytest.mark.timeout(900)  # two cold builds, beside other tests
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
    for path in (tmp_path / "site").rglob("*.*"):  # pages, figures, downloads and the search index
        if "sitemap" not in path.name:  # it has the time of the build
            name = path.relative_to(tmp_path / "site")
            assert (tmp_path / "again" / name).read_bytes() == path.read_bytes(), f"{name} differs in a warm build"

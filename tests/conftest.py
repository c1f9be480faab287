"""What the tests of chapters share: the chapter, run in this process."""

import os
import re
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.run import chapter_run

ROOT = Path(__file__).resolve().parent.parent


SLOW_FIRST = ("test_downloaded_notebooks", "test_downloaded_scripts", "test_kernels", "test_execute", "test_browser", "test_bad_build", "test_surroundings")


def pytest_collection_modifyitems(items):
    """Files that take long begin first, so that parallel runs (`--dist loadfile`, file by file) end together."""
    items.sort(key=lambda item: SLOW_FIRST.index(item.path.stem) if item.path.stem in SLOW_FIRST else len(SLOW_FIRST))


class ByChapter(LoadFileScheduling):
    """Parallel runs go file by file; a chapter's page and its test file go together, so that its cells run once for both; each
    downloaded notebook goes by itself."""

    def _split_scope(self, nodeid):
        file = nodeid.split("::", 1)[0]
        if file.endswith("test_downloaded_notebooks.py"):
            return nodeid  # the longest file, and nothing that its tests share
        match = re.fullmatch(r"(?:docs/zh|tests)/(\w+)/(?:test_)?([\w-]+)\.(?:md|py)", file) \
            or re.fullmatch(r"tests/test_printed\.py::test_what\w+\[(\w+)/([\w-]+)\]", nodeid)  # which looks at the same run
        return "/".join(match.groups()) if match and match[1] not in ("press", "site") else file


def pytest_xdist_auto_num_workers(config):
    """One more than there are cores: tests of the browser and of kernels wait a good part of their time."""
    return (os.cpu_count() or 1) + 1


def pytest_xdist_make_scheduler(config, log):
    return ByChapter(config, log)


@pytest.fixture(scope="module")
def chapter(request):
    """The chapter that this test file is named after (a tests.run.ChapterRun), all its cells run in order."""
    stem = request.path.resolve().relative_to(ROOT / "tests").with_suffix("").as_posix().replace("/test_", "/")
    run = chapter_run(ROOT, stem)
    run.upto(None)
    return run

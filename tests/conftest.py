"""What the tests of chapters share: the chapter, run in this process."""

import os
import tempfile
from pathlib import Path

import pytest

from press.chapters import Project
from press.execute import run_python
from press.run import run_cell, runnable

ROOT = Path(__file__).resolve().parent.parent


SLOW_FIRST = ("test_reproducible", "test_downloaded_notebooks", "test_downloaded_scripts", "test_execute", "test_browser")


def pytest_collection_modifyitems(items):
    """Files that take long begin first, so that parallel runs (`--dist loadfile`, file by file) end together."""
    items.sort(key=lambda item: SLOW_FIRST.index(item.path.stem) if item.path.stem in SLOW_FIRST else len(SLOW_FIRST))


class ChapterRun(dict):
    """{cell name: press.run.Ran} of a chapter, and its prose."""

    def __init__(self, project, stem):
        super().__init__()
        self.project, self.stem = project, stem

    def prose(self, language):
        """The Markdown of the chapter's page in "zh" or "en"."""
        return self.project.page(language, self.stem).body


@pytest.fixture(scope="module")
def chapter(request):
    """The chapter that this test file is named after, its cells run in order in an empty folder."""
    project = Project(ROOT)
    stem = Path(request.path).relative_to(ROOT / "tests").with_suffix("").as_posix().replace("/test_", "/")
    run, namespace, here = ChapterRun(project, stem), {"__name__": "__main__"}, Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for cell in run_python(project.cells(stem).values()):
                if not runnable(cell):
                    run[cell.name] = run_cell(cell, namespace)
        finally:
            os.chdir(here)
    return run

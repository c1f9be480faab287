"""The pytest plugin that runs chapters: one item for each code block, named by chapter and cell.

It builds on pytest-codeblocks, whose collector sees a chapter's fences but not through its quotes: here a quote becomes
the cell that it quotes, and the cells of a chapter share one namespace. README.md is left to pytest-codeblocks itself:
`pytest --codeblocks README.md`.
"""

import pytest
from pytest_codeblocks.plugin import MarkdownFile, TestBlock

from press.ledger import summary
from press.project import PressError, Project
from press.tags import TAGS
from tests.run import chapter_run, run_shell, runnable


def pytest_configure(config):
    for tag in sorted(TAGS):
        config.addinivalue_line("markers", f"{tag.replace('-', '_')}: a cell with this tag (see CONTRIBUTING.md)")
    config.addinivalue_line("markers", "ledger(row): proves a row of ledger.yml")
    config.addinivalue_line("markers", "claim(zh, en): proves a sentence of the page, quoted whole in every language")
    config.addinivalue_line("markers", "browser: needs Chromium or Chrome")


def pytest_terminal_summary(terminalreporter, config):
    """The rows of the ledger that still wait for their chapter."""
    terminalreporter.section("ledger")
    terminalreporter.line(summary(Project(config.rootpath, read_once=True)))


@pytest.hookimpl(tryfirst=True)
def pytest_collect_file(file_path, parent):
    project = Project(parent.config.rootpath)
    if file_path.suffix == ".md" and any(file_path.resolve().is_relative_to(project.docs / language) for language in project.languages):
        return Chapter.from_parent(parent, path=file_path)
    return None


class Chapter(MarkdownFile):
    """A chapter in one language; `run` is what its cells share, with the tests of its claims too."""

    def collect(self):
        project = Project(self.config.rootpath)
        language, _, stem = self.path.resolve().relative_to(project.docs).with_suffix("").as_posix().partition("/")
        try:
            self.run = chapter_run(project.root, stem)
            cells, quotes = project.cells(stem), project.page(language, stem).quotes
        except PressError as error:
            raise self.CollectError(str(error)) from None
        for quote in quotes:
            block = Block.from_parent(self, name=quote.address.rpartition(":")[2])
            block.obj = cells[quote.address]
            for tag in block.obj.tags:
                block.add_marker(tag.replace("-", "_"))
            yield block


class Block(TestBlock):
    """One cell of a chapter."""

    def setup(self):
        if reason := runnable(self.obj):
            pytest.skip(f"{self.obj.address} {reason}")

    def runtest(self):
        if not self.obj.python:
            run_shell(self.obj)
            return
        if self.parent.run.failed:
            pytest.fail(f"not reached: {self.parent.run.failed} failed before it", pytrace=False)
        self.parent.run.upto(self.obj.name)  # selected alone (-k, ::cell), a cell still needs those above it

    def repr_failure(self, excinfo):
        return pytest.Item.repr_failure(self, excinfo)

    def reportinfo(self):
        return self.path, None, f"{self.path.stem}: {self.name}"

"""Running cells in this process, as pytest does: the same tags and the same shown values as in a kernel."""

import ast
import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass, field
from functools import cache

from press.cells import imported_modules
from press.execute import has_cuda
from press.project import Project
from press.tags import TAGS, missing, promised

os.environ["TQDM_DISABLE"] = "1"  # as in the build: a progress bar is for a reader who waits


@dataclass
class Ran:
    """What one cell did: `value` is that of its last expression, `names` the namespace after it (a shallow copy)."""

    code: str
    stdout: str = ""
    value: object = None
    warnings: list[str] = field(default_factory=list)
    error: Exception | None = None
    figures: list = field(default_factory=list)
    names: dict = field(default_factory=dict)


def run_cell(cell, namespace):
    """Run a Python cell in `namespace` and return a Ran.

    Raises: whatever the code raises, unless the cell is tagged `raises-exception`; AssertionError where a tag promises an
    error or a warning that does not come, and where a warning comes that no tag announces.
    """
    ran, out, err, wanted = Ran(cell.source), io.StringIO(), io.StringIO(), promised(cell.tags)
    tree = ast.parse(cell.source, f"snippets/{cell.path}")
    ast.increment_lineno(tree, cell.line)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    plots("close", "all")
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")  # plt.show() where there is no screen
        try:
            exec(compile(tree, f"snippets/{cell.path}", "exec"), namespace)
            if last:
                ran.value = eval(compile(ast.Expression(last.value), f"snippets/{cell.path}", "eval"), namespace)
        except Exception as error:
            if "error" not in wanted:
                raise
            ran.error = error
    ran.stdout, ran.names = out.getvalue(), dict(namespace)
    ran.warnings = [f"{w.category.__name__}: {w.message}" for w in caught] + ([err.getvalue()] if err.getvalue() else [])
    ran.figures = [plots("figure", number) for number in plots("get_fignums") or ()]
    if "error" in wanted:
        assert ran.error is not None, f"{cell.address} is tagged raises-exception and does not raise"
    if "stderr" in wanted:
        assert ran.warnings, f"{cell.address} is tagged warns and does not warn"
    else:
        assert not ran.warnings, f"{cell.address} warns: {ran.warnings[0]}"
    return ran


def plots(name, *arguments):
    """Call a function of pyplot, if a cell has imported it."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    return getattr(pyplot, name)(*arguments) if pyplot else None


def get_ready(modules):
    """Import torch and matplotlib where they are among the modules, and set torch up as in the build's kernels."""
    if {"torch", "torchvision"} & set(modules):
        import torch

        torch.set_num_threads(1)
        torch.set_warn_always(True)
    if "matplotlib" in modules:
        import matplotlib.pyplot  # noqa: F401


class ChapterRun(dict):
    """{cell name: Ran} of the Python cells of a chapter that have been run, in an empty folder; and the chapter's prose.

    One for each chapter and process: its blocks and the tests of its claims share it. A cell that fails ends it.
    """

    def __init__(self, project, stem):
        super().__init__()
        self.project, self.stem, self.namespace = project, stem, {"__name__": "__main__"}
        self.cells = [cell for cell in project.cells(stem).values() if cell.python and not runnable(cell)]
        self.folder, self.failed = tempfile.TemporaryDirectory(), None
        get_ready(imported_modules(self.cells))

    def upto(self, name):
        """Run what has not been run yet, up to the cell of this name; return its Ran.

        Raises: what `run_cell` raises; AssertionError where an earlier cell has failed.
        """
        here = os.getcwd()
        for cell in self.cells:
            if cell.name not in self:
                assert not self.failed, f"not reached: {self.failed} failed before it"
                os.chdir(self.folder.name)
                try:
                    self[cell.name] = run_cell(cell, self.namespace)
                except BaseException:
                    self.failed = cell.address
                    raise
                finally:
                    os.chdir(here)
            if cell.name == name:
                break
        return self.get(name)

    def prose(self, language):
        """The Markdown of the chapter's page in a language."""
        return self.project.page(language, self.stem).body


@cache
def chapter_run(root, stem):
    """The one ChapterRun of a chapter in this process."""
    return ChapterRun(Project(root), stem)


def run_shell(cell):
    """Run a shell cell in an empty folder. Raises subprocess.CalledProcessError with its output."""
    with tempfile.TemporaryDirectory() as folder:  # which, not a bare name: on Windows that would be the one of its subsystem for Linux
        subprocess.run([shutil.which("bash"), "-euo", "pipefail", "-c", cell.source], cwd=folder, check=True, text=True, timeout=60,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | {"HOME": folder})


def runnable(cell):
    """None if the cell can run here, else the reason why not."""
    cuda = has_cuda() and any(TAGS[tag].needs == "cuda" for tag in cell.tags) and __import__("torch").cuda.is_available()
    return next((TAGS[tag].skip for tag in missing(cell.tags, cuda)), None)

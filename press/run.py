"""Running cells in this process, as pytest does: the same tags and the same shown values as in a kernel."""

import ast
import contextlib
import io
import os
import subprocess
import tempfile
import warnings
from dataclasses import dataclass, field
from functools import cache

from press.chapters import Project

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
    import matplotlib.pyplot as plt
    import torch

    torch.set_warn_always(True)
    ran, out, err = Ran(cell.source), io.StringIO(), io.StringIO()
    tree = ast.parse(cell.source, f"snippets/{cell.path}")
    ast.increment_lineno(tree, cell.line)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    plt.close("all")
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")  # plt.show() where there is no screen
        try:
            exec(compile(tree, f"snippets/{cell.path}", "exec"), namespace)
            if last:
                ran.value = eval(compile(ast.Expression(last.value), f"snippets/{cell.path}", "eval"), namespace)
        except Exception as error:
            if "raises-exception" not in cell.tags:
                raise
            ran.error = error
    ran.stdout, ran.names = out.getvalue(), dict(namespace)
    ran.warnings = [f"{w.category.__name__}: {w.message}" for w in caught] + ([err.getvalue()] if err.getvalue() else [])
    ran.figures = [plt.figure(number) for number in plt.get_fignums()]
    if "raises-exception" in cell.tags:
        assert ran.error is not None, f"{cell.address} is tagged raises-exception and does not raise"
    if "warns" in cell.tags:
        assert ran.warnings, f"{cell.address} is tagged warns and does not warn"
    else:
        assert not ran.warnings, f"{cell.address} warns: {ran.warnings[0]}"
    return ran


class ChapterRun(dict):
    """{cell name: Ran} of the Python cells of a chapter that have been run, in an empty folder; and the chapter's prose.

    One for each chapter and process: its blocks and the tests of its claims share it. A cell that fails ends it.
    """

    def __init__(self, project, stem):
        super().__init__()
        self.project, self.stem, self.namespace = project, stem, {"__name__": "__main__"}
        self.cells = [cell for cell in project.cells(stem).values() if cell.path.endswith(".py") and not runnable(cell)]
        self.folder, self.failed = tempfile.TemporaryDirectory(), None

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
        """The Markdown of the chapter's page in "zh" or "en"."""
        return self.project.page(language, self.stem).body


@cache
def chapter_run(root, stem):
    """The one ChapterRun of a chapter in this process."""
    return ChapterRun(Project(root), stem)


def run_shell(cell):
    """Run a shell cell in an empty folder. Raises subprocess.CalledProcessError with its output."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["bash", "-euo", "pipefail", "-c", cell.source], cwd=folder, check=True, text=True, timeout=60,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | {"HOME": folder})


def runnable(cell):
    """None if the cell can run here, else the reason why not."""
    if "network" in cell.tags:
        return "needs a download"
    if "screen" in cell.tags:
        return "starts a server, as tests/site/test_screens.py does"
    if "gpu" in cell.tags:
        import torch

        if not torch.cuda.is_available():
            return "needs CUDA, and there is no GPU here"
    return None

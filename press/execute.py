"""Executing a chapter's cells: once for both languages, in parallel, kept until something that they depend on changes.

Kept by a cache of our own and not jupyter-cache: that one keys on the code alone (a new torch would change nothing), keeps an
SQLite file that can be left broken, and executes whole notebooks, without a way to leave out the cells that need a GPU.
"""

import asyncio
import contextlib
import ctypes
import importlib.metadata
import importlib.util
import os
import platform
import sys
import tempfile
import time
from dataclasses import asdict
from functools import cache
from pathlib import Path

from tqdm import tqdm

from press import outputs
from press.cache import kept
from press.cells import imported_modules, run_python
from press.kernels import CONFIG, ENVIRONMENT, STARTUP, STYLE, WARM_PROCESS, Warm, environment
from press.project import PressError, PressErrors
from press.run import AGAIN, TIME_LIMIT, Execution, NoKernel, execute_cells


@cache
def has_cuda():
    """Whether the driver reports a CUDA device. Asked of the driver, since importing torch takes seconds."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
        count = ctypes.c_int()
        return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    except OSError:
        return False


@cache
def _distributions(module):
    """Names of the packages that hold a module. Asking for all packages takes a second, so the likely name is tried first."""
    if module in sys.stdlib_module_names or importlib.util.find_spec(module) is None:
        return ()
    name = {"sklearn": "scikit-learn", "PIL": "pillow"}.get(module, module)
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return importlib.metadata.packages_distributions().get(module, ())
    return (name,)


def imported_versions(cells):
    """{distribution: version} of every installed package that the cells import; torch always, for it is in the page's foot."""
    modules = {"torch", "torchvision", "numpy", "matplotlib", "PIL", "ipykernel", "IPython", "matplotlib_inline", *imported_modules(cells)}
    names = {name for module in modules for name in _distributions(module)}
    return {name: importlib.metadata.version(name) for name in sorted(names)}


@cache
def _settings():
    """What every execution depends on besides the chapter: the sources that set up a kernel or tidy what it gives."""
    return [path.read_text(encoding="utf-8") for path in (CONFIG, STARTUP, STYLE, WARM_PROCESS, Path(outputs.__file__))]


def depends_on(cells):
    """All that the outputs of a chapter depend on: the code, its tags, the packages that it imports, Python, the machine, the press."""
    parts = [[cell.address, cell.tags, cell.source] for cell in cells]
    constants = {name: value for name, value in ENVIRONMENT.items() if name != "MATPLOTLIBRC"}  # whose content is among the settings
    return [parts, imported_versions(cells), platform.python_version(), platform.machine(), has_cuda(), constants, *_settings()]


def execution_file(project, stem):
    """Where the execution of a chapter is kept."""
    return project.cache / "executed" / f"{stem}.kept"


def read_execution(project, stem):
    """The Execution of a chapter that an earlier build kept, if its outputs would be the same today; else None."""
    found = kept(execution_file(project, stem), depends_on(run_python(project.cells(stem).values())))
    return Execution(**found) if found else None


def execute(project, stems, *, time_limit=TIME_LIMIT, report=print, warm=None):
    """Execute the chapters that are not kept, as many at a time as there are cores.

    Args:
        project: the Project.
        stems: chapters to execute.
        time_limit: seconds for each chapter.
        report: called with a line for each chapter that is done; on a terminal one line there shows progress instead.
        warm: a Warm that is to provide the kernels; without one, several chapters get one of their own.

    Returns: {stem: Execution}.
    Raises: PressError, with all chapters that failed; the others are kept.
    """
    found = {stem: read_execution(project, stem) for stem in stems}
    wanted = [stem for stem in stems if found[stem] is None]
    if not wanted:
        return found
    if importlib.util.find_spec("ipykernel") is None:
        raise PressError("requirements.txt", None, "ipykernel is not installed in this environment, so nothing can be executed", AGAIN)
    with contextlib.ExitStack() as stack:
        if not warm and len(wanted) > 1 and Warm.possible(has_cuda()):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="warm-", ignore_cleanup_errors=True)))
            warm = stack.enter_context(contextlib.closing(Warm(environment(project, folder), report)))
        found |= asyncio.run(_execute_all(project, wanted, time_limit, report, warm))
    return found


async def _execute_all(project, stems, time_limit, report, warm):
    """{stem: Execution} of chapters, executed side by side."""
    # nbclient would take Ctrl-C for itself and report a dead kernel; leave it to asyncio, which ends every kernel.
    asyncio.get_running_loop().add_signal_handler = lambda *_: None
    free, done, started = asyncio.Semaphore(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1), {}, time.monotonic()

    async def one(stem):
        cells = run_python(project.cells(stem).values())
        async with free:
            with tempfile.TemporaryDirectory(prefix="chapter-", ignore_cleanup_errors=True) as folder:
                try:
                    execution = await execute_cells(project, cells, folder, warm, time_limit)
                except NoKernel:
                    execution = await execute_cells(project, cells, folder, None, time_limit)
            execution.about["packages"] = imported_versions(cells)
            kept(execution_file(project, stem), depends_on(cells), lambda: asdict(execution))
            done[stem] = execution
            bar.update()
            if bar.disable:
                left = (time.monotonic() - started) / len(done) * (len(stems) - len(done))
                report(f"executed {len(done)} of {len(stems)}: {stem}, {execution.about['seconds']} s" + (f"; about {left:.0f} s left" if left else ""))

    with tqdm(total=len(stems), desc="executing chapters", unit="chapter", disable=None, leave=False) as bar:
        results = await asyncio.gather(*map(one, reversed(stems)), return_exceptions=True)  # the last train most, and take longest
    errors = [result for result in results if isinstance(result, BaseException)]
    for error in errors:
        if not isinstance(error, PressError):
            raise error
    if errors:
        raise errors[0] if len(errors) == 1 else PressErrors(errors)
    return done

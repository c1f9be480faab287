"""Executing a chapter's cells: once for both languages, in parallel, cached by content.

A cache of our own and not jupyter-cache: that one keys on the code alone (a new torch would change nothing), keeps an
SQLite file that can be left broken, and executes whole notebooks, without a way to leave out the cells that need a GPU.
"""

import ast
import asyncio
import ctypes
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from press.chapters import PressError, PressErrors

TIME_LIMIT = 120  # seconds a chapter, once its kernel runs
CONFIG, STARTUP, STYLE = (Path(__file__).with_name(name) for name in
                          ("ipython_kernel_config.py", "kernel_startup.py", "matplotlibrc"))
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "TQDM_DISABLE": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline", "MATPLOTLIBRC": str(STYLE), "SOURCE_DATE_EPOCH": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8", "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "IPYTHONDIR": str(Path(tempfile.gettempdir()) / "pytorch-notes-ipython"),  # not the contributor's own profile
}
BEGIN = f"__import__('runpy').run_path({str(STARTUP)!r});"


@dataclass
class Execution:
    """What the cells of a chapter gave.

    outputs: cell name -> list of notebook outputs; a cell that was not run (GPU, network) is not in it.
    about: versions and device, `seconds` it took, `key` of the cache.
    """

    outputs: dict
    about: dict


def run_python(cells):
    """The Python cells among `cells`, in order."""
    return [cell for cell in cells if cell.path.endswith(".py")]


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
    modules = {"torch", "torchvision", "numpy", "matplotlib", "ipykernel"}
    for cell in run_python(cells):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.split(".")[0])
    names = {name for module in modules for name in _distributions(module)}
    return {name: importlib.metadata.version(name) for name in sorted(names)}


def cache_key(cells):
    """Changes whenever the outputs might: with the code, its tags, a package that it imports, Python, or the press."""
    parts = [[cell.address, cell.tags, cell.source] for cell in cells]
    settings = [path.read_text(encoding="utf-8") for path in (Path(__file__), CONFIG, STARTUP, STYLE)]
    what = [parts, imported_versions(cells), platform.python_version(), platform.machine(), has_cuda(), settings]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def cache_file(project, stem, key):
    return project.cache / "executed" / f"{stem}-{key[:16]}.json"


def digest(outputs):
    return hashlib.sha256(json.dumps(outputs, sort_keys=True).encode()).hexdigest()


def read_cache(project, stem, key):
    """The cached Execution, or None. A file that is truncated, corrupt or another chapter's is thrown away."""
    path = cache_file(project, stem, key)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["about"]["key"] == key and found["digest"] == digest(found["outputs"]):
            return Execution(found["outputs"], found["about"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    print(f"press: {project.path(path)} is damaged: thrown away, {stem} is executed again", file=sys.stderr)
    path.unlink(missing_ok=True)
    return None


def write_atomically(path, content):
    """Write a whole file, of text or bytes, or none: a temporary file beside it, then one rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    try:
        with open(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def tidy(text):
    """`text` without what changes from machine to machine (colours of a terminal, folders of this environment), and without
    the place in PyTorch's C++ sources that its warnings end with."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    text = re.sub(r"\s*\(Triggered internally at [^)]*\)", "", text)
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        text = text.replace(str(folder), "site-packages")
    return text.replace(sys.prefix, "python").replace(str(Path.home()), "~")


def tidy_output(output):
    """An output as it is kept: plain data, text tidied, an error without its long traceback."""
    output = json.loads(json.dumps(output))
    output.pop("execution_count", None)
    if output["output_type"] == "stream":
        output["text"] = tidy(output["text"])
    elif output["output_type"] == "error":
        output["evalue"] = tidy(output["evalue"])
        output["traceback"] = [f"{output['ename']}: {output['evalue']}"]
    else:
        output["data"] = {kind: tidy(data) if isinstance(data, str) else data for kind, data in output["data"].items()}
        output["metadata"] = {}
    return output


async def _execute(project, stem, cells, key, time_limit):
    """Run one chapter in a kernel of its own. Raises PressError for every way in which that can fail."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(BEGIN)])
    notebook.cells += [
        nbformat.v4.new_code_cell(cell.source, metadata={"tags": list(cell.tags)}) for cell in cells
    ]
    started, current, outputs = time.monotonic(), None, {}

    def failure(cell, problem, remedy, line=0):
        return PressError(f"snippets/{cell.path}", cell.line + line, f"cell {cell.name!r} {problem}", remedy)

    with tempfile.TemporaryDirectory(prefix="chapter-", ignore_cleanup_errors=True) as folder:
        client = NotebookClient(
            notebook, timeout=None, startup_timeout=120, kernel_name="python3", coalesce_streams=True,
            resources={"metadata": {"path": folder}}, extra_arguments=[f"--config={CONFIG}"],
        )
        watchdog = None
        try:
            async with client.async_setup_kernel(env=os.environ | ENVIRONMENT):
                begun = await client.async_execute_cell(notebook.cells[0], 0)
                about = json.loads(begun.outputs[0]["text"])
                watchdog = asyncio.create_task(_stop_after(client, time_limit))
                skipped = {"network"} if about["cuda"] else {"network", "gpu"}
                for index, current in enumerate(cells, 1):
                    if skipped.isdisjoint(current.tags):
                        done = await client.async_execute_cell(notebook.cells[index], index)
                        outputs[current.name] = [tidy_output(output) for output in done.outputs]
                        _check_outputs(current, outputs[current.name], failure)
        except CellExecutionError as error:
            if current is None:
                raise PressError(f"snippets/{cells[0].path}", None, f"the kernel cannot start: {error.ename}: {error.evalue}",
                                 "run `make clean` and `make build`, so that the packages are those of requirements.txt") from None
            found = re.findall(r"Cell In\[\d+\], line (\d+)", tidy(str(error)))
            raise failure(current, f"raises {error.ename}: {tidy(error.evalue)}",
                          'mend it; if it is meant to fail, tag it: tags=["raises-exception"]', int(found[0]) if found else 0) from None
        except DeadKernelError:
            if watchdog and watchdog.done():
                raise failure(current or cells[0], f"is still running after {time_limit} s for the whole chapter",
                              "look for a loop that never ends; a chapter should take 20 s at most") from None
            raise failure(current or cells[0], "kills its kernel", "look for os._exit, a crash in C code, or too much memory") from None
        finally:
            if watchdog:
                watchdog.cancel()
    about |= {"seconds": round(time.monotonic() - started, 1), "key": key, "packages": imported_versions(cells)}
    return Execution(outputs, about)


async def _stop_after(client, seconds):
    """Kill the client's kernel after so many seconds: nbclient then reports a dead kernel, whatever the cell is doing."""
    await asyncio.sleep(seconds)
    await client.km.shutdown_kernel(now=True)


def _check_outputs(cell, outputs, failure):
    raised = any(output["output_type"] == "error" for output in outputs)
    warned = [output["text"] for output in outputs if output.get("name") == "stderr"]
    if "raises-exception" in cell.tags and not raised:
        raise failure(cell, "is tagged raises-exception and does not raise", "take the tag off, or let it fail as the prose says")
    if "warns" in cell.tags and not warned:
        raise failure(cell, "is tagged warns and writes nothing to standard error", "take the tag off, or let it warn as the prose says")
    if warned and "warns" not in cell.tags:
        raise failure(cell, f"writes to standard error: {warned[0].strip()[:200]}", 'mend it; if it is meant to warn, tag it: tags=["warns"]')


def execute(project, stems, *, time_limit=TIME_LIMIT, report=print):
    """Execute the chapters that the cache does not hold, as many at a time as there are cores.

    Args:
        project: the Project.
        stems: chapters to execute.
        time_limit: seconds for each chapter.
        report: called with each line of progress.

    Returns: {stem: Execution}.
    Raises: PressError, with all chapters that failed; the others are in the cache.
    """
    cells = {stem: run_python(project.cells(stem).values()) for stem in stems}
    keys = {stem: cache_key(cells[stem]) for stem in stems}
    found = {stem: read_cache(project, stem, keys[stem]) for stem in stems}
    missing = [stem for stem in stems if found[stem] is None]
    if missing:
        asyncio.run(_execute_all(project, missing, cells, keys, found, time_limit, report))
    return found


async def _execute_all(project, missing, cells, keys, found, time_limit, report):
    # nbclient would take Ctrl-C for itself and report a dead kernel; leave it to asyncio, which ends every kernel.
    asyncio.get_running_loop().add_signal_handler = lambda *_: None
    free = asyncio.Semaphore(os.cpu_count() or 1)
    done = 0

    async def one(stem):
        nonlocal done
        async with free:
            report(f"executing {stem}: {len(cells[stem])} cells")
            execution = await _execute(project, stem, cells[stem], keys[stem], time_limit)
            text = json.dumps({"about": execution.about, "outputs": execution.outputs, "digest": digest(execution.outputs)})
            write_atomically(cache_file(project, stem, keys[stem]), text)
            found[stem] = execution
            done += 1
            report(f"executed {done} of {len(missing)}: {stem}, {execution.about['seconds']} s")

    results = await asyncio.gather(*map(one, missing), return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    for error in errors:
        if not isinstance(error, PressError):
            raise error
    if errors:
        raise errors[0] if len(errors) == 1 else PressErrors(errors)

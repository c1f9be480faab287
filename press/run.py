"""Running one chapter's cells in a kernel of their own, and making sure that all they gave is what a page can show."""

import asyncio
import atexit
import json
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from press import outputs as shown
from press.cells import imported_modules
from press.kernels import CONFIG, STARTUP, environment, kernel_manager
from press.project import PressError
from press.tags import missing, promised, varies

TIME_LIMIT = 120  # seconds a chapter, once its kernel runs
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{6,16}\b")  # of an object in memory
AGAIN = "run `make clean` and `make build`, so that the packages are those of requirements.txt"
END = "import json, time; print(json.dumps([get_ipython().left, time.process_time()]))"  # of kernel_startup.py


@dataclass
class Execution:
    """What the cells of a chapter gave.

    outputs: address of a cell -> list of notebook outputs; a cell that was not run (GPU, network) is not in it.
    about: versions and device, `seconds` it took, `cpu` seconds of its cells, `packages` that it imports.
    """

    outputs: dict
    about: dict


class NoKernel(PressError):
    """A kernel that did not start: its ports may have been taken at that moment, so it is worth a second try."""


class Client(NotebookClient):
    """A client that notes which cells print after they have ended, from a thread of theirs: nbclient would lose that without a word."""

    stopped = False  # for taking too long

    def watch(self):
        """Look at each message of the running kernel. `late` then holds (how many cells had begun when its own did, what it printed)."""
        self.late, order, running = [], [], None
        channel = self.kc.iopub_channel
        receive = channel.get_msg

        async def watched(*args, **kwargs):
            nonlocal running
            message = await receive(*args, **kwargs)
            kind, content, parent = message["msg_type"], message["content"], message["parent_header"].get("msg_id")
            if kind == "execute_input":
                running = parent
                order.append(parent)
            elif kind == "status" and content["execution_state"] == "idle" and parent == running:
                running = None
            elif kind in ("stream", "display_data", "error") and order and parent != running:
                text = content.get("text") or content.get("evalue") or "a display"
                self.late.append((order.index(parent) if parent in order else len(order), text))
            return message

        channel.get_msg = watched


async def execute_cells(project, cells, folder, warm=None, time_limit=TIME_LIMIT):
    """Run Python cells in a kernel of their own, with `folder`, an empty one, to work in. Cells that lack what they need are left out.

    Returns: Execution, without its `packages`.
    Raises: PressError for every way in which that can fail.
    """
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(
        f"__import__('runpy').run_path({str(STARTUP)!r}, {{'modules': {imported_modules(cells)}}});")])
    notebook.cells += [nbformat.v4.new_code_cell(cell.source, metadata={"tags": ["raises-exception"] * ("error" in promised(cell.tags))}) for cell in cells]
    notebook.cells.append(nbformat.v4.new_code_cell(END))
    started, begun = time.monotonic(), []  # the cells that have begun
    with tempfile.TemporaryDirectory(prefix="chapter-", ignore_cleanup_errors=True) as private:
        variables = environment(project, Path(private))
        client = Client(notebook, km=kernel_manager(Path(private), warm), timeout=None, startup_timeout=120, coalesce_streams=False,
                        shutdown_kernel="immediate", resources={"metadata": {"path": str(folder)}}, extra_arguments=[f"--config={CONFIG}"])
        watchdog = None
        try:
            async with client.async_setup_kernel(env=variables, cleanup_kc=True):
                client.watch()
                await client.async_execute_cell(notebook.cells[0], 0)
                about = json.loads(_printed(notebook.cells[0]).splitlines()[-1])
                watchdog = asyncio.create_task(_stop_after(client, time_limit))
                for index, cell in enumerate(cells, 1):
                    if not missing(cell.tags, about["cuda"]):
                        begun.append(cell)
                        await client.async_execute_cell(notebook.cells[index], index)
                await client.async_execute_cell(notebook.cells[-1], len(cells) + 1)
        except CellExecutionError as error:
            raise _raised(cells, begun, error) from None
        except (DeadKernelError, RuntimeError, OSError) as error:
            raise _died(cells, begun, error, time_limit if client.stopped else None, warm) from None
        finally:
            atexit.unregister(client._cleanup_kernel)  # nbclient leaves it there if the kernel has not started
            if watchdog:
                watchdog.cancel()
        home = variables["HOME"]
    found = {cell.address: shown.collect(notebook.cells[cells.index(cell) + 1].outputs, home) for cell in begun}
    *more, last = _printed(notebook.cells[-1]).splitlines()
    left, cpu = json.loads(last)
    _check(begun, found, left, client.late + [(len(begun), text) for text in more], [private, str(folder)])
    return Execution(found, about | {"seconds": round(time.monotonic() - started, 1), "cpu": round(cpu - about["cpu"], 2)})


def _printed(cell):
    """What a cell printed, however many messages it came in."""
    return "".join(output["text"] for output in cell.outputs if output.get("name") == "stdout")


async def _stop_after(client, seconds):
    """Kill the client's kernel after so many seconds: nbclient then reports a dead kernel, whatever the cell is doing."""
    await asyncio.sleep(seconds)
    client.stopped = True
    await client.km.shutdown_kernel(now=True)


def failure(cell, problem, remedy, line=0):
    """The PressError for a cell; `line` counts from its marker."""
    return PressError(f"snippets/{cell.path}", cell.line + line, f"cell {cell.name!r} {problem}", remedy)


def _raised(cells, begun, error):
    """The PressError for an exception in the kernel."""
    if not begun:
        return PressError(f"snippets/{cells[0].path}", None, f"the kernel cannot start: {error.ename}: {error.evalue}", AGAIN)
    found = re.findall(r"Cell In\[\d+\], line (\d+)", shown.COLOURS.sub("", str(error)))
    return failure(begun[-1], f"raises {error.ename}: {shown.tidy(error.evalue)}", 'mend it; if it is meant to fail, tag it: tags=["raises-exception"]',
                    int(found[0]) if found else 0)


def _died(cells, begun, error, limit, warm):
    """The PressError for a kernel that is gone; `limit` in seconds if it was ended for taking longer."""
    if not begun and not limit:
        return NoKernel(f"snippets/{cells[0].path if cells else ''}", None, f"the kernel cannot start: {error or type(error).__name__}", AGAIN)
    cell = begun[-1] if begun else cells[0]
    if warm and warm.process.poll() is not None:
        return NoKernel(f"snippets/{cell.path}", None, "the process that kernels are forked from has ended", AGAIN)
    if limit:
        return failure(cell, f"is still running after {limit} s for the whole chapter", "look for a loop that never ends; a chapter should take 20 s at most")
    return failure(cell, "kills its kernel", "look for os._exit, a crash in C code, or too much memory")


def _check(begun, found, left, late, folders):
    """Raise PressError for the first cell whose outputs are not what its tags promise, or cannot be shown as they are."""
    for number in left:
        raise failure(begun[number - 1], "leaves a thread running that does not end within 10 s", "end it in the cell that starts it")
    for number, text in late:
        raise failure(begun[min(number, len(begun)) - 1], f"prints after it has ended: {text.strip()[:80]!r}", "wait in the cell for what it starts: thread.join()")
    for cell in begun:
        outputs, wanted = found[cell.address], promised(cell.tags)
        if "error" in wanted and not any(output["output_type"] == "error" for output in outputs):
            raise failure(cell, "is tagged raises-exception and does not raise", "take the tag off, or let it fail as the prose says")
        warned = [output["text"] for output in outputs if output.get("name") == "stderr"]
        if "stderr" in wanted and not warned:
            raise failure(cell, "is tagged warns and writes nothing to standard error", "take the tag off, or let it warn as the prose says")
        if warned and "stderr" not in wanted:
            raise failure(cell, f"writes to standard error: {warned[0].strip()[:200]}", 'mend it; if it is meant to warn, tag it: tags=["warns"]')
        if problem := shown.problem(outputs):
            raise failure(cell, *problem)
        wanders = [] if varies(cell.tags) else [address for output in outputs for address in ADDRESS.findall(shown.text_of(output))]
        for name in [folder for folder in folders if folder in json.dumps(outputs)] + wanders:
            raise failure(cell, f"prints {name.strip()!r}, which is another in every run", "print what stays the same, or tag the cell: tags=[\"timing\"]")

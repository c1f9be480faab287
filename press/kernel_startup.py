"""What every kernel of the build begins with: the same seed, threads and print options on every machine.

Run before the first cell, with `modules`, those that the chapter imports: a chapter without torch need not wait for it. Leaves no name
behind, and prints, as JSON, what the page's foot says of the machine. A reader's own notebook does without it, which is why a chapter
sets its seed in a cell.
"""

import importlib.metadata
import json
import platform
import random
import sys
import threading
import time
import warnings

about = {name: importlib.metadata.version(name) for name in ("torch", "torchvision")}
about |= {"python": platform.python_version(), "cuda": None, "device": f"CPU ({platform.machine()})"}
random.seed(0)
if not set(modules) <= sys.stdlib_module_names:  # noqa: F821
    import numpy

    numpy.random.seed(0)
    numpy.set_printoptions(linewidth=80)
if {"torch", "torchvision"} & set(modules):  # noqa: F821
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.set_warn_always(True)
    torch.set_printoptions(profile="default")
    about["torch"] = torch.__version__
    if torch.cuda.is_available():
        about |= {"cuda": torch.version.cuda, "device": torch.cuda.get_device_name()}

shell = get_ipython()  # noqa: F821
shell.left = []  # numbers of the cells that left a thread running


def wait_for_threads(result):
    """What a cell's threads print belongs to the cell: wait for them, 10 s at most."""
    end = time.monotonic() + 10
    threads = [thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    wait_for_threads.cells += 1
    if any(thread.is_alive() for thread in threads):
        shell.left.append(wait_for_threads.cells)


wait_for_threads.cells = -1  # this cell, in which it is registered, is called for too
shell.events.register("post_run_cell", wait_for_threads)

# Where a warning was raised is a temporary file of the kernel, of another name in every run: leave the place out.
warnings.formatwarning = lambda message, category, filename, lineno, line=None: f"{category.__name__}: {message}\n"
print(json.dumps(about | {"cpu": time.process_time()}))

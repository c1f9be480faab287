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

# Where a warning was raised is a temporary file of the kernel, of another name in every run: leave the place out.
warnings.formatwarning = lambda message, category, filename, lineno, line=None: f"{category.__name__}: {message}\n"
print(json.dumps(about | {"cpu": time.process_time()}))

"""What every kernel of the build begins with: the same seed, threads and print options on every machine.

Run before the first cell; leaves no name behind, and prints, as JSON, what the page's foot says of the machine. A reader's
own notebook does without it, which is why a chapter sets its seed in a cell.
"""

import importlib.metadata
import json
import platform
import random
import warnings

import numpy
import torch

random.seed(0)
numpy.random.seed(0)
torch.manual_seed(0)
torch.set_num_threads(1)
torch.set_warn_always(True)
torch.set_printoptions(profile="default")
numpy.set_printoptions(linewidth=80)

# Where a warning was raised is a temporary file of the kernel, of another name in every run: leave the place out.
warnings.formatwarning = lambda message, category, filename, lineno, line=None: f"{category.__name__}: {message}\n"

cuda = torch.cuda.is_available()
print(json.dumps({
    "python": platform.python_version(), "torch": torch.__version__, "torchvision": importlib.metadata.version("torchvision"),
    "cuda": torch.version.cuda if cuda else None,
    "device": torch.cuda.get_device_name() if cuda else f"CPU ({platform.machine()})",
}))

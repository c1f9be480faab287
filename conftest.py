"""The environment of every test process, set before torch and matplotlib are imported: that of the build's kernels."""

import os

from press.execute import ENVIRONMENT

os.environ |= ENVIRONMENT | {"MPLBACKEND": "Agg"}
pytest_plugins = ["press.codeblocks"]


def pytest_sessionstart(session):
    """The threads and print options of the build's kernels."""
    import torch

    torch.set_num_threads(1)

"""The environment of every test process, set before torch and matplotlib are imported: that of the build's kernels."""

import os

from press.kernels import ENVIRONMENT

os.environ |= ENVIRONMENT | {"MPLBACKEND": "Agg"}
pytest_plugins = ["tests.codeblocks"]

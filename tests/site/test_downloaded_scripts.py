"""The script that a reader downloads runs alone, in an empty folder."""

import subprocess
import sys

import pytest

from tests.site.conftest import READER
from tests.site.test_built import PROJECT


@pytest.mark.parametrize("stem", PROJECT.chapters())
def test_script_runs_alone(site, stem, tmp_path):
    path = site / "en" / stem / f"{stem.rpartition('/')[2]}.py"
    done = subprocess.run([sys.executable, "-I", str(path)], cwd=tmp_path, capture_output=True, text=True, env=READER | {"MPLBACKEND": "Agg"}, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
